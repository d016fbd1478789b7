//! How long one verdict takes with 1,000 rules installed, part by part, and as a whole what the guard adds to one request:
//! `cargo run --release -p secnet-guard --example verdict_time`.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a program that tells the time"
)]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::io::Write as _;
use std::time::Instant;

use secnet_guard::{Event, Guard, Model, Observed, Outcome, PermittedUse};
use secnet_types::{
    Action, Amount, Category, Condition, DatasetId, Feature, Labels, MemberId, Party, Purpose,
    Rule, RuleAction, RuleError, RuleScope, RuleSet, Test, Timestamp,
};

/// Of these each asks a hundred times in 46 days, which makes a profile.
const REQUESTERS: u64 = 2_000;
const EVENTS: u64 = 200_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut guard = Guard::new(Model::default());
    let rules = RuleSet::new((0..1000).map(rule).collect::<Result<Vec<_>, _>>()?)?;
    let permitted = PermittedUse::default();
    let (mut features_ns, mut rules_ns) = (Vec::new(), Vec::new());
    let (mut verdict_ns, mut observe_ns) = (Vec::new(), Vec::new());
    let (mut stopped, mut matches) = (0, 0);
    for n in 0..EVENTS {
        let event = event(n);
        let parties = [Party::Member(event.requester)];
        let start = Instant::now();
        let facts = black_box(guard.features(&event));
        features_ns.push(start.elapsed().as_nanos());
        let start = Instant::now();
        let matched = black_box(rules.matches(&facts, &event.rule_context(&parties)));
        rules_ns.push(start.elapsed().as_nanos());
        matches += matched.len();
        let start = Instant::now();
        let verdict = black_box(guard.model().vet(&permitted, &facts, &matched));
        verdict_ns.push(start.elapsed().as_nanos());
        let observed = match verdict.outcome {
            Outcome::Allow { .. } => Observed::Allowed,
            Outcome::StepUp | Outcome::Throttle { .. } | Outcome::Hold => Observed::Held,
            Outcome::Deny => Observed::Denied,
        };
        stopped += u64::from(observed != Observed::Allowed);
        let start = Instant::now();
        guard.arrive(&event);
        guard.judged_strange(&event, &facts);
        guard.conclude(&event, &facts, observed);
        observe_ns.push(start.elapsed().as_nanos());
    }
    let mut out = std::io::stdout().lock();
    let start = Instant::now();
    let bytes = guard.snapshot();
    writeln!(
        out,
        "{EVENTS} events, {stopped} stopped, {matches} matches of rules, tracked {:?}, snapshot {} bytes in {} ms",
        guard.tracked(),
        bytes.len(),
        start.elapsed().as_millis()
    )?;
    let parts = [&features_ns, &rules_ns, &verdict_ns, &observe_ns];
    let at = |event: usize| parts.iter().filter_map(|part| part.get(event)).sum();
    let all: Vec<u128> = (0..features_ns.len()).map(at).collect();
    for (name, mut ns) in [
        ("features", features_ns),
        ("rules", rules_ns),
        ("verdict", verdict_ns),
        ("observe", observe_ns),
        ("together", all),
    ] {
        ns.sort_unstable();
        let at = |permille: usize| ns.get(ns.len() * permille / 1000).copied().unwrap_or_default();
        writeln!(out, "{name}: p50 {} ns, p99 {} ns, p99.9 {} ns", at(500), at(990), at(999))?;
    }
    Ok(())
}

fn event(n: u64) -> Event {
    // A fixed walk over requesters and datasets that looks random.
    let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let mut requester = [0; 32];
    requester.iter_mut().zip((mixed % REQUESTERS).to_be_bytes()).for_each(|(to, b)| *to = b);
    let mut dataset = [0; 16];
    dataset.iter_mut().zip((mixed % 997).to_be_bytes()).for_each(|(to, b)| *to = b);
    Event {
        requester: MemberId(requester),
        dataset: DatasetId(dataset),
        purpose: Purpose::Treatment,
        action: Action::Read,
        records: 1 + u32::try_from(mixed % 7).unwrap_or_default(),
        categories: BTreeSet::from([Category::Laboratory]),
        labels: Labels::NONE,
        emergency: false,
        at: Timestamp(1_700_000_000_000 + n * 20_000),
        door: "fhir".to_owned(),
        source: Some([192, 0, 2, 7].into()),
        price: Some(Amount(1000)),
        own_key: true,
    }
}

/// A sixth each ask about pace and records, purpose and hour, door and records, address and hour, habits and records; the last
/// sixth flags many records for treatment, and a few of them match.
fn rule(n: i64) -> Result<Rule, RuleError> {
    let records = Condition::above(Feature::RecordsRequested, n % 200)?;
    let hour = Condition::at_most(Feature::HourOfDay, n % 23)?;
    let conditions = match n % 6 {
        0 => vec![Condition::above(Feature::RequestsLastMinute, 5 + n % 60)?, records],
        1 => vec![Condition::any_of(Feature::Purpose, &["research", "marketing"])?, hour],
        2 => vec![Condition::any_of(Feature::Door, &["cli", "http"])?, records],
        3 => vec![Condition::new(Feature::Source, Test::Inside("198.51.100.0/24".parse()?))?, hour],
        4 => vec![Condition::at_most(Feature::ProfileHourShare, n % 300)?, records],
        _ => vec![Condition::any_of(Feature::Purpose, &["treatment", "research"])?, records],
    };
    let expires = Timestamp(2_000_000_000_000 + n.unsigned_abs());
    let action = if n % 6 == 5 { RuleAction::Flag } else { RuleAction::Hold };
    Rule::new(action, conditions, RuleScope::ALL, expires)
}
