//! Half a year of three hospitals and two institutes, by seed: nobody means any harm.
//!
//! Made before thresholds were looked at on it, with what should be hard: whole files read at admission, money that comes
//! back, hospitals that buy from each other, settlement through the hospital, an emergency room, long leaves and late beginnings,
//! small parcels, amounts like 9.50.

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use secnet_types::{GrantId, MemberId, MemberKind};

use super::story::{CENT, DAY, HOUR, MINUTE, START, Story, UNIT, Used};

pub(crate) const DAYS: u64 = 182;
const HOSPITALS: usize = 3;
const DOCTORS: usize = 12;
const PATIENTS: usize = 60;
const INSTITUTES: usize = 2;
const RESEARCHERS: usize = 4;

#[derive(Clone)]
pub(crate) struct Chance(ChaCha20Rng);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha20Rng::seed_from_u64(seed))
    }

    /// From 0 up to this number, not included.
    pub(crate) fn below(&mut self, number: u64) -> u64 {
        self.0.next_u64() % number.max(1)
    }

    pub(crate) fn from(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::try_from(self.below(list.len() as u64)).unwrap()]
    }
}

/// How much is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// Up to four admissions a day in each hospital, and nothing else of doctors.
    Light,
    /// Up to twelve, and each doctor looks into the files of three to nine patients every day.
    Full,
}

#[derive(Clone)]
pub(crate) struct Ward {
    pub story: Story,
    pub chance: Chance,
    pub hospitals: Vec<MemberId>,
    pub doctors: Vec<Vec<MemberId>>,
    pub patients: Vec<Vec<MemberId>>,
    researchers: Vec<(MemberId, MemberId)>,
    /// Days on which a doctor is away.
    away: Vec<(MemberId, core::ops::Range<u64>)>,
    /// Long-lasting grants to doctors.
    panels: BTreeMap<(MemberId, MemberId), GrantId>,
}

impl Ward {
    pub(crate) fn new(seed: u64, load: Load) -> Self {
        let mut ward = Self {
            story: Story::default(),
            chance: Chance::new(seed),
            hospitals: Vec::new(),
            doctors: Vec::new(),
            patients: Vec::new(),
            researchers: Vec::new(),
            away: Vec::new(),
            panels: BTreeMap::new(),
        };
        ward.people();
        for day in 0..DAYS {
            for hospital in 0..HOSPITALS {
                for _ in 0..ward.chance.from(0, if load == Load::Full { 12 } else { 4 }) {
                    ward.admission(day, hospital);
                }
                if load == Load::Full {
                    ward.rounds(day, hospital);
                }
                ward.money(day, hospital);
                ward.trade(day, hospital);
            }
            if day % 30 == 10 {
                ward.studies(day);
            }
        }
        ward
    }

    fn people(&mut self) {
        let (organisation, person) = (MemberKind::Organisation, MemberKind::Person);
        for _ in 0..HOSPITALS {
            let hospital = self.story.founder(organisation, None);
            let mut admit = |count: usize| -> Vec<MemberId> {
                (0..count).map(|_| self.story.admit(START, person, Some(hospital))).collect()
            };
            let (doctors, patients) = (admit(DOCTORS), admit(PATIENTS));
            for doctor in &doctors {
                if self.chance.percent(6) {
                    let from = self.chance.from(0, 60);
                    self.away.push((*doctor, from..from + self.chance.from(92, 150)));
                } else if self.chance.percent(3) {
                    self.away.push((*doctor, 0..self.chance.from(80, 120)));
                }
            }
            self.hospitals.push(hospital);
            self.doctors.push(doctors);
            self.patients.push(patients);
        }
        for _ in 0..INSTITUTES {
            let institute = self.story.founder(organisation, None);
            for _ in 0..RESEARCHERS {
                let researcher = self.story.admit(START, person, Some(institute));
                self.researchers.push((researcher, institute));
            }
        }
    }

    fn at(&mut self, day: u64, hour: u64) -> u64 {
        START + day * DAY + hour * HOUR + self.chance.below(HOUR)
    }

    /// A patient comes, lets a doctor look, stays some days or goes home.
    fn admission(&mut self, day: u64, hospital: usize) {
        let patient = self.chance.of(&self.patients[hospital]);
        let doctor = self.chance.of(&self.doctors[hospital]);
        if self.is_away(doctor, day) {
            return;
        }
        // Two doctors work in an emergency room: whoever comes goes home again.
        let emergency = hospital == 0 && self.doctors[0][..2].contains(&doctor);
        let hour = self.chance.from(7, 19);
        let made = self.at(day, hour);
        let uses = if self.chance.percent(30) {
            Some(u32::try_from(self.chance.from(3, 12)).unwrap())
        } else {
            None
        };
        let price = self.chance.of(&[0, 0, 2 * CENT, 25 * CENT]);
        let mut grant = self.story.grant(made, patient, doctor, uses, price);
        let mut left = uses;
        let stay = if emergency || self.chance.percent(35) { 0 } else { self.chance.from(1, 12) };
        for later in 0..=stay {
            if self.is_away(doctor, day + later) {
                return;
            }
            let reads = if later == 0 { self.chance.from(1, 8) } else { self.chance.from(0, 4) };
            let mut at = if later == 0 { made } else { self.at(day + later, 8) };
            for _ in 0..reads {
                at += self.chance.from(20_000, 4 * MINUTE);
                if left == Some(0) {
                    // Asked again, granted again.
                    at += HOUR;
                    grant = self.story.grant(at, patient, doctor, uses, price);
                    (left, at) = (uses, at + MINUTE);
                }
                left = left.map(|left| left - 1);
                let records = u32::try_from(self.chance.from(1, 18)).unwrap();
                let used =
                    Used { by: doctor, payer: doctor, owner: patient, grant, records, price };
                if self.chance.percent(1) {
                    self.story.failed(at, &used)
                } else {
                    self.story.used(at, &used)
                }
            }
        }
    }

    fn is_away(&self, doctor: MemberId, day: u64) -> bool {
        self.away.iter().any(|(who, days)| *who == doctor && days.contains(&day))
    }

    /// Doctors look into the files of those who are theirs.
    fn rounds(&mut self, day: u64, hospital: usize) {
        for doctor in self.doctors[hospital].clone() {
            if self.is_away(doctor, day) || day % 7 > 4 {
                continue;
            }
            let mut at = self.at(day, 9);
            for _ in 0..self.chance.from(3, 9) {
                let patient = self.chance.of(&self.patients[hospital]);
                at += self.chance.from(MINUTE, 20 * MINUTE);
                let known = self.panels.get(&(doctor, patient)).copied();
                let grant = known.unwrap_or_else(|| self.story.grant(at, patient, doctor, None, 0));
                self.panels.insert((doctor, patient), grant);
                let records = u32::try_from(self.chance.from(1, 10)).unwrap();
                let used =
                    Used { by: doctor, payer: doctor, owner: patient, grant, records, price: 0 };
                self.story.used(at + MINUTE, &used);
            }
        }
    }

    fn money(&mut self, day: u64, hospital: usize) {
        let house = self.hospitals[hospital];
        if day.is_multiple_of(7) {
            for doctor in self.doctors[hospital].clone() {
                let amount = self.chance.of(&[
                    5 * UNIT,
                    9 * UNIT + 50 * CENT,
                    10 * UNIT,
                    20 * UNIT,
                    12 * UNIT,
                ]);
                let at = self.at(day, 6);
                self.story.transfer(at, house, doctor, amount);
            }
            // A third settles through the hospital.
            for patient in self.patients[hospital].clone().into_iter().step_by(3) {
                let (amount, at) = (self.chance.from(10, 300) * CENT, self.at(day, 18));
                self.story.transfer(at, patient, house, amount);
            }
        }
        // What people lend each other, and some of it back, at times again and again.
        for _ in 0..self.chance.from(0, 3) {
            let (one, other) = (
                self.chance.of(&self.patients[hospital]),
                self.chance.of(&self.patients[hospital]),
            );
            if one == other {
                continue;
            }
            let times = if self.chance.percent(15) { self.chance.from(2, 5) } else { 1 };
            for time in 0..times {
                let amount =
                    self.chance.of(&[2 * UNIT, 5 * UNIT, 950 * CENT, 10 * UNIT, 33 * UNIT]);
                let at = self.at(day + time * 2, 12);
                self.story.transfer(at, one, other, amount);
                if self.chance.percent(40) {
                    let back = self.at(day + time * 2 + 1, 13);
                    self.story.transfer(back, other, one, amount);
                }
            }
        }
    }

    /// Hospitals read each other's registries.
    fn trade(&mut self, day: u64, hospital: usize) {
        for other in 0..HOSPITALS {
            // Some pairs trade a lot, some little.
            if other == hospital || !self.chance.percent(8 * (1 + (hospital + other) as u64)) {
                continue;
            }
            let (buyer, seller) = (self.hospitals[hospital], self.hospitals[other]);
            let by = self.chance.of(&self.doctors[hospital]);
            let (at, price) = (self.at(day, 15), self.chance.from(20, 400) * CENT);
            let grant = self.story.grant(at, seller, by, None, price);
            let used = Used { by, payer: buyer, owner: seller, grant, records: 30, price };
            self.story.used(at + 2 * HOUR, &used);
        }
    }

    /// Each researcher reads the files of some patients, most in one go.
    fn studies(&mut self, day: u64) {
        for (researcher, institute) in self.researchers.clone() {
            if self.chance.percent(50) {
                continue;
            }
            for _ in 0..self.chance.from(5, 25) {
                let hospital = usize::try_from(self.chance.below(HOSPITALS as u64)).unwrap();
                let patient = self.chance.of(&self.patients[hospital]);
                let hour = self.chance.from(8, 18);
                let made = self.at(day, hour);
                let grant = self.story.grant(made, patient, researcher, None, 50 * CENT);
                let mut at = made + self.chance.from(MINUTE, 3 * DAY);
                for _ in 0..if self.chance.percent(80) { 1 } else { self.chance.from(2, 5) } {
                    let records = u32::try_from(self.chance.from(20, 200)).unwrap();
                    let used = Used {
                        by: researcher,
                        payer: institute,
                        owner: patient,
                        grant,
                        records,
                        price: 50 * CENT,
                    };
                    self.story.used(at, &used);
                    at += MINUTE;
                }
            }
        }
    }
}
