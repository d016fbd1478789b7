//! What validators sign of the log for programs of others, here of four: by a quorum of them, and by nobody else.

use std::collections::BTreeMap;

use minicbor::Decoder;
use secnet_crypto::{Hash, SignedNote, SigningKey, leaf_hash, verify_inclusion, verify_zip215};
use secnet_ledger::{Agreement, Candidate, Verified, VerifyingPool};
use secnet_node::faults::{FaultyDisk, Plan};
use secnet_node::store::{Options, Store};
use secnet_node::{
    Chain, ChainError, Cosigned, Cosigning, cosigner_name, open_checkpoint, origin, store_options,
};
use secnet_types::{Certificate, Genesis, Header, SIMPLEX_ED25519, ValidatorKey, engine_namespace};

use crate::world::{self, START, issue_for, key};

const NOW: u64 = START.0 / 1000;

/// Ascending by key.
fn validators() -> BTreeMap<ValidatorKey, SigningKey> {
    let keys = (0..4).map(|number| key(&format!("validator {number}")));
    keys.map(|key| (ValidatorKey(*key.verifying_key().as_bytes()), key)).collect()
}

fn genesis() -> Genesis {
    let validators: Vec<_> = validators().into_keys().collect();
    Genesis { sequencer: validators[0].0, validators: Some(validators), ..world::genesis() }
}

fn issue(number: u64) -> Vec<Verified> {
    let rng = &mut secnet_crypto::rand_core::UnwrapErr(getrandom::SysRng);
    let commands = vec![issue_for(&genesis(), number, "ada")];
    VerifyingPool::verify(commands, rng).into_iter().map(Result::unwrap).collect()
}

/// By the first three.
fn certificate(header: &Header) -> Certificate {
    let proposal = [&[0, 1, 0], header.digest().0.as_slice()].concat();
    let namespace = [engine_namespace(header.network).as_slice(), b"_FINALIZE"].concat();
    let message = [&[namespace.len() as u8], namespace.as_slice(), &proposal].concat();
    let mut bytes = [&proposal, 4_u64.to_be_bytes().as_slice(), &[0b111, 3]].concat();
    for key in validators().values().take(3) {
        bytes.extend_from_slice(&key.sign(&message).0);
    }
    Certificate::Quorum { scheme: SIMPLEX_ED25519, bytes }
}

fn append(chain: &Chain, commands: &[Verified], is_certified: bool) {
    let height = chain.executor().height();
    let candidate =
        Candidate { time: START.plus_ms(height), agreement: Agreement::default(), commands };
    let header = chain.trial(height, &[], &candidate).unwrap().block.header.clone();
    let certificate = is_certified.then(|| certificate(&header));
    assert!(chain.append(&header, commands, certificate).unwrap().wrote);
}

/// Five events; the log of four of them is certified at height 5.
fn chain() -> Chain {
    let options = Options { cache_bytes: 16 << 20, ..store_options(true) };
    let store = Store::open_with_backend(FaultyDisk::new(Plan::default()), options).unwrap();
    let chain = Chain::create_agreed(store, genesis()).unwrap();
    for number in 1..=5 {
        append(&chain, &issue(number), true);
    }
    append(&chain, &[], false);
    chain
}

fn by(chain: &Chain, signers: impl IntoIterator<Item = usize>) -> Cosigning {
    let mut cosigning = chain.cosigning(0).unwrap().unwrap();
    let keys: Vec<_> = validators().into_iter().collect();
    for signer in signers {
        let (id, key) = &keys[signer];
        let cosignature = cosigning.statement().cosign(&genesis(), NOW, key).unwrap();
        assert!(cosigning.take(*id, cosignature));
    }
    cosigning
}

fn cosigned(chain: &Chain) -> Cosigned {
    by(chain, [0, 2, 3]).enough().unwrap()
}

#[test]
fn the_newest_certified_log_is_signed_by_a_quorum_or_not_at_all() {
    let chain = chain();
    let mut cosigning = by(&chain, [1, 3]);
    let statement = cosigning.statement().clone();
    assert_eq!((statement.height, statement.size), (5, 4), "block 6 has no certificate");
    assert_eq!(
        chain.log_statement(5).unwrap().unwrap(),
        statement,
        "each says it by its own chain"
    );
    assert_eq!(chain.log_statement(7).unwrap(), None);
    assert!(cosigning.enough().is_none(), "two of four");
    // Again by the same validator, by a stranger, and by one under another one's name.
    let keys: Vec<_> = validators().into_iter().collect();
    let again = statement.cosign(&genesis(), NOW + 1, &keys[1].1).unwrap();
    assert!(cosigning.take(keys[1].0, again));
    let mallory = key("mallory");
    let strange = statement.cosign(&genesis(), NOW, &mallory).unwrap();
    assert!(!cosigning.take(ValidatorKey(*mallory.verifying_key().as_bytes()), strange.clone()));
    assert!(!cosigning.take(keys[0].0, strange));
    // What holds for another log, or is changed anywhere.
    let elsewhere = Genesis { salt: [9; 32], ..genesis() };
    let sound = statement.cosign(&genesis(), NOW, &keys[0].1).unwrap();
    let older = chain.log_statement(4).unwrap().unwrap();
    let mut wrong = vec![
        statement.cosign(&elsewhere, NOW, &keys[0].1).unwrap(),
        older.cosign(&genesis(), NOW, &keys[0].1).unwrap(),
    ];
    let mut later = sound.clone();
    later.seconds += 1;
    wrong.push(later);
    for at in 0..64 {
        let (mut note, mut receipt) = (sound.clone(), sound.clone());
        note.note[at] ^= 1;
        receipt.receipt[at] ^= 1;
        wrong.extend([note, receipt]);
    }
    for cosignature in wrong {
        assert!(!cosigning.take(keys[0].0, cosignature));
    }
    assert!(cosigning.enough().is_none());
    assert!(cosigning.take(keys[0].0, sound));
    assert_eq!(cosigning.enough().unwrap().cosignatures().count(), 3);
    assert!(chain.cosigning(4).unwrap().is_none(), "it has not grown");
}

/// Who signed one receipt, what it says of whom, and the root that it leads to; none if it does not hold.
fn open(receipt: &[u8], event: &[u8]) -> Option<([u8; 32], String, String, u64)> {
    let mut d = Decoder::new(receipt);
    assert_eq!((d.tag().unwrap().as_u64(), d.array().unwrap()), (18, Some(4)));
    let protected = d.bytes().unwrap();
    let mut p = Decoder::new(protected);
    assert_eq!((p.map().unwrap(), p.i64().unwrap(), p.i64().unwrap()), (Some(4), 1, -8));
    assert_eq!(p.i64().unwrap(), 4);
    let kid: [u8; 32] = p.bytes().unwrap().try_into().unwrap();
    assert_eq!((p.i64().unwrap(), p.map().unwrap()), (15, Some(2)));
    assert_eq!(p.i64().unwrap(), 1);
    let issuer = p.str().unwrap().to_owned();
    assert_eq!(p.i64().unwrap(), 2);
    let subject = p.str().unwrap().to_owned();
    assert_eq!((p.i64().unwrap(), p.i64().unwrap()), (395, 1));
    assert_eq!((d.map().unwrap(), d.i64().unwrap(), d.map().unwrap()), (Some(1), 396, Some(1)));
    assert_eq!((d.i64().unwrap(), d.array().unwrap()), (-1, Some(1)));
    let mut proof = Decoder::new(d.bytes().unwrap());
    assert_eq!(proof.array().unwrap(), Some(3));
    let (size, index) = (proof.u64().unwrap(), proof.u64().unwrap());
    let path = 0..proof.array().unwrap().unwrap();
    let path: Vec<Hash> = path.map(|_| Hash(proof.bytes().unwrap().try_into().unwrap())).collect();
    d.null().unwrap();
    let signature: [u8; 64] = d.bytes().unwrap().try_into().unwrap();
    let root = rooted(&leaf_hash(event), index, size, &path)?;
    let mut message = minicbor::Encoder::new(Vec::new());
    message.array(4).unwrap().str("Signature1").unwrap().bytes(protected).unwrap();
    message.bytes(&[]).unwrap().bytes(&root.0).unwrap();
    let holds = verify_zip215(&kid, &message.into_writer(), &signature);
    holds.then_some((kid, issuer, subject, size))
}

/// The root that a path of two levels leads to.
fn rooted(leaf: &Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    let [first, second] = path else { return None };
    let step = |hash: &Hash, sibling: &Hash, at: u64| match at & 1 {
        0 => secnet_crypto::node_hash(hash, sibling),
        _ => secnet_crypto::node_hash(sibling, hash),
    };
    let root = step(&step(leaf, first, index), second, index >> 1);
    verify_inclusion(leaf, index, size, path, &root).ok().map(|()| root)
}

#[test]
fn every_event_of_the_log_has_a_receipt_by_each_of_them() {
    let chain = chain();
    let cosigned = cosigned(&chain);
    let keys: Vec<_> = validators().into_keys().map(|key| key.0).collect();
    for index in 0..4 {
        let receipts = chain.cose_receipts(index, &cosigned).unwrap();
        let (event, _) = chain.event(index).unwrap();
        let mut d = Decoder::new(&receipts);
        let mut signers = Vec::new();
        for _ in 0..d.array().unwrap().unwrap() {
            let receipt = d.bytes().unwrap();
            let (kid, issuer, subject, size) = open(receipt, &event).unwrap();
            assert_eq!((issuer.as_str(), size), (origin(&genesis()).as_str(), 4));
            assert_eq!(subject, format!("{issuer}/checkpoints/4"));
            assert!(open(receipt, b"another event").is_none());
            signers.push(kid);
        }
        assert_eq!(signers, [keys[0], keys[2], keys[3]]);
    }
    // It came after what they signed; and what nobody has ordered has none.
    assert!(matches!(chain.cose_receipts(4, &cosigned), Err(ChainError::NotCovered(4))));
    assert!(matches!(chain.cose_receipts(5, &cosigned), Err(ChainError::NoSuchEvent(5))));
}

#[test]
fn a_checkpoint_has_the_certified_header_and_what_each_of_them_signed() {
    let chain = chain();
    let (size, note) = chain.cosigned_checkpoint(&cosigned(&chain)).unwrap();
    let opened = open_checkpoint(&genesis(), &note).unwrap();
    assert_eq!((size, opened.size()), (4, 4));
    let read = SignedNote::parse(&note).unwrap();
    assert_eq!(read.signatures().len(), 4);
    let at = |note: &SignedNote, key: &ValidatorKey| {
        note.cosigned_at(&cosigner_name(&genesis(), key), &key.0).ok()
    };
    let keys: Vec<_> = validators().into_keys().collect();
    let signed: Vec<_> = keys.iter().map(|key| at(&read, key)).collect();
    assert_eq!(signed, [Some(NOW), None, Some(NOW), Some(NOW)]);
    let other = SignedNote::parse(&note.replacen("\n4\n", "\n5\n", 1)).unwrap();
    assert!(keys.iter().all(|key| at(&other, key).is_none()));
    // Nobody's word counts for the certificate.
    let line = note.lines().find(|line| line.contains(' ') && line.len() > 300).unwrap();
    let without = note.replacen(&format!("{line}\n"), "", 1);
    assert!(SignedNote::parse(&without).is_ok());
    assert!(open_checkpoint(&genesis(), &without).is_err());
}
