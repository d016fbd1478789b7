//! What somebody did before, with and without a tie, in bounded memory.

use minicbor::{Decode, Encode};
use secnet_types::{DatasetId, MemberId, Purpose};

use super::features::Standing;
use crate::tracked::Tracked;
use crate::window::HOUR_MS;
use crate::{Event, model::Limits};

/// Most uses, untied patients and visitors that are listed of one.
pub(super) const MAX_LISTED: usize = 32;
/// Most uses of the last twelve hours.
const MAX_RECENT: usize = 64;
pub(super) const HALF_DAY_MS: u64 = 12 * HOUR_MS;
pub(super) const DAY_MS: u64 = 24 * HOUR_MS;
pub(super) const WEEK_MS: u64 = 7 * DAY_MS;
/// Untied patients are remembered for three weeks, visitors for two days.
pub(super) const UNTIED_MS: u64 = 3 * WEEK_MS;
pub(super) const VISITS_MS: u64 = 2 * DAY_MS;
/// What is left of a faded count after a day, of 1,024: half of it after seven.
const FADES: u64 = 927;
/// Days after which nothing is left of it.
const FADED_DAYS: u64 = 200;
/// What one use counts.
const ONE: u64 = 1_000;

/// What a member of staff did: no more than a few kilobytes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub(crate) struct Work {
    /// Uses of the last twelve hours: when, of which patient, in which unit (0 for none).
    #[n(0)]
    pub(super) recent: Vec<(u64, u64, u64)>,
    /// Patients without a tie, and when last.
    #[n(1)]
    pub(super) untied: Vec<(u64, u64)>,
    #[n(2)]
    day: u64,
    #[n(3)]
    strange: u64,
    #[n(4)]
    all: u64,
}

/// What a member of staff did with one patient's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub(crate) struct Pairing {
    #[n(0)]
    pub(super) last_ms: u64,
    #[n(1)]
    pub(super) uses: u32,
    #[n(2)]
    pub(super) tied: u32,
}

/// One who used a patient's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Visitor {
    #[n(0)]
    pub(super) who: u64,
    #[n(1)]
    pub(super) unit: u64,
    #[n(2)]
    pub(super) last_ms: u64,
    /// When last without a tie; 0 for never.
    #[n(3)]
    pub(super) untied_ms: u64,
}

/// Who used a patient's data in the last two days.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub(crate) struct Visits {
    #[n(0)]
    pub(super) of: Vec<Visitor>,
}

/// All of that, of those whom the facts name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Looks {
    pub(crate) staff: Tracked<MemberId, Work>,
    pub(crate) pairs: Tracked<(MemberId, DatasetId), Pairing>,
    pub(crate) patients: Tracked<DatasetId, Visits>,
}

impl Looks {
    pub(crate) fn new(limits: Limits) -> Self {
        let limit = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        Self {
            staff: Tracked::new(limit(limits.requesters).min(super::MAX_STAFF)),
            pairs: Tracked::new(limit(limits.pairs)),
            patients: Tracked::new(limit(limits.datasets)),
        }
    }

    /// A request has come in.
    pub(super) fn arrive(&mut self, event: &Event, standing: &Standing, tick: u64) {
        let (at, patient) = (event.at.0, short(&event.dataset.0));
        let known = self.pairs.value(&(event.requester, event.dataset));
        let strange = standing.is_strange(event, known);
        let (untied, unit) = (standing.is_untied(event), standing.place_key);
        self.staff.update(event.requester, tick, |work| {
            work.recent.retain(|(then, ..)| at.saturating_sub(*then) <= HALF_DAY_MS);
            push(&mut work.recent, (at, patient, unit), MAX_RECENT);
            if untied {
                work.untied.retain(|(other, then)| {
                    *other != patient && at.saturating_sub(*then) <= UNTIED_MS
                });
                push(&mut work.untied, (patient, at), MAX_LISTED);
            }
            let (before, all) = work.faded(at);
            (work.day, work.strange) = (at / DAY_MS, before + if strange { ONE } else { 0 });
            work.all = all + ONE;
        });
    }

    /// It was allowed.
    pub(super) fn allowed(&mut self, event: &Event, standing: &Standing, tick: u64) {
        let at = event.at.0;
        self.pairs.update((event.requester, event.dataset), tick, |pair| {
            pair.last_ms = at;
            pair.uses = pair.uses.saturating_add(1);
            pair.tied = pair.tied.saturating_add(u32::from(standing.tied));
        });
        let (who, unit) = (short(&event.requester.0), standing.home_unit_key);
        let untied = standing.is_untied(event);
        self.patients.update(event.dataset, tick, |visits| {
            let before = visits.of.iter().find(|visitor| visitor.who == who).copied();
            visits
                .of
                .retain(|other| other.who != who && at.saturating_sub(other.last_ms) <= VISITS_MS);
            let untied_ms = if untied { at } else { before.map_or(0, |before| before.untied_ms) };
            push(&mut visits.of, Visitor { who, unit, last_ms: at, untied_ms }, MAX_LISTED);
        });
    }
}

impl Work {
    pub(crate) const fn is_bounded(&self) -> bool {
        self.recent.len() <= MAX_RECENT && self.untied.len() <= MAX_LISTED
    }

    /// Thousandths of strange uses and of all, as much of them as is left.
    pub(super) fn faded(&self, at: u64) -> (u64, u64) {
        let days = (at / DAY_MS).saturating_sub(self.day);
        if days > FADED_DAYS {
            return (0, 0);
        }
        let fade = |count: u64| (0..days).fold(count, |left, _| left.saturating_mul(FADES) / 1024);
        (fade(self.strange), fade(self.all))
    }
}

impl Visits {
    pub(crate) const fn is_bounded(&self) -> bool {
        self.of.len() <= MAX_LISTED
    }
}

/// The oldest stand first and make room.
fn push<T>(list: &mut Vec<T>, new: T, most: usize) {
    if list.len() >= most {
        list.remove(0);
    }
    list.push(new);
}

/// Is it said to be about this patient's care? What bills and research look at has no tie by nature.
pub(super) const fn is_care(purpose: Purpose) -> bool {
    matches!(purpose, Purpose::Treatment | Purpose::Operations | Purpose::Emergency)
}

pub(super) fn short(id: &[u8]) -> u64 {
    id.iter().take(8).fold(0, |name, byte| name << 8 | u64::from(*byte))
}
