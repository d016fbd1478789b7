//! `secnet man`

use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man;
use serde_json::json;

use crate::cli::Cli;
use crate::failure::Failure;
use crate::files;
use crate::output::Output;

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write `secnet.1` and one page for each verb to this folder. Default: print `secnet.1`.
    folder: Option<PathBuf>,
}

impl ManArgs {
    pub(crate) fn writes(&self) -> bool {
        self.folder.is_some()
    }
}

pub(crate) fn run(out: Output, args: &ManArgs) -> Result<(), Failure> {
    let mut command = Cli::command();
    command.build();
    let Some(folder) = &args.folder else {
        let page = String::from_utf8_lossy(&page(command)?).into_owned();
        out.result(&json!({ "page": page }), |_| page.trim_end().to_owned());
        return Ok(());
    };
    let mut written = Vec::new();
    write(folder, &command, &mut written)?;
    out.result(&json!({ "written": written }), |_| {
        format!("{} pages in {}", written.len(), folder.display())
    });
    Ok(())
}

fn write(folder: &Path, command: &Command, written: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let file = folder.join(format!("{name}.1"));
    files::write_private(&file, &page(command.clone())?)?;
    written.push(file);
    for verb in
        command.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help")
    {
        write(folder, verb, written)?;
    }
    Ok(())
}

fn page(command: Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    Man::new(command)
        .render(&mut page)
        .map_err(|error| Failure::new("man", "the page cannot be written").because(&error))?;
    Ok(page)
}
