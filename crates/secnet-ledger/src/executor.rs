//! From commands to blocks.

use minicbor::{Decode, Encode};
use secnet_crypto::{Frontier, Hash, leaf_hash};
use secnet_types::{Cause, Digest, Effect, Event, Genesis, Header, NetworkId, Timestamp, encode};

use crate::operations::{Context, same_network};
use crate::{Rejection, State, StateDigest, TableId, Verified};

/// Effects that one event tells at most; deadlines that pass at once are told in several events.
const MAX_EFFECTS_PER_EVENT: usize = 256;

/// One stored entry that a block changed.
pub type EntryChange = (TableId, Vec<u8>, Option<Vec<u8>>);

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the block; its event has this index in the log.
    Applied {
        /// Index in the log.
        event: u64,
    },
    /// It was applied before; its event has this index.
    Repeated {
        /// Index in the log.
        event: u64,
    },
    /// It is refused and not in the block.
    Rejected(Rejection),
}

/// A block and everything that follows from it.
#[derive(Debug, Clone)]
pub struct ExecutedBlock {
    /// The header, to be certified.
    pub header: Header,
    /// Digest of the header.
    pub digest: Digest,
    /// The signed commands that are in the block, in the order they were applied.
    pub commands: Vec<Vec<u8>>,
    /// Index of the first event in the log.
    pub first_event: u64,
    /// The events: leaves of the log.
    pub events: Vec<Vec<u8>>,
    /// Leaf hashes of the events.
    pub leaves: Vec<Hash>,
    /// The entries of the state that changed.
    pub changes: Vec<EntryChange>,
    /// What became of each command, in the order they came in.
    pub outcomes: Vec<Outcome>,
}

impl ExecutedBlock {
    /// Did nothing happen in it?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        // A deadline can change the state without an event: an id to be forgotten, a decision nobody can retry any more.
        self.commands.is_empty() && self.events.is_empty() && self.changes.is_empty()
    }
}

/// Where a stored chain stands: everything besides the state's entries that is needed to go on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Resume {
    /// The network.
    #[n(0)]
    pub network: NetworkId,
    /// Height of the last block, 0 before the first.
    #[n(1)]
    pub height: u64,
    /// Digest of its header, zero before the first.
    #[n(2)]
    pub parent: Digest,
    /// Its time, or the genesis time.
    #[n(3)]
    pub time: Timestamp,
    /// Events in the log.
    #[n(4)]
    pub log_size: u64,
    /// Right-hand subtree roots of the log, largest first.
    #[n(5)]
    pub log_peaks: Vec<Digest>,
    /// Digest of the state after it.
    #[n(6)]
    pub state: Digest,
}

/// What the engine that agrees on a block says of it in its header. A solo sequencer says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Agreement {
    /// The engine's own context.
    pub context: Vec<u8>,
}

/// The state machine with its position in the chain.
#[derive(Debug, Clone)]
pub struct Executor {
    pub(crate) state: State,
    pub(crate) digest: StateDigest,
    pub(crate) log: Frontier,
    pub(crate) height: u64,
    pub(crate) parent: Digest,
    pub(crate) time: Timestamp,
}

impl Executor {
    /// At the beginning of a network that continues no other (else see [`Executor::successor`]). Also returns the entries
    /// that the genesis makes.
    #[must_use]
    pub fn genesis(genesis: &Genesis) -> (Self, Vec<EntryChange>) {
        let mut state = State::genesis(genesis);
        let mut digest = StateDigest::default();
        let changes = state.drain(&mut digest);
        let executor = Self {
            state,
            digest,
            log: Frontier::new(),
            height: 0,
            parent: Digest::ZERO,
            time: genesis.time,
        };
        (executor, changes)
    }

    /// Where the chain stands.
    #[must_use]
    pub fn position(&self) -> Resume {
        Resume {
            network: self.state.network(),
            height: self.height,
            parent: self.parent,
            time: self.time,
            log_size: self.log.size(),
            log_peaks: self.log.peaks().iter().map(|peak| Digest(peak.0)).collect(),
            state: self.digest.digest(),
        }
    }

    /// The state after the last block.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// For what is tried and taken back.
    pub(crate) fn state_to_try(&mut self) -> &mut State {
        &mut self.state
    }

    /// Height of the last block.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.height
    }

    /// Time of the last block.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// When the next deadline passes, if there is one.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.state.index.due.first().map(|(deadline, _)| *deadline)
    }

    /// Events in the log.
    #[must_use]
    pub fn log_size(&self) -> u64 {
        self.log.size()
    }

    /// Take the last block back, which must have been empty: whoever sends only what is refused does not grow the chain.
    /// `time` is that of the block before it.
    pub fn retract(&mut self, empty: &ExecutedBlock, time: Timestamp) {
        debug_assert!(empty.is_empty() && empty.header.height == self.height);
        self.height = self.height.saturating_sub(1);
        self.parent = empty.header.parent;
        self.time = time;
    }

    /// Make the next block of a solo chain, as [`Self::execute_agreed`] does.
    pub fn execute(&mut self, time: Timestamp, commands: &[Verified]) -> ExecutedBlock {
        self.execute_agreed(time, Agreement::default(), commands)
    }

    /// Make the next block: deadlines first, then the commands in order, those that use a consent last. A refused command
    /// leaves no trace. Block time never falls: an earlier `time` counts as the last block's.
    pub fn execute_agreed(
        &mut self,
        time: Timestamp,
        agreement: Agreement,
        commands: &[Verified],
    ) -> ExecutedBlock {
        let time = time.max(self.time);
        let height = self.height.saturating_add(1);
        let epoch = self.state.epoch_at(height);
        let first_event = self.log.size();
        let before = (first_event, Digest(self.log.root().0), self.digest.digest());

        let mut events =
            Events { height, time, bytes: Vec::new(), leaves: Vec::new(), log: &mut self.log };
        let mut context = Context::new(height, time, first_event);
        // A failing sweep would be a bug in the books; what it had done of the failing step is taken back.
        if self.state.sweep(&mut context).is_err() {
            self.state.roll_back();
        }
        for effects in context.effects.chunks(MAX_EFFECTS_PER_EVENT) {
            events.append(Cause::Clock, effects.to_vec());
        }

        let mut outcomes = vec![Outcome::Rejected(Rejection::Closed); commands.len()];
        let mut included = Vec::with_capacity(commands.len());
        let (uses, others): (Vec<_>, Vec<_>) =
            commands.iter().enumerate().partition(|(_, command)| command.uses_consent());
        for (position, command) in others.into_iter().chain(uses) {
            let outcome = apply_one(&mut self.state, command, &mut events);
            if matches!(outcome, Outcome::Applied { .. }) {
                included.push(command.bytes.to_vec());
            }
            if let Some(slot) = outcomes.get_mut(position) {
                *slot = outcome;
            }
        }
        let Events { bytes: events, leaves, .. } = events;
        let changes = self.state.drain(&mut self.digest);
        let header = Header {
            version: Header::VERSION,
            network: self.state.network(),
            height,
            parent: self.parent,
            time,
            epoch,
            context: agreement.context,
            commands: u32::try_from(included.len()).unwrap_or(u32::MAX),
            commands_root: commands_root(&included),
            log_size: before.0,
            log_root: before.1,
            state: before.2,
        };
        let digest = header.digest();
        self.height = height;
        self.time = time;
        self.parent = digest;
        ExecutedBlock {
            header,
            digest,
            commands: included,
            first_event,
            events,
            leaves,
            changes,
            outcomes,
        }
    }
}

fn apply_one(state: &mut State, command: &Verified, events: &mut Events<'_>) -> Outcome {
    let value = &command.command.value;
    // First of all: a closed chain's ids are remembered by its successor, but their events are in the old log.
    if let Err(rejection) = same_network(state, value.network) {
        return Outcome::Rejected(rejection);
    }
    if let Some(before) = state.applied(value.author, value.id) {
        return if before.digest == command.digest {
            Outcome::Repeated { event: before.event }
        } else {
            Outcome::Rejected(Rejection::IdReused)
        };
    }
    let event = events.log.size();
    let mut context = Context::new(events.height, events.time, event);
    let applied =
        state.admit(command, events.time).and_then(|()| state.apply(command, &mut context));
    match applied {
        Ok(()) => {
            state.keep(events.height);
            let cause =
                Cause::Command { digest: command.digest, author: value.author, id: value.id };
            events.append(cause, context.effects);
            Outcome::Applied { event }
        }
        Err(rejection) => {
            state.roll_back();
            Outcome::Rejected(rejection)
        }
    }
}

/// The RFC 9162 root over a block's signed commands.
#[must_use]
pub fn commands_root(commands: &[Vec<u8>]) -> Digest {
    let mut tree = Frontier::new();
    for command in commands {
        tree.append(leaf_hash(command));
    }
    Digest(tree.root().0)
}

struct Events<'a> {
    height: u64,
    time: Timestamp,
    bytes: Vec<Vec<u8>>,
    leaves: Vec<Hash>,
    log: &'a mut Frontier,
}

impl Events<'_> {
    fn append(&mut self, cause: Cause, effects: Vec<Effect>) {
        let position = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        let event = Event { height: self.height, time: self.time, position, cause, effects };
        let bytes = encode(&event);
        let leaf = leaf_hash(&bytes);
        self.log.append(leaf);
        self.leaves.push(leaf);
        self.bytes.push(bytes);
    }
}
