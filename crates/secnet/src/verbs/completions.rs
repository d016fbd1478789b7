//! `secnet completions`

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use serde_json::json;

use crate::cli::Cli;
use crate::failure::Failure;
use crate::output::Output;

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Which shell.
    shell: Shell,
}

pub(crate) fn run(out: Output, args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "secnet", &mut script);
    let script = String::from_utf8_lossy(&script).trim_end().to_owned();
    out.result(&json!({ "shell": args.shell.to_string(), "script": script }), |_| script.clone());
    Ok(())
}
