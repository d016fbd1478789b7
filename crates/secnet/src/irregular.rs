//! The log of the ledger read through the watcher for irregular dealings.

use secnet_guard::irregular::{Admission, Entry, Finding, Watcher};
use secnet_types::{Event, MemberId, Operation, SignedCommand, decode, limits};
use serde_json::{Value, json};

use crate::failure::{Exit, Failure};
use crate::node::{Node, access_failure};

/// Events that are read at once.
const PAGE: usize = 256;

/// A watcher, and how far in the log it is.
pub(crate) struct Watching {
    watcher: Watcher,
    /// The first event that it has not seen.
    pub next: u64,
}

impl Watching {
    /// From this event on.
    pub(crate) fn from(first: u64) -> Self {
        Self { watcher: Watcher::default(), next: first }
    }

    /// Read on: what is found in the next part of the log; `None` at its end.
    pub(crate) async fn read_on(&mut self, node: &Node) -> Result<Option<Vec<Finding>>, Failure> {
        let log = &node.pdc.log;
        let failed = |error: secnet_app::ports::LogError| access_failure(error.into());
        let mut part = Vec::new();
        for (index, bytes) in log.events(self.next, PAGE).await.map_err(failed)? {
            let event = decode::<Event>("event", &bytes, limits::MAX_EVENT_BYTES)
                .map_err(|error| unreadable(index, &error))?;
            let operation = if Watcher::wants_operation(&event) {
                let command = log.command_of(index).await.map_err(failed)?;
                command.map(|bytes| operation_in(index, &bytes)).transpose()?
            } else {
                None
            };
            part.push((index, event, operation));
        }
        let Some((last, ..)) = part.last() else { return Ok(None) };
        self.next = last.saturating_add(1);
        let watcher = &mut self.watcher;
        let found = node.pdc.view(|view| {
            let admitted = |member: MemberId| {
                let member = view.state.member(member)?;
                Some(Admission { kind: member.kind, voucher: member.voucher })
            };
            let mut found = Vec::new();
            for (index, event, operation) in &part {
                let entry = Entry { index: *index, event, operation: operation.as_ref() };
                found.extend(watcher.observe(&entry, &admitted));
            }
            found
        });
        // The members are only known of a ledger that has been heard of; without it there would be no log either.
        Ok(Some(found.unwrap_or_default()))
    }
}

fn operation_in(index: u64, bytes: &[u8]) -> Result<Operation, Failure> {
    let command = SignedCommand::parse(bytes).map_err(|error| unreadable(index, &error))?;
    Ok(command.value.operation)
}

fn unreadable(index: u64, error: &dyn std::error::Error) -> Failure {
    Failure::new("damaged", format!("event {index} of the ledger's log cannot be read"))
        .because(error)
        .hint("`secnet fsck` names what is damaged")
        .exit(Exit::Verification)
}

/// A finding as a JSON object; members by their ids.
pub(crate) fn value(finding: &Finding) -> Value {
    json!({
        "finding": finding.id().to_string(), "kind": finding.kind.as_str(),
        "said": finding.said(&|member| member.to_string()),
        "may_be_innocent": finding.kind.may_be_innocent(),
        "members": finding.members.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "events": finding.events, "amount": finding.amount.to_string(), "count": finding.count,
        "from": finding.from.to_string(), "until": finding.until.to_string(),
        "found_at": finding.found_at,
    })
}
