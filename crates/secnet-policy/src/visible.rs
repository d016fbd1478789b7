//! "What can I see" and "who can see this", without asking of every record.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::iter::Peekable;
use std::ops::Bound::{Excluded, Unbounded};

use secnet_types::{Category, DataPeriod, GrantId, Labels, Party, RecordId, RecordMeta, Timestamp};

use crate::conditions::data_time;
use crate::engine::Mode;
use crate::text::long;
use crate::view::{CellView, View};
use crate::{CompiledConsent, Question};

/// Records on one page.
pub const MAX_PAGE_RECORDS: usize = 1000;

/// A cell with up to so many records in the granted periods is searched by data time, a fuller one by id.
const MAX_SEARCHED_BY_TIME: usize = 64;

/// What consent tells apart before it looks at ids and data times.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CellKey {
    pub(crate) category: Category,
    pub(crate) labels: Labels,
    pub(crate) kind: String,
}

impl CellKey {
    fn of(record: &RecordMeta) -> Self {
        Self { category: record.category, labels: record.labels, kind: record.kind.clone() }
    }
}

#[derive(Debug, Clone, Default)]
struct Cell {
    records: BTreeMap<RecordId, Option<DataPeriod>>,
    by_start: BTreeSet<(i64, RecordId)>,
}

/// The records of one dataset, arranged as consent speaks of them.
#[derive(Debug, Clone, Default)]
pub struct RecordIndex {
    records: BTreeMap<RecordId, RecordMeta>,
    cells: BTreeMap<CellKey, Cell>,
}

/// One page of a list in the order of ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The records.
    pub records: Vec<RecordId>,
    /// Where the next page goes on, if there is one: give it as `after`. It stays good when records come and go.
    pub next: Option<RecordId>,
}

impl RecordIndex {
    /// Arrange records. Of two with one id the later stays.
    #[must_use]
    pub fn new(records: impl IntoIterator<Item = RecordMeta>) -> Self {
        let mut index = Self::default();
        for record in records {
            index.insert(record);
        }
        index
    }

    /// Add a record, or put it in the place of the one with its id, which is given back.
    pub fn insert(&mut self, record: RecordMeta) -> Option<RecordMeta> {
        let before = self.remove(record.id);
        let cell = self.cells.entry(CellKey::of(&record)).or_default();
        cell.records.insert(record.id, record.period);
        if let Some(period) = data_time(record.period) {
            cell.by_start.insert((long(period.from), record.id));
        }
        self.records.insert(record.id, record);
        before
    }

    /// Take a record out.
    pub fn remove(&mut self, id: RecordId) -> Option<RecordMeta> {
        let record = self.records.remove(&id)?;
        let key = CellKey::of(&record);
        if let Some(cell) = self.cells.get_mut(&key) {
            cell.records.remove(&id);
            if let Some(period) = data_time(record.period) {
                cell.by_start.remove(&(long(period.from), id));
            }
            if cell.records.is_empty() {
                self.cells.remove(&key);
            }
        }
        Some(record)
    }

    /// A record.
    #[must_use]
    pub fn get(&self, id: RecordId) -> Option<&RecordMeta> {
        self.records.get(&id)
    }

    /// All records, in the order of ids.
    pub fn iter(&self) -> impl Iterator<Item = &RecordMeta> {
        self.records.values()
    }

    /// Those after this one, in the order of ids; all without one.
    pub fn after(&self, id: Option<RecordId>) -> impl Iterator<Item = &RecordMeta> {
        let start = id.map_or(Unbounded, Excluded);
        self.records.range((start, Unbounded)).map(|(_, record)| record)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Are there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// What can the requester see? Exactly the records for which [`decide`](crate::decide) permits the question, at
    /// most `limit` (and [`MAX_PAGE_RECORDS`]) of those after the cursor.
    #[must_use]
    pub fn page(
        &self,
        consent: &CompiledConsent,
        question: &Question,
        after: Option<RecordId>,
        limit: usize,
    ) -> Page {
        let limit = limit.clamp(1, MAX_PAGE_RECORDS);
        let views: Vec<_> = Mode::of(question.purpose)
            .iter()
            .filter_map(|mode| View::new(consent, question, *mode))
            .collect();
        let mut merged = Merged::new(self.streams(consent, &views, after));
        let records: Vec<_> = merged.by_ref().take(limit).collect();
        let next = merged.next().and(records.last().copied());
        Page { records, next }
    }

    /// Ascending lists of visible ids whose union is all that is visible.
    fn streams<'a>(
        &'a self,
        consent: &'a CompiledConsent,
        views: &'a [View<'a>],
        after: Option<RecordId>,
    ) -> Vec<Stream<'a>> {
        let mut streams: Vec<Stream<'a>> = Vec::with_capacity(self.cells.len());
        for (key, cell) in &self.cells {
            for view in views {
                if let Some(here) = view.cell(key) {
                    streams.push(cell.stream(here, after));
                }
            }
        }
        for view in views.iter().filter(|view| view.names_records()) {
            let visible = move |id: &RecordId| {
                self.records.get(id).is_some_and(|record| view.names(consent, record))
            };
            streams.push(Box::new(consent.named_after(after).filter(visible)));
        }
        streams
    }
}

type Stream<'a> = Box<dyn Iterator<Item = RecordId> + 'a>;

impl Cell {
    fn stream<'a>(&'a self, here: CellView<'a>, after: Option<RecordId>) -> Stream<'a> {
        if let Some(starts) = here.starts()
            && let Some(few) = self.started_in(&starts)
        {
            let found: BTreeSet<_> = few
                .into_iter()
                .filter(|id| after.is_none_or(|after| *id > after))
                .filter(|id| self.records.get(id).is_some_and(|p| here.admits(*id, *p)))
                .collect();
            return Box::new(found.into_iter());
        }
        let rest = self.records.range((after.map_or(Unbounded, Excluded), Unbounded));
        Box::new(rest.filter(move |(id, period)| here.admits(**id, **period)).map(|(id, _)| *id))
    }

    /// The records that start in one of these spans, ends included, unless there are many.
    fn started_in(&self, spans: &[(i64, i64)]) -> Option<Vec<RecordId>> {
        let mut found = Vec::new();
        for (from, until) in spans.iter().filter(|(from, until)| from <= until) {
            let span = (*from, RecordId([0; 16]))..=(*until, RecordId([0xff; 16]));
            for (_, id) in self.by_start.range(span) {
                if found.len() >= MAX_SEARCHED_BY_TIME {
                    return None;
                }
                found.push(*id);
            }
        }
        Some(found)
    }
}

/// The union of ascending lists, ascending, each id once.
struct Merged<'a> {
    streams: Vec<Peekable<Stream<'a>>>,
    heads: BinaryHeap<Reverse<(RecordId, usize)>>,
    last: Option<RecordId>,
}

impl<'a> Merged<'a> {
    fn new(streams: Vec<Stream<'a>>) -> Self {
        let mut streams: Vec<_> = streams.into_iter().map(Iterator::peekable).collect();
        let heads = streams
            .iter_mut()
            .enumerate()
            .filter_map(|(at, stream)| Some(Reverse((*stream.peek()?, at))))
            .collect();
        Self { streams, heads, last: None }
    }
}

impl Iterator for Merged<'_> {
    type Item = RecordId;

    fn next(&mut self) -> Option<RecordId> {
        loop {
            let Reverse((id, at)) = self.heads.pop()?;
            if let Some(stream) = self.streams.get_mut(at) {
                stream.next();
                self.heads.extend(stream.peek().map(|next| Reverse((*next, at))));
            }
            if self.last != Some(id) {
                self.last = Some(id);
                return Some(id);
            }
        }
    }
}

/// Who can see this record at this time, for at least one purpose and action, price no matter? Compile all grants and
/// denials of the dataset for it. `parties_of` gives everyone as whom a grantee counts, itself included.
#[must_use]
pub fn who_can_see(
    consent: &CompiledConsent,
    record: &RecordMeta,
    time: Timestamp,
    parties_of: impl Fn(Party) -> Vec<Party>,
) -> Vec<(Party, GrantId)> {
    let slice = consent.slice();
    let mut seers: Vec<_> = slice
        .grants
        .iter()
        .filter(|fact| crate::view::sees(consent, fact, record, time, &parties_of))
        .map(|fact| (fact.grant.grantee, fact.id))
        .collect();
    seers.sort_unstable();
    seers
}
