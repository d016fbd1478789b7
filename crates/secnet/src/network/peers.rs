//! Where the founders of a network are reached: the genesis does not say it, so a list goes round with it.
//!
//! Nobody has to believe the list. Nodes show each other the keys that genesis and ledger name; a wrong address is one where nobody
//! with that key is found. What a node's own configuration says counts more.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use secnet_types::{MemberId, limits};

use super::begin::Card;
use super::continuing::beside;
use crate::config::peer;
use crate::failure::{Exit, Failure};
use crate::files;

/// The list, in a data folder.
const KEPT: &str = "peers";
/// Longest list, in bytes: a line of at most 160 for each node that a network can have.
const MAX_LIST_BYTES: u64 = 160 * (limits::MAX_VALIDATORS + limits::MAX_FOLLOWERS) as u64;

/// Where the list is that goes with this genesis.
pub(crate) fn list_beside(genesis: &Path) -> PathBuf {
    beside(genesis, "peers")
}

/// Write the list of these founders, to go with the genesis.
pub(crate) fn write_list(genesis: &Path, cards: &[Card]) -> Result<(), Failure> {
    let lines = cards.iter().map(|card| format!("{}@{}\n", card.validator, card.address));
    files::write_private(&list_beside(genesis), lines.collect::<String>().as_bytes())
}

/// Keep the list that came with this genesis, if one did.
pub(crate) fn keep_list(dir: &Path, genesis: &Path) -> Result<bool, Failure> {
    let from = list_beside(genesis);
    if !from.exists() {
        return Ok(false);
    }
    let text = files::read_text(&from, MAX_LIST_BYTES)?;
    parse(&from, &text)?;
    files::write_private(&dir.join(KEPT), text.as_bytes())?;
    Ok(true)
}

/// The list that is kept in this folder.
pub(super) fn kept_list(dir: &Path) -> Result<Vec<(MemberId, SocketAddr)>, Failure> {
    let file = dir.join(KEPT);
    if !file.exists() {
        return Ok(Vec::new());
    }
    parse(&file, &files::read_text(&file, MAX_LIST_BYTES)?)
}

fn parse(file: &Path, text: &str) -> Result<Vec<(MemberId, SocketAddr)>, Failure> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let read = |line: &str| {
        peer(line).ok_or_else(|| {
            let (file, line) = (file.display(), line.escape_debug());
            let said = format!("`{file}` has the line `{line}`, which is no node with its address");
            Failure::new("bad-peers", said)
                .hint("each line is a node's id, `@`, its IP address and port; get the file again from whoever made the genesis, or remove it and list them as `network.peers`")
                .exit(Exit::Usage)
        })
    };
    lines.map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_came_with_a_genesis_is_kept_and_read_and_another_one_is_not() {
        let place = tempfile::tempdir().unwrap();
        let genesis = place.path().join("g.cbor");
        assert!(!keep_list(place.path(), &genesis).unwrap());
        assert_eq!(kept_list(place.path()).unwrap(), []);
        let id = MemberId([1; 32]);
        std::fs::write(list_beside(&genesis), format!("{id}@10.0.0.1:8430\n\n")).unwrap();
        assert!(keep_list(place.path(), &genesis).unwrap());
        let read = kept_list(place.path()).unwrap();
        assert_eq!(read, [(id, "10.0.0.1:8430".parse().unwrap())]);
        std::fs::write(list_beside(&genesis), "somebody, somewhere\n").unwrap();
        assert_eq!(keep_list(place.path(), &genesis).unwrap_err().code, "bad-peers");
        assert_eq!(kept_list(place.path()).unwrap(), read, "what was kept stays");
    }
}
