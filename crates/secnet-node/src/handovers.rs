//! What leads from a network's genesis to the validators of any later epoch, out of the ledger itself.

use secnet_types::{Certificate, Digest, Epochs, Handover, Header, SealedHeader};

use crate::chain::Chain;
use crate::chain_error::ChainError;
use crate::store::proof;

impl Chain {
    /// The epochs whose blocks can follow: each one's last block before it is durable here.
    ///
    /// # Errors
    /// A block is damaged.
    pub fn epochs(&self) -> Result<Epochs, ChainError> {
        let mut epochs = Epochs::of(&self.genesis);
        let (height, set): (u64, Vec<_>) = {
            let executor = self.executor();
            let set = executor.state().epochs().map(|(_, epoch)| epoch.clone()).collect();
            (executor.height(), set)
        };
        for epoch in
            set.into_iter().skip(1).take_while(|epoch| epoch.first <= height.saturating_add(1))
        {
            let last = epoch.first.saturating_sub(1);
            let (block, _) = self.block(last)?.ok_or(ChainError::Empty)?;
            epochs.extend_executed(epoch.above(block.header.digest()));
        }
        Ok(epochs)
    }

    /// Proof of each change of validators from this epoch on, oldest first.
    ///
    /// # Errors
    /// A block or the log is damaged.
    pub fn handovers_from(&self, epoch: u64) -> Result<Vec<Handover>, ChainError> {
        let known = self.handovers()?;
        Ok(known.into_iter().skip(usize::try_from(epoch).unwrap_or(usize::MAX)).collect())
    }

    /// A certified header with what leads to those who certified it.
    pub(crate) fn sealed(
        &self,
        header: Header,
        certificate: Certificate,
    ) -> Result<SealedHeader, ChainError> {
        let mut handovers = if header.epoch == 0 { Vec::new() } else { self.handovers()? };
        handovers.truncate(usize::try_from(header.epoch).unwrap_or(usize::MAX));
        let handovers = (!handovers.is_empty()).then_some(handovers);
        Ok(SealedHeader { header, certificate, handovers })
    }

    /// All there are. They never change, so each is made once.
    fn handovers(&self) -> Result<Vec<Handover>, ChainError> {
        let mut made = self.handovers.lock();
        let (height, wanted): (u64, Vec<(u64, u64)>) = {
            let executor = self.executor();
            let set = executor.state().epochs().skip(made.len().saturating_add(1));
            let wanted =
                set.map(|(_, epoch)| (epoch.first.saturating_sub(1), epoch.event)).collect();
            (executor.height(), wanted)
        };
        for (last, event) in wanted.into_iter().take_while(|(last, _)| *last <= height) {
            made.push(self.handover(last, event)?);
        }
        Ok(made.clone())
    }

    fn handover(&self, last: u64, index: u64) -> Result<Handover, ChainError> {
        let (block, certificate) = self.block(last)?.ok_or(ChainError::Empty)?;
        let certificate = certificate.ok_or(ChainError::Uncertified(last))?;
        let (event, _) = self.event(index)?;
        let mut nodes = self.store().nodes()?;
        let path =
            proof::inclusion(index, block.header.log_size, |level, at| nodes.node(level, at))?;
        // INVARIANT: the nodes were set well below the last block of their epoch, whose header covers that.
        let path = path.ok_or(ChainError::NotCovered(index))?;
        let path = path.into_iter().map(Digest).collect();
        Ok(Handover { event, index, path, header: block.header, certificate })
    }
}
