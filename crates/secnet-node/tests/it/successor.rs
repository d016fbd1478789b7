//! A network goes on from the end of a closed chain, and from nothing else.

use std::sync::Arc;

use secnet_ledger::{Outcome, Rejection, SuccessorError, VerifyingPool};
use secnet_node::faults::{FaultyDisk, Plan};
use secnet_node::store::{Commit, EntryKey, Options, Store};
use secnet_node::{
    Against, Chain, ChainError, Closed, NotClosed, Processed, check_chain, check_chain_from,
    store_options,
};
use secnet_types::{Amount, Change, Genesis, Timestamp, encode};

use crate::world::{START, chain_on, genesis, govern, id, issue, key, pay};

const LATER: Timestamp = Timestamp(START.0 + 60_000);

fn store() -> Store {
    let options = Options { cache_bytes: 16 << 20, ..store_options(true) };
    Store::open_with_backend(FaultyDisk::new(Plan::default()), options).unwrap()
}

fn apply(chain: &Chain, command: &[u8], time: Timestamp) -> Processed {
    let mut rng = secnet_crypto::rand_core::UnwrapErr(getrandom::SysRng);
    let verified = VerifyingPool::verify(vec![command.to_vec()], &mut rng);
    let verified: Vec<_> = verified.into_iter().map(Result::unwrap).collect();
    chain.process(time, &verified, true).unwrap()
}

/// The successor's genesis, but for where the chain before it ended.
fn configuration() -> Genesis {
    let sequencer = *key("next sequencer").verifying_key().as_bytes();
    Genesis { name: "next".into(), salt: [8; 32], sequencer, ..genesis() }
}

/// A chain on which money was issued and paid.
fn lived() -> Chain {
    let chain = chain_on(&FaultyDisk::new(Plan::default())).unwrap();
    apply(&chain, &issue(0, "ada"), START);
    apply(&chain, &pay(1, "ada", "bo", 5), START);
    chain
}

fn closed() -> Chain {
    let chain = lived();
    let change = Change::Close { successor: configuration().configuration() };
    apply(&chain, &govern(9, change), START);
    chain
}

fn end_of(chain: &Chain) -> Closed {
    Closed::check(chain.store(), None, &mut |_, _| {}).unwrap()
}

fn successor_of(end: &Closed) -> Genesis {
    Genesis { predecessor: Some(end.executor().end()), ..configuration() }
}

fn succeed(end: Closed, genesis: Genesis) -> Result<Chain, ChainError> {
    Chain::succeed(store(), genesis, Arc::new(key("next sequencer")), end)
}

#[test]
fn what_was_owned_goes_on_and_the_successor_can_be_checked_and_opened() {
    let before = closed();
    let end = end_of(&before);
    let next = succeed(end.clone(), successor_of(&end)).unwrap();
    assert_eq!(next.executor().height(), 0);
    assert_eq!(next.executor().state().balance(id("bo")), Amount(5));
    // It lives: the next block, its receipt, its checkpoint.
    next.process(LATER, &[], true).unwrap();
    let found = check_chain_from(next.store(), Some(end.clone()), &[], &mut |_, _| {}).unwrap();
    assert!(found.is_empty(), "{found:?}");
    let kept = Against::Checkpoint(before.checkpoint().unwrap().1);
    let found = check_chain_from(next.store(), Some(end), &[kept], &mut |_, _| {}).unwrap();
    assert_eq!(found.len(), 1, "a checkpoint of the old network is none of the new one");
    // Without the closed chain there is nothing to begin from.
    let found = check_chain(next.store(), &[], &mut |_, _| {}).unwrap();
    assert_eq!(found[0].what, "the beginning", "{found:?}");
}

#[test]
fn an_end_that_was_written_into_the_store_is_no_end() {
    let before = closed();
    let rich = vec![(
        EntryKey::new(secnet_ledger::TableId::accounts as u8, id("bo").0),
        Some(encode(&Amount(u64::MAX / 2))),
    )];
    before.store().commit(Commit { entries: rich, ..Commit::default() }).unwrap();
    let refused = Closed::check(before.store(), None, &mut |_, _| {});
    assert!(matches!(refused, Err(NotClosed::Wrong(_))), "{refused:?}");
    let refused = Closed::check(lived().store(), None, &mut |_, _| {});
    assert!(matches!(refused, Err(NotClosed::Open)), "{refused:?}");
}

#[test]
fn only_the_network_that_was_agreed_on_begins_from_there() {
    let end = end_of(&closed());
    let sound = successor_of(&end);
    let other = Genesis { salt: [9; 32], ..sound.clone() };
    let refused = succeed(end.clone(), other);
    let Err(ChainError::Successor(SuccessorError::OtherConfiguration)) = refused else {
        panic!("{refused:?}");
    };
    let refused = succeed(end.clone(), configuration());
    let Err(ChainError::Successor(SuccessorError::OtherPredecessor)) = refused else {
        panic!("{refused:?}");
    };
    let refused = Chain::succeed(store(), sound.clone(), Arc::new(key("sequencer")), end.clone());
    assert!(matches!(refused, Err(ChainError::WrongKey)), "{refused:?}");
    // Nor can it begin as if it continued nothing, or an old network as if it continued one.
    let refused = Chain::create(store(), sound, Arc::new(key("next sequencer")));
    assert!(matches!(refused, Err(ChainError::Genesis(_))), "{refused:?}");
    let fresh = lived();
    let found = check_chain_from(fresh.store(), Some(end), &[], &mut |_, _| {}).unwrap();
    assert_eq!(found[0].problem, "the network continues no other");
}

#[test]
fn nothing_follows_the_end_of_a_closed_chain() {
    let chain = closed();
    let end = chain.executor().position();
    // The ids of the commands are to be forgotten by then, which would be a block on a chain that goes on.
    let much_later = START.plus_ms(24 * 60 * 60 * 1000);
    assert!(chain.executor().next_deadline().is_some_and(|due| due <= much_later));
    assert!(!chain.process(much_later, &[], true).unwrap().wrote);
    let refused = apply(&chain, &pay(2, "ada", "bo", 1), LATER).outcomes;
    assert_eq!(refused, [Outcome::Rejected(Rejection::Closed)]);
    // A retry still gets its answer.
    let again = apply(&chain, &pay(1, "ada", "bo", 5), LATER).outcomes;
    assert!(matches!(again[..], [Outcome::Repeated { .. }]), "{again:?}");
    assert_eq!(chain.executor().position(), end);
}
