//! A network of validators: in a deterministic simulation by seed, and over TCP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::large_futures,
    reason = "a test fails by panicking"
)]

mod chance;
mod contract;
mod epochs;
mod life;
mod rogue;
mod scenes;
mod simulated;
mod snapshots;
mod strangers;
mod tcp;
mod unruly;
mod world;
