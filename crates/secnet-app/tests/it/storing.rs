//! What is stored, for whom, and what is left of it when the ledger says no.

use std::collections::BTreeSet;

use secnet_app::ports::{Change, EntryKind, EntryName};
use secnet_app::*;
use secnet_crypto::StreamSuite;
use secnet_lock::{CompartmentKeys, SealedUpload, UploadSpec, seal_upload};
use secnet_types::*;

use crate::world::{Person, World, released, terms_of};

/// A dataset of one record, ready to be handed in.
struct Parcel {
    sealed: SealedUpload,
    meta: RecordMeta,
    stated: Stated,
    command: SignedCommand,
}

fn parcel(world: &mut World, who: &Person, name: u8) -> Parcel {
    let command = CommandId([name; 16]);
    let dataset = DatasetId::derive(who.id, command);
    let (sealed, meta) = sealed(world, who, dataset, name);
    let (terms, detail) = terms_of(&mut world.rng, &world.clock);
    let upload = Upload { sealed: sealed.clone(), metas: vec![meta.clone()] };
    let listed = DatasetManifest::of(world.salt(), core::slice::from_ref(&upload));
    let command = Command {
        network: world.pdc.network(),
        author: who.id,
        id: command,
        expires: world.clock_now().plus_ms(60_000),
        operation: Operation::RegisterDataset {
            pdc: world.node.id,
            terms,
            manifest: listed.commitment(),
        },
    };
    let command = SignedCommand::sign(command, who.key.as_ref());
    let stated = Stated { terms: detail, manifest: Some(listed), hosting: Vec::new() };
    Parcel { sealed, meta, stated, command }
}

/// One record of a dataset, under keys that nobody keeps.
fn sealed(
    world: &mut World,
    who: &Person,
    dataset: DatasetId,
    name: u8,
) -> (SealedUpload, RecordMeta) {
    let meta = RecordMeta {
        id: RecordId([name; 16]),
        kind: "Observation".into(),
        category: Category::Laboratory,
        labels: Labels::NONE,
        period: None,
    };
    let mut keys = CompartmentKeys::new();
    keys.ensure(who.id, meta.category, meta.labels, &mut world.rng).unwrap();
    let (directory, nodes) = (keys.directory(), [world.pdc.release.here()]);
    let spec = UploadSpec {
        dataset,
        owner: who.id,
        compartments: &directory,
        release_nodes: &nodes,
        threshold: 1,
        suite: StreamSuite::ChaCha20Poly1305,
    };
    let content: &[u8] = b"something else";
    (seal_upload(spec, [(&meta, content)], &mut world.rng).unwrap(), meta)
}

/// The parcel of an owner who lies: her manifest says what she hands in.
fn restated(world: &mut World, who: &Person, parcel: Parcel) -> Parcel {
    let Parcel { mut sealed, meta, stated, command } = parcel;
    let bytes: Vec<Vec<u8>> = sealed.entries.iter().map(|entry| entry.to_bytes()).collect();
    let parts: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
    sealed.manifest.entries = Digest::of_parts("secnet/lock/entries/v1", &parts);
    let upload = Upload { sealed: sealed.clone(), metas: vec![meta.clone()] };
    let listed = DatasetManifest::of(world.salt(), &[upload]);
    let mut command = command.value;
    if let Operation::RegisterDataset { manifest, .. } = &mut command.operation {
        *manifest = listed.commitment();
    }
    let command = SignedCommand::sign(command, who.key.as_ref());
    Parcel { sealed, meta, stated: Stated { manifest: Some(listed), ..stated }, command }
}

fn upload(parcel: &Parcel) -> Vec<Upload> {
    vec![Upload { sealed: parcel.sealed.clone(), metas: vec![parcel.meta.clone()] }]
}

async fn segment_is_there(world: &World, parcel: &Parcel) -> bool {
    let address = parcel.sealed.segments[0].address;
    world.pdc.vault.get_segment(address, 0..1).await.is_ok()
}

async fn packets(world: &World, parcel: &Parcel) -> usize {
    let upload = parcel.sealed.upload.0;
    world.pdc.archive.list(EntryKind::ReleasePacket, &upload).await.unwrap().len()
}

#[tokio::test]
async fn nobody_points_at_another_owners_segment_nor_frees_it() {
    let mut world = World::new(60).await;
    let (_, detail) = world.granted(None, 0).await;
    let (ada, bo, eve) = (World::copy(&world.ada), World::copy(&world.bo), World::copy(&world.eve));
    let (call, receiving) = world.call(&bo, Purpose::Treatment, None);
    let delivery = released(world.pdc.access(&call).await.unwrap());
    // Bo tells Eve where Ada's record is.
    let place = delivery.records[0].1.location();
    let mut parcel = parcel(&mut world, &eve, 61);
    parcel.sealed.entries =
        parcel.sealed.entries.into_iter().map(|entry| entry.moved_to(place)).collect();
    let refused = world.pdc.take_in(upload(&parcel), &parcel.stated, &parcel.command).await;
    assert!(matches!(refused, Err(AccessError::Malformed(_))), "{refused:?}");
    let parcel = restated(&mut world, &eve, parcel);
    let refused = world.pdc.take_in(upload(&parcel), &parcel.stated, &parcel.command).await;
    let said = refused.unwrap_err().to_string();
    assert!(said.contains("which is not this dataset's"), "{said}");

    let used = BTreeSet::from([place.segment]);
    assert!(world.pdc.free_segments(used.clone()).await.unwrap().is_empty());
    assert_eq!(world.open(&delivery, &receiving, &detail).await, ["result 0", "result 1"]);

    let plan = world.pdc.plan_shredding(world.dataset, None).await.unwrap();
    let command = world.sign(&ada, what_to_shred(&plan));
    world.pdc.shred(&plan, &command).await.unwrap();
    assert_eq!(world.pdc.free_segments(used.clone()).await.unwrap(), used);
}

#[tokio::test]
async fn a_record_in_no_segment_that_is_known_is_refused() {
    let mut world = World::new(62).await;
    let eve = World::copy(&world.eve);
    let mut parcel = parcel(&mut world, &eve, 63);
    parcel.sealed.segments.clear();
    let refused = world.pdc.take_in(upload(&parcel), &parcel.stated, &parcel.command).await;
    assert!(matches!(refused, Err(AccessError::Malformed(_))), "{refused:?}");
}

#[tokio::test]
async fn what_the_ledger_refuses_leaves_nothing_behind() {
    let mut world = World::new(64).await;
    let eve = World::copy(&world.eve);
    let parcel = parcel(&mut world, &eve, 65);
    world.clock.advance(120_000);
    let refused = world.pdc.take_in(upload(&parcel), &parcel.stated, &parcel.command).await;
    assert!(matches!(refused, Err(AccessError::Rejected(_))), "{refused:?}");
    assert!(!segment_is_there(&world, &parcel).await);
    assert_eq!(packets(&world, &parcel).await, 0);
}

#[tokio::test]
async fn an_interrupted_upload_is_cleared_away_or_listed_at_the_next_start() {
    for accepted in [false, true] {
        let mut world = World::new(66).await;
        let eve = World::copy(&world.eve);
        let parcel = parcel(&mut world, &eve, 67);
        world.log.fail(|operation| matches!(operation, Operation::RegisterDataset { .. }));
        let cut = world.pdc.take_in(upload(&parcel), &parcel.stated, &parcel.command).await;
        assert!(matches!(cut, Err(AccessError::Ledger(_))), "{cut:?}");
        assert!(segment_is_there(&world, &parcel).await);
        world.log.fail(|_| false);
        if accepted {
            world.pdc.log.submit(parcel.command.to_bytes()).await.unwrap();
        } else {
            // It may still be accepted: nothing is cleared away yet.
            world.restart().await;
            assert!(segment_is_there(&world, &parcel).await);
            world.clock.advance(60_000);
            world.tick().await;
        }
        world.restart().await;
        assert_eq!(segment_is_there(&world, &parcel).await, accepted);
        assert_eq!(packets(&world, &parcel).await, usize::from(accepted));
        let dataset = DatasetId::derive(eve.id, parcel.command.value.id);
        let listed = world.pdc.records_for_owner(eve.id, dataset).await;
        assert_eq!(listed.map(|records| records.len()).unwrap_or(0), usize::from(accepted));
        // Handing in again what was accepted changes nothing.
        if accepted {
            world.pdc.take_in(upload(&parcel), &parcel.stated, &parcel.command).await.unwrap();
            assert_eq!(world.pdc.records_for_owner(eve.id, dataset).await.unwrap().len(), 1);
        }
    }
}

fn ask(world: &World, detail: &GrantDetail) -> Operation {
    let now = world.clock_now();
    let ask = Ask {
        dataset: world.dataset,
        grantee: Party::Member(world.bo.id),
        price: Amount(1),
        uses: None,
        window: Window { from: now, until: now.plus_ms(3_600_000) },
        deadline: now.plus_ms(3_600_000),
        detail: detail.commitment(),
    };
    Operation::OpenAsk { ask }
}

fn detail_name(kind: EntryKind, detail: &GrantDetail) -> EntryName {
    EntryName::new(kind, &[], &detail.commitment().0)
}

#[tokio::test]
async fn a_detail_too_long_to_be_read_again_is_refused() {
    let mut world = World::new(68).await;
    let mut detail = world.detail(None);
    let long = |n: usize| format!("{n:0>width$}", width = limits::MAX_TEXT_BYTES);
    detail.scope.kinds = Some((0..limits::MAX_SCOPE_ENTRIES).map(long).collect());
    assert!(detail.scope.within_limits());
    let command = world.sign(&world.bo, ask(&world, &detail));
    let enclosures = Enclosures { detail: Some(detail), wraps: None };
    let refused = world.pdc.order(&command, enclosures).await;
    assert!(matches!(refused, Err(AccessError::Malformed(_))), "{refused:?}");
}

#[tokio::test]
async fn one_damaged_entry_does_not_close_the_inbox() {
    let mut world = World::new(69).await;
    let details = [world.detail(None), world.detail(None)];
    for detail in &details {
        let command = world.sign(&world.bo, ask(&world, detail));
        let enclosures = Enclosures { detail: Some(detail.clone()), wraps: None };
        world.pdc.order(&command, enclosures).await.unwrap();
    }
    let name = detail_name(EntryKind::AskDetail, &details[0]);
    let change = Change { name, value: Some(vec![0xff; 10]) };
    world.pdc.archive.write(vec![change]).await.unwrap();
    let inbox = world.pdc.inbox(world.ada.id).await.unwrap();
    assert_eq!(inbox.asks.len(), 2);
    assert_eq!(inbox.asks.iter().filter(|ask| ask.detail.is_some()).count(), 1);
    assert_eq!(inbox.damaged.len(), 1);
}

#[tokio::test]
async fn nothing_is_kept_for_whoever_is_no_member_or_whom_the_ledger_refuses() {
    let mut world = World::new(70).await;
    let detail = world.detail(None);
    let stranger = secnet_crypto::SigningKey::generate(&mut world.rng);
    let id = MemberId::from_key(&stranger.verifying_key());
    let forged = world.pdc.sign(id, ask(&world, &detail), &stranger);
    let in_bos_name = world.pdc.sign(world.bo.id, ask(&world, &detail), &stranger);
    let mut late = world.sign(&world.bo, ask(&world, &detail)).value;
    late.expires = Timestamp(1);
    let late = SignedCommand::sign(late, world.bo.key.as_ref());
    for command in [forged, in_bos_name, late] {
        let enclosures = Enclosures { detail: Some(detail.clone()), wraps: None };
        assert!(world.pdc.order(&command, enclosures).await.is_err());
        let name = detail_name(EntryKind::AskDetail, &detail);
        assert_eq!(world.pdc.archive.get(&name).await.unwrap(), None);
    }
    let eve = Person {
        key: std::sync::Arc::new(stranger),
        id,
        sealing: secnet_crypto::SealKeyPair::generate(&mut world.rng),
    };
    let parcel = parcel(&mut world, &eve, 71);
    let refused = world.pdc.take_in(upload(&parcel), &parcel.stated, &parcel.command).await;
    assert_eq!(refused.unwrap_err(), AccessError::Unauthenticated);
    assert!(!segment_is_there(&world, &parcel).await);
}

#[tokio::test]
async fn p11_a_detail_that_is_not_what_the_ledger_commits_to_is_named() {
    let mut world = World::new(72).await;
    let (grant, detail) = world.granted(None, 0).await;
    let archive = &world.pdc.archive;
    let kept = world.pdc.view(|view| must_be_kept(view.state, world.node.id)).unwrap();
    assert_eq!(kept.len(), 4);
    assert!(missing_of(archive.as_ref(), &kept).await.unwrap().is_empty());
    let name = detail_name(EntryKind::ConsentDetail, &detail);
    let other = GrantDetail { salt: [0; 32], ..detail };
    for (value, said) in [(Some(encode(&other)), "commits"), (None, "missing")] {
        let change = Change { name: name.clone(), value };
        archive.write(vec![change]).await.unwrap();
        let wrong = missing_of(archive.as_ref(), &kept).await.unwrap();
        assert_eq!(wrong.len(), 1);
        let named = wrong[0].what.contains(&grant.to_string());
        assert!(named && wrong[0].problem.contains(said), "{wrong:?}");
    }
}

async fn amiss(world: &World) -> Vec<Amiss> {
    let kept = world.pdc.view(|view| must_be_kept(view.state, world.node.id)).unwrap();
    missing_of(world.pdc.archive.as_ref(), &kept).await.unwrap()
}

/// One record more in Ada's dataset: what is handed in for it.
async fn addition(world: &mut World, name: u8) -> (Vec<Upload>, Stated, SignedCommand) {
    let (ada, dataset) = (World::copy(&world.ada), world.dataset);
    let (sealed, meta) = sealed(world, &ada, dataset, name);
    let uploads = vec![Upload { sealed, metas: vec![meta] }];
    let listed = world.pdc.manifest_of(dataset).await.unwrap().with(world.salt(), &uploads);
    let (terms, detail) = terms_of(&mut world.rng, &world.clock);
    let (pdc, manifest) = (world.node.id, listed.commitment());
    let operation = Operation::UpdateDataset { dataset, pdc, terms, manifest };
    let command = world.sign(&ada, operation);
    (uploads, Stated { terms: detail, manifest: Some(listed), hosting: Vec::new() }, command)
}

fn again(uploads: &[Upload]) -> Vec<Upload> {
    let copy = |one: &Upload| Upload { sealed: one.sealed.clone(), metas: one.metas.clone() };
    uploads.iter().map(copy).collect()
}

async fn catalogues(world: &World) -> Vec<(EntryName, Vec<u8>)> {
    world.pdc.archive.list(EntryKind::Manifest, &world.dataset.0).await.unwrap()
}

#[tokio::test]
async fn p11_records_that_are_not_those_the_owner_committed_to_are_named() {
    let mut world = World::new(73).await;
    assert_eq!(amiss(&world).await, []);
    let (uploads, stated, command) = addition(&mut world, 74).await;
    world.pdc.take_in(uploads, &stated, &command).await.unwrap();
    assert_eq!(amiss(&world).await, []);
    let sound = catalogues(&world).await;
    assert_eq!(sound.len(), 2);
    let archive = &world.pdc.archive;
    let write = async |name: &EntryName, value: Option<Vec<u8>>| {
        archive.write(vec![Change { name: name.clone(), value }]).await.unwrap();
    };
    for (name, bytes) in &sound {
        // Lost, with one description changed, with a record left out, cut off, and in another's place.
        let said: Catalogue = decode("catalogue", bytes, 1 << 20).unwrap();
        let mut relabelled = said.clone();
        relabelled.items[0].meta.labels = Labels::NONE.with(Label::Genetics);
        let mut shorter = said.clone();
        shorter.items.pop();
        let other = sound.iter().find(|(other, _)| other != name).unwrap().1.clone();
        let wrong = [encode(&relabelled), encode(&shorter), bytes[1..].to_vec(), other];
        for value in [None].into_iter().chain(wrong.map(Some)) {
            write(name, value).await;
            let amiss = amiss(&world).await;
            assert!(!amiss.is_empty());
            let dataset = world.dataset.to_string();
            assert!(amiss.iter().all(|one| one.what.contains(&dataset)), "{amiss:?}");
        }
        write(name, Some(bytes.clone())).await;
        assert_eq!(amiss(&world).await, []);
    }
    // One more than was committed to.
    let (name, bytes) = &sound[0];
    let stray = EntryName::new(EntryKind::Manifest, &name.group, &[9; 16]);
    write(&stray, Some(bytes.clone())).await;
    assert_eq!(amiss(&world).await.len(), 1);
    write(&stray, None).await;
    // And the list itself.
    let commitment = stated.manifest.unwrap().commitment();
    let list = EntryName::new(EntryKind::DatasetManifest, &world.dataset.0, &commitment.0);
    write(&list, None).await;
    assert_eq!(amiss(&world).await[0].problem, "it is missing");
}

#[tokio::test]
async fn p11_what_is_left_after_an_erasure_is_still_what_the_owner_committed_to() {
    let world = World::new(75).await;
    let ada = World::copy(&world.ada);
    for record in world.records.clone().into_iter().take(2) {
        let plan = world.pdc.plan_shredding(world.dataset, Some(BTreeSet::from([record])));
        let plan = plan.await.unwrap();
        let command = world.sign(&ada, what_to_shred(&plan));
        world.pdc.shred(&plan, &command).await.unwrap();
        assert_eq!(amiss(&world).await, []);
    }
    let (name, bytes) = catalogues(&world).await.remove(0);
    let mut kept: Catalogue = decode("catalogue", &bytes, 1 << 20).unwrap();
    assert_eq!((kept.items.len(), kept.erased.len()), (1, 2));
    kept.erased.pop_first();
    let change = Change { name, value: Some(encode(&kept)) };
    world.pdc.archive.write(vec![change]).await.unwrap();
    assert!(!amiss(&world).await.is_empty());
}

#[tokio::test]
async fn an_upload_that_the_command_does_not_commit_to_is_refused() {
    let mut world = World::new(76).await;
    let (uploads, stated, command) = addition(&mut world, 77).await;
    let malformed = |result: Result<_, AccessError>| {
        assert!(matches!(result, Err(AccessError::Malformed(_))), "{result:?}");
    };
    // With another salt, without its list, without its records, with other descriptions, with other records.
    let list = stated.manifest.clone().unwrap();
    let resalted = DatasetManifest { salt: [1; 32], ..list.clone() };
    let salted = Stated { manifest: Some(resalted), ..stated.clone() };
    malformed(world.pdc.take_in(again(&uploads), &salted, &command).await);
    let bare = Stated { manifest: None, ..stated.clone() };
    malformed(world.pdc.take_in(again(&uploads), &bare, &command).await);
    malformed(world.pdc.take_in(Vec::new(), &stated, &command).await);
    let mut relabelled = again(&uploads);
    relabelled[0].metas[0].kind = "Condition".into();
    malformed(world.pdc.take_in(relabelled, &stated, &command).await);
    let (others, _, _) = addition(&mut world, 78).await;
    malformed(world.pdc.take_in(others, &stated, &command).await);
    let mut cut = again(&uploads);
    cut[0].sealed.compartment_packets.clear();
    malformed(world.pdc.take_in(cut, &stated, &command).await);
    // A list that begins anew would leave out what was there before.
    let mut forgetful = command.value.clone();
    let short = DatasetManifest { uploads: list.uploads[1..].to_vec(), ..list };
    if let Operation::UpdateDataset { manifest, .. } = &mut forgetful.operation {
        *manifest = short.commitment();
    }
    let forgetful = SignedCommand::sign(forgetful, world.ada.key.as_ref());
    let shortened = Stated { manifest: Some(short), ..stated.clone() };
    malformed(world.pdc.take_in(again(&uploads), &shortened, &forgetful).await);
    world.pdc.take_in(uploads, &stated, &command).await.unwrap();
    assert_eq!(world.pdc.records_for_owner(world.ada.id, world.dataset).await.unwrap().len(), 4);
}

#[tokio::test]
async fn an_upload_that_was_erased_does_not_come_back_when_it_is_handed_in_again() {
    for whole_upload in [false, true] {
        let mut world = World::new(79).await;
        let ada = World::copy(&world.ada);
        let (uploads, stated, command) = addition(&mut world, 80).await;
        let first = world.pdc.take_in(again(&uploads), &stated, &command).await.unwrap();
        let erased = match whole_upload {
            true => BTreeSet::from([RecordId([80; 16])]),
            false => BTreeSet::from([world.records[0]]),
        };
        let plan = world.pdc.plan_shredding(world.dataset, Some(erased)).await.unwrap();
        let shred = world.sign(&ada, what_to_shred(&plan));
        world.pdc.shred(&plan, &shred).await.unwrap();
        let before = catalogues(&world).await;
        // The client has missed the answer.
        let second = world.pdc.take_in(again(&uploads), &stated, &command).await.unwrap();
        assert_eq!((second.0, second.1.event, second.1.repeated), (first.0, first.1.event, true));
        assert_eq!(catalogues(&world).await, before);
        let packets = world.pdc.archive.list(EntryKind::ReleasePacket, &uploads[0].sealed.upload.0);
        assert_eq!(packets.await.unwrap().len(), usize::from(!whole_upload));
        // Nor under another command.
        let mut other = command.value.clone();
        other.id = CommandId([81; 16]);
        let listed = world.pdc.manifest_of(world.dataset).await.unwrap();
        let listed = listed.with(world.salt(), &uploads);
        if let Operation::UpdateDataset { manifest, .. } = &mut other.operation {
            *manifest = listed.commitment();
        }
        let other = SignedCommand::sign(other, ada.key.as_ref());
        let stated = Stated { manifest: Some(listed), ..stated };
        let refused = world.pdc.take_in(uploads, &stated, &other).await;
        assert!(matches!(refused, Err(AccessError::Malformed(_))), "{refused:?}");
        assert_eq!(amiss(&world).await, []);
    }
}

/// The first attempt was accepted while its caller had gone away; the ledger has forgotten its id since.
#[tokio::test]
async fn what_was_accepted_long_ago_is_listed_when_it_is_handed_in_again() {
    let mut world = World::new(82).await;
    let eve = World::copy(&world.eve);
    let parcel = parcel(&mut world, &eve, 83);
    world.log.fail(|operation| matches!(operation, Operation::RegisterDataset { .. }));
    world.pdc.take_in(upload(&parcel), &parcel.stated, &parcel.command).await.unwrap_err();
    world.log.fail(|_| false);
    world.pdc.log.submit(parcel.command.to_bytes()).await.unwrap();
    world.clock.advance(120_000);
    world.tick().await;
    world.pdc.take_in(upload(&parcel), &parcel.stated, &parcel.command).await.unwrap_err();
    let dataset = DatasetId::derive(eve.id, parcel.command.value.id);
    assert_eq!(world.pdc.records_for_owner(eve.id, dataset).await.unwrap().len(), 1);
    assert!(segment_is_there(&world, &parcel).await);
    assert_eq!(amiss(&world).await, []);
}
