use std::collections::BTreeSet;

use super::*;

fn digest(height: u64) -> sha256::Digest {
    sha256::Digest(Digest::of(&height.to_be_bytes()).0)
}

fn put(above: &mut Above<u64>, durable: u64, height: u64, size: usize) {
    above.put(durable, (height, digest(height)), (height, size));
}

/// The model: which heights are there.
fn there(above: &Above<u64>, durable: u64) -> BTreeSet<u64> {
    (0..=durable).chain(above.heights_above(durable)).collect()
}

/// A few of the numbers that a seed gives.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

#[test]
fn what_is_there_and_what_is_missing_is_as_in_a_plain_set() {
    for seed in 0..200 {
        let (mut numbers, mut above, mut durable) = (Numbers(seed), Above::default(), 0);
        for _ in 0..40 {
            if numbers.below(5) == 0 {
                durable += numbers.below(4);
            }
            put(&mut above, durable, numbers.below(60), 1);
            let there = there(&above, durable);
            for from in 0..64 {
                let mut end = from;
                while there.contains(&(end + 1)) {
                    end += 1;
                }
                let end = there.contains(&from).then_some(end);
                let next = there.range(end.unwrap_or(from) + 1..).next().copied();
                let expected = (end.map(Height::new), next.map(Height::new));
                assert_eq!(above.next_gap(durable, from), expected, "seed {seed}, from {from}");
                let last = there.last().copied().unwrap_or(0);
                let gaps = (from..last).filter(|height| !there.contains(height));
                let gaps: Vec<_> = gaps.take(7).map(Height::new).collect();
                assert_eq!(above.missing(durable, from, 7), gaps, "seed {seed}, from {from}");
            }
        }
    }
}

#[test]
fn what_has_become_durable_is_forgotten_and_does_not_come_back() {
    let mut above = Above::default();
    (1..=10).for_each(|height| put(&mut above, 0, height, 100));
    put(&mut above, 7, 11, 100);
    assert_eq!((above.entries.len(), above.heights.len(), above.bytes), (4, 4, 400));
    put(&mut above, 7, 3, 100);
    assert!(above.get(&Identifier::Index(3)).is_none());
    assert!(above.get(&Identifier::Key(&digest(3))).is_none());
    assert_eq!(above.get(&Identifier::Key(&digest(9))), Some(&9));
}

#[test]
fn without_room_the_highest_go_but_the_very_highest_and_what_comes_next_stay() {
    let mut above = Above::default();
    let size = MAX_ABOVE_BYTES / 100;
    let top = 1_000_000;
    put(&mut above, 0, top, size);
    // A node that is far behind goes down from the top, and up from below.
    for step in 1..=200 {
        put(&mut above, 0, top - step, size);
        put(&mut above, 0, step.min(50), size);
    }
    assert!(above.bytes <= MAX_ABOVE_BYTES);
    assert!(above.get(&Identifier::Index(top)).is_some(), "it goes down from there");
    assert!((1..=50).all(|height| above.get(&Identifier::Index(height)).is_some()));
    assert!(above.get(&Identifier::Index(top - 200)).is_some(), "the way down goes on");
    assert_eq!(above.heights.len(), above.entries.len());
}
