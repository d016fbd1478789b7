//! `secnet dev`: what it prints works as it is printed, and nothing is left behind.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Run, Running, command, finish};

/// A node that runs, and what it said.
pub(crate) struct Dev {
    place: TempDir,
    process: Running,
    pub said: Value,
}

impl Dev {
    pub(crate) fn start() -> Self {
        let place = tempfile::tempdir().unwrap();
        let mut dev = command(place.path());
        dev.args(["dev", "--listen", "127.0.0.1:0", "--json"]).env("TMPDIR", place.path());
        let mut process = Running(dev.stdout(Stdio::piped()).spawn().unwrap());
        let mut line = String::new();
        BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        Self { place, process, said }
    }

    fn word(&self, field: &str) -> String {
        self.said[field].as_str().unwrap().to_owned()
    }

    pub(crate) fn url(&self) -> String {
        self.word("url")
    }

    /// A verb at the node, with the keys of its folder.
    pub(crate) fn at(&self, args: &[&str]) -> Run {
        finish(&mut self.command(args))
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let (url, keys) = (self.url(), self.word("keys"));
        let mut verb = command(self.place.path());
        verb.args(args).args(["--url", &url, "--keys", &keys, "--json"]);
        verb
    }

    /// Stop it as a service manager does.
    pub(crate) fn stop(self) -> (i32, TempDir) {
        (self.process.stop(), self.place)
    }
}

fn shell(cwd: &Path, line: &str) -> Run {
    let mut shell = Command::new("sh");
    shell.current_dir(cwd).args(["-c", line]).stdin(Stdio::null());
    finish(&mut shell)
}

#[test]
fn what_it_prints_works_as_printed_and_nothing_is_left() {
    let dev = Dev::start();
    let commands = dev.said["commands"].as_array().unwrap();
    assert_eq!(commands.len(), 3);
    for said in commands {
        let run = shell(dev.place.path(), said["command"].as_str().unwrap());
        assert_eq!(i64::from(run.code), said["exit"].as_i64().unwrap(), "{said}: {run:?}");
    }
    // The first one again, for programs: the records came, opened, and were paid for.
    let first = commands[0]["command"].as_str().unwrap();
    let run = shell(dev.place.path(), &format!("{first} --json --receipt allowed.receipt")).ok();
    let records = run.json()["records"].as_array().unwrap().clone();
    assert!(records.len() > 3, "{records:?}");
    let content = |record: &Value| record["content"].as_str().unwrap().to_owned();
    // In the order of ids, which are random: laboratory data are results and reports of results.
    assert!(records.iter().any(|record| content(record).contains("\"Observation\"")));
    assert_eq!(run.json()["price"], "0.25");
    let genesis = format!("{}/genesis.cbor", dev.word("dir"));
    let verify = ["receipt", "verify", "allowed.receipt", "--genesis", &genesis];
    finish(command(dev.place.path()).args(verify)).ok();

    let folder = PathBuf::from(dev.word("dir"));
    assert!(folder.join("genesis.cbor").exists());
    let (code, place) = dev.stop();
    assert_eq!(code, 0);
    assert!(!folder.exists());
    // Nothing but the receipt is left, also not beside the folder.
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
}

#[test]
fn consent_is_given_and_taken_at_a_node_elsewhere() {
    let dev = Dev::start();
    let dataset = dev.word("dataset");
    let read =
        ["get", &dataset, "--as", "rita", "--purpose", "treatment", "--category", "laboratory"];
    assert_eq!(dev.at(&read).code, 3);
    let foreseen = dev.at(&[&read[..], &["--dry-run"]].concat()).ok().json();
    assert_eq!(foreseen["decision"]["verdict"], "deny");

    let grant = ["grant", &dataset, "--as", "ada", "--to", "rita", "--purpose", "treatment"];
    let grant = [&grant[..], &["--category", "laboratory", "--price", "0"]].concat();
    dev.at(&[&grant[..], &["--dry-run"]].concat()).ok();
    assert_eq!(dev.at(&read).code, 3, "a dry run grants nothing");
    let given = dev.at(&grant).ok().json();
    dev.at(&read).ok();

    let id = given["grant"].as_str().unwrap();
    let revoke = ["revoke", id, "--as", "ada"];
    dev.at(&[&revoke[..], &["--dry-run"]].concat()).ok();
    dev.at(&read).ok();
    dev.at(&revoke).ok();
    assert_eq!(dev.at(&read).code, 3);

    let foreign = ["grant", &dataset, "--as", "eve", "--to", "rita", "--purpose", "treatment"];
    assert_eq!(dev.at(&foreign).error()["code"], "no-keys");
    let group = ["grant", &dataset, "--as", "ada", "--to", "group:x", "--purpose", "treatment"];
    assert_eq!(dev.at(&group).error()["code"], "not-remote");
    assert_eq!(dev.stop().0, 0);
}

#[test]
fn a_dataset_is_hosted_and_sealed_again_from_elsewhere_and_only_in_so_many_words() {
    let dev = Dev::start();
    let dataset = dev.word("dataset");
    let set = |more: &[&str]| dev.at(&[&["data", "set", &dataset, "--as", "ada"], more].concat());
    let fields = ["grant", &dataset, "--as", "ada", "--to", "rita", "--purpose", "treatment"];
    let fields = [&fields[..], &["--category", "vital-signs", "--price", "0"]].concat();
    let fields = [&fields[..], &["--field", "valueQuantity"]].concat();
    assert_ne!(dev.at(&fields).code, 0, "fields need a hosted dataset");
    set(&["--level", "hosted"]).ok();
    dev.at(&fields).ok();
    let got = ["get", &dataset, "--as", "rita", "--purpose", "treatment"];
    let got = dev.at(&got).ok().json();
    assert_eq!(got["fields"], serde_json::json!(["valueQuantity"]), "the data centre opened them");

    // That the records are for the node to open is not signed because the node says that they are.
    let more = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../samples/patients/0b779465-6db2-4931-bc13-5f6ff8e8c4d4.ndjson"
    );
    let extend = ["data", "extend", &dataset, more, "--as", "ada"];
    for run in [set(&["--price", "1"]), dev.at(&extend)] {
        assert_eq!((run.code, run.error()["code"].as_str()), (2, Some("not-named")), "{run:?}");
    }
    let hosted = ["--level", "hosted"];
    dev.at(&[&extend[..], &hosted].concat()).ok();
    let shared = set(&["--level", "sealed", "--beneficiary", "city-hospital=10"]).ok().json();
    assert_eq!(shared["terms"]["level"], "sealed");
    // Nor who is paid.
    assert_eq!(set(&["--price", "1"]).error()["code"], "not-named");
    let printed = set(&["--price", "1", "--beneficiary", "city-hospital=5", "--print-curl"]).ok();
    let line = printed.json()["curl"].as_str().unwrap().to_owned();
    if Command::new("curl").arg("--version").output().is_ok() {
        let said = shell(dev.place.path(), &format!("{line} --noproxy '*' -s")).ok().json();
        assert_eq!(said["dataset"], dataset.as_str(), "{said}");
    }
    let strangers = dev.at(&["data", "set", &dataset, "--as", "rita", "--price", "0"]);
    assert_eq!(strangers.code, 3, "{strangers:?}");
    assert_eq!(dev.stop().0, 0);
}

#[test]
fn a_node_says_how_it_stands_and_a_printed_call_is_one() {
    let dev = Dev::start();
    let url = dev.url();
    let status = ["status", "--url", &url, "--json"];
    let said = finish(command(dev.place.path()).args(status)).ok().json();
    assert_eq!((&said["ready"], &said["name"]), (&true.into(), &"dev".into()));

    let dataset = dev.word("dataset");
    let get = ["get", &dataset, "--as", "dr-bo", "--purpose", "treatment", "--max-price", "1"];
    let run = dev.at(&[&get[..], &["--print-curl"]].concat()).ok();
    let line = run.json()["curl"].as_str().unwrap().to_owned();
    assert!(line.starts_with(&format!("curl -X POST '{url}/v1/access' -H 'signature-input")));
    if Command::new("curl").arg("--version").output().is_ok() {
        let said = shell(dev.place.path(), &format!("{line} --noproxy '*' -s")).ok().json();
        assert_eq!(said["price"], "0.25", "{said}");
        // A signature is good once.
        let again = shell(dev.place.path(), &format!("{line} --noproxy '*' -s")).ok().json();
        assert_eq!(again["code"], "unauthenticated");
    }
    // Keys of another network are not used here.
    let other = crate::support::Place::demo();
    let keys = other.path("d/keys");
    let wrong = ["--url", &url, "--keys", keys.to_str().unwrap(), "--json"];
    let run = finish(command(dev.place.path()).args(get).args(wrong));
    assert_eq!((run.code, run.error()["code"].as_str()), (7, Some("other-network")), "{run:?}");
    // Nor does a damaged file that says which network they are of let any other pass for it.
    std::fs::write(other.path("d/genesis.cbor"), "damaged").unwrap();
    let run = finish(command(dev.place.path()).args(get).args(wrong));
    assert_eq!((run.code, run.error()["code"].as_str()), (7, Some("bad-genesis")), "{run:?}");
    assert_eq!(dev.stop().0, 0);
    let run = finish(command(other.root()).args(["status", "--url", &url, "--json"]));
    assert_eq!((run.code, run.error()["code"].as_str()), (6, Some("unreachable")), "{run:?}");
}

#[test]
fn a_folder_that_is_there_is_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let run = finish(command(place.path()).args(["--dir", ".", "dev", "--json"]));
    assert_eq!((run.code, run.error()["code"].as_str()), (2, Some("exists")), "{run:?}");
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
}
