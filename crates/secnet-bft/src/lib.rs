//! The ledger of a network: blocks that validators agree on with Commonware Simplex, over the executor, store, block and
//! receipt forms that a solo ledger has.
//!
//! Owns what is between the engine and the ledger: which commands wait ([`Mempool`]), what a proposed block holds and when
//! one is voted for (`application`), how a final block becomes durable (`apply`), and which commands validators tell each
//! other of (`gossip`). Refuses to know what agreement is: that is the engine's, unchanged.
//!
//! [`node::start`] is one node, over any runtime and network of the engine: the tests run four of them in one
//! deterministic simulation. [`Bft`] is the same node over TCP, behind the flow's `Log` port.
//!
//! Not built: closing a network, pruning, a store without room.

mod apart;
mod application;
mod apply;
mod archive;
mod block;
mod cosigning;
mod epochs;
mod gossip;
mod handing;
mod ledger;
pub mod limits;
mod log;
mod meet;
mod mempool;
pub mod node;
mod path;
mod peers;
mod questions;
mod snapshots;
#[cfg(test)]
mod testing;
mod votes;

pub use block::{BlockLimits, NetworkBlock};
pub use epochs::KnownEpochs;
pub use ledger::{Ledger, Trouble};
pub use log::{Address, Bft, Settings, StartError};
pub use mempool::{Mempool, PoolError};
pub use questions::{Counter, Desk, Questions};
pub use snapshots::Behind;
pub use votes::begin as begin_to_vote;
