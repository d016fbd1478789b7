//! A closed chain's state goes on in a network, and nothing of it can be used twice.

use proptest::prelude::*;
use secnet_ledger::{Executor, Outcome, SuccessorError, TableId};
use secnet_types::*;

use crate::random::{Sent, life, lived};
use crate::support::*;

/// Another name, other governors, a founder that was no member before.
fn configuration() -> Genesis {
    let mut founders = genesis().founders;
    founders.push(Founder {
        member: id("validator"),
        kind: MemberKind::Node,
        sealing_key: digest(9),
    });
    founders.sort_by_key(|f| f.member);
    let mut governors = vec![id("gov1"), id("gov2"), id("hospital-10")];
    governors.sort();
    Genesis { name: "network".into(), salt: [8; 32], founders, governors, ..genesis() }
}

/// Close the chain for this configuration, and begin the network that goes on from there.
fn hand_over(mut w: World, configuration: Genesis) -> (World, World) {
    let successor = configuration.configuration();
    w.govern(Change::Close { successor }).unwrap();
    w.wait(1);
    let genesis = Genesis { predecessor: Some(w.executor.end()), ..configuration };
    assert_eq!(genesis.check(), Ok(()));
    let (executor, entries) = w.executor.clone().successor(&genesis).expect("goes on");
    let next = World::going_on(genesis, executor, entries, &w);
    (w, next)
}

fn entries_apart_from_governance(executor: &Executor) -> Vec<(u8, Vec<u8>, Vec<u8>)> {
    let mut all = entries(executor);
    all.retain(|(table, key, _)| {
        *table != TableId::governance as u8
            && (*table != TableId::members as u8 || *key != id("validator").0)
    });
    all
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 500, ..ProptestConfig::with_cases(24) })]
    #[test]
    fn p5_a_network_takes_over_all_that_a_closed_chain_held(blocks in life()) {
        let ((w, sent), _) = lived(&blocks);
        let (old, mut next) = hand_over(w, configuration());
        // Every entry, and so every balance, escrow, held charge, grant and used id.
        prop_assert_eq!(
            entries_apart_from_governance(&next.executor),
            entries_apart_from_governance(&old.executor)
        );
        let before = old.executor.state().audit().expect("no overflow");
        prop_assert_eq!(next.executor.state().audit().expect("no overflow"), before);
        prop_assert_eq!(before.0.supply, before.1);
        nothing_old_is_accepted(&old, &mut next, sent);
        // What was held is given back there in time, and no money is lost on the way: `block` audits.
        next.wait(2 * DAY);
        prop_assert_eq!(next.executor.state().totals().supply, before.0.supply);
        prop_assert_eq!(next.executor.state().held_charges().count(), 0);
        let reloaded = next.reloaded();
        prop_assert_eq!(format!("{:?}", reloaded.state()), format!("{:?}", next.executor.state()));
    }
}

/// Neither as it was sent nor signed anew for the network under an id that is remembered.
fn nothing_old_is_accepted(old: &World, next: &mut World, sent: Vec<Sent>) {
    for (bytes, command) in sent {
        let outcome = next.outcome(bytes);
        let Outcome::Rejected(rejection) = outcome else { panic!("{outcome:?}: {command:?}") };
        assert!(matches!(rejection.code(), "wrong-network" | "id-reused"), "{rejection}");
        let remembered = old.executor.state().applied(command.author, command.id);
        let name = PEOPLE.iter().find(|name| id(name) == command.author);
        if let (Some(applied), Some(name)) = (remembered, name) {
            let live = applied.expires > next.at(1);
            let anew = Command {
                network: next.network(),
                expires: next.at(MINUTE),
                operation: Operation::CreateGroup,
                ..command
            };
            let outcome = next.try_sign(name, anew);
            if live {
                let reused = Outcome::Rejected(secnet_ledger::Rejection::IdReused);
                assert_eq!(outcome, reused, "{applied:?}");
            }
        }
    }
}

use crate::model::PEOPLE;

#[test]
fn grants_accounts_and_held_charges_go_on_under_new_governors() {
    let (mut w, dataset) = World::furnished();
    let grant = Grant { uses: Some(2), ..w.grant_of(dataset, "bo") };
    let grant = w.grant("ada", grant);
    w.ok("bo", Operation::FundGrant { grant, amount: Amount(UNIT) });
    let held = w.used("bo", dataset, grant);
    let old_request = w.request("bo", dataset);
    let rotation = Rotation { network: w.network(), member: id("cy"), sealing_key: digest(1) };
    let rotation = Signed::sign(rotation, &key("cy-new"));
    w.ok("cy", Operation::RotateKey { rotation });
    let height = w.executor.height();
    let (_, mut next) = hand_over(w, configuration());
    assert!(next.executor.height() < height && !next.executor.state().is_closed());
    // The PDC is still owed what was held, and the last use is still there.
    next.ok("pdc", Operation::ConfirmCollection { collected: vec![(id("bo"), held)] });
    next.used("bo", dataset, grant);
    let third = next.allowed("bo", dataset, grant);
    next.refused("pdc", third, "grant-used-up");
    // A request for the old network is none for this one.
    let verdict = next.allow(grant, UNIT);
    let decision = next.decide(Signed::sign(old_request, &key("bo")), verdict);
    next.refused("pdc", Operation::RecordDecision { decision }, "wrong-network");
    // Founders that were members keep their keys; new ones are members now.
    next.refused("cy", Operation::CreateGroup, "wrong-key");
    next.ok("validator", Operation::CreateGroup);
    let proposal = next.proposal(Change::Suspend(id("eve")));
    let approvals = next.approvals(&proposal, &["gov2", "gov3"]);
    next.refused("gov2", Operation::Govern { proposal, approvals }, "bad-approval");
    let proposal = next.proposal(Change::Suspend(id("eve")));
    let approvals = next.approvals(&proposal, &["gov2", "hospital-10"]);
    next.ok("gov2", Operation::Govern { proposal, approvals });
}

#[test]
fn only_the_agreed_network_goes_on_from_the_end_of_a_closed_chain() {
    let (mut w, _) = World::furnished();
    let sound = configuration();
    let named = |w: &World, change: &dyn Fn(&mut Predecessor)| {
        let mut end = w.executor.end();
        change(&mut end);
        Genesis { predecessor: Some(end), ..sound.clone() }
    };
    let refused = |w: &World, genesis: &Genesis| {
        w.executor.clone().successor(genesis).map(drop).expect_err("does not go on")
    };
    assert_eq!(refused(&w, &named(&w, &|_| ())), SuccessorError::NotClosed);
    let before = w.executor.end();
    w.govern(Change::Close { successor: sound.configuration() }).unwrap();
    w.refused("gov1", Operation::CreateGroup, "closed");
    let other = Genesis { salt: [9; 32], ..named(&w, &|_| ()) };
    assert_eq!(refused(&w, &other), SuccessorError::OtherConfiguration);
    let cases: [&dyn Fn(&mut Predecessor); 4] = [
        &|end| end.network = NetworkId([1; 32]),
        &|end| end.header = digest(1),
        &|end| end.state = digest(1),
        &|end| *end = before,
    ];
    for change in cases {
        assert_eq!(refused(&w, &named(&w, change)), SuccessorError::OtherPredecessor);
    }
    assert_eq!(refused(&w, &sound), SuccessorError::OtherPredecessor);
    assert!(w.executor.clone().successor(&named(&w, &|_| ())).is_ok());

    let (mut w, _) = World::furnished();
    w.govern(Change::Suspend(id("hospital-10"))).unwrap();
    w.govern(Change::Close { successor: sound.configuration() }).unwrap();
    let suspended = SuccessorError::SuspendedGovernor(id("hospital-10"));
    assert_eq!(refused(&w, &named(&w, &|_| ())), suspended);
}
