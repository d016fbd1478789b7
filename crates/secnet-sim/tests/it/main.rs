//! The simulation: many seeds, two runs of one seed, and proof that the properties can fail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and shows what it counted"
)]

mod mutations;
mod replay;
mod seeds;
