//! `secnet reference`: docs/reference/cli.md, from the definitions that the program itself uses.

use clap::{Args, Command, CommandFactory as _, Id, ValueEnum};
use serde_json::json;

use crate::cli::Cli;
use crate::failure::Failure;
use crate::output::Output;

const HEAD: &str = "\
# Command line

Written by `secnet reference > docs/reference/cli.md`; `cargo xtask docs` compares. What `--json` prints is in
[json.md](json.md), exit codes are in [exit-codes.md](exit-codes.md).
";

#[derive(Debug, Args)]
pub(crate) struct ReferenceArgs {
    /// Which page.
    #[arg(value_enum, default_value_t = Page::Cli)]
    page: Page,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Page {
    /// cli.md
    Cli,
    /// configuration.md
    Configuration,
}

pub(crate) fn run(out: Output, args: &ReferenceArgs) -> Result<(), Failure> {
    if args.page == Page::Configuration {
        let text = crate::config::page();
        out.result(&json!({ "reference": text }), |_| text.clone());
        return Ok(());
    }
    let mut command = Cli::command();
    command.build();
    let mut text = HEAD.to_owned();
    describe(&command, &[], &mut text);
    let text = text.trim_end().to_owned();
    out.result(&json!({ "reference": text }), |_| text.clone());
    Ok(())
}

/// A verb and those below it, without the options that were `said` at the top because every verb understands them.
fn describe(command: &Command, said: &[Id], text: &mut String) {
    let mut plain = command.clone().term_width(100);
    if !said.is_empty() {
        plain =
            plain.mut_args(|arg| if said.contains(arg.get_id()) { arg.hide(true) } else { arg });
    }
    let all: Vec<Id> = command.get_arguments().map(|arg| arg.get_id().clone()).collect();
    let said = if said.is_empty() { &all } else { said };
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
    let help = plain.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    text.push_str(&format!("\n## {name}\n\n```text\n{}\n```\n", lines.join("\n").trim_end()));
    for verb in
        command.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help")
    {
        describe(verb, said, text);
    }
}
