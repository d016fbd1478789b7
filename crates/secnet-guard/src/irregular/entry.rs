//! What the watcher is told.

use secnet_types::{Event, MemberId, MemberKind, Operation};

/// How a member came in; it never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// What kind of member.
    pub kind: MemberKind,
    /// Who vouches for it.
    pub voucher: Option<MemberId>,
}

/// One event of the log, with what else the ledger has of it.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Its index in the log.
    pub index: u64,
    /// The event.
    pub event: &'a Event,
    /// What the command that caused it does. Only [`Watcher::wants_operation`](super::Watcher::wants_operation) asks for it.
    pub operation: Option<&'a Operation>,
}
