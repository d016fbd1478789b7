//! Byte formats: round trips, limits, unknown versions; uploads and their limits.

use secnet_crypto::{Address, SealKeyPair, StreamError, StreamSuite};
use secnet_lock::*;
use secnet_types::*;

use crate::world::*;

#[test]
fn everything_round_trips() {
    let mut world = World::labs(2, 3);
    for entry in &world.sealed.entries {
        assert_eq!(RecordEntry::from_bytes(&entry.to_bytes()).unwrap(), *entry);
    }
    for packet in &world.sealed.compartment_packets {
        assert_eq!(CompartmentPacket::from_bytes(&packet.to_bytes()).unwrap(), *packet);
    }
    for packet in &world.sealed.release_packets {
        assert_eq!(ReleasePacket::from_bytes(&packet.to_bytes()).unwrap(), *packet);
    }
    assert_eq!(GrantWraps::from_bytes(&world.wraps.to_bytes()).unwrap(), world.wraps);
    let manifest = &world.sealed.manifest;
    assert_eq!(UploadManifest::from_bytes(&manifest.to_bytes()).unwrap(), *manifest);
    let answer = world.ask(&[0], &[1, 2]).remove(0);
    assert_eq!(ReleasedShares::from_bytes(&answer.to_bytes()).unwrap(), answer);
    let directory = world.keys.directory();
    assert_eq!(CompartmentDirectory::from_bytes(&directory.to_bytes()).unwrap(), directory);
    let keys = CompartmentKeys::from_bytes(&world.keys.to_bytes()).unwrap();
    assert_eq!(*keys.to_bytes(), *world.keys.to_bytes());
    assert_eq!(keys.directory(), directory);
}

#[test]
fn unknown_versions_suites_and_trailing_bytes_are_refused() {
    let world = World::labs(1, 1);
    let packet = world.sealed.release_packets[0].to_bytes();
    // [[version, suite as 0x19 0x64 0x7a, ...
    assert_eq!(packet[..6], [0x82, 0x86, 0x01, 0x19, 0x64, 0x7a]);
    for (at, value) in [(2, 2), (5, 0x7b)] {
        let mut other = packet.clone();
        other[at] = value;
        let refused = ReleasePacket::from_bytes(&other).unwrap_err().to_string();
        assert!(refused.contains("unknown version or suite"), "{refused}");
    }
    let mut longer = packet.clone();
    longer.push(0);
    assert!(ReleasePacket::from_bytes(&longer).is_err());
    assert!(ReleasePacket::from_bytes(&packet[..packet.len() - 1]).is_err());
    let too_long = vec![0; secnet_lock::limits::MAX_RELEASE_PACKET_BYTES + 1];
    assert!(matches!(ReleasePacket::from_bytes(&too_long), Err(DecodeError::TooLong { .. })));
    let mut keys = world.keys.to_bytes().to_vec();
    keys[7] = 2;
    assert_eq!(CompartmentKeys::from_bytes(&keys).unwrap_err(), KeysError::Magic);
    keys[7] = 1;
    keys.pop();
    assert_eq!(CompartmentKeys::from_bytes(&keys).unwrap_err(), KeysError::Malformed);
}

#[test]
fn secrets_are_not_printed() {
    let world = World::labs(1, 1);
    assert_eq!(format!("{:?}", world.keys), "CompartmentKeys(1 compartments)");
    assert_eq!(format!("{:?}", world.granted()), "Grantee { compartments: 1, packets: 0 }");
}

#[test]
fn bad_uploads_are_refused() {
    let mut rng = rng(1);
    let mut keys = CompartmentKeys::new();
    keys.ensure(OWNER, Category::Laboratory, Labels::NONE, &mut rng).unwrap();
    let directory = keys.directory();
    let node = SealKeyPair::generate(&mut rng).public;
    let spec = |release_nodes, threshold| UploadSpec {
        dataset: DATASET,
        owner: OWNER,
        compartments: &directory,
        release_nodes,
        threshold,
        suite: StreamSuite::Aes256Gcm,
    };
    let one = [node.clone()];
    for threshold in [0, 2] {
        let refused = UploadSealer::new(spec(&one, threshold), &mut rng).unwrap_err();
        assert_eq!(refused, UploadError::Threshold { threshold, nodes: 1 });
    }
    assert!(UploadSealer::new(spec(&[], 0), &mut rng).is_err());
    let same = [node.clone(), node];
    let refused = UploadSealer::new(spec(&same, 1), &mut rng).unwrap_err();
    assert!(matches!(refused, UploadError::SameNode(_)));

    let empty: [(&RecordMeta, &[u8]); 0] = [];
    assert_eq!(seal_upload(spec(&one, 1), empty, &mut rng).unwrap_err(), UploadError::Empty);
    let mut sealer = UploadSealer::new(spec(&one, 1), &mut rng).unwrap();
    sealer.add(&lab(1), b"x", &mut rng).unwrap();
    let refused = sealer.add(&lab(1), b"x", &mut rng).unwrap_err();
    assert_eq!(refused, UploadError::Duplicate(RecordId([1; 16])));
    let refused = sealer.add(&meta(2, Category::Imaging, Labels::NONE), b"x", &mut rng);
    assert!(matches!(refused, Err(UploadError::NoCompartment { .. })));
    let large = sealer.begin_large(&lab(3), 10, &mut rng).unwrap();
    assert!(matches!(
        large.finish(&mut Vec::new()),
        Err(UploadError::Stream(StreamError::ContentLength { .. }))
    ));
    assert_eq!(sealer.finish(&mut rng).unwrap_err(), UploadError::Unfinished(RecordId([3; 16])));
}

#[test]
fn segments_are_packed_and_named_by_their_bytes() {
    let sizes = [3_000_000, 900_000, 900_000, 6_000_000, 10, 20];
    let records: Vec<_> = (1..).zip(sizes).map(|(id, len)| (lab(id), content(id, len))).collect();
    let mut world = World::new(1, 1, &records);
    let lengths: Vec<usize> = world.sealed.segments.iter().map(|s| s.bytes.len()).collect();
    assert_eq!(lengths.len(), 4, "{lengths:?}");
    for segment in &world.sealed.segments {
        assert_eq!(segment.address, Address::of(&segment.bytes));
    }
    let answers = world.ask(&[0], &[1, 2, 3, 4, 5, 6]);
    let shares = world.receive(&answers);
    let mut grantee = world.granted();
    for (id, len) in (1..).zip(sizes) {
        assert_eq!(*world.open(&mut grantee, &shares, id).unwrap(), content(id, len));
    }
}

#[test]
fn large_records_are_sealed_piece_by_piece_or_in_parts_and_opened_by_range() {
    let mut world = World::labs(1, 1);
    let directory = world.keys.directory();
    let publics = [world.nodes[0].public().clone()];
    let spec = UploadSpec {
        dataset: DATASET,
        owner: OWNER,
        compartments: &directory,
        release_nodes: &publics,
        threshold: 1,
        suite: StreamSuite::preferred(),
    };
    let text = content(1, 2_500_000);
    let mut sealer = UploadSealer::new(spec, &mut world.rng).unwrap();
    let mut stored = Vec::new();
    let outboard = seal_large(
        &mut sealer,
        &lab(1),
        text.len() as u64,
        &mut text.as_slice(),
        &mut stored,
        &mut world.rng,
    )
    .unwrap();
    assert_eq!(outboard.address(), Address::of(&stored));

    let parts = sealer.begin_parts(&lab(2), text.len() as u64, &mut world.rng).unwrap();
    let mut pieces = Vec::new();
    for from in (0..parts.segments()).step_by(7).collect::<Vec<_>>().into_iter().rev() {
        let range = from..(from + 7).min(parts.segments());
        let wanted = parts.content_range(range.clone());
        let piece = &text[wanted.start as usize..wanted.end as usize];
        let mut out = Vec::new();
        parts.seal(range.clone(), piece, &mut out).unwrap();
        let again = parts.seal(range, piece, &mut Vec::new()).unwrap_err();
        assert_eq!(again, UploadError::Part { segment: from });
        pieces.push(out);
    }
    let mut in_parts = parts.header().to_vec();
    in_parts.extend(pieces.into_iter().rev().flatten());
    assert_eq!(in_parts.len() as u64, parts.sealed_len());
    let done = parts.finish().unwrap();
    sealer.end_large(done, Address::of(&in_parts)).unwrap();

    let broken = sealer.begin_parts(&lab(5), 1_000_000, &mut world.rng).unwrap();
    let (all, mut calls) = (0..broken.segments(), 0);
    let fill = |_: &mut [u8]| {
        calls += 1;
        if calls < 4 { Ok(()) } else { Err(UploadError::Io(std::io::ErrorKind::Other)) }
    };
    let failed = broken.seal_in_place(all.clone(), fill, &mut Vec::new()).unwrap_err();
    assert_eq!(failed, UploadError::Io(std::io::ErrorKind::Other));
    let again = broken.seal_in_place(all, |_| Ok::<_, UploadError>(()), &mut Vec::new());
    assert_eq!(
        again.unwrap_err(),
        UploadError::Part { segment: 0 },
        "not twice with other content"
    );
    assert_eq!(broken.finish().unwrap_err(), UploadError::Part { segment: 0 });

    let unfinished = sealer.begin_parts(&lab(3), 1_000_000, &mut world.rng).unwrap();
    assert_eq!(unfinished.finish().unwrap_err(), UploadError::Part { segment: 0 });

    let mut rest = UploadSealer::new(spec, &mut world.rng).unwrap();
    let foreign = sealer.begin_large(&lab(4), 0, &mut world.rng).unwrap();
    let foreign = foreign.finish(&mut Vec::new()).unwrap();
    let refused = rest.end_large(foreign, Address::of(b"")).unwrap_err();
    assert_eq!(refused, UploadError::Foreign(RecordId([4; 16])));
    assert!(sealer.finish(&mut world.rng).is_err(), "records 3, 4 and 5 were begun and not ended");

    // The same again without the unfinished ones, opened by range.
    let mut sealer = UploadSealer::new(spec, &mut world.rng).unwrap();
    let mut stored = Vec::new();
    let len = text.len() as u64;
    seal_large(&mut sealer, &lab(1), len, &mut text.as_slice(), &mut stored, &mut world.rng)
        .unwrap();
    world.sealed = sealer.finish(&mut world.rng).unwrap();
    let answers = world.ask(&[0], &[1]);
    let shares = world.receive(&answers);
    let mut grantee = world.granted();
    grantee.open_packet(world.packet(world.entry(1))).unwrap();
    let key = grantee.unlock(world.entry(1), &shares).unwrap();
    let reader = key.range_reader(&stored[..secnet_crypto::RangeReader::HEAD_LEN]).unwrap();
    assert_eq!(reader.content_len(), len);
    let wanted = 1_000_000..1_000_100;
    let sealed = reader.sealed_range(wanted.clone()).unwrap();
    let mut out = Vec::new();
    reader.read(wanted, &stored[sealed.start as usize..sealed.end as usize], &mut out).unwrap();
    assert_eq!(out, text[1_000_000..1_000_100]);
}
