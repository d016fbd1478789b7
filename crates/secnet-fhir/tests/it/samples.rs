//! The records shipped with the repository.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use secnet_fhir::{Category, Limits, Sensitivity, parse_document, parse_line};

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples")
}

fn patients() -> Vec<PathBuf> {
    let folder = fs::read_dir(samples().join("patients")).unwrap();
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_sample_is_valid_and_belongs_to_its_patient() {
    let files = patients();
    assert_eq!(files.len(), 12);
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let owner = file.file_stem().unwrap().to_str().unwrap();
        let mut ids = BTreeSet::new();
        let lines: Vec<&[u8]> =
            bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
        for (resource, line) in parse_document(&bytes, &Limits::default()).unwrap().zip(&lines) {
            let resource = resource.unwrap();
            assert_eq!(resource.bytes, *line, "the bytes are kept");
            assert_eq!(resource.patient.as_deref(), Some(owner));
            assert!(resource.codes_complete);
            assert!(ids.insert((resource.resource_type, resource.id.clone())), "{}", resource.id);
            let timeless = ["Patient", "Goal"].contains(&resource.resource_type.as_str());
            assert_eq!(resource.period.is_none(), timeless, "{}", resource.id);
        }
        assert_eq!(ids.len(), lines.len());
    }
}

#[test]
fn the_providers_are_valid_and_nobodys_patient_data() {
    let bytes = fs::read(samples().join("organizations.ndjson")).unwrap();
    let mut count = 0;
    for resource in parse_document(&bytes, &Limits::default()).unwrap() {
        let resource = resource.unwrap();
        assert_eq!((resource.category, resource.patient), (Category::Organisation, None));
        count += 1;
    }
    assert_eq!(count, 30);
}

#[test]
fn the_transaction_bundle_resolves_inside_itself() {
    let folder = fs::read_dir(samples().join("bundles")).unwrap();
    let files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    let bytes = fs::read(&files[0]).unwrap();
    let mut types: BTreeMap<&str, u32> = BTreeMap::new();
    for resource in parse_document(&bytes, &Limits::default()).unwrap() {
        let resource = resource.unwrap();
        *types.entry(resource.resource_type.as_str()).or_default() += 1;
        let patient = (resource.category != Category::Organisation)
            .then_some("1ae0605d-e5b8-4d6d-a96d-c93dcbd57e06");
        assert_eq!(resource.patient.as_deref(), patient, "{}", resource.id);
        let text = std::str::from_utf8(resource.bytes).unwrap();
        assert!(text.starts_with("{\n") && text.ends_with('}'), "white space inside is kept");
    }
    assert_eq!(types["ExplanationOfBenefit"], 4);
    assert_eq!(types.values().sum::<u32>(), 61);
}

/// How many records of each label a patient of the samples has.
fn labels(prefix: &str) -> BTreeMap<(Category, String), u32> {
    let file = patients()
        .into_iter()
        .find(|file| file.file_stem().unwrap().to_str().unwrap().starts_with(prefix))
        .unwrap();
    let mut labels = BTreeMap::new();
    for resource in parse_document(&fs::read(file).unwrap(), &Limits::default()).unwrap() {
        let resource = resource.unwrap();
        *labels.entry((resource.category, resource.sensitivity.to_string())).or_default() += 1;
    }
    labels
}

#[test]
fn the_sensitive_conditions_of_the_samples_are_labelled() {
    for (patient, category, label) in [
        ("fe0153b2", Category::Conditions, "R+ETH"), // alcoholism
        ("d92a3a52", Category::Conditions, "R+ETH"), // opioid abuse
        ("0b779465", Category::Conditions, "R+ETH"), // drug overdose
        ("8adf7251", Category::Conditions, "R+PSY"), // major depression
        ("8adf7251", Category::Medications, "R+PSY"), // its medicine
        ("272539c2", Category::Conditions, "R+PSY"), // attention deficit disorder
        ("acc12451", Category::Procedures, "R+HIV"), // HIV test in pregnancy
        ("9e2f7a3b", Category::Other, "R+HIV"),      // HIV status
        ("9e2f7a3b", Category::Other, "R+SDV"),      // abuse status
        ("acc12451", Category::Laboratory, "N"),
        ("fe0153b2", Category::Laboratory, "N"),
    ] {
        let labels = labels(patient);
        let found = labels.get(&(category, label.to_owned()));
        assert!(found.is_some_and(|count| *count > 0), "{patient} {category} {label}: {labels:?}");
    }
}

#[test]
fn a_patient_without_sensitive_records_gets_no_label() {
    assert!(labels("d483a480").keys().all(|(_, label)| label == "N"));
}

#[test]
fn labels_do_not_depend_on_the_order_of_members() {
    let text = r#"{"code":{"coding":[{"code":"7200002","system":"http://snomed.info/sct"}]},
        "subject":{"reference":"Patient/p"},"id":"c","resourceType":"Condition"}"#;
    let joined = text.replace('\n', " ");
    let resource = parse_line(joined.as_bytes(), 1, &Limits::default()).unwrap().unwrap();
    assert_eq!(resource.sensitivity, Sensitivity::SUBSTANCE_USE);
}
