//! The double lock from outside: owner, grantee and release nodes as separate key holders.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::needless_pass_by_value,
    clippy::cast_possible_truncation,
    clippy::large_futures,
    clippy::too_many_lines,
    clippy::type_complexity,
    reason = "tests say what went wrong by failing there"
)]

mod formats;
mod handing_over;
mod holders;
mod hosting;
mod properties;
mod shredding;
mod tampering;
mod world;
