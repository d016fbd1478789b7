//! What one account paid another within the window.

use super::limits::{BIN_MS, BINS, JUST_BELOW_PERCENT, LOWEST_ROUND, MAX_RECENT};
use secnet_types::MemberId;

/// For what it was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// Nothing that the ledger knows of: a transfer.
    Nothing,
    /// A use of data, or a rule.
    Value,
}

/// One payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Payment {
    pub from: MemberId,
    pub to: MemberId,
    pub amount: u64,
    pub paid: For,
    pub at_ms: u64,
    pub index: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bin {
    number: u64,
    sums: Sums,
}

/// Payments added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sums {
    /// Transferred.
    pub given: u64,
    /// Transfers.
    pub gifts: u32,
    /// Transfers just below a round amount, and their sum.
    pub below: u32,
    pub below_sum: u64,
    /// Paid for value.
    pub earned: u64,
    /// Payments for value.
    pub uses: u32,
    pub first_ms: u64,
    pub last_ms: u64,
}

impl Sums {
    pub(super) const fn all(&self) -> u64 {
        self.given.saturating_add(self.earned)
    }

    pub(super) const fn payments(&self) -> u32 {
        self.gifts.saturating_add(self.uses)
    }

    pub(super) fn plus(self, other: &Self) -> Self {
        if other.payments() == 0 {
            return self;
        }
        let first_ms = match self.payments() {
            0 => other.first_ms,
            _ => self.first_ms.min(other.first_ms),
        };
        Self {
            given: self.given.saturating_add(other.given),
            gifts: self.gifts.saturating_add(other.gifts),
            below: self.below.saturating_add(other.below),
            below_sum: self.below_sum.saturating_add(other.below_sum),
            earned: self.earned.saturating_add(other.earned),
            uses: self.uses.saturating_add(other.uses),
            first_ms,
            last_ms: self.last_ms.max(other.last_ms),
        }
    }

    fn of(payment: &Payment) -> Self {
        let one = Self { first_ms: payment.at_ms, last_ms: payment.at_ms, ..Self::default() };
        match payment.paid {
            For::Value => Self { earned: payment.amount, uses: 1, ..one },
            For::Nothing => {
                let below = is_just_below(payment.amount);
                let below_sum = if below { payment.amount } else { 0 };
                Self { given: payment.amount, gifts: 1, below: below.into(), below_sum, ..one }
            }
        }
    }
}

/// All that one account paid another, as far as it is in the window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Flow {
    bins: Vec<Bin>,
    /// Index and time of the newest payments.
    recent: Vec<(u64, u64)>,
}

impl Flow {
    pub(super) fn add(&mut self, payment: &Payment) {
        let (number, added) = (payment.at_ms / BIN_MS, Sums::of(payment));
        self.bins.retain(|bin| is_recent(bin.number, payment.at_ms));
        match self.bins.last_mut().filter(|bin| bin.number == number) {
            Some(bin) => bin.sums = bin.sums.plus(&added),
            None => self.bins.push(Bin { number, sums: added }),
        }
        if self.recent.len() >= MAX_RECENT {
            self.recent.remove(0);
        }
        self.recent.push((payment.index, payment.at_ms));
    }

    pub(super) fn sums(&self, now_ms: u64) -> Sums {
        let bins = self.bins.iter().filter(|bin| is_recent(bin.number, now_ms));
        bins.fold(Sums::default(), |sum, bin| sum.plus(&bin.sums))
    }

    /// The newest events in the window.
    pub(super) fn events(&self, now_ms: u64) -> impl Iterator<Item = u64> {
        let recent = self.recent.iter();
        recent.filter(move |(_, at)| is_recent(at / BIN_MS, now_ms)).map(|(index, _)| *index)
    }
}

/// Does a bin lie in the window that ends now?
pub(super) const fn is_recent(bin: u64, now_ms: u64) -> bool {
    bin.saturating_add(BINS) > now_ms / BIN_MS
}

/// Is it just below ten units, or a hundred, or a thousand, ...?
pub(super) fn is_just_below(amount: u64) -> bool {
    let mut round = LOWEST_ROUND;
    while round <= amount {
        let Some(next) = round.checked_mul(10) else { return false };
        round = next;
    }
    u128::from(amount) * 100 >= u128::from(round) * u128::from(JUST_BELOW_PERCENT)
}
