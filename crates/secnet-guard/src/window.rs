//! Sliding counts and slow averages in a few integers each.

use minicbor::{Decode, Encode};

/// Milliseconds in a minute.
pub(crate) const MINUTE_MS: u64 = 60_000;
/// Milliseconds in an hour.
pub(crate) const HOUR_MS: u64 = 3_600_000;
/// A clock that steps back further than so many windows was wrong before and is believed now.
const MAX_STEP_BACK: u64 = 60;

/// Events in a sliding window, estimated from two fixed ones: the part of the previous one that the sliding window
/// still covers, plus the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub(crate) struct Sliding {
    #[n(0)]
    slot: u64,
    #[n(1)]
    current: u32,
    #[n(2)]
    previous: u32,
}

impl Sliding {
    /// Count one event.
    pub(crate) fn add(&mut self, at_ms: u64, width_ms: u64) {
        *self = self.moved_to(at_ms, width_ms);
        self.current = self.current.saturating_add(1);
    }

    /// Events in the window that ends at `at_ms`. Time before the newest event counts as the newest event's.
    pub(crate) fn estimate(&self, at_ms: u64, width_ms: u64) -> u64 {
        let moved = self.moved_to(at_ms, width_ms);
        let started = moved.slot.saturating_mul(width_ms);
        let elapsed = at_ms.saturating_sub(started).min(width_ms);
        let carried =
            u64::from(moved.previous).saturating_mul(width_ms - elapsed) / width_ms.max(1);
        u64::from(moved.current).saturating_add(carried)
    }

    fn moved_to(&self, at_ms: u64, width_ms: u64) -> Self {
        let slot = at_ms / width_ms.max(1);
        match slot.checked_sub(self.slot) {
            Some(0) => *self,
            Some(1) => Self { slot, current: 0, previous: self.current },
            Some(_) => Self { slot, current: 0, previous: 0 },
            None if self.slot - slot > MAX_STEP_BACK => Self { slot, ..*self },
            None => *self,
        }
    }
}

/// A slow average over active hours, in thousandths. An hour is learnt when the next one begins, so that nothing
/// done within an hour makes itself look usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub(crate) struct Usual {
    #[n(0)]
    slot: u64,
    #[n(1)]
    count: u32,
    #[n(2)]
    sum: u64,
    #[n(3)]
    mean_milli: u64,
    #[n(4)]
    hours: u32,
}

/// An hour that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FinishedHour {
    /// Hour of day, UTC.
    pub(crate) hour_of_day: u64,
    /// Events in it.
    pub(crate) count: u32,
    /// Sum of their amounts.
    pub(crate) sum: u64,
}

impl Usual {
    /// Add an event; if it begins a new hour, the one that is over.
    pub(crate) fn add(&mut self, at_ms: u64, amount: u64) -> Option<FinishedHour> {
        let slot = at_ms / HOUR_MS;
        let finished = (slot != self.slot && self.count > 0).then_some(FinishedHour {
            hour_of_day: self.slot % 24,
            count: self.count,
            sum: self.sum,
        });
        if slot != self.slot {
            (self.slot, self.count, self.sum) = (slot, 0, 0);
        }
        self.count = self.count.saturating_add(1);
        self.sum = self.sum.saturating_add(amount);
        finished
    }

    /// Learn one hour's figure: the first counts whole, later ones an eighth.
    pub(crate) fn learn(&mut self, figure: u64) {
        let milli = figure.saturating_mul(1000);
        self.mean_milli = if self.hours == 0 {
            milli
        } else if milli >= self.mean_milli {
            self.mean_milli.saturating_add((milli - self.mean_milli) / 8)
        } else {
            self.mean_milli - (self.mean_milli - milli) / 8
        };
        self.hours = self.hours.saturating_add(1);
    }

    /// The average in thousandths, once so many hours were learnt.
    pub(crate) fn mean_milli(&self, least_hours: u32) -> Option<u64> {
        (self.hours >= least_hours).then_some(self.mean_milli)
    }
}

#[cfg(test)]
mod tests;
