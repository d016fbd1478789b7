//! Damaged and hostile input: each kind gets its own error, and nothing panics.

use proptest::prelude::*;
use secnet_fhir::{
    FhirError, Limits, MAX_NESTING, Place, Problem, parse_document, parse_line, parse_ndjson,
};

use crate::{all, one};

const RECORD: &str = r#"{"resourceType":"Observation","id":"o-1","meta":{"security":[{"code":"R"}]},"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"4548-4","display":"H\u00e4moglobin \"A1c\""}]},"subject":{"reference":"Patient/p"},"effectiveDateTime":"2015-03-01T10:00:00+01:00","valueQuantity":{"value":6.10,"unit":"%"}}"#;

fn refused(text: &str) -> FhirError {
    one(text).expect_err(text)
}

#[test]
fn the_record_of_these_tests_is_valid() {
    assert_eq!(one(RECORD).unwrap().bytes, RECORD.as_bytes());
}

#[test]
fn every_truncation_is_refused() {
    for end in 1..RECORD.len() {
        let cut = &RECORD.as_bytes()[..end];
        assert!(parse_line(cut, 1, &Limits::default()).is_err(), "cut at {end}");
        assert!(
            parse_document(cut, &Limits::default())
                .and_then(|resources| resources.collect::<Result<Vec<_>, _>>())
                .is_err(),
            "cut at {end}"
        );
    }
}

#[test]
fn each_broken_rule_is_told_with_its_path() {
    for (from, to, part) in [
        (
            r#""id":"o-1""#,
            r#""id":"o-1","id":"o-2""#,
            "`Observation.id`: the key appears more than",
        ),
        (r#""id":"o-1""#, r#""id":"o 1""#, "`Observation.id`"),
        (r#""id":"o-1","#, "", "`Observation.id`: a record needs an id"),
        (r#""id":"o-1""#, r#""id":7"#, "`Observation.id`"),
        (r#""status":"final","#, "", "`Observation.status`: required element missing"),
        ("final", "finished", "`Observation.status`: `finished` is not one of registered"),
        (r#""status":"final""#, r#""status":["final"]"#, "`Observation.status`"),
        (r#""status":"final""#, r#""status":null"#, "`Observation.status`"),
        ("\"status\"", "\"state\"", "required element missing (and 1 more problem)"),
        ("Patient/p", "Patient/p p", "`Observation.subject.reference`: `Patient/p p` is not a ref"),
        ("Patient/p", "Doctor/p", "`Observation.subject.reference`"),
        ("2015-03-01T10", "2015-03-01T25", "`Observation.effectiveDateTime`"),
        ("2015-03-01T10:00:00+01:00", "2015-02-29", "`2015-02-29` is not a day of the calendar"),
        ("6.10", "06.10", "not JSON"),
        ("6.10", "\"6.10\"", "`Observation.valueQuantity.value`"),
        ("\"valueQuantity\"", "\"valueString\":\"x\",\"valueQuantity\"", "`Observation.value[x]`"),
        ("\"resourceType\":\"Observation\"", "\"resourceType\":\"observation\"", "`observation`"),
        ("\"resourceType\":\"Observation\",", "", "`resourceType`: required element missing"),
        ("\"resourceType\":\"Observation\"", "\"resourceType\":1", "expected a string"),
        (r#"[{"system":"http://loinc"#, r#"[null,{"system":"http://loinc"#, "`Observation.code.c"),
    ] {
        assert!(RECORD.contains(from), "{from}");
        let message = refused(&RECORD.replacen(from, to, 1)).to_string();
        assert!(message.contains(part), "{from} -> {to}\n{message}");
    }
}

#[test]
fn the_top_must_be_one_object() {
    for text in ["[]", "null", "7", "\"x\"", "x", "{", "}", "[{}]", "{}{}", "{} x", "\u{feff}{}"] {
        assert!(one(text).is_err(), "{text}");
    }
    let twice = format!("{RECORD} {RECORD}");
    assert_eq!(refused(&twice).problem.code(), "fhir-not-json");
}

/// A Patient whose extensions nest so that the JSON is `levels` deep.
fn nested(levels: usize) -> String {
    // The Patient is level 1; each extension adds an array and an object.
    let extensions = (levels - 1) / 2;
    format!(
        r#"{{"resourceType":"Patient","id":"p"{}{}}}"#,
        r#","extension":[{"url":"http://x""#.repeat(extensions),
        "}]".repeat(extensions)
    )
}

#[test]
fn deep_nesting_is_refused_before_anything_recurses() {
    for levels in [MAX_NESTING + 2, 1_000, 1_000_001] {
        let error = refused(&nested(levels));
        assert!(matches!(error.problem, Problem::TooDeep { limit: MAX_NESTING, .. }), "{error}");
    }
    for text in ["[".repeat(1_000_000), "{\"a\":".repeat(1_000_000)] {
        assert!(parse_document(text.as_bytes(), &Limits::default()).is_err());
    }
    let entry = format!(r#"{{"resource":{}}}"#, nested(1_001));
    let bundle = format!(r#"{{"resourceType":"Bundle","type":"batch","entry":[{entry}]}}"#);
    let error = parse_document(bundle.as_bytes(), &Limits::default()).unwrap_err();
    assert_eq!(error.problem.code(), "fhir-too-deep");
    let limits = Limits { max_nesting: usize::MAX, ..Limits::default() };
    assert!(parse_line(nested(201).as_bytes(), 1, &limits).is_err(), "the limit cannot be lifted");
}

/// Runs on a thread with the stack that threads have by default.
fn on_an_ordinary_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(work).unwrap();
    thread.join().unwrap();
}

#[test]
fn the_deepest_that_is_allowed_fits_an_ordinary_stack() {
    on_an_ordinary_stack(|| {
        assert!(one(&nested(MAX_NESTING)).is_ok());
        let timing = r#","extension":[{"url":"http://x","valueTiming":{"id":"x""#;
        let levels = (MAX_NESTING - 1) / 3;
        let text = format!(
            r#"{{"resourceType":"Patient","id":"p"{}{}}}"#,
            timing.repeat(levels),
            "}}]".repeat(levels)
        );
        assert!(one(&text).is_ok());
        // The widest resource around as deep an inside as the limit leaves.
        let extensions = (MAX_NESTING - 3) / 2;
        let text = format!(
            r#"{{"resourceType":"ExplanationOfBenefit","id":"e","contained":[{{"resourceType":"ExplanationOfBenefit"{}{}}}]}}"#,
            r#","extension":[{"url":"http://x""#.repeat(extensions),
            "}]".repeat(extensions)
        );
        let message = refused(&text).to_string();
        assert!(message.contains("required element missing"), "{message}");
    });
}

#[test]
fn resources_inside_contained_resources_are_refused() {
    for name in ["Patient", "ExplanationOfBenefit", "Parameters"] {
        let open = format!(r#"{{"resourceType":"{name}","id":"x","contained":["#);
        let text = format!(r#"{}{{"resourceType":"Patient"}}{}"#, open.repeat(8), "]}".repeat(8));
        on_an_ordinary_stack(move || {
            let message = refused(&text).to_string();
            assert!(message.contains("a contained resource cannot contain another"), "{message}");
        });
    }
}

#[test]
fn brackets_in_strings_do_not_count() {
    let text = RECORD.replace("H\\u00e4", &"[{".repeat(1000));
    assert!(one(&text).is_ok());
}

#[test]
fn size_and_count_limits_hold() {
    let limits = Limits { max_resource_bytes: RECORD.len() - 1, ..Limits::default() };
    let error = parse_line(RECORD.as_bytes(), 7, &limits).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "line 7: the resource has {} bytes, more than the {} allowed; split it",
            RECORD.len(),
            RECORD.len() - 1
        )
    );
    let zeros = format!(r#"{{"resourceType":"Patient","a":[{}0]}}"#, "0,".repeat(1_000_000));
    assert!(matches!(refused(&zeros).problem, Problem::TooMany { what: "JSON values", .. }));
    let members: String = (0..600).map(|i| format!(r#","a{i}":1"#)).collect();
    let wide = format!(r#"{{"resourceType":"Patient"{members}}}"#);
    assert!(matches!(refused(&wide).problem, Problem::TooMany { .. }));
}

#[test]
fn text_that_is_not_utf8_is_refused_where_it_breaks() {
    let mut bytes = RECORD.as_bytes().to_vec();
    bytes[30] = 0xff;
    let error = parse_line(&bytes, 1, &Limits::default()).unwrap_err();
    assert_eq!(error.problem, Problem::NotUtf8 { offset: 30 });
    let utf16: Vec<u8> = RECORD.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let found =
        parse_document(&utf16, &Limits::default()).map(|mut found| found.all(|r| r.is_err()));
    assert_ne!(found, Ok(false), "UTF-16 is not taken for anything");
    assert!(one(&RECORD.replace("\\u00e4", "\\ud800")).is_err(), "half a surrogate pair");
}

#[test]
fn messages_stay_short_and_on_one_line() {
    let long = "x\n\u{1b}".repeat(10_000);
    let escaped = long.replace('\n', "\\n").replace('\u{1b}', "\\u001b");
    let message = refused(&RECORD.replace("final", &escaped)).to_string();
    assert!(message.len() < 1_000 && !message.contains(['\n', '\u{1b}']), "{message}");
}

#[test]
fn ndjson_takes_blank_lines_crlf_and_one_byte_order_mark() {
    let text = format!("\u{feff}\r\n{RECORD}\r\n\r\n  \n{RECORD}\n\n\t{RECORD}");
    let found = all(text.as_bytes());
    assert_eq!(found.len(), 3);
    for resource in found {
        assert_eq!(resource.unwrap().bytes, RECORD.as_bytes());
    }
    let marked_twice = format!("{RECORD}\n\u{feff}{RECORD}\n");
    let found = all(marked_twice.as_bytes());
    assert!(found[0].is_ok());
    assert_eq!(found[1].as_ref().unwrap_err().place, Place::Line(2));
}

#[test]
fn one_bad_line_leaves_the_others() {
    let half = &RECORD[..RECORD.len() / 2];
    let text = format!("{RECORD}\n{half}\n\n{RECORD}\n{{\"resourceType\":\"Bundle\"}}\n");
    let found = all(text.as_bytes());
    let lines: Vec<Result<usize, Place>> =
        found.iter().map(|r| r.as_ref().map(|r| r.bytes.len()).map_err(|e| e.place)).collect();
    let ok = Ok(RECORD.len());
    assert_eq!(lines, [ok, Err(Place::Line(2)), ok, Err(Place::Line(5))]);
    assert_eq!(found[3].as_ref().unwrap_err().problem, Problem::NestedBundle);
    let first_damaged = format!("{half}\n{RECORD}\n");
    let found: Vec<bool> =
        parse_ndjson(first_damaged.as_bytes(), &Limits::default()).map(|r| r.is_ok()).collect();
    assert_eq!(found, [false, true]);
}

#[test]
fn a_document_may_be_pretty_printed() {
    let pretty = RECORD.replace(",\"", ",\n  \"").replacen('{', "{\n  ", 1);
    let text = format!("\n{pretty}\n\n");
    assert_eq!(all(text.as_bytes())[0].as_ref().unwrap().bytes, pretty.as_bytes());
}

#[test]
fn nothing_at_all_is_told() {
    for text in ["", " \r\n\t", "\u{feff}", "\u{feff}\n"] {
        let error = parse_document(text.as_bytes(), &Limits::default()).unwrap_err();
        assert_eq!(error.problem, Problem::Empty, "{text:?}");
    }
    assert_eq!(parse_ndjson(b"\n\n", &Limits::default()).count(), 0);
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(resources) = parse_document(&bytes, &Limits::default()) {
            resources.for_each(drop);
        }
    }

    #[test]
    fn any_json_like_text_is_parsed_or_refused(text in r#"[\{\}\[\]",:0-9a-z\\\n -]{0,200}"#) {
        if let Ok(resources) = parse_document(text.as_bytes(), &Limits::default()) {
            resources.for_each(drop);
        }
    }

    #[test]
    fn a_changed_byte_is_parsed_or_refused_and_bytes_stay_those_given(
        at in 0..RECORD.len(), byte in any::<u8>(),
    ) {
        let mut bytes = RECORD.as_bytes().to_vec();
        bytes[at] = byte;
        if let Ok(Some(resource)) = parse_line(&bytes, 1, &Limits::default()) {
            prop_assert_eq!(resource.bytes, bytes.trim_ascii());
        }
    }

    #[test]
    fn a_dropped_range_is_parsed_or_refused(from in 0..RECORD.len(), length in 1usize..40) {
        let to = (from + length).min(RECORD.len());
        let mut bytes = RECORD.as_bytes().to_vec();
        bytes.drain(from..to);
        let _ = parse_line(&bytes, 1, &Limits::default()).map(|found| found.map(|r| r.id));
    }
}
