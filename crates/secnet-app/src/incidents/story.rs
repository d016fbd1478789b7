//! One incident with its timeline: its alerts, how its holds ended, what the data centre's analyst said of its decisions, who has seen it,
//! and which rules were in force because of it from when until when.

use secnet_guard::incidents::{Alert, HoldEnd};
use secnet_types::{DatasetId, DecisionId, Effect, MemberId, RuleAction, RuleId, Timestamp};

use super::{ActRecord, IncidentLine, IncidentRecord, Turn, Turned, line, record_of};
use crate::AccessError;
use crate::feedback::Finding;
use crate::history::parse;
use crate::pdc::Pdc;

/// An incident and its timeline.
#[derive(Debug)]
pub struct Story {
    /// The incident.
    pub line: IncidentLine,
    /// What happened, oldest first.
    pub timeline: Vec<TimelineEntry>,
    /// Alerts and answers between the first and the last ones of their kind, which are only counted.
    pub left_out: u64,
}

/// One entry of a timeline.
#[derive(Debug, Clone, Copy)]
pub struct TimelineEntry {
    /// When.
    pub at: Timestamp,
    /// Index of the event in the log, if it is there.
    pub event: Option<u64>,
    /// What.
    pub what: Happened,
}

/// What happened.
#[derive(Debug, Clone, Copy)]
pub enum Happened {
    /// Administrators were told.
    Alert(Alert),
    /// A hold has ended.
    Answered(DecisionId, HoldEnd),
    /// The data centre's analyst has said what a decision was.
    Said(DecisionId, Finding, MemberId),
    /// Somebody has said that it was seen, or is closed, or is neither.
    Act(ActRecord),
    /// A rule was put in force because of it.
    Responded(RuleId, Option<RuleAction>),
    /// Such a rule was taken back.
    Removed(RuleId),
    /// The end of such a rule came.
    Ended(RuleId),
}

impl Pdc {
    /// An incident with its timeline; none if there is none of this name.
    ///
    /// # Errors
    /// The log or the archive cannot be read.
    pub async fn incident(&self, id: u64) -> Result<Option<Story>, AccessError> {
        self.catch_up_incidents(u64::MAX).await?;
        let incident = self.incidents.lock().incidents.get(id).cloned();
        let Some(incident) = incident else { return Ok(None) };
        let record = match self.archive.get(&self.incident_name(id)).await? {
            Some(bytes) => record_of(&bytes)?,
            None => IncidentRecord::default(),
        };
        let mut timeline = Vec::new();
        for index in incident.timeline() {
            timeline.extend(self.told(index).await?);
        }
        let decided = timeline.iter().filter_map(|entry| match entry.what {
            Happened::Alert(alert) => alert.decision.map(|decision| (decision, alert.dataset)),
            _ => None,
        });
        for decision in decided.collect::<Vec<_>>() {
            timeline.extend(self.said_of(decision).await?);
        }
        let acts = record.acts.iter();
        timeline.extend(acts.map(|act| TimelineEntry {
            at: act.at,
            event: None,
            what: Happened::Act(*act),
        }));
        for rule in &record.responses {
            timeline.extend(self.response(*rule).await?);
        }
        timeline.sort_by_key(|entry| (entry.at, entry.event));
        let left_out = incident.left_out();
        Ok(Some(Story { line: line(&incident, &record, &self.in_force()), timeline, left_out }))
    }

    /// What an event of the log adds: alerts, and how holds ended.
    async fn told(&self, index: u64) -> Result<Vec<TimelineEntry>, AccessError> {
        let Some((_, bytes)) = self.log.events(index, 1).await?.pop() else {
            return Ok(Vec::new());
        };
        let event = parse(index, &bytes)?;
        let what = |effect: &Effect| match *effect {
            Effect::HoldReleased { decision } => {
                Some(Happened::Answered(decision, HoldEnd::Released))
            }
            Effect::HoldRefused { decision } => {
                Some(Happened::Answered(decision, HoldEnd::Refused))
            }
            Effect::HoldExpired { decision } | Effect::HoldLapsed { decision, .. } => {
                Some(Happened::Answered(decision, HoldEnd::Expired))
            }
            _ => Alert::of(index, &event, effect).map(Happened::Alert),
        };
        let entry = |what| TimelineEntry { at: event.time, event: Some(index), what };
        Ok(event.effects.iter().filter_map(what).map(entry).collect())
    }

    async fn said_of(
        &self,
        decided: (DecisionId, DatasetId),
    ) -> Result<Option<TimelineEntry>, AccessError> {
        let said = self.feedback_of(self.member, decided).await?;
        Ok(said.map(|said| TimelineEntry {
            at: said.at,
            event: None,
            what: Happened::Said(said.decision, said.finding, said.author),
        }))
    }

    /// When a rule was in force.
    async fn response(&self, rule: RuleId) -> Result<Vec<TimelineEntry>, AccessError> {
        let turns = self.incidents.lock().turns.get(&rule).cloned().unwrap_or_default();
        let until = self.view(|view| {
            let mut all = view.state.installed_rules(self.member, Timestamp(0));
            all.find(|(id, _)| *id == rule).map(|(_, install)| install.until)
        });
        // A rule that was bought has its body here too; one whose body is damaged is named all the same.
        let action = self.rule_body(rule).await.ok().map(|rule| rule.action());
        let mut entries: Vec<TimelineEntry> = turns
            .iter()
            .map(|Turn { event, at, what }| {
                let what = match what {
                    Turned::InForce => Happened::Responded(rule, action),
                    Turned::Removed => Happened::Removed(rule),
                    Turned::Ended => Happened::Ended(rule),
                };
                TimelineEntry { at: *at, event: Some(*event), what }
            })
            .collect();
        // Until the next block the ledger has not said so.
        let over = until.flatten().filter(|until| *until <= self.now());
        entries.extend(over.map(|at| TimelineEntry {
            at,
            event: None,
            what: Happened::Ended(rule),
        }));
        Ok(entries)
    }
}
