//! Where a backup's ledger ends, and whether somebody has kept evidence that it went on.

use std::path::Path;

use secnet_node::{Against, Chain, agrees};
use serde_json::{Map, Value, json};

use super::RestoreArgs;
use crate::evidence;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Something kept of the ledger.
pub(super) struct Evidence {
    name: String,
    kept: Against,
    /// Named by whoever restores, not found beside the epochs file.
    named: bool,
}

/// What is known of the ledger besides the backup: what `--against` names, and the published checkpoint of the data folder
/// that the epochs file lies in, which is the one to be replaced.
pub(super) fn evidence(args: &RestoreArgs) -> Result<Vec<Evidence>, Failure> {
    let mut all = Vec::new();
    for file in &args.against {
        let kept = evidence::read(file)?;
        all.push(Evidence { name: file.display().to_string(), kept, named: true });
    }
    let replaced = args.epochs.parent().and_then(Path::parent);
    if let Some(dir) = replaced.filter(|dir| dir.join("genesis.cbor").exists())
        && let Ok(note) = evidence::published(dir)
    {
        let name = dir.join("log").join("checkpoint").display().to_string();
        all.push(Evidence { name, kept: Against::Checkpoint(note), named: false });
    }
    Ok(all)
}

/// Where a ledger ends.
pub(super) struct End {
    events: u64,
    height: u64,
    time: String,
    compared: Vec<String>,
    /// There is evidence that it went on.
    behind: bool,
}

/// Where the ledger ends, if that agrees with the evidence or the loss is accepted.
pub(super) fn end(
    chain: &Chain,
    evidence: &[Evidence],
    accept_loss: bool,
    out: Output,
) -> Result<End, Failure> {
    let executor = chain.executor();
    let mut end = End {
        events: executor.log_size(),
        height: executor.height(),
        time: executor.time().to_string(),
        compared: Vec::new(),
        behind: false,
    };
    for Evidence { name, kept, named } in evidence {
        match agrees(chain.store(), kept) {
            Ok(()) => {}
            Err(problem) if problem.is_behind() && accept_loss => end.behind = true,
            Err(problem) if problem.is_behind() => {
                let message = format!("the backup is older than `{name}`: {}", end.ends());
                return Err(Failure::new("rolled-back", message)
                    .because(&problem)
                    .hint(ACCEPT)
                    .exit(Exit::Verification));
            }
            Err(problem) if *named || problem.is_rewritten() => {
                let message = format!("the backup does not agree with `{name}`");
                return Err(Failure::new("verification", message)
                    .because(&problem)
                    .hint(DISAGREES)
                    .exit(Exit::Verification));
            }
            Err(problem) => {
                out.say(&format!("`{name}` was not compared: {problem}"));
                continue;
            }
        }
        end.compared.push(name.clone());
    }
    Ok(end)
}

const ACCEPT: &str = "\
restore a newer backup, or go on with the folder that is newer; if nothing else is left, --accept-loss restores this \
one: what came after it is lost, and whoever kept a receipt of that can show that the ledger has two histories";
const DISAGREES: &str = "\
is the file whole, and this network's? otherwise the backup tells another history: use another backup";

impl End {
    fn ends(&self) -> String {
        let Self { height, time, .. } = self;
        match self.events.checked_sub(1) {
            Some(last) => format!("it ends with event {last}, at height {height}, {time}"),
            None => format!("it ends without an event, at height {height}, {time}"),
        }
    }

    /// For `--json`.
    pub(super) fn fields(&self) -> Map<String, Value> {
        let value = json!({
            "last_event": self.events.checked_sub(1), "height": self.height, "time": self.time,
            "compared": self.compared, "behind": self.behind,
        });
        if let Value::Object(fields) = value { fields } else { Map::new() }
    }

    /// What somebody who restores must know, in words.
    pub(super) fn words(&self) -> String {
        let known = match (self.behind, self.compared.is_empty()) {
            (true, _) => TWO_HISTORIES.to_owned(),
            (false, true) => NOT_COMPARED.to_owned(),
            (false, false) => {
                format!("it holds all that is certified in {}", self.compared.join(", "))
            }
        };
        format!("{}; whatever came after that is lost\n{known}", self.ends())
    }
}

const TWO_HISTORIES: &str =
    "the ledger had gone on: whoever kept a receipt of that can show that it has two histories now";
const NOT_COMPARED: &str = "\
nothing was given to compare it with (--against): whether the ledger went on after the backup cannot be told from here";
