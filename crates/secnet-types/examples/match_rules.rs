//! How long 1,000 rules take on one event: `cargo run --release -p secnet-types --example match_rules`.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a program that tells the time"
)]

use std::hint::black_box;
use std::io::Write as _;
use std::time::Instant;

use secnet_types::{
    AddressBlock, Condition, DatasetId, Feature, FeatureKind, FeatureValue, FeatureVector, Party,
    Purpose, Rule, RuleAction, RuleContext, RuleError, RuleScope, RuleSet, Test, Timestamp,
};

const RULES: u64 = 1000;
const EVENTS: u64 = 2000;

/// Numbers that look random and are the same every time (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit.max(1)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut numbers = Numbers(1);
    let mut rules = Vec::new();
    while rules.len() < usize::try_from(RULES)? {
        rules.extend(rule(&mut numbers));
    }
    let naive = rules.clone();
    let set = RuleSet::new(rules)?;
    let parties: [Party; 0] = [];
    let context = RuleContext {
        dataset: DatasetId([1; 16]),
        parties: &parties,
        purpose: Purpose::Research,
        now: Timestamp(0),
    };
    let (mut indexed_ns, mut scanned_ns, mut matched) = (Vec::new(), Vec::new(), 0);
    for _ in 0..EVENTS {
        let facts = facts(&mut numbers)?;
        let start = Instant::now();
        matched += black_box(set.matches(black_box(&facts), &context)).len();
        indexed_ns.push(start.elapsed().as_nanos());
        let start = Instant::now();
        black_box(naive.iter().filter(|rule| rule.matches(black_box(&facts), &context)).count());
        scanned_ns.push(start.elapsed().as_nanos());
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} rules, {EVENTS} events, {matched} matches", set.len())?;
    for (name, mut ns) in [("indexed", indexed_ns), ("scanned", scanned_ns)] {
        ns.sort_unstable();
        let at = |percent: usize| ns.get(ns.len() * percent / 100).copied().unwrap_or_default();
        writeln!(out, "{name}: p50 {} ns, p99 {} ns", at(50), at(99))?;
    }
    Ok(())
}

/// A rule of two to four conditions, if they go together.
fn rule(numbers: &mut Numbers) -> Option<Rule> {
    let count = 2 + numbers.below(3);
    let conditions: Result<Vec<_>, _> = (0..count).map(|_| condition(numbers)).collect();
    Rule::new(RuleAction::Hold, conditions.ok()?, RuleScope::ALL, Timestamp::MAX).ok()
}

fn feature(numbers: &mut Numbers) -> Feature {
    let n = usize::try_from(numbers.below(Feature::ALL.len() as u64)).unwrap_or_default();
    Feature::ALL.get(n).copied().unwrap_or(Feature::Novelty)
}

fn condition(numbers: &mut Numbers) -> Result<Condition, RuleError> {
    let feature = feature(numbers);
    let small = |n: u64| i64::try_from(n).unwrap_or_default();
    match feature.kind() {
        FeatureKind::Number { .. } => {
            let (a, b) = (small(numbers.below(1000)), small(numbers.below(1000)));
            let test = match numbers.below(4) {
                0 => Test::Between(a, i64::MAX),
                1 => Test::Between(i64::MIN, a),
                2 => Test::Between(a.min(b), a.max(b)),
                _ => Test::NotBetween(a.min(b), a.max(b)),
            };
            Condition::new(feature, test)
        }
        FeatureKind::Word(list) | FeatureKind::Words(list) => {
            let mask = numbers.below(list.all()) | 1;
            let test = if numbers.below(3) == 0 { Test::NoWord(mask) } else { Test::AnyWord(mask) };
            Condition::new(feature, test)
        }
        FeatureKind::Text => Condition::new(feature, Test::Prefix(door(numbers))),
        FeatureKind::Address => {
            let (a, b) = (numbers.below(4), numbers.below(4));
            let (a, b) = (u8::try_from(a).unwrap_or(0), u8::try_from(b).unwrap_or(0));
            let block = AddressBlock::new([10, a, b, 0].into(), 24)?;
            Condition::new(feature, Test::Inside(block))
        }
    }
}

fn door(numbers: &mut Numbers) -> String {
    ["cli", "http", "fhir", "s3"]
        .get(usize::try_from(numbers.below(4)).unwrap_or_default())
        .map_or_else(String::new, |door| (*door).to_owned())
}

fn facts(numbers: &mut Numbers) -> Result<FeatureVector, RuleError> {
    let mut facts = FeatureVector::new();
    for feature in Feature::ALL {
        let value = match feature.kind() {
            FeatureKind::Number { .. } => FeatureValue::count(numbers.below(1000)),
            FeatureKind::Word(list) => {
                FeatureValue::Words(1 << numbers.below(list.all().count_ones().into()))
            }
            FeatureKind::Words(list) => FeatureValue::Words(numbers.below(list.all() + 1)),
            FeatureKind::Text => FeatureValue::Text(door(numbers)),
            FeatureKind::Address => {
                let (a, b) = (numbers.below(4), numbers.below(4));
                let (a, b) = (u8::try_from(a).unwrap_or(0), u8::try_from(b).unwrap_or(0));
                FeatureValue::Address([10, a, b, 7].into())
            }
        };
        facts.set(*feature, value)?;
    }
    Ok(facts)
}
