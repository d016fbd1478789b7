//! One owner, one requester, one stranger: every way that a request can go.

use std::collections::BTreeSet;

use secnet_app::*;
use secnet_ledger::Rejection;
use secnet_types::*;

use crate::world::{HOUR, World, released};

const ALL: Option<Labels> = Some(Labels::ALL);

#[tokio::test]
async fn a_granted_use_is_released_opened_paid_and_charged_once() {
    let mut world = World::new(1).await;
    let (_, detail) = world.granted(None, 2_000_000).await;
    let bo = World::copy(&world.bo);
    let (call, receiving) = world.call(&bo, Purpose::Treatment, None);
    let delivery = released(world.pdc.access(&call).await.unwrap());
    assert_eq!(delivery.price, Amount(2_000_000));
    delivery.receipt.verify(world.genesis()).unwrap();
    assert_eq!(world.open(&delivery, &receiving, &detail).await, ["result 0", "result 1"]);
    assert_eq!(world.balance(&bo), 48_000_000);

    // The same call again: the same decision, no second charge.
    let again = released(world.pdc.access(&call).await.unwrap());
    assert_eq!(again.granted.decision(), delivery.granted.decision());
    assert_eq!(world.open(&again, &receiving, &detail).await, ["result 0", "result 1"]);
    assert_eq!(world.balance(&bo), 48_000_000);

    assert_eq!(world.balance(&world.ada), 1_980_000);
    for person in [&world.ada, &world.bo] {
        let statement = world.pdc.statement(person.id).await.unwrap();
        assert_eq!(statement.balance.0, world.balance(person));
        assert_eq!(statement.lines.last().unwrap().balance, statement.balance);
    }
}

#[tokio::test]
async fn two_calls_at_once_with_one_request_id_are_one_use() {
    let mut world = World::new(2).await;
    let (_, detail) = world.granted(None, 2_000_000).await;
    let bo = World::copy(&world.bo);
    let (call, receiving) = world.call(&bo, Purpose::Treatment, None);
    let calls = (0..8).map(|_| {
        let (pdc, call) = (std::sync::Arc::clone(&world.pdc), call.clone());
        tokio::spawn(async move { pdc.access(&call).await })
    });
    let calls: Vec<_> = calls.collect();
    for one in calls {
        let delivery = released(one.await.unwrap().unwrap());
        assert_eq!(world.open(&delivery, &receiving, &detail).await, ["result 0", "result 1"]);
    }
    assert_eq!(world.balance(&bo), 48_000_000);
    let history = world.pdc.history(world.ada.id).await.unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].facts.as_ref().unwrap().released.len(), 2);
}

#[tokio::test]
async fn an_ask_is_answered_with_a_counter_offer_and_a_grant() {
    let mut world = World::new(3).await;
    let (ada, bo) = (World::copy(&world.ada), World::copy(&world.bo));
    let detail = world.detail(None);
    let now = world.clock_now();
    let ask = Ask {
        dataset: world.dataset,
        grantee: Party::Member(bo.id),
        price: Amount(500_000),
        uses: Some(2),
        window: Window { from: now, until: now.plus_ms(200 * HOUR) },
        deadline: now.plus_ms(20 * HOUR),
        detail: detail.commitment(),
    };
    let command = world.sign(&bo, Operation::OpenAsk { ask });
    let enclosures = Enclosures { detail: Some(detail.clone()), wraps: None };
    world.pdc.order(&command, enclosures).await.unwrap();
    let inbox = world.pdc.inbox(ada.id).await.unwrap();
    assert_eq!(inbox.asks[0].detail.as_ref(), Some(&detail));
    let id = inbox.asks[0].id;

    let window = Window { from: now, until: now.plus_ms(200 * HOUR) };
    let answer = Answer::Counter { price: Some(Amount(900_000)), uses: Some(2), window };
    world.submit(&ada, Operation::AnswerAsk { ask: id, answer }).await;
    let bargain = Bargain { price: Amount(900_000), uses: Some(2), window };
    world.submit(&bo, Operation::AcceptCounter { ask: id, bargain }).await;
    let (grant, wraps) = world.grant(&detail, 900_000);
    let answer = Answer::Approve(grant);
    let command = world.sign(&ada, Operation::AnswerAsk { ask: id, answer });
    let enclosures = Enclosures { detail: Some(detail.clone()), wraps: Some(wraps) };
    world.pdc.order(&command, enclosures).await.unwrap();
    let (call, receiving) = world.call(&bo, Purpose::Treatment, None);
    let delivery = released(world.pdc.access(&call).await.unwrap());
    assert_eq!(world.open(&delivery, &receiving, &detail).await, ["result 0", "result 1"]);
}

#[tokio::test]
async fn p4_a_revocation_stops_new_requests_retries_and_deliveries_under_way() {
    let mut world = World::new(4).await;
    let (grant, _) = world.granted(None, 0).await;
    let (ada, bo) = (World::copy(&world.ada), World::copy(&world.bo));
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let delivery = released(world.pdc.access(&call).await.unwrap());
    world.submit(&ada, Operation::Revoke { grant, reason: Reason::NoLongerWanted }).await;

    assert!(matches!(world.pdc.access(&call).await, Err(AccessError::NotReleased(_))));
    let record = delivery.records[0].0.id;
    let stopped = world.pdc.ciphertext(&delivery.granted, record).await;
    assert!(matches!(stopped, Err(AccessError::NotReleased(_))));
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let refused = world.pdc.access(&call).await.unwrap();
    assert!(!matches!(refused, Outcome::Released(_)), "{refused:?}");
}

#[tokio::test]
async fn a_denial_beats_a_grant_also_for_what_was_decided_before_it() {
    let mut world = World::new(5).await;
    world.granted(None, 0).await;
    let (ada, bo) = (World::copy(&world.ada), World::copy(&world.bo));
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    released(world.pdc.access(&call).await.unwrap());
    let now = world.clock_now();
    let denial = Denial {
        dataset: Some(world.dataset),
        party: Party::Member(bo.id),
        window: Window { from: now, until: now.plus_ms(HOUR) },
        even_in_emergency: false,
        detail: None,
    };
    world.submit(&ada, Operation::Deny { denial }).await;
    assert!(matches!(world.pdc.access(&call).await, Err(AccessError::NotReleased(_))));
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let Outcome::Denied(refusal) = world.pdc.access(&call).await.unwrap() else { panic!() };
    assert_eq!(refusal.class, ReasonClass::Consent);
    refusal.receipt.verify(world.genesis()).unwrap();
}

#[tokio::test]
async fn p8_a_stranger_cannot_tell_what_exists_from_what_does_not() {
    let mut world = World::new(6).await;
    let eve = World::copy(&world.eve);
    let nowhere = DatasetId([9; 16]);
    for expiry in [0, 60_000, 1000 * HOUR] {
        let mut answers = Vec::new();
        for dataset in [world.dataset, nowhere] {
            let (mut call, _) = world.call_for(&eve, dataset, Purpose::Treatment, None);
            let request: Signed<AccessRequest> = Signed::parse(&call.request).unwrap();
            let expires = world.clock_now().plus_ms(expiry);
            let request = AccessRequest { expires, ..request.value };
            call.request = Signed::sign(request, eve.key.as_ref()).to_bytes();
            answers.push(format!("{:?}", world.pdc.access(&call).await));
        }
        assert_eq!(answers[0], answers[1]);
    }
    // The owner sees the attempt.
    let history = world.pdc.history(world.ada.id).await.unwrap();
    assert!(history.iter().any(|attempt| attempt.requester == eve.id));
}

#[tokio::test]
async fn history_has_refusals_with_reasons_and_what_if_says_what_a_grant_would_change() {
    let mut world = World::new(7).await;
    world.granted(None, 0).await;
    let bo = World::copy(&world.bo);
    let (call, _) = world.call(&bo, Purpose::Research, None);
    assert!(matches!(world.pdc.access(&call).await.unwrap(), Outcome::Denied(_)));
    let history = world.pdc.history(world.ada.id).await.unwrap();
    let facts = history[0].facts.as_ref().unwrap();
    assert!(matches!(history[0].verdict, Verdict::Deny { .. }));
    assert!(!facts.reasons[0].is_empty());

    let mut detail = world.detail(None);
    detail.purposes.insert(Purpose::Research);
    let (grant, _) = world.grant(&detail, 0);
    let what_if = world.pdc.what_if(world.ada.id, &grant, &detail).await.unwrap();
    assert_eq!((what_if.would_allow.len(), what_if.records, what_if.of), (1, 2, 3));
}

async fn terms_detail(world: &World) -> TermsDetail {
    let terms = world.pdc.view(|view| view.state.dataset(world.dataset).unwrap().terms.detail);
    let name = ports::EntryName::new(ports::EntryKind::TermsDetail, &[], &terms.unwrap().0);
    let bytes = world.pdc.archive.get(&name).await.unwrap().unwrap();
    decode("detailed terms", &bytes, 64 * 1024).unwrap()
}

#[tokio::test]
async fn p3_nobody_brings_records_into_a_dataset_of_another() {
    let mut world = World::new(8).await;
    let (_, grant_detail) = world.granted(None, 0).await;
    let (eve, bo) = (World::copy(&world.eve), World::copy(&world.bo));
    let (terms, detail) = crate::world::terms_of(&mut world.rng, &world.clock);
    let meta = RecordMeta {
        id: RecordId([77; 16]),
        kind: "Observation".into(),
        category: Category::Laboratory,
        labels: Labels::NONE,
        period: None,
    };
    let nodes = [world.pdc.release.here()];
    let directory = world.keys.directory();
    let spec = secnet_lock::UploadSpec {
        dataset: world.dataset,
        owner: world.ada.id,
        compartments: &directory,
        release_nodes: &nodes,
        threshold: 1,
        suite: secnet_crypto::StreamSuite::ChaCha20Poly1305,
    };
    let content: &[u8] = b"smuggled";
    let sealed = secnet_lock::seal_upload(spec, [(&meta, content)], &mut world.rng).unwrap();
    let uploads = || vec![Upload { sealed: sealed.clone(), metas: vec![meta.clone()] }];
    let before = world.pdc.manifest_of(world.dataset).await.unwrap();
    let listed = before.with(world.salt(), &uploads());
    let update = |manifest| Operation::UpdateDataset {
        dataset: world.dataset,
        pdc: world.node.id,
        terms: terms.clone(),
        manifest,
    };
    let stated =
        Stated { terms: detail.clone(), manifest: Some(listed.clone()), hosting: Vec::new() };
    // Whoever was granted something knows of the dataset; a stranger is not even told that there is one.
    for (who, told) in [(&bo, Rejection::NotEntitled), (&eve, Rejection::UnknownDataset)] {
        let command = world.sign(who, update(listed.commitment()));
        let refused = world.pdc.take_in(uploads(), &stated, &command).await;
        assert_eq!(refused.unwrap_err(), AccessError::Rejected(told));
    }
    // Nor by a delegate, whose command leaves the list of records as it is.
    let window = Window { from: Timestamp(0), until: world.clock_now().plus_ms(3_600_000) };
    let delegation = Delegation { delegate: eve.id, powers: Powers::ALL, dataset: None, window };
    let ada = World::copy(&world.ada);
    world.submit(&ada, Operation::Delegate { delegation }).await;
    let current = world.pdc.view(|view| view.state.dataset(world.dataset).unwrap().terms.clone());
    let repriced = Operation::UpdateDataset {
        dataset: world.dataset,
        pdc: world.node.id,
        terms: Terms { price: Amount(7), ..current.unwrap() },
        manifest: before.commitment(),
    };
    let command = world.sign(&eve, repriced);
    let terms_now = terms_detail(&world).await;
    for manifest in [None, Some(before)] {
        let stated = Stated { terms: terms_now.clone(), manifest, hosting: Vec::new() };
        let refused = world.pdc.take_in(uploads(), &stated, &command).await;
        assert!(matches!(refused, Err(AccessError::Malformed(_))), "{refused:?}");
    }
    let (call, receiving) = world.call(&bo, Purpose::Treatment, None);
    let delivery = released(world.pdc.access(&call).await.unwrap());
    assert_eq!(world.open(&delivery, &receiving, &grant_detail).await, ["result 0", "result 1"]);
}

#[tokio::test]
async fn what_is_shredded_opens_for_nobody_and_only_that() {
    let mut world = World::new(9).await;
    let (_, detail) = world.granted(ALL, 0).await;
    let (ada, bo) = (World::copy(&world.ada), World::copy(&world.bo));
    let gone = world.records[0];
    let plan = world.pdc.plan_shredding(world.dataset, Some(BTreeSet::from([gone]))).await.unwrap();
    let command = world.sign(&ada, what_to_shred(&plan));

    // The command is public; with it, nobody destroys other records.
    let mut other = plan.clone();
    other.records = BTreeSet::from([world.records[1]]);
    assert!(matches!(world.pdc.shred(&other, &command).await, Err(AccessError::Malformed(_))));

    world.pdc.shred(&plan, &command).await.unwrap();
    let (call, receiving) = world.call(&bo, Purpose::Treatment, ALL);
    let delivery = released(world.pdc.access(&call).await.unwrap());
    assert_eq!(world.open(&delivery, &receiving, &detail).await, ["result 1", "result 2"]);

    let plan = world.pdc.plan_shredding(world.dataset, None).await.unwrap();
    assert!(plan.whole);
    let command = world.sign(&ada, what_to_shred(&plan));
    world.pdc.shred(&plan, &command).await.unwrap();
    assert!(!matches!(world.pdc.access(&call).await, Ok(Outcome::Released(_))));
}

/// A rule of the data centre's holds what is about mental health.
async fn hold_mental_health(world: &World) {
    use secnet_app::ports::{Change, EntryKind, EntryName};
    let labels = Condition::any_of(Feature::Labels, &["mental-health"]).unwrap();
    let expires = world.clock_now().plus_ms(500 * HOUR);
    let rule = Rule::new(RuleAction::Hold, vec![labels], RuleScope::ALL, expires).unwrap();
    let name = EntryName::new(EntryKind::Rule, &[], &rule.id().0);
    world.pdc.archive.write(vec![Change { name, value: Some(encode(&rule)) }]).await.unwrap();
    let listing =
        RuleListing { rule: rule.id(), price: Amount::ZERO, evidence: Digest::ZERO, expires };
    world.submit(&world.node, Operation::PublishRule { listing }).await;
    let install = Operation::InstallRule { rule: rule.id(), until: expires, simulate: false };
    world.submit(&world.node, install).await;
}

#[tokio::test]
async fn a_hold_waits_for_the_owner_and_is_released_or_refused_by_her_answer() {
    let mut world = World::new(10).await;
    hold_mental_health(&world).await;
    let (_, detail) = world.granted(ALL, 1_000_000).await;
    let (ada, bo) = (World::copy(&world.ada), World::copy(&world.bo));
    for answer in [HoldAnswer::Release, HoldAnswer::Refuse] {
        let (call, receiving) = world.call(&bo, Purpose::Treatment, ALL);
        assert!(matches!(world.pdc.access(&call).await.unwrap(), Outcome::Held(_)));
        assert!(matches!(world.pdc.access(&call).await.unwrap(), Outcome::Held(_)));
        let inbox = world.pdc.inbox(ada.id).await.unwrap();
        let hold = &inbox.holds[0];
        assert!(!hold.facts.as_ref().unwrap().reasons.is_empty());
        let decision = hold.decision;
        world.submit(&ada, Operation::AnswerHold { decision, answer }).await;
        match (answer, world.pdc.access(&call).await.unwrap()) {
            (HoldAnswer::Release, Outcome::Released(delivery)) => {
                let opened = world.open(&delivery, &receiving, &detail).await;
                assert_eq!(opened, ["result 0", "result 1", "result 2"]);
                released(world.pdc.access(&call).await.unwrap());
            }
            (HoldAnswer::Refuse, Outcome::Denied(_)) => {}
            (_, outcome) => panic!("{outcome:?}"),
        }
    }
    assert_eq!(world.balance(&bo), 49_000_000);
}
