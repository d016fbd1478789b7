//! The same command several times at the same moment: one is done, the others are told, and nothing is lost.

use std::process::{Command, Stdio};

use crate::dev::Dev;
use crate::support::{Run, command, finish};

const TIMES: usize = 4;

/// All of them at once.
fn together(commands: impl Iterator<Item = Command>) -> Vec<Run> {
    let running: Vec<_> = commands
        .map(|mut command| command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
        .collect();
    let ended = running.into_iter().map(|process| process.wait_with_output().unwrap());
    ended
        .map(|output| Run {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        })
        .collect()
}

#[test]
fn a_folder_is_made_once() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("passphrase"), "correct horse").unwrap();
    let secnet = |args: &[&str]| {
        let mut secnet = command(place.path());
        secnet.args(["--dir", "d", "--passphrase-file", "passphrase", "--json"]).args(args);
        secnet
    };
    let runs = together((0..TIMES).map(|_| secnet(&["init", "--name", "clinic"])));
    assert_eq!(runs.iter().filter(|run| run.code == 0).count(), 1, "{runs:?}");
    for refused in runs.iter().filter(|run| run.code != 0) {
        assert!(refused.error()["hint"].is_string(), "{refused:?}");
    }
    let checked = finish(&mut secnet(&["fsck"])).ok().json();
    assert_eq!(checked["healthy"], true);
    finish(&mut secnet(&["id", "new", "hospital", "--kind", "organisation"])).ok();
}

#[test]
fn a_name_is_given_once() {
    let dev = Dev::start();
    let new = ["id", "new", "twin", "--by", "city-hospital"];
    let runs = together((0..TIMES).map(|_| dev.command(&new)));
    let shown = dev.at(&["id", "show", "twin"]).ok().json();
    let made: Vec<&Run> = runs.iter().filter(|run| run.code == 0).collect();
    assert!(!made.is_empty(), "{runs:?}");
    // Two that go on with the same keys make one member: the one whose keys are here.
    assert!(made.iter().all(|run| run.json()["member"] == shown["card"]["member"]), "{runs:?}");
    let get =
        ["get", dev.said["dataset"].as_str().unwrap(), "--as", "twin", "--purpose", "treatment"];
    assert_eq!(dev.at(&get).code, 3, "a member, who is granted nothing");
}
