//! `secnet demo --network`: the story among organisations that do not trust each other. Each step is a command that anybody can
//! type, run here as one, and checked.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use secnet_types::{Receipt, limits};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::files;
use crate::network::require_feature;
use crate::output::Output;

/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(200);
const VALIDATORS: usize = 4;
/// How many of them must agree, and give their part of the keys.
const QUORUM: u64 = 3;
const PRICE: &str = "0.25";

/// What became of a command.
struct Ran {
    code: Option<i32>,
    value: Value,
}

impl Ran {
    fn is_ok(&self) -> bool {
        self.code == Some(0)
    }

    fn text(&self, pointer: &str) -> String {
        self.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    fn number(&self, pointer: &str) -> u64 {
        self.value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
    }
}

/// The story so far.
struct Story<'a> {
    dir: &'a Path,
    program: PathBuf,
    out: Output,
    urls: [String; 2],
    dataset: String,
    steps: Vec<Value>,
}

/// Whatever happens, nothing goes on running.
struct Running<'a>(&'a Path, PathBuf);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut stop = Command::new(&self.1);
        stop.arg("--dir").arg(self.0).args(["net", "stop"]);
        drop(stop.stdout(Stdio::null()).stderr(Stdio::null()).status());
    }
}

pub(super) async fn run(dir: &Path, out: Output) -> Result<(), Failure> {
    require_feature()?;
    let begun = Instant::now();
    let program = std::env::current_exe().map_err(|error| cannot_run(&error))?;
    let running = Running(dir, program.clone());
    let urls = [String::new(), String::new()];
    let dataset = String::new();
    let mut story = Story { dir, program, out, urls, dataset, steps: Vec::new() };
    story.beginning()?;
    story.use_and_proof()?;
    story.one_is_gone()?;
    story.two_are_gone().await?;
    story.revocation()?;
    story.agreement()?;
    let steps = core::mem::take(&mut story.steps);
    drop(running);
    let seconds = begun.elapsed().as_secs_f32();
    let value = json!({ "ok": true, "dir": dir, "seconds": seconds, "steps": steps });
    out.result(&value, |_| {
        format!("\nEvery step behaved, in {seconds:.1} s. The folder stays: {}", dir.display())
    });
    let at = dir.display();
    out.say(&format!("Go on with it:\n  secnet --dir {at} net up\n  secnet --dir {at} net status"));
    Ok(())
}

impl Story<'_> {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            // The story is the same whatever is set for this process.
            if name.to_string_lossy().starts_with("SECNET_") {
                command.env_remove(name);
            }
        }
        command.arg("--json").args(args).stdin(Stdio::null());
        command
    }

    /// Run a command to its end. What it says is one object, here or there.
    fn run(&self, args: &[&str]) -> Result<Ran, Failure> {
        let ran = self.command(args).output().map_err(|error| cannot_run(&error))?;
        let said = if ran.status.success() { ran.stdout } else { ran.stderr };
        let last = said.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty());
        let value = last.and_then(|line| serde_json::from_slice(line).ok()).unwrap_or_default();
        Ok(Ran { code: ran.status.code(), value })
    }

    fn net(&self, args: &[&str]) -> Result<Ran, Failure> {
        let dir = self.dir.display().to_string();
        self.run(&[&["--dir", &dir, "net"], args].concat())
    }

    /// At a data centre, as somebody whose keys are in the first one's folder.
    fn at(&self, centre: usize, args: &[&str]) -> Result<Ran, Failure> {
        let url = self.url(centre);
        self.run(&[args, &["--dir", &self.keys(), "--url", &url]].concat())
    }

    fn url(&self, centre: usize) -> String {
        self.urls.get(centre.saturating_sub(1)).cloned().unwrap_or_default()
    }

    fn keys(&self) -> String {
        self.dir.join("node-1").display().to_string()
    }

    fn file(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    fn get<'g>(&'g self, who: &'g str) -> [&'g str; 10] {
        let (purpose, category) = ("treatment", "laboratory");
        [
            "get",
            &self.dataset,
            "--as",
            who,
            "--purpose",
            purpose,
            "--category",
            category,
            "--max-price",
            PRICE,
        ]
    }

    fn check(&mut self, step: &'static str, holds: bool, told: &str) -> Result<(), Failure> {
        super::check((self.out, &mut self.steps), step, holds, told)
    }

    fn beginning(&mut self) -> Result<(), Failure> {
        self.out
            .say("Four organisations begin a network on this machine; it takes some seconds ...");
        let nodes = VALIDATORS.to_string();
        let up = ["up", "--validators", &nodes, "--pdcs", "2", "--ports", "0", "--detach"];
        let up = self.net(&up)?;
        self.urls = [up.text("/nodes/0/url"), up.text("/nodes/1/url")];
        self.dataset = up.text("/dataset");
        let [first, second] = &self.urls;
        let told = format!(
            "1. Each has a validator and a release node; two have a data centre with a door:\n   {first} and {second}.\n   Ada's records are at the first. Their keys are halved, and one half is shared among all four: {QUORUM} must agree to each use,\n   and {QUORUM} must give their part of the keys."
        );
        self.check("network", up.is_ok() && !self.dataset.is_empty(), &told)
    }

    fn use_and_proof(&mut self) -> Result<(), Failure> {
        let receipt = self.file("first.receipt");
        let get = self.get("dr-bo");
        let got = self.at(1, &[&get[..], &["--receipt", &receipt]].concat())?;
        let (nodes, records) = (got.number("/release_nodes"), count(&got.value));
        let told = format!(
            "\n2. Dr. Bo reads {records} laboratory results for {PRICE}. The decision was final before anything left, and {nodes} release nodes\n   gave their part, each after a look at its own ledger."
        );
        self.check("read", got.is_ok() && records > 0 && nodes >= QUORUM, &told)?;

        let stranger = self.at(1, &self.get("eve"))?;
        let told = "   Eve, whom nobody granted anything, gets the answer she would get if there were no such data.";
        self.check("stranger", stranger.code == Some(3), told)?;

        // The event's number is in the receipt; the other organisation's node gives out its own.
        let genesis = self.file("genesis.cbor");
        let verified =
            |receipt: &str| self.run(&["receipt", "verify", receipt, "--genesis", &genesis]);
        let own = verified(&receipt)?;
        let bytes = files::read(Path::new(&receipt), limits::MAX_RECEIPT_BYTES as u64)?;
        let event = Receipt::parse(&bytes).map(|receipt| receipt.index).unwrap_or_default();
        let event = event.to_string();
        let other = self.file("second.receipt");
        let save = ["receipt", "save", &event, "--out", &other, "--as", "dr-bo"];
        let saved = self.at(2, &save)?;
        let theirs = verified(&other)?;
        let same = ["effects", "height", "outcome"]
            .iter()
            .all(|field| own.value.get(field) == theirs.value.get(field));
        let holds = own.is_ok() && saved.is_ok() && theirs.is_ok() && same;
        let told = format!(
            "   The receipt holds offline, from the genesis file alone: block {} has the signatures of {QUORUM} validators.\n   The other data centre, which Dr. Bo did not ask, gives out the same one.",
            own.number("/height")
        );
        self.check("receipt", holds, &told)
    }

    fn one_is_gone(&mut self) -> Result<(), Failure> {
        let killed = self.net(&["kill", "4"])?;
        let got = self.at(1, &self.get("dr-bo"))?;
        let nodes = got.number("/release_nodes");
        let told = format!(
            "\n3. The fourth node's machine loses power. Dr. Bo reads again: {QUORUM} of four agree, and {nodes} of four give their part."
        );
        self.check("one of four gone", killed.is_ok() && got.is_ok() && nodes == QUORUM, &told)
    }

    /// Nothing is ordered and nothing is released.
    async fn two_are_gone(&mut self) -> Result<(), Failure> {
        self.net(&["kill", "3"])?;
        let (keys, url, get) = (self.keys(), self.url(1), self.get("dr-bo"));
        let args = [&get[..], &["--dir", &keys, "--url", &url]].concat();
        let asking = self.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut asking = Asking(asking.map_err(|error| cannot_run(&error))?);
        let noticed =
            self.until(|story| Ok(!story.run(&["ready", "--url", &story.url(1)])?.is_ok()));
        let noticed = noticed.await?;
        let answered = asking.0.try_wait().ok().flatten();
        let nothing = answered.is_none_or(|status| !status.success());
        let told = "   A second one is gone. Two of four can order nothing and release nothing: Dr. Bo waits, and the door says it is not ready.";
        self.check("two of four gone", noticed && nothing, told)?;
        drop(asking);

        for node in ["3", "4"] {
            self.net(&["start", node])?;
        }
        let back = self.until(|story| Ok(story.run(&["ready", "--url", &story.url(1)])?.is_ok()));
        let back = back.await?;
        let got = self.at(1, &self.get("dr-bo"))?;
        let told =
            "   Both are back, get what they missed from the others, and everything goes on.";
        self.check("all are back", back && got.is_ok(), told)
    }

    fn revocation(&mut self) -> Result<(), Failure> {
        let grants = self.at(1, &["grants", "--as", "ada"])?;
        let grant = grants.text("/given/0/grant");
        let begun = Instant::now();
        let revoked = self.at(2, &["revoke", &grant, "--as", "ada"])?;
        let refused = self.at(1, &self.get("dr-bo"))?;
        let ms = begun.elapsed().as_millis();
        let holds = revoked.is_ok() && refused.code == Some(3);
        let told = format!(
            "\n4. Ada revokes at the second data centre. At the first, Dr. Bo is refused. Both together took {ms} ms, the start of two programs\n   included."
        );
        self.check("revoke", holds, &told)
    }

    fn agreement(&mut self) -> Result<(), Failure> {
        let status = self.net(&["status"])?;
        let agree = status.value.get("agree") == Some(&Value::Bool(true));
        let (height, root) = (status.number("/block/height"), status.text("/block/log_root"));
        let told = format!(
            "\n5. All four have one ledger, digest by digest, at block {height}: the log's root is\n   {root}."
        );
        self.check("agreement", agree && !root.is_empty(), &told)
    }

    async fn until(&self, holds: impl Fn(&Self) -> Result<bool, Failure>) -> Result<bool, Failure> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if holds(self)? {
                return Ok(true);
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(false)
    }
}

/// A command that waits for an answer.
struct Asking(Child);

impl Drop for Asking {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn count(answer: &Value) -> usize {
    answer.get("records").and_then(Value::as_array).map_or(0, Vec::len)
}

fn cannot_run(error: &std::io::Error) -> Failure {
    Failure::new("threads", "this program cannot run itself").because(error)
}
