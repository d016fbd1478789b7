//! P11: what was changed by somebody who can write right tags is found by executing the blocks again, and by what was
//! kept elsewhere.

use std::sync::Arc;

use secnet_ledger::{TableId, VerifyingPool};
use secnet_node::faults::{FaultyDisk, Plan};
use secnet_node::store::{BlockRecord, Commit, EntryKey, Leaf};
use secnet_node::{Against, Chain, ChainError, check_chain};
use secnet_types::{Amount, Certificate, Receipt, Timestamp, encode};

use crate::world::{START, chain_on, id, issue, key, pay};

/// A chain with these commands, each in a block of its own.
fn chain_with(commands: &[Vec<u8>]) -> Chain {
    let chain = chain_on(&FaultyDisk::new(Plan::default())).unwrap();
    for command in commands {
        apply(&chain, command, START);
    }
    chain
}

fn apply(chain: &Chain, command: &[u8], time: Timestamp) {
    let mut rng = secnet_crypto::rand_core::UnwrapErr(getrandom::SysRng);
    let verified = VerifyingPool::verify(vec![command.to_vec()], &mut rng);
    let verified: Vec<_> = verified.into_iter().map(Result::unwrap).collect();
    chain.process(time, &verified, true).unwrap();
}

fn payments(amounts: &[u64]) -> Vec<Vec<u8>> {
    let pays = amounts.iter().zip(1..).map(|(amount, number)| pay(number, "ada", "bo", *amount));
    std::iter::once(issue(0, "ada")).chain(pays).collect()
}

fn findings(chain: &Chain, against: &[Against]) -> Vec<String> {
    let found = check_chain(chain.store(), against, &mut |_, _| {}).unwrap();
    found.iter().map(ToString::to_string).collect()
}

fn checkpoint(chain: &Chain) -> Against {
    Against::Checkpoint(chain.checkpoint().unwrap().1)
}

#[test]
fn a_sound_chain_agrees_with_itself_and_with_what_was_kept() {
    let chain = chain_with(&payments(&[1, 2, 3]));
    let kept = [checkpoint(&chain), Against::Receipt(Box::new(chain.receipt(2).unwrap()))];
    apply(&chain, &pay(9, "ada", "bo", 9), START);
    assert_eq!(findings(&chain, &kept), [""; 0]);
}

#[test]
fn money_written_into_the_state_is_found() {
    let chain = chain_with(&payments(&[1, 2]));
    let rich = vec![(
        EntryKey::new(TableId::accounts as u8, id("bo").0),
        Some(encode(&Amount(u64::MAX / 2))),
    )];
    chain.store().commit(Commit { entries: rich, ..Commit::default() }).unwrap();
    let found = findings(&chain, &[]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("state entry accounts/"), "{found:?}");
}

#[test]
fn an_entry_taken_out_of_the_state_is_found_and_the_chain_does_not_open() {
    let disk = FaultyDisk::new(Plan::default());
    let chain = chain_on(&disk).unwrap();
    apply(&chain, &issue(0, "ada"), START);
    let gone = vec![(EntryKey::new(TableId::accounts as u8, id("ada").0), None)];
    chain.store().commit(Commit { entries: gone, ..Commit::default() }).unwrap();
    let found = findings(&chain, &[]);
    assert!(found.iter().any(|f| f.ends_with("it is missing")), "{found:?}");
    drop(chain);
    let options = secnet_node::store_options(false);
    let store = secnet_node::store::Store::open_with_backend(disk, options).unwrap();
    let refused = Chain::open(store, Some(Arc::new(key("sequencer"))));
    assert!(matches!(refused, Err(ChainError::Load(_))), "{refused:?}");
}

#[test]
fn a_block_that_the_sequencer_did_not_sign_is_found() {
    let chain = chain_with(&payments(&[1]));
    let height = chain.executor().height();
    let (block, _) = chain.block(height).unwrap().unwrap();
    // The next block, made by somebody else, with a position that counts it.
    let mut executor = chain.executor().clone();
    let made = executor.execute(START, &[]);
    let record = BlockRecord {
        height: made.header.height,
        header: encode(&made.header),
        body: encode(&Vec::<minicbor::bytes::ByteVec>::new()),
        certificate: encode(&Certificate::solo(&made.header, &key("mallory"))),
    };
    let meta = vec![("position", encode(&executor.position()))];
    chain.store().commit(Commit { blocks: vec![record], meta, ..Commit::default() }).unwrap();
    assert_eq!(
        findings(&chain, &[]),
        [format!("block {}: its certificate is not by the sequencer", block.header.height + 1)]
    );
}

#[test]
fn an_event_that_no_block_leads_to_is_found() {
    let chain = chain_with(&payments(&[1]));
    let event = Leaf::new(chain.event(0).unwrap().0);
    chain.store().commit(Commit { leaves: vec![event], ..Commit::default() }).unwrap();
    assert_eq!(findings(&chain, &[]), ["the log: it holds 3 events, the blocks lead to 2"]);
}

#[test]
fn a_rewritten_past_is_found_against_what_was_kept() {
    let before = chain_with(&payments(&[1, 2, 3]));
    let receipt = Against::Receipt(Box::new(before.receipt(2).unwrap()));
    // The sequencer tells the story anew: longer, and consistent in itself.
    let after = chain_with(&payments(&[1, 7, 3, 4]));
    assert_eq!(findings(&after, &[]), [""; 0]);
    for kept in [checkpoint(&before), receipt] {
        let found = findings(&after, std::slice::from_ref(&kept));
        assert!(found[0].contains("history was rewritten"), "{found:?}");
    }
    // And a cut tail.
    let shorter = chain_with(&payments(&[1]));
    let receipt = Against::Receipt(Box::new(before.receipt(3).unwrap()));
    for kept in [checkpoint(&before), receipt] {
        let found = findings(&shorter, std::slice::from_ref(&kept));
        assert!(found[0].contains("the tail was cut"), "{found:?}");
    }
}

#[test]
fn what_is_not_of_this_network_proves_nothing() {
    let chain = chain_with(&payments(&[1]));
    let note = chain.checkpoint().unwrap().1;
    let mut receipt: Receipt = chain.receipt(1).unwrap();
    receipt.index += 1;
    let damaged = [
        Against::Checkpoint(note.replace('\u{2014}', "-")),
        Against::Checkpoint(String::new()),
        Against::Receipt(Box::new(receipt)),
    ];
    for kept in damaged {
        assert_eq!(findings(&chain, std::slice::from_ref(&kept)).len(), 1, "{kept:?}");
    }
}
