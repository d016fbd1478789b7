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
    let before = place.events();
    std::fs::write(place.path("no.cedar"), "permit (principal, action, resource);").unwrap();
    let run = place.run(&["rules", "publish", "no.cedar", "--as", "ada", "--json"]);
    assert_eq!((run.code, run.error()["code"].as_str()), (2, Some("invalid-rule")));
    let all = "@action(\"deny\")\nforbid (principal, action, resource)\nwhen { context has records_requested && context.records_requested >= 1 };\n";
    std::fs::write(place.path("all.cedar"), all).unwrap();
    let run = place.run(&["rules", "publish", "all.cedar", "--as", "ada", "--json"]);
    assert_eq!((run.code, run.error()["code"].as_str()), (1, Some("unsafe-rule")), "{run:?}");
    assert_eq!(place.events(), before);
}

#[test]
fn amounts_are_not_negative_and_do_not_overflow() {
    let place = Place::demo();
    let events = place.events();
    for amount in ["-1", "-0.000001", "1e3", "0.0000001", "99999999999999999999", "NaN", "", " 1"] {
        let amount = format!("--price={amount}");
        let dataset = place.dataset();
        let run = place.run(&[
            "grant",
            &dataset,
            "--as",
            "ada",
            "--to",
            "eve",
            "--purpose",
            "treatment",
            &amount,
            "--json",
        ]);
        assert_eq!((run.code, run.error()["code"].as_str()), (2, Some("usage")), "{amount}");
    }
    for amount in ["-5", "18446744073709551616"] {
        let run = place.run(&["wallet", "send", "--as", "dr-bo", "--json", "--", "eve", amount]);
        assert_eq!(run.code, 2, "{amount}: {run:?}");
    }
    // The largest amount there is, issued again and again, would be more than there can be.
    let most = "18446744073709.551615";
    let runs = [0, 1].map(|_| place.run(&["wallet", "issue", "eve", most, "--json"]));
    assert!(runs.iter().any(|run| run.code == 1), "{runs:?}");
    assert!(runs.iter().all(|run| run.code != 101), "{runs:?}");
    let status = place.json(&["status"]);
    assert_eq!(status["money_conserved"], true);
    assert!(place.events() <= events + 1);
}

#[test]
fn a_counter_offer_names_a_price_and_a_grant_keeps_to_what_was_asked() {
    let place = Place::demo();
    let dataset = place.dataset();
    let asked =
        place.json(&["ask", &dataset, "--as", "eve", "--purpose", "treatment", "--price", "3"]);
    let ask = asked["ask"].as_str().unwrap();
    let events = place.events();
    let run = place.run(&["inbox", "counter", ask, "--as", "ada", "--json"]);
    assert_eq!((run.code, run.error()["code"].as_str()), (2, Some("usage")));
    let run = place.run(&["inbox", "approve", ask, "--price", "1", "--as", "ada", "--json"]);
    assert_eq!(run.code, 2, "an answer has no price of its own");
    assert_eq!(place.events(), events);
    place.json(&["inbox", "approve", ask, "--as", "ada"]);
    let waiting = place.json(&["inbox", "--as", "ada"]);
    assert!(waiting["asks"].as_array().unwrap().iter().all(|other| other["ask"] != ask));
    let again = place.run(&["inbox", "approve", ask, "--as", "ada", "--json"]);
    assert_eq!((again.code, again.error()["code"].as_str()), (1, Some("unknown-ask")));
}

#[test]
fn a_name_is_not_the_beginning_of_another() {
    let place = Place::demo();
    place.json(&["id", "new", "hospital-10", "--kind", "organisation"]);
    let dataset = place.dataset();
    for to in ["hospital-1", "org:hospital-1", "hospital", "HOSPITAL-10"] {
        let run = place.run(&[
            "grant",
            &dataset,
            "--as",
            "ada",
            "--to",
            to,
            "--purpose",
            "treatment",
            "--json",
        ]);
        assert!(
            matches!(run.error()["code"].as_str(), Some("unknown-identity" | "bad-name")),
            "{to}"
        );
    }
    place.json(&["id", "new", "hospital-1", "--kind", "organisation"]);
    let id = |name: &str| place.json(&["id", "show", name])["card"]["member"].clone();
    assert_ne!(id("hospital-1"), id("hospital-10"));
}

#[test]
fn receipts_and_genesis_files_that_are_none_are_refused() {
    let place = Place::demo();
    std::fs::write(place.path("empty"), "").unwrap();
    std::fs::write(place.path("noise"), [0xff; 4096]).unwrap();
    let nested: Vec<u8> = std::iter::repeat_n(0x81, 200_000).collect();
    std::fs::write(place.path("nested"), nested).unwrap();
    std::fs::File::create(place.path("huge")).unwrap().set_len(1 << 34).unwrap();
    let verify = |receipt: &str, genesis: &str| {
        place.run(&["receipt", "verify", receipt, "--genesis", genesis, "--json"])
    };
    for file in ["empty", "noise", "nested"] {
        for run in [verify(file, "d/genesis.cbor"), verify("d/allowed.receipt", file)] {
            assert_eq!((run.code, run.error()["code"].as_str()), (7, Some("malformed")), "{file}");
            assert!(run.error()["hint"].is_string());
        }
    }
    for run in [verify("huge", "d/genesis.cbor"), verify("d/allowed.receipt", "huge")] {
        assert_eq!((run.code, run.error()["code"].as_str()), (1, Some("too-large")), "{run:?}");
    }
    for args in [
        &["fsck", "--against", "huge"][..],
        &["rules", "test", "huge"],
        &["status", "--passphrase-file", "huge"],
    ] {
        let run = place.run(&[args, &["--json"]].concat());
        assert_eq!((run.code, run.error()["code"].as_str()), (1, Some("too-large")), "{args:?}");
    }
}

#[test]
fn each_way_a_receipt_proves_nothing_has_its_code() {
    use secnet_types::{Genesis, Receipt, encode};
    let place = Place::demo();
    let receipt = Receipt::parse(&std::fs::read(place.path("d/allowed.receipt")).unwrap()).unwrap();
    let genesis = Genesis::parse(&std::fs::read(place.path("d/genesis.cbor")).unwrap()).unwrap();
    let said = |receipt: &Receipt, genesis: &Genesis| {
        std::fs::write(place.path("receipt"), receipt.to_bytes()).unwrap();
        std::fs::write(place.path("genesis"), encode(genesis)).unwrap();
        let run = place.run(&["receipt", "verify", "receipt", "--genesis", "genesis", "--json"]);
        assert_eq!(run.code, 7, "{run:?}");
        run.error()["code"].as_str().unwrap().to_owned()
    };
    let other = Genesis { salt: [9; 32], ..genesis.clone() };
    assert_eq!(said(&receipt, &other), "other-network");
    let odd = Genesis { threshold: 7, ..genesis.clone() };
    assert_eq!(said(&receipt, &odd), "bad-genesis");
    let moved = Receipt { index: receipt.index + 1, ..receipt.clone() };
    assert_eq!(said(&moved, &genesis), "not-in-log");
    let newer = Receipt { version: 2, ..receipt.clone() };
    assert_eq!(said(&newer, &genesis), "unknown-version");
    let mut command = receipt.command.clone();
    *command.last_mut().unwrap() ^= 1;
    assert_eq!(said(&Receipt { command, ..receipt.clone() }, &genesis), "bad-signature");
    let command = b"no command".to_vec();
    assert_eq!(said(&Receipt { command, ..receipt }, &genesis), "not-signed");
}

#[test]
fn cards_have_the_fields_of_cards() {
    let place = Place::demo();
    let card = std::fs::read_to_string(place.path("d/keys/eve.json")).unwrap();
    let unknown = card.replacen('{', r#"{"admin": true,"#, 1);
    let nested = format!("{}{}", "[".repeat(4000), "]".repeat(4000));
    for text in [unknown.as_str(), &nested, "{}", "null", &" ".repeat(1 << 20)] {
        std::fs::write(place.path("d/keys/eve.json"), text).unwrap();
        for args in [&["id", "show", "eve"][..], &["id"], &["wallet", "--as", "eve"]] {
            let run = place.run(&[args, &["--json"]].concat());
            let code = run.error()["code"].as_str().unwrap().to_owned();
            assert!(["bad-card", "too-large"].contains(&code.as_str()), "{args:?}: {run:?}");
            assert!(run.error()["hint"].is_string());
        }
    }
}

#[test]
fn a_new_network_has_a_passphrase() {
    let empty = tempfile::tempdir().unwrap();
    let run = finish(command(empty.path()).args(["init", "--json"]));
    assert_eq!((run.code, run.error()["code"].as_str()), (2, Some("no-passphrase")));
    std::fs::write(empty.path().join("none"), "\n").unwrap();
    let run = finish(command(empty.path()).args(["init", "--json", "--passphrase-file", "none"]));
    assert_eq!((run.code, run.error()["code"].as_str()), (2, Some("empty-passphrase")));
    assert!(!empty.path().join("secnet-data").exists());
    std::fs::write(empty.path().join("some"), "correct horse\n").unwrap();
    finish(command(empty.path()).args(["init", "--json", "--passphrase-file", "some"])).ok();
    for file in ["governor.key", "node.keys"] {
        let text =
            std::fs::read_to_string(empty.path().join("secnet-data/keys").join(file)).unwrap();
        assert!(text.contains("argon2id m=65536 t=3 p=1"), "{file}: {text}");
    }
}

#[test]
fn names_and_titles_stand_in_one_line_of_a_terminal() {
    let place = Place::demo();
    let dataset = place.dataset();
    std::fs::write(place.path("some"), "correct horse\n").unwrap();
    for evil in ["clinic\u{1b}[2K", "a\nb", "a\tb", "a\u{202e}b"] {
        let set = place.run(&["data", "set", &dataset, "--as", "ada", "--title", evil, "--json"]);
        assert_eq!((set.code, set.error()["code"].as_str()), (2, Some("not-plain")), "{evil:?}");
        let init = ["--dir", "n", "--passphrase-file", "some", "init", "--name", evil, "--json"];
        let init = finish(command(place.root()).args(init));
        assert_eq!((init.code, init.error()["code"].as_str()), (2, Some("not-plain")), "{evil:?}");
    }
    assert!(!place.path("n/genesis.cbor").exists());
    place.json(&["data", "set", &dataset, "--as", "ada", "--title", "Ådas Blutwerte 東京"]);
}
