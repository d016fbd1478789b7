//! How a network goes on from a closed chain: everything that was owned, granted, owed and used stays so.

use secnet_crypto::Frontier;
use secnet_types::{Digest, Genesis, MemberId, Predecessor};

use crate::entries::{Governance, Only};
use crate::executor::EntryChange;
use crate::state::ConsentHeights;
use crate::{Executor, State, TableId};

/// Why a network does not continue a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SuccessorError {
    /// The chain can still grow.
    #[error("the chain is not closed; its governors must approve `Close` first")]
    NotClosed,
    /// Its governors agreed on something else.
    #[error("the genesis is not the configuration that the chain's governors closed it for")]
    OtherConfiguration,
    /// It names another end.
    #[error("the genesis does not name this chain's network, last header and state as predecessor")]
    OtherPredecessor,
    /// Nobody could govern.
    #[error("the governor {0} is suspended on the closed chain")]
    SuspendedGovernor(MemberId),
}

impl Executor {
    /// Where this chain ends, as the genesis of its successor must name it.
    #[must_use]
    pub fn end(&self) -> Predecessor {
        let position = self.position();
        Predecessor { network: position.network, header: position.parent, state: position.state }
    }

    /// At the beginning of the network that continues this closed chain. Governance is the genesis' own; every other
    /// entry is taken over, founders that were no members yet are added. Also returns all entries.
    ///
    /// Replay stays impossible: a command or request for the old network names the old network, and ids that were used
    /// are kept as long as there.
    ///
    /// # Errors
    /// [`SuccessorError`].
    pub fn successor(self, genesis: &Genesis) -> Result<(Self, Vec<EntryChange>), SuccessorError> {
        let agreed = self.state.governance.find(&Only).and_then(|governance| governance.closed);
        match agreed {
            None => return Err(SuccessorError::NotClosed),
            Some(agreed) if agreed != genesis.configuration() => {
                return Err(SuccessorError::OtherConfiguration);
            }
            Some(_) if genesis.predecessor != Some(self.end()) => {
                return Err(SuccessorError::OtherPredecessor);
            }
            Some(_) => {}
        }
        let suspended = |id: &MemberId| self.state.members.find(id).is_some_and(|m| m.suspended);
        if let Some(governor) = genesis.governors.iter().copied().find(suspended) {
            return Err(SuccessorError::SuspendedGovernor(governor));
        }
        let Self { mut state, mut digest, time, .. } = self;
        state.begin_again(genesis);
        drop(state.drain(&mut digest));
        let mut entries = Vec::new();
        state.for_each_entry(|table: TableId, key, value| {
            entries.push((table, key.to_vec(), Some(value.to_vec())));
        });
        let executor = Self {
            state,
            digest,
            log: Frontier::new(),
            height: 0,
            parent: Digest::ZERO,
            time: time.max(genesis.time),
        };
        Ok((executor, entries))
    }
}

impl State {
    fn begin_again(&mut self, genesis: &Genesis) {
        self.network = genesis.network();
        for founder in &genesis.founders {
            // Whoever is a member already keeps its key of today.
            if !self.members.contains(&founder.member) {
                self.members.put(founder.member, founder.into());
            }
        }
        self.governance.put(Only, Governance::of(genesis));
        self.set_first_epoch(genesis);
        self.keep(0);
        // Heights begin anew: what was compiled for the old chain is not for this one.
        self.index.consent = ConsentHeights::default();
    }
}
