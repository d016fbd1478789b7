//! `secnet guard`: what its learning is worth on labelled data, what was said of its decisions, and models learnt from them.

mod drift;
mod explain;
mod feedback;
mod hospital;
mod incidents;
mod irregularities;
mod load;
mod measure;
mod members;
mod models;
mod plot;
mod proofs;
mod relations;
mod replay;
mod respond;
mod sets;
mod status;
mod streams;
mod tasks;
mod told;
mod ward;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use secnet_learn::rules::{RuleCard, to_rule};
use secnet_types::{DecisionId, RuleAction, RuleScope, Timestamp};
use serde_json::{Value, json};

use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::node::Node;
use crate::output::Output;
use crate::remote::RemoteArgs;
pub(crate) use feedback::say;
use load::LoadError;
use measure::{Line, Measured, Run};
pub(crate) use models::unreadable as unreadable_models;
use tasks::Task;

/// Most seeds of one evaluation.
const MAX_SEEDS: u64 = 100;

#[derive(Debug, Args)]
pub(crate) struct GuardArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Learn from a data set, measure on rows it did not learn from, and print each figure beside its bar.
    Eval {
        /// The folder of the data set, or of all data sets.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Which evaluation; `list` lists them, `table` is for your own file.
        #[arg(long, value_name = "NAME")]
        task: String,
        /// How often, each time with another seed.
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=MAX_SEEDS))]
        seeds: u64,
        /// Also write curves, the first seed's model and the figures to this folder.
        #[arg(long, value_name = "DIR")]
        report: Option<PathBuf>,
    },
    /// Say of recorded decisions that they were right, or wrong: what rules are learnt from.
    Feedback(feedback::FeedbackArgs),
    /// Say why a request was let through or stopped, and what would have had to be different.
    Explain {
        /// The decision.
        decision: DecisionId,
    },
    /// Judge recorded decisions again from their recorded facts, and say whether the verdicts are the same bit for bit.
    Replay(replay::ReplayArgs),
    /// Compare the requests of now with those that were learnt from.
    Drift(drift::DriftArgs),
    /// Say what is known of the past requests, whether it is enough to learn from, and what learnt models made of them.
    Status,
    /// Learn a model from the requests that this data centre has seen and from what was said of them.
    Train(models::TrainArgs),
    /// Let a model watch: what it says is recorded with each decision and changes none.
    Shadow(models::ShadowArgs),
    /// Put a model in force: it has what looks like misuse wait for the owner.
    Promote(models::PromoteArgs),
    /// Take the model in force out of force, and put the one before it back.
    RollBack,
    /// Make up a hospital's access log with known misuse, to measure a detector on.
    Ward(ward::WardArgs),
    /// State who works here, who is on duty, who lies where, and who looks after whom: facts that are features of requests.
    Relations(relations::RelationsArgs),
    /// List incidents: alerts about decisions that belong together.
    Incidents(incidents::IncidentsArgs),
    /// Show an incident with its timeline.
    Incident(incidents::IncidentArgs),
    /// Say that an incident was seen, or is closed; a later alert opens it again.
    Acknowledge(incidents::AcknowledgeArgs),
    /// Freeze, hold, step up, throttle, or block a source, here, until an end: by a recorded command that another undoes.
    Respond(respond::RespondArgs),
    /// Show what looks irregular in the ledger's log: circles of money, farmed rewards, emptied grants, sleepers, split amounts.
    Irregularities(irregularities::IrregularitiesArgs),
}

impl GuardArgs {
    /// Its name, if it writes files.
    pub(crate) const fn writes(&self) -> Option<&'static str> {
        match &self.what {
            What::Eval { report: Some(_), .. } => Some("guard eval --report"),
            What::Ward(_) => Some("guard ward"),
            What::Drift(args) if args.writes() => Some("guard drift --plot"),
            _ => None,
        }
    }

    /// Where a node is, if it can be done at one elsewhere.
    pub(crate) const fn remote(&self) -> Option<&RemoteArgs> {
        match &self.what {
            What::Feedback(args) => Some(&args.remote),
            What::Incidents(args) => Some(&args.remote),
            What::Incident(args) => Some(&args.remote),
            _ => None,
        }
    }

    /// Does it need an open folder?
    pub(crate) const fn needs_folder(&self) -> bool {
        !matches!(self.what, What::Eval { .. } | What::Ward(_))
    }
}

/// In an open folder.
pub(crate) async fn run_in(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: GuardArgs,
) -> Result<(), Failure> {
    match args.what {
        What::Eval { .. } | What::Ward(_) => run(out, &args),
        What::Feedback(args) => feedback::run(node, globals, out, args).await,
        What::Explain { decision } => explain::run(node, out, decision).await,
        What::Replay(args) => replay::run(node, out, &args).await,
        What::Drift(args) => drift::run(node, out, &args).await,
        What::Status => status::run(node, out).await,
        What::Train(args) => models::train(node, out, args, globals.dry_run).await,
        What::Shadow(args) => models::shadow(node, globals, out, args).await,
        What::Promote(args) => models::promote(node, globals, out, args).await,
        What::RollBack => models::roll_back(node, globals, out).await,
        What::Relations(args) => relations::run(node, globals, out, &args).await,
        What::Incidents(args) => incidents::list(node, out, &args).await,
        What::Incident(args) => incidents::show(node, out, &args).await,
        What::Acknowledge(args) => incidents::acknowledge(node, globals, out, &args).await,
        What::Respond(args) => respond::run(node, globals, out, &args).await,
        What::Irregularities(args) => irregularities::run(node, out, &args).await,
    }
}

/// At a node elsewhere.
pub(crate) async fn run_remote(
    globals: &Globals,
    out: Output,
    args: GuardArgs,
) -> Result<(), Failure> {
    match args.what {
        What::Feedback(args) => feedback::run_remote(globals, out, args).await,
        What::Incidents(args) => incidents::list_remote(globals, out, &args).await,
        What::Incident(args) => incidents::show_remote(globals, out, &args).await,
        // They know of no node elsewhere.
        _ => Ok(()),
    }
}

pub(crate) fn run(out: Output, args: &GuardArgs) -> Result<(), Failure> {
    let (data, task, seeds, report) = match &args.what {
        What::Eval { data, task, seeds, report } => (data, task, seeds, report),
        What::Ward(args) => return ward::run(out, args),
        _ => return Ok(()),
    };
    if task == "list" {
        let tables = tasks::all().into_iter().map(|task| (task.name, task.about));
        let streams = streams::all().into_iter().map(|task| (task.name, task.about));
        let all: Vec<(&str, &str)> = tables.chain(streams).collect();
        let list: Vec<Value> =
            all.iter().map(|(name, about)| json!({ "task": name, "about": about })).collect();
        out.result(&json!({ "tasks": list }), |_| {
            let lines = all.iter().map(|(name, about)| format!("{name:22} {about}"));
            lines.collect::<Vec<_>>().join("\n")
        });
        return Ok(());
    }
    if let Some(task) = streams::all().into_iter().find(|own| own.name == task) {
        return told::run(out, &task, data, *seeds, report.as_deref());
    }
    let task = tasks::find(task).ok_or_else(|| {
        Failure::new("unknown-task", format!("there is no evaluation `{task}`"))
            .hint(
                "`secnet guard eval --data . --task list` lists them; `table` is for your own file",
            )
            .exit(Exit::Usage)
    })?;
    let runs = measured(out, &task, data, *seeds)?;
    let measured: Vec<Measured<'_>> =
        runs.iter().map(|run| (&run.figures, &run.intervals)).collect();
    let lines = measure::lines(task.bars, &measured);
    let value = value(&task, &runs, &lines);
    if let Some(dir) = report {
        write(dir, &task, &runs, &value)?;
    }
    out.result(&value, |_| text(&task, &runs, &lines));
    Ok(())
}

fn measured(out: Output, task: &Task, data: &Path, seeds: u64) -> Result<Vec<Run>, Failure> {
    let steps = measure::steps(task) as u64;
    let bar = out.progress(seeds.saturating_mul(steps), task.name);
    let mut runs = Vec::new();
    for seed in 1..=seeds {
        runs.push(measure::run(task, data, seed, &mut || bar.inc(1)).map_err(failure)?);
        bar.set_position(seed.saturating_mul(steps));
    }
    bar.finish_and_clear();
    Ok(runs)
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn failure(error: LoadError) -> Failure {
    let failure = Failure::new("data", error.to_string());
    match error {
        LoadError::Missing(_) | LoadError::NoColumn { .. } | LoadError::Odd { .. } => {
            failure.hint("docs/reference/guard-data.md says how each data set is laid out")
        }
        _ => failure,
    }
}

fn value(task: &Task, runs: &[Run], lines: &[Line]) -> Value {
    let seeds: Vec<Value> = runs.iter().map(seed_value).collect();
    json!({
        "task": task.name,
        "about": task.about,
        "train_rows": runs.first().map_or(0, |run| run.train_rows),
        "test_rows": runs.first().map_or(0, |run| run.test_rows),
        "figures": told::figures(lines),
        "seeds": seeds,
    })
}

fn seed_value(run: &Run) -> Value {
    let rules = run.rules.as_ref().map(|rules| {
        let cards: Vec<Value> = rules.cards.iter().map(|card| card_value(card, run)).collect();
        json!({
            "data": rules.evidence.data.to_string(),
            "evidence_rows": rules.evidence.rows,
            "evidence_positives": rules.evidence.positives,
            "rules": cards,
            "bounds_held_on_test": run.bounds_held,
        })
    });
    json!({
        "seed": run.seed,
        "model": run.model.id().to_string(),
        "training_data": run.model.training().to_string(),
        "threshold": run.model.threshold(),
        "training_seconds": run.seconds,
        "rules": rules,
    })
}

/// The evidence card of a rule.
fn card_value(card: &RuleCard, run: &Run) -> Value {
    let rows = run.rules.as_ref().map_or(0, |rules| rules.evidence.rows);
    let flagged = card.counted.hits + card.counted.false_alarms;
    let cedar = match to_rule(card, RuleAction::Flag, RuleScope::ALL, Timestamp(u64::MAX)) {
        Ok(rule) => json!({ "cedar": rule.to_cedar() }),
        Err(error) => json!({ "why_not": error.to_string() }),
    };
    json!({
        "rule": card.to_string(),
        "precision": card.counted.precision(),
        "precision_at_least": card.precision_at_least,
        "recall": card.counted.recall(),
        "hits": card.counted.hits,
        "false_positives": card.counted.false_alarms,
        "coverage": if rows == 0 { 0.0 } else { flagged as f64 / rows as f64 },
        "security_rule": cedar,
    })
}

fn text(task: &Task, runs: &[Run], lines: &[Line]) -> String {
    let (train, test) = runs.first().map_or((0, 0), |run| (run.train_rows, run.test_rows));
    let mut text = vec![
        format!("{}: {}", task.name, task.about),
        format!("{train} training rows, {test} test rows, {} seeds", runs.len()),
    ];
    text.extend(told::rows(lines));
    if let Some((run, rules)) = runs.first().and_then(|run| Some((run, run.rules.as_ref()?))) {
        text.push(String::new());
        text.push(format!(
            "rules of seed {}, with what they did to {} held-back training rows:",
            run.seed, rules.evidence.rows
        ));
        for card in &rules.cards {
            text.push(format!(
                "  precision >= {:.3}  {} hits, {} false positives: {card}",
                card.precision_at_least, card.counted.hits, card.counted.false_alarms
            ));
        }
    }
    text.join("\n")
}

/// What every seed took each test row for.
fn scores(runs: &[Run]) -> String {
    let mut text = String::from("seed,row,label,chance,rules\n");
    for run in runs {
        for score in &run.scores {
            let (label, flagged) = (u8::from(score.label), u8::from(score.flagged));
            let line = format!("{},{},{label},{},{flagged}\n", run.seed, score.row, score.chance);
            text.push_str(&line);
        }
    }
    text
}

fn write(dir: &Path, task: &Task, runs: &[Run], value: &Value) -> Result<(), Failure> {
    let curves: Vec<plot::Curve<'_>> =
        runs.iter().map(|run| (run.seed, run.curve.as_slice())).collect();
    let mut files = told::files(task.name, &curves, value);
    files.push((format!("{}-scores.csv", task.name), scores(runs).into_bytes()));
    if let Some(run) = runs.first() {
        files.push((format!("{}.snmodel", task.name), run.model.to_bytes()));
    }
    told::write(dir, files)
}
