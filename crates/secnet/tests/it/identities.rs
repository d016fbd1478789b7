//! Rotated keys and delegates.

use crate::support::Place;

#[test]
fn a_rotated_key_goes_on_where_the_old_one_stopped() {
    let place = Place::demo();
    let dataset = place.dataset();
    place.grant(&dataset, "eve");
    for who in ["ada", "eve"] {
        let before = place.json(&["id", "show", who])["card"].clone();
        let after = place.json(&["id", "rotate", who]);
        assert_eq!(before["member"], after["member"]);
        assert_ne!(before["did"], after["did"]);
        assert!(place.path(&format!("d/keys/{who}.key.old")).exists());
    }
    let record = place.json(&["data", "show", &dataset, "--as", "ada"])["records"]
        .as_array()
        .unwrap()
        .iter()
        .find(|r| r["labels"].as_array().unwrap().is_empty())
        .unwrap()["record"]
        .as_str()
        .unwrap()
        .to_owned();
    place.json(&["get", &dataset, "--as", "eve", "--purpose", "treatment", "--record", &record]);
    // Her keys of the records came along: she can still grant.
    place.grant(&dataset, "city-hospital");
    place.json(&["fsck"]);
}

#[test]
fn a_delegate_sees_and_refuses_in_the_owners_name() {
    let place = Place::demo();
    let dataset = place.dataset();
    let ask = place.json(&["ask", &dataset, "--as", "dr-bo", "--purpose", "treatment"]);
    let inbox = ["inbox", "--as", "city-hospital", "--for", "ada", "--json"];
    assert_eq!(place.run(&inbox).code, 3);
    place.json(&["id", "delegate", "ada", "city-hospital", "--power", "grant"]);
    let waiting = place.run(&inbox).ok().json();
    assert_eq!(waiting["asks"][0]["ask"], ask["ask"]);
    place.json(&[
        "inbox",
        "refuse",
        ask["ask"].as_str().unwrap(),
        "--as",
        "city-hospital",
        "--for",
        "ada",
    ]);
    assert_eq!(place.run(&inbox).ok().json()["asks"].as_array().unwrap().len(), 0);
}
