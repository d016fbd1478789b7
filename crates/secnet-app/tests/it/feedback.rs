//! What is said of decisions: by whom, once, genuinely; and what becomes of it.

use secnet_app::ports::{Change, EntryKind, EntryName};
use secnet_app::*;
use secnet_types::*;

use crate::world::{Person, World, released};

/// Bo reads, with any number of uses granted; the decision.
async fn read(world: &mut World) -> DecisionId {
    let bo = World::copy(&world.bo);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    released(world.pdc.access(&call).await.unwrap()).granted.decision()
}

async fn granted(seed: u64) -> World {
    let mut world = World::new(seed).await;
    let detail = world.detail(None);
    let (grant, wraps) = world.grant(&detail, 0);
    let command = world.sign(&world.ada, Operation::Grant { grant: Grant { uses: None, ..grant } });
    let enclosures = Enclosures { detail: Some(detail), wraps: Some(wraps) };
    world.pdc.order(&command, enclosures).await.unwrap();
    world
}

fn statement(world: &World, who: &Person, decision: DecisionId, finding: Finding) -> Feedback {
    Feedback {
        network: world.pdc.network(),
        decision,
        dataset: world.dataset,
        author: who.id,
        finding,
        at: world.clock_now(),
        note: String::new(),
    }
}

async fn say(
    world: &World,
    who: &Person,
    decision: DecisionId,
    finding: Finding,
) -> Result<(), FeedbackError> {
    let said = Signed::sign(statement(world, who, decision, finding), who.key.as_ref());
    world.pdc.take_feedback(&[said], false).await
}

async fn known(world: &World, decision: DecisionId) -> Option<Judged> {
    let past = world.pdc.past(Timestamp(0)).await.unwrap();
    past.into_iter().find(|request| request.decision == decision).unwrap().known
}

#[tokio::test]
async fn what_the_owner_says_is_kept_and_counts_before_what_the_analyst_says() {
    let mut world = granted(60).await;
    let (first, second) = (read(&mut world).await, read(&mut world).await);
    assert_eq!(known(&world, first).await, None);
    say(&world, &world.node, first, Finding::Fine).await.unwrap();
    assert_eq!(known(&world, first).await, Some(Judged { misuse: false, by: Source::Analyst }));
    say(&world, &world.ada, first, Finding::Wrong).await.unwrap();
    let wrong = Some(Judged { misuse: true, by: Source::Owner });
    assert_eq!(known(&world, first).await, wrong);
    assert_eq!(known(&world, second).await, None);
    world.restart().await;
    assert_eq!(known(&world, first).await, wrong, "it is durable");
    // What was stopped and should not have been is wrong as well, but no misuse.
    let deny = Rule::new(
        RuleAction::Deny,
        vec![Condition::any_of(Feature::Purpose, &["treatment"]).unwrap()],
        RuleScope { dataset: Some(world.dataset), ..RuleScope::ALL },
        world.clock_now().plus_ms(1_000_000),
    );
    let deny = deny.unwrap();
    let name = EntryName::new(EntryKind::Rule, &[], &deny.id().0);
    let body = Change { name, value: Some(encode(&deny)) };
    world.pdc.archive.write(vec![body]).await.unwrap();
    let (rule, expires) = (deny.id(), deny.expires());
    let listing = RuleListing { rule, price: Amount::ZERO, evidence: Digest::ZERO, expires };
    world.submit(&world.node, Operation::PublishRule { listing }).await;
    let install = Operation::InstallRule { rule, until: expires, simulate: false };
    world.submit(&world.node, install).await;
    let bo = World::copy(&world.bo);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let Outcome::Denied(refusal) = world.pdc.access(&call).await.unwrap() else { panic!() };
    let denied = refusal.decision.unwrap();
    say(&world, &world.ada, denied, Finding::Wrong).await.unwrap();
    assert_eq!(known(&world, denied).await, Some(Judged { misuse: false, by: Source::Owner }));
    let past = world.pdc.past(Timestamp(0)).await.unwrap();
    assert_eq!(past.iter().filter(|request| request.meets(&deny)).count(), 3);
    assert_eq!(past.iter().filter(|request| request.unobjected()).count(), 1);
    // What policy refuses is no rule's business.
    let (call, _) = world.call(&bo, Purpose::Research, None);
    assert!(matches!(world.pdc.access(&call).await.unwrap(), Outcome::Denied(_)));
    assert_eq!(world.pdc.past(Timestamp(0)).await.unwrap().len(), 3);
}

#[tokio::test]
async fn the_answer_to_a_hold_says_what_it_was() {
    let mut world = granted(61).await;
    let bo = World::copy(&world.bo);
    let mut held = Vec::new();
    for _ in 0..80 {
        let (call, _) = world.call(&bo, Purpose::Treatment, None);
        if let Outcome::Held(refusal) = world.pdc.access(&call).await.unwrap() {
            held.push(refusal.decision.unwrap());
            if held.len() == 2 {
                break;
            }
        }
    }
    for (decision, answer, misuse) in
        [(held[0], HoldAnswer::Refuse, true), (held[1], HoldAnswer::Release, false)]
    {
        assert_eq!(known(&world, decision).await, None);
        world.submit(&world.ada, Operation::AnswerHold { decision, answer }).await;
        assert_eq!(known(&world, decision).await, Some(Judged { misuse, by: Source::Answer }));
    }
    // She may think again: it was right that the second one was held.
    say(&world, &world.ada, held[1], Finding::Fine).await.unwrap();
    let known = known(&world, held[1]).await;
    assert_eq!(known, Some(Judged { misuse: true, by: Source::Owner }));
}

#[tokio::test]
async fn p3_nobody_speaks_about_others_data_or_in_anothers_name() {
    let mut world = granted(62).await;
    let decision = read(&mut world).await;
    let nowhere = DecisionId([9; 16]);
    for (who, about) in [
        (&world.bo, decision),
        (&world.eve, decision),
        (&world.eve, nowhere),
        (&world.ada, nowhere),
        (&world.node, nowhere),
    ] {
        // The same answer, whether it exists or not.
        let said = say(&world, who, about, Finding::Fine).await;
        assert_eq!(said, Err(FeedbackError::Unknown(about)));
    }
    let unsigned = AccessError::Unauthenticated;
    for signer in [&world.eve.key, &world.bo.key] {
        let forged = statement(&world, &world.ada, decision, Finding::Fine);
        let forged = Signed::sign(forged, signer.as_ref());
        let taken = world.pdc.take_feedback(&[forged], false).await;
        assert_eq!(taken, Err(FeedbackError::Access(unsigned.clone())));
    }
    let genuine = statement(&world, &world.ada, decision, Finding::Fine);
    for (wrong, error) in [
        (Feedback { network: NetworkId([1; 32]), ..genuine.clone() }, "another network"),
        (Feedback { dataset: DatasetId([1; 16]), ..genuine.clone() }, "no decision"),
        (Feedback { note: "x".repeat(MAX_NOTE_BYTES + 1), ..genuine.clone() }, "too long"),
    ] {
        let wrong = Signed::sign(wrong, world.ada.key.as_ref());
        let taken = world.pdc.take_feedback(&[wrong], false).await.unwrap_err();
        assert!(taken.to_string().contains(error), "{taken}");
    }
    let signed = Signed::sign(genuine, world.ada.key.as_ref());
    let twice = world.pdc.take_feedback(&[signed.clone(), signed], false).await;
    assert!(matches!(twice, Err(FeedbackError::Malformed(_))));
    assert_eq!(known(&world, decision).await, None, "nothing of it was taken");
}

#[tokio::test]
async fn it_is_said_once_unless_it_is_changed_and_all_or_nothing_is_taken() {
    let mut world = granted(63).await;
    let (first, second) = (read(&mut world).await, read(&mut world).await);
    say(&world, &world.ada, first, Finding::Wrong).await.unwrap();
    let again = say(&world, &world.ada, first, Finding::Fine).await;
    assert_eq!(again, Err(FeedbackError::Already { decision: first, finding: Finding::Wrong }));
    let sign = |decision| {
        Signed::sign(statement(&world, &world.ada, decision, Finding::Fine), world.ada.key.as_ref())
    };
    let both = [sign(second), sign(first)];
    assert!(world.pdc.take_feedback(&both, false).await.is_err());
    assert_eq!(known(&world, second).await, None);
    world.pdc.take_feedback(&both, true).await.unwrap();
    for decision in [first, second] {
        let fine = Some(Judged { misuse: false, by: Source::Owner });
        assert_eq!(known(&world, decision).await, fine);
    }
}

#[tokio::test]
async fn p11_a_changed_statement_is_found_and_erasure_takes_it_along() {
    let mut world = granted(64).await;
    let decision = read(&mut world).await;
    say(&world, &world.ada, decision, Finding::Wrong).await.unwrap();
    let list = async |world: &World| {
        world.pdc.archive.list(EntryKind::Feedback, &world.dataset.0).await.unwrap()
    };
    let (name, bytes) = list(&world).await.remove(0);
    let archive = world.pdc.archive.as_ref();
    assert!(feedback_amiss(archive, &[world.dataset]).await.unwrap().is_empty());
    for at in [5, bytes.len() / 2, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let change = Change { name: name.clone(), value: Some(changed) };
        archive.write(vec![change]).await.unwrap();
        assert_eq!(feedback_amiss(archive, &[world.dataset]).await.unwrap().len(), 1, "{at}");
        assert!(matches!(world.pdc.past(Timestamp(0)).await, Err(AccessError::Damaged(_))));
    }
    archive.write(vec![Change { name, value: Some(bytes) }]).await.unwrap();
    let plan = world.pdc.plan_shredding(world.dataset, None).await.unwrap();
    let command = world.sign(&world.ada, what_to_shred(&plan));
    world.pdc.shred(&plan, &command).await.unwrap();
    assert!(list(&world).await.is_empty());
}

#[tokio::test]
async fn a_statement_that_its_author_has_changed_since_does_not_come_back() {
    let mut world = granted(64).await;
    let decision = read(&mut world).await;
    let first = statement(&world, &world.ada, decision, Finding::Wrong);
    let then = Feedback { finding: Finding::Fine, at: first.at.plus_ms(1), ..first.clone() };
    let [first, then] = [first, then].map(|said| Signed::sign(said, world.ada.key.as_ref()));
    world.pdc.take_feedback(std::slice::from_ref(&first), false).await.unwrap();
    world.pdc.take_feedback(&[then], true).await.unwrap();
    let again = world.pdc.take_feedback(&[first], true).await.unwrap_err();
    assert_eq!(again, FeedbackError::Older(decision));
    assert_eq!(known(&world, decision).await, Some(Judged { misuse: false, by: Source::Owner }));
}
