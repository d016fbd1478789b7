//! Every verb under --json prints one object; a dry run changes nothing.

use crate::support::{Place, command, finish};

const RULE: &str = "@action(\"hold\")\nforbid (principal, action, resource)\nwhen { context has requests_last_minute && context.requests_last_minute > 5 };\n";

#[test]
fn every_reading_verb_prints_one_object() {
    let place = Place::demo();
    let dataset = place.dataset();
    std::fs::write(place.path("rule.cedar"), RULE).unwrap();
    for args in [
        &["status"][..],
        &["id"],
        &["id", "show", "ada"],
        &["data", "ls"],
        &["data", "ls", "--as", "ada"],
        &["data", "show", &dataset, "--as", "ada"],
        &["inbox", "--as", "ada"],
        &["log"],
        &["log", "--as", "ada"],
        &["receipt", "verify", "d/allowed.receipt"],
        &["wallet", "--as", "ada"],
        &["rules", "ls"],
        &["rules", "test", "rule.cedar"],
        &["fsck"],
        &["completions", "zsh"],
        &["man"],
        &["man", "pages"],
    ] {
        let value = place.json(args);
        assert!(!value.as_object().unwrap().is_empty(), "{args:?}");
    }
    assert!(place.path("pages/secnet-get.1").exists());
}

#[test]
fn a_dry_run_changes_nothing_and_says_what_would_be() {
    let place = Place::demo();
    let dataset = place.dataset();
    std::fs::write(place.path("rule.cedar"), RULE).unwrap();
    let samples = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../samples/patients/acc12451-4ef0-414b-b072-48e780a90874.ndjson"
    );
    let before = (place.height(), place.json(&["id"]));
    for args in [
        &["id", "new", "carol", "--by", "city-hospital"][..],
        &["data", "add", samples, "--as", "ada"],
        &["data", "rm", &dataset, "--as", "ada"],
        &["ask", &dataset, "--as", "dr-bo", "--purpose", "treatment"],
        &["grant", &dataset, "--as", "ada", "--to", "eve", "--purpose", "treatment"],
        &["deny", "eve", "--as", "ada"],
        &["get", &dataset, "--as", "dr-bo", "--purpose", "treatment"],
        &["wallet", "issue", "eve", "5"],
        &["wallet", "send", "eve", "1", "--as", "dr-bo"],
        &["rules", "publish", "rule.cedar", "--as", "ada"],
        &["shred", &dataset, "--as", "ada"],
        &["backup", "elsewhere"],
    ] {
        let value = place.json(&[args, &["--dry-run"]].concat());
        assert_eq!(value["dry_run"], true, "{args:?}: {value}");
    }
    assert_eq!((place.height(), place.json(&["id"])), before);
    assert!(!place.path("elsewhere").exists());
    let run =
        finish(command(place.root()).args(["--dir", "n", "init", "--dry-run", "--json"])).ok();
    assert_eq!(run.json()["dry_run"], true);
    assert!(!place.path("n").exists());
}

#[test]
fn a_rule_is_offered_bought_enforced_and_removed() {
    let place = Place::demo();
    std::fs::write(place.path("rule.cedar"), RULE).unwrap();
    let tried = place.json(&["rules", "test", "rule.cedar"]);
    assert!(tried["past_requests"].as_u64().unwrap() > 10);
    assert!(
        !tried["would_have_matched"].as_array().unwrap().is_empty(),
        "the demo's burst: {tried}"
    );
    let offered = place.json(&["rules", "publish", "rule.cedar", "--as", "city-hospital"]);
    let rule = offered["rule"].as_str().unwrap();
    let early = place.run(&["rules", "install", rule, "--json"]);
    assert_eq!((early.code, early.error()["code"].as_str().is_some()), (1, true), "no licence yet");
    place.json(&["rules", "buy", rule]);
    place.json(&["rules", "install", rule]);
    assert_eq!(place.json(&["rules", "ls"])["rules"][0]["here"], "enforced");
    assert!(
        place.json(&["rules", "show", rule])["cedar"]
            .as_str()
            .unwrap()
            .contains("requests_last_minute")
    );

    let dataset = place.dataset();
    place.grant(&dataset, "dr-bo");
    let get = place.run(&["get", &dataset, "--as", "dr-bo", "--purpose", "treatment", "--json"]);
    assert!(get.code == 0 || get.code == 4, "{get:?}");
    place.json(&["rules", "remove", rule]);
    assert_eq!(place.json(&["rules", "ls"])["rules"][0]["here"], "offered");
}
