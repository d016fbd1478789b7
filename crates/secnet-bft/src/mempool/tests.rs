use std::collections::BTreeSet;

use super::{Mempool, PoolError};
use crate::limits::MAX_POOL_OF_MEMBER;
use crate::testing::{START, pay, verified};

#[test]
fn commands_wait_in_the_order_they_came_within_limits() {
    let mut pool = Mempool::default();
    let commands: Vec<_> = (0..5).map(|number| verified(pay(number, "ada", "bo"))).collect();
    for command in &commands {
        assert_eq!(pool.insert(command.clone()), Ok(true));
        assert_eq!(pool.insert(command.clone()), Ok(false), "it waits once");
    }
    let bytes = commands[0].bytes().len();
    let none = BTreeSet::new();
    assert_eq!(pool.first(9, 99 * bytes, &none), commands);
    let elsewhere = BTreeSet::from([commands[0].digest(), commands[3].digest()]);
    assert_eq!(pool.first(2, 99 * bytes, &elsewhere), commands[1..3]);
    assert_eq!(pool.first(2, 99 * bytes, &none), commands[..2]);
    assert_eq!(pool.first(9, 3 * bytes, &none), commands[..3]);
    assert_eq!(pool.remove(&commands[1].digest()), Some(commands[1].clone()));
    assert_eq!(pool.remove(&commands[1].digest()), None);
    assert_eq!(pool.first(2, 99 * bytes, &none), [commands[0].clone(), commands[2].clone()]);
    pool.forget_expired(START);
    assert_eq!(pool.len(), 4);
    pool.forget_expired(START.plus_ms(300_000));
    assert!(pool.is_empty());
}

#[test]
fn no_member_crowds_out_the_others() {
    let mut pool = Mempool::default();
    // Each is signed: a few are enough if the first ones are many.
    for number in 0..MAX_POOL_OF_MEMBER as u64 {
        pool.insert(verified(pay(number, "ada", "bo"))).unwrap();
    }
    let one_more = verified(pay(u64::MAX, "ada", "bo"));
    assert_eq!(pool.insert(one_more.clone()), Err(PoolError::MemberFull));
    assert_eq!(pool.insert(verified(pay(0, "bo", "ada"))), Ok(true));
    let first = pool.first(1, usize::MAX, &BTreeSet::new()).remove(0);
    pool.remove(&first.digest());
    assert_eq!(pool.insert(one_more), Ok(true));
}
