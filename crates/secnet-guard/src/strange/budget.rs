//! From which rarity on a request is worth asking its member for a proof: online control of the false-discovery rate.
//!
//! LORD++ (Ramdas et al., 2017), begun anew each day: each request that is judged gets a level, the levels of a day together are at
//! most half of the stated share, and each finding earns more for the rest of its day. So with a stated share of a half, on at most
//! one in four days without anything wrong anybody is asked; and where something is wrong, at most half of the findings
//! of a day are false, in expectation. That holds as far as rarities are not overstated and findings of ordinary requests do not
//! come together.

use minicbor::{Decode, Encode};

/// Levels are in these parts of one.
const PARTS: u64 = 1_000_000_000_000;
/// A day is expected to have at least so many requests.
const LEAST_TESTS: u32 = 256;
/// A day counts for one in so many in what days have.
const DAYS: u32 = 8;
/// Findings of a day that are remembered; later ones earn nothing, which keeps the promise.
const MAX_FOUND: usize = 64;

/// The levels of a day.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct Budget {
    /// The day, counted from 1970.
    #[n(0)]
    day: u64,
    /// Requests of the day that were judged.
    #[n(1)]
    tests: u32,
    /// What a day usually has.
    #[n(2)]
    usual: u32,
    /// At which of them something was found.
    #[n(3)]
    found: Vec<u32>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { day: 0, tests: 0, usual: LEAST_TESTS, found: Vec::new() }
    }
}

impl Budget {
    pub(super) fn is_whole(&self) -> bool {
        self.found.len() <= MAX_FOUND
            && self.usual >= LEAST_TESTS
            && self.found.is_sorted()
            && self.found.last().is_none_or(|last| *last <= self.tests)
    }

    /// The same on another day. A day before is the same day: a clock that steps back earns nothing.
    fn on(&self, day: u64) -> Self {
        if day <= self.day {
            return self.clone();
        }
        let less = self.usual - self.usual / DAYS;
        let usual = if self.tests == 0 { self.usual } else { less + self.tests / DAYS };
        Self { day, tests: 0, usual: usual.max(LEAST_TESTS), found: Vec::new() }
    }

    /// The share of a level that the `age`-th request gets: evenly over what is usual for a day, then less and less; together at
    /// most all of it.
    fn step(&self, age: u32) -> u64 {
        let (age, usual) = (u64::from(age), u64::from(self.usual));
        match age {
            0 => 0,
            _ if age <= usual => PARTS / (2 * usual),
            _ => (PARTS / (2 * age)) * usual / (age + 1),
        }
    }

    /// From which rarity on the next request of a day is a finding, at a stated share in basis points.
    pub(super) fn limit(&self, day: u64, stated: u16) -> u64 {
        let today = self.on(day);
        let now = today.tests.saturating_add(1);
        let stated = u64::from(stated);
        let start = stated / 2;
        let mut level = start * (today.step(now) / 10_000);
        for (number, then) in today.found.iter().enumerate() {
            let earns = if number == 0 { stated - start } else { stated };
            level += earns * (today.step(now.saturating_sub(*then)) / 10_000);
        }
        PARTS / level.clamp(1, PARTS)
    }

    /// A request was judged.
    pub(super) fn judged(&mut self, day: u64) {
        *self = self.on(day);
        self.tests = self.tests.saturating_add(1);
    }

    /// The request that was judged last is a finding.
    pub(super) fn found(&mut self, day: u64) {
        *self = self.on(day);
        if self.found.len() < MAX_FOUND {
            self.found.push(self.tests);
        }
    }
}
