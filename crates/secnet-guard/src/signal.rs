//! What the detector looks at. Each signal turns one feature into basis points; the score is their sum, so what
//! each contributes is exact.

use secnet_types::{Feature, FeatureValue, FeatureVector};

use crate::{Parameters, Ramp};

/// One thing that can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// Too fast for this requester.
    Pace,
    /// Refused too often.
    Denials,
    /// Too many different datasets.
    FanOut,
    /// Never done before.
    Novelty,
    /// Not this requester's hour.
    QuietHour,
    /// Sensitive records.
    Labels,
    /// More records than usual.
    Bulk,
    /// Everybody wants this dataset.
    Crowd,
}

/// What a signal adds to the score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// Which signal.
    pub signal: Signal,
    /// The value of its feature.
    pub value: FeatureValue,
    /// The ordinary value nearest to it, with which it would add nothing.
    pub baseline: FeatureValue,
    /// Basis points added.
    pub points: u16,
}

impl Signal {
    /// Every signal.
    pub const ALL: &'static [Self] = &[
        Self::Pace,
        Self::Denials,
        Self::FanOut,
        Self::Novelty,
        Self::QuietHour,
        Self::Labels,
        Self::Bulk,
        Self::Crowd,
    ];

    /// The feature it looks at.
    #[must_use]
    pub const fn feature(self) -> Feature {
        match self {
            Self::Pace => Feature::ExcessLastMinute,
            Self::Denials => Feature::DenialsLastHour,
            Self::FanOut => Feature::DistinctDatasetsLastHour,
            Self::Novelty => Feature::Novelty,
            Self::QuietHour => Feature::HourShare,
            Self::Labels => Feature::Labels,
            Self::Bulk => Feature::PercentOfUsualRecords,
            Self::Crowd => Feature::DatasetRequestsLastMinute,
        }
    }

    /// What it adds to the score; nothing if its feature is absent or ordinary.
    #[must_use]
    pub fn contribution(self, p: &Parameters, facts: &FeatureVector) -> Option<Contribution> {
        let value = facts.value(self.feature())?;
        let ordinary = |ramp: &Ramp| FeatureValue::Number(ramp.from.into());
        let (points, baseline) = match (self, value) {
            (Self::Pace, FeatureValue::Number(n)) => (p.pace.rise(*n), ordinary(&p.pace)),
            (Self::Denials, FeatureValue::Number(n)) => (p.denials.rise(*n), ordinary(&p.denials)),
            (Self::FanOut, FeatureValue::Number(n)) => (p.fan_out.rise(*n), ordinary(&p.fan_out)),
            (Self::Bulk, FeatureValue::Number(n)) => (p.bulk.rise(*n), ordinary(&p.bulk)),
            (Self::Crowd, FeatureValue::Number(n)) => (p.crowd.rise(*n), ordinary(&p.crowd)),
            (Self::Novelty, FeatureValue::Number(n)) => {
                let level = usize::try_from(*n).unwrap_or_default();
                let points = p.novelty.get(level).or(p.novelty.last()).copied();
                let known = p.novelty.first().copied().unwrap_or_default();
                // What even known uses would add is no one's reason.
                (points.unwrap_or_default().saturating_sub(known), FeatureValue::Number(0))
            }
            (Self::QuietHour, FeatureValue::Number(n)) => {
                // The ramp runs over what the share falls short of its upper end.
                let short = i64::from(p.quiet_hour.to).saturating_sub(*n);
                let ordinary = p.quiet_hour.to.saturating_sub(p.quiet_hour.from);
                (p.quiet_hour.rise(short), FeatureValue::Number(ordinary.into()))
            }
            (Self::Labels, FeatureValue::Words(mask)) => {
                (if *mask == 0 { 0 } else { p.labels }, FeatureValue::Words(0))
            }
            _ => return None,
        };
        (points > 0).then(|| Contribution { signal: self, value: value.clone(), baseline, points })
    }

    /// What is wrong, in words.
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Pace => "asks much faster than its usual pace",
            Self::Denials => "was refused often within the last hour",
            Self::FanOut => "asks for many different datasets within an hour",
            Self::Novelty => "has not done this before",
            Self::QuietHour => "is rarely active at this hour of day",
            Self::Labels => "asks for records with sensitivity labels",
            Self::Bulk => "asks for many more records than usual",
            Self::Crowd => "asks for a dataset that many ask for at this moment",
        }
    }
}
