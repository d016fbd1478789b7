//! Rotated keys and delegates.

use crate::support::{Place, copy_tree};

#[test]
fn a_rotated_key_goes_on_where_the_old_one_stopped() {
    let place = Place::demo();
    let dataset = place.dataset();
    place.grant(&dataset, "eve");
    for who in ["ada", "eve"] {
        let before = place.json(&["id", "show", who])["card"].clone();
        let after = place.json(&["id", "rotate", who]);
        assert_eq!(before["member"], after["member"]);
        assert_ne!(before["did"], after["did"]);
        assert!(place.path(&format!("d/keys/{who}.key.old")).exists());
    }
    let record = place.json(&["data", "show", &dataset, "--as", "ada"])["records"]
        .as_array()
        .unwrap()
        .iter()
        .find(|r| r["labels"].as_array().unwrap().is_empty())
        .unwrap()["record"]
        .as_str()
        .unwrap()
        .to_owned();
    place.json(&["get", &dataset, "--as", "eve", "--purpose", "treatment", "--record", &record]);
    // Her keys of the records came along: she can still grant.
    place.grant(&dataset, "city-hospital");
    place.json(&["fsck"]);
}

#[test]
fn a_delegate_sees_and_refuses_in_the_owners_name() {
    let place = Place::demo();
    let dataset = place.dataset();
    let ask = place.json(&["ask", &dataset, "--as", "dr-bo", "--purpose", "treatment"]);
    let inbox = ["inbox", "--as", "city-hospital", "--for", "ada", "--json"];
    assert_eq!(place.run(&inbox).code, 3);
    place.json(&["id", "delegate", "ada", "city-hospital", "--power", "grant"]);
    let waiting = place.run(&inbox).ok().json();
    assert_eq!(waiting["asks"][0]["ask"], ask["ask"]);
    place.json(&[
        "inbox",
        "refuse",
        ask["ask"].as_str().unwrap(),
        "--as",
        "city-hospital",
        "--for",
        "ada",
    ]);
    assert_eq!(place.run(&inbox).ok().json()["asks"].as_array().unwrap().len(), 0);
}

/// A folder in which ada's rotation was interrupted: the ledger of one moment, the key files of another.
fn interrupted(ledger_has_it: bool, keys: &[(&str, &str)]) -> Place {
    let place = Place::demo();
    copy_tree(&place.path("d"), &place.path("before"));
    place.json(&["id", "rotate", "ada"]);
    std::fs::rename(place.path("d"), place.path("after")).unwrap();
    let ledger = if ledger_has_it { "after" } else { "before" };
    copy_tree(&place.path(ledger), &place.path("d"));
    for file in ["ada.key", "ada.json", "ada.key.old"] {
        drop(std::fs::remove_file(place.path("d/keys").join(file)));
    }
    for (from, to) in keys {
        std::fs::copy(place.path(from), place.path("d/keys").join(to)).unwrap();
    }
    place
}

#[test]
fn an_interrupted_rotation_goes_on_with_the_key_that_the_ledger_has() {
    let before = [("before/keys/ada.key", "ada.key"), ("before/keys/ada.json", "ada.json")];
    let staged = ("after/keys/ada.key", "ada.key.new");
    let old = ("before/keys/ada.key", "ada.key.old");
    let new_card = ("after/keys/ada.json", "ada.json");
    for (ledger_has_it, keys) in [
        (false, vec![before[0], before[1], staged]),
        (true, vec![before[0], before[1], staged]),
        (true, vec![before[0], new_card, staged]),
        (true, vec![old, new_card, staged]),
    ] {
        let place = interrupted(ledger_has_it, &keys);
        let dataset = place.dataset();
        assert!(!place.path("d/keys/ada.key.new").exists());
        place.grant(&dataset, "eve");
        // Twice more: nothing that was sealed is lost on the way.
        place.json(&["id", "rotate", "ada"]);
        place.json(&["id", "rotate", "ada"]);
        place.grant(&dataset, "eve");
        let record = place.plain_records(&dataset).remove(0);
        let get = ["get", &dataset, "--as", "eve", "--purpose", "treatment", "--record", &record];
        place.run(&get).ok();
        place.run(&["fsck"]).ok();
    }
}

#[test]
fn a_delegate_cannot_grant_what_it_has_no_keys_of() {
    let place = Place::demo();
    let dataset = place.dataset();
    place.json(&["id", "delegate", "ada", "city-hospital", "--power", "grant"]);
    let events = place.events();
    let grant = [
        "grant",
        &dataset,
        "--as",
        "city-hospital",
        "--to",
        "eve",
        "--purpose",
        "treatment",
        "--json",
    ];
    for dry in [&[][..], &["--dry-run"]] {
        let run = place.run(&[&grant[..], dry].concat());
        assert_eq!((run.code, run.error()["code"].as_str()), (1, Some("no-keys")), "{run:?}");
        assert!(run.error()["hint"].as_str().unwrap().contains("the owner grants"));
    }
    assert_eq!(place.events(), events, "nothing was signed");
}
