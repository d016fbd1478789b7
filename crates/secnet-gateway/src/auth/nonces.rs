//! Which signatures have been used: a call that is sent again is no second call.

use std::collections::HashSet;

use parking_lot::Mutex;
use secnet_types::{MemberId, Timestamp};

use super::MAX_SKEW_MS;

/// Most nonces in one span of time.
const MAX_NONCES: usize = 1 << 20;
/// How long a signature could be accepted, and so how long its nonce must be remembered, in milliseconds.
const SPAN_MS: u64 = 2 * MAX_SKEW_MS;

/// The nonces of this span of time and of the one before.
#[derive(Debug)]
pub(crate) struct Nonces {
    /// What was signed before is not known any more, so it is taken for used.
    since: Timestamp,
    spans: Mutex<Spans>,
}

#[derive(Debug, Default)]
struct Spans {
    /// Which span `current` is.
    span: u64,
    current: HashSet<(MemberId, String)>,
    before: HashSet<(MemberId, String)>,
}

impl Nonces {
    /// Of a node that begins to serve now.
    pub(crate) fn since(now: Timestamp) -> Self {
        // Signatures count in seconds.
        Self { since: Timestamp(now.0 / 1000 * 1000), spans: Mutex::default() }
    }

    /// False if a call with this nonce, signed then, has been made already, or could have been made to the process before.
    pub(crate) fn could_be_new(&self, member: MemberId, nonce: &str, created: Timestamp) -> bool {
        let entry = (member, nonce.to_owned());
        let spans = self.spans.lock();
        created >= self.since && !spans.before.contains(&entry) && !spans.current.contains(&entry)
    }

    /// Is this nonce new? None if there is no more room to remember it.
    pub(crate) fn first_time(&self, member: MemberId, nonce: &str, now: Timestamp) -> Option<bool> {
        let mut spans = self.spans.lock();
        spans.turn(now.0 / SPAN_MS);
        let entry = (member, nonce.to_owned());
        if spans.before.contains(&entry) || spans.current.contains(&entry) {
            return Some(false);
        }
        if spans.current.len() >= MAX_NONCES {
            return None;
        }
        spans.current.insert(entry);
        Some(true)
    }
}

impl Spans {
    fn turn(&mut self, span: u64) {
        // A clock that falls back must not make anything forgotten.
        if span <= self.span {
            return;
        }
        self.before = std::mem::take(&mut self.current);
        if span > self.span.saturating_add(1) {
            self.before.clear();
        }
        self.span = span;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: MemberId = MemberId([1; 32]);

    #[test]
    fn a_nonce_is_remembered_as_long_as_its_signature_is_accepted() {
        let nonces = Nonces::since(Timestamp(0));
        let start = Timestamp(10 * SPAN_MS + 7);
        assert_eq!(nonces.first_time(ME, "a", start), Some(true));
        for later in [0, 1, MAX_SKEW_MS, SPAN_MS - 1] {
            assert_eq!(nonces.first_time(ME, "a", start.plus_ms(later)), Some(false), "{later}");
        }
        assert_eq!(nonces.first_time(MemberId([2; 32]), "a", start), Some(true));
    }

    #[test]
    fn a_clock_that_falls_back_makes_nothing_forgotten() {
        let nonces = Nonces::since(Timestamp(0));
        let start = Timestamp(10 * SPAN_MS);
        assert_eq!(nonces.first_time(ME, "a", start), Some(true));
        assert_eq!(nonces.first_time(ME, "b", Timestamp(SPAN_MS)), Some(true));
        assert_eq!(nonces.first_time(ME, "a", start), Some(false));
        assert_eq!(nonces.first_time(ME, "b", start), Some(false));
    }

    #[test]
    fn old_nonces_are_forgotten() {
        let nonces = Nonces::since(Timestamp(0));
        assert_eq!(nonces.first_time(ME, "a", Timestamp(SPAN_MS)), Some(true));
        assert_eq!(nonces.first_time(ME, "a", Timestamp(9 * SPAN_MS)), Some(true));
        assert_eq!(nonces.spans.lock().before.len(), 0);
    }

    #[test]
    fn what_was_signed_before_the_node_began_is_taken_for_used() {
        let nonces = Nonces::since(Timestamp(5_700));
        assert!(!nonces.could_be_new(ME, "a", Timestamp(4_000)));
        assert!(nonces.could_be_new(ME, "a", Timestamp(5_000)));
        assert_eq!(nonces.first_time(ME, "a", Timestamp(5_800)), Some(true));
        assert!(!nonces.could_be_new(ME, "a", Timestamp(5_000)));
    }
}
