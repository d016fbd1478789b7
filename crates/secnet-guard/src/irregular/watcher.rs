//! The log, event by event.

use std::collections::{BTreeMap, BTreeSet};

use secnet_types::{
    Amount, Cause, DecisionId, Effect, Event, MemberId, MemberKind, Timestamp, Verdict,
};

use super::account::Account;
use super::accounts::Accounts;
use super::acts::{acted, uses_of};
use super::drain::{NewGrants, Use};
use super::flow::{For, Payment};
use super::limits::{
    DRAINS, DRAINS_WITHIN_MS, MAX_CHARGES, MAX_GRANTS_USED, MAX_NEW_GRANTS, MAX_WEIGHT, QUIET_MS,
    SPLIT_GRANTS, SPLIT_TRANSFERS,
};
use super::{Admission, Entry, Finding, Irregularity, farming, ring, split};

/// Watches the log for irregular dealings. It only tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watcher {
    accounts: Accounts,
    grants: NewGrants,
    /// Who pays for decisions whose price is held.
    charges: BTreeMap<DecisionId, MemberId>,
}

impl Default for Watcher {
    fn default() -> Self {
        Self::within(MAX_WEIGHT)
    }
}

/// What one event leads to.
struct Step<'a> {
    index: u64,
    at_ms: u64,
    admitted: &'a dyn Fn(MemberId) -> Option<Admission>,
    /// Who paid whom.
    paid: BTreeSet<(MemberId, MemberId, bool)>,
    settled: Vec<DecisionId>,
    found: Vec<Finding>,
}

impl Watcher {
    /// One that remembers less, or more.
    #[must_use]
    pub fn within(weight: usize) -> Self {
        Self {
            accounts: Accounts::new(weight),
            grants: NewGrants::default(),
            charges: BTreeMap::new(),
        }
    }

    /// Accounts, payees, new grants and open charges that are remembered together.
    #[must_use]
    pub const fn weight(&self) -> usize {
        self.accounts.weight()
    }

    /// New grants and open charges that are looked up by their ids; they are part of the weight.
    #[must_use]
    pub fn listed(&self) -> (usize, usize) {
        (self.grants.len(), self.charges.len())
    }

    /// Is the operation needed to understand the event?
    #[must_use]
    pub fn wants_operation(event: &Event) -> bool {
        event.effects.iter().any(|effect| matches!(effect, Effect::Granted { .. }))
    }

    /// Take the next event of the log into account: what it completes. `admitted` knows the members.
    pub fn observe(
        &mut self,
        entry: &Entry<'_>,
        admitted: &dyn Fn(MemberId) -> Option<Admission>,
    ) -> Vec<Finding> {
        let mut step = Step {
            index: entry.index,
            at_ms: entry.event.time.0,
            admitted,
            paid: BTreeSet::new(),
            settled: Vec::new(),
            found: Vec::new(),
        };
        self.look_again(&mut step);
        for effect in &entry.event.effects {
            self.money(&mut step, effect);
            self.consent(&mut step, effect, entry);
            self.act(&mut step, effect, &entry.event.cause);
        }
        for decision in core::mem::take(&mut step.settled) {
            self.close(&mut step, decision);
        }
        self.judge_payments(&mut step);
        let found = core::mem::take(&mut step.found);
        let told = found.into_iter().filter_map(|finding| self.told(&step, finding)).collect();
        self.shed();
        told
    }

    /// Stay within the limit.
    fn shed(&mut self) {
        while let Some(account) = self.accounts.shed() {
            account.grants.iter().for_each(|grant| self.grants.forget(*grant));
            for charge in &account.charges {
                self.charges.remove(charge);
            }
        }
    }

    fn change<T>(
        &mut self,
        step: &Step<'_>,
        member: MemberId,
        change: impl FnOnce(&mut Account) -> T,
    ) -> T {
        self.accounts.change((member, step.admission(member)), step.index, change)
    }

    fn money(&mut self, step: &mut Step<'_>, effect: &Effect) {
        match effect {
            Effect::Charged { decision, from, .. } => {
                self.charges.insert(*decision, *from);
                let surplus = self.change(step, *from, |account| {
                    account.charges.push_back(*decision);
                    if account.charges.len() > MAX_CHARGES {
                        account.charges.pop_front()
                    } else {
                        None
                    }
                });
                surplus.map(|decision| self.charges.remove(&decision));
            }
            Effect::Paid { decision, to, amount } => {
                if let Some(from) = self.charges.get(decision).copied() {
                    self.pay(step, (from, *to), *amount, For::Value);
                }
                step.settled.push(*decision);
            }
            Effect::Refunded { decision, .. } => step.settled.push(*decision),
            Effect::Transferred { from, to, amount } => {
                self.pay(step, (*from, *to), *amount, For::Nothing);
            }
            Effect::RuleBought { buyer, seller, price, fee, .. } => {
                let net = price.minus(*fee).unwrap_or(*price);
                self.pay(step, (*buyer, *seller), net, For::Value);
            }
            _ => {}
        }
    }

    fn pay(
        &mut self,
        step: &mut Step<'_>,
        (from, to): (MemberId, MemberId),
        amount: Amount,
        paid: For,
    ) {
        let payment =
            Payment { from, to, amount: amount.0, paid, at_ms: step.at_ms, index: step.index };
        self.change(step, from, |account| account.pay(&payment));
        step.paid.insert((from, to, paid == For::Value));
    }

    fn close(&mut self, step: &mut Step<'_>, decision: DecisionId) {
        if let Some(payer) = self.charges.remove(&decision) {
            self.change(step, payer, |account| account.charges.retain(|other| *other != decision));
        }
    }

    fn consent(&mut self, step: &mut Step<'_>, effect: &Effect, entry: &Entry<'_>) {
        match effect {
            Effect::Granted { grant, dataset, by } => {
                let limit = entry.operation.and_then(uses_of);
                self.grants.begin(*grant, (*by, *dataset), limit, step.at_ms);
                let surplus = self.change(step, *by, |account| {
                    account.grants.push_back(*grant);
                    if account.grants.len() > MAX_NEW_GRANTS {
                        account.grants.pop_front()
                    } else {
                        None
                    }
                });
                if let Some(grant) = surplus {
                    self.grants.forget(grant);
                }
            }
            Effect::Decided {
                requester,
                verdict: Verdict::Allow { grant, price, records, .. },
                ..
            } => {
                let (by, at_ms, index) = (*requester, step.at_ms, step.index);
                let used = Use { by, records: *records, price: price.0, at_ms, index };
                self.change(step, by, |account| account.use_grant(*grant, at_ms));
                let used_up =
                    self.grants.count(*grant, &used).and_then(|g| split::used_up(g, index));
                if let Some(used_up) = used_up {
                    self.used_up(step, by, used_up);
                }
            }
            _ => {}
        }
    }

    fn used_up(&mut self, step: &mut Step<'_>, by: MemberId, used_up: split::UsedUp) {
        let (dataset, at_ms, index) = (used_up.dataset, step.at_ms, step.index);
        let finding = self.change(step, by, |account| {
            push_within(&mut account.used_up, used_up);
            let recent = split::of_dataset(&account.used_up, dataset, at_ms);
            let first = recent.iter().map(|one| one.made_ms).min()?;
            (recent.len() >= SPLIT_GRANTS).then(|| Finding {
                kind: Irregularity::SplitGrants,
                members: vec![by],
                events: recent.iter().map(|one| one.event).collect(),
                amount: Amount(recent.iter().fold(0, |sum, one| one.paid.saturating_add(sum))),
                count: recent.len() as u64,
                from: Timestamp(first),
                until: Timestamp(at_ms),
                found_at: index,
            })
        });
        step.found.extend(finding);
    }

    /// Grants whose silence is over.
    fn look_again(&mut self, step: &mut Step<'_>) {
        while let Some((id, grant)) = self.grants.due(step.at_ms) {
            self.change(step, grant.owner, |account| account.grants.retain(|other| *other != id));
            let Some((user, drained)) = grant.drained() else { continue };
            let (at_ms, index) = (step.at_ms, step.index);
            let finding = self.change(step, user, |account| {
                push_within(&mut account.drained, drained);
                let since = at_ms.saturating_sub(DRAINS_WITHIN_MS);
                account.drained.retain(|one| one.made_ms >= since);
                let all = &account.drained;
                let owners: BTreeSet<MemberId> = all.iter().map(|one| one.owner).collect();
                let mostly = all.len().saturating_mul(2) >= account.grants_used_since(since);
                (owners.len() >= DRAINS && mostly).then(|| Finding {
                    kind: Irregularity::Drain,
                    members: vec![user],
                    events: all.iter().flat_map(|one| one.events.iter().copied()).collect(),
                    amount: Amount(all.iter().fold(0, |sum, one| one.paid.saturating_add(sum))),
                    count: all.len() as u64,
                    from: Timestamp(all.iter().map(|one| one.made_ms).min().unwrap_or(at_ms)),
                    until: Timestamp(all.iter().map(|one| one.last_ms).max().unwrap_or(at_ms)),
                    found_at: index,
                })
            });
            step.found.extend(finding);
        }
    }

    fn act(&mut self, step: &mut Step<'_>, effect: &Effect, cause: &Cause) {
        if let Effect::MemberAdmitted { member, .. } = effect {
            let at_ms = step.at_ms;
            self.change(step, *member, |account| account.habit.begin(at_ms));
        }
        let Some((actor, object)) = acted(effect, cause) else { return };
        let (at_ms, index) = (step.at_ms, step.index);
        let woke = self.change(step, actor, |account| account.habit.act(object, at_ms, index));
        step.found.extend(woke.map(|waking| Finding {
            kind: Irregularity::Waking,
            members: vec![actor],
            count: waking.objects.len() as u64,
            events: waking.events,
            amount: Amount::ZERO,
            from: Timestamp(waking.since_ms),
            until: Timestamp(at_ms),
            found_at: index,
        }));
    }

    /// Each flow that grew, once.
    fn judge_payments(&mut self, step: &mut Step<'_>) {
        let mut owners = BTreeSet::new();
        for (from, to, for_value) in core::mem::take(&mut step.paid) {
            step.found.extend(self.ring(step, from, to));
            if for_value {
                owners.insert(to);
            } else {
                step.found.extend(self.split_transfers(step, from, to));
                owners.extend(farming::owners_behind(&self.accounts, from, to));
            }
        }
        for owner in owners {
            step.found.extend(self.farming(step, owner));
        }
    }

    fn ring(&self, step: &Step<'_>, from: MemberId, to: MemberId) -> Option<Finding> {
        let ring = ring::find(&self.accounts, from, to, step.at_ms)?;
        let next = ring.members.iter().cycle().skip(1);
        let hops: Vec<(MemberId, MemberId)> =
            ring.members.iter().zip(next).map(|(from, to)| (*from, *to)).collect();
        Some(Finding {
            kind: Irregularity::Ring,
            events: self.events(&hops, step.at_ms),
            members: ring.members,
            amount: Amount(ring.amount),
            count: ring.rounds.into(),
            from: Timestamp(ring.first_ms),
            until: Timestamp(ring.last_ms),
            found_at: step.index,
        })
    }

    fn farming(&self, step: &Step<'_>, owner: MemberId) -> Option<Finding> {
        let farm = farming::of(&self.accounts, owner, step.at_ms)?;
        let hops: Vec<(MemberId, MemberId)> =
            farm.payers.keys().flat_map(|payer| [(owner, *payer), (*payer, owner)]).collect();
        let others = farm.payers.keys().filter(|payer| **payer != owner);
        Some(Finding {
            kind: Irregularity::Farming,
            members: core::iter::once(&owner).chain(others).copied().collect(),
            events: self.events(&hops, step.at_ms),
            amount: Amount(farm.sums.earned),
            count: farm.sums.uses.into(),
            from: Timestamp(farm.sums.first_ms),
            until: Timestamp(farm.sums.last_ms),
            found_at: step.index,
        })
    }

    fn split_transfers(&self, step: &Step<'_>, from: MemberId, to: MemberId) -> Option<Finding> {
        let flow = self.accounts.account(from)?.payees.get(&to)?;
        let sums = flow.sums(step.at_ms);
        let mostly = sums.below.saturating_mul(2) >= sums.gifts;
        (sums.below >= SPLIT_TRANSFERS && mostly).then(|| Finding {
            kind: Irregularity::SplitTransfers,
            members: vec![from, to],
            events: flow.events(step.at_ms).collect(),
            amount: Amount(sums.below_sum),
            count: sums.below.into(),
            from: Timestamp(sums.first_ms),
            until: Timestamp(sums.last_ms),
            found_at: step.index,
        })
    }

    fn events(&self, hops: &[(MemberId, MemberId)], now_ms: u64) -> Vec<u64> {
        let flow = |(from, to): &(MemberId, MemberId)| {
            self.accounts.account(*from).and_then(|account| account.payees.get(to))
        };
        hops.iter().filter_map(flow).flat_map(|flow| flow.events(now_ms)).collect()
    }

    /// A finding, unless all that it is about have been found so lately, or about their houses too much is told already.
    fn told(&mut self, step: &Step<'_>, finding: Finding) -> Option<Finding> {
        let (kind, now_ms) = (finding.kind, step.at_ms);
        // Of these two, the one whose doing it is; of a circle all.
        let about = match kind {
            Irregularity::Ring => finding.members.as_slice(),
            _ => finding.members.get(..1)?,
        };
        let is_new = |member: &MemberId| {
            let last = self.accounts.account(*member).and_then(|account| account.found.get(&kind));
            last.is_none_or(|last| now_ms.saturating_sub(*last) >= QUIET_MS)
        };
        if !about.iter().any(is_new) {
            return None;
        }
        for member in about {
            self.change(step, *member, |account| account.found.insert(kind, now_ms));
        }
        let house = |member: &MemberId| step.admission(*member).voucher.unwrap_or(*member);
        let houses: BTreeSet<MemberId> = about.iter().map(house).collect();
        self.accounts.may_tell(&houses, now_ms).then(|| finding.tidy())
    }
}

impl Step<'_> {
    fn admission(&self, member: MemberId) -> Admission {
        let unknown = Admission { kind: MemberKind::Person, voucher: None };
        (self.admitted)(member).unwrap_or(unknown)
    }
}

/// Remember one more, and forget the oldest for it.
fn push_within<T>(list: &mut Vec<T>, one: T) {
    if list.len() >= MAX_GRANTS_USED {
        list.remove(0);
    }
    list.push(one);
}
