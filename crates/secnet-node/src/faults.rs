//! A disk that loses, reorders and tears what was not synced, decided by a seed.
//!
//! The image at a crash: every 512-byte sector holds the last synced version or any version
//! written since, chosen sector by sector; the length is the synced one or any set since. That
//! covers dropped, kept, reordered and torn writes at once.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

use crate::room::Room;

/// What a disk writes in one piece.
pub const SECTOR_BYTES: usize = 512;
/// What a file takes room in: a part of it that nothing was written to takes none.
const PAGE_BYTES: usize = 4096;

/// How a [`FaultyDisk`] behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan {
    /// Decides what survives the crash.
    pub seed: u64,
    /// Crash at this operation (write, sync or change of length), counted from 0.
    pub crash_at: Option<u64>,
    /// From this operation on the disk is full: writes and growth fail, all else works.
    pub full_at: Option<u64>,
    /// Ignore syncs, as a lying disk does: acknowledged commits may then be lost.
    pub lie_about_sync: bool,
}

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct FaultyDisk {
    disk: Arc<Mutex<Disk>>,
}

struct Disk {
    plan: Plan,
    operations: u64,
    crashed: bool,
    /// What reads see.
    current: Vec<u8>,
    /// What the last sync made durable.
    durable: Vec<u8>,
    /// What came since, in order.
    pending: Vec<Change>,
    /// Pages that something was written to.
    pages: BTreeSet<usize>,
    /// Bytes that the disk has; none if they do not end.
    room: Option<u64>,
    /// Bytes of them that a reserve holds.
    reserve: u64,
}

enum Change {
    Write { offset: usize, data: Vec<u8> },
    Length(usize),
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disk")
            .field("plan", &self.plan)
            .field("operations", &self.operations)
            .field("crashed", &self.crashed)
            .field("bytes", &self.current.len())
            .finish_non_exhaustive()
    }
}

impl FaultyDisk {
    /// An empty disk.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self::with_image(Vec::new(), plan)
    }

    /// A disk that already, durably, holds `image`.
    #[must_use]
    pub fn with_image(image: Vec<u8>, plan: Plan) -> Self {
        let disk = Disk {
            plan,
            operations: 0,
            crashed: false,
            current: image.clone(),
            durable: image,
            pending: Vec::new(),
            pages: BTreeSet::new(),
            room: None,
            reserve: 0,
        };
        Self { disk: Arc::new(Mutex::new(disk)) }
    }

    /// Operations so far: writes, syncs, changes of length.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// From now on so many bytes can be written besides what is there; without a number, as many as one likes.
    pub fn leave_room(&self, bytes: Option<u64>) {
        let mut disk = self.lock();
        let taken = disk.taken();
        disk.room = bytes.map(|bytes| taken.saturating_add(bytes));
    }

    /// Bytes that can still be written; none if they do not end.
    #[must_use]
    pub fn free(&self) -> Option<u64> {
        let disk = self.lock();
        disk.room.map(|room| room.saturating_sub(disk.taken()))
    }

    /// Whether the crash has happened.
    #[must_use]
    pub fn crashed(&self) -> bool {
        self.lock().crashed
    }

    /// The bytes reads see now.
    #[must_use]
    pub fn image(&self) -> Vec<u8> {
        self.lock().current.clone()
    }

    /// The bytes that are found after a crash now.
    #[must_use]
    pub fn after_crash(&self) -> Vec<u8> {
        self.lock().after_crash()
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    fn check(&self) -> io::Result<()> {
        if self.crashed { Err(io::Error::other("the disk has crashed")) } else { Ok(()) }
    }

    /// Counts an operation; the one that crashes still reaches the disk, in parts.
    fn count(&mut self) -> io::Result<()> {
        self.check()?;
        self.crashed = self.plan.crash_at == Some(self.operations);
        self.operations = self.operations.saturating_add(1);
        Ok(())
    }

    /// Bytes that file and reserve take.
    fn taken(&self) -> u64 {
        (self.pages.len() as u64).saturating_mul(PAGE_BYTES as u64).saturating_add(self.reserve)
    }

    /// Take the room for a write.
    fn take_room(&mut self, offset: usize, len: usize) -> io::Result<()> {
        let last = offset.saturating_add(len).saturating_sub(1);
        let pages = || offset / PAGE_BYTES..=last / PAGE_BYTES;
        let fresh = pages().filter(|page| !self.pages.contains(page)).count() as u64;
        let needs = self.taken().saturating_add(fresh.saturating_mul(PAGE_BYTES as u64));
        if fresh > 0 && self.room.is_some_and(|room| needs > room) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.pages.extend(pages());
        Ok(())
    }

    /// The operation counted last needs space.
    fn check_space(&self) -> io::Result<()> {
        match self.plan.full_at {
            Some(full_at) if self.operations > full_at => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }

    fn after_crash(&self) -> Vec<u8> {
        let mut chance = Chance::new(self.plan.seed, self.operations);
        // Some seeds lose nearly everything, some nearly nothing: both ends find other mistakes.
        let keep_in_256 = chance.pick(&[0, 32, 128, 224, 256]);
        let mut lengths = vec![self.durable.len()];
        let mut versions = BTreeMap::<usize, Vec<Vec<u8>>>::new();
        let mut rolling = self.durable.clone();
        for change in &self.pending {
            apply(&mut rolling, change);
            match change {
                Change::Length(len) => lengths.push(*len),
                Change::Write { offset, data } => {
                    let last = offset.saturating_add(data.len()).saturating_sub(1);
                    for sector in offset / SECTOR_BYTES..=last / SECTOR_BYTES {
                        versions.entry(sector).or_default().push(sector_of(&rolling, sector));
                    }
                }
            }
        }
        let mut image = self.durable.clone();
        let len = chance.survivor(&lengths, keep_in_256);
        image.resize(len.copied().unwrap_or_default(), 0);
        for (sector, written) in versions {
            let Some(index) = chance.survivor_index(written.len(), keep_in_256) else { continue };
            let start = sector.saturating_mul(SECTOR_BYTES);
            let bytes = written.get(index).map_or(&[][..], Vec::as_slice);
            // What lies beyond the surviving length is gone.
            apply(&mut image, &Change::Write { offset: start, data: bytes.to_vec() });
        }
        image
    }
}

fn apply(image: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Length(len) => image.resize(*len, 0),
        Change::Write { offset, data } => {
            let end = offset.saturating_add(data.len()).min(image.len());
            if let Some((to, from)) =
                image.get_mut(*offset..end).zip(data.get(..end.saturating_sub(*offset)))
            {
                to.copy_from_slice(from);
            }
        }
    }
}

fn sector_of(image: &[u8], sector: usize) -> Vec<u8> {
    let start = sector.saturating_mul(SECTOR_BYTES).min(image.len());
    let end = start.saturating_add(SECTOR_BYTES).min(image.len());
    image.get(start..end).unwrap_or_default().to_vec()
}

impl StorageBackend for FaultyDisk {
    fn len(&self) -> io::Result<u64> {
        let disk = self.lock();
        disk.check()?;
        Ok(disk.current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let disk = self.lock();
        disk.check()?;
        let start = to_usize(offset)?;
        let end = start.checked_add(out.len()).ok_or_else(beyond)?;
        out.copy_from_slice(disk.current.get(start..end).ok_or_else(beyond)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut disk = self.lock();
        disk.count()?;
        let len = to_usize(len)?;
        if len > disk.current.len() {
            disk.check_space()?;
        }
        disk.pages.retain(|page| page.saturating_mul(PAGE_BYTES) < len);
        let change = Change::Length(len);
        apply(&mut disk.current, &change);
        disk.pending.push(change);
        disk.check()
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.lock();
        disk.count()?;
        // A crash during the sync leaves any part of what was pending.
        disk.check()?;
        if !disk.plan.lie_about_sync {
            let pending = std::mem::take(&mut disk.pending);
            for change in &pending {
                apply(&mut disk.durable, change);
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut disk = self.lock();
        disk.count()?;
        disk.check_space()?;
        let offset = to_usize(offset)?;
        if offset.checked_add(data.len()).is_none_or(|end| end > disk.current.len()) {
            return Err(beyond());
        }
        disk.take_room(offset, data.len())?;
        let change = Change::Write { offset, data: data.to_vec() };
        apply(&mut disk.current, &change);
        disk.pending.push(change);
        disk.check()
    }
}

/// The room on a faulty disk, with a reserve of it.
#[derive(Debug)]
pub struct DiskRoom {
    disk: FaultyDisk,
    wanted: u64,
    /// Does it tell how much is free?
    tells: bool,
}

impl DiskRoom {
    /// Room that tells how much is free.
    #[must_use]
    pub fn of(disk: &FaultyDisk, wanted: u64) -> Self {
        Self { disk: disk.clone(), wanted, tells: true }
    }

    /// Room of which only a failed write tells that there is none.
    #[must_use]
    pub fn silent(disk: &FaultyDisk, wanted: u64) -> Self {
        Self { tells: false, ..Self::of(disk, wanted) }
    }
}

impl Room for DiskRoom {
    fn free(&self) -> Option<u64> {
        self.disk.free().filter(|_| self.tells)
    }

    fn wanted(&self) -> u64 {
        self.wanted
    }

    fn kept(&self) -> u64 {
        self.disk.lock().reserve
    }

    fn keep(&mut self) -> io::Result<()> {
        let mut disk = self.disk.lock();
        let needs = disk.taken().saturating_sub(disk.reserve).saturating_add(self.wanted);
        if disk.room.is_some_and(|room| needs > room) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.reserve = self.wanted;
        Ok(())
    }

    fn give_back(&mut self) -> io::Result<()> {
        self.disk.lock().reserve = 0;
        Ok(())
    }
}

fn to_usize(number: u64) -> io::Result<usize> {
    usize::try_from(number).map_err(|_| beyond())
}

fn beyond() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "beyond the end of the disk")
}

/// `SplitMix64` (Steele, Lea, Flood 2014): small, and the same everywhere.
struct Chance(u64);

impl Chance {
    fn new(seed: u64, operation: u64) -> Self {
        let mut chance = Self(seed);
        chance.0 = chance.next() ^ operation;
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    fn pick(&mut self, choices: &[u64]) -> u64 {
        let index = self.below(choices.len());
        choices.get(index).copied().unwrap_or(0)
    }

    /// Which of `count` newer versions survives; `None` if none does.
    fn survivor_index(&mut self, count: usize, keep_in_256: u64) -> Option<usize> {
        if self.next() % 256 >= keep_in_256 {
            return None;
        }
        // Mostly the newest, at times an older one: the disk was still behind.
        let newest = count.checked_sub(1)?;
        Some(if self.next().is_multiple_of(4) { self.below(count) } else { newest })
    }

    /// One of the lengths; the first is the durable one.
    fn survivor<'l>(&mut self, lengths: &'l [usize], keep_in_256: u64) -> Option<&'l usize> {
        let newer = lengths.len().saturating_sub(1);
        let index = self.survivor_index(newer, keep_in_256).map_or(0, |index| index + 1);
        lengths.get(index)
    }
}
