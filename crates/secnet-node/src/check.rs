//! The full check of a chain: every block follows from the one before, every command's signature holds, and
//! executing them all again gives the same log and the same state. And against what somebody kept: a cut tail or a
//! rolled-back folder is consistent in itself; only an outside checkpoint or receipt gives it away.

use secnet_ledger::{Agreement, Executor, Outcome, SuccessorError, TableId};
use secnet_types::{Digest, Epochs, Genesis, NetworkId};

use crate::chain::{parse_block, stored_genesis, stored_position};
use crate::chain_error::ChainError;
use crate::kept::{Against, disagreement};
use crate::solo::verify_split;
use crate::store::{Finding, Store};

/// The end of a closed chain, found by executing all of it again: what a successor begins from.
#[derive(Debug, Clone)]
pub struct Closed(Executor);

/// Why a chain is not one that another can begin from.
#[derive(Debug, thiserror::Error)]
pub enum NotClosed {
    /// It cannot be read, or not as far as its end.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// It does not hold.
    #[error("the closed chain does not hold: {0}")]
    Wrong(Finding),
    /// It can still grow.
    #[error("the chain is not closed")]
    Open,
}

impl Closed {
    /// Check a closed chain as [`check_chain`] does; one that continued another itself needs that one's end.
    ///
    /// # Errors
    /// [`NotClosed`].
    pub fn check(
        store: &Store,
        before: Option<Self>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, NotClosed> {
        let genesis = stored_genesis(store)?;
        let (executor, mut findings) = replay(store, &genesis, before, progress)?;
        if !findings.is_empty() {
            return Err(NotClosed::Wrong(findings.swap_remove(0)));
        }
        match executor {
            Some(executor) if executor.state().is_closed() => Ok(Self(executor)),
            _ => Err(NotClosed::Open),
        }
    }

    /// Of which network.
    #[must_use]
    pub fn network(&self) -> NetworkId {
        self.0.state().network()
    }

    /// Where it ended, and in what state.
    #[must_use]
    pub fn executor(&self) -> &Executor {
        &self.0
    }

    /// Does this genesis begin the network that the chain was closed for?
    ///
    /// # Errors
    /// [`SuccessorError`].
    pub fn leads_to(&self, genesis: &Genesis) -> Result<(), SuccessorError> {
        self.0.clone().successor(genesis).map(drop)
    }

    pub(crate) fn into_executor(self) -> Executor {
        self.0
    }
}

/// Execute the whole chain of a network that continues no other again, and compare. `progress` is called with (blocks
/// done, blocks in all).
///
/// # Errors
/// The store cannot be read at all. What is wrong with readable content is in the findings.
pub fn check_chain(
    store: &Store,
    against: &[Against],
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Vec<Finding>, ChainError> {
    check_chain_from(store, None, against, progress)
}

/// As [`check_chain`], of a network that may continue a closed chain: that one's end is then needed.
///
/// # Errors
/// As [`check_chain`].
pub fn check_chain_from(
    store: &Store,
    closed: Option<Closed>,
    against: &[Against],
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Vec<Finding>, ChainError> {
    let genesis = stored_genesis(store)?;
    let (_, mut findings) = replay(store, &genesis, closed, progress)?;
    for kept in against {
        if let Err(problem) = disagreement(store, &genesis, kept) {
            findings.push(finding("the folder as a whole", problem.to_string()));
        }
    }
    Ok(findings)
}

/// Where the replay ends, if it gets that far, and what is wrong.
fn replay(
    store: &Store,
    genesis: &Genesis,
    closed: Option<Closed>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(Option<Executor>, Vec<Finding>), ChainError> {
    let position = stored_position(store)?;
    let mut executor = match beginning(genesis, closed) {
        Ok(executor) => executor,
        Err(problem) => return Ok((None, vec![finding("the beginning", problem)])),
    };
    let mut replay = Replay { store, last: position.height, epochs: Epochs::of(genesis) };
    for height in 1..=position.height {
        if let Err(problem) = replay.block(&mut executor, height) {
            // Everything after builds on this block, so the first wrong one is the one to name.
            return Ok((None, vec![finding(format!("block {height}"), problem)]));
        }
        progress(height, position.height);
    }
    let mut findings = Vec::new();
    if executor.position() != position {
        findings.push(finding("the chain's position", "it is not what the blocks lead to"));
    }
    let (stored, led) = (store.log_size()?, executor.log_size());
    if stored != led {
        let problem = format!("it holds {stored} events, the blocks lead to {led}");
        findings.push(finding("the log", problem));
    }
    compare_state(store, &executor, &mut findings)?;
    Ok((Some(executor), findings))
}

/// The state before the first block.
fn beginning(genesis: &Genesis, closed: Option<Closed>) -> Result<Executor, String> {
    match (genesis.predecessor, closed) {
        (None, None) => Ok(Executor::genesis(genesis).0),
        (None, Some(_)) => Err("the network continues no other".into()),
        (Some(predecessor), None) => Err(format!(
            "the network continues {}, whose closed ledger is not here to begin from",
            predecessor.network
        )),
        (Some(_), Some(closed)) => {
            closed.0.successor(genesis).map(|(executor, _)| executor).map_err(text)
        }
    }
}

/// What a block is checked against.
struct Replay<'a> {
    store: &'a Store,
    last: u64,
    epochs: Epochs,
}

impl Replay<'_> {
    /// Execute the block at this height, and compare.
    fn block(&mut self, executor: &mut Executor, height: u64) -> Result<(), String> {
        let begins = executor.state().epochs().find(|(_, epoch)| epoch.first == height);
        if let Some((1.., epoch)) = begins {
            self.epochs.extend_executed(epoch.above(executor.position().parent));
        }
        let is_boundary = executor.state().epochs().any(|(_, epoch)| epoch.first == height + 1);
        replay_block(
            self.store,
            &self.epochs,
            executor,
            (height, height < self.last && !is_boundary),
        )
    }
}

fn replay_block(
    store: &Store,
    epochs: &Epochs,
    executor: &mut Executor,
    (height, may_lean): (u64, bool),
) -> Result<(), String> {
    let is_agreed = executor.state().epochs().next().is_some();
    let record = store.block(height).map_err(text)?.ok_or("it is missing")?;
    let (block, certificate) = parse_block(&record).map_err(text)?;
    match &certificate {
        Some(certificate) if epochs.certifies(&block.header, certificate) => {}
        Some(_) if !is_agreed => {
            return Err("its certificate is not by the sequencer".into());
        }
        Some(_) => return Err("its certificate is not by a quorum of the validators".into()),
        // Final through a later block of its epoch, which names this one by digest.
        None if is_agreed && may_lean => {}
        None => return Err("it has no certificate".into()),
    }
    let mut commands = Vec::with_capacity(block.commands.len());
    for (number, result) in verify_split(block.commands.clone()).into_iter().enumerate() {
        commands.push(result.map_err(|e| format!("its command {number} is not valid: {e}"))?);
    }
    let agreement = Agreement { context: block.header.context.clone() };
    let executed = executor.execute_agreed(block.header.time, agreement, &commands);
    for (number, outcome) in executed.outcomes.iter().enumerate() {
        if !matches!(outcome, Outcome::Applied { .. }) {
            return Err(format!("its command {number} does not apply"));
        }
    }
    if executed.header != block.header {
        return Err("executing the blocks before it gives another header".into());
    }
    for (offset, event) in executed.events.iter().enumerate() {
        let index = executed.first_event.saturating_add(offset as u64);
        if store.event(index).map_err(text)? != *event {
            return Err(format!("event {index} is not what the block leads to"));
        }
    }
    Ok(())
}

/// The stored entries must be exactly those of the replayed state.
fn compare_state(
    store: &Store,
    executor: &Executor,
    findings: &mut Vec<Finding>,
) -> Result<(), ChainError> {
    let mut expected: std::collections::BTreeMap<(u8, Vec<u8>), Digest> =
        std::collections::BTreeMap::new();
    executor.state().for_each_entry(|table, key, value| {
        expected.insert((table as u8, key.to_vec()), Digest::of(value));
    });
    let mut entries = store.entries()?;
    while let Some((table, key, value)) = entries.next()? {
        if expected.remove(&(table, key.to_vec())) != Some(Digest::of(value)) {
            let table = TableId::from_number(table).map_or("unknown", TableId::name);
            let what = format!("state entry {table}/{}", hex(key));
            findings.push(finding(what, "it is not what the blocks lead to"));
        }
    }
    for ((table, key), _) in expected {
        let table = TableId::from_number(table).map_or("unknown", TableId::name);
        findings.push(finding(format!("state entry {table}/{}", hex(&key)), "it is missing"));
    }
    Ok(())
}

fn finding(what: impl Into<String>, problem: impl Into<String>) -> Finding {
    Finding { what: what.into(), problem: problem.into() }
}

fn text(error: impl core::fmt::Display) -> String {
    error.to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
