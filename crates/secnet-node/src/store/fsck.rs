//! The check of a folder that nobody has open, damaged or not. Changes nothing.

use std::fs::OpenOptions;
use std::path::Path;

use redb::backends::FileBackend;
use redb::{Database, DatabaseError, ReadableDatabase as _};

use super::head::{HEAD_FILE, Head, read_slots};
use super::open::{FORMAT_VERSION, STORE_FILE, builder, head_in, read_format};
use super::overlay::Overlay;
use super::row::{META, META_FORMAT};
use super::verify::{Progress, Report, guarded, walk};
use super::{Options, StoreError, files};

const FILE: &str = "the database file";

/// Checks the store in `dir` without changing a byte: the engine's page checksums, every value's
/// tag, the tree, and the head note. Damage is in the report, by name.
///
/// # Errors
/// Only if the check could not be made: [`StoreError::Missing`], [`StoreError::Locked`],
/// [`StoreError::NewerFormat`], or an input/output error.
pub fn fsck(
    dir: &Path,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, StoreError> {
    let (mut report, head) = check_file(&dir.join(STORE_FILE), options, progress)?;
    let note = files::read_if_present(&dir.join(HEAD_FILE))?.unwrap_or_default();
    let slots = read_slots(&note);
    for (number, slot) in slots.iter().enumerate() {
        if let Err(problem) = slot {
            report.add(format!("head note slot {number}"), *problem);
        }
    }
    let seen = slots.iter().filter_map(|slot| slot.ok().flatten()).max().unwrap_or(0);
    if let Some(head) = head.filter(|head| head.commit < seen) {
        let problem = format!("it ends at commit {}, but {seen} was acknowledged", head.commit);
        report.add(FILE, problem);
    }
    Ok(report)
}

/// Checks one database file; also returns where it ends, if that is readable.
pub(crate) fn check_file(
    path: &Path,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Report, Option<Head>), StoreError> {
    if !path.try_exists().map_err(files::failed("look at", path))? {
        let dir = path.parent().unwrap_or(path).to_path_buf();
        return Err(StoreError::Missing { dir });
    }
    let mut report = Report::default();
    if overlay(path)?.1 == 0 {
        report.add(FILE, "it is empty");
        return Ok((report, None));
    }
    // Two passes on two overlays: the engine's own check may fall back to an older commit, which
    // would hide from our walk the items that made it do so.
    check_pages(path, options, &mut report)?;
    let Some(db) = open(path, options, &mut report)? else { return Ok((report, None)) };
    if let Some(found) = newer_format(&db) {
        return Err(StoreError::NewerFormat { found, supported: FORMAT_VERSION });
    }
    let walked = walk(&|| Ok(db.begin_read()?), None, progress);
    for finding in walked.findings {
        report.add(finding.what, finding.problem);
    }
    report.blocks = walked.blocks;
    report.events = walked.events;
    report.entries = walked.entries;
    report.tiles = walked.tiles;
    report.more_findings = report.more_findings.saturating_add(walked.more_findings);
    let mut quiet = Report::default();
    let head = guarded(&mut quiet, FILE, |_| head_in(&db.begin_read()?));
    // Closing a damaged database may fail in the engine; nothing of it is kept anyway.
    guarded(&mut quiet, FILE, |_| {
        drop(db);
        Ok(())
    });
    Ok((report, head))
}

/// The format, if it is readable and newer than ours.
fn newer_format(db: &Database) -> Option<u32> {
    guarded(&mut Report::default(), FILE, |_| {
        let meta = db.begin_read()?.open_table(META)?;
        read_format(meta.get(META_FORMAT)?.map(|row| row.value().to_vec()))
    })
    .flatten()
    .filter(|found| *found > FORMAT_VERSION)
}

fn check_pages(path: &Path, options: &Options, report: &mut Report) -> Result<(), StoreError> {
    let Some(mut db) = open(path, options, report)? else { return Ok(()) };
    guarded(report, FILE, |report| {
        if !db.check_integrity()? {
            report.add(FILE, "pages do not match their checksums; the engine would repair it");
        }
        Ok(())
    });
    let mut quiet = Report::default();
    guarded(&mut quiet, FILE, |_| {
        drop(db);
        Ok(())
    });
    Ok(())
}

fn open(
    path: &Path,
    options: &Options,
    report: &mut Report,
) -> Result<Option<Database>, StoreError> {
    let (overlay, _) = overlay(path)?;
    let mut locked = false;
    let db = guarded(report, FILE, |_| match builder(options).create_with_backend(overlay) {
        Err(DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch) => {
            locked = true;
            Ok(None)
        }
        result => Ok(Some(result?)),
    });
    if locked {
        return Err(StoreError::Locked { dir: path.parent().unwrap_or(path).to_path_buf() });
    }
    Ok(db.flatten())
}

fn overlay(path: &Path) -> Result<(Overlay, u64), StoreError> {
    use redb::StorageBackend as _;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(files::failed("open", path))?;
    let base = FileBackend::new(file)?;
    let overlay = Overlay::new(base).map_err(files::failed("read", path))?;
    let len = overlay.len().map_err(files::failed("read", path))?;
    Ok((overlay, len))
}
