//! Which parts of an index a question opens.

use secnet_types::{
    Action, Category, DataPeriod, Labels, Party, Purpose, RecordId, RecordMeta, Scope, Timestamp,
};

use crate::conditions::{
    Reach, all_hold, data_time, labels_touched, on_question, on_record, period_inside,
    period_touched, terms_forbid,
};
use crate::engine::Mode;
use crate::text::long;
use crate::visible::CellKey;
use crate::{CompiledConsent, DenialFact, GrantFact, Question};

/// What one question opens in one mode: the scopes of the grants that hold whatever the record, less those of the
/// denials that bind.
pub(crate) struct View<'a> {
    grants: Vec<Row<'a>>,
    /// Positions of those that name records.
    naming: Vec<usize>,
    denials: Vec<Row<'a>>,
}

/// A scope with its sets as bits.
struct Row<'a> {
    scope: Option<&'a Scope>,
    categories: u32,
    /// Of a grant: the labels it covers.
    labels: Labels,
}

/// What a view opens in one cell.
pub(crate) struct CellView<'a> {
    /// All of it, or only what lies in one of these periods (of which none lies in another; ascending).
    only: Option<Vec<DataPeriod>>,
    denials: Vec<&'a Scope>,
}

impl<'a> View<'a> {
    /// None if nothing can be seen in this mode.
    pub(crate) fn new(
        consent: &'a CompiledConsent,
        question: &Question,
        mode: Mode,
    ) -> Option<Self> {
        let slice = consent.slice();
        if terms_forbid(&slice.terms, question, mode) {
            return None;
        }
        let mut view = Self { grants: Vec::new(), naming: Vec::new(), denials: Vec::new() };
        for (position, policy) in consent.compiled().iter().enumerate() {
            match policy.reach {
                Reach::Grant(index) => {
                    let Some(fact) = slice.grants.get(index) else { continue };
                    if !fact.in_mode(mode) || !all_hold(&on_question(consent, fact, question)) {
                        continue;
                    }
                    if fact.scope().records.is_some() {
                        view.naming.push(position);
                    } else {
                        view.grants.push(Row::new(Some(fact.scope())));
                    }
                }
                Reach::Denial(index) => {
                    let binding = slice.denials.get(index).filter(|d| d.binds(question, mode));
                    view.denials.extend(binding.map(|denial| Row::new(denial.scope())));
                }
                Reach::Term(_) => {}
            }
        }
        (!view.grants.is_empty() || view.names_records()).then_some(view)
    }

    /// What it opens in a cell, records that grants name aside; none if nothing.
    pub(crate) fn cell(&self, key: &CellKey) -> Option<CellView<'_>> {
        let mut only = Some(Vec::new());
        for row in self.grants.iter().filter(|row| row.grants_in(key)) {
            match (row.scope.and_then(|scope| scope.period), &mut only) {
                (Some(period), Some(periods)) => periods.push(period),
                _ => {
                    only = None;
                    break;
                }
            }
        }
        if only.as_ref().is_some_and(Vec::is_empty) {
            return None;
        }
        let mut denials = Vec::new();
        for row in self.denials.iter().filter(|row| row.touches(key)) {
            match row.scope {
                Some(scope) if scope.period.is_some() || scope.records.is_some() => {
                    denials.push(scope);
                }
                _ => return None,
            }
        }
        Some(CellView { only: only.map(outermost), denials })
    }

    /// Does any grant name records?
    pub(crate) fn names_records(&self) -> bool {
        !self.naming.is_empty()
    }

    /// Does a grant that names this record open it?
    pub(crate) fn names(&self, consent: &CompiledConsent, record: &RecordMeta) -> bool {
        let slice = consent.slice();
        let opens = consent.named_by(record.id).iter().any(|position| {
            self.naming.binary_search(position).is_ok()
                && consent.compiled().get(*position).is_some_and(|policy| match policy.reach {
                    Reach::Grant(index) => slice
                        .grants
                        .get(index)
                        .is_some_and(|fact| all_hold(&on_record(fact.scope(), record))),
                    _ => false,
                })
        });
        opens && !self.denials.iter().any(|row| row.scope.is_none_or(|s| denies(s, record)))
    }
}

impl CellView<'_> {
    /// The spans that data times of visible records start in; none if the cell is not narrowed to periods.
    pub(crate) fn starts(&self) -> Option<Vec<(i64, i64)>> {
        let periods = self.only.as_ref()?;
        Some(periods.iter().map(|p| (long(p.from), long(p.until))).collect())
    }

    /// Is this record of the cell visible?
    pub(crate) fn admits(&self, id: RecordId, period: Option<DataPeriod>) -> bool {
        let open = self.only.as_ref().is_none_or(|periods| {
            // Of the periods that start early enough the last ends last.
            data_time(period).is_some_and(|p| {
                let early = periods.partition_point(|only| long(only.from) <= long(p.from));
                early
                    .checked_sub(1)
                    .and_then(|last| periods.get(last))
                    .is_some_and(|only| period_inside(*only, Some(p)))
            })
        });
        open && !self.denials.iter().any(|scope| {
            scope.records.as_ref().is_none_or(|ids| ids.contains(&id))
                && scope.period.is_none_or(|denied| period_touched(denied, period))
        })
    }
}

impl<'a> Row<'a> {
    fn new(scope: Option<&'a Scope>) -> Self {
        let categories = scope.and_then(|scope| scope.categories.as_ref());
        let bits = |all: &std::collections::BTreeSet<Category>| {
            all.iter().fold(0, |bits, category| bits | bit(*category))
        };
        Self {
            scope,
            categories: categories.map_or(u32::MAX, bits),
            labels: scope.and_then(|scope| scope.labels).unwrap_or(Labels::NONE),
        }
    }

    fn names_kind(&self, kind: &str) -> bool {
        self.scope.and_then(|s| s.kinds.as_ref()).is_none_or(|kinds| kinds.contains(kind))
    }

    fn grants_in(&self, key: &CellKey) -> bool {
        self.categories & bit(key.category) != 0
            && key.labels.is_subset(self.labels)
            && self.names_kind(&key.kind)
    }

    fn touches(&self, key: &CellKey) -> bool {
        self.categories & bit(key.category) != 0
            && labels_touched(self.scope.and_then(|scope| scope.labels), key.labels)
            && self.names_kind(&key.kind)
    }
}

const fn bit(category: Category) -> u32 {
    1 << category.number()
}

/// The periods that lie in no other, ascending in both ends.
fn outermost(mut periods: Vec<DataPeriod>) -> Vec<DataPeriod> {
    periods.sort_unstable_by_key(|p| (long(p.from), std::cmp::Reverse(long(p.until))));
    let mut outer: Vec<DataPeriod> = Vec::with_capacity(periods.len());
    for period in periods {
        if outer.last().is_none_or(|last| long(last.until) < long(period.until)) {
            outer.push(period);
        }
    }
    outer
}

/// Does a denied scope touch the record?
fn denies(scope: &Scope, record: &RecordMeta) -> bool {
    scope.records.as_ref().is_none_or(|ids| ids.contains(&record.id))
        && scope.categories.as_ref().is_none_or(|all| all.contains(&record.category))
        && scope.kinds.as_ref().is_none_or(|kinds| kinds.contains(&record.kind))
        && labels_touched(scope.labels, record.labels)
        && scope.period.is_none_or(|denied| period_touched(denied, record.period))
}

/// Can the grantee see the record under this grant, for at least one purpose and action?
pub(crate) fn sees(
    consent: &CompiledConsent,
    fact: &GrantFact,
    record: &RecordMeta,
    time: Timestamp,
    parties_of: &impl Fn(Party) -> Vec<Party>,
) -> bool {
    if !all_hold(&on_record(fact.scope(), record)) {
        return false;
    }
    let slice = consent.slice();
    let parties = parties_of(fact.grant.grantee);
    let bars = |denial: &&DenialFact| {
        (parties.contains(&denial.denial.party) || denial.denial.party == fact.grant.grantee)
            && denial.scope().is_none_or(|scope| {
                denies(scope, record) && scope.fields.as_ref().is_none_or(|f| !f.is_empty())
            })
    };
    let barring: Vec<_> = slice.denials.iter().filter(bars).collect();
    let mode = if fact.grant.emergency { Mode::BreakGlass } else { Mode::Ordinary };
    let uses = Purpose::ALL.iter().flat_map(|p| Action::ALL.iter().map(|a| (*p, *a)));
    uses.filter(|(purpose, _)| fact.is_for(*purpose)).any(|(purpose, action)| {
        let question = someone(fact.grant.grantee, parties.clone(), purpose, action, time);
        !terms_forbid(&slice.terms, &question, mode)
            && all_hold(&on_question(consent, fact, &question))
            && !barring.iter().any(|d| d.concerns(purpose, action, mode) && d.holds_at(&question))
    })
}

/// A question by whoever is the party.
fn someone(
    grantee: Party,
    mut parties: Vec<Party>,
    purpose: Purpose,
    action: Action,
    time: Timestamp,
) -> Question {
    let requester = match grantee {
        Party::Member(id) | Party::Organisation(id) => id,
        Party::Group(_) => secnet_types::MemberId([0; 32]),
    };
    parties.push(grantee);
    Question {
        requester,
        parties,
        purpose,
        action,
        time,
        max_price: secnet_types::Amount(u64::MAX),
        fields: None,
        used_up: std::collections::BTreeSet::new(),
    }
}
