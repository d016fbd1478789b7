use proptest::prelude::*;

use super::*;

fn period(text: &str) -> Option<(i64, i64)> {
    Period::from_date(text).map(|period| (period.start_ms, period.end_ms))
}

#[test]
fn partial_dates_widen_to_all_they_can_mean() {
    for (text, start_ms, end_ms) in [
        ("1970", 0, 365 * DAY_MS - 1),
        ("1972", 730 * DAY_MS, 1096 * DAY_MS - 1),
        ("1970-02", 31 * DAY_MS, 59 * DAY_MS - 1),
        ("1970-12", 334 * DAY_MS, 365 * DAY_MS - 1),
        ("1970-01-01", 0, DAY_MS - 1),
        ("1969-12-31", -DAY_MS, -1),
        ("1970-01-01T00:00:00Z", 0, 999),
        ("1970-01-01T01:00:00+01:00", 0, 999),
        ("1969-12-31T19:00:00-05:00", 0, 999),
        ("1970-01-01T00:00:00.5Z", 500, 599),
        ("1970-01-01T00:00:00.250Z", 250, 250),
        ("1970-01-01T00:00:00.250999Z", 250, 250),
        ("1970-01-01T00:00:60Z", 60_000, 60_999),
        ("2011-05-31T00:56:59.769+00:00", 1_306_803_419_769, 1_306_803_419_769),
        ("2000-02-29", 951_782_400_000, 951_868_799_999),
    ] {
        assert_eq!(period(text), Some((start_ms, end_ms)), "{text}");
    }
}

#[test]
fn what_is_no_date_is_refused() {
    for text in [
        "",
        "70",
        "0000",
        "1970-00",
        "1970-13",
        "1970-1",
        "2001-02-29",
        "1900-02-29",
        "1970-04-31",
        "1970-01-00",
        "1970-01-01-01",
        "1970T00:00:00Z",
        "1970-01T00:00:00Z",
        "1970-01-01T00:00:00",
        "1970-01-01T00:00Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:61Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00+1:00",
        "1970-01-01T00:00:00+15:00",
        "1970-01-01T00:00:00Zulu",
        "-970",
        "+970",
        "1970-01-01T00:00:00.-1Z",
    ] {
        assert_eq!(period(text), None, "{text}");
    }
}

#[test]
fn the_first_telling_element_decides() {
    let of = |text: &str| of("Condition", &crate::json::parse(text).unwrap());
    assert_eq!(of(r#"{"id":"x"}"#), Ok(None));
    let onset = of(r#"{"recordedDate":"1980","onsetDateTime":"1970-01-01"}"#).unwrap().unwrap();
    assert_eq!((onset.start_ms, onset.end_ms), (0, DAY_MS - 1));
    let both = r#"{"onsetDateTime":"1970-01-01","abatementDateTime":"1970-01-03"}"#;
    assert_eq!(of(both).unwrap().unwrap().end_ms, 3 * DAY_MS - 1);
    let open = of(r#"{"period":{"start":"1970-01-01"}}"#).unwrap().unwrap();
    assert_eq!((open.start_ms, open.end_ms), (0, Period::OPEN_END));
    let until = of(r#"{"period":{"end":"1970-01-01"}}"#).unwrap().unwrap();
    assert_eq!((until.start_ms, until.end_ms), (Period::OPEN_START, DAY_MS - 1));
    assert!(of(r#"{"period":{"start":"1971","end":"1970"}}"#).is_err());
    assert!(of(r#"{"onsetDateTime":"1970-02-30"}"#).is_err());
}

#[test]
fn overlap_and_containment_are_inclusive() {
    let year = Period::from_date("2015").unwrap();
    let last = Period::from_date("2015-12-31T23:59:59Z").unwrap();
    let next = Period::from_date("2016-01-01T00:00:00Z").unwrap();
    assert!(year.contains(&last) && year.overlaps(&last) && last.overlaps(&year));
    assert!(!year.contains(&next) && !year.overlaps(&next));
    assert!(!last.contains(&year));
}

/// The calendar counted day by day, as slowly as it can be done.
fn counted(year: i64, month: i64, day: i64) -> i64 {
    let leap = |y: i64| (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    let lengths =
        |y: i64| [31, if leap(y) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let years: i64 = (1..year).map(|y| if leap(y) { 366 } else { 365 }).sum();
    let months: i64 = lengths(year).iter().take(usize::try_from(month - 1).unwrap()).sum();
    years + months + day - 1 - 719_162
}

proptest! {
    #[test]
    fn day_numbers_equal_counting(year in 1i64..=9999, month in 1i64..=12, day in 1i64..=28) {
        prop_assert_eq!(day_number(year, month, day), Some(counted(year, month, day)));
    }

    #[test]
    fn a_finer_date_lies_in_the_coarser(
        year in 1i64..=9999, month in 1u8..=12, day in 1u8..=28, second in 0u32..86_400,
    ) {
        let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
        let texts = [
            format!("{year:04}"),
            format!("{year:04}-{month:02}"),
            format!("{year:04}-{month:02}-{day:02}"),
            format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}Z"),
            format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.123Z"),
        ];
        let periods: Vec<Period> =
            texts.iter().map(|text| Period::from_date(text).unwrap()).collect();
        for pair in periods.windows(2) {
            prop_assert!(pair[0].contains(&pair[1]));
        }
    }

    #[test]
    fn any_text_gives_a_period_in_order_or_none(text in "[0-9TZ:.+-]{0,30}") {
        if let Some(period) = Period::from_date(&text) {
            prop_assert!(period.start_ms <= period.end_ms);
        }
    }
}
