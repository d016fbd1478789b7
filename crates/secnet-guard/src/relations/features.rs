//! Facts and what was done before, as features of a request.

use secnet_types::{DatasetId, Feature, FeatureVector, MemberId, Place, StaffRole, Tie};

use super::Relations;
use super::index::{bit, hours, minutes};
use super::looks::{DAY_MS, HALF_DAY_MS, Pairing, Visits, WEEK_MS, Work, is_care, short};
use crate::features::{count, words};
use crate::window::HOUR_MS;
use crate::{Event, Guard};

/// How two stand to each other at a moment, by the facts alone.
#[derive(Debug)]
pub(super) struct Standing {
    role: StaffRole,
    ties: u64,
    /// By care, by duty or by unit.
    pub tied: bool,
    on_duty: bool,
    off_ms: Option<u64>,
    to_ms: Option<u64>,
    place: Place,
    here: Vec<u64>,
    /// The unit where the patient is, 0 for none.
    pub place_key: u64,
    pub home_unit_key: u64,
    since_ms: Option<u64>,
    left_ms: Option<u64>,
    left_own_ms: Option<u64>,
    left_emergency_ms: Option<u64>,
    stays: u64,
    tie_ended_ms: Option<u64>,
    nearness: u64,
    workmate: bool,
    prominent: bool,
}

impl Relations {
    /// None unless the facts name both.
    pub(super) fn standing(
        &self,
        member: MemberId,
        dataset: DatasetId,
        at: u64,
    ) -> Option<Standing> {
        let (worker, patient) = (self.worker(member)?, self.patient(dataset)?);
        let (duty, there) = (worker.duty(at), patient.whereabouts(self, at));
        let care = self.care(member, dataset, at);
        let meets = |units: &[u32]| there.here.iter().any(|unit| units.contains(unit));
        let of_unit = |holds: bool, tie: Tie| if holds { bit(tie) } else { 0 };
        let is_own = |unit: u32| Some(unit) == worker.unit;
        let ties = care.ties
            | of_unit(meets(&duty.units), Tie::Duty)
            | of_unit(meets(&duty.near), Tie::NearDuty)
            | of_unit(there.here.iter().any(|unit| is_own(*unit)), Tie::Unit);
        let left_own = there.past.iter().filter(|(unit, _)| {
            is_own(*unit) || duty.units.contains(unit) || duty.near.contains(unit)
        });
        let key = |unit: u32| self.unit(unit).map_or(0, |(key, _)| key);
        let newest = there.here.last().and_then(|unit| self.unit(*unit));
        let homes = worker.home.zip(patient.home);
        let is_oneself = patient.staff == Some(member);
        let nearness = match homes {
            _ if is_oneself => 3,
            Some((own, other)) if own.house == other.house => 2,
            Some((own, other)) if own.street == other.street => 1,
            _ => 0,
        };
        Some(Standing {
            role: worker.role,
            ties,
            tied: ties != 0,
            on_duty: duty.on,
            off_ms: duty.since_ms,
            to_ms: duty.to_ms,
            place: newest.map_or(Place::Away, |(_, place)| place),
            place_key: newest.map_or(0, |(key, _)| key),
            here: there.here.iter().map(|unit| key(*unit)).collect(),
            home_unit_key: worker.unit.map_or(0, key),
            since_ms: there.since_ms,
            left_ms: there.left_ms,
            left_own_ms: left_own.map(|(_, ago)| *ago).min(),
            left_emergency_ms: there.left_emergency_ms,
            stays: there.stays,
            tie_ended_ms: care.ended_ms,
            nearness,
            workmate: patient.staff.is_some() && !is_oneself,
            prominent: patient.prominent,
        })
    }
}

impl Standing {
    pub(super) fn is_untied(&self, event: &Event) -> bool {
        !self.tied && is_care(event.purpose)
    }

    /// Neither a tie nor anything that explains one that is missing.
    pub(super) fn is_strange(&self, event: &Event, known: Option<&Pairing>) -> bool {
        self.is_untied(event)
            && self.here.is_empty()
            && self.tie_ended_ms.is_none()
            && self.left_own_ms.is_none()
            && known.is_none_or(|known| known.tied == 0)
    }

    fn tell(&self, facts: &mut FeatureVector) {
        let yes = |holds: bool| if holds { 2 } else { 1 };
        words(facts, Feature::StaffRole, 1 << self.role.number());
        words(facts, Feature::Ties, self.ties);
        words(facts, Feature::OnDuty, yes(self.on_duty));
        words(facts, Feature::PatientPlace, 1 << self.place.number());
        words(facts, Feature::Workmate, yes(self.workmate));
        words(facts, Feature::Prominent, yes(self.prominent));
        count(facts, Feature::StaysKnown, self.stays);
        count(facts, Feature::Nearness, self.nearness);
        let spans = [
            (Feature::MinutesSinceDuty, self.off_ms.map(minutes)),
            (Feature::MinutesToDuty, self.to_ms.map(minutes)),
            (Feature::MinutesSinceAdmission, self.since_ms.map(minutes)),
            (Feature::HoursSinceDischarge, self.left_ms.map(hours)),
            (Feature::HoursSinceOwnUnit, self.left_own_ms.map(hours)),
            (Feature::MinutesSinceEmergencyRoom, self.left_emergency_ms.map(minutes)),
            (Feature::HoursSinceTie, self.tie_ended_ms.map(hours)),
        ];
        for (feature, span) in spans {
            if let Some(span) = span {
                count(facts, feature, span);
            }
        }
    }
}

impl Guard {
    /// The features of relations, if the facts name requester and patient.
    pub(crate) fn related(&self, facts: &mut FeatureVector, event: &Event) {
        let at = event.at.0;
        let standing = self.relations.standing(event.requester, event.dataset, at);
        let Some(standing) = standing else { return };
        standing.tell(facts);
        let (staff, key) = (&self.looks.staff, (event.requester, event.dataset));
        let nothing = (Work::default(), Visits::default());
        let work = staff.value(&event.requester).unwrap_or(&nothing.0);
        worked(facts, work, &standing, (short(&event.dataset.0), at));
        let visits = self.looks.patients.value(&event.dataset).unwrap_or(&nothing.1);
        visited(facts, visits, &standing, (short(&event.requester.0), at));
        let pair = self.looks.pairs.value(&key).copied().unwrap_or_default();
        count(facts, Feature::OwnUses, pair.uses.into());
        count(facts, Feature::TiedUses, pair.tied.into());
        if pair.uses > 0 {
            count(facts, Feature::MinutesSinceOwnUse, minutes(at.saturating_sub(pair.last_ms)));
        }
    }

    /// A request has come in.
    pub(crate) fn related_arrives(&mut self, event: &Event) {
        let standing = self.relations.standing(event.requester, event.dataset, event.at.0);
        if let Some(standing) = standing {
            self.looks.arrive(event, &standing, self.tick);
        }
    }

    /// It was allowed.
    pub(crate) fn related_allowed(&mut self, event: &Event) {
        let standing = self.relations.standing(event.requester, event.dataset, event.at.0);
        if let Some(standing) = standing {
            self.looks.allowed(event, &standing, self.tick);
        }
    }
}

fn worked(facts: &mut FeatureVector, work: &Work, standing: &Standing, (patient, at): (u64, u64)) {
    let within = |span: u64| {
        let of = work
            .untied
            .iter()
            .filter(|(other, then)| *other != patient && at.saturating_sub(*then) <= span);
        of.count() as u64
    };
    count(facts, Feature::UntiedLastHour, within(HOUR_MS));
    count(facts, Feature::UntiedLastHalfDay, within(HALF_DAY_MS));
    count(facts, Feature::UntiedLastWeek, within(WEEK_MS));
    count(facts, Feature::UntiedThreeWeeks, within(super::looks::UNTIED_MS));
    let (strange, all) = work.faded(at);
    count(facts, Feature::StrangeFaded, strange);
    count(facts, Feature::UsesFaded, all);
    if let Some(share) = strange.saturating_mul(10_000).checked_div(all) {
        count(facts, Feature::StrangeShare, share);
    }
    let recent = || work.recent.iter().filter(|(then, ..)| at.saturating_sub(*then) <= HALF_DAY_MS);
    let uses = recent().count() as u64;
    let same =
        recent().filter(|(_, other, unit)| *other != patient && standing.here.contains(unit));
    let mut patients: Vec<u64> = same.map(|(_, other, _)| *other).collect();
    let in_unit = patients.len() as u64;
    patients.sort_unstable();
    patients.dedup();
    count(facts, Feature::UsesHalfDay, uses);
    count(facts, Feature::UnitPatients, patients.len() as u64);
    if let Some(share) = (in_unit * 10_000).checked_div(uses) {
        count(facts, Feature::UnitShare, share);
    }
}

fn visited(facts: &mut FeatureVector, visits: &Visits, standing: &Standing, (who, at): (u64, u64)) {
    let lately = |then: u64, span: u64| then > 0 && at.saturating_sub(then) <= span;
    let others = || visits.of.iter().filter(|visitor| visitor.who != who);
    let two_days = 2 * DAY_MS;
    let all = others().filter(|visitor| lately(visitor.last_ms, two_days)).count();
    let untied = others().filter(|visitor| lately(visitor.untied_ms, two_days)).count();
    let unit = standing.home_unit_key;
    let mates = others().filter(|v| unit != 0 && v.unit == unit && lately(v.last_ms, DAY_MS));
    count(facts, Feature::OthersTwoDays, all as u64);
    count(facts, Feature::StrangersTwoDays, untied as u64);
    count(facts, Feature::ColleaguesLastDay, mates.count() as u64);
}
