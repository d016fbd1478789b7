//! A learnt model's way from what was recorded to a hold, and back, with `--json` as programs see it.

use serde_json::Value;

use crate::support::Place;

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn code(place: &Place, args: &[&str]) -> String {
    let run = place.run(&[args, &["--json"]].concat());
    let error = run.error();
    assert!(run.code != 0 && error["hint"].is_string(), "{args:?}: {run:?}");
    text(&error["code"])
}

/// What the status says of one model.
fn status(place: &Place, model: &str) -> Option<Value> {
    let status = place.json(&["guard", "status"]);
    let models = status["models"].as_array().unwrap();
    models.iter().find(|one| one["model"] == model).cloned()
}

/// Somebody reads one record after the other; after how many it was held.
fn burst(place: &Place, who: &str) -> Option<usize> {
    let dataset = place.dataset();
    place.grant(&dataset, who);
    let records = place.plain_records(&dataset);
    records.iter().cycle().take(16).position(|record| {
        let get = ["get", &dataset, "--as", who, "--purpose", "treatment", "--record", record];
        let run = place.run(&[&get[..], &["--json"]].concat());
        assert!(run.code == 0 || run.code == 4, "{run:?}");
        run.code == 4
    })
}

/// Ada says of everything that somebody got what it was.
fn say(place: &Place, who: &str, verdict: &str) {
    let log = place.json(&["log", "--as", "ada", "--limit", "1000"]);
    let attempts = log["attempts"].as_array().unwrap().iter();
    let reads = attempts.filter(|a| a["requester"] == who && a["outcome"]["verdict"] == "allow");
    let decisions: Vec<String> = reads.map(|a| text(&a["decision"])).collect();
    let decisions: Vec<&str> = decisions.iter().map(String::as_str).collect();
    let said = ["--verdict", verdict, "--as", "ada", "--change"];
    place.json(&[&["guard", "feedback"][..], &decisions[..], &said].concat());
}

#[test]
fn a_model_is_learnt_watches_is_put_in_force_and_taken_back() {
    let place = Place::demo();
    let before = place.events();
    let learnt = place.json(&["guard", "train", "--out", "ward.model"]);
    assert_eq!(place.events(), before, "learning leaves nothing on the ledger");
    let card = &learnt["card"];
    let model = text(&card["model"]);
    let number = |pointer: &str| card.pointer(pointer).and_then(Value::as_f64).unwrap();
    assert!(number("/held_back/hits") >= 11.0, "{card}");
    assert_eq!(number("/past/would_hold"), number("/past/objected_to"), "{card}");
    assert_eq!(code(&place, &["guard", "promote", &model]), "unknown-model");

    place.json(&["guard", "shadow", "ward.model"]);
    assert_eq!(burst(&place, "eve"), None, "whoever watches stops nobody");
    let watching = status(&place, &model).unwrap();
    assert_eq!((&watching["doing"], &watching["unreadable"]), (&"watches".into(), &Value::Null));
    assert!(watching["held"].as_u64().unwrap() > 3, "{watching}");
    assert_eq!(watching["held"], watching["went_ahead"]);
    assert_eq!(watching["by_requester"][0]["requester"], "eve");
    // Treatment that nobody objects to is not to be held; she objects.
    assert_eq!(code(&place, &["guard", "promote", &model]), "unsafe-model");
    say(&place, "eve", "wrong");
    assert_eq!(status(&place, &model).unwrap()["misuse"], watching["held"]);

    place.json(&["guard", "promote", &model]);
    assert_eq!(status(&place, &model).unwrap()["doing"], "in force");
    assert!(burst(&place, "eve").is_some(), "the same is held now");
    let inbox = place.json(&["inbox", "--as", "ada"]);
    let reasons = inbox["holds"][0]["reasons"].to_string();
    assert!(reasons.contains(&format!("the learnt model {model}")), "{reasons}");
    let decision = text(&inbox["holds"][0]["decision"]);
    let explained = place.json(&["guard", "explain", &decision]);
    let replayed = &explained["replayed"];
    assert_eq!((&replayed["same_model"], &replayed["verdict"]), (&true.into(), &"hold".into()));
    assert!(!replayed["together"].as_array().unwrap().is_empty(), "{replayed}");
    place.run(&["fsck"]).ok();
    let said = place.run(&["guard", "status"]).ok().stdout;
    assert!(said.contains(&format!("model {model} in force until")), "{said}");

    // A newer one takes its place; two steps back none is in force.
    let second = place.json(&["guard", "train", "--out", "second.model", "--days", "30"]);
    let second = text(&second["card"]["model"]);
    place.json(&["guard", "shadow", "second.model"]);
    let promoted = place.json(&["guard", "promote", &second, "--unreadable", "pass"]);
    assert_eq!(promoted["replaced"], serde_json::json!([model]));
    let back = place.json(&["guard", "roll-back"]);
    assert_eq!(
        (&back["removed"], &back["again_in_force"]),
        (&Value::from(second), &Value::from(model.clone()))
    );
    let back = place.json(&["guard", "roll-back"]);
    assert_eq!((&back["removed"], &back["again_in_force"]), (&model.into(), &Value::Null));
    assert_eq!(code(&place, &["guard", "roll-back"]), "not-in-force");
    assert_eq!(place.json(&["guard", "status"])["models"], serde_json::json!([]));
    let again = place.json(&["guard", "explain", &decision]);
    assert_eq!(again["replayed"]["same_model"], true, "the model of then is still here");
}

#[test]
fn what_is_no_model_or_has_too_little_behind_it_is_refused() {
    let place = Place::demo();
    std::fs::write(place.path("no.model"), b"{}").unwrap();
    assert_eq!(code(&place, &["guard", "shadow", "no.model"]), "invalid-model");
    place.json(&["guard", "train", "--out", "ward.model"]);
    let sound = std::fs::read(place.path("ward.model")).unwrap();
    for at in [7, 9, sound.len() / 2, sound.len() - 1] {
        let mut bytes = sound.clone();
        bytes.truncate(at);
        std::fs::write(place.path("cut.model"), bytes).unwrap();
        assert_eq!(code(&place, &["guard", "shadow", "cut.model"]), "invalid-model", "{at}");
    }
    // All that was said to be misuse is taken back.
    say(&place, "dr-bo", "fine");
    let run = place.run(&["guard", "train", "--out", "none.model", "--json"]);
    let error = run.error();
    assert_eq!((run.code, text(&error["code"])), (1, "too-little".to_owned()), "{run:?}");
    assert!(text(&error["message"]).contains("at least 27"), "{error}");
    assert!(!place.path("none.model").exists());
    // The model of before holds what now is nobody's objection: treatment.
    place.json(&["guard", "shadow", "ward.model"]);
    let model = place.json(&["guard", "status"])["models"][0]["model"].clone();
    assert_eq!(code(&place, &["guard", "promote", &text(&model)]), "unsafe-model");
}
