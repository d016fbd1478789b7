//! What each feature adds to a score: exact Shapley values against the model's ordinary request.
//!
//! The game: a feature's value is that of the request, or that of the ordinary one. For one leaf of one tree, let A be the
//! features on its way that only the request's values let through, B those that only the ordinary ones do, a and b their
//! numbers. The leaf is reached by exactly those coalitions that have all of A and none of B, so of its points each of A is due
//! 1 / (a * C(a+b, a)) and each of B loses 1 / (b * C(a+b, b)). Ways are at most [`MAX_DEPTH`] long, so all of these are whole
//! numbers of 1/840 (the least common multiple of 1 to 8), and the sums are exact.

use std::collections::BTreeMap;

use secnet_types::{Feature, FeatureValue, FeatureVector};

use super::trees::{MAX_DEPTH, Next, Tree, of, values};
use super::{Learnt, LearntParts};

/// The least common multiple of the numbers up to [`MAX_DEPTH`].
const PARTS: i64 = 840;
const _: () = assert!(MAX_DEPTH == 8);

/// What one feature adds to a score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Which feature.
    pub feature: Feature,
    /// What it is; none if it is absent.
    pub value: Option<FeatureValue>,
    /// What it is in an ordinary request.
    pub ordinary: Option<FeatureValue>,
    /// What it adds, in 840ths of a score unit. All shares together are the score less that of the ordinary request.
    pub parts: i64,
}

impl Share {
    /// What it adds in score units, rounded towards nothing.
    #[must_use]
    pub const fn points(&self) -> i64 {
        self.parts / PARTS
    }
}

impl Learnt {
    /// What each feature adds to the score, most first; those that add or take nothing are left out.
    #[must_use]
    pub fn shares(&self, facts: &FeatureVector) -> Vec<Share> {
        let parts = self.parts();
        let game =
            Game { parts, request: values(parts, facts), ordinary: values(parts, &parts.ordinary) };
        let mut sums: BTreeMap<Feature, i64> = BTreeMap::new();
        for tree in &parts.trees {
            game.walk(tree, Next::Node(0), &mut Vec::new(), &mut sums);
        }
        let share = |(feature, parts): (Feature, i64)| Share {
            feature,
            value: facts.value(feature).cloned(),
            ordinary: self.parts().ordinary.value(feature).cloned(),
            parts,
        };
        let mut shares: Vec<Share> =
            sums.into_iter().filter(|(_, parts)| *parts != 0).map(share).collect();
        shares.sort_by_key(|share| (core::cmp::Reverse(share.parts), share.feature));
        shares
    }
}

/// A feature on the way to a leaf: do the request's values, and the ordinary ones, go this way?
type Passed = (Feature, bool, bool);

struct Game<'a> {
    parts: &'a LearntParts,
    request: Vec<Option<i64>>,
    ordinary: Vec<Option<i64>>,
}

impl Game<'_> {
    /// INVARIANT: trees are at most MAX_DEPTH deep.
    fn walk(
        &self,
        tree: &Tree,
        next: Next,
        way: &mut Vec<Passed>,
        sums: &mut BTreeMap<Feature, i64>,
    ) {
        let node = match next {
            Next::Leaf(points) => return pay(points, way, sums),
            Next::Node(index) => tree.node(index),
        };
        let place = node.and_then(|node| usize::try_from(node.input).ok());
        let input = place.and_then(|place| self.parts.inputs.get(place));
        let (Some(node), Some(input)) = (node, input) else { return };
        let feature = input.feature();
        let request = node.goes_left(of(&self.request, node.input));
        let ordinary = node.goes_left(of(&self.ordinary, node.input));
        for left in [true, false] {
            let before = way.clone();
            let (mut with, mut without) = (request == left, ordinary == left);
            match way.iter_mut().find(|(passed, ..)| *passed == feature) {
                Some(passed) => {
                    with &= passed.1;
                    without &= passed.2;
                    *passed = (feature, with, without);
                }
                None => way.push((feature, with, without)),
            }
            // What neither value lets through no coalition reaches.
            if with || without {
                self.walk(tree, node.side(left), way, sums);
            }
            *way = before;
        }
    }
}

/// Share out the points of one leaf.
fn pay(points: i64, way: &[Passed], sums: &mut BTreeMap<Feature, i64>) {
    let count = |which: fn(&Passed) -> bool| way.iter().filter(|passed| which(passed)).count();
    let only_request = count(|(_, with, without)| *with && !*without);
    let only_ordinary = count(|(_, with, without)| !*with && *without);
    let (a, b) = (long(only_request), long(only_ordinary));
    let ways = choose(a + b, a);
    for (feature, with, without) in way {
        let due = match (with, without) {
            (true, false) => PARTS / (a * ways),
            (false, true) => -(PARTS / (b * ways)),
            _ => continue,
        };
        *sums.entry(*feature).or_default() += points * due;
    }
}

fn long(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// How many ways there are to choose `k` of `n`, for `n` up to [`MAX_DEPTH`].
fn choose(n: i64, k: i64) -> i64 {
    (1..=k).fold(1, |ways, i| ways * (n - k + i) / i)
}
