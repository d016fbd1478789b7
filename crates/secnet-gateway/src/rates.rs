//! How often one member may call: a bucket of calls each, which fills again over time.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use secnet_types::{MemberId, Timestamp};

/// Members whose calls are counted at once. Full buckets are forgotten first: they say nothing.
const MAX_BUCKETS: usize = 65_536;
/// Parts that one call is counted in, so that a bucket fills smoothly.
const PARTS: u64 = 1000;

/// How fast.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    /// Calls a second.
    pub per_second: u32,
    /// Calls at once.
    pub burst: u32,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Thousandths of calls that are left.
    left: u64,
    at: Timestamp,
}

/// The buckets.
#[derive(Debug)]
pub(crate) struct Rates {
    rate: Rate,
    buckets: Mutex<BTreeMap<MemberId, Bucket>>,
}

impl Rates {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, buckets: Mutex::default() }
    }

    /// Count one call. May it go on?
    pub(crate) fn may_call(&self, member: MemberId, now: Timestamp) -> bool {
        let full = u64::from(self.rate.burst).saturating_mul(PARTS);
        // Calls a second are thousandths of a call a millisecond.
        let refilled = |bucket: &Bucket| {
            let refill = now.since_ms(bucket.at).saturating_mul(u64::from(self.rate.per_second));
            bucket.left.saturating_add(refill).min(full)
        };
        let mut buckets = self.buckets.lock();
        if buckets.len() >= MAX_BUCKETS && !buckets.contains_key(&member) {
            buckets.retain(|_, bucket| refilled(bucket) < full);
            if buckets.len() >= MAX_BUCKETS {
                return false;
            }
        }
        let bucket = buckets.entry(member).or_insert(Bucket { left: full, at: now });
        bucket.left = refilled(bucket);
        // A clock that falls back must not let a bucket fill twice.
        bucket.at = bucket.at.max(now);
        match bucket.left.checked_sub(PARTS) {
            Some(left) => {
                bucket.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: MemberId = MemberId([1; 32]);

    #[test]
    fn a_member_calls_as_often_as_it_may() {
        let rates = Rates::new(Rate { per_second: 10, burst: 3 });
        let at = |ms: u64| Timestamp(1_000_000 + ms);
        let burst: Vec<bool> = (0..4).map(|_| rates.may_call(ME, at(0))).collect();
        assert_eq!(burst, [true, true, true, false]);
        assert!(rates.may_call(MemberId([2; 32]), at(0)), "others are not affected");
        assert!(!rates.may_call(ME, at(99)));
        assert!(rates.may_call(ME, at(100)));
        assert!(!rates.may_call(ME, at(100)));
    }

    #[test]
    fn over_time_no_more_than_the_rate_gets_through() {
        let rates = Rates::new(Rate { per_second: 10, burst: 5 });
        let through = (0..10_000_u64).filter(|ms| rates.may_call(ME, Timestamp(1_000_000 + ms)));
        assert_eq!(through.count(), 5 + 99);
    }

    #[test]
    fn a_clock_that_falls_back_lets_nobody_call_more_often() {
        let rates = Rates::new(Rate { per_second: 10, burst: 1 });
        assert!(rates.may_call(ME, Timestamp(10_000)));
        assert!(!rates.may_call(ME, Timestamp(0)));
        assert!(!rates.may_call(ME, Timestamp(10_050)));
    }
}
