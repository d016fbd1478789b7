//! What is known of one member.

use std::collections::{BTreeMap, VecDeque};

use secnet_types::{DecisionId, GrantId, MemberId};

use super::drain::Drained;
use super::flow::{Flow, Payment};
use super::habit::Habit;
use super::limits::{MAX_GRANTS_USED, MAX_PAYEES};
use super::{Irregularity, split::UsedUp};

/// Numbers that weigh as much as a payee or a grant.
const SMALL_IN_ONE_UNIT: usize = 32;

/// One member, and what it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    /// The organisation that vouches for it, or itself.
    pub house: MemberId,
    pub organisation: bool,
    pub payees: BTreeMap<MemberId, Flow>,
    /// Grants on its data that are looked after, the oldest first.
    pub grants: VecDeque<GrantId>,
    /// Charges to it that are not paid out, the oldest first.
    pub charges: VecDeque<DecisionId>,
    pub habit: Habit,
    pub drained: Vec<Drained>,
    /// Grants that it used, and when for the last time; the oldest first.
    used: Vec<(u64, u64)>,
    pub used_up: Vec<UsedUp>,
    /// When each kind was last found of it.
    pub found: BTreeMap<Irregularity, u64>,
}

impl Account {
    pub(super) const fn new(house: MemberId, organisation: bool) -> Self {
        Self {
            house,
            organisation,
            payees: BTreeMap::new(),
            grants: VecDeque::new(),
            charges: VecDeque::new(),
            habit: Habit::new(),
            drained: Vec::new(),
            used: Vec::new(),
            used_up: Vec::new(),
            found: BTreeMap::new(),
        }
    }

    /// What remembering it takes, in units of about a kilobyte.
    pub(super) fn weight(&self) -> usize {
        let small = self.used.len().saturating_add(self.habit.remembered()) / SMALL_IN_ONE_UNIT;
        let parts = [
            self.payees.len(),
            self.grants.len(),
            self.charges.len(),
            self.drained.len(),
            self.used_up.len(),
        ];
        parts.into_iter().fold(small.saturating_add(1), usize::saturating_add)
    }

    /// It pays. Beyond the limit the payee with least money in the window is forgotten.
    pub(super) fn pay(&mut self, payment: &Payment) {
        self.payees.entry(payment.to).or_default().add(payment);
        if self.payees.len() > MAX_PAYEES {
            let sums = self.payees.iter().map(|(to, flow)| (flow.sums(payment.at_ms).all(), *to));
            if let Some((_, least)) = sums.min() {
                self.payees.remove(&least);
            }
        }
    }

    /// It uses a grant.
    pub(super) fn use_grant(&mut self, grant: GrantId, at_ms: u64) {
        let name = short(grant.as_bytes());
        self.used.retain(|(other, _)| *other != name);
        if self.used.len() >= MAX_GRANTS_USED {
            self.used.remove(0);
        }
        self.used.push((name, at_ms));
    }

    /// How many different grants it used from a moment on.
    pub(super) fn grants_used_since(&self, from_ms: u64) -> usize {
        self.used.iter().filter(|(_, at)| *at >= from_ms).count()
    }
}

/// The first eight bytes of an id: enough to count different ones.
pub(super) fn short(id: &[u8]) -> u64 {
    id.iter().take(8).fold(0, |name, byte| name << 8 | u64::from(*byte))
}
