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
    detail: TermsDetail,
    command: SignedCommand,
}

fn parcel(world: &mut World, who: &Person, name: u8) -> Parcel {
    let command = CommandId([name; 16]);
    let dataset = DatasetId::derive(who.id, command);
    let meta = RecordMeta {
        id: RecordId([name; 16]),
        kind: "Observation".into(),
        category: Category::Laboratory,
        labels: Labels::NONE,
        period: None,
    };
    let mut keys = CompartmentKeys::new();
    keys.ensure(who.id, meta.category, meta.labels, &mut world.rng).unwrap();
    let (directory, nodes) = (keys.directory(), world.pdc.release.nodes());
    let spec = UploadSpec {
        dataset,
        owner: who.id,
        compartments: &directory,
        release_nodes: &nodes,
        threshold: 1,
        suite: StreamSuite::ChaCha20Poly1305,
    };
    let content: &[u8] = b"something else";
    let sealed = seal_upload(spec, [(&meta, content)], &mut world.rng).unwrap();
    let (terms, detail) = terms_of(&mut world.rng, &world.clock);
    let manifest = manifest_commitment(&world.salt(), core::slice::from_ref(&sealed.manifest));
    let command = Command {
        network: world.pdc.network(),
        author: who.id,
        id: command,
        expires: world.clock_now().plus_ms(60_000),
        operation: Operation::RegisterDataset { pdc: world.node.id, terms, manifest },
    };
    let command = SignedCommand::sign(command, who.key.as_ref());
    Parcel { sealed, meta, detail, command }
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
    let refused = world.pdc.take_in(upload(&parcel), &parcel.detail, &parcel.command).await;
    assert!(matches!(refused, Err(AccessError::Malformed(_))), "{refused:?}");

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
    let refused = world.pdc.take_in(upload(&parcel), &parcel.detail, &parcel.command).await;
    assert!(matches!(refused, Err(AccessError::Malformed(_))), "{refused:?}");
}

#[tokio::test]
async fn what_the_ledger_refuses_leaves_nothing_behind() {
    let mut world = World::new(64).await;
    let eve = World::copy(&world.eve);
    let parcel = parcel(&mut world, &eve, 65);
    world.clock.advance(120_000);
    let refused = world.pdc.take_in(upload(&parcel), &parcel.detail, &parcel.command).await;
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
        let cut = world.pdc.take_in(upload(&parcel), &parcel.detail, &parcel.command).await;
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
            world.pdc.take_in(upload(&parcel), &parcel.detail, &parcel.command).await.unwrap();
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
    let refused = world.pdc.take_in(upload(&parcel), &parcel.detail, &parcel.command).await;
    assert_eq!(refused.unwrap_err(), AccessError::Unauthenticated);
    assert!(!segment_is_there(&world, &parcel).await);
}

#[tokio::test]
async fn p11_a_detail_that_is_not_what_the_ledger_commits_to_is_named() {
    let mut world = World::new(72).await;
    let (grant, detail) = world.granted(None, 0).await;
    let archive = &world.pdc.archive;
    let kept = world.pdc.view(|view| must_be_kept(view.state, world.node.id)).unwrap();
    assert_eq!(kept.len(), 3);
    assert!(missing_of(archive.as_ref(), &kept).await.unwrap().is_empty());
    let name = detail_name(EntryKind::ConsentDetail, &detail);
    let other = GrantDetail { salt: [0; 32], ..detail };
    for (value, said) in [(Some(encode(&other)), "commits"), (None, "missing")] {
        let change = Change { name: name.clone(), value };
        archive.write(vec![change]).await.unwrap();
        let wrong = missing_of(archive.as_ref(), &kept).await.unwrap();
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].contains(said) && wrong[0].contains(&grant.to_string()), "{wrong:?}");
    }
}
