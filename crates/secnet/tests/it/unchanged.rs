//! What only looks leaves every file as it was.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::support::{Place, command, files, finish};

const RULE: &str = "@action(\"hold\")\nforbid (principal, action, resource)\nwhen { context has requests_last_minute && context.requests_last_minute > 5 };\n";

/// Every file but the two databases, whose engine notes on each opening that it was opened.
fn plain_files(place: &Place) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = files(place.root());
    all.retain(|path, _| path.extension().is_none_or(|suffix| suffix != "redb"));
    all
}

fn differing(one: &BTreeMap<PathBuf, Vec<u8>>, other: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<PathBuf> {
    let all = one.keys().chain(other.keys());
    all.filter(|path| one.get(*path) != other.get(*path)).cloned().collect()
}

#[test]
fn reading_changes_no_file() {
    let place = Place::demo();
    let before = plain_files(&place);
    for args in
        [&["status"][..], &["id"], &["log"], &["log", "--as", "ada"], &["inbox", "--as", "ada"]]
    {
        place.run(args).ok();
        assert_eq!(differing(&before, &plain_files(&place)), Vec::<PathBuf>::new(), "{args:?}");
    }
}

#[test]
fn a_dry_run_leaves_every_file_as_it_was() {
    let place = Place::demo();
    let dataset = place.dataset();
    std::fs::write(place.path("rule.cedar"), RULE).unwrap();
    let samples = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../samples/patients/acc12451-4ef0-414b-b072-48e780a90874.ndjson"
    );
    std::fs::write(place.path("stop.cedar"), RULE.replace("> 5", "> 50")).unwrap();
    let published = place.json(&["rules", "publish", "stop.cedar", "--as", "ada"]);
    let rule = published["rule"].as_str().unwrap();
    place.json(&["rules", "buy", rule]);
    place.json(&["rules", "install", rule]);
    let grant = place.grant(&dataset, "eve");
    let ask = place.json(&["ask", &dataset, "--as", "dr-bo", "--purpose", "treatment"]);
    let ask = ask["ask"].as_str().unwrap();
    place.json(&["inbox", "counter", ask, "--price", "0.1", "--as", "ada"]);
    let before = (place.events(), place.json(&["id"]));
    let folder = plain_files(&place);
    for args in [
        &["id", "new", "carol", "--by", "city-hospital"][..],
        &["data", "add", samples, "--as", "ada"],
        &["data", "rm", &dataset, "--as", "ada"],
        &["ask", &dataset, "--as", "dr-bo", "--purpose", "treatment"],
        &["ask", "--accept", ask, "--as", "dr-bo"],
        &["ask", "--withdraw", ask, "--as", "dr-bo"],
        &["inbox", "approve", ask, "--as", "ada"],
        &["grant", &dataset, "--as", "ada", "--to", "eve", "--purpose", "treatment"],
        &[
            "grant",
            &dataset,
            "--as",
            "ada",
            "--to",
            "eve",
            "--purpose",
            "treatment",
            "--category",
            "imaging",
        ],
        &["deny", "eve", "--as", "ada"],
        &["revoke", &grant, "--as", "ada"],
        &["id", "rotate", "ada"],
        &["get", &dataset, "--as", "dr-bo", "--purpose", "treatment"],
        &["wallet", "issue", "eve", "5"],
        &["wallet", "send", "eve", "1", "--as", "dr-bo"],
        &["wallet", "fund", &grant, "1", "--as", "dr-bo"],
        &["rules", "publish", "rule.cedar", "--as", "ada"],
        &["rules", "remove", rule],
        &["shred", &dataset, "--as", "ada"],
        &["backup", "elsewhere"],
    ] {
        let value = place.json(&[args, &["--dry-run"]].concat());
        assert_eq!(value["dry_run"], true, "{args:?}: {value}");
        let said = place.run(&[args, &["--dry-run"]].concat()).ok().stdout;
        assert!(said.contains("would"), "{args:?}: {said}");
        let changed: Vec<_> = differing(&folder, &plain_files(&place));
        assert!(changed.is_empty(), "{args:?} wrote {changed:?}");
    }
    assert_eq!((place.events(), place.json(&["id"])), before);
    assert!(!place.path("elsewhere").exists());
}

#[test]
fn what_has_no_dry_run_says_so_and_a_dry_init_makes_no_folder() {
    let place = Place::demo();
    let witness = ["witness", "http://127.0.0.1:1", "--kept", "kept.json"];
    let save = ["receipt", "save", "0", "--out", "r"];
    for args in [&["demo"][..], &["bench"], &["man", "pages"], &save, &witness] {
        let run = place.run(&[args, &["--dry-run", "--json"]].concat());
        assert_eq!((run.code, run.error()["code"].as_str()), (2, Some("no-dry-run")), "{args:?}");
    }
    let run =
        finish(command(place.root()).args(["--dir", "n", "init", "--dry-run", "--json"])).ok();
    assert_eq!(run.json()["dry_run"], true);
    assert!(!place.path("n").exists());
}
