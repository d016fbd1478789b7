use super::*;

fn patient(type_name: &str, text: &str) -> Result<Option<String>, Problem> {
    let names = Names::from([
        ("urn:uuid:9e2f7a3b-94df-4b3d-bee2-360881649fa5".into(), ("Patient".into(), "p9".into())),
        ("urn:uuid:00000000-94df-4b3d-bee2-360881649fa5".into(), ("Group".into(), "g0".into())),
        ("http://here/Patient/alias".into(), ("Patient".into(), "p1".into())),
    ]);
    let resource_type = ResourceType::from_name(type_name).unwrap();
    of(resource_type, "own", &crate::json::parse(text).unwrap(), &names)
}

#[test]
fn the_patient_is_found_however_it_is_referred_to() {
    let unknown = "11111111-94df-4b3d-bee2-360881649fa5";
    for (reference, want) in [
        ("Patient/p1", Some("p1")),
        ("Patient/p1/_history/3", Some("p1")),
        ("https://there.example/fhir/Patient/p1", Some("p1")),
        ("https://there.example/fhir/Patient/p1/_history/3", Some("p1")),
        ("http://here/Patient/alias", Some("p1")),
        ("urn:uuid:9e2f7a3b-94df-4b3d-bee2-360881649fa5", Some("p9")),
        ("urn:uuid:00000000-94df-4b3d-bee2-360881649fa5", None),
        ("urn:uuid:11111111-94df-4b3d-bee2-360881649fa5", Some(unknown)),
        ("Group/p1", None),
        ("#inside", None),
        ("https://there.example/about/p1", None),
    ] {
        let text = format!(r#"{{"subject":{{"reference":"{reference}"}}}}"#);
        assert_eq!(patient("Observation", &text).unwrap().as_deref(), want, "{reference}");
    }
}

#[test]
fn the_element_depends_on_the_type() {
    for (type_name, text) in [
        ("Immunization", r#"{"patient":{"reference":"Patient/p1"}}"#),
        ("Coverage", r#"{"beneficiary":{"reference":"Patient/p1"}}"#),
        ("Task", r#"{"for":{"reference":"Patient/p1"}}"#),
        ("Account", r#"{"subject":[{"reference":"Device/d"},{"reference":"Patient/p1"}]}"#),
        (
            "Appointment",
            r#"{"participant":[{"actor":{"reference":"Practitioner/x"}},{"actor":{"reference":"Patient/p1"}}]}"#,
        ),
    ] {
        assert_eq!(patient(type_name, text), Ok(Some("p1".to_owned())), "{type_name}");
    }
    assert_eq!(patient("Patient", "{}"), Ok(Some("own".to_owned())));
    assert_eq!(patient("Organization", "{}"), Ok(None));
    assert_eq!(patient("Observation", r#"{"subject":{"display":"Ada"}}"#), Ok(None));
}

#[test]
fn a_record_without_one_certain_patient_is_refused() {
    let two = r#"{"subject":[{"reference":"Patient/p1"},{"reference":"Patient/p2"}]}"#;
    assert!(matches!(patient("Account", two), Err(Problem::SeveralPatients { .. })));
    let same = r#"{"subject":[{"reference":"Patient/p1"},{"reference":"http://x/Patient/p1"}]}"#;
    assert_eq!(patient("Account", same), Ok(Some("p1".to_owned())));
    for subject in
        [r#"{"reference":"Patient?identifier=1"}"#, r##"{"reference":"#p","type":"Patient"}"##]
    {
        let text = format!(r#"{{"subject":{subject}}}"#);
        let refused = patient("Observation", &text);
        assert!(matches!(refused, Err(Problem::UnresolvedPatient { .. })), "{subject}");
    }
}

#[test]
fn malformed_references_are_told() {
    for text in [
        "",
        "/",
        "Patient/",
        "Patient",
        "patient/p1",
        "Patient/p 1",
        "a/Patient/p1",
        "Patientt/p1",
        "urn:uuid:",
        "urn:uuid:p1",
        "urn:oid:",
        "urn:oid:x",
        "#a b",
        "Patient?",
        "p1",
        "Patient/p1/_history",
        "Patient/p1/_history/",
    ] {
        assert_eq!(Target::parse(text), None, "{text}");
    }
    for text in ["#", "#a", "urn:oid:1.2", "ftp://x/y", "Practitioner?identifier=a|b/c"] {
        assert!(Target::parse(text).is_some(), "{text}");
    }
}

#[test]
fn ids_have_the_form_of_fhir() {
    let long = "a".repeat(64);
    for id in ["a", "A-1.b", long.as_str()] {
        assert!(is_id(id), "{id}");
    }
    let longer = "a".repeat(65);
    for id in ["", "a_b", "a b", "\u{e9}", "a/b", longer.as_str()] {
        assert!(!is_id(id), "{id}");
    }
}
