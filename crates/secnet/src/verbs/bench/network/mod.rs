//! A network of four validators on this machine: the real engine, real stores that are synced, a process for each, over
//! loopback. The clients of each node are in its process and hand their commands to its ledger: no HTTP is between.

mod catch_up;
mod fleet;
mod load;
pub(super) mod node;
mod orders;
mod quiet;
mod release;
mod watched;
mod world;

use super::row::Row;
use super::{Measure, Place, broken};
use crate::failure::Failure;
use crate::output::Output;

/// Validators of the network.
const VALIDATORS: usize = 4;

/// Talking to the nodes waits, so it has a thread of its own.
pub(super) async fn run(measure: Measure, place: &Place, out: Output) -> Result<Vec<Row>, Failure> {
    if matches!(measure, Measure::NetRelease) {
        return release::run(place, out).await;
    }
    let place = place.clone();
    let measured = tokio::task::spawn_blocking(move || match measure {
        Measure::NetLoad => load::run(&place, out),
        Measure::NetIdle => watched::idle(&place, out),
        Measure::NetQuiet => quiet::run(&place, out),
        Measure::NetCatchUp => catch_up::run(&place, out),
        _ => Ok(Vec::new()),
    });
    measured.await.map_err(|error| broken("the network", &error))?
}
