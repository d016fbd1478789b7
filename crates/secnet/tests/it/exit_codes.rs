//! Each exit code of docs/reference/exit-codes.md, produced once.

use crate::support::{Place, demo, flip};

#[test]
fn the_demo_behaves_in_every_step() {
    let folder = tempfile::tempdir().unwrap();
    let told = demo(&folder.path().join("d"));
    assert_eq!(told["ok"], true);
    let steps = told["steps"].as_array().unwrap();
    assert!(steps.len() >= 12, "{steps:?}");
    assert!(steps.iter().all(|step| step["ok"] == true), "{steps:?}");
}

#[test]
fn each_exit_code_has_its_cause() {
    let place = Place::demo();
    let dataset = place.dataset();
    let get = ["get", &dataset, "--purpose", "treatment", "--json", "--as"];
    let code = |args: &[&str]| place.run(args).code;

    assert_eq!(code(&["status"]), 0);
    assert_eq!(code(&["id", "show", "nobody"]), 1);
    assert_eq!(code(&["status", "--no-such-flag"]), 2);
    let stranger = place.run(&[&get[..], &["eve"]].concat());
    assert_eq!((stranger.code, stranger.error()["code"].as_str()), (3, Some("not-visible")));
    let broke = place.run(&["wallet", "send", "ada", "5", "--as", "eve", "--json"]);
    assert_eq!(broke.code, 5, "{broke:?}");
    assert!(broke.error()["hint"].is_string());

    // Who cannot pay is not told that consent is missing.
    place.json(&[
        "grant",
        &dataset,
        "--as",
        "ada",
        "--to",
        "eve",
        "--purpose",
        "treatment",
        "--price",
        "2",
    ]);
    let record = place.plain_records(&dataset).remove(0);
    let broke = place.run(&[&get[..], &["eve", "--record", &record, "--max-price", "2"]].concat());
    assert_eq!(broke.code, 5, "{broke:?}");
    assert!(broke.error()["message"].as_str().unwrap().contains("funds"), "{broke:?}");

    flip(&place.path("d/allowed.receipt"), 100);
    assert_eq!(code(&["receipt", "verify", "d/allowed.receipt"]), 7);
}

#[test]
fn a_burst_is_held_by_the_guard_with_code_4() {
    let place = Place::demo();
    let dataset = place.dataset();
    place.grant(&dataset, "dr-bo");
    let records = place.json(&["data", "show", &dataset, "--as", "ada"]);
    let records: Vec<_> = records["records"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|record| record["labels"].as_array().unwrap().is_empty())
        .map(|record| record["record"].as_str().unwrap().to_owned())
        .collect();
    for record in records.iter().take(80) {
        let run = place.run(&[
            "get",
            &dataset,
            "--as",
            "dr-bo",
            "--purpose",
            "treatment",
            "--record",
            record,
            "--json",
        ]);
        if run.code == 4 {
            assert_eq!(run.error()["code"], "held");
            return;
        }
        assert_eq!(run.code, 0, "{run:?}");
    }
    panic!("80 reads one after the other were let through");
}

#[test]
fn a_ledger_that_cannot_be_opened_is_code_6() {
    let place = Place::demo();
    std::fs::remove_file(place.path("d/ledger/ledger.redb")).unwrap();
    let run = place.run(&["status", "--json"]);
    assert_eq!(run.code, 6, "{run:?}");
}
