//! The promises, each in a file of its own, and when they are looked at.

mod p01_no_receipt_no_data;
mod p02_guard_only_narrows;
mod p03_only_the_owner;
mod p04_revocation_wins;
mod p05_money_is_conserved;
mod p06_nothing_personal_on_the_ledger;
mod p07_storage_learns_nothing;
mod p08_one_answer_for_strangers;
mod p09_same_answer_at_every_door;
mod p10_same_blocks_same_state;
mod p11_tampering_is_found;

use std::collections::BTreeSet;

use secnet_types::RecordId;

use crate::job::{Done, Wish};
use crate::plot::Expect;
use crate::world::World;

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{promise} is broken: {what}")]
pub struct Violation {
    /// Which one.
    pub promise: &'static str,
    /// How.
    pub what: String,
}

impl Violation {
    pub(crate) fn of(promise: &'static str, what: String) -> Self {
        Self { promise, what }
    }

    /// The simulation itself could not go on.
    pub(crate) fn setup(error: impl core::fmt::Display) -> Self {
        Self { promise: "simulation", what: error.to_string() }
    }
}

/// How far the ledger has been looked through.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) events: u64,
    pub(crate) blocks: u64,
    pub(crate) money: p05_money_is_conserved::Charges,
}

/// Cheap, and at every await.
pub(crate) fn after_every_poll(world: &mut World) -> Result<(), Violation> {
    p01_no_receipt_no_data::check(world)
}

/// Whenever somebody got an answer.
pub(crate) fn after_every_step(world: &mut World) -> Result<(), Violation> {
    after_every_poll(world)?;
    p05_money_is_conserved::check(world)?;
    p06_nothing_personal_on_the_ledger::check(world)
}

/// The process has just come back.
pub(crate) fn after_a_crash(world: &mut World) -> Result<(), Violation> {
    p01_no_receipt_no_data::acknowledged_is_kept(world)?;
    after_every_step(world)
}

/// Somebody got this answer.
pub(crate) fn of_an_answer(
    world: &World,
    wish: &Wish,
    expect: &Expect,
    done: &Done,
    erased: &BTreeSet<RecordId>,
) -> Result<(), Violation> {
    p01_no_receipt_no_data::of_an_answer(world, wish, done)?;
    p03_only_the_owner::of_an_answer(world, expect, done)?;
    p07_storage_learns_nothing::of_an_answer(world, done, erased)?;
    p02_guard_only_narrows::of_an_answer(world, wish, done)
}

/// The whole world, once.
pub(crate) fn at_the_end(world: &mut World) -> Result<(), Violation> {
    if world.process.is_full() || world.process.gate.is_dead() {
        world.restart(false)?;
    }
    after_every_step(world)?;
    p01_no_receipt_no_data::acknowledged_is_kept(world)?;
    p03_only_the_owner::check(world)?;
    p05_money_is_conserved::at_the_end(world)?;
    p07_storage_learns_nothing::check(world)?;
    p08_one_answer_for_strangers::check(world)?;
    p09_same_answer_at_every_door::check(world)?;
    p10_same_blocks_same_state::check(world)?;
    p11_tampering_is_found::check(world)
}

/// Do these bytes occur in those?
pub(crate) fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    let Some(first) = wanted.first() else { return false };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        let Some(from) = rest.get(at..) else { return false };
        if from.starts_with(wanted) {
            return true;
        }
        rest = from.get(1..).unwrap_or_default();
    }
    false
}
