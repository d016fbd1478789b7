//! Final blocks become durable, one after the other; only then the engine is told that they are.

use std::sync::Arc;

use commonware_codec::Encode as _;
use commonware_consensus::marshal::{core::Mailbox, standard::Standard};
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::types::Height;
use commonware_cryptography::Digested;
use commonware_utils::Acknowledgement;
use secnet_types::{Certificate, SIMPLEX_ED25519};
use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver};

use crate::application::Final;
use crate::block::NetworkBlock;
use crate::epochs::KnownEpochs;
use crate::ledger::{FinalisedBlock, Ledger, Trouble};
use crate::limits::{MAX_APPLIED_AT_ONCE, MAX_APPLIED_BYTES};

pub(crate) type Marshal = Mailbox<Scheme, Standard<NetworkBlock>>;

/// Check the signatures of what the engine delivers while the blocks before are being applied.
pub(crate) async fn check_ahead(
    ledger: Arc<Ledger>,
    mut finals: UnboundedReceiver<Final>,
    checked: Sender<Final>,
) {
    while let Some(delivered) = finals.recv().await {
        // A block that does not hold is found out when it is applied; one that is durable was checked before it was.
        if delivered.0.inner().header().height > ledger.durable() {
            drop(ledger.check(delivered.0.inner()));
        }
        if checked.send(delivered).await.is_err() {
            return;
        }
    }
}

/// Apply what the engine delivers, in order and at least once, until it ends or something fails. What is durable already is
/// acknowledged again and left alone; what has been delivered meanwhile becomes durable together. After a failure nothing is acknowledged any more, so that the engine stops and
/// delivers again after a restart.
pub(crate) async fn run(
    (ledger, epochs): (Arc<Ledger>, KnownEpochs),
    mut finals: Receiver<Final>,
    marshal: Marshal,
) {
    while let Some((block, done)) = finals.recv().await {
        if block.inner().header().height <= ledger.durable() {
            done.acknowledge();
            continue;
        }
        let mut bytes = size_of(block.inner());
        let (mut blocks, mut acknowledgements) = (vec![block], vec![done]);
        while bytes < MAX_APPLIED_BYTES && blocks.len() < MAX_APPLIED_AT_ONCE {
            let Ok((block, done)) = finals.try_recv() else { break };
            bytes = bytes.saturating_add(size_of(block.inner()));
            blocks.push(block);
            acknowledgements.push(done);
        }
        if let Err(trouble) = apply_all((&ledger, &epochs), blocks, &marshal).await {
            tracing::error!(%trouble, "the ledger stops");
            ledger.fail(trouble);
            return;
        }
        acknowledgements.into_iter().for_each(Acknowledgement::acknowledge);
    }
}

fn size_of(block: &NetworkBlock) -> usize {
    block.commands().iter().map(bytes::Bytes::len).sum()
}

async fn apply_all(
    (ledger, epochs): (&Ledger, &KnownEpochs),
    blocks: Vec<Digested<NetworkBlock>>,
    marshal: &Marshal,
) -> Result<(), Trouble> {
    let mut finals = Vec::with_capacity(blocks.len());
    for block in &blocks {
        finals.push(certified(block.inner(), epochs, marshal).await);
    }
    ledger.apply(&finals)?;
    let height = ledger.tip().0;
    epochs.follow(ledger.chain()).map_err(|error| Trouble { height, why: error.to_string() })
}

async fn certified(
    block: &NetworkBlock,
    epochs: &KnownEpochs,
    marshal: &Marshal,
) -> FinalisedBlock {
    // A block that became final with one above it has no certificate of its own.
    let finalization = marshal.get_finalization(Height::new(block.header().height)).await;
    let certificate = finalization
        .filter(|found| found.proposal.payload.0 == block.header_digest().0)
        .map(|found| found.encode().to_vec())
        .map(|bytes| Certificate::Quorum { scheme: SIMPLEX_ED25519, bytes });
    // The last block before other validators was certified by itself; whoever told of them has shown how.
    let certificate = certificate.or_else(|| epochs.certificate_of(block.header()));
    (block.clone(), certificate)
}
