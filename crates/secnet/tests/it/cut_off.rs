//! What was cut off, or met a full disk, is taken up again by the same command.

use std::fs::OpenOptions;

use crate::support::{Place, command, copy_tree, finish};

/// Standard output on a disk without room: nothing is lost, and the exit code says so.
#[test]
fn what_could_not_be_printed_is_fetched_again() {
    let place = Place::demo();
    let dataset = place.dataset();
    place.grant(&dataset, "eve");
    let record = place.plain_records(&dataset)[0].clone();
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let get = ["get", &dataset, "--as", "eve", "--purpose", "treatment", "--record", &record];
    let mut asked = command(place.root());
    asked.args(["--dir", "d", "--json"]).args(get).stdout(full());
    let asked = asked.output().unwrap();
    assert_eq!(asked.status.code(), Some(1), "{asked:?}");
    let said: serde_json::Value = serde_json::from_slice(&asked.stderr).unwrap();
    assert_eq!(said["error"]["code"], "not-written", "{said}");

    let request = said["error"]["request"].as_str().unwrap();
    let again = place.json(&["get", "--as", "eve", "--request", request]);
    assert_eq!(again["records"][0]["record"], record.as_str());

    let mut status = command(place.root());
    let status = status.args(["--dir", "d", "status"]).stdout(full()).output().unwrap();
    assert_eq!(status.status.code(), Some(1), "{status:?}");
}

/// Keys were made, and the ledger never heard of them.
#[test]
fn a_member_whose_admission_was_cut_off_is_made_by_the_same_command() {
    let place = Place::demo();
    copy_tree(&place.path("d"), &place.path("elsewhere"));
    let new = |folder: &str| {
        let args = ["id", "new", "zoe", "--by", "city-hospital", "--json"];
        finish(command(place.root()).args(["--dir", folder]).args(args))
    };
    let made = new("elsewhere").ok().json();
    for file in ["zoe.key", "zoe.json"] {
        std::fs::copy(place.path("elsewhere/keys").join(file), place.path("d/keys").join(file))
            .unwrap();
    }
    assert_eq!(place.run(&["fsck"]).code, 7, "the ledger does not know her");
    assert_eq!(new("d").ok().json()["member"], made["member"]);
    place.run(&["fsck"]).ok();
    assert_eq!(new("d").error()["code"], "name-taken");
}

/// A folder has many names, and a restore that was killed leaves one beside it.
#[test]
fn a_folder_is_restored_by_whatever_name_it_has() {
    let place = Place::demo();
    place.json(&["backup", "backup"]);
    let restore = |to: &str| {
        let args = ["--dir", to, "restore", "backup", "--epochs", "d/keys/backup.epochs", "--json"];
        finish(command(place.root()).args(args))
    };
    std::fs::create_dir(place.path("empty")).unwrap();
    std::os::unix::fs::symlink("empty", place.path("link")).unwrap();
    restore("link").ok();
    assert!(place.path("empty/genesis.cbor").exists());
    std::fs::create_dir(place.path("dot")).unwrap();
    restore("dot/.").ok();
    assert!(place.path("dot/genesis.cbor").exists() && !place.path("dot/.restoring").exists());

    std::fs::create_dir(place.path("next.restoring")).unwrap();
    std::fs::write(place.path("next.restoring/genesis.cbor"), "half").unwrap();
    let error = restore("next").error();
    assert!(error["hint"].as_str().unwrap().contains("cut off"), "{error}");
}

/// A node that was killed while it published.
#[test]
fn a_publication_that_was_cut_off_is_no_damage() {
    let place = Place::demo();
    let tiles = place.path("d/log/tile/0/000.p");
    let tile = std::fs::read_dir(&tiles).unwrap().next().unwrap().unwrap();
    let bytes = std::fs::read(tile.path()).unwrap();
    let width: usize = tile.file_name().to_str().unwrap().parse().unwrap();
    std::fs::write(tiles.join(format!("{}.new", width + 1)), &bytes[..bytes.len() / 2]).unwrap();
    let wider = [&bytes[..], &[7; 32]].concat();
    std::fs::write(tiles.join((width + 1).to_string()), wider).unwrap();
    place.run(&["fsck"]).ok();
    std::fs::write(tile.path(), vec![1; bytes.len()]).unwrap();
    assert_eq!(place.run(&["fsck"]).code, 7);
}
