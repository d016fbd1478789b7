//! The contract of the `Log` port: the very tests that the solo ledger passes.

#[path = "../../../secnet-node/tests/it/contract.rs"]
mod shared;

pub(crate) use shared::holds;
