//! What is said afterwards of a decision is what was decided, and what would have changed it would have.

use secnet_app::ports::{Change, EntryKind, EntryName};
use secnet_app::*;
use secnet_guard::{Model, PermittedUse};
use secnet_types::*;

use crate::world::World;

async fn granted(seed: u64) -> World {
    let mut world = World::new(seed).await;
    let detail = world.detail(None);
    let (grant, wraps) = world.grant(&detail, 0);
    let command = world.sign(&world.ada, Operation::Grant { grant: Grant { uses: None, ..grant } });
    let enclosures = Enclosures { detail: Some(detail), wraps: Some(wraps) };
    world.pdc.order(&command, enclosures).await.unwrap();
    world
}

async fn install(world: &World, rule: &Rule) {
    let name = EntryName::new(EntryKind::Rule, &[], &rule.id().0);
    world.pdc.archive.write(vec![Change { name, value: Some(encode(rule)) }]).await.unwrap();
    let (id, expires) = (rule.id(), rule.expires());
    let listing = RuleListing { rule: id, price: Amount::ZERO, evidence: Digest::ZERO, expires };
    world.submit(&world.node, Operation::PublishRule { listing }).await;
    let operation = Operation::InstallRule { rule: id, until: expires, simulate: false };
    world.submit(&world.node, operation).await;
}

/// Ask until it is stopped; the decision and how often it passed.
async fn stopped(world: &mut World) -> (DecisionId, usize) {
    let bo = World::copy(&world.bo);
    for passed in 0..80 {
        let (call, _) = world.call(&bo, Purpose::Treatment, None);
        if let Outcome::Held(refusal) = world.pdc.access(&call).await.unwrap() {
            return (refusal.decision.unwrap(), passed);
        }
    }
    panic!("80 requests at once were let through");
}

#[tokio::test]
async fn a_hold_is_replayed_and_each_change_that_is_named_would_have_let_it_pass() {
    let mut world = granted(65).await;
    let (decision, passed) = stopped(&mut world).await;
    assert!(passed > 10);
    let explained = world.pdc.explain_decision(decision).await.unwrap().unwrap();
    let replayed = explained.replayed.unwrap();
    assert!(replayed.same_model && replayed.same_rules);
    let said = &replayed.explanation;
    assert_eq!(said.verdict.outcome.as_str(), "hold");
    let facts = explained.attempt.facts.unwrap();
    let reasons: Vec<String> = said.verdict.reasons.iter().map(ToString::to_string).collect();
    assert_eq!(reasons, facts.reasons, "word for word");
    assert!(!said.decisive.is_empty());
    let features: FeatureVector = decode("features", &facts.features, 65_536).unwrap();
    for change in &said.decisive {
        let changed = features.with(change.feature, change.to.clone()).unwrap();
        let verdict = Model::default().vet(&PermittedUse::default(), &changed, &[]);
        assert_eq!(verdict.outcome.severity(), 0, "{change}");
    }
}

#[tokio::test]
async fn a_rule_that_stopped_it_is_named_also_when_it_is_not_in_force_any_more() {
    let mut world = granted(66).await;
    let condition = Condition::above(Feature::RequestsLastMinute, 3).unwrap();
    let expires = world.clock_now().plus_ms(1_000_000_000);
    let rule = Rule::new(RuleAction::Hold, vec![condition], RuleScope::ALL, expires).unwrap();
    install(&world, &rule).await;
    let (decision, passed) = stopped(&mut world).await;
    assert_eq!(passed, 3);
    world.submit(&world.node, Operation::RemoveRule { rule: rule.id() }).await;
    let explained = world.pdc.explain_decision(decision).await.unwrap().unwrap();
    let replayed = explained.replayed.unwrap();
    assert!(replayed.same_rules, "the one rule of then is the one that the reasons name");
    let said = &replayed.explanation;
    assert_eq!(said.verdict.outcome.as_str(), "hold");
    assert_eq!(said.rules, [rule.to_string()]);
    assert_eq!(said.decisive.len(), 1);
    assert_eq!(said.decisive[0].to_string(), "requests in the last minute 3 instead of 4");
}

#[tokio::test]
async fn what_policy_refused_is_no_say_of_the_guard_and_nothing_is_not_explained() {
    let mut world = granted(67).await;
    let bo = World::copy(&world.bo);
    let (call, _) = world.call(&bo, Purpose::Research, None);
    let Outcome::Denied(refusal) = world.pdc.access(&call).await.unwrap() else { panic!() };
    let explained = world.pdc.explain_decision(refusal.decision.unwrap()).await.unwrap().unwrap();
    assert!(explained.replayed.is_none() && explained.attempt.facts.is_some());
    assert!(world.pdc.explain_decision(DecisionId([7; 16])).await.unwrap().is_none());
}

#[tokio::test]
async fn every_decision_is_judged_again_bit_for_bit_and_a_changed_one_is_not() {
    let mut world = granted(68).await;
    let (held, _) = stopped(&mut world).await;
    let all = world.pdc.repeat_since(Timestamp(0)).await.unwrap();
    assert!(all.len() > 10 && all.iter().all(|one| one.again == Again::Equal), "{all:?}");
    assert!(all.iter().any(|one| one.decision == held));
    assert_eq!(world.pdc.repeat(held).await.unwrap().unwrap().again, Again::Equal);
    assert!(world.pdc.repeat(DecisionId([7; 16])).await.unwrap().is_none());

    // What is kept of one is not what was committed to, and would have been judged otherwise.
    let name = EntryName::new(EntryKind::Facts, &world.dataset.0, &held.0);
    let bytes = world.pdc.archive.get(&name).await.unwrap().unwrap();
    let facts: FactsRecord = decode("facts", &bytes, 1024 * 1024).unwrap();
    let features: FeatureVector = decode("features", &facts.features, 65_536).unwrap();
    let calm = features.with(Feature::ExcessLastMinute, FeatureValue::Number(0)).unwrap();
    let changed = FactsRecord { features: encode(&calm), ..facts.clone() };
    let write = async |value: Option<Vec<u8>>| {
        let change = Change { name: name.clone(), value };
        world.pdc.archive.write(vec![change]).await.unwrap();
        world.pdc.repeat(held).await.unwrap().unwrap().again
    };
    let again = write(Some(encode(&changed))).await;
    let Again::Differs(what) = again else { panic!("{again:?}") };
    assert!(what.contains(&"facts") && what.contains(&"score"), "{what:?}");
    assert_eq!(write(None).await, Again::Erased);

    // Other rules than then: nothing follows.
    write(Some(bytes)).await;
    let condition = Condition::above(Feature::RecordsRequested, 1_000).unwrap();
    let expires = world.clock_now().plus_ms(1_000_000_000);
    let rule = Rule::new(RuleAction::Flag, vec![condition], RuleScope::ALL, expires).unwrap();
    install(&world, &rule).await;
    assert_eq!(
        world.pdc.repeat(held).await.unwrap().unwrap().again,
        Again::Equal,
        "no rules are the same as none that its reasons name"
    );
}
