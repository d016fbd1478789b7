//! Irregular dealings: none in the demo's own story; a circle is shown by the verb and told by the node, once.

use std::time::Duration;

use serde_json::Value;

use crate::serving::{Up, receiver};
use crate::support::{Place, command, finish};

/// Longer than any of this takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Money goes back and forth between two members.
fn back_and_forth(place: &Place, one: &str, other: &str) {
    for member in [one, other] {
        place.run(&["wallet", "issue", member, "40"]).ok();
    }
    for _ in 0..5 {
        place.run(&["wallet", "--as", one, "send", other, "12"]).ok();
        place.run(&["wallet", "--as", other, "send", one, "12"]).ok();
    }
}

fn shown(place: &Place, more: &[&str]) -> Vec<Value> {
    let args = [&["guard", "irregularities"], more].concat();
    place.json(&args)["findings"].as_array().unwrap().clone()
}

#[test]
fn the_demo_has_nothing_irregular_and_a_circle_is_shown_with_its_events() {
    let place = Place::demo();
    assert_eq!(shown(&place, &[]), [] as [Value; 0]);
    let before = place.events();
    let said = place.run(&["guard", "irregularities"]).ok().stdout;
    assert!(said.contains(&format!("nothing irregular was found in {before} events")), "{said}");
    back_and_forth(&place, "eve", "dr-bo");
    let found = shown(&place, &[]);
    assert_eq!(found.len(), 1, "{found:?}");
    let ring = &found[0];
    assert_eq!((&ring["kind"], &ring["count"]), (&"ring".into(), &5.into()));
    let member = |name: &str| place.json(&["id", "show", name])["card"]["member"].clone();
    let members = ring["members"].as_array().unwrap();
    assert!(members.contains(&member("eve")) && members.contains(&member("dr-bo")), "{ring}");
    let events = ring["events"].as_array().unwrap();
    assert!(events.len() == 10 && events.iter().all(|event| event.as_u64() >= Some(before)));
    assert_eq!(events.last(), Some(&ring["found_at"]));
    // People read names.
    let said = place.run(&["guard", "irregularities"]).ok().stdout;
    assert!(said.contains("eve") && said.contains("it may be nothing"), "{said}");
    assert_eq!(shown(&place, &["--since", "2020-01-01"]).len(), 1);
    assert_eq!(shown(&place, &["--since", "9999-01-01"]).len(), 0);
    let wrong = place.run(&["guard", "irregularities", "--since", "soon", "--json"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
}

#[test]
fn administrators_are_told_of_an_irregularity_once() {
    let place = Place::demo();
    let (url, got) = receiver(&["204 Yes", "204 Yes"]);
    let hook = format!("webhooks.urls={url}");
    // What was before the node served for the first time is not told.
    back_and_forth(&place, "city-hospital", "eve");
    let up = Up::start(&place, &["--set", &hook]);
    finish(command(place.root()).args(["ready", "--url", &up.url()])).ok();
    crate::serving::soon("the note", || place.path("d/irregular").exists());
    assert_eq!(up.stop(), 0);
    // Found while nobody served, told when somebody does.
    back_and_forth(&place, "eve", "dr-bo");
    let expected = shown(&place, &[]);
    let up = Up::start(&place, &["--set", &hook]);
    let body = |call: String| -> Value {
        serde_json::from_str(call.split_once("\r\n\r\n").unwrap().1).unwrap()
    };
    let told = body(got.recv_timeout(PATIENCE).unwrap());
    assert_eq!((&told["kind"], &told["finding"]), (&"irregular".into(), &expected[1]), "{told}");
    assert!(told["said"].as_str().unwrap().contains("look the same"), "{told}");
    assert!(told["do"].as_str().unwrap().contains("nothing was refused"), "{told}");
    crate::serving::soon("the note", || {
        let note = std::fs::read_to_string(place.path("d/irregular")).unwrap();
        note.trim().parse::<u64>().unwrap() > told["finding"]["found_at"].as_u64().unwrap()
    });
    assert_eq!(up.stop(), 0);
    // After a restart the next that is told is a new one.
    place.run(&["id", "new", "zoe", "--by", "city-hospital"]).ok();
    back_and_forth(&place, "zoe", "dr-bo");
    let up = Up::start(&place, &["--set", &hook]);
    let next = body(got.recv_timeout(PATIENCE).unwrap());
    assert_eq!(up.stop(), 0);
    let expected = shown(&place, &[]);
    assert_eq!((expected.len(), &next["finding"]), (3, &expected[2]), "{next}");
    assert_ne!(next["alert"], told["alert"]);
}
