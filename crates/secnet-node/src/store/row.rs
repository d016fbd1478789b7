//! How a value looks in the database: a 16-byte tag, then the bytes.
//!
//! The tag is BLAKE3 over the table's letter, the key's length, the key and the value, cut to 16
//! bytes. It finds damage; against somebody who can write the file, the log and its checkpoints
//! are the defence.

use redb::TableDefinition;

use super::record::BlockRecord;
use super::{Options, StoreError};

pub(crate) const TAG_BYTES: usize = 16;
const TAG_CONTEXT: &[u8] = b"secnet/store/1";

pub(crate) const BLOCKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("blocks");
pub(crate) const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
pub(crate) const STATE: TableDefinition<'_, (u64, u32), &[u8]> = TableDefinition::new("state");
pub(crate) const TILES: TableDefinition<'_, (u8, u64), &[u8]> = TableDefinition::new("tiles");
pub(crate) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
pub(crate) const TABLE_NAMES: [&str; 5] = ["blocks", "events", "meta", "state", "tiles"];

/// Names the store keeps for itself begin like this.
pub(crate) const RESERVED: &str = "store/";
pub(crate) const META_FORMAT: &str = "store/format";
pub(crate) const META_HEAD: &str = "store/head";

#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Kind {
    Block = b'b',
    Event = b'e',
    State = b's',
    Tile = b't',
    Meta = b'm',
    HeadFile = b'h',
}

pub(crate) fn tag(kind: Kind, key: &[u8], value: &[u8]) -> [u8; TAG_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(TAG_CONTEXT);
    hasher.update(&[kind as u8]);
    hasher.update(&u64::try_from(key.len()).unwrap_or(u64::MAX).to_le_bytes());
    hasher.update(key);
    hasher.update(value);
    let mut tag = [0; TAG_BYTES];
    for (to, from) in tag.iter_mut().zip(hasher.finalize().as_bytes()) {
        *to = *from;
    }
    tag
}

/// Fills a reserved row: the tag, then the value.
pub(crate) fn fill(row: &mut [u8], kind: Kind, key: &[u8], value: &[u8]) {
    if let Some((head, tail)) = row.split_at_mut_checked(TAG_BYTES) {
        head.copy_from_slice(&tag(kind, key, value));
        if tail.len() == value.len() {
            tail.copy_from_slice(value);
        }
    }
}

/// The value of a row whose tag is right.
pub(crate) fn open<'r>(kind: Kind, key: &[u8], row: &'r [u8]) -> Result<&'r [u8], &'static str> {
    let (found, value) = row.split_at_checked(TAG_BYTES).ok_or("it is cut short")?;
    if found == tag(kind, key, value) { Ok(value) } else { Err("its tag does not match") }
}

pub(crate) fn tile_key(level: u8, index: u64) -> [u8; 9] {
    let mut key = [level; 9];
    for (to, from) in key.iter_mut().skip(1).zip(index.to_be_bytes()) {
        *to = from;
    }
    key
}

pub(crate) fn chunk_key(run: u64, chunk: u32) -> [u8; 12] {
    let mut key = [0; 12];
    let (head, tail) = key.split_at_mut(8);
    head.copy_from_slice(&run.to_be_bytes());
    tail.copy_from_slice(&chunk.to_be_bytes());
    key
}

/// A chunk of the state from its row.
pub(crate) fn open_chunk(
    run: u64,
    chunk: u32,
    row: Option<Vec<u8>>,
) -> Result<Vec<u8>, StoreError> {
    let damaged = |problem: &str| StoreError::corrupt(chunk_name(run, chunk), problem);
    let mut row = row.ok_or_else(|| damaged("it is missing"))?;
    open(Kind::State, &chunk_key(run, chunk), &row).map_err(damaged)?;
    row.drain(..TAG_BYTES);
    Ok(row)
}

/// Header length and certificate length as 32-bit little-endian, header, certificate, body.
pub(crate) fn encode_block(block: &BlockRecord) -> Result<Vec<u8>, StoreError> {
    let length = |part: &[u8]| {
        u32::try_from(part.len()).map_err(|_| StoreError::TooLarge {
            what: format!("block {}", block.height),
            size: part.len(),
            max: super::MAX_BLOCK_BYTES,
        })
    };
    let mut value = Vec::with_capacity(
        8_usize
            .saturating_add(block.header.len())
            .saturating_add(block.certificate.len())
            .saturating_add(block.body.len()),
    );
    value.extend_from_slice(&length(&block.header)?.to_le_bytes());
    value.extend_from_slice(&length(&block.certificate)?.to_le_bytes());
    value.extend_from_slice(&block.header);
    value.extend_from_slice(&block.certificate);
    value.extend_from_slice(&block.body);
    Ok(value)
}

pub(crate) fn decode_block(height: u64, value: &[u8]) -> Option<BlockRecord> {
    let (header_len, rest) = split_u32(value)?;
    let (certificate_len, rest) = split_u32(rest)?;
    let (header, rest) = rest.split_at_checked(header_len)?;
    let (certificate, body) = rest.split_at_checked(certificate_len)?;
    Some(BlockRecord {
        height,
        header: header.to_vec(),
        body: body.to_vec(),
        certificate: certificate.to_vec(),
    })
}

fn split_u32(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*head)).ok()?, rest))
}

pub(crate) fn split_u64(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*head), rest))
}

pub(crate) fn block_name(height: u64) -> String {
    format!("block {height}")
}

pub(crate) fn event_name(index: u64) -> String {
    format!("event {index}")
}

pub(crate) fn tile_name(level: u8, index: u64) -> String {
    format!("tile {level}/{index}")
}

pub(crate) fn meta_name(name: &str) -> String {
    format!("meta {name}")
}

pub(crate) fn chunk_name(run: u64, chunk: u32) -> String {
    format!("state chunk {run}/{chunk}")
}

/// `state entry datasets/616461`: the table by name if it has one, the key in hexadecimal.
pub(crate) fn entry_name(options: &Options, key: &[u8]) -> String {
    use std::fmt::Write as _;
    let Some((table, key)) = key.split_first() else { return "state entry (no table)".into() };
    let mut name = format!("state entry {}/", options.table_name(*table));
    for byte in key {
        // Writing to a string cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}
