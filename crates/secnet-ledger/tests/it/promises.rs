//! The promises that the state machine keeps, by name. P5 and P10 are checked after every block of every test.

use secnet_ledger::Outcome;
use secnet_types::*;

use crate::support::*;

/// P3: whatever a stranger sends about somebody else's things, with its own valid signature, is refused.
#[test]
fn p3_only_the_owner_or_a_delegate_changes_what_is_hers() {
    let (mut w, dataset) = World::furnished();
    let grant = w.granted(dataset, "bo");
    let denial = w.denial_of(Some(dataset), Party::Member(id("cy")));
    let denial_id =
        DenialId::derive(id("ada"), w.ok("ada", Operation::Deny { denial: denial.clone() }));
    let open = Operation::OpenAsk { ask: w.ask_of(dataset, "bo") };
    let ask = AskId::derive(id("bo"), w.ok("bo", open));
    let (held, _) = w.held("bo", dataset);
    let request = w.used("bo", dataset, grant);
    let statement = || (w.terms(1), digest(1));
    let (terms, manifest) = statement();
    let pdc = id("pdc");
    let window = denial.window;
    let bargain = Bargain { price: Amount(0), uses: None, window };
    let counter = Answer::Counter { price: Some(Amount(0)), uses: None, window };
    let operations = vec![
        Operation::UpdateDataset { dataset, pdc, terms: terms.clone(), manifest },
        Operation::WithdrawDataset { dataset },
        Operation::OfferDataset { dataset, to: Some(id("eve")) },
        Operation::AcceptDataset { dataset, pdc, terms, manifest },
        Operation::AnswerAsk { ask, answer: counter },
        Operation::AnswerAsk { ask, answer: Answer::Refuse(Reason::Unstated) },
        Operation::AcceptCounter { ask, bargain },
        Operation::WithdrawAsk { ask },
        Operation::Grant { grant: w.grant_of(dataset, "eve") },
        Operation::Revoke { grant, reason: Reason::Unstated },
        Operation::Deny { denial },
        Operation::LiftDenial { denial: denial_id },
        delegate_by(&w, dataset),
        Operation::EndDelegation { owner: id("ada"), delegate: id("dan"), dataset: None },
        Operation::AnswerHold { decision: held, answer: HoldAnswer::Release },
        Operation::ConfirmCollection { collected: vec![(id("bo"), request)] },
        Operation::ReportFailure { requester: id("bo"), request },
        Operation::RecordErasure {
            dataset,
            erased: vec![digest(1)],
            last_backup_dies: Timestamp(0),
            whole: true,
        },
    ];
    for operation in operations {
        for stranger in ["eve", "pdc2", "gov1"] {
            let command = w.command(stranger, operation.clone());
            let before = w.trace();
            let outcome = w.try_sign(stranger, command);
            assert!(matches!(outcome, Outcome::Rejected(_)), "{stranger}: {operation:?}");
            assert_eq!(w.trace(), before);
            // In the owner's name it is refused for the key.
            let forged = w.command("ada", operation.clone());
            w.refuses(signed(stranger, forged), "wrong-key");
        }
    }
}

fn delegate_by(w: &World, dataset: DatasetId) -> Operation {
    let window = Window { from: w.now(), until: w.at(HOUR) };
    Operation::Delegate {
        delegation: Delegation {
            delegate: id("dan"),
            powers: Powers::ALL,
            dataset: Some(dataset),
            window,
        },
    }
}

/// P4: whichever came in first, a decision in the block of a revocation, denial, withdrawal or suspension is refused.
#[test]
fn p4_a_revocation_wins_within_its_block_whatever_the_order() {
    for which in 0..4 {
        for revocation_first in [true, false] {
            let (mut w, dataset) = World::furnished();
            let vouch = vouch(&w, "hospital-1", "nurse");
            w.ok("hospital-1", vouch);
            let free = Grant { price: Amount::ZERO, ..w.grant_of(dataset, "nurse") };
            let grant = w.grant("ada", free);
            let request = w.request("nurse", dataset);
            let verdict = w.allow(grant, 0);
            let decision = w.decide(Signed::sign(request, &key("nurse")), verdict);
            let decision = w.command("pdc", Operation::RecordDecision { decision });
            let denial = w.denial_of(None, Party::Organisation(id("hospital-1")));
            let (who, operation) = [
                ("ada", Operation::Revoke { grant, reason: Reason::Misuse }),
                ("ada", Operation::Deny { denial }),
                ("ada", Operation::WithdrawDataset { dataset }),
                ("hospital-1", Operation::Disown { member: id("nurse") }),
            ][which]
                .clone();
            let revocation = w.command(who, operation);
            let mut batch = vec![signed("pdc", decision), signed(who, revocation)];
            if revocation_first {
                batch.reverse();
            }
            let at = usize::from(revocation_first);
            let block = w.block(batch);
            assert!(matches!(block.outcomes[at], Outcome::Rejected(_)), "{:?}", block.outcomes);
            assert!(matches!(block.outcomes[1 - at], Outcome::Applied { .. }));
            assert_eq!(block.commands.len(), 1);
        }
    }
}

/// P5: dealing with oneself can only lose the fee.
#[test]
fn p5_self_dealing_loses_the_fee() {
    let (mut w, dataset) = World::furnished();
    let grant = w.granted(dataset, "ada");
    let request = w.used("ada", dataset, grant);
    w.ok("pdc", Operation::ConfirmCollection { collected: vec![(id("ada"), request)] });
    assert_eq!(w.balance("ada"), 1000 * UNIT - UNIT / 100);
}
