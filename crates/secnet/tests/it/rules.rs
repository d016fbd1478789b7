//! What programs do with `--json`: a rule's way from text to enforcement.

use crate::support::Place;

const RULE: &str = "@action(\"hold\")\nforbid (principal, action, resource)\nwhen { context has requests_last_minute && context.requests_last_minute > 5 };\n";

#[test]
fn a_rule_is_offered_bought_enforced_and_removed() {
    let place = Place::demo();
    std::fs::write(place.path("rule.cedar"), RULE).unwrap();
    let tried = place.json(&["rules", "test", "rule.cedar"]);
    assert!(tried["past_requests"].as_u64().unwrap() > 10);
    assert!(
        !tried["would_have_matched"].as_array().unwrap().is_empty(),
        "the demo's burst: {tried}"
    );
    let offered = place.json(&["rules", "publish", "rule.cedar", "--as", "city-hospital"]);
    let rule = offered["rule"].as_str().unwrap();
    let early = place.run(&["rules", "install", rule, "--json"]);
    assert_eq!((early.code, early.error()["code"].as_str().is_some()), (1, true), "no licence yet");
    place.json(&["rules", "buy", rule]);
    place.json(&["rules", "install", rule]);
    assert_eq!(place.json(&["rules", "ls"])["rules"][0]["here"], "enforced");
    assert!(
        place.json(&["rules", "show", rule])["cedar"]
            .as_str()
            .unwrap()
            .contains("requests_last_minute")
    );

    let dataset = place.dataset();
    place.grant(&dataset, "dr-bo");
    let get = place.run(&["get", &dataset, "--as", "dr-bo", "--purpose", "treatment", "--json"]);
    assert!(get.code == 0 || get.code == 4, "{get:?}");
    place.json(&["rules", "remove", rule]);
    assert_eq!(place.json(&["rules", "ls"])["rules"][0]["here"], "offered");
}
