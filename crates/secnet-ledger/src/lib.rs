//! The ledger's state machine: same blocks, same state.
//!
//! [`Executor`] holds a [`State`] and turns commands into blocks: it verifies signatures in batches, applies each
//! command whole or not at all, appends one event per command to the RFC 9162 log and keeps an incremental digest of
//! the state. It reads no clock and no disk: block time comes in, changed entries go out. A sequencer (solo) or a
//! consensus engine decides what comes in which order, and stores what goes out.
//!
//! Where to look: `entries` is what the state holds, `operations` has one file for each kind of command,
//! `operations/decide` is the heart: what is re-checked before a decision counts.

#![deny(clippy::float_arithmetic)]

mod digest;
mod entries;
mod epochs;
mod executor;
mod forecast;
mod load;
mod operations;
mod queries;
mod rejection;
mod sorted;
mod state;
mod successor;
mod sweep;
mod table;
mod trial;
mod verified;

pub use digest::StateDigest;
pub use entries::{
    AppliedState, AskState, AskStatus, Charge, ChargeStatus, Dataset, DatasetStatus, DecisionState,
    DelegationState, DenialState, Escrow, Governance, GrantState, GrantStatus, Group, InstallState,
    Member, ReviewState, RuleState, SessionState, Totals,
};
pub use epochs::EpochState;
pub use executor::{
    Agreement, EntryChange, ExecutedBlock, Executor, Outcome, Resume, commands_root,
};
pub use load::{LoadError, Loader};
pub use rejection::Rejection;
pub use state::{State, TableId};
pub use successor::SuccessorError;
pub use trial::{Candidate, Prepared};
pub use verified::{Invalid, Verified, VerifyingPool};
