//! The facts, checked and in the order in which they are asked for.

use std::collections::{BTreeMap, BTreeSet};

use secnet_types::{DatasetId, Digest, MemberId, Place, StaffRole, Tie};

use super::{
    CareFact, Home, MAX_FACTS, MAX_PATIENTS, MAX_STAFF, MAX_UNIT_NAME, MAX_UNITS, RelationFacts,
    RelationsError, ShiftFact, StayFact,
};
use crate::window::{HOUR_MS, MINUTE_MS};

/// Of what began before a moment, the newest so many are looked at.
const LOOKED_BACK: usize = 64;
/// Time around a shift that is near it: the next one's patients are read about before, and what was put off is done after.
const BEFORE_SHIFT_MS: u64 = HOUR_MS;
const AFTER_SHIFT_MS: u64 = 2 * HOUR_MS;

/// A span of time and what it is about.
type Span<T> = (u64, u64, T);

/// Somebody who works there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Worker {
    pub role: StaffRole,
    pub unit: Option<u32>,
    pub home: Option<Home>,
    shifts: Vec<Span<Option<u32>>>,
}

/// Somebody whose records are here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Patient {
    pub home: Option<Home>,
    pub prominent: bool,
    pub staff: Option<MemberId>,
    stays: Vec<Span<u32>>,
}

/// What a hospital says, checked: who works there, who is on duty where, who is a patient where, who looks after whom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Relations {
    units: Vec<(u64, Place)>,
    staff: BTreeMap<MemberId, Worker>,
    patients: BTreeMap<DatasetId, Patient>,
    care: BTreeMap<(MemberId, DatasetId), Vec<Span<Tie>>>,
    digest: Option<Digest>,
}

/// Where somebody works at a moment.
#[derive(Debug, Default)]
pub(super) struct Duty {
    /// On duty, and where; an empty list for everywhere.
    pub on: bool,
    pub units: Vec<u32>,
    /// On duty soon or shortly before.
    pub near: Vec<u32>,
    pub since_ms: Option<u64>,
    pub to_ms: Option<u64>,
}

/// Where a patient is at a moment, and was.
#[derive(Debug, Default)]
pub(super) struct Whereabouts {
    /// Units, the one of the newest stay last.
    pub here: Vec<u32>,
    pub since_ms: Option<u64>,
    pub left_ms: Option<u64>,
    pub left_emergency_ms: Option<u64>,
    pub stays: u64,
    /// Stays that are over: unit, and how long ago.
    pub past: Vec<(u32, u64)>,
}

/// What ties two at a moment, and when the last tie ended.
#[derive(Debug, Default)]
pub(super) struct Care {
    pub ties: u64,
    pub ended_ms: Option<u64>,
}

impl Relations {
    /// Check facts and put them in order.
    ///
    /// # Errors
    /// [`RelationsError`], with the list and the place in it.
    pub fn new(facts: RelationFacts) -> Result<Self, RelationsError> {
        bounded(&facts)?;
        let bytes = secnet_types::encode(&facts);
        let digest = Digest::of_parts("secnet/guard/relations/v1", &[&bytes]);
        let mut relations = Self { digest: Some(digest), ..Self::default() };
        let RelationFacts { units, staff, patients, shifts, stays, care } = facts;
        let mut names = BTreeSet::new();
        for (place, unit) in units.iter().enumerate() {
            if unit.name.len() > MAX_UNIT_NAME || unit.place == Place::Away {
                let why = "a name of at most 128 bytes, and a place other than away, are needed";
                return Err(RelationsError::Odd { what: "unit", place, why });
            }
            if !names.insert(unit.name.clone()) {
                return Err(RelationsError::Twice { what: "unit", place });
            }
            relations.units.push((key_of(&unit.name), unit.place));
        }
        for (place, own) in staff.into_iter().enumerate() {
            relations.has_unit("staff", place, own.unit)?;
            let (role, unit, home) = (own.role, own.unit, own.home);
            let worker = Worker { role, unit, home, shifts: Vec::new() };
            if relations.staff.insert(own.member, worker).is_some() {
                return Err(RelationsError::Twice { what: "staff", place });
            }
        }
        for (place, own) in patients.into_iter().enumerate() {
            let (home, prominent, staff) = (own.home, own.prominent, own.staff);
            let patient = Patient { home, prominent, staff, stays: Vec::new() };
            if relations.patients.insert(own.dataset, patient).is_some() {
                return Err(RelationsError::Twice { what: "patient", place });
            }
        }
        relations.take_spans(&shifts, &stays, &care)?;
        Ok(relations)
    }

    fn take_spans(
        &mut self,
        shifts: &[ShiftFact],
        stays: &[StayFact],
        care: &[CareFact],
    ) -> Result<(), RelationsError> {
        for (place, shift) in shifts.iter().enumerate() {
            self.has_unit("shift", place, shift.unit)?;
            forwards("shift", place, (shift.from.0, shift.until.0))?;
            let nobody = RelationsError::Nobody { what: "shift", place, of: "staff" };
            let worker = self.staff.get_mut(&shift.member).ok_or(nobody)?;
            worker.shifts.push((shift.from.0, shift.until.0, shift.unit));
        }
        for (place, stay) in stays.iter().enumerate() {
            self.has_unit("stay", place, Some(stay.unit))?;
            forwards("stay", place, (stay.from.0, stay.until.0))?;
            let nobody = RelationsError::Nobody { what: "stay", place, of: "patients" };
            let patient = self.patients.get_mut(&stay.dataset).ok_or(nobody)?;
            patient.stays.push((stay.from.0, stay.until.0, stay.unit));
        }
        for (place, own) in care.iter().enumerate() {
            forwards("care", place, (own.from.0, own.until.0))?;
            if own.tie.number() > Tie::FollowUp.number() {
                let why = "what follows from roster and stays cannot be said";
                return Err(RelationsError::Odd { what: "care", place, why });
            }
            if !self.staff.contains_key(&own.member) || !self.patients.contains_key(&own.dataset) {
                let of = "staff or the patients";
                return Err(RelationsError::Nobody { what: "care", place, of });
            }
            let spans = self.care.entry((own.member, own.dataset)).or_default();
            spans.push((own.from.0, own.until.0, own.tie));
        }
        self.staff.values_mut().for_each(|own| own.shifts.sort_unstable());
        self.patients.values_mut().for_each(|own| own.stays.sort_unstable());
        self.care.values_mut().for_each(|own| own.sort_unstable());
        Ok(())
    }

    fn has_unit(
        &self,
        what: &'static str,
        place: usize,
        unit: Option<u32>,
    ) -> Result<(), RelationsError> {
        let units = self.units.len();
        let known = |unit: u32| usize::try_from(unit).is_ok_and(|at| at < units);
        match unit.filter(|unit| !known(*unit)) {
            Some(unit) => Err(RelationsError::NoUnit { what, place, unit, units }),
            None => Ok(()),
        }
    }

    /// Members of staff and patients.
    #[must_use]
    pub fn named(&self) -> (usize, usize) {
        (self.staff.len(), self.patients.len())
    }

    /// The digest of the facts; none of none.
    #[must_use]
    pub const fn digest(&self) -> Option<Digest> {
        self.digest
    }

    pub(super) fn worker(&self, member: MemberId) -> Option<&Worker> {
        self.staff.get(&member)
    }

    pub(super) fn patient(&self, dataset: DatasetId) -> Option<&Patient> {
        self.patients.get(&dataset)
    }

    /// A unit's name in eight bytes, and what kind of place it is.
    pub(super) fn unit(&self, unit: u32) -> Option<(u64, Place)> {
        usize::try_from(unit).ok().and_then(|place| self.units.get(place)).copied()
    }

    pub(super) fn care(&self, member: MemberId, dataset: DatasetId, at: u64) -> Care {
        let mut care = Care::default();
        let spans = self.care.get(&(member, dataset)).map_or(&[][..], Vec::as_slice);
        for (_, until, tie) in begun(spans, at) {
            if at < *until {
                care.ties |= bit(*tie);
            } else {
                care.ended_ms = nearest(care.ended_ms, at - until);
            }
        }
        care
    }
}

impl Worker {
    pub(super) fn duty(&self, at: u64) -> Duty {
        let mut duty = Duty::default();
        let soon = at.saturating_add(BEFORE_SHIFT_MS);
        for (from, until, unit) in begun(&self.shifts, soon) {
            if at < *from || at >= *until {
                if at < until.saturating_add(AFTER_SHIFT_MS) {
                    duty.near.extend(unit);
                }
                if at >= *until {
                    duty.since_ms = nearest(duty.since_ms, at - until);
                }
            } else {
                duty.on = true;
                duty.units.extend(unit);
            }
        }
        let next = self.shifts.partition_point(|(from, ..)| *from <= at);
        duty.to_ms = self.shifts.get(next).map(|(from, ..)| from - at);
        if duty.on {
            (duty.since_ms, duty.to_ms) = (Some(0), Some(0));
        }
        duty
    }
}

impl Patient {
    pub(super) fn whereabouts(&self, relations: &Relations, at: u64) -> Whereabouts {
        let mut there = Whereabouts {
            stays: self.stays.partition_point(|(from, ..)| *from <= at) as u64,
            ..Whereabouts::default()
        };
        // Newest first: the newest one that goes on says since when.
        for (from, until, unit) in begun(&self.stays, at) {
            if at < *until {
                there.here.push(*unit);
                there.since_ms.get_or_insert(at - from);
                continue;
            }
            let ago = at - until;
            there.left_ms = nearest(there.left_ms, ago);
            if relations.unit(*unit).is_some_and(|(_, place)| place == Place::EmergencyRoom) {
                there.left_emergency_ms = nearest(there.left_emergency_ms, ago);
            }
            there.past.push((*unit, ago));
        }
        there.here.reverse();
        there
    }
}

/// The newest of what has begun at a moment, newest first.
fn begun<T>(spans: &[Span<T>], at: u64) -> impl Iterator<Item = &Span<T>> {
    let begun = spans.partition_point(|(from, ..)| *from <= at);
    spans.iter().take(begun).rev().take(LOOKED_BACK)
}

fn nearest(known: Option<u64>, ago: u64) -> Option<u64> {
    Some(known.map_or(ago, |known| known.min(ago)))
}

pub(super) const fn bit(tie: Tie) -> u64 {
    1 << tie.number()
}

/// FNV-1a: units are few, and whoever states them is believed anyway.
fn key_of(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |key, byte| {
        (key ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn bounded(facts: &RelationFacts) -> Result<(), RelationsError> {
    let all = [
        ("units", facts.units.len(), MAX_UNITS),
        ("members of staff", facts.staff.len(), MAX_STAFF),
        ("patients", facts.patients.len(), MAX_PATIENTS),
        ("shifts", facts.shifts.len(), MAX_FACTS),
        ("stays", facts.stays.len(), MAX_FACTS),
        ("ties of care", facts.care.len(), MAX_FACTS),
    ];
    match all.into_iter().find(|(_, given, most)| given > most) {
        Some((what, given, most)) => Err(RelationsError::TooMany { what, given, most }),
        None => Ok(()),
    }
}

fn forwards(
    what: &'static str,
    place: usize,
    (from, until): (u64, u64),
) -> Result<(), RelationsError> {
    if until < from { Err(RelationsError::Backwards { what, place }) } else { Ok(()) }
}

/// Whole minutes.
pub(super) const fn minutes(ms: u64) -> u64 {
    ms / MINUTE_MS
}

/// Whole hours.
pub(super) const fn hours(ms: u64) -> u64 {
    ms / HOUR_MS
}
