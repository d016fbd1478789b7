//! A network of real processes on this machine while something goes wrong: nodes that do not reach each other, that are killed
//! under load, whose disk is lost, on a network that loses and delays.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::network::{Net, PATIENCE, READ, get, net, text};
use crate::support::{Running, SECNET, command};

impl Net {
    fn node(&self, number: usize) -> Value {
        self.status()["nodes"][number - 1].clone()
    }

    /// Wait until the status holds this; what it is then.
    fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let status = self.status();
            assert_eq!(status["agree"], true, "{status}");
            if holds(&status) {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "{what}: {status}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Wait until all nodes have heard of the others and are at least this high.
    fn until_all_have(&self, height: u64) -> Value {
        self.until("all have it", |status| {
            let nodes = status["nodes"].as_array().unwrap();
            let has = |node: &Value| node["height"].as_u64().is_some_and(|at| at >= height);
            nodes.iter().all(|node| node["fresh"] == true && has(node))
        })
    }
}

fn height(node: &Value) -> u64 {
    node["height"].as_u64().unwrap_or_else(|| panic!("{node} has no height"))
}

#[test]
fn sides_that_do_not_reach_each_other_go_on_only_with_a_quorum() {
    let net = net();
    let made = net.net("net up", &["up", "--validators", "4", "--ports", "0", "--detach"]);
    let (url, dataset) = (text(&made["nodes"][0]["url"]), text(&made["dataset"]));
    let heal = || net.net("net heal", &["heal"])["healed"].clone();
    assert_eq!(heal(), false);

    // Half and half: nothing is decided, and whoever asks is not told that it was.
    let parted = net.net("net partition", &["partition", "1,2"]);
    assert_eq!(parted["sides"], serde_json::json!([[1, 2], [3, 4]]));
    assert!(parted["goes_on"].is_null(), "{parted}");
    net.until_ready(&url, 6);
    let status = net.status();
    assert_eq!(status["nodes"][0]["apart"].as_array().unwrap().len(), 2, "{status}");
    assert_eq!(status["nodes"][0]["peers"].as_array().unwrap().len(), 1, "{status}");
    let mut asking = command(net.place.path());
    let wanted = ["--dir", "n/node-1", "get", &dataset, "--as", "dr-bo", "--max-price", "0.25"];
    asking.args(wanted).args(READ).args(["--url", &url]);
    let mut asking = Running(asking.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    std::thread::sleep(Duration::from_secs(2));
    let ended = asking.0.try_wait().unwrap();
    assert!(ended.is_none_or(|status| status.code() != Some(0)), "{ended:?}");
    let later = net.status();
    for (before, after) in [0, 3].map(|at| (&status["nodes"][at], &later["nodes"][at])) {
        assert_eq!(height(before), height(after), "no side is a quorum");
    }
    assert_eq!(heal(), true);
    net.until_ready(&url, 0);
    // A quorum may have been heard of by way of one: the release nodes are asked directly.
    let begun = Instant::now();
    while net.status()["nodes"][0]["peers"].as_array().map(Vec::len) != Some(3) {
        assert!(begun.elapsed() < PATIENCE, "{}", net.status());
        std::thread::sleep(Duration::from_millis(100));
    }
    get(&net, &url, "dr-bo", &dataset, &[]).ok();

    // One alone: the others go on. It stays alone also if it is started again.
    let parted = net.net("net partition", &["partition", "4"]);
    assert_eq!(parted["goes_on"], serde_json::json!([1, 2, 3]));
    net.net("net kill", &["kill", "4"]);
    net.net("net start", &["start", "4"]);
    let alone = height(&net.node(4));
    for _ in 0..2 {
        get(&net, &url, "dr-bo", &dataset, &[]).ok();
    }
    let status = net.status();
    let ahead = height(&status["nodes"][0]);
    assert!(ahead > alone && height(&status["nodes"][3]) == alone, "{status}");
    assert_eq!(status["nodes"][3]["fresh"], false, "{status}");
    assert_eq!(heal(), true);
    net.until_all_have(ahead);

    let refused = |nodes: &str, code: &str| {
        let run = net.run(&["--dir", "n", "net", "partition", nodes]);
        assert_eq!((run.code, run.error()["code"].as_str()), (2, Some(code)), "{run:?}");
    };
    refused("1,2,3,4", "usage");
    refused("5", "unknown-node");

    // A network that is brought up again is whole.
    net.net("net partition", &["partition", "1,2"]);
    net.net("net stop", &["stop"]);
    net.net("net up", &["up", "--detach"]);
    get(&net, &url, "dr-bo", &dataset, &[]).ok();
}

/// What clients sent while something happened.
struct Load {
    done: u64,
    tried: u64,
}

/// Two clients pay Ada all the time, until this has happened.
fn under_load(net: &Net, url: &str, what: impl FnOnce()) -> Load {
    let over = AtomicBool::new(false);
    let client = || {
        let mut load = Load { done: 0, tried: 0 };
        while !over.load(Ordering::SeqCst) {
            let paid = net.at(url, &["wallet", "send", "ada", "0.01", "--as", "dr-bo"]);
            // It may be told that nothing can be decided now, but not that it was refused.
            assert!([0, 6].contains(&paid.code), "{paid:?}");
            load.tried += 1;
            load.done += u64::from(paid.code == 0);
        }
        load
    };
    std::thread::scope(|scope| {
        let clients = [(); 2].map(|()| scope.spawn(client));
        what();
        over.store(true, Ordering::SeqCst);
        let loads = clients.map(|client| client.join().unwrap());
        let sum = |of: fn(&Load) -> u64| loads.iter().map(of).sum();
        Load { done: sum(|load| load.done), tried: sum(|load| load.tried) }
    })
}

/// What somebody has, in millionths.
fn has(net: &Net, url: &str, who: &str) -> u64 {
    let told = net.at(url, &["wallet", "--as", who]).ok().json();
    let balance = text(&told["balance"]);
    let (whole, part) = balance.split_once('.').unwrap_or((&balance, ""));
    let part: u64 = format!("{part:0<6}").parse().unwrap();
    whole.parse::<u64>().unwrap() * 1_000_000 + part
}

#[test]
fn validators_are_killed_under_load_and_one_loses_its_disk() {
    let net = net();
    let made = net.net("net up", &["up", "--validators", "4", "--ports", "0", "--detach"]);
    let url = text(&made["nodes"][0]["url"]);
    let before = has(&net, &url, "ada");

    // One of four: nobody notices.
    let one = under_load(&net, &url, || {
        std::thread::sleep(Duration::from_secs(2));
        net.net("net kill", &["kill", "4"]);
        std::thread::sleep(Duration::from_secs(4));
    });
    assert!(one.done > 0 && one.done == one.tried, "{} of {}", one.done, one.tried);

    // Two of four: it stops. One of them comes back: it goes on.
    let two = under_load(&net, &url, || {
        net.net("net kill", &["kill", "3"]);
        net.until_ready(&url, 6);
        let stopped = height(&net.node(1));
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(height(&net.node(1)), stopped);
        net.net("net start", &["start", "3"]);
        net.until_ready(&url, 0);
        net.until("it goes on", |status| height(&status["nodes"][0]) > stopped + 2);
    });
    // Whoever was told that it is paid has paid; who was told nothing may have.
    let paid = (has(&net, &url, "ada") - before) / 10_000;
    let (done, tried) = (one.done + two.done, one.tried + two.tried);
    assert!((done..=tried).contains(&paid), "{done} <= {paid} <= {tried}");

    // The fourth has lost its disk. Its keys come from a backup: it follows, without a vote.
    let dir = net.path("n/node-4");
    for lost in ["ledger", "votes"] {
        std::fs::remove_dir_all(dir.join(lost)).unwrap();
    }
    std::fs::remove_file(dir.join("genesis.cbor")).unwrap();
    net.run(&["--dir", "n/node-4", "net", "join", "--genesis", "n/genesis.cbor"]).ok();
    let refused = net.run(&["--dir", "n", "net", "start", "4"]);
    assert_eq!(refused.error()["code"], "node-ended");
    assert!(refused.stderr.contains("votes"), "{refused:?}");
    let config = dir.join("secnet.toml");
    let configured = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{configured}votes = \"no\"\n")).unwrap();
    net.net("net start", &["start", "4"]);
    let status = net.until_all_have(height(&net.node(1)));
    assert_eq!(status["nodes"][3]["votes"], false, "{status}");
    net.net("net stop", &["stop"]);
    let checked = net.run(&["--dir", "n/node-4", "fsck"]);
    assert_eq!(checked.code, 0, "{checked:?}");
}

/// A network of this machine's own, in which messages are late and get lost; gone in the end.
struct Lossy(String);

impl Lossy {
    /// None where the kernel does not allow it.
    fn make() -> Option<Self> {
        let lossy = Self(format!("secnet-{}", std::process::id()));
        let ip = |args: &[&str]| {
            let run = Command::new("ip").args(args).stderr(Stdio::null()).status();
            run.is_ok_and(|status| status.success())
        };
        let name = lossy.0.as_str();
        let netem = ["tc", "qdisc", "add", "dev", "lo", "root", "netem"];
        let how = ["delay", "20ms", "5ms", "loss", "3%"];
        let made = ip(&["netns", "add", name])
            && ip(&["-n", name, "link", "set", "lo", "up"])
            && ip(&[&["netns", "exec", name], &netem[..], &how].concat());
        made.then_some(lossy)
    }

    /// The program in this network, with the environment that it has in every test.
    fn secnet(&self, net: &Net, args: &[&str]) -> Command {
        let mut inside = Command::new("ip");
        for (name, _) in command(net.place.path()).get_envs() {
            inside.env_remove(name);
        }
        inside.current_dir(net.place.path()).stdin(Stdio::null());
        inside.args(["netns", "exec", &self.0, SECNET]).args(args).arg("--json");
        inside
    }
}

impl Drop for Lossy {
    fn drop(&mut self) {
        drop(Command::new("ip").args(["netns", "delete", &self.0]).stderr(Stdio::null()).status());
    }
}

#[test]
fn a_network_that_loses_and_delays_packets_decides_all_the_same() {
    let Some(lossy) = Lossy::make() else {
        eprintln!("skipped: this kernel or user may not make a network namespace with `tc netem`");
        return;
    };
    let net = net();
    let run = |args: &[&str]| crate::support::finish(&mut lossy.secnet(&net, args));
    let made = run(&["--dir", "n", "net", "up", "--ports", "0", "--detach"]).ok().json();
    let (url, dataset) = (text(&made["nodes"][0]["url"]), text(&made["dataset"]));
    for _ in 0..3 {
        let wanted = ["--dir", "n/node-1", "get", &dataset, "--as", "dr-bo", "--max-price", "0.25"];
        run(&[&wanted[..], &READ, &["--url", &url]].concat()).ok();
    }
    let status = run(&["--dir", "n", "net", "status"]).ok().json();
    assert_eq!(status["agree"], true, "{status}");
    run(&["--dir", "n", "net", "stop"]).ok();
}
