//! Learning from outside: tables, figures, models, rules.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "helpers of tests may fail loudly like tests"
)]

mod common;
mod metrics;
mod model;
mod rules;
mod stream;
mod table;
