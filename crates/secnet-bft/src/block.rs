//! A block as the engine carries it: our header and commands, under the digest that our header has.

use std::sync::Arc;

use bytes::{BufMut, Bytes};
use commonware_codec::{Buf, EncodeSize, Error, RangeCfg, Read, ReadExt as _, Write, varint::UInt};
use commonware_consensus::{BoundedBlock, Heightable, types::Height};
use commonware_cryptography::{Digestible, sha256};
use secnet_ledger::commands_root;
use secnet_types::{Digest, Header, NetworkId, Timestamp, decode, encode, limits};

/// What is decoded at most, and for which network.
#[derive(Debug, Clone)]
pub struct BlockLimits {
    /// Blocks of other networks are refused.
    pub network: NetworkId,
}

/// Longest length prefix.
const MAX_PREFIX_BYTES: usize = 10;

/// A block that is not final yet, or without its certificate. Only [`Self::new`] and the decoder make one: its header
/// commits to its commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkBlock {
    header: Header,
    digest: Digest,
    commands: Arc<Vec<Bytes>>,
}

impl NetworkBlock {
    /// A block; none if the header does not commit to the commands.
    #[must_use]
    pub fn new(header: Header, commands: Vec<Bytes>) -> Option<Self> {
        let listed: Vec<Vec<u8>> = commands.iter().map(|bytes| bytes.to_vec()).collect();
        let fits = usize::try_from(header.commands).is_ok_and(|count| count == commands.len())
            && commands_root(&listed) == header.commands_root;
        let digest = header.digest();
        fits.then(|| Self { header, digest, commands: Arc::new(commands) })
    }

    /// What the first block follows. No header has its digest: zero, as the specification says.
    #[must_use]
    pub fn genesis(network: NetworkId) -> Self {
        let header = Header {
            version: Header::VERSION,
            network,
            height: 0,
            parent: Digest::ZERO,
            time: Timestamp(0),
            epoch: 0,
            context: Vec::new(),
            commands: 0,
            commands_root: commands_root(&[]),
            log_size: 0,
            log_root: Digest::ZERO,
            state: Digest::ZERO,
        };
        Self { header, digest: Digest::ZERO, commands: Arc::default() }
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The signed commands, in order.
    #[must_use]
    pub fn commands(&self) -> &[Bytes] {
        &self.commands
    }

    /// SHA-256 of the header.
    #[must_use]
    pub fn header_digest(&self) -> Digest {
        self.digest
    }
}

fn prefix(length: usize) -> UInt<u64> {
    UInt(length as u64)
}

impl Write for NetworkBlock {
    fn write(&self, buffer: &mut impl BufMut) {
        let header = encode(&self.header);
        prefix(header.len()).write(buffer);
        buffer.put_slice(&header);
        prefix(self.commands.len()).write(buffer);
        for command in self.commands.iter() {
            prefix(command.len()).write(buffer);
            buffer.put_slice(command);
        }
    }
}

impl EncodeSize for NetworkBlock {
    fn encode_size(&self) -> usize {
        let sized = |length: usize| prefix(length).encode_size().saturating_add(length);
        let header = encode(&self.header).len();
        self.commands
            .iter()
            .map(|command| sized(command.len()))
            .fold(sized(header), usize::saturating_add)
            .saturating_add(prefix(self.commands.len()).encode_size())
    }
}

impl Read for NetworkBlock {
    type Cfg = BlockLimits;

    fn read_cfg(buffer: &mut impl Buf, expected: &Self::Cfg) -> Result<Self, Error> {
        let bad = |why| Error::Invalid("block", why);
        let range = RangeCfg::new(..=limits::MAX_HEADER_BYTES);
        let header = Bytes::read_cfg(buffer, &range)?;
        let header: Header = decode("header", &header, limits::MAX_HEADER_BYTES)
            .map_err(|_| bad("its header is not canonical"))?;
        let count: u64 = UInt::read(buffer)?.into();
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count > limits::MAX_BLOCK_COMMANDS {
            return Err(bad("it has too many commands"));
        }
        if header.version != Header::VERSION || header.network != expected.network {
            return Err(bad("it is of another version or network"));
        }
        // Bytes that are not there are not waited for: each command has at least its length.
        let mut commands = Vec::with_capacity(count.min(buffer.remaining()));
        let mut left = limits::MAX_BLOCK_BYTES;
        for _ in 0..count {
            let range = RangeCfg::new(..=left.min(limits::MAX_COMMAND_BYTES));
            let command = Bytes::read_cfg(buffer, &range)?;
            left = left.saturating_sub(command.len());
            commands.push(command);
        }
        if header.height == 0 {
            let genesis = Self::genesis(expected.network);
            let is_genesis = header == genesis.header && commands.is_empty();
            return is_genesis.then_some(genesis).ok_or(bad("it is not what the first follows"));
        }
        Self::new(header, commands).ok_or(bad("its header does not commit to its commands"))
    }
}

impl Digestible for NetworkBlock {
    type Digest = sha256::Digest;

    fn digest(&self) -> sha256::Digest {
        sha256::Digest(self.digest.0)
    }
}

impl Heightable for NetworkBlock {
    fn height(&self) -> Height {
        Height::new(self.header.height)
    }
}

impl commonware_consensus::Block for NetworkBlock {
    fn parent(&self) -> sha256::Digest {
        sha256::Digest(self.header.parent.0)
    }
}

impl BoundedBlock for NetworkBlock {
    fn max_encode_size(_: &Self::Cfg) -> usize {
        let prefixes = MAX_PREFIX_BYTES * (limits::MAX_BLOCK_COMMANDS + 2);
        limits::MAX_HEADER_BYTES + limits::MAX_BLOCK_BYTES + prefixes
    }
}
