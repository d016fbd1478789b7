//! Node hashes of the tree from stored tiles.

use std::sync::Arc;

use redb::{Database, ReadOnlyTable, ReadTransaction, ReadableDatabase as _};

use super::row::{self, EVENTS, Kind, TILES};
use super::tree::{
    self, Hash, MAX_TILE_LEVELS, TILE_HEIGHT, TILE_WIDTH, Tree, full_tiles, partial_width,
};
use super::{Store, StoreError, proof, read};

type TileTable = ReadOnlyTable<(u8, u64), &'static [u8]>;

/// Hashes of any complete subtree of the log as it was when the reader was made.
#[expect(missing_debug_implementations, reason = "the engine's tables have no Debug")]
pub struct NodeReader {
    tiles: TileTable,
    tree: Arc<Tree>,
    /// The full tile read last: proofs ask for neighbours.
    last: Option<(u8, u64, Vec<Hash>)>,
}

impl Store {
    /// A reader of node hashes for the log as it is now.
    ///
    /// # Errors
    /// An error of the engine.
    pub fn nodes(&self) -> Result<NodeReader, StoreError> {
        // The edge first: full tiles never change, so a later snapshot has all it needs.
        let tree = self.tree();
        let tiles = self.snapshot()?.open_table(TILES)?;
        Ok(NodeReader { tiles, tree, last: None })
    }
}

impl NodeReader {
    /// The size of the log this reader sees, in leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The hash over the `2^level` leaves from `index * 2^level` on.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] if the log does not hold all these leaves,
    /// [`StoreError::Corrupt`] if a tile is damaged.
    pub fn node(&mut self, level: u8, index: u64) -> Result<Hash, StoreError> {
        let complete = self.size().checked_shr(u32::from(level)).unwrap_or(0);
        let missing =
            || StoreError::OutOfRange { what: format!("node {level}/{index}"), size: complete };
        if index >= complete {
            return Err(missing());
        }
        let (tile_level, inner) = (level / TILE_HEIGHT, level % TILE_HEIGHT);
        let first = index << inner;
        let start = usize::try_from(first & 0xff).map_err(|_| missing())?;
        let end = start.saturating_add(1_usize << inner);
        let hashes = self.tile(tile_level, first >> TILE_HEIGHT)?;
        hashes.get(start..end).and_then(tree::subtree_root).ok_or_else(missing)
    }

    /// The hashes of a tile: all 256, or those there are if it is the partial one.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] if it has no hash yet, [`StoreError::Corrupt`] if it is damaged.
    pub fn tile(&mut self, level: u8, index: u64) -> Result<&[Hash], StoreError> {
        let full = full_tiles(self.size(), level);
        if index >= full {
            let partial = self.tree.partial(level);
            if index > full || partial.is_empty() {
                return Err(StoreError::OutOfRange {
                    what: row::tile_name(level, index),
                    size: full,
                });
            }
            return Ok(partial);
        }
        let cached = matches!(&self.last, Some((at, which, _)) if (*at, *which) == (level, index));
        if !cached {
            self.last = Some((level, index, read_tile(&self.tiles, level, index)?));
        }
        Ok(self.last.as_ref().map_or(&[], |(_, _, hashes)| hashes))
    }

    /// The root over the first `size` leaves.
    ///
    /// # Errors
    /// As [`NodeReader::node`].
    pub fn root(&mut self, size: u64) -> Result<Hash, StoreError> {
        proof::root(size, |level, index| self.node(level, index))
    }
}

fn read_tile(tiles: &TileTable, level: u8, index: u64) -> Result<Vec<Hash>, StoreError> {
    let damaged = |problem: &str| StoreError::corrupt(row::tile_name(level, index), problem);
    let row = tiles.get((level, index))?.ok_or_else(|| damaged("it is missing"))?;
    open_tile(level, index, row.value()).map_err(damaged)
}

pub(crate) fn open_tile(level: u8, index: u64, row: &[u8]) -> Result<Vec<Hash>, &'static str> {
    let value = row::open(Kind::Tile, &row::tile_key(level, index), row)?;
    tree::split(value).filter(|hashes| hashes.len() == TILE_WIDTH).ok_or("it is not 256 hashes")
}

/// The growing edge: leaf hashes from the newest events, the levels above from full tiles.
pub(crate) fn load_tree(db: &Database, size: u64) -> Result<Tree, StoreError> {
    let txn = db.begin_read()?;
    let mut partial = vec![edge_leaves(&txn, size)?];
    let tiles = txn.open_table(TILES)?;
    for level in 1..MAX_TILE_LEVELS {
        let width = partial_width(size, level);
        let start = full_tiles(size, level).saturating_mul(TILE_WIDTH as u64);
        let below = level.saturating_sub(1);
        let mut hashes = Vec::with_capacity(TILE_WIDTH);
        for index in (start..).take(width) {
            let tile = read_tile(&tiles, below, index)?;
            let root = tree::subtree_root(&tile)
                .ok_or_else(|| StoreError::corrupt(row::tile_name(below, index), "it is empty"))?;
            hashes.push(root);
        }
        partial.push(hashes);
    }
    Ok(Tree::from_parts(size, partial))
}

fn edge_leaves(txn: &ReadTransaction, size: u64) -> Result<Vec<Hash>, StoreError> {
    let events = txn.open_table(EVENTS)?;
    let start = full_tiles(size, 0).saturating_mul(TILE_WIDTH as u64);
    let mut hashes = Vec::with_capacity(TILE_WIDTH);
    for index in start..size {
        let row = events
            .get(index)?
            .ok_or_else(|| StoreError::corrupt(row::event_name(index), "it is missing"))?;
        hashes.push(tree::leaf_hash(&read::open_event(index, row.value())?));
    }
    Ok(hashes)
}
