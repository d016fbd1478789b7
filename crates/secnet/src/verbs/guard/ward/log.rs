//! One look at somebody's records, and why it was taken, which no detector is told.

use std::collections::BTreeSet;

use secnet_types::{Category, Labels, Purpose};

/// Why somebody looked. What is no misuse overlaps with it in every respect that a log has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// The unit's own patient.
    Care,
    /// Advice that was asked for, in the system or by telephone.
    Advice,
    /// Before the patient or the shift has come.
    Ahead,
    /// After the shift.
    Late,
    FollowUp,
    /// What became of a former patient.
    Outcome,
    /// A colleague was asked in passing.
    Colleague,
    /// The wrong patient was opened.
    Slip,
    /// A nurse in charge looks for beds.
    Beds,
    Bill,
    Research,
    /// The glass was broken and there was a reason.
    Rescue,
    Prominent,
    Workmate,
    Household,
    Harvest,
    SlowHarvest,
    FormerPatient,
    LentKey,
    Acquaintance,
    Incident,
    FalseAlarm,
}

impl Cause {
    /// What counts as misuse; the last four never occur before the test days.
    pub(crate) const MISUSE: &'static [Self] = &[
        Self::Prominent,
        Self::Workmate,
        Self::Household,
        Self::Harvest,
        Self::SlowHarvest,
        Self::FormerPatient,
        Self::LentKey,
        Self::Acquaintance,
        Self::Incident,
        Self::FalseAlarm,
    ];
    /// How many of those occur from the beginning.
    pub(crate) const KNOWN: usize = 6;

    pub(crate) fn is_misuse(self) -> bool {
        Self::MISUSE.contains(&self)
    }

    /// Does it occur in the test days only?
    #[cfg(test)]
    pub(crate) fn is_new(self) -> bool {
        Self::MISUSE.iter().skip(Self::KNOWN).any(|own| *own == self)
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Care => "care",
            Self::Advice => "advice",
            Self::Ahead => "ahead",
            Self::Late => "late",
            Self::FollowUp => "follow-up",
            Self::Outcome => "outcome",
            Self::Colleague => "colleague",
            Self::Slip => "slip",
            Self::Beds => "beds",
            Self::Bill => "bill",
            Self::Research => "research",
            Self::Rescue => "rescue",
            Self::Prominent => "prominent",
            Self::Workmate => "workmate",
            Self::Household => "household",
            Self::Harvest => "harvest",
            Self::SlowHarvest => "slow-harvest",
            Self::FormerPatient => "former-patient",
            Self::LentKey => "lent-key",
            Self::Acquaintance => "acquaintance",
            Self::Incident => "incident",
            Self::FalseAlarm => "false-alarm",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Access {
    /// Seconds since the first day.
    pub at: u64,
    pub staff: u32,
    pub patient: u32,
    pub purpose: Purpose,
    pub records: u32,
    pub categories: BTreeSet<Category>,
    pub labels: Labels,
    pub cause: Cause,
}
