//! The full walk: every table, every tag, every tile hash from its events; names what is damaged
//! and goes on.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::{ReadTransaction, ReadableTable as _, TableHandle as _};

use super::head::Head;
use super::heights::{self, Index};
use super::nodes::open_tile;
use super::open::{FORMAT_VERSION, head_in, read_format};
use super::row::{self, BLOCKS, EVENTS, Kind, META, META_FORMAT, META_HEAD, STATE, TILES};
use super::run::{Load as _, Merged};
use super::tree::{self, Hash, MAX_TILE_LEVELS, TILE_WIDTH, Tree, full_tiles};
use super::{Store, StoreError, read};

/// Findings kept in a report; more are only counted.
pub const MAX_FINDINGS: usize = 10_000;
const PROGRESS_EVERY: u64 = 4096;

/// One damaged item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The name of the item, e.g. `event 17`, `tile 0/3`, `state chunk 4/0`.
    pub what: String,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.problem)
    }
}

/// What a full walk saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Blocks read.
    pub blocks: u64,
    /// Events read.
    pub events: u64,
    /// State entries read.
    pub entries: u64,
    /// Full tiles read.
    pub tiles: u64,
    /// Damaged items, at most [`MAX_FINDINGS`].
    pub findings: Vec<Finding>,
    /// Damaged items beyond those kept.
    pub more_findings: u64,
}

impl Report {
    /// Whether nothing is damaged.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    pub(crate) fn add(&mut self, what: impl Into<String>, problem: impl Into<String>) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(Finding { what: what.into(), problem: problem.into() });
        } else {
            self.more_findings = self.more_findings.saturating_add(1);
        }
    }

    fn add_error(&mut self, what: &str, error: StoreError) {
        match error {
            StoreError::Corrupt { what, problem } => self.add(what, problem),
            error => self.add(what, error.to_string()),
        }
    }
}

/// How far a walk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being walked: `blocks`, `events`, `tiles`, `chunks of the state`.
    pub what: &'static str,
    /// Items done.
    pub done: u64,
    /// Items there should be.
    pub total: u64,
}

impl Store {
    /// Reads everything and names every damaged item. Other reads and commits go on meanwhile; if the store is reopened,
    /// it begins anew.
    pub fn verify(&self, progress: &mut dyn FnMut(Progress)) -> Report {
        loop {
            let (opened, tree) = (self.times_opened(), self.tree());
            let report = walk(&|| self.snapshot(), Some(&tree), progress);
            if opened == self.times_opened() {
                return report;
            }
        }
    }
}

/// Begins to read.
type Snapshot<'s> = &'s dyn Fn() -> Result<ReadTransaction, StoreError>;

/// The walk over an open database. The engine may panic on pages that were changed under it, so
/// each table is walked under a guard.
pub(crate) fn walk(
    db: Snapshot<'_>,
    edge: Option<&Tree>,
    progress: &mut dyn FnMut(Progress),
) -> Report {
    let mut report = Report::default();
    let mut head = None;
    section(db, &mut report, "table meta", |txn, report| {
        head = check_meta(txn, report)?;
        Ok(())
    });
    let head = head;
    let mut walker = Walker { head: head.as_ref(), edge, progress };
    section(db, &mut report, "table blocks", |txn, report| walker.blocks(txn, report));
    section(db, &mut report, "table events", |txn, report| walker.events(txn, report));
    section(db, &mut report, "table tiles", |txn, report| walker.tiles(txn, report));
    section(db, &mut report, "table state", |txn, report| walker.state(txn, report));
    report
}

/// Runs `work`; an error of the engine or a panic in it becomes a finding.
pub(crate) fn guarded<T>(
    report: &mut Report,
    what: &str,
    work: impl FnOnce(&mut Report) -> Result<T, StoreError>,
) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(|| work(report))) {
        Ok(Ok(value)) => Some(value),
        Ok(Err(error)) => {
            report.add_error(what, error);
            None
        }
        Err(_) => {
            report.add(what, "its pages cannot be read");
            None
        }
    }
}

fn section(
    db: Snapshot<'_>,
    report: &mut Report,
    what: &str,
    work: impl FnOnce(&ReadTransaction, &mut Report) -> Result<(), StoreError>,
) {
    guarded(report, what, |report| work(&db()?, report));
}

fn check_meta(txn: &ReadTransaction, report: &mut Report) -> Result<Option<Head>, StoreError> {
    let mut names = txn.list_tables()?.map(|table| table.name().to_owned()).collect::<Vec<_>>();
    names.sort_unstable();
    // Stores of networks have an index besides.
    if names.iter().filter(|name| *name != heights::NAME).ne(row::TABLE_NAMES.iter()) {
        report.add("the list of tables", format!("it is `{}`", names.join(" ")));
    }
    let meta = txn.open_table(META)?;
    for item in meta.iter()? {
        let (name, value) = item?;
        let name = name.value();
        if let Err(problem) = row::open(Kind::Meta, name.as_bytes(), value.value()) {
            report.add(row::meta_name(name), problem);
        } else if name.starts_with(row::RESERVED) && ![META_FORMAT, META_HEAD].contains(&name) {
            report.add(row::meta_name(name), "nobody wrote it");
        }
    }
    match read_format(meta.get(META_FORMAT)?.map(|row| row.value().to_vec())) {
        Ok(Some(FORMAT_VERSION)) => {}
        Ok(_) => report.add(row::meta_name(META_FORMAT), "it is not a version this program knows"),
        // A wrong tag is already named above.
        Err(_) if meta.get(META_FORMAT)?.is_some() => {}
        Err(error) => report.add_error("meta store/format", error),
    }
    match head_in(txn) {
        Ok(head) => Ok(Some(head)),
        Err(error) => {
            if meta
                .get(META_HEAD)?
                .is_none_or(|row| row::open(Kind::Meta, META_HEAD.as_bytes(), row.value()).is_ok())
            {
                report.add_error("meta store/head", error);
            }
            Ok(None)
        }
    }
}

struct Walker<'w> {
    head: Option<&'w Head>,
    edge: Option<&'w Tree>,
    progress: &'w mut dyn FnMut(Progress),
}

impl Walker<'_> {
    fn tick(&mut self, what: &'static str, done: u64, total: u64) {
        if done.is_multiple_of(PROGRESS_EVERY) || done == total {
            (self.progress)(Progress { what, done, total });
        }
    }

    fn blocks(&mut self, txn: &ReadTransaction, report: &mut Report) -> Result<(), StoreError> {
        let bounds = self.head.map(|head| (head.first_height, head.next_height));
        let total = bounds.map_or(0, |(first, next)| next.saturating_sub(first));
        let mut expected = bounds.map(|(first, _)| first);
        let index = Index::of(txn)?;
        for item in txn.open_table(BLOCKS)?.iter()? {
            let (key, row) = item?;
            let height = key.value();
            missing(report, "block", expected, height);
            if bounds.is_some_and(|(first, next)| !(first..next).contains(&height)) {
                report.add(row::block_name(height), "it is outside the chain");
            }
            match (read::block_in(height, row.value()), &index) {
                (Err(error), _) => report.add_error("table blocks", error),
                (Ok(record), Some(index)) if !index.leads_to(&record.header, height)? => {
                    report.add(row::block_name(height), "the index of headers does not lead to it");
                }
                _ => {}
            }
            report.blocks = report.blocks.saturating_add(1);
            expected = expected.map(|_| height.saturating_add(1));
            self.tick("blocks", report.blocks, total);
        }
        missing(report, "block", expected, bounds.map_or(0, |(_, next)| next));
        let indexed = index.map_or(Ok(report.blocks), |index| index.len())?;
        if indexed != report.blocks {
            let problem = format!("it has {indexed} entries for {} blocks", report.blocks);
            report.add("the index of headers", problem);
        }
        Ok(())
    }

    /// Events against their tags, and against the lowest tiles they were hashed into.
    fn events(&mut self, txn: &ReadTransaction, report: &mut Report) -> Result<(), StoreError> {
        let size = self.head.map(|head| head.log_size);
        let tiles = txn.open_table(TILES)?;
        let mut expected = size.map(|_| 0);
        let mut tile: (u64, Option<Vec<Hash>>) = (u64::MAX, None);
        for item in txn.open_table(EVENTS)?.iter()? {
            let (key, row) = item?;
            let index = key.value();
            missing(report, "event", expected, index);
            expected = expected.map(|_| index.saturating_add(1));
            report.events = report.events.saturating_add(1);
            self.tick("events", report.events, size.unwrap_or(0));
            if size.is_some_and(|size| index >= size) {
                report.add(row::event_name(index), "it is beyond the log");
            }
            let event = match read::open_event(index, row.value()) {
                Ok(event) => event,
                Err(error) => {
                    report.add_error("table events", error);
                    continue;
                }
            };
            let number = index >> tree::TILE_HEIGHT;
            if tile.0 != number {
                tile = (number, self.lowest_tile(&tiles, number, size)?);
            }
            let place = usize::try_from(index & 0xff).unwrap_or(usize::MAX);
            let stored = tile.1.as_ref().and_then(|hashes| hashes.get(place));
            if stored.is_some_and(|stored| *stored != tree::leaf_hash(&event)) {
                let problem = format!("its hash is not the one in tile 0/{number}");
                report.add(row::event_name(index), problem);
            }
        }
        missing(report, "event", expected, size.unwrap_or(0));
        Ok(())
    }

    /// A level-0 tile if it is readable; damaged tiles are named when the tiles are walked.
    fn lowest_tile(
        &self,
        tiles: &redb::ReadOnlyTable<(u8, u64), &'static [u8]>,
        number: u64,
        size: Option<u64>,
    ) -> Result<Option<Vec<Hash>>, StoreError> {
        if let Some(edge) = self
            .edge
            .filter(|edge| Some(edge.size()) == size && number == full_tiles(edge.size(), 0))
        {
            return Ok(Some(edge.partial(0).to_vec()));
        }
        let row = tiles.get((0, number))?;
        Ok(row.and_then(|row| open_tile(0, number, row.value()).ok()))
    }

    /// Tiles against their tags, and each hash above level 0 against the tile below it.
    fn tiles(&mut self, txn: &ReadTransaction, report: &mut Report) -> Result<(), StoreError> {
        let size = self.head.map(|head| head.log_size);
        let expected = |level| size.map(|size| full_tiles(size, level));
        let total = (0..MAX_TILE_LEVELS).filter_map(expected).fold(0, u64::saturating_add);
        let table = txn.open_table(TILES)?;
        let mut next = [0_u64; MAX_TILE_LEVELS as usize];
        for item in table.iter()? {
            let (key, row) = item?;
            let (level, index) = key.value();
            report.tiles = report.tiles.saturating_add(1);
            self.tick("tiles", report.tiles, total);
            let Some(next) = next.get_mut(usize::from(level)) else {
                report.add(row::tile_name(level, index), "there is no such level");
                continue;
            };
            missing(report, &format!("tile {level}/"), expected(level).map(|_| *next), index);
            *next = index.saturating_add(1);
            if expected(level).is_some_and(|count| index >= count) {
                report.add(row::tile_name(level, index), "it is beyond the log");
            }
            match open_tile(level, index, row.value()) {
                Err(problem) => report.add(row::tile_name(level, index), problem),
                Ok(hashes) => check_children(&table, level, index, &hashes, report)?,
            }
        }
        for (level, next) in (0..MAX_TILE_LEVELS).zip(next) {
            if let Some(count) = expected(level) {
                missing(report, &format!("tile {level}/"), Some(next), count);
            }
        }
        Ok(())
    }

    /// Chunks against their tags, then the entries in them, if all chunks of the state are there.
    fn state(&mut self, txn: &ReadTransaction, report: &mut Report) -> Result<(), StoreError> {
        let mut chunks = txn.open_table(STATE)?;
        let runs = self.head.map_or(&[][..], |head| &head.runs);
        let total = runs.iter().fold(0, |sum: u64, run| sum.saturating_add(run.chunks.into()));
        let (mut done, mut damaged) = (0_u64, false);
        for run in runs {
            for chunk in 0..run.chunks {
                if let Err(error) = chunks.load(run.number, chunk) {
                    report.add_error("table state", error);
                    damaged = true;
                }
                done = done.saturating_add(1);
                self.tick("chunks of the state", done, total);
            }
        }
        for item in chunks.iter()? {
            let (key, row) = item?;
            let (run, chunk) = key.value();
            match runs.iter().find(|listed| listed.number == run) {
                Some(run) if chunk < run.chunks => continue,
                Some(_) => report.add(row::chunk_name(run, chunk), "it is beyond its run"),
                // What merges left; nobody needs it, but it is there.
                None => {}
            }
            if let Err(problem) = row::open(Kind::State, &row::chunk_key(run, chunk), row.value()) {
                report.add(row::chunk_name(run, chunk), problem);
            }
        }
        if damaged {
            return Ok(());
        }
        let mut merged = Merged::new(runs);
        while let Some(entry) = merged.next(&mut chunks)? {
            report.entries = report.entries.saturating_add(u64::from(entry.value().is_some()));
        }
        Ok(())
    }
}

fn check_children(
    table: &redb::ReadOnlyTable<(u8, u64), &'static [u8]>,
    level: u8,
    index: u64,
    hashes: &[Hash],
    report: &mut Report,
) -> Result<(), StoreError> {
    let Some(below) = level.checked_sub(1) else { return Ok(()) };
    let first = index.saturating_mul(TILE_WIDTH as u64);
    for (child, hash) in (first..).zip(hashes) {
        let Some(row) = table.get((below, child))? else { continue };
        let Ok(under) = open_tile(below, child, row.value()) else { continue };
        if tree::subtree_root(&under).as_ref() != Some(hash) {
            let problem = format!("it does not hash tile {below}/{child}");
            report.add(row::tile_name(level, index), problem);
        }
    }
    Ok(())
}

/// Names the items from `expected` up to `found` as missing.
fn missing(report: &mut Report, kind: &str, expected: Option<u64>, found: u64) {
    let Some(expected) = expected.filter(|expected| *expected < found) else { return };
    let space = if kind.ends_with('/') { "" } else { " " };
    let last = found.saturating_sub(1);
    if last == expected {
        report.add(format!("{kind}{space}{expected}"), "it is missing");
    } else {
        report.add(format!("{kind}{space}{expected} to {last}"), "they are missing");
    }
}
