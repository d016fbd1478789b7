//! Who can open what.

use secnet_crypto::{SealKeyPair, StreamError};
use secnet_lock::*;
use secnet_types::*;

use crate::world::*;

#[test]
fn grantee_with_enough_nodes_opens() {
    for (threshold, nodes) in [(1, 1), (2, 3), (3, 5)] {
        let mut world = World::labs(threshold, nodes);
        let asked: Vec<usize> =
            (0..usize::from(threshold)).map(|n| n + 1).map(|n| n % usize::from(nodes)).collect();
        let answers = world.ask(&asked, &[2]);
        let shares = world.receive(&answers);
        let opened = world.open(&mut world.granted(), &shares, 2).unwrap();
        assert_eq!(*opened, content(2, 1000), "{threshold} of {nodes}");
    }
}

#[test]
fn grantee_alone_fails() {
    for (threshold, nodes) in [(1, 1), (2, 3), (3, 5)] {
        let world = World::labs(threshold, nodes);
        let refused = world.open(&mut world.granted(), &ReceivedShares::new(), 1).unwrap_err();
        assert_eq!(refused, UnlockError::TooFewShares { got: 0, needed: threshold });
    }
}

#[test]
fn grantee_with_one_node_too_few_fails() {
    for (threshold, nodes) in [(2, 3), (3, 5)] {
        let mut world = World::labs(threshold, nodes);
        let few: Vec<usize> = (0..usize::from(threshold) - 1).collect();
        let answers = world.ask(&few, &[1]);
        let shares = world.receive(&answers);
        let refused = world.open(&mut world.granted(), &shares, 1).unwrap_err();
        assert_eq!(refused, UnlockError::TooFewShares { got: few.len(), needed: threshold });
    }
}

#[test]
fn owner_alone_fails() {
    let world = World::labs(1, 1);
    let refused = world.open(&mut Grantee::owner(&world.keys), &ReceivedShares::new(), 1);
    assert_eq!(refused.unwrap_err(), UnlockError::TooFewShares { got: 0, needed: 1 });
}

#[test]
fn all_release_nodes_together_fail() {
    for (threshold, nodes) in [(1, 1), (2, 3), (3, 5)] {
        let mut world = World::labs(threshold, nodes);
        let all: Vec<usize> = (0..usize::from(nodes)).collect();
        let answers = world.ask(&all, &[1, 2, 3]);
        let shares = world.receive(&answers);
        let compartment = world.entry(1).compartment();
        let refused = world.open(&mut Grantee::new(), &shares, 1).unwrap_err();
        assert_eq!(refused, UnlockError::NoCompartment(compartment));
        // Their own keys open neither the wraps nor the compartment packet.
        for node in 0..usize::from(nodes) {
            let pair = SealKeyPair::generate(&mut rng(node as u64));
            assert!(Grantee::new().accept(&pair.secret, &world.binding, &world.wraps).is_err());
        }
    }
}

#[test]
fn a_node_opens_only_its_own_packet() {
    let mut world = World::labs(2, 3);
    let foreign = world.sealed.release_packets[1].clone();
    assert!(matches!(
        world.nodes[0].hold(&foreign),
        Err(PacketError::Elsewhere { field: "node", .. })
    ));
    let mut renamed = foreign;
    renamed.header = world.sealed.release_packets[0].header.clone();
    let at = context(1);
    let receiving = world.receiving.public.clone();
    let refused = world.nodes[0].release(&[renamed], &named(&[1]), at, &receiving, &mut world.rng);
    assert!(matches!(refused, Err(ReleaseError::Packet(PacketError::Envelope { .. }))));
}

#[test]
fn a_decision_for_one_record_opens_no_other() {
    let mut world = World::labs(2, 3);
    let answers = world.ask(&[0, 1, 2], &[1]);
    let shares = world.receive(&answers);
    assert_eq!(shares.records().count(), 1);
    let mut grantee = world.granted();
    assert!(world.open(&mut grantee, &shares, 1).is_ok());
    let refused = world.open(&mut grantee, &shares, 2).unwrap_err();
    assert_eq!(refused, UnlockError::TooFewShares { got: 0, needed: 2 });
    // Record 1's entry with record 2's place in the store: the ciphertext is bound to its own key.
    let swapped = world.entry(1).clone().moved_to(world.entry(2).location());
    let refused = open_record(
        &mut grantee,
        world.packet(&swapped),
        &swapped,
        &shares,
        &world.ciphertext(&swapped),
    );
    assert_eq!(refused.unwrap_err(), UnlockError::Stream(StreamError::WrongKey));
}

#[test]
fn nothing_is_released_for_a_record_that_is_not_there() {
    let mut world = World::labs(1, 1);
    let packets = world.sealed.release_packets.clone();
    let (at, receiving) = (context(1), world.receiving.public.clone());
    let mut release = |ids: &[u8], at| {
        world.nodes[0].release(&packets, &named(ids), at, &receiving, &mut world.rng)
    };
    assert_eq!(release(&[1, 9], at), Err(ReleaseError::NotHere(RecordId([9; 16]))));
    assert_eq!(release(&[], at), Err(ReleaseError::Empty));
    let elsewhere = ReleaseContext { dataset: DatasetId([8; 16]), ..at };
    assert!(matches!(
        release(&[1], elsewhere),
        Err(ReleaseError::Packet(PacketError::Elsewhere { field: "dataset", .. }))
    ));
}

#[test]
fn an_answer_serves_only_its_request_decision_dataset_and_key() {
    let mut world = World::labs(1, 1);
    let answer = world.ask(&[0], &[1]).remove(0);
    let mine = context(1);
    let others = [
        ("request", ReleaseContext { request: RequestId([5; 16]), ..mine }),
        ("decision", ReleaseContext { decision: DecisionId([5; 16]), ..mine }),
        ("dataset", ReleaseContext { dataset: DatasetId([5; 16]), ..mine }),
    ];
    for (name, other) in others {
        let refused = ReceivedShares::new().open(&world.receiving, &other, &answer);
        assert!(matches!(refused, Err(PacketError::Elsewhere { field, .. }) if field == name));
        // Relabelled, the envelope is refused.
        let mut relabelled = answer.clone();
        relabelled.header.context = other;
        let refused = ReceivedShares::new().open(&world.receiving, &other, &relabelled);
        assert!(matches!(refused, Err(PacketError::Envelope { .. })), "{name}");
    }
    let stranger = SealKeyPair::generate(&mut world.rng);
    let refused = ReceivedShares::new().open(&stranger, &mine, &answer);
    assert!(matches!(refused, Err(PacketError::Elsewhere { field: "recipient", .. })));
}

#[test]
fn a_wrong_share_is_noticed_and_its_node_named() {
    let mut world = World::labs(2, 3);
    // Node 2 keeps shares of another upload with the same records and passes them off as this one's.
    let other = World::new(2, 3, &[(lab(1), content(1, 10))]);
    let mut forged = other.sealed.release_packets[1].clone();
    let node = ReleaseNode::new(SealKeyPair::generate(&mut world.rng));
    forged.header = world.sealed.release_packets[1].header.clone();
    assert!(node.hold(&forged).is_err(), "relabelled packets do not open");
    let liar = lying_answer(&mut world);
    let liar_name = liar.header.node;

    let honest = world.ask(&[0], &[1]).remove(0);
    let shares = world.receive(&[honest.clone(), liar.clone()]);
    let refused = world.open(&mut world.granted(), &shares, 1).unwrap_err();
    assert!(matches!(refused, UnlockError::WrongShare { index: 2, node } if node == liar_name));

    // With one honest node more it opens, and the liar is still named.
    let third = world.ask(&[2], &[1]).remove(0);
    let shares = world.receive(&[honest, liar, third]);
    let mut grantee = world.granted();
    grantee.open_packet(world.packet(world.entry(1))).unwrap();
    let key = grantee.unlock(world.entry(1), &shares).unwrap();
    assert_eq!(key.faulty(), [liar_name]);
    assert_eq!(*key.open(&world.ciphertext(world.entry(1))).unwrap(), content(1, 500));
}

/// Node 2 answers for record 1 with its share of the same record in an upload of its own making that carries this
/// upload's id.
fn lying_answer(world: &mut World) -> ReleasedShares {
    use secnet_crypto::Agreement;
    let honest = world.ask(&[1], &[1]).remove(0);
    let mut row = Vec::new();
    row.extend_from_slice(&world.sealed.upload.0);
    row.extend_from_slice(&[1; 16]);
    row.extend_from_slice(&[0, 2, 0, 0]);
    row.extend_from_slice(&[0xee; 64]);
    let aad = encode(&honest.header);
    let info = <ReleasedHeader as PacketHeader>::INFO;
    let agreement = Agreement::new(&world.receiving.public, info, &mut world.rng).unwrap();
    let envelope = agreement.seal(&aad, &row, &mut world.rng).unwrap();
    ReleasedShares { header: honest.header, envelope }
}

#[test]
fn a_grant_covers_only_its_compartments() {
    let records = [
        (lab(1), content(1, 10)),
        (meta(2, Category::Conditions, Labels::NONE), content(2, 10)),
        (meta(3, Category::Laboratory, Labels::NONE.with(Label::Hiv)), content(3, 10)),
    ];
    let mut world = World::new(1, 1, &records);
    assert_eq!(world.sealed.compartment_packets.len(), 3);
    let answers = world.ask(&[0], &[1, 2, 3]);
    let shares = world.receive(&answers);
    let mut grantee = world.granted();
    assert!(world.open(&mut grantee, &shares, 1).is_ok());
    for id in [2, 3] {
        let compartment = world.entry(id).compartment();
        let refused = world.open(&mut grantee, &shares, id).unwrap_err();
        assert_eq!(refused, UnlockError::NoCompartment(compartment));
    }
    // The owner's own view covers all.
    let mut owner = Grantee::owner(&world.keys);
    for id in [1, 2, 3] {
        assert_eq!(*world.open(&mut owner, &shares, id).unwrap(), content(id, 10));
    }
}

#[test]
fn wraps_serve_only_their_grant_and_key() {
    let mut world = World::labs(1, 1);
    let refuse = |key: &SealKeyPair, binding: GrantBinding| {
        Grantee::new().accept(&key.secret, &binding, &world.wraps).unwrap_err()
    };
    let other = GrantBinding { dataset: DatasetId([8; 16]), ..world.binding };
    assert!(matches!(
        refuse(&world.grantee, other),
        PacketError::Elsewhere { field: "dataset", .. }
    ));
    let other = GrantBinding { detail: Digest([8; 32]), ..world.binding };
    assert!(matches!(refuse(&world.grantee, other), PacketError::Elsewhere { field: "grant", .. }));
    let stranger = SealKeyPair::generate(&mut world.rng);
    assert!(matches!(
        refuse(&stranger, world.binding),
        PacketError::Elsewhere { field: "recipient", .. }
    ));
}

#[test]
fn a_group_admin_wraps_for_a_member() {
    let mut world = World::labs(1, 1);
    let member = SealKeyPair::generate(&mut world.rng);
    let wraps = world.wraps.rewrap(&world.grantee.secret, &member.public, &mut world.rng).unwrap();
    assert_ne!(wraps.digest(), world.wraps.digest());
    let answers = world.ask(&[0], &[1]);
    let shares = world.receive(&answers);
    let mut grantee = Grantee::new();
    grantee.accept(&member.secret, &world.binding, &wraps).unwrap();
    assert!(world.open(&mut grantee, &shares, 1).is_ok());
}

#[test]
fn a_new_epoch_keeps_old_grantees_out_of_what_comes_later() {
    let mut world = World::labs(1, 1);
    let next =
        world.keys.rotate(OWNER, Category::Laboratory, Labels::NONE, &mut world.rng).unwrap();
    assert_eq!(next.epoch, 1);
    let directory = world.keys.directory();
    let (current, _) = directory.current(OWNER, Category::Laboratory, Labels::NONE).unwrap();
    assert_eq!(current, next);
    assert!(!world.granted().holds(next.id()));
}

#[test]
fn later_records_need_no_new_grant() {
    let mut world = World::labs(1, 1);
    let directory = world.keys.directory();
    let publics = [world.nodes[0].public().clone()];
    let spec = UploadSpec {
        dataset: DATASET,
        owner: OWNER,
        compartments: &directory,
        release_nodes: &publics,
        threshold: 1,
        suite: secnet_crypto::StreamSuite::Aes256Gcm,
    };
    let (meta, text) = (lab(9), content(9, 77));
    world.sealed = seal_upload(spec, [(&meta, text.as_slice())], &mut world.rng).unwrap();
    let answers = world.ask(&[0], &[9]);
    let shares = world.receive(&answers);
    assert_eq!(*world.open(&mut world.granted(), &shares, 9).unwrap(), text);
}
