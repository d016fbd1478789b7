//! Changes at a node elsewhere: signed and sealed here, ordered there.

use secnet_app::Enclosures;
use secnet_app::ports::Clock as _;
use secnet_types::{Command, CommandId, Operation, SignedCommand, encode};
use serde_json::{Map, Value, json};

use super::{Answer, Remote, encoded};
use crate::failure::Failure;
use crate::keystore::Identity;
use crate::output::Output;
use crate::system::{SystemClock, random};

/// How long a command made here may wait, in milliseconds.
pub(super) const COMMAND_LIFETIME_MS: u64 = 60_000;

/// What is ordered, or only foreseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Order,
    Foresee,
}

impl How {
    pub(crate) const fn from_dry_run(dry_run: bool) -> Self {
        if dry_run { Self::Foresee } else { Self::Order }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Order => "/v1/commands",
            Self::Foresee => "/v1/commands/forecast",
        }
    }
}

/// A change that was handed in.
pub(crate) struct Change {
    pub id: CommandId,
    how: How,
    answer: Answer,
}

/// Sign an operation and hand it in with what the data centre keeps of it.
pub(crate) async fn order(
    remote: &Remote,
    author: &Identity,
    (operation, enclosures): (Operation, Enclosures),
    how: How,
) -> Result<Change, Failure> {
    let command = Command {
        network: remote.network().await?,
        author: author.member(),
        id: CommandId(random()),
        expires: SystemClock.now().plus_ms(COMMAND_LIFETIME_MS),
        operation,
    };
    let id = command.id;
    let signed = SignedCommand::sign(command, &author.signing);
    let mut body = Map::from_iter([("command".to_owned(), encoded(&signed.to_bytes()))]);
    if let Some(detail) = &enclosures.detail {
        body.insert("detail".to_owned(), encoded(&encode(detail)));
    }
    if let Some(wraps) = &enclosures.wraps {
        body.insert("wraps".to_owned(), encoded(&wraps.to_bytes()));
    }
    let answer = remote.client.call(author, how.path(), &Value::Object(body)).await?;
    Ok(Change { id, how, answer })
}

impl Change {
    /// Was it ordered, and neither foreseen nor printed?
    pub(crate) fn is_done(&self) -> bool {
        self.how == How::Order && !matches!(self.answer, Answer::Printed)
    }

    /// Say what came of it, or what would: nothing if the call was printed.
    pub(crate) fn tell(&self, out: Output, would: &str, done: impl FnOnce()) {
        match &self.answer {
            Answer::Printed => {}
            Answer::Done(answer) | Answer::Accepted(answer) if self.how == How::Foresee => {
                let effects = answer.get("effects");
                let value = json!({ "dry_run": true, "would": would, "effects": effects });
                out.result(&value, |_| format!("would {would}; the ledger would accept it"));
            }
            Answer::Done(_) | Answer::Accepted(_) => done(),
        }
    }
}
