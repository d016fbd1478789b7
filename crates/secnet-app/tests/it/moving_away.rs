//! What happens between the copy and the move, and what becomes of the former copy.

use std::collections::BTreeSet;
use std::sync::Arc;

use secnet_app::ports::{EntryKind, VaultError};
use secnet_app::*;
use secnet_crypto::Address;
use secnet_types::*;

use crate::moving::{Beside, begun, kept, moved};
use crate::world::{HOUR, World, released};

async fn arrived(world: &World, new: &Pdc) -> (MoveStanding, Beside) {
    begun(world, new).await;
    let old = Beside::of(world);
    let standing = new.go_on_moving(world.dataset, &old).await.unwrap();
    assert_eq!(standing.stage, MoveStage::Arrived, "{standing:?}");
    (standing, old)
}

fn silent(world: &World) -> Beside {
    Beside::failing(world, Box::new(|_, _| None))
}

async fn shredded(world: &World, pdc: &Pdc, records: Option<BTreeSet<RecordId>>) {
    let plan = pdc.plan_shredding(world.dataset, records).await.unwrap();
    let command = world.sign(&world.ada, what_to_shred(&plan));
    pdc.shred(&plan, &command).await.unwrap();
}

async fn segments(pdc: &Pdc, world: &World) -> BTreeSet<Address> {
    referenced_segments(&*pdc.archive, world.dataset).await.unwrap()
}

#[tokio::test]
async fn p4_what_was_erased_between_the_copy_and_the_move_is_released_by_nobody() {
    let mut world = World::new(100).await;
    let new = world.pdc_beside().await;
    let (_, detail) = world.granted(None, 0).await;
    let (standing, old) = arrived(&world, &new).await;
    let gone = world.records[0];
    shredded(&world, &world.pdc, Some(BTreeSet::from([gone]))).await;
    moved(&world, &new, &standing).await.unwrap();
    let bo = World::copy(&world.bo);
    let (asked, receiving) = world.call(&bo, Purpose::Treatment, None);
    // It has the record still, and does not answer until it has asked what was erased: also after a start.
    let refused = new.access(&asked).await.unwrap_err();
    assert!(matches!(refused, AccessError::Settling(of) if of == world.dataset));
    assert!(refused.retryable());
    let again = world.started_again(&new).await;
    assert!(again.access(&asked).await.is_err());
    again.go_on_moving(world.dataset, &silent(&world)).await.unwrap();
    assert!(again.access(&asked).await.is_err(), "the other one does not say");
    let stranger = World::copy(&world.eve);
    let (strange, _) = world.call(&stranger, Purpose::Treatment, None);
    assert!(matches!(again.access(&strange).await, Ok(Outcome::NotVisible)));
    let standing = again.go_on_moving(world.dataset, &old).await.unwrap();
    assert_eq!(standing.stage, MoveStage::Settled);
    let listed = again.records_for_owner(world.ada.id, world.dataset).await.unwrap();
    assert!(listed.len() == 2 && listed.iter().all(|record| record.id != gone));
    let delivered = released(again.access(&asked).await.unwrap());
    world.pdc = again;
    assert_eq!(world.open(&delivered, &receiving, &detail).await, ["result 1"]);
}

#[tokio::test]
async fn what_was_erased_before_the_copy_was_compared_delays_nothing() {
    let mut world = World::new(101).await;
    let new = world.pdc_beside().await;
    world.granted(None, 0).await;
    let (_, old) = arrived(&world, &new).await;
    shredded(&world, &world.pdc, Some(BTreeSet::from([world.records[0]]))).await;
    let standing = new.go_on_moving(world.dataset, &old).await.unwrap();
    assert_eq!(standing.stage, MoveStage::Arrived, "{standing:?}");
    assert_eq!(kept(&new, &world).await, kept(&world.pdc, &world).await);
    moved(&world, &new, &standing).await.unwrap();
    let bo = World::copy(&world.bo);
    let (asked, _) = world.call(&bo, Purpose::Treatment, None);
    assert_eq!(released(new.access(&asked).await.unwrap()).records.len(), 1);
}

#[tokio::test]
async fn a_dataset_that_is_erased_meanwhile_leaves_nothing_where_it_was_to_go() {
    let world = World::new(102).await;
    let new = world.pdc_beside().await;
    let (standing, old) = arrived(&world, &new).await;
    let segments = segments(&new, &world).await;
    assert!(!segments.is_empty());
    shredded(&world, &world.pdc, None).await;
    let refused = moved(&world, &new, &standing).await.unwrap_err();
    assert_eq!(refused.code(), "dataset-not-active");
    new.go_on_moving(world.dataset, &old).await.unwrap();
    assert!(kept(&new, &world).await.is_empty());
    assert!(new.moves_here().await.unwrap().is_empty());
    for segment in segments {
        assert_eq!(new.vault.get_segment(segment, 0..1).await, Err(VaultError::Missing(segment)));
    }
}

#[tokio::test]
async fn what_was_granted_between_permits_as_soon_as_its_detail_is_there_and_what_was_revoked_never()
 {
    let mut world = World::new(103).await;
    let new = world.pdc_beside().await;
    let (first, _) = world.granted(None, 0).await;
    let (standing, old) = arrived(&world, &new).await;
    world.submit(&world.ada, Operation::Revoke { grant: first, reason: Reason::Unstated }).await;
    let bo = World::copy(&world.bo);
    world.granted(None, 0).await;
    moved(&world, &new, &standing).await.unwrap();
    let (asked, _) = world.call(&bo, Purpose::Treatment, None);
    assert!(!matches!(new.access(&asked).await.unwrap(), Outcome::Released(_)));
    let standing = new.go_on_moving(world.dataset, &old).await.unwrap();
    assert_eq!(standing.stage, MoveStage::Settled, "{standing:?}");
    let (asked, _) = world.call(&bo, Purpose::Treatment, None);
    let delivered = released(new.access(&asked).await.unwrap());
    assert_ne!(delivered.granted.grant(), first);
}

#[tokio::test]
async fn what_came_in_between_is_taken_before_it_can_move() {
    let mut world = World::new(104).await;
    let new = world.pdc_beside().await;
    let (standing, old) = arrived(&world, &new).await;
    let dataset = world.dataset;
    let upload = crate::hosted::sealed(&mut world, dataset, &[(21, b"later")]);
    let before = world.pdc.manifest_of(world.dataset).await.unwrap();
    let (terms, detail) = world.pdc.owned_terms(world.ada.id, world.dataset).await.unwrap();
    let uploads = vec![upload];
    let listed = before.with(world.salt(), &uploads);
    let (pdc, manifest) = (world.node.id, listed.commitment());
    let update = Operation::UpdateDataset { dataset, pdc, terms, manifest };
    let update = world.sign(&world.ada, update);
    let stated = Stated { terms: detail, manifest: Some(listed), hosting: Vec::new() };
    world.pdc.take_in(uploads, &stated, &update).await.unwrap();
    assert_eq!(moved(&world, &new, &standing).await.unwrap_err().code(), "other-place");
    let standing = new.go_on_moving(world.dataset, &old).await.unwrap();
    assert_eq!(standing.stage, MoveStage::Arrived, "{standing:?}");
    moved(&world, &new, &standing).await.unwrap();
    assert_eq!(new.records_for_owner(world.ada.id, dataset).await.unwrap().len(), 4);
}

#[tokio::test]
async fn the_former_copy_stays_until_it_is_told_and_nothing_can_be_collected_and_then_goes() {
    let world = World::new(105).await;
    let new = world.pdc_beside().await;
    let (standing, old) = arrived(&world, &new).await;
    let (before, segments) = (kept(&world.pdc, &world).await, segments(&world.pdc, &world).await);
    let late = |hours: u64| world.clock.advance(hours * HOUR);
    late(48);
    world.tick().await;
    assert_eq!(world.pdc.clear_moved().await, Ok(0), "it is here");
    // What was said two days ago moves nothing.
    assert_eq!(moved(&world, &new, &standing).await.unwrap_err().code(), "bad-arrival");
    let new = world.started_again(&new).await;
    begun(&world, &new).await;
    let standing = new.go_on_moving(world.dataset, &old).await.unwrap();
    moved(&world, &new, &standing).await.unwrap();
    late(48);
    assert_eq!(
        world.pdc.clear_moved().await,
        Ok(0),
        "the other one has not said that it has everything"
    );
    assert_eq!(new.go_on_moving(world.dataset, &old).await.unwrap().stage, MoveStage::Settled);
    assert_eq!(world.pdc.clear_moved().await, Ok(0));
    assert_eq!(kept(&world.pdc, &world).await, before);
    late(25);
    assert_eq!(world.pdc.clear_moved().await, Ok(1));
    assert!(kept(&world.pdc, &world).await.is_empty());
    for segment in segments {
        let gone = world.pdc.vault.get_segment(segment, 0..1).await;
        assert_eq!(gone, Err(VaultError::Missing(segment)));
        assert!(new.vault.get_segment(segment, 0..1).await.is_ok());
    }
    assert_eq!(world.pdc.clear_moved().await, Ok(0));
    let left = world.pdc.archive.list(EntryKind::Leaving, &[]).await.unwrap();
    assert!(left.is_empty());
}

#[tokio::test]
async fn what_is_erased_after_the_move_goes_at_the_former_one_at_once() {
    let world = World::new(106).await;
    let new = world.pdc_beside().await;
    let (standing, old) = arrived(&world, &new).await;
    moved(&world, &new, &standing).await.unwrap();
    assert_eq!(new.go_on_moving(world.dataset, &old).await.unwrap().stage, MoveStage::Settled);
    assert_eq!(world.pdc.clear_moved().await, Ok(0));
    shredded(&world, &new, Some(BTreeSet::from([world.records[0]]))).await;
    assert_eq!(world.pdc.clear_moved().await, Ok(1));
    assert!(kept(&world.pdc, &world).await.is_empty());
}

#[tokio::test]
async fn it_moves_back_to_where_a_copy_still_is() {
    let mut world = World::new(107).await;
    let new = world.pdc_beside().await;
    let (_, detail) = world.granted(None, 0).await;
    let (standing, old) = arrived(&world, &new).await;
    moved(&world, &new, &standing).await.unwrap();
    new.go_on_moving(world.dataset, &old).await.unwrap();
    shredded(&world, &new, Some(BTreeSet::from([world.records[0]]))).await;
    // The other way round. What is left here of before is compared, and not cleared away under it.
    let said = world.clock_now();
    let back = MoveStatement {
        network: world.pdc.network(),
        dataset: world.dataset,
        from: world.others[0].id,
        to: world.node.id,
        said,
        until: said.plus_ms(HOUR),
    };
    let back = SignedMove::sign(back, world.ada.key.as_ref());
    world.pdc.begin_move(world.ada.id, &back).await.unwrap();
    assert_eq!(world.pdc.clear_moved().await, Ok(0));
    let there = Beside { pdc: Arc::clone(&new), caller: world.node.id, ..Beside::of(&world) };
    let standing = world.pdc.go_on_moving(world.dataset, &there).await.unwrap();
    assert_eq!(standing.stage, MoveStage::Arrived, "{standing:?}");
    moved(&world, &world.pdc, &standing).await.unwrap();
    let settled = world.pdc.go_on_moving(world.dataset, &there).await.unwrap();
    assert_eq!(settled.stage, MoveStage::Settled, "{settled:?}");
    let bo = World::copy(&world.bo);
    let (asked, receiving) = world.call(&bo, Purpose::Treatment, None);
    let delivered = released(world.pdc.access(&asked).await.unwrap());
    assert_eq!(world.open(&delivered, &receiving, &detail).await, ["result 1"]);
}
