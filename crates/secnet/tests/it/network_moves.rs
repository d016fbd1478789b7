//! A dataset moves between two data centres of a network of real processes.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::network::{Net, PATIENCE, get, net, text};
use crate::support::{Running, command};

/// The member whose data centre's door is at an address, as a node has heard.
fn member_at(net: &Net, asked: &str, url: &str) -> String {
    let begun = Instant::now();
    loop {
        let told = net.at(asked, &["net", "nodes", "--as", "dr-bo"]).ok().json();
        let doors = told["doors"].as_array().unwrap();
        if let Some(door) = doors.iter().find(|door| door["url"] == url) {
            return text(&door["member"]);
        }
        assert!(begun.elapsed() < PATIENCE, "{told}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_dataset_goes_to_another_data_centre_and_is_had_there_when_the_first_one_is_gone() {
    let net = net();
    let made = net.net("net up", &["up", "--pdcs", "2", "--ports", "0", "--detach"]);
    let url = |node: usize| text(&made["nodes"][node]["url"]);
    let (first, second, dataset) = (url(0), url(1), text(&made["dataset"]));
    net.until_ready(&second, 0);
    let (old, new) = (member_at(&net, &second, &first), member_at(&net, &first, &second));
    let before = get(&net, &first, "dr-bo", &dataset, &[]).ok().json();
    let place = |url: &str| {
        let told = net.at(url, &["data", "show", &dataset, "--as", "ada"]).ok().json();
        told["records"].as_array().unwrap().len()
    };
    let records = place(&first);

    // Refused before anything is signed or moved.
    let to = ["data", "move", &dataset, "--as", "ada", "--to"];
    let strange = net.at(&first, &["data", "move", &dataset, "--as", "eve", "--to", &new]);
    assert_eq!((strange.code, strange.error()["code"].as_str()), (3, Some("not-visible")));
    let here = net.run(&[&["--dir", "s"], &to[..], &[&new]].concat());
    assert_ne!(here.code, 0);
    let would = net.at(&first, &[&to[..], &[&new, "--dry-run"]].concat()).ok().json();
    assert_eq!(would["dry_run"], true);

    // The owner moves it while the data centre where it is does not run: it waits, and goes on when that one is back.
    net.net("net kill", &["kill", "1"]);
    let mut moving = command(net.place.path());
    moving.args(to).args([&new, "--json", "--dir", "n/node-1", "--url", &second]);
    moving.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut moving = Running(moving.spawn().unwrap());
    let begun = Instant::now();
    assert!(moving.0.try_wait().unwrap().is_none());
    net.net("net start", &["start", "1"]);
    while moving.0.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < 2 * PATIENCE, "the move does not end");
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut said = String::new();
    std::io::Read::read_to_string(&mut moving.0.stdout.take().unwrap(), &mut said).unwrap();
    let moved: Value = serde_json::from_str(&said).unwrap_or_else(|error| {
        let mut why = String::new();
        std::io::Read::read_to_string(&mut moving.0.stderr.take().unwrap(), &mut why).unwrap();
        panic!("{error}: {said} {why}")
    });
    net.contract.check("data move", &moved).unwrap();
    assert_eq!((&moved["from"], &moved["to"]), (&json!(old), &json!(new)));

    // It is decided there now; who asks the first one is sent on.
    net.until_ready(&first, 0);
    assert_eq!(place(&second), records);
    let got = get(&net, &second, "dr-bo", &dataset, &[]).ok().json();
    assert_eq!(got["records"].as_array().map(Vec::len), before["records"].as_array().map(Vec::len));
    member_at(&net, &first, &second);
    get(&net, &first, "dr-bo", &dataset, &[]).ok();
    // The same command again finds it there, and what was fetched after the move is there too.
    let begun = Instant::now();
    loop {
        let again = net.at(&second, &[&to[..], &[&new]].concat()).ok().json();
        if again["stage"] == "settled" {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{again}");
    }
    // The one it was at is gone for good.
    net.net("net kill", &["kill", "1"]);
    get(&net, &second, "dr-bo", &dataset, &[]).ok();
    let grant =
        ["grant", &dataset, "--as", "ada", "--to", "dr-bo", "--purpose", "research", "--days", "1"];
    net.at(&second, &[&grant[..], &["--price", "0"]].concat()).ok();
    net.net("net stop", &["stop"]);
    for folder in ["n/node-1", "n/node-2"] {
        let checked = net.run(&["--dir", folder, "fsck"]);
        assert_eq!(checked.code, 0, "{checked:?}");
    }
}
