//! The structure of FHIR R4: what breaks a rule of it is refused and named, wherever it is; what it allows is not.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use secnet_fhir::Problem;
use serde_json::{Map, Value, json};

use crate::one;

const RECORD: &str = r#"{"resourceType":"Patient","id":"p","meta":{"lastUpdated":"2020-01-01T00:00:00Z","tag":[{"code":"a"}]},"text":{"status":"generated","div":"<div/>"},"contained":[{"resourceType":"Organization","id":"o","name":"Clinic"}],"extension":[{"id":"e 1","url":"http://x","valueDecimal":1.50}],"active":true,"name":[{"given":["A",null],"_given":[null,{"extension":[{"url":"http://x","valueCode":"masked"}]}]}],"_birthDate":{"extension":[{"url":"http://x","valueDateTime":"1985-01-01T10:00:00+01:00"}]},"multipleBirthInteger":2,"photo":[{"data":"QUJD","size":0}],"link":[{"other":{"reference":"Patient/q"},"type":"seealso"}]}"#;

fn refused(text: &str) -> (String, String, usize) {
    match one(text).expect_err(text).problem {
        Problem::Invalid { path, reason, others } => (path, reason, others),
        other => panic!("{text}\n{other}"),
    }
}

#[test]
fn what_the_specification_allows_is_valid() {
    for (from, to) in [
        ("", ""),
        ("1.50", "1e400"),
        ("1.50", "-0.00000000000000000000000000000000000000000000000001"),
        (r#""_birthDate":{"#, r#""birthDate":"1985","_birthDate":{"id":"x","#),
        (
            r#""multipleBirthInteger":2"#,
            r#""_multipleBirthInteger":{"id":"x"},"multipleBirthInteger":-0"#,
        ),
        (r#""given":["A",null],"_given":[null,"#, r#""given":["A","B"],"_given":[null,"#),
        (r#""given":["A",null],"_given":[null,"#, r#""_given":["#),
        (
            r#""type":"seealso""#,
            r#""_type":{"extension":[{"url":"http://x","valueCode":"unknown"}]}"#,
        ),
    ] {
        assert!(RECORD.contains(from), "{from}");
        let text = RECORD.replacen(from, to, 1);
        assert!(one(&text).is_ok(), "{from} -> {to}: {}", one(&text).unwrap_err());
    }
}

/// A change of the record, and where and how it is refused.
const RULES: &[(&str, &str, &str, &str)] = &[
    // Names.
    (r#""active""#, r#""activ""#, "Patient.activ", "unknown element"),
    (r#""active""#, r#""_name""#, "Patient._name", "unknown element"),
    (r#""active":true"#, r#""fhir_comments":["x"]"#, "Patient.fhir_comments", "unknown element"),
    (r#""name":"Clinic""#, r#""nam":"Clinic""#, "Patient.contained[0].nam", "unknown element"),
    (r#""div""#, r#""_div":{"id":"x"},"div""#, "Patient.text._div", "unknown element"),
    (r#""id":"p""#, r#""id":"p","_id":{"id":"x"}"#, "Patient._id", "unknown element"),
    (r#""tag":[{"#, r#""tag":[{"x[y]":1,"#, "Patient.meta.tag[0].x[y]", "unknown element"),
    // How often.
    (r#""active":true"#, r#""active":[true]"#, "Patient.active", "single value, found an array"),
    (
        r#""text":{"status":"generated","div":"<div/>"}"#,
        r#""text":[{"status":"generated","div":"<div/>"}]"#,
        "Patient.text",
        "expected a single value",
    ),
    (
        r#"[{"other":{"reference":"Patient/q"},"type":"seealso"}]"#,
        "{}",
        "Patient.link",
        "expected an array, found an object",
    ),
    (r#","type":"seealso""#, "", "Patient.link[0].type", "required element missing"),
    (
        r#""url":"http://x","valueDecimal""#,
        r#""valueDecimal""#,
        "Patient.extension[0].url",
        "required",
    ),
    (
        r#""active":true"#,
        r#""active":true,"active":true"#,
        "Patient.active",
        "appears more than once",
    ),
    (
        r#""contained":[{"#,
        r#""contained":[{"resourceType":"Organization","#,
        "Patient.contained[0].resourceType",
        "appears more than once",
    ),
    (
        r#""multipleBirthInteger":2"#,
        r#""multipleBirthInteger":2,"multipleBirthBoolean":true"#,
        "Patient.multipleBirth[x]",
        "found multipleBirthInteger, multipleBirthBoolean",
    ),
    (
        r#""multipleBirthInteger":2"#,
        r#""multipleBirthInteger":2,"_multipleBirthBoolean":{"id":"x"}"#,
        "Patient.multipleBirth[x]",
        "only one type",
    ),
    // What kind of value.
    (
        r#""text":{"status":"generated","div":"<div/>"}"#,
        r#""text":"x""#,
        "Patient.text",
        "expected an object, found a string",
    ),
    (r#""active":true"#, r#""active":"true""#, "Patient.active", "expected true or false"),
    (r#""active":true"#, r#""active":null"#, "Patient.active", "null is not allowed"),
    (r#""link":[{"#, r#""link":[null,{"#, "Patient.link[0]", "expected an object, found null"),
    (r#""div":"<div/>""#, r#""div":{}"#, "Patient.text.div", "expected a string, found an object"),
    ("1.50", r#""1.50""#, "Patient.extension[0].valueDecimal", "expected a number"),
    // Nothing is empty.
    (r#"{"code":"a"}"#, "{}", "Patient.meta.tag[0]", "leave the element out"),
    (r#""tag":[{"code":"a"}]"#, r#""tag":[]"#, "Patient.meta.tag", "leave the element out"),
    (
        r#""given":["A",null],"_given":[null,"#,
        r#""given":[],"_given":["#,
        "Patient.name[0].given",
        "leave the element out",
    ),
    (r#""code":"a""#, r#""code":"""#, "Patient.meta.tag[0].code", "leave the element out"),
    (
        r#""_birthDate":{"#,
        r#""_active":{},"_birthDate":{"#,
        "Patient._active",
        "leave the element out",
    ),
    // What is beside a primitive.
    (r#"["A",null]"#, r#"["A"]"#, "Patient.name[0]._given", "the two arrays must line up"),
    (r#"["A",null]"#, r#"[null,"A"]"#, "Patient.name[0].given[0]", "null with no extension"),
    (r#""given":["A",null],"#, "", "Patient.name[0].given[0]", "null with no extension"),
    (
        r#""_birthDate":{"#,
        r#""_birthDate":{"value":1,"#,
        "Patient._birthDate.value",
        "unknown element",
    ),
    (
        r#""_given":[null,"#,
        r#""_given":[1,"#,
        "Patient.name[0]._given[0]",
        "expected an object, found a number",
    ),
    // Resources in it.
    (
        r#""resourceType":"Organization","#,
        "",
        "Patient.contained[0]",
        "a resource needs a resourceType",
    ),
    (
        r#""Organization""#,
        r#""Clinic""#,
        "Patient.contained[0].resourceType",
        "not a resource type",
    ),
    (
        r#""Organization""#,
        r#""HumanName""#,
        "Patient.contained[0].resourceType",
        "not a resource type",
    ),
    (r#""contained":[{"#, r#""contained":[1,{"#, "Patient.contained[0]", "expected an object"),
    // How primitives are written; each type has more in the unit tests.
    (r#""id":"o""#, r#""id":"o_1""#, "Patient.contained[0].id", "not a valid id"),
    ("2020-01-01T00:00:00Z", "2020-01-01", "Patient.meta.lastUpdated", "not a valid instant"),
    (
        "1985-01-01T",
        "1985-02-29T",
        "Patient._birthDate.extension[0].valueDateTime",
        "`1985-02-29T10:00:00+01:00` is not a day of the calendar",
    ),
    ("+01:00", "+14:30", "Patient._birthDate.extension[0].valueDateTime", "not a valid dateTime"),
    (
        r#""url":"http://x","valueDecimal""#,
        r#""url":"x y","valueDecimal""#,
        "Patient.extension[0].url",
        "not a valid uri",
    ),
    ("QUJD", "QUJ", "Patient.photo[0].data", "not a valid base64Binary"),
    (r#""size":0"#, r#""size":-1"#, "Patient.photo[0].size", "not an unsignedInt"),
    ("Clinic", r#"Cl\u0007nic"#, "Patient.contained[0].name", "not a valid string"),
    (
        r#""multipleBirthInteger":2"#,
        r#""multipleBirthInteger":2.0"#,
        "Patient.multipleBirthInteger",
        "not a whole number",
    ),
];

#[test]
fn each_rule_of_the_structure_is_told_with_its_path() {
    for (from, to, path, reason) in RULES {
        assert!(RECORD.contains(from), "{from}");
        let found = refused(&RECORD.replacen(from, to, 1));
        assert_eq!(found.0, *path, "{from} -> {to}: {}", found.1);
        assert!(found.1.contains(reason), "{from} -> {to}: {}", found.1);
    }
}

#[test]
fn every_problem_counts_and_what_is_missing_comes_before_what_is_unknown() {
    let text =
        r#"{"resourceType":"Observation","id":"o","x":1,"status":" ","value":1,"_status":[]}"#;
    let (path, reason, others) = refused(text);
    assert_eq!(path, "Observation.status");
    assert!(reason.contains("not a valid code"), "{reason}");
    // `_status` is no object, `code` is missing, `x` and `value` are unknown.
    assert_eq!(others, 4);
    let (path, ..) = refused(r#"{"resourceType":"Observation","id":"o","x":1,"status":"final"}"#);
    assert_eq!(path, "Observation.code");
}

/// Records of the samples, of every type there is, a few of each.
static SAMPLES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/patients");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut found = std::collections::BTreeMap::<String, Vec<Value>>::new();
    for line in files.iter().take(4).flat_map(|file| {
        let text = std::fs::read_to_string(file).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    }) {
        let record: Value = serde_json::from_str(&line).unwrap();
        let of_type = found.entry(record["resourceType"].as_str().unwrap().to_owned()).or_default();
        if of_type.len() < 4 {
            of_type.push(record);
        }
    }
    found.into_values().flatten().collect()
});

/// The pointers (RFC 6901) to all objects in a value, each with its path in FHIR.
fn objects(value: &Value, at: &str, path: &str) -> Vec<(String, String)> {
    match value {
        Value::Object(members) => {
            let inner = members.iter().flat_map(|(name, member)| {
                objects(member, &format!("{at}/{name}"), &format!("{path}.{name}"))
            });
            std::iter::once((at.to_owned(), path.to_owned())).chain(inner).collect()
        }
        Value::Array(items) => {
            let inner = items.iter().enumerate().map(|(index, item)| {
                objects(item, &format!("{at}/{index}"), &format!("{path}[{index}]"))
            });
            inner.flatten().collect()
        }
        _ => Vec::new(),
    }
}

#[derive(Debug, Clone, Copy)]
enum Damage {
    Rename,
    Null,
    OtherKind,
    Twice,
    Empty,
}

const DAMAGES: [Damage; 5] =
    [Damage::Rename, Damage::Null, Damage::OtherKind, Damage::Twice, Damage::Empty];

/// Damages a member; gives the name at which it is to be told.
fn damaged(object: &mut Map<String, Value>, name: &str, damage: Damage) -> String {
    match damage {
        Damage::Rename => {
            let value = object.remove(name).unwrap();
            object.insert(format!("{name}Of"), value);
            return format!("{name}Of");
        }
        Damage::Null => object[name] = Value::Null,
        Damage::OtherKind if object[name].is_object() => object[name] = json!("x"),
        Damage::OtherKind => object[name] = json!({"id": "x"}),
        Damage::Empty if object[name].is_array() => object[name] = json!([]),
        Damage::Empty if object[name].is_object() => object[name] = json!({}),
        Damage::Empty => object[name] = json!(""),
        Damage::Twice => {
            // Named apart here, made the same in the text.
            object.insert(format!("again:{name}"), object[name].clone());
        }
    }
    name.to_owned()
}

proptest! {
    #[test]
    fn a_damaged_member_is_refused_and_told_wherever_it_is(
        record in any::<Index>(), object in any::<Index>(), member in any::<Index>(),
        damage in prop::sample::select(DAMAGES.to_vec()),
    ) {
        let mut record = SAMPLES[record.index(SAMPLES.len())].clone();
        prop_assert!(one(&record.to_string()).is_ok());
        let all = objects(&record, "", record["resourceType"].as_str().unwrap());
        let (pointer, path) = &all[object.index(all.len())];
        let object = record.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
        let names: Vec<String> =
            object.keys().filter(|name| *name != "resourceType").cloned().collect();
        let told = damaged(object, &names[member.index(names.len())], damage);
        let text = record.to_string().replace("again:", "");
        let (found, reason, others) = refused(&text);
        let here = format!("{path}.{told}");
        // A renamed element that had to be there is told as missing first.
        let missing = reason.contains("required") && matches!(damage, Damage::Rename) && others > 0;
        prop_assert!(found == here || missing, "{damage:?} at {here}: {found}: {reason}");
    }

    #[test]
    fn a_resource_of_any_type_with_anything_in_it_is_parsed_or_refused(
        kind in any::<Index>(), members in any_members(),
    ) {
        let kinds: Vec<_> = secnet_fhir::ResourceType::all().collect();
        let mut record = Map::from_iter(members);
        record.insert("resourceType".into(), json!(kinds[kind.index(kinds.len())].as_str()));
        let text = Value::Object(record).to_string();
        if let Ok(resource) = one(&text) {
            prop_assert_eq!(resource.bytes, text.as_bytes());
        }
    }
}

/// Members with names that many types have, and values that few of them allow.
fn any_members() -> impl Strategy<Value = Vec<(String, Value)>> {
    let name =
        "_?(id|text|code|status|type|extension|contained|value|valueQuantity|url|subject|name)";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z0-9:T Z+-]{0,20}".prop_map(Value::from),
        prop::sample::select(vec!["Patient", "Bundle", "Element"]).prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(5, 48, 6, move |inner| {
        let names = prop_oneof![4 => name, 1 => Just("resourceType".to_owned())];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(names, inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    prop::collection::vec((name, value), 0..8)
}
