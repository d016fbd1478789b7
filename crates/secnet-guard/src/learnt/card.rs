//! The evidence for a learnt model: counts, digests and bounds, all of them whole numbers.

use minicbor::{Decode, Encode};
use secnet_types::{Digest, Timestamp};

/// What stands for a model. It is part of its file, and so of its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LearntCard {
    /// When it was learnt.
    #[n(0)]
    pub at: Timestamp,
    /// From what.
    #[n(1)]
    pub from: LearntFrom,
    /// What it does to the newest requests, which it was not learnt from.
    #[n(2)]
    pub held_back: HeldBack,
    /// What it would have done in the own past.
    #[n(3)]
    pub past: OwnPast,
}

/// What a model was learnt from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LearntFrom {
    /// Of the table: inputs and labels, held-back rows included.
    #[n(0)]
    pub data: Digest,
    /// Requests, held-back ones included.
    #[n(1)]
    pub requests: u32,
    /// Misuse among them.
    #[n(2)]
    pub misuse: u32,
    /// Said to be no misuse.
    #[n(3)]
    pub said_fine: u32,
    /// They went ahead, and nobody said anything.
    #[n(4)]
    pub presumed_fine: u32,
    /// The oldest.
    #[n(5)]
    pub oldest: Timestamp,
    /// The newest.
    #[n(6)]
    pub newest: Timestamp,
}

/// Counted on the newest requests of each kind. Bounds are in basis points, 95 %, as if requests were independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct HeldBack {
    /// The oldest misuse that was held back.
    #[n(0)]
    pub misuse_since: Timestamp,
    /// The oldest other request that was.
    #[n(1)]
    pub others_since: Timestamp,
    /// Misuse that it would hold.
    #[n(2)]
    pub hits: u32,
    /// Misuse that it would not.
    #[n(3)]
    pub misses: u32,
    /// Others that it would hold.
    #[n(4)]
    pub false_alarms: u32,
    /// Others that it would not.
    #[n(5)]
    pub passes: u32,
    /// Precision: lower and upper end.
    #[n(6)]
    pub precision: (u16, u16),
    /// Recall.
    #[n(7)]
    pub recall: (u16, u16),
    /// Share of the others that it would hold.
    #[n(8)]
    pub false_positive_rate: (u16, u16),
}

/// What it would have done to requests that went ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct OwnPast {
    /// In so many days.
    #[n(0)]
    pub days: u32,
    /// So many went ahead.
    #[n(1)]
    pub requests: u32,
    /// So many it would have held.
    #[n(2)]
    pub would_hold: u32,
    /// Of these so many were objected to.
    #[n(3)]
    pub objected_to: u32,
    /// By so many requesters.
    #[n(4)]
    pub requesters: u32,
}
