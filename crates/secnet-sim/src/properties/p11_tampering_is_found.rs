//! P11: tampering is found and located. A receipt that a client kept holds forever and gives a cut tail away. A flipped
//! byte in the ledger's file is found or changes nothing; one in a segment is found under the segment's address, which
//! is quarantined; one in the archive is found, or costs entries, but never reads as something that was not written.
//! Where nobody tampered, everything is kept that the ledger commits to, and the records are those that it commits to.
//!
//! What is damaged in the archive so that its engine falls back by a commit is not found by the archive itself: what it
//! lost is missed when it is asked for.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use secnet_app::ports::{Archive as _, Entropy, EntryKind, Vault as _, VaultError};
use secnet_app::{missing_of, must_be_kept};
use secnet_crypto::Address;
use secnet_node::faults::Plan;
use secnet_node::{Against, check_chain};
use secnet_vault::inspect;

use super::Violation;
use crate::folder::FaultyFolder;
use crate::gate::run_alone;
use crate::log::chain_in;
use crate::stored::entry_digest;
use crate::world::{World, archive_in};

const NAME: &str = "P11, tampering is found and located";

pub(crate) fn check(world: &mut World) -> Result<(), Violation> {
    receipts_hold(world)?;
    kept_as_committed(world)?;
    match world.seed % 4 {
        0 => flipped_in_the_ledger(world),
        1 => flipped_in_the_archive(world),
        2 => flipped_in_a_segment(world),
        _ => Ok(()),
    }
}

fn kept_as_committed(world: &World) -> Result<(), Violation> {
    let pdc = world.cast.pdc.id;
    let kept = must_be_kept(world.process.log.chain.executor().state(), pdc);
    let archive = &world.process.archive.archive;
    let amiss = world.alone(missing_of(archive, &kept)).map_err(Violation::setup)?;
    match amiss.first() {
        Some(amiss) => Err(broken(format!("damage that nobody did: {amiss}"))),
        None => Ok(()),
    }
}

fn broken(what: impl Into<String>) -> Violation {
    Violation::of(NAME, what.into())
}

fn flip(world: &mut World, bytes: &mut [u8]) -> usize {
    let at = world.chance.below(bytes.len());
    let bit = world.chance.below(8);
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << bit;
    }
    at
}

fn flipped_in_a_segment(world: &mut World) -> Result<(), Violation> {
    // A start clears away what uploads that were never accepted have left; what stands after it is there to be read.
    let images = world.process.after_crash();
    let mut images = world.fork_on(images)?.after_crash();
    let address = |name: &String| -> Option<Address> {
        format!("b3:{}", name.strip_prefix("segments/")?.rsplit('/').next()?).parse().ok()
    };
    let segments: Vec<_> =
        images.vault.keys().filter_map(|name| Some((name.clone(), address(name)?))).collect();
    let Some((name, address)) = world.chance.pick(&segments) else { return Ok(()) };
    if let Some(bytes) = images.vault.get_mut(&name) {
        flip(world, bytes);
    }
    let process = world.fork_on(images)?;
    let vault = &process.vault.vault;
    let referenced = BTreeSet::from([address]);
    let looked = run_alone(&process.gate, inspect(vault, &referenced, |_, _| {}));
    if looked.as_ref().map(|report| report.damaged.as_slice()) != Ok(&[address]) {
        return Err(broken(format!("segment {address} was altered; a check says {looked:?}")));
    }
    let read = run_alone(&process.gate, vault.get_segment(address, 0..1));
    if read != Err(VaultError::Quarantined(address)) {
        return Err(broken(format!("segment {address} was altered; a reader gets {read:?}")));
    }
    match run_alone(&process.gate, vault.quarantined()) {
        Ok(aside) if aside == [address] => Ok(()),
        other => Err(broken(format!("segment {address} is not quarantined: {other:?}"))),
    }
}

fn flipped_in_the_archive(world: &mut World) -> Result<(), Violation> {
    let mut image = world.process.archive.folder.after_crash();
    let names: Vec<String> = image.keys().cloned().collect();
    let name = world.chance.pick(&names).ok_or_else(|| Violation::setup("no archive"))?;
    let at = image.get_mut(&name).map_or(0, |bytes| flip(world, bytes));
    let read = || -> Option<()> {
        let folder = FaultyFolder::with_image(image, Plan::default());
        let entropy: Arc<dyn Entropy> = Arc::clone(&world.entropy) as _;
        // Whatever does not open or read has been found.
        let archive = archive_in(&folder, &world.cast, &entropy).ok()?;
        for (kind, group) in groups(world) {
            let listed = world.alone(archive.list(kind, &group)).ok()?;
            let written = &world.process.archive.watch.lock().written;
            if listed.iter().any(|(name, value)| !written.contains(&entry_digest(name, value))) {
                return Some(());
            }
        }
        None
    };
    // The engine may stop on damage instead of answering: that is found, too.
    match catch_unwind(AssertUnwindSafe(read)).ok().flatten() {
        Some(()) => {
            Err(broken(format!("byte {at} of {name} was flipped, and other data was read")))
        }
        None => Ok(()),
    }
}

/// Where the archive keeps things, as far as the world knows.
fn groups(world: &World) -> Vec<(EntryKind, Vec<u8>)> {
    let alone = [
        EntryKind::ConsentDetail,
        EntryKind::AskDetail,
        EntryKind::Wraps,
        EntryKind::TermsDetail,
        EntryKind::Rule,
    ];
    let mut groups: Vec<_> = alone.into_iter().map(|kind| (kind, Vec::new())).collect();
    for dataset in world.known.datasets.keys() {
        groups
            .extend([EntryKind::Manifest, EntryKind::Facts].map(|kind| (kind, dataset.0.to_vec())));
    }
    for upload in world.known.uploads.values().collect::<BTreeSet<_>>() {
        let packets = [EntryKind::CompartmentPacket, EntryKind::ReleasePacket];
        groups.extend(packets.map(|kind| (kind, upload.0.to_vec())));
    }
    groups
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
fn flipped_in_the_ledger(world: &mut World) -> Result<(), Violation> {
    let process = world.fork()?;
    process.log.chain.process(world.now(), &[], true).map_err(Violation::setup)?;
    let (_, checkpoint) = process.log.chain.checkpoint().map_err(Violation::setup)?;
    let kept = [Against::Checkpoint(checkpoint)];
    let clean = process.log.disk.after_crash();
    let mut image = clean.clone();
    let at = flip(world, &mut image);
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
