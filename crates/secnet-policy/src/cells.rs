//! Records that no policy can tell apart: the same type, category and labels, naming policies and place in time.

use std::collections::{BTreeMap, BTreeSet};

use secnet_types::{Category, Labels, RecordMeta};

use crate::CompiledConsent;
use crate::conditions::data_time;
use crate::decide::{Asker, PolicyVerdict};
use crate::engine::Fault;
use crate::text::long;

/// What a verdict depends on, as far as the record goes.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Class {
    kind: String,
    category: Category,
    labels: Labels,
    /// Between which ends of periods the data time starts and ends; exact, because policies only compare with these.
    time: Option<(usize, usize)>,
    named_by: Vec<usize>,
}

/// Asks Cedar once for each class.
pub(crate) struct ByClass<'a> {
    consent: &'a CompiledConsent,
    asker: &'a Asker<'a>,
    ends: Vec<i64>,
    known: BTreeMap<Class, PolicyVerdict>,
}

impl<'a> ByClass<'a> {
    pub(crate) fn new(consent: &'a CompiledConsent, asker: &'a Asker<'a>) -> Self {
        let slice = consent.slice();
        let scopes = slice
            .grants
            .iter()
            .map(|g| g.scope())
            .chain(slice.denials.iter().filter_map(|d| d.scope()));
        let ends: BTreeSet<_> =
            scopes.filter_map(|s| s.period).flat_map(|p| [long(p.from), long(p.until)]).collect();
        Self { consent, asker, ends: ends.into_iter().collect(), known: BTreeMap::new() }
    }

    pub(crate) fn ask(&mut self, record: &RecordMeta) -> Result<PolicyVerdict, Fault> {
        let class = self.class(record);
        if let Some(verdict) = self.known.get(&class) {
            return Ok(verdict.clone());
        }
        let verdict = self.asker.ask(record)?;
        self.known.insert(class, verdict.clone());
        Ok(verdict)
    }

    fn class(&self, record: &RecordMeta) -> Class {
        let place = |time: i64| {
            // Odd on an end, even between two: tells every comparison, strict or not, apart.
            let below = self.ends.partition_point(|end| *end < time);
            below.saturating_mul(2).saturating_add(usize::from(self.ends.get(below) == Some(&time)))
        };
        Class {
            kind: record.kind.clone(),
            category: record.category,
            labels: record.labels,
            time: data_time(record.period).map(|p| (place(long(p.from)), place(long(p.until)))),
            named_by: self.consent.named_by(record.id).to_vec(),
        }
    }
}
