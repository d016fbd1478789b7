//! Which habits a request breaks, and when it is to be proved for that.

use secnet_types::{Feature, FeatureValue, FeatureVector};

/// A share below this is unusual, in basis points.
pub const RARE: u16 = 100;
/// For so long after the own key has signed at a new hour, the hours that follow are not unusual: a shift, in hours.
pub const SHIFT_HOURS: u32 = 12;

/// The word `no` of the feature own key.
const BY_SESSION: FeatureValue = FeatureValue::Words(1);
/// The word `yes`.
pub(crate) const BY_OWN_KEY: FeatureValue = FeatureValue::Words(2);

/// A habit that a request can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Habit {
    /// The door.
    Door,
    /// Purpose and action.
    Purpose,
    /// The hour of day.
    Hour,
    /// Uses in one hour.
    Pace,
}

impl Habit {
    /// Every habit.
    pub const ALL: &'static [Self] = &[Self::Door, Self::Purpose, Self::Hour, Self::Pace];

    /// The feature that shows it.
    #[must_use]
    pub const fn feature(self) -> Feature {
        match self {
            Self::Door => Feature::ProfileDoorShare,
            Self::Purpose => Feature::ProfilePurposeShare,
            Self::Hour => Feature::ProfileHourShare,
            Self::Pace => Feature::ProfilePaceShare,
        }
    }

    /// What is unlike it, in words.
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Door => "through another door than its member does",
            Self::Purpose => "for something else than its member does",
            Self::Hour => "at another hour of day than its member does",
            Self::Pace => "much more in one hour than its member does",
        }
    }

    /// The nearest value that would not break it.
    #[must_use]
    pub fn ordinary(self) -> FeatureValue {
        FeatureValue::Number(RARE.into())
    }

    pub(super) fn is_broken(
        self,
        number: &impl Fn(Feature) -> Option<i64>,
        emergency: bool,
    ) -> bool {
        let shift = i64::from(SHIFT_HOURS);
        let excused = match self {
            Self::Purpose => emergency,
            Self::Hour => number(Feature::HoursSinceNewHour).is_some_and(|hours| hours < shift),
            Self::Door | Self::Pace => false,
        };
        !excused && number(self.feature()).is_some_and(|share| share < RARE.into())
    }
}

/// The habits that a request with these features breaks. Nobody has emergencies for a habit.
pub(crate) fn broken(
    number: impl Fn(Feature) -> Option<i64>,
    emergency: bool,
) -> impl Iterator<Item = Habit> {
    Habit::ALL.iter().copied().filter(move |habit| habit.is_broken(&number, emergency))
}

/// The habits that a request with these features breaks, if a session key signed it: one is enough for it to be proved. The own
/// key could sign the proof as well as the request.
pub(crate) fn far(facts: &FeatureVector) -> impl Iterator<Item = Habit> {
    let by_session = facts.value(Feature::OwnKey) == Some(&BY_SESSION);
    let emergency = facts.value(Feature::Emergency) == Some(&FeatureValue::Words(2));
    broken(move |feature| facts.number(feature), emergency).filter(move |_| by_session)
}
