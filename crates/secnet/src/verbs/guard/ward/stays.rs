//! Who lies where, and who is asked to look after whom.

use std::collections::BTreeMap;

use super::dice::Dice;
use super::people::{CLINIC, EMERGENCY_ROOM, Patient, Role, Sample, Staff, WARDS};
use super::roster::{DAY, HOUR, MINUTE, Roster};

/// Beds of a ward, and places of the emergency room.
const BEDS: u64 = 10;
const COUCHES: u64 = 5;
/// Appointments of a working day.
const APPOINTMENTS: u64 = 26;
/// Of those in the emergency room so many stay.
const ADMITTED: u64 = 3_000;
/// Another day in bed, and at most so many.
const ANOTHER_DAY: u64 = 7_600;
const MOST_DAYS: u64 = 30;
const MOVED: u64 = 1_200;
/// A move or an admission is written down late, and how late at most.
const WRITTEN_LATE: u64 = 1_500;
const LATE_BY: u64 = 5 * HOUR;
/// A team is written down, an advice that was asked for, and a follow-up that will be made.
const TEAM_WRITTEN: u64 = 9_500;
const SECOND_DOCTOR: u64 = 6_000;
const ADVICE_A_DAY: u64 = 2_200;
const ADVICE_WRITTEN: u64 = 8_500;
const FOLLOWED_UP: u64 = 4_000;
const FOLLOW_UP_WRITTEN: u64 = 7_000;

/// A patient somewhere; seconds since the first day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stay {
    pub patient: u32,
    pub unit: u8,
    pub from: u64,
    pub until: u64,
    /// When it was written down that it began.
    pub written: u64,
    /// The doctor and the nurse who have the patient.
    pub doctor: Option<u32>,
    pub nurse: Option<u32>,
}

/// Why somebody looks after somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tie {
    Team,
    Advice,
    Appointment,
    FollowUp,
}

impl Tie {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Team => "team",
            Self::Advice => "consult",
            Self::Appointment => "referral",
            Self::FollowUp => "follow-up",
        }
    }
}

/// Somebody looks after a patient.
#[derive(Debug, Clone, Copy)]
pub(super) struct Care {
    pub staff: u32,
    pub patient: u32,
    pub tie: Tie,
    pub from: u64,
    pub until: u64,
    /// Is it in the hospital's system?
    pub written: bool,
}

#[derive(Debug, Default)]
pub(super) struct Stays {
    pub stays: Vec<Stay>,
    pub care: Vec<Care>,
    /// Until when each is somewhere, while stays are made.
    busy: BTreeMap<u32, u64>,
    /// Who waits for a bed, and since when.
    waiting: Vec<(u64, u32)>,
}

/// Patients by sample, and how often each sample comes where.
struct Town {
    by_sample: Vec<Vec<u32>>,
    weights: [Vec<u64>; 3],
}

impl Town {
    fn new(samples: &[Sample], patients: &[Patient]) -> Self {
        let of = |sample: usize| -> Vec<u32> {
            let all = (0..).zip(patients);
            all.filter(|(_, own)| own.sample == sample).map(|(id, _)| id).collect()
        };
        let weights =
            |visits: fn(&Sample) -> u64| samples.iter().map(|own| 1 + visits(own)).collect();
        Self {
            by_sample: (0..samples.len()).map(of).collect(),
            weights: [
                weights(|own| own.ward),
                weights(|own| own.emergency),
                weights(|own| own.clinic),
            ],
        }
    }

    /// Somebody who comes to this unit.
    fn comes(&self, dice: &mut Dice, unit: u8) -> Option<u32> {
        let [ward, emergency, clinic] = &self.weights;
        let weights = match unit {
            EMERGENCY_ROOM => emergency,
            CLINIC => clinic,
            _ => ward,
        };
        self.by_sample.get(dice.weighted(weights)).and_then(|patients| dice.of(patients))
    }
}

pub(super) struct House<'w> {
    pub days: u64,
    pub samples: &'w [Sample],
    pub staff: &'w [Staff],
    pub patients: &'w [Patient],
    pub roster: &'w Roster,
}

impl Stays {
    pub(super) fn new(seed: u64, house: &House<'_>) -> Self {
        let mut dice = Dice::new(seed, 3);
        let town = Town::new(house.samples, house.patients);
        let mut all = Self::default();
        // Places that become free, in order of time.
        let mut free: BTreeMap<(u64, u64), u8> = BTreeMap::new();
        let beds = (0..WARDS).flat_map(|ward| (0..BEDS).map(move |_| ward));
        let couches = (0..COUCHES).map(|_| EMERGENCY_ROOM);
        for (place, unit) in (0..).zip(beds.chain(couches)) {
            free.insert((dice.below(DAY), place), unit);
        }
        while let Some(((at, place), unit)) = free.pop_first() {
            if at >= house.days * DAY {
                continue;
            }
            let until = all.next_stay(&mut dice, house, &town, (unit, at));
            let empty = if unit == EMERGENCY_ROOM { 5 * HOUR } else { 20 * HOUR };
            free.insert((until + dice.from(HOUR, empty), place), unit);
        }
        for day in (0..house.days).filter(|day| day % 7 < 5) {
            for _ in 0..APPOINTMENTS {
                all.appointment(&mut dice, house, &town, day);
            }
        }
        all.stays.sort_by_key(|stay| (stay.from, stay.patient));
        all.care.sort_by_key(|care| (care.from, care.patient, care.staff));
        all
    }

    /// The next patient in a bed or on a couch; when it is free again.
    fn next_stay(
        &mut self,
        dice: &mut Dice,
        house: &House<'_>,
        town: &Town,
        (unit, at): (u8, u64),
    ) -> u64 {
        let waits = self.waiting.iter().position(|(since, _)| *since <= at);
        let patient = match waits.filter(|_| unit != EMERGENCY_ROOM) {
            Some(place) => Some(self.waiting.remove(place).1),
            None => town.comes(dice, unit).filter(|id| self.is_free(*id, at)),
        };
        let Some(patient) = patient else { return at };
        if unit == EMERGENCY_ROOM {
            let until = at + dice.from(HOUR, 8 * HOUR);
            self.stay(dice, house, (patient, unit, at, until));
            if dice.comes(ADMITTED) {
                self.waiting.push((until, patient));
                self.busy.insert(patient, until + 2 * DAY);
            }
            return until;
        }
        let mut days = 1;
        while days < MOST_DAYS && dice.comes(ANOTHER_DAY) {
            days += 1;
        }
        let until = at + days * DAY - dice.below(10 * HOUR);
        if days > 2 && dice.comes(MOVED) {
            let moved = at + dice.from(DAY / 2, (days - 1) * DAY);
            let other = u8::try_from(dice.below(WARDS.into())).unwrap_or(0);
            self.stay(dice, house, (patient, unit, at, moved));
            self.stay(dice, house, (patient, other, moved, until));
        } else {
            self.stay(dice, house, (patient, unit, at, until));
        }
        until
    }

    fn is_free(&self, patient: u32, at: u64) -> bool {
        self.busy.get(&patient).is_none_or(|until| *until <= at)
    }

    fn stay(&mut self, dice: &mut Dice, house: &House<'_>, at: (u32, u8, u64, u64)) {
        let (patient, unit, from, until) = at;
        let known = self.busy.entry(patient).or_default();
        *known = until.max(*known);
        // Whoever comes at night is taken over by somebody the next morning.
        let seen =
            if from % DAY < 18 * HOUR { from.max(from / DAY * DAY + 9 * HOUR) } else { from };
        let mut has = |role: Role| {
            let there = house.roster.there(house.staff, Some(unit), seen, &[role]);
            let ids: Vec<u32> = there.iter().map(|shift| shift.staff).collect();
            dice.of(&ids)
        };
        let (doctor, second, nurse) = (has(Role::Doctor), has(Role::Doctor), has(Role::Nurse));
        let written = if dice.comes(WRITTEN_LATE) { from + dice.below(LATE_BY) } else { from };
        self.stays.push(Stay { patient, unit, from, until, written, doctor, nurse });
        let after = if unit == EMERGENCY_ROOM { DAY } else { 7 * DAY };
        let second = second.filter(|_| dice.comes(SECOND_DOCTOR));
        for staff in [doctor, second, nurse].into_iter().flatten() {
            let written = dice.comes(TEAM_WRITTEN);
            let until = until + after;
            self.care.push(Care { staff, patient, tie: Tie::Team, from, until, written });
        }
        if unit != EMERGENCY_ROOM {
            self.advice(dice, house, (patient, from, until));
            self.follow_up(dice, house, (patient, unit, doctor, until));
        }
    }

    fn advice(
        &mut self,
        dice: &mut Dice,
        house: &House<'_>,
        (patient, from, until): (u32, u64, u64),
    ) {
        for day in from / DAY..=until / DAY {
            let asked = day * DAY + dice.from(9 * HOUR, 15 * HOUR);
            if !(from..until).contains(&asked) || !dice.comes(ADVICE_A_DAY) {
                continue;
            }
            let role = if dice.comes(5_000) { Role::Consultant } else { Role::Allied };
            let there = house.roster.there(house.staff, None, asked, &[role]);
            let ids: Vec<u32> = there.iter().map(|shift| shift.staff).collect();
            let Some(staff) = dice.of(&ids) else { continue };
            let written = dice.comes(ADVICE_WRITTEN);
            let until = asked + 3 * DAY;
            self.care.push(Care { staff, patient, tie: Tie::Advice, from: asked, until, written });
        }
    }

    /// After a stay a doctor sees the patient again.
    fn follow_up(
        &mut self,
        dice: &mut Dice,
        house: &House<'_>,
        (patient, unit, doctor, left): (u32, u8, Option<u32>, u64),
    ) {
        let Some(staff) = doctor.filter(|_| unit != CLINIC && dice.comes(FOLLOWED_UP)) else {
            return;
        };
        let until = left + dice.from(10, 40) * DAY;
        let written = dice.comes(FOLLOW_UP_WRITTEN);
        if until < house.days * DAY {
            self.care.push(Care { staff, patient, tie: Tie::FollowUp, from: left, until, written });
        }
    }

    fn appointment(&mut self, dice: &mut Dice, house: &House<'_>, town: &Town, day: u64) {
        let from = day * DAY + dice.from(8 * HOUR, 16 * HOUR);
        let Some(patient) = town.comes(dice, CLINIC) else { return };
        let ids: Vec<u32> = house
            .roster
            .there(house.staff, Some(CLINIC), from, &[Role::Doctor])
            .iter()
            .map(|shift| shift.staff)
            .collect();
        let Some(staff) = dice.of(&ids) else { return };
        let until = from + dice.from(15, 60) * MINUTE;
        let written = from;
        let (doctor, nurse) = (Some(staff), None);
        self.stays.push(Stay { patient, unit: CLINIC, from, until, written, doctor, nurse });
        let (from, until) = (from.saturating_sub(3 * DAY), until + 14 * DAY);
        let written = dice.comes(TEAM_WRITTEN);
        self.care.push(Care { staff, patient, tie: Tie::Appointment, from, until, written });
    }
}
