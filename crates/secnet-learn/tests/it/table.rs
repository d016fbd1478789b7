//! What is no table is refused, with the place and what to do.

use secnet_learn::{Column, Kind, MAX_TEXT_BYTES, Recipe, Split, Table, TableError, learn};

use crate::common::{quick, traffic};

#[test]
fn wrong_values_are_refused_with_column_and_row() {
    let infinite = Column::parse("rate", Kind::Numeric, &["1", "", "inf"]).unwrap_err();
    assert_eq!(infinite, TableError::Infinite { column: "rate".into(), row: 3 });
    let word = Column::parse("rate", Kind::Numeric, &["1", "tcp"]).unwrap_err();
    assert!(word.to_string().contains("row 2: `tcp` is not a number"), "{word}");
    assert!(word.to_string().contains("categorical"), "the hint: {word}");
    let long = Column::text("url", vec!["x".repeat(MAX_TEXT_BYTES + 1)]).unwrap_err();
    assert!(matches!(long, TableError::TooLong { row: 1, .. }));
}

#[test]
fn tables_that_cannot_be_learnt_from_are_refused() {
    assert_eq!(Table::new(vec![], vec![true]).unwrap_err(), TableError::NoColumns);
    let column = || Column::numeric("a", vec![1.0, 2.0]).unwrap();
    assert_eq!(Table::new(vec![column()], vec![]).unwrap_err(), TableError::NoRows);
    let twice = Table::new(vec![column(), column()], vec![true, false]).unwrap_err();
    assert_eq!(twice, TableError::Repeated { column: "a".into() });
    let cut = Table::new(vec![column()], vec![true, false, true]).unwrap_err();
    assert!(matches!(cut, TableError::Length { given: 2, rows: 3, .. }));
    let one_class = Table::new(vec![column()], vec![true, true]).unwrap();
    let refused = learn(&one_class, &Recipe::default(), 1, &mut || ()).unwrap_err();
    assert!(refused.to_string().contains("all 2 rows are positive"), "{refused}");
}

#[test]
fn three_positive_rows_are_too_few_to_hold_some_back_and_it_is_said() {
    let column = Column::numeric("a", (0..100).map(f64::from).collect()).unwrap();
    let table = Table::new(vec![column], (0..100).map(|row| row < 2).collect()).unwrap();
    let refused = learn(&table, &quick(), 1, &mut || ()).unwrap_err();
    assert!(refused.to_string().contains("2 of 100 rows are positive"), "{refused}");
}

#[test]
fn a_split_never_has_a_row_in_both_parts() {
    assert!(Split::new(3, vec![0, 1], vec![1, 2]).is_err());
    assert!(Split::new(3, vec![0, 1], vec![3]).is_err());
    assert!(Split::new(3, vec![0, 1], vec![]).is_err());
    let table = traffic(1000, 1);
    let split = Split::stratified(&table, 0.3, 7).unwrap();
    let mut all = [split.train(), split.test()].concat();
    all.sort_unstable();
    assert_eq!(all, (0..1000).collect::<Vec<_>>());
    let share = |rows: &[usize]| table.part(rows).positives() as f64 / rows.len() as f64;
    assert!((share(split.train()) - share(split.test())).abs() < 0.01, "the classes are balanced");
}

#[test]
fn the_digest_tells_every_value_name_and_label_apart() {
    let table = |name: &str, value: f64, label: bool| {
        Table::new(vec![Column::numeric(name, vec![value, 2.0]).unwrap()], vec![label, false])
            .unwrap()
            .digest()
    };
    let first = table("a", 1.0, true);
    assert_eq!(first, table("a", 1.0, true));
    assert_ne!(first, table("b", 1.0, true));
    assert_ne!(first, table("a", 1.5, true));
    assert_ne!(first, table("a", 1.0, false));
}

#[test]
fn a_test_part_with_another_header_does_not_fit() {
    let part = |name: &str| {
        Table::new(vec![Column::numeric(name, vec![1.0, 2.0]).unwrap()], vec![true, false]).unwrap()
    };
    let wrong = part("a").stacked(&part("b")).unwrap_err();
    assert!(matches!(wrong, TableError::WrongColumn { column, .. } if column == "a"));
    assert_eq!(part("a").stacked(&part("a")).unwrap().rows(), 4);
}
