//! Certificates put together here by the layout in the specification; `secnet-bft` checks the engine's own.

use secnet_crypto::SigningKey;

use super::{FINALIZE, SIMPLEX_ED25519, ValidatorKey, engine_namespace, quorum};
use crate::{
    Certificate, Digest, Founder, Genesis, Header, MemberId, MemberKind, Parameters, SealedHeader,
    Timestamp, encode,
};

pub(crate) fn keys(count: u8) -> Vec<SigningKey> {
    keys_from(1, count)
}

/// The same, of other numbers.
pub(crate) fn keys_from(first: u8, count: u8) -> Vec<SigningKey> {
    let mut keys: Vec<_> = (first..first + count).map(|n| SigningKey::from_seed([n; 32])).collect();
    keys.sort_by_key(|key| *key.verifying_key().as_bytes());
    keys
}

pub(crate) fn genesis(keys: &[SigningKey]) -> Genesis {
    let governor = MemberId::from_key(&keys[0].verifying_key());
    let kind = MemberKind::Organisation;
    Genesis {
        version: 1,
        name: "net".into(),
        time: Timestamp(1),
        salt: [0; 32],
        founders: vec![Founder { member: governor, kind, sealing_key: Digest::ZERO }],
        governors: vec![governor],
        threshold: 1,
        sequencer: *keys[0].verifying_key().as_bytes(),
        parameters: Parameters::default(),
        predecessor: None,
        validators: Some(
            keys.iter().map(|key| ValidatorKey(*key.verifying_key().as_bytes())).collect(),
        ),
    }
}

pub(crate) fn header(genesis: &Genesis) -> Header {
    Header {
        version: 1,
        network: genesis.network(),
        height: 7,
        parent: Digest::ZERO,
        time: Timestamp(9),
        epoch: 0,
        context: vec![1, 2, 3],
        commands: 0,
        commands_root: Digest::ZERO,
        log_size: 3,
        log_root: Digest::ZERO,
        state: Digest::ZERO,
    }
}

/// By those signers, given by their places.
pub(crate) fn certificate(header: &Header, keys: &[SigningKey], signers: &[usize]) -> Vec<u8> {
    // The epoch, view 300 in base 128, parent's view 2, the header's digest.
    let epoch = u8::try_from(header.epoch).unwrap();
    let proposal = [&[epoch, 0xac, 0x02, 2], header.digest().0.as_slice()].concat();
    let namespace = [&engine_namespace(header.network), FINALIZE].concat();
    let message =
        [&[u8::try_from(namespace.len()).unwrap()], namespace.as_slice(), &proposal].concat();
    let mut bits = vec![0_u8; keys.len().div_ceil(8)];
    let mut signatures = Vec::new();
    for signer in signers {
        bits[signer / 8] |= 1 << (signer % 8);
        signatures.extend(keys[*signer].sign(&message).0);
    }
    let count = (keys.len() as u64).to_be_bytes();
    [&proposal, count.as_slice(), &bits, &[u8::try_from(signers.len()).unwrap()], &signatures]
        .concat()
}

fn holds(genesis: &Genesis, header: &Header, bytes: Vec<u8>) -> bool {
    let certificate = Certificate::Quorum { scheme: SIMPLEX_ED25519, bytes };
    genesis.certifies(&SealedHeader { header: header.clone(), certificate, handovers: None })
}

#[test]
fn a_quorum_is_all_but_fewer_than_a_third() {
    let counts = [1, 2, 3, 4, 5, 6, 7, 10, 100];
    assert_eq!(counts.map(quorum), [1, 2, 3, 3, 4, 5, 5, 7, 67]);
}

#[test]
fn a_quorum_certifies_and_fewer_do_not() {
    for count in [1, 4, 7, 9] {
        let keys = keys(count);
        let (genesis, count) = (genesis(&keys), keys.len());
        genesis.check().unwrap();
        let header = header(&genesis);
        let all: Vec<usize> = (0..count).collect();
        for signers in 0..=count {
            let bytes = certificate(&header, &keys, &all[count - signers..]);
            assert_eq!(holds(&genesis, &header, bytes), signers >= quorum(count), "{signers}");
        }
    }
}

#[test]
fn another_set_another_header_and_another_network_are_refused() {
    let keys = keys(8);
    let (own, others) = (&keys[..4], &keys[4..]);
    let genesis = genesis(own);
    let header = header(&genesis);
    assert!(holds(&genesis, &header, certificate(&header, own, &[0, 1, 2])));
    assert!(!holds(&genesis, &header, certificate(&header, others, &[0, 1, 2])));
    assert!(!holds(&genesis, &header, certificate(&header, &keys, &[0, 1, 2, 3, 4, 5])));
    let other = Header { height: 8, ..header.clone() };
    assert!(!holds(&genesis, &other, certificate(&header, own, &[0, 1, 2])));
    let later = Header { epoch: 1, ..header.clone() };
    assert!(!holds(&genesis, &later, certificate(&later, own, &[0, 1, 2])));
    let twin = Genesis { salt: [1; 32], ..genesis.clone() };
    assert!(!holds(&twin, &header, certificate(&header, own, &[0, 1, 2])));
    // One validator's own signature is no certificate of a network, nor is a form that is not known.
    let alone = Certificate::solo(&header, &own[0]);
    let sealed =
        |certificate| SealedHeader { header: header.clone(), certificate, handovers: None };
    assert!(!genesis.certifies(&sealed(alone)));
    let bytes = certificate(&header, own, &[0, 1, 2]);
    let unknown = Certificate::Quorum { scheme: 2, bytes: bytes.clone() };
    assert!(!genesis.certifies(&sealed(unknown)));
    let solo = Genesis { validators: None, ..genesis };
    assert!(!holds(&solo, &Header { network: solo.network(), ..header }, bytes));
}

#[test]
fn no_byte_can_be_changed_left_out_or_added() {
    let keys = keys(4);
    let genesis = genesis(&keys);
    let header = header(&genesis);
    let bytes = certificate(&header, &keys, &[0, 2, 3]);
    assert!(holds(&genesis, &header, bytes.clone()));
    for position in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[position] ^= 1 << bit;
            assert!(!holds(&genesis, &header, changed), "bit {bit} of byte {position}");
        }
        assert!(!holds(&genesis, &header, bytes[..position].to_vec()), "cut at {position}");
    }
    assert!(!holds(&genesis, &header, [bytes.as_slice(), &[0]].concat()));
    // A longer form of the same number.
    let mut longer = bytes.clone();
    longer[0] = 0x80;
    longer.insert(1, 0);
    assert!(!holds(&genesis, &header, longer));
    // One validator's signature three times.
    let once = certificate(&header, &keys, &[0]);
    let signature = &once[once.len() - 64..];
    let head = &bytes[..bytes.len() - 3 * 64];
    let thrice = [head, signature, signature, signature].concat();
    assert!(!holds(&genesis, &header, thrice));
}

#[test]
fn a_set_of_validators_that_does_not_fit_is_refused() {
    let keys = keys(4);
    let sound = genesis(&keys);
    assert_eq!(Genesis::parse(&encode(&sound)), Ok(sound.clone()));
    assert_ne!(sound.network(), Genesis { validators: None, ..sound.clone() }.network());
    let set = sound.validators.clone().unwrap();
    let mut unordered = set.clone();
    unordered.swap(1, 2);
    let mut twice = set.clone();
    twice[2] = twice[1];
    let small_order = vec![set[0], ValidatorKey([0xff; 32])];
    let many = (0..200_u8).map(|n| ValidatorKey([n; 32])).collect();
    for wrong in [vec![], unordered, twice, small_order, many, set[1..].to_vec()] {
        let genesis = Genesis { validators: Some(wrong.clone()), ..sound.clone() };
        assert!(genesis.check().is_err(), "{wrong:?}");
    }
}
