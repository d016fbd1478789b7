//! The solo ledger on disks that fail: nothing acknowledged is lost, and what cannot be written is not acted on.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use secnet_app::ports::{Log as _, LogError, SubmitError};
use secnet_node::faults::{FaultyDisk, Plan};
use secnet_node::{Solo, check_chain};
use secnet_types::{Amount, limits};

use crate::world::{HandClock, START, chain_on, genesis, id, issue, key, pay, reopened};

const PAYMENTS: u64 = 12;

fn solo_on(disk: &FaultyDisk) -> Option<Solo> {
    Solo::start(chain_on(disk)?, HandClock::new()).ok()
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Issue, then pay one after the other; the events that were acknowledged, until the ledger fails.
fn payments(solo: &Solo) -> Vec<(u64, Vec<u8>)> {
    let mut acknowledged = Vec::new();
    for number in 0..=PAYMENTS {
        let command = if number == 0 { issue(0, "ada") } else { pay(number, "ada", "bo", number) };
        match wait(solo.submit(command.clone())) {
            Ok(committed) => acknowledged.push((committed.event, command)),
            Err(SubmitError::Unavailable(_)) => break,
            Err(error) => panic!("{error}"),
        }
    }
    acknowledged
}

#[test]
fn what_is_acknowledged_survives_a_crash_at_any_operation() {
    let whole = FaultyDisk::new(Plan::default());
    let solo = solo_on(&whole).unwrap();
    let begun = whole.operations();
    assert_eq!(payments(&solo).len() as u64, PAYMENTS + 1);
    drop(solo);
    for operation in begun..whole.operations() {
        for seed in 0..3 {
            let plan = Plan { seed, crash_at: Some(operation), ..Plan::default() };
            let disk = FaultyDisk::new(plan);
            let Some(solo) = solo_on(&disk) else { continue };
            let acknowledged = payments(&solo);
            drop(solo);
            let chain = reopened(FaultyDisk::with_image(disk.after_crash(), Plan::default()));
            for (event, command) in &acknowledged {
                assert_eq!(
                    chain.command_of(*event).unwrap().as_ref(),
                    Some(command),
                    "crash at {operation} with seed {seed}: event {event} is lost"
                );
            }
            let findings = check_chain(chain.store(), &[], &mut |_, _| {}).unwrap();
            assert_eq!(findings, [], "crash at {operation} with seed {seed}");
            // It goes on; what was under way is applied once, whether it had got through or not.
            let solo = Solo::start(chain, HandClock::new()).unwrap();
            assert_eq!(payments(&solo).len() as u64, PAYMENTS + 1);
            let paid = (1..=PAYMENTS).sum();
            solo.read(&mut |view| assert_eq!(view.state.balance(id("bo")), Amount(paid)));
        }
    }
}

#[test]
fn a_full_disk_stops_releases_until_something_is_written() {
    let whole = FaultyDisk::new(Plan::default());
    let solo = solo_on(&whole).unwrap();
    let begun = whole.operations();
    wait(solo.submit(issue(0, "ada"))).unwrap();
    let full_at = whole.operations() + 2;
    drop(solo);
    assert!(full_at > begun);

    let disk = FaultyDisk::new(Plan { full_at: Some(full_at), ..Plan::default() });
    let solo = solo_on(&disk).unwrap();
    let age = || {
        let mut age = None;
        solo.read(&mut |view| age = Some(view.age_ms));
        age.unwrap()
    };
    let first = wait(solo.submit(issue(0, "ada"))).unwrap();
    assert_eq!(age(), 0);
    let mut failed = None;
    for number in 1..200 {
        if let Err(error) = wait(solo.submit(pay(number, "ada", "bo", 1))) {
            failed = Some(error);
            break;
        }
    }
    assert!(matches!(failed, Some(SubmitError::Unavailable(_))), "{failed:?}");
    assert_eq!(age(), u64::MAX, "nothing may be released on a ledger that cannot write");
    // Neither a command that is known already nor one that is refused shows that the disk has room again.
    assert!(wait(solo.submit(issue(0, "ada"))).is_ok_and(|again| again.event == first.event));
    assert!(matches!(
        wait(solo.submit(pay(500, "bo", "ada", u64::MAX))),
        Err(SubmitError::Rejected(_))
    ));
    assert_eq!(age(), u64::MAX);
    // What is durable can still be proved.
    wait(solo.receipt(first.event)).unwrap().verify(&genesis()).unwrap();
}

#[test]
fn a_receipt_that_cannot_come_is_not_waited_for() {
    // Two commands in two batches: the first block has no cover yet when the disk fails.
    let whole = FaultyDisk::new(Plan::default());
    drop(solo_on(&whole).unwrap());
    let mut seen = false;
    for extra in 0..60 {
        let full_at = Some(whole.operations() + extra);
        let disk = FaultyDisk::new(Plan { full_at, ..Plan::default() });
        let Some(solo) = solo_on(&disk) else { continue };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let many = (0..6).map(|number| solo.submit(issue(number, "ada")));
            for committed in futures::future::join_all(many).await.into_iter().flatten() {
                let receipt = solo.receipt(committed.event);
                let receipt = tokio::time::timeout(std::time::Duration::from_secs(20), receipt);
                let receipt = receipt.await.expect("an answer, not a hang");
                seen |= matches!(receipt, Err(LogError::Unavailable(_)));
                assert!(matches!(receipt, Ok(_) | Err(LogError::Unavailable(_))), "{receipt:?}");
            }
        });
    }
    // Batches depend on the scheduler; that no call hangs is what matters.
    println!("a receipt was refused: {seen}");
}

#[test]
fn it_does_what_every_ledger_does() {
    let disk = FaultyDisk::new(Plan::default());
    let solo = solo_on(&disk).unwrap();
    wait(crate::contract::holds(&solo, START));
}

#[test]
fn what_is_no_command_is_refused_and_changes_nothing() {
    let disk = FaultyDisk::new(Plan::default());
    let solo = solo_on(&disk).unwrap();
    wait(solo.submit(issue(0, "ada"))).unwrap();
    let before = disk.operations();
    let mut forged = pay(1, "ada", "bo", 1);
    let last = forged.len() - 1;
    forged[last] ^= 1;
    for bytes in [vec![], vec![0xff; 40], vec![0; limits::MAX_COMMAND_BYTES + 1], forged] {
        let answer = wait(solo.submit(bytes));
        assert!(matches!(answer, Err(SubmitError::Invalid(_))), "{answer:?}");
    }
    solo.read(&mut |view| assert_eq!(view.state.balance(id("bo")), Amount(0)));
    assert_eq!(disk.operations(), before);
}

#[test]
fn commands_that_wait_share_a_block_and_a_repeated_one_gets_its_first_answer() {
    let disk = FaultyDisk::new(Plan::default());
    let solo = solo_on(&disk).unwrap();
    wait(solo.submit(issue(0, "ada"))).unwrap();
    let many = (1..=200).map(|number| solo.submit(pay(number, "ada", "bo", 1)));
    let answers = wait(futures::future::join_all(many));
    let events: Vec<u64> = answers.iter().map(|a| a.as_ref().unwrap().event).collect();
    assert_eq!(events, (events[0]..events[0] + 200).collect::<Vec<_>>());
    assert!(solo.chain().executor().height() < 100, "a block for each command is no group commit");
    let again = wait(solo.submit(pay(7, "ada", "bo", 1))).unwrap();
    assert!(again.repeated);
    assert_eq!(again.event, events[6]);
    solo.read(&mut |view| assert_eq!(view.state.balance(id("bo")), Amount(200)));
    let receipt = wait(solo.receipt(events[199])).unwrap();
    receipt.verify(&genesis()).unwrap();
}

#[test]
fn a_clock_that_jumps_stops_the_ledger_and_expires_nothing() {
    let disk = FaultyDisk::new(Plan::default());
    let clock = HandClock::new();
    let solo = Solo::start(chain_on(&disk).unwrap(), Arc::clone(&clock) as _).unwrap();
    wait(solo.submit(issue(0, "ada"))).unwrap();
    let century_ms = 100 * 365 * 24 * 60 * 60 * 1000;
    clock.0.store(START.0 + century_ms, Ordering::SeqCst);
    let answer = wait(solo.submit(pay(1, "ada", "bo", 1)));
    assert!(
        matches!(&answer, Err(SubmitError::Unavailable(why)) if why.contains("clock")),
        "{answer:?}"
    );
    solo.read(&mut |view| assert_eq!(view.age_ms, u64::MAX));
    clock.0.store(START.0, Ordering::SeqCst);
    wait(solo.submit(pay(1, "ada", "bo", 1))).unwrap();
    solo.read(&mut |view| {
        assert_eq!((view.age_ms, view.time), (0, START));
    });
}

#[test]
fn another_key_than_the_genesis_names_is_refused() {
    let disk = FaultyDisk::new(Plan::default());
    let chain = chain_on(&disk).unwrap();
    let store_options = secnet_node::store_options(false);
    drop(chain);
    let store = secnet_node::store::Store::open_with_backend(disk, store_options).unwrap();
    let refused = secnet_node::Chain::open(store, Some(Arc::new(key("mallory"))));
    assert!(matches!(refused, Err(secnet_node::ChainError::WrongKey)), "{refused:?}");
}
