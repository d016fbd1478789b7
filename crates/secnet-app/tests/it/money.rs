//! P5 at the moment of the hand-over: no data for nothing, no money for nothing.

use secnet_ledger::{ChargeStatus, Rejection};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use secnet_app::*;
use secnet_types::*;

use crate::world::{HOUR, World, released};

const STARTED: u64 = 50_000_000;
const PRICE: u64 = 2_000_000;

fn confirms(operation: &Operation) -> bool {
    matches!(operation, Operation::ConfirmCollection { .. })
}

#[tokio::test]
async fn p5_a_requester_that_says_nothing_after_it_was_served_has_paid() {
    let mut world = World::new(20).await;
    let (_, detail) = world.granted(None, PRICE).await;
    let bo = World::copy(&world.bo);
    let (call, receiving) = world.call(&bo, Purpose::Treatment, None);
    let delivery = released(world.pdc.access(&call).await.unwrap());
    // Bo opens nothing, says nothing; the data centre dies; all deadlines pass.
    drop(delivery);
    world.restart().await;
    assert_eq!(world.balance(&world.ada), 1_980_000);
    let again = released(world.pdc.access(&call).await.unwrap());
    assert_eq!(world.open(&again, &receiving, &detail).await, ["result 0", "result 1"]);
    assert_eq!(world.balance(&bo), STARTED - PRICE);
    world.clock.advance(2 * HOUR);
    world.tick().await;
    assert_eq!(world.balance(&bo), STARTED - PRICE - 1);
    assert_eq!(world.balance(&world.ada), 1_980_000);
    assert!(world.pdc.access(&call).await.is_err());
}

#[tokio::test]
async fn p5_nothing_is_handed_over_while_the_ledger_cannot_write_the_payment() {
    let mut world = World::new(21).await;
    world.granted(None, PRICE).await;
    let bo = World::copy(&world.bo);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    world.log.fail(confirms);
    let stopped = world.pdc.access(&call).await;
    assert!(matches!(stopped, Err(ref error) if error.retryable()), "{stopped:?}");
    assert_eq!(world.balance(&world.ada), 0);
    world.log.fail(|_| false);
    released(world.pdc.access(&call).await.unwrap());
    assert_eq!(world.balance(&world.ada), 1_980_000);
    assert_eq!(world.balance(&bo), STARTED - PRICE);
}

#[tokio::test]
async fn p5_what_can_not_be_handed_over_any_more_is_given_back_at_once() {
    let mut world = World::new(22).await;
    world.granted(None, PRICE).await;
    let (ada, bo) = (World::copy(&world.ada), World::copy(&world.bo));
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    world.release.broken.store(true, Ordering::Relaxed);
    assert!(matches!(world.pdc.access(&call).await, Err(AccessError::Release(_))));
    // The node may be back in a moment: the charge waits.
    assert_eq!(world.balance(&bo), STARTED - PRICE);

    let gone = BTreeSet::from([world.records[0]]);
    let plan = world.pdc.plan_shredding(world.dataset, Some(gone)).await.unwrap();
    let command = world.sign(&ada, what_to_shred(&plan));
    world.pdc.shred(&plan, &command).await.unwrap();
    world.release.broken.store(false, Ordering::Relaxed);
    assert!(matches!(world.pdc.access(&call).await, Err(AccessError::NotReleased(_))));
    assert_eq!(world.balance(&bo), STARTED);
    assert_eq!(world.balance(&ada), 0);
    assert!(matches!(world.pdc.access(&call).await, Err(AccessError::NotReleased(_))));
}

#[tokio::test]
async fn p5_a_charge_that_was_given_back_meanwhile_buys_nothing() {
    let mut world = World::new(23).await;
    world.granted(None, PRICE).await;
    let bo = World::copy(&world.bo);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let request = Signed::<AccessRequest>::parse(&call.request).unwrap().value.id;
    let failure = Operation::ReportFailure { requester: bo.id, request };
    let failure = world.sign(&world.node, failure);
    world.log.slip_in(confirms, failure);
    assert!(matches!(world.pdc.access(&call).await, Err(AccessError::NotReleased(_))));
    assert_eq!(world.balance(&bo), STARTED);
}

/// What ends a consent between the last look and the payout stops the release as well, and the money goes back.
#[tokio::test]
async fn p4_a_revocation_between_the_last_look_and_the_payout_stops_the_release() {
    for which in 0..3_u8 {
        let mut world = World::new(u64::from(which) + 24).await;
        let (grant, _) = world.granted(None, PRICE).await;
        let (ada, bo) = (World::copy(&world.ada), World::copy(&world.bo));
        let now = world.clock_now();
        let denial = Denial {
            dataset: None,
            party: Party::Member(bo.id),
            window: Window { from: now, until: now.plus_ms(HOUR) },
            even_in_emergency: false,
            detail: None,
        };
        let ending = match which {
            0 => Operation::Revoke { grant, reason: Reason::NoLongerWanted },
            1 => Operation::Deny { denial },
            _ => Operation::WithdrawDataset { dataset: world.dataset },
        };
        let ending = world.sign(&ada, ending);
        let (call, _) = world.call(&bo, Purpose::Treatment, None);
        world.log.slip_in(confirms, ending);
        let stopped = world.pdc.access(&call).await;
        assert_eq!(stopped.unwrap_err(), AccessError::NotReleased("the consent has ended since"));
        assert_eq!((world.balance(&bo), world.balance(&ada)), (STARTED, 0));
        assert!(matches!(world.pdc.access(&call).await, Err(AccessError::NotReleased(_))));
        assert_eq!(world.balance(&bo), STARTED);
    }
}

/// Of a use that was paid before, and of a free one, the last look is the one that counts.
#[tokio::test]
async fn p4_a_revocation_stops_a_retry_of_what_was_paid() {
    let mut world = World::new(27).await;
    let (grant, _) = world.granted(None, PRICE).await;
    let (ada, bo) = (World::copy(&world.ada), World::copy(&world.bo));
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    released(world.pdc.access(&call).await.unwrap());
    world.submit(&ada, Operation::Revoke { grant, reason: Reason::NoLongerWanted }).await;
    assert!(matches!(world.pdc.access(&call).await, Err(AccessError::NotReleased(_))));
    assert_eq!(world.balance(&bo), STARTED - PRICE);
}

#[tokio::test]
async fn of_several_that_are_settled_at_once_a_bad_one_stops_no_other() {
    let mut world = World::new(28).await;
    world.granted(None, PRICE).await;
    let bo = World::copy(&world.bo);
    let mut charged = Vec::new();
    for _ in 0..2 {
        let (call, _) = world.call(&bo, Purpose::Treatment, None);
        // The charge is taken; the payout is left open.
        world.log.fail(confirms);
        world.pdc.access(&call).await.unwrap_err();
        world.log.fail(|_| false);
        charged.push((bo.id, Signed::<AccessRequest>::parse(&call.request).unwrap().value.id));
    }
    let unknown = (bo.id, RequestId([9; 16]));
    let settled = world.pdc.settle(&[charged[0], unknown, charged[1]]).await;
    assert_eq!(settled.unwrap_err(), AccessError::Rejected(Rejection::UnknownDecision));
    for (requester, request) in charged {
        let charge = world.pdc.view(|view| view.state.decision(requester, request)?.charge);
        assert_eq!(charge.flatten().unwrap().status, ChargeStatus::Paid);
    }
    assert_eq!(world.balance(&world.ada), 2 * 1_980_000);
}
