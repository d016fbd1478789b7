//! Value that goes round: a circle of members each of whom paid the next about as much, again and again.

use secnet_types::MemberId;

use super::accounts::Accounts;
use super::flow::Sums;
use super::limits::{MAX_RING, MAX_RING_STEPS, PAIR_ROUNDS, RING_EVEN_PERCENT, RING_ROUNDS};

/// A circle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ring {
    /// In the order of payments, the smallest id first.
    pub members: Vec<MemberId>,
    /// The smallest flow.
    pub amount: u64,
    /// The fewest payments from one to the next.
    pub rounds: u32,
    pub first_ms: u64,
    pub last_ms: u64,
}

/// The shortest circle through the flow from one to another; of several the first by their members' ids.
pub(super) fn find(accounts: &Accounts, from: MemberId, to: MemberId, now_ms: u64) -> Option<Ring> {
    let first = flow(accounts, from, to, now_ms).filter(|_| from != to)?;
    let mut search = Search { accounts, home: from, now_ms, steps: MAX_RING_STEPS };
    let start = Span::of(&first);
    (2..=MAX_RING).find_map(|length| search.close(&mut vec![from, to], length, &start))
}

fn flow(accounts: &Accounts, from: MemberId, to: MemberId, now_ms: u64) -> Option<Sums> {
    let sums = accounts.account(from)?.payees.get(&to)?.sums(now_ms);
    (sums.payments() >= RING_ROUNDS).then_some(sums)
}

/// The flows of a path.
#[derive(Debug, Clone, Copy)]
struct Span {
    least: u64,
    most: u64,
    rounds: u32,
    /// Flows that are mostly for value.
    for_value: usize,
    first_ms: u64,
    last_ms: u64,
}

impl Span {
    fn of(sums: &Sums) -> Self {
        Self {
            least: sums.all(),
            most: sums.all(),
            rounds: sums.payments(),
            for_value: usize::from(sums.earned > sums.given),
            first_ms: sums.first_ms,
            last_ms: sums.last_ms,
        }
    }

    /// With one flow more, if they are still even.
    fn with(&self, sums: &Sums) -> Option<Self> {
        let one = Self::of(sums);
        let both = Self {
            least: self.least.min(one.least),
            most: self.most.max(one.most),
            rounds: self.rounds.min(one.rounds),
            for_value: self.for_value.saturating_add(one.for_value),
            first_ms: self.first_ms.min(one.first_ms),
            last_ms: self.last_ms.max(one.last_ms),
        };
        is_even(both.least, both.most).then_some(both)
    }
}

pub(super) fn is_even(least: u64, most: u64) -> bool {
    u128::from(least) * 100 >= u128::from(most) * u128::from(RING_EVEN_PERCENT)
}

/// Does an even circle count?
///
/// Not if an owner is paid for value with money that came from her by transfers alone: that is judged as farming, which adds
/// up over all who pay her. Nor if everybody is paid for value and they do not all belong to one organisation: that is trade.
pub(super) fn counts(
    members: usize,
    rounds: u32,
    for_value: usize,
    is_one_house: impl FnOnce() -> bool,
) -> bool {
    let farming = for_value == 1 && members <= 3;
    let enough = members > 2 || rounds >= PAIR_ROUNDS;
    enough && !farming && (for_value < members || is_one_house())
}

struct Search<'a> {
    accounts: &'a Accounts,
    home: MemberId,
    now_ms: u64,
    steps: usize,
}

impl Search<'_> {
    /// A circle of so many members that begins with this path.
    fn close(&mut self, path: &mut Vec<MemberId>, length: usize, span: &Span) -> Option<Ring> {
        self.steps = self.steps.checked_sub(1)?;
        let last = *path.last()?;
        if path.len() == length {
            let sums = flow(self.accounts, last, self.home, self.now_ms)?;
            let closed = span.with(&sums)?;
            let counts =
                counts(length, closed.rounds, closed.for_value, || self.is_one_house(path));
            return counts.then(|| ring(path, &closed));
        }
        for (next, flow) in &self.accounts.account(last)?.payees {
            let sums = flow.sums(self.now_ms);
            if sums.payments() < RING_ROUNDS || path.contains(next) {
                continue;
            }
            let Some(longer) = span.with(&sums) else { continue };
            path.push(*next);
            let found = self.close(path, length, &longer);
            path.pop();
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

impl Search<'_> {
    fn is_one_house(&self, path: &[MemberId]) -> bool {
        let mut houses = path.iter().map(|member| self.accounts.account(*member).map(|a| a.house));
        let first = houses.next().flatten();
        first.is_some() && houses.all(|house| house == first)
    }
}

fn ring(path: &[MemberId], span: &Span) -> Ring {
    let mut members = path.to_vec();
    let smallest = (0..).zip(path).min_by_key(|(_, member)| **member);
    members.rotate_left(smallest.map_or(0, |(place, _)| place));
    Ring {
        members,
        amount: span.least,
        rounds: span.rounds,
        first_ms: span.first_ms,
        last_ms: span.last_ms,
    }
}
