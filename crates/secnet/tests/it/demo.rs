//! The demo on other patients, and where it leaves its folder.

use std::path::Path;

use crate::support::{command, finish};

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples");

fn demo(place: &Path, patients: &str) -> crate::support::Run {
    finish(command(place).args(["--dir", "d", "demo", "--json", "--patients", patients]))
}

#[test]
fn it_tells_the_story_of_any_patients() {
    let bundle = std::fs::read_dir(format!("{SAMPLES}/bundles")).unwrap().next().unwrap();
    let bundle = bundle.unwrap().path().display().to_string();
    let bulk = format!("{SAMPLES}/patients/272539c2-e516-4f16-8f47-573923bf9924.ndjson");
    for patients in [bundle, format!("{SAMPLES}/patients"), bulk] {
        let place = tempfile::tempdir().unwrap();
        let told = demo(place.path(), &patients).ok().json();
        assert_eq!(told["ok"], true, "{patients}: {told}");
    }
}

#[test]
fn a_patient_with_labelled_records_only_is_told_apart_from_a_bug() {
    let place = tempfile::tempdir().unwrap();
    // Alcohol use, by its SNOMED code.
    let patient = concat!(
        r#"{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/p1"},"#,
        r#""meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]},"#,
        r#""code":{"coding":[{"system":"http://snomed.info/sct","code":"7200002"}]}}"#,
        "\n"
    );
    std::fs::write(place.path().join("p.ndjson"), patient).unwrap();
    let run = demo(place.path(), "p.ndjson");
    assert_eq!(run.error()["code"], "all-labelled", "{run:?}");
}

#[test]
fn a_folder_that_is_named_is_used_also_by_its_default_name() {
    let place = tempfile::tempdir().unwrap();
    for args in [&["--dir", "secnet-data", "demo"][..], &["demo", "--dir", "secnet-data"]] {
        finish(command(place.path()).args(args).arg("--json")).ok();
        assert!(place.path().join("secnet-data/genesis.cbor").exists());
        assert!(!place.path().join("demo-data").exists());
        // It is not written over.
        assert_eq!(finish(command(place.path()).args(args)).code, 2);
        std::fs::remove_dir_all(place.path().join("secnet-data")).unwrap();
    }
    finish(command(place.path()).args(["demo", "--json"])).ok();
    assert!(place.path().join("demo-data/genesis.cbor").exists());
}
