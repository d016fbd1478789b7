//! Paid uses of an owner's data by accounts that her own money funds.
//!
//! Money is followed through one go-between. Organisations are none, and are not counted as funded: what goes through
//! them is mixed with what belongs to others, and persons settle through them as a matter of course.

use std::collections::{BTreeMap, BTreeSet};

use secnet_types::MemberId;

use super::account::Account;
use super::accounts::Accounts;
use super::flow::Sums;
use super::limits::{FARMED_USES, FUNDED_PERCENT};

/// An owner, and those who pay her with her own money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Farm {
    pub payers: BTreeMap<MemberId, Sums>,
    pub sums: Sums,
}

/// What an owner's own money paid for her data, if that is much.
pub(super) fn of(accounts: &Accounts, owner: MemberId, now_ms: u64) -> Option<Farm> {
    let mut payers = BTreeMap::new();
    for payer in reached(accounts, owner) {
        let paid = sums(accounts, payer, owner, now_ms);
        if paid.uses == 0
            || accounts.account(payer).is_some_and(|a| a.organisation && payer != owner)
        {
            continue;
        }
        if payer == owner || is_funded(funded(accounts, owner, payer, now_ms), paid.earned) {
            payers.insert(payer, paid);
        }
    }
    let all = payers.values().fold(Sums::default(), |sum, paid| sum.plus(paid));
    (all.uses >= FARMED_USES).then_some(Farm { payers, sums: all })
}

pub(super) fn is_funded(funded: u64, paid: u64) -> bool {
    u128::from(funded) * 100 >= u128::from(paid) * u128::from(FUNDED_PERCENT)
}

/// Owners whose farming a transfer may complete: who gives, and those whose data the payee used and who fund the one that gives.
pub(super) fn owners_behind(
    accounts: &Accounts,
    from: MemberId,
    to: MemberId,
) -> BTreeSet<MemberId> {
    let mut owners = BTreeSet::from([from]);
    let Some(user) = accounts.account(to) else { return owners };
    let funds = |owner: &&MemberId| {
        accounts.account(**owner).is_some_and(|owner| owner.payees.contains_key(&from))
    };
    owners.extend(user.payees.keys().filter(funds));
    owners
}

/// The owner herself, whom she pays, and whom those pay.
fn reached(accounts: &Accounts, owner: MemberId) -> BTreeSet<MemberId> {
    let mut reached = BTreeSet::from([owner]);
    for (between, account) in payees(accounts, owner) {
        reached.insert(between);
        if let Some(account) = account.filter(|account| !account.organisation) {
            reached.extend(account.payees.keys());
        }
    }
    reached
}

fn payees(
    accounts: &Accounts,
    owner: MemberId,
) -> impl Iterator<Item = (MemberId, Option<&Account>)> {
    let payees = accounts.account(owner).into_iter().flat_map(|account| account.payees.keys());
    payees.map(|payee| (*payee, accounts.account(*payee)))
}

/// What the owner gave the payer, straight or through one go-between.
fn funded(accounts: &Accounts, owner: MemberId, payer: MemberId, now_ms: u64) -> u64 {
    let straight = sums(accounts, owner, payer, now_ms).given;
    let through = payees(accounts, owner).filter(|(between, account)| {
        *between != payer && *between != owner && account.is_some_and(|a| !a.organisation)
    });
    through.fold(straight, |sum, (between, _)| {
        let (came, went) =
            (sums(accounts, owner, between, now_ms), sums(accounts, between, payer, now_ms));
        sum.saturating_add(came.given.min(went.given))
    })
}

fn sums(accounts: &Accounts, from: MemberId, to: MemberId, now_ms: u64) -> Sums {
    let flow = accounts.account(from).and_then(|account| account.payees.get(&to));
    flow.map(|flow| flow.sums(now_ms)).unwrap_or_default()
}
