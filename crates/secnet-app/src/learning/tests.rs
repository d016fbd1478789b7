#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use parking_lot::Mutex;
use secnet_guard::Event;
use secnet_types::{Action, DatasetId, Labels, MemberId, Purpose};

use super::*;

/// What would be on the disk.
#[derive(Default)]
struct Disk(Mutex<BTreeMap<EntryName, Vec<u8>>>);

#[async_trait]
impl Archive for Disk {
    async fn write(&self, changes: Vec<Change>) -> Result<(), ArchiveError> {
        let mut entries = self.0.lock();
        for Change { name, value } in changes {
            match value {
                Some(value) => drop(entries.insert(name, value)),
                None => drop(entries.remove(&name)),
            }
        }
        Ok(())
    }

    async fn get(&self, name: &EntryName) -> Result<Option<Vec<u8>>, ArchiveError> {
        Ok(self.0.lock().get(name).cloned())
    }

    async fn list(
        &self,
        kind: EntryKind,
        group: &[u8],
    ) -> Result<Vec<(EntryName, Vec<u8>)>, ArchiveError> {
        let entries = self.0.lock();
        let all = entries.iter().filter(|(name, _)| name.kind == kind && name.group == group);
        // In no particular order.
        Ok(all.rev().map(|(name, value)| (name.clone(), value.clone())).collect())
    }
}

fn event(number: u32) -> Event {
    let mut id = [0; 32];
    id[..4].copy_from_slice(&number.to_be_bytes());
    Event {
        requester: MemberId(id),
        dataset: DatasetId([7; 16]),
        purpose: Purpose::Treatment,
        action: Action::Read,
        records: 1,
        categories: BTreeSet::new(),
        labels: Labels::NONE,
        emergency: false,
        at: Timestamp(1_800_000_000_000 + u64::from(number)),
        door: "test".into(),
        source: None,
        price: None,
        own_key: true,
    }
}

async fn load(archive: &Disk) -> Learning {
    Learning::load(archive, Model::default(), Timestamp(0)).await.unwrap()
}

/// Keep what was learnt, as if it were time to; with the power cut off before that is known to be durable, or before it is.
async fn keep(learning: &mut Learning, archive: &Disk, (durable, known): (bool, bool)) {
    let (changes, step) = learning.unkept(Timestamp(0));
    if durable {
        archive.write(changes).await.unwrap();
    }
    if known {
        learning.kept.is_durable(step);
    }
}

#[tokio::test]
async fn what_is_kept_in_parts_is_the_whole_whenever_it_is_read() {
    let archive = Disk::default();
    let mut learning = load(&archive).await;
    for number in 0..400 {
        learning.guard.observe(&event(number % 150), Observed::Allowed);
        let fate = match number % 23 {
            5 => (false, false),
            11 => (true, false),
            _ => (true, true),
        };
        keep(&mut learning, &archive, fate).await;
        if fate.0 {
            assert_eq!(load(&archive).await.guard, learning.guard, "after {number}");
        }
        // A start, clean or not, goes on with what there is.
        if number % 40 == 39 {
            learning = load(&archive).await;
        }
    }
}

#[tokio::test]
async fn changes_become_part_of_the_whole_and_leave_nothing_behind() {
    let archive = Disk::default();
    let mut learning = load(&archive).await;
    let (mut most, mut folded) = (0, 0);
    for number in 0..3_000 {
        // Of so many that this is over before long.
        (0..4).for_each(|n| learning.guard.observe(&event(number * 4 + n), Observed::Allowed));
        let before = archive.0.lock().len();
        keep(&mut learning, &archive, (true, true)).await;
        let entries = archive.0.lock();
        let changes: usize = entries
            .iter()
            .filter(|(name, _)| !name.group.is_empty())
            .map(|(_, bytes)| bytes.len())
            .sum();
        assert_eq!(changes, learning.kept.after);
        (most, folded) = (most.max(changes), folded + usize::from(entries.len() < before));
    }
    let whole = learning.guard.snapshot().len();
    assert!(folded > 0, "3,000 changes stay in parts");
    assert!(most < 2 * whole.max(LEAST_FOLDED_BYTES), "{most} bytes of changes to {whole}");
    assert_eq!(load(&archive).await.guard, learning.guard);
}
