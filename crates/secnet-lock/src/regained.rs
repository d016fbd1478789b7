//! After a handover: the former nodes' shares, put together again from what the new nodes sent, and who sent or dealt something
//! else.

use std::collections::{BTreeMap, BTreeSet};

use secnet_crypto::{
    Share, Zeroizing,
    shares::{scale_add, weights},
};
use secnet_types::Digest;

use crate::{limits, release::Received};

/// What came of one former node's share of a record.
pub(crate) struct Column<'r> {
    pub(crate) dealer: u8,
    /// How many points put it together.
    threshold: usize,
    /// How many such shares make `b`; 0 if the entry commits to each.
    pub(crate) of: u8,
    points: Vec<&'r Received>,
}

/// A former node's share.
pub(crate) struct Regained {
    pub(crate) share: Share,
    pub(crate) salt: [u8; 32],
}

/// Everything that came by handovers, by dealer; and who says something else of them than most.
pub(crate) fn columns(received: &[Received]) -> (Vec<Column<'_>>, BTreeSet<Digest>) {
    let mut said: BTreeMap<u8, BTreeMap<(u8, u8), Vec<&Received>>> = BTreeMap::new();
    for one in received {
        if let Some((dealer, threshold, of)) = one.dealt {
            said.entry(dealer).or_default().entry((threshold, of)).or_default().push(one);
        }
    }
    let (mut columns, mut faulty) = (Vec::new(), BTreeSet::new());
    for (dealer, mut kinds) in said {
        let most = kinds.iter().max_by_key(|(_, points)| points.len()).map(|(kind, _)| *kind);
        let Some((threshold, of)) = most else { continue };
        let points = kinds.remove(&(threshold, of)).unwrap_or_default();
        faulty.extend(kinds.into_values().flatten().map(|one| one.node));
        columns.push(Column { dealer, threshold: threshold.into(), of, points });
    }
    (columns, faulty)
}

impl Column<'_> {
    /// Points that came, and how many it takes.
    pub(crate) fn tally(&self) -> (usize, u8) {
        (self.points.len(), u8::try_from(self.threshold).unwrap_or(u8::MAX))
    }

    pub(crate) fn is_enough(&self) -> bool {
        self.threshold > 0 && self.points.len() >= self.threshold
    }

    /// The share that `is_right`, from any points that give it, and who sent points that do not fit to it.
    pub(crate) fn regain(
        &self,
        is_right: impl Fn(&Regained) -> bool,
    ) -> Option<(Regained, BTreeSet<Digest>)> {
        choices(self.points.len(), self.threshold).take(limits::MAX_CHOICES).find_map(|chosen| {
            let chosen: Vec<&Received> =
                chosen.iter().filter_map(|at| self.points.get(*at).copied()).collect();
            let share = self.from(&chosen)?;
            is_right(&share).then(|| (share, self.beside(&chosen)))
        })
    }

    /// The share that these nodes' points give.
    fn of_nodes(&self, nodes: &BTreeSet<Digest>) -> Option<(Regained, Vec<&Received>)> {
        let chosen: Vec<&Received> =
            self.points.iter().copied().filter(|point| nodes.contains(&point.node)).collect();
        Some((self.from(&chosen)?, chosen))
    }

    fn from(&self, points: &[&Received]) -> Option<Regained> {
        if points.len() != self.threshold {
            return None;
        }
        let (share, salt) = at(points, 0)?;
        Some(Regained { share: Share { index: self.dealer, value: *share }, salt: *salt })
    }

    /// Who sent points that are not on the polynomial through these.
    fn beside(&self, chosen: &[&Received]) -> BTreeSet<Digest> {
        let fits = |point: &Received| {
            at(chosen, point.share.index)
                .is_some_and(|(share, salt)| *share == point.share.value && *salt == point.salt)
        };
        self.points.iter().filter(|point| !fits(point)).map(|point| point.node).collect()
    }
}

/// What makes `b`, if no commitment says which former share is right: `opens` does.
pub(crate) struct Opened<T> {
    pub(crate) value: T,
    /// Nodes that sent points which do not fit to it.
    pub(crate) faulty: BTreeSet<Digest>,
    /// Former nodes whose share does not fit to it.
    pub(crate) misdealt: Vec<u8>,
}

/// Tries nodes and former nodes until what they give opens.
pub(crate) fn search<T>(
    columns: &[Column<'_>],
    opens: impl Fn(&[Share]) -> Option<T>,
) -> Option<Opened<T>> {
    let first = columns.first()?;
    let nodes: Vec<Digest> = {
        let all = columns.iter().flat_map(|column| &column.points).map(|point| point.node);
        all.collect::<BTreeSet<_>>().into_iter().collect()
    };
    let mut left = limits::MAX_CHOICES;
    for answered in choices(nodes.len(), first.threshold) {
        let answered = answered.iter().filter_map(|at| nodes.get(*at).copied()).collect();
        let regained: Vec<(&Column<'_>, Regained, Vec<&Received>)> = columns
            .iter()
            .filter_map(|column| {
                let (share, chosen) = column.of_nodes(&answered)?;
                Some((column, share, chosen))
            })
            .collect();
        for dealers in choices(regained.len(), first.of.into()) {
            left = left.checked_sub(1)?;
            let used: Vec<_> = dealers.iter().filter_map(|at| regained.get(*at)).collect();
            let shares: Vec<Share> = used.iter().map(|(_, it, _)| it.share.clone()).collect();
            let Some(value) = opens(&shares) else { continue };
            let faulty = used.iter().flat_map(|(column, _, chosen)| column.beside(chosen));
            let fits = |share: &Share| on(&shares, share.index).is_some_and(|v| *v == share.value);
            let wrong = regained.iter().filter(|(_, it, _)| !fits(&it.share));
            return Some(Opened {
                value,
                faulty: faulty.collect(),
                misdealt: wrong.map(|(column, ..)| column.dealer).collect(),
            });
        }
    }
    None
}

type Value = Zeroizing<[u8; 32]>;

/// Share and salt at `x` of the polynomials through these points.
fn at(points: &[&Received], x: u8) -> Option<(Value, Value)> {
    let indices: Vec<u8> = points.iter().map(|point| point.share.index).collect();
    let (mut share, mut salt) = (Zeroizing::new([0; 32]), Zeroizing::new([0; 32]));
    for (point, weight) in points.iter().zip(weights(&indices, x).ok()?) {
        scale_add(&mut share, &point.share.value, weight);
        scale_add(&mut salt, &point.salt, weight);
    }
    Some((share, salt))
}

/// The value at `x` of the polynomial through these shares.
fn on(shares: &[Share], x: u8) -> Option<Value> {
    let indices: Vec<u8> = shares.iter().map(|share| share.index).collect();
    let mut value = Zeroizing::new([0; 32]);
    for (share, weight) in shares.iter().zip(weights(&indices, x).ok()?) {
        scale_add(&mut value, &share.value, weight);
    }
    Some(value)
}

/// Every way to choose `some` of the numbers below `all`, in order.
fn choices(all: usize, some: usize) -> impl Iterator<Item = Vec<usize>> {
    let first = (some > 0 && some <= all).then(|| (0..some).collect::<Vec<usize>>());
    std::iter::successors(first, move |chosen| {
        let mut next = chosen.clone();
        // The last that can still go up does, and those behind it follow at once.
        let mut most = (0..some).rev().zip((0..all).rev());
        let (at, _) = most.find(|(at, most)| next.get(*at) < Some(most))?;
        let from = next.get(at)?.saturating_add(1);
        for (chosen, value) in next.iter_mut().skip(at).zip(from..) {
            *chosen = value;
        }
        Some(next)
    })
}

#[cfg(test)]
mod tests {
    use super::choices;

    #[test]
    fn every_choice_comes_once() {
        let all: Vec<_> = choices(4, 2).collect();
        assert_eq!(all, [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]);
        assert_eq!(choices(3, 3).count(), 1);
        assert_eq!(choices(7, 5).count(), 21);
        assert_eq!(choices(2, 3).count() + choices(3, 0).count(), 0);
    }
}
