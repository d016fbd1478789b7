//! Statements of relations: one byte form, only what the data centre signed holds, and whatever facts are taken, requests have features of
//! their kinds.
#![no_main]

use std::collections::BTreeSet;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use secnet_app::RelationsStatement;
use secnet_fuzz::{is_small_order, same, seeds};
use secnet_guard::{Event, Guard, Model, Observed, RelationFacts, Relations};
use secnet_types::{
    Action, FeatureVector, Labels, Payload as _, Purpose, Signed, Timestamp, decode, encode,
};

/// Members of staff, and patients, that are tried out with each other.
const TRIED: usize = 4;
/// Later than any clock says: the end of the year 9999.
const LATEST: Timestamp = Timestamp(253_402_300_799_999);

fuzz_target!(|input: &[u8]| {
    if let Ok(said) = Signed::<RelationsStatement>::parse(input) {
        assert!(input.len() <= RelationsStatement::LIMIT + 1024, "longer than its limit");
        assert_eq!(said.to_bytes(), input, "a second byte form of one statement");
        if said.verify().is_ok() && !is_small_order(said.envelope.key) {
            assert_eq!(said.value, seeds::relations_said(), "nobody signed this");
        }
        ask(said.value.facts);
    }
    if let Some(facts) = same::<RelationFacts>(input, RelationsStatement::LIMIT) {
        ask(facts);
    }
});

/// Take the facts, and ask about those whom they name, before, at and after the moments that they name.
fn ask(facts: RelationFacts) {
    let staff: Vec<_> = facts.staff.iter().map(|own| own.member).take(TRIED).collect();
    let patients: Vec<_> = facts.patients.iter().map(|own| own.dataset).take(TRIED).collect();
    let spans = facts.shifts.iter().map(|own| (own.from, own.until));
    let spans = spans.chain(facts.stays.iter().map(|own| (own.from, own.until)));
    let spans = spans.chain(facts.care.iter().map(|own| (own.from, own.until)));
    let spans = spans.take(2 * TRIED);
    let moments = spans.flat_map(|(from, until)| [from, until]).filter(|at| *at <= LATEST);
    let mut moments: BTreeSet<Timestamp> = moments.collect();
    moments.extend([Timestamp(0), Timestamp(1_800_000_000_000)]);
    let counted = (facts.staff.len(), facts.patients.len());
    let Ok(relations) = Relations::new(facts) else { return };
    assert_eq!(relations.named(), counted, "somebody got lost");
    let mut guard = Guard::new(Model::default());
    guard.set_relations(Arc::new(relations));
    for at in moments {
        for (requester, dataset) in
            staff.iter().flat_map(|member| patients.iter().map(move |patient| (*member, *patient)))
        {
            let event = Event {
                requester,
                dataset,
                purpose: Purpose::Treatment,
                action: Action::Read,
                records: 1,
                categories: BTreeSet::new(),
                labels: Labels::NONE,
                emergency: false,
                at,
                door: "cli".to_owned(),
                source: None,
                price: None,
                own_key: false,
            };
            let features = guard.features(&event);
            let read = decode::<FeatureVector>("features", &encode(&features), 1 << 16);
            assert_eq!(read.as_ref(), Ok(&features), "features that nobody can read again");
            guard.observe(&event, Observed::Allowed);
        }
    }
}
