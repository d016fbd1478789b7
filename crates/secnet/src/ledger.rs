//! What orders the commands of a folder: one sequencer, or the validators of a network. Whatever does, there is a chain beneath.

use std::sync::Arc;

use secnet_app::ports::Log;
use secnet_node::{Chain, ChainError, Link, Room, Solo};
use secnet_types::ValidatorKey;

/// The ledger of a folder.
pub(crate) trait Ledger: Log {
    /// The chain beneath.
    fn chain(&self) -> &Chain;

    /// The newest certified log as a C2SP checkpoint, with its size.
    ///
    /// # Errors
    /// Read-only, damage, or an empty chain.
    fn checkpoint(&self) -> Result<(u64, String), ChainError>;

    /// Go on in this room, with its reserve.
    fn move_to(&self, room: Box<dyn Room>);

    /// The validators that this one is connected to; none where there are no others.
    fn peers(&self) -> Vec<ValidatorKey>;

    /// The way to the other release nodes; none where there are no others.
    fn link(&self) -> Option<Arc<dyn Link>>;

    /// The validators that this one is told to keep apart from, on a machine where that can be tried; else none.
    fn apart(&self) -> Vec<ValidatorKey>;
}

impl Ledger for Solo {
    fn chain(&self) -> &Chain {
        self.chain()
    }

    fn checkpoint(&self) -> Result<(u64, String), ChainError> {
        self.chain().checkpoint()
    }

    fn move_to(&self, room: Box<dyn Room>) {
        self.move_to(room);
    }

    fn peers(&self) -> Vec<ValidatorKey> {
        Vec::new()
    }

    fn link(&self) -> Option<Arc<dyn Link>> {
        None
    }

    fn apart(&self) -> Vec<ValidatorKey> {
        Vec::new()
    }
}

/// A network's ledger keeps no reserve: a validator whose disk is full stops, and the others go on.
#[cfg(feature = "bft")]
impl Ledger for secnet_bft::Bft {
    fn chain(&self) -> &Chain {
        self.chain()
    }

    fn checkpoint(&self) -> Result<(u64, String), ChainError> {
        self.checkpoint()
    }

    fn move_to(&self, _: Box<dyn Room>) {}

    fn peers(&self) -> Vec<ValidatorKey> {
        self.peers()
    }

    fn link(&self) -> Option<Arc<dyn Link>> {
        Some(self.questions())
    }

    fn apart(&self) -> Vec<ValidatorKey> {
        self.apart()
    }
}
