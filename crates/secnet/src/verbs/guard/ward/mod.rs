//! `secnet guard ward`: a hospital's access log, made up by seed on sample patients, with what the hospital knows of who looks
//! after whom, and with misuse of which it is known that it is misuse.
//!
//! The hospital was written down before any detector was tried on it, and is not changed afterwards: a test compares its
//! log with the one of then. What it holds, and what it leaves out, is in docs/guard.md.

mod dice;
mod files;
mod log;
mod misuse;
mod people;
mod roster;
mod stays;
mod work;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

pub(super) use self::dice::Dice;
pub(super) use self::files::File;
use self::log::Access;
use self::people::{Patient, Sample, Staff};
use self::roster::Roster;
use self::stays::{House, Stays};
use self::work::Day;
use crate::failure::{Exit, Failure};
use crate::ingest;
use crate::output::Output;

/// Days that can be made up. With fewer the test days, a third, would be too few for every kind of misuse.
const DAYS: std::ops::RangeInclusive<u64> = 30..=730;
/// Half a year and two months: a log that a table of trees is learnt from within a minute or two.
const USUAL_DAYS: u64 = 240;
/// The first day: Monday, 2026-01-05, in milliseconds.
const FIRST_DAY_MS: u64 = 1_767_571_200_000;

#[derive(Debug, Args)]
pub(super) struct WardArgs {
    /// Sample patients, FHIR R4: files or folders. Theirs are the records that are looked at.
    #[arg(long, value_name = "PATH", required = true)]
    samples: Vec<PathBuf>,
    /// The same seed makes the same hospital.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many days; the last third is for measuring.
    #[arg(long, value_name = "N", default_value_t = USUAL_DAYS,
        value_parser = clap::value_parser!(u64).range(*DAYS.start()..=*DAYS.end()))]
    days: u64,
    /// The folder to write to.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// What the files of a hospital hold, by name: header and lines.
pub(super) fn made_up(samples: &std::path::Path, seed: u64) -> Result<Vec<File>, Failure> {
    let quiet = Output { json: true, quiet: true };
    let samples = Sample::all(&ingest::read(quiet, &[samples.to_owned()])?);
    if samples.is_empty() {
        return Err(no_samples());
    }
    Ok(files::all(&Ward::new(seed, USUAL_DAYS, &samples)).into())
}

fn no_samples() -> Failure {
    Failure::new("no-records", "no patient was found in the given files")
        .hint("give FHIR R4 bundles (.json) or bulk NDJSON (.ndjson), or folders of them")
        .exit(Exit::Usage)
}

/// The same of so many days, from the project's own samples.
#[cfg(test)]
pub(super) fn tests_of(seed: u64, days: u64) -> super::hospital::Hospital {
    super::hospital::Hospital::of(files::all(&Ward::new(seed, days, &tests::samples())).into())
}

/// A hospital and its log.
#[derive(Debug)]
pub(crate) struct Ward {
    days: u64,
    staff: Vec<Staff>,
    patients: Vec<Patient>,
    roster: Roster,
    stays: Stays,
    /// In order of time.
    log: Vec<Access>,
}

impl Ward {
    /// Make one up.
    pub(crate) fn new(seed: u64, days: u64, samples: &[Sample]) -> Self {
        let (staff, patients) = people::everybody(seed, samples);
        let roster = Roster::new(seed, days, &staff);
        let (staff, patients) = (staff.as_slice(), patients.as_slice());
        let house = House { days, samples, staff, patients, roster: &roster };
        let stays = Stays::new(seed, &house);
        let mut day =
            Day { house: &house, stays: &stays, dice: Dice::new(seed, 4), log: Vec::new() };
        day.work();
        day.dice = Dice::new(seed, 5);
        day.misuse();
        let mut log = day.log;
        log.sort_by_key(|access| (access.at, access.staff, access.patient));
        let (staff, patients) = (staff.to_vec(), patients.to_vec());
        Self { days, staff, patients, roster, stays, log }
    }
}

pub(super) fn run(out: Output, args: &WardArgs) -> Result<(), Failure> {
    let samples = Sample::all(&ingest::read(out, &args.samples)?);
    if samples.is_empty() {
        return Err(no_samples());
    }
    let ward = Ward::new(args.seed, args.days, &samples);
    let misuse = ward.log.iter().filter(|access| access.cause.is_misuse()).count();
    let written = files::write(&ward, &args.out)?;
    let value = json!({
        "seed": args.seed,
        "days": ward.days,
        "staff": ward.staff.len(),
        "patients": ward.patients.len(),
        "accesses": ward.log.len(),
        "misuse": misuse,
        "files": written,
    });
    out.result(&value, |_| {
        format!(
            "{} accesses of {} members of staff to {} patients in {} days, {misuse} of them misuse, in {}",
            ward.log.len(),
            ward.staff.len(),
            ward.patients.len(),
            ward.days,
            args.out.display()
        )
    });
    Ok(())
}
