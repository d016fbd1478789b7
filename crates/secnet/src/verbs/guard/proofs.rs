//! How often the guard would ask honest staff of a hospital for a proof, and how often whoever works with somebody else's session.
//!
//! The log says who looked and when, but not by which key: here everybody works by session, and the member's own key signs
//! nothing but proofs. All go through one door, so that no habit of doors is measured.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use secnet_guard::{Event, Guard, Model, Observed, Outcome, PermittedUse};
use secnet_learn::Confusion;
use secnet_types::{MemberId, Timestamp};

use super::hospital::{Hospital, Look};
use super::load::LoadError;
use super::streams::{StreamRun, tell};
use super::tasks::Figure;
use super::ward::Dice;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
const MONTH_MS: u64 = 30 * DAY_MS;
/// Thefts that are made up, and the reads of each: one a minute, of one patient, each as the member's own last one.
const THEFTS: u64 = 400;
const READS: u64 = 30;
const READ_EVERY_MS: u64 = 60_000;
/// The part of the hospital's dice that says who is robbed, and when.
const DICE: u64 = 100;
/// As the made-up log calls it.
const LENT_KEY: &str = "lent-key";

#[cfg(test)]
mod tests;

/// What was asked.
#[derive(Default)]
struct Counted {
    /// Honest looks in the days for measuring: was a proof asked for?
    honest: Vec<bool>,
    /// Who was asked, of those who worked then.
    asked: BTreeSet<MemberId>,
    there: BTreeSet<MemberId>,
    from_ms: u64,
    until_ms: u64,
    /// Looks with a lent key.
    lent: Vec<bool>,
    /// Thefts: was the first read stopped, was any?
    first: Vec<bool>,
    any: Vec<bool>,
    /// Reads of all thefts.
    reads: Vec<bool>,
}

pub(super) fn run(
    dir: &Path,
    seed: u64,
    progress: &mut dyn FnMut(),
) -> Result<StreamRun, LoadError> {
    let looks = Hospital::read(dir, seed)?.looks()?;
    Ok(measured(&looks, seed, THEFTS, progress))
}

fn measured(looks: &[Look], seed: u64, thefts: u64, progress: &mut dyn FnMut()) -> StreamRun {
    let begun = Instant::now();
    let mut guard = Guard::new(Model::default());
    let mut dice = Dice::new(seed, DICE);
    let mut counted = Counted::default();
    let measured = looks.iter().filter(|look| look.measures);
    let thefts_in = measured.clone().count() as u64 / thefts.max(1);
    counted.from_ms = measured.clone().map(|look| look.event.at.0).min().unwrap_or_default();
    counted.until_ms = measured.map(|look| look.event.at.0).max().unwrap_or_default();
    let mut last = BTreeMap::new();
    for (place, look) in looks.iter().enumerate() {
        counted.look(&mut guard, look);
        last.insert(look.event.requester, look.event.clone());
        if look.measures && dice.below(thefts_in.max(1)) == 0 {
            counted.theft(guard.clone(), &last, look.event.at.0, &mut dice);
        }
        tell(place, looks.len(), progress);
    }
    let judged = looks.iter().filter(|look| look.measures).count();
    let learnt = looks.len() - judged;
    let seconds = begun.elapsed().as_secs_f64();
    let mut run = StreamRun { seed, seconds, judged, learnt, ..StreamRun::default() };
    counted.told(&mut run);
    run
}

/// Is a proof asked for? Nothing else of the guard is looked at.
fn is_asked(guard: &Guard, event: &Event) -> bool {
    let permitted = PermittedUse { emergency: event.emergency, ..PermittedUse::default() };
    let facts = guard.features(event);
    guard.model().vet(&permitted, &facts, &[]).outcome == Outcome::StepUp
}

impl Counted {
    /// A look of the log. Whoever looks by its own session can prove it; who has lent one cannot.
    fn look(&mut self, guard: &mut Guard, look: &Look) {
        let event = &look.event;
        let asked = is_asked(guard, event);
        let lent = look.cause == LENT_KEY;
        if look.measures {
            if lent {
                self.lent.push(asked);
            } else if !look.misuse {
                self.honest.push(asked);
                self.there.insert(event.requester);
                if asked {
                    self.asked.insert(event.requester);
                }
            }
        }
        match asked {
            true if lent => guard.observe(event, Observed::Held),
            true => {
                guard.observe(event, Observed::Held);
                guard.observe(&Event { own_key: true, ..event.clone() }, Observed::Allowed);
            }
            false => guard.observe(event, Observed::Allowed),
        }
    }

    /// Somebody's session is used at any time of the day that follows, a read a minute. What it leaves behind in the guard is
    /// forgotten afterwards.
    fn theft(
        &mut self,
        mut guard: Guard,
        last: &BTreeMap<MemberId, Event>,
        now_ms: u64,
        dice: &mut Dice,
    ) {
        let robbed: Vec<&Event> = last.values().filter(|event| !event.emergency).collect();
        let Some(own) = dice.of(&robbed) else { return };
        let from_ms = now_ms + dice.below(DAY_MS);
        let mut any = false;
        for read in 0..READS {
            let at = Timestamp(from_ms + read * READ_EVERY_MS);
            let event = Event { at, ..own.clone() };
            let asked = is_asked(&guard, &event);
            guard.observe(&event, if asked { Observed::Held } else { Observed::Allowed });
            if read == 0 {
                self.first.push(asked);
            }
            any |= asked;
            self.reads.push(asked);
        }
        self.any.push(any);
    }

    fn told(&self, run: &mut StreamRun) {
        let months = self.until_ms.saturating_sub(self.from_ms) as f64 / MONTH_MS as f64;
        let staff = self.there.len().max(1) as f64;
        let proofs = self.honest.iter().filter(|asked| **asked).count() as f64;
        run.figures.insert(Figure::ProofsAMonth, proofs / staff / months.max(1e-9));
        let never = 1.0 - self.asked.len() as f64 / staff;
        run.figures.insert(Figure::NeverAsked, never);
        for (figure, asked) in [
            (Figure::HonestAsked, &self.honest),
            (Figure::LentKeyAsked, &self.lent),
            (Figure::TheftFirstAsked, &self.first),
            (Figure::TheftAsked, &self.any),
            (Figure::TheftReadsAsked, &self.reads),
        ] {
            let counted = Confusion::of(asked.iter().map(|asked| (*asked, true)));
            let interval = counted.recall_interval();
            run.figures.insert(figure, counted.recall());
            run.intervals.insert(figure, (interval.low, interval.high));
        }
    }
}
