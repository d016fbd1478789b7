//! What an administrator does about an incident: one command, with an end, undone by one command.

use serde_json::Value;

use crate::serving::Up;
use crate::support::{Place, Run};

/// A demo in which ada's data is granted to eve, and to ada herself.
fn granted() -> (Place, String) {
    let place = Place::demo();
    let dataset = place.dataset();
    place.grant(&dataset, "eve");
    place.grant(&dataset, "ada");
    (place, dataset)
}

fn read(place: &Place, dataset: &str, who: &str) -> Run {
    let get = ["get", dataset, "--as", who, "--purpose", "treatment", "--category", "laboratory"];
    place.run(&[&get[..], &["--json"]].concat())
}

fn respond(place: &Place, args: &[&str]) -> Value {
    place.json(&[&["guard", "respond"], args].concat())
}

fn undo(place: &Place, response: &Value) {
    place.run(&["rules", "remove", response["rule"].as_str().unwrap()]).ok();
}

#[test]
fn a_freeze_stops_one_member_until_it_is_undone_and_nobody_else() {
    let (place, dataset) = granted();
    assert_eq!(read(&place, &dataset, "eve").code, 0);
    let frozen = respond(&place, &["--freeze", "--member", "eve", "--for", "1h"]);
    let refused = read(&place, &dataset, "eve");
    assert_eq!(
        (refused.code, refused.error()["code"].as_str()),
        (4, Some("denied")),
        "{refused:?}"
    );
    // The owner reads on, and the grant is as it was.
    assert_eq!(read(&place, &dataset, "ada").code, 0);
    let grants = place.json(&["grants", "--as", "ada"]);
    let his = |grant: &&Value| grant["dataset"] == dataset.as_str();
    assert!(
        grants["given"].as_array().unwrap().iter().filter(his).any(|g| g["status"] == "active")
    );
    undo(&place, &frozen);
    assert_eq!(read(&place, &dataset, "eve").code, 0);
}

#[test]
fn a_frozen_dataset_is_its_owners_and_an_emergencys_alone() {
    let (place, dataset) = granted();
    let grant = ["grant", &dataset, "--as", "ada", "--to", "city-hospital", "--emergency"];
    place.run(&[&grant[..], &["--purpose", "emergency"]].concat()).ok();
    let frozen = respond(&place, &["--freeze", "--dataset", &dataset, "--for", "7d"]);
    assert_eq!(read(&place, &dataset, "eve").error()["code"], "denied");
    assert_eq!(read(&place, &dataset, "ada").code, 0);
    let emergency = ["get", &dataset, "--as", "city-hospital", "--purpose", "emergency"];
    place.run(&[&emergency[..], &["--category", "laboratory"]].concat()).ok();
    undo(&place, &frozen);
    for (response, code) in
        [("--hold", "held"), ("--step-up", "step-up"), ("--throttle", "throttled")]
    {
        let slowed = respond(&place, &[response, "--dataset", &dataset, "--for", "30m"]);
        assert_eq!(read(&place, &dataset, "eve").error()["code"], code, "{response}");
        undo(&place, &slowed);
    }
    assert_eq!(read(&place, &dataset, "eve").code, 0);
}

#[test]
fn what_would_stop_too_much_or_says_nothing_is_refused_and_changes_nothing() {
    let (place, dataset) = granted();
    let before = place.events();
    let refused = |args: &[&str]| {
        let run = place.run(&[&["guard", "respond", "--json"], args].concat());
        assert_ne!(run.code, 0, "{args:?}");
        run.error()["code"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(refused(&["--block-source", "127.0.0.0/8", "--for", "1h"]), "unsafe-rule");
    assert_eq!(refused(&["--block-source", "::1", "--for", "1h"]), "unsafe-rule");
    assert_eq!(refused(&["--block-source", "0.0.0.0/1", "--for", "1h"]), "unsafe-rule");
    assert_eq!(refused(&["99999999", "--freeze", "--for", "1h"]), "unknown-incident");
    assert_eq!(refused(&["--freeze", "--member", "nobody", "--for", "1h"]), "unknown-identity");
    for wrong in [
        &["--freeze", "--dataset", &dataset][..],
        &["--freeze", "--for", "1h"],
        &["--dataset", &dataset, "--for", "1h"],
        &["--freeze", "--hold", "--dataset", &dataset, "--for", "1h"],
        &["--freeze", "--dataset", &dataset, "--for", "91d"],
        &["--block-source", "203.0.113.7/24", "--for", "1h"],
    ] {
        let run = place.run(&[&["guard", "respond"], wrong].concat());
        assert_eq!(run.code, 2, "{wrong:?}: {run:?}");
    }
    assert_eq!(place.events(), before);
}

#[test]
fn administrators_read_from_elsewhere_what_the_folder_has() {
    let place = Place::demo();
    let ada = place.json(&["id", "show", "ada"])["card"]["member"].as_str().unwrap().to_owned();
    let here = place.json(&["guard", "incidents"]);
    let number = here["incidents"][0]["incident"].to_string();
    let told = place.json(&["guard", "incident", &number]);
    let up = Up::start(&place, &["--set", &format!("administrators={ada}")]);
    let url = up.url();
    let at = |args: &[&str]| place.run(&[&["guard"], args, &["--json", "--url", &url]].concat());
    assert_eq!(at(&["incidents", "--as", "ada"]).ok().json()["incidents"], here["incidents"]);
    let open = at(&["incidents", "--as", "ada", "--status", "closed", "--limit", "1"]).ok().json();
    assert_eq!(open["incidents"], serde_json::json!([]));
    assert_eq!(at(&["incident", &number, "--as", "ada"]).ok().json(), told);
    for (args, code) in [
        (&["incidents", "--as", "dr-bo"][..], "not-visible"),
        (&["incident", &number, "--as", "dr-bo"], "not-visible"),
        (&["incident", "1", "--as", "ada"], "not-visible"),
        (&["incidents"], "usage"),
        (&["acknowledge", &number], "not-remote"),
        (&["respond", &number, "--freeze", "--for", "1h"], "not-remote"),
    ] {
        assert_eq!(at(args).error()["code"], code, "{args:?}");
    }
    assert_eq!(up.stop(), 0);
}
