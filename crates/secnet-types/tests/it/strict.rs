//! One value, one byte string.

use minicbor::{Decode, Encode};
use proptest::prelude::*;
use secnet_types::*;

use crate::draw::{Draw, Drawn, OPERATIONS, every_type, operation};

const LIMIT: usize = 1 << 20;

fn parse<T: for<'b> Decode<'b, ()> + Encode<()>>(bytes: &[u8]) -> Option<T> {
    decode("value", bytes, LIMIT).ok()
}

/// Round trip, and every small change of the bytes is refused or means something else.
fn strict<T>(seed: u64)
where
    T: Drawn + for<'b> Decode<'b, ()> + Encode<()> + PartialEq + std::fmt::Debug,
{
    let mut d = Draw(seed);
    let value: T = d.any();
    let bytes = encode(&value);
    assert_eq!(parse::<T>(&bytes).as_ref(), Some(&value));

    let other = |changed: &[u8]| {
        if let Some(decoded) = parse::<T>(changed) {
            assert_ne!(decoded, value, "two encodings of one value");
            assert_eq!(encode(&decoded), changed);
        }
    };
    for _ in 0..40 {
        let at = d.below(bytes.len() as u64) as usize;
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << d.below(8);
        other(&flipped);
        let mut inserted = bytes.clone();
        inserted.insert(at, d.any());
        other(&inserted);
        let mut removed = bytes.clone();
        removed.remove(at);
        other(&removed);
    }
    for end in 0..bytes.len() {
        assert_eq!(parse::<T>(&bytes[..end]), None, "cut at {end}");
    }
    for tail in [0x00, 0xf6, 0xff, bytes[0]] {
        let mut long = bytes.clone();
        long.push(tail);
        assert_eq!(parse::<T>(&long), None, "a trailing byte");
    }
    assert!(decode::<T>("value", &bytes, bytes.len() - 1).is_err(), "over the limit");
}

macro_rules! strict_types { ($($ty:ident,)*) => {
    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn every_type_round_trips_and_is_strict(seed: u64) {
            $(strict::<$ty>(seed);)*
            strict::<SignedCommand>(seed);
        }
    }
}; }
every_type!(strict_types);

#[test]
fn every_operation_is_drawn_under_its_own_number() {
    for number in 0..OPERATIONS {
        let bytes = encode(&operation(&mut Draw(number), number));
        // An array of two: the number, then the fields.
        let mut decoder = minicbor::Decoder::new(&bytes);
        assert_eq!(decoder.array().unwrap(), Some(2));
        assert_eq!(decoder.u64().unwrap(), number);
        strict::<Operation>(number);
    }
    let mut unknown = vec![0x82, 0x18, OPERATIONS as u8];
    unknown.push(0x80);
    assert_eq!(parse::<Operation>(&unknown), None);
}

/// The parts of a map `{0: ..}` of small keys, each with the bytes of its value.
fn entries(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut d = minicbor::Decoder::new(bytes);
    let count = d.map().unwrap().unwrap();
    (0..count)
        .map(|_| {
            let key = d.u8().unwrap();
            let start = d.position();
            d.skip().unwrap();
            (key, bytes[start..d.position()].to_vec())
        })
        .collect()
}

fn map(entries: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![0xa0 | entries.len() as u8];
    for (key, value) in entries {
        bytes.push(*key);
        bytes.extend_from_slice(value);
    }
    bytes
}

#[test]
fn a_map_is_refused_in_every_other_form() {
    let grant: Grant = Draw(7).any();
    let bytes = encode(&grant);
    let parts = entries(&bytes);
    assert_eq!(map(&parts), bytes);
    let refused = |bytes: &[u8], why| assert_eq!(parse::<Grant>(bytes), None, "{why}");

    let mut unknown = parts.clone();
    unknown.push((20, vec![0x01]));
    refused(&map(&unknown), "an unknown field");

    let mut twice = parts.clone();
    twice.push(parts[0].clone());
    refused(&map(&twice), "a key twice, at the end");
    let mut twice = parts.clone();
    twice.insert(0, parts[0].clone());
    refused(&map(&twice), "a key twice, side by side");

    let mut unsorted = parts.clone();
    unsorted.swap(0, 1);
    refused(&map(&unsorted), "keys out of order");

    let mut long_key = bytes.clone();
    assert_eq!(long_key[1], 0);
    long_key.splice(1..2, [0x18, 0x00]);
    refused(&long_key, "a long key");

    let mut long_head = bytes.clone();
    long_head.splice(0..1, [0xb8, parts.len() as u8]);
    refused(&long_head, "a long map head");

    let mut endless = bytes.clone();
    endless[0] = 0xbf;
    endless.push(0xff);
    refused(&endless, "an indefinite map");

    let mut null = parts.clone();
    null.retain(|(key, _)| *key != 3);
    let without = map(&null);
    assert!(parse::<Grant>(&without).is_some_and(|g| g.uses.is_none()));
    null.insert(3, (3, vec![0xf6]));
    refused(&map(&null), "an absent field written as null");

    let mut long_int = parts.clone();
    long_int[4].1 = vec![0x1b, 0, 0, 0, 0, 0, 0, 0, 1];
    refused(&map(&long_int), "a long integer");
    for value in [vec![0x20], vec![0xf9, 0x3c, 0x00], vec![0xc2, 0x41, 0x01]] {
        let mut odd = parts.clone();
        odd[4].1 = value;
        refused(&map(&odd), "a negative, floating or big amount");
    }
    let mut chunked = parts.clone();
    let id = chunked[0].1[1..].to_vec();
    chunked[0].1 = [&[0x5f, 0x50], id.as_slice(), &[0xff]].concat();
    refused(&map(&chunked), "an id in chunks");
    let mut text = parts.clone();
    text[0].1[0] = 0x70;
    refused(&map(&text), "an id as text");
}

#[test]
fn absurd_nesting_and_absurd_lengths_are_refused_without_harm() {
    for opener in [0x81_u8, 0xa1, 0x9f, 0xbf, 0xc1, 0xd8] {
        let deep = vec![opener; 1 << 16];
        assert_eq!(parse::<Command>(&deep), None);
        // Where a field is unknown, it is skipped before it is refused.
        let mut inside = vec![0xa1, 0x18, 0x63];
        inside.extend_from_slice(&deep);
        assert_eq!(parse::<Command>(&inside), None);
        assert_eq!(parse::<Scope>(&inside), None);
    }
    for head in [0x9b_u8, 0xbb, 0x5b, 0x7b] {
        let long = [&[head], u64::MAX.to_be_bytes().as_slice()].concat();
        assert_eq!(parse::<Operation>(&long), None);
        let inside = [&[0x82, 0x18, 26, 0x81], long.as_slice()].concat();
        assert_eq!(parse::<Operation>(&inside), None, "a list of 2^64 requests");
    }
}

#[test]
fn sets_are_sorted_and_without_repetition() {
    let scope = |categories: &[u8]| {
        let mut bytes = vec![0xa1, 0x02, 0x80 | categories.len() as u8];
        bytes.extend_from_slice(categories);
        parse::<Scope>(&bytes)
    };
    assert!(scope(&[1, 2]).is_some());
    assert_eq!(scope(&[2, 1]), None);
    assert_eq!(scope(&[1, 1]), None);
    assert_eq!(scope(&[16]), None, "an unknown category");
}

#[test]
fn values_out_of_range_are_refused() {
    assert_eq!(parse::<BasisPoints>(&[0x19, 0x27, 0x10]), Some(BasisPoints::WHOLE));
    assert_eq!(parse::<BasisPoints>(&[0x19, 0x27, 0x11]), None);
    assert_eq!(parse::<Powers>(&[0x10]), None);
    assert_eq!(parse::<Labels>(&[0x18, 0x80]), None);
    assert_eq!(parse::<Purpose>(&[0x08]), None);
}

/// Larger than its limit, and refused for that reason before anything in it is looked at.
fn too_long<T: std::fmt::Debug>(parsed: &Result<T, DecodeError>, limit: usize) {
    assert!(
        matches!(parsed, Err(DecodeError::TooLong { limit: l, .. }) if *l == limit),
        "{parsed:?}"
    );
}

#[test]
fn whatever_is_too_long_is_refused_unread() {
    let zeros = |limit: usize| vec![0; limit + 1];
    let request = Signed::<AccessRequest>::parse(&zeros(limits::MAX_REQUEST_BYTES));
    let Err(CoseError::Payload(request)) = request else { panic!("{request:?}") };
    too_long(&Err::<(), _>(request), limits::MAX_REQUEST_BYTES);
    too_long(&Receipt::parse(&zeros(limits::MAX_RECEIPT_BYTES)), limits::MAX_RECEIPT_BYTES);
    too_long(&Rule::from_bytes(&zeros(limits::MAX_RULE_BYTES)), limits::MAX_RULE_BYTES);
    let genesis = Genesis::parse(&zeros(limits::MAX_GENESIS_BYTES));
    let Err(GenesisError::Decode(genesis)) = genesis else { panic!("{genesis:?}") };
    too_long(&Err::<(), _>(genesis), limits::MAX_GENESIS_BYTES);
    let detail = zeros(limits::MAX_DETAIL_BYTES);
    too_long(
        &decode::<RequestDetail>("request detail", &detail, limits::MAX_DETAIL_BYTES),
        limits::MAX_DETAIL_BYTES,
    );
    let event = zeros(limits::MAX_EVENT_BYTES);
    too_long(&decode::<Event>("event", &event, limits::MAX_EVENT_BYTES), limits::MAX_EVENT_BYTES);
    let spaces = " ".repeat(limits::MAX_RULE_TEXT_BYTES + 1);
    let text = Rule::from_cedar(&spaces).unwrap_err();
    assert!(text.to_string().contains("262144"), "{text}");
}

#[test]
fn a_text_of_a_rule_may_be_as_long_as_its_limit() {
    let rule = Rule::new(
        RuleAction::Flag,
        vec![Condition::above(Feature::RequestsLastHour, 5).unwrap()],
        RuleScope::ALL,
        Timestamp(1),
    );
    let mut text = rule.unwrap().to_cedar();
    text.push_str(&" ".repeat(limits::MAX_RULE_TEXT_BYTES - text.len()));
    assert!(Rule::from_cedar(&text).is_ok());
    text.push(' ');
    assert!(Rule::from_cedar(&text).is_err());
}

#[test]
fn the_parts_of_headers_and_receipts_have_limits_of_their_own() {
    let header = |len| Header { context: vec![1; len], ..Draw(2).any() };
    assert!(parse::<Header>(&encode(&header(limits::MAX_CONTEXT_BYTES))).is_some());
    assert_eq!(parse::<Header>(&encode(&header(limits::MAX_CONTEXT_BYTES + 1))), None);

    let receipt = |len| Receipt { path: vec![Digest([1; 32]); len], ..Draw(2).any() };
    assert!(Receipt::parse(&receipt(limits::MAX_PROOF_NODES).to_bytes()).is_ok());
    let refused = Receipt::parse(&receipt(limits::MAX_PROOF_NODES + 1).to_bytes());
    assert!(matches!(&refused, Err(DecodeError::Malformed { .. })), "{refused:?}");
}

#[test]
fn a_signed_command_has_a_size_limit() {
    let mut d = Draw(1);
    let command = Command {
        operation: Operation::RecordErasure {
            dataset: d.any(),
            erased: vec![d.any(); 600],
            last_backup_dies: d.any(),
            whole: false,
        },
        ..d.any()
    };
    let bytes = SignedCommand::sign(command, &d.key()).to_bytes();
    assert!(bytes.len() > limits::MAX_COMMAND_BYTES);
    assert!(matches!(
        SignedCommand::parse(&bytes),
        Err(CoseError::Payload(DecodeError::TooLong { limit: limits::MAX_COMMAND_BYTES, .. }))
    ));
}
