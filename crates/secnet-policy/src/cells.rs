//! Questions and records that no policy can tell apart. Cedar is asked once for each such pair while a compiled slice
//! lives: the same use is judged several times, before it is recorded and before anything of it leaves.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use secnet_types::{
    Action, Category, GrantId, Labels, MemberId, Party, Purpose, RecordMeta, Timestamp,
};

use crate::conditions::data_time;
use crate::decide::{Asker, PolicyVerdict};
use crate::engine::Fault;
use crate::text::{long, max_price_long, price_long};
use crate::{CompiledConsent, ConsentSlice, Question};

/// Verdicts that one compiled slice remembers.
const MAX_REMEMBERED: usize = 32;

/// What a verdict depends on, as far as the question goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct QuestionClass {
    requester: MemberId,
    parties: Vec<Party>,
    purpose: Purpose,
    action: Action,
    /// Between which ends of windows; exact, because policies only compare with these.
    time: usize,
    /// Between which prices; likewise.
    max_price: usize,
    fields: Option<Arc<BTreeSet<String>>>,
    used_up: Vec<GrantId>,
}

/// What a verdict depends on, as far as the record goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct RecordClass {
    kind: String,
    category: Category,
    labels: Labels,
    /// Between which ends of periods the data time starts and ends; likewise.
    time: Option<(usize, usize)>,
    named_by: Vec<usize>,
}

/// The numbers that the policies of a slice compare with, each in order.
#[derive(Debug)]
pub(crate) struct Bounds {
    times: Vec<i64>,
    prices: Vec<i64>,
    periods: Vec<i64>,
}

impl Bounds {
    pub(crate) fn of(slice: &ConsentSlice) -> Self {
        let sorted = |all: BTreeSet<i64>| all.into_iter().collect();
        let windows = slice.grants.iter().map(|g| g.grant.window);
        let windows = windows.chain(slice.denials.iter().map(|d| d.denial.window));
        let ends = windows.flat_map(|w| [w.from, w.until]).chain([slice.terms.expires]);
        let scopes = slice.grants.iter().map(|g| g.scope());
        let scopes = scopes.chain(slice.denials.iter().filter_map(|d| d.scope()));
        let periods = scopes.filter_map(|s| s.period).flat_map(|p| [p.from, p.until]);
        Self {
            times: sorted(ends.map(long).collect()),
            prices: sorted(slice.grants.iter().map(|g| price_long(g.grant.price)).collect()),
            periods: sorted(periods.map(long).collect()),
        }
    }
}

/// Odd on a bound, even between two: tells every comparison, strict or not, apart.
fn place(bounds: &[i64], value: i64) -> usize {
    let below = bounds.partition_point(|bound| *bound < value);
    below.saturating_mul(2).saturating_add(usize::from(bounds.get(below) == Some(&value)))
}

/// Verdicts of one compiled slice, by question and record. A fault is none.
#[derive(Debug, Default)]
pub(crate) struct Remembered(Mutex<Verdicts>);

#[derive(Debug, Default)]
struct Verdicts {
    of: BTreeMap<QuestionClass, BTreeMap<RecordClass, PolicyVerdict>>,
    count: usize,
}

impl Remembered {
    fn find(&self, question: &QuestionClass, record: &RecordClass) -> Option<PolicyVerdict> {
        let verdicts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        verdicts.of.get(question)?.get(record).cloned()
    }

    /// When there are too many, all are forgotten.
    fn keep(&self, question: &QuestionClass, record: RecordClass, verdict: PolicyVerdict) {
        let mut verdicts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if verdicts.count >= MAX_REMEMBERED {
            *verdicts = Verdicts::default();
        }
        let known = verdicts.of.entry(question.clone()).or_default();
        if known.insert(record, verdict).is_none() {
            verdicts.count = verdicts.count.saturating_add(1);
        }
    }
}

/// One question, asked about many records.
pub(crate) struct ByClass<'a> {
    consent: &'a CompiledConsent,
    question: &'a Question,
    class: QuestionClass,
    /// Prepared when Cedar is asked first.
    asker: OnceCell<Asker<'a>>,
    /// Of this question: there may be more classes of records than are remembered.
    known: BTreeMap<RecordClass, PolicyVerdict>,
}

impl<'a> ByClass<'a> {
    pub(crate) fn new(consent: &'a CompiledConsent, question: &'a Question) -> Self {
        let bounds = consent.bounds();
        let used_up = consent.slice().grants.iter().map(|g| g.id);
        let class = QuestionClass {
            requester: question.requester,
            parties: question.parties.clone(),
            purpose: question.purpose,
            action: question.action,
            time: place(&bounds.times, long(question.time)),
            max_price: place(&bounds.prices, max_price_long(question.max_price)),
            fields: question.fields.clone(),
            used_up: used_up.filter(|id| question.used_up.contains(id)).collect(),
        };
        Self { consent, question, class, asker: OnceCell::new(), known: BTreeMap::new() }
    }

    pub(crate) fn ask(&mut self, record: &RecordMeta) -> Result<PolicyVerdict, Fault> {
        let class = self.record_class(record);
        if let Some(verdict) = self.known.get(&class) {
            return Ok(verdict.clone());
        }
        let remembered = self.consent.remembered();
        let verdict = match remembered.find(&self.class, &class) {
            Some(verdict) => verdict,
            None => {
                let verdict = self.asker()?.ask(record)?;
                remembered.keep(&self.class, class.clone(), verdict.clone());
                verdict
            }
        };
        self.known.insert(class, verdict.clone());
        Ok(verdict)
    }

    fn asker(&self) -> Result<&Asker<'a>, Fault> {
        match self.asker.get() {
            Some(asker) => Ok(asker),
            None => {
                let asker = Asker::new(self.consent, self.question)?;
                Ok(self.asker.get_or_init(|| asker))
            }
        }
    }

    fn record_class(&self, record: &RecordMeta) -> RecordClass {
        let place = |time: Timestamp| place(&self.consent.bounds().periods, long(time));
        RecordClass {
            kind: record.kind.clone(),
            category: record.category,
            labels: record.labels,
            time: data_time(record.period).map(|p| (place(p.from), place(p.until))),
            named_by: self.consent.named_by(record.id).to_vec(),
        }
    }
}
