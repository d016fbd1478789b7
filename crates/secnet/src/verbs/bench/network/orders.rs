//! What the process that measures tells those that are nodes, one line each, and is answered in one line each.

use serde::{Deserialize, Serialize};

/// Kinds of commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    Issue,
    Register,
    Grant,
    Decide,
    Revoke,
}

/// What a node is to do.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum Order {
    /// Sign so many commands of a kind: these numbers, each so far from the one before.
    Sign { kind: Kind, first: u64, step: u64, count: u64 },
    /// Hand in what was signed, each by one of so many callers when that one's last was answered.
    Closed { callers: usize },
    /// Hand in what was signed, so many a second.
    Open { rate: f64 },
    /// Hand in one command and wait for its receipt.
    Lone { kind: Kind, number: u64 },
    /// Begin to watch the grant of this number.
    Watch { number: u64 },
    /// When was the watched grant of no use any more?
    Refused,
    /// Where the node stands and what it uses.
    Look,
}

/// What a node process is made of.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    pub seed: [u8; 32],
    /// When the network began, in milliseconds since the epoch.
    pub begun_ms: u64,
    /// Which node this is.
    pub index: usize,
    pub ports: Vec<u16>,
    /// Does it vote?
    pub votes: bool,
}

/// In the folder of a node: its ledger, its engine's files.
pub(super) const LEDGER: &str = "ledger";
pub(super) const VOTES: &str = "votes";
/// The plan's file in the folder of a node.
pub(super) const PLAN: &str = "plan.json";

/// What became of commands that were handed in.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Sent {
    /// From when the first was handed in, in microseconds since the epoch, to when the last was answered.
    pub from_us: u64,
    pub to_us: u64,
    /// Of those that were committed: from when they were handed in or due.
    pub micros: Vec<u32>,
    /// Those that were not, and why one was not.
    pub refused: u64,
    pub why: Option<String>,
}

/// A lone command.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Answered {
    /// When it was handed in, durable, and covered by a final header, in microseconds since the epoch.
    pub from_us: u64,
    pub durable_us: u64,
    pub receipt_us: u64,
}

/// Where a node stands.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Seen {
    pub height: u64,
    /// Of the last block, with its certificate, as it is stored.
    pub block_bytes: u64,
    pub resident_mib: f64,
    /// Of processor time.
    pub busy_s: f64,
    /// Over the network, as the engine counts them.
    pub sent_bytes: u64,
    /// To the disk, as the system counts them.
    pub written_bytes: u64,
    /// Height of the ledger that it took over from another node, if it did.
    pub arrived: Option<u64>,
}
