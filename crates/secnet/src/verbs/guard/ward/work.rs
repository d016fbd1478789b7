//! A working day: the looks that nobody would object to, and among them many that look odd.

use secnet_types::Purpose;

use super::dice::Dice;
use super::log::{Access, Cause};
use super::people::{CLINIC, EMERGENCY_ROOM, Patient, Role, WARDS};
use super::roster::{DAY, HOUR, MINUTE, Shift};
use super::stays::{Care, House, Stay, Stays, Tie};

/// Hours after which somebody else looks.
const WATCH: u64 = 8 * HOUR;
/// Chances in ten thousand. A look is put off until after the shift, a nurse of another team of the ward looks, a doctor
/// asks a colleague of another ward.
const PUT_OFF: u64 = 400;
const OTHER_NURSE: u64 = 2_500;
const DOCTOR_LOOKS: u64 = 5_500;
const ASKED_IN_PASSING: u64 = 120;
/// The wrong patient is opened before the right one, and it is one who lies in the hospital.
const SLIPS: u64 = 60;
const SLIP_WITHIN: u64 = 5_000;
/// In a shift: the next one's patients are looked at before it begins; a nurse looks for beds; a former patient is
/// thought of; a researcher reads.
const AHEAD: u64 = 400;
const LOOKS_FOR_BEDS: u64 = 300;
const THINKS_BACK: u64 = 500;
const RESEARCHES: u64 = 6_000;
/// Whoever comes from the emergency room is read about before.
const READ_BEFORE: u64 = 2_000;
/// The glass is broken for one who comes to the emergency room, or who lies in a bed that day.
const BROKEN_AT_DOOR: u64 = 400;
const BROKEN_IN_BED: u64 = 60;

pub(super) const CARERS: &[Role] = &[Role::Nurse, Role::Float];
const DOCTORS: &[Role] = &[Role::Doctor];

/// The hospital while its log is written.
pub(super) struct Day<'w> {
    pub house: &'w House<'w>,
    pub stays: &'w Stays,
    pub dice: Dice,
    pub log: Vec<Access>,
}

/// A look before its records are drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub at: u64,
    pub staff: u32,
    pub patient: u32,
    pub purpose: Purpose,
    /// Of how many records, at least and at most.
    pub records: (u64, u64),
    pub cause: Cause,
}

impl Day<'_> {
    /// Everything ordinary, in no order.
    pub(super) fn work(&mut self) {
        for stay in &self.stays.stays {
            match stay.unit {
                CLINIC => self.appointment(stay),
                EMERGENCY_ROOM => self.at_the_door(stay),
                _ => self.in_bed(stay),
            }
        }
        for care in &self.stays.care {
            match care.tie {
                Tie::Advice => self.advice(care),
                Tie::FollowUp => self.follow_up(care),
                Tie::Appointment => {
                    let at = care.until - self.dice.from(DAY, 13 * DAY);
                    if self.dice.comes(2_000) {
                        self.at_desk(care, at, Cause::FollowUp);
                    }
                }
                Tie::Team => {}
            }
        }
        for shift in &self.house.roster.worked {
            self.besides(shift);
        }
        let days = self.house.days * DAY;
        self.log.retain(|access| access.at < days);
    }

    pub(super) fn patient(&self, id: u32) -> Option<&Patient> {
        usize::try_from(id).ok().and_then(|place| self.house.patients.get(place))
    }

    pub(super) fn role(&self, staff: u32) -> Role {
        let own = usize::try_from(staff).ok().and_then(|place| self.house.staff.get(place));
        own.map_or(Role::Nurse, |own| own.role)
    }

    /// How many records somebody of this role reads at once.
    pub(super) fn usual(&self, staff: u32) -> (u64, u64) {
        match self.role(staff) {
            Role::Nurse | Role::Float => (1, 9),
            Role::Doctor | Role::Consultant => (2, 28),
            Role::Allied => (1, 12),
            Role::Clerk => (10, 45),
            Role::Researcher => (15, 70),
        }
    }

    pub(super) fn write(&mut self, look: Look) {
        let sample = self.patient(look.patient).and_then(|own| self.house.samples.get(own.sample));
        let Some(sample) = sample else { return };
        // Few at most times, many sometimes.
        let (low, high) = look.records;
        let wanted = self.dice.from(low, high).min(self.dice.from(low, high));
        let (records, categories, labels) = sample.glimpse(&mut self.dice, wanted);
        let Look { at, staff, patient, purpose, cause, .. } = look;
        self.log.push(Access { at, staff, patient, purpose, records, categories, labels, cause });
    }

    /// Somebody looks for a reason of care: perhaps at the wrong patient first, perhaps after the shift only.
    fn treat(&mut self, shift: &Shift, patient: u32, at: u64, cause: Cause) {
        let put_off = self.dice.comes(PUT_OFF);
        let (at, cause) = match put_off {
            true => (shift.until + self.dice.below(90 * MINUTE), Cause::Late),
            false => (at, cause),
        };
        let staff = shift.staff;
        let (purpose, records) = (Purpose::Treatment, self.usual(staff));
        if self.dice.comes(SLIPS) {
            let within = self.dice.comes(SLIP_WITHIN);
            let lies = self.lying(at);
            let wrong = match within {
                true => self.dice.of(&lies),
                false => self.anybody(),
            };
            if let Some(patient) = wrong {
                let at = at.saturating_sub(self.dice.from(20, 150));
                let records = (1, 3);
                self.write(Look { at, staff, patient, purpose, records, cause: Cause::Slip });
            }
        }
        self.write(Look { at, staff, patient, purpose, records, cause });
    }

    pub(super) fn anybody(&mut self) -> Option<u32> {
        u32::try_from(self.dice.below(self.house.patients.len() as u64)).ok()
    }

    /// Who lies in a bed at that time.
    pub(super) fn lying(&self, at: u64) -> Vec<u32> {
        self.staying(at, |unit| unit < WARDS)
    }

    pub(super) fn staying(&self, at: u64, unit: impl Fn(u8) -> bool) -> Vec<u32> {
        // Stays are sorted by their beginning, and none is longer than 31 days.
        let first = self.stays.stays.partition_point(|stay| stay.from + 31 * DAY < at);
        let begun = self.stays.stays.iter().skip(first).take_while(|stay| stay.from <= at);
        begun.filter(|stay| at < stay.until && unit(stay.unit)).map(|stay| stay.patient).collect()
    }

    fn shift_there(&mut self, unit: u8, at: u64, roles: &[Role]) -> Option<Shift> {
        let there = self.house.roster.there(self.house.staff, Some(unit), at, roles);
        self.dice.of(&there).copied()
    }

    fn in_bed(&mut self, stay: &Stay) {
        if self.dice.comes(READ_BEFORE) {
            let at = stay.from.saturating_sub(self.dice.from(10 * MINUTE, 90 * MINUTE));
            if let Some(shift) = self.shift_there(stay.unit, at, &[Role::Nurse, Role::Doctor]) {
                self.treat(&shift, stay.patient, at, Cause::Ahead);
            }
        }
        let mut begin = stay.from;
        while begin < stay.until {
            let end = (begin + WATCH).min(stay.until);
            let is_night = (begin % DAY) >= 21 * HOUR || (begin % DAY) < 5 * HOUR;
            for _ in 0..self.dice.from(u64::from(!is_night), if is_night { 1 } else { 3 }) {
                let at = self.dice.from(begin, end);
                let own = stay.nurse.filter(|_| !self.dice.comes(OTHER_NURSE));
                let there = self.house.roster.there(self.house.staff, Some(stay.unit), at, CARERS);
                let mine = there.iter().find(|shift| Some(shift.staff) == own).copied().copied();
                if let Some(shift) = mine.or_else(|| self.dice.of(&there).copied()) {
                    self.treat(&shift, stay.patient, at, Cause::Care);
                }
            }
            if self.dice.comes(if is_night { DOCTOR_LOOKS / 6 } else { DOCTOR_LOOKS }) {
                self.doctor_looks(stay, (begin, end));
            }
            if self.dice.comes(BROKEN_IN_BED / 3) {
                self.rescue(stay, (begin, end));
            }
            begin = end;
        }
    }

    fn doctor_looks(&mut self, stay: &Stay, (begin, end): (u64, u64)) {
        let at = self.dice.from(begin, end);
        let there = self.house.roster.there(self.house.staff, Some(stay.unit), at, DOCTORS);
        let mine = there.iter().find(|shift| Some(shift.staff) == stay.doctor).copied().copied();
        let Some(shift) = mine.or_else(|| self.dice.of(&there).copied()) else { return };
        for number in 0..self.dice.from(1, 2) {
            self.treat(&shift, stay.patient, at + number * 10 * MINUTE, Cause::Care);
        }
        if self.dice.comes(ASKED_IN_PASSING) {
            let other = u8::try_from(self.dice.below(WARDS.into())).unwrap_or(0);
            let at = at + self.dice.from(5 * MINUTE, 3 * HOUR);
            if let Some(shift) = self.shift_there(other, at, DOCTORS) {
                self.treat(&shift, stay.patient, at, Cause::Colleague);
            }
        }
    }

    /// Something happens, and whoever is near breaks the glass.
    fn rescue(&mut self, stay: &Stay, (begin, end): (u64, u64)) {
        let at = self.dice.from(begin, end);
        let unit = u8::try_from(self.dice.below(u64::from(WARDS) + 1)).unwrap_or(0);
        if let Some(shift) = self.shift_there(unit, at, &[Role::Doctor, Role::Nurse]) {
            self.break_glass(&shift, stay.patient, at);
        }
    }

    fn break_glass(&mut self, shift: &Shift, patient: u32, at: u64) {
        let (staff, records) = (shift.staff, self.usual(shift.staff));
        let (purpose, cause) = (Purpose::Emergency, Cause::Rescue);
        self.write(Look { at, staff, patient, purpose, records, cause });
    }

    fn at_the_door(&mut self, stay: &Stay) {
        let broken = self.dice.comes(BROKEN_AT_DOOR);
        for number in 0..self.dice.from(2, 5) {
            let at = self.dice.from(stay.from, stay.until);
            let Some(shift) = self.shift_there(stay.unit, at, &[Role::Doctor, Role::Nurse]) else {
                continue;
            };
            if number == 0 && broken {
                self.break_glass(&shift, stay.patient, at);
            } else {
                self.treat(&shift, stay.patient, at, Cause::Care);
            }
        }
    }

    fn appointment(&mut self, stay: &Stay) {
        for roles in [&[Role::Nurse][..], DOCTORS] {
            let at = self.dice.from(stay.from, stay.until);
            let there = self.house.roster.there(self.house.staff, Some(CLINIC), at, roles);
            let mine = there.iter().find(|s| Some(s.staff) == stay.doctor).copied().copied();
            if let Some(shift) = mine.or_else(|| self.dice.of(&there).copied()) {
                self.treat(&shift, stay.patient, at, Cause::Care);
            }
        }
    }

    fn advice(&mut self, care: &Care) {
        for _ in 0..self.dice.from(1, 3) {
            let at = care.from + self.dice.below(DAY);
            self.at_desk(care, at, Cause::Advice);
        }
    }

    fn follow_up(&mut self, care: &Care) {
        for _ in 0..self.dice.from(1, 3) {
            let at = self.dice.from(care.from, care.until);
            self.at_desk(care, at, Cause::FollowUp);
        }
    }

    /// In the next shift after that time.
    fn at_desk(&mut self, care: &Care, at: u64, cause: Cause) {
        let shifts = self.house.roster.of(care.staff);
        let Some(shift) = shifts.iter().find(|shift| shift.until > at).copied() else { return };
        let at = self.dice.from(shift.from.max(at), shift.until);
        self.treat(shift, care.patient, at, cause);
    }

    /// What a shift brings besides the patients who are there.
    fn besides(&mut self, shift: &Shift) {
        let at = self.dice.from(shift.from, shift.until);
        let role = self.role(shift.staff);
        match (role, shift.unit) {
            (Role::Clerk, _) => self.bills(shift),
            (Role::Researcher, _) => self.researches(shift),
            (Role::Nurse | Role::Float, Some(unit)) if unit < WARDS => {
                if self.dice.comes(AHEAD) {
                    self.prepares(shift, unit);
                }
                if self.dice.comes(LOOKS_FOR_BEDS) {
                    self.looks_for_beds(shift, at);
                }
            }
            _ => {}
        }
        if role.treats() && self.dice.comes(THINKS_BACK) {
            let unit = shift.unit.unwrap_or(0);
            if let Some(patient) = self.former(unit, at, (1, 75)) {
                let (staff, records, cause) =
                    (shift.staff, self.usual(shift.staff), Cause::Outcome);
                let well = self.dice.comes(7_000);
                let purpose = if well { Purpose::Treatment } else { Purpose::Operations };
                self.write(Look { at, staff, patient, purpose, records, cause });
            }
        }
    }

    /// Somebody who left this unit so many days ago.
    pub(super) fn former(&mut self, unit: u8, at: u64, (least, most): (u64, u64)) -> Option<u32> {
        let left = |stay: &&Stay| {
            stay.unit == unit
                && (least * DAY..most * DAY).contains(&at.saturating_sub(stay.until))
                && stay.until < at
        };
        let first = self.stays.stays.partition_point(|stay| stay.from + (most + 31) * DAY < at);
        let all = self.stays.stays.iter().skip(first).take_while(|stay| stay.from < at);
        let patients: Vec<u32> = all.filter(left).map(|stay| stay.patient).collect();
        self.dice.of(&patients)
    }

    fn prepares(&mut self, shift: &Shift, unit: u8) {
        let mut at = shift.from.saturating_sub(self.dice.from(10 * MINUTE, 45 * MINUTE));
        let there = self.staying(at, |own| own == unit);
        for _ in 0..self.dice.from(2, 6) {
            let Some(patient) = self.dice.of(&there) else { return };
            let (staff, records) = (shift.staff, self.usual(shift.staff));
            let (purpose, cause) = (Purpose::Treatment, Cause::Ahead);
            self.write(Look { at, staff, patient, purpose, records, cause });
            at += self.dice.from(30, 4 * MINUTE);
        }
    }

    fn looks_for_beds(&mut self, shift: &Shift, mut at: u64) {
        let is_order = self.dice.comes(5_000);
        let purpose = if is_order { Purpose::Operations } else { Purpose::Treatment };
        let there = self.staying(at, |unit| unit <= EMERGENCY_ROOM);
        for _ in 0..self.dice.from(3, 9) {
            let Some(patient) = self.dice.of(&there) else { return };
            let (staff, records, cause) = (shift.staff, (1, 5), Cause::Beds);
            self.write(Look { at, staff, patient, purpose, records, cause });
            at += self.dice.from(20, 5 * MINUTE);
        }
    }

    fn bills(&mut self, shift: &Shift) {
        for _ in 0..self.dice.from(6, 16) {
            let at = self.dice.from(shift.from, shift.until);
            let unit = u8::try_from(self.dice.below(u64::from(CLINIC) + 1)).unwrap_or(0);
            let Some(patient) = self.former(unit, at, (0, 14)) else { continue };
            let (staff, records, cause) = (shift.staff, self.usual(shift.staff), Cause::Bill);
            let purpose = Purpose::Payment;
            self.write(Look { at, staff, patient, purpose, records, cause });
        }
    }

    /// Patients who are alike, one after the other.
    fn researches(&mut self, shift: &Shift) {
        if !self.dice.comes(RESEARCHES) {
            return;
        }
        let sample = usize::try_from(self.dice.below(self.house.samples.len() as u64)).unwrap_or(0);
        let alike: Vec<u32> = (0..)
            .zip(self.house.patients)
            .filter(|(_, own)| own.sample == sample)
            .map(|(id, _)| id)
            .collect();
        let mut at = self.dice.from(shift.from, shift.until.saturating_sub(2 * HOUR));
        for _ in 0..self.dice.from(6, 24) {
            let Some(patient) = self.dice.of(&alike) else { return };
            let (staff, records, cause) = (shift.staff, self.usual(shift.staff), Cause::Research);
            let purpose = Purpose::Research;
            self.write(Look { at, staff, patient, purpose, records, cause });
            at += self.dice.from(MINUTE, 8 * MINUTE);
        }
    }
}
