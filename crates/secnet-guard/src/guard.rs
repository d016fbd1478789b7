//! What was learnt of requesters, pairs and datasets, in bounded memory.

use std::sync::Arc;

use minicbor::{Decode, Encode};
use secnet_types::{DatasetId, FeatureVector, MemberId, Purpose, Timestamp};

use crate::profile::Profile;
use crate::relations::{Looks, Relations};
use crate::strange::Strange;
use crate::throttle::{MAX_THROTTLED, Throttled};
use crate::tracked::Tracked;
use crate::window::{HOUR_MS, MINUTE_MS, Sliding, Usual};
use crate::{Assessment, Event, Model, Observed};

/// Different datasets remembered of one requester's last hour.
pub(crate) const MAX_RECENT_DATASETS: usize = 32;
/// Active hours in a histogram before all of it is halved: habits fade.
const MAX_HOURS_REMEMBERED: u32 = 1024;

/// What is known of a requester.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub(crate) struct Requester {
    #[n(0)]
    pub(crate) minute: Sliding,
    #[n(1)]
    pub(crate) hour: Sliding,
    #[n(2)]
    pub(crate) denials: Sliding,
    #[n(3)]
    pub(crate) last_ms: u64,
    /// First eight bytes of the ids of datasets asked for, with the time of the last request for each.
    #[n(4)]
    pub(crate) recent: Vec<(u64, u64)>,
    #[n(5)]
    pub(crate) pace: Usual,
    /// Active hours by hour of day, UTC.
    #[n(6)]
    pub(crate) hours: [u16; 24],
    /// Has anything been allowed yet?
    #[n(7)]
    pub(crate) known: bool,
    /// Absent until something was allowed.
    #[n(8)]
    pub(crate) profile: Option<Profile>,
}

/// What is known of a requester on one dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub(crate) struct Pair {
    /// Bit n: purpose number n was allowed.
    #[n(0)]
    pub(crate) purposes: u32,
    #[n(1)]
    pub(crate) records: Usual,
}

/// What is known of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub(crate) struct Dataset {
    #[n(0)]
    pub(crate) minute: Sliding,
}

/// The guard: a model and what was learnt. Score a request first, then let it [arrive](Guard::arrive), and
/// [conclude](Guard::conclude) it when its outcome is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    pub(crate) model: Model,
    pub(crate) tick: u64,
    /// Each in a place of its own: a map keeps spare room for entries, and these are large.
    pub(crate) requesters: Tracked<MemberId, Box<Requester>>,
    pub(crate) pairs: Tracked<(MemberId, DatasetId), Pair>,
    pub(crate) datasets: Tracked<DatasetId, Dataset>,
    pub(crate) throttled: Tracked<(MemberId, DatasetId), Throttled>,
    /// What the hospital says; it comes from outside at each start.
    pub(crate) relations: Arc<Relations>,
    pub(crate) looks: Looks,
    pub(crate) strange: Strange,
}

impl Guard {
    /// A guard that knows nobody.
    #[must_use]
    pub fn new(model: Model) -> Self {
        let limits = model.parameters().limits;
        let limit = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        Self {
            tick: 0,
            requesters: Tracked::new(limit(limits.requesters)),
            pairs: Tracked::new(limit(limits.pairs)),
            datasets: Tracked::new(limit(limits.datasets)),
            throttled: Tracked::new(MAX_THROTTLED),
            relations: Arc::default(),
            looks: Looks::new(limits),
            strange: Strange::default(),
            model,
        }
    }

    /// The model that judges.
    #[must_use]
    pub const fn model(&self) -> &Model {
        &self.model
    }

    /// From now on these are the facts of who looks after whom.
    pub fn set_relations(&mut self, relations: Arc<Relations>) {
        self.relations = relations;
    }

    /// The facts of who looks after whom.
    #[must_use]
    pub fn relations(&self) -> &Relations {
        &self.relations
    }

    /// The detector's score of a request, before it is observed.
    #[must_use]
    pub fn score(&self, event: &Event) -> Assessment {
        self.model.assess(&self.features(event))
    }

    /// How many requesters, pairs and datasets are remembered.
    #[must_use]
    pub fn tracked(&self) -> (usize, usize, usize) {
        (self.requesters.len(), self.pairs.len(), self.datasets.len())
    }

    /// Take a request and what became of it into account, both at once.
    pub fn observe(&mut self, event: &Event, observed: Observed) {
        let facts = self.features(event);
        self.arrive(event);
        self.conclude(event, &facts, observed);
    }

    /// A request has come in. It counts towards pace from now on, whatever becomes of it, so that requests that are
    /// under way at the same time see each other.
    pub fn arrive(&mut self, event: &Event) {
        self.tick = self.tick.saturating_add(1);
        let (tick, at) = (self.tick, event.at.0);
        self.requesters.update(event.requester, tick, |r| r.arrive(event.dataset, at));
        self.datasets.update(event.dataset, tick, |dataset| dataset.minute.add(at, MINUTE_MS));
        self.related_arrives(event);
    }

    /// What became of a request that has come in, with its features of before. Habits are learnt only from what was allowed, so
    /// that being refused again and again makes nothing usual.
    pub fn conclude(&mut self, event: &Event, facts: &FeatureVector, observed: Observed) {
        self.tick = self.tick.saturating_add(1);
        let tick = self.tick;
        self.requesters.update(event.requester, tick, |r| r.conclude(event, observed));
        if observed == Observed::Allowed {
            let key = (event.requester, event.dataset);
            self.pairs.update(key, tick, |pair| pair.learn(event));
            self.related_allowed(event);
            self.strange_allowed(facts, tick);
        }
    }

    /// Somebody asked for a dataset that is not here: a request and a denial of the requester's, and nothing that is
    /// remembered of the dataset, or made-up ids would push out what is known of real ones.
    pub fn stray(&mut self, requester: MemberId, dataset: DatasetId, at: Timestamp) {
        self.tick = self.tick.saturating_add(1);
        self.requesters.update(requester, self.tick, |r| {
            r.arrive(dataset, at.0);
            r.denials.add(at.0, HOUR_MS);
        });
    }
}

impl Requester {
    fn arrive(&mut self, dataset: DatasetId, at: u64) {
        self.minute.add(at, MINUTE_MS);
        self.hour.add(at, HOUR_MS);
        self.last_ms = at;
        self.visit(dataset, at);
    }

    fn conclude(&mut self, event: &Event, observed: Observed) {
        let at = event.at.0;
        match observed {
            Observed::Allowed => {
                self.known = true;
                self.profile.get_or_insert_default().learn(event);
                if let Some(hour) = self.pace.add(at, 0) {
                    self.pace.learn(hour.count.into());
                    self.learn_hour(hour.hour_of_day);
                }
            }
            Observed::Held => {}
            Observed::Denied => self.denials.add(at, HOUR_MS),
        }
    }

    fn visit(&mut self, dataset: DatasetId, at: u64) {
        let name = short(dataset);
        if let Some((_, last)) = self.recent.iter_mut().find(|(other, _)| *other == name) {
            *last = at;
            return;
        }
        if self.recent.len() >= MAX_RECENT_DATASETS
            && let Some(oldest) = (0..).zip(&self.recent).min_by_key(|(_, (_, at))| *at)
        {
            self.recent.swap_remove(oldest.0);
        }
        // Most ask for one or two: no room is kept for more.
        self.recent.reserve_exact(1);
        self.recent.push((name, at));
    }

    /// Give back room that reading it has left.
    pub(crate) fn shrink(&mut self) {
        self.recent.shrink_to_fit();
        if let Some(profile) = &mut self.profile {
            profile.shrink();
        }
    }

    fn learn_hour(&mut self, hour_of_day: u64) {
        if self.active_hours() >= MAX_HOURS_REMEMBERED {
            self.hours.iter_mut().for_each(|count| *count /= 2);
        }
        let bin = usize::try_from(hour_of_day).ok().and_then(|hour| self.hours.get_mut(hour));
        if let Some(count) = bin {
            *count = count.saturating_add(1);
        }
    }

    /// Active hours learnt, faded ones not counted.
    pub(crate) fn active_hours(&self) -> u32 {
        self.hours.iter().fold(0, |sum, count| sum.saturating_add((*count).into()))
    }

    /// Different datasets in the hour up to `at`, `dataset` included.
    pub(crate) fn distinct_datasets(&self, dataset: DatasetId, at: u64) -> u64 {
        let this = short(dataset);
        let others = self
            .recent
            .iter()
            .filter(|(name, last)| *name != this && at.saturating_sub(*last) < HOUR_MS);
        1 + others.map(|_| 1_u64).sum::<u64>()
    }
}

impl Pair {
    fn learn(&mut self, event: &Event) {
        self.purposes |= bit(event.purpose);
        if let Some(hour) = self.records.add(event.at.0, event.records.into()) {
            self.records.learn(hour.sum / u64::from(hour.count.max(1)));
        }
    }
}

/// The bit of a purpose.
pub(crate) const fn bit(purpose: Purpose) -> u32 {
    1 << purpose.number()
}

fn short(dataset: DatasetId) -> u64 {
    dataset.0.iter().take(8).fold(0, |name, byte| name << 8 | u64::from(*byte))
}
