//! A node over HTTP. One file for each row of the table, each with a node of its own; beside it, in the same run, a bare
//! handler that takes and answers as many bytes.
//!
//! Whoever makes load does so in another process ([`load`], [`crowd`]): it takes its part of the processors, as a real one on
//! the same machine would, but neither the node's threads nor its memory.

pub(super) mod bare;
pub(super) mod catalogue;
mod client;
pub(super) mod crowd;
pub(super) mod decisions;
pub(super) mod download;
pub(super) mod idle;
mod large;
pub(super) mod load;
pub(super) mod revoke;
mod world;

use std::path::Path;

use serde_json::Value;

use super::{broken, in_child};
use crate::failure::Failure;

/// As [`in_child`], without holding up the node that this process serves.
async fn beside(part: &'static str, dir: &Path, quick: bool) -> Result<Value, Failure> {
    let dir = dir.to_path_buf();
    let child = tokio::task::spawn_blocking(move || in_child(part, &dir, quick)).await;
    child.map_err(|error| broken("the child process", &error))?
}
