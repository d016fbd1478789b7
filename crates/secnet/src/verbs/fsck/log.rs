//! The published log.

use std::path::Path;

use secnet_node::store::{Exporter, Store};

use super::Findings;
use crate::evidence::MAX_CHECKPOINT_BYTES;
use crate::failure::Failure;
use crate::files;

/// The plain files of the published log are those that the store would publish for the same checkpoint. They are made
/// again, aside: comparing with what was never written by the same hand would say nothing.
pub(super) fn published(dir: &Path, store: &Store, findings: &mut Findings) -> Result<(), Failure> {
    let log = dir.join("log");
    let Ok(checkpoint) = files::read(&log.join("checkpoint"), MAX_CHECKPOINT_BYTES) else {
        return Ok(());
    };
    // The second line of a checkpoint is the size of the log.
    let size =
        core::str::from_utf8(&checkpoint).ok().and_then(|text| text.lines().nth(1)?.parse().ok());
    let Some(size) = size else {
        findings.add("log", "checkpoint", "it is not a checkpoint");
        return Ok(());
    };
    let aside = tempfile::tempdir().map_err(|error| {
        Failure::new("io", "cannot make a folder to compare with").because(&error)
    })?;
    if let Err(error) = Exporter::new(store, aside.path()).export_all(size, &checkpoint) {
        findings.add("log", "checkpoint", error);
        return Ok(());
    }
    compare(&log, aside.path(), Path::new(""), findings)
}

/// Every file that should be there is, with the same bytes; a narrower partial tile of former times begins a wider one.
fn compare(log: &Path, right: &Path, below: &Path, findings: &mut Findings) -> Result<(), Failure> {
    let failed = |path: &Path, error: &std::io::Error| Failure::io("read", path, error);
    let folder = right.join(below);
    for entry in std::fs::read_dir(&folder).map_err(|error| failed(&folder, &error))? {
        let name = below.join(entry.map_err(|error| failed(&folder, &error))?.file_name());
        if right.join(&name).is_dir() {
            compare(log, right, &name, findings)?;
            continue;
        }
        let expected =
            std::fs::read(right.join(&name)).map_err(|error| failed(&right.join(&name), &error))?;
        match std::fs::read(log.join(&name)) {
            Ok(bytes) if bytes == expected => {}
            Ok(_) => findings.add("log", name.display().to_string(), "it differs from the ledger"),
            Err(error) => findings.add("log", name.display().to_string(), error),
        }
        if below.extension().is_some_and(|suffix| suffix == "p") {
            narrower(log, below, &expected, findings);
        }
    }
    Ok(())
}

fn narrower(log: &Path, below: &Path, widest: &[u8], findings: &mut Findings) {
    for entry in std::fs::read_dir(log.join(below)).into_iter().flatten().flatten() {
        let name = below.join(entry.file_name());
        // A publication that was cut off leaves files aside, and tiles wider than its checkpoint: neither is published.
        if name.extension().is_some_and(|kind| kind == "new") {
            continue;
        }
        let begins = std::fs::read(entry.path())
            .is_ok_and(|bytes| widest.starts_with(&bytes) || bytes.starts_with(widest));
        let what = name.display().to_string();
        if !begins && !findings.found.iter().any(|found| found.what == what) {
            findings.add("log", what, "it differs from the ledger");
        }
    }
}
