//! Flipped bytes anywhere are noticed.

use secnet_lock::*;

use crate::world::*;

fn flips(bytes: &[u8], step: usize) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len()).step_by(step).map(|at| {
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 1 << (at % 8);
        flipped
    })
}

#[test]
fn in_the_entry() {
    let mut world = World::labs(2, 3);
    let answers = world.ask(&[0, 1], &[1]);
    let shares = world.receive(&answers);
    let mut grantee = world.granted();
    grantee.open_packet(world.packet(world.entry(1))).unwrap();
    let good = world.entry(1).clone();
    for bytes in flips(&good.to_bytes(), 1) {
        let Ok(entry) = RecordEntry::from_bytes(&bytes) else { continue };
        if entry.clone().moved_to(good.location()) == good {
            // Only the location differs: no other place holds bytes that this key opens.
            assert_ne!(entry.location(), good.location());
            continue;
        }
        // A commitment of the node that was not asked is noticed at the unwrapping.
        assert!(grantee.unlock(&entry, &shares).is_err());
    }
}

#[test]
fn in_the_compartment_packet() {
    let world = World::labs(1, 1);
    let packet = world.packet(world.entry(1)).to_bytes();
    for bytes in flips(&packet, 7) {
        let Ok(packet) = CompartmentPacket::from_bytes(&bytes) else { continue };
        assert!(world.granted().open_packet(&packet).is_err());
    }
}

#[test]
fn in_the_release_packet_and_the_answer() {
    let mut world = World::labs(1, 1);
    let packet = world.sealed.release_packets[0].to_bytes();
    for bytes in flips(&packet, 13) {
        let Ok(packet) = ReleasePacket::from_bytes(&bytes) else { continue };
        assert!(world.nodes[0].hold(&packet).is_err());
    }
    let answer = world.ask(&[0], &[1]).remove(0).to_bytes();
    for bytes in flips(&answer, 13) {
        let Ok(answer) = ReleasedShares::from_bytes(&bytes) else { continue };
        assert!(ReceivedShares::new().open(&world.receiving, &context(1), &answer).is_err());
    }
}

#[test]
fn in_the_wraps() {
    let world = World::labs(1, 1);
    for bytes in flips(&world.wraps.to_bytes(), 13) {
        let Ok(wraps) = GrantWraps::from_bytes(&bytes) else { continue };
        assert_ne!(wraps.digest(), world.wraps.digest());
        assert!(Grantee::new().accept(&world.grantee.secret, &world.binding, &wraps).is_err());
    }
}

#[test]
fn in_the_segment() {
    let mut world = World::labs(1, 1);
    let answers = world.ask(&[0], &[1]);
    let shares = world.receive(&answers);
    let mut grantee = world.granted();
    let entry = world.entry(1).clone();
    grantee.open_packet(world.packet(&entry)).unwrap();
    let key = grantee.unlock(&entry, &shares).unwrap();
    for bytes in flips(&world.ciphertext(&entry), 11) {
        assert!(key.open(&bytes).is_err());
    }
    let whole = world.ciphertext(&entry);
    assert!(key.open(&whole[..whole.len() - 1]).is_err());
    assert!(key.open(&[whole.as_slice(), &[0]].concat()).is_err());
}

#[test]
fn entries_of_two_records_with_halves_exchanged() {
    let mut world = World::labs(1, 1);
    let answers = world.ask(&[0], &[1, 2]);
    let shares = world.receive(&answers);
    let mut grantee = world.granted();
    grantee.open_packet(world.packet(world.entry(1))).unwrap();
    // The wrapped key of record 2 under the name of record 1: CBOR array of binding, wrapped key (48), location.
    let (one, two) = (world.entry(1).to_bytes(), world.entry(2).to_bytes());
    let wrapped = |bytes: &[u8]| bytes.windows(2).rposition(|w| w == [0x58, 48]).unwrap() + 2;
    let mut mixed = one.clone();
    let (to, from) = (wrapped(&one), wrapped(&two));
    mixed[to..to + 48].copy_from_slice(&two[from..from + 48]);
    let mixed = RecordEntry::from_bytes(&mixed).unwrap();
    let refused = grantee.unlock(&mixed, &shares).unwrap_err();
    assert_eq!(refused, UnlockError::Refused(mixed.record()));
}
