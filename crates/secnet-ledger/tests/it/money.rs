//! Accounts, escrow, overflow.

use secnet_types::*;

use crate::support::*;

#[test]
pub(crate) fn accounts_neither_overflow_nor_go_below_zero() {
    let mut w = World::new();
    let issue = |to: &str, amount| Change::Issue { to: id(to), amount: Amount(amount) };
    let code = |w: &mut World, change| w.govern(change).map_err(|r| r.code());
    assert_eq!(code(&mut w, issue("ada", 0)), Err("zero-amount"));
    assert_eq!(code(&mut w, issue("nobody", 1)), Err("unknown-member"));
    assert_eq!(code(&mut w, issue("ada", u64::MAX)), Ok(()));
    assert_eq!(code(&mut w, issue("bo", 1)), Err("money-overflow"));
    assert_eq!(
        code(&mut w, Change::Pay { to: id("bo"), amount: Amount(1) }),
        Err("insufficient-funds")
    );
    let transfer = |to: &str, amount| Operation::Transfer { to: id(to), amount: Amount(amount) };
    w.refused("ada", transfer("ada", 1), "self-dealing");
    w.refused("ada", transfer("bo", 0), "zero-amount");
    w.refused("bo", transfer("ada", 1), "insufficient-funds");
    w.refused("ada", transfer("nobody", 1), "unknown-member");
    w.ok("ada", transfer("bo", u64::MAX));
    w.refused("ada", transfer("bo", 1), "insufficient-funds");
    w.refused("bo", Operation::Redeem { amount: Amount(0) }, "zero-amount");
    w.refused("ada", Operation::Redeem { amount: Amount(1) }, "insufficient-funds");
    w.ok("bo", Operation::Redeem { amount: Amount(5) });
    assert_eq!(w.executor.state().totals().supply, Amount(u64::MAX - 5));
    assert_eq!(code(&mut w, issue("cy", 5)), Ok(()));
    assert_eq!(code(&mut w, issue("cy", 1)), Err("money-overflow"));
}

#[test]
pub(crate) fn escrow_pays_first_and_comes_back_when_the_grant_ends() {
    let (mut w, dataset) = World::furnished();
    let fund = |grant, amount| Operation::FundGrant { grant, amount: Amount(amount) };
    let group = GroupId::derive(id("cy"), w.ok("cy", Operation::CreateGroup));
    w.ok("cy", Operation::ChangeGroup { group, add: vec![id("bo"), id("dan")], remove: vec![] });
    let grant = Grant { grantee: Party::Group(group), ..w.grant_of(dataset, "bo") };
    let grant = w.grant("ada", grant);
    w.refused("cy", fund(GrantId([1; 16]), 1), "unknown-grant");
    w.refused("cy", fund(grant, 0), "zero-amount");
    w.refused("cy", fund(grant, 1001 * UNIT), "insufficient-funds");
    w.refused("bo", fund(grant, UNIT), "not-entitled");
    w.ok("cy", fund(grant, UNIT));
    w.ok("cy", fund(grant, UNIT / 2));
    let first = w.used("bo", dataset, grant);
    assert_eq!((w.balance("bo"), w.balance("cy")), (1000 * UNIT, 998 * UNIT + UNIT / 2));
    // What is left does not pay for a whole use: the requester does.
    w.used("dan", dataset, grant);
    assert_eq!(w.balance("dan"), 999 * UNIT);
    w.ok("pdc", Operation::ReportFailure { requester: id("bo"), request: first });
    assert_eq!(w.balance("cy"), 999 * UNIT + UNIT / 2, "a refund goes to who paid");
    w.ok("ada", Operation::Revoke { grant, reason: Reason::Unstated });
    assert_eq!(w.balance("cy"), 1000 * UNIT);
    w.refused("cy", fund(grant, 1), "grant-not-active");

    let short =
        Grant { window: Window { from: w.now(), until: w.at(HOUR) }, ..w.grant_of(dataset, "bo") };
    let grant = w.grant("ada", short);
    w.ok("bo", fund(grant, 5 * UNIT));
    w.wait(HOUR);
    assert_eq!(w.balance("bo"), 1000 * UNIT);
    w.refused("bo", fund(grant, 1), "grant-not-active");
}

/// Money set aside for a grant that was revoked before it began once stayed there for ever.
#[test]
pub(crate) fn a_dead_grant_that_has_not_begun_takes_no_money() {
    let (mut w, dataset) = World::furnished();
    let later = Grant {
        window: Window { from: w.at(DAY), until: w.at(2 * DAY) },
        ..w.grant_of(dataset, "bo")
    };
    let fund = |grant| Operation::FundGrant { grant, amount: Amount(UNIT) };
    let first = w.grant("ada", later.clone());
    let second = w.grant("ada", later);
    w.ok("bo", fund(first));
    w.ok("bo", Operation::Revoke { grant: first, reason: Reason::Unstated });
    assert_eq!(w.balance("bo"), 1000 * UNIT);
    w.refused("bo", fund(first), "grant-not-active");
    w.ok("ada", Operation::WithdrawDataset { dataset });
    w.refused("bo", fund(second), "grant-not-active");
}

#[test]
pub(crate) fn who_cannot_pay_does_not_read() {
    let (mut w, dataset) = World::furnished();
    let grant = w.granted(dataset, "eve");
    let attempt = w.allowed("eve", dataset, grant);
    w.refused("pdc", attempt, "insufficient-funds");
    // Late in the command: the count of this one would have been raised, a session charged.
    let counted = Grant { uses: Some(1), ..w.grant_of(dataset, "eve") };
    let counted = w.grant("ada", counted);
    let session = *key("eve-session").verifying_key().as_bytes();
    let until = w.at(HOUR);
    w.ok(
        "eve",
        Operation::OpenSession {
            session: Session { key: session, until, limit: Amount(5 * UNIT) },
        },
    );
    let request = w.request("eve", dataset);
    let verdict = w.allow(counted, UNIT);
    let decision = w.decide(Signed::sign(request, &key("eve-session")), verdict);
    w.refused("pdc", Operation::RecordDecision { decision }, "insufficient-funds");
    assert_eq!(w.executor.state().session(id("eve"), session).unwrap().spent, Amount::ZERO);
}

/// What was not handed over was not used: the count comes back with the money, once, and only while it can be used.
#[test]
pub(crate) fn a_refund_gives_the_counted_use_back_once() {
    let (mut w, dataset) = World::furnished();
    let counted = |w: &mut World| {
        let grant = Grant { uses: Some(1), ..w.grant_of(dataset, "bo") };
        w.grant("ada", grant)
    };
    let used = |w: &World, grant| w.executor.state().grant(grant).unwrap().used;
    // The PDC could not hand over.
    let grant = counted(&mut w);
    let request = w.used("bo", dataset, grant);
    let second = w.allowed("bo", dataset, grant);
    w.refused("pdc", second.clone(), "grant-used-up");
    let failed = Operation::ReportFailure { requester: id("bo"), request };
    w.ok("pdc", failed.clone());
    w.refused("pdc", failed, "no-charge");
    assert_eq!(used(&w, grant), 0);
    w.ok("pdc", second);
    // Nobody collected in time.
    w.wait(2 * HOUR);
    assert_eq!((used(&w, grant), w.balance("bo")), (0, 1000 * UNIT));
    // What was collected stays used.
    let request = w.used("bo", dataset, grant);
    w.ok("pdc", Operation::ConfirmCollection { collected: vec![(id("bo"), request)] });
    w.wait(2 * HOUR);
    assert_eq!(used(&w, grant), 1);
    // A grant that has ended meanwhile stays ended.
    let grant = counted(&mut w);
    let request = w.used("bo", dataset, grant);
    w.ok("ada", Operation::Revoke { grant, reason: Reason::Unstated });
    w.ok("pdc", Operation::ReportFailure { requester: id("bo"), request });
    let again = w.allowed("bo", dataset, grant);
    w.refused("pdc", again, "grant-not-active");
}
