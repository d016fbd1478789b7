//! The byte forms as others meet them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    clippy::unreachable,
    clippy::too_many_lines,
    reason = "these are tests; helpers outside of test functions are not told apart"
)]

mod conformance;
mod cose;
mod draw;
mod ids;
mod money_time;
mod privacy;
mod receipts;
mod spec;
mod strict;
