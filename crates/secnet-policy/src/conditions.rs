//! The same conditions in Rust: for slicing, for lists and for explanations. Decisions are Cedar's; property tests
//! hold the two together.

use core::fmt;

use secnet_types::{Action, Category, DataPeriod, Labels, Purpose, RecordMeta, Scope, Window};

use crate::engine::Mode;
use crate::name::Term;
use crate::text::{long, max_price_long, price_long};
use crate::{CompiledConsent, ConsentSlice, DenialFact, GrantFact, Question, TermsFact};

/// One condition of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// It is to somebody else.
    Grantee,
    /// It is for these purposes.
    Purpose,
    /// It is for these actions.
    Action,
    /// It runs in this window.
    Time,
    /// It has uses left.
    Count,
    /// Its price is at most what the requester will pay.
    Price,
    /// It names records.
    Record,
    /// It names categories.
    Category,
    /// It names types.
    Kind,
    /// It covers the labels.
    Labels,
    /// It covers the data time.
    Period,
    /// It covers the fields, on a hosted dataset.
    Fields,
}

impl Condition {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grantee => "grantee",
            Self::Purpose => "purpose",
            Self::Action => "action",
            Self::Time => "time",
            Self::Count => "count",
            Self::Price => "price",
            Self::Record => "record",
            Self::Category => "category",
            Self::Kind => "type",
            Self::Labels => "label",
            Self::Period => "data period",
            Self::Fields => "fields",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Would the part of a grant that the ledger judges too (grantee, window, count, price, emergency) permit this?
#[must_use]
pub fn shared_part_permits(fact: &GrantFact, question: &Question) -> bool {
    question.counts_as(fact.grant.grantee)
        && in_window(fact.grant.window, question)
        && !fact.is_used_up(question)
        && price_long(fact.grant.price) <= max_price_long(question.max_price)
        && (!fact.grant.emergency || question.purpose == Purpose::Emergency)
}

/// Where a policy comes from in its slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Position among the grants.
    Grant(usize),
    /// Position among the denials.
    Denial(usize),
    /// A term.
    Term(Term),
}

impl Reach {
    /// Can the policy hold for any record? False only where its own text is false whatever the record.
    pub(crate) fn meets(
        self,
        slice: &ConsentSlice,
        purpose: Purpose,
        action: Action,
        mode: Mode,
    ) -> bool {
        match self {
            Self::Grant(index) => slice.grants.get(index).is_some_and(|g| {
                g.in_mode(mode) && g.is_for(purpose) && g.detail.actions.contains(&action)
            }),
            Self::Denial(index) => {
                slice.denials.get(index).is_some_and(|d| d.concerns(purpose, action, mode))
            }
            Self::Term(term) => match term {
                Term::Expiry | Term::Fields => true,
                Term::Purposes => {
                    mode == Mode::Ordinary
                        && slice.terms.purposes.as_ref().is_some_and(|p| !p.contains(&purpose))
                }
                Term::Actions => slice.terms.actions.as_ref().is_some_and(|a| !a.contains(&action)),
            },
        }
    }
}

impl Reach {
    /// Can the policy hold for a record of this category?
    pub(crate) fn reaches(self, slice: &ConsentSlice, category: Category) -> bool {
        let scope = match self {
            Self::Grant(index) => slice.grants.get(index).map(GrantFact::scope),
            Self::Denial(index) => slice.denials.get(index).and_then(DenialFact::scope),
            Self::Term(_) => None,
        };
        scope
            .and_then(|scope| scope.categories.as_ref())
            .is_none_or(|categories| categories.contains(&category))
    }
}

impl GrantFact {
    pub(crate) const fn scope(&self) -> &Scope {
        &self.detail.scope
    }

    /// Can it be used for this purpose? An emergency grant for the emergency at most.
    pub(crate) fn is_for(&self, purpose: Purpose) -> bool {
        self.detail.purposes.contains(&purpose)
            && (!self.grant.emergency || purpose == Purpose::Emergency)
    }

    /// Does it count its uses?
    pub(crate) const fn is_counted(&self) -> bool {
        self.grant.uses.is_some() || self.uses_left.is_some()
    }

    /// Is no use left, by the slice or by the question?
    pub(crate) fn is_used_up(&self, question: &Question) -> bool {
        self.uses_left == Some(0) || (self.is_counted() && question.used_up.contains(&self.id))
    }

    pub(crate) fn in_mode(&self, mode: Mode) -> bool {
        self.grant.emergency == (mode == Mode::BreakGlass)
    }
}

impl DenialFact {
    pub(crate) fn scope(&self) -> Option<&Scope> {
        self.detail.as_ref().map(|detail| &detail.scope)
    }

    /// Does it speak of this purpose and action in this mode?
    pub(crate) fn concerns(&self, purpose: Purpose, action: Action, mode: Mode) -> bool {
        (mode == Mode::Ordinary || self.denial.even_in_emergency)
            && self
                .detail
                .as_ref()
                .is_none_or(|d| d.purposes.contains(&purpose) && d.actions.contains(&action))
    }

    /// Does it bind the question, for some record at least?
    pub(crate) fn binds(&self, question: &Question, mode: Mode) -> bool {
        self.concerns(question.purpose, question.action, mode)
            && question.counts_as(self.denial.party)
            && self.holds_at(question)
            && self.scope().is_none_or(|scope| {
                scope.fields.as_ref().is_none_or(|denied| match &question.fields {
                    None => !denied.is_empty(),
                    Some(asked) => asked.iter().any(|field| denied.contains(field)),
                })
            })
    }

    /// Is its window open? A saturated end is no end.
    pub(crate) fn holds_at(&self, question: &Question) -> bool {
        let (at, window) = (long(question.time), self.denial.window);
        long(window.from) <= at && (at < long(window.until) || long(window.until) == i64::MAX)
    }
}

/// Is the time of the question inside, in saturated milliseconds?
pub(crate) fn in_window(window: Window, question: &Question) -> bool {
    let at = long(question.time);
    long(window.from) <= at && at < long(window.until)
}

/// Every condition, each with whether it holds.
pub(crate) type Checked<const N: usize> = [(Condition, bool); N];

/// The conditions of a grant on the question, whatever the record.
pub(crate) fn on_question(
    consent: &CompiledConsent,
    fact: &GrantFact,
    question: &Question,
) -> Checked<7> {
    let fields = fact.scope().fields.as_ref().is_none_or(|granted| {
        consent.hosted()
            && !granted.is_empty()
            && question.fields.as_ref().is_none_or(|asked| asked.is_subset(granted))
    });
    [
        (Condition::Grantee, question.counts_as(fact.grant.grantee)),
        (Condition::Purpose, fact.is_for(question.purpose)),
        (Condition::Action, fact.detail.actions.contains(&question.action)),
        (Condition::Time, in_window(fact.grant.window, question)),
        (Condition::Count, !fact.is_used_up(question)),
        (Condition::Price, price_long(fact.grant.price) <= max_price_long(question.max_price)),
        (Condition::Fields, fields),
    ]
}

/// The conditions of a granted scope on the record.
pub(crate) fn on_record(scope: &Scope, record: &RecordMeta) -> Checked<5> {
    [
        (Condition::Record, scope.records.as_ref().is_none_or(|ids| ids.contains(&record.id))),
        (
            Condition::Category,
            scope.categories.as_ref().is_none_or(|all| all.contains(&record.category)),
        ),
        (Condition::Kind, scope.kinds.as_ref().is_none_or(|kinds| kinds.contains(&record.kind))),
        (Condition::Labels, record.labels.is_subset(scope.labels.unwrap_or(Labels::NONE))),
        (Condition::Period, scope.period.is_none_or(|p| period_inside(p, record.period))),
    ]
}

/// Do all hold?
pub(crate) fn all_hold(conditions: &[(Condition, bool)]) -> bool {
    conditions.iter().all(|(_, holds)| *holds)
}

/// Those that fail.
pub(crate) fn failing(conditions: impl IntoIterator<Item = (Condition, bool)>) -> Vec<Condition> {
    conditions.into_iter().filter(|(_, holds)| !holds).map(|(condition, _)| condition).collect()
}

/// The data time that policy reads: one that ends before it starts is none.
pub(crate) fn data_time(period: Option<DataPeriod>) -> Option<DataPeriod> {
    period.filter(|p| p.from <= p.until)
}

/// Does the data time lie wholly inside the granted period?
pub(crate) fn period_inside(granted: DataPeriod, record: Option<DataPeriod>) -> bool {
    data_time(record)
        .is_some_and(|p| long(granted.from) <= long(p.from) && long(p.until) <= long(granted.until))
}

/// May the data time touch the denied period?
pub(crate) fn period_touched(denied: DataPeriod, record: Option<DataPeriod>) -> bool {
    data_time(record).is_none_or(|p| {
        (long(p.until) > long(denied.from) || long(p.from) >= long(denied.from))
            && (long(p.from) < long(denied.until) || long(denied.until) == i64::MAX)
    })
}

/// Do the labels fall under a denial's?
pub(crate) fn labels_touched(denied: Option<Labels>, record: Labels) -> bool {
    match denied {
        None => true,
        Some(Labels::NONE) => record.is_empty(),
        Some(some) => some.bits() & record.bits() != 0,
    }
}

/// Does a term forbid the question in this mode?
pub(crate) fn terms_forbid(terms: &TermsFact, question: &Question, mode: Mode) -> bool {
    (terms.expires < secnet_types::Timestamp::MAX && long(question.time) >= long(terms.expires))
        || terms.actions.as_ref().is_some_and(|a| !a.contains(&question.action))
        || (mode == Mode::Ordinary
            && terms.purposes.as_ref().is_some_and(|p| !p.contains(&question.purpose)))
        || (terms.level == secnet_types::ServiceLevel::Sealed && question.fields.is_some())
}
