//! Category, sensitivity, codes and period of single records.

use proptest::prelude::*;
use secnet_fhir::{Category, Limits, Period, ResourceType, Sensitivity, parse_line};

use crate::one;

fn observation(category: &str, code: &str) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"o","status":"final","category":[{{"coding":[{{"code":"{category}"}}]}}],"code":{{"coding":[{{"system":"http://loinc.org","code":"{code}"}}]}},"subject":{{"reference":"Patient/p"}},"effectiveDateTime":"2015","valueQuantity":{{"value":6.1,"unit":"%","system":"http://unitsofmeasure.org","code":"%"}}}}"#
    )
}

#[test]
fn an_observation_gets_the_category_it_states() {
    for (stated, want) in [
        ("laboratory", Category::Laboratory),
        ("vital-signs", Category::VitalSigns),
        ("vital-sign", Category::VitalSigns),
        ("imaging", Category::Imaging),
        ("procedure", Category::Procedures),
        ("social-history", Category::Other),
        ("anything", Category::Other),
    ] {
        let text = observation(stated, "4548-4");
        assert_eq!(one(&text).unwrap().category, want, "{stated}");
    }
}

#[test]
fn categories_have_distinct_names_that_read_back() {
    for category in Category::ALL {
        assert_eq!(Category::from_name(category.as_str()), Some(*category));
    }
    assert_eq!(Category::from_name("Laboratory"), None);
    assert_eq!(Category::ALL.len(), 16);
}

#[test]
fn all_146_types_are_known_and_no_other() {
    assert_eq!(ResourceType::all().count(), 146);
    for resource_type in ResourceType::all() {
        assert_eq!(ResourceType::from_name(resource_type.as_str()), Some(resource_type));
    }
    for name in ["", "patient", "Patients", "Patient ", "Citation"] {
        assert_eq!(ResourceType::from_name(name), None, "{name}");
    }
}

#[test]
fn codes_are_kept_without_units_and_tags() {
    let text = observation("laboratory", "4548-4");
    let resource = one(&text).unwrap();
    let codes: Vec<(&str, &str)> =
        resource.codes.iter().map(|c| (c.system.as_str(), c.code.as_str())).collect();
    assert_eq!(codes, [("http://loinc.org", "4548-4")]);
    assert_eq!(resource.period, Period::from_date("2015"));
    assert_eq!(resource.patient.as_deref(), Some("p"));
}

#[test]
fn labels_see_codes_beyond_those_kept() {
    let many: Vec<String> =
        (0..100).map(|i| format!(r#"{{"system":"http://loinc.org","code":"{i}-0"}}"#)).collect();
    let text = format!(
        r#"{{"resourceType":"Condition","id":"c","subject":{{"reference":"Patient/p"}},"code":{{"coding":[{},{{"system":"http://snomed.info/sct","code":"86406008"}}]}}}}"#,
        many.join(",")
    );
    let limits = Limits { max_codes: 10, ..Limits::default() };
    let resource = parse_line(text.as_bytes(), 1, &limits).unwrap().unwrap();
    assert_eq!((resource.codes.len(), resource.codes_complete), (10, false));
    assert_eq!(resource.sensitivity, Sensitivity::HIV);
}

#[test]
fn a_contained_resource_labels_the_whole() {
    let text = r##"{"resourceType":"MedicationRequest","id":"m","contained":[{"resourceType":"Condition","id":"c","code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"F11.20"}]},"subject":{"reference":"Patient/p"}}],"status":"active","intent":"order","medicationCodeableConcept":{"text":"x"},"subject":{"reference":"Patient/p"},"reasonReference":[{"reference":"#c"}]}"##;
    let resource = one(text).unwrap();
    assert_eq!(resource.sensitivity, Sensitivity::SUBSTANCE_USE);
    assert_eq!(resource.category, Category::Medications);
}

#[test]
fn debug_shows_no_content() {
    let text = observation("laboratory", "4548-4");
    let shown = format!("{:?}", one(&text).unwrap());
    assert!(!shown.contains("4548") && !shown.contains('6'), "{shown}");
}

proptest! {
    #[test]
    fn any_valid_date_is_the_period(year in 1900u32..2100, month in 1u32..=12) {
        let date = format!("{year}-{month:02}");
        let text = observation("laboratory", "1-1").replace("\"2015\"", &format!("\"{date}\""));
        prop_assert_eq!(one(&text).unwrap().period, Period::from_date(&date));
    }
}
