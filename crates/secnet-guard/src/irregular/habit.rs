//! When a member acts, and on how much.

use super::limits::{
    ASLEEP_MS, DAY_MS, MAX_NAMED_EVENTS, MAX_OBJECTS, WAKING_MS, WAKING_OBJECTS, WAKING_TIMES,
};

/// What a member is used to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Habit {
    /// Its last act or, before that, when it was admitted.
    last_ms: Option<u64>,
    day: u64,
    objects: Vec<u64>,
    busiest: usize,
    waking: Option<Waking>,
}

/// A member that did nothing for long and now does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Waking {
    pub since_ms: u64,
    pub objects: Vec<u64>,
    pub events: Vec<u64>,
    busiest: usize,
}

impl Habit {
    pub(super) const fn new() -> Self {
        Self { last_ms: None, day: 0, objects: Vec::new(), busiest: 0, waking: None }
    }

    /// How many things are remembered.
    pub(super) fn remembered(&self) -> usize {
        let waking = self.waking.as_ref();
        let waking = waking.map_or(0, |w| w.objects.len().saturating_add(w.events.len()));
        self.objects.len().saturating_add(waking)
    }

    /// It is there from now on.
    pub(super) fn begin(&mut self, at_ms: u64) {
        self.last_ms.get_or_insert(at_ms);
    }

    /// An act on something. Tells of a waking that is too much.
    pub(super) fn act(&mut self, object: u64, at_ms: u64, index: u64) -> Option<Waking> {
        let asleep = self.last_ms.is_some_and(|last| at_ms.saturating_sub(last) >= ASLEEP_MS);
        self.last_ms = Some(at_ms);
        self.turn_day(at_ms);
        if asleep {
            self.waking =
                Some(Waking { since_ms: at_ms, busiest: self.busiest, ..Waking::default() });
        }
        remember(&mut self.objects, object, MAX_OBJECTS);
        self.waking.take_if(|waking| at_ms.saturating_sub(waking.since_ms) >= WAKING_MS);
        let waking = self.waking.as_mut()?;
        // As many as three times the most that is remembered of a day.
        remember(&mut waking.objects, object, MAX_OBJECTS.saturating_mul(WAKING_TIMES));
        remember(&mut waking.events, index, MAX_NAMED_EVENTS);
        let much = waking.objects.len() >= WAKING_OBJECTS
            && waking.objects.len() >= waking.busiest.saturating_mul(WAKING_TIMES);
        if much { self.waking.take() } else { None }
    }

    fn turn_day(&mut self, at_ms: u64) {
        let day = at_ms / DAY_MS;
        if day != self.day {
            self.busiest = self.busiest.max(self.objects.len());
            self.objects.clear();
            self.day = day;
        }
    }
}

fn remember(list: &mut Vec<u64>, value: u64, limit: usize) {
    if list.len() < limit && !list.contains(&value) {
        list.push(value);
    }
}
