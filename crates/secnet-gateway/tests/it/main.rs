//! The HTTP door, from outside: a real listener before a real data centre in memory.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "tests"
)]

mod access;
mod authzen;
mod bad_input;
mod client;
mod document;
mod doors;
mod elsewhere;
mod events;
mod features;
mod feedback;
mod fields;
mod hidden;
#[path = "../../../secnet-app/tests/it/hosted.rs"]
#[allow(dead_code, reason = "shared with the flow's tests")]
mod hosted;
mod market;
mod moves;
mod own;
mod published;
mod serving;
mod sessions;
mod signatures;
mod sources;
mod stepping_up;
#[path = "../../../secnet-app/tests/it/switches.rs"]
#[allow(dead_code, reason = "shared with the flow's tests")]
mod switches;
mod uploads;
#[path = "../../../secnet-app/tests/it/world.rs"]
#[allow(dead_code, reason = "shared with the flow's tests")]
mod world;
