//! The guard looks at behaviour and may refuse, hold or burden a use that policy permits. It can never permit one.
//!
//! One request goes through it like this: [`Guard::features`] turns the [`Event`] and what was learnt before into a
//! [`FeatureVector`](secnet_types::FeatureVector); the installed rules are matched on it; [`Model::vet`] adds up the
//! detector's [`Signal`]s, the matched rules and what [`learnt`] models say into a [`GuardVerdict`]; [`explain`] says what would have to be
//! different, tried out and not guessed. When the outcome is known, [`Guard::observe`] learns from it: score first,
//! learn afterwards, and learn habits only from what was allowed.
//!
//! [`relations`] are what a hospital says of who looks after whom: features like the others.
//!
//! Of each member there is a profile of its habits: what a session key signs and is unlike them is refused until a fresh proof.
//!
//! [`irregular`] looks at the ledger's log instead: at money and grants of all members over weeks. What it finds is for
//! people, and refuses nothing.
//!
//! [`incidents`] groups alerts about decisions, for people too.
//!
//! This crate is pure: time comes with the event, there is no randomness, and everything recorded is an integer.
//! A verdict is a function of the model, the permitted use, the features and the matched rules, so whoever is shown
//! those can replay it.

mod event;
mod explain;
mod features;
mod guard;
pub mod incidents;
pub mod irregular;
pub mod learnt;
mod model;
mod profile;
pub mod relations;
mod signal;
mod snapshot;
mod strange;
mod throttle;
mod tracked;
mod verdict;
mod window;

pub use event::{Event, Observed};
pub use explain::{Change, Explanation, explain, explain_with};
pub use guard::Guard;
pub use learnt::{Learnt, Opinion, Panel};
pub use model::{
    Limits, MAX_TRACKED_DATASETS, MAX_TRACKED_PAIRS, MAX_TRACKED_REQUESTERS, Model, ModelError,
    Parameters, Ramp,
};
pub use profile::{Habit, LEAST_DAYS, LEAST_HOURS, RARE, SHIFT_HOURS};
pub use relations::{RelationFacts, Relations, RelationsError};
pub use signal::{Contribution, Signal};
pub use snapshot::{MAX_SNAPSHOT_BYTES, SnapshotError};
pub use throttle::{FIRST_WAIT_S, MAX_DOUBLINGS, wait_from};
pub use verdict::{
    Assessment, Cause, GuardReason, GuardVerdict, Notice, Outcome, PermittedUse, Remedy,
};
