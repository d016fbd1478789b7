//! Places for what lasts: so many at once, and so many for one member.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use secnet_types::MemberId;

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_member: BTreeMap<MemberId, usize>,
}

/// The places.
#[derive(Debug)]
pub(crate) struct Places {
    all: usize,
    per_member: usize,
    taken: Mutex<Taken>,
}

/// One place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    member: MemberId,
}

impl Places {
    pub(crate) fn new(all: usize, per_member: usize) -> Arc<Self> {
        Arc::new(Self { all, per_member, taken: Mutex::default() })
    }

    /// A place, if one is free for this member.
    pub(crate) fn take(self: &Arc<Self>, member: MemberId) -> Option<Place> {
        let mut taken = self.taken.lock();
        if taken.all >= self.all {
            return None;
        }
        let own = taken.by_member.entry(member).or_default();
        if *own >= self.per_member {
            return None;
        }
        *own = own.saturating_add(1);
        taken.all = taken.all.saturating_add(1);
        Some(Place { places: Arc::clone(self), member })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        taken.all = taken.all.saturating_sub(1);
        let left = taken.by_member.get(&self.member).map_or(0, |own| own.saturating_sub(1));
        if left == 0 {
            taken.by_member.remove(&self.member);
        } else {
            taken.by_member.insert(self.member, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_by_member_and_in_all_and_are_given_back() {
        let places = Places::new(3, 2);
        let (ada, bo) = (MemberId([1; 32]), MemberId([2; 32]));
        let first = places.take(ada).unwrap();
        let second = places.take(ada).unwrap();
        assert!(places.take(ada).is_none(), "hers are taken");
        let third = places.take(bo).unwrap();
        assert!(places.take(bo).is_none(), "all are taken");
        drop(first);
        let fourth = places.take(bo).unwrap();
        drop((second, third, fourth));
        assert!(places.taken.lock().by_member.is_empty());
    }
}
