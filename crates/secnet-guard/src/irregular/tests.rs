//! Circles and farming against models that look at all payments and try everything.

use proptest::prelude::*;
use secnet_types::{MemberId, MemberKind};

use super::accounts::Accounts;
use super::flow::{For, Payment, is_just_below, is_recent};
use super::limits::{BIN_MS, FARMED_USES, MAX_RING, RING_ROUNDS};
use super::{Admission, farming, ring};

const MEMBERS: u8 = 6;

fn member(number: u8) -> MemberId {
    MemberId([number; 32])
}

/// The last of them is an organisation, which vouches for the first three.
fn admission(number: u8) -> Admission {
    let kind = if number == MEMBERS - 1 { MemberKind::Organisation } else { MemberKind::Person };
    Admission { kind, voucher: (number < 3).then_some(member(MEMBERS - 1)) }
}

fn payments() -> impl Strategy<Value = Vec<Payment>> {
    let one = (0..MEMBERS, 0..MEMBERS, any::<bool>());
    // Few pairs, so that there are rounds.
    let pairs = proptest::collection::vec(one, 1..10);
    (pairs, proptest::collection::vec((0_usize..10, 9_u64..14, 0..BIN_MS / 2), 1..60)).prop_map(
        |(pairs, steps)| {
            let mut at_ms = BIN_MS * 100;
            (0..)
                .zip(steps)
                .map(|(index, (pair, amount, apart))| {
                    let (from, to, value) = pairs[pair % pairs.len()];
                    at_ms += apart;
                    let paid = if value { For::Value } else { For::Nothing };
                    Payment { from: member(from), to: member(to), amount, paid, at_ms, index }
                })
                .collect()
        },
    )
}

/// Given, gifts, earned, uses of one pair.
fn added(all: &[Payment], from: u8, to: u8, now_ms: u64) -> (u64, u32, u64, u32) {
    let of_pair = all.iter().filter(|p| {
        p.from == member(from) && p.to == member(to) && is_recent(p.at_ms / BIN_MS, now_ms)
    });
    of_pair.fold((0, 0, 0, 0), |(given, gifts, earned, uses), p| match p.paid {
        For::Nothing => (given + p.amount, gifts + 1, earned, uses),
        For::Value => (given, gifts, earned + p.amount, uses + 1),
    })
}

/// Is this path of different members, closed, a circle?
fn is_circle(all: &[Payment], path: &[u8], now_ms: u64) -> bool {
    let next = path.iter().cycle().skip(1);
    let sums: Vec<_> = path.iter().zip(next).map(|(a, b)| added(all, *a, *b, now_ms)).collect();
    let (least, most) = sums.iter().fold((u64::MAX, 0), |(least, most), (given, _, earned, _)| {
        (least.min(given + earned), most.max(given + earned))
    });
    let rounds = sums.iter().map(|(_, gifts, _, uses)| gifts + uses).min().unwrap();
    let for_value = sums.iter().filter(|(given, _, earned, _)| earned > given).count();
    sums.iter().all(|(_, gifts, _, uses)| gifts + uses >= RING_ROUNDS)
        && ring::is_even(least, most)
        && ring::counts(path.len(), rounds, for_value, || {
            path.iter().all(|one| *one < 3 || *one == MEMBERS - 1)
        })
}

/// The length of the shortest circle that begins with this path.
fn shortest(all: &[Payment], path: &mut Vec<u8>, now_ms: u64) -> Option<usize> {
    let own = (path.len() >= 2 && is_circle(all, path, now_ms)).then_some(path.len());
    if own.is_some() || path.len() == MAX_RING {
        return own;
    }
    let rest: Vec<u8> = (0..MEMBERS).filter(|other| !path.contains(other)).collect();
    rest.into_iter()
        .filter_map(|other| {
            path.push(other);
            let found = shortest(all, path, now_ms);
            path.pop();
            found
        })
        .min()
}

/// Uses of an owner's data that her own money paid.
fn farmed(all: &[Payment], owner: u8, now_ms: u64) -> u32 {
    let given = |from, to| added(all, from, to, now_ms).0;
    let persons = 0..MEMBERS - 1;
    let payers = (0..MEMBERS).filter(|payer| *payer == owner || *payer != MEMBERS - 1);
    let uses = payers.map(|payer| {
        let (_, _, earned, uses) = added(all, payer, owner, now_ms);
        let between = persons.clone().filter(|m| *m != payer && *m != owner);
        let funded = given(owner, payer)
            + between.map(|m| given(owner, m).min(given(m, payer))).sum::<u64>();
        let own = payer == owner || farming::is_funded(funded, earned);
        if own { uses } else { 0 }
    });
    uses.sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn circles_and_farming_are_those_that_trying_everything_finds(payments in payments()) {
        let mut accounts = Accounts::new(usize::MAX);
        for (count, payment) in (1..).zip(&payments) {
            let number = payment.from.0[0];
            accounts.change((payment.from, admission(number)), payment.index, |account| account.pay(payment));
            let (all, now_ms) = (&payments[..count], payment.at_ms);
            let mut path = vec![number, payment.to.0[0]];
            let expected = if path[0] == path[1] { None } else { shortest(all, &mut path, now_ms) };
            let found = ring::find(&accounts, payment.from, payment.to, now_ms);
            prop_assert_eq!(found.as_ref().map(|ring| ring.members.len()), expected);
            if let Some(ring) = found {
                let path: Vec<u8> = ring.members.iter().map(|member| member.0[0]).collect();
                prop_assert!(is_circle(all, &path, now_ms));
            }
            for owner in 0..MEMBERS {
                let uses = farmed(all, owner, now_ms);
                let farm = farming::of(&accounts, member(owner), now_ms);
                let expected = (uses >= FARMED_USES).then_some(uses);
                prop_assert_eq!(farm.map(|farm| farm.sums.uses), expected);
            }
        }
    }
}

#[test]
fn just_below_a_round_amount_is_from_nine_tenths_on() {
    let cases = [
        (8_999_999, false),
        (9_000_000, true),
        (9_999_999, true),
        (10_000_000, false),
        (89_999_999, false),
        (95_000_000, true),
        (999_000_000, true),
        (0, false),
        (u64::MAX, false),
    ];
    for (amount, expected) in cases {
        assert_eq!(is_just_below(amount), expected, "{amount}");
    }
}
