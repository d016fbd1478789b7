//! What a witness has seen, in a file that it alone writes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use secnet_types::Genesis;
use serde::{Deserialize, Serialize};

use super::{Alarm, Seen};
use crate::failure::{Exit, Failure};
use crate::files;

/// Longest such file, in bytes: some hundred places.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The newest checkpoint of each place.
#[derive(Debug)]
pub(crate) struct Kept {
    file: PathBuf,
    network: String,
    pub seen: BTreeMap<String, Seen>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    network: String,
    /// By address.
    checkpoints: BTreeMap<String, String>,
}

impl Kept {
    /// What is in the file, checked again; nothing if there is no file.
    pub(crate) fn open(file: &Path, genesis: &Genesis) -> Result<Self, Failure> {
        let network = genesis.network().to_string();
        let mut kept = Self { file: file.to_owned(), network, seen: BTreeMap::new() };
        let Some(bytes) = files::read_if_present(file, MAX_BYTES)? else { return Ok(kept) };
        let damaged = |why: &str| {
            let said = format!("`{}` does not hold what a witness kept: {why}", file.display());
            Failure::new("bad-kept", said)
                .hint("give the file that `secnet witness` wrote for this network; without it nothing is known of before")
                .exit(Exit::Verification)
        };
        let written: Written =
            serde_json::from_slice(&bytes).map_err(|error| damaged(&error.to_string()))?;
        if written.network != kept.network {
            return Err(damaged("it is of another network"));
        }
        for (place, note) in written.checkpoints {
            let seen = Seen::new(genesis, note).map_err(|why| damaged(&why.to_string()))?;
            kept.seen.insert(place, seen);
        }
        Ok(kept)
    }

    /// From now on this is what is known.
    pub(crate) fn save(&self) -> Result<(), Failure> {
        let checkpoints = self.seen.iter().map(|(place, seen)| (place.clone(), seen.note.clone()));
        let written = Written { network: self.network.clone(), checkpoints: checkpoints.collect() };
        write(&self.file, &written)
    }

    /// Keep what shows that something is wrong, beside what was known before.
    pub(crate) fn save_alarm(&self, alarm: &Alarm) -> Result<PathBuf, Failure> {
        #[derive(Serialize)]
        struct Shown<'a> {
            network: &'a str,
            code: &'a str,
            said: &'a str,
            checkpoints: Vec<Noted<'a>>,
        }
        #[derive(Serialize)]
        struct Noted<'a> {
            from: &'a str,
            checkpoint: &'a str,
        }
        let checkpoints =
            alarm.proof.iter().map(|(from, checkpoint)| Noted { from, checkpoint }).collect();
        let Failure { code, message, .. } = &alarm.failure;
        let shown = Shown { network: &self.network, code, said: message, checkpoints };
        let file = alarm_file(&self.file);
        write(&file, &shown)?;
        Ok(file)
    }
}

/// Where the proof of an alarm goes.
fn alarm_file(kept: &Path) -> PathBuf {
    let mut name = OsString::from(kept);
    name.push(".alarm");
    name.into()
}

fn write(file: &Path, value: &impl Serialize) -> Result<(), Failure> {
    // INVARIANT: texts and maps of texts.
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    files::write_private(file, &bytes)
}
