//! A session's request that is unlike all that went ahead here is refused until its member's own key signs, and the owner reads why.

use std::collections::BTreeSet;

use secnet_app::ports::{Change, EntryKind, EntryName};
use secnet_guard::{Event, Guard, Model, Observed};
use secnet_types::*;

use crate::guarding::granted_without_count;
use crate::profiles::{all_replay, by_session, with_session};
use crate::stepping_up::{access, asked_for_proof, proof};
use crate::world::{HOUR, World, released};

/// A data centre where a hundred members have taken files of hundreds of records for six weeks, each its own and none long enough for a profile; Bo has never asked.
async fn settled(seed: u64) -> World {
    let mut world = World::new(seed).await;
    let begun = world.clock_now().0 - 45 * 24 * HOUR;
    granted_without_count(&mut world, 0).await;
    let mut guard = Guard::new(Model::default());
    for n in 0..6_000_u64 {
        let who = u8::try_from(n % 100).unwrap();
        let event = Event {
            requester: MemberId([100 + who; 32]),
            dataset: DatasetId([100 + who; 16]),
            purpose: Purpose::Treatment,
            action: Action::Read,
            records: u32::try_from(300 + n * 7919 % 400).unwrap(),
            categories: BTreeSet::from([Category::Laboratory]),
            labels: Labels::NONE,
            emergency: false,
            at: Timestamp(begun + n * 10 * 60_000),
            door: "fhir".to_owned(),
            source: None,
            price: None,
            own_key: true,
        };
        guard.observe(&event, Observed::Allowed);
    }
    let name = EntryName::new(EntryKind::Guard, &[], &[]);
    let kept = Change { name, value: Some(guard.snapshot()) };
    world.pdc.archive.write(vec![kept]).await.unwrap();
    world.restart().await;
    world
}

#[tokio::test]
async fn a_session_that_does_what_nobody_did_is_asked_and_the_owner_reads_what_is_unusual() {
    let mut world = settled(150).await;
    let session = with_session(&world).await;
    let call = by_session(&mut world, &session);
    let decision = asked_for_proof(access(&world, &call).await);
    let history = world.pdc.history(world.ada.id).await.unwrap();
    let recorded = history.iter().find(|attempt| attempt.decision == decision).unwrap();
    let reasons = recorded.facts.clone().unwrap().reasons;
    let says = |what: &str| reasons.iter().any(|why| why.contains(what));
    assert!(says("a session asks unlike what went ahead here"), "{reasons:?}");
    assert!(says("what makes it strange: "), "{reasons:?}");

    // What it knows survives a restart, and so does how much of the day's budget was used.
    world.pdc.save_guard().await.unwrap();
    world.restart().await;
    let call = by_session(&mut world, &session);
    let decision = asked_for_proof(access(&world, &call).await);
    let explained = world.pdc.explain_decision(decision).await.unwrap().unwrap();
    let said = explained.replayed.unwrap().explanation.to_string();
    assert!(said.starts_with("step-up "), "{said}");
    assert!(
        said.contains("milder with signed by the member's own key yes instead of no"),
        "{said}"
    );
    let call = proof(&mut world, decision);
    released(access(&world, &call).await);
    all_replay(&world).await;
}

#[tokio::test]
async fn what_the_own_key_signs_goes_ahead_however_strange_it_is() {
    let mut world = settled(151).await;
    let (call, _) = world.call(&World::copy(&world.bo), Purpose::Treatment, None);
    released(access(&world, &call).await);
    all_replay(&world).await;
}
