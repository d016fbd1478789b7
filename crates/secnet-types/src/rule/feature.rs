//! The closed table of what rules and the guard may look at. A new feature is one line here.

use core::fmt;
use core::str::FromStr;

use minicbor::{Decode, Encode};

use super::RuleError;
use crate::{Action, Category, Label, Place, Purpose, StaffRole, Tie};

/// What values a feature has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureKind {
    /// An integer in this range; values outside are moved to its nearer end.
    Number {
        /// Smallest value.
        low: i64,
        /// Largest value.
        high: i64,
    },
    /// Exactly one word of a closed list.
    Word(WordList),
    /// Any number of words of a closed list, none included.
    Words(WordList),
    /// A text, compared byte by byte.
    Text,
    /// An IPv4 or IPv6 address.
    Address,
}

/// The closed word lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WordList {
    /// [`Purpose`].
    Purpose,
    /// [`Action`].
    Action,
    /// [`Category`].
    Category,
    /// [`Label`].
    Label,
    /// `no`, `yes`.
    YesNo,
    /// [`StaffRole`].
    StaffRole,
    /// [`Tie`].
    Tie,
    /// [`Place`].
    Place,
    /// [`Feature::COMPARED`].
    Compared,
}

impl WordList {
    /// The word with this number.
    #[must_use]
    pub fn word(self, number: u32) -> Option<&'static str> {
        let index = usize::try_from(number).ok()?;
        match self {
            Self::Purpose => Purpose::ALL.get(index).map(|w| w.as_str()),
            Self::Action => Action::ALL.get(index).map(|w| w.as_str()),
            Self::Category => Category::ALL.get(index).map(|w| w.as_str()),
            Self::Label => Label::ALL.get(index).map(|w| w.as_str()),
            Self::YesNo => ["no", "yes"].get(index).copied(),
            Self::StaffRole => StaffRole::ALL.get(index).map(|w| w.as_str()),
            Self::Tie => Tie::ALL.get(index).map(|w| w.as_str()),
            Self::Place => Place::ALL.get(index).map(|w| w.as_str()),
            Self::Compared => Feature::COMPARED.get(index).map(|w| w.name()),
        }
    }

    /// The number of this word.
    #[must_use]
    pub fn number(self, word: &str) -> Option<u32> {
        (0..u64::BITS)
            .map_while(|n| self.word(n).map(|w| (n, w)))
            .find(|(_, w)| *w == word)
            .map(|(n, _)| n)
    }

    /// All words: bit n for word n.
    #[must_use]
    pub fn all(self) -> u64 {
        (0..u64::BITS).take_while(|n| self.word(*n).is_some()).fold(0, |all, n| all | (1 << n))
    }

    /// The words of a mask, in order.
    pub fn names(self, mask: u64) -> impl Iterator<Item = &'static str> {
        (0..u64::BITS)
            .map_while(move |n| self.word(n).map(|w| (n, w)))
            .filter(move |(n, _)| mask & (1 << n) != 0)
            .map(|(_, w)| w)
    }
}

const COUNT: FeatureKind = FeatureKind::Number { low: 0, high: i64::MAX };

const fn up_to(high: i64) -> FeatureKind {
    FeatureKind::Number { low: 0, high }
}

macro_rules! features {
    ($($variant:ident = $n:literal $name:literal, $kind:expr, $unit:literal, $phrase:literal, $doc:literal;)*) => {
        /// Something named that is known of an access request when it is judged.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(index_only)]
        pub enum Feature { $(#[doc = $doc] #[n($n)] $variant,)* }

        impl Feature {
            /// Every feature, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in rules and in Cedar.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What values it has.
            #[must_use]
            pub const fn kind(self) -> FeatureKind {
                match self { $(Self::$variant => $kind,)* }
            }

            /// What its values count; empty for words and texts.
            #[must_use]
            pub const fn unit(self) -> &'static str {
                match self { $(Self::$variant => $unit,)* }
            }

            /// Its name in a sentence.
            #[must_use]
            pub const fn phrase(self) -> &'static str {
                match self { $(Self::$variant => $phrase,)* }
            }

            /// May rules and models be learnt from it? Not from how the guard itself has answered: what is learnt would feed
            /// on its own answers.
            #[must_use]
            pub const fn is_for_learning(self) -> bool {
                (self as usize) < (Self::ThrottledInARow as usize)
            }

            /// What it is, in one line.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => $doc,)* }
            }
        }
    };
}

features! {
    RequestsLastMinute = 0 "requests_last_minute", COUNT, "requests", "requests in the last minute", "Requests of this requester in the sliding last minute, this one included.";
    RequestsLastHour = 1 "requests_last_hour", COUNT, "requests", "requests in the last hour", "Requests of this requester in the sliding last hour, this one included.";
    DenialsLastHour = 2 "denials_last_hour", COUNT, "denials", "denials in the last hour", "Refusals this requester met in the sliding last hour.";
    DistinctDatasetsLastHour = 3 "distinct_datasets_last_hour", COUNT, "datasets", "distinct datasets in the last hour", "Different datasets this requester asked for in the last hour, this one included.";
    RecordsRequested = 4 "records_requested", COUNT, "records", "records requested", "Records this request covers.";
    HourOfDay = 5 "hour_of_day", up_to(23), "hour, UTC", "hour of day", "Hour of the request in UTC, 0 to 23.";
    DayOfWeek = 6 "day_of_week", up_to(6), "day, 0 is Monday", "day of week", "Day of the request in UTC: 0 Monday to 6 Sunday.";
    SecondsSinceLastRequest = 7 "seconds_since_last_request", COUNT, "seconds", "seconds since the last request", "Time since this requester's previous request; absent for its first.";
    Novelty = 8 "novelty", up_to(3), "level", "novelty", "0 known; 1 new purpose on this dataset; 2 new dataset for this requester; 3 new requester.";
    PriceMicros = 10 "price_micros", COUNT, "micro-units", "price in micro-units", "What this use costs by the grant that permits it; absent if none does.";
    Labels = 11 "labels", FeatureKind::Words(WordList::Label), "", "labels", "Sensitivity labels of the records requested.";
    Categories = 12 "categories", FeatureKind::Words(WordList::Category), "", "categories", "Categories of the records requested.";
    Purpose = 13 "purpose", FeatureKind::Word(WordList::Purpose), "", "purpose", "What the data is wanted for.";
    Action = 14 "action", FeatureKind::Word(WordList::Action), "", "action", "What is to be done with it.";
    Emergency = 15 "emergency", FeatureKind::Word(WordList::YesNo), "", "emergency", "Whether this is a break-glass use.";
    Door = 16 "door", FeatureKind::Text, "", "door", "The door it came through, such as cli, http or fhir.";
    Source = 17 "source", FeatureKind::Address, "", "source address", "The network address it came from; absent for local calls.";
    ExcessLastMinute = 18 "excess_last_minute", COUNT, "requests", "requests in the last minute above the usual", "Requests in the last minute beyond what this requester's own learnt pace allows for.";
    PercentOfUsualRecords = 19 "percent_of_usual_records", COUNT, "percent", "percent of the usual number of records", "Records requested, against this requester's usual number on this dataset; absent until that is learnt.";
    HourShare = 20 "hour_share", up_to(10_000), "basis points", "share of past activity at this hour", "How much of this requester's past active hours fell on this hour of day or its neighbours; absent until learnt.";
    DatasetRequestsLastMinute = 21 "dataset_requests_last_minute", COUNT, "requests", "requests for the dataset in the last minute", "Requests of everybody for this dataset in the sliding last minute, this one included.";
    StaffRole = 22 "staff_role", FeatureKind::Word(WordList::StaffRole), "", "role of the requester", "What the requester does at the hospital; this and all that follow, up to 52, absent without facts of relations.";
    Ties = 23 "ties", FeatureKind::Words(WordList::Tie), "", "ties to the patient", "What ties the requester to the patient at this moment, as far as the hospital's systems say.";
    OnDuty = 24 "on_duty", FeatureKind::Word(WordList::YesNo), "", "on duty", "Whether the requester is on duty by the roster.";
    MinutesSinceDuty = 25 "minutes_since_duty", COUNT, "minutes", "minutes since the last shift", "Minutes since the requester's last shift ended by the roster, 0 on duty; absent before the first.";
    MinutesToDuty = 26 "minutes_to_duty", COUNT, "minutes", "minutes to the next shift", "Minutes until the requester's next shift by the roster, 0 on duty; absent after the last.";
    PatientPlace = 27 "patient_place", FeatureKind::Word(WordList::Place), "", "place of the patient", "Where the patient is.";
    MinutesSinceAdmission = 28 "minutes_since_admission", COUNT, "minutes", "minutes since the patient came", "Minutes since the patient's present stay was written down; absent for who is not there.";
    HoursSinceDischarge = 29 "hours_since_discharge", COUNT, "hours", "hours since the patient left", "Hours since the patient's last stay that is over; absent if there is none.";
    HoursSinceOwnUnit = 30 "hours_since_own_unit", COUNT, "hours", "hours since the patient left the requester's unit", "Hours since the patient left a unit of the requester's; absent if the patient never was there.";
    MinutesSinceEmergencyRoom = 31 "minutes_since_emergency_room", COUNT, "minutes", "minutes since the patient left the emergency room", "Minutes since the patient left the emergency room; absent if there never was a stay there.";
    StaysKnown = 32 "stays_known", COUNT, "stays", "stays of the patient", "Stays of the patient that are known, the present one included.";
    HoursSinceTie = 33 "hours_since_tie", COUNT, "hours", "hours since the last tie of care", "Hours since the last tie of care of these two ended; absent if there was none.";
    Nearness = 34 "nearness", up_to(3), "level", "nearness of the homes", "0 none known; 1 the same street; 2 the same house; 3 the requester is the patient.";
    Workmate = 35 "workmate", FeatureKind::Word(WordList::YesNo), "", "workmate", "Whether the patient works at the hospital and is another than the requester.";
    Prominent = 36 "prominent", FeatureKind::Word(WordList::YesNo), "", "prominent", "Whether the hospital has marked the patient as known to everybody.";
    OthersTwoDays = 37 "others_two_days", COUNT, "members", "others in two days", "Others whose uses of this data were allowed in the last two days, at most 32.";
    StrangersTwoDays = 38 "strangers_two_days", COUNT, "members", "untied others in two days", "Those among them whom nothing tied to the patient.";
    ColleaguesLastDay = 39 "colleagues_last_day", COUNT, "members", "colleagues in a day", "Those of the requester's own unit among the others of the last day.";
    UntiedLastHour = 40 "untied_last_hour", COUNT, "patients", "untied patients in an hour", "Other patients that the requester looked at in the last hour without a tie, at most 32.";
    UntiedLastHalfDay = 41 "untied_last_half_day", COUNT, "patients", "untied patients in twelve hours", "The same of the last twelve hours.";
    UntiedLastWeek = 42 "untied_last_week", COUNT, "patients", "untied patients in a week", "The same of the last seven days.";
    UntiedThreeWeeks = 43 "untied_three_weeks", COUNT, "patients", "untied patients in three weeks", "The same of the last three weeks.";
    StrangeFaded = 44 "strange_faded", COUNT, "thousandths", "uses without any past or present tie", "Thousandths of the requester's uses of care without a present tie, a past one or a bed, halved each seven days.";
    StrangeShare = 45 "strange_share", up_to(10_000), "basis points", "share of uses without any tie", "Such uses in basis points of all of the requester's, faded alike; absent for the first.";
    UsesFaded = 46 "uses_faded", COUNT, "thousandths", "faded uses", "Thousandths of all of the requester's uses, halved each seven days.";
    UnitShare = 47 "unit_share", up_to(10_000), "basis points", "share of uses in the patient's unit", "Of the requester's uses of the last twelve hours, at most 64, those of other patients in the unit where the patient is; absent if there is none.";
    UnitPatients = 48 "unit_patients", COUNT, "patients", "other patients of the patient's unit", "Different patients among those.";
    MinutesSinceOwnUse = 49 "minutes_since_own_use", COUNT, "minutes", "minutes since the requester's last use of this data", "Minutes since the requester's last allowed use of this data; absent for the first.";
    OwnUses = 50 "own_uses", COUNT, "uses", "the requester's uses of this data", "The requester's allowed uses of this data before.";
    TiedUses = 51 "tied_uses", COUNT, "uses", "the requester's tied uses of this data", "Those among them with a tie.";
    UsesHalfDay = 52 "uses_half_day", COUNT, "uses", "uses in twelve hours", "The requester's uses of the last twelve hours, at most 64.";
    ThrottledInARow = 53 "throttled_in_a_row", COUNT, "requests", "requests throttled in a row", "Requests of this requester for this dataset that a throttle refused one after the other; absent if none did in the last hour.";
    SecondsSinceThrottled = 54 "seconds_since_throttled", COUNT, "seconds", "seconds since the last throttled request", "Time since the last of them; absent if there is none.";
    OwnKey = 55 "own_key", FeatureKind::Word(WordList::YesNo), "", "signed by the member's own key", "Whether the requester's own key signed it, and no session's.";
    ProfileDays = 56 "profile_days", COUNT, "days", "days of the profile", "Different days, UTC, that the requester's profile was learnt on; absent until something was allowed.";
    HoursSinceNewHour = 57 "hours_since_new_hour", COUNT, "hours", "hours since a new hour was proved", "Hours since the requester's own key last signed a use at an hour unlike its others; absent if it never did. This and all that follow absent until the profile is established.";
    ProfileDoorShare = 58 "profile_door_share", up_to(10_000), "basis points", "share of the profile through this door", "How much of the requester's profile came through this door.";
    ProfilePurposeShare = 59 "profile_purpose_share", up_to(10_000), "basis points", "share of the profile with this purpose and action", "How much of it was for this purpose and action.";
    ProfileHourShare = 60 "profile_hour_share", up_to(10_000), "basis points", "share of the profile at this hour", "How much of it fell on this hour of day or its neighbours.";
    ProfilePaceShare = 61 "profile_pace_share", up_to(10_000), "basis points", "share of the profile with as much in an hour", "Of its hours those with at least half as many uses as this one has with this request, in powers of two.";
    OwnData = 62 "own_data", FeatureKind::Word(WordList::YesNo), "", "own data", "Whether the requester owns the dataset.";
    Strangeness = 63 "strangeness", COUNT, "requests", "strangeness", "One in so many requests that went ahead here is as unlike the others as this one; absent until enough are known.";
    StrangenessLimit = 64 "strangeness_limit", COUNT, "requests", "strangeness from which on a proof is asked for", "From which strangeness on a session's request is to be proved at this moment; absent with it.";
    StrangeFeatures = 65 "strange_features", FeatureKind::Words(WordList::Compared), "", "features that make it strange", "What is furthest off, if a session's request is so strange: with usual values of these it would not be.";
    UsualOfFirst = 66 "usual_of_first", COUNT, "", "usual value of the first of them", "A usual value of the first of these features; absent without it.";
    UsualOfSecond = 67 "usual_of_second", COUNT, "", "usual value of the second of them", "The same of the second.";
    UsualOfThird = 68 "usual_of_third", COUNT, "", "usual value of the third of them", "The same of the third.";
    UsualOfFourth = 69 "usual_of_fourth", COUNT, "", "usual value of the fourth of them", "The same of the fourth.";
}

impl Feature {
    /// The numbers of a request that are compared with those of other requests, to see how strange it is.
    pub const COMPARED: [Self; 29] = [
        Self::RequestsLastMinute,
        Self::RequestsLastHour,
        Self::DenialsLastHour,
        Self::DistinctDatasetsLastHour,
        Self::RecordsRequested,
        Self::Novelty,
        Self::PercentOfUsualRecords,
        Self::DatasetRequestsLastMinute,
        Self::MinutesSinceDuty,
        Self::MinutesToDuty,
        Self::MinutesSinceAdmission,
        Self::HoursSinceDischarge,
        Self::HoursSinceOwnUnit,
        Self::HoursSinceTie,
        Self::OthersTwoDays,
        Self::StrangersTwoDays,
        Self::ColleaguesLastDay,
        Self::UntiedLastHour,
        Self::UntiedLastHalfDay,
        Self::UntiedLastWeek,
        Self::StrangeShare,
        Self::UnitShare,
        Self::OwnUses,
        Self::TiedUses,
        Self::UsesHalfDay,
        Self::ProfileDoorShare,
        Self::ProfilePurposeShare,
        Self::ProfileHourShare,
        Self::ProfilePaceShare,
    ];
    /// What would have been usual, of at most so many of them.
    pub const USUAL: [Self; 4] =
        [Self::UsualOfFirst, Self::UsualOfSecond, Self::UsualOfThird, Self::UsualOfFourth];
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Feature {
    type Err = RuleError;
    fn from_str(text: &str) -> Result<Self, RuleError> {
        Self::ALL
            .iter()
            .copied()
            .find(|feature| feature.name() == text)
            .ok_or_else(|| RuleError::UnknownFeature(text.to_owned()))
    }
}
