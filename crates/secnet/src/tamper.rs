//! For the demo: flip one bit on a copy and see that it is found, and named.

use std::path::{Path, PathBuf};

use secnet_app::ports::{Vault as _, VaultError};
use secnet_node::store::{STORE_FILE, fsck};
use secnet_node::store_options;
use secnet_vault::SegmentVault;

use crate::failure::Failure;
use crate::files;
use crate::node::{Node, ledger_failure};

/// Flip a bit in a copy of a segment. What the vault says, if it notices.
pub(crate) async fn segment(node: &Node, dir: &Path) -> Result<Option<String>, Failure> {
    let copy_dir = dir.join("tampered-vault");
    files::copy_tree(&dir.join("vault"), &copy_dir, &[])?;
    let copy = SegmentVault::local(&copy_dir)
        .map_err(|error| Failure::new("vault", "cannot open the copy").because(&error))?;
    let addresses =
        node.vault.list().await.map_err(|error| Failure::new("vault", error.to_string()))?;
    let mut said = None;
    if let Some(address) = addresses.first() {
        let name = address.to_string();
        let hex = name.strip_prefix("b3:").unwrap_or(&name).to_owned();
        // The table beside it has the same name, and is made anew when it is damaged.
        let file = find(&copy_dir.join("segments"), &hex)
            .ok_or_else(|| Failure::new("demo", "the copied segment is not there"))?;
        flip(&file, 3)?;
        if let Err(VaultError::Quarantined(address)) = copy.get_segment(*address, 0..1).await {
            said = Some(format!(
                "segment {}... does not match its address and is quarantined",
                short(&address.to_string())
            ));
        }
    }
    remove(&copy_dir)?;
    Ok(said)
}

/// Flip a bit in a copy of the ledger's file, inside an event that is known to be there. What the check says.
pub(crate) fn ledger(node: &Node, dir: &Path) -> Result<Option<String>, Failure> {
    let copy_dir = dir.join("tampered-ledger");
    files::make_private_dir(&copy_dir)?;
    let store = node.ledger.chain().store();
    store.backup(&copy_dir.join("ledger")).map_err(|error| ledger_failure(&error))?;
    let event = store.event(0).map_err(|error| ledger_failure(&error))?;
    let file = copy_dir.join("ledger").join(STORE_FILE);
    let bytes = std::fs::read(&file).map_err(|error| Failure::io("read", &file, &error))?;
    let mut said = None;
    let places = bytes.windows(event.len()).enumerate().filter(|(_, window)| *window == event);
    for (at, _) in places {
        flip(&file, at)?;
        let report = fsck(&copy_dir.join("ledger"), &store_options(false), &mut |_| {})
            .map_err(|error| ledger_failure(&error))?;
        // The engine's own checksum fails too; the finding that names the event is the useful one.
        let named = report.findings.iter().find(|finding| finding.what.starts_with("event"));
        said = named.map(|finding| format!("the check says `{finding}`"));
        if said.is_some() {
            break;
        }
        // A page that was freed may hold an older copy, which nobody reads.
        flip(&file, at)?;
    }
    remove(&copy_dir)?;
    Ok(said)
}

fn short(text: &str) -> &str {
    text.get(..14).unwrap_or(text)
}

fn flip(file: &Path, at: usize) -> Result<(), Failure> {
    let mut bytes = std::fs::read(file).map_err(|error| Failure::io("read", file, &error))?;
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1;
    }
    std::fs::write(file, bytes).map_err(|error| Failure::io("write", file, &error))
}

fn find(dir: &Path, part: &str) -> Option<PathBuf> {
    for entry in std::fs::read_dir(dir).ok()? {
        let path = entry.ok()?.path();
        if path.is_dir() {
            if let Some(found) = find(&path, part) {
                return Some(found);
            }
        } else if path.to_string_lossy().replace('/', "").contains(part) {
            return Some(path);
        }
    }
    None
}

fn remove(dir: &Path) -> Result<(), Failure> {
    std::fs::remove_dir_all(dir).map_err(|error| Failure::io("remove", dir, &error))
}
