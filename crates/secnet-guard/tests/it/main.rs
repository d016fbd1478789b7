//! The guard from outside: verdicts, promises, learning, memory.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail loudly like tests"
)]

mod common;
mod golden;
mod incidents;
mod irregular;
mod learning;
mod learnt;
mod profile;
mod promises;
mod state;
mod strange;
mod throttling;
