//! `secnet rules export`: a rule as other systems write theirs.

use std::path::Path;

use clap::ValueEnum;
use secnet_types::Rule;
use serde_json::{Value, json};

use super::{edge, sigma};
use crate::failure::Failure;
use crate::files;
use crate::node::Node;
use crate::output::Output;

/// Forms of other systems.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Form {
    /// A Sigma rule on the entries of `secnet log --as OWNER --json`.
    Sigma,
    /// A `SecRule` of ModSecurity, of a rule about where requests come from.
    Modsecurity,
    /// A scenario of CrowdSec, of such a rule.
    Crowdsec,
}

pub(super) fn run(
    node: &Node,
    out: Output,
    (rule, form): (&Rule, Form),
    file: Option<&Path>,
) -> Result<(), Failure> {
    let refused = |system: &'static str, hint: &'static str| {
        move |why: &'static str| {
            Failure::new("not-exportable", format!("the rule cannot be said in {system}: {why}"))
                .hint(hint)
        }
    };
    let by_source = "write a rule that asks about `source` alone, for everything";
    let mut said = None;
    let text = match form {
        Form::Sigma => {
            let parts = sigma::parts(rule, |member| node.name_of(member))
                .map_err(refused("Sigma", "write one rule for each requester"))?;
            let text = sigma::yaml(&parts);
            let fields: serde_json::Map<String, Value> =
                parts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            said = Some(Value::Object(fields));
            text
        }
        Form::Modsecurity => edge::modsecurity(rule).map_err(refused("ModSecurity", by_source))?,
        Form::Crowdsec => edge::crowdsec(rule).map_err(refused("CrowdSec", by_source))?,
    };
    if let Some(file) = file {
        files::write_private(file, text.as_bytes())?;
    }
    let written = file.map(|file| file.display().to_string());
    let value = json!({
        "rule": rule.id().to_string(), "sigma": said, "text": text, "written": written,
    });
    out.result(&value, |_| match &written {
        Some(file) => format!("wrote {file}"),
        None => text.trim_end().to_owned(),
    });
    Ok(())
}
