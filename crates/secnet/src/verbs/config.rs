//! `secnet config`

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::config::ConfigArgs;
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
    Show(ConfigArgs),
    /// Say whether a node could start with it.
    Check(ConfigArgs),
}

pub(crate) fn run(out: Output, args: &ConfigVerbArgs) -> Result<(), Failure> {
    match &args.what {
        What::Show(config) => {
            let config = config.load(&[])?;
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
        What::Check(config) => {
            let settings = config.load(&[])?.settings()?;
            if let Some((certificate, key)) = &settings.tls {
                crate::service::tls::read(certificate, key)?;
            }
            out.result(&json!({ "ok": true }), |_| "a node can start with this".into());
        }
    }
    Ok(())
}
