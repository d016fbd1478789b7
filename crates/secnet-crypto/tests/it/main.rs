//! Known answers of others: RFCs, drafts, Wycheproof and C2SP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test ends by panicking"
)]

mod aead;
mod decoders;
mod ed25519;
mod hpke;
mod keyfile;
mod merkle;
mod note;
mod spec;
mod support;
mod xwing_parts;
