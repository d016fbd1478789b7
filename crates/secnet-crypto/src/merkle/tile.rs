//! Tiles: the nodes of the tree in files of 256 hashes, as C2SP `tlog-tiles` names them.
//!
//! A tile of level L holds the hashes of subtrees of 256^L leaves; a partial one at the right edge has
//! fewer than 256 and a name of its own. Source: <https://c2sp.org/tlog-tiles>.

use std::{fmt, str::FromStr};

use super::{Hash, MerkleError, NodeSource, node_hash};

/// Levels of the tree in one tile.
pub const TILE_HEIGHT: u32 = 8;

/// Hashes in a full tile.
pub const TILE_WIDTH: u16 = 256;

/// Highest tile level: 256^8 is more than 2^63 leaves.
pub const MAX_TILE_LEVEL: u8 = 7;

/// Length in bytes of a full tile.
pub const FULL_TILE_LEN: usize = 256 * 32;

/// Longest tile path, in bytes.
const MAX_TILE_PATH_LEN: usize = 64;

/// Which tile. Its text is its path: `tile/0/x001/x234/067`, partial `tile/0/000.p/17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    level: u8,
    index: u64,
    width: u16,
}

/// A tile that cannot be, or whose content does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TileError {
    /// Level, index or width out of bounds.
    #[error("`{0}` is not the path of a tile")]
    Path(String),
    /// The content has another length than its width asks for.
    #[error("the tile `{tile}` has `{len}` bytes")]
    Length {
        /// Which tile.
        tile: TileId,
        /// Length of its content in bytes.
        len: usize,
    },
}

impl TileId {
    /// Tile number `index` of a level with `width` hashes (1 to 256).
    #[must_use]
    pub fn new(level: u8, index: u64, width: u16) -> Option<Self> {
        let legal = level <= MAX_TILE_LEVEL && (1..=TILE_WIDTH).contains(&width);
        legal.then_some(Self { level, index, width })
    }

    /// The tile that holds (or from whose hashes follows) a node, in a tree of `size` leaves.
    #[must_use]
    pub fn of_node(level: u32, index: u64, size: u64) -> Option<Self> {
        let tile_level = level / TILE_HEIGHT;
        let first = index.checked_shl(level % TILE_HEIGHT)?;
        let tile_index = first / u64::from(TILE_WIDTH);
        let hashes = size.checked_shr(tile_level * TILE_HEIGHT)?;
        let here = hashes.checked_sub(tile_index * u64::from(TILE_WIDTH))?;
        let width = u16::try_from(here.min(u64::from(TILE_WIDTH))).ok()?;
        Self::new(u8::try_from(tile_level).ok()?, tile_index, width)
    }

    /// Level of the tile.
    #[must_use]
    pub const fn level(&self) -> u8 {
        self.level
    }

    /// Number of the tile within its level.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Number of hashes in it.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// The path of the entry bundle of a level-0 tile: `tile/entries/...`.
    #[must_use]
    pub fn entries_path(&self) -> String {
        format!("tile/entries/{}", self.number())
    }

    /// The index in groups of three digits, all but the last marked with `x`, and the width.
    fn number(&self) -> String {
        let mut text = format!("{:03}", self.index % 1000);
        let mut rest = self.index / 1000;
        while rest > 0 {
            text = format!("x{:03}/{text}", rest % 1000);
            rest /= 1000;
        }
        if self.width < TILE_WIDTH {
            text.push_str(&format!(".p/{}", self.width));
        }
        text
    }
}

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/{}", self.level, self.number())
    }
}

impl FromStr for TileId {
    type Err = TileError;

    fn from_str(path: &str) -> Result<Self, TileError> {
        parse_path(path)
            .filter(|tile| tile.to_string() == path)
            .ok_or_else(|| TileError::Path(path.chars().take(MAX_TILE_PATH_LEN).collect()))
    }
}

/// Reads leniently; the caller compares with the one canonical spelling.
fn parse_path(path: &str) -> Option<TileId> {
    if path.len() > MAX_TILE_PATH_LEN {
        return None;
    }
    let (level, number) = path.strip_prefix("tile/")?.split_once('/')?;
    let (number, width) = match number.split_once(".p/") {
        Some((number, width)) => (number, width.parse().ok()?),
        None => (number, TILE_WIDTH),
    };
    let mut index = 0u64;
    for group in number.split('/') {
        let digits: u64 = group.trim_start_matches('x').parse().ok()?;
        index = index.checked_mul(1000)?.checked_add(digits)?;
    }
    TileId::new(level.parse().ok()?, index, width)
}

/// The tiles that change when a log grows from `old` to `new` leaves, full ones first within a level.
/// Writing these, and then the checkpoint, publishes the growth.
#[must_use]
pub fn new_tiles(old: u64, new: u64) -> Vec<TileId> {
    let mut tiles = Vec::new();
    for level in 0..=MAX_TILE_LEVEL {
        let shift = u32::from(level) * TILE_HEIGHT;
        let (before, after) = (old >> shift, new >> shift);
        let width = u64::from(TILE_WIDTH);
        for index in before / width..after.div_ceil(width) {
            let here = after.saturating_sub(index.saturating_mul(width)).min(width);
            let grown = index.saturating_mul(width).saturating_add(here) > before;
            let tile = u16::try_from(here).ok().and_then(|w| TileId::new(level, index, w));
            tiles.extend(tile.filter(|_| grown));
        }
    }
    tiles
}

/// The content of a tile, from stored nodes.
pub fn tile_bytes<N: NodeSource + ?Sized>(nodes: &N, tile: TileId) -> Result<Vec<u8>, N::Error> {
    let mut bytes = Vec::with_capacity(usize::from(tile.width) * 32);
    let first = tile.index.saturating_mul(u64::from(TILE_WIDTH));
    for index in (first..).take(tile.width.into()) {
        let hash = nodes.node(u32::from(tile.level) * TILE_HEIGHT, index)?;
        bytes.extend_from_slice(hash.as_bytes());
    }
    Ok(bytes)
}

/// The hashes in a tile's content.
pub fn parse_tile(tile: TileId, bytes: &[u8]) -> Result<Vec<Hash>, TileError> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if hashes.len() != usize::from(tile.width) || !rest.is_empty() {
        return Err(TileError::Length { tile, len: bytes.len() });
    }
    Ok(hashes.iter().copied().map(Hash).collect())
}

/// The root of a complete subtree whose lowest hashes are given; their number is a power of two.
#[must_use]
pub fn subtree_root(hashes: &[Hash]) -> Option<Hash> {
    if !hashes.len().is_power_of_two() {
        return None;
    }
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        level =
            level.as_chunks::<2>().0.iter().map(|[left, right]| node_hash(left, right)).collect();
    }
    level.first().copied()
}

/// Nodes read from tiles of a log with `size` leaves, by a function that gets a tile's hashes.
pub struct TileNodes<F> {
    size: u64,
    read: F,
}

impl<F, E> TileNodes<F>
where
    F: Fn(TileId) -> Result<Vec<Hash>, E>,
    E: From<MerkleError>,
{
    /// Nodes of the log with `size` leaves.
    pub const fn new(size: u64, read: F) -> Self {
        Self { size, read }
    }
}

impl<F, E> NodeSource for TileNodes<F>
where
    F: Fn(TileId) -> Result<Vec<Hash>, E>,
    E: From<MerkleError>,
{
    type Error = E;

    fn node(&self, level: u32, index: u64) -> Result<Hash, E> {
        let missing = MerkleError::Missing { level, index };
        let tile = TileId::of_node(level, index, self.size).ok_or(missing)?;
        let hashes = (self.read)(tile)?;
        let height = level % TILE_HEIGHT;
        let count = 1usize << height;
        let offset = index
            .checked_shl(height)
            .and_then(|first| usize::try_from(first % u64::from(TILE_WIDTH)).ok())
            .ok_or(missing)?;
        let below = offset.checked_add(count).and_then(|end| hashes.get(offset..end));
        Ok(below.and_then(subtree_root).ok_or(missing)?)
    }
}

impl<F> fmt::Debug for TileNodes<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TileNodes").field("size", &self.size).finish_non_exhaustive()
    }
}
