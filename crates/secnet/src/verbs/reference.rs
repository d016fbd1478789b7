//! `secnet reference`: docs/reference/cli.md, from the definitions that the program itself uses.

use clap::{Args, Command, CommandFactory as _, ValueEnum};
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
    describe(&command, true, &mut text);
    let text = text.trim_end().to_owned();
    out.result(&json!({ "reference": text }), |_| text.clone());
    Ok(())
}

fn describe(command: &Command, top: bool, text: &mut String) {
    let mut plain = command.clone().term_width(100);
    if !top {
        // What every verb understands is said once, at the top.
        let said = |id: &str| id == "help" || id == "version";
        plain = plain.mut_args(|arg| {
            let hide = arg.is_global_set() && arg.get_id() != "member" && arg.get_id() != "owner";
            let hide = hide || said(arg.get_id().as_str());
            if hide { arg.hide(true) } else { arg }
        });
    }
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
    let help = plain.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    text.push_str(&format!("\n## {name}\n\n```text\n{}\n```\n", lines.join("\n").trim_end()));
    for verb in
        command.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help")
    {
        describe(verb, false, text);
    }
}
