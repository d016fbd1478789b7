//! The data centre as one more holder, and what it hands out of what it opens.

use std::collections::BTreeSet;

use secnet_crypto::SealKeyPair;
use secnet_lock::*;
use secnet_types::*;

use crate::world::*;

struct Hosted {
    world: World,
    host: Host,
    packet: HostingPacket,
}

fn of(upload: UploadId) -> (DatasetId, UploadId) {
    (DATASET, upload)
}

/// Three records of which the first two may be opened.
fn hosted() -> Hosted {
    let mut world = World::labs(1, 1);
    let host = Host::new(SealKeyPair::generate(&mut world.rng));
    let sealed = &world.sealed;
    let packet = host_upload(
        of(sealed.upload),
        &named(&[1, 2]),
        &sealed.compartment_packets,
        &world.keys,
        &host.pair().public,
        &mut world.rng,
    );
    Hosted { host, packet: packet.unwrap(), world }
}

#[test]
fn the_host_opens_with_the_release_nodes_and_never_alone() {
    let Hosted { mut world, host, packet } = hosted();
    let halves = host.open(of(world.sealed.upload), &packet).unwrap();
    assert_eq!(halves.records().collect::<BTreeSet<_>>(), named(&[1, 2]));
    let none = halves.unlock(world.entry(1), &ReceivedShares::new());
    assert!(matches!(none, Err(UnlockError::TooFewShares { .. })));
    let answers = world.ask(&[0], &[1, 3]);
    let shares = world.receive(&answers);
    let key = halves.unlock(world.entry(1), &shares).unwrap();
    assert_eq!(*key.open(&world.ciphertext(world.entry(1))).unwrap(), content(1, 500));
    assert!(matches!(halves.unlock(world.entry(3), &shares), Err(UnlockError::NoHalf(_))));
    // The packet says nothing to the grantee, nor to a node.
    let other = Host::new(SealKeyPair::from_seed(*world.receiving.secret.seed()));
    assert!(matches!(
        other.open(of(world.sealed.upload), &packet),
        Err(PacketError::Elsewhere { field: "data centre", .. })
    ));
}

#[test]
fn a_hosting_packet_is_of_one_dataset_upload_and_data_centre() {
    let Hosted { mut world, host, packet } = hosted();
    let upload = world.sealed.upload;
    let (elsewhere, another) = (DatasetId([8; 16]), UploadId([8; 16]));
    for (dataset, upload, field) in [(elsewhere, upload, "dataset"), (DATASET, another, "upload")] {
        let refused = host.open((dataset, upload), &packet).unwrap_err();
        assert!(matches!(refused, PacketError::Elsewhere { field: f, .. } if f == field));
        // Relabelled, it does not open: the header is bound to the envelope.
        let mut other = packet.clone();
        (other.header.dataset, other.header.upload) = (dataset, upload);
        let refused = host.open((dataset, upload), &other).unwrap_err();
        assert!(matches!(refused, PacketError::Envelope { .. }));
        let packets = &world.sealed.compartment_packets;
        let (keys, to) = (&world.keys, &host.pair().public);
        let refused =
            host_upload((dataset, upload), &named(&[1]), packets, keys, to, &mut world.rng);
        assert!(matches!(refused, Err(HostError::Packet(PacketError::Elsewhere { .. }))));
    }
    for at in (0..packet.envelope.len()).step_by(97) {
        let mut flipped = packet.clone();
        flipped.envelope[at] ^= 1;
        assert!(host.open(of(upload), &flipped).is_err(), "byte {at}");
    }
    let (packets, to) = (&world.sealed.compartment_packets, &host.pair().public);
    let no_keys = CompartmentKeys::new();
    let refused = host_upload(of(upload), &named(&[1]), packets, &no_keys, to, &mut world.rng);
    assert!(matches!(refused, Err(HostError::NoKey(_))));
    let refused = host_upload(of(upload), &named(&[9]), packets, &world.keys, to, &mut world.rng);
    assert_eq!(refused.unwrap_err(), HostError::NoHalf(RecordId([9; 16])));
}

#[test]
fn what_is_erased_is_not_in_the_packet_that_stays() {
    let Hosted { mut world, host, packet } = hosted();
    let rest = host.forget(&packet, &named(&[1]), &mut world.rng).unwrap().unwrap();
    let halves = host.open(of(world.sealed.upload), &rest).unwrap();
    assert_eq!(halves.records().collect::<BTreeSet<_>>(), named(&[2]));
    assert_eq!(host.forget(&rest, &named(&[2]), &mut world.rng).unwrap(), None);
}

#[test]
fn projections_open_with_the_receiving_key_for_their_own_decision() {
    let Hosted { mut world, host, .. } = hosted();
    let mut sealer = ProjectionSealer::new(context(1));
    let [one, two] = [RecordId([1; 16]), RecordId([2; 16])];
    let sealed = sealer.add(one, b"{}", &mut world.rng).unwrap();
    let second = sealer.add(two, b"{\"a\":1}", &mut world.rng).unwrap();
    assert_eq!(sealed.len(), second.len(), "sizes are in buckets");
    let (to, receiving) = (&host.pair().public, &world.receiving);
    let keys = sealer.finish(to, &receiving.public, &mut world.rng).unwrap();
    let opened = ReceivedProjections::open(receiving, context(1), &keys).unwrap();
    assert_eq!(*opened.record(one, &sealed).unwrap(), b"{}");
    assert_eq!(*opened.record(two, &second).unwrap(), b"{\"a\":1}");
    assert!(matches!(opened.record(two, &sealed), Err(ProjectionError::Stream(_))));
    let third = RecordId([3; 16]);
    assert_eq!(opened.record(third, &sealed).unwrap_err(), ProjectionError::NoKey(third));
    let refused = ReceivedProjections::open(receiving, context(2), &keys).unwrap_err();
    assert!(matches!(refused, PacketError::Elsewhere { .. }));
    let stranger = SealKeyPair::generate(&mut world.rng);
    assert!(ReceivedProjections::open(&stranger, context(1), &keys).is_err());
    let mut relabelled = keys.clone();
    relabelled.header.context = context(2);
    let refused = ReceivedProjections::open(receiving, context(2), &relabelled).unwrap_err();
    assert!(matches!(refused, PacketError::Envelope { .. }));
}

#[test]
fn both_packets_have_one_byte_form() {
    let Hosted { mut world, host, packet } = hosted();
    let bytes = packet.to_bytes();
    assert_eq!(HostingPacket::from_bytes(&bytes).unwrap(), packet);
    // [[version, suite, dataset, upload, key], envelope]: docs/spec/lock.md, section 3.
    let header = [
        &[0x82, 0x85, 0x01, 0x19, 0x64, 0x7a, 0x50][..],
        &DATASET.0,
        &[0x50],
        &world.sealed.upload.0,
        &[0x58, 0x20],
        &host.pair().public.digest(),
        &[0x59],
    ];
    assert!(bytes.starts_with(&header.concat()));
    let mut sealer = ProjectionSealer::new(context(1));
    sealer.add(RecordId([1; 16]), b"{}", &mut world.rng).unwrap();
    let (to, receiving) = (&host.pair().public, &world.receiving.public);
    let keys = sealer.finish(to, receiving, &mut world.rng).unwrap();
    let bytes = keys.to_bytes();
    assert_eq!(ProjectedKeys::from_bytes(&bytes).unwrap(), keys);
    let at = context(1);
    let header = [
        &[0x82, 0x85, 0x01, 0x19, 0x64, 0x7a, 0x83, 0x50][..],
        &at.request.0,
        &[0x50],
        &at.decision.0,
        &[0x50],
        &at.dataset.0,
        &[0x58, 0x20],
        &to.digest(),
        &[0x58, 0x20],
        &receiving.digest(),
        &[0x59],
    ];
    assert!(bytes.starts_with(&header.concat()));
    for read in [
        |b: &[u8]| HostingPacket::from_bytes(b).is_ok(),
        |b: &[u8]| ProjectedKeys::from_bytes(b).is_ok(),
    ] {
        for (at, value) in [(2, 2), (5, 0x7b)] {
            let mut other = bytes.clone();
            other[at] = value;
            assert!(!read(&other), "unknown versions and suites are refused");
        }
        assert!(!read(&[&bytes[..], &[0]].concat()));
        assert!(!read(&bytes[..bytes.len() - 1]));
        assert!(!read(&vec![0; secnet_lock::limits::MAX_HOSTING_PACKET_BYTES + 1]));
    }
}

#[test]
fn wraps_without_a_key_are_told_from_others() {
    let mut world = World::labs(1, 1);
    assert!(!world.wraps.is_empty());
    let (to, keys) = (&world.grantee.public, &world.keys);
    let empty = wrap_for_grantee(world.binding, &[], keys, to, &mut world.rng).unwrap();
    assert!(empty.is_empty());
}
