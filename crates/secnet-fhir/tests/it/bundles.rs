//! Bundles: splitting, references by `fullUrl`, and what is wrong around the resources.

use secnet_fhir::{FhirError, Limits, Place, Problem, parse_document};

use crate::all;

const PATIENT: &str = r#"{"resourceType":"Patient","id":"ada"}"#;
const UUID: &str = "9e2f7a3b-94df-4b3d-bee2-360881649fa5";

fn condition(id: &str, subject: &str) -> String {
    format!(
        r#"{{"resourceType":"Condition",{id} "subject":{{"reference":"{subject}"}}, "note":[{{"text":"a \"quoted\" }} brace"}}]}}"#
    )
}

fn bundle(kind: &str, entries: &str) -> String {
    format!(r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{entries}]}}"#)
}

fn refused(text: &str) -> FhirError {
    parse_document(text.as_bytes(), &Limits::default())
        .map(|mut resources| resources.find_map(Result::err))
        .map_or_else(|error| error, |first| first.expect("something is wrong"))
}

#[test]
fn the_bytes_of_every_entry_are_kept() {
    let condition = condition(r#""id":"c","#, "Patient/ada");
    let text = bundle(
        "collection",
        &format!(
            r#"{{"resource": {PATIENT} }},{{"resource":{condition},"fullUrl":"http://x/Condition/c"}}"#
        ),
    );
    let found = all(text.as_bytes());
    let bytes: Vec<&[u8]> = found.iter().map(|r| r.as_ref().unwrap().bytes).collect();
    assert_eq!(bytes, [PATIENT.as_bytes(), condition.as_bytes()]);
}

#[test]
fn a_full_url_resolves_before_and_after_its_entry() {
    let before = condition(r#""id":"c1","#, &format!("urn:uuid:{UUID}"));
    let after = condition(r#""id":"c2","#, &format!("urn:uuid:{UUID}"));
    let text = bundle(
        "transaction",
        &format!(
            r#"{{"resource":{before},"request":{{"method":"POST","url":"Condition"}}}},{{"fullUrl":"urn:uuid:{UUID}","resource":{PATIENT},"request":{{"method":"POST","url":"Patient"}}}},{{"resource":{after},"request":{{"method":"POST","url":"Condition"}}}}"#
        ),
    );
    for resource in all(text.as_bytes()) {
        assert_eq!(resource.unwrap().patient.as_deref(), Some("ada"));
    }
}

#[test]
fn a_resource_without_id_takes_the_uuid_of_its_full_url() {
    let condition = condition("", "Patient/ada");
    let text =
        bundle("batch", &format!(r#"{{"fullUrl":"urn:uuid:{UUID}","resource":{condition}}}"#));
    assert_eq!(all(text.as_bytes())[0].as_ref().unwrap().id, UUID);
    let error = refused(&bundle("batch", &format!(r#"{{"resource":{condition}}}"#)));
    assert_eq!(
        error.to_string(),
        "Bundle.entry[0]: invalid FHIR at `Condition.id`: a record needs an id"
    );
}

#[test]
fn one_bad_entry_leaves_the_others() {
    let text = bundle(
        "searchset",
        &format!(
            r#"{{"resource":{PATIENT}}},{{"resource":{{"resourceType":"Pateint","id":"x"}}}},{{"resource":{PATIENT}}}"#
        ),
    );
    let found = all(text.as_bytes());
    assert!(found[0].is_ok() && found[2].is_ok());
    let error = found[1].as_ref().unwrap_err();
    assert_eq!(error.place, Place::Entry(1));
    assert_eq!(error.problem.code(), "fhir-unknown-type");
}

#[test]
fn what_is_wrong_with_the_bundle_itself_is_told() {
    let entry = format!(r#"{{"resource":{PATIENT}}}"#);
    for (text, part) in [
        (bundle("parcel", &entry), "`Bundle.type`: `parcel` is not one of"),
        (bundle("batch", &entry).replace(r#""type":"batch","#, ""), "`Bundle.type`"),
        (bundle("batch", &entry).replace("\"entry\"", "\"entries\""), "`Bundle.entries`"),
        (bundle("batch", r#"{"resource":{},"fullURL":"x"}"#), "`Bundle.entry[0].fullURL`"),
        (bundle("batch", &entry).replace("\"type\"", "\"id\":7,\"type\""), "`Bundle.id`"),
        (bundle("batch", &entry).replace("]}", "]"), "not JSON: EOF while parsing an object"),
        (bundle("batch", "null"), "not JSON"),
        (bundle("batch", "[]"), "not JSON"),
        (bundle("batch", ""), "`Bundle.entry`"),
        (bundle("batch", &format!("{entry}]")), "not JSON"),
        (bundle("batch", &format!("{entry},")), "not JSON"),
        (bundle("batch", r#"{"resource":{},"resource":{}}"#), "duplicate field `resource`"),
        (bundle("batch", r#"{"search":{"mode":"match"}}"#), "the entry has no resource"),
        (
            bundle("batch", &format!(r#"{{"resource":{}}}"#, bundle("batch", &entry))),
            "a Bundle is not a record",
        ),
        (format!("{}{{}}", bundle("batch", &entry)), "not JSON"),
    ] {
        let message = refused(&text).to_string();
        assert!(message.contains(part), "{text}\n{message}");
    }
}

#[test]
fn limits_of_a_bundle_hold() {
    let text = bundle("batch", &[format!(r#"{{"resource":{PATIENT}}}"#).as_str(); 3].join(","));
    let with = |limits: Limits| parse_document(text.as_bytes(), &limits).map(Iterator::count);
    assert_eq!(with(Limits { max_bundle_entries: 3, ..Limits::default() }), Ok(3));
    let error = with(Limits { max_bundle_entries: 2, ..Limits::default() }).unwrap_err();
    assert!(error.to_string().contains("more than 2 entries"), "{error}");
    let error = with(Limits { max_bundle_bytes: 99, ..Limits::default() }).unwrap_err();
    assert!(matches!(error.problem, Problem::TooLarge { what: "bundle", limit: 99, .. }));
}

#[test]
fn an_empty_bundle_has_no_resources() {
    let text = r#"{"resourceType":"Bundle","type":"searchset","total":0}"#;
    assert!(all(text.as_bytes()).is_empty());
}
