//! What a dry run tells people, and whom it tells what.

use serde_json::Value;

use crate::support::Place;

/// What is left of a preview when what the caller said itself is taken away.
fn answer(place: &Place, who: &str, dataset: &str) -> (Value, Value) {
    let get = ["get", dataset, "--as", who, "--purpose", "treatment", "--dry-run"];
    let value = place.json(&get);
    (value["decision"].clone(), value["price"].clone())
}

#[test]
fn p8_a_stranger_is_told_the_same_of_what_exists_and_what_does_not() {
    let place = Place::demo();
    let dataset = place.dataset();
    // Well-formed, and of nothing.
    let nothing = "sndata1qqqqqqqqqqqqqqqqqqqqqqqqqq5rqe8q";
    assert_eq!(answer(&place, "eve", &dataset), answer(&place, "eve", nothing));
    let see = |id: &str| {
        let run = place.run(&["data", "see", id, "--as", "eve", "--json"]);
        (run.code, run.stdout, run.stderr)
    };
    assert_eq!(see(&dataset), see(nothing));
    assert_eq!(see(nothing).0, 3);
    let who = |id: &str| {
        let run = place.run(&["data", "who", id, "--as", "eve", "--json"]);
        (run.code, run.error()["code"].clone(), run.stderr.replace(id, "ID"))
    };
    assert_eq!(who(&dataset), who(nothing));
}

#[test]
fn a_grant_is_replayed_on_the_owners_own_past() {
    let place = Place::demo();
    let dataset = place.dataset();
    let research = ["grant", &dataset, "--as", "ada", "--to", "dr-bo", "--purpose", "research"];
    let run = place.run(&[&research[..], &["--dry-run"]].concat()).ok();
    // The demo's refused attempt at research.
    assert!(run.stdout.contains("past refusals it would allow\n"), "{}", run.stdout);
    assert!(run.stdout.contains("the ledger would accept it"), "{}", run.stdout);
    // Not hers to grant, and what it holds is not hers to know.
    let foreign = ["grant", &dataset, "--as", "eve", "--to", "dr-bo", "--purpose", "research"];
    let run = place.run(&[&foreign[..], &["--dry-run", "--json"]].concat());
    assert_eq!((run.code, run.error()["code"].as_str()), (1, Some("no-keys")), "{run:?}");
    assert!(!run.stderr.contains("records\":") && run.stdout.is_empty(), "{run:?}");
}

#[test]
fn people_read_sentences() {
    let place = Place::demo();
    let dataset = place.dataset();
    place.grant(&dataset, "dr-bo");
    for args in [
        &["log", "--limit", "1000"][..],
        &["grants", "--as", "ada", "--all"],
        &["deny", "eve", "--as", "ada", "--dry-run"],
        &["wallet", "send", "ada", "1", "--as", "dr-bo", "--dry-run"],
        &["id", "rotate", "ada", "--dry-run"],
        &["get", &dataset, "--as", "dr-bo", "--purpose", "treatment", "--dry-run"],
        &["data", "who", &dataset, "--as", "ada"],
    ] {
        let said = place.run(args).ok().stdout;
        for odd in ["{", "}", "Some(", "None", "Timestamp(", "Amount(", "snid1"] {
            assert!(!said.contains(odd), "{args:?} says `{odd}`: {said}");
        }
    }
}
