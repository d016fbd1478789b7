//! A disk without room: what takes something away is still ordered, nothing else is, and all goes on when there is room.

use std::time::{Duration, Instant};

use secnet_app::ports::{Log as _, SubmitError, Trouble};
use secnet_node::faults::{DiskRoom, FaultyDisk, Plan};
use secnet_node::store::{Options, Store};
use secnet_node::{Chain, LOW_BYTES, Room, Solo, check_chain, store_options};
use secnet_types::{Amount, Change};

use crate::world::{HandClock, genesis, govern, id, issue, key, pay};

const RESERVE: u64 = 8 << 20;
/// So much that nothing is scarce.
const AMPLE: u64 = RESERVE + 4 * LOW_BYTES;
/// Longer than any of this takes; whoever waits longer waits for what does not come.
const PATIENCE: Duration = Duration::from_secs(60);

fn options(create: bool) -> Options {
    Options { cache_bytes: 16 << 20, ..store_options(create) }
}

fn store_on(disk: &FaultyDisk) -> Store {
    let disk = disk.clone();
    Store::open_again_with(move || disk.clone(), options(true)).unwrap()
}

fn solo_on(disk: &FaultyDisk, room: impl Room + 'static) -> Solo {
    let chain = Chain::create(store_on(disk), genesis(), key("sequencer").into()).unwrap();
    Solo::start_in(chain, HandClock::new(), Box::new(room)).unwrap()
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Wait until the ledger is so.
fn until(solo: &Solo, what: &str, holds: impl Fn(&Solo) -> bool) {
    let begun = Instant::now();
    while !holds(solo) {
        assert!(begun.elapsed() < PATIENCE, "{what} did not come: {:?}", solo.standing());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn suspend(number: u64, who: &str) -> Vec<u8> {
    govern(number, Change::Suspend(id(who)))
}

fn age(solo: &Solo) -> u64 {
    let mut age = None;
    solo.read(&mut |view| age = Some(view.age_ms));
    age.unwrap()
}

/// Pay until that is refused; how many payments were made.
fn pay_until_refused(solo: &Solo, first: u64) -> (u64, SubmitError) {
    for number in first..first + 5000 {
        if let Err(error) = wait(solo.submit(pay(number, "ada", "bo", 1))) {
            return (number - first, error);
        }
    }
    panic!("the disk was never full");
}

#[test]
fn a_write_that_finds_no_room_is_made_up_for_from_the_reserve_and_nothing_is_lost() {
    let disk = FaultyDisk::new(Plan::default());
    let solo = solo_on(&disk, DiskRoom::silent(&disk, RESERVE));
    until(&solo, "the reserve", |solo| solo.standing().reserve == RESERVE);
    wait(solo.submit(issue(0, "ada"))).unwrap();
    disk.leave_room(Some(64 << 10));
    let (paid, refused) = pay_until_refused(&solo, 1);
    assert_eq!(refused, SubmitError::NoRoom);
    assert_eq!(solo.standing().trouble, Some(Trouble::NoRoom));
    assert_eq!((age(&solo), solo.standing().reserve), (u64::MAX, 0));
    // What takes something away is ordered, with a receipt; the rest is refused; what was known is answered.
    let event = wait(solo.submit(suspend(7000, "bo"))).unwrap().event;
    wait(solo.receipt(event)).unwrap().verify(&genesis()).unwrap();
    assert!(wait(solo.submit(issue(0, "ada"))).unwrap().repeated);
    solo.read(&mut |view| {
        assert_eq!(view.state.balance(id("bo")), Amount(paid));
        assert!(view.state.member(id("bo")).unwrap().suspended);
    });
    // Room again: without a restart, everything is ordered, and the reserve is there.
    disk.leave_room(Some(AMPLE));
    until(&solo, "room", |solo| solo.standing().trouble.is_none());
    assert_eq!((age(&solo), solo.standing().reserve), (0, RESERVE));
    wait(solo.submit(issue(8000, "ada"))).unwrap();
    let findings = check_chain(solo.chain().store(), &[], &mut |_, _| {}).unwrap();
    assert_eq!(findings, []);
}

#[test]
fn before_the_last_room_is_gone_reads_stop_and_the_reserve_serves_what_takes_away() {
    let disk = FaultyDisk::new(Plan::default());
    disk.leave_room(Some(AMPLE));
    let solo = solo_on(&disk, DiskRoom::of(&disk, RESERVE));
    until(&solo, "the reserve", |solo| solo.standing().reserve == RESERVE);
    wait(solo.submit(issue(0, "ada"))).unwrap();
    // Others have written: nothing has failed yet.
    disk.leave_room(Some(LOW_BYTES / 2));
    until(&solo, "the alarm", |solo| solo.standing().lacks_room());
    assert_eq!(solo.standing().reserve, 0);
    assert_eq!(wait(solo.submit(pay(1, "ada", "bo", 1))), Err(SubmitError::NoRoom));
    wait(solo.submit(suspend(2, "bo"))).unwrap();
    assert_eq!(age(&solo), u64::MAX);
    // The reserve alone is not enough to go on with.
    disk.leave_room(Some(RESERVE + LOW_BYTES));
    assert_eq!(wait(solo.submit(pay(1, "ada", "bo", 1))), Err(SubmitError::NoRoom));
    disk.leave_room(Some(AMPLE));
    until(&solo, "room", |solo| !solo.standing().lacks_room());
    assert_eq!(solo.standing().reserve, RESERVE);
    assert!(disk.free().unwrap() >= 2 * LOW_BYTES);
    wait(solo.submit(pay(1, "ada", "bo", 1))).unwrap_err();
    wait(solo.submit(issue(3, "ada"))).unwrap();
}

#[test]
fn a_reserve_that_is_used_up_stops_everything_until_there_is_room() {
    let disk = FaultyDisk::new(Plan::default());
    let solo = solo_on(&disk, DiskRoom::silent(&disk, 1 << 20));
    until(&solo, "the reserve", |solo| solo.standing().reserve == 1 << 20);
    wait(solo.submit(issue(0, "ada"))).unwrap();
    disk.leave_room(Some(0));
    // Suspending the same member again and again takes nothing but room.
    let mut ordered = 0_u64;
    let refused = (1..20_000).find_map(|number| {
        let answer = wait(solo.submit(suspend(number, "bo")));
        ordered += u64::from(answer.is_ok());
        answer.err().filter(|error| !matches!(error, SubmitError::Rejected(_)))
    });
    assert!(matches!(refused, Some(SubmitError::Unavailable(_))), "{refused:?}");
    assert!(ordered > 0);
    assert_eq!(age(&solo), u64::MAX);
    disk.leave_room(Some(AMPLE));
    until(&solo, "room", |solo| solo.standing().trouble.is_none());
    wait(solo.submit(issue(30_000, "ada"))).unwrap();
    let findings = check_chain(solo.chain().store(), &[], &mut |_, _| {}).unwrap();
    assert_eq!(findings, []);
}

#[test]
fn wherever_the_room_ends_the_ledger_goes_on_without_a_restart() {
    for kilobytes in (0..240).step_by(12) {
        let disk = FaultyDisk::new(Plan::default());
        let solo = solo_on(&disk, DiskRoom::silent(&disk, RESERVE));
        until(&solo, "the reserve", |solo| solo.standing().reserve == RESERVE);
        wait(solo.submit(issue(0, "ada"))).unwrap();
        disk.leave_room(Some(kilobytes << 10));
        let (paid, refused) = pay_until_refused(&solo, 1);
        assert_eq!(refused, SubmitError::NoRoom, "{kilobytes} KiB");
        disk.leave_room(None);
        until(&solo, "room", |solo| solo.standing().trouble.is_none());
        // The refused one was not applied, and is now.
        assert!(!wait(solo.submit(pay(paid + 1, "ada", "bo", 1))).unwrap().repeated);
        solo.read(&mut |view| assert_eq!(view.state.balance(id("bo")), Amount(paid + 1)));
        let findings = check_chain(solo.chain().store(), &[], &mut |_, _| {}).unwrap();
        assert_eq!(findings, [], "{kilobytes} KiB");
    }
}

#[test]
fn a_store_that_failed_for_another_reason_is_not_reopened_under_a_running_node() {
    let whole = FaultyDisk::new(Plan::default());
    let begun = solo_on(&whole, DiskRoom::silent(&whole, 0));
    let plan = Plan { crash_at: Some(whole.operations() + 1), ..Plan::default() };
    drop(begun);
    let disk = FaultyDisk::new(plan);
    let solo = solo_on(&disk, DiskRoom::silent(&disk, 0));
    let error = wait(solo.submit(issue(0, "ada"))).unwrap_err();
    assert!(matches!(error, SubmitError::Unavailable(_)), "{error:?}");
    assert!(matches!(solo.standing().trouble, Some(Trouble::Failing(_))));
    let store = solo.chain().store();
    assert!(store.is_poisoned() && !store.lacks_room());
    assert_eq!(
        store.reopen().unwrap_err().to_string(),
        "an earlier commit failed and its outcome is unknown; reopen the store"
    );
}
