//! `secnet up` and what surrounds it: configuration, TLS, the published log while it serves, the doctor.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Place, Running, command, finish};

fn tls(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../secnet-gateway/tests/it/tls").join(name)
}

/// A node that runs.
pub(crate) struct Up {
    process: Running,
    pub(crate) said: Value,
    _stdout: BufReader<ChildStdout>,
}

impl Up {
    pub(crate) fn start(place: &Place, args: &[&str]) -> Self {
        let mut up = command(place.root());
        up.args(["--dir", "d", "--json", "up", "--listen", "127.0.0.1:0"]).args(args);
        Self::by(&mut up)
    }

    /// Started by a command of the caller's, which prints what `up` prints.
    pub(crate) fn by(up: &mut Command) -> Self {
        let mut process = Running(up.stdout(Stdio::piped()).spawn().unwrap());
        let mut stdout = BufReader::new(process.0.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let said = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        Self { process, said, _stdout: stdout }
    }

    pub(crate) fn url(&self) -> String {
        self.said["url"].as_str().unwrap().to_owned()
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.0.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    pub(crate) fn stop(self) -> i32 {
        self.process.stop()
    }
}

/// Wait until it holds, for at most ten seconds.
pub(crate) fn soon(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(10), "{what} does not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_log_is_published_while_the_node_serves() {
    let place = Place::demo();
    let dataset = place.dataset();
    let checkpoint = || std::fs::read_to_string(place.path("d/log/checkpoint")).unwrap();
    let up = Up::start(&place, &[]);
    let grant = [
        "grant",
        &dataset,
        "--as",
        "ada",
        "--to",
        "eve",
        "--purpose",
        "treatment",
        "--url",
        &up.url(),
    ];
    // The start has left one event: what must be refused was refused.
    std::thread::sleep(Duration::from_millis(1500));
    let before = checkpoint();
    place.run(&grant).ok();
    soon("the checkpoint", || checkpoint() != before);
    assert_eq!(up.stop(), 0);
    place.run(&["fsck"]).ok();
}

#[test]
fn each_start_shows_that_refusing_works_and_leaves_one_denial() {
    let place = Place::demo();
    let events = || place.json(&["status"])["events"].as_u64().unwrap();
    assert_eq!(Up::start(&place, &[]).stop(), 0);
    let once = events();
    assert_eq!(Up::start(&place, &[]).stop(), 0);
    assert_eq!(events(), once + 1);
}

#[test]
fn a_node_speaks_tls_and_reads_its_certificate_again() {
    let place = Place::demo();
    let put = |name: &str| {
        std::fs::copy(tls(&format!("{name}.pem")), place.path("cert.pem")).unwrap();
        std::fs::copy(tls(&format!("{name}.key")), place.path("key.pem")).unwrap();
    };
    put("first");
    std::fs::write(
        place.path("secnet.toml"),
        "[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n",
    )
    .unwrap();
    let up = Up::start(&place, &[]);
    assert!(up.url().starts_with("https://"), "{}", up.said);
    let status = |name: &str| {
        let ca = tls(&format!("{name}.pem"));
        let args = ["status", "--url", &up.url(), "--ca", ca.to_str().unwrap(), "--json"];
        finish(command(place.root()).args(args)).code
    };
    assert_eq!((status("first"), status("second")), (0, 6));
    put("second");
    up.signal("-HUP");
    soon("the second certificate", || status("second") == 0);
    assert_eq!(status("first"), 6);
    // What cannot be used is not taken.
    std::fs::write(place.path("key.pem"), "no key").unwrap();
    up.signal("-HUP");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(status("second"), 0);
    assert_eq!(up.stop(), 0);
    let run = place.run(&["up", "--json"]);
    assert_eq!((run.code, run.error()["code"].as_str()), (2, Some("tls")), "{run:?}");
}

#[test]
fn a_wrong_configuration_is_told_before_anything_is_opened() {
    let place = Place::demo();
    std::fs::write(place.path("secnet.toml"), "listen = \"127.0.0.1:0\"\n\nlisten_on = 3\n")
        .unwrap();
    for verb in [&["up"][..], &["config", "check"], &["config", "show"]] {
        let run = place.run(&[verb, &["--json"]].concat());
        assert_eq!((run.code, run.error()["code"].as_str()), (2, Some("config")), "{run:?}");
        let causes = run.error()["causes"].to_string();
        assert!(causes.contains("secnet.toml:3: there is no setting `listen_on`"), "{causes}");
    }
    let mut run = command(place.root());
    run.args(["config", "show", "--config", "/dev/null", "--json"]).env("SECNET_LOG_LEVEL", "info");
    let shown = finish(&mut run).ok().json();
    let level = shown["settings"].as_array().unwrap().iter().find(|s| s["key"] == "log.level");
    let level = level.unwrap();
    assert_eq!((&level["value"], &level["from"]), (&"info".into(), &"SECNET_LOG_LEVEL".into()));
}

#[test]
fn the_doctor_says_what_is_wrong_and_what_to_do() {
    let place = Place::demo();
    let port = ["--set", "listen=127.0.0.1:0"];
    let well = place.run(&[&["doctor", "--json"][..], &port].concat()).ok().json();
    assert_eq!(well["ok"], true, "{well}");
    let up = Up::start(&place, &[]);
    let listen = format!("listen={}", up.url().trim_start_matches("http://"));
    let backup = ["--set", "backup.folder=nowhere"];
    let ill = place.run(&[&["doctor", "--json", "--set", &listen][..], &backup].concat());
    assert_eq!((ill.code, ill.error()["code"].as_str()), (1, Some("not-well")));
    let found = serde_json::from_str::<Value>(&ill.stdout).unwrap();
    let wrong: Vec<&str> = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["ok"] == false)
        .map(|finding| {
            assert!(!finding["do"].as_str().unwrap().is_empty(), "{finding}");
            finding["what"].as_str().unwrap()
        })
        .collect();
    assert_eq!(wrong, ["free to open", "address", "backup"]);
    let ready = ["ready", "--url", &up.url(), "--json"];
    assert_eq!(finish(command(place.root()).args(ready)).ok().json()["ready"], true);
    let url = up.url();
    assert_eq!(up.stop(), 0);
    let ready = ["ready", "--url", &url, "--json"];
    assert_eq!(finish(command(place.root()).args(ready)).code, 6);
}

#[test]
fn a_node_backs_itself_up_and_the_backup_restores() {
    let place = Place::demo();
    let up = Up::start(&place, &["--set", "backup.folder=b"]);
    let there = || place.path("b/genesis.cbor").exists() && place.path("b/passphrase").exists();
    soon("the backup", there);
    assert_eq!(up.stop(), 0);
    let restore = ["--dir", "r", "restore", "b", "--epochs", "d/keys/backup.epochs"];
    finish(command(place.root()).args(restore)).ok();
    finish(command(place.root()).args(["--dir", "r", "fsck"])).ok();
}

#[test]
fn the_log_names_no_caller_and_the_metrics_are_apart() {
    let place = Place::demo();
    let dataset = place.dataset();
    place.grant(&dataset, "eve");
    let log = place.path("log.json");
    let mut up = command(place.root());
    up.args(["--dir", "d", "--json", "up", "--listen", "127.0.0.1:0"]);
    up.args([
        "--set",
        "log.level=info",
        "--set",
        "log.format=json",
        "--set",
        "metrics.listen=127.0.0.1:0",
    ]);
    up.stdout(Stdio::piped()).stderr(std::fs::File::create(&log).unwrap());
    let mut process = Running(up.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    assert!(said["metrics"].as_str().unwrap().ends_with("/metrics"), "{said}");
    let url = said["url"].as_str().unwrap();
    let get = ["get", &dataset, "--as", "eve", "--purpose", "treatment", "--url", url];
    place.run(&get).ok();
    assert_eq!(process.stop(), 0);
    let log = std::fs::read_to_string(log).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|l| l["route"] == "/v1/access" && l["verdict"] == "allow"), "{log}");
    assert!(!log.contains("snid1") && !log.contains(&dataset), "{log}");
}

/// A server that takes one call after the other and answers each with the next of these.
pub(crate) fn receiver(
    answers: &'static [&'static str],
) -> (String, std::sync::mpsc::Receiver<String>) {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/alerts?from=node", listener.local_addr().unwrap());
    let (send, got) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut call = Vec::new();
            while !call.ends_with(b"}") {
                let mut some = [0; 4096];
                let read = stream.read(&mut some).unwrap();
                call.extend_from_slice(&some[..read]);
            }
            let head =
                format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            send.send(String::from_utf8(call).unwrap()).unwrap();
        }
    });
    (url, got)
}

/// The stream of alerts, opened by a member of a demo folder.
fn alerts(place: &Place, url: &str, member: &str) -> impl std::io::BufRead {
    use std::io::Write as _;
    let passphrase = std::fs::read_to_string(place.path("d/passphrase")).unwrap();
    let text = std::fs::read_to_string(place.path("d/keys/ada.key")).unwrap();
    let seeds = secnet_crypto::keyfile::decrypt(&text, passphrase.trim_end()).unwrap();
    let key = secnet_crypto::SigningKey::from_seed(seeds[..32].try_into().unwrap());
    let authority = url.split('/').nth(2).unwrap();
    let call = secnet_gateway::Call {
        method: "GET",
        authority,
        path: "/v1/alerts",
        query: "",
        body: None,
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = secnet_types::Timestamp(u64::try_from(now.as_millis()).unwrap());
    let made =
        secnet_gateway::sign_call(&call, member.parse().unwrap(), true, &key, (now, [7; 16]));
    let mut stream = std::net::TcpStream::connect(authority).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let head = format!(
        "GET /v1/alerts HTTP/1.1\r\nhost: {authority}\r\nsignature-input: {}\r\nsignature: {}\r\n\r\n",
        made.input, made.signature
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut stream = BufReader::new(stream);
    let mut status = String::new();
    stream.read_line(&mut status).unwrap();
    assert!(status.starts_with("HTTP/1.1 200"), "{status}");
    stream
}

#[test]
fn administrators_are_told_of_a_hold_until_they_have_heard_it() {
    let place = Place::demo();
    let dataset = place.dataset();
    place.grant(&dataset, "eve");
    let (url, got) = receiver(&["500 No", "204 Yes"]);
    let hook = format!("webhooks.urls={url}");
    let ada = place.json(&["id", "show", "ada"])["card"]["member"].as_str().unwrap().to_owned();
    let administrators = format!("administrators={ada}");
    let up = Up::start(&place, &["--set", &hook, "--set", &administrators]);
    let node = up.url();
    let mut alerts = alerts(&place, &node, &ada);
    let get = |purpose: &str| {
        place.run(&["get", &dataset, "--as", "eve", "--purpose", purpose, "--url", &node]).code
    };
    // As many refusals as make the guard hold what comes next.
    for _ in 0..14 {
        assert_eq!(get("marketing"), 3);
    }
    assert_eq!(get("treatment"), 4);
    let told = got.recv_timeout(Duration::from_secs(20)).unwrap();
    // The same at the door, for whom the configuration names.
    let line = loop {
        let mut line = String::new();
        assert_ne!(alerts.read_line(&mut line).unwrap(), 0, "the stream ended");
        if let Some(data) = line.strip_prefix("data: ") {
            break data.to_owned();
        }
    };
    let shown: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(shown, serde_json::from_str::<Value>(told.rsplit("\r\n").next().unwrap()).unwrap());
    drop(alerts);
    // It was not heard, and the node was stopped before it tried again: the next one tells it.
    assert_eq!(up.stop(), 0);
    let up = Up::start(&place, &["--set", &hook]);
    let again = got.recv_timeout(Duration::from_secs(20)).unwrap();
    let body =
        |call: &str| serde_json::from_str::<Value>(call.rsplit("\r\n").next().unwrap()).unwrap();
    assert_eq!(body(&told), body(&again));
    assert_eq!((&body(&told)["kind"], &body(&told)["reason"]), (&"held".into(), &"guard".into()));
    assert_eq!(body(&told)["dataset"], dataset.as_str());
    let head = again.to_lowercase();
    assert!(head.starts_with("post /alerts?from=node http/1.1\r\n"), "{again}");
    for field in ["content-digest: sha-256=:", "signature: secnet=:", "signature-input: secnet=("] {
        assert!(head.contains(&format!("\r\n{field}")), "{again}");
    }
    assert_eq!(up.stop(), 0);
}

#[test]
fn whoever_is_an_administrator_no_more_is_told_nothing_more() {
    let place = Place::demo();
    let ada = place.json(&["id", "show", "ada"])["card"]["member"].as_str().unwrap().to_owned();
    let configure = |who: &str| {
        std::fs::write(place.path("secnet.toml"), format!("administrators = [{who}]\n")).unwrap();
    };
    configure(&format!("\"{ada}\""));
    let up = Up::start(&place, &[]);
    let mut follow = command(place.root());
    follow.args(["--dir", "d", "--json", "follow", "--as", "ada", "--alerts", "--after", "0"]);
    follow.args(["--url", &up.url()]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut follow = Running(follow.spawn().unwrap());
    let mut lines = BufReader::new(follow.0.stdout.take().unwrap());
    let mut line = String::new();
    assert_ne!(lines.read_line(&mut line).unwrap(), 0, "she is told");
    configure("");
    // Its stream ends, and the next call is refused.
    assert_eq!(follow.0.wait().unwrap().code(), Some(3));
    // And she is told again, without a restart.
    configure(&format!("\"{ada}\""));
    let again = || {
        let call = ["follow", "--as", "ada", "--alerts", "--after", "0", "--url", &up.url()];
        let mut follow = command(place.root());
        follow.args(["--dir", "d", "--json"]).args(call).stdout(Stdio::piped());
        let mut follow = Running(follow.stderr(Stdio::null()).spawn().unwrap());
        let mut line = String::new();
        let lines = follow.0.stdout.take().unwrap();
        BufReader::new(lines).read_line(&mut line).unwrap() > 0
    };
    soon("an alert", again);
    assert_eq!(up.stop(), 0);
}

/// The published root, from nothing but the bundles of entries: each leaf hashed, then the tree (RFC 9162, section 2.1.1).
#[test]
fn the_log_is_rebuilt_from_its_bundles_of_entries() {
    use base64ct::{Base64, Encoding as _};
    use ring::digest::{SHA256, digest};
    fn root(leaves: &[Vec<u8>]) -> Vec<u8> {
        if let [leaf] = leaves {
            return digest(&SHA256, &[vec![0], leaf.clone()].concat()).as_ref().to_vec();
        }
        let left = leaves.len().next_power_of_two() / 2;
        let (left, right) = leaves.split_at(left);
        digest(&SHA256, &[vec![1], root(left), root(right)].concat()).as_ref().to_vec()
    }
    let place = Place::demo();
    let note = std::fs::read_to_string(place.path("d/log/checkpoint")).unwrap();
    let size: usize = note.lines().nth(1).unwrap().parse().unwrap();
    let (mut leaves, mut bundle) = (Vec::new(), 0);
    while leaves.len() < size {
        let width = (size - leaves.len()).min(256);
        let part = if width < 256 { format!(".p/{width}") } else { String::new() };
        let file = place.path(&format!("d/log/tile/entries/{bundle:03}{part}"));
        let bytes = std::fs::read(file).unwrap();
        let mut rest = &bytes[..];
        for _ in 0..width {
            let (length, after) = rest.split_first_chunk::<2>().unwrap();
            let (entry, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
            leaves.push(entry.to_vec());
            rest = after;
        }
        assert!(rest.is_empty(), "more than {width} entries");
        bundle += 1;
    }
    let told = |leaves: &[Vec<u8>]| Base64::encode_string(&root(leaves));
    assert_eq!(told(&leaves), note.lines().nth(2).unwrap());
    // One byte of one entry shows.
    leaves[size / 2][0] ^= 1;
    assert_ne!(told(&leaves), note.lines().nth(2).unwrap());
}
