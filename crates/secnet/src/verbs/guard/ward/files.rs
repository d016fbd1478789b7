//! The hospital as CSV files: the log, and what the hospital's own systems know.

use std::path::Path;

use super::log::Access;
use super::misuse::learnt_until;
use super::people::{CLINIC, EMERGENCY_ROOM};
use super::{FIRST_DAY_MS, Ward};
use crate::failure::Failure;

type Lines = Vec<Vec<String>>;
/// A file: its name, its header, its lines.
pub(in crate::verbs::guard) type File = (&'static str, &'static [&'static str], Lines);

/// Seconds of the hospital as milliseconds since 1970.
pub(super) const fn time_ms(at: u64) -> u64 {
    FIRST_DAY_MS + at * 1000
}

fn unit(unit: Option<u8>) -> String {
    match unit {
        None => String::new(),
        Some(EMERGENCY_ROOM) => "emergency-room".into(),
        Some(CLINIC) => "clinic".into(),
        Some(ward) => format!("ward-{}", ward + 1),
    }
}

fn time(at: u64) -> String {
    time_ms(at).to_string()
}

/// Every file.
pub(super) fn all(ward: &Ward) -> [File; 6] {
    let yes = |is: bool| u8::from(is).to_string();
    let staff = (0..).zip(&ward.staff).map(|(id, own): (u32, _)| {
        let (house, street) = (own.home.house.to_string(), own.home.street().to_string());
        vec![
            id.to_string(),
            own.role.as_str().into(),
            unit(own.unit),
            house,
            street,
            own.patient.to_string(),
        ]
    });
    let patients = (0..).zip(&ward.patients).map(|(id, own): (u32, _)| {
        let staff = own.staff.map(|id| id.to_string()).unwrap_or_default();
        let (house, street) = (own.home.house.to_string(), own.home.street().to_string());
        vec![id.to_string(), own.sample.to_string(), house, street, yes(own.prominent), staff]
    });
    let roster = ward.roster.written.iter().map(|shift| {
        vec![shift.staff.to_string(), unit(shift.unit), time(shift.from), time(shift.until)]
    });
    let stays = ward.stays.stays.iter().filter(|stay| stay.written < stay.until).map(|stay| {
        vec![stay.patient.to_string(), unit(Some(stay.unit)), time(stay.written), time(stay.until)]
    });
    let care = ward.stays.care.iter().filter(|care| care.written).map(|care| {
        vec![
            care.staff.to_string(),
            care.patient.to_string(),
            care.tie.as_str().into(),
            time(care.from),
            time(care.until),
        ]
    });
    let learnt = learnt_until(ward.days);
    let log = ward.log.iter().map(|access| line(access, learnt));
    [
        ("staff.csv", &["staff", "role", "unit", "house", "street", "patient"], staff.collect()),
        (
            "patients.csv",
            &["patient", "sample", "house", "street", "prominent", "staff"],
            patients.collect(),
        ),
        ("roster.csv", &["staff", "unit", "from_ms", "until_ms"], roster.collect()),
        ("stays.csv", &["patient", "unit", "from_ms", "until_ms"], stays.collect()),
        ("care.csv", &["staff", "patient", "why", "from_ms", "until_ms"], care.collect()),
        (
            "accesses.csv",
            &[
                "time_ms",
                "staff",
                "patient",
                "purpose",
                "records",
                "categories",
                "labels",
                "cause",
                "label",
                "split",
            ],
            log.collect(),
        ),
    ]
}

fn line(access: &Access, learnt: u64) -> Vec<String> {
    let categories: Vec<&str> = access.categories.iter().map(|own| own.as_str()).collect();
    let labels: Vec<&str> = access.labels.iter().map(|own| own.as_str()).collect();
    vec![
        time(access.at),
        access.staff.to_string(),
        access.patient.to_string(),
        access.purpose.as_str().into(),
        access.records.to_string(),
        categories.join(" "),
        labels.join(" "),
        access.cause.as_str().into(),
        u8::from(access.cause.is_misuse()).to_string(),
        if access.at < learnt { "train" } else { "test" }.into(),
    ]
}

/// Write them; their names.
pub(super) fn write(ward: &Ward, dir: &Path) -> Result<Vec<&'static str>, Failure> {
    std::fs::create_dir_all(dir).map_err(|error| Failure::io("make", dir, &error))?;
    let mut names = Vec::new();
    for (name, header, lines) in all(ward) {
        write_one(&dir.join(name), header, &lines)?;
        names.push(name);
    }
    Ok(names)
}

fn write_one(file: &Path, header: &[&str], lines: &[Vec<String>]) -> Result<(), Failure> {
    let io = |error: std::io::Error| Failure::io("write", file, &error);
    let csv = |error: csv::Error| io(std::io::Error::other(error));
    let mut writer = csv::Writer::from_path(file).map_err(csv)?;
    writer.write_record(header).map_err(csv)?;
    for line in lines {
        writer.write_record(line).map_err(csv)?;
    }
    writer.flush().map_err(io)
}
