//! One line of the table.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

/// What a figure is held against.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bar {
    /// At least this part of the ceiling.
    PartAtLeast(f64),
    /// At most this part of the ceiling.
    PartAtMost(f64),
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
    /// For information.
    None,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    pub measure: String,
    pub value: f64,
    pub unit: &'static str,
    /// What was measured in the same run as the most that could be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<f64>,
    pub bar: String,
    /// Of the ceiling, else of the bar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// `ok`, `below`, or `info`.
    pub verdict: &'static str,
    pub workload: String,
    pub details: Vec<String>,
}

impl Row {
    pub(super) fn new(
        measure: impl Into<String>,
        (value, unit): (f64, &'static str),
        ceiling: Option<f64>,
        bar: Bar,
    ) -> Self {
        let part = ceiling.map(|ceiling| value / ceiling);
        let (met, ratio, bar) = match bar {
            Bar::PartAtLeast(bar) => {
                (part.map(|p| p >= bar), part, format!("at least {bar} of it"))
            }
            Bar::PartAtMost(bar) => (part.map(|p| p <= bar), part, format!("at most {bar} of it")),
            Bar::AtLeast(bar) => {
                (Some(value >= bar), Some(value / bar), format!("at least {}", figure(bar)))
            }
            Bar::AtMost(bar) => {
                (Some(value <= bar), Some(value / bar), format!("at most {}", figure(bar)))
            }
            Bar::None => (None, part, String::new()),
        };
        let verdict = match met {
            Some(true) => "ok",
            Some(false) => "below",
            None => "info",
        };
        let (measure, workload, details) = (measure.into(), String::new(), Vec::new());
        Self { measure, value, unit, ceiling, bar, ratio, verdict, workload, details }
    }

    pub(super) fn workload(mut self, text: impl Into<String>) -> Self {
        self.workload = text.into();
        self
    }

    pub(super) fn detail(mut self, text: impl Into<String>) -> Self {
        self.details.push(text.into());
        self
    }

    /// For whoever waits for the table.
    pub(super) fn line(&self) -> String {
        let [measure, result, bar, _, verdict] = self.cells();
        format!("{measure}: {result} ({bar}) {verdict}")
    }

    fn cells(&self) -> [String; 5] {
        let bar = match self.ceiling {
            Some(ceiling) if self.bar.is_empty() => format!("{} {}", figure(ceiling), self.unit),
            Some(ceiling) => format!("{} {}, {}", figure(ceiling), self.unit, self.bar),
            None if self.bar.is_empty() => "-".into(),
            None => format!("{} {}", self.bar, self.unit),
        };
        [
            self.measure.clone(),
            format!("{} {}", figure(self.value), self.unit),
            bar,
            self.ratio.map_or_else(|| "-".into(), |ratio| format!("{ratio:.3}")),
            self.verdict.to_owned(),
        ]
    }
}

const HEAD: [&str; 5] = ["measure", "result", "ceiling or bar", "ratio", ""];

/// For a screen.
pub(super) fn table(rows: &[Row]) -> String {
    let lines: Vec<[String; 5]> =
        std::iter::once(HEAD.map(str::to_owned)).chain(rows.iter().map(Row::cells)).collect();
    let mut widths = [0_usize; 5];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let cells: Vec<String> =
            line.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
        let row = number.checked_sub(1).and_then(|row| rows.get(row));
        for said in row.iter().flat_map(|row| std::iter::once(&row.workload).chain(&row.details)) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "    {said}");
        }
    }
    text.trim_end().to_owned()
}

/// For a page.
pub(super) fn markdown(machine: &str, how: &str, rows: &[Row]) -> String {
    let mut text =
        format!("{machine}; {how} run\n\n| {} |\n|---|---|---|---|---|\n", HEAD.join(" | "));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.cells().join(" | "));
    }
    text.push('\n');
    for row in rows {
        let _ = writeln!(text, "- **{}**: {}", row.measure, row.workload);
        for detail in &row.details {
            let _ = writeln!(text, "  - {detail}");
        }
    }
    text
}

/// A figure with as many digits as it deserves.
pub(super) fn figure(value: f64) -> String {
    match value.abs() {
        v if v >= 1000.0 => {
            let digits = format!("{value:.0}");
            let mut text = String::new();
            for (place, digit) in digits.chars().enumerate() {
                if place > 0 && (digits.len() - place).is_multiple_of(3) && !text.ends_with('-') {
                    text.push(',');
                }
                text.push(digit);
            }
            text
        }
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A rate.
pub(super) fn per_second(count: usize, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64()
}

pub(super) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

pub(super) fn us(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// One figure of several runs, sorted.
#[derive(Debug, Clone)]
pub(super) struct Spread(Vec<f64>);

impl Spread {
    pub(super) fn new(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        Self(figures)
    }

    /// Not a number if there was no run.
    pub(super) fn median(&self) -> f64 {
        self.0.get(self.0.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
    }

    /// For a detail of the row that has the median.
    pub(super) fn said(&self, unit: &str) -> String {
        let least = self.0.first().copied().unwrap_or(f64::NAN);
        let most = self.0.last().copied().unwrap_or(f64::NAN);
        format!(
            "median of {} runs; least {}, most {} {unit}",
            self.0.len(),
            figure(least),
            figure(most)
        )
    }
}

/// Durations, sorted.
#[derive(Debug, Clone)]
pub(super) struct Times(Vec<Duration>);

impl Times {
    pub(super) fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// After a tenth of the rounds to warm up, each round by itself.
    pub(super) fn of(rounds: usize, mut run: impl FnMut(usize)) -> Self {
        for round in 0..rounds / 10 {
            run(round);
        }
        Self::new(
            (0..rounds)
                .map(|round| {
                    let start = std::time::Instant::now();
                    run(round);
                    start.elapsed()
                })
                .collect(),
        )
    }

    /// The time that this many of a thousand do not exceed.
    fn at(&self, mille: usize) -> Duration {
        let last = self.0.len().saturating_sub(1);
        self.0.get(last * mille / 1000).copied().unwrap_or_default()
    }

    pub(super) fn p50(&self) -> Duration {
        self.at(500)
    }

    pub(super) fn p99(&self) -> Duration {
        self.at(990)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
