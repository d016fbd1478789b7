//! A cached slice is the slice of that height, and the cache is bounded.

use std::sync::Arc;

use secnet_types::*;

use super::support::*;
use crate::*;

fn of(price: u64) -> ConsentSlice {
    let detail = detail(&[Purpose::Treatment], &[Action::Read], Scope::default());
    slice(vec![grant(1, Party::Member(member(1)), price, detail)], vec![])
}

fn price(consent: &CompiledConsent) -> u64 {
    decide(consent, &question(1), &record(1)).choice().unwrap().price.0
}

#[test]
fn a_changed_consent_is_compiled_anew_and_an_old_one_never_returns() {
    let mut cache = ConsentCache::new();
    let key = parties_key(member(1), &[]);
    let one = cache.get_or_compile(DATASET, key, 5, || of(1)).unwrap();
    let same = cache.get_or_compile(DATASET, key, 5, || panic!("it is there")).unwrap();
    assert!(Arc::ptr_eq(&one, &same));
    let two = cache.get_or_compile(DATASET, key, 6, || of(2)).unwrap();
    assert_eq!((price(&one), price(&two)), (1, 2));
    assert!(cache.get(DATASET, key, 5).is_none());
    // A reader of an older snapshot is served, and the newer slice stays.
    assert_eq!(price(&cache.get_or_compile(DATASET, key, 5, || of(1)).unwrap()), 1);
    assert!(Arc::ptr_eq(&cache.get(DATASET, key, 6).unwrap(), &two));
    cache.forget(DATASET);
    assert!(cache.is_empty());
}

#[test]
fn what_does_not_compile_is_not_kept() {
    let mut cache = ConsentCache::new();
    let key = parties_key(member(1), &[]);
    let mut bad = of(1);
    bad.grants.push(bad.grants[0].clone());
    assert!(cache.get_or_compile(DATASET, key, 1, || bad).is_err());
    assert!(cache.is_empty());
}

#[test]
fn parties_are_a_set() {
    let (a, b) = (Party::Group(group(1)), Party::Organisation(member(2)));
    assert_eq!(parties_key(member(1), &[a, b]), parties_key(member(1), &[b, a, b]));
    assert_ne!(parties_key(member(1), &[a]), parties_key(member(1), &[b]));
    assert_ne!(parties_key(member(1), &[a]), parties_key(member(2), &[a]));
}

#[test]
fn when_full_the_longest_unasked_goes() {
    let mut cache = ConsentCache::new();
    let key = |n: usize| Digest::of(&n.to_be_bytes());
    let mut empty = slice(vec![], vec![]);
    empty.terms.expires = Timestamp(1000);
    for n in 0..MAX_CACHED_SLICES {
        cache.get_or_compile(DATASET, key(n), 1, || empty.clone()).unwrap();
    }
    assert!(cache.get(DATASET, key(0), 1).is_some());
    cache.get_or_compile(DATASET, key(MAX_CACHED_SLICES), 1, || empty.clone()).unwrap();
    assert_eq!(cache.len(), MAX_CACHED_SLICES);
    assert!(cache.get(DATASET, key(0), 1).is_some());
    assert!(cache.get(DATASET, key(1), 1).is_none());
}
