//! A snapshot of the state for nodes that come late: all entries after one block, in chunks that are addressed by digest, under
//! the certified header above that block, which names the state's digest. The blocks and events below it are read where they
//! are. Layout: `docs/spec/state.md`, section 5.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;

use minicbor::{Decode, Encode};
use secnet_ledger::Resume;
use secnet_types::{Digest, SealedHeader, decode, limits};

use crate::chain::{Chain, META_POSITION, parse_position};
use crate::chain_error::ChainError;
use crate::store::{BlockRecord, StoreError, files};

/// A chunk is closed before it would exceed this.
pub const SNAPSHOT_CHUNK_BYTES: usize = 1024 * 1024;
/// Chunks of a snapshot: 16 GiB of state.
pub const MAX_SNAPSHOT_CHUNKS: usize = 16_384;
/// Longest offer: a certified header with what leads to it, and the digests.
pub const MAX_OFFER_BYTES: usize = limits::MAX_SEALED_HEADER_BYTES + MAX_SNAPSHOT_CHUNKS * 34 + 64;
/// Blocks or events that are handed out together, in bytes, unless one alone is longer.
pub const HISTORY_BYTES: usize = 1024 * 1024;
/// Length of key and length of value before each entry.
const FRAME_BYTES: usize = 8;

/// What a node has to offer to those who come late.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Offer {
    /// The certified header of the block above: its state digest is that of the snapshot, its log that which comes along.
    #[n(0)]
    pub header: SealedHeader,
    /// SHA-256 of each chunk, in the order of the entries; at most [`MAX_SNAPSHOT_CHUNKS`].
    #[n(1)]
    pub chunks: Vec<Digest>,
}

/// A block as it is stored: header, certificate (or nothing) and body in canonical CBOR.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct HandedBlock {
    /// The header.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub header: Vec<u8>,
    /// The certificate; nothing if the block is final through a later one alone.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub certificate: Vec<u8>,
    /// The body.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub body: Vec<u8>,
}

/// Entries one after the other, cut into chunks.
#[derive(Debug, Default)]
struct Chunks {
    bytes: Vec<u8>,
}

impl Chunks {
    /// Append an entry; the chunk before it if it begins another.
    fn push(&mut self, (table, key, value): (u8, &[u8], &[u8])) -> Option<Vec<u8>> {
        let (key_bytes, value_bytes) = (key.len().saturating_add(1), value.len());
        let size = FRAME_BYTES.saturating_add(key_bytes).saturating_add(value_bytes);
        let is_full =
            !self.bytes.is_empty() && self.bytes.len().saturating_add(size) > SNAPSHOT_CHUNK_BYTES;
        let done = is_full.then(|| std::mem::take(&mut self.bytes));
        // INVARIANT: the store's limits on keys and values are far below what 32 bits count.
        for length in [key_bytes, value_bytes] {
            self.bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        }
        self.bytes.push(table);
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        done
    }
}

/// Table, key, value.
pub(crate) type Entry<'a> = (u8, &'a [u8], &'a [u8]);

/// The next entry of a chunk; none if the bytes are not one.
pub(crate) fn next_entry<'a>(chunk: &mut &'a [u8]) -> Option<Entry<'a>> {
    let (key_bytes, rest) = chunk.split_first_chunk::<4>()?;
    let (value_bytes, rest) = rest.split_first_chunk::<4>()?;
    let length = |bytes: &[u8; 4]| usize::try_from(u32::from_be_bytes(*bytes)).ok();
    let (key, rest) = rest.split_at_checked(length(key_bytes)?)?;
    let (value, rest) = rest.split_at_checked(length(value_bytes)?)?;
    let (table, key) = key.split_first()?;
    *chunk = rest;
    Some((*table, key, value))
}

/// The state after a block, written down, that nobody has certified yet.
#[derive(Debug)]
pub struct Drawn {
    position: Resume,
    file: Snapshot,
    chunks: Vec<Digest>,
}

impl Drawn {
    /// Height of the block that it is the state after.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.position.height
    }
}

/// The chunks of a snapshot in a file.
#[derive(Debug)]
pub struct Snapshot {
    path: PathBuf,
    file: Mutex<File>,
    places: BTreeMap<Digest, (u64, usize)>,
}

impl Snapshot {
    /// The chunk with this digest; none if there is none. It was written a while ago: whoever gets it checks.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn chunk(&self, digest: &Digest) -> Result<Option<Vec<u8>>, ChainError> {
        let Some((place, length)) = self.places.get(digest).copied() else { return Ok(None) };
        let mut bytes = vec![0; length];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(place))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(files::failed("read", &self.path))?;
        Ok(Some(bytes))
    }
}

impl Chain {
    /// Where a snapshot of this ledger is kept; none if it is in no folder.
    #[must_use]
    pub fn snapshot_path(&self) -> Option<PathBuf> {
        Some(self.store.dir()?.join("snapshot"))
    }

    /// Remove a snapshot that nobody hands out any more.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn forget_snapshot(&self) -> Result<(), ChainError> {
        let Some(path) = self.snapshot_path() else { return Ok(()) };
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(files::failed("delete", &path)(error).into())
            }
            _ => Ok(()),
        }
    }

    /// Write down the state as it is durable now, while blocks go on. The file takes the place of one that is there.
    ///
    /// # Errors
    /// The store or the file fails; [`StoreError::Full`] if there are more entries than a snapshot may have.
    pub fn draw(&self, path: &Path) -> Result<Drawn, ChainError> {
        let (position, mut entries) = self.store.entries_with(META_POSITION)?;
        let position = parse_position(&position.ok_or(ChainError::Empty)?)?;
        let failed = || files::failed("write", path);
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path);
        let mut file = BufWriter::new(file.map_err(failed())?);
        let (mut writer, mut chunks, mut places) = (Chunks::default(), Vec::new(), BTreeMap::new());
        let mut place = 0_u64;
        let mut write = |chunk: Vec<u8>| {
            let digest = Digest::of(&chunk);
            file.write_all(&chunk).map_err(failed())?;
            places.insert(digest, (place, chunk.len()));
            place = place.saturating_add(chunk.len() as u64);
            chunks.push(digest);
            if chunks.len() > MAX_SNAPSHOT_CHUNKS {
                return Err(StoreError::Full { what: "the chunks of a snapshot" });
            }
            Ok(())
        };
        while let Some(entry) = entries.next()? {
            if let Some(chunk) = writer.push(entry) {
                write(chunk)?;
            }
        }
        write(writer.bytes)?;
        let file = file.into_inner().map_err(|error| failed()(error.into_error()))?;
        let file = Snapshot { path: path.to_owned(), file: Mutex::new(file), places };
        Ok(Drawn { position, file, chunks })
    }

    /// What was drawn, with the header above it, once that is durable. If that has no certificate of its own, the snapshot is
    /// good for nobody.
    ///
    /// # Errors
    /// The block is damaged; [`ChainError::Uncertified`].
    pub fn certify(&self, drawn: Drawn) -> Result<Result<(Offer, Snapshot), Drawn>, ChainError> {
        let above = drawn.height().saturating_add(1);
        if self.executor().height() < above {
            return Ok(Err(drawn));
        }
        let (block, certificate) = self.block(above)?.ok_or(ChainError::Empty)?;
        let certificate = certificate.ok_or(ChainError::Uncertified(above))?;
        let header = self.sealed(block.header, certificate)?;
        Ok(Ok((Offer { header, chunks: drawn.chunks }, drawn.file)))
    }

    /// Durable blocks from this height on, below another: at least one if there is one, and not many bytes.
    ///
    /// # Errors
    /// One is damaged.
    pub fn hand_blocks(&self, from: u64, below: u64) -> Result<Vec<HandedBlock>, ChainError> {
        let below = below.min(self.executor().height().saturating_add(1));
        let (mut handed, mut bytes) = (Vec::new(), 0_usize);
        if from >= below {
            return Ok(handed);
        }
        for block in self.store.blocks(from..below)? {
            let BlockRecord { header, certificate, body, .. } = block?;
            let size = header.len().saturating_add(certificate.len()).saturating_add(body.len());
            bytes = bytes.saturating_add(size);
            if bytes > HISTORY_BYTES && !handed.is_empty() {
                break;
            }
            handed.push(HandedBlock { header, certificate, body });
        }
        Ok(handed)
    }

    /// Durable events in this range: at least one if there is one, and not many bytes.
    ///
    /// # Errors
    /// One is damaged.
    pub fn hand_events(&self, from: u64, end: u64) -> Result<Vec<Vec<u8>>, ChainError> {
        let (mut handed, mut bytes) = (Vec::new(), 0_usize);
        let end = end.min(self.executor().log_size());
        if from >= end {
            return Ok(handed);
        }
        for event in self.store.events(from..end)? {
            let event = event?;
            bytes = bytes.saturating_add(event.len());
            if bytes > HISTORY_BYTES && !handed.is_empty() {
                break;
            }
            handed.push(event);
        }
        Ok(handed)
    }
}

impl Offer {
    /// An offer's bytes, read.
    ///
    /// # Errors
    /// They are none.
    pub fn parse(bytes: &[u8]) -> Result<Self, secnet_types::DecodeError> {
        decode("offer", bytes, MAX_OFFER_BYTES)
    }
}
