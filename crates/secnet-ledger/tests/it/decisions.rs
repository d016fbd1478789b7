//! Decisions, holds, emergencies, collection.

use secnet_ledger::{Outcome, Rejection};
use secnet_types::*;

use crate::support::*;

fn record(decision: Decision) -> Operation {
    Operation::RecordDecision { decision }
}

#[test]
pub(crate) fn an_allow_is_judged_by_the_ledger_itself() {
    let (mut w, dataset) = World::furnished();
    let other = w.dataset("ada");
    let grant = w.granted(dataset, "bo");
    let elsewhere = w.granted(other, "bo");
    let now = w.now();
    let later = Grant {
        window: Window { from: w.at(HOUR), until: w.at(DAY) },
        ..w.grant_of(dataset, "bo")
    };
    let later = w.grant("ada", later);

    let request = w.request("bo", dataset);
    let sound = w.decide(Signed::sign(request.clone(), &key("bo")), w.allow(grant, UNIT));
    w.refused("pdc2", record(sound.clone()), "not-the-pdc");
    w.refused("ada", record(sound.clone()), "not-the-pdc");

    let mut of_request = |change: &dyn Fn(&mut AccessRequest), who: &str, code: &str| {
        let mut request = request.clone();
        change(&mut request);
        let decision = Decision { request: Signed::sign(request, &key(who)), ..sound.clone() };
        w.refused("pdc", record(decision), code);
    };
    of_request(&|r| r.network = NetworkId([1; 32]), "bo", "wrong-network");
    of_request(&|r| r.dataset = DatasetId([1; 16]), "bo", "unknown-dataset");
    of_request(&|r| r.dataset = other, "bo", "grant-not-active");
    of_request(&|_| (), "eve", "request-mismatch");
    of_request(&|r| r.requester = id("cy"), "bo", "request-mismatch");
    of_request(&|r| r.requester = id("cy"), "cy", "not-the-grantee");
    of_request(&|r| r.requester = id("nobody"), "nobody", "unknown-member");
    of_request(&|r| r.expires = now, "bo", "request-expired");
    of_request(&|r| r.expires = now.plus_ms(2 * HOUR), "bo", "bad-deadline");
    of_request(&|r| r.max_price = Amount(UNIT - 1), "bo", "above-max-price");

    let mut of_verdict = |verdict: Verdict, code: &str| {
        w.refused("pdc", record(Decision { verdict, ..sound.clone() }), code);
    };
    let allow = |grant, price, records, collect_by| Verdict::Allow {
        grant,
        price: Amount(price),
        scope: digest(7),
        records,
        collect_by,
    };
    let soon = now.plus_ms(HOUR);
    of_verdict(allow(GrantId([1; 16]), UNIT, 1, soon), "unknown-grant");
    of_verdict(allow(elsewhere, UNIT, 1, soon), "grant-not-active");
    of_verdict(allow(later, UNIT, 1, soon), "grant-not-active");
    of_verdict(allow(grant, UNIT, 0, soon), "nothing-released");
    of_verdict(allow(grant, UNIT - 1, 1, soon), "price-mismatch");
    of_verdict(allow(grant, UNIT + 1, 1, soon), "price-mismatch");
    of_verdict(allow(grant, UNIT, 1, now), "bad-deadline");
    of_verdict(allow(grant, UNIT, 1, now.plus_ms(25 * HOUR)), "bad-deadline");
    of_verdict(Verdict::Hold { reason: ReasonClass::Guard, answer_by: now }, "bad-deadline");
    let far = now.plus_ms(4 * DAY);
    of_verdict(Verdict::Hold { reason: ReasonClass::Guard, answer_by: far }, "bad-deadline");

    let lifts = Some(DecisionId([1; 16]));
    w.refused("pdc", record(Decision { lifts, ..sound.clone() }), "unknown-decision");
    w.ok("pdc", record(sound));
}

/// The facts of a decision are of a block before the one it is in.
#[test]
pub(crate) fn facts_are_of_the_past() {
    let (mut w, dataset) = World::furnished();
    let request = w.request("bo", dataset);
    let deny = Verdict::Deny { reason: ReasonClass::Consent };
    let decision = w.decide(Signed::sign(request, &key("bo")), deny);
    for ahead in [1, 2, u64::MAX - w.executor.height()] {
        // `refused` makes one block, whose height is one above the last.
        let height = w.executor.height().saturating_add(ahead);
        w.refused("pdc", record(Decision { height, ..decision.clone() }), "from-the-future");
    }
    let height = w.executor.height();
    w.ok("pdc", record(Decision { height, ..decision }));
}

#[test]
pub(crate) fn a_request_is_decided_once() {
    let (mut w, dataset) = World::furnished();
    let grant = w.granted(dataset, "bo");
    let request = w.request("bo", dataset);
    let signed_request = Signed::sign(request.clone(), &key("bo"));
    let decision = w.decide(signed_request, w.allow(grant, UNIT));
    w.ok("pdc", record(decision.clone()));
    w.refused("pdc", record(decision.clone()), "already-decided");
    let deny = Verdict::Deny { reason: ReasonClass::Rule };
    w.refused("pdc", record(Decision { verdict: deny, ..decision.clone() }), "already-decided");
    let other = AccessRequest { max_price: Amount(7), ..request };
    let other = Decision { request: Signed::sign(other, &key("bo")), ..decision.clone() };
    w.refused("pdc", record(other), "request-reused");
    assert_eq!(w.balance("bo"), 999 * UNIT, "charged once");
    w.wait(2 * HOUR);
    assert_eq!(w.balance("bo"), 1000 * UNIT, "not collected: refunded at the deadline");
    w.refused("pdc", record(decision), "request-expired");
}

#[test]
pub(crate) fn a_count_is_never_exceeded() {
    let (mut w, dataset) = World::furnished();
    let grant = Grant { uses: Some(2), ..w.grant_of(dataset, "bo") };
    let grant = w.grant("ada", grant);
    let commands: Vec<Vec<u8>> = (0..5)
        .map(|_| {
            let operation = w.allowed("bo", dataset, grant);
            let command = w.command("pdc", operation);
            signed("pdc", command)
        })
        .collect();
    let block = w.block(commands);
    assert_eq!(block.commands.len(), 2);
    assert_eq!(w.executor.state().grant(grant).unwrap().used, 2);
    let another = w.allowed("bo", dataset, grant);
    w.refused("pdc", another, "grant-used-up");
}

#[test]
pub(crate) fn only_the_owner_lifts_a_hold_and_then_it_is_decided_anew() {
    let (mut w, dataset) = World::furnished();
    let grant = w.granted(dataset, "bo");
    let (held, request) = w.held("bo", dataset);
    let anew = |w: &World, lifts| Decision {
        lifts: Some(lifts),
        ..w.decide(request.clone(), w.allow(grant, UNIT))
    };
    let early = anew(&w, held);
    w.refused("pdc", record(early.clone()), "not-held");
    w.refused("pdc", record(Decision { lifts: None, ..early }), "already-decided");
    let answer = |decision, answer| Operation::AnswerHold { decision, answer };
    w.refused("bo", answer(held, HoldAnswer::Release), "not-entitled");
    w.refused("pdc", answer(held, HoldAnswer::Release), "not-entitled");
    w.refused("ada", answer(DecisionId([1; 16]), HoldAnswer::Release), "unknown-decision");
    w.ok("ada", answer(held, HoldAnswer::Release));
    w.refused("ada", answer(held, HoldAnswer::Refuse), "not-held");
    let wrong = anew(&w, DecisionId([1; 16]));
    w.refused("pdc", record(wrong), "already-decided");
    let now = anew(&w, held);
    let allowed = DecisionId::derive(id("pdc"), w.ok("pdc", record(now)));
    w.refused("ada", answer(allowed, HoldAnswer::Release), "not-held");
    w.refused("ada", answer(held, HoldAnswer::Release), "unknown-decision");

    let (held, request) = w.held("bo", dataset);
    w.ok("ada", answer(held, HoldAnswer::Refuse));
    let verdict = w.allow(grant, UNIT);
    let refused = Decision { lifts: Some(held), ..w.decide(request, verdict) };
    w.refused("pdc", record(refused), "not-held");

    let (held, _) = w.held("bo", dataset);
    w.wait(DAY);
    w.refused("ada", answer(held, HoldAnswer::Release), "unknown-decision");
}

/// Command ids are forgotten after minutes, decisions live for a day: a PDC that draws an id twice must not make two
/// decisions of one id, or a restarted node would know another answer than a running one.
#[test]
pub(crate) fn a_decision_id_is_not_given_twice_while_the_first_lives() {
    let (mut w, dataset) = World::furnished();
    let (first, _) = w.held("bo", dataset);
    let key_of_first = w.executor.state().decided_request(first).unwrap();
    let command_id = {
        // The command that made it: find it by derivation.
        (0..u64::MAX)
            .map(|n| {
                let mut id = [0; 16];
                id[..8].copy_from_slice(&n.to_be_bytes());
                CommandId(id)
            })
            .find(|c| DecisionId::derive(id("pdc"), *c) == first)
            .unwrap()
    };
    w.wait(11 * MINUTE);
    let request = w.request("cy", dataset);
    let verdict = Verdict::Hold { reason: ReasonClass::Guard, answer_by: w.at(HOUR) };
    let decision = w.decide(Signed::sign(request, &key("cy")), verdict);
    let command = Command { id: command_id, ..w.command("pdc", record(decision)) };
    w.refuses(signed("pdc", command), "already-exists");
    assert_eq!(w.executor.state().decided_request(first), Some(key_of_first));
}

#[test]
pub(crate) fn an_emergency_grant_is_free_and_its_use_is_reviewed_by_another() {
    let (mut w, dataset) = World::furnished();
    let grant = Grant { emergency: true, price: Amount::ZERO, ..w.grant_of(dataset, "bo") };
    let grant = w.grant("ada", grant);
    let emergency = |w: &mut World| {
        let request = w.request("bo", dataset);
        let number = request.id;
        let verdict = w.allow(grant, 0);
        (number, w.decide(Signed::sign(request, &key("bo")), verdict))
    };
    let (request, decision) = emergency(&mut w);
    w.ok("pdc", record(decision.clone()));
    let review = |request, finding| Operation::ReviewEmergency {
        review: Review { requester: id("bo"), request, finding },
    };
    w.refused("bo", review(request, ReviewFinding::Justified), "not-entitled");
    w.refused("eve", review(request, ReviewFinding::Justified), "not-entitled");
    w.refused("ada", review(RequestId([1; 16]), ReviewFinding::Justified), "unknown-review");

    // Not even its user as the owner's delegate reviews it.
    let window = Window { from: w.now(), until: w.at(30 * DAY) };
    let delegation = Delegation { delegate: id("bo"), powers: Powers::ALL, dataset: None, window };
    w.ok("ada", Operation::Delegate { delegation });
    w.refused("bo", review(request, ReviewFinding::Justified), "not-entitled");

    // Nor does it disappear under a second use with the same request id.
    w.wait(2 * HOUR);
    assert!(w.executor.state().decision(id("bo"), request).is_none());
    let mut again = decision.request.value.clone();
    again.expires = w.at(30 * MINUTE);
    let verdict = w.allow(grant, 0);
    let again = w.decide(Signed::sign(again, &key("bo")), verdict);
    w.refused("pdc", record(again), "request-reused");
    w.wait(8 * DAY);
    assert!(w.executor.state().reviews_of(id("ada")).all(|(_, r)| r.overdue));
    w.ok("ada", review(request, ReviewFinding::Unjustified));
    w.refused("ada", review(request, ReviewFinding::Justified), "unknown-review");

    // An ordinary denial does not stop an emergency, one for emergencies too does.
    let denial = w.denial_of(Some(dataset), Party::Member(id("bo")));
    w.ok("ada", Operation::Deny { denial: denial.clone() });
    let (_, decision) = emergency(&mut w);
    w.ok("pdc", record(decision));
    w.ok("ada", Operation::Deny { denial: Denial { even_in_emergency: true, ..denial } });
    let (_, decision) = emergency(&mut w);
    w.refused("pdc", record(decision), "denied");
}

#[test]
pub(crate) fn denials_are_recorded_and_summarised() {
    let (mut w, dataset) = World::furnished();
    let request = w.request("eve", dataset);
    let deny = Verdict::Deny { reason: ReasonClass::Consent };
    let decision = w.decide(Signed::sign(request, &key("eve")), deny);
    w.ok("pdc", record(decision));
    let now = w.now();
    let sound = DenialSummary {
        requester: id("eve"),
        from: Timestamp(START),
        until: now,
        count: 100,
        requests: digest(1),
        dataset,
    };
    let summarise = |summary| Operation::SummariseDenials { summary };
    // Only the PDC of that dataset: another's word could blacken anybody.
    for stranger in ["ada", "pdc2", "eve"] {
        w.refused(stranger, summarise(sound.clone()), "not-the-pdc");
    }
    let cases: [(&dyn Fn(&mut DenialSummary), &str); 9] = [
        (&|s| s.dataset = DatasetId([1; 16]), "unknown-dataset"),
        (&|s| s.requester = id("nobody"), "unknown-member"),
        (&|s| s.count = 0, "too-many"),
        (&|s| s.count = limits::MAX_SUMMARISED + 1, "too-many"),
        (&|s| s.from = now.plus_ms(1), "bad-window"),
        (&|s| s.from = Timestamp(now.0 - limits::MAX_SUMMARY_MS - 1), "bad-window"),
        (&|s| s.until = now.plus_ms(limits::MAX_CLOCK_AHEAD_MS + 100), "bad-window"),
        (&|s| s.until = Timestamp::MAX, "bad-window"),
        (&|s| (s.from, s.until) = (Timestamp(0), Timestamp(START - DAY - 1)), "bad-window"),
    ];
    for (change, code) in cases {
        let mut summary = sound.clone();
        change(&mut summary);
        w.refused("pdc", summarise(summary), code);
    }
    let yesterday = Timestamp(START - DAY + MINUTE);
    w.ok("pdc", summarise(DenialSummary { from: yesterday, until: yesterday, ..sound.clone() }));
    w.ok("pdc", summarise(sound));
}

#[test]
pub(crate) fn what_was_charged_is_paid_or_given_back_exactly_once() {
    let (mut w, dataset) = World::furnished();
    let grant = w.granted(dataset, "bo");
    let first = w.used("bo", dataset, grant);
    let second = w.used("bo", dataset, grant);
    let confirm = |requests: &[RequestId]| Operation::ConfirmCollection {
        collected: requests.iter().map(|r| (id("bo"), *r)).collect(),
    };
    let report = |request| Operation::ReportFailure { requester: id("bo"), request };
    w.refused("pdc", confirm(&[]), "too-many");
    w.refused("pdc", confirm(&vec![first; 257]), "too-many");
    w.refused("pdc2", confirm(&[first]), "not-the-pdc");
    w.refused("bo", report(first), "not-the-pdc");
    // The second item is bad, so the first is not paid either.
    w.refused("pdc", confirm(&[first, RequestId([1; 16])]), "unknown-decision");
    w.refused("pdc", confirm(&[first, first]), "no-charge");
    w.ok("pdc", confirm(&[first]));
    w.refused("pdc", confirm(&[first]), "no-charge");
    w.refused("pdc", report(first), "no-charge");
    w.ok("pdc", report(second));
    w.refused("pdc", confirm(&[second]), "no-charge");
    assert_eq!(w.balance("bo"), 999 * UNIT);
    assert_eq!(w.balance("ada"), 1000 * UNIT + UNIT * 99 / 100);
    assert_eq!(w.executor.state().totals().treasury, Amount(UNIT / 100));
    w.wait(2 * HOUR);
    w.refused("pdc", report(second), "unknown-decision");
}

/// What was sold is split by the terms it was sold under, and the PDC that handed over says so, whatever the owner, a
/// new owner or a delegate changes between decision and payout.
#[test]
pub(crate) fn a_later_change_does_not_redirect_an_earlier_sale() {
    let (mut w, dataset) = World::furnished();
    let share =
        |who: &str| Beneficiary { member: id(who), share: BasisPoints::new(5_000).unwrap() };
    let update = |w: &World, pdc: &str, who: &str| Operation::UpdateDataset {
        dataset,
        pdc: id(pdc),
        terms: Terms { beneficiaries: vec![share(who)], ..w.terms(UNIT) },
        manifest: digest(2),
    };
    let operation = update(&w, "pdc", "dan");
    w.ok("ada", operation);
    let grant = w.granted(dataset, "bo");
    let requests = [(); 4].map(|()| w.used("bo", dataset, grant));
    let confirm = |request| Operation::ConfirmCollection { collected: vec![(id("bo"), request)] };

    let operation = update(&w, "pdc2", "eve");
    w.ok("ada", operation);
    w.ok("pdc", confirm(requests[0]));
    // Under the same owner the new PDC speaks for a lost one.
    w.ok("pdc2", confirm(requests[1]));
    assert_eq!((w.balance("eve"), w.balance("dan")), (0, 1000 * UNIT + 2 * UNIT * 99 / 200));

    w.ok("ada", Operation::OfferDataset { dataset, to: Some(id("cy")) });
    let terms = Terms { beneficiaries: vec![share("cy")], ..w.terms(UNIT) };
    w.ok("cy", Operation::AcceptDataset { dataset, pdc: id("pdc2"), terms, manifest: digest(2) });
    let failed = Operation::ReportFailure { requester: id("bo"), request: requests[2] };
    w.refused("pdc2", failed.clone(), "not-the-pdc");
    w.refused("pdc2", confirm(requests[2]), "not-the-pdc");
    // The transfer has ended the grant: what was sold and not handed over goes back.
    w.refused("pdc", confirm(requests[2]), "consent-ended");
    w.ok("pdc", failed);
    assert_eq!(w.balance("cy"), 1000 * UNIT);
    assert_eq!(w.balance("ada"), 1000 * UNIT + 2 * UNIT * 99 / 200);
    assert_eq!(w.balance("bo"), 1000 * UNIT - 3 * UNIT);
}

/// P4: a release is ordered like what ends a consent. Whatever ended it first, nothing is paid out, and within a block the
/// end wins whatever the order; the payer gets the charge back.
#[test]
pub(crate) fn p4_what_ends_a_consent_before_the_hand_over_stops_the_payout() {
    for which in 0..5 {
        for how in ["a block before", "first in its block", "last in its block"] {
            let (mut w, dataset) = World::furnished();
            let grant = w.granted(dataset, "bo");
            let request = w.used("bo", dataset, grant);
            let kept = w.granted(dataset, "cy");
            let other = w.used("cy", dataset, kept);
            let denial = w.denial_of(None, Party::Member(id("bo")));
            let (proposal, withdraw) =
                (w.proposal(Change::Suspend(id("bo"))), Operation::WithdrawDataset { dataset });
            let approvals = w.approvals(&proposal, &["gov1", "gov2"]);
            let (who, ending) = [
                ("ada", Operation::Revoke { grant, reason: Reason::Misuse }),
                ("bo", Operation::Revoke { grant, reason: Reason::NoLongerWanted }),
                ("ada", Operation::Deny { denial }),
                ("gov1", Operation::Govern { proposal, approvals }),
                ("ada", withdraw),
            ][which]
                .clone();
            let confirm = |keys: &[(&str, RequestId)]| Operation::ConfirmCollection {
                collected: keys.iter().map(|(who, request)| (id(who), *request)).collect(),
            };
            let ending = w.command(who, ending);
            let handed_over = w.command("pdc", confirm(&[("bo", request)]));
            let (ending, handed_over) = (signed(who, ending), signed("pdc", handed_over));
            let outcome = match how {
                "a block before" => {
                    w.block(vec![ending]);
                    w.block(vec![handed_over]).outcomes[0]
                }
                "first in its block" => w.block(vec![ending, handed_over]).outcomes[1],
                _ => w.block(vec![handed_over, ending]).outcomes[0],
            };
            assert_eq!(outcome, Outcome::Rejected(Rejection::ConsentEnded), "{which} {how}");
            assert_eq!(w.balance("ada"), 1000 * UNIT);
            // One statement of several is one transaction; without the bad one the good one is paid, if it still stands.
            let keys = [("bo", request), ("cy", other)];
            w.refused("pdc", confirm(&keys), "consent-ended");
            match which {
                4 => w.refused("pdc", confirm(&keys[1..]), "consent-ended"),
                _ => drop(w.ok("pdc", confirm(&keys[1..]))),
            }
            w.ok("pdc", Operation::ReportFailure { requester: id("bo"), request });
            assert_eq!(w.balance("bo"), 1000 * UNIT);
        }
    }
}

/// What is ordered after the statement comes too late for it, as it does for bytes that have left.
#[test]
fn an_end_of_consent_after_the_payout_takes_nothing_back() {
    let (mut w, dataset) = World::furnished();
    let grant = w.granted(dataset, "bo");
    let request = w.used("bo", dataset, grant);
    w.ok("pdc", Operation::ConfirmCollection { collected: vec![(id("bo"), request)] });
    w.ok("ada", Operation::Revoke { grant, reason: Reason::Misuse });
    assert_eq!(w.balance("bo"), 999 * UNIT);
}

/// An event larger than its limit could be read by nobody.
#[test]
pub(crate) fn a_collection_statement_whose_event_would_be_too_long_is_refused() {
    let mut genesis = genesis();
    for n in 0..16 {
        let member = id(&format!("beneficiary-{n}"));
        genesis.founders.push(Founder { member, kind: MemberKind::Person, sealing_key: digest(1) });
    }
    let mut w = World::with(genesis);
    w.govern(Change::Issue { to: id("bo"), amount: Amount(1000 * UNIT) }).unwrap();
    let beneficiaries = (0..16)
        .map(|n| Beneficiary {
            member: id(&format!("beneficiary-{n}")),
            share: BasisPoints::new(600).unwrap(),
        })
        .collect();
    let terms = Terms { beneficiaries, ..w.terms(UNIT) };
    let dataset = w.dataset_with("ada", terms);
    let grant = w.granted(dataset, "bo");
    let commands: Vec<(RequestId, Vec<u8>)> = (0..256)
        .map(|_| {
            let operation = w.allowed("bo", dataset, grant);
            let Operation::RecordDecision { decision } = &operation else { unreachable!() };
            let request = decision.request.value.id;
            let command = w.command("pdc", operation);
            (request, signed("pdc", command))
        })
        .collect();
    let requests: Vec<_> = commands.iter().map(|(request, _)| (id("bo"), *request)).collect();
    w.block(commands.into_iter().map(|(_, bytes)| bytes).collect());
    w.refused("pdc", Operation::ConfirmCollection { collected: requests.clone() }, "too-many");
    for part in requests.chunks(28) {
        w.ok("pdc", Operation::ConfirmCollection { collected: part.to_vec() });
    }
    assert_eq!(w.executor.state().held_charges().count(), 0);
}
