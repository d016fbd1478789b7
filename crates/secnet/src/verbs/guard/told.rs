//! What every evaluation prints and writes, and the evaluations on streams as a whole.

use std::path::Path;

use serde_json::{Value, json};

use super::failure;
use super::measure::{self, Line, Measured};
use super::plot::{self, Curve};
use super::streams::{STEPS, StreamRun, StreamTask};
use crate::failure::Failure;
use crate::output::Output;

/// A file of a report: its name and what is in it.
pub(super) type ReportFile = (String, Vec<u8>);

/// One evaluation on a stream, seed by seed.
pub(super) fn run(
    out: Output,
    task: &StreamTask,
    data: &Path,
    seeds: u64,
    report: Option<&Path>,
) -> Result<(), Failure> {
    let steps = STEPS as u64;
    let bar = out.progress(seeds.saturating_mul(steps), task.name);
    let dir = task.folder(data);
    let mut runs = Vec::new();
    for seed in 1..=seeds {
        runs.push((task.run)(&dir, seed, &mut || bar.inc(1)).map_err(failure)?);
        bar.set_position(seed.saturating_mul(steps));
    }
    bar.finish_and_clear();
    let measured: Vec<Measured<'_>> =
        runs.iter().map(|run| (&run.figures, &run.intervals)).collect();
    let lines = measure::lines(task.bars, &measured);
    let value = value(task, &runs, &lines);
    if let Some(dir) = report {
        let curves: Vec<Curve<'_>> =
            runs.iter().map(|run| (run.seed, run.curve.as_slice())).collect();
        write(dir, files(task.name, &curves, &value))?;
    }
    out.result(&value, |_| text(task, &runs, &lines));
    Ok(())
}

fn value(task: &StreamTask, runs: &[StreamRun], lines: &[Line]) -> Value {
    let seeds: Vec<Value> = runs
        .iter()
        .map(|run| {
            let rules = run.rules.iter().map(|(by, rule)| json!({ "by": by, "rule": rule }));
            json!({
                "seed": run.seed,
                "seconds": run.seconds,
                "rules": rules.collect::<Vec<Value>>(),
            })
        })
        .collect();
    json!({
        "task": task.name,
        "about": task.about,
        "train_rows": runs.first().map_or(0, |run| run.learnt),
        "test_rows": runs.first().map_or(0, |run| run.judged),
        "figures": figures(lines),
        "seeds": seeds,
    })
}

fn text(task: &StreamTask, runs: &[StreamRun], lines: &[Line]) -> String {
    let (learnt, judged) = runs.first().map_or((0, 0), |run| (run.learnt, run.judged));
    let mut text = vec![
        format!("{}: {}", task.name, task.about),
        format!("{learnt} rows learnt from first, {judged} judged, {} seeds", runs.len()),
    ];
    text.extend(rows(lines));
    if let Some(run) = runs.first().filter(|run| !run.rules.is_empty()) {
        text.push(String::new());
        text.push(format!("rules of seed {}:", run.seed));
        text.extend(run.rules.iter().map(|(by, rule)| format!("  {by}: {rule}")));
    }
    text.join("\n")
}

/// Each figure as JSON.
pub(super) fn figures(lines: &[Line]) -> Vec<Value> {
    let figure = |line: &Line| {
        json!({
            "figure": line.figure.name(),
            "mean": line.spread.mean,
            "deviation": line.spread.deviation,
            "low": line.spread.low,
            "high": line.spread.high,
            "interval": line.interval.map(|(low, high)| [low, high]),
            "bar": line.bar,
            "holds": line.holds(),
        })
    };
    lines.iter().map(figure).collect()
}

/// Each figure as a line of text, below a headline.
pub(super) fn rows(lines: &[Line]) -> Vec<String> {
    let headline = format!(
        "{:32} {:>8} {:>8}   {:17} {:>7}",
        "figure", "mean", "spread", "95 % interval", "bar"
    );
    let mut text = vec![String::new(), headline];
    for line in lines {
        let interval = line.interval.map_or(String::new(), |(l, h)| format!("{l:.4} to {h:.4}"));
        let bar = line.bar.map_or(String::new(), |bar| {
            let sign = if line.figure.is_cost() { "<=" } else { ">=" };
            let said = if line.holds() == Some(true) { "holds" } else { "missed" };
            format!("{sign} {bar} {said}")
        });
        // Rates of thousands need no fractions.
        let digits = if line.spread.mean >= 1e4 { 0 } else { 4 };
        let row = format!(
            "{:32} {:8.digits$} {:8.digits$}   {interval:17} {bar}",
            line.figure.name(),
            line.spread.mean,
            line.spread.deviation,
        );
        text.push(row.trim_end().to_owned());
    }
    text
}

/// Curves, where there are any, and the figures.
pub(super) fn files(task: &str, curves: &[Curve<'_>], value: &Value) -> Vec<ReportFile> {
    let mut files = vec![(format!("{task}.json"), value.to_string().into_bytes())];
    if curves.iter().any(|(_, curve)| !curve.is_empty()) {
        files.push((format!("{task}-roc.svg"), plot::roc(task, curves).into_bytes()));
        files.push((format!("{task}-pr.svg"), plot::precision_recall(task, curves).into_bytes()));
    }
    files
}

/// Write them.
pub(super) fn write(dir: &Path, files: Vec<ReportFile>) -> Result<(), Failure> {
    std::fs::create_dir_all(dir).map_err(|error| Failure::io("make", dir, &error))?;
    for (name, bytes) in files {
        let file = dir.join(name);
        std::fs::write(&file, bytes).map_err(|error| Failure::io("write", &file, &error))?;
    }
    Ok(())
}
