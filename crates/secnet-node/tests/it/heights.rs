//! The index of headers that the store of a network's node has.

use redb::{Database, TableDefinition};
use secnet_node::store::{BlockRecord, STORE_FILE, Store};
use sha2::{Digest as _, Sha256};

use crate::model::{commit, options};

const HEIGHTS: TableDefinition<'_, [u8; 16], u64> = TableDefinition::new("heights");

fn sha256(block: &BlockRecord) -> [u8; 32] {
    Sha256::digest(&block.header).into()
}

fn all(store: &Store) -> Vec<BlockRecord> {
    store.blocks(..).unwrap().map(Result::unwrap).collect()
}

#[test]
fn blocks_are_found_by_their_header_also_those_from_before_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), options()).unwrap();
    (0..20).for_each(|number| store.commit(commit(number)).unwrap());
    let first = all(&store).remove(0);
    assert_eq!(store.block_with_header(&sha256(&first)).unwrap(), None, "there is no index");
    store.index_headers().unwrap();
    (20..40).for_each(|number| store.commit(commit(number)).unwrap());
    drop(store);
    // It is there, and kept up, after the store is opened again.
    let store = Store::open(folder.path(), options()).unwrap();
    (40..50).for_each(|number| store.commit(commit(number)).unwrap());
    let blocks = all(&store);
    assert!(blocks.len() > 50);
    for block in &blocks {
        let digest = sha256(block);
        assert_eq!(store.block_with_header(&digest).unwrap().as_ref(), Some(block));
        // The rest of the digest counts too.
        let mut other = digest;
        other[31] ^= 1;
        assert_eq!(store.block_with_header(&other).unwrap(), None);
    }
    let report = store.verify(&mut |_| {});
    assert!(report.is_clean(), "{:?}", report.findings);
}

#[test]
fn an_index_that_leads_elsewhere_or_lacks_something_is_found() {
    for (change, finding) in [(true, "does not lead to it"), (false, "entries for")] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), options()).unwrap();
        store.index_headers().unwrap();
        (0..10).for_each(|number| store.commit(commit(number)).unwrap());
        let victim = all(&store).remove(3);
        drop(store);
        let mut key = [0; 16];
        key.copy_from_slice(&sha256(&victim)[..16]);
        let db = Database::open(folder.path().join(STORE_FILE)).unwrap();
        let txn = db.begin_write().unwrap();
        {
            let mut table = txn.open_table(HEIGHTS).unwrap();
            if change {
                table.insert(key, victim.height + 1).unwrap();
            } else {
                table.remove(key).unwrap();
            }
        }
        txn.commit().unwrap();
        drop(db);
        let store = Store::open(folder.path(), options()).unwrap();
        assert_eq!(store.block_with_header(&sha256(&victim)).unwrap(), None);
        let report = store.verify(&mut |_| {});
        assert!(report.findings.iter().any(|it| it.to_string().contains(finding)), "{report:?}");
    }
}
