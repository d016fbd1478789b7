//! Learnt models, through the front door: in force they hold and no more, watching they change nothing, what they said is
//! recorded and found again, and one that cannot be read is treated the same at every door.

use secnet_app::ports::{Change, EntryKind, EntryName};
use secnet_app::*;
use secnet_guard::Learnt;
use secnet_guard::learnt::{
    HeldBack, Input, LearntCard, LearntFrom, LearntParts, Next, Node, OwnPast, Tree,
};
use secnet_types::*;

use crate::world::{HOUR, Person, World, released};

/// Ada grants Bo, and Eve and herself too, any number of uses for these purposes.
async fn granted(seed: u64) -> World {
    let mut world = World::new(seed).await;
    grant(&mut world, Purpose::Treatment).await;
    world
}

async fn grant(world: &mut World, purpose: Purpose) {
    let purposes = [purpose].into();
    let detail = GrantDetail { purposes, ..world.detail(None) };
    let (grant, wraps) = world.grant(&detail, 0);
    let grant = Grant { uses: None, emergency: purpose == Purpose::Emergency, ..grant };
    let command = world.sign(&world.ada, Operation::Grant { grant });
    let enclosures = Enclosures { detail: Some(detail), wraps: Some(wraps) };
    world.pdc.order(&command, enclosures).await.unwrap();
}

/// A model that holds whoever asks more than `most` times in a minute.
fn model(world: &World, most: i64) -> Learnt {
    let mut ordinary = FeatureVector::new();
    ordinary.set(Feature::RequestsLastMinute, FeatureValue::Number(1)).unwrap();
    let zero = Timestamp(0);
    let (left, right) = (Next::Leaf(-1_000_000), Next::Leaf(1_000_000));
    let node = Node { input: 0, cut: most, absent_left: true, left, right };
    Learnt::new(LearntParts {
        inputs: vec![Input::Number(Feature::RequestsLastMinute)],
        ordinary,
        start: 0,
        trees: vec![Tree { nodes: vec![node] }],
        hold_at: 500_000,
        expires: world.clock_now().plus_ms(500 * HOUR),
        card: LearntCard {
            at: zero,
            from: LearntFrom {
                data: Digest::ZERO,
                requests: 60,
                misuse: 30,
                said_fine: 0,
                presumed_fine: 30,
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
            past: OwnPast { days: 30, requests: 0, would_hold: 0, objected_to: 0, requesters: 0 },
        },
    })
    .unwrap()
}

/// Put it in force, or let it watch.
async fn install(world: &World, model: &Learnt, unreadable: Unreadable, simulate: bool) {
    let expires = model.parts().expires;
    let standing = Standing { model: model.digest(), expires, unreadable };
    world.pdc.keep_model(model, &standing).await.unwrap();
    let (rule, evidence) = (listed_as(model.digest()), standing.digest());
    let listing = RuleListing { rule, price: Amount::ZERO, evidence, expires };
    world.submit(&world.node, Operation::PublishRule { listing }).await;
    let operation = Operation::InstallRule { rule, until: expires, simulate };
    world.submit(&world.node, operation).await;
}

async fn ask(world: &mut World, who: &Person, purpose: Purpose, door: Door) -> Outcome {
    let (call, _) = world.call(who, purpose, None);
    world.pdc.access(&AccessCall { door, ..call }).await.unwrap()
}

async fn by_bo(world: &mut World) -> Outcome {
    let bo = World::copy(&world.bo);
    ask(world, &bo, Purpose::Treatment, Door::InProcess).await
}

async fn newest(world: &World) -> (DecisionId, FactsRecord) {
    let attempt = world.pdc.history(world.ada.id).await.unwrap().pop().unwrap();
    (attempt.decision, attempt.facts.unwrap())
}

/// How much of what the ledger commits to is missing or something else.
async fn amiss(world: &World) -> usize {
    let kept = world.pdc.view(|view| must_be_kept(view.state, world.node.id)).unwrap();
    missing_of(world.pdc.archive.as_ref(), &kept).await.unwrap().len()
}

fn held(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Held(refusal) if refusal.class == ReasonClass::Guard)
}

async fn write(world: &World, kind: EntryKind, model: Digest, value: Option<Vec<u8>>) {
    let change = Change { name: EntryName::new(kind, &[], &model.0), value };
    world.pdc.archive.write(vec![change]).await.unwrap();
}

#[tokio::test]
async fn in_force_it_holds_is_named_and_found_again_after_it_is_taken_back() {
    let mut world = granted(81).await;
    let model = model(&world, 3);
    install(&world, &model, Unreadable::Hold, false).await;
    for _ in 0..3 {
        released(by_bo(&mut world).await);
    }
    assert!(held(&by_bo(&mut world).await));
    let (decision, facts) = newest(&world).await;
    let said = facts.learnt.as_ref().unwrap();
    let expected =
        LearntRecord { model: model.digest(), score: Some(1_000_000), holds: true, watches: false };
    assert_eq!(said, &[expected]);
    assert!(facts.reasons[0].contains(&model.digest().to_string()), "{:?}", facts.reasons);
    assert!(
        facts.reasons[1].contains("requests in the last minute is 4, ordinary is 1 (adds 2.00)")
    );
    // Another build of the same facts gives the same verdict, in force or not, here or taken back.
    for taken_back in [false, true] {
        if taken_back {
            let rule = listed_as(model.digest());
            world.submit(&world.node, Operation::RemoveRule { rule }).await;
            assert!(!held(&by_bo(&mut world).await));
            assert_eq!(newest(&world).await.1.learnt, None);
        }
        let explained = world.pdc.explain_decision(decision).await.unwrap().unwrap();
        let replayed = explained.replayed.unwrap();
        assert!(replayed.same_model, "the model of then");
        let said = &replayed.explanation;
        assert_eq!(said.verdict.outcome.as_str(), "hold");
        let reasons: Vec<String> = said.verdict.reasons.iter().map(ToString::to_string).collect();
        assert_eq!(reasons, facts.reasons, "word for word");
        assert_eq!(said.decisive.len(), 1);
        assert_eq!(said.decisive[0].to_string(), "requests in the last minute 3 instead of 4");
    }
    // Without its file what it said is still known.
    write(&world, EntryKind::LearntModel, model.digest(), None).await;
    let explained = world.pdc.explain_decision(decision).await.unwrap().unwrap();
    let replayed = explained.replayed.unwrap();
    assert!(!replayed.same_model);
    assert_eq!(replayed.explanation.verdict.outcome.as_str(), "hold");
}

#[tokio::test]
async fn what_it_holds_the_owner_can_release() {
    let mut world = granted(82).await;
    let model = model(&world, 1);
    install(&world, &model, Unreadable::Hold, false).await;
    released(by_bo(&mut world).await);
    let bo = World::copy(&world.bo);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let Outcome::Held(refusal) = world.pdc.access(&call).await.unwrap() else { panic!() };
    let decision = refusal.decision.unwrap();
    let answer = Operation::AnswerHold { decision, answer: HoldAnswer::Release };
    world.submit(&world.ada, answer).await;
    released(world.pdc.access(&call).await.unwrap());
    assert!(newest(&world).await.1.obligations.contains(&Obligation::Review));
}

#[tokio::test]
async fn watching_it_changes_nothing_and_is_recorded() {
    let mut world = granted(83).await;
    let model = model(&world, 3);
    install(&world, &model, Unreadable::Hold, true).await;
    for n in 1..=5 {
        released(by_bo(&mut world).await);
        let (_, facts) = newest(&world).await;
        let said = facts.learnt.as_ref().unwrap();
        assert_eq!((said.len(), said[0].holds, said[0].watches), (1, n > 3, true));
        assert_eq!(facts.watched.len(), usize::from(n > 3), "{:?}", facts.watched);
    }
    // One that only watches stops nobody by being lost.
    write(&world, EntryKind::LearntModel, model.digest(), None).await;
    world.restart().await;
    released(by_bo(&mut world).await);
}

#[tokio::test]
async fn emergencies_and_the_owner_herself_are_out_of_its_reach() {
    let mut world = granted(84).await;
    grant(&mut world, Purpose::Emergency).await;
    let model = model(&world, 1);
    install(&world, &model, Unreadable::Hold, false).await;
    released(by_bo(&mut world).await);
    assert!(held(&by_bo(&mut world).await));
    let bo = World::copy(&world.bo);
    released(ask(&mut world, &bo, Purpose::Emergency, Door::InProcess).await);
    let (_, facts) = newest(&world).await;
    assert!(facts.learnt.unwrap()[0].holds, "it would have, were it no emergency");
    assert!(facts.obligations.contains(&Obligation::Review), "{:?}", facts.obligations);
    // The owner, whatever policy says to her, is not asked about.
    let ada = World::copy(&world.ada);
    for _ in 0..2 {
        ask(&mut world, &ada, Purpose::Treatment, Door::InProcess).await;
        let (_, facts) = newest(&world).await;
        assert_eq!((facts.requester, facts.learnt), (world.ada.id, None));
    }
}

#[tokio::test]
async fn one_that_cannot_be_read_is_closed_or_open_as_was_set_and_the_same_at_every_door() {
    let doors = [Door::Cli, Door::Http, Door::AuthZen, Door::InProcess];
    for (seed, unreadable) in [(85, Unreadable::Hold), (86, Unreadable::Pass)] {
        let mut world = granted(seed).await;
        let bo = World::copy(&world.bo);
        let model = model(&world, 1000);
        install(&world, &model, unreadable, false).await;
        released(by_bo(&mut world).await);
        let mut damaged = model.to_bytes();
        damaged.truncate(40);
        for file in [None, Some(damaged), Some(Vec::new())] {
            write(&world, EntryKind::LearntModel, model.digest(), file).await;
            world.restart().await;
            for door in doors {
                let outcome = ask(&mut world, &bo, Purpose::Treatment, door).await;
                let (decision, facts) = newest(&world).await;
                let said = &facts.learnt.as_ref().unwrap()[0];
                assert_eq!((said.score, said.holds), (None, unreadable == Unreadable::Hold));
                match unreadable {
                    Unreadable::Hold => assert!(held(&outcome), "{door:?}"),
                    Unreadable::Pass => {
                        released(outcome);
                        assert!(facts.obligations.contains(&Obligation::NotifyOwner));
                    }
                }
                let told = facts.reasons.iter().any(|reason| reason.contains("cannot be read"));
                assert!(told, "{:?}", facts.reasons);
                let explained = world.pdc.explain_decision(decision).await.unwrap().unwrap();
                let replayed = explained.replayed.unwrap();
                assert!(replayed.same_model);
                let again = replayed.explanation.verdict.outcome.severity();
                assert_eq!(again > 0, unreadable == Unreadable::Hold);
            }
            // Policy decides all the same.
            let outcome = ask(&mut world, &bo, Purpose::Research, Door::Http).await;
            assert!(matches!(outcome, Outcome::Denied(r) if r.class != ReasonClass::Guard));
            world.clock.advance(HOUR);
        }
        // Repaired, it is asked again at once.
        write(&world, EntryKind::LearntModel, model.digest(), Some(model.to_bytes())).await;
        released(by_bo(&mut world).await);
        assert!(newest(&world).await.1.learnt.unwrap()[0].score.is_some());
    }
}

#[tokio::test]
async fn whoever_changes_the_archive_does_not_open_what_was_set_closed() {
    let mut world = granted(87).await;
    let model = model(&world, 1000);
    install(&world, &model, Unreadable::Hold, false).await;
    assert_eq!(amiss(&world).await, 0);
    write(&world, EntryKind::LearntModel, model.digest(), None).await;
    assert_eq!(amiss(&world).await, 1);
    let open = Standing {
        model: model.digest(),
        expires: model.parts().expires,
        unreadable: Unreadable::Pass,
    };
    write(&world, EntryKind::ModelStanding, model.digest(), Some(encode(&open))).await;
    assert_eq!(amiss(&world).await, 2);
    assert!(held(&by_bo(&mut world).await), "the ledger commits to another standing");
    // With neither left it is not known to be a model: what is missing is a hold too.
    write(&world, EntryKind::ModelStanding, model.digest(), None).await;
    assert!(matches!(by_bo(&mut world).await, Outcome::Held(r) if r.class == ReasonClass::Fault));
}

#[tokio::test]
async fn another_models_file_under_its_name_is_not_asked() {
    let mut world = granted(88).await;
    let (strict, lax) = (model(&world, 1), model(&world, 1000));
    install(&world, &strict, Unreadable::Hold, false).await;
    write(&world, EntryKind::LearntModel, strict.digest(), Some(lax.to_bytes())).await;
    assert!(held(&by_bo(&mut world).await));
    assert_eq!(newest(&world).await.1.learnt.unwrap()[0].score, None);
}
