//! Wrong input: a clear error with code and hint, and nothing changes.

use crate::support::{Place, command, finish};

#[test]
fn unknown_flags_and_verbs_are_wrong_usage() {
    let place = Place::demo();
    for args in
        [&["status", "--frobnicate"][..], &["frobnicate"], &["get"], &["ask", "--as", "dr-bo"]]
    {
        assert_eq!(place.run(args).code, 2, "{args:?}");
        let run = place.run(&[args, &["--json"]].concat());
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{args:?}");
        assert_eq!(run.error()["code"], "usage");
    }
}

#[test]
fn a_wrong_passphrase_opens_nothing() {
    let place = Place::demo();
    std::fs::write(place.path("wrong"), "not the passphrase\n").unwrap();
    for args in [&["status"][..], &["fsck"], &["id", "new", "mallory", "--by", "city-hospital"]] {
        let run = place.run(&[args, &["--json", "--passphrase-file", "wrong"]].concat());
        assert_eq!(run.code, 1, "{run:?}");
        assert_eq!(run.error()["code"], "wrong-passphrase");
    }
    std::fs::write(place.path("empty"), "\n").unwrap();
    let run = place.run(&["status", "--json", "--passphrase-file", "empty"]);
    assert_eq!((run.code, run.error()["code"].as_str()), (2, Some("empty-passphrase")));
}

#[test]
fn names_cannot_leave_the_keys_folder() {
    let place = Place::demo();
    std::fs::write(place.path("card.json"), "{}").unwrap();
    for name in ["../../card", "..", "/etc/passwd", "a/b", "", "-x", "Ada", "ada\n", "ada.key"] {
        for args in [
            &["id", "show", name][..],
            &["id", "new", name, "--by", "city-hospital"],
            &["wallet", "send", "ada", "1", "--as", name],
        ] {
            let run = place.run(args);
            assert_eq!(run.code, 2, "{args:?}: {run:?}");
        }
    }
    assert!(!place.path("card.key").exists());
}

#[test]
fn a_folder_serves_one_process_at_a_time() {
    let place = Place::demo();
    let ledger = std::fs::File::open(place.path("d/ledger/ledger.redb")).unwrap();
    ledger.lock().unwrap();
    for args in [&["status"][..], &["fsck"], &["backup", "elsewhere"]] {
        let run = place.run(&[args, &["--json"]].concat());
        assert_eq!(run.code, 6, "{run:?}");
        assert_eq!(run.error()["code"], "in-use");
        assert!(run.error()["hint"].is_string());
    }
    drop(ledger);
    place.run(&["status"]).ok();
}

#[test]
fn a_folder_without_a_network_says_what_to_do() {
    let empty = tempfile::tempdir().unwrap();
    for verb in ["status", "fsck", "id", "log"] {
        let run = finish(command(empty.path()).args([verb, "--json"]));
        assert_eq!(run.error()["code"], "no-network", "{verb}");
        assert!(run.error()["hint"].as_str().unwrap().contains("secnet init"));
    }
    assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 0);
}

#[test]
fn rules_that_are_no_rules_or_not_safe_are_refused() {
    let place = Place::demo();
    let before = place.height();
    std::fs::write(place.path("no.cedar"), "permit (principal, action, resource);").unwrap();
    let run = place.run(&["rules", "publish", "no.cedar", "--as", "ada", "--json"]);
    assert_eq!((run.code, run.error()["code"].as_str()), (2, Some("invalid-rule")));
    let all = "@action(\"deny\")\nforbid (principal, action, resource)\nwhen { context has records_requested && context.records_requested >= 1 };\n";
    std::fs::write(place.path("all.cedar"), all).unwrap();
    let run = place.run(&["rules", "publish", "all.cedar", "--as", "ada", "--json"]);
    assert_eq!((run.code, run.error()["code"].as_str()), (1, Some("unsafe-rule")), "{run:?}");
    assert_eq!(place.height(), before);
}
