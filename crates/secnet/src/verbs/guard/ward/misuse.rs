//! The looks that somebody should not have taken: one in two hundred, most of them at work and said to be treatment.

use secnet_types::Purpose;

use super::log::Cause;
use super::people::WARDS;
use super::roster::{DAY, HOUR, MINUTE, Shift};
use super::work::{Day, Look};

/// One in so many looks is misuse.
const ONE_IN: u64 = 200;
/// The share of days that are for learning; new kinds come afterwards only.
pub(crate) const LEARNT_DAYS: (u64, u64) = (2, 3);
/// Chances in ten thousand: at work, in the two hours after it, at any time.
const WHEN: [u64; 3] = [7_500, 1_500, 1_000];
/// Not said to be treatment but running the hospital.
const SAID_OPERATIONS: u64 = 1_000;
/// The one looked at is to lie in the ward where the one who looks works, if somebody of the kind lies there: nothing in the
/// log is odd then.
const OWN_WARD: u64 = 2_000;
/// The one looked at is in the hospital at that time.
const WHILE_IN: u64 = 5_000;
/// Of those who live nearby, one who lives in the same house.
const SAME_HOUSE: u64 = 5_000;
/// Attempts for each look that is wanted: a small hospital may not have whom an episode needs.
const ATTEMPTS: u64 = 40;

impl Day<'_> {
    /// Misuse among the ordinary looks that are there already: the kinds of a time have equal shares.
    pub(super) fn misuse(&mut self) {
        let learnt = learnt_until(self.house.days);
        let ordinary = |day: &Self, test: bool| {
            day.log.iter().filter(|access| (access.at >= learnt) == test).count() as u64
        };
        let parts = [
            (ordinary(self, false), Cause::KNOWN, (DAY, learnt)),
            (ordinary(self, true), Cause::MISUSE.len(), (learnt, self.house.days * DAY)),
        ];
        for (looks, kinds, (from, until)) in parts {
            let each = looks / (ONE_IN - 1) / kinds as u64;
            for kind in Cause::MISUSE.iter().take(kinds) {
                self.kind(*kind, each, (from, until));
            }
        }
    }

    /// Episodes of one kind, until there are so many looks.
    fn kind(&mut self, kind: Cause, wanted: u64, (from, until): (u64, u64)) {
        let begun = self.log.len();
        let attempts = wanted.saturating_mul(ATTEMPTS);
        let wanted = begun + usize::try_from(wanted).unwrap_or(0);
        for _ in 0..attempts {
            if self.log.len() >= wanted {
                break;
            }
            self.episode(kind, (from, until));
            let mut place = 0;
            self.log.retain(|access| {
                place += 1;
                place <= begun || (from..until).contains(&access.at)
            });
        }
        self.log.truncate(wanted.max(begun));
    }

    fn episode(&mut self, kind: Cause, (from, until): (u64, u64)) {
        let at = self.dice.from(from, until.saturating_sub(1));
        match kind {
            Cause::Harvest => self.harvest(at),
            Cause::SlowHarvest => self.slow_harvest(at),
            Cause::LentKey => self.lent_key(at),
            Cause::Incident => self.incident(at),
            _ => self.curiosity(kind, at),
        }
    }

    /// A shift of somebody who treats people, near a time.
    fn worker(&mut self, at: u64) -> Option<Shift> {
        let day = at / DAY;
        let begun = self.house.roster.worked.partition_point(|shift| shift.from < day * DAY);
        let today = self.house.roster.worked.iter().skip(begun);
        let today: Vec<Shift> = today.take_while(|s| s.from < (day + 1) * DAY).copied().collect();
        self.dice.of(&today)
    }

    /// When the one who has this shift looks.
    fn when(&mut self, shift: &Shift) -> u64 {
        match self.dice.weighted(&WHEN) {
            0 => self.dice.from(shift.from, shift.until),
            1 => shift.until + self.dice.below(2 * HOUR),
            _ => shift.from + self.dice.below(DAY),
        }
    }

    fn said(&mut self) -> Purpose {
        let order = self.dice.comes(SAID_OPERATIONS);
        if order { Purpose::Operations } else { Purpose::Treatment }
    }

    /// One person is looked at, once or a few times.
    fn curiosity(&mut self, kind: Cause, at: u64) {
        let Some(shift) = self.worker(at) else { return };
        let at = self.when(&shift);
        let Some(patient) = self.target(kind, &shift, at) else { return };
        let purpose = match kind {
            Cause::FalseAlarm => Purpose::Emergency,
            _ => self.said(),
        };
        let staff = shift.staff;
        let again = match kind {
            Cause::Acquaintance => self.dice.from(1, 4),
            _ => self.dice.from(1, 2),
        };
        let mut at = at;
        for _ in 0..again {
            let records = self.usual(staff);
            self.write(Look { at, staff, patient, purpose, records, cause: kind });
            // Again within minutes, or another day.
            let soon = self.dice.comes(6_000);
            at += if soon { self.dice.from(30, 10 * MINUTE) } else { self.dice.from(1, 4) * DAY };
        }
    }

    fn target(&mut self, kind: Cause, shift: &Shift, at: u64) -> Option<u32> {
        if let Some(unit) = shift.unit.filter(|_| self.dice.comes(OWN_WARD)) {
            let there = self.staying(at, |own| own == unit);
            let fit: Vec<u32> =
                there.into_iter().filter(|id| self.fits(kind, shift, *id)).collect();
            if let Some(patient) = self.dice.of(&fit) {
                return Some(patient);
            }
        }
        if kind == Cause::FormerPatient {
            let unit = shift.unit.unwrap_or(0);
            return self.former(unit, at, (7, 120));
        }
        let within = self.dice.comes(WHILE_IN);
        let all: Vec<u32> = match within {
            true => self.staying(at, |unit| unit <= WARDS),
            false => (0..u32::try_from(self.house.patients.len()).unwrap_or(0)).collect(),
        };
        let fit: Vec<u32> = all.into_iter().filter(|id| self.fits(kind, shift, *id)).collect();
        let family: Vec<u32> =
            fit.iter().copied().filter(|id| self.lives_with(shift.staff, *id)).collect();
        let is_family = kind == Cause::Household && self.dice.comes(SAME_HOUSE);
        if is_family && !family.is_empty() { self.dice.of(&family) } else { self.dice.of(&fit) }
    }

    fn lives_with(&self, staff: u32, patient: u32) -> bool {
        let own = usize::try_from(staff).ok().and_then(|place| self.house.staff.get(place));
        own.map(|own| own.home) == self.patient(patient).map(|patient| patient.home)
    }

    /// Is the patient of the kind that makes this one curious?
    fn fits(&self, kind: Cause, shift: &Shift, patient: u32) -> bool {
        let own = usize::try_from(shift.staff).ok().and_then(|place| self.house.staff.get(place));
        let (Some(own), Some(patient)) = (own, self.patient(patient)) else { return false };
        if patient.staff == Some(shift.staff) {
            return false;
        }
        match kind {
            Cause::Prominent => patient.prominent,
            Cause::Workmate => patient.staff.is_some(),
            Cause::Household => patient.home.street() == own.home.street(),
            // Nothing that the hospital knows of ties those two.
            _ => patient.home.street() != own.home.street() && patient.staff.is_none(),
        }
    }

    /// Many patients within an hour, some of them one's own.
    fn harvest(&mut self, at: u64) {
        let Some(shift) = self.worker(at) else { return };
        let (mut at, staff, purpose) = (self.when(&shift), shift.staff, self.said());
        let own =
            shift.unit.map(|unit| self.staying(at, |other| other == unit)).unwrap_or_default();
        for _ in 0..self.dice.from(6, 22) {
            let is_own = self.dice.comes(3_000);
            let patient = match is_own {
                true => self.dice.of(&own),
                false => self.anybody(),
            };
            let Some(patient) = patient else { continue };
            let records = self.usual(staff);
            self.write(Look { at, staff, patient, purpose, records, cause: Cause::Harvest });
            at += self.dice.from(20, 6 * MINUTE);
        }
    }

    /// Two or three in a shift, for weeks.
    fn slow_harvest(&mut self, at: u64) {
        let Some(first) = self.worker(at) else { return };
        let shifts = self.house.roster.of(first.staff);
        let later: Vec<Shift> =
            shifts.into_iter().filter(|shift| shift.from >= first.from).copied().collect();
        let purpose = self.said();
        for shift in later.iter().take(usize::try_from(self.dice.from(5, 12)).unwrap_or(5)) {
            for _ in 0..self.dice.from(1, 3) {
                let at = self.dice.from(shift.from, shift.until);
                let Some(patient) = self.anybody() else { continue };
                let (staff, records) = (shift.staff, self.usual(shift.staff));
                let cause = Cause::SlowHarvest;
                self.write(Look { at, staff, patient, purpose, records, cause });
            }
        }
    }

    /// Somebody works with the key of another who is not there.
    fn lent_key(&mut self, at: u64) {
        let Some(shift) = self.worker(at) else { return };
        let staff = shift.staff;
        let mut at = shift.until + self.dice.from(HOUR, 40 * HOUR);
        let unit = shift.unit.unwrap_or(0);
        for _ in 0..self.dice.from(3, 12) {
            let there = self.staying(at, |own| own == unit);
            let of_ward = self.dice.comes(5_000);
            let patient = match of_ward {
                true => self.dice.of(&there),
                false => {
                    let all = self.lying(at);
                    self.dice.of(&all)
                }
            };
            let Some(patient) = patient else { continue };
            let (purpose, records) = (Purpose::Treatment, self.usual(staff));
            self.write(Look { at, staff, patient, purpose, records, cause: Cause::LentKey });
            at += self.dice.from(MINUTE, 20 * MINUTE);
        }
    }

    /// Something was in the news: many look at one patient within two days.
    fn incident(&mut self, at: u64) {
        let lies = self.staying(at, |unit| unit <= WARDS);
        let Some(patient) = self.dice.of(&lies) else { return };
        for _ in 0..self.dice.from(4, 10) {
            let near = at + self.dice.below(2 * DAY);
            let Some(shift) = self.worker(near) else { continue };
            if !self.fits(Cause::Incident, &shift, patient) {
                continue;
            }
            let (at, purpose) = (self.when(&shift), self.said());
            let (staff, records) = (shift.staff, self.usual(shift.staff));
            self.write(Look { at, staff, patient, purpose, records, cause: Cause::Incident });
        }
    }
}

/// The second from which on nothing is learnt from.
pub(super) const fn learnt_until(days: u64) -> u64 {
    days * LEARNT_DAYS.0 / LEARNT_DAYS.1 * DAY
}
