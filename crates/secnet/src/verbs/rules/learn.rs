//! `secnet rules learn`: rules from what this data centre itself has recorded, and from what was said of it.

use std::path::Path;

use secnet_app::{PastRequest, Source};
use secnet_learn::rules::{RuleCard, RuleList, RuleRecipe, learn_rules, to_rule};
use secnet_learn::{Column, LearnError, Table, Z95, wilson};
use secnet_types::{Feature, FeatureKind, FeatureValue, Rule, RuleAction, RuleScope, Timestamp};
use serde_json::{Value, json};

use super::card::{Card, Counted, Data, Met};
use super::past::DAY_MS;
use super::{body, past, safety};
use crate::failure::Failure;
use crate::files;
use crate::node::Node;
use crate::output::Output;

/// Misuse of which a fifth is evidence enough; below, it is two fifths.
const MANY: usize = 150;
/// Fewest requests that are no misuse.
const LEAST_FINE: usize = 20;
/// Over how many days of the own past a rule is tried.
const PAST_DAYS: u64 = 30;
/// Of the division into rows to search on and to choose on.
const SEED: u64 = 1;

/// How rules are to be learnt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    pub action: RuleAction,
    /// From how many days of the past.
    pub days: u64,
    /// How long the rules hold, in days.
    pub lasts: u64,
}

/// A rule that may be installed.
#[derive(Debug)]
pub(crate) struct Learnt {
    pub rule: Rule,
    pub card: Card,
}

/// What came of learning.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub rules: Vec<Learnt>,
    /// Rules that may not be installed, and why.
    pub dropped: Vec<(String, String)>,
}

pub(super) async fn run(
    node: &Node,
    out: Output,
    wish: Wish,
    file: Option<&Path>,
    dry_run: bool,
) -> Result<(), Failure> {
    let outcome = learn(node, out, wish).await?;
    let Some(best) = outcome.rules.first() else {
        let mut failure = Failure::new("no-rule", "no rule was learnt that may be put in force")
            .hint("say of more decisions what they were: `secnet guard feedback`");
        let why = outcome.dropped.iter().map(|(rule, why)| format!("{rule}: {why}"));
        failure.causes = why.collect();
        if failure.causes.is_empty() {
            failure
                .causes
                .push("none is certain enough on the requests that were held back".into());
        }
        return Err(failure);
    };
    if let Some(file) = file.filter(|_| !dry_run) {
        files::write_private(file, best.rule.to_cedar().as_bytes())?;
        files::write_private(&body::card_file(file), best.card.to_file().as_bytes())?;
    }
    let rules: Vec<Value> = outcome
        .rules
        .iter()
        .map(|learnt| {
            let rule = &learnt.rule;
            json!({
                "rule": rule.id().to_string(), "sentence": rule.to_string(), "cedar": rule.to_cedar(),
                "action": rule.action().as_str(), "card": learnt.card.value(),
            })
        })
        .collect();
    let dropped: Vec<Value> =
        outcome.dropped.iter().map(|(rule, why)| json!({ "sentence": rule, "why": why })).collect();
    let written = file.filter(|_| !dry_run).map(|file| file.display().to_string());
    let value = json!({ "rules": rules, "dropped": dropped, "written": written });
    out.result(&value, |_| {
        let mut lines = Vec::new();
        for Learnt { rule, card } in &outcome.rules {
            lines.push(rule.to_string());
            lines.extend(card.text().into_iter().map(|line| format!("  {line}")));
            lines.push(String::new());
            lines.push(rule.to_cedar());
        }
        let why = |(rule, why): &(String, String)| format!("not to be put in force: {rule}: {why}");
        lines.extend(outcome.dropped.iter().map(why));
        if let Some(file) = &written {
            lines.push(format!(
                "wrote the first one to {file}; `secnet rules install {file}` puts it in force"
            ));
        }
        lines.join("\n").trim_end().to_owned()
    });
    Ok(())
}

/// Learn, and check each rule.
pub(crate) async fn learn(node: &Node, out: Output, wish: Wish) -> Result<Outcome, Failure> {
    let seen = past::since(node, Some(wish.days)).await?;
    let rows: Vec<&PastRequest> =
        seen.iter().filter(|request| request.went_ahead() || request.known.is_some()).collect();
    let misuse = rows.iter().filter(|request| is_misuse(request)).count();
    let recipe = recipe(misuse);
    enough(misuse, rows.len(), recipe)?;
    let table = table(&rows)?;
    let bar = out.progress(RuleRecipe::STEPS as u64, "learning");
    let list = learn_rules(&table, recipe, SEED, &mut || bar.inc(1)).map_err(unlearnt)?;
    bar.finish_and_clear();

    let now = node.pdc.now();
    let (lasts, mut outcome) = (wish.lasts.saturating_mul(DAY_MS), Outcome::none());
    // The end of a day reads better than a moment.
    let expires = Timestamp(now.0.saturating_add(lasts) / DAY_MS * DAY_MS);
    for learnt in &list.cards {
        let rule = match to_rule(learnt, wish.action, RuleScope::ALL, expires) {
            Ok(rule) => rule,
            Err(error) => {
                outcome.dropped.push((learnt.to_string(), error.to_string()));
                continue;
            }
        };
        match against(node, &rule, &seen) {
            Some(why) => outcome.dropped.push((rule.to_string(), why)),
            None => {
                let card = card(&rule, (learnt, &list), &rows, &seen, now);
                outcome.rules.push(Learnt { rule, card });
            }
        }
    }
    Ok(outcome)
}

/// Why a learnt rule must not be put in force, as a sentence. Stricter than for rules of others, which say beforehand what they
/// would have stopped.
fn against(node: &Node, rule: &Rule, seen: &[PastRequest]) -> Option<String> {
    if let Some(why) = safety::against(node, rule, node.pdc.member, seen) {
        return Some(why);
    }
    let treated = safety::treatment_stopped(rule, seen);
    if treated > 0 {
        return Some(format!(
            "it would have stopped {treated} uses for treatment that nobody objected to"
        ));
    }
    let others = safety::others_stopped(rule, seen);
    (others > 0).then(|| {
        format!(
            "it would have stopped {others} uses of data of owners who objected to nothing like it; if they were misuse, say so with `secnet guard feedback`"
        )
    })
}

impl Outcome {
    const fn none() -> Self {
        Self { rules: Vec::new(), dropped: Vec::new() }
    }
}

/// Two fifths of few rows are held back as evidence, since a fifth would prove nothing; the newest ones, since what comes
/// next is what a rule is for.
fn recipe(misuse: usize) -> RuleRecipe {
    let evidence = if misuse < MANY { 0.4 } else { 0.2 };
    RuleRecipe { rules: 4, evidence, newest: true, missing: false, ..RuleRecipe::default() }
}

/// How much there must be, said as numbers.
fn enough(misuse: usize, rows: usize, recipe: RuleRecipe) -> Result<(), Failure> {
    let needed = recipe.least_positives().unwrap_or(usize::MAX);
    let fine = rows - misuse;
    if misuse >= needed && fine >= LEAST_FINE {
        return Ok(());
    }
    Err(Failure::new(
        "too-little",
        format!(
            "there is too little to learn from: {misuse} requests that were misuse and {fine} that were not; at least {needed} and {LEAST_FINE} are needed for a rule that is right {:.0} times in 100",
            recipe.least_precision * 100.0
        ),
    )
    .hint("`secnet guard feedback DECISION... --verdict wrong` says so of a decision; `secnet log --as OWNER --json` has the decisions"))
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn unlearnt(error: LearnError) -> Failure {
    Failure::new("too-little", "nothing can be learnt from what was recorded").because(&error)
}

fn is_misuse(request: &PastRequest) -> bool {
    request.known.is_some_and(|known| known.misuse)
}

/// Features that a rule can compare one by one: numbers, single words and the door. Sets of words and addresses are left out.
fn table(rows: &[&PastRequest]) -> Result<Table, Failure> {
    let mut columns = Vec::new();
    for feature in Feature::ALL.iter().copied().filter(|feature| feature.is_for_learning()) {
        let values = || rows.iter().map(|row| row.features.value(feature));
        let column = match feature.kind() {
            FeatureKind::Number { .. } => {
                let number = |value: Option<&FeatureValue>| match value {
                    // Above 2^53 it is rounded: no count is that large.
                    Some(FeatureValue::Number(number)) => *number as f64,
                    _ => f64::NAN,
                };
                let numbers: Vec<f64> = values().map(number).collect();
                if numbers.iter().all(|number| number.is_nan()) {
                    continue;
                }
                Column::numeric(feature.name(), numbers)
            }
            // Emergencies are not among the rows.
            FeatureKind::Word(list) if feature != Feature::Emergency => {
                let word = |value: Option<&FeatureValue>| match value {
                    Some(FeatureValue::Words(mask)) => list.names(*mask).next().unwrap_or(""),
                    _ => "",
                };
                Column::categorical(feature.name(), &values().map(word).collect::<Vec<_>>())
            }
            FeatureKind::Text => {
                let text = |value: Option<&FeatureValue>| match value {
                    Some(FeatureValue::Text(text)) => text.clone(),
                    _ => String::new(),
                };
                Column::categorical(feature.name(), &values().map(text).collect::<Vec<_>>())
            }
            FeatureKind::Word(_) | FeatureKind::Words(_) | FeatureKind::Address => continue,
        };
        columns.push(column.map_err(|error| unlearnt(error.into()))?);
    }
    let labels = rows.iter().map(|row| is_misuse(row)).collect();
    Table::new(columns, labels).map_err(|error| unlearnt(error.into()))
}

fn card(
    rule: &Rule,
    (learnt, list): (&RuleCard, &RuleList),
    rows: &[&PastRequest],
    seen: &[PastRequest],
    now: Timestamp,
) -> Card {
    let (counted, held) = (learnt.counted, list.evidence);
    let flagged = counted.hits + counted.false_alarms;
    let said = |request: &&&PastRequest| request.known.is_some_and(|known| !known.misuse);
    let misuse = rows.iter().filter(|request| is_misuse(request)).count();
    let said_fine = rows.iter().filter(said).count();
    let fine = counted.false_alarms + counted.passes;
    let since = now.0.saturating_sub(PAST_DAYS * DAY_MS);
    let ahead: Vec<&PastRequest> =
        seen.iter().filter(|r| r.went_ahead() && r.time.0 >= since).collect();
    let stopped: Vec<&&PastRequest> = ahead.iter().filter(|r| r.meets(rule)).collect();
    let requesters: std::collections::BTreeSet<_> = stopped.iter().map(|r| r.requester).collect();
    let time = |request: Option<&&PastRequest>| {
        request.map(|request| request.time.to_string()).unwrap_or_default()
    };
    Card {
        rule: rule.id().to_string(),
        sentence: rule.to_string(),
        learnt_at: now.to_string(),
        expires: rule.expires().to_string(),
        data: Data {
            digest: held.data.to_string(),
            requests: rows.len(),
            misuse,
            said_fine,
            presumed_fine: rows.len() - misuse - said_fine,
            from: time(rows.first()),
            until: time(rows.last()),
        },
        evidence: Counted {
            requests: held.rows,
            misuse: held.positives,
            hits: counted.hits,
            false_positives: counted.false_alarms,
            precision: rounded(counted.precision()),
            precision_at_least: lower(learnt.precision_at_least),
            recall: rounded(counted.recall()),
            false_positive_rate_at_most: upper(wilson(counted.false_alarms, fine, Z95).high),
            coverage: rounded(flagged as f64 / held.rows.max(1) as f64),
        },
        past: Met {
            days: PAST_DAYS,
            requests: ahead.len(),
            would_stop: stopped.len(),
            objected_to: stopped.iter().filter(|request| is_misuse(request)).count(),
            requesters: requesters.len(),
        },
        safety: safety::CHECKED.map(str::to_owned).into(),
    }
}

/// Four digits: what is written is read back as the same number.
fn rounded(share: f64) -> f64 {
    (share * 1e4).round() / 1e4
}

/// A bound is not rounded in its own favour.
fn lower(share: f64) -> f64 {
    (share * 1e4).floor() / 1e4
}

fn upper(share: f64) -> f64 {
    (share * 1e4).ceil() / 1e4
}

/// Who said what, counted, for `guard status`.
pub(crate) fn counts(seen: &[PastRequest]) -> (usize, usize, usize, usize) {
    let by = |misuse: bool| {
        let known = seen.iter().filter_map(|request| request.known);
        known.filter(|known| known.misuse == misuse).count()
    };
    let answered = seen.iter().filter_map(|request| request.known);
    let answered = answered.filter(|known| known.by == Source::Answer).count();
    let presumed = seen.iter().filter(|r| r.known.is_none() && r.went_ahead()).count();
    (by(true), by(false), presumed, answered)
}

/// How many requests that were misuse, and how many that were not, a rule is learnt from at least.
pub(crate) fn needed(misuse: usize) -> (usize, usize) {
    (recipe(misuse).least_positives().unwrap_or(usize::MAX), LEAST_FINE)
}
