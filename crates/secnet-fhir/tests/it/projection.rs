//! Fields cut out of records.

use proptest::prelude::*;
use secnet_fhir::{
    Fields, MAX_MEMBERS, MAX_PROJECTED_BYTES, ProjectionError, ResourceType, has_element, project,
};
use serde_json::{Map, Value, json};

const MARKED: &str = r#""meta":{"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]}"#;

fn cut(record: &str, names: &[&str]) -> String {
    let fields = Fields::parse(names.iter().copied()).unwrap();
    String::from_utf8(project(record.as_bytes(), &fields).unwrap()).unwrap()
}

#[test]
fn named_elements_stay_byte_for_byte_and_the_rest_goes() {
    let record = r#" { "status" : "final", "resourceType":"Observation", "valueQuantity":{"value": 6.30 , "unit":"mmol/L"},"id":"o1","note":[{"text":"\u00e4"}]}"#;
    assert_eq!(
        cut(record, &["valueQuantity", "component"]),
        format!(
            r#"{{"resourceType":"Observation","valueQuantity":{{"value": 6.30 , "unit":"mmol/L"}},"id":"o1",{MARKED}}}"#
        )
    );
    assert_eq!(cut(record, &[]), format!(r#"{{"resourceType":"Observation","id":"o1",{MARKED}}}"#));
}

#[test]
fn paths_go_through_arrays_and_leave_nothing_empty() {
    let record = r#"{"resourceType":"Patient","id":"p","name":[{"family":"B","given":["A"]},{"given":["C"]}],"birthDate":"1970-01-01","_birthDate":{"extension":[]}}"#;
    let kept = cut(record, &["name.family", "birthDate.year", "gender"]);
    assert_eq!(
        kept,
        format!(r#"{{"resourceType":"Patient","id":"p","name":[{{"family":"B"}}],{MARKED}}}"#)
    );
    // A whole element makes its parts superfluous; what is beside a primitive has a name of its own.
    let whole = cut(record, &["name.family", "name", "birthDate"]);
    assert!(whole.contains(r#""name":[{"family":"B","given":["A"]},{"given":["C"]}]"#), "{whole}");
    assert!(whole.contains("1970") && !whole.contains("_birthDate"), "{whole}");
    assert_eq!(cut(record, &["name", "name.family", "birthDate"]), whole);
}

#[test]
fn the_mark_joins_the_tags_that_are_kept_and_is_put_once() {
    let record =
        r#"{"resourceType":"Patient","meta":{"versionId":"1","tag":[{"code":"x"}]},"id":"p"}"#;
    let mark = &MARKED[15..MARKED.len() - 2];
    assert_eq!(
        cut(record, &["meta"]),
        format!(
            r#"{{"resourceType":"Patient","meta":{{"versionId":"1","tag":[{{"code":"x"}},{mark}]}},"id":"p"}}"#
        )
    );
    assert_eq!(
        cut(record, &["meta.versionId"]),
        format!(
            r#"{{"resourceType":"Patient","meta":{{"versionId":"1","tag":[{mark}]}},"id":"p"}}"#
        )
    );
    let once = cut(&cut(record, &["meta"]), &["meta"]);
    assert_eq!(once.matches("SUBSETTED").count(), 1, "{once}");
    // What is no resource is not marked.
    assert_eq!(cut(r#"{"id":1,"a":2,"b":3}"#, &["a"]), r#"{"id":1,"a":2}"#);
}

#[test]
fn what_cannot_be_cut_is_an_error() {
    let fields = Fields::parse(["a", "b.c"]).unwrap();
    let refused = |record: &str| project(record.as_bytes(), &fields).unwrap_err();
    for text in ["", "null", "[]", "\"a\"", "{", r#"{"a":1}{}"#, r#"{"a":}"#, r#"{"a":1,}"#] {
        assert_eq!(refused(text), ProjectionError::NotAnObject, "{text}");
    }
    assert_eq!(project(b"{\"a\":\"\xff\"}", &fields), Err(ProjectionError::NotAnObject));
    assert_eq!(refused(r#"{"a":1,"a":2}"#), ProjectionError::Ambiguous);
    assert_eq!(refused(r#"{"a":1,"\u0061":2}"#), ProjectionError::Ambiguous);
    assert_eq!(refused(r#"{"b":{"c":1,"c":2}}"#), ProjectionError::Ambiguous);
    let many: Vec<String> = (0..=MAX_MEMBERS).map(|n| format!("\"a{n}\":1")).collect();
    assert_eq!(refused(&format!("{{{}}}", many.join(","))), ProjectionError::Ambiguous);
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_PROJECTED_BYTES));
    assert_eq!(refused(&large), ProjectionError::TooLarge);
    // Deep nesting is skipped, not descended into.
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(project(deep.as_bytes(), &fields).unwrap(), deep.as_bytes());
}

#[test]
fn texts_that_name_no_field_are_refused() {
    let long = ["a"; 9].join(".");
    for text in ["", ".", "a.", ".a", "a b", "a\"", "name[0]", "1a", "__a", "\u{e4}", "a..b", &long]
    {
        assert!(Fields::parse([text]).is_err(), "{text}");
    }
    assert!(Fields::parse(["a", "_a", "valueQuantity.value2", &long[2..]]).is_ok());
}

#[test]
fn elements_are_those_of_the_specification() {
    let [observation, patient] =
        ["Observation", "Patient"].map(|name| ResourceType::from_name(name).unwrap());
    for name in ["valueQuantity", "status", "id", "resourceType", "meta", "_status", "note.text"] {
        assert!(has_element(observation, name), "{name}");
    }
    for name in ["birthDate", "value", "valueQuantities", "Status"] {
        assert!(!has_element(observation, name), "{name}");
    }
    assert!(has_element(patient, "birthDate") && has_element(patient, "deceasedBoolean"));
}

/// Any JSON, over few names, so that paths meet something.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z\"\\\\]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_record() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[abc]|meta|resourceType|id", any_json(), 0..6)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

/// The same, on a tree: what the names keep of a value.
fn naive(value: &Value, names: &[Vec<String>]) -> Option<Value> {
    match value {
        Value::Object(members) => {
            let mut kept = Map::new();
            for (name, value) in members {
                let rest: Vec<Vec<String>> = names
                    .iter()
                    .filter(|path| path.first() == Some(name))
                    .map(|path| path[1..].to_vec())
                    .collect();
                let part = match rest.iter().any(Vec::is_empty) {
                    true => Some(value.clone()),
                    false if rest.is_empty() => None,
                    false => naive(value, &rest),
                };
                kept.extend(part.map(|part| (name.clone(), part)));
            }
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(elements) => {
            let kept: Vec<Value> = elements.iter().filter_map(|e| naive(e, names)).collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        _ => None,
    }
}

proptest! {
    #[test]
    fn a_projection_is_what_the_names_keep_and_the_mark(
        record in any_record(),
        names in prop::collection::vec("[abc](\\.[abc]){0,2}|meta", 0..4),
    ) {
        let fields = Fields::parse(names.iter().map(String::as_str)).unwrap();
        let text = serde_json::to_vec(&record).unwrap();
        let mut cut: Value = serde_json::from_slice(&project(&text, &fields).unwrap()).unwrap();
        let mut paths: Vec<Vec<String>> =
            names.iter().map(|name| name.split('.').map(str::to_owned).collect()).collect();
        paths.extend([vec!["resourceType".to_owned()], vec!["id".to_owned()]]);
        let mut expected = naive(&record, &paths).unwrap_or_else(|| json!({}));
        // The mark is compared apart: whatever is in `meta` besides is kept whole or not at all here.
        if record.get("resourceType").is_some() {
            let tags = cut["meta"]["tag"].as_array().unwrap();
            prop_assert_eq!(&tags[tags.len() - 1]["code"], "SUBSETTED");
            for side in [&mut cut, &mut expected] {
                if let Some(meta) = side.get_mut("meta").and_then(Value::as_object_mut) {
                    meta.remove("tag");
                }
                if side["meta"].as_object().is_none_or(Map::is_empty) {
                    side.as_object_mut().unwrap().remove("meta");
                }
            }
        }
        prop_assert_eq!(cut, expected);
    }
}
