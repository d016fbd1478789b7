//! One incident: what is remembered of the alerts that belong together.

use std::collections::{BTreeMap, VecDeque};

use secnet_types::{DatasetId, MemberId, ReasonClass, Timestamp};

use super::limits::{FIRST_OF_KIND, LAST_OF_KIND, MAX_NAMED};
use super::{Alert, AlertKind};

/// What an incident is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// What one member did.
    Member(MemberId),
    /// What further members of one organisation did, when many of them have incidents of their own.
    Organisation(MemberId),
    /// What is broken about one dataset.
    Dataset(DatasetId),
    /// What is broken about further datasets, when many have incidents of their own.
    DataCentre,
}

/// Whose incidents share room and places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    /// An organisation and those that it vouches for.
    Organisation(MemberId),
    /// The data centre, for what is broken there.
    DataCentre,
}

impl Group {
    /// What the incident of the whole group is about.
    pub(super) const fn subject(self) -> Subject {
        match self {
            Self::Organisation(organisation) => Subject::Organisation(organisation),
            Self::DataCentre => Subject::DataCentre,
        }
    }
}

/// How a hold ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HoldEnd {
    /// The owner let it through.
    Released,
    /// The owner refused it.
    Refused,
    /// Nobody answered in time, or the dataset went away.
    Expired,
}

/// What an entry of a timeline is, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum EntryKind {
    Alert(AlertKind, Option<ReasonClass>),
    Answer(HoldEnd),
}

/// The events of one kind: the first and the last ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Ends {
    first: Vec<u64>,
    last: VecDeque<u64>,
    between: u64,
}

impl Ends {
    fn add(&mut self, event: u64) {
        if self.first.len() < FIRST_OF_KIND {
            return self.first.push(event);
        }
        self.last.push_back(event);
        if self.last.len() > LAST_OF_KIND {
            self.last.pop_front();
            self.between = self.between.saturating_add(1);
        }
    }

    fn count(&self) -> u64 {
        let kept = self.first.len().saturating_add(self.last.len());
        self.between.saturating_add(kept as u64)
    }
}

/// How often each was met: so many by name, the others together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally<T> {
    /// By name.
    pub named: BTreeMap<T, u64>,
    /// The others.
    pub others: u64,
}

impl<T> Default for Tally<T> {
    fn default() -> Self {
        Self { named: BTreeMap::new(), others: 0 }
    }
}

impl<T: Ord> Tally<T> {
    fn add(&mut self, one: T) {
        let known = self.named.contains_key(&one) || self.named.len() < MAX_NAMED;
        let count = if known { self.named.entry(one).or_default() } else { &mut self.others };
        *count = count.saturating_add(1);
    }
}

/// Alerts that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Index of the event of its first alert: what it is called.
    pub id: u64,
    /// What it is about.
    pub subject: Subject,
    /// When its first alert was.
    pub first_seen: Timestamp,
    /// When its last alert was.
    pub last_seen: Timestamp,
    /// Index of the event of its last alert.
    pub last_event: u64,
    /// How many alerts.
    pub count: u64,
    /// About how many requests.
    pub requests: u64,
    /// How many holds wait for their owners.
    pub waiting: u64,
    /// Who asked.
    pub requesters: Tally<MemberId>,
    /// For what.
    pub datasets: Tally<DatasetId>,
    pub(super) group: Group,
    entries: BTreeMap<EntryKind, Ends>,
}

impl Incident {
    pub(super) fn opened_by(alert: &Alert, subject: Subject, group: Group) -> Self {
        Self {
            id: alert.event,
            subject,
            first_seen: alert.at,
            last_seen: alert.at,
            last_event: alert.event,
            count: 0,
            requests: 0,
            waiting: 0,
            requesters: Tally::default(),
            datasets: Tally::default(),
            group,
            entries: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, alert: &Alert) {
        self.last_seen = self.last_seen.max(alert.at);
        self.last_event = alert.event;
        self.count = self.count.saturating_add(1);
        self.requests = self.requests.saturating_add(alert.requests.into());
        self.waiting = self.waiting.saturating_add(u64::from(alert.kind == AlertKind::Held));
        self.requesters.add(alert.requester);
        self.datasets.add(alert.dataset);
        let kind = EntryKind::Alert(alert.kind, alert.reason);
        self.entries.entry(kind).or_default().add(alert.event);
    }

    pub(super) fn answered(&mut self, event: u64, answer: HoldEnd) {
        self.waiting = self.waiting.saturating_sub(1);
        self.entries.entry(EntryKind::Answer(answer)).or_default().add(event);
    }

    /// How many alerts of each kind and reason.
    pub fn kinds(&self) -> impl Iterator<Item = (AlertKind, Option<ReasonClass>, u64)> {
        self.entries.iter().filter_map(|(kind, ends)| match kind {
            EntryKind::Alert(kind, reason) => Some((*kind, *reason, ends.count())),
            EntryKind::Answer(_) => None,
        })
    }

    /// The events of its timeline, in order: of each kind the first and the last ones.
    #[must_use]
    pub fn timeline(&self) -> Vec<u64> {
        let ends = self.entries.values();
        let mut events: Vec<u64> =
            ends.flat_map(|ends| ends.first.iter().chain(&ends.last)).copied().collect();
        events.sort_unstable();
        events
    }

    /// How many events are not in the timeline.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.entries.values().fold(0, |sum, ends| sum.saturating_add(ends.between))
    }
}
