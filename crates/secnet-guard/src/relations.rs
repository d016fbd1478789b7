//! Who looks after whom: what a hospital's own systems say, and what somebody did before with or without a tie.
//!
//! Facts come from outside, as the hospital states them: who works there and where, who is on duty, where patients are, who is
//! asked to look after whom. They are features of a request and nothing else: no tie opens anything, and no missing tie closes
//! anything by itself. What is learnt of requests is remembered in bounded memory, of those only whom the facts name.

mod features;
mod index;
mod looks;

#[cfg(test)]
mod tests;

use minicbor::{Decode, Encode};
use secnet_types::{DatasetId, MemberId, Place, StaffRole, Tie, Timestamp};

pub use index::Relations;
pub(crate) use looks::Looks;
pub(crate) use looks::{Pairing, Visits, Work};

/// Most units, members of staff, and patients.
pub const MAX_UNITS: usize = 4_096;
/// Most members of staff.
pub const MAX_STAFF: usize = 20_000;
/// Most patients.
pub const MAX_PATIENTS: usize = 400_000;
/// Most shifts, most stays and most ties of care, each.
pub const MAX_FACTS: usize = 1_000_000;
/// Longest name of a unit, in bytes.
pub const MAX_UNIT_NAME: usize = 128;

/// Where somebody lives, as numbers of the hospital's own choosing: only whether two are equal is ever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Home {
    /// The house.
    #[n(0)]
    pub house: u64,
    /// The street, or whatever else is near.
    #[n(1)]
    pub street: u64,
}

/// A part of the hospital.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct UnitFact {
    /// Its name.
    #[n(0)]
    pub name: String,
    /// What kind of place it is.
    #[n(1)]
    pub place: Place,
}

/// Somebody who works there.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct StaffFact {
    /// Who.
    #[n(0)]
    pub member: MemberId,
    /// As what.
    #[n(1)]
    pub role: StaffRole,
    /// In which unit, by its place in the list; absent for who goes everywhere.
    #[n(2)]
    pub unit: Option<u32>,
    /// Where she lives, if that may be asked.
    #[n(3)]
    pub home: Option<Home>,
}

/// Somebody whose records are here.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PatientFact {
    /// Whose records.
    #[n(0)]
    pub dataset: DatasetId,
    /// Where the patient lives.
    #[n(1)]
    pub home: Option<Home>,
    /// Known to everybody.
    #[n(2)]
    pub prominent: bool,
    /// As whom the patient works there, if she does.
    #[n(3)]
    pub staff: Option<MemberId>,
}

/// A shift of the roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct ShiftFact {
    /// Whose.
    #[n(0)]
    pub member: MemberId,
    /// Where; absent for everywhere.
    #[n(1)]
    pub unit: Option<u32>,
    /// From when.
    #[n(2)]
    pub from: Timestamp,
    /// Until when.
    #[n(3)]
    pub until: Timestamp,
}

/// A patient somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct StayFact {
    /// Who.
    #[n(0)]
    pub dataset: DatasetId,
    /// Where.
    #[n(1)]
    pub unit: u32,
    /// Since when it is in the system.
    #[n(2)]
    pub from: Timestamp,
    /// Until when; 2^64 - 1 if it is not over.
    #[n(3)]
    pub until: Timestamp,
}

/// Somebody looks after a patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct CareFact {
    /// Who.
    #[n(0)]
    pub member: MemberId,
    /// After whom.
    #[n(1)]
    pub dataset: DatasetId,
    /// Why: team, consult, referral or follow-up.
    #[n(2)]
    pub tie: Tie,
    /// From when.
    #[n(3)]
    pub from: Timestamp,
    /// Until when; 2^64 - 1 if that is open.
    #[n(4)]
    pub until: Timestamp,
}

/// Everything a hospital says, in any order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct RelationFacts {
    /// Its units.
    #[n(0)]
    pub units: Vec<UnitFact>,
    /// Its staff.
    #[n(1)]
    pub staff: Vec<StaffFact>,
    /// Its patients.
    #[n(2)]
    pub patients: Vec<PatientFact>,
    /// The roster.
    #[n(3)]
    pub shifts: Vec<ShiftFact>,
    /// Who is where.
    #[n(4)]
    pub stays: Vec<StayFact>,
    /// Who looks after whom.
    #[n(5)]
    pub care: Vec<CareFact>,
}

/// Why facts are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RelationsError {
    /// More than are taken.
    #[error("there are {given} {what}, at most {most} are taken")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        given: usize,
        /// How many are taken.
        most: usize,
    },
    /// A unit that is not in the list.
    #[error("{what} {place} names unit {unit}, and there are {units}")]
    NoUnit {
        /// In which list.
        what: &'static str,
        /// Where in that list, counted from 0.
        place: usize,
        /// Which unit.
        unit: u32,
        /// How many there are.
        units: usize,
    },
    /// Said twice, and perhaps differently.
    #[error("{what} {place} is in the list already")]
    Twice {
        /// In which list.
        what: &'static str,
        /// Where in that list.
        place: usize,
    },
    /// It names somebody who is not in the list.
    #[error("{what} {place} names somebody who is not among the {of}")]
    Nobody {
        /// In which list.
        what: &'static str,
        /// Where in that list.
        place: usize,
        /// Among whom.
        of: &'static str,
    },
    /// It ends before it begins.
    #[error("{what} {place} ends before it begins")]
    Backwards {
        /// In which list.
        what: &'static str,
        /// Where in that list.
        place: usize,
    },
    /// Anything else.
    #[error("{what} {place}: {why}")]
    Odd {
        /// In which list.
        what: &'static str,
        /// Where in that list.
        place: usize,
        /// What is wrong.
        why: &'static str,
    },
}
