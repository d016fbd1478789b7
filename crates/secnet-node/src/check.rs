//! The full check of a chain: every block follows from the one before, every command's signature holds, and
//! executing them all again gives the same log and the same state. And against what somebody kept: a cut tail or a
//! rolled-back folder is consistent in itself; only an outside checkpoint or receipt gives it away.

use secnet_crypto::{Checkpoint, VerifyingKey};
use secnet_ledger::{Executor, Outcome, TableId};
use secnet_types::{Digest, Genesis, Receipt, encode};

use crate::chain::{ChainError, origin, parse_block, stored_genesis, stored_position};
use crate::solo::verify_split;
use crate::store::{Finding, Store, proof};

/// Something kept outside of the folder that the folder must agree with.
#[derive(Debug, Clone)]
pub enum Against {
    /// A signed C2SP checkpoint.
    Checkpoint(String),
    /// A receipt.
    Receipt(Box<Receipt>),
}

/// Execute the whole chain again and compare. `progress` is called with (blocks done, blocks in all).
///
/// # Errors
/// The store cannot be read at all. What is wrong with readable content is in the findings.
pub fn check_chain(
    store: &Store,
    against: &[Against],
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Vec<Finding>, ChainError> {
    let mut findings = Vec::new();
    let genesis = stored_genesis(store)?;
    let position = stored_position(store)?;
    let (mut executor, _) = Executor::genesis(&genesis);
    for height in 1..=position.height {
        if let Err(problem) = replay_block(store, &genesis, &mut executor, height) {
            // Everything after builds on this block, so the first wrong one is the one to name.
            findings.push(finding(format!("block {height}"), problem));
            break;
        }
        progress(height, position.height);
    }
    if findings.is_empty() {
        if executor.position() != position {
            findings.push(finding("the chain's position", "it is not what the blocks lead to"));
        }
        let (stored, led) = (store.log_size()?, executor.log_size());
        if stored != led {
            let problem = format!("it holds {stored} events, the blocks lead to {led}");
            findings.push(finding("the log", problem));
        }
        compare_state(store, &executor, &mut findings)?;
    }
    for kept in against {
        if let Err(problem) = compare(store, &genesis, kept) {
            findings.push(finding("the folder as a whole", problem));
        }
    }
    Ok(findings)
}

fn replay_block(
    store: &Store,
    genesis: &Genesis,
    executor: &mut Executor,
    height: u64,
) -> Result<(), String> {
    let record = store.block(height).map_err(text)?.ok_or("it is missing")?;
    let (block, certificate) = parse_block(&record).map_err(text)?;
    if !certificate.certifies_solo(&block.header, &genesis.sequencer) {
        return Err("its certificate is not by the sequencer".into());
    }
    let mut commands = Vec::with_capacity(block.commands.len());
    for (number, result) in verify_split(block.commands.clone()).into_iter().enumerate() {
        commands.push(result.map_err(|e| format!("its command {number} is not valid: {e}"))?);
    }
    let executed = executor.execute(block.header.time, &commands);
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

fn compare(store: &Store, genesis: &Genesis, kept: &Against) -> Result<(), String> {
    let (size, root) = match kept {
        Against::Checkpoint(note) => {
            let key = VerifyingKey::from_bytes(genesis.sequencer).map_err(text)?;
            let checkpoint = Checkpoint::open(note, &origin(genesis), &origin(genesis), &key)
                .map_err(|e| format!("the checkpoint is not one of this network: {e}"))?;
            (checkpoint.size(), checkpoint.root().0)
        }
        Against::Receipt(receipt) => {
            receipt.verify(genesis).map_err(|e| format!("the receipt proves nothing here: {e}"))?;
            let header = &receipt.header.header;
            let stored = store.block(header.height).map_err(text)?;
            let stored = stored.ok_or_else(|| {
                format!("it ends before block {}, which the receipt proves: the tail was cut or the folder rolled back", header.height)
            })?;
            if stored.header != encode(header) {
                return Err(format!(
                    "its block {} is not the one the receipt proves: history was rewritten",
                    header.height
                ));
            }
            (header.log_size, header.log_root.0)
        }
    };
    let here = store.log_size().map_err(text)?;
    if here < size {
        return Err(format!(
            "it holds {here} events, but {size} were certified: the tail was cut or the folder rolled back"
        ));
    }
    let mut nodes = store.nodes().map_err(text)?;
    let actual = proof::root(size, |l, i| nodes.node(l, i)).map_err(text)?;
    if actual == root {
        Ok(())
    } else {
        Err(format!(
            "its first {size} events are not those that were certified: history was rewritten"
        ))
    }
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
