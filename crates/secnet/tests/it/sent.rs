//! Records sealed here and registered at a node elsewhere; organisations admitted there.

use serde_json::Value;

use crate::dev::Dev;

const PATIENT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../samples/patients/acc12451-4ef0-414b-b072-48e780a90874.ndjson"
);

fn word(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}")).to_owned()
}

#[test]
fn records_are_sealed_here_and_read_by_a_grantee_of_the_node() {
    let dev = Dev::start();
    let add = ["data", "add", PATIENT, "--as", "ada", "--price", "0.25", "--title", "sent"];
    let foreseen = dev.at(&[&add[..], &["--dry-run"]].concat()).ok().json();
    assert_eq!(foreseen["dry_run"], true);
    let owned = || dev.at(&["data", "ls", "--as", "ada"]).ok().json()["datasets"].clone();
    assert_eq!(owned().as_array().unwrap().len(), 1, "a dry run registers nothing");
    let printed = dev.at(&[&add[..], &["--print-curl"]].concat());
    assert_eq!((printed.code, printed.error()["code"].as_str()), (2, Some("usage")));

    let added = dev.at(&add).ok().json();
    let dataset = word(&added, "dataset");
    let sent = owned().as_array().unwrap().iter().find(|d| d["dataset"] == dataset).cloned();
    assert_eq!(word(&sent.unwrap(), "price"), "0.25");
    let shown = dev.at(&["data", "show", &dataset, "--as", "ada"]).ok().json();
    assert_eq!(Value::from(shown["records"].as_array().unwrap().len()), added["records"]);
    let read = ["get", &dataset, "--as", "dr-bo", "--purpose", "treatment", "--max-price", "1"];
    assert_eq!(dev.at(&read).code, 3, "nothing is granted yet");
    dev.at(&["grant", &dataset, "--as", "ada", "--to", "dr-bo", "--purpose", "treatment"]).ok();
    let got = dev.at(&read).ok().json();
    assert_eq!(word(&got, "price"), "0.25");
    // What comes out is what went in: the keys that the grant handed on are those that sealed.
    let records = got["records"].as_array().unwrap();
    let original = std::fs::read_to_string(PATIENT).unwrap();
    assert!(!records.is_empty());
    for record in records {
        assert!(original.lines().any(|line| line == word(record, "content")), "{record}");
    }
}

#[test]
fn a_hosted_dataset_that_was_sent_is_opened_by_the_data_centre_for_fields() {
    let dev = Dev::start();
    let add = ["data", "add", PATIENT, "--as", "ada", "--level", "hosted"];
    let dataset = word(&dev.at(&add).ok().json(), "dataset");
    let grant = ["grant", &dataset, "--as", "ada", "--to", "dr-bo", "--purpose", "treatment"];
    let fields = ["--category", "laboratory", "--field", "code"];
    dev.at(&[&grant[..], &fields].concat()).ok();
    let get = ["get", &dataset, "--as", "dr-bo", "--purpose", "treatment"];
    let got = dev.at(&[&get[..], &["--category", "laboratory"]].concat()).ok().json();
    let records = got["records"].as_array().unwrap();
    assert!(!records.is_empty());
    for record in records {
        let content: Value = serde_json::from_str(&word(record, "content")).unwrap();
        assert!(content.get("code").is_some() && content.get("subject").is_none(), "{content}");
    }
}

#[test]
fn the_governor_admits_an_organisation_at_the_node() {
    let dev = Dev::start();
    let new = ["id", "new", "lab", "--kind", "organisation"];
    dev.at(&[&new[..], &["--dry-run"]].concat()).ok();
    assert_eq!(dev.at(&["id", "show", "lab"]).error()["code"], "unknown-identity");
    let card = dev.at(&new).ok().json();
    assert_eq!(word(&card, "kind"), "organisation");
    assert_eq!(dev.at(&new).error()["code"], "name-taken");
    // It vouches, which only an admitted organisation can.
    dev.at(&["id", "new", "nurse", "--by", "lab"]).ok();
    dev.at(&["wallet", "send", "lab", "1", "--as", "dr-bo"]).ok();
}
