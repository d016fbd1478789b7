//! The real binary, run in temporary folders.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "helpers of tests fail by panicking"
)]

mod at_once;
mod bad_input;
#[cfg(feature = "s3")]
mod bucket;
#[cfg(not(feature = "s3"))]
mod bucketless;
mod contract;
mod cut_off;
mod demo;
mod dev;
mod docs;
mod dry_runs;
mod errors;
mod every_verb;
mod exit_codes;
mod fields;
mod fsck;
mod full_disk;
mod guard;
mod guides;
mod identities;
mod irregular;
mod keep;
mod lying_node;
mod models;
#[cfg(feature = "bft")]
mod network;
#[cfg(feature = "bft")]
mod network_continues;
#[cfg(feature = "bft")]
mod network_faults;
#[cfg(feature = "bft")]
mod network_growth;
#[cfg(feature = "bft")]
mod network_moves;
#[cfg(not(feature = "bft"))]
mod networkless;
mod operations;
mod readme;
mod records;
mod requests;
mod responding;
mod restore;
mod rules;
mod sent;
mod serving;
mod shred;
mod succession;
mod support;
mod unchanged;
mod witness;
