//! Datasets, asks, grants, denials and delegations.

use secnet_ledger::{AskStatus, DatasetStatus};
use secnet_types::*;

use crate::support::*;

#[test]
pub(crate) fn terms_must_hold_together() {
    let mut w = World::new();
    let register = |w: &World, pdc: &str, change: &dyn Fn(&mut Terms)| {
        let mut terms = w.terms(UNIT);
        change(&mut terms);
        Operation::RegisterDataset { pdc: id(pdc), terms, manifest: digest(2) }
    };
    let share = |who: &str, points| Beneficiary {
        member: id(who),
        share: BasisPoints::new(points).unwrap(),
    };
    let cases: [(&str, &dyn Fn(&mut Terms), &str); 9] = [
        ("bo", &|_| (), "wrong-kind"),
        ("nobody", &|_| (), "unknown-member"),
        ("pdc", &|t| t.expires = Timestamp(START), "bad-terms"),
        ("pdc", &|t| t.max_uses = Some(0), "bad-terms"),
        ("pdc", &|t| t.beneficiaries = vec![share("bo", 1), share("bo", 1)], "bad-terms"),
        ("pdc", &|t| t.beneficiaries = vec![share("bo", 9_999), share("cy", 2)], "bad-terms"),
        ("pdc", &|t| t.beneficiaries = vec![share("bo", 10_000), share("cy", 10_000)], "bad-terms"),
        ("pdc", &|t| t.beneficiaries = vec![share("nobody", 1)], "unknown-member"),
        ("pdc", &|t| t.beneficiaries = vec![share("bo", 1); 17], "too-many"),
    ];
    for (pdc, change, code) in cases {
        let operation = register(&w, pdc, change);
        w.refused("ada", operation, code);
    }
    let operation =
        register(&w, "pdc", &|t| t.beneficiaries = vec![share("bo", 9_999), share("cy", 1)]);
    w.ok("ada", operation);
}

#[test]
pub(crate) fn a_dataset_is_its_owners() {
    let (mut w, dataset) = World::furnished();
    let update = |w: &World, pdc: &str| Operation::UpdateDataset {
        dataset,
        pdc: id(pdc),
        terms: w.terms(2 * UNIT),
        manifest: digest(3),
    };
    let by_pdc = update(&w, "pdc");
    for who in ["eve", "pdc"] {
        w.refused(who, by_pdc.clone(), "not-entitled");
        w.refused(who, Operation::WithdrawDataset { dataset }, "not-entitled");
        w.refused(who, Operation::OfferDataset { dataset, to: Some(id(who)) }, "not-entitled");
    }
    w.ok("ada", by_pdc);
    let unknown = DatasetId([1; 16]);
    w.refused("ada", Operation::WithdrawDataset { dataset: unknown }, "unknown-dataset");
    w.refused("ada", Operation::OfferDataset { dataset, to: Some(id("ada")) }, "self-dealing");
    w.refused("ada", Operation::OfferDataset { dataset, to: Some(id("nobody")) }, "unknown-member");
    w.ok("ada", Operation::WithdrawDataset { dataset });
    let again = update(&w, "pdc");
    w.refused("ada", again, "dataset-not-active");
    w.refused("ada", Operation::WithdrawDataset { dataset }, "dataset-not-active");
    let grant = w.grant_of(dataset, "bo");
    w.refused("ada", Operation::Grant { grant }, "dataset-not-active");
    let ask = w.ask_of(dataset, "bo");
    w.refused("bo", Operation::OpenAsk { ask }, "dataset-not-active");
}

#[test]
pub(crate) fn a_transfer_of_ownership_ends_every_grant() {
    let (mut w, dataset) = World::furnished();
    let grant = w.granted(dataset, "bo");
    w.ok("bo", Operation::FundGrant { grant, amount: Amount(10 * UNIT) });
    let accept = |w: &World| Operation::AcceptDataset {
        dataset,
        pdc: id("pdc2"),
        terms: w.terms(UNIT),
        manifest: digest(3),
    };
    let early = accept(&w);
    w.refused("cy", early, "not-offered");
    w.ok("ada", Operation::OfferDataset { dataset, to: Some(id("cy")) });
    let by_other = accept(&w);
    w.refused("dan", by_other, "not-offered");
    w.ok("ada", Operation::OfferDataset { dataset, to: None });
    let taken_back = accept(&w);
    w.refused("cy", taken_back, "not-offered");
    w.ok("ada", Operation::OfferDataset { dataset, to: Some(id("cy")) });
    let now = accept(&w);
    w.ok("cy", now);
    assert_eq!(w.executor.state().dataset(dataset).unwrap().owner, id("cy"));
    let use_it = w.allowed("bo", dataset, grant);
    w.refused("pdc", use_it.clone(), "not-the-pdc");
    w.refused("pdc2", use_it, "grant-not-active");
    w.refused("bo", Operation::FundGrant { grant, amount: Amount(1) }, "grant-not-active");
    w.refused("ada", Operation::WithdrawDataset { dataset }, "not-entitled");
    let by_former = w.grant_of(dataset, "bo");
    w.refused("ada", Operation::Grant { grant: by_former }, "not-entitled");
    // The funder takes the escrow back.
    assert_eq!(w.balance("bo"), 990 * UNIT);
    w.ok("bo", Operation::Revoke { grant, reason: Reason::NoLongerWanted });
    assert_eq!(w.balance("bo"), 1000 * UNIT);
}

/// Who may grant for the former and the new owner alike could else bring a grant with the former's keys past a hand-over.
#[test]
pub(crate) fn a_grant_is_good_in_the_tenure_that_it_names_alone() {
    let (mut w, dataset) = World::furnished();
    for owner in ["ada", "cy"] {
        let powers = Powers::default().with(Power::Grant);
        let window = Window { from: w.now(), until: w.at(DAY) };
        let delegation = Delegation { delegate: id("dan"), powers, dataset: None, window };
        w.ok(owner, Operation::Delegate { delegation });
    }
    let before = w.grant_of(dataset, "bo");
    w.granted(dataset, "bo");
    w.ok("ada", Operation::OfferDataset { dataset, to: Some(id("cy")) });
    let terms = w.terms(UNIT);
    w.ok("cy", Operation::AcceptDataset { dataset, pdc: id("pdc2"), terms, manifest: digest(3) });
    for author in ["dan", "cy"] {
        w.refused(author, Operation::Grant { grant: before.clone() }, "other-tenure");
        let early = Grant { tenure: 2, ..before.clone() };
        w.refused(author, Operation::Grant { grant: early }, "other-tenure");
    }
    let now = w.grant_of(dataset, "bo");
    w.ok("dan", Operation::Grant { grant: now });
}

fn effects_of(block: &secnet_ledger::ExecutedBlock) -> Vec<Effect> {
    let event = |bytes: &Vec<u8>| decode::<Event>("event", bytes, limits::MAX_EVENT_BYTES).unwrap();
    block.events.iter().flat_map(|bytes| event(bytes).effects).collect()
}

/// Whom they were put to has no say any more; nobody waits for an answer that cannot come.
#[test]
pub(crate) fn asks_and_holds_lapse_when_a_dataset_changes_hands_or_is_gone() {
    for which in 0..3 {
        let (mut w, dataset) = World::furnished();
        let other = w.dataset("ada");
        let open = |w: &mut World, who: &str, dataset| {
            let ask = w.ask_of(dataset, who);
            AskId::derive(id(who), w.ok(who, Operation::OpenAsk { ask }))
        };
        let ask = open(&mut w, "bo", dataset);
        let countered = open(&mut w, "dan", dataset);
        let window = w.executor.state().ask(countered).unwrap().ask.window;
        let bargain = Bargain { price: Amount(UNIT), uses: None, window };
        let counter = Answer::Counter { price: Some(bargain.price), uses: None, window };
        w.ok("ada", Operation::AnswerAsk { ask: countered, answer: counter });
        let elsewhere = open(&mut w, "bo", other);
        let (held, request) = w.held("bo", dataset);
        w.ok("ada", Operation::AnswerHold { decision: held, answer: HoldAnswer::Release });
        let (waiting, _) = w.held("dan", dataset);
        let (held_elsewhere, _) = w.held("bo", other);
        w.ok("ada", Operation::OfferDataset { dataset, to: Some(id("cy")) });
        let terms = w.terms(UNIT);
        let (who, operation) = [
            (
                "cy",
                Operation::AcceptDataset { dataset, pdc: id("pdc2"), terms, manifest: digest(3) },
            ),
            ("ada", Operation::WithdrawDataset { dataset }),
            (
                "ada",
                Operation::RecordErasure {
                    dataset,
                    erased: vec![digest(1)],
                    last_backup_dies: Timestamp(START),
                    whole: true,
                },
            ),
        ][which]
            .clone();
        let command = w.command(who, operation);
        let told = effects_of(&w.block(vec![signed(who, command)]));
        for ask in [ask, countered] {
            assert!(told.contains(&Effect::AskLapsed { ask, dataset }), "{told:?}");
        }
        for decision in [held, waiting] {
            assert!(told.contains(&Effect::HoldLapsed { decision, dataset }), "{told:?}");
        }
        assert_eq!(told.len(), 5, "{told:?}");
        let state = w.executor.state();
        assert_eq!((state.asks_to(id("ada")).count(), state.asks_to(id("cy")).count()), (1, 0));
        // Neither the old owner nor the new one can be asked about them any more.
        w.refused("dan", Operation::AcceptCounter { ask: countered, bargain }, "unknown-ask");
        let refuse = |ask| Operation::AnswerAsk { ask, answer: Answer::Refuse(Reason::Unstated) };
        w.refused("ada", refuse(ask), "unknown-ask");
        w.refused("cy", refuse(ask), "unknown-ask");
        let release = |decision| Operation::AnswerHold { decision, answer: HoldAnswer::Release };
        w.refused("ada", release(waiting), "not-held");
        let deny = Verdict::Deny { reason: ReasonClass::Consent };
        let lifted = Decision { lifts: Some(held), ..w.decide(request, deny) };
        let pdc = if which == 0 { "pdc2" } else { "pdc" };
        w.refused(pdc, Operation::RecordDecision { decision: lifted }, "not-held");
        // What is on another dataset waits on.
        w.ok("ada", refuse(elsewhere));
        w.ok("ada", release(held_elsewhere));
        let reloaded = w.reloaded();
        assert_eq!(format!("{:?}", reloaded.state()), format!("{:?}", w.executor.state()));
    }
}

/// A full dataset can still change hands: what lapses fits into the event.
#[test]
pub(crate) fn so_many_asks_and_holds_wait_for_an_owner_at_most() {
    let (mut w, dataset) = World::furnished();
    let ask = w.ask_of(dataset, "bo");
    let asks: Vec<_> = (0..limits::MAX_OPEN_ASKS_ON_DATASET)
        .map(|_| w.ok("bo", Operation::OpenAsk { ask: ask.clone() }))
        .collect();
    w.refused("cy", Operation::OpenAsk { ask: w.ask_of(dataset, "cy") }, "dataset-busy");
    let first = AskId::derive(id("bo"), asks[0]);
    w.ok("ada", Operation::AnswerAsk { ask: first, answer: Answer::Refuse(Reason::Scope) });
    w.ok("bo", Operation::OpenAsk { ask });
    for _ in 0..limits::MAX_OPEN_HOLDS_ON_DATASET {
        w.held("bo", dataset);
    }
    let request = w.request("bo", dataset);
    let verdict = Verdict::Hold { reason: ReasonClass::Guard, answer_by: w.at(DAY) };
    let decision = w.decide(Signed::sign(request, &key("bo")), verdict);
    w.refused("pdc", Operation::RecordDecision { decision }, "dataset-busy");
    w.ok("ada", Operation::OfferDataset { dataset, to: Some(id("cy")) });
    let terms = w.terms(UNIT);
    w.ok("cy", Operation::AcceptDataset { dataset, pdc: id("pdc2"), terms, manifest: digest(3) });
}

#[test]
pub(crate) fn erasure_is_stated_once_for_the_whole() {
    let (mut w, dataset) = World::furnished();
    let grant = w.granted(dataset, "bo");
    let erase = |count, whole| Operation::RecordErasure {
        dataset,
        erased: vec![digest(1); count],
        last_backup_dies: Timestamp(START + 30 * DAY),
        whole,
    };
    w.refused("eve", erase(1, true), "not-entitled");
    w.refused("ada", erase(0, false), "too-many");
    w.refused("ada", erase(257, false), "too-many");
    w.ok("ada", erase(256, false));
    let still = w.allowed("bo", dataset, grant);
    w.ok("pdc", still);
    w.ok("ada", erase(1, true));
    assert_eq!(w.executor.state().dataset(dataset).unwrap().status, DatasetStatus::Erased);
    let gone = w.allowed("bo", dataset, grant);
    w.refused("pdc", gone, "dataset-not-active");
    w.refused("ada", erase(1, true), "dataset-not-active");
}

#[test]
pub(crate) fn windows_parties_and_counts_of_a_grant() {
    let (mut w, dataset) = World::furnished();
    let sound = w.grant_of(dataset, "bo");
    let now = w.now();
    let bare = |from: u64, until: u64| Window { from: Timestamp(from), until: Timestamp(until) };
    let cases: [(&dyn Fn(&mut Grant), &str); 10] = [
        (&|g| g.window = bare(START + 5, START + 5), "bad-window"),
        (&|g| g.window = bare(0, START), "bad-window"),
        (&|g| g.window.until = Timestamp::MAX, "bad-window"),
        (&|g| g.window.until = now.plus_ms(limits::MAX_GRANT_LIFETIME_MS + 100), "bad-window"),
        (&|g| g.window.from = now.plus_ms(401 * DAY), "bad-window"),
        (&|g| g.uses = Some(0), "bad-terms"),
        (&|g| g.grantee = Party::Member(id("nobody")), "unknown-member"),
        (&|g| g.grantee = Party::Group(GroupId([1; 16])), "unknown-group"),
        (&|g| g.grantee = Party::Organisation(id("bo")), "wrong-kind"),
        (&|g| g.emergency = true, "emergency-terms"),
    ];
    for (change, code) in cases {
        let mut grant = sound.clone();
        change(&mut grant);
        w.refused("ada", Operation::Grant { grant }, code);
    }
    let after_terms = Window { from: w.at(401 * DAY), until: w.at(402 * DAY) };
    let grant = Grant { window: after_terms, ..sound.clone() };
    w.refused("ada", Operation::Grant { grant }, "bad-terms");
    let grant = Grant { dataset: DatasetId([1; 16]), ..sound };
    w.refused("ada", Operation::Grant { grant }, "unknown-dataset");

    let terms = Terms { max_uses: Some(2), ..w.terms(UNIT) };
    let limited = w.dataset_with("ada", terms);
    for (uses, fits) in [(None, false), (Some(3), false), (Some(2), true)] {
        let grant = Grant { uses, ..w.grant_of(limited, "bo") };
        if fits {
            w.ok("ada", Operation::Grant { grant });
        } else {
            w.refused("ada", Operation::Grant { grant }, "bad-terms");
        }
    }
}

#[test]
pub(crate) fn a_grant_at_another_price_than_asked_is_refused() {
    let (mut w, dataset) = World::furnished();
    let ask_op = Operation::OpenAsk { ask: w.ask_of(dataset, "bo") };
    let ask = AskId::derive(id("bo"), w.ok("bo", ask_op));
    let sound = Grant { uses: Some(3), ..w.grant_of(dataset, "bo") };
    let window = w.executor.state().ask(ask).unwrap().ask.window;
    let sound = Grant { window, ..sound };
    let approve = |grant: Grant| Operation::AnswerAsk { ask, answer: Answer::Approve(grant) };
    for price in [0, UNIT - 1, UNIT + 1] {
        let grant = Grant { price: Amount(price), ..sound.clone() };
        w.refused("ada", approve(grant), "price-not-as-asked");
    }
    let cases: [&dyn Fn(&mut Grant); 7] = [
        &|g| g.uses = None,
        &|g| g.uses = Some(4),
        &|g| g.grantee = Party::Member(id("cy")),
        &|g| g.grantee = Party::Organisation(id("bo")),
        &|g| g.window.until = g.window.until.plus_ms(1),
        &|g| g.window.from = Timestamp(g.window.from.0 - 1),
        &|g| g.dataset = DatasetId([1; 16]),
    ];
    for change in cases {
        let mut grant = sound.clone();
        change(&mut grant);
        w.refused("ada", approve(grant), "grant-not-as-asked");
    }
    w.refused("eve", approve(sound.clone()), "not-entitled");
    w.refused("bo", approve(sound.clone()), "not-entitled");
    let fewer = Grant { uses: Some(1), ..sound.clone() };
    w.ok("ada", approve(fewer));
    w.refused("ada", approve(sound), "wrong-ask-state");
    w.refused("bo", Operation::WithdrawAsk { ask }, "wrong-ask-state");
}

#[test]
pub(crate) fn a_counter_offer_names_its_price_and_is_accepted_before_it_is_granted() {
    let (mut w, dataset) = World::furnished();
    let wish = w.ask_of(dataset, "bo");
    let ask = AskId::derive(id("bo"), w.ok("bo", Operation::OpenAsk { ask: wish.clone() }));
    let counter = |price: Option<u64>, uses| Operation::AnswerAsk {
        ask,
        answer: Answer::Counter { price: price.map(Amount), uses, window: wish.window },
    };
    w.refused("ada", counter(None, Some(1)), "counter-without-price");
    w.refused("ada", counter(Some(UNIT), Some(0)), "bad-terms");
    let bargain = Bargain { price: Amount(5 * UNIT), uses: Some(2), window: wish.window };
    let accept = Operation::AcceptCounter { ask, bargain };
    w.refused("bo", accept.clone(), "wrong-ask-state");
    w.ok("ada", counter(Some(5 * UNIT), Some(2)));
    let grant = |price: u64| Grant {
        price: Amount(price),
        uses: Some(2),
        window: wish.window,
        ..w_grant(dataset, wish.window)
    };
    let approve = |grant: Grant| Operation::AnswerAsk { ask, answer: Answer::Approve(grant) };
    w.refused("ada", approve(grant(5 * UNIT)), "wrong-ask-state");
    w.refused("eve", accept.clone(), "not-entitled");
    w.ok("bo", accept);
    w.refused("ada", approve(grant(UNIT)), "price-not-as-asked");
    let three = Grant { uses: Some(3), ..grant(5 * UNIT) };
    w.refused("ada", approve(three), "grant-not-as-asked");
    w.ok("ada", approve(grant(5 * UNIT)));
    let state = &w.executor.state().ask(ask).unwrap().status;
    assert!(matches!(state, AskStatus::Approved(_)));
}

/// The owner's second offer may be ordered before the answer to the first.
#[test]
pub(crate) fn nobody_is_bound_to_a_counter_offer_it_has_not_seen() {
    let (mut w, dataset) = World::furnished();
    let wish = w.ask_of(dataset, "bo");
    let ask = AskId::derive(id("bo"), w.ok("bo", Operation::OpenAsk { ask: wish.clone() }));
    let seen = Bargain { price: Amount(2 * UNIT), uses: Some(3), window: wish.window };
    let shorter = Window { until: Timestamp(wish.window.until.0 - 1), ..wish.window };
    let others = [
        Bargain { price: Amount(200 * UNIT), ..seen },
        Bargain { uses: Some(1), ..seen },
        Bargain { uses: None, ..seen },
        Bargain { window: shorter, ..seen },
    ];
    let counter = |b: Bargain| Operation::AnswerAsk {
        ask,
        answer: Answer::Counter { price: Some(b.price), uses: b.uses, window: b.window },
    };
    for other in others {
        w.ok("ada", counter(seen));
        w.ok("ada", counter(other));
        w.refused("bo", Operation::AcceptCounter { ask, bargain: seen }, "offer-changed");
    }
    w.ok("ada", counter(seen));
    w.ok("bo", Operation::AcceptCounter { ask, bargain: seen });
}

/// The last word was the owner's no: her earlier offer is no longer on the table.
#[test]
pub(crate) fn an_offer_is_gone_once_the_ask_is_refused() {
    let (mut w, dataset) = World::furnished();
    let wish = w.ask_of(dataset, "bo");
    let ask = AskId::derive(id("bo"), w.ok("bo", Operation::OpenAsk { ask: wish.clone() }));
    let bargain = Bargain { price: Amount(UNIT), uses: Some(2), window: wish.window };
    let Bargain { price, uses, window } = bargain;
    let answer = |answer| Operation::AnswerAsk { ask, answer };
    w.ok("ada", answer(Answer::Counter { price: Some(price), uses, window }));
    w.ok("ada", answer(Answer::Refuse(Reason::Unstated)));
    w.refused("bo", Operation::AcceptCounter { ask, bargain }, "wrong-ask-state");
}

fn w_grant(dataset: DatasetId, window: Window) -> Grant {
    Grant {
        dataset,
        grantee: Party::Member(id("bo")),
        window,
        uses: None,
        price: Amount(UNIT),
        emergency: false,
        detail: digest(3),
        wraps: digest(4),
        tenure: 0,
    }
}

#[test]
pub(crate) fn asks_are_for_oneself_and_have_deadlines() {
    let (mut w, dataset) = World::furnished();
    let sound = w.ask_of(dataset, "bo");
    let group = GroupId::derive(id("cy"), w.ok("cy", Operation::CreateGroup));
    let now = w.now();
    let cases: [(&dyn Fn(&mut Ask), &str); 7] = [
        (&|a| a.grantee = Party::Member(id("cy")), "not-entitled"),
        (&|a| a.grantee = Party::Group(group), "not-entitled"),
        (&|a| a.grantee = Party::Organisation(id("hospital-1")), "not-entitled"),
        (&|a| a.deadline = now, "bad-deadline"),
        (&|a| a.deadline = now.plus_ms(limits::MAX_ASK_LIFETIME_MS + 100), "bad-deadline"),
        (&|a| a.window.until = a.window.from, "bad-window"),
        (&|a| a.uses = Some(0), "bad-terms"),
    ];
    for (change, code) in cases {
        let mut ask = sound.clone();
        change(&mut ask);
        w.refused("bo", Operation::OpenAsk { ask }, code);
    }
    let open = Operation::OpenAsk { ask: Ask { grantee: Party::Group(group), ..sound.clone() } };
    w.ok("cy", open);
    let ask = AskId::derive(id("bo"), w.ok("bo", Operation::OpenAsk { ask: sound }));
    w.refused("cy", Operation::WithdrawAsk { ask }, "not-entitled");
    w.refused("bo", Operation::WithdrawAsk { ask: AskId([1; 16]) }, "unknown-ask");
    let refuse = Operation::AnswerAsk { ask, answer: Answer::Refuse(Reason::Purpose) };
    w.ok("ada", refuse.clone());
    w.refused("ada", refuse.clone(), "wrong-ask-state");
    w.wait(DAY);
    w.refused("ada", refuse, "unknown-ask");
    assert_eq!(w.executor.state().asks_by(id("cy")).count(), 0, "expired");
}

#[test]
pub(crate) fn either_side_ends_a_grant_and_nobody_else() {
    let (mut w, dataset) = World::furnished();
    let revoke = |grant| Operation::Revoke { grant, reason: Reason::Unstated };
    w.refused("ada", revoke(GrantId([1; 16])), "unknown-grant");
    for who in ["ada", "bo"] {
        let grant = w.granted(dataset, "bo");
        for stranger in ["eve", "pdc", "gov1", "hospital-1"] {
            w.refused(stranger, revoke(grant), "not-entitled");
        }
        w.ok(who, revoke(grant));
        w.refused("ada", revoke(grant), "grant-not-active");
    }
    // A group's grant by its admin, an organisation's by itself; not by those inside.
    let group = GroupId::derive(id("cy"), w.ok("cy", Operation::CreateGroup));
    w.ok("cy", Operation::ChangeGroup { group, add: vec![id("bo")], remove: vec![] });
    let grant = Grant { grantee: Party::Group(group), ..w.grant_of(dataset, "bo") };
    let grant = w.grant("ada", grant);
    w.refused("bo", revoke(grant), "not-entitled");
    w.ok("cy", revoke(grant));
    let vouch = vouch(&w, "hospital-1", "nurse");
    w.ok("hospital-1", vouch);
    let grantee = Party::Organisation(id("hospital-1"));
    let grant = Grant { grantee, ..w.grant_of(dataset, "bo") };
    let grant = w.grant("ada", grant);
    w.refused("nurse", revoke(grant), "not-entitled");
    w.refused("hospital-10", revoke(grant), "not-entitled");
    w.ok("hospital-1", revoke(grant));
}

/// A stranger's small change in the escrow once gave it the right to end the grant.
#[test]
pub(crate) fn money_does_not_buy_a_say_in_somebody_elses_grant() {
    let (mut w, dataset) = World::furnished();
    let grant = w.granted(dataset, "bo");
    w.refused("cy", Operation::FundGrant { grant, amount: Amount(1) }, "not-entitled");
    w.refused("cy", Operation::Revoke { grant, reason: Reason::Unstated }, "not-entitled");
    w.ok("bo", Operation::FundGrant { grant, amount: Amount(1) });
}

/// Identity is equality of ids: `hospital-1` is not `hospital-10`.
#[test]
pub(crate) fn hospital_1_is_not_hospital_10() {
    let (mut w, dataset) = World::furnished();
    for (n, name) in ["hospital-1", "hospital-10"].into_iter().enumerate() {
        let vouch = vouch(&w, name, &format!("staff-{n}"));
        w.ok(name, vouch);
    }
    let free = Grant { price: Amount::ZERO, ..w.grant_of(dataset, "bo") };
    let organisation =
        w.grant("ada", Grant { grantee: Party::Organisation(id("hospital-1")), ..free.clone() });
    let member = w.grant("ada", Grant { grantee: Party::Member(id("hospital-1")), ..free });
    let attempt = |w: &mut World, who: &str, grant| {
        let request = w.request(who, dataset);
        let verdict = w.allow(grant, 0);
        Operation::RecordDecision { decision: w.decide(Signed::sign(request, &key(who)), verdict) }
    };
    for (who, grant, fits) in [
        ("hospital-1", organisation, true),
        ("staff-0", organisation, true),
        ("hospital-10", organisation, false),
        ("staff-1", organisation, false),
        ("hospital-1", member, true),
        ("staff-0", member, false),
        ("hospital-10", member, false),
    ] {
        let operation = attempt(&mut w, who, grant);
        if fits {
            w.ok("pdc", operation);
        } else {
            w.refused("pdc", operation, "not-the-grantee");
        }
    }
}

#[test]
pub(crate) fn a_denial_beats_every_ordinary_grant() {
    let (mut w, dataset) = World::furnished();
    let other = w.dataset("ada");
    let group = GroupId::derive(id("cy"), w.ok("cy", Operation::CreateGroup));
    w.ok("cy", Operation::ChangeGroup { group, add: vec![id("bo")], remove: vec![] });
    let grant = w.granted(dataset, "bo");
    let on_other = w.granted(other, "bo");
    for (party, on) in [
        (Party::Member(id("bo")), Some(dataset)),
        (Party::Member(id("bo")), None),
        (Party::Group(group), Some(dataset)),
    ] {
        let denial = w.denial_of(on, party);
        w.refused("eve", Operation::LiftDenial { denial: DenialId([1; 16]) }, "unknown-denial");
        let denial = DenialId::derive(id("ada"), w.ok("ada", Operation::Deny { denial }));
        let attempt = w.allowed("bo", dataset, grant);
        w.refused("pdc", attempt, "denied");
        let attempt = w.allowed("bo", other, on_other);
        if on.is_none() {
            w.refused("pdc", attempt, "denied");
        } else {
            w.ok("pdc", attempt);
        }
        w.refused("bo", Operation::LiftDenial { denial }, "not-entitled");
        w.ok("ada", Operation::LiftDenial { denial });
        let attempt = w.allowed("bo", dataset, grant);
        w.ok("pdc", attempt);
    }
    // One with a detail is Cedar's to judge, one of somebody else's nobody's; one that begins later waits.
    let mut later = w.denial_of(Some(dataset), Party::Member(id("bo")));
    later.window.from = w.at(HOUR);
    let detailed = Denial { detail: Some(digest(1)), ..w.denial_of(None, Party::Member(id("bo"))) };
    w.ok("ada", Operation::Deny { denial: later });
    w.ok("ada", Operation::Deny { denial: detailed.clone() });
    w.ok("eve", Operation::Deny { denial: Denial { detail: None, ..detailed } });
    let attempt = w.allowed("bo", dataset, grant);
    w.ok("pdc", attempt);
    w.wait(HOUR);
    let attempt = w.allowed("bo", dataset, grant);
    w.refused("pdc", attempt, "denied");
}

#[test]
pub(crate) fn a_denial_is_the_owners_and_sound() {
    let (mut w, dataset) = World::furnished();
    let sound = w.denial_of(Some(dataset), Party::Member(id("bo")));
    w.refused("eve", Operation::Deny { denial: sound.clone() }, "not-entitled");
    let cases: [(&dyn Fn(&mut Denial), &str); 4] = [
        (&|d| d.window.until = d.window.from, "bad-window"),
        (&|d| d.window = Window { from: Timestamp(0), until: Timestamp(START) }, "bad-window"),
        (&|d| d.party = Party::Member(id("nobody")), "unknown-member"),
        (&|d| d.dataset = Some(DatasetId([1; 16])), "unknown-dataset"),
    ];
    for (change, code) in cases {
        let mut denial = sound.clone();
        change(&mut denial);
        w.refused("ada", Operation::Deny { denial }, code);
    }
    let commands: Vec<Vec<u8>> = (0..limits::MAX_DENIALS_OF_OWNER)
        .map(|_| {
            let command = w.command("ada", Operation::Deny { denial: sound.clone() });
            signed("ada", command)
        })
        .collect();
    w.block(commands);
    w.refused("ada", Operation::Deny { denial: sound }, "too-many-denials");
}

#[test]
pub(crate) fn a_delegate_does_what_it_may_where_and_while_it_may() {
    let (mut w, dataset) = World::furnished();
    let other = w.dataset("ada");
    let delegate = |w: &World, powers: &[Power], on| Operation::Delegate {
        delegation: Delegation {
            delegate: id("dan"),
            powers: powers.iter().copied().fold(Powers::default(), Powers::with),
            dataset: on,
            window: Window { from: w.now(), until: w.at(HOUR) },
        },
    };
    let grant_on = |w: &World, dataset| Operation::Grant { grant: w.grant_of(dataset, "bo") };
    let operation = delegate(&w, &[Power::Grant], Some(dataset));
    w.ok("ada", operation);
    let allowed = grant_on(&w, dataset);
    let grant = GrantId::derive(id("dan"), w.ok("dan", allowed.clone()));
    let elsewhere = grant_on(&w, other);
    w.refused("dan", elsewhere, "not-entitled");
    w.refused("dan", Operation::Revoke { grant, reason: Reason::Unstated }, "not-entitled");
    let reprice = |w: &World| {
        let terms = w.executor.state().dataset(dataset).unwrap().terms.clone();
        let terms = Terms { price: Amount(2 * UNIT), ..terms };
        Operation::UpdateDataset { dataset, pdc: id("pdc"), terms, manifest: digest(2) }
    };
    let price = reprice(&w);
    w.refused("dan", price, "not-entitled");
    w.refused("dan", Operation::WithdrawDataset { dataset }, "not-entitled");
    // Powers are not passed on, and ownership is never delegated.
    w.refused("dan", delegate_to_eve(dataset, &w), "not-entitled");
    w.refused("dan", Operation::OfferDataset { dataset, to: Some(id("dan")) }, "not-entitled");

    let operation = delegate(&w, &[Power::Revoke, Power::Price, Power::Erase], None);
    w.ok("ada", operation);
    w.ok("dan", Operation::Revoke { grant, reason: Reason::Misuse });
    let price = reprice(&w);
    w.ok("dan", price);
    let denial = w.denial_of(Some(other), Party::Member(id("bo")));
    let denial = DenialId::derive(id("dan"), w.ok("dan", Operation::Deny { denial }));
    w.refused("dan", Operation::LiftDenial { denial }, "not-entitled");
    w.ok("dan", Operation::WithdrawDataset { dataset: other });
    let end = Operation::EndDelegation { owner: id("ada"), delegate: id("dan"), dataset: None };
    w.refused("eve", end.clone(), "not-entitled");
    w.ok("dan", end.clone());
    w.refused("ada", end, "unknown-delegation");
    let hour = delegate(&w, &[Power::Grant], None);
    w.ok("ada", hour);
    w.ok("dan", allowed.clone());
    w.wait(HOUR);
    w.refused("dan", allowed, "not-entitled");
    let operation = delegate(&w, &[], None);
    w.refused("ada", operation, "too-many");
    let operation = delegate(&w, &[Power::Grant], None);
    w.refused("dan", operation.clone(), "self-dealing");
    // What belongs to somebody else by now is out of reach.
    w.ok("ada", operation);
    let command = Operation::OfferDataset { dataset, to: Some(id("cy")) };
    w.ok("ada", command);
    let terms = w.terms(UNIT);
    w.ok("cy", Operation::AcceptDataset { dataset, pdc: id("pdc"), terms, manifest: digest(2) });
    let grant = w.grant_of(dataset, "bo");
    w.refused("dan", Operation::Grant { grant }, "not-entitled");
}

/// P3: a delegate for prices who could name who is paid would take the owner's whole revenue.
#[test]
pub(crate) fn p3_a_delegate_for_prices_changes_the_price_alone() {
    let (mut w, dataset) = World::furnished();
    let delegation = Delegation {
        delegate: id("dan"),
        powers: Powers::default().with(Power::Price),
        dataset: None,
        window: Window { from: w.now(), until: w.at(HOUR) },
    };
    w.ok("ada", Operation::Delegate { delegation });
    let stated = w.executor.state().dataset(dataset).unwrap().clone();
    let to_dan = Beneficiary { member: id("dan"), share: BasisPoints::new(10_000).unwrap() };
    let changes: [&dyn Fn(&mut (MemberId, Terms, Digest)); 7] = [
        &|s| s.0 = id("pdc2"),
        &|s| s.1.level = ServiceLevel::Hosted,
        &|s| s.1.beneficiaries = vec![to_dan],
        &|s| s.1.expires = Timestamp::MAX,
        &|s| s.1.max_uses = Some(1),
        &|s| s.1.detail = digest(99),
        &|s| s.2 = digest(99),
    ];
    for change in changes {
        let mut statement = (stated.pdc, stated.terms.clone(), stated.manifest);
        statement.1.price = Amount(2 * UNIT);
        let update =
            |(pdc, terms, manifest)| Operation::UpdateDataset { dataset, pdc, terms, manifest };
        w.ok("dan", update(statement.clone()));
        change(&mut statement);
        w.refused("dan", update(statement.clone()), "not-entitled");
        w.ok("ada", update(statement));
        w.ok("ada", update((stated.pdc, stated.terms.clone(), stated.manifest)));
    }
}

fn delegate_to_eve(dataset: DatasetId, w: &World) -> Operation {
    let window = Window { from: w.now(), until: w.at(HOUR) };
    let delegation =
        Delegation { delegate: id("eve"), powers: Powers::ALL, dataset: Some(dataset), window };
    Operation::Delegate { delegation }
}

#[test]
pub(crate) fn the_grants_between_a_dataset_and_parties_are_found_from_either_side() {
    let mut w = World::new();
    let datasets = [w.dataset("ada"), w.dataset("ada")];
    // One side is the shorter list in turn: many grants on the first dataset, many to one member.
    for _ in 0..5 {
        w.granted(datasets[0], "bo");
        w.granted(datasets[1], "cy");
    }
    w.granted(datasets[0], "cy");
    let state = w.executor.state();
    for dataset in datasets {
        for names in [&["bo"][..], &["cy"], &["bo", "cy"], &["ada"]] {
            let parties: Vec<Party> = names.iter().map(|who| Party::Member(id(who))).collect();
            let found: Vec<GrantId> =
                state.grants_between(dataset, &parties).into_iter().map(|(id, _)| id).collect();
            let all = state.grants_on(dataset);
            let wanted: Vec<GrantId> = all
                .filter(|(_, grant)| parties.contains(&grant.grant.grantee))
                .map(|(id, _)| id)
                .collect();
            assert_eq!(found, wanted, "{names:?}");
        }
    }
}
