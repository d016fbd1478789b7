//! What administrators are told of the node itself, as it happens; kept for those who come a little later.

use std::collections::VecDeque;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;

/// What is kept for those who do not listen; older ones are in the node's log.
const MAX_KEPT: usize = 1024;

#[derive(Debug, Default)]
struct Kept {
    /// Number of the first one that is kept.
    first: u64,
    said: VecDeque<Value>,
}

/// The alerts of a node since it was started.
#[derive(Debug)]
pub struct Bulletin {
    kept: Mutex<Kept>,
    grown: watch::Sender<u64>,
}

impl Default for Bulletin {
    fn default() -> Self {
        Self { kept: Mutex::default(), grown: watch::Sender::new(0) }
    }
}

impl Bulletin {
    /// Tell it to everybody who listens.
    pub fn tell(&self, alert: Value) {
        let mut kept = self.kept.lock();
        kept.said.push_back(alert);
        if kept.said.len() > MAX_KEPT {
            kept.said.pop_front();
            kept.first = kept.first.saturating_add(1);
        }
        let next = kept.first.saturating_add(kept.said.len() as u64);
        drop(kept);
        self.grown.send_replace(next);
    }

    /// What was told from this number on and is kept, and the number after it.
    pub(crate) fn from(&self, number: u64) -> (Vec<Value>, u64) {
        let kept = self.kept.lock();
        let known = usize::try_from(number.saturating_sub(kept.first)).unwrap_or(usize::MAX);
        let said = kept.said.iter().skip(known).cloned().collect();
        (said, kept.first.saturating_add(kept.said.len() as u64))
    }

    /// The first that was told from this number on and is kept, and the number after it. Waits until there is one.
    pub async fn next(&self, number: u64) -> (Value, u64) {
        let mut grown = self.grown.subscribe();
        loop {
            let found = {
                let kept = self.kept.lock();
                let at = number.max(kept.first);
                let place = usize::try_from(at.saturating_sub(kept.first)).unwrap_or(usize::MAX);
                kept.said.get(place).map(|alert| (alert.clone(), at.saturating_add(1)))
            };
            if let Some(found) = found {
                return found;
            }
            // INVARIANT: the sender lives as long as self.
            grown.changed().await.ok();
        }
    }

    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.grown.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use serde_json::json;

    use super::*;

    #[test]
    fn whoever_waits_gets_one_after_the_other() {
        let bulletin = Bulletin::default();
        assert!(bulletin.next(0).now_or_never().is_none());
        for number in 0..MAX_KEPT + 2 {
            bulletin.tell(json!(number));
        }
        assert_eq!(bulletin.next(0).now_or_never(), Some((json!(2), 3)));
        assert_eq!(bulletin.next(3).now_or_never(), Some((json!(3), 4)));
        assert!(bulletin.next(MAX_KEPT as u64 + 2).now_or_never().is_none());
    }

    #[test]
    fn each_is_had_once_in_order_and_the_oldest_make_room() {
        let bulletin = Bulletin::default();
        assert_eq!(bulletin.from(0), (vec![], 0));
        for number in 0..MAX_KEPT + 2 {
            bulletin.tell(json!(number));
        }
        let (said, next) = bulletin.from(0);
        assert_eq!((said.len(), &said[0], next), (MAX_KEPT, &json!(2), MAX_KEPT as u64 + 2));
        assert_eq!(bulletin.from(next), (vec![], next));
        bulletin.tell(json!("more"));
        assert_eq!(bulletin.from(next), (vec![json!("more")], next + 1));
        assert_eq!(bulletin.from(next + 9).0, Vec::<Value>::new());
    }
}
