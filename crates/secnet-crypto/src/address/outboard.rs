//! The table of chaining values and checks against it.

use std::ops::Range;

use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root,
};

use super::Address;

/// Bytes of content under one chaining value: 64 BLAKE3 chunks.
pub const GROUP_LEN: usize = 1 << 16;

/// Longest content with an outboard: 1 TiB, a table of 512 MiB.
pub const MAX_OUTBOARD_CONTENT_LEN: u64 = 1 << 40;

const LENGTH_LEN: usize = 8;
const CV_LEN: usize = 32;

/// Why an outboard was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutboardError {
    /// The bytes do not have the length that the content length in front asks for.
    #[error("the outboard has `{0}` bytes, which does not fit the content length it states")]
    Length(usize),
    /// The content is longer than [`MAX_OUTBOARD_CONTENT_LEN`].
    #[error("the content has `{0}` bytes, more than an outboard may cover")]
    TooLong(u64),
    /// The table does not hash to the address.
    #[error("the outboard does not belong to the address `{0}`")]
    WrongAddress(Address),
}

/// Why a slice of content was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SliceError {
    /// The content has been altered in this 64 KiB group (0 is the first).
    #[error("the content is damaged in group `{group}` (64 KiB each)")]
    Damaged {
        /// Number of the first damaged group.
        group: u64,
    },
    /// The slice does not start and end at group borders inside the content.
    #[error("a slice of `{len}` bytes at `{offset}` does not consist of whole 64 KiB groups")]
    NotAligned {
        /// Where the slice starts.
        offset: u64,
        /// How long it is.
        len: u64,
    },
}

/// The chaining values of content whose address is known: checked, so every answer can be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outboard {
    address: Address,
    len: u64,
    /// Empty when the content is a single group.
    groups: Vec<ChainingValue>,
}

impl Outboard {
    /// The outboard of content in memory.
    pub fn of(content: &[u8]) -> Result<Self, OutboardError> {
        let mut builder = OutboardBuilder::new();
        builder.update(content)?;
        Ok(builder.finish())
    }

    /// Reads an outboard and checks it against the address it is to serve.
    pub fn from_bytes(address: Address, bytes: &[u8]) -> Result<Self, OutboardError> {
        let refuse = OutboardError::Length(bytes.len());
        let (len, table) = bytes.split_first_chunk::<LENGTH_LEN>().ok_or(refuse)?;
        let len = u64::from_le_bytes(*len);
        if len > MAX_OUTBOARD_CONTENT_LEN {
            return Err(OutboardError::TooLong(len));
        }
        let groups = match group_count(len) {
            0 | 1 => 0,
            many => usize::try_from(many).map_err(|_| OutboardError::TooLong(len))?,
        };
        let (table, rest) = table.as_chunks::<CV_LEN>();
        if table.len() != groups || !rest.is_empty() {
            return Err(refuse);
        }
        let found = root(table);
        if found.is_some_and(|found| found != address) {
            return Err(OutboardError::WrongAddress(address));
        }
        Ok(Self { address, len, groups: table.to_vec() })
    }

    /// The bytes to store beside the content.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LENGTH_LEN + self.groups.len() * CV_LEN);
        bytes.extend_from_slice(&self.len.to_le_bytes());
        bytes.extend_from_slice(self.groups.as_flattened());
        bytes
    }

    /// The address of the content.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.address
    }

    /// The length of the content. For content of one group it is only proven by checking the group.
    #[must_use]
    pub const fn content_len(&self) -> u64 {
        self.len
    }

    /// The smallest range of whole groups around `range`, cut at the end of the content: what has to
    /// be read to check `range`.
    #[must_use]
    pub fn covering(&self, range: Range<u64>) -> Range<u64> {
        let group = GROUP_LEN as u64;
        let start = range.start.min(self.len) / group * group;
        let end = range.end.min(self.len).div_ceil(group).saturating_mul(group).min(self.len);
        start..end.max(start)
    }

    /// Checks `slice`, found at `offset` of the content; both borders are group borders (the last
    /// group may be short). Names the first damaged group.
    pub fn verify_slice(&self, offset: u64, slice: &[u8]) -> Result<(), SliceError> {
        let len = slice.len() as u64;
        let misaligned = SliceError::NotAligned { offset, len };
        let end = offset.checked_add(len).ok_or(misaligned)?;
        if self.covering(offset..end) != (offset..end) || (len == 0 && self.len != 0) {
            return Err(misaligned);
        }
        let first = offset / GROUP_LEN as u64;
        if self.groups.is_empty() {
            let intact = Address::of(slice) == self.address;
            return if intact { Ok(()) } else { Err(SliceError::Damaged { group: 0 }) };
        }
        for (number, content) in (first..).zip(slice.chunks(GROUP_LEN)) {
            let expected = usize::try_from(number).ok().and_then(|n| self.groups.get(n));
            let found = group_hasher(number).update(content).finalize_non_root();
            if expected != Some(&found) {
                return Err(SliceError::Damaged { group: number });
            }
        }
        Ok(())
    }
}

/// Computes address and outboard in one pass, whatever the size of the pieces.
#[derive(Debug, Clone)]
pub struct OutboardBuilder {
    len: u64,
    groups: Vec<ChainingValue>,
    /// The group under way; never empty once content has come.
    current: blake3::Hasher,
    current_len: usize,
}

impl OutboardBuilder {
    /// No content yet.
    #[must_use]
    pub fn new() -> Self {
        Self { len: 0, groups: Vec::new(), current: blake3::Hasher::new(), current_len: 0 }
    }

    /// Takes the next bytes of the content.
    pub fn update(&mut self, mut content: &[u8]) -> Result<(), OutboardError> {
        let len = self.len.saturating_add(content.len() as u64);
        if len > MAX_OUTBOARD_CONTENT_LEN {
            return Err(OutboardError::TooLong(len));
        }
        self.len = len;
        while !content.is_empty() {
            if self.current_len == GROUP_LEN {
                self.groups.push(self.current.finalize_non_root());
                self.current = group_hasher(self.groups.len() as u64);
                self.current_len = 0;
            }
            let room = GROUP_LEN.saturating_sub(self.current_len).min(content.len());
            let (now, later) = content.split_at_checked(room).unwrap_or((content, &[]));
            self.current.update(now);
            self.current_len = self.current_len.saturating_add(now.len());
            content = later;
        }
        Ok(())
    }

    /// The outboard of everything given.
    #[must_use]
    pub fn finish(mut self) -> Outboard {
        if !self.groups.is_empty() {
            self.groups.push(self.current.finalize_non_root());
        }
        let address = root(&self.groups)
            .unwrap_or_else(|| Address::from_bytes(*self.current.finalize().as_bytes()));
        Outboard { address, len: self.len, groups: self.groups }
    }
}

impl Default for OutboardBuilder {
    fn default() -> Self {
        Self::new()
    }
}

fn group_count(len: u64) -> u64 {
    len.div_ceil(GROUP_LEN as u64)
}

fn group_hasher(number: u64) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(number.saturating_mul(GROUP_LEN as u64));
    hasher
}

/// The root over two or more groups; the left subtree is the largest power of two below their number.
fn root(groups: &[ChainingValue]) -> Option<Address> {
    let (left, right) = split(groups)?;
    let root = merge_subtrees_root(&subtree(left)?, &subtree(right)?, Mode::Hash);
    Some(Address::from_bytes(*root.as_bytes()))
}

fn subtree(groups: &[ChainingValue]) -> Option<ChainingValue> {
    match groups {
        [single] => Some(*single),
        _ => {
            let (left, right) = split(groups)?;
            Some(merge_subtrees_non_root(&subtree(left)?, &subtree(right)?, Mode::Hash))
        }
    }
}

fn split(groups: &[ChainingValue]) -> Option<(&[ChainingValue], &[ChainingValue])> {
    if groups.len() < 2 {
        return None;
    }
    groups.split_at_checked(groups.len().div_ceil(2).next_power_of_two())
}
