//! `secnet witness`: what is published is only ever added to, and is the same for everybody.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use crate::support::{Place, Run, command, copy_tree, finish};

/// Serve the plain files of a folder; its address.
fn serve(folder: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            for line in lines {
                if line.unwrap().is_empty() {
                    break;
                }
            }
            let path = first.split(' ').nth(1).unwrap().trim_start_matches('/');
            let (status, body) = match std::fs::read(folder.join(path)) {
                Ok(bytes) => ("200 OK", bytes),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
        }
    });
    format!("http://{address}")
}

fn witness(place: &Place, kept: &str, urls: &[&str]) -> Run {
    let mut run = command(place.root());
    run.args(["witness", "--genesis", "d/genesis.cbor", "--kept", kept, "--once", "--json"]);
    finish(run.args(urls))
}

/// Another event in the folder's log, and one that covers it.
fn go_on(place: &Place, dir: &str, amount: &str) {
    let send = ["--dir", dir, "wallet", "send", "ada", amount, "--as", "dr-bo"];
    finish(command(place.root()).args(send)).ok();
}

fn replace(folder: &Path, by: &Path) {
    std::fs::remove_dir_all(folder).unwrap();
    copy_tree(by, folder);
}

#[test]
fn nothing_that_was_published_is_taken_back_unnoticed() {
    let place = Place::demo();
    copy_tree(&place.path("d"), &place.path("other"));
    copy_tree(&place.path("d/log"), &place.path("published"));
    let url = serve(place.path("published"));
    let first = witness(&place, "kept.json", &[&url]).ok().json();
    let events = first["places"][0]["events"].as_u64().unwrap();
    assert_eq!((first["places"][0]["before"].as_u64(), events > 100), (Some(0), true), "{first}");

    go_on(&place, "d", "0.5");
    replace(&place.path("published"), &place.path("d/log"));
    let then = witness(&place, "kept.json", &[&url]).ok().json();
    assert_eq!(then["places"][0]["before"], events);
    let now = then["places"][0]["events"].as_u64().unwrap();
    assert!(now > events, "{then}");

    // Back to what it was; and on from there to another history, as long and longer.
    let known = std::fs::read(place.path("kept.json")).unwrap();
    replace(&place.path("published"), &place.path("other/log"));
    let back = witness(&place, "kept.json", &[&url]);
    assert_eq!((back.code, back.error()["code"].as_str()), (7, Some("rolled-back")), "{back:?}");
    go_on(&place, "other", "0.25");
    replace(&place.path("published"), &place.path("other/log"));
    let rewritten = witness(&place, "kept.json", &[&url]);
    assert_eq!(rewritten.error()["code"], "rewritten", "{rewritten:?}");
    assert_eq!(rewritten.code, 7);
    // What it knew stands, and both sides of the story are kept.
    assert_eq!(std::fs::read(place.path("kept.json")).unwrap(), known);
    let shown = std::fs::read_to_string(place.path("kept.json.alarm")).unwrap();
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    for (at, size) in [(0, now), (1, now)] {
        let note = shown["checkpoints"][at]["checkpoint"].as_str().unwrap();
        assert_eq!(note.lines().nth(1), Some(size.to_string().as_str()), "{shown}");
    }

    // Whoever sees both at once needs no past.
    let honest = serve(place.path("d/log"));
    let forked = witness(&place, "new.json", &[&url, &honest]);
    assert_eq!((forked.code, forked.error()["code"].as_str()), (7, Some("forked")), "{forked:?}");
    // One that is behind the other is no fork.
    copy_tree(&place.path("d/log"), &place.path("behind"));
    go_on(&place, "d", "0.125");
    let behind = serve(place.path("behind"));
    witness(&place, "both.json", &[&behind, &honest]).ok();
}

#[test]
fn what_does_not_hold_is_told_apart_from_what_is_not_there() {
    let place = Place::demo();
    let url = serve(place.path("d/log"));
    let code = |run: &Run| (run.code, run.error()["code"].as_str().unwrap().to_owned());
    let is = |code_: i32, word: &str| (code_, word.to_owned());

    // The key of another sequencer, another log, no checkpoint, nothing, nobody.
    let note = std::fs::read_to_string(place.path("d/log/checkpoint")).unwrap();
    let write = |text: &str| std::fs::write(place.path("d/log/checkpoint"), text).unwrap();
    let lines: Vec<&str> = note.lines().collect();
    write(&note.replacen(lines[1], "7", 1));
    assert_eq!(code(&witness(&place, "kept.json", &[&url])), is(7, "not-certified"));
    for text in [note.replace("secnet.example", "elsewhere.example"), "<html>".into()] {
        write(&text);
        assert_eq!(code(&witness(&place, "kept.json", &[&url])), is(6, "unreachable"));
    }
    write(&note);
    std::fs::rename(place.path("d/log/tile"), place.path("tile")).unwrap();
    assert_eq!(code(&witness(&place, "kept.json", &[&url])), is(6, "unreachable"));
    std::fs::rename(place.path("tile"), place.path("d/log/tile")).unwrap();
    assert_eq!(code(&witness(&place, "kept.json", &["http://127.0.0.1:1"])), is(6, "unreachable"));
    // Nothing of it was taken for something seen.
    let kept = std::fs::read_to_string(place.path("kept.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept["checkpoints"], serde_json::json!({}));

    // Hashes that lead elsewhere.
    let tiles = place.path("d/log/tile/0");
    let tile = std::fs::read_dir(&tiles).unwrap().next().unwrap().unwrap().path();
    let tile = if tile.is_dir() {
        std::fs::read_dir(tile).unwrap().next().unwrap().unwrap().path()
    } else {
        tile
    };
    let mut bytes = std::fs::read(&tile).unwrap();
    bytes[5] ^= 1;
    std::fs::write(&tile, &bytes).unwrap();
    assert_eq!(code(&witness(&place, "kept.json", &[&url])), is(7, "not-its-log"));
    bytes[5] ^= 1;
    std::fs::write(&tile, &bytes).unwrap();

    // What is kept is checked like what is read.
    witness(&place, "kept.json", &[&url]).ok();
    let kept = std::fs::read_to_string(place.path("kept.json")).unwrap();
    std::fs::write(place.path("kept.json"), kept.replacen(lines[1], "7", 1)).unwrap();
    assert_eq!(code(&witness(&place, "kept.json", &[&url])), is(7, "bad-kept"));
    assert_eq!(code(&witness(&place, "new.json", &["http://node?query"])), is(2, "bad-url"));
}
