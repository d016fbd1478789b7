//! Nodes of a network on this machine that do not reach each other: each is told so in its folder, and does it.
//!
//! ```text
//! DIR/node-N/votes/apart    the validators that this node keeps apart from, an id on each line
//! ```

use std::collections::BTreeSet;
use std::path::PathBuf;

use secnet_types::MemberId;

use super::local::{Local, NodeHere};
use super::part::VOTES;
use crate::failure::Failure;
use crate::files;

/// The node looks at it all the time while it runs.
const APART: &str = "apart";
/// Longest file that is read, in bytes.
const MAX_APART_BYTES: u64 = 64 * 1024;

impl Local {
    /// Those on this side and the others no longer reach each other, also when they are started again. What was in force
    /// before no longer is.
    pub(crate) fn part(&self, one_side: &BTreeSet<usize>) -> Result<(), Failure> {
        for node in &self.nodes {
            let here = one_side.contains(&node.number);
            let there = self.nodes.iter().filter(|other| one_side.contains(&other.number) != here);
            let ids = there.map(NodeHere::validator).collect::<Result<Vec<_>, _>>()?;
            let lines: String = ids.iter().map(|id| format!("{id}\n")).collect();
            files::write_private(&node.apart_file(), lines.as_bytes())?;
        }
        Ok(())
    }

    /// All reach each other again. Had some not?
    pub(crate) fn heal(&self) -> Result<bool, Failure> {
        let mut were_apart = false;
        for node in &self.nodes {
            were_apart |= !node.apart()?.is_empty();
            let file = node.apart_file();
            if file.exists() {
                files::remove(&file)?;
            }
        }
        Ok(were_apart)
    }
}

impl NodeHere {
    /// The validators that it is told to keep apart from, in the order of the file.
    pub(crate) fn apart(&self) -> Result<Vec<String>, Failure> {
        let file = files::read_if_present(&self.apart_file(), MAX_APART_BYTES)?;
        let text = file.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(text.unwrap_or_default().lines().map(str::to_owned).collect())
    }

    fn apart_file(&self) -> PathBuf {
        self.dir.join(VOTES).join(APART)
    }

    /// Its own among the nodes that its configuration lists.
    pub(crate) fn validator(&self) -> Result<MemberId, Failure> {
        let network = self.settings.network.as_ref();
        let listed = network.and_then(|network| {
            network.peers.iter().find(|(_, address)| *address == network.listen)
        });
        listed.map(|(id, _)| *id).ok_or_else(|| {
            let said = format!("the configuration of node {} does not list that node", self.number);
            Failure::new("missing-peer", said)
                .hint("`network.peers` lists each validator of the genesis with its address")
        })
    }
}
