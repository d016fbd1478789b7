//! The nodes of a network change while it runs: real processes on this machine.

use std::process::Stdio;

use secnet_types::Receipt;
use serde_json::{Value, json};

use crate::network::{Net, PATIENCE, get, net, text};
use crate::support::{Run, Running, command, copy_tree};

impl Net {
    fn add(&self, more: &[&str]) -> Value {
        self.net("net add", &[&["add"], more].concat())
    }

    /// With the passphrase in the file `passphrase`.
    pub(crate) fn unlocked(&self, args: &[&str]) -> Run {
        self.run(&[args, &["--passphrase-file", "passphrase"]].concat())
    }

    /// The card of a node's keys in a folder, which are made if there are none; the file it is in.
    pub(crate) fn card(&self, dir: &str, address: &str, more: &[&str]) -> String {
        let card = ["--dir", dir, "net", "card", "--address", address];
        let made = self.unlocked(&[&card[..], more].concat()).ok();
        self.contract.check("net card", &made.json()).unwrap();
        let file = format!("{dir}.json");
        std::fs::write(self.path(&file), made.stdout).unwrap();
        file
    }

    /// Wait until the first node's data centre has handed over what it keeps to those whom this epoch named.
    fn until_handed_over(&self, epoch: u64) {
        let begun = std::time::Instant::now();
        loop {
            let status = self.status();
            let told = &node(&status, 1)["handover"];
            if told["epoch"] == epoch && told["waiting"] == 0 && told["pending"] == false {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{told}");
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
    }

    /// Money goes from Dr. Bo to Ada, ordered by whoever agrees now.
    fn pays(&self, url: &str) {
        self.at(url, &["wallet", "send", "ada", "0.01", "--as", "dr-bo"]).ok();
    }
}

fn node(status: &Value, number: u64) -> &Value {
    let nodes = status["nodes"].as_array().unwrap();
    nodes.iter().find(|node| node["node"] == number).unwrap_or_else(|| panic!("{status}"))
}

#[test]
fn nodes_join_and_leave_and_receipts_hold_from_the_genesis() {
    let net = net();
    let made = net.net("net up", &["up", "--pdcs", "1", "--ports", "0", "--detach"]);
    let (url, dataset) = (text(&made["nodes"][0]["url"]), text(&made["dataset"]));

    // One that follows serves what it is told, and is not counted.
    let follower = net.add(&["--follower", "--door"]);
    assert_eq!((&follower["node"], &follower["validators"]), (&json!(5), &json!(4)));
    let other = text(&follower["url"]);
    net.pays(&other);
    let told = net.at(&other, &["net", "nodes", "--as", "dr-bo"]).ok().json();
    net.contract.check("net nodes", &told).unwrap();
    assert_eq!(told["followers"].as_array().unwrap().len(), 1, "{told}");

    // One that votes is counted: of five, one may be gone.
    let fifth = net.add(&[]);
    assert_eq!((&fifth["validators"], &fifth["followers"]), (&json!(5), &json!(1)));
    let status = net.status();
    assert_eq!((&status["epoch"], &status["quorum"]), (&json!(2), &json!(4)), "{status}");
    assert_eq!(node(&status, 5)["role"], "follower");
    assert_eq!(node(&status, 6)["role"], "validator");
    net.net("net kill", &["kill", "2"]);
    net.pays(&url);
    net.pays(&other);
    net.net("net start", &["start", "2"]);

    // It holds shares now: what was uploaded before is handed over, and those that began the network can go one after the other.
    let removed = net.net("net remove", &["remove", "3"]);
    assert!(net.path("n/removed-3").is_dir(), "{removed}");
    assert_eq!((&removed["validators"], &removed["epoch"]), (&json!(4), &json!(3)));
    let refused = |node: &str, code: &str| {
        let run = net.run(&["--dir", "n", "net", "remove", node]);
        assert_eq!((run.code, run.error()["code"].as_str()), (2, Some(code)), "{run:?}");
    };
    refused("1", "governs");
    refused("3", "unknown-node");
    net.net("net remove", &["remove", "4"]);
    refused("2", "too-few-shares");
    net.until_handed_over(4);
    let got = get(&net, &url, "dr-bo", &dataset, &["--receipt", "r.receipt"]).ok().json();
    assert_eq!((&got["release_nodes"], &got["faulty_nodes"]), (&json!(3), &json!([])), "{got}");
    let bytes = std::fs::read(net.path("r.receipt")).unwrap();
    let receipt = Receipt::parse(&bytes).unwrap();
    assert_eq!(receipt.header.header.epoch, 4);
    net.run(&["receipt", "verify", "r.receipt", "--genesis", "n/genesis.cbor"]).ok();
    let kept = ["--genesis", "n/genesis.cbor", "--kept", "kept.json"];
    net.run(&[&["witness", "--once"][..], &kept, &[&url, &other]].concat()).ok();

    // All of it goes on with what is there.
    assert_eq!(net.net("net stop", &["stop"])["stopped"], json!([1, 2, 5, 6]));
    for folder in ["n/node-1", "n/node-6"] {
        let checked = net.run(&["--dir", folder, "fsck"]);
        assert_eq!(checked.code, 0, "{checked:?}");
    }
    net.net("net up", &["up", "--detach"]);
    net.pays(&other);
    let status = net.status();
    assert_eq!((&status["agree"], &status["epoch"]), (&json!(true), &json!(4)), "{status}");
}

/// Addresses on this machine that nobody has now.
pub(crate) fn free_addresses(count: usize) -> Vec<String> {
    let held: Vec<_> =
        (0..count).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    held.iter().map(|held| held.local_addr().unwrap().to_string()).collect()
}

/// A node of a folder that is no network's of this machine, whose passphrase is in the file `passphrase`.
pub(crate) fn up(net: &Net, dir: &str, network: &str, peers: &[String], door: &str) -> Running {
    let mut up = command(net.place.path());
    up.args(["--dir", dir, "--passphrase-file", "passphrase", "up", "--listen", door]);
    up.args(["--set", &format!("network.listen={network}")]);
    if !peers.is_empty() {
        up.args(["--set", &format!("network.peers={}", peers.join(","))]);
    }
    Running(up.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

#[test]
fn several_govern_by_majority_and_let_a_newcomer_in() {
    let net = net();
    std::fs::write(net.path("passphrase"), "correct horse\n").unwrap();
    let ports = free_addresses(6);
    let run = |args: &[&str]| net.unlocked(args);
    let card = |dir: &str, address: &str, more: &[&str]| net.card(dir, address, more);
    let founders = [card("a", &ports[0], &["--governs"]), card("b", &ports[1], &["--governs"])];
    let genesis = ["net", "genesis", "--name", "clinics", "--out", "g.cbor"];
    let made = net.run(&[&genesis[..], &[&founders[0], &founders[1]]].concat()).ok().json();
    for dir in ["a", "b"] {
        run(&["--dir", dir, "net", "join", "--genesis", "g.cbor"]).ok();
    }
    let peers: Vec<String> = made["peers"].as_array().unwrap().iter().map(text).collect();
    let _running =
        [up(&net, "a", &ports[0], &peers, &ports[3]), up(&net, "b", &ports[1], &peers, &ports[4])];
    let url = format!("http://{}", ports[3]);
    net.until_ready(&url, 0);

    // Neither governs alone.
    let newcomer = card("c", &ports[2], &["--genesis", "g.cbor"]);
    let alone = run(&["net", "admit", &newcomer, "--url", &url, "--keys", "a/keys"]);
    assert_eq!(alone.error()["code"], "no-quorum", "{alone:?}");
    let propose = ["govern", "propose", "--out", "c.proposal", "admit", &newcomer, "--follower"];
    let proposed = run(&[&propose[..], &["--url", &url, "--keys", "a/keys"]].concat()).ok().json();
    net.contract.check("govern propose", &proposed).unwrap();
    let order = ["govern", "order", "c.proposal", "--url", &url, "--keys", "a/keys"];
    assert_eq!(run(&order).error()["code"], "no-quorum");
    let shown = net.run(&["govern", "show", "c.proposal"]).ok().json();
    net.contract.check("govern show", &shown).unwrap();
    assert_eq!(shown["proposals"].as_array().unwrap().len(), 2, "its data centre, and the node");
    // What was altered on the way is no proposal.
    let mut altered = std::fs::read(net.path("c.proposal")).unwrap();
    *altered.last_mut().unwrap() ^= 1;
    std::fs::write(net.path("altered.proposal"), altered).unwrap();
    let refused = net.run(&["govern", "show", "altered.proposal"]);
    assert_eq!(refused.error()["code"], "bad-proposal", "{refused:?}");
    // Beside the keys of another network it is not signed.
    std::fs::create_dir(net.path("x")).unwrap();
    copy_tree(&net.path("b/keys"), &net.path("x/keys"));
    let other = ["net", "genesis", "--name", "other", "--out", "x/genesis.cbor", &founders[0]];
    net.run(&other).ok();
    let refused = run(&["govern", "approve", "c.proposal", "--keys", "x/keys"]);
    assert_eq!((refused.code, refused.error()["code"].as_str()), (7, Some("other-network")));
    let approved = run(&["govern", "approve", "c.proposal", "--keys", "b/keys"]).ok().json();
    net.contract.check("govern approve", &approved).unwrap();
    let ordered = run(&order).ok().json();
    net.contract.check("govern order", &ordered).unwrap();
    let again = run(&order);
    assert_eq!(again.error()["code"], "id-reused", "{again:?}");

    // It follows now. Where the founders are it has from the list beside the genesis.
    run(&["--dir", "c", "net", "join", "--genesis", "g.cbor", "--later"]).ok();
    let _newcomer = up(&net, "c", &ports[2], &[], &ports[5]);
    let other = format!("http://{}", ports[5]);
    net.until_ready(&other, 0);
    let nodes = ["net", "nodes", "--as", "governor", "--url", &other, "--keys", "b/keys"];
    let id = text(&run(&nodes).ok().json()["followers"][0]["id"]);

    // To vote it would need nothing but the change of nodes: its data centre is in the network.
    let vote = ["govern", "propose", "--out", "vote.proposal", "admit", &newcomer];
    let vote = run(&[&vote[..], &["--url", &other, "--keys", "b/keys"]].concat()).ok().json();
    assert_eq!(vote["proposals"].as_array().unwrap().len(), 1, "{vote}");

    // And not any more.
    let propose = ["govern", "propose", "--out", "go.proposal", "dismiss", &id];
    run(&[&propose[..], &["--url", &url, "--keys", "b/keys"]].concat()).ok();
    run(&["govern", "approve", "go.proposal", "--keys", "a/keys"]).ok();
    run(&["govern", "order", "go.proposal", "--url", &url, "--keys", "b/keys"]).ok();
    net.until_ready(&other, 6);
    net.until_ready(&url, 0);
}
