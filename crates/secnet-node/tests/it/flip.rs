//! P11: a flipped bit is found and named, or it lies where nothing is stored.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use secnet_node::store::{Commit, EntryKey, Leaf, STORE_FILE, Store, StoreError, fsck};

use crate::model::{Model, commit, options};

const COMMITS: u64 = 60;
const FILE: &str = "the database file";

struct Folder {
    dir: tempfile::TempDir,
    clean: Vec<u8>,
    truth: Model,
}

impl Folder {
    fn new(commits: u64) -> Self {
        // The engine panics on some damage; the check catches that, and its message is noise.
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !info.location().is_some_and(|place| place.file().contains("redb")) {
                before(info);
            }
        }));
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), options()).unwrap();
        (0..commits).for_each(|number| store.commit(commit(number)).unwrap());
        drop(store);
        let clean = fs::read(dir.path().join(STORE_FILE)).unwrap();
        let folder = Self { dir, clean, truth: Model::after(commits) };
        assert_eq!(folder.check(), [""; 0]);
        folder
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join(STORE_FILE)
    }

    /// The names of what the full check finds.
    fn check(&self) -> Vec<String> {
        match fsck(self.dir.path(), &options(), &mut |_| {}) {
            Ok(report) => report.findings.into_iter().map(|finding| finding.what).collect(),
            Err(error) => vec![error.to_string()],
        }
    }

    fn read(&self) -> Model {
        Model::read(&Store::open(self.dir.path(), options()).unwrap()).unwrap()
    }

    fn flip(&self, bit: usize) {
        let file = fs::OpenOptions::new().read(true).write(true).open(self.path()).unwrap();
        let (at, mut byte) = (bit as u64 / 8, [0]);
        file.read_exact_at(&mut byte, at).unwrap();
        byte[0] ^= 1 << (bit % 8);
        file.write_all_at(&byte, at).unwrap();
    }

    fn write(&self, bytes: &[u8]) {
        fs::write(self.path(), bytes).unwrap();
    }
}

#[derive(Debug, Default)]
struct Count {
    flips: usize,
    /// Found by the engine's page checksums and named by our walk.
    both: usize,
    /// Named by our walk only.
    ours: usize,
    /// Found by the page checksums, or by opening, only.
    file: usize,
    /// Not found: the numbers of the bits.
    unused: Vec<usize>,
}

fn flip_each(folder: &Folder, bits: impl Iterator<Item = usize>) -> Count {
    let mut count = Count::default();
    for bit in bits {
        count.flips += 1;
        folder.flip(bit);
        let found = folder.check();
        let (file, named): (Vec<_>, Vec<_>) = found.iter().partition(|name| *name == FILE);
        match (file.is_empty(), named.is_empty()) {
            (true, true) => {
                assert_eq!(folder.read(), folder.truth, "the flip of bit {bit} went unnoticed");
                // Opening wrote: the next flip starts from the same bytes.
                folder.write(&folder.clean);
                count.unused.push(bit);
                continue;
            }
            (false, true) => count.file += 1,
            (true, false) => count.ours += 1,
            (false, false) => count.both += 1,
        }
        folder.flip(bit);
    }
    count
}

/// Bits whose flip is not found hold nothing: flipping them all at once changes nothing. Not so
/// in the header, where some are spare: a flag that says to repair, the slot of the commit before.
fn prove_unused(folder: &Folder, unused: &[usize]) {
    let mut bytes = folder.clean.clone();
    for bit in unused.iter().filter(|bit| **bit >= HEADER_BYTES * 8) {
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    folder.write(&bytes);
    assert_eq!(folder.check(), [""; 0]);
    assert_eq!(folder.read(), folder.truth);
    folder.write(&folder.clean);
}

fn flip_all(commits: u64, wanted: impl Fn(usize) -> bool + Copy + Send + 'static) {
    let workers = (0..2)
        .map(|half| {
            std::thread::spawn(move || {
                let folder = Folder::new(commits);
                let size = folder.clean.len();
                let bits = (0..size * 8).filter(|bit| wanted(*bit)).skip(half).step_by(2);
                let count = flip_each(&folder, bits);
                prove_unused(&folder, &count.unused);
                println!(
                    "{size} bytes, {} flips: {} by both, {} by tags only, {} by the engine only, \
                     {} in unused bits",
                    count.flips,
                    count.both,
                    count.ours,
                    count.file,
                    count.unused.len()
                );
                count
            })
        })
        .collect::<Vec<_>>();
    let counts = workers.into_iter().map(|worker| worker.join().unwrap()).collect::<Vec<_>>();
    let sum = |field: fn(&Count) -> usize| counts.iter().map(field).sum::<usize>();
    assert_eq!(sum(|c| c.flips), sum(|c| c.both + c.ours + c.file + c.unused.len()));
    assert!(sum(|c| c.both + c.ours) > 0, "nothing was named");
}

/// The engine's header: a byte of flags, the layout, two commit slots of 128 bytes.
const HEADER_BYTES: usize = 320;

#[test]
fn a_flipped_bit_is_found_or_lies_in_unused_space() {
    // All bits of the header, one bit of a sample of all other bytes.
    flip_all(COMMITS, |bit| bit < HEADER_BYTES * 8 || bit.is_multiple_of(113 * 8 + 1));
}

#[test]
#[ignore = "minutes: every byte of a small store"]
fn every_flipped_byte_is_found_or_lies_in_unused_space() {
    flip_all(2, |bit| bit < HEADER_BYTES * 8 || bit % 8 == bit / 8 % 8);
}

/// Damages every copy of `needle`, as freed pages still hold old ones.
fn damage(folder: &Folder, needle: &[u8]) {
    let starts = folder.clean.windows(needle.len()).enumerate().filter(|(_, at)| *at == needle);
    let starts = starts.map(|(start, _)| start).collect::<Vec<_>>();
    assert!(!starts.is_empty());
    starts.iter().for_each(|start| folder.flip((start + needle.len() / 2) * 8));
}

/// A text that occurs nowhere else, 80 bytes long.
fn unique(what: &str) -> Vec<u8> {
    format!("{what:.<80}").into_bytes()
}

type Read<'r> = &'r dyn Fn(&Store) -> Option<StoreError>;

#[test]
fn damage_is_named_at_the_read_and_by_the_check() {
    let folder = Folder::new(10);
    let store = Store::open(folder.dir.path(), options()).unwrap();
    let mut special = commit(10);
    special.leaves = (0..600).map(|n| Leaf::new(unique(&format!("event {n}")))).collect();
    special.blocks[0].body = unique("body");
    special.entries = vec![(EntryKey::new(2, b"ada"), Some(unique("entry")))];
    special.meta = vec![("digest", unique("meta"))];
    let (block, first) = (special.blocks[0].height, store.log_size().unwrap());
    store.commit(special).unwrap();
    store.commit(Commit { meta: vec![("other", vec![1])], ..Commit::default() }).unwrap();
    let tile = store.nodes().unwrap().tile(0, 1).unwrap().as_flattened()[..80].to_vec();
    drop(store);
    let clean = fs::read(folder.path()).unwrap();
    let folder = Folder { clean, truth: folder.read(), ..folder };

    let event = first + 20;
    let cases: [(String, Vec<u8>, Read<'_>); 5] = [
        (format!("block {block}"), unique("body"), &|store| store.block(block).err()),
        (format!("event {event}"), unique("event 20"), &|store| store.event(event).err()),
        // Run 10 is what the merge after the eighth commit made.
        ("state chunk 11/0".into(), unique("entry"), &|store| Model::read(store).err()),
        ("meta digest".into(), unique("meta"), &|store| store.meta("digest").err()),
        ("tile 0/1".into(), tile, &|store| store.nodes().unwrap().node(0, 300).err()),
    ];
    for (name, needle, read) in cases {
        damage(&folder, &needle);
        let found = folder.check();
        assert!(found.contains(&name), "{name}: {found:?}");
        assert!(found.iter().all(|other| other == FILE || *other == name), "{name}: {found:?}");
        if let Some(store) = open_or_named(&folder, &name) {
            let named = |error: Option<StoreError>| matches!(error, Some(StoreError::Corrupt { what, .. }) if what == name);
            assert!(named(read(&store)), "{name}");
            let copy = folder.dir.path().join("copy");
            assert!(named(store.backup(&copy).err()), "{name}");
            fs::remove_dir_all(copy).unwrap();
        }
        folder.write(&folder.clean);
    }
    assert_eq!(folder.read(), folder.truth);
}

/// Opening needs the newest events and the tiles below the edge; damage there is named already.
fn open_or_named(folder: &Folder, name: &str) -> Option<Store> {
    match Store::open(folder.dir.path(), options()) {
        Ok(store) => Some(store),
        Err(StoreError::Corrupt { what, .. }) if what == name => None,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_damaged_head_note_is_named() {
    let folder = Folder::new(3);
    let note = folder.dir.path().join("head");
    let clean = fs::read(&note).unwrap();
    for at in 0..clean.len() {
        let mut bytes = clean.clone();
        bytes[at] ^= 4;
        fs::write(&note, &bytes).unwrap();
        let slot = if at < 512 { "head note slot 0" } else { "head note slot 1" };
        assert_eq!(folder.check(), [slot], "{at}");
    }
}

/// Why values carry tags: without a full check of its pages, the engine hands out what is there.
#[test]
fn the_engine_alone_hands_out_changed_bytes() {
    let folder = Folder::new(COMMITS);
    let raw = |path: &Path| {
        let db = Database::open(path).map_err(|error| error.to_string())?;
        let txn = db.begin_read().map_err(|error| error.to_string())?;
        let mut rows = Vec::new();
        for name in ["blocks", "events"] {
            let table = txn
                .open_table(TableDefinition::<u64, &[u8]>::new(name))
                .map_err(|error| error.to_string())?;
            for item in table.iter().map_err(|error| error.to_string())? {
                let (key, row) = item.map_err(|error| error.to_string())?;
                rows.push((key.value(), row.value().to_vec()));
            }
        }
        Ok::<_, String>(rows)
    };
    let truth = raw(&folder.path()).unwrap();
    let [mut same, mut changed, mut errors, mut panics] = [0; 4];
    for at in (4096..folder.clean.len()).step_by(499) {
        folder.write(&folder.clean);
        folder.flip(at * 8 + at % 8);
        match catch_unwind(AssertUnwindSafe(|| raw(&folder.path()))) {
            Ok(Ok(rows)) if rows == truth => same += 1,
            Ok(Ok(_)) => changed += 1,
            Ok(Err(_)) => errors += 1,
            Err(_) => panics += 1,
        }
    }
    println!("{same} the same, {changed} changed in silence, {errors} errors, {panics} panics");
    assert!(changed > 100);
}
/// One bit of the header says which of two commits is the newest. After a clean stop the engine
/// believes it and both hold the same; after a kill the other one is a commit behind.
#[test]
fn a_flipped_choice_of_commit_loses_nothing_in_silence() {
    let folder = Folder::new(5);
    folder.flip(9 * 8);
    assert_eq!(folder.check(), [""; 0]);
    assert_eq!(folder.read(), folder.truth);
    let store = Store::open(folder.dir.path(), options()).unwrap();
    store.commit(commit(5)).unwrap();
    let killed = fs::read(folder.path()).unwrap();
    drop(store);
    folder.write(&killed);
    folder.flip(9 * 8);
    assert_eq!(folder.check(), [""; 0]);
    assert_eq!(folder.read(), Model::after(6), "recovery takes the newer of two sound commits");
}
