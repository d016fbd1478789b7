//! Incidents: alerts that belong together, for the people who look after a data centre.
//!
//! What one member did within [`limits::QUIET_MS`] of what it did before is one incident, whatever rule, guard or dataset it was about: one
//! spree over many datasets is one, and so is a slow one. What failed because something is broken is grouped by dataset instead. Many
//! accounts of one organisation do not make many incidents: beyond [`limits::MAX_AT_ONCE`] what they do is one of the organisation.
//!
//! Incidents follow from the log alone, alert after alert: there is no second truth, and whoever reads the same log finds the same ones by
//! the same names. Memory is bounded, and nobody's alerts push out those of another organisation.

mod alert;
mod incident;
pub mod limits;

use std::collections::{BTreeMap, BTreeSet};

use secnet_types::{DecisionId, MemberId, Timestamp};

pub use alert::{Alert, AlertKind};
use incident::Group;
pub use incident::{HoldEnd, Incident, Subject, Tally};
use limits::{MAX_AT_ONCE, MAX_OF_ORGANISATION, MAX_REMEMBERED, QUIET_MS};

/// The incidents of one log, as far as it was read.
#[derive(Debug, Default)]
pub struct Incidents {
    all: BTreeMap<u64, Incident>,
    by_subject: BTreeMap<Subject, BTreeSet<u64>>,
    by_group: BTreeMap<Group, BTreeSet<u64>>,
    /// The incidents of holds that nobody has answered; the ledger ends each of them.
    waiting: BTreeMap<DecisionId, u64>,
}

impl Incidents {
    /// Add the next alert of the log: the incident that it belongs to. `organisation` is whoever vouches for the requester, or the requester
    /// itself if nobody does.
    pub fn add(&mut self, alert: &Alert, organisation: MemberId) -> u64 {
        let (own, group) = place(alert, organisation);
        let mut subject = own;
        let mut home = self.warm(own, alert.at);
        if home.is_none() && self.is_crowded(group, alert.at) {
            subject = group.subject();
            home = self.warm(subject, alert.at);
        }
        let id = home.unwrap_or(alert.event);
        let opened = home.is_none().then(|| Incident::opened_by(alert, subject, group));
        if let Some(opened) = opened {
            self.all.insert(id, opened);
            self.by_subject.entry(subject).or_default().insert(id);
            self.by_group.entry(group).or_default().insert(id);
        }
        if let Some(incident) = self.all.get_mut(&id) {
            incident.add(alert);
        }
        if let (AlertKind::Held, Some(decision)) = (alert.kind, alert.decision) {
            self.waiting.insert(decision, id);
        }
        if home.is_none() {
            self.make_room(group);
        }
        id
    }

    /// A hold has ended, by this event.
    pub fn answered(&mut self, event: u64, decision: DecisionId, answer: HoldEnd) {
        let id = self.waiting.remove(&decision);
        if let Some(incident) = id.and_then(|id| self.all.get_mut(&id)) {
            incident.answered(event, answer);
        }
    }

    /// The incident that an alert was added to; none if it is not remembered any more. The incidents of one subject do not overlap, and
    /// while a member has one of its own, what it does is in that one.
    #[must_use]
    pub fn of(&self, alert: &Alert, organisation: MemberId) -> Option<u64> {
        let (own, group) = place(alert, organisation);
        [own, group.subject()].into_iter().find_map(|subject| {
            let begun = self.by_subject.get(&subject)?.range(..=alert.event);
            let id = begun.last()?;
            let incident = self.all.get(id)?;
            (incident.last_event >= alert.event).then_some(*id)
        })
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<&Incident> {
        self.all.get(&id)
    }

    /// Those that began before this event, newest first; all of them without one.
    pub fn before(&self, event: Option<u64>) -> impl Iterator<Item = &Incident> {
        self.all.range(..event.unwrap_or(u64::MAX)).rev().map(|(_, incident)| incident)
    }

    /// The incident that an alert about this subject would join.
    fn warm(&self, subject: Subject, at: Timestamp) -> Option<u64> {
        let newest = self.by_subject.get(&subject)?.last()?;
        self.all.get(newest).filter(|incident| is_warm(incident, at)).map(|incident| incident.id)
    }

    /// Has a group as many incidents of single members, or datasets, as it may at a time?
    fn is_crowded(&self, group: Group, at: Timestamp) -> bool {
        let ids = self.by_group.get(&group).into_iter().flatten();
        let own = ids.filter_map(|id| self.all.get(id));
        let own = own.filter(|incident| incident.subject != group.subject());
        own.filter(|incident| is_warm(incident, at)).count() >= MAX_AT_ONCE
    }

    fn make_room(&mut self, group: Group) {
        let many = self.by_group.get(&group).is_some_and(|ids| ids.len() > MAX_OF_ORGANISATION);
        if many {
            self.forget_one_of(group);
        }
        if self.all.len() > MAX_REMEMBERED {
            let most = self.by_group.iter().max_by_key(|(_, ids)| ids.len());
            if let Some(most) = most.map(|(group, _)| *group) {
                self.forget_one_of(most);
            }
        }
    }

    fn forget_one_of(&mut self, group: Group) {
        let ids = self.by_group.get(&group).into_iter().flatten();
        let quiet = ids.filter_map(|id| self.all.get(id)).min_by_key(|i| (i.last_seen, i.id));
        let Some(id) = quiet.map(|incident| incident.id) else { return };
        let Some(gone) = self.all.remove(&id) else { return };
        remove(&mut self.by_subject, gone.subject, id);
        remove(&mut self.by_group, group, id);
    }
}

/// What an alert is about, and whose room that takes.
const fn place(alert: &Alert, organisation: MemberId) -> (Subject, Group) {
    match alert.kind {
        AlertKind::Broken => (Subject::Dataset(alert.dataset), Group::DataCentre),
        AlertKind::Held | AlertKind::Stopped | AlertKind::Flood => {
            (Subject::Member(alert.requester), Group::Organisation(organisation))
        }
    }
}

const fn is_warm(incident: &Incident, at: Timestamp) -> bool {
    at.since_ms(incident.last_seen) <= QUIET_MS
}

fn remove<K: Ord + Copy>(index: &mut BTreeMap<K, BTreeSet<u64>>, key: K, id: u64) {
    let Some(ids) = index.get_mut(&key) else { return };
    ids.remove(&id);
    if ids.is_empty() {
        index.remove(&key);
    }
}
