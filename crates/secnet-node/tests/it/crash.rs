//! Nothing acknowledged is lost: a crash at every operation of a run, under several seeds.

use std::panic::catch_unwind;

use secnet_node::faults::{FaultyDisk, Plan};
use secnet_node::store::{Options, Store};

use crate::model::{Model, commit, options};

const COMMITS: u64 = 36;
const SEEDS: u64 = 4;

/// Runs until the end or the crash; returns how many commits were acknowledged, `None` if not
/// even the empty store was.
fn run(disk: &FaultyDisk, options: Options) -> Option<u64> {
    let store = Store::open_with_backend(disk.clone(), options).ok()?;
    Some((0..COMMITS).take_while(|number| store.commit(commit(*number)).is_ok()).count() as u64)
}

/// Reopens what the crash left; says what is wrong with it.
fn recover(image: Vec<u8>, acknowledged: u64, go_on: bool) -> Result<(), String> {
    let disk = FaultyDisk::with_image(image, Plan::default());
    // On a disk that lost a synced write the engine may panic; that is a failure like others.
    catch_unwind(|| check(disk, acknowledged, go_on))
        .unwrap_or_else(|_| Err("the engine panicked".into()))
}

fn check(disk: FaultyDisk, acknowledged: u64, go_on: bool) -> Result<(), String> {
    let store = Store::open_with_backend(disk, options()).map_err(|error| error.to_string())?;
    let kept = store.commit_number().map_err(|error| error.to_string())?;
    if kept != acknowledged && kept != acknowledged + 1 {
        return Err(format!("{acknowledged} commits were acknowledged, {kept} are there"));
    }
    if Model::read(&store).map_err(|error| error.to_string())? != Model::after(kept) {
        return Err(format!("not the state after {kept} commits"));
    }
    let report = store.verify(&mut |_| {});
    if let Some(finding) = report.findings.first() {
        return Err(finding.to_string());
    }
    if go_on {
        for number in kept..kept + 3 {
            store.commit(commit(number)).map_err(|error| error.to_string())?;
        }
        if Model::read(&store).map_err(|error| error.to_string())? != Model::after(kept + 3) {
            return Err("the run cannot go on".into());
        }
    }
    Ok(())
}

fn crash_everywhere(options: &Options, lie_about_sync: bool, seed: u64) -> (u64, Vec<String>) {
    let whole = FaultyDisk::new(Plan::default());
    assert_eq!(run(&whole, options.clone()), Some(COMMITS));
    let operations = whole.operations();
    let mut failures = Vec::new();
    for operation in 0..operations {
        let disk = FaultyDisk::new(Plan {
            seed,
            crash_at: Some(operation),
            lie_about_sync,
            ..Plan::default()
        });
        // A folder's database is created aside, so an unfinished one is never opened.
        let Some(acknowledged) = run(&disk, options.clone()) else { continue };
        if let Err(problem) = recover(disk.after_crash(), acknowledged, operation % 5 == seed) {
            failures.push(format!("seed {seed}, operation {operation}: {problem}"));
        }
    }
    (operations, failures)
}

#[test]
fn nothing_acknowledged_is_lost() {
    let workers = (0..SEEDS)
        .map(|seed| {
            // Every other seed with the commit of two syncs.
            let options = Options { quick_repair: seed % 2 == 1, ..options() };
            std::thread::spawn(move || crash_everywhere(&options, false, seed))
        })
        .collect::<Vec<_>>();
    for worker in workers {
        let (operations, failures) = worker.join().unwrap();
        println!("{operations} crash points, {} failures", failures.len());
        assert!(failures.is_empty(), "{} failures: {}", failures.len(), failures[0]);
        assert!(operations > 5 * COMMITS);
    }
}

/// The test above can fail: on a disk that ignores syncs it must.
#[test]
fn a_lying_disk_is_caught() {
    let (operations, failures) = crash_everywhere(&options(), true, 1);
    println!("{operations} crash points, {} failures", failures.len());
    assert!(failures.len() as u64 > operations / 4, "{} of {operations}", failures.len());
}

/// A seed replays exactly.
#[test]
fn the_same_seed_leaves_the_same_bytes() {
    let image = |seed| {
        let disk = FaultyDisk::new(Plan { seed, crash_at: Some(120), ..Plan::default() });
        run(&disk, options());
        assert!(disk.crashed());
        disk.after_crash()
    };
    assert_eq!(image(3), image(3));
    assert!((0..8).any(|seed| image(seed) != image(3)));
}

#[test]
fn after_a_failed_commit_the_store_refuses_more() {
    let whole = FaultyDisk::new(Plan::default());
    run(&whole, options());
    let plan = Plan { seed: 1, crash_at: Some(whole.operations() / 2), ..Plan::default() };
    let disk = FaultyDisk::new(plan);
    let store = Store::open_with_backend(disk, options()).unwrap();
    let failed = (0..COMMITS).find(|number| store.commit(commit(*number)).is_err()).unwrap();
    let error = store.commit(commit(failed)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "an earlier commit failed and its outcome is unknown; reopen the store"
    );
}

/// A disk that is full from any operation on: nothing acknowledged is lost, nothing is torn, and
/// with space again the run goes on.
#[test]
fn a_full_disk_loses_nothing() {
    let whole = FaultyDisk::new(Plan::default());
    run(&whole, options());
    for operation in 0..whole.operations() {
        let disk = FaultyDisk::new(Plan { full_at: Some(operation), ..Plan::default() });
        let Some(acknowledged) = run(&disk, options()) else { continue };
        if let Err(problem) = recover(disk.image(), acknowledged, operation % 7 == 0) {
            panic!("full at {operation}: {problem}");
        }
    }
}
