//! Incidents at this data centre: alerts about its own decisions that belong together, and what was done about them.
//!
//! Which alerts are one incident follows from the log alone ([`secnet_guard::incidents`]). What the archive keeps besides is what people
//! did here: who has seen it, and which rules were put in force because of it.

mod story;

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};
use secnet_guard::incidents::{Alert, HoldEnd, Incident, Incidents};
use secnet_types::{Cause, Effect, Event, MemberId, RuleId, Timestamp, decode, encode};

pub use story::{Happened, Story, TimelineEntry};

use crate::AccessError;
use crate::history::parse;
use crate::pdc::Pdc;
use crate::ports::{Change, EntryKind, EntryName};

/// Events that are read at once.
const PAGE: usize = 1024;
/// Most incidents in a page.
pub const MAX_INCIDENTS_PAGE: usize = 1000;
/// Longest record of an incident, in bytes.
const MAX_INCIDENT_BYTES: usize = 64 * 1024;
/// Acts that are kept of one incident; the oldest make room.
const MAX_ACTS: usize = 64;
/// Rules that can be put in force because of one incident.
const MAX_RESPONSES: usize = 64;
/// Times that one rule was put in force or taken back that are remembered; the oldest make room.
const MAX_TURNS: usize = 64;

/// How an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IncidentStatus {
    /// Nobody has said of its last alert that it was seen.
    Open,
    /// Somebody has, or something was done that is in force.
    Acknowledged,
    /// Nothing more is to be done.
    Closed,
}

impl IncidentStatus {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Closed => "closed",
        }
    }
}

/// What somebody says of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum IncidentAct {
    /// It was seen.
    #[n(0)]
    Acknowledge,
    /// Nothing more is to be done.
    #[n(1)]
    Close,
    /// Neither: what was said before is taken back.
    #[n(2)]
    Reopen,
}

/// What was said, by whom, and about how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ActRecord {
    /// What.
    #[n(0)]
    pub act: IncidentAct,
    /// Who.
    #[n(1)]
    pub by: MemberId,
    /// When.
    #[n(2)]
    pub at: Timestamp,
    /// Index of the last alert's event then: a later alert was not seen.
    #[n(3)]
    pub through: u64,
}

/// What people did about an incident.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct IncidentRecord {
    /// What was said of it, oldest first.
    #[n(0)]
    pub acts: Vec<ActRecord>,
    /// Rules that were put in force because of it.
    #[n(1)]
    pub responses: Vec<RuleId>,
}

/// An incident, how it stands, and which responses to it are in force.
#[derive(Debug, Clone)]
pub struct IncidentLine {
    /// What the log says.
    pub incident: Incident,
    /// How it stands.
    pub status: IncidentStatus,
    /// Rules that are in force because of it.
    pub in_force: Vec<RuleId>,
}

/// Some incidents, newest first.
#[derive(Debug, Default)]
pub struct IncidentsPage {
    /// The incidents.
    pub incidents: Vec<IncidentLine>,
    /// There are earlier ones: ask for those before this one.
    pub before: Option<u64>,
}

/// A rule was put in force by this data centre, or is not any more.
#[derive(Debug, Clone, Copy)]
struct Turn {
    event: u64,
    at: Timestamp,
    what: Turned,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turned {
    InForce,
    Removed,
    /// Its end came.
    Ended,
}

/// The incidents of the log, as far as it was read, and what this data centre enforced when.
#[derive(Debug, Default)]
pub(crate) struct IncidentsHere {
    next: u64,
    incidents: Incidents,
    turns: BTreeMap<RuleId, Vec<Turn>>,
}

impl IncidentsHere {
    fn add(&mut self, (index, event): (u64, &Event), pdc: MemberId, organisations: &[MemberId]) {
        let mut organisations = organisations.iter();
        for effect in &event.effects {
            match *effect {
                Effect::HoldReleased { decision } => {
                    self.incidents.answered(index, decision, HoldEnd::Released);
                }
                Effect::HoldRefused { decision } => {
                    self.incidents.answered(index, decision, HoldEnd::Refused);
                }
                Effect::HoldExpired { decision } | Effect::HoldLapsed { decision, .. } => {
                    self.incidents.answered(index, decision, HoldEnd::Expired);
                }
                Effect::RuleInstalled { rule, by, simulate } if by == pdc => {
                    let what = if simulate { Turned::Removed } else { Turned::InForce };
                    self.turn(rule, Turn { event: index, at: event.time, what });
                }
                Effect::RuleRemoved { rule, by } if by == pdc => {
                    let by_itself = matches!(event.cause, Cause::Clock);
                    let what = if by_itself { Turned::Ended } else { Turned::Removed };
                    self.turn(rule, Turn { event: index, at: event.time, what });
                }
                _ => {}
            }
        }
        for alert in own_alerts(index, event, pdc) {
            let organisation = organisations.next().copied().unwrap_or(alert.requester);
            self.incidents.add(&alert, organisation);
        }
        self.next = index.saturating_add(1);
    }

    fn turn(&mut self, rule: RuleId, turn: Turn) {
        let turns = self.turns.entry(rule).or_default();
        turns.push(turn);
        let more = turns.len().saturating_sub(MAX_TURNS);
        turns.drain(..more);
    }
}

/// What this data centre's administrators are told of an event that it has caused itself.
fn own_alerts(index: u64, event: &Event, pdc: MemberId) -> Vec<Alert> {
    let own = matches!(event.cause, Cause::Command { author, .. } if author == pdc);
    let alerts = event.effects.iter().filter(|_| own);
    alerts.filter_map(|effect| Alert::of(index, event, effect)).collect()
}

impl Pdc {
    /// What administrators are told of an event of the log, each with the incident that it belongs to: of what this data centre has decided
    /// itself, and, without an incident, of what another decided on datasets that are here. The log of a network has the decisions of all.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn alerts(
        &self,
        index: u64,
        event: &Event,
    ) -> Result<Vec<(Alert, Option<u64>)>, AccessError> {
        let own = matches!(event.cause, Cause::Command { author, .. } if author == self.member);
        let alerts = event.effects.iter().filter_map(|effect| Alert::of(index, event, effect));
        let alerts: Vec<Alert> = alerts.filter(|alert| own || self.keeps(alert.dataset)).collect();
        if own && !alerts.is_empty() {
            self.catch_up_incidents(index.saturating_add(1)).await?;
        }
        let organisations = self.organisations(&alerts);
        let here = self.incidents.lock();
        let found = alerts.iter().zip(&organisations).map(|(alert, organisation)| {
            let incident = own.then(|| here.incidents.of(alert, *organisation)).flatten();
            (*alert, incident)
        });
        Ok(found.collect())
    }

    /// The newest incidents that began before this event, or of all, at most [`MAX_INCIDENTS_PAGE`]; only those that stand so, if that is
    /// said.
    ///
    /// # Errors
    /// The log or the archive cannot be read.
    pub async fn incidents(
        &self,
        before: Option<u64>,
        limit: usize,
        status: Option<IncidentStatus>,
    ) -> Result<IncidentsPage, AccessError> {
        self.catch_up_incidents(u64::MAX).await?;
        let limit = limit.clamp(1, MAX_INCIDENTS_PAGE);
        let records = self.incident_records().await?;
        let in_force = self.in_force();
        let none = IncidentRecord::default();
        let here = self.incidents.lock();
        let lines = here.incidents.before(before).map(|incident| {
            let record = records.get(&incident.id).unwrap_or(&none);
            line(incident, record, &in_force)
        });
        let mut lines = lines.filter(|line| status.is_none_or(|wanted| wanted == line.status));
        let incidents: Vec<IncidentLine> = lines.by_ref().take(limit).collect();
        let more = lines.next().is_some();
        let before = incidents.last().map(|line| line.incident.id).filter(|_| more);
        Ok(IncidentsPage { incidents, before })
    }

    /// Say of an incident, in the data centre's name, that it was seen, or is closed, or is neither: about all alerts until now. False if
    /// there is none of this name.
    ///
    /// # Errors
    /// The log or the archive cannot be read, or not be written.
    pub async fn act_on_incident(&self, id: u64, act: IncidentAct) -> Result<bool, AccessError> {
        self.catch_up_incidents(u64::MAX).await?;
        let last = self.incidents.lock().incidents.get(id).map(|incident| incident.last_event);
        let Some(through) = last else { return Ok(false) };
        let act = ActRecord { act, by: self.member, at: self.now(), through };
        self.change_incident(id, |record| {
            record.acts.push(act);
            let more = record.acts.len().saturating_sub(MAX_ACTS);
            record.acts.drain(..more);
            Ok(())
        })
        .await?;
        Ok(true)
    }

    /// This rule is put in force because of an incident: noted before it is, so that the timeline misses none.
    ///
    /// # Errors
    /// The archive cannot be read or written, or too many rules are noted.
    pub async fn respond_to_incident(&self, id: u64, rule: RuleId) -> Result<(), AccessError> {
        self.change_incident(id, |record| {
            if record.responses.contains(&rule) {
                return Ok(());
            }
            if record.responses.len() >= MAX_RESPONSES {
                return Err(AccessError::Malformed(format!(
                    "{MAX_RESPONSES} rules were put in force because of this incident; install more by themselves"
                )));
            }
            record.responses.push(rule);
            Ok(())
        })
        .await
    }

    async fn change_incident(
        &self,
        id: u64,
        change: impl FnOnce(&mut IncidentRecord) -> Result<(), AccessError>,
    ) -> Result<(), AccessError> {
        let one_at_a_time = self.saying.lock().await;
        let changed = async {
            let name = self.incident_name(id);
            let mut record = match self.archive.get(&name).await? {
                Some(bytes) => record_of(&bytes)?,
                None => IncidentRecord::default(),
            };
            change(&mut record)?;
            self.archive.write(vec![Change { name, value: Some(encode(&record)) }]).await?;
            Ok(())
        };
        let changed = changed.await;
        drop(one_at_a_time);
        changed
    }

    fn incident_name(&self, id: u64) -> EntryName {
        // Another ledger begins to count anew: its events are others.
        EntryName::new(EntryKind::Incident, &self.network.0, &id.to_be_bytes())
    }

    async fn incident_records(&self) -> Result<BTreeMap<u64, IncidentRecord>, AccessError> {
        let kept = self.archive.list(EntryKind::Incident, &self.network.0).await?;
        let records = kept.into_iter().map(|(name, bytes)| {
            let id = <[u8; 8]>::try_from(name.key.as_slice());
            let id = id.map_err(|_| AccessError::Damaged("an incident has no number".into()))?;
            Ok((u64::from_be_bytes(id), record_of(&bytes)?))
        });
        records.collect()
    }

    /// The rules that this data centre enforces now.
    fn in_force(&self) -> Vec<RuleId> {
        let now = self.now();
        let rules = self.view(|view| {
            let all = view.state.installed_rules(self.member, view.time.max(now));
            all.filter(|(_, install)| !install.simulate).map(|(id, _)| id).collect()
        });
        rules.unwrap_or_default()
    }

    /// Who vouches for the requesters of these alerts, or themselves.
    fn organisations(&self, alerts: &[Alert]) -> Vec<MemberId> {
        let found = self.view(|view| {
            let voucher = |member: MemberId| {
                let known = view.state.member(member);
                known.and_then(|known| known.voucher).unwrap_or(member)
            };
            alerts.iter().map(|alert| voucher(alert.requester)).collect()
        });
        found.unwrap_or_else(|| alerts.iter().map(|alert| alert.requester).collect())
    }

    /// Read the log up to this event, or to its end.
    async fn catch_up_incidents(&self, wanted: u64) -> Result<(), AccessError> {
        loop {
            let next = self.incidents.lock().next;
            if next >= wanted {
                return Ok(());
            }
            let page = self.log.events(next, PAGE).await?;
            if page.is_empty() {
                return Ok(());
            }
            let mut read = Vec::with_capacity(page.len());
            for (index, bytes) in &page {
                let event = parse(*index, bytes)?;
                let alerts = own_alerts(*index, &event, self.member);
                // Most events are none.
                let organisations =
                    if alerts.is_empty() { Vec::new() } else { self.organisations(&alerts) };
                read.push((*index, event, organisations));
            }
            let mut here = self.incidents.lock();
            // Another call may have read the same page.
            for (index, event, organisations) in &read {
                if *index >= here.next {
                    here.add((*index, event), self.member, organisations);
                }
            }
        }
    }
}

fn record_of(bytes: &[u8]) -> Result<IncidentRecord, AccessError> {
    decode("incident", bytes, MAX_INCIDENT_BYTES)
        .map_err(|error| AccessError::Damaged(error.to_string()))
}

fn line(incident: &Incident, record: &IncidentRecord, in_force: &[RuleId]) -> IncidentLine {
    let responses = record.responses.iter().filter(|rule| in_force.contains(rule));
    let in_force: Vec<RuleId> = responses.copied().collect();
    let said = record.acts.last().filter(|act| act.through >= incident.last_event);
    let status = match said.map(|said| said.act) {
        Some(IncidentAct::Close) => IncidentStatus::Closed,
        Some(IncidentAct::Acknowledge) => IncidentStatus::Acknowledged,
        // What a response stops is no news.
        Some(IncidentAct::Reopen) | None if in_force.is_empty() => IncidentStatus::Open,
        Some(IncidentAct::Reopen) | None => IncidentStatus::Acknowledged,
    };
    IncidentLine { incident: incident.clone(), status, in_force }
}
