//! Every verb, in one story, each first as a dry run: what `--json` prints is what json.md says, and a dry run changes
//! nothing.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::contract::{Contract, verbs};
use crate::dev::Dev;
use crate::serving::soon;
use crate::support::{Place, Run, Running, command, finish};

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/patients");
const RULE: &str = "@action(\"hold\")\nforbid (principal, action, resource)\nwhen { context has requests_last_minute && context.requests_last_minute > 5 };\n";

struct Story {
    place: Place,
    contract: Contract,
    seen: BTreeSet<String>,
}

impl Story {
    fn checked(&mut self, row: &str, run: Run) -> Value {
        let value = run.ok().json();
        if let Err(problem) = self.contract.check(row, &value) {
            panic!("{problem}");
        }
        self.seen.insert(row.to_owned());
        value
    }

    /// A verb that only tells.
    fn tells(&mut self, row: &str, args: &[&str]) -> Value {
        let run = self.place.run(&[args, &["--json"]].concat());
        self.checked(row, run)
    }

    /// A verb that changes something: not with --dry-run, which says what would be done, but without.
    fn changes(&mut self, row: &str, args: &[&str]) -> Value {
        let value = self.foresees(row, args);
        if let Some(verdict) = value["decision"].get("verdict") {
            let good = ["accept", "allow", "hold"].map(Value::from);
            assert!(good.contains(verdict), "{row}: {value}");
        }
        self.tells(row, args)
    }

    fn foresees(&mut self, row: &str, args: &[&str]) -> Value {
        let own = format!("{row} --dry-run");
        let row =
            if self.contract.rows.contains_key(&own) { own } else { "CHANGE --dry-run".into() };
        let before = (self.place.events(), keys(&self.place));
        let value = self.tells(&row, &[args, &["--dry-run"]].concat());
        assert_eq!(value["dry_run"], true, "{args:?}");
        assert_eq!((self.place.events(), keys(&self.place)), before, "{args:?} changed something");
        value
    }
}

/// The names of all files of keys.
fn keys(place: &Place) -> BTreeSet<std::ffi::OsString> {
    let folder = std::fs::read_dir(place.path("d/keys")).unwrap();
    folder.map(|entry| entry.unwrap().file_name()).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn every_verb_prints_what_the_reference_says() {
    let place = Place::demo();
    let mut s = Story { place, contract: Contract::read(), seen: BTreeSet::new() };
    // From what the demo leaves, before anything else is in its log.
    s.tells("rules learn", &["rules", "learn", "--out", "learnt.cedar"]);
    s.tells("rules show", &["rules", "show", "learnt.cedar"]);
    let again = s.tells("guard replay", &["guard", "replay"]);
    assert!(again["equal"].as_u64().unwrap() > 50, "{again}");
    s.tells("guard drift", &["guard", "drift", "--plot", "drift.svg"]);
    let learnt = s.tells("guard train", &["guard", "train", "--out", "learnt.model"]);
    s.changes("guard shadow", &["guard", "shadow", "learnt.model"]);
    let model = text(&learnt["card"]["model"]);
    s.changes("guard promote", &["guard", "promote", &model]);
    s.tells("guard status", &["guard", "status"]);
    s.changes("guard roll-back", &["guard", "roll-back"]);
    members(&mut s);
    let second = datasets(&mut s);
    let dataset = s.place.dataset();
    let dataset = if dataset == second { other_dataset(&s, &second) } else { dataset };
    asks(&mut s, &dataset);
    consent(&mut s, &dataset);
    guard(&mut s, &dataset);
    money(&mut s, &dataset);
    handover(&mut s, &second);
    evidence(&mut s);
    serving(&mut s);
    elsewhere(&mut s);
    folder(&mut s, &dataset, &second);

    // Networks have a story of their own, where they are built.
    let own = |row: &&String| {
        !row.starts_with("net ") && !row.starts_with("govern ") && *row != "data move"
    };
    let rows: BTreeSet<String> = s.contract.rows.keys().filter(own).cloned().collect();
    let unseen: Vec<_> = rows.difference(&s.seen).collect();
    assert!(unseen.is_empty(), "json.md has rows that nothing was compared with: {unseen:?}");
    let listed = |verb: &String| s.contract.rows.contains_key(verb);
    let without: Vec<_> = verbs().into_iter().filter(|verb| !listed(verb)).collect();
    assert!(without.is_empty(), "verbs without a row in json.md: {without:?}");
}

fn other_dataset(s: &Story, not: &str) -> String {
    let all = s.place.json(&["data", "ls"]);
    let ids = all["datasets"].as_array().unwrap().iter().map(|row| text(&row["dataset"]));
    ids.into_iter().find(|id| id != not).unwrap()
}

fn members(s: &mut Story) {
    s.tells("status", &["status"]);
    s.tells("id", &["id"]);
    s.tells("id show", &["id", "show", "ada"]);
    s.changes("id new", &["id", "new", "clinic", "--kind", "organisation"]);
    s.changes("id new", &["id", "new", "carol", "--by", "clinic"]);
    s.changes("id rotate", &["id", "rotate", "carol"]);
    s.changes("id delegate", &["id", "delegate", "ada", "carol", "--power", "grant"]);
    s.changes("id undelegate", &["id", "undelegate", "ada", "carol"]);
    s.changes("id new", &["id", "new", "mallory", "--by", "clinic"]);
    s.changes("id disown", &["id", "disown", "mallory", "--by", "clinic"]);
    s.changes("group new", &["group", "new", "ward", "--as", "city-hospital"]);
    s.changes("group add", &["group", "add", "ward", "eve", "dr-bo", "--as", "city-hospital"]);
    s.changes("group remove", &["group", "remove", "ward", "dr-bo", "--as", "city-hospital"]);
    s.tells("group", &["group"]);
    let ward = s.tells("group show", &["group", "show", "ward"]);
    assert_eq!(ward["members"], serde_json::json!(["eve"]));
}

/// Carol's dataset, which costs and is shared.
fn datasets(s: &mut Story) -> String {
    let file = |name: &str| format!("{SAMPLES}/{name}.ndjson");
    let (first, more) = (
        file("272539c2-e516-4f16-8f47-573923bf9924"),
        file("0b779465-6db2-4931-bc13-5f6ff8e8c4d4"),
    );
    let add = [
        "data",
        "add",
        &first,
        "--as",
        "carol",
        "--price",
        "1",
        "--until",
        "2090-12-31",
        "--max-uses",
        "5",
        "--beneficiary",
        "clinic=12.5",
        "--purpose",
        "treatment",
    ];
    let dataset = text(&s.changes("data add", &add)["dataset"]);
    s.changes("data extend", &["data", "extend", &dataset, &more, "--as", "carol"]);
    let set = s.changes("data set", &["data", "set", &dataset, "--price", "2", "--as", "carol"]);
    // What was not named stays.
    assert_eq!(set["terms"]["price"], "2");
    assert_eq!(set["terms"]["max_uses"], 5);
    assert_eq!(set["terms"]["beneficiaries"][0]["percent"], "12.50");
    s.tells("data ls", &["data", "ls"]);
    s.tells("data show", &["data", "show", &dataset, "--as", "carol"]);
    dataset
}

fn asks(s: &mut Story, dataset: &str) {
    let ask =
        ["ask", dataset, "--as", "dr-bo", "--purpose", "treatment", "--category", "laboratory"];
    let id = text(&s.changes("ask", &ask)["ask"]);
    let inbox = s.tells("inbox", &["inbox", "--as", "ada"]);
    assert_eq!(inbox["asks"][0]["ask"], id.as_str());
    s.changes("inbox counter", &["inbox", "counter", &id, "--price", "0.5", "--as", "ada"]);
    s.changes("ask --accept", &["ask", "--accept", &id, "--as", "dr-bo"]);
    // What if I sign this: replayed on the demo's own refusals.
    let approved = s.changes("inbox approve", &["inbox", "approve", &id, "--as", "ada"]);
    let grant = text(&approved["grant"]);
    let listed = s.tells("grants", &["grants", "--as", "dr-bo"]);
    assert_eq!(listed["received"][0]["grant"], grant.as_str());
    assert_eq!(listed["received"][0]["price"], "0.5", "as agreed");
    let id = text(&s.changes("ask", &ask)["ask"]);
    s.changes("inbox refuse", &["inbox", "refuse", &id, "--reason", "scope", "--as", "ada"]);
    let id = text(&s.changes("ask", &ask)["ask"]);
    s.changes("ask --withdraw", &["ask", "--withdraw", &id, "--as", "dr-bo"]);
    s.changes("revoke", &["revoke", &grant, "--as", "ada", "--reason", "misuse"]);
}

/// Grants to a group, narrowed and denied in part.
fn consent(s: &mut Story, dataset: &str) {
    let grant = [
        "grant",
        dataset,
        "--as",
        "ada",
        "--to",
        "group:ward",
        "--purpose",
        "treatment",
        "--price",
        "0",
        "--type",
        "Observation",
        "--data-from",
        "1990-01-01",
        "--until",
        "2031-03-31",
    ];
    let given = s.changes("grant", &grant);
    assert_eq!(given["until"], "2031-04-01T00:00:00Z", "a day is meant with its end");
    let listed = s.tells("grants", &["grants", "--as", "ada", "--dataset", dataset]);
    assert_eq!(listed["given"][0]["grant"], given["grant"]);
    assert_eq!(listed["given"][0]["detail"]["types"], serde_json::json!(["Observation"]));

    let see = ["data", "see", dataset, "--as", "eve", "--limit", "3"];
    let first = s.tells("data see", &see);
    let next = text(&first["next"]);
    let second = s.tells("data see", &[&see[..], &["--after", &next]].concat());
    assert_eq!(second["records"].as_array().unwrap().len(), 3);
    let record = text(&second["records"][0]["record"]);
    assert_ne!(record, next, "after the first page");
    assert_eq!(second["records"][0]["type"], "Observation");
    let who = s.tells("data who", &["data", "who", dataset, &record, "--as", "ada"]);
    assert_eq!(who["who"][0]["grant"], given["grant"]);

    let read = ["get", dataset, "--as", "eve", "--purpose", "treatment", "--record", &record];
    let got = s.changes("get", &read);
    assert!(text(&got["records"][0]["content"]).contains("\"Observation\""));
    let deny = ["deny", "group:ward", "--as", "ada", "--dataset", dataset, "--record", &record];
    let denial = text(&s.changes("deny", &deny)["denial"]);
    let foreseen = s.foresees("get", &read);
    assert_eq!(foreseen["decision"]["verdict"], "deny", "{foreseen}");
    let other = text(&second["records"][1]["record"]);
    s.tells("get", &["get", dataset, "--as", "eve", "--purpose", "treatment", "--record", &other]);
    s.changes("revoke", &["revoke", &denial, "--as", "ada"]);
    // Who left the group can do nothing with what is granted to it.
    s.changes("group remove", &["group", "remove", "ward", "eve", "--as", "city-hospital"]);
    let foreseen = s.foresees("get", &read);
    assert_ne!(foreseen["decision"]["verdict"], "allow", "{foreseen}");
}

/// Emergencies, holds, rules.
fn guard(s: &mut Story, dataset: &str) {
    let grant = ["grant", dataset, "--as", "ada", "--to", "city-hospital", "--emergency"];
    s.changes("grant", &[&grant[..], &["--purpose", "emergency"]].concat());
    let get = ["get", dataset, "--as", "city-hospital", "--purpose", "emergency"];
    let request =
        text(&s.changes("get", &[&get[..], &["--category", "laboratory"]].concat())["request"]);
    let review = ["inbox", "review", "city-hospital", &request, "--unjustified", "--as", "ada"];
    s.changes("inbox review", &review);
    let notices = s.tells("inbox", &["inbox", "--as", "ada"]);
    let decision = text(&notices["notices"][0]["decision"]);
    s.changes("inbox aside", &["inbox", "aside", &decision, "--as", "ada"]);
    let noted = s.tells("inbox noted", &["inbox", "noted", "--as", "ada"]);
    assert_eq!(noted["notices"][0]["decision"], decision.as_str());
    assert_eq!(noted["notices"][0]["marks"][0]["by"], "ada");
    s.changes("inbox aside", &["inbox", "aside", &decision, "--undo", "--as", "ada"]);
    let again = s.tells("inbox", &["inbox", "--as", "ada"]);
    assert!(again["notices"].as_array().unwrap().iter().any(|n| n["decision"] == *decision));
    s.changes("inbox aside", &["inbox", "aside", &decision, "--as", "ada"]);

    let feedback = ["guard", "feedback", &decision, "--verdict", "fine"];
    s.changes("guard feedback", &feedback);
    facts_of_relations(&s.place.path("facts"), dataset);
    s.changes("guard relations", &["guard", "relations", "facts"]);
    s.tells("guard status", &["guard", "status"]);
    s.tells("guard irregularities", &["guard", "irregularities"]);

    std::fs::write(s.place.path("rule.cedar"), RULE).unwrap();
    s.tells("rules export", &["rules", "export", "rule.cedar", "--as", "sigma"]);
    s.tells("rules simulate", &["rules", "simulate", "rule.cedar"]);
    s.tells("rules test", &["rules", "test", "rule.cedar"]);
    let offered = s.changes("rules publish", &["rules", "publish", "rule.cedar", "--as", "ada"]);
    let rule = text(&offered["rule"]);
    s.changes("rules buy", &["rules", "buy", &rule]);
    s.changes("rules install", &["rules", "install", &rule]);
    s.tells("rules ls", &["rules", "ls"]);
    s.tells("rules show", &["rules", "show", &rule]);
    s.place.grant(dataset, "dr-bo");
    for answer in ["keep", "release"] {
        let decision = held(&s.place, dataset);
        let again = s.tells("guard replay", &["guard", "replay", &decision]);
        assert_eq!(again["equal"], 1, "{again}");
        let said = s.tells("guard explain", &["guard", "explain", &decision]);
        assert_eq!(said["replayed"]["verdict"], "hold", "{said}");
        s.changes(&format!("inbox {answer}"), &["inbox", answer, &decision, "--as", "ada"]);
    }
    s.changes("rules remove", &["rules", "remove", &rule]);
    incidents(s);
}

/// What was held above is an incident of dr-bo's.
fn incidents(s: &mut Story) {
    let listed = s.tells("guard incidents", &["guard", "incidents", "--status", "open"]);
    let bo = s.place.json(&["id", "show", "dr-bo"])["card"]["member"].clone();
    let all = listed["incidents"].as_array().unwrap();
    let his = all.iter().find(|incident| incident["subject"]["id"] == bo).unwrap();
    let number = his["incident"].to_string();
    let shown = s.tells("guard incident", &["guard", "incident", &number]);
    let happened = |shown: &Value| -> Vec<String> {
        shown["timeline"].as_array().unwrap().iter().map(|entry| text(&entry["what"])).collect()
    };
    for what in ["held", "hold-refused", "hold-released"] {
        assert!(happened(&shown).iter().any(|known| known == what), "{what}: {shown}");
    }
    let freeze = ["guard", "respond", &number, "--freeze", "--for", "24h"];
    let frozen = s.changes("guard respond", &freeze);
    assert!(text(&frozen["undo"]).starts_with("secnet rules remove snrule1"), "{frozen}");
    s.changes("guard acknowledge", &["guard", "acknowledge", &number, "--close"]);
    s.changes("guard acknowledge", &["guard", "acknowledge", &number, "--undo"]);
    s.changes("rules remove", &["rules", "remove", &text(&frozen["rule"])]);
    let shown = s.tells("guard incident", &["guard", "incident", &number]);
    assert!(
        happened(&shown).ends_with(&[
            "response".into(),
            "closed".into(),
            "reopened".into(),
            "response-removed".into()
        ]),
        "{shown}"
    );
}

/// A hospital of one doctor and one patient.
fn facts_of_relations(dir: &std::path::Path, dataset: &str) {
    std::fs::create_dir_all(dir).unwrap();
    let files = [
        ("staff.csv", "staff,role,unit,house,street\ndr-bo,doctor,ward-1,1,1\n".to_owned()),
        ("patients.csv", format!("patient,house,street,prominent,staff\n{dataset},2,1,0,\n")),
        ("roster.csv", "staff,unit,from_ms,until_ms\ndr-bo,ward-1,0,1000\n".to_owned()),
        ("stays.csv", format!("patient,unit,from_ms,until_ms\n{dataset},ward-1,0,\n")),
        ("care.csv", format!("staff,patient,why,from_ms,until_ms\ndr-bo,{dataset},team,0,\n")),
    ];
    for (name, text) in files {
        std::fs::write(dir.join(name), text).unwrap();
    }
}

/// Read until it is held; the decision.
fn held(place: &Place, dataset: &str) -> String {
    let get = ["get", dataset, "--as", "dr-bo", "--purpose", "treatment", "--json"];
    for _ in 0..80 {
        let run = place.run(&[&get[..], &["--category", "vital-signs"]].concat());
        if run.code == 4 {
            let inbox = place.json(&["inbox", "--as", "ada"]);
            return text(&inbox["holds"][0]["decision"]);
        }
        assert_eq!(run.code, 0, "{run:?}");
    }
    panic!("80 reads one after the other were let through");
}

fn money(s: &mut Story, dataset: &str) {
    let paid = ["grant", dataset, "--as", "ada", "--to", "carol", "--purpose", "research"];
    let grant = text(&s.tells("grant", &[&paid[..], &["--price", "1"]].concat())["grant"]);
    s.changes("wallet issue", &["wallet", "issue", "carol", "20"]);
    s.changes("wallet fund", &["wallet", "fund", &grant, "2", "--as", "carol"]);
    s.changes("wallet send", &["wallet", "send", "ada", "1.5", "--as", "carol"]);
    s.changes("wallet redeem", &["wallet", "redeem", "0.5", "--as", "carol"]);
    let wallet = s.tells("wallet", &["wallet", "--as", "carol"]);
    assert_eq!(wallet["escrow"], "2");
    let foreseen = s.foresees("wallet send", &["wallet", "send", "ada", "5000", "--as", "carol"]);
    assert_eq!(foreseen["decision"]["code"], "insufficient-funds", "{foreseen}");

    s.changes("id session", &["id", "session", "carol", "--limit", "1", "--hours", "1"]);
    let get = [
        "get",
        dataset,
        "--as",
        "carol",
        "--purpose",
        "research",
        "--category",
        "laboratory",
        "--max-price",
        "1",
        "--session",
    ];
    s.changes("get", &get);
    // Its limit is spent.
    let foreseen = s.foresees("get", &get);
    assert_eq!(foreseen["decision"]["verdict"], "deny", "{foreseen}");
    s.changes("id session --end", &["id", "session", "carol", "--end"]);
    assert_eq!(s.place.run(&get).code, 1, "there is no session key any more");
}

/// Carol's dataset goes over to Ada.
fn handover(s: &mut Story, dataset: &str) {
    let file = format!("{SAMPLES}/272539c2-e516-4f16-8f47-573923bf9924.ndjson");
    let early = ["data", "accept", dataset, &file, "--as", "ada", "--json"];
    assert_eq!(s.place.run(&early).error()["code"], "unknown-dataset", "not offered");
    s.changes("data offer", &["data", "offer", dataset, "--to", "ada", "--as", "carol"]);
    s.changes("data accept", &["data", "accept", dataset, &file, "--as", "ada"]);
    let shown = s.tells("data show", &["data", "show", dataset, "--as", "ada"]);
    let lines = std::fs::read_to_string(&file).unwrap().lines().count();
    assert_eq!(shown["records"].as_array().unwrap().len(), lines, "only what is under her keys");
    s.changes("data rm", &["data", "rm", dataset, "--as", "ada"]);
}

fn evidence(s: &mut Story) {
    s.tells("log", &["log", "--limit", "1000"]);
    let own = s.tells("log --as", &["log", "--as", "ada"]);
    let event = own["attempts"][0]["event"].to_string();
    s.tells("receipt save", &["receipt", "save", &event, "--out", "saved.receipt"]);
    s.tells("receipt verify", &["receipt", "verify", "saved.receipt"]);
}

/// The first line of a node that serves, which must not print another.
fn serving(s: &mut Story) {
    s.tells("openapi", &["openapi"]);
    s.tells("config show", &["config", "show"]);
    s.tells("config check", &["config", "check"]);
    s.tells("doctor", &["doctor", "--set", "listen=127.0.0.1:0"]);
    let mut up = command(s.place.root());
    up.args(["--dir", "d", "up", "--listen", "127.0.0.1:0", "--json"]);
    let ada = s.place.json(&["id", "show", "ada"]);
    up.args(["--set", &format!("administrators={}", text(&ada["card"]["member"]))]);
    let mut node = Running(up.stdout(Stdio::piped()).spawn().unwrap());
    let mut stdout = BufReader::new(node.0.stdout.take().unwrap());
    let mut first = String::new();
    stdout.read_line(&mut first).unwrap();
    let said: Value = serde_json::from_str(&first).unwrap();
    let mut follow = command(s.place.root());
    follow.args(["--dir", "d", "follow", "--as", "ada", "--alerts", "--after", "0", "--json"]);
    follow.args(["--url", &text(&said["url"])]);
    let alert = s.checked("follow --alerts", Follow::start(follow).next());
    assert!(["held", "stopped"].contains(&alert["kind"].as_str().unwrap()), "{alert}");
    node.signal("-INT");
    let code = node.0.wait().unwrap().code().unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    s.checked("up", Run { code, stdout: first, stderr: String::new() });
}

/// Verbs at a running node.
fn elsewhere(s: &mut Story) {
    let dev = Dev::start();
    s.checked("dev", Run { code: 0, stdout: dev.said.to_string(), stderr: String::new() });
    let dataset = text(&dev.said["dataset"]);
    let genesis = format!("{}/genesis.cbor", text(&dev.said["dir"]));
    let witness = || {
        let mut witness = command(s.place.root());
        witness.args(["witness", &dev.url(), "--genesis", &genesis, "--kept", "kept.json"]);
        finish(witness.args(["--once", "--json"]))
    };
    // A node publishes its log a moment after it serves.
    soon("the published log", || witness().code == 0);
    let witnessed = witness();
    s.checked("witness", witnessed);
    for (row, verb) in [("status --url", "status"), ("ready", "ready")] {
        let run = finish(command(s.place.root()).args([verb, "--url", &dev.url(), "--json"]));
        s.checked(row, run);
    }
    let get = ["get", &dataset, "--as", "dr-bo", "--purpose", "treatment", "--max-price", "1"];
    s.checked("get", dev.at(&get));
    s.checked("get --url --dry-run", dev.at(&[&get[..], &["--dry-run"]].concat()));
    s.checked("get --print-curl", dev.at(&[&get[..], &["--print-curl"]].concat()));
    let grant = ["grant", &dataset, "--as", "ada", "--to", "rita", "--purpose", "treatment"];
    s.checked("CHANGE --url --dry-run", dev.at(&[&grant[..], &["--dry-run"]].concat()));
    let given = s.checked("grant", dev.at(&grant));
    let revoke = ["revoke", given["grant"].as_str().unwrap(), "--as", "ada"];
    s.checked("CHANGE --url --dry-run", dev.at(&[&revoke[..], &["--dry-run"]].concat()));
    s.checked("revoke", dev.at(&revoke));
    s.checked("deny", dev.at(&["deny", "eve", "--as", "ada"]));
    let ask = ["ask", &dataset, "--as", "rita", "--purpose", "research", "--price", "2"];
    s.checked("CHANGE --url --dry-run", dev.at(&[&ask[..], &["--dry-run"]].concat()));
    let asked = text(&s.checked("ask", dev.at(&ask))["ask"]);
    let at_ada = |args: &[&str]| dev.at(&[&["inbox", "--as", "ada"], args].concat());
    let waiting = s.checked("inbox", at_ada(&[]));
    assert_eq!(waiting["asks"][0]["ask"], asked.as_str());
    s.checked("inbox counter", at_ada(&["counter", &asked, "--price", "3"]));
    let own = s.checked("inbox", dev.at(&["inbox", "--as", "rita"]));
    assert_eq!(own["asked"][0]["counter"]["price"], "3");
    s.checked("ask --accept", dev.at(&["ask", "--as", "rita", "--accept", &asked]));
    let approve = ["approve", &asked];
    let foreseen = [&approve[..], &["--dry-run"]].concat();
    s.checked("CHANGE --url --dry-run", at_ada(&foreseen));
    let given = s.checked("inbox approve", at_ada(&approve));
    let own = s.checked("inbox", dev.at(&["inbox", "--as", "rita"]));
    assert_eq!(own["asked"][0]["grant"], given["grant"]);
    let second = s.checked("ask", dev.at(&ask));
    s.checked("inbox refuse", at_ada(&["refuse", &text(&second["ask"])]));
    reading(s, &dev, &dataset);
    following(s, &dev, &dataset);
    changing(s, &dev, &dataset);
    people(s, &dev);
    assert_eq!(dev.stop().0, 0);
}

/// What members see of a node elsewhere: the same as its folder prints.
fn reading(s: &mut Story, dev: &Dev, dataset: &str) {
    let attempts = s.checked("log --as", dev.at(&["log", "--as", "ada", "--limit", "3"]));
    let attempts = attempts["attempts"].as_array().unwrap().clone();
    assert_eq!(attempts.len(), 3);
    assert!(attempts.iter().all(|attempt| attempt["dataset"] == dataset), "{attempts:?}");
    assert!(attempts.iter().any(|attempt| attempt["requester"] == "dr-bo"), "by name");
    let decision = text(&attempts[0]["decision"]);
    let say = ["guard", "feedback", &decision, "--verdict", "fine", "--as"];
    let foreseen = dev.at(&[&say[..], &["ada", "--dry-run"]].concat());
    s.checked("guard feedback --dry-run", foreseen);
    let said = s.checked("guard feedback", dev.at(&[&say[..], &["ada"]].concat()));
    assert_eq!((&said["by"], &said["decisions"][0]), (&"ada".into(), &attempts[0]["decision"]));
    assert_eq!(dev.at(&[&say[..], &["dr-bo"]].concat()).error()["code"], "not-visible");
    let wrong = ["guard", "feedback", &decision, "--verdict", "wrong", "--as", "ada"];
    assert_eq!(dev.at(&wrong).error()["code"], "already-said");
    s.checked("guard feedback", dev.at(&[&wrong[..], &["--change"]].concat()));
    assert_eq!(dev.at(&wrong[..5]).error()["code"], "usage", "who says so?");
    assert_eq!(dev.at(&["log"]).error()["code"], "not-remote");

    let listed = s.checked("data ls --url", dev.at(&["data", "ls", "--as", "ada"]));
    assert_eq!(listed["datasets"][0]["dataset"], dataset);
    assert_eq!(listed["datasets"][0]["owner"], "ada");
    let strangers = s.checked("data ls --url", dev.at(&["data", "ls", "--as", "city-hospital"]));
    assert_eq!(strangers["datasets"], serde_json::json!([]));
    let shown = s.checked("data show", dev.at(&["data", "show", dataset, "--as", "ada"]));
    let all = shown["records"].as_array().unwrap().len();
    assert!(all > 100, "more than the first page");
    assert_eq!(dev.at(&["data", "show", dataset, "--as", "eve"]).code, 3);
    let see = ["data", "see", dataset, "--as", "dr-bo", "--limit", "3"];
    let seen = s.checked("data see", dev.at(&see));
    let next = text(&seen["next"]);
    let more = s.checked("data see", dev.at(&[&see[..], &["--after", &next]].concat()));
    assert_ne!(more["records"][0], seen["records"][0]);
    let who = s.checked("data who", dev.at(&["data", "who", dataset, "--as", "ada"]));
    assert!(who["who"].as_array().unwrap().len() >= 3, "{who}");

    let grants = s.checked("grants", dev.at(&["grants", "--as", "ada", "--dataset", dataset]));
    let open = grants["given"].as_array().unwrap().len();
    assert!(open >= 4, "{grants}");
    let all = s.checked("grants", dev.at(&["grants", "--as", "ada", "--all"]));
    assert_eq!(all["given"].as_array().unwrap().len(), open + 1, "and the revoked one");
    assert_eq!(grants["denials"][0]["party"].as_str().map(|p| p.starts_with("snid1")), Some(true));
    let mine = s.checked("grants", dev.at(&["grants", "--as", "dr-bo"]));
    assert_eq!(mine["received"].as_array().unwrap().len(), 1);

    let wallet = s.checked("wallet", dev.at(&["wallet", "--as", "dr-bo"]));
    assert!(!wallet["lines"].as_array().unwrap().is_empty(), "{wallet}");
    s.checked("id", dev.at(&["id"]));
    let own = s.checked("id show", dev.at(&["id", "show", "dr-bo"]));
    assert_eq!(own["balance"], wallet["balance"]);
    for verb in
        [&["log", "--as", "ada"][..], &["grants", "--as", "ada"], &["wallet", "--as", "ada"]]
    {
        let printed = s.checked("get --print-curl", dev.at(&[verb, &["--print-curl"]].concat()));
        assert!(text(&printed["curl"]).starts_with("curl -X GET 'http://127.0.0.1:"), "{printed}");
    }
}

/// What happens, as it happens.
fn following(s: &mut Story, dev: &Dev, dataset: &str) {
    let denied = dev.at(&["deny", "eve", "--as", "ada", "--dataset", dataset]).ok().json();
    let mut follow = Follow::start(dev.command(&["follow", "--as", "ada", "--after", "0"]));
    let told = loop {
        let told = s.checked("follow", follow.next());
        if told["effects"][0]["denial"] == denied["denial"] {
            break told;
        }
    };
    assert_eq!(told["effects"][0]["effect"], "denial-made");
    dev.at(&["revoke", denied["denial"].as_str().unwrap(), "--as", "ada"]).ok();
    let printed = dev.at(&["follow", "--as", "ada", "--after", "7", "--print-curl"]).ok().json();
    let curl = text(&printed["curl"]);
    assert!(curl.starts_with("curl -N -H 'last-event-id: 7' -X GET 'http://"), "{curl}");
    let told = dev.at(&["follow", "--as", "ada", "--alerts"]);
    assert_eq!(told.code, 3, "not an administrator: {told:?}");
    let nowhere = s.place.run(&["follow", "--as", "ada", "--json"]);
    assert_eq!((nowhere.code, nowhere.error()["code"].as_str()), (2, Some("usage")));
}

/// A verb that goes on.
struct Follow {
    _process: Running,
    lines: BufReader<ChildStdout>,
}

impl Follow {
    fn start(mut follow: Command) -> Self {
        let mut process = Running(follow.stdout(Stdio::piped()).spawn().unwrap());
        let lines = BufReader::new(process.0.stdout.take().unwrap());
        Self { _process: process, lines }
    }

    fn next(&mut self) -> Run {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        Run { code: 0, stdout: line, stderr: String::new() }
    }
}

/// What members change at a node elsewhere: foreseen, then ordered.
fn changing(s: &mut Story, dev: &Dev, dataset: &str) {
    let file = s.place.path("rule.cedar");
    std::fs::write(&file, RULE).unwrap();
    let file = file.to_str().unwrap();
    let mut both = |row: &str, args: &[&str]| {
        let foreseen = dev.at(&[args, &["--dry-run"]].concat());
        s.checked("CHANGE --url --dry-run", foreseen);
        s.checked(row, dev.at(args))
    };
    both("wallet send", &["wallet", "send", "rita", "0.5", "--as", "dr-bo"]);
    both("wallet redeem", &["wallet", "redeem", "0.25", "--as", "rita"]);
    both("group new", &["group", "new", "ward", "--as", "city-hospital"]);
    both("group add", &["group", "add", "ward", "eve", "rita", "--as", "city-hospital"]);
    both("group remove", &["group", "remove", "ward", "rita", "--as", "city-hospital"]);
    both("id delegate", &["id", "delegate", "ada", "rita", "--power", "grant"]);
    both("id undelegate", &["id", "undelegate", "ada", "rita"]);
    both("data offer", &["data", "offer", dataset, "--to", "rita", "--as", "ada"]);
    let offered =
        both("rules publish", &["rules", "publish", file, "--as", "ada", "--price", "0.5"]);
    let rule = text(&offered["rule"]);
    let cheap = ["rules", "buy", &rule, "--as", "rita", "--max-price", "0.1"];
    assert_eq!(dev.at(&cheap).error()["code"], "too-expensive");
    both("rules buy", &["rules", "buy", &rule, "--as", "rita"]);
    let listed = s.checked("rules ls --url", dev.at(&["rules", "ls", "--as", "eve"]));
    assert_eq!(
        (&listed["rules"][0]["rule"], &listed["rules"][0]["price"]),
        (&rule.into(), &"0.5".into())
    );

    let ward = ["group", "show", "ward", "--as", "city-hospital"];
    let shown = s.checked("group show", dev.at(&ward));
    assert_eq!(shown["members"], serde_json::json!(["eve"]));
    // Who is in it is told to whoever runs it, and to nobody else: not that there is such a group either.
    assert_eq!(dev.at(&["group", "show", "ward", "--as", "eve"]).code, 3);

    let mut both = |row: &str, args: &[&str]| {
        let foreseen = dev.at(&[args, &["--dry-run"]].concat());
        s.checked("CHANGE --url --dry-run", foreseen);
        s.checked(row, dev.at(args))
    };
    both("wallet issue", &["wallet", "issue", "rita", "5"]);
    let patient = format!("{SAMPLES}/272539c2-e516-4f16-8f47-573923bf9924.ndjson");
    let more = format!("{SAMPLES}/0b779465-6db2-4931-bc13-5f6ff8e8c4d4.ndjson");
    let made = text(&both("data add", &["data", "add", &patient, "--as", "ada"])["dataset"]);
    let set = both("data set", &["data", "set", &made, "--price", "2", "--as", "ada"]);
    assert_eq!((&set["terms"]["price"], &set["terms"]["level"]), (&"2".into(), &"sealed".into()));
    let extended = both("data extend", &["data", "extend", &made, &more, "--as", "ada"]);
    both("data offer", &["data", "offer", &made, "--to", "rita", "--as", "ada"]);
    let accepted = both("data accept", &["data", "accept", &made, &more, "--as", "rita"]);
    assert_eq!((&accepted["owner"], &accepted["records"]), (&"rita".into(), &extended["added"]));
    // Whoever was offered nothing is told nothing, and takes nothing over.
    assert_eq!(dev.at(&["data", "accept", &made, &more, "--as", "eve"]).code, 1);
    for verb in [
        &["rules", "install", &offered_id(&listed)][..],
        &["rules", "remove", &offered_id(&listed)],
        &["shred", dataset, "--as", "ada", "--yes"],
        &["group"],
        &["guard", "status"],
        &["backup", "away"],
        &["fsck"],
        &["receipt", "verify", "r"],
        &["witness", "--kept", "k"],
    ] {
        let run = dev.at(verb);
        assert_eq!((run.code, run.error()["code"].as_str()), (2, Some("not-remote")), "{verb:?}");
        assert!(run.error()["hint"].is_string(), "{verb:?}");
    }
    s.checked("data rm", dev.at(&["data", "rm", dataset, "--as", "ada"]));
}

fn offered_id(listed: &Value) -> String {
    text(&listed["rules"][0]["rule"])
}

/// New members and new keys, made here and taken there.
fn people(s: &mut Story, dev: &Dev) {
    let made = ["id", "new", "mallory", "--by", "city-hospital"];
    s.checked("CHANGE --url --dry-run", dev.at(&[&made[..], &["--dry-run"]].concat()));
    let card = s.checked("id new", dev.at(&made));
    assert_eq!(dev.at(&made).error()["code"], "name-taken");
    // The key that grants are sealed to went over too.
    let keys = std::path::PathBuf::from(text(&dev.said["keys"]));
    std::fs::rename(keys.join("mallory.json"), keys.join("away")).unwrap();
    let other = text(&dev.said["dataset"]);
    let member = text(&card["member"]);
    let grant = ["grant", &other, "--as", "ada", "--to", &member, "--purpose", "treatment"];
    // The dataset was withdrawn meanwhile: the ledger says so of a grant that could be made.
    let told = dev.at(&[&grant[..], &["--dry-run"]].concat());
    assert_eq!(told.code, 1, "{told:?}");
    std::fs::rename(keys.join("away"), keys.join("mallory.json")).unwrap();

    let rotate = ["id", "rotate", "mallory"];
    s.checked("CHANGE --url --dry-run", dev.at(&[&rotate[..], &["--dry-run"]].concat()));
    let rotated = s.checked("id rotate", dev.at(&rotate));
    assert_eq!(rotated["member"], card["member"]);
    assert_ne!(rotated["did"], card["did"]);
    dev.at(&["wallet", "--as", "mallory"]).ok();
    // Cut off after the ledger had taken it: what was written down is put in place, and no third key made.
    std::fs::copy(keys.join("mallory.json"), keys.join("before.json")).unwrap();
    std::fs::copy(keys.join("mallory.key"), keys.join("before.key")).unwrap();
    let second = s.checked("id rotate", dev.at(&rotate));
    std::fs::rename(keys.join("mallory.key"), keys.join("mallory.key.new")).unwrap();
    std::fs::rename(keys.join("before.key"), keys.join("mallory.key")).unwrap();
    std::fs::rename(keys.join("before.json"), keys.join("mallory.json")).unwrap();
    assert_eq!(dev.at(&["wallet", "--as", "mallory"]).code, 3, "the ledger knows another key");
    let settled = s.checked("id rotate", dev.at(&rotate));
    assert_eq!(settled["did"], second["did"]);
    dev.at(&["wallet", "--as", "mallory"]).ok();
    let disown = ["id", "disown", "mallory", "--by", "city-hospital"];
    s.checked("CHANGE --url --dry-run", dev.at(&[&disown[..], &["--dry-run"]].concat()));
    s.checked("id disown", dev.at(&disown));
    assert_eq!(dev.at(&["wallet", "--as", "mallory"]).code, 3);
}

fn folder(s: &mut Story, dataset: &str, second: &str) {
    s.tells("fsck", &["fsck"]);
    s.changes("backup", &["backup", "backup"]);
    let away = |args: &[&str], dry: bool| {
        let mut run = command(s.place.root());
        run.args(args).arg("--json");
        if dry {
            run.arg("--dry-run");
        }
        finish(&mut run)
    };
    let restore = ["--dir", "r", "restore", "backup", "--epochs", "d/keys/backup.epochs"];
    let init = ["--dir", "n", "init"];
    std::fs::write(s.place.path("passphrase"), "correct horse\n").unwrap();
    let init = [&init[..], &["--passphrase-file", "passphrase"]].concat();
    std::fs::write(s.place.path("table.csv"), crate::guard::traffic(600, 1)).unwrap();
    let runs = [
        ("restore --dry-run", away(&restore, true)),
        ("restore", away(&restore, false)),
        ("init --dry-run", away(&init, true)),
        ("init", away(&init, false)),
        ("demo", away(&["--dir", "demo", "demo"], false)),
        (
            "guard eval --task list",
            away(&["guard", "eval", "--data", ".", "--task", "list"], false),
        ),
        ("guard eval", away(&["guard", "eval", "--data", ".", "--task", "table"], false)),
        (
            "guard eval --task stream-discoveries",
            away(&["guard", "eval", "--data", ".", "--task", "stream-discoveries"], false),
        ),
        (
            "guard ward",
            away(&["guard", "ward", "--samples", SAMPLES, "--days", "30", "--out", "ward"], false),
        ),
        ("bench", away(&["bench", "log", "--quick"], false)),
    ];
    for (row, run) in runs {
        s.checked(row, run);
    }
    s.tells("shred --dry-run", &["shred", dataset, "--as", "ada", "--dry-run"]);
    s.tells("shred", &["shred", dataset, "--as", "ada", "--yes", "--receipt", "shred.receipt"]);
    assert!(second.starts_with("sndata1"));
    s.tells("completions", &["completions", "zsh"]);
    s.tells("man", &["man"]);
    s.tells("man FOLDER", &["man", "pages"]);
    assert!(s.place.path("pages/secnet-get.1").exists());
}
