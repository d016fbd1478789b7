//! From stored entries back to a running state machine.

use secnet_crypto::{Frontier, Hash};
use secnet_types::NetworkId;

use crate::{Executor, Resume, State, StateDigest, TableId};

/// Why stored state is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// An entry is not one.
    #[error("the stored entry `{table}/{key}` is damaged; restore a backup")]
    Entry {
        /// Its table.
        table: String,
        /// Its key, in hex.
        key: String,
    },
    /// The entries are not those that the chain committed to.
    #[error(
        "the stored state does not match the digest that the chain committed to; restore a backup"
    )]
    Digest,
    /// The log's peaks do not fit its size.
    #[error("the stored log position is damaged; restore a backup")]
    Log,
}

/// Takes in the entries of a stored state, in any order; quickest in the order of keys.
#[derive(Debug)]
pub struct Loader {
    state: State,
    /// The table whose entries come now.
    table: Option<TableId>,
}

impl Loader {
    /// For the state of this network.
    #[must_use]
    pub fn new(network: NetworkId) -> Self {
        Self { state: State::unloaded(network), table: None }
    }

    /// Take in one entry: table number, key, value.
    ///
    /// # Errors
    /// [`LoadError::Entry`] if it is not one, or if the key of one before it came twice.
    pub fn add(&mut self, table: u8, key: &[u8], value: &[u8]) -> Result<(), LoadError> {
        let table = TableId::from_number(table);
        if table != self.table {
            self.settle()?;
            self.table = table;
        }
        let loaded = table.and_then(|table| self.state.load(table, key, value));
        loaded.ok_or_else(|| damaged(table, key))
    }

    fn settle(&mut self) -> Result<(), LoadError> {
        let Some(table) = self.table else { return Ok(()) };
        self.state.settle(table).map_err(|key| damaged(Some(table), &key))
    }

    /// The state machine as it stood. `digest` is over all entries that were added; it is handed in because summing it
    /// up takes as long as loading, and can be done beside it.
    ///
    /// # Errors
    /// [`LoadError`] if the whole is not what the chain committed to.
    pub fn finish(mut self, resume: &Resume, digest: StateDigest) -> Result<Executor, LoadError> {
        self.settle()?;
        if digest.digest() != resume.state {
            return Err(LoadError::Digest);
        }
        self.state.loaded(resume.height);
        let peaks = resume.log_peaks.iter().map(|peak| Hash(peak.0)).collect();
        let log = Frontier::from_parts(resume.log_size, peaks).ok_or(LoadError::Log)?;
        Ok(Executor {
            state: self.state,
            digest,
            log,
            height: resume.height,
            parent: resume.parent,
            time: resume.time,
        })
    }
}

fn damaged(table: Option<TableId>, key: &[u8]) -> LoadError {
    LoadError::Entry {
        table: table.map_or("unknown", TableId::name).to_owned(),
        key: key.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
