//! One organisation alone, which another joins: nothing that was agreed, paid or uploaded is lost. Real processes.

use std::path::{Path, PathBuf};

use crate::network::{Net, net, text};
use crate::network_growth::{free_addresses, up};
use crate::support::{Run, demo, files};

/// A patient, and a record of the laboratory's.
const PULSE: &str = r#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"ada"}},
{"resource":{"resourceType":"Observation","id":"x","status":"final","code":{"text":"pulse"},"subject":{"reference":"Patient/ada"},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category",
"code":"laboratory"}]}]}}]}"#;

impl Net {
    fn genesis(&self, cards: &[&str]) -> Run {
        let to = ["--name", "clinics", "--out", "g.cbor", "--successor-of", "old"];
        self.run(&[&["net", "genesis"], &to[..], cards].concat())
    }

    fn join(&self, dir: &str, more: &[&str]) -> Run {
        self.unlocked(&[&["--dir", dir, "net", "join", "--genesis", "g.cbor"], more].concat())
    }

    /// What Eve reads of a dataset, and what Ada has.
    fn read(&self, from: &[&str], dataset: &str) -> (String, String) {
        let get = ["get", dataset, "--as", "eve", "--purpose", "treatment"];
        let got = self.run(&[&get[..], &["--category", "laboratory"], from].concat()).ok().json();
        let wallet = self.run(&[&["wallet", "--as", "ada"], from].concat()).ok().json();
        (got["records"].to_string(), wallet["balance"].to_string())
    }
}

#[test]
fn a_solo_network_grows_into_one_of_several_with_all_that_it_has() {
    let net = net();
    demo(&net.path("old"));
    std::fs::copy(net.path("old/passphrase"), net.path("passphrase")).unwrap();
    let old = ["--dir", "old"];
    let listed = net.run(&[&old[..], &["data", "ls"]].concat()).ok().json();
    let dataset = text(&listed["datasets"][0]["dataset"]);
    let to_eve = ["grant", &dataset, "--as", "ada", "--to", "eve", "--price", "0"];
    let grant = || net.run(&[&old[..], &to_eve, &["--purpose", "treatment"]].concat());
    grant().ok();
    let before = net.read(&old, &dataset);

    // Each makes keys; who has the solo network keeps its own, but for the validator's.
    let ports = free_addresses(4);
    let a = net.card("a", &ports[0], &["--successor-of", "old"]);
    let b = net.card("b", &ports[1], &["--governs"]);
    let homeless = net.genesis(&[&b]);
    assert_eq!(homeless.error()["code"], "not-a-founder", "{homeless:?}");
    grant().ok();
    // What stands in the way is noticed after the old chain is closed; the same again goes on, and nothing else does.
    std::fs::write(net.path("g.cbor.closed"), "in the way").unwrap();
    assert_eq!(net.genesis(&[&a, &b]).code, 6);
    std::fs::remove_file(net.path("g.cbor.closed")).unwrap();
    assert_eq!(net.genesis(&[&a]).error()["code"], "other-founders");
    let made = net.genesis(&[&a, &b]).ok().json();
    net.contract.check("net genesis", &made).unwrap();
    assert_eq!(grant().error()["code"], "closed");
    nobody_begins_without_what_was_before(&net);
    net.join("a", &["--successor-of", "old"]).ok();

    let peers: Vec<String> = made["peers"].as_array().unwrap().iter().map(text).collect();
    let nodes =
        [("a", 0), ("b", 1)].map(|(dir, n)| up(&net, dir, &ports[n], &peers, &ports[n + 2]));
    let [url, other] = [&ports[2], &ports[3]].map(|port| format!("http://{port}"));
    net.until_ready(&url, 0);
    net.until_ready(&other, 0);
    let there = ["--dir", "a", "--url", &url];
    assert_eq!(net.read(&there, &dataset), before);
    several_hold_what_is_uploaded_now(&net, &there);

    for node in nodes {
        assert_eq!(node.stop(), 0);
    }
    for dir in ["a", "b"] {
        let checked = net.unlocked(&["--dir", dir, "fsck"]);
        assert_eq!(checked.code, 0, "{checked:?}");
    }
}

fn nobody_begins_without_what_was_before(net: &Net) {
    assert_eq!(net.join("b", &[]).error()["code"], "closed-ledger");
    let ledger = ledger_in(&net.path("g.cbor.closed"));
    let sound = std::fs::read(&ledger).unwrap();
    let mut altered = sound.clone();
    let middle = altered.len() / 2;
    altered[middle..middle + 4096].fill(0xa5);
    std::fs::write(&ledger, altered).unwrap();
    let refused = net.join("b", &["--closed", "g.cbor.closed"]);
    assert!(matches!(refused.code, 6 | 7), "{refused:?}");
    assert!(!net.path("b/genesis.cbor").exists());
    std::fs::write(&ledger, sound).unwrap();
    net.join("b", &["--closed", "g.cbor.closed"]).ok();
}

fn several_hold_what_is_uploaded_now(net: &Net, there: &[&str]) {
    std::fs::write(net.path("new.json"), PULSE).unwrap();
    let add = ["data", "add", "new.json", "--as", "ada", "--price", "0", "--title", "new"];
    let added = net.run(&[&add[..], there].concat()).ok().json();
    let new = text(&added["dataset"]);
    let grant = ["grant", &new, "--as", "ada", "--to", "eve", "--purpose", "treatment"];
    net.run(&[&grant[..], &["--price", "0"], there].concat()).ok();
    let get = ["get", &new, "--as", "eve", "--purpose", "treatment", "--receipt", "r.receipt"];
    let got = net.run(&[&get[..], there].concat()).ok().json();
    assert_eq!(got["release_nodes"], 2, "{got}");
    net.run(&["receipt", "verify", "r.receipt", "--genesis", "g.cbor"]).ok();
}

/// The file of the one ledger in a folder.
fn ledger_in(folder: &Path) -> PathBuf {
    let mut ledgers = files(folder).into_keys().filter(|file| file.ends_with("ledger.redb"));
    ledgers.next().unwrap()
}
