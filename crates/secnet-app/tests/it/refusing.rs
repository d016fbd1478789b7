//! Refusals beyond a quota are counted, and committed before they are answered.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use futures::poll;
use secnet_app::ports::{EntryKind, SubmitError};
use secnet_app::*;
use secnet_types::*;

use crate::world::{Person, World, released};

fn counts(operation: &Operation) -> bool {
    matches!(operation, Operation::SummariseDenials { .. })
}

/// Bo asks for what he was not granted.
fn call(world: &mut World) -> AccessCall {
    let bo = World::copy(&world.bo);
    world.call(&bo, Purpose::Research, None).0
}

fn denied(outcome: Result<Outcome, AccessError>) -> Refusal {
    match outcome.unwrap() {
        Outcome::Denied(refusal) => *refusal,
        other => panic!("{other:?}"),
    }
}

async fn ask(world: &mut World) -> Refusal {
    let call = call(world);
    denied(world.pdc.access(&call).await)
}

fn summary_in(receipt: &Receipt) -> DenialSummary {
    match SignedCommand::parse(&receipt.command).unwrap().value.operation {
        Operation::SummariseDenials { summary } => summary,
        other => panic!("{other:?}"),
    }
}

async fn history(world: &World) -> HistoryPage {
    world.pdc.history_page(world.ada.id, None, 100).await.unwrap()
}

async fn granted_with_quota(seed: u64, recorded: u32, summaries: u32) -> World {
    let mut world = World::new(seed).await;
    world.granted(None, 0).await;
    world.restart_with_quota(recorded, summaries).await;
    world
}

#[tokio::test]
async fn beyond_the_quota_denials_are_counted_and_everything_else_is_decided_by_itself() {
    let mut world = granted_with_quota(110, 2, 9).await;
    for _ in 0..2 {
        let refusal = ask(&mut world).await;
        assert!(refusal.decision.is_some());
    }
    let third = call(&mut world);
    let refusal = denied(world.pdc.access(&third).await);
    assert_eq!((refusal.decision, refusal.class), (None, ReasonClass::Consent));
    assert!(!refusal.remedy.is_empty());
    refusal.receipt.verify(world.genesis()).unwrap();
    let summary = summary_in(&refusal.receipt);
    assert_eq!((summary.count, summary.requester), (1, world.bo.id));
    assert_eq!(summary.dataset, world.dataset);

    let bo = World::copy(&world.bo);
    let (allowed, _) = world.call(&bo, Purpose::Treatment, None);
    released(world.pdc.access(&allowed).await.unwrap());
    let page = history(&world).await;
    assert_eq!((page.attempts.len(), page.summaries.len()), (3, 1));
    let counted = &page.summaries[0];
    assert_eq!((counted.count, counted.requester), (1, world.bo.id));
    let record = counted.record.as_ref().unwrap();
    assert_eq!(record.classes, BTreeMap::from([(ReasonClass::Consent, 1)]));
    assert_eq!(record.commitment(), summary.requests);
    let request = Signed::<AccessRequest>::parse(&third.request).unwrap();
    assert!(record.requests.contains(&request.digest()));
    // It is no decision: the same request is decided anew.
    let again = denied(world.pdc.access(&third).await);
    assert_ne!(again.receipt, refusal.receipt);
    // Another window, another quota.
    world.clock.advance(QUOTA_WINDOW_MS);
    assert!(ask(&mut world).await.decision.is_some());
}

#[tokio::test]
async fn those_that_are_refused_while_a_count_is_committed_share_the_next() {
    let mut world = granted_with_quota(111, 0, 9).await;
    world.log.pauses.store(3, Ordering::Relaxed);
    let calls: Vec<AccessCall> = (0..10).map(|_| call(&mut world)).collect();
    let answers = futures::future::join_all(calls.iter().map(|call| world.pdc.access(call))).await;
    let summaries: Vec<DenialSummary> =
        answers.into_iter().map(|answer| summary_in(&denied(answer).receipt)).collect();
    assert_eq!(summaries[0].count, 1);
    assert!(summaries[1..].iter().all(|summary| summary.count == 9), "{summaries:?}");
    let counts: Vec<u32> = history(&world).await.summaries.iter().map(|s| s.count).collect();
    assert_eq!(counts, [1, 9]);
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_its_count_to_the_next() {
    let mut world = granted_with_quota(112, 0, 9).await;
    world.log.pauses.store(3, Ordering::Relaxed);
    let calls: Vec<AccessCall> = (0..3).map(|_| call(&mut world)).collect();
    let mut first = Box::pin(world.pdc.access(&calls[0]));
    let mut second = Box::pin(world.pdc.access(&calls[1]));
    let mut third = Box::pin(world.pdc.access(&calls[2]));
    assert!(poll!(&mut first).is_pending());
    // Both wait for the first, whose count is on its way.
    assert!(poll!(&mut second).is_pending());
    assert!(poll!(&mut third).is_pending());
    denied(first.await);
    // The second has its turn and sends the count of both; then nobody wants its answer any more.
    assert!(poll!(&mut second).is_pending());
    drop(second);
    let summary = summary_in(&denied(third.await).receipt);
    assert_eq!(summary.count, 2);
    let counts: Vec<u32> = history(&world).await.summaries.iter().map(|s| s.count).collect();
    assert_eq!(counts, [1, 2]);
}

#[tokio::test]
async fn when_the_summaries_are_used_up_as_well_a_refused_requester_has_to_wait() {
    let mut world = granted_with_quota(113, 1, 1).await;
    assert!(ask(&mut world).await.decision.is_some());
    assert!(ask(&mut world).await.decision.is_none());
    let early = call(&mut world);
    for _ in 0..2 {
        let busy = world.pdc.access(&early).await.unwrap_err();
        assert_eq!(busy, AccessError::Ledger(SubmitError::Busy));
        assert!(busy.retryable());
    }
    world.clock.advance(QUOTA_WINDOW_MS);
    assert!(ask(&mut world).await.decision.is_some());
    // What had to wait is counted with the next, once.
    let summary = summary_in(&ask(&mut world).await.receipt);
    assert_eq!(summary.count, 2);
    assert_eq!(summary.until.since_ms(summary.from), QUOTA_WINDOW_MS);
    assert_eq!(history(&world).await.summaries.len(), 2);
}

#[tokio::test]
async fn a_count_does_not_reach_back_beyond_the_life_of_a_request() {
    let mut world = granted_with_quota(117, 0, 1).await;
    assert_eq!(summary_in(&ask(&mut world).await.receipt).count, 1);
    let early = call(&mut world);
    assert!(world.pdc.access(&early).await.unwrap_err().retryable());
    world.clock.advance(limits::MAX_SUMMARY_MS + 1);
    let summary = summary_in(&ask(&mut world).await.receipt);
    assert_eq!((summary.count, summary.from), (1, summary.until));
}

#[tokio::test]
async fn p1_no_counted_refusal_is_answered_while_the_ledger_cannot_write() {
    let mut world = granted_with_quota(114, 0, 9).await;
    world.log.fail(counts);
    let refused = call(&mut world);
    let stopped = world.pdc.access(&refused).await;
    assert!(matches!(stopped, Err(ref error) if error.retryable()), "{stopped:?}");
    world.log.fail(|_| false);
    assert_eq!(summary_in(&denied(world.pdc.access(&refused).await).receipt).count, 1);
}

#[tokio::test]
async fn p8_a_stranger_gets_its_one_answer_beyond_every_quota() {
    let mut world = granted_with_quota(115, 1, 1).await;
    let eve: Person = World::copy(&world.eve);
    for _ in 0..4 {
        let (call, _) = world.call(&eve, Purpose::Treatment, None);
        assert!(matches!(world.pdc.access(&call).await, Ok(Outcome::NotVisible)));
    }
    let page = history(&world).await;
    assert_eq!((page.attempts.len(), page.summaries.len()), (1, 1));
}

#[tokio::test]
async fn what_the_ledger_refuses_is_counted_too_and_goes_with_the_whole_dataset() {
    let mut world = World::new(116).await;
    world.granted(None, 2_000_000).await;
    let (ada, bo) = (World::copy(&world.ada), World::copy(&world.bo));
    let all = Amount(world.balance(&bo));
    world.submit(&bo, Operation::Transfer { to: ada.id, amount: all }).await;
    world.restart_with_quota(0, 9).await;
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    assert_eq!(denied(world.pdc.access(&call).await).class, ReasonClass::Funds);
    let page = history(&world).await;
    let record = page.summaries[0].record.as_ref().unwrap();
    assert_eq!(record.classes, BTreeMap::from([(ReasonClass::Funds, 1)]));
    let plan = world.pdc.plan_shredding(world.dataset, None).await.unwrap();
    let command = world.sign(&ada, what_to_shred(&plan));
    world.pdc.shred(&plan, &command).await.unwrap();
    let kept = world.pdc.archive.list(EntryKind::DenialSummary, &world.dataset.0).await.unwrap();
    assert!(kept.is_empty());
    assert!(history(&world).await.summaries[0].record.is_none());
}
