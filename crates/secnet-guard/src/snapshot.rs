//! What was learnt, as bytes: it survives a restart. All of it at times, and in between only what has changed.

use minicbor::{Decode, Encode};
use secnet_types::{DatasetId, DecodeError, MemberId, decode, encode};

use crate::guard::{Dataset, MAX_RECENT_DATASETS, Pair, Requester};
use crate::profile::Profile;
use crate::relations::{Pairing, Visits, Work};
use crate::strange::StrangeKept;
use crate::throttle::Throttled;
use crate::tracked::Tracked;
use crate::{Guard, Model};

/// A snapshot, in bytes.
pub const MAX_SNAPSHOT_BYTES: usize = 512 * 1024 * 1024;
/// The layout of the learnt state.
const FORMAT: u16 = 1;

/// Why bytes are not a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Not canonical bytes of one.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Of another version.
    #[error("the snapshot has format `{0}`, this version reads `1`; delete it to learn afresh")]
    Format(u16),
    /// Decodes, but contradicts itself.
    #[error("the snapshot is damaged: {0}; delete it to learn afresh")]
    Damaged(&'static str),
}

/// Key, tick, value.
type Entry<K, V> = (K, u64, V);

#[derive(Encode, Decode)]
#[cbor(map)]
struct Snapshot {
    #[n(0)]
    format: u16,
    #[n(1)]
    tick: u64,
    #[n(2)]
    requesters: Vec<(MemberId, u64, Box<Requester>)>,
    #[n(3)]
    pairs: Vec<((MemberId, DatasetId), u64, Pair)>,
    #[n(4)]
    datasets: Vec<(DatasetId, u64, Dataset)>,
    /// Absent while no facts of relations were known.
    #[n(5)]
    looks: Option<LooksKept>,
    /// Absent while nobody is to slow down.
    #[n(6)]
    throttled: Option<Vec<Entry<(MemberId, DatasetId), Throttled>>>,
    /// Absent until something was allowed.
    #[n(7)]
    strange: Option<StrangeKept>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct LooksKept {
    #[n(0)]
    staff: Vec<(MemberId, u64, Work)>,
    #[n(1)]
    pairs: Vec<((MemberId, DatasetId), u64, Pairing)>,
    #[n(2)]
    patients: Vec<(DatasetId, u64, Visits)>,
}

/// What has changed since an earlier tick: the entries touched since then, as they are now.
#[derive(Encode, Decode)]
struct Changes {
    #[n(0)]
    since: u64,
    #[n(1)]
    now: Snapshot,
}

impl Guard {
    /// Everything learnt. It holds no model: the same habits can be judged by another one.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        encode(&self.touched(0))
    }

    /// How far learning has come. Each request moves it on.
    #[must_use]
    pub const fn tick(&self) -> u64 {
        self.tick
    }

    /// What was learnt after a tick, for [`Guard::catch_up`]. What was forgotten since is not in it: whoever catches up
    /// forgets the same, because it was touched longest ago.
    #[must_use]
    pub fn changes_since(&self, tick: u64) -> Vec<u8> {
        encode(&Changes { since: tick, now: self.touched(tick) })
    }

    fn touched(&self, since: u64) -> Snapshot {
        let looks = &self.looks;
        Snapshot {
            format: FORMAT,
            tick: self.tick,
            requesters: list(&self.requesters, since),
            pairs: list(&self.pairs, since),
            datasets: list(&self.datasets, since),
            looks: (looks.staff.len() > 0).then(|| LooksKept {
                staff: list(&looks.staff, since),
                pairs: list(&looks.pairs, since),
                patients: list(&looks.patients, since),
            }),
            throttled: (self.throttled.len() > 0).then(|| list(&self.throttled, since)),
            strange: self.strange.since(since),
        }
    }

    /// A guard that knows what was learnt. Beyond the model's limits the oldest is forgotten.
    ///
    /// # Errors
    /// [`SnapshotError`]: anything but the bytes of a snapshot.
    pub fn restore(model: Model, bytes: &[u8]) -> Result<Self, SnapshotError> {
        let snapshot: Snapshot = decode("guard snapshot", bytes, MAX_SNAPSHOT_BYTES)?;
        let mut guard = Self::new(model);
        guard.take_in(snapshot)?;
        Ok(guard)
    }

    /// Take in what was learnt after what is known here; false if something between the two is missing, and then nothing is
    /// taken in. What is known already changes nothing.
    ///
    /// # Errors
    /// [`SnapshotError`]: anything but the bytes of [`Guard::changes_since`]. What is known then is not to be used.
    pub fn catch_up(&mut self, bytes: &[u8]) -> Result<bool, SnapshotError> {
        let changes: Changes = decode("changes of the guard", bytes, MAX_SNAPSHOT_BYTES)?;
        if changes.now.tick <= self.tick {
            return Ok(true);
        }
        if changes.since > self.tick {
            return Ok(false);
        }
        self.take_in(changes.now)?;
        Ok(true)
    }

    fn take_in(&mut self, mut snapshot: Snapshot) -> Result<(), SnapshotError> {
        if snapshot.format != FORMAT {
            return Err(SnapshotError::Format(snapshot.format));
        }
        if snapshot.requesters.iter().any(|(_, _, r)| r.recent.len() > MAX_RECENT_DATASETS) {
            return Err(SnapshotError::Damaged("too many recent datasets"));
        }
        let mut profiles = snapshot.requesters.iter().filter_map(|(_, _, r)| r.profile.as_ref());
        if !profiles.all(Profile::is_bounded) {
            return Err(SnapshotError::Damaged("too many habits"));
        }
        snapshot.requesters.iter_mut().for_each(|(_, _, requester)| requester.shrink());
        self.tick = snapshot.tick;
        fill(&mut self.requesters, snapshot.requesters, snapshot.tick)?;
        fill(&mut self.pairs, snapshot.pairs, snapshot.tick)?;
        fill(&mut self.datasets, snapshot.datasets, snapshot.tick)?;
        fill(&mut self.throttled, snapshot.throttled.unwrap_or_default(), snapshot.tick)?;
        if let Some(kept) = snapshot.strange
            && !self.strange.take_in(kept, snapshot.tick)
        {
            return Err(SnapshotError::Damaged("what is usual does not fit"));
        }
        if let Some(kept) = snapshot.looks {
            if !kept.staff.iter().all(|(_, _, work)| work.is_bounded())
                || !kept.patients.iter().all(|(_, _, visits)| visits.is_bounded())
            {
                return Err(SnapshotError::Damaged("too much of one"));
            }
            fill(&mut self.looks.staff, kept.staff, snapshot.tick)?;
            fill(&mut self.looks.pairs, kept.pairs, snapshot.tick)?;
            fill(&mut self.looks.patients, kept.patients, snapshot.tick)?;
        }
        Ok(())
    }
}

/// What was touched after a tick, in the order of the keys.
fn list<K: Ord + Copy, V: Clone + Default>(
    tracked: &Tracked<K, V>,
    since: u64,
) -> Vec<(K, u64, V)> {
    let touched = tracked.since(since).map(|(key, tick, value)| (*key, tick, value.clone()));
    let mut entries: Vec<_> = touched.collect();
    entries.sort_unstable_by_key(|(key, ..)| *key);
    entries
}

fn fill<K: Ord + Copy, V: Default>(
    tracked: &mut Tracked<K, V>,
    entries: Vec<(K, u64, V)>,
    newest: u64,
) -> Result<(), SnapshotError> {
    if !entries.is_sorted_by(|(a, ..), (b, ..)| a < b) {
        return Err(SnapshotError::Damaged("entries out of order"));
    }
    for (key, tick, value) in entries {
        // Nothing is touched at tick 0, and nothing of it would be kept again.
        if tick == 0 || tick > newest || !tracked.restore(key, tick, value) {
            return Err(SnapshotError::Damaged("wrong ticks"));
        }
    }
    Ok(())
}
