//! What the hospital says of who looks after whom: whose word counts, where it is seen, and that it opens nothing.

use secnet_app::ports::{Change, EntryKind, EntryName};
use secnet_app::*;
use secnet_guard::RelationFacts;
use secnet_guard::relations::{PatientFact, StaffFact};
use secnet_types::*;

use crate::world::{Person, World, released};

async fn granted(seed: u64) -> World {
    let mut world = World::new(seed).await;
    let detail = world.detail(None);
    let (grant, wraps) = world.grant(&detail, 0);
    let command = world.sign(&world.ada, Operation::Grant { grant: Grant { uses: None, ..grant } });
    let enclosures = Enclosures { detail: Some(detail), wraps: Some(wraps) };
    world.pdc.order(&command, enclosures).await.unwrap();
    world
}

/// Bo is a doctor, ada's records are a patient's, and nothing ties them.
fn facts(world: &World) -> RelationFacts {
    let (member, dataset) = (world.bo.id, world.dataset);
    RelationFacts {
        staff: vec![StaffFact { member, role: StaffRole::Doctor, unit: None, home: None }],
        patients: vec![PatientFact { dataset, home: None, prominent: false, staff: None }],
        ..RelationFacts::default()
    }
}

fn statement(world: &World, author: &Person, at: Timestamp) -> Signed<RelationsStatement> {
    let (network, facts) = (world.pdc.network(), facts(world));
    let said = RelationsStatement { network, author: author.id, at, facts };
    Signed::sign(said, author.key.as_ref())
}

async fn ask(world: &mut World, purpose: Purpose) -> Outcome {
    let bo = World::copy(&world.bo);
    let (call, _) = world.call(&bo, purpose, None);
    world.pdc.access(&call).await.unwrap()
}

async fn newest(world: &World) -> (DecisionId, FactsRecord, FeatureVector) {
    let attempt = world.pdc.history(world.ada.id).await.unwrap().pop().unwrap();
    let facts = attempt.facts.unwrap();
    let features = decode("features", &facts.features, 65_536).unwrap();
    (attempt.decision, facts, features)
}

#[tokio::test]
async fn what_is_said_is_a_feature_of_the_next_request_and_recorded_with_its_decision() {
    let mut world = granted(80).await;
    released(ask(&mut world, Purpose::Treatment).await);
    let (_, before, features) = newest(&world).await;
    assert_eq!((before.relations, features.value(Feature::Ties)), (None, None));

    let said = statement(&world, &world.node, world.clock_now());
    assert_eq!(world.pdc.take_relations(&said).await.unwrap(), (1, 1));
    released(ask(&mut world, Purpose::Treatment).await);
    let (decision, recorded, features) = newest(&world).await;
    assert_eq!(features.value(Feature::Ties), Some(&FeatureValue::Words(0)));
    assert_eq!(features.value(Feature::StaffRole), Some(&FeatureValue::Words(1)));
    assert!(recorded.relations.is_some());

    // After a restart they are still known, and what was done before is too.
    world.pdc.save_guard().await.unwrap();
    world.restart().await;
    assert_eq!(world.pdc.related(), (1, 1));
    released(ask(&mut world, Purpose::Treatment).await);
    let (_, again, features) = newest(&world).await;
    assert_eq!(again.relations, recorded.relations);
    assert_eq!(features.value(Feature::OwnUses), Some(&FeatureValue::Number(1)));

    // Other facts later change nothing of what was decided.
    let none =
        RelationsStatement { facts: RelationFacts::default(), at: world.clock_now(), ..said.value };
    world.pdc.take_relations(&Signed::sign(none, world.node.key.as_ref())).await.unwrap();
    let explained = world.pdc.explain_decision(decision).await.unwrap().unwrap();
    assert_eq!(explained.replayed.unwrap().explanation.verdict.outcome.as_str(), "allow");
    assert_eq!(explained.attempt.facts.unwrap(), recorded);
}

#[tokio::test]
async fn a_rule_about_ties_flags_or_holds_as_it_says() {
    let mut world = granted(81).await;
    let said = statement(&world, &world.node, world.clock_now());
    world.pdc.take_relations(&said).await.unwrap();
    let all: Vec<&str> = Tie::ALL.iter().map(|tie| tie.as_str()).collect();
    let untied = Condition::none_of(Feature::Ties, &all).unwrap();
    let expires = world.clock_now().plus_ms(1_000_000_000);
    for (action, held) in [(RuleAction::Flag, false), (RuleAction::Hold, true)] {
        let rule = Rule::new(action, vec![untied.clone()], RuleScope::ALL, expires).unwrap();
        let name = EntryName::new(EntryKind::Rule, &[], &rule.id().0);
        let change = Change { name, value: Some(encode(&rule)) };
        world.pdc.archive.write(vec![change]).await.unwrap();
        let (rule, price) = (rule.id(), Amount::ZERO);
        let listing = RuleListing { rule, price, evidence: Digest::ZERO, expires };
        world.submit(&world.node, Operation::PublishRule { listing }).await;
        let install = Operation::InstallRule { rule, until: expires, simulate: false };
        world.submit(&world.node, install).await;
        let outcome = ask(&mut world, Purpose::Treatment).await;
        assert_eq!(matches!(outcome, Outcome::Held(_)), held, "{action:?}");
    }
}

#[tokio::test]
async fn only_the_hospitals_own_word_counts_and_an_old_one_does_not_come_back() {
    let world = granted(82).await;
    let now = world.clock_now();
    let taken = async |said: Signed<RelationsStatement>| world.pdc.take_relations(&said).await;
    let by_ada = taken(statement(&world, &world.ada, now)).await.unwrap_err();
    assert_eq!(by_ada, RelationsFault::Access(AccessError::Unauthenticated));
    let own = statement(&world, &world.node, now).value;
    let forged = Signed::sign(own.clone(), world.ada.key.as_ref());
    assert!(taken(forged).await.is_err());
    let elsewhere = RelationsStatement { network: NetworkId([9; 32]), ..own.clone() };
    assert!(taken(Signed::sign(elsewhere, world.node.key.as_ref())).await.is_err());
    let mut twice = own.clone();
    twice.facts.staff.push(twice.facts.staff[0].clone());
    let refused = taken(Signed::sign(twice, world.node.key.as_ref())).await.unwrap_err();
    assert!(matches!(refused, RelationsFault::Facts(_)), "{refused}");
    assert_eq!(world.pdc.related(), (0, 0));

    taken(statement(&world, &world.node, now)).await.unwrap();
    let old = statement(&world, &world.node, Timestamp(now.0 - 1));
    assert_eq!(taken(old).await.unwrap_err(), RelationsFault::Older);
    taken(statement(&world, &world.node, now)).await.unwrap();
}

#[tokio::test]
async fn damage_is_found_and_not_taken_for_there_being_no_facts() {
    let world = granted(83).await;
    let archive = world.pdc.archive.as_ref();
    assert!(relations_amiss(archive).await.unwrap().is_empty());
    world.pdc.take_relations(&statement(&world, &world.node, world.clock_now())).await.unwrap();
    assert!(relations_amiss(archive).await.unwrap().is_empty());
    let name = EntryName::new(EntryKind::Relations, &[], &[]);
    let bytes = archive.get(&name).await.unwrap().unwrap();
    for at in [5, bytes.len() / 2, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        archive.write(vec![Change { name: name.clone(), value: Some(changed) }]).await.unwrap();
        assert_eq!(relations_amiss(archive).await.unwrap().len(), 1, "{at}");
    }
}
