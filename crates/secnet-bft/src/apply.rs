//! Final blocks become durable, one after the other; only then the engine is told that they are.

use std::sync::Arc;

use commonware_codec::Encode as _;
use commonware_consensus::marshal::{Identifier, core::Mailbox, standard::Standard};
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::types::Height;
use secnet_types::{Certificate, SIMPLEX_ED25519};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::application::Final;
use crate::block::NetworkBlock;
use crate::ledger::{Ledger, Trouble};

pub(crate) type Marshal = Mailbox<Scheme, Standard<NetworkBlock>>;

/// Apply what the engine delivers, in order and at least once, until it ends or something fails. After a failure nothing
/// is acknowledged any more, so that the engine stops and delivers again after a restart.
pub(crate) async fn run(
    ledger: Arc<Ledger>,
    mut finals: UnboundedReceiver<Final>,
    marshal: Marshal,
) {
    while let Some((block, done)) = finals.recv().await {
        if let Err(trouble) = apply_up_to(&ledger, block.inner(), &marshal).await {
            tracing::error!(%trouble, "the ledger stops");
            ledger.fail(trouble);
            return;
        }
        commonware_utils::Acknowledgement::acknowledge(done);
    }
}

/// Blocks that the engine delivered to a store which has been lost since come from the engine's own archive.
async fn apply_up_to(
    ledger: &Ledger,
    block: &NetworkBlock,
    marshal: &Marshal,
) -> Result<(), Trouble> {
    let height = block.header().height;
    loop {
        let next = ledger.tip().0.saturating_add(1);
        if next >= height {
            break;
        }
        let missing = marshal.get_block(Identifier::Height(Height::new(next))).await;
        let missing = missing.ok_or_else(|| Trouble {
            height: next,
            why: "neither the store nor the engine's archive holds it; empty the engine's folder"
                .into(),
        })?;
        apply(ledger, missing.inner(), marshal).await?;
    }
    apply(ledger, block, marshal).await
}

async fn apply(ledger: &Ledger, block: &NetworkBlock, marshal: &Marshal) -> Result<(), Trouble> {
    // A block that became final with one above it has no certificate of its own.
    let finalization = marshal.get_finalization(Height::new(block.header().height)).await;
    let certificate = finalization
        .filter(|found| found.proposal.payload.0 == block.header_digest().0)
        .map(|found| found.encode().to_vec())
        .map(|bytes| Certificate::Quorum { scheme: SIMPLEX_ED25519, bytes });
    ledger.apply(block, certificate)
}
