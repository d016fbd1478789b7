//! What was kept of a ledger: checkpoints and receipts that a folder must agree with.

use std::path::Path;

use secnet_node::store::Store;
use secnet_node::{Against, Disagreement, agrees};
use secnet_types::{Receipt, limits};

use crate::failure::{Exit, Failure};
use crate::files;
use crate::network::is_network;

/// Longest checkpoint, in bytes.
pub(crate) const MAX_CHECKPOINT_BYTES: u64 = 64 * 1024;

/// A checkpoint or a receipt in a file: the first is text, the second is not.
pub(crate) fn read(file: &Path) -> Result<Against, Failure> {
    let bytes = files::read(file, limits::MAX_RECEIPT_BYTES as u64)?;
    match String::from_utf8(bytes.to_vec()) {
        Ok(note) => Ok(Against::Checkpoint(note)),
        Err(binary) => Receipt::parse(binary.as_bytes())
            .map(|r| Against::Receipt(Box::new(r)))
            .map_err(|error| {
                let said = format!("`{}` is neither a checkpoint nor a receipt", file.display());
                Failure::new(error.code(), said)
                    .because(&error)
                    .hint("`secnet receipt save` and DIR/log/checkpoint make such files")
                    .exit(Exit::Verification)
            }),
    }
}

/// The checkpoint that a data folder publishes.
pub(crate) fn published(dir: &Path) -> Result<String, Failure> {
    let file = dir.join("log").join("checkpoint");
    files::read_text(&file, MAX_CHECKPOINT_BYTES).map(|text| (*text).clone())
}

/// Does the ledger hold what its folder has published? A validator may lack some of it: it gets that from the others.
pub(crate) fn holds_published(dir: &Path, store: &Store) -> Result<(), Disagreement> {
    // A log that is not there, or not readable, is `secnet fsck`'s to name.
    let Ok(note) = published(dir) else { return Ok(()) };
    match agrees(store, &Against::Checkpoint(note)) {
        Err(problem) if problem.is_behind() && is_network(store).unwrap_or_default() => Ok(()),
        compared => compared,
    }
}
