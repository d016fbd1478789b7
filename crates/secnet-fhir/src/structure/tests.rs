//! The table, and how primitives are written.

use std::collections::BTreeSet;

use super::primitive::Primitive;
use super::table::{R4, Table};
use crate::ResourceType;
use crate::json;

#[test]
fn the_whole_table_is_read_and_every_type_it_names_exists() {
    let table = Table::parse(R4).unwrap();
    for resource_type in ResourceType::all() {
        let shape = table.type_called(resource_type.as_str()).unwrap();
        assert!(shape.is_resource && shape.member("id").is_some(), "{resource_type}");
    }
    let lines = |kind| R4.lines().filter(move |line| line.starts_with(kind));
    assert_eq!(lines("resource ").count(), ResourceType::all().count());
    let written: BTreeSet<&str> =
        lines("primitive ").map(|line| line.split(' ').nth(1).unwrap()).collect();
    assert_eq!(written, Primitive::ALL.iter().map(|one| one.name()).collect());
    // Read in full: an element of the last type, one by reference, one of an open choice, one of a base.
    let has = |name: &str, member: &str| table.type_called(name).unwrap().member(member).is_some();
    assert!(has("VisionPrescription.lensSpecification", "prism"));
    assert!(has("Observation.component", "referenceRange") && has("Extension", "valueMeta"));
    assert!(has("Observation", "_language") && !has("Observation", "_code"));
    assert!(!has("Narrative", "_div") && !has("Patient", "_id") && !has("Patient", "name[x]"));
}

#[test]
fn a_damaged_table_is_not_read() {
    for damaged in [
        "complex A : B\n",
        "complex A\n  x 0..1 B\n",
        "complex A\n  x 0..1 =B\n",
        "complex A\n  x 0..1 @A.y\n",
        "complex A\n    x 0..1 string\n",
        "complex\n",
    ] {
        assert!(Table::parse(damaged).is_err(), "{damaged}");
    }
    let wide = format!("complex A\n{}", "  x 0..1 string\n".repeat(129));
    assert!(Table::parse(wide.leak()).is_err());
}

/// What is and what is not of a primitive type, as JSON.
#[test]
fn primitives_are_written_as_the_specification_says() {
    for (name, right, wrong) in [
        ("boolean", "true false", r#""true" 1 null [true]"#),
        ("integer", "0 -0 1 -1 2147483647 -2147483648", r#"2147483648 -2147483649 1.0 1e1 "1""#),
        ("unsignedInt", "0 2147483647", "-1 -0 2147483648 0.5"),
        ("positiveInt", "1 2147483647", "0 -1 2147483648"),
        ("decimal", "0 -0.10 1e400 1E-5 123456789012345678901234567890.5", r#""1" true"#),
        ("string", r#""a" "\u0020" "a\tb\r\nc" "\u00a0""#, r#""" "\u0000" "\f" "\u001f" 1"#),
        ("markdown", r##""#\n""##, r#""" "\b""#),
        (
            "code",
            r#""a" "a\u0020b""#,
            r#""" "\u0020" "\u0020a" "a\u0020" "a\u0020\u0020b" "a\t\nb""#,
        ),
        ("id", r#""a-1.B""#, r#""" "a_b" "a/b" "\u00e9""#),
        ("uri", r#""urn:x" "x""#, r#""" "a\u0020b" "\u00a0""#),
        ("url", r#""http://x""#, r#""a\nb""#),
        ("canonical", r#""http://x|1""#, r#""a\u0020|1""#),
        (
            "oid",
            r#""urn:oid:1.2.840" "urn:oid:0.0""#,
            r#""1.2" "urn:oid:3.1" "urn:oid:1.02" "urn:oid:1." "urn:oid:1""#,
        ),
        (
            "uuid",
            r#""urn:uuid:c757873d-ec9a-4326-a141-556f43239520""#,
            r#""urn:uuid:C757873D-ec9a-4326-a141-556f43239520" "c757873d-ec9a-4326-a141-556f43239520" "urn:uuid:c757873dec9a4326a141556f43239520""#,
        ),
        (
            "base64Binary",
            r#""QQ==" "QUI=" "QUJD" "QUJD\nQUJD" "\u0020QUJD\r\n""#,
            r#""QUI" "Q===" "=QUJ" "QQ==QQ==" "QU\u0020JD" "\u0020" "QU-_""#,
        ),
        (
            "date",
            r#""2015" "2015-02" "2016-02-29" "9999-12-31" "0001-01-01""#,
            r#""0000" "15" "2015-13" "2015-00" "2015-2" "2015-02-29" "2015-02-" "2015-" "2015-02-01T10:00:00Z" "2015-02-01-01" "20150201""#,
        ),
        (
            "dateTime",
            r#""2015" "2015-02" "2015-02-07T13:28:17Z" "2015-02-07T23:59:60.123-05:00" "2015-02-07T13:28:17+14:00""#,
            r#""2015-02-07T13:28" "2015-02-07T13:28Z" "2015-02-07T13:28:17" "2015-02T13:28:17Z" "2015-02-07T24:00:00Z" "2015-02-07T13:28:17+14:01" "2015-02-07T13:28:17.Z" "2015-02-07t13:28:17Z" "2015-02-07T13:28:17+1:00" "2015-02-30T13:28:17Z" "2015-02-07T13:28:17+0100""#,
        ),
        (
            "instant",
            r#""2015-02-07T13:28:17.239+02:00" "2015-02-07T13:28:17Z""#,
            r#""2015-02-07" "2015-02-07T13:28:17" "2015-02-07\u002013:28:17Z" "13:28:17Z""#,
        ),
        (
            "time",
            r#""00:00:00" "23:59:60.5""#,
            r#""24:00:00" "23:60:00" "23:59" "23:59:61" "12:00:00Z" "12:00:00." "1:00:00""#,
        ),
        ("xhtml", r#""<div/>""#, r#""" 1"#),
    ] {
        let primitive = Primitive::from_name(name).unwrap();
        let check = |text: &str| primitive.check(&json::parse(text).unwrap());
        for text in right.split(' ') {
            assert_eq!(check(text), Ok(()), "{name}: {text}");
        }
        for text in wrong.split(' ') {
            assert!(check(text).is_err(), "{name}: {text}");
        }
    }
    let string = Primitive::from_name("string").unwrap();
    let of =
        |length: usize| json::parse(format!("\"{}\"", "\u{e9}".repeat(length)).leak()).unwrap();
    assert_eq!(string.check(&of(1024 * 1024)), Ok(()));
    assert!(string.check(&of(1024 * 1024 + 1)).is_err());
}
