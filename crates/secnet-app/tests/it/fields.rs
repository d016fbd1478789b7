//! Grants of fields, on a hosted dataset: what is handed over, what is not, and what stops it.

use std::collections::BTreeSet;

use secnet_app::ports::{EntryKind, EntryName};
use secnet_app::*;
use secnet_crypto::SealKeyPair;
use secnet_lock::*;
use secnet_types::*;

use crate::hosted::*;
use crate::world::{HOUR, World, terms_of};

async fn hosting_packets(world: &World, upload: UploadId) -> Vec<(EntryName, Vec<u8>)> {
    world.pdc.archive.list(EntryKind::HostingPacket, &upload.0).await.unwrap()
}

#[tokio::test]
async fn p1_a_grant_of_fields_hands_over_these_fields_after_the_decision_and_nothing_else() {
    let mut world = World::new(70).await;
    hosted(&mut world, &[(11, RESULT.as_bytes()), (12, OTHER.as_bytes())]).await;
    granted(&mut world, &["valueQuantity"], 1_000_000).await;
    let bo = World::copy(&world.bo);
    let before = world.balance(&bo);
    let (asked, receiving) = call(&mut world, &bo, None);
    let preview = world.pdc.preview(&asked).await.unwrap();
    let Preview::Released { fields, .. } = preview else { panic!("{preview:?}") };
    assert_eq!(fields, Some(set(&["valueQuantity"])));
    let answer = projected(world.pdc.access(&asked).await.unwrap());
    assert_eq!(
        texts(&answer, &receiving),
        [
            format!(
                r#"{{"resourceType":"Observation","id":"o1","valueQuantity":{{"value":6.30,"unit":"mmol/L"}},{MARK}}}"#
            ),
            format!(r#"{{"resourceType":"Observation","id":"o2",{MARK}}}"#),
        ]
    );
    assert_eq!(answer.receipt.verify(world.genesis()).unwrap().command.value.author, world.node.id);
    assert_eq!(world.balance(&bo), before - 1_000_000);
    // Sealed anew: neither plaintext nor stored ciphertext is in what was answered, and only the receiving key opens it.
    let listed = world.pdc.records_for_owner(world.ada.id, world.dataset).await.unwrap();
    assert_eq!(listed.len(), 2);
    for (_, sealed) in &answer.records {
        assert!(!sealed.windows(11).any(|bytes| bytes == b"SECRET-NOTE"));
    }
    assert!(answer.open(&bo.sealing).is_err());
    assert!(answer.open(&SealKeyPair::generate(&mut world.rng)).is_err());
    // A retry: the same parts, not charged again.
    let again = projected(world.pdc.access(&asked).await.unwrap());
    assert_eq!(texts(&again, &receiving), texts(&answer, &receiving));
    assert_eq!(world.balance(&bo), before - 1_000_000);
}

#[tokio::test]
async fn who_asks_for_some_of_the_fields_gets_these_and_who_asks_for_others_is_refused() {
    let mut world = World::new(71).await;
    hosted(&mut world, &[(11, RESULT.as_bytes())]).await;
    granted(&mut world, &["valueQuantity", "status"], 0).await;
    let bo = World::copy(&world.bo);
    let (asked, receiving) = call(&mut world, &bo, Some(&["status"]));
    let answer = projected(world.pdc.access(&asked).await.unwrap());
    let text = format!(r#"{{"resourceType":"Observation","id":"o1","status":"final",{MARK}}}"#);
    assert_eq!(texts(&answer, &receiving), [text]);
    let (asked, _) = call(&mut world, &bo, Some(&["status", "note"]));
    assert!(matches!(world.pdc.access(&asked).await.unwrap(), Outcome::Denied(_)));
    let (asked, _) = call(&mut world, &bo, Some(&["status; drop"]));
    assert!(matches!(world.pdc.access(&asked).await, Err(AccessError::Malformed(_))));
}

#[tokio::test]
async fn a_grant_of_fields_needs_a_hosted_dataset_and_hands_out_no_key() {
    let mut world = World::new(72).await;
    // Sealed, the default.
    let refused = |world: &World, (grant, enclosures): (Grant, Enclosures)| {
        let command = world.sign(&world.ada, Operation::Grant { grant });
        let pdc = std::sync::Arc::clone(&world.pdc);
        async move {
            let foreseen = pdc.forecast(&command, &enclosures).map(drop).unwrap_err();
            let refused = pdc.order(&command, enclosures).await.unwrap_err();
            assert_eq!(foreseen, refused);
            refused.to_string()
        }
    };
    let on_sealed = fields_grant(&mut world, &["status"], 0);
    let said = refused(&world, on_sealed).await;
    assert!(said.contains("sealed") && said.contains("set its level to hosted"), "{said}");
    hosted(&mut world, &[(11, RESULT.as_bytes())]).await;
    let of_nothing = fields_grant(&mut world, &[], 0);
    assert!(refused(&world, of_nothing).await.contains("no fields at all"));
    let misnamed = fields_grant(&mut world, &["value Quantity"], 0);
    assert!(refused(&world, misnamed).await.contains("no name of a field"));
    // With the compartment keys in its packets, as for whole records.
    let mut detail = world.detail(None);
    detail.scope.fields = Some(set(&["status"]));
    let (grant, wraps) = world.grant(&detail, 0);
    let with_keys = (grant, Enclosures { detail: Some(detail), wraps: Some(wraps) });
    assert!(refused(&world, with_keys).await.contains("must hold no key"));
    // Nobody else learns the level of a dataset from that.
    let (grant, enclosures) = fields_grant(&mut world, &["status"], 0);
    let command = world.sign(&world.eve, Operation::Grant { grant });
    let refused = world.pdc.order(&command, enclosures).await;
    assert!(matches!(refused, Err(AccessError::Rejected(_))), "{refused:?}");
}

#[tokio::test]
async fn p4_a_revocation_a_denial_and_going_back_to_sealed_stop_it() {
    for how in 0..3 {
        let mut world = World::new(73 + how).await;
        hosted(&mut world, &[(11, RESULT.as_bytes())]).await;
        let grant = granted(&mut world, &["status"], 0).await;
        let bo = World::copy(&world.bo);
        let (asked, _) = call(&mut world, &bo, None);
        projected(world.pdc.access(&asked).await.unwrap());
        match how {
            0 => {
                let reason = Reason::NoLongerWanted;
                world.submit(&world.ada, Operation::Revoke { grant, reason }).await;
            }
            1 => {
                let window = Window { from: Timestamp(0), until: Timestamp::MAX };
                let (dataset, party) = (Some(world.dataset), Party::Member(bo.id));
                let denial =
                    Denial { dataset, party, window, even_in_emergency: false, detail: None };
                world.submit(&world.ada, Operation::Deny { denial }).await;
            }
            _ => set_level(&mut world, ServiceLevel::Sealed, Vec::new()).await.unwrap(),
        }
        let again = world.pdc.access(&asked).await;
        assert!(matches!(again, Err(AccessError::NotReleased(_))), "{how}: {again:?}");
        let (asked, _) = call(&mut world, &bo, None);
        assert!(matches!(world.pdc.access(&asked).await.unwrap(), Outcome::Denied(_)), "{how}");
    }
}

async fn set_level(
    world: &mut World,
    level: ServiceLevel,
    hosting: Vec<HostingPacket>,
) -> Result<(), AccessError> {
    let (terms, detail) = terms_of(&mut world.rng, &world.clock);
    let operation = Operation::UpdateDataset {
        dataset: world.dataset,
        pdc: world.node.id,
        terms: Terms { level, ..terms },
        manifest: world.pdc.manifest_of(world.dataset).await.unwrap().commitment(),
    };
    let command = world.sign(&world.ada, operation);
    let stated = Stated { terms: detail, manifest: None, hosting };
    world.pdc.take_in(Vec::new(), &stated, &command).await.map(drop)
}

#[tokio::test]
async fn a_dataset_becomes_hosted_with_a_packet_for_each_upload_and_stops_being_it() {
    let mut world = World::new(76).await;
    let dataset = world.dataset;
    let to_host = world.pdc.uploads_to_host(world.ada.id, dataset).await.unwrap().remove(0);
    let unknown = world.pdc.uploads_to_host(world.eve.id, dataset).await;
    assert!(matches!(unknown, Err(AccessError::Unknown(_))));
    let bare = set_level(&mut world, ServiceLevel::Hosted, Vec::new()).await.unwrap_err();
    assert!(bare.to_string().contains("comes without the packet"), "{bare}");
    let (host, keys) = (world.pdc.hosting_key().clone(), &world.keys);
    let of = (dataset, to_host.upload);
    let make = |of, records: &BTreeSet<RecordId>, host, rng: &mut _| {
        host_upload(of, records, &to_host.packets, keys, host, rng).unwrap()
    };
    let whole = make(of, &to_host.records, &host, &mut world.rng);
    let first = to_host.records.iter().copied().take(1).collect();
    let of_one = make(of, &first, &host, &mut world.rng);
    let stranger = SealKeyPair::generate(&mut world.rng).public;
    let for_other = make(of, &to_host.records, &stranger, &mut world.rng);
    for wrong in [of_one, for_other] {
        let refused = set_level(&mut world, ServiceLevel::Hosted, vec![wrong]).await;
        assert!(matches!(refused, Err(AccessError::Malformed(_))), "{refused:?}");
        assert!(hosting_packets(&world, to_host.upload).await.is_empty());
    }
    let refused = set_level(&mut world, ServiceLevel::Sealed, vec![whole.clone()]).await;
    assert!(matches!(refused, Err(AccessError::Malformed(_))), "{refused:?}");
    set_level(&mut world, ServiceLevel::Hosted, vec![whole]).await.unwrap();
    assert_eq!(hosting_packets(&world, to_host.upload).await.len(), 1);
    // Other terms: the packets that are there will do. The plain records of this world are no JSON.
    set_level(&mut world, ServiceLevel::Hosted, Vec::new()).await.unwrap();
    set_level(&mut world, ServiceLevel::Sealed, Vec::new()).await.unwrap();
    assert!(hosting_packets(&world, to_host.upload).await.is_empty());
}

#[tokio::test]
async fn a_hosting_packet_of_a_refused_command_is_not_kept() {
    let mut world = World::new(77).await;
    let Parcel { uploads, stated, command } = parcel(&mut world, 9, &[(11, RESULT.as_bytes())]);
    let upload = uploads[0].sealed.upload;
    let bare = Stated { hosting: Vec::new(), ..stated.clone() };
    let again = vec![Upload { sealed: uploads[0].sealed.clone(), metas: uploads[0].metas.clone() }];
    let refused = world.pdc.take_in(again, &bare, &command).await.unwrap_err();
    assert!(refused.to_string().contains("comes without the packet"), "{refused}");
    // The ledger refuses a command that is too old.
    world.clock.advance(2 * HOUR);
    world.tick().await;
    let refused = world.pdc.take_in(uploads, &stated, &command).await;
    assert!(matches!(refused, Err(AccessError::Rejected(_))), "{refused:?}");
    assert!(hosting_packets(&world, upload).await.is_empty());
}

#[tokio::test]
async fn p5_what_no_fields_can_be_cut_out_of_is_refused_before_it_is_paid_or_given_back() {
    let mut world = World::new(78).await;
    let large = format!(r#"{{"resourceType":"Binary","data":"{}"}}"#, "A".repeat(1_500_000));
    hosted(&mut world, &[(11, large.as_bytes())]).await;
    granted(&mut world, &["status"], 1_000_000).await;
    let bo = World::copy(&world.bo);
    let before = world.balance(&bo);
    let (asked, _) = call(&mut world, &bo, None);
    let Outcome::Denied(refusal) = world.pdc.access(&asked).await.unwrap() else { panic!() };
    assert_eq!(refusal.remedy, "ask for fewer or smaller records at once");
    assert_eq!(world.balance(&bo), before);

    let mut world = World::new(79).await;
    hosted(&mut world, &[(11, b"no JSON at all")]).await;
    granted(&mut world, &["status"], 1_000_000).await;
    let bo = World::copy(&world.bo);
    let (asked, _) = call(&mut world, &bo, None);
    let failed = world.pdc.access(&asked).await;
    assert!(matches!(failed, Err(AccessError::NotReleased(_))), "{failed:?}");
    assert_eq!(world.balance(&bo), before, "the charge was given back");
    let history = world.pdc.history(world.ada.id).await.unwrap();
    assert!(matches!(history.last().unwrap().verdict, Verdict::Allow { .. }), "it was decided");
}

#[tokio::test]
async fn an_erased_record_is_gone_from_the_hosting_packet_as_well() {
    let mut world = World::new(80).await;
    hosted(&mut world, &[(11, RESULT.as_bytes()), (12, OTHER.as_bytes())]).await;
    granted(&mut world, &["status"], 0).await;
    let bo = World::copy(&world.bo);
    let (asked, _) = call(&mut world, &bo, None);
    projected(world.pdc.access(&asked).await.unwrap());
    let upload = world.pdc.uploads_to_host(world.ada.id, world.dataset).await.unwrap()[0].upload;
    let kept = hosting_packets(&world, upload).await.remove(0).1;
    let host = Host::new(World::copy(&world.node).sealing);
    let of = (world.dataset, upload);
    let held = |bytes: &[u8]| {
        let packet = HostingPacket::from_bytes(bytes).unwrap();
        host.open(of, &packet).unwrap().records().collect::<Vec<_>>()
    };
    assert_eq!(held(&kept), [RecordId([11; 16]), RecordId([12; 16])]);
    let gone = Some(BTreeSet::from([RecordId([11; 16])]));
    let plan = world.pdc.plan_shredding(world.dataset, gone).await.unwrap();
    let command = world.sign(&world.ada, what_to_shred(&plan));
    world.pdc.shred(&plan, &command).await.unwrap();
    assert_eq!(held(&hosting_packets(&world, upload).await[0].1), [RecordId([12; 16])]);
    assert!(matches!(world.pdc.access(&asked).await, Err(AccessError::NotReleased(_))));
    let (asked, receiving) = call(&mut world, &bo, None);
    let answer = projected(world.pdc.access(&asked).await.unwrap());
    assert_eq!(texts(&answer, &receiving).len(), 1);
    let plan = world.pdc.plan_shredding(world.dataset, None).await.unwrap();
    let command = world.sign(&world.ada, what_to_shred(&plan));
    world.pdc.shred(&plan, &command).await.unwrap();
    assert!(hosting_packets(&world, upload).await.is_empty());
}

#[tokio::test]
async fn p2_the_fields_that_were_decided_cannot_be_widened_in_what_is_kept() {
    let mut world = World::new(81).await;
    hosted(&mut world, &[(11, RESULT.as_bytes())]).await;
    granted(&mut world, &["status"], 0).await;
    let bo = World::copy(&world.bo);
    let (asked, _) = call(&mut world, &bo, None);
    let answer = projected(world.pdc.access(&asked).await.unwrap());
    let key = answer.granted.decision();
    let name = EntryName::new(EntryKind::Facts, &world.dataset.0, &key.0);
    let bytes = world.pdc.archive.get(&name).await.unwrap().unwrap();
    let facts: FactsRecord = decode("facts", &bytes, 1024 * 1024).unwrap();
    assert_eq!(facts.fields, Some(set(&["status"])));
    for fields in [None, Some(set(&["status", "note"]))] {
        let value = Some(encode(&FactsRecord { fields, ..facts.clone() }));
        let change = secnet_app::ports::Change { name: name.clone(), value };
        world.pdc.archive.write(vec![change]).await.unwrap();
        let refused = world.pdc.access(&asked).await;
        assert!(matches!(refused, Err(AccessError::NotReleased(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn the_cheapest_grant_is_chosen_whether_it_is_of_fields_or_not() {
    let mut world = World::new(82).await;
    hosted(&mut world, &[(11, RESULT.as_bytes())]).await;
    granted(&mut world, &["status"], 1_000_000).await;
    let bo = World::copy(&world.bo);
    let (asked, _) = call(&mut world, &bo, None);
    projected(world.pdc.access(&asked).await.unwrap());
    world.granted(None, 0).await;
    let (asked, receiving) = call(&mut world, &bo, None);
    let Outcome::Released(whole) = world.pdc.access(&asked).await.unwrap() else { panic!() };
    drop((whole, receiving));
    // Whoever holds the keys of that grant still gets no more than the fields asked for.
    let (asked, receiving) = call(&mut world, &bo, Some(&["status"]));
    let answer = projected(world.pdc.access(&asked).await.unwrap());
    assert!(!texts(&answer, &receiving).concat().contains("SECRET"));
}
