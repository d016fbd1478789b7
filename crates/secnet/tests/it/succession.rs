//! A network goes on in another folder, under another sequencer's key.

use crate::support::{Place, Run, command, finish, flip};

fn run(place: &Place, dir: &str, args: &[&str]) -> Run {
    finish(command(place.root()).args(["--dir", dir]).args(args).arg("--json"))
}

fn succeed(place: &Place, old: &str, new: &str) -> Run {
    run(place, new, &["init", "--successor-of", old])
}

fn balance(place: &Place, dir: &str, who: &str) -> String {
    let wallet = run(place, dir, &["id", "show", who]).ok().json();
    wallet["balance"].as_str().unwrap().to_owned()
}

#[test]
fn members_consent_money_and_data_go_on() {
    let place = Place::demo();
    let dataset = place.dataset();
    place.grant(&dataset, "eve");
    let record = place.plain_records(&dataset).remove(0);
    let events = place.events();
    let would = run(&place, "next", &["init", "--successor-of", "d", "--dry-run"]).ok().json();
    assert_eq!(would["decision"]["verdict"], "accept", "{would}");
    assert_eq!((place.events(), place.path("next").exists()), (events, false));

    let old = place.json(&["status"])["network"].clone();
    let made = succeed(&place, "d", "next").ok().json();
    assert_eq!((&made["continues"], &made["name"]), (&old, &"demo".into()));
    assert!(!place.path("next/configuration.cbor").exists());
    for who in ["ada", "dr-bo"] {
        assert_eq!(balance(&place, "next", who), balance(&place, "d", who));
    }
    let get = ["get", &dataset, "--as", "eve", "--purpose", "treatment", "--record", &record];
    run(&place, "next", &get).ok();
    run(&place, "next", &["wallet", "send", "ada", "0.5", "--as", "dr-bo"]).ok();
    // The log begins anew, the account does not.
    let account = run(&place, "next", &["wallet", "--as", "ada"]).ok().json();
    assert_ne!(account["brought"], "0", "{account}");
    let lines = account["lines"].as_array().unwrap();
    assert_eq!(lines.last().unwrap()["balance"], account["balance"], "{account}");
    for dir in ["next", "d"] {
        run(&place, dir, &["fsck"]).ok();
    }
    // Nothing is added to the closed ledger, by whom ever.
    let events = place.json(&["status"])["events"].clone();
    let refused = place.run(&["wallet", "send", "ada", "1", "--as", "dr-bo", "--json"]);
    assert_eq!(refused.error()["code"], "closed", "{refused:?}");
    assert_ne!(place.run(&get).code, 0);
    let status = place.json(&["status"]);
    assert_eq!((&status["events"], &status["closed"]), (&events, &true.into()));
    run(&place, "next", &["fsck"]).ok();
    // The folder that was made is a network's own; it is not made twice.
    assert_eq!(succeed(&place, "d", "next").error()["code"], "exists");
    assert_eq!(succeed(&place, "d", "other").error()["code"], "other-successor");
    assert!(!place.path("other").exists());
}

#[test]
fn a_successor_is_backed_up_restored_and_continued_itself() {
    let place = Place::demo();
    succeed(&place, "d", "second").ok();
    run(&place, "second", &["id", "new", "carol", "--by", "city-hospital"]).ok();
    succeed(&place, "second", "third").ok();
    run(&place, "third", &["id", "show", "carol"]).ok();
    run(&place, "third", &["fsck"]).ok();
    run(&place, "third", &["backup", "backup"]).ok();
    let epochs = ["restore", "backup", "--epochs", "third/keys/backup.epochs"];
    run(&place, "again", &epochs).ok();
    run(&place, "again", &["fsck"]).ok();

    // What the network began from is evidence as well.
    let closed = std::fs::read_dir(place.path("third/closed")).unwrap();
    let closed: Vec<_> = closed.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(closed.len(), 2);
    for folder in closed {
        let ledger = folder.join("ledger.redb");
        let sound = std::fs::read(&ledger).unwrap();
        std::fs::remove_file(&ledger).unwrap();
        let missing = run(&place, "third", &["fsck"]);
        assert_eq!(missing.code, 7, "{missing:?}");
        assert!(missing.json()["findings"].to_string().contains("\"closed\""), "{missing:?}");
        std::fs::write(&ledger, sound).unwrap();
    }
    run(&place, "third", &["fsck"]).ok();
    flip(&place.path("backup/genesis.cbor"), 40);
    assert_eq!(run(&place, "more", &epochs).code, 7);
}

#[test]
fn what_was_interrupted_goes_on() {
    let place = Place::demo();
    succeed(&place, "d", "whole").ok();
    // The keys and the configuration were written and the old network was closed, nothing else.
    std::fs::create_dir_all(place.path("next/keys")).unwrap();
    let part = |name: &str, to: &str| {
        std::fs::copy(place.path("whole").join(name), place.path("next").join(to)).unwrap();
    };
    part("keys/node.keys", "keys/node.keys");
    let genesis = std::fs::read(place.path("whole/genesis.cbor")).unwrap();
    let genesis = secnet_types::Genesis::parse(&genesis).unwrap();
    let configuration = secnet_types::Genesis { predecessor: None, ..genesis };
    let configuration = secnet_types::encode(&configuration);
    std::fs::write(place.path("next/configuration.cbor"), configuration).unwrap();
    // What a copy left half done.
    std::fs::create_dir_all(place.path("next/ledger")).unwrap();
    std::fs::write(place.path("next/ledger/ledger.redb"), "half").unwrap();
    std::fs::create_dir_all(place.path("next/vault/segments")).unwrap();
    let made = succeed(&place, "d", "next").ok().json();
    let whole = run(&place, "whole", &["status"]).ok().json();
    assert_eq!(made["network"], whole["network"]);
    run(&place, "next", &["fsck"]).ok();
}

#[test]
fn a_secret_passphrase_is_not_copied_beside_the_keys_that_it_opens() {
    let place = Place::demo();
    std::fs::write(place.path("secret"), "correct horse\n").unwrap();
    run(&place, "own", &["init", "--passphrase-file", "secret"]).ok();
    std::fs::rename(place.path("secret"), place.path("own/passphrase")).unwrap();
    run(&place, "own", &["status"]).ok();
    let told =
        finish(command(place.root()).args(["--dir", "next", "init", "--successor-of", "own"])).ok();
    assert!(told.stderr.contains("was not taken along"), "{told:?}");
    assert!(!place.path("next/passphrase").exists());
    // The published one of a demo folder comes along.
    succeed(&place, "d", "copied").ok();
    run(&place, "copied", &["status"]).ok();
}
