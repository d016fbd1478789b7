//! The state machine as its users see it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::unreachable,
    clippy::too_many_lines,
    clippy::type_complexity,
    clippy::manual_is_multiple_of,
    reason = "these are tests; helpers outside of test functions are not told apart"
)]

mod admission;
mod consent;
mod coverage;
mod decisions;
mod governance;
mod handover;
mod heights;
mod idempotency;
mod limits;
mod model;
mod money;
mod moving;
mod promises;
mod random;
mod spec;
mod support;
mod sweep;
mod twins;
mod usable;
