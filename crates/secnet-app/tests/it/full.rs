//! A full disk: nothing is decided and nothing taken in, but what ends rights or destroys data is.

use std::sync::atomic::Ordering;

use secnet_app::ports::{EntryKind, VaultError};
use secnet_app::*;
use secnet_types::*;

use crate::world::{World, released};

#[tokio::test]
async fn without_room_nothing_is_decided_or_taken_in_but_denials_and_erasures_are_ordered() {
    let mut world = World::new(160).await;
    world.granted(None, 0).await;
    let bo = World::copy(&world.bo);
    let (before, _) = world.call(&bo, Purpose::Treatment, None);
    released(world.pdc.access(&before).await.unwrap());
    let dataset = world.dataset;
    let kept = async |world: &World| {
        world.pdc.archive.list(EntryKind::Facts, &dataset.0).await.unwrap().len()
    };
    let facts = kept(&world).await;

    world.log.no_room.store(true, Ordering::Relaxed);
    world.log.age_ms.store(u64::MAX, Ordering::Relaxed);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let error = world.pdc.access(&call).await.unwrap_err();
    assert_eq!((error.code(), error.retryable()), ("disk-full", true));
    assert_eq!(kept(&world).await, facts);
    // What was decided before is not handed out again either: it could not be revoked for long.
    let error = world.pdc.access(&before).await.unwrap_err();
    assert_eq!(error.code(), "disk-full", "{error}");
    let refused = world.pdc.vault.begin_segment().await.map(drop);
    assert_eq!(refused, Err(VaultError::NoRoom));
    let refused = world.pdc.vault.put_segment(b"more".as_slice().into()).await;
    assert_eq!(refused, Err(VaultError::NoRoom));

    // A denial with its details, then the erasure of everything.
    let ada = World::copy(&world.ada);
    let window = Window::ALWAYS;
    let party = Party::Member(bo.id);
    let denial =
        Denial { dataset: Some(dataset), party, window, even_in_emergency: true, detail: None };
    world.submit(&ada, Operation::Deny { denial }).await;
    let shredded = world.pdc.plan_shredding(dataset, None).await.unwrap();
    let command = world.sign(&ada, what_to_shred(&shredded));
    world.pdc.shred(&shredded, &command).await.unwrap();
    assert_eq!(kept(&world).await, 0);

    world.log.no_room.store(false, Ordering::Relaxed);
    world.log.age_ms.store(0, Ordering::Relaxed);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    assert!(!matches!(world.pdc.access(&call).await, Ok(Outcome::Released(_))));
}

#[test]
fn what_gives_a_right_does_not_take_one_away() {
    let member = MemberId([1; 32]);
    let gives = [
        Operation::CreateGroup,
        Operation::LiftDenial { denial: DenialId([1; 16]) },
        Operation::Transfer { to: member, amount: Amount(1) },
        Operation::AnswerHold { decision: DecisionId([1; 16]), answer: HoldAnswer::Release },
        Operation::OfferDataset { dataset: DatasetId([1; 16]), to: Some(member) },
        Operation::ChangeGroup { group: GroupId([1; 16]), add: vec![member], remove: vec![] },
    ];
    assert!(gives.iter().all(|operation| !operation.takes_away()));
    let takes = [
        Operation::Revoke { grant: GrantId([1; 16]), reason: Reason::Unstated },
        Operation::AnswerHold { decision: DecisionId([1; 16]), answer: HoldAnswer::Refuse },
        Operation::OfferDataset { dataset: DatasetId([1; 16]), to: None },
        Operation::ChangeGroup { group: GroupId([1; 16]), add: vec![], remove: vec![member] },
    ];
    assert!(takes.iter().all(Operation::takes_away));
}
