//! `secnet data move`: the owner lets another data centre take a copy of a dataset, and moves it there when that one has everything.
//!
//! Whatever is cut off goes on with the same command: what was taken stays taken, and a dataset that is there already is only waited for.

use std::time::{Duration, Instant};

use secnet_app::Enclosures;
use secnet_app::ports::Clock as _;
use secnet_types::{
    DatasetId, IdError, MemberId, MoveStatement, Operation, SignedArrival, SignedMove, limits,
};
use serde_json::{Value, json};

use crate::failure::{Exit, Failure};
use crate::keystore::Identity;
use crate::output::Output;
use crate::remote::{self, How, Remote, bytes, encoded, text, wrong};
use crate::show::fields::{entries, of};
use crate::system::SystemClock;

/// How often it is looked how far it is.
const LOOK: Duration = Duration::from_millis(500);
/// How long nothing may go on before it is given up here. The data centre goes on trying.
const PATIENCE: Duration = Duration::from_secs(120);
/// What is lacking is lacking when so many looks after each other say so.
const LOOKS_TO_BELIEVE: u32 = 6;
/// How often the command is signed anew because records came in meanwhile.
const TRIES: u32 = 8;
const AGAIN: &str = "the same command goes on where it was; nothing has moved until it says so";

/// A folder by itself is one data centre, and knows of no other.
pub(super) fn not_here() -> Failure {
    Failure::new("usage", "there is no other data centre to move it to")
        .hint("name a node of the network that runs: secnet data move DATASET --to MEMBER --as NAME --url URL")
        .exit(Exit::Usage)
}

pub(super) async fn run(
    out: Output,
    (remote, owner): (&Remote, &Identity),
    (dataset, to): (DatasetId, &str),
    how: How,
) -> Result<(), Failure> {
    if remote.client.prints() {
        return Err(Failure::new("usage", "a move is more than one call, and cannot be printed")
            .hint("leave --print-curl out")
            .exit(Exit::Usage));
    }
    let to = remote.member(to)?;
    let place = remote.client.look(owner, &format!("/v1/datasets/{dataset}/place")).await?;
    let from: MemberId = text(&place, "member")?.parse().map_err(|e: IdError| wrong(&e))?;
    if how == How::Foresee {
        out.would(&format!("move {dataset} from the data centre of {from} to that of {to}"));
        return Ok(());
    }
    let network = remote.network().await?;
    let said = SystemClock.now();
    let until = said.plus_ms(limits::MAX_MOVE_MS);
    let statement = MoveStatement { network, dataset, from, to, said, until };
    let statement = SignedMove::sign(statement, &owner.signing);
    let body = json!({ "statement": encoded(&statement.to_bytes()) });
    let path = format!("/v1/moves/{dataset}");
    // A node that it is not to move to sends the call on to the door of the one that it is to move to.
    remote.client.call(owner, "/v1/moves", &body).await?;
    let there = remote.client.open("/v1/network").await?;
    if text(&there, "data_centre")? != to.to_string() {
        return Err(Failure::new("bad-door", format!("who answers is not the data centre of {to}"))
            .hint("nothing has moved; ask who runs that data centre for its address, and name it with --url")
            .exit(Exit::Verification));
    }
    let going = Going { out, remote, owner, dataset, from, to };
    let standing = going.follow(&path).await?;
    let stage = of(&standing, "stage");
    let value = json!({
        "dataset": dataset.to_string(), "from": from.to_string(), "to": to.to_string(),
        "stage": stage, "segments": standing.get("segments"), "bytes": standing.get("bytes"),
    });
    out.result(&value, |_| {
        let more = if stage == "settled" {
            ""
        } else {
            "; what was decided in the meantime is still being fetched from the former one, which keeps its copy until then"
        };
        format!("{dataset} is at the data centre of {to} now{more}")
    });
    Ok(())
}

/// A move that is under way.
struct Going<'g> {
    out: Output,
    remote: &'g Remote,
    owner: &'g Identity,
    dataset: DatasetId,
    from: MemberId,
    to: MemberId,
}

impl Going<'_> {
    /// Until it is done, or does not go on.
    async fn follow(&self, path: &str) -> Result<Value, Failure> {
        let (mut before, mut since, mut lacked, mut tries) = (Value::Null, Instant::now(), 0, 0);
        loop {
            let standing = self.remote.client.look(self.owner, path).await?;
            let stage = of(&standing, "stage");
            if stage == "settled" {
                return Ok(standing);
            }
            if standing != before {
                self.tell(&stage, &standing);
                (before, since) = (standing.clone(), Instant::now());
            }
            if stage == "arrived" {
                tries += 1;
                match self.move_it(&standing).await {
                    Ok(()) => {}
                    // Records came in meanwhile, or another command was quicker: the copy is compared once more.
                    Err(failure) if failure.code == "other-place" && tries < TRIES => {
                        tokio::time::sleep(LOOK).await;
                    }
                    Err(failure) => return Err(failure),
                }
                continue;
            }
            let lacks = entries(&standing, "lacking").next().is_some();
            lacked = if lacks && stage == "copying" { lacked + 1 } else { 0 };
            if lacked >= LOOKS_TO_BELIEVE {
                return Err(self.incomplete(&standing));
            }
            if since.elapsed() >= PATIENCE {
                if stage == "settling" {
                    return Ok(standing);
                }
                let why = of(&standing, "why");
                let said = format!("the copy does not go on: {why}");
                return Err(Failure::new("not-moved", said).hint(AGAIN).exit(Exit::Unreachable));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn tell(&self, stage: &str, standing: &Value) {
        let number = |field: &str| standing.get(field).and_then(Value::as_u64).unwrap_or_default();
        let why = standing.get("why").and_then(Value::as_str);
        let why = why.map(|why| format!("; it waits: {why}")).unwrap_or_default();
        let (segments, bytes) = (number("segments"), number("bytes"));
        self.out.say(&format!("{stage}: {segments} segments there, {bytes} bytes taken{why}"));
    }

    fn incomplete(&self, standing: &Value) -> Failure {
        let lacking = entries(standing, "lacking").filter_map(Value::as_str);
        let said = lacking.collect::<Vec<_>>().join("; ");
        let from = self.from;
        Failure::new("not-moved", format!("the data centre of {from} does not give all that the ledger commits to: {said}"))
            .hint("nothing has moved; whoever runs it can look with `secnet fsck`, and repair it from a backup")
            .exit(Exit::Verification)
    }

    /// The command, with that data centre's word that it has everything. The ledger looks at that word again.
    async fn move_it(&self, standing: &Value) -> Result<(), Failure> {
        let arrival = SignedArrival::parse(&bytes(standing, "arrival")?).map_err(|e| wrong(&e))?;
        let said = &arrival.value;
        if (said.dataset, said.from, said.to) != (self.dataset, self.from, self.to) {
            return Err(Failure::new("bad-answer", "the data centre speaks of another move")
                .hint(AGAIN)
                .exit(Exit::Verification));
        }
        let operation = (Operation::MoveDataset { arrival }, Enclosures::default());
        remote::order(self.remote, self.owner, operation, How::Order).await.map(drop)
    }
}
