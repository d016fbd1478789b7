//! What has been granted and can be downloaded, until its time to collect is over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use secnet_app::Granted;
use secnet_types::{MemberId, RequestId, Timestamp};

/// Grants that are kept ready. The one that ends first makes room: sending the same request again brings it back.
const MAX_READY: usize = 65_536;

type Key = (MemberId, RequestId);

#[derive(Debug, Default)]
struct Ready {
    by_request: BTreeMap<Key, Arc<Granted>>,
    by_end: BTreeSet<(Timestamp, Key)>,
}

/// Permissions that the flow gave and that a later call of the same member downloads under. Each is asked again before
/// every read, so keeping it here opens nothing.
#[derive(Debug, Default)]
pub(crate) struct Deliveries(Mutex<Ready>);

impl Deliveries {
    pub(crate) fn keep(&self, granted: Granted, now: Timestamp) {
        let key = (granted.requester(), granted.request());
        let mut ready = self.0.lock();
        while let Some((end, key)) = ready.by_end.first().copied() {
            if end > now && ready.by_request.len() < MAX_READY {
                break;
            }
            ready.by_end.remove(&(end, key));
            ready.by_request.remove(&key);
        }
        let end = granted.collect_by();
        if let Some(before) = ready.by_request.insert(key, Arc::new(granted)) {
            ready.by_end.remove(&(before.collect_by(), key));
        }
        ready.by_end.insert((end, key));
    }

    pub(crate) fn find(&self, member: MemberId, request: RequestId) -> Option<Arc<Granted>> {
        self.0.lock().by_request.get(&(member, request)).cloned()
    }
}
