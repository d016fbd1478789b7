//! Requests that are sent again: after a hold, and after an answer that was lost.

use serde_json::Value;

use crate::support::{Place, Run, files};

/// Dr. Bo reads one record after the other until the guard holds a request; the error that says so.
fn held(place: &Place, dataset: &str, price: &str) -> Value {
    let grant = [
        "grant",
        dataset,
        "--as",
        "ada",
        "--to",
        "dr-bo",
        "--purpose",
        "treatment",
        "--price",
        price,
    ];
    place.json(&grant);
    for record in place.plain_records(dataset).iter().take(80) {
        let run = read(place, dataset, record);
        if run.code == 4 {
            return run.error();
        }
        assert_eq!(run.code, 0, "{run:?}");
    }
    panic!("80 reads one after the other were let through");
}

fn read(place: &Place, dataset: &str, record: &str) -> Run {
    place.run(&[
        "get",
        dataset,
        "--as",
        "dr-bo",
        "--purpose",
        "treatment",
        "--record",
        record,
        "--max-price",
        "1",
        "--json",
    ])
}

fn under_way(place: &Place) -> usize {
    let names = files(&place.path("d/keys")).into_keys();
    names.filter(|path| path.extension().is_some_and(|it| it == "request")).count()
}

#[test]
fn a_hold_that_the_owner_releases_is_collected_by_the_same_request() {
    let place = Place::demo();
    let (dataset, before) = (place.dataset(), under_way(&place));
    let refusal = held(&place, &dataset, "0");
    let request = refusal["request"].as_str().unwrap();
    assert!(refusal["hint"].as_str().unwrap().contains(request), "{refusal}");
    let again = ["get", "--as", "dr-bo", "--request", request, "--json"];
    let waiting = place.run(&again);
    assert_eq!((waiting.code, waiting.error()["code"].as_str()), (4, Some("held")));
    let said = place.run(&["get", "--as", "dr-bo", "--request", request]);
    assert!(said.stderr.contains(request), "{said:?}");

    let inbox = place.json(&["inbox", "--as", "ada"]);
    let decision = inbox["holds"][0]["decision"].as_str().unwrap();
    place.json(&["inbox", "release", decision, "--as", "ada"]);
    assert_eq!(
        place.run(&["get", "--as", "eve", "--request", request, "--json"]).code,
        1,
        "not hers"
    );
    let got = place.run(&again).ok().json();
    assert_eq!(got["request"], request);
    assert_eq!(got["records"].as_array().unwrap().len(), 1);

    assert_eq!(under_way(&place), before, "the receiving key is not kept longer than needed");
    assert_eq!(place.run(&again).error()["code"], "unknown-request");
}

#[test]
fn a_hold_that_is_kept_is_refused_for_good() {
    let place = Place::demo();
    let (dataset, before) = (place.dataset(), under_way(&place));
    let refusal = held(&place, &dataset, "0");
    let request = refusal["request"].as_str().unwrap();
    let inbox = place.json(&["inbox", "--as", "ada"]);
    let decision = inbox["holds"][0]["decision"].as_str().unwrap();
    place.json(&["inbox", "keep", decision, "--as", "ada"]);
    let run = place.run(&["get", "--as", "dr-bo", "--request", request, "--json"]);
    assert_eq!(run.error()["code"], "denied");
    assert_eq!(under_way(&place), before);
}

#[test]
fn an_answer_that_could_not_be_written_is_charged_once() {
    let place = Place::demo();
    let dataset = place.dataset();
    place.json(&["wallet", "issue", "eve", "50"]);
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
    let balance = || place.json(&["wallet", "--as", "eve"])["balance"].as_str().unwrap().to_owned();
    let record = place.plain_records(&dataset).remove(0);
    std::fs::write(place.path("in-the-way"), "not a folder").unwrap();
    let run = place.run(&[
        "get",
        &dataset,
        "--as",
        "eve",
        "--purpose",
        "treatment",
        "--record",
        &record,
        "--max-price",
        "2",
        "--out",
        "in-the-way",
        "--json",
    ]);
    assert_eq!((run.code, run.error()["code"].as_str()), (1, Some("io")), "{run:?}");
    let request = run.error()["request"].as_str().unwrap().to_owned();

    let again = ["get", "--as", "eve", "--request", &request, "--out", "good", "--json"];
    place.run(&again).ok();
    assert_eq!(balance(), "48");
    assert!(place.path("good").join(format!("{record}.json")).exists());
    assert_eq!(place.run(&again).error()["code"], "unknown-request");
    assert_eq!(balance(), "48");
}

#[test]
fn a_request_that_is_sent_again_cannot_be_changed() {
    let place = Place::demo();
    let dataset = place.dataset();
    let attempts = place.json(&["log", "--as", "ada"]);
    let request = attempts["attempts"][0]["request"].as_str().unwrap();
    let again = ["get", "--as", "dr-bo", "--request", request, "--json"];
    let run = place.run(&again);
    assert_eq!((run.code, run.error()["code"].as_str()), (1, Some("unknown-request")));
    for changed in [&[dataset.as_str()][..], &["--max-price", "7"], &["--purpose", "research"]] {
        let run = place.run(&[&again[..], changed].concat());
        assert_eq!((run.code, run.error()["code"].as_str()), (2, Some("usage")), "{changed:?}");
    }
}
