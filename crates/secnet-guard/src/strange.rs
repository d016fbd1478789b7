//! How unlike all before it a request is, without anybody having said what is wrong: its numbers against those of requests that went
//! ahead here, of all members together.
//!
//! A request is scored before it is learnt ([`memory`]), its score becomes a rarity, one in so many ([`tail`]), and what is rarer
//! than the day's [`budget`] of false findings allows for is a finding: a session's request is refused until a fresh proof of
//! who asks. Rarity, limit, and the features that are furthest off with what would have been usual are features of the
//! request and recorded with it, so that the verdict follows from what is recorded.
//!
//! What is refused teaches nothing. What is strange and went ahead teaches one time in two hundred, and one member a few times an hour,
//! so that neither a flood nor a patient hand makes itself usual sooner than the data centre changes.

mod budget;
mod dice;
mod finding;
mod inputs;
mod kept;
mod memory;
mod tail;
mod why;

use secnet_types::{Feature, FeatureVector};

use self::budget::Budget;
use self::dice::Dice;
pub(crate) use self::finding::finding;
use self::inputs::{KINDS, Row, kind_of, row_of};
pub(crate) use self::kept::StrangeKept;
use self::memory::Memory;
use self::tail::Tail;
use crate::features::{count, words};
use crate::{Event, Guard};

const DAY_MS: u64 = 86_400_000;
/// Requests of one member in an hour that count each; of more, so many in an hour do.
const COUNTED_AN_HOUR: u64 = 32;
/// From this rarity on a request is strange to the samples...
const STRANGE: u64 = 200;
/// ...and of what is strange one is learnt for so many that are learnt or could be.
const LEARNT_IN: u32 = 200;
/// Strange ones in a row that are learnt at most.
const LEARNT_IN_A_ROW: u32 = 5;

/// What is known of requests of which the same is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Kind {
    memory: Memory,
    tail: Tail,
    /// Requests that were learnt.
    learnt: u64,
    /// How many strange ones may be learnt now, in parts of [`LEARNT_IN`].
    allowance: u32,
    /// When anything of it changed last.
    tick: u64,
}

/// What requests here are like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Strange {
    kinds: [Option<Box<Kind>>; KINDS],
    budget: Budget,
    dice: Dice,
}

impl Kind {
    /// One in how many is as far away.
    fn rarity(&self, row: &Row) -> Option<u64> {
        self.tail.rarity(self.memory.distance(row)?)
    }

    fn learn(&mut self, row: &Row, tick: u64, dice: &mut Dice) {
        self.tick = tick;
        let distance = self.memory.distance(row);
        let rarity = distance.and_then(|distance| self.tail.rarity(distance));
        if let Some(distance) = distance {
            self.tail.count(distance);
        }
        self.allowance = (self.allowance + 1).min(LEARNT_IN * LEARNT_IN_A_ROW);
        if rarity.is_some_and(|rarity| rarity >= STRANGE) {
            if self.allowance < LEARNT_IN {
                return;
            }
            self.allowance -= LEARNT_IN;
        }
        self.learnt = self.learnt.saturating_add(1);
        self.memory.keep(row, self.learnt, tick, dice);
    }
}

impl Strange {
    fn kind(&self, facts: &FeatureVector) -> Option<&Kind> {
        self.kinds.get(kind_of(facts))?.as_deref()
    }

    /// Does this one of many of the same member count?
    fn counts(&mut self, facts: &FeatureVector) -> bool {
        let many = requests(facts);
        many <= COUNTED_AN_HOUR || self.dice.below(many) < COUNTED_AN_HOUR
    }
}

/// Requests of the same member in the hour.
fn requests(facts: &FeatureVector) -> u64 {
    let many = facts.number(Feature::RequestsLastHour).unwrap_or(0);
    u64::try_from(many).unwrap_or(0)
}

impl Guard {
    /// One in how many requests here is as unlike the others; nothing while too little is known.
    #[must_use]
    pub fn strangeness(&self, facts: &FeatureVector) -> Option<u64> {
        self.strange.kind(facts)?.rarity(&row_of(facts))
    }

    /// Say how strange a request is, from which strangeness on it is a finding, and if it is one, why.
    pub(crate) fn strangeness_of(&self, facts: &mut FeatureVector, event: &Event) {
        let Some(kind) = self.strange.kind(facts) else { return };
        let row = row_of(facts);
        let Some(rarity) = kind.rarity(&row) else { return };
        count(facts, Feature::Strangeness, rarity);
        let stated = self.model.parameters().false_findings;
        if stated == 0 {
            return;
        }
        // Whoever asks more often shares what it has of the day's budget among its requests.
        let shared = requests(facts).div_ceil(COUNTED_AN_HOUR).max(1);
        let limit = self.strange.budget.limit(event.at.0 / DAY_MS, stated).saturating_mul(shared);
        count(facts, Feature::StrangenessLimit, limit);
        let limit = limit.min(i64::MAX.unsigned_abs());
        // Why it is so is looked for where somebody could be asked: that takes longer than all the rest.
        if rarity < limit || !finding::could_be(facts) {
            return;
        }
        if let Some(named) = why::why(kind, &row, limit) {
            let mask = named.iter().fold(0, |mask, (at, _)| mask | 1 << at);
            words(facts, Feature::StrangeFeatures, mask);
            for (feature, (_, usual)) in Feature::USUAL.into_iter().zip(named) {
                count(facts, feature, usual.unsigned_abs());
            }
        }
    }

    /// A permitted request was held against what is usual: it uses up some of the day's budget of false findings. Only what could have
    /// been found does.
    pub fn judged_strange(&mut self, event: &Event, facts: &FeatureVector) {
        if !finding::could_be(facts) {
            return;
        }
        self.tick = self.tick.saturating_add(1);
        let found = finding(facts).is_some();
        let day = event.at.0 / DAY_MS;
        if self.strange.counts(facts) || found {
            self.strange.budget.judged(day);
        }
        if found {
            self.strange.budget.found(day);
        }
    }

    /// A request with these features went ahead.
    pub(crate) fn strange_allowed(&mut self, facts: &FeatureVector, tick: u64) {
        let counts = self.strange.counts(facts);
        let Strange { kinds, dice, .. } = &mut self.strange;
        if let Some(kind) = kinds.get_mut(kind_of(facts)).filter(|_| counts) {
            kind.get_or_insert_default().learn(&row_of(facts), tick, dice);
        }
    }
}

#[cfg(test)]
mod tests;
