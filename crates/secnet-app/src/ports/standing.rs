//! How a ledger is, and why nothing may be released on it.

/// How a ledger is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// What is wrong, if anything is. Nothing is released meanwhile.
    pub trouble: Option<Trouble>,
    /// Bytes that can still be written besides the reserve, if that is known.
    pub free: Option<u64>,
    /// Bytes kept for what is ordered when there is no room otherwise.
    pub reserve: u64,
}

impl Standing {
    /// Is there room only for what takes something away?
    #[must_use]
    pub fn lacks_room(&self) -> bool {
        matches!(self.trouble, Some(Trouble::NoRoom))
    }
}

/// Why a ledger orders nothing, or not everything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The disk is full, or nearly: only commands are ordered that take something away.
    #[error(
        "the disk is full: no data is released, and only what ends rights or destroys data is taken until there is room"
    )]
    NoRoom,
    /// It cannot write.
    #[error("the ledger cannot write, so nothing is released: {0}")]
    Failing(String),
}

/// Why a ledger's view counts as too old for any release, whatever its last block says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unaged {
    /// The disk is full, or nearly.
    #[error("the data centre's disk is full, or nearly")]
    NoRoom,
    /// It cannot be written.
    #[error("the ledger cannot be written")]
    Failing,
    /// The clock here is behind the network's: by it, old blocks would pass for new.
    #[error(
        "the data centre's clock is behind the network's, so that it cannot tell how old the ledger is"
    )]
    ClockBehind,
    /// No block of the network has come since the start.
    #[error("no block of the network has come since the data centre was started")]
    Unheard,
}
