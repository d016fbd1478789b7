//! Slowing down: how long whoever is throttled has to wait, and who is waiting.
//!
//! What is remembered of a requester and a dataset becomes two features of the next request, so whether it has waited long
//! enough is judged from recorded facts alone.

use minicbor::{Decode, Encode};
use secnet_types::{Feature, FeatureVector};

use crate::features::count;
use crate::window::HOUR_MS;
use crate::{Event, Guard};

/// The first wait, in seconds. Each request that comes too early doubles it.
pub const FIRST_WAIT_S: u32 = 10;
/// How often it is doubled at most: up to 320 seconds.
pub const MAX_DOUBLINGS: u32 = 5;
/// Pairs of requester and dataset of which it is known that they wait. Whoever is forgotten begins to wait anew.
pub(crate) const MAX_THROTTLED: usize = 65_536;
/// Whoever does not come back within this time begins to wait anew, in milliseconds.
const FORGET_MS: u64 = HOUR_MS;

/// What is known of a requester who is to slow down on one dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub(crate) struct Throttled {
    #[n(0)]
    last_ms: u64,
    #[n(1)]
    in_a_row: u32,
}

impl Throttled {
    fn is_over(&self, at_ms: u64) -> bool {
        at_ms.saturating_sub(self.last_ms) >= FORGET_MS
    }
}

/// The wait after so many refusals in a row, in seconds.
fn wait_after(in_a_row: u32) -> u32 {
    FIRST_WAIT_S << in_a_row.saturating_sub(1).min(MAX_DOUBLINGS)
}

fn in_a_row(facts: &FeatureVector) -> u32 {
    let known = facts.number(Feature::ThrottledInARow).unwrap_or(0);
    u32::try_from(known).unwrap_or(u32::MAX)
}

/// Has whoever makes a request of these features waited as long as it was told to?
pub(crate) fn has_waited(facts: &FeatureVector) -> bool {
    let since = facts.number(Feature::SecondsSinceThrottled);
    since.is_some_and(|since| since >= wait_after(in_a_row(facts)).into())
}

/// How long whoever is refused with these features waits from then on, in seconds.
#[must_use]
pub fn wait_from(facts: &FeatureVector) -> u32 {
    wait_after(in_a_row(facts).saturating_add(1))
}

impl Guard {
    pub(crate) fn throttling(&self, facts: &mut FeatureVector, event: &Event) {
        let at = event.at.0;
        let known = self.throttled.value(&(event.requester, event.dataset));
        if let Some(known) = known.filter(|known| known.in_a_row > 0 && !known.is_over(at)) {
            count(facts, Feature::ThrottledInARow, known.in_a_row.into());
            let seconds = at.saturating_sub(known.last_ms) / 1000;
            count(facts, Feature::SecondsSinceThrottled, seconds);
        }
    }

    /// A request was refused until its requester has waited: the wait begins, anew and longer if there was one.
    pub fn throttle(&mut self, event: &Event) {
        self.tick = self.tick.saturating_add(1);
        let at = event.at.0;
        self.throttled.update((event.requester, event.dataset), self.tick, |known| {
            let before = if known.is_over(at) { 0 } else { known.in_a_row };
            *known = Throttled { last_ms: at, in_a_row: before.saturating_add(1) };
        });
    }

    /// A request went ahead because its requester had waited: that wait is over, and the next one waits again.
    pub fn waited(&mut self, event: &Event) {
        let key = (event.requester, event.dataset);
        if self.throttled.value(&key).is_some() {
            self.tick = self.tick.saturating_add(1);
            // It stays as a change, so that whoever catches up knows of it too.
            self.throttled.update(key, self.tick, |known| *known = Throttled::default());
        }
    }
}
