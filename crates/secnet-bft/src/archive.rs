//! What the engine looks up and keeps of final blocks is the ledger: here each block is on the disk once. In memory is only what is
//! final and not yet durable.
//!
//! The engine takes what it has put here to be there after a crash. It is not, and need not be: blocks are delivered in order
//! and acknowledged when they are durable, so what is lost is above all that was acknowledged. The engine finds it again in its
//! own cache of blocks that were voted for, or asks other nodes.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use commonware_codec::{Copying, Decode as _, EncodeSize as _};
use commonware_consensus::marshal::store::{Blocks, Certificates};
use commonware_consensus::simplex::{scheme::ed25519::Scheme, types::Finalization};
use commonware_consensus::types::Height;
use commonware_cryptography::certificate::Verifier as _;
use commonware_cryptography::{Digestible as _, sha256};
use commonware_storage::archive::Identifier;
use secnet_node::Chain;
use secnet_types::{Block, Certificate, Digest};

use crate::block::NetworkBlock;
use crate::ledger::Ledger;
use crate::limits::{MAX_ABOVE, MAX_ABOVE_BYTES};

type Finalized = Finalization<Scheme, sha256::Digest>;

/// Final blocks: those of the ledger, and those above it.
pub(crate) struct KeptBlocks {
    ledger: Arc<Ledger>,
    above: Above<Arc<NetworkBlock>>,
}

/// What certifies final blocks: in the ledger, and above it.
pub(crate) struct KeptCertificates {
    ledger: Arc<Ledger>,
    above: Above<Finalized>,
}

impl KeptBlocks {
    pub(crate) fn of(ledger: Arc<Ledger>) -> Self {
        Self { ledger, above: Above::default() }
    }

    fn durable(&self, id: &Identifier<'_, sha256::Digest>) -> Option<Arc<NetworkBlock>> {
        let chain = self.ledger.chain();
        let genesis = NetworkBlock::genesis(chain.genesis().network());
        let is_genesis = match id {
            Identifier::Index(height) => *height == 0,
            Identifier::Key(digest) => **digest == genesis.digest(),
        };
        if is_genesis {
            return Some(Arc::new(genesis));
        }
        let (Block { header, commands }, _) = stored(chain, id)?;
        NetworkBlock::new(header, commands.into_iter().map(Bytes::from).collect()).map(Arc::new)
    }
}

impl KeptCertificates {
    pub(crate) fn of(ledger: Arc<Ledger>) -> Self {
        Self { ledger, above: Above::default() }
    }

    fn durable(&self, id: &Identifier<'_, sha256::Digest>) -> Option<Finalized> {
        let (_, certificate) = stored(self.ledger.chain(), id)?;
        finalization_in(&certificate?)
    }
}

/// What cannot be read is not there for the engine: it waits, or asks others. The disk may have been full, and have room again.
fn stored(
    chain: &Chain,
    id: &Identifier<'_, sha256::Digest>,
) -> Option<(Block, Option<Certificate>)> {
    let found = match id {
        Identifier::Index(height) => chain.block(*height),
        Identifier::Key(digest) => chain.block_with_header(&Digest(digest.0)),
    };
    found.unwrap_or_else(|error| {
        tracing::warn!(%error, "a block cannot be read for the engine");
        None
    })
}

fn finalization_in(certificate: &Certificate) -> Option<Finalized> {
    let Certificate::Quorum { bytes, .. } = certificate else { return None };
    let config = Scheme::certificate_codec_config_unbounded();
    Finalized::decode_cfg(Copying(bytes), &config).ok()
}

impl Blocks for KeptBlocks {
    type Block = Arc<NetworkBlock>;
    type Error = Infallible;

    async fn put(
        mut self,
        digest: sha256::Digest,
        block: &Arc<NetworkBlock>,
    ) -> Result<Self, Infallible> {
        let (height, size) = (block.header().height, block.encode_size());
        self.above.put(self.ledger.durable(), (height, digest), (Arc::clone(block), size));
        Ok(self)
    }

    async fn sync(self) -> Result<Self, Infallible> {
        Ok(self)
    }

    async fn get(
        &self,
        id: Identifier<'_, sha256::Digest>,
    ) -> Result<Option<Arc<NetworkBlock>>, Infallible> {
        Ok(self.above.get(&id).cloned().or_else(|| self.durable(&id)))
    }

    async fn prune(self, _: Height) -> Result<Self, Infallible> {
        Ok(self)
    }

    fn missing_items(&self, start: Height, max: usize) -> Vec<Height> {
        self.above.missing(self.ledger.durable(), start.get(), max)
    }

    fn next_gap(&self, value: Height) -> (Option<Height>, Option<Height>) {
        self.above.next_gap(self.ledger.durable(), value.get())
    }

    fn last_index(&self) -> Option<Height> {
        Some(Height::new(self.above.last().unwrap_or(0).max(self.ledger.durable())))
    }
}

impl Certificates for KeptCertificates {
    type BlockDigest = sha256::Digest;
    type Commitment = sha256::Digest;
    type Scheme = Scheme;
    type Error = Infallible;

    /// One that comes after its block has become durable is not kept: a later one certifies both.
    async fn put(
        mut self,
        height: Height,
        digest: sha256::Digest,
        finalization: &Finalized,
    ) -> Result<Self, Infallible> {
        let size = finalization.encode_size();
        let entry = (finalization.clone(), size);
        self.above.put(self.ledger.durable(), (height.get(), digest), entry);
        Ok(self)
    }

    async fn sync(self) -> Result<Self, Infallible> {
        Ok(self)
    }

    async fn get(
        &self,
        id: Identifier<'_, sha256::Digest>,
    ) -> Result<Option<Finalized>, Infallible> {
        Ok(self.above.get(&id).cloned().or_else(|| self.durable(&id)))
    }

    async fn has(&self, height: Height) -> Result<bool, Infallible> {
        let id = Identifier::Index(height.get());
        Ok(self.above.get(&id).is_some() || self.durable(&id).is_some())
    }

    async fn prune(self, _: Height) -> Result<Self, Infallible> {
        Ok(self)
    }

    fn last_index(&self) -> Option<Height> {
        let durable = || self.ledger.chain().certified_heights().next();
        self.above.last().or_else(durable).map(Height::new)
    }

    /// Of what is durable, the newest alone: the engine looks here for the newest below what was acknowledged.
    fn ranges_from(&self, from: Height) -> impl Iterator<Item = (Height, Height)> {
        let durable = self.ledger.durable();
        let mut heights: Vec<u64> = self.ledger.chain().certified_heights().collect();
        heights.reverse();
        heights.retain(|height| *height <= durable);
        heights.extend(self.above.heights_above(durable));
        heights.retain(|height| *height >= from.get());
        heights.into_iter().map(|height| (Height::new(height), Height::new(height)))
    }
}

/// What is final and not durable, by height and by digest.
struct Above<T> {
    entries: BTreeMap<u64, Entry<T>>,
    heights: BTreeMap<sha256::Digest, u64>,
    bytes: usize,
}

struct Entry<T> {
    digest: sha256::Digest,
    value: T,
    size: usize,
}

impl<T> Default for Above<T> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), heights: BTreeMap::new(), bytes: 0 }
    }
}

impl<T> Above<T> {
    /// Keep something, and forget what has become durable.
    fn put(
        &mut self,
        durable: u64,
        (height, digest): (u64, sha256::Digest),
        (value, size): (T, usize),
    ) {
        while self.entries.first_key_value().is_some_and(|(at, _)| *at <= durable) {
            self.remove_first();
        }
        if height <= durable || self.entries.contains_key(&height) {
            return;
        }
        self.entries.insert(height, Entry { digest, value, size });
        self.heights.insert(digest, height);
        self.bytes = self.bytes.saturating_add(size);
        while self.bytes > MAX_ABOVE_BYTES || self.entries.len() > MAX_ABOVE {
            if !self.remove_last_but_one() {
                return;
            }
        }
    }

    fn remove_first(&mut self) {
        if let Some((_, entry)) = self.entries.pop_first() {
            self.forget(&entry);
        }
    }

    /// A node that is far behind gets blocks from both ends. Those that are highest are needed last; the very highest is where
    /// the engine begins to go down from.
    fn remove_last_but_one(&mut self) -> bool {
        let Some(at) = self.entries.keys().rev().nth(1).copied() else { return false };
        if let Some(entry) = self.entries.remove(&at) {
            self.forget(&entry);
        }
        true
    }

    fn forget(&mut self, entry: &Entry<T>) {
        self.heights.remove(&entry.digest);
        self.bytes = self.bytes.saturating_sub(entry.size);
    }

    fn get(&self, id: &Identifier<'_, sha256::Digest>) -> Option<&T> {
        let height = match id {
            Identifier::Index(height) => height,
            Identifier::Key(digest) => self.heights.get(*digest)?,
        };
        self.entries.get(height).map(|entry| &entry.value)
    }

    fn last(&self) -> Option<u64> {
        self.entries.last_key_value().map(|(height, _)| *height)
    }

    fn heights_above(&self, durable: u64) -> impl Iterator<Item = u64> + '_ {
        self.entries.range(durable.saturating_add(1)..).map(|(height, _)| *height)
    }

    /// Where what is there without a gap from a height on ends; everything up to what is durable is there.
    fn end_from(&self, durable: u64, from: u64) -> Option<u64> {
        if from > durable && !self.entries.contains_key(&from) {
            return None;
        }
        let mut end = from.max(durable);
        for height in self.heights_above(end) {
            if height != end.saturating_add(1) {
                break;
            }
            end = height;
        }
        Some(end)
    }

    fn next_gap(&self, durable: u64, from: u64) -> (Option<Height>, Option<Height>) {
        let end = self.end_from(durable, from);
        let next = self.heights_above(end.unwrap_or(from)).next();
        (end.map(Height::new), next.map(Height::new))
    }

    /// The first heights from one on, so many at most, that are not there while a higher one is.
    fn missing(&self, durable: u64, from: u64, max: usize) -> Vec<Height> {
        let first = from.max(durable.saturating_add(1));
        let mut missing = Vec::new();
        let mut next = first;
        for height in self.heights_above(first.saturating_sub(1)) {
            let room = max.saturating_sub(missing.len());
            missing.extend((next..height).take(room).map(Height::new));
            if missing.len() >= max {
                break;
            }
            next = height.saturating_add(1);
        }
        missing
    }
}

#[cfg(test)]
mod tests;
