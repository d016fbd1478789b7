//! How often the guard would ask honest staff of a hospital for a proof, and how often whoever works with somebody else's session.
//!
//! The log says who looked and when, but not by which key: here everybody works by session, and the member's own key signs
//! nothing but proofs. All go through one door, so that no habit of doors is measured.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use secnet_guard::{
    Cause, Event, Guard, GuardVerdict, Model, Observed, Outcome, PermittedUse, Relations,
};
use secnet_learn::Confusion;
use secnet_types::{Feature, FeatureValue, FeatureVector, MemberId, Timestamp};

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
/// The strangeness from which on a rule asks.
const RARE_FROM: i64 = 1_000;
/// As the made-up log calls them.
const LENT_KEY: &str = "lent-key";
const HARVEST: &str = "harvest";

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
    /// Looks with a lent key, looks at many patients in a row, and all misuse.
    lent: Vec<bool>,
    harvest: Vec<bool>,
    misuse: Vec<bool>,
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
    let guard = Guard::new(Model::default());
    Ok(measured(&looks, (guard, is_stepped_up), (seed, THEFTS), progress))
}

/// The same with what the hospital says of who looks after whom, and of the proofs those alone for which a request was strange.
pub(super) fn strange(
    dir: &Path,
    seed: u64,
    progress: &mut dyn FnMut(),
) -> Result<StreamRun, LoadError> {
    let hospital = Hospital::read(dir, seed)?;
    let looks = hospital.looks()?;
    Ok(measured(&looks, (related(&hospital)?, is_strange), (seed, THEFTS), progress))
}

fn related(hospital: &Hospital) -> Result<Guard, LoadError> {
    let relations = Relations::new(hospital.numbered_facts()?)
        .map_err(|error| LoadError::Stream(error.to_string()))?;
    let mut guard = Guard::new(Model::default());
    guard.set_relations(Arc::new(relations));
    Ok(guard)
}

/// The same if a rule asked for a proof from a strangeness on.
pub(super) fn strange_by_rule(
    dir: &Path,
    seed: u64,
    progress: &mut dyn FnMut(),
) -> Result<StreamRun, LoadError> {
    let hospital = Hospital::read(dir, seed)?;
    let looks = hospital.looks()?;
    Ok(measured(&looks, (related(&hospital)?, is_rare), (seed, THEFTS), progress))
}

/// Which proofs are counted.
type Asked = fn(&GuardVerdict, &FeatureVector) -> bool;

fn is_stepped_up(verdict: &GuardVerdict, _: &FeatureVector) -> bool {
    verdict.outcome == Outcome::StepUp
}

fn is_strange(verdict: &GuardVerdict, _: &FeatureVector) -> bool {
    verdict.reasons.iter().any(|reason| reason.cause == Cause::Strange)
}

fn is_rare(_: &GuardVerdict, facts: &FeatureVector) -> bool {
    let emergency = facts.value(Feature::Emergency) == Some(&FeatureValue::Words(2));
    !emergency && facts.number(Feature::Strangeness) >= Some(RARE_FROM)
}

fn measured(
    looks: &[Look],
    (mut guard, asks): (Guard, Asked),
    (seed, thefts): (u64, u64),
    progress: &mut dyn FnMut(),
) -> StreamRun {
    let begun = Instant::now();
    let mut dice = Dice::new(seed, DICE);
    let mut counted = Counted::default();
    let measured = looks.iter().filter(|look| look.measures);
    let thefts_in = measured.clone().count() as u64 / thefts.max(1);
    counted.from_ms = measured.clone().map(|look| look.event.at.0).min().unwrap_or_default();
    counted.until_ms = measured.map(|look| look.event.at.0).max().unwrap_or_default();
    let mut last = BTreeMap::new();
    for (place, look) in looks.iter().enumerate() {
        counted.look(&mut guard, asks, look);
        last.insert(look.event.requester, look.event.clone());
        if look.measures && dice.below(thefts_in.max(1)) == 0 {
            counted.theft((guard.clone(), asks), &last, look.event.at.0, &mut dice);
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

/// A request comes in: its features, and is a proof asked for? Nothing else of the guard is looked at.
fn arrives(guard: &mut Guard, asks: Asked, event: &Event) -> (FeatureVector, bool) {
    let permitted = PermittedUse { emergency: event.emergency, ..PermittedUse::default() };
    let facts = guard.features(event);
    let asked = asks(&guard.model().vet(&permitted, &facts, &[]), &facts);
    guard.arrive(event);
    guard.judged_strange(event, &facts);
    (facts, asked)
}

impl Counted {
    /// A look of the log. Whoever looks by its own session can prove it; who has lent one cannot.
    fn look(&mut self, guard: &mut Guard, asks: Asked, look: &Look) {
        let event = &look.event;
        let (facts, asked) = arrives(guard, asks, event);
        let lent = look.cause == LENT_KEY;
        if look.measures {
            if look.misuse {
                self.misuse.push(asked);
            }
            if lent {
                self.lent.push(asked);
            } else if look.cause == HARVEST {
                self.harvest.push(asked);
            } else if !look.misuse {
                self.honest.push(asked);
                self.there.insert(event.requester);
                if asked {
                    self.asked.insert(event.requester);
                }
            }
        }
        guard.conclude(event, &facts, if asked { Observed::Held } else { Observed::Allowed });
        if asked && !lent {
            guard.observe(&Event { own_key: true, ..event.clone() }, Observed::Allowed);
        }
    }

    /// Somebody's session is used at any time of the day that follows, a read a minute. What it leaves behind in the guard is
    /// forgotten afterwards.
    fn theft(
        &mut self,
        (mut guard, asks): (Guard, Asked),
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
            let (facts, asked) = arrives(&mut guard, asks, &event);
            guard.conclude(&event, &facts, if asked { Observed::Held } else { Observed::Allowed });
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
            (Figure::HarvestAsked, &self.harvest),
            (Figure::MisuseAsked, &self.misuse),
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
