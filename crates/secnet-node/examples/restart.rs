//! Measures a restart on a large state: `restart [FOLDER] [ENTRIES]`, release build.
//!
//! Writes 1,000,000 entries into each of two state tables, then opens the folder twice: as a
//! clean stop leaves it, and as a kill leaves it, and reads all entries each time.
#![allow(clippy::print_stdout, reason = "it prints its figures")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use secnet_node::store::{Commit, EntryKey, Options, STORE_FILE, Store};

const TABLES: [u8; 2] = [1, 2];
const PER_COMMIT: u64 = 20_000;
const VALUE_BYTES: usize = 250;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let root = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let entries = arguments.next().map_or(Ok(1_000_000), |count| count.parse::<u64>())?;
    let dir = root.join(format!("restart-{}", std::process::id()));
    let killed = root.join(format!("restart-{}-killed", std::process::id()));
    std::fs::create_dir_all(&killed)?;
    let store = Store::open(&dir, Options::default())?;
    for table in TABLES {
        for first in (0..entries).step_by(usize::try_from(PER_COMMIT)?) {
            let keys = first..entries.min(first + PER_COMMIT);
            let entries = keys.map(|number| {
                let key = blake3::hash(&number.to_be_bytes());
                (EntryKey::new(table, key.as_bytes()), Some(vec![table; VALUE_BYTES]))
            });
            store.commit(Commit { entries: entries.collect(), ..Commit::default() })?;
        }
    }
    // The file of a store that is open is the file of a store that was killed.
    std::fs::copy(dir.join(STORE_FILE), killed.join(STORE_FILE))?;
    drop(store);
    println!("{} bytes", std::fs::metadata(dir.join(STORE_FILE))?.len());
    restart("after a clean stop", &dir)?;
    restart("after a kill", &killed)?;
    std::fs::remove_dir_all(&dir)?;
    std::fs::remove_dir_all(&killed)?;
    Ok(())
}

fn restart(what: &str, dir: &Path) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let store = Store::open(dir, Options::default())?;
    let opened = start.elapsed();
    let mut count = 0_u64;
    for table in TABLES {
        for entry in store.entries(table)? {
            entry?;
            count += 1;
        }
    }
    println!("{what}: open {opened:?}, with {count} entries read {:?}", start.elapsed());
    Ok(())
}
