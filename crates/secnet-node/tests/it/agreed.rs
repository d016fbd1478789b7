//! The chain of a network, here of one validator: what is agreed on is applied once, in order, as agreed, or not at all.

use secnet_crypto::{Checkpoint, CheckpointError, Hash, SigningKey};
use secnet_ledger::{Agreement, Candidate, Verified, VerifyingPool};
use secnet_node::faults::{FaultyDisk, Plan};
use secnet_node::store::{Options, Store};
use secnet_node::{
    Against, Chain, ChainError, FinalBlock, agrees, check_chain, open_checkpoint, origin,
    store_options,
};
use secnet_types::{
    Amount, Certificate, Digest, Genesis, Header, SIMPLEX_ED25519, ValidatorKey, engine_namespace,
};

use crate::world::{self, START, id, issue_for, key};

fn genesis() -> Genesis {
    let validator = ValidatorKey(*key("sequencer").verifying_key().as_bytes());
    Genesis { validators: Some(vec![validator]), ..world::genesis() }
}

fn store(disk: &FaultyDisk, create: bool) -> Store {
    let options = Options { cache_bytes: 16 << 20, ..store_options(create) };
    Store::open_with_backend(disk.clone(), options).unwrap()
}

fn issue(number: u64) -> Vec<Verified> {
    let rng = &mut secnet_crypto::rand_core::UnwrapErr(getrandom::SysRng);
    let commands = vec![issue_for(&genesis(), number, "ada")];
    VerifyingPool::verify(commands, rng).into_iter().map(Result::unwrap).collect()
}

/// The header of a block of these commands, on top of what is durable.
fn header(chain: &Chain, commands: &[Verified]) -> Header {
    let height = chain.executor().height();
    let agreement = Agreement { context: vec![1, 2, 3] };
    let candidate = Candidate { time: START.plus_ms(height), agreement, commands };
    chain.trial(height, &[], &candidate).unwrap().block.header.clone()
}

fn certificate(header: &Header, key: &SigningKey) -> Certificate {
    let proposal = [&[0, 1, 0], header.digest().0.as_slice()].concat();
    let namespace = [engine_namespace(header.network).as_slice(), b"_FINALIZE"].concat();
    let message = [&[namespace.len() as u8], namespace.as_slice(), &proposal].concat();
    let signature = key.sign(&message).0;
    let bytes = [&proposal, 1_u64.to_be_bytes().as_slice(), &[1, 1], &signature].concat();
    Certificate::Quorum { scheme: SIMPLEX_ED25519, bytes }
}

#[test]
fn what_is_agreed_on_is_applied_once_and_proved_after_the_next_certificate() {
    let disk = FaultyDisk::new(Plan::default());
    let chain = Chain::create_agreed(store(&disk, true), genesis()).unwrap();
    let commands = issue(1);
    let first = header(&chain, &commands);
    assert_eq!(chain.executor().height(), 0, "a trial is no block");
    // Final through a later one alone: it has no certificate of its own.
    assert!(chain.append(&first, &commands, None).unwrap().wrote);
    assert!(!chain.append(&first, &commands, None).unwrap().wrote, "delivered again");
    assert_eq!(chain.executor().state().balance(id("ada")), Amount(1_000_000));
    assert!(matches!(chain.receipt(0), Err(ChainError::NotCovered(0))));
    let problem = check_chain(chain.store(), &[], &mut |_, _| {}).unwrap();
    assert!(problem[0].problem.contains("no certificate"), "{problem:?}");

    let second = header(&chain, &[]);
    assert!(chain.append(&second, &[], None).unwrap().wrote);
    assert!(matches!(chain.receipt(0), Err(ChainError::NotCovered(0))), "nobody certified it");
    let third = header(&chain, &[]);
    let certified = certificate(&third, &key("sequencer"));
    assert!(chain.append(&third, &[], Some(certified)).unwrap().wrote);
    let receipt = chain.receipt(0).unwrap();
    assert_eq!(receipt.header.header, third);
    receipt.verify(&genesis()).unwrap();
    drop(chain);

    let again = Chain::open_agreed(store(&disk, false)).unwrap();
    assert_eq!(again.executor().height(), 3);
    assert_eq!(check_chain(again.store(), &[], &mut |_, _| {}).unwrap(), []);
}

#[test]
fn blocks_that_were_tried_become_durable_together_as_they_do_one_by_one() {
    let disks = [FaultyDisk::new(Plan::default()), FaultyDisk::new(Plan::default())];
    let [one_by_one, together] =
        disks.each_ref().map(|disk| Chain::create_agreed(store(disk, true), genesis()).unwrap());
    let bodies = [issue(1), issue(2), Vec::new(), issue(3)];
    let mut headers = Vec::new();
    for commands in &bodies {
        let header = header(&one_by_one, commands);
        assert!(one_by_one.append(&header, commands, None).unwrap().wrote);
        headers.push(header);
    }

    // The other looks at all of them before the first is durable, and at more on other ways than it keeps.
    let before = together.executor().position();
    let candidates: Vec<Candidate<'_>> = headers
        .iter()
        .zip(&bodies)
        .map(|(header, commands)| Candidate {
            time: header.time,
            agreement: Agreement { context: header.context.clone() },
            commands,
        })
        .collect();
    let look = |height: usize, block: &Candidate<'_>| {
        together.trial(0, &candidates[..height], block).unwrap().block.header.clone()
    };
    for (height, block) in candidates.iter().enumerate() {
        assert_eq!(look(height, block), headers[height]);
        assert_eq!(look(height, block), headers[height], "looked at again");
    }
    for later in 0..100 {
        let time = START.plus_ms(1000 + later);
        let fork = Candidate { time, ..candidates[1].clone() };
        assert_ne!(look(1, &fork), headers[1]);
    }
    assert_eq!(together.executor().position(), before);

    let finals = || {
        let blocks = headers.iter().zip(&bodies);
        let blocks =
            blocks.map(|(header, commands)| FinalBlock { header, commands, certificate: None });
        blocks.collect::<Vec<_>>()
    };
    assert_eq!(together.append_all(finals()).unwrap().len(), bodies.len());
    assert_eq!(together.append_all(finals()).unwrap().len(), 0, "delivered again");
    assert_eq!(together.executor().position(), one_by_one.executor().position());
    drop((one_by_one, together));
    let again = disks.each_ref().map(|disk| Chain::open_agreed(store(disk, false)).unwrap());
    assert_eq!(again[0].executor().position(), again[1].executor().position());
    for height in 1..=bodies.len() as u64 {
        assert_eq!(again[0].block(height).unwrap(), again[1].block(height).unwrap());
    }
}

#[test]
fn what_does_not_follow_or_does_not_come_out_changes_nothing() {
    let disk = FaultyDisk::new(Plan::default());
    let chain = Chain::create_agreed(store(&disk, true), genesis()).unwrap();
    let commands = issue(1);
    let sound = header(&chain, &commands);
    let before = chain.executor().position();
    let later = Header { height: 2, ..sound.clone() };
    let gap = chain.append(&later, &commands, None);
    assert!(matches!(gap, Err(ChainError::Gap { last: 0, given: 2 })), "{gap:?}");
    let other_state = Header { state: Digest::ZERO, ..sound.clone() };
    let twice = [commands.clone(), commands.clone()].concat();
    for (header, commands) in [(&other_state, &commands), (&sound, &issue(2)), (&sound, &twice)] {
        let diverged = chain.append(header, commands, None);
        assert!(matches!(diverged, Err(ChainError::Diverged(1))), "{diverged:?}");
        assert_eq!(chain.executor().position(), before);
    }
    let candidate = Candidate { time: START, agreement: Agreement::default(), commands: &commands };
    assert!(chain.trial(1, &[], &candidate).is_none(), "another block is the last one");
    assert!(chain.append(&sound, &commands, None).unwrap().wrote);
}

#[test]
fn who_may_not_certify_is_found_out() {
    let disk = FaultyDisk::new(Plan::default());
    let chain = Chain::create_agreed(store(&disk, true), genesis()).unwrap();
    let first = header(&chain, &issue(1));
    let solo = Certificate::solo(&first, &key("sequencer"));
    chain.append(&first, &issue(1), Some(solo)).unwrap();
    let second = header(&chain, &[]);
    chain.append(&second, &[], Some(certificate(&second, &key("mallory")))).unwrap();
    let found = check_chain(chain.store(), &[], &mut |_, _| {}).unwrap();
    assert_eq!(found[0].what, "block 1");
    assert!(chain.receipt(0).unwrap().verify(&genesis()).is_err());
    // A checkpoint that no quorum has certified is none.
    let (_, note) = chain.checkpoint().unwrap();
    assert!(matches!(open_checkpoint(&genesis(), &note), Err(CheckpointError::Note(_))));
    // One validator's signature says nothing for the others.
    let name = origin(&genesis());
    let note = Checkpoint::new(name.clone(), second.log_size, Hash(second.log_root.0));
    let note = note.unwrap().sign(&name, &key("sequencer")).unwrap().to_text();
    let refused = agrees(chain.store(), &Against::Checkpoint(note));
    assert!(refused.is_err_and(|why| why.to_string().contains("not signed")));
}

#[test]
fn a_checkpoint_holds_by_the_certificate_in_it_and_by_no_other() {
    let disk = FaultyDisk::new(Plan::default());
    let chain = Chain::create_agreed(store(&disk, true), genesis()).unwrap();
    assert!(matches!(chain.checkpoint(), Err(ChainError::Empty)));
    let first = header(&chain, &issue(1));
    chain.append(&first, &issue(1), None).unwrap();
    assert!(matches!(chain.checkpoint(), Err(ChainError::Empty)), "nothing is certified yet");
    let second = header(&chain, &[]);
    let certified = certificate(&second, &key("sequencer"));
    chain.append(&second, &[], Some(certified.clone())).unwrap();
    let third = header(&chain, &issue(2));
    chain.append(&third, &issue(2), None).unwrap();
    // Of the second block: the third has no certificate.
    let (size, note) = chain.checkpoint().unwrap();
    let opened = open_checkpoint(&genesis(), &note).unwrap();
    assert_eq!((size, opened.size(), opened.root().0), (1, 1, second.log_root.0));
    agrees(chain.store(), &Against::Checkpoint(note.clone())).unwrap();
    // Another text over the same certificate, and the same text over another one.
    let other = note.replacen("\n1\n", "\n2\n", 1);
    assert!(open_checkpoint(&genesis(), &other).is_err());
    let elsewhere = Genesis { salt: [9; 32], ..genesis() };
    assert!(open_checkpoint(&elsewhere, &note).is_err());
    assert!(open_checkpoint(&world::genesis(), &note).is_err(), "no sequencer has signed it");
    let bytes = note.trim_end().rsplit_once(' ').unwrap().1.len();
    for at in 0..bytes {
        let mut flipped = note.clone().into_bytes();
        let place = note.len() - 2 - at;
        flipped[place] = if flipped[place] == b'A' { b'B' } else { b'A' };
        let flipped = String::from_utf8(flipped).unwrap();
        assert!(open_checkpoint(&genesis(), &flipped).is_err(), "{at} from the end");
    }
}

#[test]
fn a_solo_ledger_and_a_network_are_not_run_as_each_other() {
    let disk = FaultyDisk::new(Plan::default());
    let as_solo =
        Chain::create(store(&disk, true), genesis(), std::sync::Arc::new(key("sequencer")));
    assert!(matches!(as_solo, Err(ChainError::Agreed)), "{as_solo:?}");
    let as_network = Chain::create_agreed(store(&disk, true), world::genesis());
    assert!(matches!(as_network, Err(ChainError::NotAgreed)), "{as_network:?}");
    drop(Chain::create_agreed(store(&disk, true), genesis()).unwrap());
    let opened = Chain::open(store(&disk, false), Some(std::sync::Arc::new(key("sequencer"))));
    assert!(matches!(opened, Err(ChainError::Agreed)), "{opened:?}");
}
