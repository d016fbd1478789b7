//! What is printed: data on standard output, talk on standard error, and with `--json` one JSON object for each verb.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::failure::Failure;

/// How to print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub json: bool,
    pub quiet: bool,
}

impl Output {
    /// The verb's result: `value` under `--json`, else the lines that `human` makes of it.
    pub(crate) fn result<T: Serialize>(&self, value: &T, human: impl FnOnce(&T) -> String) {
        let text = if self.json {
            // INVARIANT: our values have string keys and no failing serialisers.
            serde_json::to_string(value).unwrap_or_default()
        } else {
            human(value)
        };
        if text.is_empty() {
            return;
        }
        let mut out = std::io::stdout().lock();
        // A reader that has gone away (`| head`) is no failure.
        drop(writeln!(out, "{text}"));
    }

    /// What a dry run has to say instead of a result: what would be done.
    pub(crate) fn would(&self, what: &str) {
        self.result(&serde_json::json!({ "dry_run": true, "would": what }), |_| {
            format!("would {what}")
        });
    }

    /// A line for the person who watches; nothing under `--json` or `--quiet`.
    pub(crate) fn say(&self, line: &str) {
        if !self.json && !self.quiet {
            drop(writeln!(std::io::stderr().lock(), "{line}"));
        }
    }

    /// A failure, on standard error.
    pub(crate) fn failure(&self, failure: &Failure) {
        let mut err = std::io::stderr().lock();
        if self.json {
            drop(writeln!(err, "{}", serde_json::json!({ "error": failure })));
            return;
        }
        drop(writeln!(err, "error: {}", failure.message));
        for cause in &failure.causes {
            drop(writeln!(err, "caused by: {cause}"));
        }
        if let Some(request) = &failure.request {
            drop(writeln!(err, "request: {request}"));
        }
        if let Some(hint) = &failure.hint {
            drop(writeln!(err, "\nhint: {hint}"));
        }
    }

    /// A progress bar for long work: only on a terminal, never under `--json`, `--quiet` or SECNET_NO_PROGRESS.
    pub(crate) fn progress(&self, total: u64, what: &'static str) -> ProgressBar {
        let hidden = self.json
            || self.quiet
            || std::env::var_os("SECNET_NO_PROGRESS").is_some()
            || !std::io::stderr().is_terminal();
        if hidden {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(total).with_message(what);
        let style = ProgressStyle::with_template("{msg:16} {bar:32} {pos}/{len} {eta:>4}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }
}
