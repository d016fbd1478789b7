//! What requests are like, as bytes: all of it at times, and in between what has changed.

use minicbor::{Decode, Encode};

use super::budget::Budget;
use super::dice::Dice;
use super::memory::Place;
use super::tail::Tail;
use super::{Kind, LEARNT_IN, LEARNT_IN_A_ROW, Strange};

/// The kinds that changed, and the whole of the rest.
#[derive(Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct StrangeKept {
    #[n(0)]
    dice: Dice,
    #[n(1)]
    budget: Budget,
    #[n(2)]
    kinds: Vec<KindKept>,
}

#[derive(Debug, Encode, Decode)]
#[cbor(map)]
struct KindKept {
    #[n(0)]
    kind: u8,
    #[n(1)]
    tick: u64,
    #[n(2)]
    learnt: u64,
    #[n(3)]
    allowance: u32,
    #[n(4)]
    tail: Tail,
    #[n(5)]
    weights: Vec<u16>,
    /// The places that changed.
    #[n(6)]
    places: Vec<Place>,
}

impl Strange {
    /// What has changed after a tick; nothing if nothing is known.
    pub(crate) fn since(&self, tick: u64) -> Option<StrangeKept> {
        if *self == Self::default() {
            return None;
        }
        let kinds = (0..).zip(&self.kinds).filter_map(|(kind, own)| Some((kind, own.as_ref()?)));
        let kinds = kinds.filter(|(_, own)| own.tick > tick).map(|(kind, own)| KindKept {
            kind,
            tick: own.tick,
            learnt: own.learnt,
            allowance: own.allowance,
            tail: own.tail.clone(),
            weights: own.memory.weights(),
            places: own.memory.since(tick),
        });
        Some(StrangeKept { dice: self.dice, budget: self.budget.clone(), kinds: kinds.collect() })
    }

    /// Take in what has changed; false if it does not fit what is known, or its own limits. What is known then is not to be used.
    pub(crate) fn take_in(&mut self, kept: StrangeKept, newest: u64) -> bool {
        let ascending = kept.kinds.is_sorted_by(|a, b| a.kind < b.kind);
        (self.dice, self.budget) = (kept.dice, kept.budget);
        ascending
            && self.budget.is_whole()
            && kept.kinds.into_iter().all(|own| {
                let Some(place) = self.kinds.get_mut(usize::from(own.kind)) else { return false };
                let kind: &mut Kind = place.get_or_insert_default();
                let fits = (1..=newest).contains(&own.tick)
                    && own.allowance <= LEARNT_IN * LEARNT_IN_A_ROW
                    && own.tail.is_whole()
                    && kind.memory.restore(&own.places, own.tick)
                    && kind.memory.restore_weights(&own.weights);
                (kind.tick, kind.learnt, kind.allowance) = (own.tick, own.learnt, own.allowance);
                kind.tail = own.tail;
                fits
            })
    }
}
