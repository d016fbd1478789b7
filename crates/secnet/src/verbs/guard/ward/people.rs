//! Who works there, who is treated there, and where they live.

use std::collections::BTreeSet;

use secnet_types::{Category, Labels};

use super::dice::Dice;
use crate::ingest::{Ingested, PlainPatient};

/// Wards with beds; behind them come the emergency room and the outpatients' clinic.
pub(super) const WARDS: u8 = 6;
pub(super) const EMERGENCY_ROOM: u8 = WARDS;
pub(super) const CLINIC: u8 = WARDS + 1;
const PATIENTS: u32 = 3_000;
const HOUSES: u64 = 1_200;
/// Houses in one street.
const HOUSES_A_STREET: u64 = 12;
/// Staff live near the hospital: among the first of the houses, in so many of ten thousand cases.
const NEAR_HOUSES: u64 = 240;
const LIVES_NEAR: u64 = 6_000;
/// Known to everybody.
const PROMINENT: u32 = 20;

/// What somebody does there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Doctor,
    Nurse,
    /// A nurse who helps out where somebody is missing.
    Float,
    /// A doctor who is asked for advice by all wards.
    Consultant,
    /// Pharmacy, laboratory, radiology, physiotherapy.
    Allied,
    /// Bills and codes what was done.
    Clerk,
    Researcher,
}

impl Role {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Doctor => "doctor",
            Self::Nurse => "nurse",
            Self::Float => "float-nurse",
            Self::Consultant => "consultant",
            Self::Allied => "allied",
            Self::Clerk => "clerk",
            Self::Researcher => "researcher",
        }
    }

    /// Does it treat people?
    pub(super) const fn treats(self) -> bool {
        !matches!(self, Self::Clerk | Self::Researcher)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Home {
    pub house: u64,
}

impl Home {
    pub(super) const fn street(self) -> u64 {
        self.house / HOUSES_A_STREET
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Staff {
    pub role: Role,
    /// The ward it belongs to; none for those who go everywhere.
    pub unit: Option<u8>,
    pub home: Home,
    /// Staff fall ill too: their own place among the patients.
    pub patient: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Patient {
    /// Whose records, among the samples, this one has.
    pub sample: usize,
    pub home: Home,
    pub prominent: bool,
    /// Works here.
    pub staff: Option<u32>,
}

/// What a sample patient brings: its records in order, and how often it was where.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    records: Vec<(Category, Labels)>,
    pub clinic: u64,
    pub emergency: u64,
    pub ward: u64,
}

impl Sample {
    /// From FHIR resources; encounters say by their class where somebody was.
    pub(crate) fn all(found: &Ingested) -> Vec<Self> {
        found.patients.values().map(Self::of).collect()
    }

    fn of(patient: &PlainPatient) -> Self {
        let mut sample = Self::default();
        for record in &patient.records {
            sample.records.push((record.meta.category, record.meta.labels));
            if record.meta.kind != "Encounter" {
                continue;
            }
            let encounter: Option<serde_json::Value> = serde_json::from_slice(&record.content).ok();
            let class = encounter.as_ref().and_then(|e| e.pointer("/class/code")?.as_str());
            match class {
                Some("EMER") => sample.emergency += 1,
                Some("IMP" | "ACUTE" | "NONAC") => sample.ward += 1,
                _ => sample.clinic += 1,
            }
        }
        sample
    }

    /// A look at so many records that stand beside each other.
    pub(super) fn glimpse(
        &self,
        dice: &mut Dice,
        wanted: u64,
    ) -> (u32, BTreeSet<Category>, Labels) {
        let all = self.records.len() as u64;
        let wanted = wanted.clamp(1, all.max(1));
        let first = dice.below(all.saturating_sub(wanted) + 1);
        let place = |number: u64| usize::try_from(number).unwrap_or(0);
        let seen = self.records.iter().skip(place(first)).take(place(wanted));
        let (mut count, mut categories, mut labels) = (0, BTreeSet::new(), Labels::NONE);
        for (category, own) in seen {
            count += 1;
            categories.insert(*category);
            labels = labels.iter().chain(own.iter()).collect();
        }
        (count, categories, labels)
    }
}

/// How many of each role, and where: the wards have the same.
const TEAMS: &[(Role, Option<u8>, u32)] = &[
    (Role::Nurse, Some(EMERGENCY_ROOM), 12),
    (Role::Doctor, Some(EMERGENCY_ROOM), 8),
    (Role::Doctor, Some(CLINIC), 6),
    (Role::Nurse, Some(CLINIC), 4),
    (Role::Float, None, 10),
    (Role::Consultant, None, 8),
    (Role::Allied, None, 10),
    (Role::Clerk, None, 6),
    (Role::Researcher, None, 4),
];

/// Everybody, by seed.
pub(super) fn everybody(seed: u64, samples: &[Sample]) -> (Vec<Staff>, Vec<Patient>) {
    let mut dice = Dice::new(seed, 1);
    let home = |dice: &mut Dice, near: u64| {
        let houses = if dice.comes(near) { NEAR_HOUSES } else { HOUSES };
        Home { house: dice.below(houses) }
    };
    let wards =
        (0..WARDS).flat_map(|ward| [(Role::Nurse, Some(ward), 10), (Role::Doctor, Some(ward), 5)]);
    let teams: Vec<_> = wards.chain(TEAMS.iter().copied()).collect();
    let mut staff = Vec::new();
    for (role, unit, count) in teams {
        for _ in 0..count {
            let patient = u32::try_from(staff.len()).unwrap_or(u32::MAX);
            staff.push(Staff { role, unit, home: home(&mut dice, LIVES_NEAR), patient });
        }
    }
    let mut patients: Vec<Patient> = Vec::new();
    for number in 0..PATIENTS {
        let own = usize::try_from(number).ok().and_then(|place| staff.get(place));
        let known = u32::try_from(staff.len()).unwrap_or(0);
        let sample = usize::try_from(dice.below(samples.len() as u64)).unwrap_or(0);
        patients.push(Patient {
            sample,
            home: own.map_or_else(|| home(&mut dice, 0), |staff| staff.home),
            prominent: (known..known + PROMINENT).contains(&number),
            staff: own.map(|_| number),
        });
    }
    (staff, patients)
}
