//! Guard, rules, faults and obligations, through the front door.

use std::sync::Arc;

use secnet_app::ports::{Change, EntryKind, EntryName};
use secnet_app::*;
use secnet_types::*;

use crate::world::{HOUR, World, released};

const MINUTE: u64 = 60_000;

/// Ada grants Bo any number of treatment uses at this price.
pub(crate) async fn granted_without_count(world: &mut World, price: u64) -> GrantId {
    let detail = world.detail(None);
    let (grant, wraps) = world.grant(&detail, price);
    let grant = Grant { uses: None, ..grant };
    let command = world.sign(&world.ada, Operation::Grant { grant });
    let enclosures = Enclosures { detail: Some(detail), wraps: Some(wraps) };
    world.pdc.order(&command, enclosures).await.unwrap();
    Pdc::grant_made_by(&command).unwrap()
}

pub(crate) async fn install(
    world: &World,
    action: RuleAction,
    condition: Condition,
    simulate: bool,
) -> Rule {
    let expires = world.clock_now().plus_ms(500 * HOUR);
    let rule = Rule::new(action, vec![condition], RuleScope::ALL, expires).unwrap();
    let name = EntryName::new(EntryKind::Rule, &[], &rule.id().0);
    world.pdc.archive.write(vec![Change { name, value: Some(encode(&rule)) }]).await.unwrap();
    let listing =
        RuleListing { rule: rule.id(), price: Amount::ZERO, evidence: Digest::ZERO, expires };
    world.submit(&world.node, Operation::PublishRule { listing }).await;
    let install = Operation::InstallRule { rule: rule.id(), until: expires, simulate };
    world.submit(&world.node, install).await;
    rule
}

pub(crate) async fn ask(world: &mut World, purpose: Purpose) -> Outcome {
    let bo = World::copy(&world.bo);
    let (call, _) = world.call(&bo, purpose, None);
    world.pdc.access(&call).await.unwrap()
}

/// What becomes of so many requests of Bo's for treatment that are made at once.
pub(crate) async fn at_once(world: &mut World, count: usize) -> Vec<Outcome> {
    let bo = World::copy(&world.bo);
    let calls: Vec<_> = (0..count).map(|_| world.call(&bo, Purpose::Treatment, None).0).collect();
    let asks = calls.into_iter().map(|call| {
        let pdc = Arc::clone(&world.pdc);
        tokio::spawn(async move { pdc.access(&call).await.unwrap() })
    });
    let asked: Vec<_> = asks.collect();
    let mut outcomes = Vec::with_capacity(count);
    for outcome in asked {
        outcomes.push(outcome.await.unwrap());
    }
    outcomes
}

async fn newest_facts(world: &World) -> FactsRecord {
    world.pdc.history(world.ada.id).await.unwrap().pop().unwrap().facts.unwrap()
}

#[tokio::test]
async fn a_burst_of_requests_at_once_is_stopped_by_the_guard() {
    let mut world = World::new(40).await;
    granted_without_count(&mut world, 0).await;
    let (mut allowed, mut by_guard) = (0, 0);
    for outcome in at_once(&mut world, 80).await {
        match outcome {
            Outcome::Released(_) => allowed += 1,
            Outcome::Held(refusal) | Outcome::Denied(refusal) => {
                assert_eq!(refusal.class, ReasonClass::Guard);
                by_guard += 1;
            }
            Outcome::Projected(_) | Outcome::NotVisible => panic!("Bo was granted whole records"),
        }
    }
    assert!(allowed <= 60 && by_guard >= 20, "{allowed} allowed, {by_guard} stopped");
}

#[tokio::test]
async fn a_burst_of_denials_makes_the_guard_refuse_what_policy_permits() {
    let mut world = World::new(41).await;
    granted_without_count(&mut world, 0).await;
    for _ in 0..19 {
        assert!(matches!(ask(&mut world, Purpose::Research).await, Outcome::Denied(_)));
        world.clock.advance(2 * MINUTE);
    }
    let Outcome::Denied(refusal) = ask(&mut world, Purpose::Treatment).await else { panic!() };
    assert_eq!(refusal.class, ReasonClass::Guard);
    refusal.receipt.verify(world.genesis()).unwrap();
    assert!(newest_facts(&world).await.reasons.iter().any(|r| r.contains("denials")));
}

#[tokio::test]
async fn probing_for_datasets_that_are_not_there_counts_against_the_requester() {
    let mut world = World::new(42).await;
    granted_without_count(&mut world, 0).await;
    let bo = World::copy(&world.bo);
    for n in 0..20 {
        let (call, _) = world.call_for(&bo, DatasetId([n; 16]), Purpose::Treatment, None);
        assert!(matches!(world.pdc.access(&call).await.unwrap(), Outcome::NotVisible));
    }
    let Outcome::Denied(refusal) = ask(&mut world, Purpose::Treatment).await else { panic!() };
    assert_eq!(refusal.class, ReasonClass::Guard);
}

#[tokio::test]
async fn what_the_guard_has_learnt_survives_a_crash() {
    let mut world = World::new(43).await;
    granted_without_count(&mut world, 0).await;
    for _ in 0..20 {
        ask(&mut world, Purpose::Research).await;
        world.clock.advance(2 * MINUTE);
    }
    // No clean end.
    world.restart().await;
    let Outcome::Denied(refusal) = ask(&mut world, Purpose::Treatment).await else { panic!() };
    assert_eq!(refusal.class, ReasonClass::Guard);
}

#[tokio::test]
async fn novelty_and_hour_are_seen_by_the_guard() {
    let mut world = World::new(44).await;
    granted_without_count(&mut world, 0).await;
    let novelty = |facts: &FactsRecord| {
        facts.reasons.iter().any(|reason| reason.contains(Feature::Novelty.phrase()))
    };
    released(ask(&mut world, Purpose::Treatment).await);
    assert!(novelty(&newest_facts(&world).await), "the first request is new");
    // Weeks of work in the same hour of day.
    for _ in 0..25 {
        world.clock.advance(24 * HOUR);
        let detail = world.detail(None);
        let (grant, wraps) = world.grant(&detail, 0);
        let command = world.sign(&world.ada, Operation::Grant { grant });
        let enclosures = Enclosures { detail: Some(detail), wraps: Some(wraps) };
        world.pdc.order(&command, enclosures).await.unwrap();
        released(ask(&mut world, Purpose::Treatment).await);
    }
    assert!(!novelty(&newest_facts(&world).await), "by now it is usual");
    world.clock.advance(12 * HOUR);
    ask(&mut world, Purpose::Treatment).await;
    let facts = newest_facts(&world).await;
    assert!(
        facts.reasons.iter().any(|reason| reason.contains(Feature::HourShare.phrase())),
        "{:?}",
        facts.reasons
    );
}

#[tokio::test]
async fn a_rule_on_the_price_goes_by_the_grant_and_not_by_what_the_requester_offers() {
    let mut world = World::new(45).await;
    granted_without_count(&mut world, 2_000_000).await;
    let dear = Condition::at_least(Feature::PriceMicros, 2_000_000).unwrap();
    install(&world, RuleAction::Hold, dear, false).await;
    let Outcome::Held(refusal) = ask(&mut world, Purpose::Treatment).await else { panic!() };
    assert_eq!(refusal.class, ReasonClass::Rule);

    // Offering more than the price does not make a use dear.
    let mut world = World::new(46).await;
    granted_without_count(&mut world, 1_000_000).await;
    let dear = Condition::at_least(Feature::PriceMicros, 2_000_000).unwrap();
    install(&world, RuleAction::Hold, dear, false).await;
    released(ask(&mut world, Purpose::Treatment).await);
}

#[tokio::test]
async fn a_rule_that_only_watches_stops_nothing_and_is_written_down() {
    let mut world = World::new(47).await;
    granted_without_count(&mut world, 0).await;
    let any = Condition::any_of(Feature::Purpose, &["treatment"]).unwrap();
    let rule = install(&world, RuleAction::Deny, any, true).await;
    released(ask(&mut world, Purpose::Treatment).await);
    let facts = newest_facts(&world).await;
    let id = rule.id().to_string();
    assert!(facts.watched.iter().any(|said| said.contains(&id) && said.contains("deny")));
    ask(&mut world, Purpose::Research).await;
    assert!(newest_facts(&world).await.watched.is_empty());
}

#[tokio::test]
async fn p1_a_rule_whose_body_is_lost_is_a_hold_that_the_owner_sees() {
    let mut world = World::new(48).await;
    granted_without_count(&mut world, 0).await;
    let any = Condition::any_of(Feature::Purpose, &["treatment"]).unwrap();
    let rule = install(&world, RuleAction::Flag, any, false).await;
    let name = EntryName::new(EntryKind::Rule, &[], &rule.id().0);
    let gone = Change { name: name.clone(), value: None };
    world.pdc.archive.write(vec![gone]).await.unwrap();
    let Outcome::Held(refusal) = ask(&mut world, Purpose::Treatment).await else { panic!() };
    assert_eq!(refusal.class, ReasonClass::Fault);
    refusal.receipt.verify(world.genesis()).unwrap();
    let facts = newest_facts(&world).await;
    assert!(facts.reasons[0].contains("missing"), "{:?}", facts.reasons);
    assert_eq!(world.pdc.inbox(world.ada.id).await.unwrap().holds.len(), 1);
    // Another rule's body is none either.
    let other = Rule::new(
        RuleAction::Flag,
        vec![Condition::any_of(Feature::Purpose, &["research"]).unwrap()],
        RuleScope::ALL,
        world.clock_now().plus_ms(HOUR),
    );
    let change = Change { name: name.clone(), value: Some(encode(&other.unwrap())) };
    world.pdc.archive.write(vec![change]).await.unwrap();
    assert!(matches!(ask(&mut world, Purpose::Treatment).await, Outcome::Held(_)));
    let change = Change { name, value: Some(encode(&rule)) };
    world.pdc.archive.write(vec![change]).await.unwrap();
    released(ask(&mut world, Purpose::Treatment).await);
}

#[tokio::test]
async fn p1_terms_that_are_lost_are_a_hold_and_a_stranger_learns_nothing_of_it() {
    let mut world = World::new(49).await;
    granted_without_count(&mut world, 0).await;
    let terms =
        world.pdc.view(|view| view.state.dataset(world.dataset).unwrap().terms.detail).unwrap();
    let name = EntryName::new(EntryKind::TermsDetail, &[], &terms.0);
    world.pdc.archive.write(vec![Change { name, value: None }]).await.unwrap();
    world.restart().await;
    let Outcome::Held(refusal) = ask(&mut world, Purpose::Treatment).await else { panic!() };
    assert_eq!(refusal.class, ReasonClass::Fault);
    let eve = World::copy(&world.eve);
    let (call, _) = world.call(&eve, Purpose::Treatment, None);
    assert!(matches!(world.pdc.access(&call).await.unwrap(), Outcome::NotVisible));
}

#[tokio::test]
async fn a_use_that_was_flagged_reaches_the_owner_until_she_puts_it_aside() {
    let mut world = World::new(50).await;
    granted_without_count(&mut world, 0).await;
    let any = Condition::any_of(Feature::Purpose, &["treatment"]).unwrap();
    install(&world, RuleAction::Flag, any, false).await;
    let delivery = released(ask(&mut world, Purpose::Treatment).await);
    let ada = world.ada.id;
    let notices = world.pdc.inbox(ada).await.unwrap().notices;
    assert_eq!(notices.len(), 1);
    assert_eq!(notices[0].decision, delivery.granted.decision());
    assert!(notices[0].reasons.iter().any(|reason| reason.contains("rule")));
    assert!(world.pdc.inbox(world.bo.id).await.unwrap().notices.is_empty());
    let (decision, eve) = (notices[0].decision, world.eve.id);
    world.pdc.put_aside(ada, eve, decision).await.unwrap();
    assert!(world.pdc.inbox(ada).await.unwrap().notices.is_empty());
    // Who did it stays with it; twice is once; and it can be undone.
    world.pdc.put_aside(ada, ada, decision).await.unwrap();
    let marks = |notices: &[Notice]| {
        let marks = notices[0].marks.clone().unwrap_or_default();
        marks.iter().map(|mark| (mark.by, mark.aside)).collect::<Vec<_>>()
    };
    let aside = world.pdc.notices_aside(ada).await.unwrap();
    assert_eq!(marks(&aside), [(eve, true)]);
    world.pdc.take_up(ada, ada, decision).await.unwrap();
    assert!(world.pdc.notices_aside(ada).await.unwrap().is_empty());
    let again = world.pdc.inbox(ada).await.unwrap().notices;
    assert_eq!((again.len(), marks(&again)), (1, vec![(eve, true), (ada, false)]));
    // Of what there is not nothing is made.
    world.pdc.take_up(world.bo.id, ada, decision).await.unwrap();
    assert!(world.pdc.inbox(world.bo.id).await.unwrap().notices.is_empty());
    // After its time nobody takes it up again.
    world.pdc.put_aside(ada, ada, decision).await.unwrap();
    world.clock.advance(ASIDE_MS);
    assert!(world.pdc.notices_aside(ada).await.unwrap().is_empty());
    world.pdc.put_aside(ada, ada, DecisionId([9; 16])).await.unwrap();
    world.pdc.take_up(ada, ada, decision).await.unwrap();
    assert!(world.pdc.inbox(ada).await.unwrap().notices.is_empty(), "it is gone");
}
