//! `secnet guard irregularities`: what looks irregular in the ledger's log.

use clap::Args;
use serde_json::json;

use crate::dates::Moment;
use crate::failure::Failure;
use crate::irregular::{Watching, value};
use crate::node::Node;
use crate::output::Output;
use crate::show::Names;

#[derive(Debug, Args)]
pub(crate) struct IrregularitiesArgs {
    /// Only what reaches into the time from then on: 2026-03-31, or 2026-03-31T12:00:00Z.
    #[arg(long, value_name = "WHEN")]
    since: Option<Moment>,
}

pub(super) async fn run(
    node: &Node,
    out: Output,
    args: &IrregularitiesArgs,
) -> Result<(), Failure> {
    let mut watching = Watching::from(0);
    let mut found = Vec::new();
    while let Some(some) = watching.read_on(node).await? {
        found.extend(some);
    }
    if let Some(since) = args.since {
        found.retain(|finding| finding.until >= since.start());
    }
    let told: Vec<_> = found.iter().map(value).collect();
    out.result(&json!({ "events": watching.next, "findings": told }), |_| {
        let names = Names::of(node);
        let lines = found.iter().map(|finding| {
            let name = |member: secnet_types::MemberId| names.say(&member.to_string().into());
            let events: Vec<String> = finding.events.iter().map(ToString::to_string).collect();
            format!(
                "{}: {}\n    events {}\n    it may be nothing: {}",
                finding.kind.as_str(),
                finding.said(&name),
                events.join(", "),
                finding.kind.may_be_innocent()
            )
        });
        let lines: Vec<String> = lines.collect();
        if lines.is_empty() {
            return format!("nothing irregular was found in {} events", watching.next);
        }
        lines.join("\n")
    });
    Ok(())
}
