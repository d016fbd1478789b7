//! What must not come in: slow, huge, compressed, cut, ambiguous. Each is a problem document or a closed connection, counted; the
//! node serves on.

use secnet_gateway::*;
use secnet_types::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::*;
use crate::world::{Person, World};

/// A connection that writes what it likes.
struct Raw(TcpStream);

impl Raw {
    async fn to(node: &Node) -> Self {
        Self(TcpStream::connect(&node.authority).await.unwrap())
    }

    /// As much of it as the other side takes.
    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.ok();
    }

    /// Everything that comes until the connection is closed.
    async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        // A reset is an end too: what was not read yet when the other side closed.
        self.0.read_to_end(&mut bytes).await.ok();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// What becomes of these bytes.
async fn sent(node: &Node, bytes: impl AsRef<[u8]>) -> String {
    let mut raw = Raw::to(node).await;
    raw.send(bytes.as_ref()).await;
    raw.rest().await
}

/// The status lines of all answers, and the codes of the problems among them.
fn told(answers: &str) -> Vec<String> {
    let lines = answers.lines().filter_map(|line| line.split_once("HTTP/1.1 "));
    lines.map(|(_, status)| status.split(' ').next().unwrap_or_default().to_owned()).collect()
}

/// The head of a signed call, without the empty line.
fn head(node: &Node, who: &Person, (method, path): (&str, &str), body: Option<&[u8]>) -> String {
    let call = Call { method, authority: &node.authority, path, query: "", body };
    let at = (node.now(), node.nonce());
    let signature = sign_call(&call, who.id, true, who.key.as_ref(), at);
    let digest = signature.content_digest.map(|digest| format!("content-digest: {digest}\r\n"));
    format!(
        "{method} {path} HTTP/1.1\r\nhost: {}\r\nsignature-input: {}\r\nsignature: {}\r\n{}",
        node.authority,
        signature.input,
        signature.signature,
        digest.unwrap_or_default(),
    )
}

fn counted(node: &Node, what: &str) -> bool {
    node.gateway.metrics.text(&[]).contains(what)
}

/// How often a connection was closed for this reason. It is counted when the connection is gone, which a client may see earlier.
async fn closed(node: &Node, why: &str) {
    let line = format!("secnet_connections_closed_total{{why=\"{why}\"}}");
    let seen = async {
        while !counted(node, &line) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), seen).await.expect(&line);
}

async fn serves(node: &Node) {
    let answer = node.bare("GET", "/healthz").send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_end_is_not_waited_for() {
    let node = Node::start(1).await;
    let mut slow = Raw::to(&node).await;
    slow.send(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ").await;
    assert!(told(&slow.rest().await).iter().all(|status| status == "408"), "closed");
    closed(&node, "slow").await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_is_too_slow() {
    let node = Node::start(2).await;
    let bo = World::copy(&node.world.bo);
    for (method, path, kind) in [
        ("POST", "/v1/commands", "application/json"),
        ("POST", "/v1/datasets", "application/json"),
        ("PUT", &format!("/v1/segments/b3:{}", "0".repeat(64)), "application/octet-stream"),
    ] {
        let head = head(&node, &bo, (method, path), Some(b"{}"));
        let mut slow = Raw::to(&node).await;
        slow.send(format!("{head}content-type: {kind}\r\ncontent-length: 99\r\n\r\n{{").as_bytes())
            .await;
        let answer = slow.rest().await;
        assert_eq!(told(&answer), ["408"], "{path}: {answer}");
        assert!(answer.contains("\"too-slow\""), "{answer}");
    }
    assert!(counted(&node, "secnet_http_problems_total{code=\"too-slow\"} 3"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_head_is_refused_and_counted() {
    let node = Node::start(3).await;
    let begin = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\n", node.authority);
    let many: String = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect();
    let long = format!("x-long: {}\r\n", "a".repeat(1 << 20));
    for more in [many, long] {
        let answer = told(&sent(&node, format!("{begin}{more}\r\n")).await);
        // Closed with bytes unread, the connection may be reset before the answer is seen.
        assert!(answer.iter().all(|status| status == "431"), "{answer:?}");
    }
    let answer = told(&sent(&node, format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(1 << 20))).await);
    assert!(answer.iter().all(|status| ["414", "431"].contains(&status.as_str())), "{answer:?}");
    closed(&node, "too-large").await;
    // Also one that comes at once, before anybody could count.
    let begin = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\n", node.authority);
    let at_once = format!("{begin}x-long: {}\r\nconnection: close\r\n\r\n", "a".repeat(40_000));
    let answer = told(&sent(&node, at_once).await);
    assert!(answer.iter().all(|status| ["400", "431"].contains(&status.as_str())), "{answer:?}");
    serves(&node).await;
}

/// Whoever says that nothing more will come is answered or closed, never waited for; what was cut off is counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_half_closed_connection_is_no_reason_to_wait() {
    let node = Node::start(25).await;
    let whole = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\n\r\n", node.authority);
    let body = "content-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    let cut = format!("POST /v1/commands HTTP/1.1\r\nhost: {}\r\n{body}", node.authority);
    for bytes in [whole.as_str(), "GET /healthz HTTP/1.1\r\nho", &cut] {
        let mut caller = Raw::to(&node).await;
        caller.send(bytes.as_bytes()).await;
        caller.0.shutdown().await.unwrap();
        let answered = told(&caller.rest().await);
        assert!(answered.iter().all(|status| ["200", "400", "401"].contains(&status.as_str())));
    }
    closed(&node, "broken").await;
    serves(&node).await;
}

/// The next call over the connection would be lost, and whoever made it could not know whether it was done.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_that_the_connection_ends_if_a_body_was_not_read() {
    let node = Node::start(24).await;
    for body in ["content-length: 70000", "transfer-encoding: chunked"] {
        let mut caller = Raw::to(&node).await;
        let head =
            format!("POST /v1/commands HTTP/1.1\r\nhost: {}\r\n{body}\r\n\r\n", node.authority);
        caller.send(head.as_bytes()).await;
        let answer = caller.rest().await;
        assert_eq!(told(&answer), ["401"], "{answer}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
    }
    let short = node.bare("POST", "/v1/commands").body("{}").send().await.unwrap();
    assert_eq!(short.status(), 401);
    assert_eq!(short.headers().get("connection"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_end_is_cut_off() {
    let node = Node::start(4).await;
    let bo = World::copy(&node.world.bo);
    let head = head(&node, &bo, ("POST", "/v1/commands"), Some(b"{}"));
    let mut raw = Raw::to(&node).await;
    let kind = "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    raw.send(format!("{head}{kind}").as_bytes()).await;
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 0x10000], b"\r\n".to_vec()].concat();
    // 8 MiB of white space, of which 4 are taken.
    for _ in 0..128 {
        raw.send(&chunk).await;
    }
    assert!(told(&raw.rest().await).iter().all(|status| status == "413"));
    assert!(counted(&node, "secnet_http_problems_total{code=\"too-large\"} 1"));
    serves(&node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_compressed_is_unpacked() {
    let node = Node::start(5).await;
    let bo = World::copy(&node.world.bo);
    // Some bytes that would become a gigabyte are never looked at.
    let bomb = vec![0; 1000];
    for coding in ["gzip", "GZIP", "br", "deflate", "zstd", "identity, gzip", ""] {
        for path in ["/v1/commands", "/access/v1/evaluation"] {
            let request = node.signed(&bo, "POST", path, Some(&json!({})));
            let answer = request.header("content-encoding", coding).send().await.unwrap();
            let wanted = if path.starts_with("/v1") { 415 } else { 400 };
            assert_eq!(answer.status(), wanted, "{coding} at {path}");
        }
        let head = head(&node, &bo, ("POST", "/v1/commands"), Some(&bomb));
        let coded = format!(
            "{head}content-type: application/json\r\nconnection: close\r\n\
             transfer-encoding: {coding}, chunked\r\n\r\n\
             3e8\r\n{}\r\n0\r\n\r\n",
            String::from_utf8_lossy(&bomb)
        );
        // What is no list of codings that ends in `chunked` has no length that could be trusted.
        let answer = told(&sent(&node, coded).await);
        assert!(
            answer.iter().all(|status| ["400", "501"].contains(&status.as_str())),
            "{answer:?}"
        );
    }
    serves(&node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_half_way_pays_once_and_can_ask_again() {
    let mut node = Node::start(6).await;
    node.world.granted(None, 1_000_000).await;
    let bo = World::copy(&node.world.bo);
    let before = node.world.balance(&bo);
    let (call, _) = node.world.call(&bo, Purpose::Treatment, None);
    let body = serde_json::to_vec(&access_body(&call)).unwrap();
    let head = head(&node, &bo, ("POST", "/v1/access"), Some(&body));
    let whole =
        format!("{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    for (cut, hang_up) in
        [(0, true), (body.len() / 2, true), (body.len(), true), (body.len(), false)]
    {
        let mut raw = Raw::to(&node).await;
        raw.send(whole.as_bytes()).await;
        raw.send(&body[..cut]).await;
        raw.0.shutdown().await.ok();
        if !hang_up {
            raw.rest().await;
        }
    }
    let answer = node.post(&bo, "/v1/access", &access_body(&call)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(node.world.balance(&bo), before - 1_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_calls_are_each_shown_to_be_somebodys() {
    let node = Node::start(7).await;
    let bo = World::copy(&node.world.bo);
    let signed = || format!("{}\r\n", head(&node, &bo, ("GET", "/v1/datasets"), None));
    let bare = format!("GET /v1/datasets HTTP/1.1\r\nhost: {}\r\n\r\n", node.authority);
    let last = bare.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
    let calls = [signed(), bare.clone(), signed(), last].concat();
    assert_eq!(told(&sent(&node, calls).await), ["200", "401", "200", "401"]);
    // What stands in a body is no call: a short length makes the rest one of its own, signed by nobody.
    let hidden = format!("{{}}{bare}");
    let head = head(&node, &bo, ("POST", "/v1/commands"), Some(b"{}"));
    let call = format!("{head}content-type: application/json\r\ncontent-length: 2\r\n\r\n{hidden}");
    let close =
        format!("GET /healthz HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", node.authority);
    assert_eq!(told(&sent(&node, call + &close).await), ["400", "401", "200"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_is_there_twice_is_refused() {
    let node = Node::start(8).await;
    let bo = World::copy(&node.world.bo);
    let opened = answer(node.signed(&bo, "POST", "/v1/sessions", None).send().await.unwrap()).await;
    let token = opened.body["token"].as_str().unwrap();
    for (name, values) in [
        ("authorization", [format!("Bearer {token}"), "Bearer sns_other".into()]),
        ("authorization", [format!("Bearer {token}"), format!("Bearer {token}")]),
        ("range", ["bytes=0-1".into(), "bytes=2-3".into()]),
        ("last-event-id", ["1".into(), "2".into()]),
        ("content-type", ["application/json".into(), "text/plain".into()]),
        ("idempotency-key", ["a".repeat(16), "b".repeat(16)]),
    ] {
        let mut request = node.bare("GET", "/v1/datasets");
        for value in &values {
            request = request.header(name, value);
        }
        let refused = answer(request.send().await.unwrap()).await;
        assert_eq!(refused.status, 400, "{name}");
        assert!(refused.text.contains(name), "{}", refused.text);
    }
    assert!(counted(&node, "secnet_http_problems_total{code=\"malformed\"} 6"));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_body_ends_is_never_a_matter_of_opinion() {
    let node = Node::start(9).await;
    let bo = World::copy(&node.world.bo);
    let bare =
        format!("GET /healthz HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", node.authority);
    for lengths in [
        "content-length: 2\r\ncontent-length: 20\r\n",
        "content-length: 2, 20\r\n",
        "content-length: +2\r\n",
        "content-length: -2\r\n",
        "content-length: 0x2\r\n",
        "content-length: 99999999999999999999999999\r\n",
        "content-length: 2\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 2\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding : chunked\r\n",
        " transfer-encoding: chunked\r\n",
    ] {
        let head = head(&node, &bo, ("POST", "/v1/commands"), Some(b"{}"));
        let call =
            format!("{head}content-type: application/json\r\n{lengths}\r\n2\r\n{{}}\r\n0\r\n\r\n");
        let answers = told(&sent(&node, call + &bare).await);
        // One answer at most, and never one to what might stand inside of the body.
        assert!(answers.len() <= 1, "{lengths:?}: {answers:?}");
        assert!(answers.iter().all(|status| status.starts_with('4')), "{lengths:?}: {answers:?}");
    }
    serves(&node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_is_closed_and_counted() {
    let node = Node::start(10).await;
    let host = format!("host: {}\r\n\r\n", node.authority);
    for bytes in [
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03".repeat(50),
        "SSH-2.0-client\r\n".to_owned(),
        format!("GET  /healthz HTTP/1.1\r\n{host}"),
        format!("GET /healthz HTTP/9.9\r\n{host}"),
        format!("GET /health\0z HTTP/1.1\r\n{host}"),
        format!("G\u{e9}T /healthz HTTP/1.1\r\n{host}"),
        format!("GET /healthz HTTP/1.1\r\nx: a\0b\r\n{host}"),
        format!("GET /healthz HTTP/1.1\r\nx y: 1\r\n{host}"),
        format!("GET /healthz HTTP/1.1\r\n: 1\r\n{host}"),
        "\0".repeat(1000),
    ] {
        let answer = told(&sent(&node, &bytes).await);
        assert!(answer.iter().all(|status| status == "400"), "{bytes:?}: {answer:?}");
    }
    closed(&node, "malformed").await;
    serves(&node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_names_no_other_node_than_the_host() {
    let node =
        Node::made(11, Limits::default(), |gateway| gateway.answering_to(["node.example".into()]))
            .await;
    let close = "connection: close\r\n\r\n";
    for (target, host, status) in [
        ("/v1/network", "node.example", "200"),
        ("http://node.example/v1/network", "node.example", "200"),
        ("http://NODE.example/v1/network", "node.example", "200"),
        ("http://other.example/v1/network", "node.example", "421"),
        ("http://node.example/v1/network", "other.example", "421"),
        ("http://node.example:80/v1/network", "node.example", "421"),
        ("http://node.example@other.example/v1/network", "node.example", "421"),
        ("/v1/network", "node.example.", "421"),
        ("/v1/network", "node.example, other.example", "421"),
        ("/v1/network", "", "421"),
    ] {
        let call = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n{close}");
        assert_eq!(told(&sent(&node, call).await), [status], "{target} at {host}");
    }
    for (line, statuses) in [
        ("OPTIONS * HTTP/1.1", ["404", "405"]),
        ("CONNECT node.example HTTP/1.1", ["404", "421"]),
        ("TRACE /healthz HTTP/1.1", ["405", "405"]),
        ("BREW /healthz HTTP/1.1", ["405", "405"]),
        ("get /healthz HTTP/1.1", ["405", "405"]),
    ] {
        let answer = sent(&node, format!("{line}\r\nhost: node.example\r\n{close}")).await;
        let status = told(&answer);
        assert!(
            status.iter().all(|status| statuses.contains(&status.as_str())),
            "{line}: {answer}"
        );
        assert_eq!(status.len(), 1, "{line}: {answer}");
    }
}

/// Every operation with a body: method, path and type of it.
fn with_a_body() -> Vec<(String, String, String)> {
    let document: Value =
        serde_json::from_str(&secnet_gateway::openapi().to_json().unwrap()).unwrap();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(content) = operation["requestBody"]["content"].as_object() else { continue };
            let kind = content.keys().next().unwrap().clone();
            let path = path.replace("{address}", &format!("b3:{}", "0".repeat(64)));
            all.push((method.to_uppercase(), path, kind));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_another_type_is_refused_everywhere() {
    let node = Node::start(12).await;
    let bo = World::copy(&node.world.bo);
    let operations = with_a_body();
    assert!(operations.len() >= 10, "{operations:?}");
    for (method, path, kind) in operations {
        let other = if kind == "application/json" {
            "application/octet-stream"
        } else {
            "application/json"
        };
        for given in [Some(other), Some("application/jsonx"), Some("text/plain"), Some(""), None] {
            let mut headers = head(&node, &bo, (&method, &path), Some(b"{}"));
            if let Some(given) = given {
                headers += &format!("content-type: {given}\r\n");
            }
            let call = format!("{headers}content-length: 2\r\nconnection: close\r\n\r\n{{}}");
            let wanted = if path.starts_with("/access/v1/") { "400" } else { "415" };
            let answer = sent(&node, call).await;
            assert_eq!(told(&answer), [wanted], "{method} {path} as {given:?}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_values_is_no_object() {
    let mut node = Node::start(16).await;
    node.world.granted(None, 0).await;
    let bo = World::copy(&node.world.bo);
    let (call, _) = node.world.call(&bo, Purpose::Treatment, None);
    let body = access_body(&call);
    let values = json!([body["request"], body["detail"], body["receiving_key"], true]);
    let mut nested = crate::authzen::question(&call);
    nested["subject"] = json!(["member", bo.id.to_string()]);
    let batch = json!({ "evaluations": [nested] });
    for (path, body) in [
        ("/v1/access", &values),
        ("/v1/access/preview", &values),
        ("/v1/access", &json!("text")),
        ("/access/v1/evaluation", &nested),
        ("/access/v1/evaluations", &batch),
    ] {
        let answer = node.post(&bo, path, body).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_path_is_told_the_same_to_everybody() {
    let node = Node::start(13).await;
    let bo = World::copy(&node.world.bo);
    for path in [
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v1/datasets/",
        "/V1/datasets",
        "//v1/datasets",
        "/v1//datasets",
        "/v1/datasets/../network",
        "/%761/datasets",
        "/v1/datasets%00",
        "/v1/access/x/records",
        "/access/v1",
        "/.env",
        "/metrics",
        "/problems/",
        "/problems/a/b",
        "/v1/%E2%80%AE",
        "/%ff",
    ] {
        let call = |head: String| format!("{head}connection: close\r\n\r\n");
        let bare = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n", node.authority);
        let bare = sent(&node, call(bare)).await;
        assert_eq!(told(&bare), ["404"], "{path}: {bare}");
        assert!(
            bare.contains("\"unknown-path\"") && bare.contains("application/problem+json"),
            "{bare}"
        );
        let signed = sent(&node, call(head(&node, &bo, ("GET", path), None))).await;
        assert_eq!(told(&signed), ["404"], "{path}: {signed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_asks_a_hundred_times_too_fast_costs_the_ledger_what_it_may() {
    let limits = Limits { rate_per_second: 1, burst: 10, ..Limits::default() };
    let mut node = Node::with(14, limits).await;
    node.world.granted(None, 0).await;
    let bo = World::copy(&node.world.bo);
    let size = |node: &Node| node.world.pdc.view(|view| view.log_size).unwrap();
    let before = size(&node);
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..100 {
        let (call, _) = node.world.call(&bo, Purpose::Marketing, None);
        let request = node.signed(&bo, "POST", "/v1/access", Some(&access_body(&call)));
        let answer = request.send().await.unwrap();
        if answer.status() == 429 {
            assert!(answer.headers().contains_key("retry-after"));
        }
        *seen.entry(answer.status().as_u16()).or_insert(0) += 1;
    }
    assert_eq!(seen, [(403, 10), (429, 90)].into());
    assert_eq!(size(&node) - before, 10);
    assert!(counted(&node, "secnet_http_problems_total{code=\"too-often\"} 90"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_beyond_every_number_lies_behind_the_end() {
    let mut node = Node::start(15).await;
    node.world.granted(None, 0).await;
    let bo = World::copy(&node.world.bo);
    let (call, _) = node.world.call(&bo, Purpose::Treatment, None);
    let answer = node.post(&bo, "/v1/access", &access_body(&call)).await;
    let length = bytes(&answer.body["records"][0]["ciphertext"]).len();
    let path = format!(
        "/v1/access/{}/records/{}",
        answer.body["request"].as_str().unwrap(),
        answer.body["records"][0]["record"].as_str().unwrap()
    );
    let huge = "9".repeat(30);
    for (range, status, sent) in [
        (format!("bytes=0-{huge}"), 206, Some(length)),
        (format!("bytes=-{huge}"), 206, Some(length)),
        (format!("bytes={huge}-"), 416, None),
        (format!("bytes={huge}-{huge}"), 416, None),
        (format!("bytes={}-", u64::MAX), 416, None),
        (format!("bytes=0-{}", u64::MAX), 206, Some(length)),
        // Of what is not one range nothing is taken.
        (format!("bytes={}", "0-1,".repeat(1000)), 200, Some(length)),
        ("bytes=0-1,0-1".into(), 200, Some(length)),
        ("bytes=--1".into(), 200, Some(length)),
        ("bytes=0x0-1".into(), 200, Some(length)),
        ("bytes= 0-1".into(), 200, Some(length)),
    ] {
        let request = node.signed(&bo, "GET", &path, None).header("range", &range);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{range}");
        if let Some(sent) = sent {
            assert_eq!(answer.bytes().await.unwrap().len(), sent, "{range}");
        }
    }
}
