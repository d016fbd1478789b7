//! State does not grow without bound: what has an end goes, what has none is limited, per member.

use secnet_types::*;

use crate::support::*;

/// Commands of one block: what is checked after every block looks at the whole state, so many small ones take minutes.
const BLOCK: usize = 512;

/// So many operations, each of which must be applied; the ids of their commands.
fn all_applied<'a>(
    w: &mut World,
    count: usize,
    operation: impl Fn(&World, usize) -> (&'a str, Operation),
) -> Vec<CommandId> {
    let mut ids = Vec::with_capacity(count);
    for start in (0..count).step_by(BLOCK) {
        let commands = (start..count.min(start + BLOCK))
            .map(|n| {
                let (who, operation) = operation(w, n);
                let command = w.command(who, operation);
                ids.push(command.id);
                signed(who, command)
            })
            .collect();
        for outcome in w.block(commands).outcomes {
            assert!(matches!(outcome, secnet_ledger::Outcome::Applied { .. }), "{outcome:?}");
        }
    }
    ids
}

/// Everything to bring a member to its limit, and what is refused then.
fn fill(w: &mut World, who: &str, count: usize, operation: impl Fn(&World, usize) -> Operation) {
    all_applied(w, count, |w, n| (who, operation(w, n)));
    let one_more = operation(w, count);
    w.refused(who, one_more, "limit-reached");
}

/// So many datasets of Ada's.
fn datasets(w: &mut World, count: usize) -> Vec<DatasetId> {
    let register = |w: &World, _| {
        let terms = w.terms(UNIT);
        ("ada", Operation::RegisterDataset { pdc: id("pdc"), terms, manifest: digest(2) })
    };
    let ids = all_applied(w, count, register);
    ids.into_iter().map(|command| DatasetId::derive(id("ada"), command)).collect()
}

fn rule(n: usize) -> RuleId {
    RuleId(Digest::of(&n.to_be_bytes()).0)
}

#[test]
fn a_member_runs_so_many_groups_at_most() {
    let mut w = World::new();
    fill(&mut w, "ada", limits::MAX_GROUPS_RUN_BY_MEMBER, |_, _| Operation::CreateGroup);
    w.ok("bo", Operation::CreateGroup);
}

#[test]
fn a_member_is_in_so_many_groups_at_most_and_can_leave_any() {
    let mut w = World::new();
    let admin = |n: usize| ["ada", "cy"][n % 2];
    let created = all_applied(&mut w, limits::MAX_GROUPS_OF_MEMBER + 1, |_, n| {
        (admin(n), Operation::CreateGroup)
    });
    let group = |(n, command)| (admin(n), GroupId::derive(id(admin(n)), command));
    let groups: Vec<_> = created.into_iter().enumerate().map(group).collect();
    let add =
        |group, who: &str| Operation::ChangeGroup { group, add: vec![id(who)], remove: vec![] };
    let (last, first) = groups.split_last().unwrap();
    all_applied(&mut w, first.len(), |_, n| (first[n].0, add(first[n].1, "bo")));
    w.refused(last.0, add(last.1, "bo"), "limit-reached");
    w.ok(last.0, add(last.1, "dan"));
    let leave = |who: &str| Operation::ChangeGroup {
        group: first[0].1,
        add: vec![],
        remove: vec![id(who)],
    };
    w.refused("dan", leave("bo"), "not-entitled");
    w.ok("bo", leave("bo"));
    assert!(!w.executor.state().belongs(id("bo"), Party::Group(first[0].1)));
    w.ok(last.0, add(last.1, "bo"));
}

#[test]
fn a_member_has_so_many_asks_at_most() {
    let (mut w, _) = World::furnished();
    let each = limits::MAX_OPEN_ASKS_ON_DATASET;
    let datasets = datasets(&mut w, limits::MAX_ASKS_OF_MEMBER / each + 1);
    fill(&mut w, "bo", limits::MAX_ASKS_OF_MEMBER, |w, n| Operation::OpenAsk {
        ask: w.ask_of(datasets[n / each], "bo"),
    });
}

#[test]
fn an_owner_has_so_many_delegations_at_most_and_none_for_ever() {
    let (mut w, dataset) = World::furnished();
    let datasets = datasets(&mut w, limits::MAX_DELEGATIONS_OF_OWNER + 1);
    let delegation = |w: &World, on| Operation::Delegate {
        delegation: Delegation {
            delegate: id("dan"),
            powers: Powers::ALL,
            dataset: Some(on),
            window: Window { from: w.now(), until: w.at(HOUR) },
        },
    };
    fill(&mut w, "ada", limits::MAX_DELEGATIONS_OF_OWNER, |w, n| delegation(w, datasets[n]));
    // One that is there can be changed.
    let again = delegation(&w, datasets[0]);
    w.ok("ada", again);
    w.wait(HOUR);
    let end = Operation::EndDelegation {
        owner: id("ada"),
        delegate: id("dan"),
        dataset: Some(datasets[1]),
    };
    w.refused("ada", end, "unknown-delegation");
    let fresh = delegation(&w, dataset);
    w.ok("ada", fresh);
}

#[test]
fn a_member_offers_so_many_rules_at_most_and_installs_none_for_ever() {
    let mut w = World::new();
    let publish = |w: &World, n: usize| Operation::PublishRule {
        listing: RuleListing {
            rule: rule(n),
            price: Amount::ZERO,
            evidence: digest(1),
            expires: w.at(100 * DAY),
        },
    };
    fill(&mut w, "ada", limits::MAX_LISTINGS_OF_MEMBER, publish);
    let again = publish(&w, 0);
    w.ok("ada", again);
    // Installed rules go by themselves.
    let install = Operation::InstallRule { rule: rule(0), until: w.at(HOUR), simulate: false };
    w.ok("ada", install);
    assert_eq!(w.executor.state().installed_rules(id("ada"), w.now()).count(), 1);
    w.wait(HOUR);
    w.refused("ada", Operation::RemoveRule { rule: rule(0) }, "not-installed");
}

/// The mandatory review stays asked for long after it was due, but not for ever.
#[test]
fn an_overdue_review_is_given_up_after_a_year() {
    let (mut w, dataset) = World::furnished();
    let emergency = Grant { emergency: true, price: Amount::ZERO, ..w.grant_of(dataset, "bo") };
    let grant = w.grant("ada", emergency);
    let request = w.request("bo", dataset);
    let verdict = w.allow(grant, 0);
    let decision = w.decide(Signed::sign(request, &key("bo")), verdict);
    w.ok("pdc", Operation::RecordDecision { decision });
    // Whoever owns the dataset by then: the use was of Ada's data.
    w.ok("ada", Operation::OfferDataset { dataset, to: Some(id("cy")) });
    let terms = w.terms(UNIT);
    w.ok("cy", Operation::AcceptDataset { dataset, pdc: id("pdc2"), terms, manifest: digest(3) });
    assert_eq!(w.executor.state().reviews_of(id("cy")).count(), 0);
    w.wait(Parameters::default().review_ms);
    assert!(w.executor.state().reviews_of(id("ada")).all(|(_, review)| review.overdue));
    w.wait(limits::MAX_REVIEW_OVERDUE_MS - DAY);
    assert_eq!(w.executor.state().reviews_of(id("ada")).count(), 1);
    w.wait(DAY);
    assert_eq!(w.executor.state().reviews_of(id("ada")).count(), 0);
    assert_eq!(w.executor.next_deadline().filter(|due| *due <= w.now()), None);
}

/// What the indexes answer is what a look at everything would.
#[test]
fn lists_by_member_are_complete() {
    let (mut w, dataset) = World::furnished();
    let others = w.dataset("dan");
    let grant = w.granted(dataset, "bo");
    let request = w.used("bo", dataset, grant);
    w.held("bo", dataset);
    let (refused, _) = w.held("bo", dataset);
    w.held("bo", others);
    w.ok("ada", Operation::AnswerHold { decision: refused, answer: HoldAnswer::Refuse });
    w.ok("bo", Operation::FundGrant { grant, amount: Amount(3 * UNIT) });
    let state = w.executor.state();
    assert_eq!((state.holds_of(id("ada")).count(), state.holds_of(id("dan")).count()), (1, 1));
    let held: Vec<_> = state.held_charges().map(|(key, _)| key).collect();
    assert_eq!(held, [(id("bo"), request)]);
    assert_eq!(state.charges_of(id("bo")).collect::<Vec<_>>(), [Amount(UNIT)]);
    assert_eq!(state.charges_of(id("ada")).count(), 0);
    assert_eq!(state.escrows_of(id("bo")).collect::<Vec<_>>(), [Amount(3 * UNIT)]);
    let collected = vec![(id("bo"), request)];
    w.ok("pdc", Operation::ConfirmCollection { collected });
    assert_eq!(w.executor.state().held_charges().count(), 0);
    assert_eq!(format!("{:?}", w.reloaded().state()), format!("{:?}", w.executor.state()));
}
