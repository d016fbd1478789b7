//! Blocks of a network that were executed and taken back, kept until they are durable or overtaken: a validator looks at a block
//! when it votes, when it votes for one above it, and when it is final, and executes it once.

use std::collections::BTreeMap;
use std::sync::Arc;

use secnet_ledger::{Candidate, ExecutedBlock, Executor, Outcome, Prepared, Resume, Verified};
use secnet_types::Digest;

/// Blocks that are kept: more than a validator looks at before one of them is durable.
const MAX_TRIED_BLOCKS: usize = 48;

/// A block that was executed.
#[derive(Debug, Clone)]
pub struct Tried {
    /// What it is. Its outcomes are those of its own commands, in its order.
    pub block: Arc<ExecutedBlock>,
    /// What became of the commands that were given, in the order they came in.
    pub outcomes: Vec<Outcome>,
    /// Where the chain stands after it.
    pub position: Resume,
}

/// Height, and what determines all else: what it stands on, and what goes in.
type Key = (u64, Digest);

#[derive(Debug)]
struct Kept {
    block: Arc<ExecutedBlock>,
    position: Resume,
    prepared: Prepared,
}

#[derive(Debug, Default)]
pub(crate) struct TriedBlocks(BTreeMap<Key, Kept>);

impl TriedBlocks {
    /// Execute the last of these blocks on top of the others, with the first of them here, unless that is known.
    pub(crate) fn execute(
        &mut self,
        executor: &mut Executor,
        below: &[Candidate<'_>],
        block: &Candidate<'_>,
    ) -> Option<Tried> {
        let position = executor.position();
        let (mut height, mut parent) = (position.height, position.parent);
        let mut way: Vec<Key> = Vec::with_capacity(below.len());
        let mut last = None;
        for candidate in below.iter().chain([block]) {
            height = height.saturating_add(1);
            let key = (height, digest_of(parent, candidate, candidate.commands.iter()));
            let (key, outcomes) = match self.0.get(&key) {
                Some(kept) => (key, kept.block.outcomes.clone()),
                None => self.make(executor, &way, parent, candidate)?,
            };
            let Kept { block, position, .. } = self.0.get(&key)?;
            parent = block.digest;
            way.push(key);
            let (block, position) = (Arc::clone(block), position.clone());
            last = Some(Tried { block, outcomes, position });
        }
        last
    }

    fn make(
        &mut self,
        executor: &mut Executor,
        way: &[Key],
        parent: Digest,
        candidate: &Candidate<'_>,
    ) -> Option<(Key, Vec<Outcome>)> {
        // In the order of their heights, as the way is.
        let on_it = self.0.iter_mut().filter(|(key, _)| way.contains(key));
        let mut below: Vec<&mut Prepared> = on_it.map(|(_, kept)| &mut kept.prepared).collect();
        let make = |executor: &mut Executor| {
            let Candidate { time, agreement, commands } = candidate;
            let block = executor.execute_agreed(*time, agreement.clone(), commands);
            (block, executor.position())
        };
        let ((mut block, position), prepared) = executor.prepare_on(&mut below, make)?;
        let outcomes = core::mem::take(&mut block.outcomes);
        let mut applied: Vec<(u64, &Verified)> = Vec::with_capacity(block.commands.len());
        for (command, outcome) in candidate.commands.iter().zip(&outcomes) {
            if let Outcome::Applied { event } = outcome {
                applied.push((*event, command));
            }
        }
        applied.sort_by_key(|(event, _)| *event);
        block.outcomes =
            applied.iter().map(|(event, _)| Outcome::Applied { event: *event }).collect();
        let commands = applied.iter().map(|(_, command)| *command);
        let key = (block.header.height, digest_of(parent, candidate, commands));
        self.make_room(way);
        self.0.insert(key, Kept { block: Arc::new(block), position, prepared });
        Some((key, outcomes))
    }

    fn make_room(&mut self, way: &[Key]) {
        while self.0.len() >= MAX_TRIED_BLOCKS {
            let Some(first) = self.0.keys().find(|key| !way.contains(key)).copied() else { return };
            self.0.remove(&first);
        }
    }

    /// The way to a block that was executed here.
    pub(crate) fn take(&mut self, digest: Digest) -> Option<Prepared> {
        let mut kept = self.0.iter().filter(|(_, kept)| kept.block.digest == digest);
        let key = *kept.next()?.0;
        self.0.remove(&key).map(|kept| kept.prepared)
    }

    /// Blocks up to this height are durable: nobody looks at them again.
    pub(crate) fn forget_up_to(&mut self, height: u64) {
        self.0.retain(|(of, _), _| *of > height);
    }

    /// The executor is somewhere else.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

/// What a block comes from: its parent, its time, what the engine says of it, its commands in this order.
fn digest_of<'c>(
    parent: Digest,
    candidate: &Candidate<'_>,
    commands: impl Iterator<Item = &'c Verified>,
) -> Digest {
    let Candidate { time, agreement, commands: all } = candidate;
    let mut bytes = Vec::with_capacity(128 + 32 * all.len());
    bytes.extend_from_slice(&parent.0);
    bytes.extend_from_slice(&time.0.to_be_bytes());
    bytes.extend_from_slice(&(agreement.context.len() as u64).to_be_bytes());
    bytes.extend_from_slice(&agreement.context);
    for command in commands {
        bytes.extend_from_slice(&command.digest().0);
    }
    Digest::of(&bytes)
}
