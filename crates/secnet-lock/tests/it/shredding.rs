//! What a plan destroys is enough, and no more than needed.

use secnet_lock::*;
use secnet_types::*;

use crate::world::*;

#[test]
fn one_record_goes_and_the_others_stay() {
    let mut world = World::labs(2, 3);
    let (erased, kept): (Vec<_>, Vec<_>) =
        world.sealed.entries.iter().partition(|e| e.record() == RecordId([1; 16]));
    let plan = ShredPlan::for_records(DATASET, erased, kept);
    let upload = world.sealed.upload;
    let record = RecordId([1; 16]);
    let items: Vec<_> = plan.items().copied().collect();
    assert_eq!(
        items,
        [
            Destroyable::Entry(upload, record),
            Destroyable::Share(upload, record, 1),
            Destroyable::Share(upload, record, 2),
            Destroyable::Share(upload, record, 3),
        ]
    );
    assert_eq!(ShredPlan::from_bytes(&plan.to_bytes()).unwrap(), plan);
    assert_ne!(plan.commitment(&[1; 32]), plan.commitment(&[2; 32]));

    for (node, packet) in world.nodes.iter().zip(&mut world.sealed.release_packets) {
        let records = plan.forgotten(packet);
        *packet = node.forget(packet, &records, &mut world.rng).unwrap().unwrap();
    }
    let packets = [world.sealed.release_packets[0].clone()];
    let refused = world.nodes[0].release(
        &packets,
        &named(&[1]),
        context(1),
        &world.receiving.public,
        &mut world.rng,
    );
    assert_eq!(refused, Err(ReleaseError::NotHere(record)));
    let answers = world.ask(&[0, 2], &[2, 3]);
    let shares = world.receive(&answers);
    let mut grantee = world.granted();
    assert!(world.open(&mut grantee, &shares, 2).is_ok());
    // Even with the entry kept by mistake the record does not open.
    let refused = world.open(&mut grantee, &shares, 1).unwrap_err();
    assert_eq!(refused, UnlockError::TooFewShares { got: 0, needed: 2 });
}

#[test]
fn a_whole_upload_goes_with_packets_and_segments() {
    let world = World::labs(1, 1);
    let mut plan = ShredPlan::for_records(DATASET, &world.sealed.entries, []);
    plan.add(Destroyable::Wraps(world.wraps.digest()));
    let upload = world.sealed.upload;
    let compartment = world.entry(1).compartment();
    let items: Vec<_> = plan.items().copied().collect();
    assert!(items.contains(&Destroyable::ReleasePacket(upload, 1)));
    assert!(items.contains(&Destroyable::CompartmentPacket(upload, compartment)));
    assert_eq!(plan.segments().collect::<Vec<_>>(), [world.sealed.segments[0].address]);
    assert_eq!(items.len(), 3 + 1 + 1 + 1 + 1);
}

#[test]
fn a_destroyed_compartment_key_cannot_be_wrapped() {
    let mut world = World::labs(1, 1);
    let compartment = *world.keys.compartments().next().unwrap();
    assert!(world.keys.destroy(compartment.id()));
    assert!(!world.keys.destroy(compartment.id()));
    let refused = wrap_for_grantee(
        world.binding,
        &[compartment],
        &world.keys,
        &world.grantee.public,
        &mut world.rng,
    );
    assert_eq!(refused.unwrap_err(), WrapError::NoKey(compartment));
}
