//! What a signature is for. A signature made under one namespace verifies under no other.

/// The external associated data of each kind of COSE_Sign1. Changing one is a new format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Namespace {
    /// A ledger command.
    Command,
    /// An access request inside a decision.
    Request,
    /// A member's own card, inside the command that admits it.
    Card,
    /// A new key's consent to replace an old one.
    Rotation,
    /// A governor's approval of a proposal.
    Governance,
    /// A block header, by the solo sequencer.
    Header,
    /// What somebody says of a recorded decision, for the data centre that made it.
    Feedback,
    /// Whose node a validator is.
    Node,
    /// Where a data centre's door is.
    Door,
    /// What a hospital says of who looks after whom, for its own data centre.
    Relations,
    /// An owner's word that another data centre takes a copy of a dataset.
    Move,
    /// A data centre's word that it has all of a dataset.
    Arrival,
}

impl Namespace {
    /// The bytes that go into the signature.
    #[must_use]
    pub const fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::Command => b"secnet/command/v1",
            Self::Request => b"secnet/request/v1",
            Self::Card => b"secnet/card/v1",
            Self::Rotation => b"secnet/rotation/v1",
            Self::Governance => b"secnet/governance/v1",
            Self::Header => b"secnet/header/v1",
            Self::Feedback => b"secnet/feedback/v1",
            Self::Node => b"secnet/node/v1",
            Self::Door => b"secnet/door/v1",
            Self::Relations => b"secnet/relations/v1",
            Self::Move => b"secnet/move/v1",
            Self::Arrival => b"secnet/arrival/v1",
        }
    }
}
