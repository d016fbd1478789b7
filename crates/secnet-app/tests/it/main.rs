//! The flow on the real ledger and the real vault, and what must not compile.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod calling;
mod canary;
mod compile_fail;
mod doors;
mod elsewhere;
mod explained;
mod feedback;
mod fields;
mod flow;
mod foreseen;
mod full;
mod guarding;
mod handing_over;
mod hindsight;
mod hosted;
mod incidents;
mod learnt;
mod money;
mod moving;
mod moving_away;
mod profiles;
mod quorum;
mod refusing;
mod related;
mod revoking;
mod shared_part;
mod slowing_down;
mod stepping_up;
mod storing;
mod switches;
mod unlike;
mod world;
