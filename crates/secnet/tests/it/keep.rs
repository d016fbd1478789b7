//! Backups, restores, and what may not come back.

use crate::support::{Place, command, files, finish, flip};

fn restore(place: &Place, to: &str) -> crate::support::Run {
    let args = ["--dir", to, "restore", "backup", "--epochs", "d/keys/backup.epochs", "--json"];
    finish(command(place.root()).args(args))
}

/// How the network stands; how much room its disk has is another's doing.
fn standing(mut status: serde_json::Value) -> serde_json::Value {
    assert!(status.as_object_mut().unwrap().remove("free_bytes").is_some());
    status
}

#[test]
fn a_backup_restores_to_the_same() {
    let place = Place::demo();
    let status = standing(place.json(&["status"]));
    let said = place.json(&["backup", "backup"]);
    assert_eq!(said["segments_copied"], 1);
    // A second one on top adds no segment and leaves one ledger.
    assert_eq!(place.json(&["backup", "backup"])["segments_copied"], 0);
    assert!(!place.path("backup/keys/backup.epochs").exists());

    assert_eq!(restore(&place, "d").error()["code"], "not-empty");
    restore(&place, "new").ok();
    let restored =
        finish(command(place.root()).args(["--dir", "new", "status", "--json"])).ok().json();
    assert_eq!(standing(restored), status);
    finish(command(place.root()).args(["--dir", "new", "fsck", "--against", "d/allowed.receipt"]))
        .ok();
    finish(command(place.root()).args(["--dir", "new", "log", "--as", "ada", "--json"])).ok();
}

#[test]
fn a_damaged_backup_is_not_restored() {
    let place = Place::demo();
    for part in ["vault/segments/segments", "vault/keys", ""] {
        place.json(&["backup", "backup"]);
        let found = files(&place.path("backup").join(part));
        let (file, bytes) = found
            .iter()
            .find(|(path, _)| !part.is_empty() || path.ends_with("ledger.redb"))
            .unwrap();
        flip(file, bytes.len() / 2);
        let run = restore(&place, "new");
        assert_eq!(run.code, 7, "{part}: {run:?}");
        assert!(!place.path("new").exists());
        assert!(!place.path("new.restoring").exists());
        std::fs::remove_dir_all(place.path("backup")).unwrap();
    }
    place.json(&["backup", "backup"]);
    restore(&place, "new").ok();
}

/// Whom it concerns is told that it was erased, not that something is damaged.
fn tells_of_the_erasure(place: &Place, dataset: &str) {
    let who = place.run(&["data", "who", dataset, "--as", "ada", "--json"]);
    assert_eq!((who.code, who.error()["code"].as_str()), (1, Some("erased")), "{who:?}");
    let see = place.run(&["data", "see", dataset, "--as", "eve", "--json"]);
    assert_eq!(see.error()["code"], "erased");
}

#[test]
fn what_was_shredded_is_gone_also_from_older_backups() {
    let place = Place::demo();
    let dataset = place.dataset();
    place.json(&["backup", "backup"]);
    place.grant(&dataset, "eve");
    let before = place.json(&["data", "show", &dataset, "--as", "ada"]);
    let one = before["records"]
        .as_array()
        .unwrap()
        .iter()
        .find(|r| r["labels"].as_array().unwrap().is_empty())
        .unwrap()["record"]
        .as_str()
        .unwrap()
        .to_owned();
    let get = |record: &str| {
        place.run(&[
            "get",
            &dataset,
            "--as",
            "eve",
            "--purpose",
            "treatment",
            "--record",
            record,
            "--json",
        ])
    };
    get(&one).ok();

    let events = place.events();
    let plan = place.json(&["shred", &dataset, "--as", "ada", "--record", &one, "--dry-run"]);
    assert_eq!(plan["records"].as_array().unwrap().len(), 1);
    let asked = place.run(&["shred", &dataset, "--as", "ada", "--record", &one, "--json"]);
    assert_eq!((asked.code, asked.error()["code"].as_str()), (2, Some("not-confirmed")));
    assert_eq!(place.run(&["shred", &dataset, "--as", "dr-bo", "--yes"]).code, 1, "not his");
    assert_eq!(place.events(), events);

    let done = place.json(&[
        "shred",
        &dataset,
        "--as",
        "ada",
        "--record",
        &one,
        "--yes",
        "--receipt",
        "erased.receipt",
    ]);
    assert_eq!((done["records"].as_u64(), done["whole"].as_bool()), (Some(1), Some(false)));
    place.run(&["receipt", "verify", "erased.receipt"]).ok();
    assert_ne!(get(&one).code, 0);
    let all = place.json(&["shred", &dataset, "--as", "ada", "--yes"]);
    assert_eq!(all["whole"], true);
    assert!(all["compartments_destroyed"].as_u64().unwrap() > 0);
    assert_eq!(place.run(&["get", &dataset, "--as", "eve", "--purpose", "treatment"]).code, 3);
    place.run(&["fsck"]).ok();

    tells_of_the_erasure(&place, &dataset);
    assert_eq!(restore(&place, "new").error()["code"], "rolled-back");
    let accept = ["restore", "backup", "--epochs", "d/keys/backup.epochs", "--accept-loss"];
    let restored = finish(command(place.root()).args(["--dir", "new"]).args(accept).arg("--json"));
    let restored = restored.ok().json();
    assert_eq!(restored["erased_again"], before["records"].as_array().unwrap().len());
    let shown = finish(
        command(place.root())
            .args(["--dir", "new", "data", "show", &dataset, "--as", "ada", "--json"]),
    );
    assert_eq!(shown.ok().json()["records"].as_array().unwrap().len(), 0);
    let log = finish(command(place.root()).args(["--dir", "new", "data", "ls", "--json"])).ok();
    assert_eq!(log.json()["datasets"][0]["status"], "erased", "the restored ledger says so too");
    finish(command(place.root()).args(["--dir", "new", "fsck"])).ok();
}
