//! Which records: of a grant (what may be used) and of a request (what is asked for).

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};

use crate::{Category, Labels, RecordId, Window, limits};

/// A span of data time: when what the data tells happened, not when it is used.
pub type DataPeriod = Window;

/// What the PDC knows of a record; it stays there, encrypted at rest.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RecordMeta {
    /// The record.
    #[n(0)]
    pub id: RecordId,
    /// Its type in its own standard, such as the FHIR type `Observation`.
    #[n(1)]
    pub kind: String,
    /// What it is about.
    #[n(2)]
    pub category: Category,
    /// Its sensitivity.
    #[n(3)]
    pub labels: Labels,
    /// When what it tells happened; a record without one matches only scopes without a data period.
    #[n(4)]
    pub period: Option<DataPeriod>,
}

/// A set of records, described. An absent condition allows all; a present one must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Scope {
    /// Only these records.
    #[n(0)]
    pub records: Option<BTreeSet<RecordId>>,
    /// Only these types.
    #[n(1)]
    pub kinds: Option<BTreeSet<String>>,
    /// Only these categories.
    #[n(2)]
    pub categories: Option<BTreeSet<Category>>,
    /// Only records all of whose labels are in this set; absent means normal sensitivity only.
    #[n(3)]
    pub labels: Option<Labels>,
    /// Only records whose data time lies wholly inside.
    #[n(4)]
    pub period: Option<DataPeriod>,
    /// Only these fields of each record (hosted service level only).
    #[n(5)]
    pub fields: Option<BTreeSet<String>>,
}

impl Scope {
    /// Does the record fall under this scope?
    #[must_use]
    pub fn covers(&self, record: &RecordMeta) -> bool {
        let inside = |allowed: DataPeriod| {
            record.period.is_some_and(|p| allowed.from <= p.from && p.until <= allowed.until)
        };
        self.records.as_ref().is_none_or(|ids| ids.contains(&record.id))
            && self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&record.kind))
            && self.categories.as_ref().is_none_or(|all| all.contains(&record.category))
            && record.labels.is_subset(self.labels.unwrap_or(Labels::NONE))
            && self.period.is_none_or(inside)
    }

    /// Are all sets within their limits?
    #[must_use]
    pub fn within_limits(&self) -> bool {
        let texts = |set: &Option<BTreeSet<String>>| {
            set.as_ref().is_none_or(|set| {
                set.len() <= limits::MAX_SCOPE_ENTRIES
                    && set.iter().all(|text| text.len() <= limits::MAX_TEXT_BYTES)
            })
        };
        self.records.as_ref().is_none_or(|ids| ids.len() <= limits::MAX_SCOPE_ENTRIES)
            && texts(&self.kinds)
            && texts(&self.fields)
    }
}
