//! Sets of validators that follow from each other, and what does not follow.

use secnet_crypto::{Frontier, SigningKey, leaf_hash};

use super::*;
use crate::finality::tests::{certificate, genesis, header, keys, keys_from};
use crate::{Cause, CommandId, MemberId, Timestamp, encode};

fn nodes(keys: &[SigningKey]) -> NodeSet {
    let keys: Vec<_> =
        keys.iter().map(|key| ValidatorKey(*key.verifying_key().as_bytes())).collect();
    NodeSet::of(&keys)
}

fn quorum_of(header: &Header, keys: &[SigningKey]) -> Certificate {
    let signers: Vec<usize> = (0..finality::quorum(keys.len())).collect();
    Certificate::Quorum { scheme: SIMPLEX_ED25519, bytes: certificate(header, keys, &signers) }
}

/// From these to those, in a log with an event before and one after, set in the block at this height.
fn handover(
    genesis: &Genesis,
    (epoch, height): (u64, u64),
    from: &[SigningKey],
    to: &[SigningKey],
) -> Handover {
    let first = height + limits::EPOCH_DELAY + 1;
    let set = Effect::NodesSet { epoch: epoch + 1, first, nodes: nodes(to) };
    let cause =
        Cause::Command { digest: Digest::ZERO, author: MemberId([1; 32]), id: CommandId([2; 16]) };
    let event = |effects| {
        let cause = cause.clone();
        encode(&Event { height, time: Timestamp(9), position: 0, cause, effects })
    };
    let leaves = [event(vec![]), event(vec![set]), event(vec![Effect::ParametersSet])];
    let mut log = Frontier::new();
    leaves.iter().for_each(|leaf| log.append(leaf_hash(leaf)));
    let header = Header {
        height: first - 1,
        epoch,
        log_size: 3,
        log_root: Digest(log.root().0),
        ..header(genesis)
    };
    let path = [&leaves[0], &leaves[2]].map(|leaf| Digest(leaf_hash(leaf).0)).to_vec();
    let certificate = quorum_of(&header, from);
    Handover { event: leaves[1].clone(), index: 1, path, header, certificate }
}

struct Line {
    genesis: Genesis,
    sets: [Vec<SigningKey>; 3],
    handovers: [Handover; 2],
}

/// Three sets, one after the other: the second begins with block 70, the third with block 165.
fn line() -> Line {
    let sets = [keys(4), keys_from(3, 4), keys_from(9, 7)];
    let genesis = genesis(&sets[0]);
    let handovers = [
        handover(&genesis, (0, 5), &sets[0], &sets[1]),
        handover(&genesis, (1, 100), &sets[1], &sets[2]),
    ];
    Line { genesis, sets, handovers }
}

fn sealed(
    line: &Line,
    (epoch, height): (u64, u64),
    by: usize,
    handovers: &[Handover],
) -> SealedHeader {
    let header = Header { epoch, height, ..header(&line.genesis) };
    let certificate = quorum_of(&header, &line.sets[by]);
    let handovers = (!handovers.is_empty()).then(|| handovers.to_vec());
    SealedHeader { header, certificate, handovers }
}

#[test]
fn each_set_certifies_its_own_blocks_and_follows_from_the_genesis() {
    let line = line();
    let all = &line.handovers;
    let holds =
        |at, by, handovers: &[Handover]| line.genesis.certifies(&sealed(&line, at, by, handovers));
    assert!(holds((0, 69), 0, &[]) && holds((1, 70), 1, &all[..1]) && holds((2, 165), 2, all));
    // What came later may be shown as well.
    assert!(holds((0, 69), 0, all) && holds((1, 164), 1, all));
    // Nobody else's, nothing without what leads there, none before it begins or after it has ended.
    assert!(!holds((1, 70), 0, &all[..1]) && !holds((2, 165), 1, all));
    assert!(
        !holds((1, 70), 1, &[]) && !holds((2, 165), 2, &all[..1]) && !holds((2, 165), 2, &all[1..])
    );
    assert!(!holds((1, 69), 1, all) && !holds((2, 164), 2, all));
    assert!(!holds((0, 70), 0, all) && !holds((1, 165), 1, all));
    // Twice, in another order.
    let (twice, swapped) = ([all[0].clone(), all[0].clone()], [all[1].clone(), all[0].clone()]);
    assert!(!holds((1, 70), 1, &twice) && !holds((2, 165), 2, &swapped));
}

#[test]
fn what_is_known_of_epochs_is_told_by_height() {
    let line = line();
    let mut epochs = Epochs::of(&line.genesis);
    assert_eq!((epochs.newest(), epochs.last(0), epochs.containing(1_000)), (0, None, 0));
    for handover in &line.handovers {
        epochs.extend(handover).unwrap();
    }
    assert_eq!(
        (epochs.newest(), epochs.last(0), epochs.last(1), epochs.last(2)),
        (2, Some(69), Some(164), None)
    );
    let of = [1, 69, 70, 164, 165, u64::MAX].map(|height| epochs.containing(height));
    assert_eq!(of, [0, 0, 1, 1, 2, 2]);
    assert_eq!(epochs.get(1).unwrap().below, line.handovers[0].header.digest());
}

#[test]
fn no_byte_of_a_handover_can_be_changed() {
    let line = line();
    let bytes = encode(&line.handovers[0]);
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 1 << (position % 8);
        let parsed = decode::<Handover>("handover", &changed, limits::MAX_RECEIPT_BYTES);
        let mut epochs = Epochs::of(&line.genesis);
        let taken = parsed.is_ok_and(|handover| epochs.extend(&handover).is_ok());
        assert!(!taken, "byte {position}");
    }
}

#[test]
fn a_handover_is_that_of_the_last_block_and_by_a_quorum() {
    let line = line();
    let refused = |change: &dyn Fn(&mut Handover)| {
        let mut handover = line.handovers[0].clone();
        change(&mut handover);
        Epochs::of(&line.genesis).extend(&handover).unwrap_err()
    };
    let again = |handover: &mut Handover, by: &[SigningKey]| {
        handover.certificate = quorum_of(&handover.header, by);
    };
    let own = &line.sets[0];
    for other in [68, 70] {
        let moved = refused(&|handover| {
            handover.header.height = other;
            again(handover, own);
        });
        assert_eq!(moved, HandoverError::Boundary);
    }
    let by_others = refused(&|handover| again(handover, &line.sets[1]));
    assert_eq!(by_others, HandoverError::Certificate);
    let too_few = refused(&|handover| {
        let bytes = certificate(&handover.header, own, &[0, 1]);
        handover.certificate = Certificate::Quorum { scheme: SIMPLEX_ED25519, bytes };
    });
    assert_eq!(too_few, HandoverError::Certificate);
    let elsewhere = refused(&|handover| handover.index = 2);
    assert_eq!(elsewhere, HandoverError::Inclusion);
    assert_eq!(refused(&|handover| *handover = line.handovers[1].clone()), HandoverError::Epoch(0));
}

#[test]
fn a_set_of_nodes_that_no_network_could_have_is_refused() {
    let keys = keys(6);
    let mut all = nodes(&keys).validators;
    let followers = all.split_off(4);
    let sound = NodeSet { validators: all, followers, release: None };
    assert_eq!(sound.check(), Ok(()));
    let wrong = |change: &dyn Fn(&mut NodeSet)| {
        let mut nodes = sound.clone();
        change(&mut nodes);
        assert!(nodes.check().is_err(), "{nodes:?}");
    };
    wrong(&|nodes| nodes.validators.clear());
    wrong(&|nodes| nodes.validators.swap(0, 1));
    wrong(&|nodes| nodes.followers.swap(0, 1));
    wrong(&|nodes| nodes.validators[1] = nodes.validators[0].clone());
    wrong(&|nodes| nodes.followers[0] = nodes.validators[0].clone());
    wrong(&|nodes| nodes.validators[3].key = ValidatorKey([0xff; 32]));
    let at = |address: &str| Some(NodeAddress::from(address.parse::<SocketAddr>().unwrap()));
    for address in ["127.0.0.1:0", "0.0.0.0:70", "[::]:70"] {
        wrong(&|nodes| nodes.followers[0].address = at(address));
    }
    for address in ["127.0.0.1:7000", "[2001:db8::1]:1"] {
        let mut nodes = sound.clone();
        nodes.validators[0].address = at(address);
        assert_eq!(nodes.validators[0].address.unwrap().to_string(), address);
        assert_eq!(nodes.check(), Ok(()));
    }
    let many = |count: u8| -> NodeSet { nodes(&keys_from(1, count)) };
    assert_eq!(many(100).check(), Ok(()));
    assert!(many(101).check().is_err());
}
