//! A network of real processes on this machine: agreed on while one is away, stopped while two are, the same everywhere.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{ChildStdout, Stdio};
use std::time::{Duration, Instant};

use secnet_types::Receipt;
use serde_json::Value;
use tempfile::TempDir;

use crate::contract::Contract;
use crate::support::{Run, Running, command, copy_tree, finish};

/// Nothing that is waited for takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with a network in `n`.
pub(crate) struct Net {
    pub(crate) place: TempDir,
    pub(crate) contract: Contract,
}

impl Net {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        finish(command(self.place.path()).args(args).arg("--json"))
    }

    /// A verb of `net`, as json.md says.
    pub(crate) fn net(&self, verb: &str, args: &[&str]) -> Value {
        let run = self.run(&[&["--dir", "n", "net"], args].concat()).ok();
        self.contract.check(verb, &run.json()).unwrap_or_else(|problem| panic!("{problem}"));
        run.json()
    }

    /// As Ada, Dr. Bo or Eve, whose keys are in the first node's folder, at a node.
    pub(crate) fn at(&self, url: &str, args: &[&str]) -> Run {
        self.run(&[args, &["--dir", "n/node-1", "--url", url]].concat())
    }

    fn up_in_front(&self, args: &[&str]) -> Front {
        let mut up = command(self.place.path());
        up.args(["--dir", "n", "--json", "net", "up"]).args(args).stdout(Stdio::piped());
        let mut process = Running(up.spawn().unwrap());
        let mut stdout = BufReader::new(process.0.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        self.contract.check("net up", &said).unwrap_or_else(|problem| panic!("{problem}"));
        Front { process, stdout, said }
    }

    pub(crate) fn status(&self) -> Value {
        self.net("net status", &["status"])
    }

    /// Wait until a node's door says so.
    pub(crate) fn until_ready(&self, url: &str, code: i32) {
        let begun = Instant::now();
        while self.run(&["ready", "--url", url]).code != code {
            assert!(begun.elapsed() < PATIENCE, "{url} does not become {code}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        // Nodes go on when whoever started them ends, also if the test fails.
        self.run(&["--dir", "n", "net", "stop"]);
    }
}

/// `secnet net up`, in front.
struct Front {
    process: Running,
    stdout: BufReader<ChildStdout>,
    said: Value,
}

impl Front {
    fn url(&self, node: usize) -> String {
        self.said["nodes"][node - 1]["url"].as_str().unwrap().to_owned()
    }

    fn stop(mut self) {
        self.process.signal("-INT");
        assert_eq!(self.process.0.wait().unwrap().code(), Some(0));
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }
}

pub(crate) fn net() -> Net {
    Net { place: tempfile::tempdir().unwrap(), contract: Contract::read() }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

pub(crate) const READ: [&str; 4] = ["--purpose", "treatment", "--category", "laboratory"];

/// A request by name; the answer.
pub(crate) fn get(net: &Net, url: &str, who: &str, dataset: &str, more: &[&str]) -> Run {
    let get = ["get", dataset, "--as", who, "--max-price", "0.25"];
    net.at(url, &[&get[..], &READ, more].concat())
}

#[test]
fn four_validators_tell_one_story_while_they_come_and_go() {
    let net = net();
    let front = net.up_in_front(&["--validators", "4", "--pdcs", "2", "--ports", "0"]);
    let (first, second) = (front.url(1), front.url(2));
    assert!(front.said["nodes"][2]["url"].is_null(), "{}", front.said);
    let dataset = text(&front.said["dataset"]);

    // Eve asks, Ada grants, Eve gets: each at the first node, ordered by all.
    assert_eq!(get(&net, &first, "eve", &dataset, &[]).code, 3);
    let ask = ["ask", &dataset, "--as", "eve", "--price", "0.25"];
    let asked = net.at(&first, &[&ask[..], &READ].concat()).ok().json();
    net.at(&first, &["inbox", "--as", "ada", "approve", &text(&asked["ask"])]).ok();
    let got = get(&net, &first, "eve", &dataset, &["--receipt", "first.receipt"]).ok().json();
    assert!(got["records"].as_array().unwrap().len() > 3, "{got}");
    assert!((3..=4).contains(&got["release_nodes"].as_u64().unwrap()), "{got}");
    assert_eq!(got["faulty_nodes"], serde_json::json!([]));

    the_other_data_centre_sends_on(&net, (&first, &second), &dataset);

    // The other data centre has the same decision, and says so offline.
    let bytes = std::fs::read(net.path("first.receipt")).unwrap();
    let event = Receipt::parse(&bytes).unwrap().index.to_string();
    net.until_ready(&second, 0);
    net.at(&second, &["receipt", "save", &event, "--out", "second.receipt", "--as", "eve"]).ok();
    let verify = |receipt: &str, genesis: &str| {
        net.run(&["receipt", "verify", receipt, "--genesis", genesis])
    };
    let told = ["first.receipt", "second.receipt"].map(|receipt| {
        let told = verify(receipt, "n/genesis.cbor").ok().json();
        (told["effects"].clone(), told["height"].clone(), told["outcome"].clone())
    });
    assert_eq!(told[0], told[1]);

    one_of_four_is_gone(&net, &first, &dataset);
    two_of_four_are_gone(&net, &first, &dataset);

    // Back: all are the same, to the last digest.
    for node in ["3", "4"] {
        assert_eq!(net.net("net start", &["start", node])["was_running"], false);
    }
    net.until_ready(&first, 0);
    get(&net, &first, "dr-bo", &dataset, &[]).ok();
    let begun = Instant::now();
    loop {
        let status = net.status();
        assert_eq!(status["agree"], true, "{status}");
        let nodes = status["nodes"].as_array().unwrap();
        if nodes.iter().all(|node| node["fresh"] == true) {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{status}");
        std::thread::sleep(Duration::from_millis(100));
    }
    // Somebody elsewhere sees the same at both, from the genesis alone.
    let witness = |urls: &[&str]| {
        let args = ["witness", "--once", "--genesis", "n/genesis.cbor", "--kept", "kept.json"];
        net.run(&[&args[..], urls].concat())
    };
    let seen = witness(&[&first, &second]).ok().json();
    net.contract.check("witness", &seen).unwrap();
    let events = seen["places"][0]["events"].as_u64().unwrap();
    assert!(events > event.parse().unwrap(), "{seen}");
    validators_sign_the_checkpoint(&net, &first, &dataset);
    front.stop();
    let status = net.status();
    assert!(status["nodes"].as_array().unwrap().iter().all(|node| node["process"].is_null()));

    // It goes on with what is there.
    let there = net.run(&["--dir", "n", "net", "up", "--validators", "5"]);
    assert_eq!((there.code, there.error()["code"].as_str()), (2, Some("exists")), "{there:?}");
    let again = net.net("net up", &["up", "--detach"]);
    assert_eq!(again["dataset"], dataset.as_str());
    let url = text(&again["nodes"][0]["url"]);
    get(&net, &url, "dr-bo", &dataset, &[]).ok();
    let seen = witness(&[&url]).ok().json();
    assert_eq!(seen["places"][0]["before"], events);
    assert_eq!(net.net("net stop", &["stop"])["stopped"].as_array().unwrap().len(), 4);
    for node in ["n/node-1", "n/node-4"] {
        let checked = net.run(&["--dir", node, "fsck"]);
        assert_eq!(checked.code, 0, "{checked:?}");
    }
}

/// Whoever knows C2SP notes alone has the validators' own lines.
fn validators_sign_the_checkpoint(net: &Net, url: &str, dataset: &str) {
    let begun = Instant::now();
    loop {
        let note = std::fs::read_to_string(net.path("n/node-1/log/checkpoint")).unwrap();
        let lines =
            note.lines().filter(|line| line.starts_with("\u{2014} secnet.example/")).count();
        if lines >= 4 {
            return;
        }
        // It was published before they had signed: the next one has them.
        assert!(begun.elapsed() < PATIENCE, "{note}");
        get(net, url, "dr-bo", dataset, &[]).ok();
    }
}

/// Dr. Bo asks at the data centre that does not have the dataset, and gets it where it is: decided once, and paid once.
fn the_other_data_centre_sends_on(net: &Net, (first, second): (&str, &str), dataset: &str) {
    net.until_ready(second, 0);
    let balance = || text(&net.at(first, &["wallet", "--as", "dr-bo"]).ok().json()["balance"]);
    let before: f64 = balance().parse().unwrap();
    let begun = Instant::now();
    let got = loop {
        let got = get(net, second, "dr-bo", dataset, &[]);
        // Until it has heard where the door is.
        if got.code != 6 {
            break got.ok();
        }
        assert_eq!(got.error()["code"], "elsewhere", "{got:?}");
        assert!(begun.elapsed() < PATIENCE, "{got:?}");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert!((3..=4).contains(&got.json()["release_nodes"].as_u64().unwrap()), "{got:?}");
    let after: f64 = balance().parse().unwrap();
    assert!((before - after - 0.25).abs() < 1e-9, "{before} {after}");
    // Whoever reads is told where the call went.
    let again = ["--dir", "n/node-1", "get", dataset, "--as", "dr-bo", "--max-price", "1", "--url"];
    let said = finish(command(net.place.path()).args(again).arg(second).args(READ)).ok();
    assert!(said.stderr.contains(first) && said.stderr.contains(dataset), "{said:?}");
    let told = net.at(second, &["net", "nodes", "--as", "dr-bo"]).ok().json();
    net.contract.check("net nodes", &told).unwrap();
    let doors: Vec<&Value> =
        told["doors"].as_array().unwrap().iter().map(|door| &door["url"]).collect();
    assert!(doors.len() == 2 && doors.iter().any(|door| **door == first), "{told}");
    // What its owner does goes there too, and what only the ledger needs stays.
    net.at(second, &["data", "show", dataset, "--as", "ada"]).ok();
    let grant =
        ["grant", dataset, "--as", "ada", "--to", "dr-bo", "--purpose", "research", "--days", "1"];
    let granted = net.at(second, &[&grant[..], &["--price", "0"]].concat()).ok().json();
    net.at(second, &["revoke", &text(&granted["grant"]), "--as", "ada"]).ok();
    // A stranger is not told that there is anything.
    let strange = get(net, second, "city-hospital", dataset, &[]);
    assert_eq!(
        (strange.code, strange.error()["code"].as_str()),
        (3, Some("not-visible")),
        "{strange:?}"
    );
}

fn one_of_four_is_gone(net: &Net, url: &str, dataset: &str) {
    assert_eq!(net.net("net kill", &["kill", "4"])["killed"], true);
    assert_eq!(net.net("net kill", &["kill", "4"])["killed"], false);
    for _ in 0..3 {
        let got = get(net, url, "dr-bo", dataset, &[]).ok().json();
        assert_eq!(got["release_nodes"], 3, "{got}");
    }
    let status = net.status();
    assert!(status["nodes"][3]["process"].is_null(), "{status}");
    assert_eq!(status["nodes"][0]["fresh"], true, "{status}");
}

/// Nothing is ordered and nothing is released; whoever asks is not told that it was.
fn two_of_four_are_gone(net: &Net, url: &str, dataset: &str) {
    net.net("net kill", &["kill", "3"]);
    let mut asking = command(net.place.path());
    let get = ["--json", "--dir", "n/node-1", "get", dataset, "--as", "dr-bo", "--max-price", "1"];
    asking.args(get).args(READ).args(["--url", url]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut asking = Running(asking.spawn().unwrap());
    net.until_ready(url, 6);
    let before = net.status();
    let ended = asking.0.try_wait().unwrap();
    assert!(ended.is_none_or(|status| status.code() != Some(0)), "{ended:?}");
    let after = net.status();
    let height = |status: &Value| status["nodes"][0]["height"].as_u64();
    assert_eq!(height(&before), height(&after));
    assert_eq!(after["nodes"][0]["fresh"], false, "{after}");
}

#[test]
fn the_story_of_a_network_is_told_and_leaves_nothing_running() {
    let net = net();
    let told = net.run(&["--dir", "n", "demo", "--network"]).ok().json();
    net.contract.check("demo", &told).unwrap_or_else(|problem| panic!("{problem}"));
    assert_eq!(told["ok"], true);
    let status = net.status();
    assert!(status["nodes"].as_array().unwrap().iter().all(|node| node["process"].is_null()));
    let again = net.run(&["--dir", "n", "demo", "--network"]);
    assert_eq!((again.code, again.error()["code"].as_str()), (2, Some("exists")), "{again:?}");
}

#[test]
fn what_does_not_fit_does_not_run_and_says_why() {
    let net = net();
    net.net("net up", &["up", "--validators", "1", "--ports", "0", "--detach"]);
    let refused = |args: &[&str], code: &str, exit: i32| {
        let run = net.run(args);
        assert_eq!((run.code, run.error()["code"].as_str()), (exit, Some(code)), "{run:?}");
        assert!(run.error()["hint"].is_string(), "{run:?}");
        run.stderr
    };
    let up = ["--dir", "n/node-1", "up", "--config", "n/node-1/secnet.toml"];
    let with = |set: &str, code: &str, exit: i32| {
        refused(&[&up[..], &["--set", set]].concat(), code, exit)
    };
    refused(&up, "in-use", 6);
    refused(&["--dir", "n", "net", "kill", "2"], "unknown-node", 2);
    net.net("net stop", &["stop"]);

    // Verbs do not take part for a moment.
    refused(&["--dir", "n/node-1", "status"], "network-folder", 2);
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    with(&format!("network.listen={}", held.local_addr().unwrap()), "listen", 6);
    let member = text(&net.run(&["--dir", "n/node-1", "id", "show", "ada"]).error()["code"]);
    assert_eq!(member, "network-folder");
    let card = std::fs::read_to_string(net.path("n/node-1/keys/ada.json")).unwrap();
    let ada = text(&serde_json::from_str::<Value>(&card).unwrap()["member"]);
    let said =
        with(&format!("network.peers={ada}@127.0.0.1:1,{ada}@127.0.0.1:2"), "unknown-peer", 2);
    assert!(said.contains(&ada), "{said}");

    // The votes are gone, the ledger is not.
    std::fs::rename(net.path("n/node-1/votes"), net.path("votes")).unwrap();
    let said = refused(&up, "votes-lost", 7);
    assert!(said.contains("network.votes"), "{said}");
    std::fs::remove_dir_all(net.path("n/node-1/votes")).unwrap();
    std::fs::rename(net.path("votes"), net.path("n/node-1/votes")).unwrap();

    // Another network's genesis beside the ledger, and another network's folder.
    net.run(&["--dir", "m", "net", "up", "--validators", "1", "--ports", "0", "--detach"]).ok();
    net.run(&["--dir", "m", "net", "stop"]).ok();
    std::fs::copy(net.path("n/genesis.cbor"), net.path("genesis.cbor")).unwrap();
    std::fs::copy(net.path("m/genesis.cbor"), net.path("n/node-1/genesis.cbor")).unwrap();
    refused(&up, "other-genesis", 7);
    std::fs::copy(net.path("genesis.cbor"), net.path("n/node-1/genesis.cbor")).unwrap();
    net.net("net up", &["up", "--detach"]);
    net.net("net stop", &["stop"]);
}

#[test]
fn starting_what_runs_already_or_cannot_run_takes_nothing_away() {
    let net = net();
    let made = net.net("net up", &["up", "--ports", "0", "--detach"]);
    net.net("net kill", &["kill", "4"]);
    let up = ["--dir", "n", "net", "up", "--detach"];
    let processes = |status: &Value| -> Vec<Value> {
        status["nodes"].as_array().unwrap().iter().map(|node| node["process"].clone()).collect()
    };
    let before = processes(&net.status());
    assert_eq!(before.iter().filter(|process| process.is_u64()).count(), 3);
    let taken = TcpListener::bind(text(&made["nodes"][3]["network"])).unwrap();
    let failed = net.run(&up);
    assert_eq!(
        (failed.code, failed.error()["code"].as_str()),
        (6, Some("node-ended")),
        "{failed:?}"
    );
    assert_eq!(processes(&net.status()), before);
    drop(taken);

    // Of two at once, the second finds what the first one has started.
    net.net("net stop", &["stop"]);
    let both = [(); 2].map(|()| {
        let mut up_again = command(net.place.path());
        up_again.args(up).arg("--json").stdout(Stdio::piped()).stderr(Stdio::piped());
        up_again.spawn().unwrap()
    });
    for one in both {
        let done = one.wait_with_output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    assert!(processes(&net.status()).iter().all(Value::is_u64));

    // A copy of the folder has the same addresses, where the first one's nodes answer.
    copy_tree(&net.path("n"), &net.path("m"));
    let copied = net.run(&["--dir", "m", "net", "up", "--detach"]);
    assert_eq!(
        (copied.code, copied.error()["code"].as_str()),
        (6, Some("node-ended")),
        "{copied:?}"
    );
    let status = net.run(&["--dir", "m", "net", "status"]).ok().json();
    assert!(
        status["nodes"].as_array().unwrap().iter().all(|node| node["height"].is_null()),
        "{status}"
    );
    assert!(processes(&net.status()).iter().all(Value::is_u64));
}

#[test]
fn founders_on_several_machines_hand_each_other_no_secret() {
    let net = net();
    std::fs::write(net.path("passphrase"), "correct horse\n").unwrap();
    let with_passphrase = ["--passphrase-file", "passphrase"];
    let cards = [("a", "--governs"), ("b", "--quiet")].map(|(name, more)| {
        let card = ["--dir", name, "net", "card", "--address", "127.0.0.1:1", more];
        let run = net.run(&[&card[..], &with_passphrase].concat()).ok();
        net.contract.check("net card", &run.json()).unwrap();
        let again = net.run(&[&card[..], &with_passphrase].concat()).ok();
        assert_eq!(again.stdout, run.stdout, "the keys that are there stay");
        let file = format!("{name}.json");
        std::fs::write(net.path(&file), run.stdout).unwrap();
        file
    });
    let genesis = ["net", "genesis", "--name", "clinics", "--out", "g.cbor", &cards[0], &cards[1]];
    let made = net.run(&genesis).ok().json();
    net.contract.check("net genesis", &made).unwrap();
    let twice = net.run(&genesis);
    assert_eq!(twice.error()["code"], "exists");
    let join = |dir: &str| {
        let join = ["--dir", dir, "net", "join", "--genesis", "g.cbor"];
        net.run(&[&join[..], &with_passphrase].concat())
    };
    for dir in ["a", "b"] {
        let joined = join(dir).ok().json();
        net.contract.check("net join", &joined).unwrap();
        assert_eq!(joined["network"], made["network"]);
    }
    // A validator whose disk was lost has its keys from a backup: they do not begin to vote again.
    copy_tree(&net.path("b/keys"), &net.path("c/keys"));
    join("c").ok();
    let peers: Vec<String> = made["peers"].as_array().unwrap().iter().map(text).collect();
    let peers = format!("network.peers={}", peers.join(","));
    let listen = ["--set", "network.listen=127.0.0.1:0", "--set", &peers];
    let up = ["--dir", "c", "up", "--listen", "127.0.0.1:0"];
    let run = net.run(&[&up[..], &listen, &with_passphrase].concat());
    assert_eq!((run.code, run.error()["code"].as_str()), (7, Some("votes-lost")), "{run:?}");
}
