//! What programs do with `--json`: a rule's way from text, or from what was recorded, to enforcement.

use serde_json::Value;

use crate::serving::Up;
use crate::support::Place;

const RULE: &str = "@action(\"hold\")\nforbid (principal, action, resource)\nwhen { context has requests_last_minute && context.requests_last_minute > 5 };\n";

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// What the list of rules says of one.
fn here(place: &Place, rule: &str) -> String {
    let listed = place.json(&["rules", "ls"]);
    let rules = listed["rules"].as_array().unwrap();
    let found = rules.iter().find(|listed| listed["rule"] == rule);
    text(&found.unwrap_or_else(|| panic!("no {rule} in {listed}"))["here"]).to_owned()
}

fn code(place: &Place, args: &[&str]) -> String {
    let run = place.run(&[args, &["--json"]].concat());
    let error = run.error();
    assert!(run.code != 0 && error["hint"].is_string(), "{args:?}: {run:?}");
    text(&error["code"]).to_owned()
}

/// Decisions of the demo by which Dr. Bo got something, newest first.
fn allowed(place: &Place) -> Vec<String> {
    let log = place.json(&["log", "--as", "ada", "--limit", "1000"]);
    let attempts = log["attempts"].as_array().unwrap().iter().rev();
    let allowed = attempts
        .filter(|a| a["requester"] == "dr-bo" && a["outcome"]["verdict"] == "allow")
        .map(|a| text(&a["decision"]).to_owned());
    allowed.collect()
}

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
    assert_eq!(here(&place, rule), "enforced");
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
    assert_eq!(here(&place, rule), "offered");
}

#[test]
fn what_got_through_is_reported_learnt_from_and_stopped() {
    let place = Place::demo();
    let status = place.json(&["guard", "status"]);
    assert_eq!(status["enough"], true, "the demo's own feedback: {status}");
    let learnt = place.json(&["rules", "learn", "--out", "learnt.cedar"]);
    let (rule, card) = (&learnt["rules"][0], &learnt["rules"][0]["card"]);
    let number = |pointer: &str| card.pointer(pointer).and_then(Value::as_f64).unwrap();
    assert_eq!(number("/data/misuse"), status["misuse"].as_f64().unwrap());
    assert!(number("/evidence/precision_at_least") >= 0.8, "{card}");
    assert!(number("/evidence/hits") <= number("/evidence/misuse"));
    // Whatever it would have stopped was objected to.
    assert_eq!(number("/past/would_stop"), number("/past/objected_to"), "{card}");
    assert!(number("/past/would_stop") > 20.0, "{card}");
    let id = text(&rule["rule"]);
    let shown = place.json(&["rules", "show", "learnt.cedar"]);
    assert_eq!((&shown["rule"], &shown["card"]), (&rule["rule"], card));
    let said = place.run(&["rules", "learn"]).ok().stdout;
    assert!(said.contains("precision at least") && said.contains("forbid (principal"), "{said}");
    let simulated = place.json(&["rules", "simulate", "learnt.cedar"]);
    assert_eq!(simulated["would_stop"].as_f64().unwrap(), number("/past/would_stop"));
    let by = simulated["by_requester"].as_array().unwrap();
    assert!(by.iter().any(|row| row["requester"] == "dr-bo"), "{simulated}");
    assert!(simulated["unsafe"].is_null(), "{simulated}");

    let before = place.events();
    let foreseen = place.json(&["rules", "install", "learnt.cedar", "--dry-run"]);
    assert_eq!(foreseen["decision"]["verdict"], "accept", "{foreseen}");
    assert_eq!(place.events(), before);
    place.json(&["rules", "install", "learnt.cedar"]);
    assert_eq!(here(&place, id), "enforced");
    let dataset = place.dataset();
    place.grant(&dataset, "eve");
    let records = place.plain_records(&dataset);
    let held = records.iter().cycle().take(20).find_map(|record| {
        let get = ["get", &dataset, "--as", "eve", "--purpose", "treatment", "--record", record];
        let run = place.run(&[&get[..], &["--json"]].concat());
        (run.code == 4).then(|| run.error())
    });
    assert_eq!(held.expect("twenty reads in a row were let through")["code"], "held");
    let inbox = place.json(&["inbox", "--as", "ada"]);
    let reasons = inbox["holds"][0]["reasons"].to_string();
    assert!(reasons.contains(&format!("rule {id} says hold")), "{reasons}");
    // The card that the ledger commits to is kept: the demo's own, if it learnt the same rule today.
    assert_eq!(place.json(&["rules", "show", id])["card"]["rule"], id);
    place.run(&["fsck"]).ok();
    place.json(&["rules", "remove", id]);
    assert_eq!(here(&place, id), "offered");
}

#[test]
fn too_little_to_learn_from_is_said_with_numbers() {
    let place = Place::demo();
    let decisions = allowed(&place);
    // She takes all of it back.
    let decisions: Vec<&str> = decisions.iter().map(String::as_str).collect();
    let fine = ["--verdict", "fine", "--as", "ada", "--change"];
    place.json(&[&["guard", "feedback"][..], &decisions[..], &fine].concat());
    let run = place.run(&["rules", "learn", "--out", "none.cedar", "--json"]);
    let error = run.error();
    assert_eq!((run.code, text(&error["code"])), (1, "too-little"), "{run:?}");
    // What the two answers to holds said.
    let said = text(&error["message"]);
    assert!(said.contains("2 requests that were misuse") && said.contains("at least 27"), "{said}");
    assert!(!place.path("none.cedar").exists());
    assert_eq!(place.json(&["guard", "status"])["enough"], false);
    // So much is never enough for a rule whose newest misuse is unlike the rest: nothing is certain enough.
    let run = place.run(&["rules", "learn"]);
    assert!(run.stderr.contains("hint: "), "{run:?}");
}

#[test]
fn feedback_on_others_data_on_nothing_or_twice_is_refused() {
    let place = Place::demo();
    let all = allowed(&place);
    let (said, unsaid) = (all.first().unwrap().as_str(), all.last().unwrap().as_str());
    let verdict = ["--verdict", "wrong"];
    let nothing = secnet_types::DecisionId([7; 16]).to_string();
    let nothing = nothing.as_str();
    for (decisions, who, expected) in [
        (&[said][..], "ada", "already-said"),
        (&[unsaid], "eve", "unknown-decision"),
        (&[unsaid], "dr-bo", "unknown-decision"),
        (&[nothing], "ada", "unknown-decision"),
        (&[unsaid, unsaid], "ada", "invalid-feedback"),
        (&[unsaid, nothing], "ada", "unknown-decision"),
    ] {
        let args = [&["guard", "feedback"][..], decisions, &verdict, &["--as", who]].concat();
        assert_eq!(code(&place, &args), expected, "{args:?}");
    }
    let long = "x".repeat(1025);
    let args = ["guard", "feedback", unsaid, "--verdict", "wrong", "--note", &long];
    assert_eq!(code(&place, &args), "invalid-feedback");
    let before = place.json(&["guard", "status"]);
    place.json(&["guard", "feedback", unsaid, "--verdict", "wrong", "--dry-run"]);
    assert_eq!(place.json(&["guard", "status"]), before, "none of these left anything");
    // The data centre's analyst may; the owner's word counts before.
    let by = place.json(&["guard", "feedback", unsaid, "--verdict", "wrong", "--note", "why"]);
    assert!(text(&by["by"]).starts_with("sn") || !text(&by["by"]).is_empty(), "{by}");
    let after = place.json(&["guard", "status"]);
    assert_eq!(after["misuse"].as_u64().unwrap(), before["misuse"].as_u64().unwrap() + 1);
}

#[test]
fn a_changed_rule_or_card_is_not_put_in_force_and_running_rules_stay() {
    let place = Place::demo();
    let learnt = place.json(&["rules", "learn", "--out", "learnt.cedar"]);
    place.json(&["rules", "install", "learnt.cedar"]);
    let id = text(&learnt["rules"][0]["rule"]).to_owned();
    let sound = std::fs::read_to_string(place.path("learnt.cedar")).unwrap();
    for before in ["@id(\"snrule1", "@action(\"h", "@expires_ms(\"1", "context has r", " > "] {
        let at = sound.find(before).unwrap_or_else(|| panic!("no `{before}` in {sound}"));
        let mut bytes = sound.clone().into_bytes();
        bytes[at + before.len()] ^= 1;
        std::fs::write(place.path("learnt.cedar"), bytes).unwrap();
        assert_eq!(code(&place, &["rules", "install", "learnt.cedar"]), "invalid-rule", "{at}");
        assert_eq!(code(&place, &["rules", "show", "learnt.cedar"]), "invalid-rule", "{at}");
    }
    std::fs::write(place.path("learnt.cedar"), &sound).unwrap();
    let card = std::fs::read_to_string(place.path("learnt.cedar.card.json")).unwrap();
    for changed in [card.replace("\"false_positives\": 0", "\"false_positives\": 1"), "{}".into()] {
        std::fs::write(place.path("learnt.cedar.card.json"), changed).unwrap();
        assert_eq!(code(&place, &["rules", "install", "learnt.cedar"]), "invalid-card");
    }
    assert_eq!(here(&place, &id), "enforced");
    // A card of another rule.
    std::fs::write(place.path("learnt.cedar.card.json"), &card).unwrap();
    std::fs::write(place.path("other.cedar"), RULE).unwrap();
    std::fs::write(place.path("other.cedar.card.json"), &card).unwrap();
    assert_eq!(code(&place, &["rules", "install", "other.cedar"]), "invalid-card");
}

#[test]
fn a_rule_that_must_not_be_is_not_offered_nor_put_in_force() {
    let place = Place::demo();
    let id = |name: &str| text(&place.json(&["id", "show", name])["card"]["member"]).to_owned();
    let when = "when { context has requests_last_minute && context.requests_last_minute > 5 }";
    let aimed = |who: &str| format!("(principal == Member::\"{who}\", action, resource)\n{when}");
    let rules = [
        // Everybody, by the words of the rule and by the own past.
        "(principal, action, resource)\nwhen { context has records_requested && context.records_requested > 0 }".to_owned(),
        "(principal, action, resource)\nwhen { context has requests_last_minute && context.requests_last_minute < 3 }".to_owned(),
        "(principal, action, resource)\nwhen { context has source && context.source.isInRange(ip(\"127.0.0.0/8\")) }".to_owned(),
        "(principal, action, resource)\nwhen { context has emergency && [\"yes\"].contains(context.emergency) }".to_owned(),
        // The owner; the author.
        aimed(&id("ada")),
        aimed(&id("dr-bo")),
    ];
    for (rule, author) in rules.iter().zip(["dr-bo"; 6]) {
        std::fs::write(place.path("r.cedar"), format!("@action(\"deny\")\nforbid {rule};\n"))
            .unwrap();
        assert_eq!(
            code(&place, &["rules", "publish", "r.cedar", "--as", author]),
            "unsafe-rule",
            "{rule}"
        );
    }
    for rule in &rules[..5] {
        std::fs::write(place.path("r.cedar"), format!("@action(\"deny\")\nforbid {rule};\n"))
            .unwrap();
        assert_eq!(code(&place, &["rules", "install", "r.cedar"]), "unsafe-rule", "{rule}");
        let simulated = place.json(&["rules", "simulate", "r.cedar"]);
        assert!(simulated["unsafe"].is_string(), "{simulated}");
    }
    for text in [
        "@action(\"deny\")\nforbid (principal, action, resource)\nwhen { context has shoe_size && context.shoe_size > 5 };\n",
        "permit (principal, action, resource);\n",
        "",
    ] {
        std::fs::write(place.path("r.cedar"), text).unwrap();
        assert_eq!(code(&place, &["rules", "install", "r.cedar"]), "invalid-rule", "{text}");
    }
    let unknown = secnet_types::RuleId([7; 32]).to_string();
    assert_eq!(code(&place, &["rules", "show", &unknown]), "no-body");
    assert_eq!(place.run(&["rules", "show", &format!("{unknown}x")]).code, 2, "a misspelt id");
    assert_eq!(place.json(&["guard", "status"])["rules_enforced"], 0);
}

/// A Sigma search on one entry of the log: the modifiers that rules on numbers are written with.
fn searches(search: &Value, entry: &Value) -> bool {
    search.as_object().unwrap().iter().all(|(field, wanted)| {
        let (path, modifier) = field.split_once('|').unwrap_or((field, ""));
        let found = entry.pointer(&format!("/{}", path.replace('.', "/"))).unwrap_or(&Value::Null);
        let ordered = |holds: fn(i64, i64) -> bool| {
            found.as_i64().is_some_and(|found| holds(found, wanted.as_i64().unwrap()))
        };
        match modifier {
            "" => wanted.as_array().map_or(found == wanted, |any| any.contains(found)),
            "gte" => ordered(|found, wanted| found >= wanted),
            "lte" => ordered(|found, wanted| found <= wanted),
            "exists" => found.is_null() != wanted.as_bool().unwrap(),
            other => panic!("modifier `{other}`"),
        }
    })
}

#[test]
fn an_exported_rule_finds_in_the_log_what_the_rule_matches() {
    let place = Place::demo();
    let rule = "@action(\"hold\")\nforbid (principal, action, resource)
        when { context has requests_last_minute && context.requests_last_minute > 5 }
        when { context has records_requested && context.records_requested < 3 }
        when { context has purpose && ![\"research\"].contains(context.purpose) };\n";
    std::fs::write(place.path("rule.cedar"), rule).unwrap();
    let exported = place.json(&["rules", "export", "rule.cedar", "--as", "sigma"]);
    let detection = exported["sigma"]["detection"].as_object().unwrap();
    let matches = |entry: &Value| {
        detection
            .iter()
            .filter(|(name, _)| *name != "condition")
            .all(|(name, search)| searches(search, entry) != name.starts_with("unwanted"))
    };
    let log = place.json(&["log", "--as", "ada", "--limit", "1000"]);
    let attempts = log["attempts"].as_array().unwrap();
    let mut found: Vec<&str> =
        attempts.iter().filter(|entry| matches(entry)).map(|e| text(&e["decision"])).collect();
    let tried = place.json(&["rules", "test", "rule.cedar"]);
    let matched = tried["would_have_matched"].as_array().unwrap();
    let mut matched: Vec<&str> = matched.iter().map(|m| text(&m["decision"])).collect();
    found.sort_unstable();
    matched.sort_unstable();
    assert!(matched.len() > 20 && matched.len() < attempts.len());
    assert_eq!(found, matched);
    // As a file it is YAML that says the same, one field a line.
    place.json(&["rules", "export", "rule.cedar", "--as", "sigma", "--out", "rule.yml"]);
    let yaml = std::fs::read_to_string(place.path("rule.yml")).unwrap();
    assert_eq!(yaml, text(&exported["text"]));
    for part in
        ["title: \"", "logsource:\n    product: \"secnet\"\n", "detection:\n", "    condition: \""]
    {
        assert!(yaml.contains(part), "{part} in {yaml}");
    }
}

/// Eve may use one dataset for research, and a rule on that is put in force.
fn enforced(place: &Place, action: &str, dataset: &str) {
    let rule = format!(
        "@action(\"{action}\")\nforbid (principal, action, resource == Dataset::\"{dataset}\")\nwhen {{ context has purpose && [\"research\"].contains(context.purpose) }};\n"
    );
    std::fs::write(place.path("rule.cedar"), rule).unwrap();
    let grant = ["grant", dataset, "--as", "ada", "--to", "eve", "--purpose", "research"];
    place.json(&[&grant[..], &["--price", "0"]].concat());
    let offered = place.json(&["rules", "publish", "rule.cedar", "--as", "city-hospital"]);
    let rule = text(&offered["rule"]);
    place.json(&["rules", "buy", rule]);
    place.json(&["rules", "install", rule]);
}

#[test]
fn a_rule_that_steps_up_is_satisfied_in_a_folder_and_at_a_node() {
    let place = Place::demo();
    let dataset = place.dataset();
    enforced(&place, "step-up", &dataset);
    place.json(&["id", "session", "eve", "--limit", "1"]);
    let record = place.plain_records(&dataset).pop().unwrap();
    let read = ["get", &dataset, "--as", "eve", "--purpose", "research", "--record", &record];
    let get = |more: &[&str]| place.run(&[&read[..], more, &["--json"]].concat());
    let foreseen = get(&["--dry-run"]).ok().json();
    assert_eq!(foreseen["decision"]["reason"], "step-up", "{foreseen}");
    let satisfied = |there: &[&str]| {
        for by in [&["--session"][..], &[]] {
            let refused = get(&[there, by].concat());
            let error = refused.error();
            assert_eq!((refused.code, text(&error["code"])), (4, "step-up"), "{refused:?}");
            assert!(text(&error["hint"]).contains("--step-up"), "{error}");
            let got = get(&[there, by, &["--step-up"]].concat()).ok().json();
            assert_eq!(got["records"].as_array().unwrap().len(), 1);
        }
    };
    satisfied(&[]);
    let up = Up::start(&place, &[]);
    satisfied(&["--url", &up.url()]);
    assert_eq!(up.stop(), 0);
    place.run(&["fsck"]).ok();
}

#[test]
fn a_rule_that_slows_down_says_how_long_in_a_folder_and_at_a_node() {
    let place = Place::demo();
    let dataset = place.dataset();
    enforced(&place, "throttle", &dataset);
    let get = |more: &[&str]| {
        let read = ["get", &dataset, "--as", "eve", "--purpose", "research", "--json"];
        let run = place.run(&[&read[..], more].concat());
        let error = run.error();
        assert_eq!((run.code, text(&error["code"])), (4, "throttled"), "{run:?}");
        text(&error["hint"]).to_owned()
    };
    assert!(get(&[]).ends_with("wait 10 seconds"));
    assert!(get(&[]).ends_with("wait 20 seconds"), "a folder remembers who waits");
    let up = Up::start(&place, &[]);
    assert!(get(&["--url", &up.url()]).ends_with("wait 40 seconds"));
    assert_eq!(up.stop(), 0);
}
