//! The example of docs/spec/state.md: the state that the genesis of `make_receipt` makes.

use secnet_crypto::SigningKey;
use secnet_ledger::{EntryChange, Executor};
use secnet_types::*;

const PAGE: &str = include_str!("../../../../docs/spec/state.md");

/// The hexadecimal words behind a label, up to the next empty word or label.
fn shows(label: &str, bytes: &[u8]) {
    let expected: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let example = PAGE.split_once(". Example\n").unwrap().1;
    let rest = example.split_once(&format!("\n    {label} ")).unwrap().1;
    let mut shown = String::new();
    for word in rest.split_whitespace().take_while(|word| word.len().is_multiple_of(2)) {
        if shown.len() < expected.len() {
            shown.push_str(word);
        }
    }
    assert_eq!(shown, expected, "{label}");
}

fn id(name: &str) -> MemberId {
    let key = SigningKey::from_seed(Digest::of(name.as_bytes()).0);
    MemberId::from_key(&key.verifying_key())
}

#[test]
fn the_state_of_the_specification() {
    let founder = |name: &str, kind| Founder {
        member: id(name),
        kind,
        sealing_key: Digest::of(name.as_bytes()),
    };
    let mut founders = vec![
        founder("hospital", MemberKind::Organisation),
        founder("pdc", MemberKind::Node),
        founder("ada", MemberKind::Person),
        founder("bo", MemberKind::Person),
    ];
    founders.sort_by_key(|founder| founder.member);
    let genesis = Genesis {
        version: Genesis::VERSION,
        name: "example".into(),
        time: Timestamp(1_800_000_000_000),
        salt: [7; 32],
        founders,
        governors: vec![id("hospital")],
        threshold: 1,
        sequencer: id("sequencer").0,
        parameters: Parameters::default(),
        predecessor: None,
        validators: None,
    };
    shows("network", &genesis.network().0);
    let (executor, changes) = Executor::genesis(&genesis);
    assert_eq!(changes.len(), 6);
    let entry = |number: u8, of: &[u8]| {
        let is = |(table, key, _): &&EntryChange| *table as u8 == number && key.as_slice() == of;
        let (_, key, value) = changes.iter().find(is).unwrap();
        [&[number], (key.len() as u64).to_be_bytes().as_slice(), key, value.as_ref().unwrap()]
            .concat()
    };
    shows("totals", &entry(0x0d, &[]));
    shows("ada", &entry(0, &id("ada").0));
    shows("digest", &executor.position().state.0);
}
