//! How long one verdict takes, features and observation included, with 1,000 rules installed:
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
    Rule, RuleAction, RuleError, RuleScope, RuleSet, Timestamp,
};

const REQUESTERS: u64 = 10_000;
const EVENTS: u64 = 200_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut guard = Guard::new(Model::default());
    let rules = RuleSet::new((0..1000).map(rule).collect::<Result<Vec<_>, _>>()?)?;
    let permitted = PermittedUse::default();
    let (mut verdict_ns, mut observe_ns, mut stopped) = (Vec::new(), Vec::new(), 0);
    for n in 0..EVENTS {
        let event = event(n);
        let parties = [Party::Member(event.requester)];
        let start = Instant::now();
        let facts = guard.features(&event);
        let matched = rules.matches(&facts, &event.rule_context(&parties));
        let verdict = black_box(guard.model().vet(&permitted, &facts, &matched));
        verdict_ns.push(start.elapsed().as_nanos());
        let observed = match verdict.outcome {
            Outcome::Allow { .. } => Observed::Allowed,
            Outcome::StepUp | Outcome::Throttle { .. } | Outcome::Hold => Observed::Held,
            Outcome::Deny => Observed::Denied,
        };
        stopped += u64::from(observed != Observed::Allowed);
        let start = Instant::now();
        guard.observe(&event, observed);
        observe_ns.push(start.elapsed().as_nanos());
    }
    let mut out = std::io::stdout().lock();
    let start = Instant::now();
    let bytes = guard.snapshot();
    writeln!(
        out,
        "{EVENTS} events, {stopped} stopped, tracked {:?}, snapshot {} bytes in {} ms",
        guard.tracked(),
        bytes.len(),
        start.elapsed().as_millis()
    )?;
    for (name, mut ns) in [("verdict", verdict_ns), ("observe", observe_ns)] {
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
        at: Timestamp(1_700_000_000_000 + n * 5_000),
        door: "fhir".to_owned(),
        source: Some([192, 0, 2, 7].into()),
        price: Some(Amount(1000)),
        own_key: true,
    }
}

fn rule(n: i64) -> Result<Rule, RuleError> {
    let conditions = vec![
        Condition::above(Feature::RequestsLastMinute, 5 + n % 60)?,
        Condition::above(Feature::RecordsRequested, n)?,
    ];
    Rule::new(RuleAction::Hold, conditions, RuleScope::ALL, Timestamp::MAX)
}
