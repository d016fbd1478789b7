//! Where each target starts from: real objects, made anew each time, so that they follow the formats.

use std::collections::BTreeSet;

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use secnet_app::ports::{EntryKind, View};
use secnet_app::{NodeQuestion, PacketPart, RelationsStatement};
use secnet_crypto::{
    KeyFileParams, ObjectKey, Outboard, SealSecretKey, keyfile, merkle::note::verifier_key, seal,
    seal_object,
};
use secnet_guard::learnt::{
    HeldBack, Input, LearntCard, LearntFrom, LearntParts, Next, Node, OwnPast, Tree,
};
use secnet_guard::relations::{
    CareFact, Home, PatientFact, ShiftFact, StaffFact, StayFact, UnitFact,
};
use secnet_guard::{Event, Guard, Learnt, Model, Observed, RelationFacts};
use secnet_lock::ReleasePacket;
use secnet_types::{
    Action, Amount, Category, Condition, DatasetId, Digest, Feature, FeatureValue, FeatureVector,
    Labels, MemberId, Party, Place, Purpose, Rule, RuleAction, RuleScope, Signed, StaffRole, Test,
    Tie, Timestamp, encode,
};

use crate::real::LOG;
use crate::{REAL, join, types};

/// The secrets that the targets' inputs are sealed with.
pub const SEAL_SEED: [u8; 32] = [1; 32];
/// See [`SEAL_SEED`].
pub const OBJECT_KEY: [u8; 32] = [2; 32];
/// See [`SEAL_SEED`].
pub const PASSPHRASE: &str = "correct horse battery staple";
/// What the sealed inputs hold.
pub const SECRET: &[u8] = b"nobody but the key's holder reads this";

/// Every target with its seeds.
pub const TARGETS: &[(&str, fn() -> Vec<Vec<u8>>)] = &[
    ("access", access),
    ("archive", archive),
    ("block", block),
    ("command", command),
    ("copies", copies),
    ("envelope", envelope),
    ("fhir", fhir),
    ("genesis", || vec![encode(&REAL.genesis)]),
    ("guard", guard),
    ("keyfile", || vec![key_file().into_bytes()]),
    ("learnt", || vec![learnt().to_bytes()]),
    ("ledger", ledger),
    ("lock", lock),
    ("note", note),
    ("receipt", || REAL.receipts.clone()),
    ("relations", relations),
    ("release", release),
    ("rule", || rules().iter().map(encode).collect()),
    ("rule_text", || rules().iter().map(|rule| rule.to_cedar().into_bytes()).collect()),
    ("stream", stream),
    ("types", every_type),
];

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(7)
}

fn access() -> Vec<Vec<u8>> {
    let call = &REAL.call;
    vec![join(&[&call.request, &call.detail, &call.receiving_key])]
}

/// Questions with the owner's word: which uploads, which packets, an entry, a segment, and that everything is there.
fn copies() -> Vec<Vec<u8>> {
    let upload = REAL.delivery.records[0].1.upload();
    let segment = REAL.delivery.records[0].1.location().segment;
    let question = |question: &[u8]| {
        [&[0x83][..], encode(&REAL.moving).as_slice(), &[0x00][..], question].concat()
    };
    let text = |head: &[u8], id: &[u8], tail: &[u8]| [head, id, tail].concat();
    let mut seeds = vec![
        question(&[0x82, 0, 0x81, 4]),
        question(&text(&[0x82, 0, 0x82, 6, 0x50], &upload.0, &[])),
        question(&text(&[0x82, 1, 0x83, 4, 0xf6, 0x50], &upload.0, &[])),
        question(&text(&[0x82, 2, 0x81, 0x58, 0x20], segment.as_bytes(), &[])),
        question(&text(&[0x82, 3, 0x83, 0x58, 0x20], segment.as_bytes(), &[0, 8])),
        question(&[0x82, 5, 0x80]),
    ];
    let answers: Vec<_> = seeds.iter().filter_map(|call| REAL.copied(call)).collect();
    seeds.extend(answers);
    seeds
}

/// The kind of entry, then its value.
fn archive() -> Vec<Vec<u8>> {
    let numbered =
        |(kind, value): &(EntryKind, Vec<u8>)| [&[*kind as u8], value.as_slice()].concat();
    let mut seeds: Vec<_> = REAL.archive.iter().map(numbered).collect();
    seeds.push(numbered(&(EntryKind::TermsDetail, encode(&REAL.terms))));
    seeds
}

/// 0 and a question, or 1 and an answer. The packet comes first, so that it is at hand.
fn release() -> Vec<Vec<u8>> {
    let packets = REAL.archive.iter().filter(|(kind, _)| *kind == EntryKind::ReleasePacket);
    let packets = packets.filter_map(|(_, bytes)| ReleasePacket::from_bytes(bytes).ok());
    let look = |reader: &mut dyn FnMut(&View<'_>)| REAL.pdc.log.read(reader);
    let ask = REAL.delivery.granted.permit().ask();
    let records: BTreeSet<_> = ask.records.iter().copied().collect();
    let mut questions = vec![NodeQuestion::Who, NodeQuestion::Doors];
    for packet in packets {
        let part = PacketPart { packet: packet.digest(), records: records.clone() };
        let (ask, parts) = (ask.clone(), vec![part]);
        questions.push(NodeQuestion::Hold { packet });
        questions.push(NodeQuestion::Release { ask, parts, height: 1 });
    }
    // One that is not its own: what it forgets it could not be asked for any more.
    let others = REAL.upload.release_packets.iter().cloned();
    questions
        .extend(others.map(|packet| NodeQuestion::Forget { packet, records: records.clone() }));
    let mut seeds = Vec::new();
    for question in questions {
        let question = question.to_bytes();
        let answer = REAL.desk.answer(&question, &REAL.card, &look);
        seeds.extend([[&[0], &question[..]].concat(), [&[1], &answer[..]].concat()]);
    }
    seeds
}

/// Header with certificate, then body.
fn block() -> Vec<Vec<u8>> {
    let header = encode(&REAL.delivery.receipt.header);
    let body: Vec<minicbor::bytes::ByteVec> =
        REAL.commands.iter().take(2).map(|command| command.to_bytes().into()).collect();
    vec![join(&[&header, &encode(&body)])]
}

fn command() -> Vec<Vec<u8>> {
    REAL.commands.iter().map(secnet_types::SignedCommand::to_bytes).collect()
}

/// Public key bytes and an envelope, in turn.
fn envelope() -> Vec<Vec<u8>> {
    vec![sealed(), SealSecretKey::from_seed(SEAL_SEED).public_key().to_bytes().to_vec()]
}

/// [`SECRET`] for the holder of [`SEAL_SEED`].
pub fn sealed() -> Vec<u8> {
    let key = SealSecretKey::from_seed(SEAL_SEED).public_key();
    seal(&key, b"fuzz", b"aad", SECRET, &mut rng()).expect("sealed")
}

fn fhir() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/patients");
    let file = std::fs::read_dir(folder)
        .expect("the samples are there")
        .map(|entry| entry.expect("readable").path())
        .min()
        .expect("a sample");
    let text = std::fs::read_to_string(file).expect("readable");
    let mut seen = BTreeSet::new();
    let kind =
        |line: &str| line.split("\"resourceType\":\"").nth(1)?.split('"').next().map(str::to_owned);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| line.len() < 4096 && kind(line).is_some_and(|kind| seen.insert(kind)))
        .collect();
    let entries: Vec<String> =
        lines.iter().take(3).map(|line| format!("{{\"resource\":{line}}}")).collect();
    let bundle = format!(
        "{{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[{}]}}",
        entries.join(",")
    );
    let mut seeds: Vec<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
    seeds.push(lines.iter().take(3).copied().collect::<Vec<_>>().join("\n").into_bytes());
    seeds.push(bundle.into_bytes());
    seeds
}

fn guard() -> Vec<Vec<u8>> {
    let mut guard = Guard::new(Model::default());
    let mut seeds = vec![guard.snapshot()];
    for minute in 0..12u8 {
        let event = Event {
            requester: MemberId([minute % 3; 32]),
            dataset: DatasetId([minute % 5; 16]),
            purpose: Purpose::Treatment,
            action: Action::Read,
            records: 2,
            categories: BTreeSet::from([Category::Laboratory]),
            labels: Labels::NONE,
            emergency: false,
            at: Timestamp(1_767_571_200_000 + u64::from(minute) * 60_000),
            door: "cli".to_owned(),
            source: None,
            price: Some(Amount(5)),
            own_key: minute.is_multiple_of(2),
        };
        guard.observe(&event, if minute % 4 == 0 { Observed::Denied } else { Observed::Allowed });
    }
    seeds.push(guard.snapshot());
    seeds
}

/// A statement of the data centre's, and its facts alone.
fn relations() -> Vec<Vec<u8>> {
    let said = relations_said();
    let facts = encode(&said.facts);
    vec![Signed::sign(said, REAL.pdc.signer.as_ref()).to_bytes(), facts]
}

/// What the data centre says of a small ward: each kind of fact.
pub fn relations_said() -> RelationsStatement {
    const HOUR: u64 = 3_600_000;
    let at = |hour: u64| Timestamp(1_800_000_000_000 + hour * HOUR);
    let (doctor, patient) = (MemberId([1; 32]), DatasetId([2; 16]));
    let home = Some(Home { house: 1, street: 2 });
    let unit = |name: &str, place| UnitFact { name: name.to_owned(), place };
    let staff = |member, role, unit| StaffFact { member, role, unit, home };
    let ended = |hour| if hour > 4 { Timestamp::MAX } else { at(hour) };
    let care =
        |tie| CareFact { member: doctor, dataset: patient, tie, from: at(1), until: ended(9) };
    let facts = RelationFacts {
        units: vec![unit("ward 1", Place::Ward), unit("ward 2", Place::Clinic)],
        staff: vec![
            staff(doctor, StaffRole::ALL[0], Some(0)),
            staff(MemberId([3; 32]), StaffRole::ALL[1], None),
        ],
        patients: vec![
            PatientFact { dataset: patient, home, prominent: true, staff: None },
            PatientFact {
                dataset: DatasetId([4; 16]),
                home: None,
                prominent: false,
                staff: Some(MemberId([3; 32])),
            },
        ],
        shifts: vec![ShiftFact { member: doctor, unit: Some(1), from: at(0), until: at(8) }],
        stays: vec![
            StayFact { dataset: patient, unit: 0, from: at(0), until: ended(3) },
            StayFact { dataset: patient, unit: 1, from: at(3), until: ended(9) },
        ],
        care: Tie::ALL.iter().take(4).copied().map(care).collect(),
    };
    RelationsStatement { network: REAL.pdc.network(), author: REAL.pdc.member, at: at(0), facts }
}

/// A model with a number and a word, two trees and every kind of node.
pub fn learnt() -> Learnt {
    let mut ordinary = FeatureVector::new();
    for (feature, value) in [
        (Feature::RequestsLastMinute, FeatureValue::Number(1)),
        (Feature::Purpose, FeatureValue::Words(1)),
    ] {
        ordinary.set(feature, value).expect("a value of its kind");
    }
    let node = |input, cut, left, right| Node { input, cut, absent_left: input == 0, left, right };
    let leaf = Next::Leaf;
    let zero = Timestamp(0);
    let parts = LearntParts {
        inputs: vec![Input::Number(Feature::RequestsLastMinute), Input::Word(Feature::Purpose, 2)],
        ordinary,
        start: -500_000,
        trees: vec![
            Tree { nodes: vec![node(0, 3, leaf(-200_000), leaf(900_000))] },
            Tree {
                nodes: vec![
                    node(1, 0, Next::Node(1), Next::Node(2)),
                    node(0, 9, leaf(-100_000), leaf(300_000)),
                    node(0, 5, leaf(10_000), leaf(700_000)),
                ],
            },
        ],
        hold_at: 400_000,
        expires: Timestamp(2_000_000_000_000),
        card: LearntCard {
            at: zero,
            from: LearntFrom {
                data: Digest::ZERO,
                requests: 60,
                misuse: 30,
                said_fine: 10,
                presumed_fine: 20,
                oldest: zero,
                newest: zero,
            },
            held_back: HeldBack {
                misuse_since: zero,
                others_since: zero,
                hits: 12,
                misses: 0,
                false_alarms: 0,
                passes: 12,
                precision: (7575, 10_000),
                recall: (7575, 10_000),
                false_positive_rate: (0, 2425),
            },
            past: OwnPast { days: 30, requests: 50, would_hold: 9, objected_to: 9, requesters: 1 },
        },
    };
    Learnt::new(parts).expect("a model")
}

/// A key file that opens with [`PASSPHRASE`] and holds [`SECRET`].
pub fn key_file() -> String {
    keyfile::encrypt(SECRET, PASSPHRASE, KeyFileParams::LEAST, &mut rng()).expect("a key file")
}

/// The commands of the world, unsigned: the target signs them with their authors' keys.
fn ledger() -> Vec<Vec<u8>> {
    let commands: Vec<Vec<u8>> =
        REAL.commands.iter().map(|command| encode(&command.value)).collect();
    vec![commands.concat(), commands[..3].concat(), commands[1..].concat()]
}

/// Number of the format, then the bytes.
fn lock() -> Vec<Vec<u8>> {
    crate::parcels::all()
        .iter()
        .map(|(number, bytes)| [&[*number], bytes.as_slice()].concat())
        .collect()
}

fn note() -> Vec<Vec<u8>> {
    let key = verifier_key(LOG, &REAL.log_key).expect("a name");
    let text = REAL.checkpoint.split("\n\n").next().unwrap_or_default();
    vec![REAL.checkpoint.clone().into_bytes(), key.into_bytes(), format!("{text}\n").into_bytes()]
}

/// Rules that use each kind of condition and of scope.
pub fn rules() -> Vec<Rule> {
    let scope = RuleScope {
        dataset: Some(DatasetId([3; 16])),
        party: Some(Party::Member(MemberId([4; 32]))),
        purpose: Some(Purpose::Research),
    };
    let text = |text: &str| text.to_owned();
    let block = |text: &str| text.parse().expect("a block");
    let conditions = [
        vec![(Feature::RequestsLastMinute, Test::Between(20, 400))],
        vec![(Feature::HourOfDay, Test::NotBetween(7, 18)), (Feature::Labels, Test::AnyWord(6))],
        vec![(Feature::Purpose, Test::NoWord(3)), (Feature::Door, Test::Prefix(text("ht")))],
        vec![(Feature::Door, Test::AnyText([text("http"), text("a \"b\" \\ *")].into()))],
        vec![(Feature::Door, Test::NoText([text("cli")].into()))],
        vec![(Feature::Door, Test::Suffix(text("r"))), (Feature::Door, Test::Contains(text("h")))],
        vec![(Feature::Source, Test::Inside(block("10.0.0.0/8")))],
        vec![(Feature::Source, Test::Outside(block("2001:db8::/32")))],
    ];
    let rule = |(number, conditions): (usize, Vec<_>)| {
        let conditions = conditions
            .into_iter()
            .map(|(feature, test)| Condition::new(feature, test).expect("a condition"))
            .collect();
        let action = RuleAction::ALL[number % RuleAction::ALL.len()];
        let scope = if number % 2 == 0 { RuleScope::ALL } else { scope };
        Rule::new(action, conditions, scope, Timestamp(1_800_000_000_000)).expect("a rule")
    };
    conditions.into_iter().enumerate().map(rule).collect()
}

/// A sealed object with its outboard in front.
fn stream() -> Vec<Vec<u8>> {
    let object = object();
    let outboard = Outboard::of(&object).expect("short").to_bytes();
    vec![join(&[&outboard, &object])]
}

/// [`SECRET`] under [`OBJECT_KEY`].
pub fn object() -> Vec<u8> {
    seal_object(&ObjectKey::from_bytes(OBJECT_KEY), b"aad", SECRET, &mut rng()).expect("sealed")
}

fn every_type() -> Vec<Vec<u8>> {
    let numbered = types::DRAW.iter().zip(0u8..);
    numbered
        .flat_map(|(draw, number)| {
            (0..3).map(move |seed| [&[number], draw(seed).as_slice()].concat())
        })
        .collect()
}
