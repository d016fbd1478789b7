#![allow(
    clippy::cast_possible_truncation,
    clippy::string_slice,
    reason = "small numbers and ASCII that the test itself made"
)]

use proptest::prelude::*;

use super::*;

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

const SIZES: [usize; 12] = [
    0,
    1,
    1024,
    GROUP_LEN - 1,
    GROUP_LEN,
    GROUP_LEN + 1,
    2 * GROUP_LEN,
    3 * GROUP_LEN,
    3 * GROUP_LEN + 5,
    4 * GROUP_LEN,
    5 * GROUP_LEN + 1023,
    9 * GROUP_LEN + 1,
];

#[test]
fn text_round_trip_and_refusals() {
    let address = Address::of(b"");
    let text = "b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
    assert_eq!(address.to_string(), text);
    assert_eq!(text.parse(), Ok(address));
    for wrong in ["", "b3:", &text.to_uppercase(), &text[3..], &text[..66], &format!("{text}0")] {
        assert!(wrong.parse::<Address>().is_err(), "{wrong}");
    }
}

#[test]
fn the_outboard_has_the_address_of_blake3() {
    for size in SIZES {
        let content = content(size);
        let outboard = Outboard::of(&content).unwrap();
        assert_eq!(outboard.address(), Address::of(&content), "{size}");
        assert_eq!(outboard.content_len(), size as u64);
        let bytes = outboard.to_bytes();
        assert_eq!(Outboard::from_bytes(outboard.address(), &bytes), Ok(outboard.clone()));
        let mut hasher = Hasher::new();
        content.chunks(777).for_each(|piece| {
            hasher.update(piece);
        });
        assert_eq!(hasher.finish(), outboard.address());
        let mut builder = OutboardBuilder::new();
        content.chunks(70_001).for_each(|piece| builder.update(piece).unwrap());
        assert_eq!(builder.finish(), outboard);
        outboard.verify_slice(0, &content).unwrap();
    }
}

#[test]
fn a_damaged_group_is_named() {
    let content = content(5 * GROUP_LEN + 10);
    let outboard = Outboard::of(&content).unwrap();
    for group in 0..6u64 {
        let start = usize::try_from(group).unwrap() * GROUP_LEN;
        for at in [start, (start + GROUP_LEN - 1).min(content.len() - 1)] {
            let mut damaged = content.clone();
            damaged[at] ^= 0x80;
            let found = Err(SliceError::Damaged { group });
            assert_eq!(outboard.verify_slice(0, &damaged), found);
            let slice = &damaged[start..damaged.len().min(start + GROUP_LEN)];
            assert_eq!(outboard.verify_slice(start as u64, slice), found);
        }
    }
    let single = Outboard::of(b"short").unwrap();
    assert_eq!(single.verify_slice(0, b"shirt"), Err(SliceError::Damaged { group: 0 }));
}

#[test]
fn groups_cannot_be_swapped() {
    let content = content(3 * GROUP_LEN);
    let outboard = Outboard::of(&content).unwrap();
    let moved = outboard.verify_slice(GROUP_LEN as u64, &content[..GROUP_LEN]);
    assert_eq!(moved, Err(SliceError::Damaged { group: 1 }));
}

#[test]
fn slices_have_whole_groups() {
    let content = content(2 * GROUP_LEN + 100);
    let outboard = Outboard::of(&content).unwrap();
    let group = GROUP_LEN as u64;
    let end = content.len() as u64;
    for (offset, slice) in [
        (1, &content[1..GROUP_LEN]),
        (0, &content[..GROUP_LEN - 1]),
        (0, &content[..0]),
        (2 * group, &content[2 * GROUP_LEN..content.len() - 1]),
        (3 * group, &content[..100]),
        (u64::MAX, &content[..100]),
    ] {
        let refused = outboard.verify_slice(offset, slice);
        assert!(matches!(refused, Err(SliceError::NotAligned { .. })), "{offset}: {refused:?}");
    }
    assert_eq!(outboard.covering(5..6), 0..group);
    assert_eq!(outboard.covering(group..group + 1), group..2 * group);
    assert_eq!(outboard.covering(2 * group + 1..end), 2 * group..end);
    assert_eq!(outboard.covering(0..u64::MAX), 0..end);
}

#[test]
fn altered_outboards_are_refused() {
    let outboard = Outboard::of(&content(3 * GROUP_LEN)).unwrap();
    let bytes = outboard.to_bytes();
    for at in 8..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        let refused = Outboard::from_bytes(outboard.address(), &altered);
        assert_eq!(refused, Err(OutboardError::WrongAddress(outboard.address())), "byte {at}");
    }
    for len in [0, 7, 8, 40, bytes.len() - 1] {
        let refused = Outboard::from_bytes(outboard.address(), &bytes[..len]);
        assert_eq!(refused, Err(OutboardError::Length(len)));
    }
    let huge = u64::MAX.to_le_bytes();
    let refused = Outboard::from_bytes(outboard.address(), &huge);
    assert_eq!(refused, Err(OutboardError::TooLong(u64::MAX)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn covering_ranges_verify_and_flips_are_found(
        len in 1usize..400_000, at: prop::sample::Index, span in 1u64..200_000,
    ) {
        let mut content = content(len);
        let outboard = Outboard::of(&content).unwrap();
        let at = at.index(len);
        let range = outboard.covering(at as u64..at as u64 + span);
        let (start, end) = (range.start as usize, range.end as usize);
        prop_assert!(start <= at && at < end);
        prop_assert_eq!(outboard.verify_slice(range.start, &content[start..end]), Ok(()));
        content[at] ^= 1;
        let group = (at / GROUP_LEN) as u64;
        prop_assert_eq!(
            outboard.verify_slice(range.start, &content[start..end]),
            Err(SliceError::Damaged { group })
        );
    }
}
