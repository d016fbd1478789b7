//! A backup that is older than what somebody kept of the ledger is not restored by accident.

use serde_json::Value;

use crate::support::{Place, Run, command, copy_tree, finish};

/// A demo folder that went on after its backup in `backup`; the epochs file beside it, a receipt and a checkpoint of what
/// came after.
fn gone_on() -> Place {
    let place = Place::demo();
    let dataset = place.dataset();
    place.json(&["backup", "backup"]);
    std::fs::copy(place.path("d/keys/backup.epochs"), place.path("kept.epochs")).unwrap();
    place.grant(&dataset, "eve");
    keep(&place, "d", "kept");
    place
}

/// The newest receipt and the published checkpoint of a folder, elsewhere.
fn keep(place: &Place, folder: &str, name: &str) {
    let run = |args: &[&str]| {
        finish(command(place.root()).args(["--dir", folder]).args(args).arg("--json")).ok().json()
    };
    let last = run(&["log", "--limit", "1"])["events"][0]["event"].to_string();
    run(&["receipt", "save", &last, "--out", &format!("{name}.receipt")]);
    let checkpoint = place.path(folder).join("log/checkpoint");
    std::fs::copy(checkpoint, place.path(&format!("{name}.checkpoint"))).unwrap();
}

fn restore(place: &Place, from: &str, to: &str, args: &[&str]) -> Run {
    finish(command(place.root()).args(["--dir", to, "restore", from]).args(args).arg("--json"))
}

fn refused(run: &Run, code: &str) -> Value {
    assert_eq!(run.code, 7, "{run:?}");
    let error = run.error();
    assert_eq!(error["code"], code, "{run:?}");
    error
}

#[test]
fn the_folder_that_is_replaced_is_looked_at_by_itself() {
    let place = gone_on();
    for dry in [&[][..], &["--dry-run"]] {
        let args = [&["--epochs", "d/keys/backup.epochs"], dry].concat();
        let error = refused(&restore(&place, "backup", "r", &args), "rolled-back");
        assert!(error["message"].as_str().unwrap().contains("d/log/checkpoint"), "{error}");
        assert!(error["hint"].as_str().unwrap().contains("--accept-loss"), "{error}");
        assert!(!place.path("r").exists() && !place.path("r.restoring").exists());
    }
    // A backup of all there is may be restored, and says that it is all there is.
    place.json(&["backup", "backup"]);
    let run = restore(&place, "backup", "r", &["--epochs", "d/keys/backup.epochs"]).ok().json();
    assert_eq!(run["compared"], serde_json::json!(["d/log/checkpoint"]));
    assert_eq!(run["behind"], false);
}

#[test]
fn what_was_kept_elsewhere_is_compared_and_a_loss_must_be_accepted() {
    let place = gone_on();
    for kept in ["kept.receipt", "kept.checkpoint"] {
        let args = ["--epochs", "kept.epochs", "--against", "d/allowed.receipt", "--against", kept];
        let error = refused(&restore(&place, "backup", "r", &args), "rolled-back");
        assert!(error["message"].as_str().unwrap().contains(kept), "{error}");
        assert!(!place.path("r").exists());
    }
    let args = ["--epochs", "kept.epochs", "--against", "d/allowed.receipt"];
    let foreseen = restore(&place, "backup", "r", &[&args[..], &["--dry-run"]].concat()).ok();
    let earlier = restore(&place, "backup", "r", &args).ok().json();
    assert_eq!((&earlier["behind"], &earlier["compared"][0]), (&false.into(), &args[3].into()));
    for field in ["last_event", "height", "time"] {
        assert_eq!(earlier[field], foreseen.json()[field], "{field}");
    }
    assert_eq!(earlier["last_event"].as_u64().unwrap() + 1, earlier["events"].as_u64().unwrap());

    let args = ["--epochs", "kept.epochs", "--against", "kept.receipt", "--accept-loss"];
    let accepted = restore(&place, "backup", "lost", &args).ok().json();
    assert_eq!(accepted["behind"], true);
}

#[test]
fn people_are_told_where_the_ledger_ends_and_what_is_lost() {
    let place = gone_on();
    let say = |to: &str, args: &[&str]| {
        let run = finish(command(place.root()).args(["--dir", to, "restore", "backup"]).args(args));
        run.ok().stdout
    };
    let said = say("a", &["--epochs", "kept.epochs"]);
    assert!(said.contains("it ends with event ") && said.contains("after that is lost"), "{said}");
    assert!(said.contains("cannot be told from here"), "{said}");
    let said = say("b", &["--epochs", "d/keys/backup.epochs", "--accept-loss"]);
    assert!(said.contains("it has two histories now"), "{said}");
}

#[test]
fn another_history_is_refused_whatever_is_accepted() {
    let place = gone_on();
    let accept = ["--epochs", "kept.epochs", "--accept-loss"];
    restore(&place, "backup", "r", &accept).ok();
    // The restored folder goes on as well, further than the first one did.
    for to in ["dr-bo", "city-hospital"] {
        let dataset = place.dataset();
        let grant = ["grant", &dataset, "--as", "ada", "--to", to, "--purpose", "treatment"];
        finish(command(place.root()).args(["--dir", "r"]).args(grant)).ok();
    }
    finish(command(place.root()).args(["--dir", "r", "backup", "second"])).ok();
    for kept in ["kept.receipt", "kept.checkpoint"] {
        let args = ["--epochs", "r/keys/backup.epochs", "--accept-loss", "--against", kept];
        let error = refused(&restore(&place, "second", "s", &args), "verification");
        assert!(error["causes"].to_string().contains("history was rewritten"), "{error}");
    }
    // What proves nothing is not passed over when it was named.
    std::fs::write(place.path("noise"), [0xff; 64]).unwrap();
    std::fs::write(place.path("words"), "no checkpoint").unwrap();
    for (kept, code) in [("noise", "malformed"), ("words", "verification")] {
        let args = [&accept[..], &["--against", kept]].concat();
        refused(&restore(&place, "backup", "s", &args), code);
    }
    assert!(!place.path("s").exists());
}

#[test]
fn a_ledger_that_lacks_what_its_folder_published_is_not_gone_on_with() {
    let place = Place::demo();
    copy_tree(&place.path("d/ledger"), &place.path("before"));
    place.grant(&place.dataset(), "eve");
    std::fs::rename(place.path("d/ledger"), place.path("after")).unwrap();
    copy_tree(&place.path("before"), &place.path("d/ledger"));
    let published = std::fs::read(place.path("d/log/checkpoint")).unwrap();
    let error = refused(&place.run(&["wallet", "issue", "eve", "5", "--json"]), "rolled-back");
    assert!(error["hint"].is_string());
    assert_eq!(std::fs::read(place.path("d/log/checkpoint")).unwrap(), published);
    assert_eq!(place.run(&["fsck"]).code, 7);
    std::fs::remove_dir_all(place.path("d/ledger")).unwrap();
    std::fs::rename(place.path("after"), place.path("d/ledger")).unwrap();
    place.run(&["status"]).ok();
}

#[test]
fn a_passphrase_does_not_go_into_a_backup_unless_everybody_knows_it() {
    let place = Place::demo();
    place.run(&["backup", "published"]).ok();
    assert!(place.path("published/passphrase").exists());
    std::fs::write(place.path("some"), "correct horse\n").unwrap();
    let own = |args: &[&str]| {
        let all = [&["--dir", "n", "--passphrase-file", "some"], args].concat();
        finish(command(place.root()).args(all)).ok()
    };
    own(&["init"]);
    std::fs::copy(place.path("some"), place.path("n/passphrase")).unwrap();
    let said = own(&["backup", "secret"]).stderr;
    assert!(said.contains("`passphrase` is not in it"), "{said}");
    assert!(place.path("secret/genesis.cbor").exists());
    assert!(!place.path("secret/passphrase").exists());
}

#[cfg(unix)]
#[test]
fn no_link_leads_a_backup_into_the_folder_that_it_is_of() {
    let place = Place::demo();
    std::os::unix::fs::symlink(place.path("d"), place.path("link")).unwrap();
    for inside in ["link/b", "link/b/c", "d/b"] {
        let run = place.run(&["backup", inside, "--json"]);
        assert_eq!((run.code, run.error()["code"].as_str()), (2, Some("bad-place")), "{inside}");
    }
    assert!(!place.path("d/b").exists());
}
