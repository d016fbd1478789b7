//! A folder on a disk that fails: what was not synced is lost, torn or reordered, for each file and for the folder.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use redb::{Builder, Database, DatabaseError, StorageBackend};
use secnet_node::faults::{FaultyDisk, Plan};
use secnet_vault::Folder;

use crate::chance::Chance;

/// Files by name, as they are found after a crash.
pub(crate) type Image = BTreeMap<String, Vec<u8>>;

/// The folder. Clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct FaultyFolder(Arc<Mutex<Disk>>);

#[derive(Debug)]
struct Disk {
    plan: Plan,
    operations: u64,
    crashed: bool,
    made: u64,
    /// What is seen.
    names: BTreeMap<String, FaultyDisk>,
    /// What the last sync of the folder made durable.
    durable: BTreeMap<String, FaultyDisk>,
    /// What came since, in order. Each may reach the disk alone.
    pending: Vec<Turn>,
    /// Files that no name leads to any more; their bytes are still on the disk.
    nameless: Vec<FaultyDisk>,
}

#[derive(Debug)]
enum Turn {
    Named { name: String, file: FaultyDisk },
    Renamed { from: String, to: String, file: FaultyDisk },
    Removed { name: String },
}

impl FaultyFolder {
    /// A folder that already, durably, holds these files. The plan counts the operations on all of them.
    pub(crate) fn with_image(image: Image, plan: Plan) -> Self {
        let mut disk = Disk {
            plan,
            operations: 0,
            crashed: false,
            made: 0,
            names: BTreeMap::new(),
            durable: BTreeMap::new(),
            pending: Vec::new(),
            nameless: Vec::new(),
        };
        for (name, bytes) in image {
            let file = disk.new_file(bytes);
            disk.names.insert(name, file);
        }
        disk.durable = disk.names.clone();
        Self(Arc::new(Mutex::new(disk)))
    }

    /// The files that are found after a crash now.
    pub(crate) fn after_crash(&self) -> Image {
        let disk = self.0.lock();
        let mut chance = Chance::new(disk.plan.seed, disk.operations);
        // Some crashes lose nearly everything, some nearly nothing.
        let keep = chance.pick(&[0, 1, 2, 3, 4]).unwrap_or(0);
        let mut names = disk.durable.clone();
        for turn in &disk.pending {
            if chance.below(4) < keep {
                turn.apply(&mut names);
            }
        }
        names.into_iter().map(|(name, file)| (name, file.after_crash())).collect()
    }

    /// Every byte that a thief of the disk has now: of the files, and of those that no name leads to any more.
    pub(crate) fn platter(&self) -> Vec<Vec<u8>> {
        let disk = self.0.lock();
        disk.names.values().chain(&disk.nameless).map(FaultyDisk::image).collect()
    }

    pub(crate) fn crashed(&self) -> bool {
        self.0.lock().crashed
    }

    pub(crate) fn is_full(&self) -> bool {
        self.0.lock().check_space().is_err()
    }

    /// The operation is done to the disk in any case: the one that crashes still reaches it, in parts.
    fn operate<T>(&self, work: impl FnOnce(&mut Disk) -> io::Result<T>) -> io::Result<T> {
        let mut disk = self.0.lock();
        disk.check()?;
        disk.crashed = disk.plan.crash_at == Some(disk.operations);
        disk.operations = disk.operations.saturating_add(1);
        let done = work(&mut disk)?;
        disk.check()?;
        Ok(done)
    }

    fn handle(&self, file: FaultyDisk) -> FaultyFile {
        FaultyFile { folder: self.clone(), file }
    }

    fn file(&self, name: &str) -> io::Result<FaultyFile> {
        let disk = self.0.lock();
        disk.check()?;
        disk.names.get(name).cloned().map(|file| self.handle(file)).ok_or_else(missing)
    }
}

impl Disk {
    fn new_file(&mut self, image: Vec<u8>) -> FaultyDisk {
        self.made = self.made.saturating_add(1);
        let seed = self.plan.seed.rotate_left(17) ^ self.made;
        let plan = Plan { seed, crash_at: None, full_at: None, ..self.plan };
        FaultyDisk::with_image(image, plan)
    }

    fn check(&self) -> io::Result<()> {
        if self.crashed { Err(io::Error::other("the disk has crashed")) } else { Ok(()) }
    }

    fn check_space(&self) -> io::Result<()> {
        match self.plan.full_at {
            Some(full_at) if self.operations > full_at => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }

    fn turn(&mut self, turn: Turn) {
        self.nameless.extend(turn.apply(&mut self.names));
        self.pending.push(turn);
    }
}

impl Turn {
    /// Returns the file that lost its name.
    fn apply(&self, names: &mut BTreeMap<String, FaultyDisk>) -> Option<FaultyDisk> {
        match self {
            Self::Named { name, file } => names.insert(name.clone(), file.clone()),
            Self::Renamed { from, to, file } => {
                names.remove(from);
                names.insert(to.clone(), file.clone())
            }
            Self::Removed { name } => names.remove(name),
        }
    }
}

impl fmt::Display for FaultyFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(a simulated folder)")
    }
}

impl Folder for FaultyFolder {
    fn names(&self) -> io::Result<Vec<String>> {
        let disk = self.0.lock();
        disk.check()?;
        Ok(disk.names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn StorageBackend>> {
        Ok(Box::new(self.file(name)?))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StorageBackend>> {
        let file = self.operate(|disk| {
            disk.check_space()?;
            let file = disk.new_file(Vec::new());
            disk.turn(Turn::Named { name: name.to_owned(), file: file.clone() });
            Ok(file)
        })?;
        Ok(Box::new(self.handle(file)))
    }

    fn database(&self, name: &str, builder: &Builder) -> Result<Database, DatabaseError> {
        let file = self.file(name).map_err(redb::StorageError::from)?;
        builder.create_with_backend(file)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.operate(|disk| {
            let file = disk.names.get(from).cloned().ok_or_else(missing)?;
            disk.turn(Turn::Renamed { from: from.to_owned(), to: to.to_owned(), file });
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.operate(|disk| {
            disk.names.get(name).ok_or_else(missing)?;
            disk.turn(Turn::Removed { name: name.to_owned() });
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.operate(|disk| {
            // A crash during the sync leaves any part of what was pending.
            disk.check()?;
            if !disk.plan.lie_about_sync {
                disk.durable.clone_from(&disk.names);
                disk.pending.clear();
            }
            Ok(())
        })
    }
}

/// An open file: it stays the same one whatever its name becomes.
#[derive(Debug)]
struct FaultyFile {
    folder: FaultyFolder,
    file: FaultyDisk,
}

impl StorageBackend for FaultyFile {
    fn len(&self) -> io::Result<u64> {
        self.folder.0.lock().check()?;
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.folder.0.lock().check()?;
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.folder.operate(|disk| {
            if len > self.file.len()? {
                disk.check_space()?;
            }
            self.file.set_len(len)
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.folder.operate(|disk| {
            disk.check()?;
            self.file.sync_data()
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.folder.operate(|disk| {
            disk.check_space()?;
            self.file.write(offset, data)
        })
    }
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

#[cfg(test)]
mod tests {
    use secnet_app::ports::{Archive as _, ArchiveError, Change, EntryKind, EntryName};
    use secnet_vault::{PrivateArchive, StorageKey};

    use super::*;
    use crate::chance::SimEntropy;

    fn entry(number: u32) -> EntryName {
        EntryName::new(EntryKind::Facts, b"set", &number.to_be_bytes())
    }

    async fn write(archive: &PrivateArchive, number: u32) -> Result<(), ArchiveError> {
        let value = Some(vec![7; 3000]);
        archive.write(vec![Change { name: entry(number), value }]).await
    }

    #[test]
    fn an_archive_that_found_no_room_goes_on_without_a_restart() {
        futures::executor::block_on(fill_and_go_on());
    }

    async fn fill_and_go_on() {
        for kilobytes in (0..60).step_by(4) {
            let folder = FaultyFolder::with_image(Image::new(), Plan::default());
            let key = StorageKey::from_bytes([9; 32]);
            let entropy = Arc::new(SimEntropy::new(Chance::new(kilobytes, 0)));
            let archive = PrivateArchive::open_in(Arc::new(folder.clone()), key, entropy).unwrap();
            write(&archive, 0).await.unwrap();
            let leave = |room: Option<u64>| {
                folder.0.lock().names.values().for_each(|file| file.leave_room(room));
            };
            leave(Some(kilobytes << 10));
            let mut written = 1;
            let refused = loop {
                match write(&archive, written).await {
                    Ok(()) => written += 1,
                    Err(error) => break error,
                }
                assert!(written < 500, "the disk was never full");
            };
            assert_eq!(refused, ArchiveError::NoRoom);
            // What is there can still be read, and written when there is room.
            leave(None);
            assert_eq!(archive.count().await.unwrap(), u64::from(written));
            write(&archive, written).await.unwrap();
            assert_eq!(archive.verify().await.unwrap(), u64::from(written) + 1);
            archive.rekey().await.unwrap();
            assert_eq!(archive.verify().await.unwrap(), u64::from(written) + 1);
        }
    }
}
