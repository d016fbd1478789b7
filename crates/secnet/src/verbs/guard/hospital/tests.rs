//! What is made of a hospital's files, and that none of it looks ahead.

use super::*;
use crate::verbs::guard::ward::tests_of as made_up;

/// Rows of the log, of a hospital as its files would have been at that moment: the roster is made ahead, nothing else is known
/// of what is to come.
fn as_of(hospital: &Hospital, until: u64) -> Hospital {
    let later = |cell: &str| cell.parse::<u64>().is_ok_and(|at| at > until);
    let cut = |name: &'static str, from: &str, to: Option<&str>| {
        let sheet = hospital.file(name).unwrap();
        let header = sheet.header();
        let place = |column: &str| header.iter().position(|own| *own == column).unwrap();
        let lines = (0..sheet.rows()).map(|row| sheet.line(row));
        let mut lines: Vec<Vec<String>> = lines.filter(|line| !later(&line[place(from)])).collect();
        for line in &mut lines {
            if let Some(end) = to.map(place).filter(|end| later(&line[*end])) {
                line[end].clear();
            }
        }
        (name, Sheet::of(name, &header, lines))
    };
    let whole = |name: &'static str| {
        let sheet = hospital.file(name).unwrap();
        let lines = (0..sheet.rows()).map(|row| sheet.line(row)).collect();
        (name, Sheet::of(name, &sheet.header(), lines))
    };
    let files = [
        whole("staff.csv"),
        whole("patients.csv"),
        whole("roster.csv"),
        cut("stays.csv", "from_ms", Some("until_ms")),
        cut("care.csv", "from_ms", Some("until_ms")),
        cut("accesses.csv", "time_ms", None),
    ];
    Hospital { files: files.into() }
}

#[test]
fn no_feature_knows_what_comes_later() {
    let hospital = made_up(1, 30);
    let inputs = inputs(|_| true);
    let whole = hospital.columns(&inputs).unwrap();
    let log = hospital.file("accesses.csv").unwrap();
    let times = log.column("time_ms").unwrap();
    for share in [3, 2] {
        let until: u64 = times[times.len() / share].parse().unwrap();
        let then = as_of(&hospital, until).columns(&inputs).unwrap();
        assert!(then[0].len() > 1_000 && then[0].len() < whole[0].len());
        for ((input, before), after) in inputs.iter().zip(&then).zip(&whole) {
            let same = before.iter().zip(after).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{}", column_name(input));
        }
    }
}

#[test]
fn a_log_is_a_table_of_what_differs_with_emergencies_aside() {
    let hospital = made_up(2, 30);
    let log = hospital.file("accesses.csv").unwrap();
    let purposes = log.column("purpose").unwrap().to_vec();
    let parts = log.column("split").unwrap().to_vec();
    let all = table(&hospital, |_| true).unwrap();
    let columns: Vec<&str> = all.table.columns().iter().map(Column::name).collect();
    for wanted in ["ties is duty", "staff_role is nurse", "unit_share", "untied_last_hour"] {
        assert!(columns.contains(&wanted), "{wanted} in {columns:?}");
    }
    assert!(!columns.contains(&"price_micros") && !columns.iter().any(|c| c.starts_with("door")));
    let broken = purposes.iter().zip(&parts).filter(|(p, s)| *p == "emergency" && *s == "test");
    assert_eq!(all.reviewed.0, broken.count());
    assert!(all.reviewed.1 <= all.reviewed.0);
    let ranked = all.split.test().iter().chain(all.split.train());
    assert!(ranked.copied().all(|row| purposes[row] != "emergency"));
    let (known, new) = (&all.groups[0].1, &all.groups[1].1);
    assert!(known.iter().zip(new).all(|(known, new)| !(known & new)));

    let ties = table(&hospital, |feature| feature == Feature::Ties).unwrap();
    assert!(ties.table.columns().iter().all(|column| column.name().starts_with("ties is ")));
    let before = table(&hospital, |feature| feature < Feature::StaffRole).unwrap();
    assert!(
        before.table.columns().len() > 5
            && !before.table.columns().iter().any(|c| c.name().starts_with("ties"))
    );
}

#[test]
fn what_is_wrong_in_a_file_is_said_with_its_line() {
    let hospital = made_up(1, 30);
    let names = Names { member: &numbered_member, dataset: &numbered_dataset };
    let with = |name: &'static str, column: usize, text: &str| {
        let mut files = as_of(&hospital, 0).files;
        let sheet = hospital.file(name).unwrap();
        let mut line = sheet.line(0);
        line[column] = text.to_owned();
        files.insert(name, Sheet::of(name, &sheet.header(), vec![line]));
        Hospital { files }.facts(&names).unwrap_err().to_string()
    };
    assert_eq!(with("stays.csv", 1, ""), "`stays.csv`, line 2, column `unit`: a unit is needed");
    let role = with("staff.csv", 1, "porter");
    assert!(
        role.starts_with("`staff.csv`, line 2, column `role`: `porter` is not a role"),
        "{role}"
    );
    let time = with("roster.csv", 2, "yesterday");
    assert!(time.starts_with("`roster.csv`, line 2, column `from_ms`: "), "{time}");
}
