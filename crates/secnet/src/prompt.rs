//! Asking a person at a terminal.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use secnet_crypto::Zeroizing;

use crate::failure::{Exit, Failure};

/// Ask for the passphrase on the terminal, without showing it.
pub(crate) fn passphrase() -> Result<Zeroizing<String>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(
            "no-passphrase",
            "the keys are protected and no passphrase was given",
        )
        .hint("name a file with --passphrase-file, or a descriptor as --passphrase-file /dev/fd/3")
        .exit(Exit::Usage));
    }
    let failed = |error: std::io::Error| {
        Failure::new("terminal", "cannot read the passphrase").because(&error)
    };
    let mut err = std::io::stderr().lock();
    write!(err, "Passphrase: ").and_then(|()| err.flush()).map_err(failed)?;
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
struct Hidden;

impl Hidden {
    fn new() -> Self {
        stty("-echo");
        Self
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        stty("echo");
    }
}

/// POSIX `stty`: no library of ours may call the terminal directly, since unsafe code is forbidden.
fn stty(mode: &str) {
    drop(
        std::process::Command::new("stty").arg(mode).stdin(std::process::Stdio::inherit()).status(),
    );
}
