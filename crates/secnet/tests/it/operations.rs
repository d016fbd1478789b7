//! What whoever runs a node relies on: the form of the folder, the reserve, and being told when something is wrong.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use serde_json::Value;

use crate::serving::{Up, receiver, soon};
use crate::support::{Place, command, files, finish, flip};

/// Longer than any of this takes.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_folder_of_a_newer_program_is_left_alone_and_one_of_an_older_is_brought_up_to_date() {
    let place = Place::demo();
    let format = place.path("d/format");
    assert_eq!(std::fs::read_to_string(&format).unwrap(), "secnet-folder 1\n");
    std::fs::write(&format, "secnet-folder 2\n").unwrap();
    for verb in [&["status"][..], &["up"], &["fsck"], &["backup", "b"]] {
        let run = place.run(&[verb, &["--json"]].concat());
        assert_eq!((run.code, run.error()["code"].as_str()), (2, Some("newer-folder")), "{run:?}");
        assert!(run.error()["hint"].as_str().unwrap().contains("newer program"), "{run:?}");
    }
    // One from before folders said which form they have.
    std::fs::remove_file(&format).unwrap();
    place.run(&["fsck"]).ok();
    assert!(!format.exists(), "a check changes nothing");
    place.run(&["status"]).ok();
    assert_eq!(std::fs::read_to_string(&format).unwrap(), "secnet-folder 1\n");
    // A backup is a folder's as well.
    place.run(&["backup", "b"]).ok();
    std::fs::write(place.path("b/format"), "secnet-folder 3\n").unwrap();
    let mut restore = command(place.root());
    restore.args(["--dir", "r", "restore", "b", "--epochs", "d/keys/backup.epochs", "--json"]);
    let run = finish(&mut restore);
    assert_eq!((run.code, run.error()["code"].as_str()), (2, Some("newer-folder")), "{run:?}");
    assert!(!place.path("r").exists());
    std::fs::remove_file(place.path("b/format")).unwrap();
    finish(&mut restore).ok();
    finish(command(place.root()).args(["--dir", "r", "status"])).ok();
    assert_eq!(std::fs::read_to_string(place.path("r/format")).unwrap(), "secnet-folder 1\n");
}

/// What a server answers to a GET, head and body.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn host(url: &str) -> String {
    url.split('/').nth(2).unwrap().to_owned()
}

#[test]
fn a_node_keeps_a_reserve_and_says_so() {
    let place = Place::demo();
    let reserve = place.path("d/ledger/reserve");
    let size = || std::fs::metadata(&reserve).map(|file| file.len()).unwrap_or_default();
    let metrics = ["--set", "metrics.listen=127.0.0.1:0", "--set", "disk.reserve=3"];
    let up = Up::start(&place, &metrics);
    soon("the reserve", || size() == 3 << 20);
    let told = || get(&host(up.said["metrics"].as_str().unwrap()), "/metrics");
    let there = |line: &str| told().lines().any(|there| there == line);
    // The file is there a moment before the node counts on it.
    soon("the reserve in the metrics", || there("secnet_ledger_reserve_bytes 3145728"));
    let told = told();
    assert!(told.lines().any(|there| there == "secnet_ledger_disk_full 0"), "{told}");
    assert!(told.contains("\nsecnet_ledger_free_bytes "), "{told}");
    assert_eq!(up.stop(), 0);
    // It stays for the verbs, and another size is taken when the node is started with it.
    assert_eq!(place.json(&["status"])["reserve_bytes"], 3 << 20);
    place.run(&["fsck"]).ok();
    let up = Up::start(&place, &["--set", "disk.reserve=0"]);
    soon("the end of the reserve", || size() == 0);
    assert_eq!(up.stop(), 0);
}

/// What stands for a name in a call's head.
fn field<'c>(call: &'c str, name: &str) -> &'c str {
    let head = call.split("\r\n\r\n").next().unwrap();
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).unwrap().1
}

/// The bytes of a key that is written as `did:key`, multicodec ed25519-pub in base58.
fn key_of(did: &str) -> Vec<u8> {
    const ALPHABET: &str = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut bytes: Vec<u8> = Vec::new();
    for letter in did.strip_prefix("did:key:z").unwrap().chars() {
        let mut carry = ALPHABET.find(letter).unwrap();
        for byte in bytes.iter_mut().rev() {
            carry += usize::from(*byte) * 58;
            *byte = u8::try_from(carry & 0xff).unwrap();
            carry >>= 8;
        }
        if carry > 0 {
            bytes.insert(0, u8::try_from(carry).unwrap());
        }
    }
    bytes.strip_prefix(&[0xed, 0x01]).unwrap().to_vec()
}

/// Verify a call as RFC 9421 and RFC 9530 say, with nothing of ours: what an administrator's own program would do.
fn verify(call: &str, key: &[u8]) -> Result<(), String> {
    let (head, body) = call.split_once("\r\n\r\n").unwrap();
    let target = head.split(' ').nth(1).unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let digest = field(call, "content-digest");
    let sum = ring::digest::digest(&ring::digest::SHA256, body.as_bytes());
    if digest != format!("sha-256=:{}:", Base64::encode_string(sum.as_ref())) {
        return Err("the body is another".into());
    }
    let input = field(call, "signature-input").strip_prefix("secnet=").unwrap();
    let covered = input.split(')').next().unwrap().trim_start_matches('(');
    let mut base = String::new();
    for part in covered.split(' ') {
        let value = match part {
            "\"@method\"" => "POST".to_owned(),
            "\"@authority\"" => field(call, "host").to_owned(),
            "\"@path\"" => path.to_owned(),
            "\"@query\"" => format!("?{query}"),
            "\"content-digest\"" => digest.to_owned(),
            other => return Err(format!("{other} is covered")),
        };
        base.push_str(&format!("{part}: {value}\n"));
    }
    base.push_str(&format!("\"@signature-params\": {input}"));
    let signature = field(call, "signature").strip_prefix("secnet=:").unwrap();
    let signature = Base64::decode_vec(signature.trim_end_matches(':')).unwrap();
    let key = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, key);
    key.verify(base.as_bytes(), &signature).map_err(|_| "it does not verify".into())
}

#[test]
fn administrators_are_told_that_there_is_no_room_for_the_reserve() {
    let place = Place::demo();
    // What is in its place cannot be written over.
    std::fs::create_dir(place.path("d/ledger/reserve")).unwrap();
    let (url, got) = receiver(&["204 Yes"]);
    let hook = format!("webhooks.urls={url}");
    let up = Up::start(&place, &["--set", &hook, "--set", "disk.reserve=1"]);
    let told = got.recv_timeout(PATIENCE).unwrap();
    assert!(told.contains(r#""kind":"no-reserve""#), "{told}");
    // Nothing else is kept from working.
    finish(command(place.root()).args(["ready", "--url", &up.url()])).ok();
    assert_eq!(up.stop(), 0);
}

#[test]
fn administrators_are_told_of_damage_and_can_tell_who_told_them() {
    let place = Place::demo();
    let dataset = place.dataset();
    place.grant(&dataset, "eve");
    // Bytes of records are changed, and somebody asks for them.
    for (segment, bytes) in files(&place.path("d/vault/segments")) {
        flip(&segment, bytes.len() / 2);
    }
    let asked = place.run(&["get", &dataset, "--as", "eve", "--purpose", "treatment", "--json"]);
    assert_eq!(asked.code, 7, "{asked:?}");
    let (url, got) = receiver(&["503 Later", "204 Yes"]);
    let up = Up::start(&place, &["--set", &format!("webhooks.urls={url}")]);
    let first = got.recv_timeout(PATIENCE).unwrap();
    let again = got.recv_timeout(PATIENCE).unwrap();
    let body = |call: &str| -> Value {
        serde_json::from_str(call.split_once("\r\n\r\n").unwrap().1).unwrap()
    };
    assert_eq!(body(&first), body(&again), "it is told until it is heard");
    let told = body(&again);
    assert_eq!(told["kind"], "damaged");
    assert!(told["said"].as_str().unwrap().contains("quarantine"), "{told}");
    assert!(told["do"].as_str().unwrap().contains("secnet fsck"), "{told}");
    // Who told it is shown by the key that the node names.
    let network = get(&host(&up.url()), "/v1/network");
    let network: Value = serde_json::from_str(network.split_once("\r\n\r\n").unwrap().1).unwrap();
    let key = key_of(network["data_centre_key"].as_str().unwrap());
    let input = field(&again, "signature-input");
    assert!(input.contains(network["data_centre"].as_str().unwrap()), "{input}");
    assert_ne!(input, field(&first, "signature-input"), "each call has a nonce of its own");
    assert_eq!(verify(&again, &key), Ok(()));
    // The check can fail.
    let other = again.replace("damaged", "perfect");
    assert_eq!(verify(&other, &key), Err("the body is another".into()));
    let elsewhere = again.replace("/alerts?from=node", "/alerts?from=eve");
    assert_eq!(verify(&elsewhere, &key), Err("it does not verify".into()));
    assert_eq!(up.stop(), 0);
}

#[cfg(unix)]
#[test]
fn the_doctor_looks_at_each_file_of_keys_and_at_what_was_published() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::demo();
    let open = place.path("d/keys/ada.key");
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o640)).unwrap();
    let asked = ["doctor", "--json", "--set", "listen=127.0.0.1:0"];
    let found: Value = serde_json::from_str(&place.run(&asked).stdout).unwrap();
    let said = |what: &str| {
        let all = found["findings"].as_array().unwrap();
        all.iter().find(|finding| finding["what"] == what).unwrap().clone()
    };
    let keys = said("permissions");
    assert!(keys["wrong"].as_str().unwrap().contains("ada.key"), "{keys}");
    assert!(keys["do"].as_str().unwrap().starts_with("chmod 600 "), "{keys}");
    assert_eq!(said("reserve")["ok"], true);
    assert_eq!(said("published log")["ok"], true);
}
