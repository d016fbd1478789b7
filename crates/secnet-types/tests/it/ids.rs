//! The text form of ids.

use std::str::FromStr;

use bech32::{Bech32m, ByteIterExt, Fe32, Fe32IterExt, Hrp};
use proptest::prelude::*;
use secnet_types::*;

use crate::draw::Draw;

proptest! {
    #[test]
    fn text_round_trips_and_one_wrong_letter_is_noticed(seed: u64, at in 0usize..1000, letter in 0usize..32) {
        let mut d = Draw(seed);
        let member: MemberId = d.any();
        let grant: GrantId = d.any();
        prop_assert_eq!(MemberId::from_str(&member.to_string()), Ok(member));
        prop_assert_eq!(GrantId::from_str(&grant.to_string()), Ok(grant));
        prop_assert_eq!(GrantId::from_str(&grant.to_string().to_uppercase()), Ok(grant));

        let letters = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
        let mut text = member.to_string().into_bytes();
        let at = at % text.len();
        let old = std::mem::replace(&mut text[at], letters[letter]);
        let text = String::from_utf8(text).unwrap();
        if old != letters[letter] {
            prop_assert!(MemberId::from_str(&text).is_err(), "{}", text);
        }
    }
}

#[test]
fn an_id_of_another_kind_is_refused_by_name() {
    let grant: GrantId = Draw(1).any();
    let text = grant.to_string();
    assert!(text.starts_with("sngrant1"));
    assert_eq!(
        DatasetId::from_str(&text),
        Err(IdError::WrongKind { given: text.clone(), wanted: "sndata" })
    );
    assert_eq!(MemberId::from_str("hospital-1"), Err(IdError::Malformed("hospital-1".into())));
    for end in 0..text.len() {
        assert!(GrantId::from_str(&text[..end]).is_err());
    }
}

/// The old checksum (bech32) is another one.
#[test]
fn the_old_checksum_is_refused() {
    let grant: GrantId = Draw(1).any();
    let old = bech32::encode::<bech32::Bech32>(Hrp::parse("sngrant").unwrap(), &grant.0).unwrap();
    assert!(GrantId::from_str(&old).is_err());
    let upper_and_lower = format!("SNGRANT1{}", &grant.to_string()[8..]);
    assert!(GrantId::from_str(&upper_and_lower).is_err());
}

/// 16 bytes are 26 letters with two bits to spare, and a 27th letter adds no byte: only one text is the id's.
#[test]
fn spare_bits_are_zero() {
    let hrp = Hrp::parse("sngrant").unwrap();
    let grant: GrantId = Draw(2).any();
    let letters: Vec<Fe32> = grant.0.iter().copied().bytes_to_fes().collect();
    let text = |letters: &[Fe32]| -> String {
        letters.iter().copied().with_checksum::<Bech32m>(&hrp).chars().collect()
    };
    assert_eq!(text(&letters), grant.to_string());
    let mut spare = letters.clone();
    let last = spare.last_mut().unwrap();
    *last = Fe32::try_from(last.to_u8() | 1).unwrap();
    assert!(GrantId::from_str(&text(&spare)).is_err(), "a spare bit is set");
    let mut longer = letters;
    longer.push(Fe32::Q);
    assert!(GrantId::from_str(&text(&longer)).is_err(), "a letter too many");
}

#[test]
fn derived_ids_differ_by_kind_author_and_command() {
    let mut d = Draw(3);
    let (author, command): (MemberId, CommandId) = (d.any(), d.any());
    let ids = [
        GrantId::derive(author, command).0,
        AskId::derive(author, command).0,
        GrantId::derive(d.any(), command).0,
        GrantId::derive(author, d.any()).0,
    ];
    for (n, id) in ids.iter().enumerate() {
        assert_eq!(ids.iter().position(|other| other == id), Some(n));
    }
}
