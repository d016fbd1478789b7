//! Deadlines: cleaned up at the start of a block, so many at a time, in one order everywhere.

use secnet_ledger::{EntryChange, Executor, TableId};
use secnet_types::*;

use crate::support::*;

/// More applied-command ids than one block forgets.
fn crowded() -> World {
    let (mut w, dataset) = World::furnished();
    let grant = Grant {
        window: Window { from: w.now(), until: w.at(4 * MINUTE) },
        ..w.grant_of(dataset, "bo")
    };
    let grant = w.grant("ada", grant);
    w.ok("bo", Operation::FundGrant { grant, amount: Amount(5 * UNIT) });
    w.held("bo", dataset);
    w.used("bo", dataset, grant);
    let open = Operation::OpenAsk { ask: Ask { deadline: w.at(HOUR), ..w.ask_of(dataset, "cy") } };
    w.ok("cy", open);
    for _ in 0..3 {
        let commands = (0..1500)
            .map(|_| {
                let transfer = Operation::Transfer { to: id("cy"), amount: Amount(1) };
                let command = w.command("ada", transfer);
                signed("ada", command)
            })
            .collect();
        w.block(commands);
    }
    w
}

#[test]
fn what_is_overdue_is_cleaned_up_over_several_blocks_alike_everywhere() {
    let mut w = crowded();
    w.time += DAY;
    let mut reloaded = w.reloaded();
    let mut removed = Vec::new();
    loop {
        let block = w.wait(1);
        let same = reloaded.execute(w.now(), &[]);
        assert_eq!(same.header, block.header);
        assert_eq!(same.events, block.events, "loaded and running state sweep in the same order");
        assert_eq!(same.changes, block.changes);
        let gone = |c: &&EntryChange| c.0 == TableId::applied && c.2.is_none();
        removed.push(block.changes.iter().filter(gone).count());
        if w.executor.next_deadline().is_none_or(|d| d > w.now()) {
            break;
        }
    }
    assert!(removed.len() == 2 && removed[0] <= limits::MAX_SWEEP_PER_BLOCK, "{removed:?}");
    assert!(removed.iter().sum::<usize>() > limits::MAX_SWEEP_PER_BLOCK);
    assert_eq!(w.balance("bo"), 1000 * UNIT, "escrow and uncollected charge are back");
    assert_eq!(format!("{:?}", w.reloaded().state()), format!("{:?}", w.executor.state()));
}

/// What is overdue but not yet cleaned up is as dead as if it were.
#[test]
fn a_backlog_lends_no_life() {
    let (mut w, dataset) = World::furnished();
    let grant = w.granted(dataset, "bo");
    let (held, request) = w.held("bo", dataset);
    w.ok("ada", Operation::AnswerHold { decision: held, answer: HoldAnswer::Release });
    w.time += 20 * HOUR;
    // Overdue before the hold: more than one block cleans up.
    for _ in 0..4 {
        let commands = (0..1500)
            .map(|_| {
                let transfer = Operation::Transfer { to: id("cy"), amount: Amount(1) };
                let command = w.command("ada", transfer);
                signed("ada", command)
            })
            .collect();
        w.block(commands);
    }
    w.time += 5 * HOUR;
    let verdict = w.allow(grant, UNIT);
    let decision = Decision { lifts: Some(held), ..w.decide(request, verdict) };
    w.refused_with_backlog("pdc", Operation::RecordDecision { decision }, "not-held");
    w.time += DAY;
}

impl World {
    /// As `refused`, in a block that also cleans up.
    fn refused_with_backlog(&mut self, who: &str, operation: Operation, code: &str) {
        let command = self.command(who, operation);
        match self.try_sign(who, command) {
            secnet_ledger::Outcome::Rejected(rejection) => assert_eq!(rejection.code(), code),
            other => panic!("{other:?}"),
        }
        assert!(
            self.executor.next_deadline().is_some_and(|d| d <= self.now()),
            "a backlog is left"
        );
    }
}

#[test]
fn block_time_never_falls() {
    let mut w = World::new();
    w.wait(DAY);
    let earlier = w.executor.execute(Timestamp(START), &[]);
    assert_eq!(earlier.header.time, w.now());
    let (mut executor, _) = Executor::genesis(&w.genesis);
    assert_eq!(executor.execute(Timestamp(0), &[]).header.time, Timestamp(START));
}
