//! One answer to "may this grant be used now": what `apply` says of a decision and what a release is told of a fresh
//! view never differ.

use secnet_ledger::Outcome;
use secnet_types::*;

use crate::support::*;

/// What can come between a decision and its release, who does it, and how both doors then refuse.
fn changes(
    w: &World,
    dataset: DatasetId,
    grant: GrantId,
) -> Vec<(&'static str, Operation, &'static str)> {
    let until = w.at(40 * DAY);
    let window = Window { from: w.now(), until };
    let against = |party, even_in_emergency| Operation::Deny {
        denial: Denial { dataset: None, party, window, even_in_emergency, detail: None },
    };
    vec![
        ("ada", Operation::Revoke { grant, reason: Reason::Misuse }, "grant-not-active"),
        ("hospital-1", Operation::Revoke { grant, reason: Reason::Unstated }, "grant-not-active"),
        ("ada", Operation::WithdrawDataset { dataset }, "dataset-not-active"),
        ("ada", against(Party::Member(id("nurse")), false), "denied"),
        ("ada", against(Party::Organisation(id("hospital-1")), true), "denied"),
        ("hospital-1", Operation::Disown { member: id("nurse") }, "suspended"),
    ]
}

/// A nurse of a hospital, and the grant to the hospital that she uses.
fn ward() -> (World, DatasetId, GrantId) {
    let (mut w, dataset) = World::furnished();
    let vouch = vouch(&w, "hospital-1", "nurse");
    w.ok("hospital-1", vouch);
    let grantee = Party::Organisation(id("hospital-1"));
    let grant = Grant { grantee, price: Amount::ZERO, ..w.grant_of(dataset, "bo") };
    let grant = w.grant("ada", grant);
    (w, dataset, grant)
}

/// Both doors give this answer, or let pass.
fn both_say(w: &mut World, dataset: DatasetId, grant: GrantId, code: Option<&str>) {
    let request = w.request("nurse", dataset);
    let verdict = w.allow(grant, 0);
    let decision = w.decide(Signed::sign(request, &key("nurse")), verdict);
    let pdc = w.executor.state().dataset(dataset).unwrap().pdc;
    let pdc = ["pdc", "pdc2"].into_iter().find(|name| id(name) == pdc).unwrap();
    let command = w.command(pdc, Operation::RecordDecision { decision });
    let view = w.executor.state().grant_usable(id("nurse"), dataset, grant, w.at(1));
    let view = view.map(drop).map_err(|rejection| rejection.code());
    let applied = match w.try_sign(pdc, command) {
        Outcome::Rejected(rejection) => Err(rejection.code()),
        _ => Ok(()),
    };
    assert_eq!(view, code.map_or(Ok(()), Err));
    assert_eq!(applied, view);
}

#[test]
fn p4_a_release_is_refused_for_whatever_a_decision_would_be() {
    let (mut w, dataset, grant) = ward();
    both_say(&mut w, dataset, grant, None);
    for (who, operation, code) in changes(&w, dataset, grant) {
        let (mut w, dataset, grant) = ward();
        both_say(&mut w, dataset, grant, None);
        w.ok(who, operation);
        both_say(&mut w, dataset, grant, Some(code));
    }
}

#[test]
fn p4_suspension_transfer_closing_and_time_end_the_use_of_a_grant() {
    // The organisation is suspended, its staff is not.
    let (mut w, dataset, grant) = ward();
    w.govern(Change::Suspend(id("hospital-1"))).unwrap();
    both_say(&mut w, dataset, grant, Some("suspended"));

    let (mut w, dataset, grant) = ward();
    w.ok("ada", Operation::OfferDataset { dataset, to: Some(id("cy")) });
    let terms = w.terms(UNIT);
    w.ok("cy", Operation::AcceptDataset { dataset, pdc: id("pdc2"), terms, manifest: digest(1) });
    both_say(&mut w, dataset, grant, Some("grant-not-active"));

    let (mut w, dataset, grant) = ward();
    w.govern(Change::Close { successor: digest(1) }).unwrap();
    both_say(&mut w, dataset, grant, Some("closed"));

    let (mut w, dataset, grant) = ward();
    let terms = Terms { expires: w.at(10 * DAY), ..w.terms(UNIT) };
    w.ok("ada", Operation::UpdateDataset { dataset, pdc: id("pdc"), terms, manifest: digest(2) });
    w.wait(11 * DAY);
    both_say(&mut w, dataset, grant, Some("dataset-not-active"));

    let (mut w, dataset, grant) = ward();
    w.wait(30 * DAY);
    both_say(&mut w, dataset, grant, Some("grant-not-active"));
}

/// The last millisecond counts the same at both doors, whether or not the sweep has come to it.
#[test]
fn a_window_ends_for_both_at_once() {
    let (mut w, dataset, grant) = ward();
    let until = w.executor.state().grant(grant).unwrap().grant.window.until;
    w.time = until.0 - 2;
    both_say(&mut w, dataset, grant, None);
    both_say(&mut w, dataset, grant, Some("grant-not-active"));
}

#[test]
fn an_emergency_grant_is_usable_against_ordinary_denials_alone() {
    for (even_in_emergency, code) in [(false, None), (true, Some("denied"))] {
        let (mut w, dataset, _) = ward();
        let grant = Grant { emergency: true, price: Amount::ZERO, ..w.grant_of(dataset, "nurse") };
        let grant = w.grant("ada", grant);
        let denial =
            Denial { even_in_emergency, ..w.denial_of(Some(dataset), Party::Member(id("nurse"))) };
        w.ok("ada", Operation::Deny { denial });
        both_say(&mut w, dataset, grant, code);
    }
}
