//! P4 beyond a plain revocation: everything that ends a permission ends what was decided on it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use secnet_app::*;
use secnet_types::*;

use crate::world::{HOUR, Person, World, released};

fn decides(operation: &Operation) -> bool {
    matches!(operation, Operation::RecordDecision { .. })
}

/// Ada denies Bo the treatment use of one record, which only her data centre can read.
fn denial_of_one(world: &mut World) -> (SignedCommand, Enclosures) {
    let detail = GrantDetail {
        purposes: BTreeSet::from([Purpose::Treatment]),
        actions: BTreeSet::from([Action::Read]),
        scope: Scope { records: Some(BTreeSet::from([world.records[0]])), ..Scope::default() },
        salt: world.salt(),
    };
    let now = world.clock_now();
    let denial = Denial {
        dataset: Some(world.dataset),
        party: Party::Member(world.bo.id),
        window: Window { from: now, until: now.plus_ms(HOUR) },
        even_in_emergency: false,
        detail: Some(detail.commitment()),
    };
    let command = world.sign(&world.ada, Operation::Deny { denial });
    (command, Enclosures { detail: Some(detail), wraps: None })
}

#[expect(clippy::needless_pass_by_value, reason = "so that it reads well around a call")]
fn is_stopped<T: core::fmt::Debug>(result: Result<T, AccessError>) {
    assert!(matches!(result, Err(AccessError::NotReleased(_))), "{result:?}");
}

#[tokio::test]
async fn p4_a_denial_with_a_detail_stops_retries_and_deliveries_under_way() {
    let mut world = World::new(30).await;
    world.granted(None, 0).await;
    let bo = World::copy(&world.bo);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let delivery = released(world.pdc.access(&call).await.unwrap());
    let (command, enclosures) = denial_of_one(&mut world);
    world.pdc.order(&command, enclosures).await.unwrap();
    is_stopped(world.pdc.access(&call).await);
    is_stopped(world.pdc.ciphertext(&delivery.granted, world.records[0]).await);
    // What is not denied is still there for the asking.
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let delivery = released(world.pdc.access(&call).await.unwrap());
    assert_eq!(delivery.granted.records(), [world.records[1]]);
}

#[tokio::test]
async fn p4_a_denial_with_a_detail_that_comes_between_facts_and_decision_stops_the_release() {
    let mut world = World::new(31).await;
    world.granted(None, 0).await;
    let bo = World::copy(&world.bo);
    let (command, enclosures) = denial_of_one(&mut world);
    // Its detail is kept before it is ordered.
    let detail = enclosures.detail.unwrap();
    let name = ports::EntryName::new(ports::EntryKind::ConsentDetail, &[], &detail.commitment().0);
    let change = ports::Change { name, value: Some(encode(&detail)) };
    world.pdc.archive.write(vec![change]).await.unwrap();
    world.log.slip_in(decides, command);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    is_stopped(world.pdc.access(&call).await);
}

#[tokio::test]
async fn a_counted_grant_serves_its_last_use_again_after_its_consent_was_read_anew() {
    let mut world = World::new(32).await;
    let (_, detail) = world.granted(None, 0).await;
    let bo = World::copy(&world.bo);
    let (first, _) = world.call(&bo, Purpose::Treatment, None);
    let (last, receiving) = world.call(&bo, Purpose::Treatment, None);
    released(world.pdc.access(&first).await.unwrap());
    released(world.pdc.access(&last).await.unwrap());
    world.restart().await;
    let again = released(world.pdc.access(&last).await.unwrap());
    assert_eq!(world.open(&again, &receiving, &detail).await, ["result 0", "result 1"]);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    assert!(matches!(world.pdc.access(&call).await.unwrap(), Outcome::Denied(_)));
}

async fn govern(world: &World, change: Change) {
    let proposal = Proposal {
        network: world.pdc.network(),
        id: CommandId([77; 16]),
        expires: world.clock_now().plus_ms(HOUR),
        change,
    };
    let approvals = vec![GovernorApproval::sign(world.bo.id, &proposal, world.bo.key.as_ref())];
    world.submit(&world.bo, Operation::Govern { proposal, approvals }).await;
}

/// Eve is of Bo's organisation; Bo's organisation is granted.
async fn granted_organisation(world: &mut World) -> (Person, AccessCall) {
    let key = secnet_crypto::SigningKey::generate(&mut world.rng);
    let sealing = secnet_crypto::SealKeyPair::generate(&mut world.rng);
    let card = MemberCard {
        network: world.pdc.network(),
        kind: MemberKind::Person,
        sealing_key: Digest(sealing.public.digest()),
        voucher: Some(world.eve.id),
    };
    let card = Signed::sign(card, &key);
    let id = MemberId::from_key(&key.verifying_key());
    let doctor = Person { key: Arc::new(key), id, sealing };
    world.submit(&world.eve, Operation::Vouch { card }).await;
    let detail = world.detail(None);
    let (grant, wraps) = world.grant(&detail, 0);
    let grant = Grant { grantee: Party::Organisation(world.eve.id), ..grant };
    let command = world.sign(&world.ada, Operation::Grant { grant });
    let enclosures = Enclosures { detail: Some(detail), wraps: Some(wraps) };
    world.pdc.order(&command, enclosures).await.unwrap();
    let (call, _) = world.call(&doctor, Purpose::Treatment, None);
    (doctor, call)
}

#[tokio::test]
async fn p4_a_suspended_organisation_takes_its_members_uses_along() {
    let mut world = World::new(33).await;
    let (_, call) = granted_organisation(&mut world).await;
    let delivery = released(world.pdc.access(&call).await.unwrap());
    govern(&world, Change::Suspend(world.eve.id)).await;
    is_stopped(world.pdc.ciphertext(&delivery.granted, world.records[0]).await);
    is_stopped(world.pdc.access(&call).await);
}

#[tokio::test]
async fn p4_time_passes_for_a_release_though_no_block_is_made() {
    let mut world = World::new(34).await;
    world.granted(None, 0).await;
    let bo = World::copy(&world.bo);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let delivery = released(world.pdc.access(&call).await.unwrap());
    world.clock.advance(2 * HOUR);
    is_stopped(world.pdc.ciphertext(&delivery.granted, world.records[0]).await);
}

#[tokio::test]
async fn p4_a_release_node_looks_at_the_ledger_itself() {
    let mut world = World::new(35).await;
    let (grant, _) = world.granted(None, 0).await;
    let (ada, bo) = (World::copy(&world.ada), World::copy(&world.bo));
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let delivery = released(world.pdc.access(&call).await.unwrap());
    let upload = delivery.records[0].1.upload();
    let packets = world.pdc.archive.list(ports::EntryKind::ReleasePacket, &upload.0).await.unwrap();
    let packets: Vec<_> = packets
        .iter()
        .map(|(_, bytes)| secnet_lock::ReleasePacket::from_bytes(bytes).unwrap())
        .collect();
    let records = delivery.granted.records().iter().copied().collect();
    let wanted = [Wanted { upload, records, dealer: 0, threshold: 1, packets }];
    world.release.release(&delivery.granted, &wanted).await.unwrap();
    world.submit(&ada, Operation::Revoke { grant, reason: Reason::NoLongerWanted }).await;
    let stopped = world.release.release(&delivery.granted, &wanted).await.unwrap_err();
    assert!(stopped.0.contains("the grant has ended"), "{stopped}");
}

/// The nodes refuse, and that is no fault of theirs which could be gone by itself.
#[tokio::test]
async fn p4_what_is_revoked_right_before_the_release_is_refused_as_revoked() {
    let mut world = World::new(36).await;
    let (grant, _) = world.granted(None, 0).await;
    let bo = World::copy(&world.bo);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let revoke = world.sign(&world.ada, Operation::Revoke { grant, reason: Reason::Unstated });
    let log = Arc::clone(&world.log);
    *world.release.before.lock() = Some(Box::new(move || {
        log.order(revoke.to_bytes()).unwrap();
    }));
    is_stopped(world.pdc.access(&call).await);
}

#[tokio::test]
async fn p4_nothing_is_released_on_a_view_of_the_ledger_that_is_too_old() {
    let mut world = World::new(36).await;
    world.granted(None, 0).await;
    let bo = World::copy(&world.bo);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let delivery = released(world.pdc.access(&call).await.unwrap());
    world.log.age_ms.store(MAX_VIEW_AGE_MS + 1, Ordering::Relaxed);
    let (age_ms, unaged) = (MAX_VIEW_AGE_MS + 1, None);
    let old = world.pdc.access(&call).await;
    assert_eq!(old.unwrap_err(), AccessError::StaleLedger { age_ms, unaged });
    let old = world.pdc.ciphertext(&delivery.granted, world.records[0]).await;
    assert_eq!(old.unwrap_err(), AccessError::StaleLedger { age_ms, unaged });
    let said = AccessError::StaleLedger { age_ms, unaged };
    assert!(said.to_string().contains("5001 ms") && said.hint().contains("validators"), "{said}");
    world.log.age_ms.store(MAX_VIEW_AGE_MS, Ordering::Relaxed);
    released(world.pdc.access(&call).await.unwrap());
}

#[tokio::test]
async fn p1_cut_the_ledger_off_and_reads_stop() {
    let mut world = World::new(37).await;
    world.granted(None, 0).await;
    let bo = World::copy(&world.bo);
    world.log.fail(|_| true);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let stopped = world.pdc.access(&call).await;
    assert!(matches!(stopped, Err(ref error) if error.retryable()), "{stopped:?}");
    world.log.fail(|_| false);
    released(world.pdc.access(&call).await.unwrap());
}
