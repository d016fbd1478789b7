//! The real binary, run in temporary folders.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "helpers of tests fail by panicking"
)]

mod bad_input;
mod docs;
mod exit_codes;
mod fsck;
mod identities;
mod json;
mod keep;
mod readme;
mod records;
mod requests;
mod shred;
mod support;
mod unchanged;
