//! The store as its users see it, and as a crash or a flipped bit leaves it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and shows what it counted"
)]

mod agreed;
mod arriving;
mod basics;
mod check;
mod contract;
mod cosigned;
mod crash;
mod export;
mod flip;
mod folder;
mod heights;
mod makers;
mod model;
mod room;
mod solo;
mod successor;
mod tree;
mod world;
