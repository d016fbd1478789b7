//! A grant of fields, from the command line: what comes, in a folder and from a node, and what does not.

use serde_json::Value;

use crate::serving::Up;
use crate::support::{Place, command, files, finish};

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/patients");
const GIVEN: [&str; 5] = ["resourceType", "id", "meta", "status", "valueQuantity"];

/// Ada lets the data centre open her records, and grants Dr. Bo two fields of her vital signs; returns the dataset.
fn hosted() -> (Place, String) {
    let place = Place::demo();
    let dataset = place.dataset();
    let set = place.json(&["data", "set", &dataset, "--as", "ada", "--level", "hosted"]);
    assert_eq!(set["terms"]["level"], "hosted");
    let listed = place.json(&["data", "ls"]);
    assert_eq!(listed["datasets"][0]["level"], "hosted");
    place.json(&grant(&dataset, "eve", &["--field", "status", "--field", "valueQuantity.value"]));
    (place, dataset)
}

fn grant<'a>(dataset: &'a str, to: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let grant = ["grant", dataset, "--as", "ada", "--to", to, "--purpose", "treatment"];
    [&grant[..], &["--category", "vital-signs", "--price", "0"], more].concat()
}

fn get<'a>(dataset: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["get", dataset, "--as", "eve", "--purpose", "treatment"][..], more].concat()
}

/// Each content, checked to hold nothing but what was granted.
fn contents(got: &Value) -> Vec<String> {
    assert_eq!(got["fields"], serde_json::json!(["status", "valueQuantity.value"]));
    let records = got["records"].as_array().unwrap();
    assert!(records.len() > 1);
    let each = records.iter().map(|record| record["content"].as_str().unwrap().to_owned());
    let each: Vec<String> = each.collect();
    for content in &each {
        let record: Value = serde_json::from_str(content).unwrap();
        for (name, value) in record.as_object().unwrap() {
            assert!(GIVEN.contains(&name.as_str()), "{content}");
            if name == "valueQuantity" {
                assert_eq!(value.as_object().unwrap().len(), 1, "{content}");
            }
        }
        assert_eq!(record["meta"].as_object().unwrap().len(), 1, "{content}");
        assert_eq!(record["meta"]["tag"][0]["code"], "SUBSETTED");
    }
    each
}

#[test]
fn fields_come_alone_the_same_from_the_folder_and_from_a_node() {
    let (place, dataset) = hosted();
    let foreseen = place.json(&get(&dataset, &["--dry-run"]));
    assert_eq!(
        foreseen["decision"]["fields"],
        serde_json::json!(["status", "valueQuantity.value"])
    );
    let here = contents(&place.json(&get(&dataset, &[])));
    let folder = get(&dataset, &["--out", "records"]);
    place.json(&folder);
    let written = files(&place.path("records"));
    assert_eq!(written.len(), here.len());
    for content in written.into_values() {
        assert!(here.contains(&String::from_utf8(content).unwrap()));
    }
    let some = place.json(&get(&dataset, &["--field", "status"]));
    assert!(!some.to_string().contains("valueQuantity"));
    let other = place.run(&[&get(&dataset, &["--field", "code"])[..], &["--json"]].concat());
    assert_eq!((other.code, other.error()["code"].as_str()), (3, Some("denied")));

    let up = Up::start(&place, &[]);
    let there = contents(&place.json(&get(&dataset, &["--url", &up.url()])));
    assert_eq!(there, here);
    // Over HTTP, too, the owner's client makes no keys for such a grant.
    place.json(&grant(&dataset, "dr-bo", &["--field", "status", "--url", &up.url()]));
    assert_eq!(up.stop(), 0);
    let revoked = place.json(&["grants", "--as", "eve"]);
    let revoked = revoked["received"].as_array().unwrap().last().unwrap()["grant"].clone();
    place.run(&["revoke", revoked.as_str().unwrap(), "--as", "ada"]).ok();
    assert_eq!(place.run(&get(&dataset, &[])).code, 3);
}

#[test]
fn what_cannot_be_limited_to_fields_is_said_at_once() {
    let place = Place::demo();
    let dataset = place.dataset();
    let refused = |more: &[&str]| {
        let run = place.run(&[&grant(&dataset, "eve", more)[..], &["--json"]].concat());
        assert_eq!(run.code, 2, "{run:?}");
        run.error()
    };
    let sealed = refused(&["--field", "status"]);
    assert_eq!(sealed["code"], "sealed");
    assert!(sealed["hint"].as_str().unwrap().contains("--level hosted"), "{sealed}");
    assert_eq!(refused(&["--field", "status", "--dry-run"])["code"], "sealed");
    place.run(&["data", "set", &dataset, "--as", "ada", "--level", "hosted"]).ok();
    for field in ["valueQuantities", "a b", ""] {
        assert_eq!(refused(&["--field", field])["code"], "unknown-field", "{field}");
    }
    let other = refused(&["--type", "Patient", "--field", "valueQuantity"]);
    assert_eq!(other["code"], "unknown-field", "no patient has one");
    assert_eq!(refused(&["--level", "open"])["exit"], 2);
}

#[test]
fn fields_outlive_a_backup_and_more_records_and_end_with_erasure_and_transfer() {
    let (place, dataset) = hosted();
    let before = contents(&place.json(&get(&dataset, &[])));
    place.json(&["backup", "backup"]);
    let epochs = ["--epochs", "d/keys/backup.epochs", "--accept-loss"];
    let restored = |folder: &str, args: &[&str]| {
        finish(command(place.root()).args(["--dir", folder]).args(args).arg("--json"))
    };
    restored("r", &[&["restore", "backup"][..], &epochs].concat()).ok();
    std::fs::copy(place.path("d/passphrase"), place.path("r/passphrase")).unwrap();
    restored("r", &["fsck"]).ok();
    assert_eq!(contents(&restored("r", &get(&dataset, &[])).ok().json()), before);

    let records = place.json(&["data", "see", &dataset, "--as", "eve"]);
    let first = records["records"][0]["record"].as_str().unwrap().to_owned();
    let shred = ["shred", &dataset, "--record", &first, "--as", "ada", "--yes"];
    place.json(&shred);
    place.run(&["fsck"]).ok();
    let left = contents(&place.json(&get(&dataset, &[])));
    assert_eq!(left.len(), before.len() - 1);

    // Carol takes the dataset over with records of her own, and grants anew.
    place.run(&["id", "new", "clinic", "--kind", "organisation"]).ok();
    place.run(&["id", "new", "carol", "--by", "clinic"]).ok();
    place.run(&["data", "offer", &dataset, "--to", "carol", "--as", "ada"]).ok();
    let file = format!("{SAMPLES}/272539c2-e516-4f16-8f47-573923bf9924.ndjson");
    let accept = ["data", "accept", &dataset, &file, "--as", "carol", "--level", "hosted"];
    place.run(&accept).ok();
    assert_eq!(place.run(&get(&dataset, &[])).code, 3);
    let anew = grant(&dataset, "eve", &["--field", "status", "--field", "valueQuantity.value"]);
    let anew: Vec<&str> =
        anew.iter().map(|arg| if *arg == "ada" { "carol" } else { arg }).collect();
    place.json(&anew);
    contents(&place.json(&get(&dataset, &[])));
    place.run(&["fsck"]).ok();
    place.run(&["data", "set", &dataset, "--as", "carol", "--level", "sealed"]).ok();
    assert_eq!(place.run(&get(&dataset, &[])).code, 3);
}
