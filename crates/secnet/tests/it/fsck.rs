//! What is damaged is found, named, and left as it is.

use secnet_app::ports::{Archive as _, Change, EntryKind, EntryName};
use secnet_types::DatasetId;
use secnet_vault::PrivateArchive;

use crate::shred::storage_key;
use crate::support::{Place, command, copy_tree, files, finish, flip};

#[test]
fn a_healthy_folder_is_found_healthy_and_not_changed() {
    let place = Place::demo();
    let before = files(&place.path("d"));
    let report =
        place.json(&["fsck", "--against", "d/allowed.receipt", "--against", "d/log/checkpoint"]);
    assert_eq!(report["healthy"], true);
    assert!(report["events"].as_u64().unwrap() > 10);
    assert!(report["archive_entries"].as_u64().unwrap() > 10);
    assert_eq!(files(&place.path("d")), before);
}

#[test]
fn a_folder_that_was_just_made_is_healthy() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("passphrase-file"), "correct horse\n").unwrap();
    let run = |verb: &str| {
        let args = ["--dir", "n", "--passphrase-file", "passphrase-file", verb];
        finish(command(place.path()).args(args)).ok()
    };
    run("init");
    run("fsck");
    run("status");
    run("fsck");
}

#[test]
fn a_flipped_bit_in_a_segment_is_named() {
    let place = Place::demo();
    let (segment, bytes) = files(&place.path("d/vault/segments")).into_iter().next().unwrap();
    flip(&segment, bytes.len() / 2);
    let before = files(&place.path("d"));
    let run = place.run(&["fsck", "--json"]);
    assert_eq!(run.code, 7, "{run:?}");
    let report = run.json();
    assert_eq!(report["findings"][0]["part"], "vault");
    assert!(report["findings"][0]["what"].as_str().unwrap().starts_with("segment b3:"), "{report}");
    assert_eq!(run.error()["code"], "damaged");
    assert_eq!(files(&place.path("d")), before, "a check must not disturb what it finds");
}

#[test]
fn flipped_bits_in_the_ledger_are_named() {
    let place = Place::demo();
    let file = place.path("d/ledger/ledger.redb");
    let bytes = std::fs::read(&file).unwrap();
    // The network's name is in the stored genesis; a freed page may hold an older copy, so all of them are hit.
    let names = bytes.windows(5).enumerate().filter(|(_, window)| window == b"\x64demo");
    let places: Vec<usize> = names.map(|(at, _)| at + 2).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| flip(&file, at));
    let before = files(&place.path("d"));
    let run = place.run(&["fsck", "--json"]);
    assert_eq!(run.code, 7, "{run:?}");
    assert!(
        run.json()["findings"].as_array().unwrap().iter().any(|f| f["part"] == "ledger"),
        "{run:?}"
    );
    assert_eq!(files(&place.path("d")), before);
}

#[test]
fn a_missing_segment_and_a_damaged_archive_are_named() {
    let place = Place::demo();
    let (segment, _) = files(&place.path("d/vault/segments")).into_iter().next().unwrap();
    std::fs::remove_file(segment).unwrap();
    let run = place.run(&["fsck", "--json"]);
    assert_eq!(run.json()["findings"][0]["problem"], "it is missing");

    let archive = files(&place.path("d/archive"));
    let (database, bytes) =
        archive.iter().find(|(path, _)| path.extension().unwrap() == "redb").unwrap();
    let mut damaged = bytes.clone();
    let middle = damaged.len() / 2;
    damaged[..middle].iter_mut().skip(8192).for_each(|byte| *byte ^= 0x55);
    std::fs::write(database, damaged).unwrap();
    let run = place.run(&["fsck", "--json"]);
    assert_eq!(run.code, 7, "{run:?}");
    assert!(
        run.json()["findings"].as_array().unwrap().iter().any(|f| f["part"] == "archive"),
        "{run:?}"
    );
}

#[test]
fn keys_that_are_gone_are_missed() {
    let place = Place::demo();
    let found = |file: &str| {
        let run = place.run(&["fsck", "--json"]);
        assert_eq!(run.code, 7, "{run:?}");
        let findings = run.json()["findings"].as_array().unwrap().clone();
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!((&findings[0]["part"], &findings[0]["what"]), (&"keys".into(), &file.into()));
        assert!(findings[0]["problem"].as_str().unwrap().starts_with("it is missing"));
    };
    // Never there, and not missed: nothing was backed up.
    assert!(!place.path("d/keys/backup.epochs").exists());
    place.run(&["fsck"]).ok();
    place.run(&["backup", "b"]).ok();
    for file in ["ada.compartments", "backup.epochs"] {
        let (there, away) = (place.path("d/keys").join(file), place.path("away"));
        std::fs::rename(&there, &away).unwrap();
        found(file);
        std::fs::rename(&away, &there).unwrap();
        place.run(&["fsck"]).ok();
    }
    // Gone from the backup, it is missed before the backup takes a folder's place.
    std::fs::remove_file(place.path("b/keys/ada.compartments")).unwrap();
    let mut restore = command(place.root());
    restore.args(["--dir", "r", "restore", "b", "--epochs", "d/keys/backup.epochs", "--json"]);
    let run = finish(&mut restore);
    assert_eq!((run.code, run.error()["code"].as_str()), (7, Some("verification")), "{run:?}");
    assert!(!place.path("r").exists());
}

#[test]
fn a_cut_tail_is_found_against_a_receipt_and_a_checkpoint() {
    let place = Place::demo();
    copy_tree(&place.path("d"), &place.path("before"));
    let dataset = place.dataset();
    place.grant(&dataset, "eve");
    let events = place.json(&["log", "--limit", "1"]);
    let last = events["events"][0]["event"].as_u64().unwrap().to_string();
    place.run(&["receipt", "save", &last, "--out", "kept.receipt"]).ok();
    std::fs::copy(place.path("d/log/checkpoint"), place.path("kept.checkpoint")).unwrap();
    place.run(&["fsck", "--against", "kept.receipt", "--against", "kept.checkpoint"]).ok();

    std::fs::rename(place.path("d"), place.path("after")).unwrap();
    std::fs::rename(place.path("before"), place.path("d")).unwrap();
    place.run(&["fsck"]).ok();
    for kept in ["kept.receipt", "kept.checkpoint"] {
        let run = place.run(&["fsck", "--against", kept, "--json"]);
        assert_eq!(run.code, 7, "{run:?}");
        let problem = run.json()["findings"][0]["problem"].as_str().unwrap().to_owned();
        assert!(problem.contains("the tail was cut or the folder rolled back"), "{problem}");
    }
    // Somebody else's paper proves nothing here.
    std::fs::write(place.path("noise"), [0xff; 64]).unwrap();
    assert_eq!(place.run(&["fsck", "--against", "noise"]).code, 7);
}

#[test]
fn a_flipped_bit_in_each_plain_file_is_named() {
    let place = Place::demo();
    let dataset = place.dataset();
    place.json(&["backup", "elsewhere"]);
    place.grant(&dataset, "eve");
    // A request that is under way.
    let record = place.plain_records(&dataset).remove(0);
    std::fs::write(place.path("in-the-way"), "").unwrap();
    place.run(&[
        "get",
        &dataset,
        "--as",
        "eve",
        "--purpose",
        "treatment",
        "--record",
        &record,
        "--max-price",
        "1",
        "--out",
        "in-the-way",
    ]);
    // A former key, a session, a group; and a rotation that was interrupted before the ledger heard of it.
    place.json(&["id", "rotate", "eve"]);
    place.json(&["id", "session", "dr-bo", "--limit", "1"]);
    place.json(&["group", "new", "ward", "--as", "city-hospital"]);
    std::fs::copy(place.path("d/keys/dr-bo.key"), place.path("d/keys/dr-bo.key.new")).unwrap();
    place.run(&["fsck"]).ok();
    let plain = |path: &std::path::Path| {
        let inside = path.strip_prefix(place.path("d")).unwrap();
        let folder = inside.components().next().unwrap().as_os_str().to_owned();
        folder == "log" || folder == "keys" || inside.ends_with("genesis.cbor")
    };
    let mut looked_at = 0;
    for (file, bytes) in files(&place.path("d")) {
        if !plain(&file) {
            continue;
        }
        looked_at += 1;
        flip(&file, bytes.len() * 2 / 3);
        let run = place.run(&["fsck", "--json"]);
        assert_eq!(run.code, 7, "{}: {run:?}", file.display());
        let name = file.file_name().unwrap().to_str().unwrap();
        let named = run.json()["findings"].to_string();
        assert!(named.contains(name), "{} is not named: {named}", file.display());
        std::fs::write(&file, bytes).unwrap();
    }
    assert!(looked_at > 20, "{looked_at}");
    place.run(&["fsck"]).ok();
}

#[test]
fn every_damaged_entry_of_the_archive_is_named() {
    let place = Place::demo();
    let archive = files(&place.path("d/archive"));
    let (database, bytes) =
        archive.iter().find(|(path, _)| path.extension().unwrap() == "redb").unwrap();
    // One bit in each page beyond the first: whatever rows lie there do not open any more.
    let mut damaged = bytes.clone();
    for page in damaged.chunks_mut(4096).skip(2) {
        if page.iter().filter(|byte| **byte != 0).count() > 3000 {
            page[3000] ^= 1;
        }
    }
    std::fs::write(database, damaged).unwrap();
    let run = place.run(&["fsck", "--json"]);
    assert_eq!(run.code, 7, "{run:?}");
    let found = run.json()["findings"].as_array().unwrap().clone();
    let entries = found.iter().filter(|f| f["what"].as_str().unwrap().starts_with("entry "));
    assert!(entries.count() > 1, "{found:?}");
}

#[test]
fn without_the_nodes_own_keys_the_rest_is_looked_at_all_the_same() {
    let place = Place::demo();
    let keys = place.path("d/keys/node.keys");
    let sound = std::fs::read(&keys).unwrap();
    let cut = sound[..sound.len() / 2].to_vec();
    let mut flipped = sound.clone();
    let middle = flipped.len() * 3 / 4;
    flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };
    for damage in [Some(cut), Some(flipped), Some(Vec::new()), None] {
        match damage {
            Some(bytes) => std::fs::write(&keys, bytes).unwrap(),
            None => std::fs::remove_file(&keys).unwrap(),
        }
        let run = place.run(&["fsck", "--json"]);
        assert_eq!(run.code, 7, "{run:?}");
        let report = run.json();
        let found = report["findings"].as_array().unwrap();
        assert_eq!((&found[0]["part"], &found[0]["what"]), (&"keys".into(), &"node.keys".into()));
        assert!(report["blocks"].as_u64().unwrap() > 10, "{report}");
        let parts: Vec<_> = found.iter().map(|f| f["part"].as_str().unwrap()).collect();
        assert_eq!(parts, ["keys", "archive"], "{report}");
    }
    // Another node's keys, under the same passphrase.
    let passphrase = std::fs::read_to_string(place.path("d/passphrase")).unwrap();
    let mut rng = secnet_crypto::rand_core::UnwrapErr(getrandom::SysRng);
    let cost = secnet_crypto::KeyFileParams::LEAST;
    let other =
        secnet_crypto::keyfile::encrypt(&[7; 160], passphrase.trim_end(), cost, &mut rng).unwrap();
    std::fs::write(&keys, other).unwrap();
    let run = place.run(&["fsck", "--json"]);
    assert_eq!(run.code, 7, "{run:?}");
    let found = run.json()["findings"].to_string();
    assert!(found.contains("not the one that the genesis names"), "{found}");
}

/// What fsck says of the archive.
fn said_of_the_archive(place: &Place) -> String {
    let run = place.run(&["fsck", "--json"]);
    assert_eq!(run.code, 7, "{run:?}");
    let report = run.json();
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.iter().all(|f| f["part"] == "archive"), "{report}");
    let said = |f: &serde_json::Value| {
        format!("{}: {}", f["what"].as_str().unwrap(), f["problem"].as_str().unwrap())
    };
    findings.iter().map(said).collect::<Vec<_>>().join("\n")
}

#[test]
fn an_archive_that_is_older_than_the_ledger_is_found() {
    let place = Place::demo();
    let dataset = place.dataset();
    copy_tree(&place.path("d/archive"), &place.path("before"));
    let grant = place.grant(&dataset, "eve");
    let record = place.plain_records(&dataset).remove(0);
    let get = ["get", &dataset, "--as", "eve", "--purpose", "treatment", "--record", &record];
    let decision = place.json(&get)["decision"].as_str().unwrap().to_owned();
    let denial = ["deny", "dr-bo", "--as", "ada", "--dataset", &dataset, "--record", &record];
    let denial = place.json(&denial)["denial"].as_str().unwrap().to_owned();
    place.run(&["fsck"]).ok();
    std::fs::rename(place.path("d/archive"), place.path("after")).unwrap();
    copy_tree(&place.path("before"), &place.path("d/archive"));
    let said = said_of_the_archive(&place);
    for missing in [
        format!("the detail of grant {grant}"),
        format!("the sealed packets of grant {grant}"),
        format!("the facts of decision {decision}"),
        format!("the detail of denial {denial}"),
    ] {
        assert!(said.contains(&format!("{missing}: it is missing")), "{missing}: {said}");
    }
}

#[test]
fn records_that_are_still_listed_after_their_erasure_are_found() {
    let place = Place::demo();
    let dataset = place.dataset();
    copy_tree(&place.path("d"), &place.path("before"));
    let shred = ["shred", &dataset, "--as", "ada", "--yes"];
    place.json(&shred);
    place.run(&["fsck"]).ok();
    for part in ["archive", "vault"] {
        std::fs::remove_dir_all(place.path("d").join(part)).unwrap();
        copy_tree(&place.path("before").join(part), &place.path("d").join(part));
    }
    let said = said_of_the_archive(&place);
    assert!(said.contains("it was erased, and its records are still listed"), "{said}");
    assert_eq!(place.json(&shred)["resumed"], true);
    place.run(&["fsck"]).ok();
}

/// What a test does to entries of the archive.
type Edit = fn(Vec<(EntryName, Vec<u8>)>) -> Vec<Change>;

fn lost(all: Vec<(EntryName, Vec<u8>)>) -> Vec<Change> {
    all.into_iter().map(|(name, _)| Change { name, value: None }).collect()
}

/// The last byte of each is another: of a salt, of a digest, of a list.
fn flipped(all: Vec<(EntryName, Vec<u8>)>) -> Vec<Change> {
    let flip = |(name, mut value): (EntryName, Vec<u8>)| {
        *value.last_mut().unwrap() ^= 1;
        Change { name, value: Some(value) }
    };
    all.into_iter().map(flip).collect()
}

/// What opens but is not what the ledger commits to: only the ledger gives it away.
#[test]
fn lost_and_exchanged_details_and_records_are_named() {
    let place = Place::demo();
    let dataset = place.dataset();
    // The demo's own grant is revoked in the end: nothing has to be kept of it.
    place.grant(&dataset, "eve");
    let dataset: DatasetId = dataset.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let key = storage_key(&place.path("d"));
    let edit = |edit: Edit, kind, group: &[u8]| {
        runtime.block_on(async {
            let archive = PrivateArchive::open(&place.path("d/archive"), key.clone()).unwrap();
            let changes = edit(archive.list(kind, group).await.unwrap());
            assert!(!changes.is_empty(), "{kind:?}");
            archive.write(changes).await.unwrap();
        });
    };
    copy_tree(&place.path("d"), &place.path("sound"));
    let of_dataset = dataset.0.as_slice();
    for (kind, group, named) in [
        (EntryKind::TermsDetail, &[][..], "the detailed terms of dataset"),
        (EntryKind::ConsentDetail, &[][..], "the detail of grant"),
        (EntryKind::DatasetManifest, of_dataset, "the list of the uploads of dataset"),
        (EntryKind::Manifest, of_dataset, "the records of dataset"),
    ] {
        for change in [lost as Edit, flipped] {
            edit(change, kind, group);
            let run = place.run(&["fsck", "--json"]);
            assert_eq!(run.code, 7, "{run:?}");
            let found = run.json()["findings"].as_array().unwrap().clone();
            let here = |f: &serde_json::Value| {
                f["part"] == "archive" && f["what"].as_str().unwrap().starts_with(named)
            };
            assert!(found.iter().any(here), "{named}: {found:?}");
            std::fs::remove_dir_all(place.path("d")).unwrap();
            copy_tree(&place.path("sound"), &place.path("d"));
        }
    }
    place.run(&["fsck"]).ok();
}
