use redb::backends::InMemoryBackend;
use secnet_node::store::{BlockRecord, Commit, EntryKey, Leaf, MAX_EVENT_BYTES, Store, StoreError};

use crate::model::{Model, commit, options};

fn store() -> Store {
    Store::open_with_backend(InMemoryBackend::new(), options()).unwrap()
}

#[test]
fn what_is_committed_is_read_back() {
    let store = store();
    assert_eq!(store.last_height().unwrap(), None);
    assert_eq!(store.log_size().unwrap(), 0);
    let mut model = Model::default();
    for number in 0..40 {
        store.commit(commit(number)).unwrap();
        model.apply(&commit(number));
    }
    assert_eq!(Model::read(&store).unwrap(), model);
    assert_eq!(store.first_height().unwrap(), Some(5));
    assert_eq!(store.last_height().unwrap(), Some(5 + 59));
    assert_eq!(store.commit_number().unwrap(), 40);
    let report = store.verify(&mut |_| {});
    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!((report.blocks, report.events), (60, model.events.len() as u64));
    assert_eq!(report.entries, model.entries.len() as u64);
}

#[test]
fn ranges_are_clipped_to_what_is_there() {
    let store = store();
    (0..10).for_each(|number| store.commit(commit(number)).unwrap());
    let heights = |range: std::ops::RangeInclusive<u64>| {
        store.blocks(range).unwrap().map(|block| block.unwrap().height).collect::<Vec<_>>()
    };
    assert_eq!(heights(0..=6), [5, 6]);
    assert_eq!(heights(18..=u64::MAX), [18, 19]);
    assert_eq!(heights(100..=200), [0_u64; 0]);
    assert_eq!(store.block(4).unwrap(), None);
    assert_eq!(store.block(20).unwrap(), None);
    assert_eq!(store.block(19).unwrap().unwrap().height, 19);
    let size = store.log_size().unwrap();
    assert_eq!(store.events(size - 2..).unwrap().count(), 2);
    let error = store.event(size).unwrap_err();
    assert_eq!(error.to_string(), format!("event {size} is beyond the end: there are {size}"));
}

#[test]
fn a_refused_commit_changes_nothing() {
    let store = store();
    (0..3).for_each(|number| store.commit(commit(number)).unwrap());
    let before = Model::read(&store).unwrap();
    let block = |height| BlockRecord { height, header: vec![], body: vec![], certificate: vec![] };
    let event = Leaf::new(vec![1]);
    let twice = vec![(EntryKey::new(1, b"a"), None), (EntryKey::new(1, b"a"), Some(vec![1]))];
    let refused = [
        Commit { blocks: vec![block(10)], leaves: vec![event.clone()], ..Commit::default() },
        Commit { blocks: vec![block(9), block(9)], ..Commit::default() },
        Commit { blocks: vec![block(9)], entries: twice, ..Commit::default() },
        Commit { leaves: vec![Leaf::new(vec![0; MAX_EVENT_BYTES + 1])], ..Commit::default() },
        Commit { meta: vec![("store/head", vec![])], ..Commit::default() },
    ];
    let messages = refused.map(|commit| store.commit(commit).unwrap_err().to_string());
    assert_eq!(
        messages,
        [
            "block 10 does not follow: the next height is 9",
            "block 9 does not follow: the next height is 10",
            "state entry datasets/61 is written twice in one commit; coalesce the writes",
            "an event has 65536 bytes, at most 65535 are allowed",
            "the meta name `store/head` is reserved; choose one that does not begin with `store/`",
        ]
    );
    assert_eq!(Model::read(&store).unwrap(), before);
    store.commit(commit(3)).unwrap();
    assert_eq!(Model::read(&store).unwrap(), Model::after(4));
}

#[test]
fn the_largest_event_is_kept() {
    let store = store();
    let event = vec![7; MAX_EVENT_BYTES];
    store.commit(Commit { leaves: vec![Leaf::new(event.clone())], ..Commit::default() }).unwrap();
    assert_eq!(store.event(0).unwrap(), event);
}

#[test]
fn a_wrong_leaf_hash_is_found() {
    let store = store();
    let mut leaves = (0..300_u64).map(|n| Leaf::new(n.to_be_bytes().to_vec())).collect::<Vec<_>>();
    leaves[17] = Leaf::with_hash(b"seventeen".to_vec(), [0; 32]);
    leaves[299] = Leaf::with_hash(b"last".to_vec(), [0; 32]);
    store.commit(Commit { leaves, ..Commit::default() }).unwrap();
    let findings = store.verify(&mut |_| {}).findings;
    let names = findings.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        names,
        [
            "event 17: its hash is not the one in tile 0/0",
            "event 299: its hash is not the one in tile 0/1",
        ]
    );
}

#[test]
fn an_empty_value_is_not_a_deletion() {
    let store = store();
    let key = EntryKey::new(255, b"x");
    let write = |value| Commit { entries: vec![(key.clone(), value)], ..Commit::default() };
    let entries = || Model::read(&store).unwrap().entries;
    store.commit(write(Some(vec![]))).unwrap();
    assert_eq!(entries(), [(key.clone(), vec![])].into());
    store.commit(write(None)).unwrap();
    assert_eq!(entries(), [].into());
    store.commit(write(None)).unwrap();
    assert!(store.verify(&mut |_| {}).is_clean());
}

#[test]
fn readers_see_one_snapshot_while_commits_go_on() {
    let store = store();
    (0..6).for_each(|number| store.commit(commit(number)).unwrap());
    let mut entries = store.entries().unwrap();
    let blocks = store.blocks(..).unwrap();
    (6..20).for_each(|number| store.commit(commit(number)).unwrap());
    for (key, value) in Model::after(6).entries {
        assert_eq!(entries.next().unwrap(), Some((key.table(), key.key(), value.as_slice())));
    }
    assert_eq!(entries.next().unwrap(), None);
    assert_eq!(blocks.map(Result::unwrap).collect::<Vec<_>>(), Model::after(6).blocks);
}

#[test]
fn a_store_that_does_not_exist_is_refused_when_it_must() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options();
    options.create = false;
    let error = Store::open(&folder.path().join("none"), options).unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    assert!(!folder.path().join("none").exists());
}
