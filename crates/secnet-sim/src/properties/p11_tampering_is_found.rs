//! P11: tampering is found. A receipt that a client kept holds forever and gives a cut tail away; a flipped byte in the
//! store is found or changes nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};

use secnet_node::{Against, check_chain};

use super::Violation;
use crate::log::chain_in;
use crate::world::World;

const NAME: &str = "P11, tampering is found and located";

pub(crate) fn check(world: &mut World) -> Result<(), Violation> {
    receipts_hold(world)?;
    if world.seed.is_multiple_of(8) {
        flipped_byte(world)?;
    }
    Ok(())
}

/// Every receipt anybody got verifies from the genesis alone, and the ledger still agrees with it.
fn receipts_hold(world: &World) -> Result<(), Violation> {
    for receipt in &world.known.receipts {
        receipt
            .verify(&world.cast.genesis)
            .map_err(|error| Violation::of(NAME, format!("a receipt does not verify: {error}")))?;
    }
    let kept = world.known.receipts.iter().max_by_key(|receipt| receipt.header.header.height);
    let Some(kept) = kept else { return Ok(()) };
    let against = [Against::Receipt(Box::new(kept.clone()))];
    let store = world.process.log.chain.store();
    let findings = check_chain(store, &against, &mut |_, _| {}).map_err(Violation::setup)?;
    if let Some(finding) = findings.first() {
        return Err(Violation::of(
            NAME,
            format!("a kept receipt disagrees with the ledger: {finding}"),
        ));
    }
    // The folder as it was at the start, before the receipt's block.
    let early = chain_in(world.first_image.clone()).map_err(Violation::setup)?;
    if early.executor().height() < kept.header.header.height {
        let findings =
            check_chain(early.store(), &against, &mut |_, _| {}).map_err(Violation::setup)?;
        if findings.is_empty() {
            return Err(Violation::of(
                NAME,
                "a rolled-back folder was not found against a receipt".into(),
            ));
        }
    }
    Ok(())
}

/// One byte of the store's file, with the newest checkpoint kept elsewhere: a fall back to an earlier commit is
/// consistent in itself, and only what somebody kept gives it away.
fn flipped_byte(world: &mut World) -> Result<(), Violation> {
    let process = world.fork()?;
    process.log.chain.process(world.now(), &[], true).map_err(Violation::setup)?;
    let (_, checkpoint) = process.log.chain.checkpoint().map_err(Violation::setup)?;
    let kept = [Against::Checkpoint(checkpoint)];
    let clean = process.log.disk.after_crash();
    let mut image = clean.clone();
    let at = world.chance.below(image.len());
    let bit = world.chance.below(8);
    if let Some(byte) = image.get_mut(at) {
        *byte ^= 1 << bit;
    }
    let truth =
        contents(clean, &kept).ok_or_else(|| Violation::setup("the clean image does not open"))?;
    // The engine may stop on damage instead of answering: that is found, too.
    let seen = catch_unwind(AssertUnwindSafe(|| contents(image, &kept))).ok().flatten();
    match seen {
        Some(seen) if seen != truth => {
            Err(Violation::of(NAME, format!("byte {at} was flipped, and other data was read")))
        }
        _ => Ok(()),
    }
}

/// Everything that can be read, or nothing if damage is found.
fn contents(image: Vec<u8>, kept: &[Against]) -> Option<Vec<u8>> {
    let chain = chain_in(image).ok()?;
    let findings = check_chain(chain.store(), kept, &mut |_, _| {}).ok()?;
    if !findings.is_empty() {
        return None;
    }
    let size = chain.executor().log_size();
    // The state follows from the blocks, which were executed again. A fall back over a block in which only deadlines
    // passed silently loses nothing: they pass again.
    let mut all = Vec::new();
    for index in 0..size {
        all.extend(chain.event(index).ok()?.0);
    }
    Some(all)
}
