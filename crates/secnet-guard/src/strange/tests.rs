#![expect(
    clippy::cast_possible_truncation,
    reason = "scores and rarities of these streams are small"
)]

use super::budget::Budget;
use super::dice::Dice;
use super::inputs::{kept, number_of};
use super::tail::Tail;

const WARM: u64 = 5_000;
const JUDGED: u64 = 100_000;

/// Above 0, up to 1.
fn unit(dice: &mut Dice) -> f64 {
    (dice.below(1 << 53) + 1) as f64 / (1_u64 << 53) as f64
}

fn normal(dice: &mut Dice) -> f64 {
    let radius = (-2.0 * unit(dice).ln()).sqrt();
    (radius * (std::f64::consts::TAU * unit(dice)).cos()).abs()
}

/// A score of a stream, by how much of the stream has passed.
type Draw = fn(&mut Dice, f64) -> f64;

const STREAMS: [(&str, Draw); 6] = [
    ("bounded", |dice, _| unit(dice) * 1_000.0),
    ("exponential", |dice, _| -unit(dice).ln() * 200.0),
    ("normal", |dice, _| normal(dice) * 300.0),
    ("heavy", |dice, _| 100.0 / unit(dice).sqrt()),
    ("heavier", |dice, _| 10.0 / unit(dice)),
    ("drifting", |dice, passed| -unit(dice).ln() * 200.0 * (1.0 + passed)),
];

#[test]
fn stated_rates_hold_whatever_the_distances_are_distributed_like() {
    for (name, draw) in STREAMS {
        let (mut tail, mut dice) = (Tail::default(), Dice::default());
        let (mut thousandth, mut ten_thousandth) = (0, 0);
        for at in 0..WARM + JUDGED {
            let distance = draw(&mut dice, at as f64 / (WARM + JUDGED) as f64) as u32;
            if at >= WARM {
                let rarity = tail.rarity(distance).unwrap();
                thousandth += u64::from(rarity >= 1_000);
                ten_thousandth += u64::from(rarity >= 10_000);
            }
            tail.count(distance);
            assert!(tail.is_whole());
        }
        assert!(thousandth * 1_000 <= JUDGED * 3 / 2, "{name}: {thousandth} of {JUDGED}");
        assert!(ten_thousandth * 10_000 <= JUDGED * 2, "{name}: {ten_thousandth} of {JUDGED}");
        // What is beyond all that was ever seen is rare all the same.
        assert!(tail.rarity(u32::MAX).unwrap() > 10_000, "{name}");
    }
}

#[test]
fn a_flood_of_far_distances_does_not_become_usual() {
    let (mut tail, mut dice) = (Tail::default(), Dice::default());
    let ordinary = |dice: &mut Dice| (-unit(dice).ln() * 200.0) as u32;
    for _ in 0..WARM {
        tail.count(ordinary(&mut dice));
    }
    assert!(tail.rarity(200_000).unwrap() > 10_000);
    for _ in 0..WARM {
        tail.count(200_000);
    }
    assert!(tail.rarity(200_000).unwrap() > 1_000, "{:?}", tail.rarity(200_000));
}

#[test]
fn nothing_is_said_before_enough_is_known() {
    let mut tail = Tail::default();
    for _ in 0..super::tail::WARM {
        assert_eq!(tail.rarity(u32::MAX), None);
        tail.count(10);
    }
    assert!(tail.rarity(10).is_some_and(|rarity| rarity <= 1));
}

#[test]
fn the_levels_of_a_day_together_are_at_most_half_of_what_is_stated() {
    for (stated, requests) in [(1_000, 100), (5_000, 300), (5_000, 50_000), (10_000, 2_000)] {
        let mut budget = Budget::default();
        for day in 1..20 {
            let mut spent = 0.0;
            for _ in 0..requests {
                spent += 1.0 / budget.limit(day, stated) as f64;
                budget.judged(day);
            }
            assert!(budget.is_whole());
            let most = f64::from(stated) / 10_000.0 / 2.0;
            assert!(spent <= most * 1.001, "{stated}: {spent} on day {day}");
        }
        // What is usual was learnt: most of it is spent.
        let limit = budget.limit(20, stated);
        let even = 4 * 10_000 / u64::from(stated) * requests.max(256);
        assert!(limit <= even * 5 / 4, "{stated}, {requests}: {limit}");
    }
}

#[test]
fn of_what_is_found_no_more_is_false_than_is_stated() {
    for stated in [1_000, 5_000] {
        let mut share = 0.0;
        for seed in 0..10 {
            let (mut budget, mut dice) = (Budget::default(), Dice::default());
            (0..seed * 1_000).for_each(|_| _ = dice.below(2));
            let (mut wrong, mut found) = (0, 0);
            for day in 1..=200 {
                for _ in 0..500 {
                    let odd = dice.below(100) == 0;
                    let rarity = (1.0 / unit(&mut dice)) as u64 * if odd { 100_000 } else { 1 };
                    let is_found = rarity >= budget.limit(day, stated);
                    budget.judged(day);
                    if is_found {
                        budget.found(day);
                        (found, wrong) = (found + 1, wrong + u32::from(!odd));
                    }
                }
            }
            assert!(found > 800, "{found} of a thousand odd ones");
            share += f64::from(wrong) / f64::from(found) / 10.0;
        }
        assert!(share <= 1.2 * f64::from(stated) / 10_000.0, "{stated}: {share}");
    }
}

#[test]
fn a_clock_that_steps_back_earns_no_new_budget() {
    let mut budget = Budget::default();
    (0..600).for_each(|_| budget.judged(9));
    let late = budget.limit(9, 5_000);
    assert_eq!(budget.limit(8, 5_000), late);
    budget.judged(3);
    assert!(budget.limit(9, 5_000) >= late);
    assert!(budget.limit(10, 5_000) < late);
}

#[test]
fn a_stated_number_is_compared_as_what_it_was_taken_from() {
    for number in (0..5_000).chain([10_000, 123_456, 1 << 40, i64::MAX - 1, i64::MAX]) {
        let stands = kept(number);
        let stated = number_of(stands).unwrap();
        assert!(stated <= number && kept(stated) == stands, "{number}: {stated}");
        assert!(kept(number.saturating_add(1)) >= stands);
    }
    assert_eq!((kept(-5), number_of(-512)), (0, None));
}
