//! All accounts that are remembered, within one weight. Too much costs the heaviest house what it touched longest ago.

use std::collections::{BTreeMap, BTreeSet};

use secnet_types::{MemberId, MemberKind};

use super::Admission;
use super::account::Account;
use super::limits::{MAX_FINDINGS_OF_HOUSE, QUIET_MS};

/// An organisation and those it vouches for, or a member that nobody vouches for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct House {
    weight: usize,
    /// Members by when they were touched last.
    order: BTreeSet<(u64, MemberId)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    account: Account,
    touched: u64,
    weight: usize,
}

/// Findings of a house that were told, since when.
type Told = (u64, u32);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Accounts {
    entries: BTreeMap<MemberId, Entry>,
    houses: BTreeMap<MemberId, House>,
    heaviest: BTreeSet<(usize, MemberId)>,
    told: BTreeMap<MemberId, Told>,
    weight: usize,
    limit: usize,
}

impl Accounts {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            entries: BTreeMap::new(),
            houses: BTreeMap::new(),
            heaviest: BTreeSet::new(),
            told: BTreeMap::new(),
            weight: 0,
            limit,
        }
    }

    pub(super) const fn weight(&self) -> usize {
        self.weight
    }

    pub(super) fn account(&self, member: MemberId) -> Option<&Account> {
        self.entries.get(&member).map(|entry| &entry.account)
    }

    /// Change what is known of a member, and note that it was touched at this event.
    pub(super) fn change<T>(
        &mut self,
        (member, admission): (MemberId, Admission),
        index: u64,
        change: impl FnOnce(&mut Account) -> T,
    ) -> T {
        let house = admission.voucher.unwrap_or(member);
        let organisation = admission.kind == MemberKind::Organisation;
        let fresh =
            || Entry { account: Account::new(house, organisation), touched: index, weight: 0 };
        let entry = self.entries.entry(member).or_insert_with(fresh);
        let changed = change(&mut entry.account);
        let before = (entry.weight, entry.touched);
        (entry.weight, entry.touched) = (entry.account.weight(), index);
        let now = entry.weight;
        self.weight = self.weight.saturating_sub(before.0).saturating_add(now);
        self.weigh(house, |house| {
            house.weight = house.weight.saturating_sub(before.0).saturating_add(now);
            house.order.remove(&(before.1, member));
            house.order.insert((index, member));
        });
        changed
    }

    /// Forget an account if all together are too much.
    pub(super) fn shed(&mut self) -> Option<Account> {
        if self.weight <= self.limit {
            return None;
        }
        let (_, heaviest) = self.heaviest.last().copied()?;
        let (_, member) = self.houses.get(&heaviest)?.order.first().copied()?;
        let entry = self.entries.remove(&member)?;
        self.weight = self.weight.saturating_sub(entry.weight);
        self.weigh(heaviest, |house| {
            house.weight = house.weight.saturating_sub(entry.weight);
            house.order.remove(&(entry.touched, member));
        });
        Some(entry.account)
    }

    /// May one more finding be told about one of these houses? It counts for those that had room.
    pub(super) fn may_tell(&mut self, houses: &BTreeSet<MemberId>, now_ms: u64) -> bool {
        self.told.retain(|_, (since, _)| now_ms.saturating_sub(*since) < QUIET_MS);
        let mut room = false;
        for house in houses {
            let (_, count) = self.told.entry(*house).or_insert((now_ms, 0));
            if *count < MAX_FINDINGS_OF_HOUSE {
                *count = count.saturating_add(1);
                room = true;
            }
        }
        room
    }

    fn weigh(&mut self, id: MemberId, change: impl FnOnce(&mut House)) {
        let house = self.houses.entry(id).or_default();
        self.heaviest.remove(&(house.weight, id));
        change(house);
        if house.order.is_empty() {
            self.houses.remove(&id);
        } else {
            self.heaviest.insert((house.weight, id));
        }
    }
}
