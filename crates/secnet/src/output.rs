//! What is printed: data on standard output, talk on standard error, and with `--json` one JSON object for each verb.

use std::borrow::Cow;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::failure::{Exit, Failure};

/// Something was to be printed on standard output and was not.
static CUT_SHORT: AtomicBool = AtomicBool::new(false);

/// How to print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub json: bool,
    pub quiet: bool,
}

impl Output {
    /// The verb's result: `value` under `--json`, else the lines that `human` makes of it.
    pub(crate) fn result<T: Serialize>(&self, value: &T, human: impl FnOnce(&T) -> String) {
        match self.print(value, human) {
            Ok(()) => {}
            // A reader that has gone away (`| head`) is no failure.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            Err(_) => CUT_SHORT.store(true, Ordering::Relaxed),
        }
    }

    /// The same, of what cannot simply be asked for again: whether all of it was written is the caller's to know.
    pub(crate) fn deliver<T: Serialize>(
        &self,
        value: &T,
        human: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        self.print(value, human).map_err(|error| cut_short().because(&error))
    }

    /// One of a verb's several results, each on a line of its own; false if nobody reads them any more.
    pub(crate) fn line<T: Serialize>(
        &self,
        value: &T,
        human: impl FnOnce(&T) -> String,
    ) -> Result<bool, Failure> {
        match self.print(value, human) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(cut_short().because(&error)),
        }
    }

    /// Whether all results were written.
    pub(crate) fn complete(self) -> Result<(), Failure> {
        if CUT_SHORT.load(Ordering::Relaxed) { Err(cut_short()) } else { Ok(()) }
    }

    fn print<T: Serialize>(
        &self,
        value: &T,
        human: impl FnOnce(&T) -> String,
    ) -> std::io::Result<()> {
        let mut text = if self.json {
            // INVARIANT: our values have string keys and no failing serialisers.
            serde_json::to_string(value).unwrap_or_default()
        } else {
            human(value)
        };
        if text.is_empty() {
            return Ok(());
        }
        let mut out = std::io::stdout().lock();
        // A file gets what there is, a terminal nothing that it would obey.
        if out.is_terminal() {
            text = tamed(&text).into_owned();
        }
        writeln!(out, "{text}")?;
        out.flush()
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
            drop(writeln!(std::io::stderr().lock(), "{}", tamed(line)));
        }
    }

    /// A failure, on standard error.
    pub(crate) fn failure(&self, failure: &Failure) {
        let mut err = std::io::stderr().lock();
        if self.json {
            drop(writeln!(err, "{}", serde_json::json!({ "error": failure })));
            return;
        }
        drop(writeln!(err, "error: {}", tamed(&failure.message)));
        for cause in &failure.causes {
            drop(writeln!(err, "caused by: {}", tamed(cause)));
        }
        if let Some(request) = &failure.request {
            drop(writeln!(err, "request: {request}"));
        }
        if let Some(hint) = &failure.hint {
            drop(writeln!(err, "\nhint: {}", tamed(hint)));
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

fn cut_short() -> Failure {
    Failure::new("not-written", "what was to be printed could not all be written")
        .hint("is the disk full?")
}

/// Names and titles stand in one line of somebody's terminal: nothing in them may be obeyed there, or begin another line.
pub(crate) fn check_plain(what: &str, text: &str) -> Result<(), Failure> {
    if !secnet_app::is_plain(text) {
        return Err(Failure::new("not-plain", format!("the {what} has characters that do not print"))
            .hint("leave out line breaks, control characters and those that turn the direction of writing")
            .exit(Exit::Usage));
    }
    Ok(())
}

/// Text of others without what a terminal obeys: control characters but for line ends and tabs, and those that turn the
/// direction of writing. They are shown as JSON writes them, so JSON stays what it is.
fn tamed(text: &str) -> Cow<'_, str> {
    let obeyed = |c: char| secnet_app::is_obeyed(c) && c != '\n' && c != '\t';
    if !text.contains(obeyed) {
        return Cow::Borrowed(text);
    }
    let mut tame = String::with_capacity(text.len());
    for c in text.chars() {
        if obeyed(c) {
            tame.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            tame.push(c);
        }
    }
    Cow::Owned(tame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_nothing_that_it_would_obey() {
        let evil = "paid\u{1b}[2K\r\u{9b}31m\u{7f}\u{202e}deined\ttab\nnext";
        assert_eq!(tamed(evil), "paid\\u001b[2K\\u000d\\u009b31m\\u007f\\u202edeined\ttab\nnext");
        assert!(matches!(tamed("Ångström 東京 🏥"), Cow::Borrowed(_)));
        let json = serde_json::json!({ "name": evil }).to_string();
        let back: serde_json::Value = serde_json::from_str(&tamed(&json)).unwrap();
        assert_eq!(back["name"], evil);
    }
}
