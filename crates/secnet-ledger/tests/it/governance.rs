//! What takes a quorum, and the market for rules.

use secnet_types::*;

use crate::support::*;

#[test]
pub(crate) fn a_proposal_takes_a_quorum_and_effect_once() {
    let mut w = World::new();
    let change = Change::Issue { to: id("ada"), amount: Amount(UNIT) };
    let proposal = w.proposal(change);
    let with = |w: &World, proposal: &Proposal, governors: &[&str]| Operation::Govern {
        proposal: proposal.clone(),
        approvals: w.approvals(proposal, governors),
    };
    let submit = |w: &mut World, governors: &[&str], code: &str| {
        let operation = with(w, &proposal, governors);
        w.refused("eve", operation, code);
    };
    submit(&mut w, &[], "no-quorum");
    submit(&mut w, &["gov1"], "no-quorum");
    submit(&mut w, &["gov1", "gov1"], "bad-approval");
    submit(&mut w, &["gov1", "eve"], "bad-approval");
    submit(&mut w, &["gov1", "nobody"], "unknown-member");
    submit(&mut w, &["gov1"; 33], "too-many");
    let mut approvals = w.approvals(&proposal, &["gov1", "eve"]);
    approvals[1].governor = id("gov2");
    let operation = Operation::Govern { proposal: proposal.clone(), approvals };
    w.refused("eve", operation, "bad-approval");

    let elsewhere = Proposal { network: NetworkId([1; 32]), ..proposal.clone() };
    let operation = with(&w, &elsewhere, &["gov1", "gov2"]);
    w.refused("eve", operation, "wrong-network");
    let lapsed = Proposal { expires: w.now(), ..proposal.clone() };
    let operation = with(&w, &lapsed, &["gov1", "gov2"]);
    w.refused("eve", operation, "expired");
    let endless = Proposal { expires: Timestamp::MAX, ..proposal.clone() };
    let operation = with(&w, &endless, &["gov1", "gov2"]);
    w.refused("eve", operation, "expires-too-late");

    let approved = with(&w, &proposal, &["gov1", "gov2"]);
    w.ok("eve", approved.clone());
    w.refused("eve", approved, "id-reused");
    submit(&mut w, &["gov2", "gov3"], "id-reused");
    w.wait(2 * HOUR);
    submit(&mut w, &["gov2", "gov3"], "id-reused");
    w.wait(DAY);
    submit(&mut w, &["gov2", "gov3"], "expired");
    assert_eq!(w.balance("ada"), UNIT);
}

#[test]
pub(crate) fn governors_change_only_to_governors_that_fit() {
    let mut w = World::new();
    let set = |names: &[&str], threshold| {
        let mut governors: Vec<_> = names.iter().map(|n| id(n)).collect();
        governors.sort();
        Change::SetGovernors { governors, threshold }
    };
    let mut refused = |change, code| assert_eq!(w.govern(change).map_err(|r| r.code()), Err(code));
    refused(set(&[], 0), "bad-governors");
    refused(set(&["gov1", "gov2"], 1), "bad-governors");
    refused(set(&["gov1", "gov2"], 3), "bad-governors");
    refused(set(&["gov1", "gov1"], 2), "bad-governors");
    refused(set(&["gov1", "nobody"], 2), "unknown-member");
    w.govern(set(&["gov3"], 1)).unwrap();
    let change = Change::Suspend(id("ada"));
    assert_eq!(w.govern(change).map_err(|r| r.code()), Err("bad-approval"));
    let proposal = w.proposal(Change::Suspend(id("nobody")));
    let approvals = w.approvals(&proposal, &["gov3"]);
    w.refused("gov3", Operation::Govern { proposal, approvals }, "unknown-member");
}

#[test]
pub(crate) fn governors_admit_organisations_and_nodes() {
    let mut w = World::new();
    let person = Change::Admit(card(&w, "new", MemberKind::Person, None));
    assert_eq!(w.govern(person).map_err(|r| r.code()), Err("wrong-kind"));
    let organisation = Change::Admit(card(&w, "clinic", MemberKind::Organisation, None));
    w.govern(organisation).unwrap();
    let vouch = vouch(&w, "clinic", "new");
    w.ok("clinic", vouch);
}

fn nodes(validators: &[&str], followers: &[&str]) -> NodeSet {
    let nodes = |names: &[&str]| {
        let node = |name: &&str| NetworkNode { key: ValidatorKey(id(name).0), address: None };
        let mut nodes: Vec<_> = names.iter().map(node).collect();
        nodes.sort_by_key(|node| node.key);
        nodes
    };
    NodeSet { validators: nodes(validators), followers: nodes(followers), release: None }
}

#[test]
pub(crate) fn a_network_has_other_nodes_some_blocks_after_its_governors_said_so() {
    let mut solo = World::new();
    let set = |epoch, nodes: &NodeSet| Change::SetNodes { epoch, nodes: nodes.clone() };
    let refused = solo.govern(set(1, &nodes(&["v1"], &[])));
    assert_eq!(refused.map_err(|r| r.code()), Err("not-a-network"));
    assert_eq!(solo.executor.state().epochs().count(), 0);

    let first = nodes(&["v1", "v2"], &[]);
    let mut w = World::with(Genesis { validators: Some(first.validator_keys()), ..genesis() });
    let mut twice = nodes(&["v1", "v2", "v3"], &[]);
    twice.validators[1] = twice.validators[0].clone();
    for wrong in [twice, nodes(&[], &["v1"]), nodes(&["v1"], &["v1"])] {
        assert_eq!(w.govern(set(1, &wrong)).map_err(|r| r.code()), Err("bad-nodes"));
    }
    let second = nodes(&["v2", "v3"], &["f1"]);
    for epoch in [0, 2] {
        let elsewhere = w.govern(set(epoch, &second));
        assert_eq!(elsewhere.map_err(|r| r.code()), Err("other-epoch"));
    }
    w.govern(set(1, &second)).unwrap();
    let was_set = w.executor.height();
    // One at a time.
    let third = nodes(&["v3"], &[]);
    let early = w.govern(set(2, &third));
    assert_eq!(early.map_err(|r| r.code()), Err("nodes-changing"));
    let begins = was_set + limits::EPOCH_DELAY + 1;
    assert_eq!(w.executor.state().boundary_above(was_set), Some(begins - 1));
    while w.executor.height() < begins {
        let height = w.executor.height();
        assert_eq!(w.executor.state().epoch_at(height), 0);
        w.wait(1);
    }
    assert_eq!(
        (w.executor.state().epoch_at(begins), w.executor.state().epoch_at(begins - 1)),
        (1, 0)
    );
    assert_eq!(w.executor.state().boundary_above(begins - 1), None);
    let epochs: Vec<_> = w.executor.state().epochs().map(|(_, epoch)| epoch.clone()).collect();
    assert_eq!((&epochs[0].nodes, &epochs[1].nodes), (&first, &second));
    assert_eq!(epochs[1].first, begins);
    w.govern(set(2, &third)).unwrap();
    assert_eq!(format!("{:?}", w.reloaded().position()), format!("{:?}", w.executor.position()));
}

#[test]
pub(crate) fn fees_follow_the_parameters_and_are_paid_out() {
    let (mut w, dataset) = World::furnished();
    let grant = w.granted(dataset, "bo");
    let fee = BasisPoints::new(1_000).unwrap();
    w.govern(Change::SetParameters(Parameters { fee, ..Parameters::default() })).unwrap();
    let request = w.used("bo", dataset, grant);
    w.ok("pdc", Operation::ConfirmCollection { collected: vec![(id("bo"), request)] });
    w.govern(Change::Pay { to: id("eve"), amount: Amount(UNIT / 10) }).unwrap();
    assert_eq!(w.balance("eve"), UNIT / 10);
}

#[test]
pub(crate) fn nothing_is_applied_after_the_end() {
    let (mut w, dataset) = World::furnished();
    let grant = w.granted(dataset, "bo");
    w.used("bo", dataset, grant);
    w.govern(Change::Close { successor: digest(1) }).unwrap();
    assert!(w.executor.state().is_closed());
    w.refused("ada", Operation::CreateGroup, "closed");
    assert_eq!(w.govern(Change::Suspend(id("eve"))).map_err(|r| r.code()), Err("closed"));
    // Deadlines still pass: nobody's money stays behind.
    w.wait(2 * HOUR);
    assert_eq!(w.balance("bo"), 1000 * UNIT);
}

#[test]
pub(crate) fn rules_are_offered_bought_and_installed() {
    let (mut w, _) = World::furnished();
    let rule = RuleId([1; 32]);
    let sound =
        RuleListing { rule, price: Amount(10 * UNIT), evidence: digest(1), expires: w.at(DAY) };
    let publish = |listing: &RuleListing| Operation::PublishRule { listing: listing.clone() };
    let late = RuleListing { expires: w.now(), ..sound.clone() };
    w.refused("cy", publish(&late), "rule-expired");
    w.ok("cy", publish(&sound));
    w.refused("dan", publish(&sound), "already-exists");
    let buy = |price| Operation::BuyRule { rule, price: Amount(price) };
    let install = |until| Operation::InstallRule { rule, until, simulate: false };
    w.refused(
        "ada",
        Operation::BuyRule { rule: RuleId([2; 32]), price: Amount(1) },
        "unknown-rule",
    );
    w.refused("ada", buy(9 * UNIT), "price-mismatch");
    w.refused("eve", buy(10 * UNIT), "insufficient-funds");
    w.refused("cy", buy(10 * UNIT), "already-exists");
    let soon = w.at(HOUR);
    w.refused("ada", install(soon), "not-licensed");
    w.ok("ada", buy(10 * UNIT));
    w.refused("ada", buy(10 * UNIT), "already-exists");
    assert_eq!((w.balance("ada"), w.balance("cy")), (990 * UNIT, 1009 * UNIT + UNIT * 9 / 10));
    w.refused("ada", install(w.now()), "rule-expired");
    w.refused("ada", install(w.at(2 * DAY)), "rule-expired");
    w.refused("ada", Operation::RemoveRule { rule }, "not-installed");
    w.ok("ada", install(soon));
    assert_eq!(w.executor.state().installed_rules(id("ada"), w.now()).count(), 1);
    assert_eq!(w.executor.state().installed_rules(id("ada"), soon).count(), 0);
    w.ok("ada", Operation::RemoveRule { rule });
    w.refused("ada", Operation::RemoveRule { rule }, "not-installed");
    w.wait(DAY);
    w.refused("dan", buy(10 * UNIT), "rule-expired");
}
