//! Amounts and times, against the obvious.

use proptest::prelude::*;
use secnet_types::*;

proptest! {
    #[test]
    fn amounts_print_and_parse(micros: u64) {
        let amount = Amount(micros);
        prop_assert_eq!(amount.to_string().parse(), Ok(amount));
        // Against exact arithmetic in wider integers.
        let text = amount.to_string();
        let (units, decimals) = text.split_once('.').unwrap_or((&text, ""));
        let wide = units.parse::<u128>().unwrap() * 1_000_000 + format!("{decimals:0<6}").parse::<u128>().unwrap();
        prop_assert_eq!(wide, u128::from(micros));
    }

    #[test]
    fn arithmetic_is_exact_or_refused(a: u64, b: u64, points in 0u16..=10_000) {
        let exact = |wide: Option<u128>, error| wide.and_then(|w| u64::try_from(w).ok()).map(Amount).ok_or(error);
        let (wa, wb) = (u128::from(a), u128::from(b));
        prop_assert_eq!(Amount(a).plus(Amount(b)), exact(Some(wa + wb), MoneyError::Overflow));
        prop_assert_eq!(Amount(a).minus(Amount(b)), exact(wa.checked_sub(wb), MoneyError::Underflow));
        prop_assert_eq!(Amount(a).times(b), exact(Some(wa * wb), MoneyError::Overflow));
        let share = Amount(a).share(BasisPoints::new(points).unwrap());
        prop_assert_eq!(u128::from(share.0), wa * u128::from(points) / 10_000);
    }

    #[test]
    fn time_prints_as_a_calendar_counts(seconds in 0u64..8_000_000_000, ms in 0u64..1000) {
        let (mut days, rest) = (seconds / 86_400, seconds % 86_400);
        let leap = |y: u64| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
        let mut year = 1970;
        while days >= 365 + u64::from(leap(year)) {
            days -= 365 + u64::from(leap(year));
            year += 1;
        }
        let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut month = 0;
        while days >= lengths[month] {
            days -= lengths[month];
            month += 1;
        }
        let naive = format!(
            "{year:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
            month + 1, days + 1, rest / 3600, rest / 60 % 60, rest % 60
        );
        prop_assert_eq!(Timestamp(seconds * 1000 + ms).to_string(), naive);
    }
}

#[test]
fn odd_amounts_are_refused() {
    for text in [
        "",
        ".",
        "1.",
        ".5",
        "-1",
        "+1",
        "1e3",
        " 1",
        "1 ",
        "0x1",
        "1,5",
        "1.1234567",
        "1.-5",
        "\u{661}",
    ] {
        assert_eq!(text.parse::<Amount>(), Err(MoneyError::Malformed), "`{text}`");
    }
    assert_eq!("18446744073709.551615".parse(), Ok(Amount(u64::MAX)));
    assert_eq!("18446744073709.551616".parse::<Amount>(), Err(MoneyError::Overflow));
    assert_eq!("99999999999999999999".parse::<Amount>(), Err(MoneyError::Overflow));
    assert_eq!("2.5".parse(), Ok(Amount(2_500_000)));
    assert_eq!(format!("{:>6}", Amount(2_500_000)), "   2.5");
    assert!(BasisPoints::new(10_001).is_none());
}

#[test]
fn time_saturates_and_never_panics() {
    assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00Z");
    assert_eq!(Timestamp(951_782_400_000).to_string(), "2000-02-29T00:00:00Z");
    assert!(!Timestamp::MAX.to_string().is_empty());
    assert_eq!(Timestamp::MAX.plus_ms(1), Timestamp::MAX);
    assert_eq!(Timestamp(1).since_ms(Timestamp(2)), 0);
    let window = Window { from: Timestamp(1), until: Timestamp(2) };
    assert!(window.contains(Timestamp(1)) && !window.contains(Timestamp(2)));
    assert!(Window { from: Timestamp(1), until: Timestamp(1) }.is_empty());
}
