//! `secnet config`

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cli::Globals;
use crate::failure::Failure;
use crate::output::Output;

#[derive(Debug, Args)]
pub(crate) struct ConfigVerbArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Say what holds and where it comes from.
    Show,
    /// Say whether a node could start with it.
    Check,
}

pub(crate) fn run(globals: &Globals, out: Output, args: &ConfigVerbArgs) -> Result<(), Failure> {
    match &args.what {
        What::Show => {
            let config = globals.config.load(&[])?;
            let settings: Vec<Value> = config.entries().map(|(key, values, origin)| {
                json!({ "key": key, "value": values.join(","), "from": origin.to_string() })
            }).collect();
            out.result(&json!({ "settings": settings }), |_| {
                let lines = config.entries().map(|(key, values, origin)| {
                    format!("{key:20} {:32} {origin}", values.join(","))
                });
                lines.collect::<Vec<_>>().join("\n")
            });
        }
        What::Check => {
            let settings = globals.config.load(&[])?.settings()?;
            if let Some((certificate, key)) = &settings.tls {
                crate::service::tls::read(certificate, key)?;
            }
            crate::vault::check_settings(&settings.vault)?;
            out.result(&json!({ "ok": true }), |_| "a node can start with this".into());
        }
    }
    Ok(())
}
