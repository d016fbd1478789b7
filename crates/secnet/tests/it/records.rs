//! FHIR records as they come in.

use crate::support::Place;

/// A patient with observations from before 1970.
const OLD: &str = "9e2f7a3b-94df-4b3d-bee2-360881649fa5";

fn sample(id: &str) -> String {
    format!("{}/../../samples/patients/{id}.ndjson", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn what_began_before_1970_has_no_data_time() {
    let place = Place::demo();
    let times = |dataset: &str| -> Vec<String> {
        let shown = place.json(&["data", "show", dataset, "--as", "ada"]);
        let records = shown["records"].as_array().unwrap();
        records.iter().map(|r| r["from"].as_str().unwrap_or("none").to_owned()).collect()
    };
    let younger = times(&place.dataset());
    assert!(younger.iter().any(|time| time.starts_with("20")), "what is younger keeps its time");
    let added = place.json(&["data", "add", &sample(OLD), "--as", "ada"]);
    let old = times(added["dataset"].as_str().unwrap());
    assert!(old.len() > 80);
    assert!(old.iter().all(|time| time == "none"), "a grant for data from 1970 would cover it");
}

#[test]
fn resources_about_no_patient_are_counted_and_named() {
    let place = Place::demo();
    let patient = r#"{"resourceType":"Patient","id":"p1"}"#;
    let practice = r#"{"resourceType":"Organization","id":"o1","name":"a practice"}"#;
    std::fs::write(place.path("mixed.ndjson"), format!("{patient}\n{practice}\n")).unwrap();
    let added = place.json(&["data", "add", "mixed.ndjson", "--as", "ada"]);
    assert_eq!((added["records"].as_u64(), added["left_out"].as_u64()), (Some(1), Some(1)));
    let told = place.run(&["data", "add", "mixed.ndjson", "--as", "ada"]).ok();
    assert!(told.stderr.contains("left out: 1 resources about no patient"), "{told:?}");
}

#[test]
fn what_is_not_fhir_is_refused_with_a_hint() {
    let place = Place::demo();
    let events = place.events();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let nested = format!(r#"{{"resourceType":"Patient","id":"p1","extension":{deep}}}"#);
    for (name, text) in [
        ("cut.json", r#"{"resourceType":"Patient","id":"#),
        ("list.json", "[1, 2, 3]"),
        ("untyped.ndjson", r#"{"id":"p1"}"#),
        ("nested.ndjson", nested.as_str()),
        ("noise.json", "\u{0}\u{1}\u{2}"),
    ] {
        std::fs::write(place.path(name), text).unwrap();
        let run = place.run(&["data", "add", name, "--as", "ada", "--json"]);
        assert_eq!((run.code, run.error()["code"].as_str()), (1, Some("invalid-fhir")), "{name}");
        assert!(run.error()["hint"].is_string(), "{name}");
    }
    let patients = r#"{"resourceType":"Patient","id":"p1"}
{"resourceType":"Patient","id":"p2"}
"#;
    std::fs::write(place.path("two.ndjson"), patients).unwrap();
    let run = place.run(&["data", "add", "two.ndjson", "--as", "ada", "--json"]);
    assert_eq!((run.code, run.error()["code"].as_str()), (2, Some("several-patients")));
    assert!(run.error()["hint"].as_str().unwrap().contains("p1"));
    let run = place.run(&["data", "add", "two.ndjson", "--as", "ada", "--patient", "p3", "--json"]);
    assert_eq!((run.code, run.error()["code"].as_str()), (1, Some("unknown-patient")));
    assert_eq!(place.events(), events);
}
