//! Asking a person at a terminal.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::process::{Child, Command, Stdio};

use secnet_crypto::Zeroizing;

use crate::failure::{Exit, Failure};

/// Ask for the passphrase on the terminal, without showing it.
pub(crate) fn passphrase() -> Result<Zeroizing<String>, Failure> {
    require_terminal()?;
    ask("Passphrase: ")
}

/// Ask for a new passphrase, twice.
pub(crate) fn new_passphrase() -> Result<Zeroizing<String>, Failure> {
    require_terminal()?;
    agreed(&ask("New passphrase: ")?, || ask("Once more: "))
}

/// A new passphrase that is one, and that was typed the same a second time.
fn agreed(
    first: &Zeroizing<String>,
    again: impl FnOnce() -> Result<Zeroizing<String>, Failure>,
) -> Result<Zeroizing<String>, Failure> {
    if first.is_empty() {
        return Err(Failure::new("empty-passphrase", "an empty passphrase protects nothing")
            .hint("choose a long one, and keep it: there is no way around it")
            .exit(Exit::Usage));
    }
    if again()? != *first {
        return Err(Failure::new("passphrases-differ", "the two passphrases are not the same")
            .hint("nothing was made; try again")
            .exit(Exit::Usage));
    }
    Ok(first.clone())
}

fn require_terminal() -> Result<(), Failure> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::new("no-passphrase", "the keys are protected and no passphrase was given")
        .hint("name a file with --passphrase-file, or a descriptor as --passphrase-file /dev/fd/3")
        .exit(Exit::Usage))
}

fn ask(question: &str) -> Result<Zeroizing<String>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new("terminal", "cannot read the passphrase").because(&error)
    };
    let mut err = std::io::stderr().lock();
    write!(err, "{question}").and_then(|()| err.flush()).map_err(failed)?;
    let _hidden = Hidden::new();
    let mut line = Zeroizing::new(String::new());
    std::io::stdin().lock().read_line(&mut line).map_err(failed)?;
    drop(writeln!(err));
    Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Ask once for a yes, where there is somebody to ask.
pub(crate) fn confirm(question: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(
            "not-confirmed",
            "this cannot be undone, and nobody is there to ask",
        )
        .hint("say --yes; --dry-run shows what would be done")
        .exit(Exit::Usage));
    }
    let failed =
        |error: std::io::Error| Failure::new("terminal", "cannot read the answer").because(&error);
    let mut err = std::io::stderr().lock();
    write!(err, "{question} [y/N] ").and_then(|()| err.flush()).map_err(failed)?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(failed)?;
    Ok(matches!(line.trim(), "y" | "yes"))
}

/// The terminal does not echo while this lives.
struct Hidden {
    /// Waits until this process closes its end, or is gone: after Ctrl-C nothing here runs any more, and a terminal that
    /// does not echo would be left behind.
    afterwards: Option<Child>,
}

/// By then the terminal is another's, which stops whoever sets it unless that is ignored.
const ECHO_AFTERWARDS: &str = "trap '' INT TTOU; cat >/dev/null; stty echo </dev/tty";

impl Hidden {
    fn new() -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", ECHO_AFTERWARDS]).stdin(Stdio::piped()).stderr(Stdio::null());
        let afterwards = shell.spawn().ok();
        stty("-echo");
        Self { afterwards }
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if let Some(mut shell) = self.afterwards.take() {
            drop(shell.stdin.take());
            drop(shell.wait());
        }
        stty("echo");
    }
}

/// POSIX `stty`: no library of ours may call the terminal directly, since unsafe code is forbidden.
fn stty(mode: &str) {
    drop(Command::new("stty").arg(mode).stdin(Stdio::inherit()).status());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(first: &str, second: &str) -> Result<String, String> {
        let word = |text: &str| Zeroizing::new(text.to_owned());
        let agreed = agreed(&word(first), || Ok(word(second)));
        agreed.map(|passphrase| passphrase.to_string()).map_err(|failure| failure.code.into_owned())
    }

    #[test]
    fn a_new_passphrase_is_typed_twice_and_is_not_empty() {
        assert_eq!(typed("correct horse", "correct horse"), Ok("correct horse".into()));
        assert_eq!(typed("correct horse", "correct house"), Err("passphrases-differ".into()));
        assert_eq!(typed("", ""), Err("empty-passphrase".into()));
    }
}
