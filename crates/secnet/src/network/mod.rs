//! Folders of networks: how one begins, and how a node takes part.
//!
//! ```text
//! DIR/votes/         what this validator has voted for; a lock, while its node runs
//! DIR/peers          where the founders are reached, as it came with the genesis
//! ```

mod begin;
mod continuing;
mod local;
mod part;
mod parting;
mod peers;

pub(crate) use begin::{Card, Joins, card, data_centre, genesis, join, later_card, new_keys};
pub(crate) use continuing::{Past, genesis_after, ledgers_beside, take_keys};
pub(crate) use local::{How, Local, NodeHere, Wanted, ask_to_end};
pub(crate) use part::{Part, is_network, take_part};
pub(crate) use peers::{keep_list, list_beside, write_list};

/// The feature of this program that networks need.
const FEATURE: &str = "bft";

/// Was this program built to take part in networks?
pub(crate) fn require_feature() -> Result<(), crate::failure::Failure> {
    if cfg!(feature = "bft") {
        return Ok(());
    }
    Err(crate::failure::Failure::new(
        "needs-feature",
        format!("this program was built without the feature `{FEATURE}`, which networks need"),
    )
    .hint(format!("build it with `cargo build --release --features {FEATURE}`"))
    .exit(crate::failure::Exit::Usage))
}
