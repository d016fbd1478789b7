//! The closed table of what rules and the guard may look at. A new feature is one line here.

use core::fmt;
use core::str::FromStr;

use minicbor::{Decode, Encode};

use super::RuleError;
use crate::{Action, Category, Label, Purpose};

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
