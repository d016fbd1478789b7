//! A node that does not tell the truth: what the command line believes of it.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::support::{Place, Run, Running, command, files, finish};

/// What becomes of an answer: of its path, its status and what it says.
type Lie = fn(&str, &mut u16, &mut Value);

/// Where the honest node is, and what becomes of what it says.
struct Told {
    node: SocketAddr,
    lie: Mutex<Lie>,
}

/// An honest node, and what stands in front of it and changes its answers.
struct Liar {
    place: Place,
    dataset: String,
    url: String,
    told: Arc<Told>,
    _node: Running,
    _liar: Runtime,
}

impl Liar {
    /// Hal has been granted laboratory results for treatment, and Rita for research.
    fn start() -> Self {
        // Whoever installed one first has installed the same.
        drop(rustls::crypto::ring::default_provider().install_default());
        let place = Place::demo();
        let dataset = place.dataset();
        // New members: the guard may still hold what Dr. Bo does after the demo's bursts.
        for name in ["hal", "rita"] {
            place.run(&["id", "new", name, "--by", "city-hospital"]).ok();
        }
        place.run(&["wallet", "issue", "hal", "10"]).ok();
        let grant =
            ["grant", &dataset, "--as", "ada", "--price", "0.25", "--category", "laboratory"];
        place.run(&[&grant[..], &["--to", "hal", "--purpose", "treatment"]].concat()).ok();
        place.run(&[&grant[..], &["--to", "rita", "--purpose", "research"]].concat()).ok();
        let liar = Runtime::new().unwrap();
        let bound = liar.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = bound.local_addr().unwrap();
        // The same port of another address of this machine is as free as this one.
        let node = SocketAddr::from(([127, 77, 0, 1], address.port()));
        let mut up = command(place.root());
        up.args(["--dir", "d", "--json", "up", "--listen", &node.to_string()]);
        up.args(["--set", &format!("authorities={address}")]).stdout(Stdio::piped());
        let mut up = Running(up.spawn().unwrap());
        let mut said = String::new();
        BufReader::new(up.0.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert!(said.contains("url"), "{said}");
        let told = Arc::new(Told { node, lie: Mutex::new(|_, _, _| ()) });
        let door = Router::new().fallback(answer).with_state(Arc::clone(&told));
        liar.spawn(async move { axum::serve(bound, door).await });
        let url = format!("http://{address}");
        Self { place, dataset, url, told, _node: up, _liar: liar }
    }

    fn lies(&self, lie: Lie) {
        *self.told.lie.lock().unwrap() = lie;
    }

    fn run(&self, args: &[&str]) -> Run {
        let mut run = command(self.place.root());
        finish(run.args(["--dir", "d", "--json"]).args(args).args(["--url", &self.url]))
    }

    fn get(&self, who: &str, more: &[&str]) -> Run {
        let get = ["get", &self.dataset, "--as", who, "--max-price", "0.25"];
        self.run(&[&get[..], &READ, more].concat())
    }

    /// The same request again, from a node that tells the truth.
    fn again(&self, who: &str, failed: &Run) -> Run {
        self.lies(|_, _, _| ());
        let request = failed.error()["request"].as_str().unwrap().to_owned();
        self.run(&["get", "--as", who, "--request", &request])
    }

    fn under_way(&self) -> usize {
        let names = files(&self.place.path("d/keys")).into_keys();
        names.filter(|path| path.extension().is_some_and(|it| it == "request")).count()
    }

    fn balance(&self) -> Value {
        self.run(&["wallet", "--as", "hal"]).ok().json()["balance"].clone()
    }
}

async fn honest(node: SocketAddr, path: &str, head: Parts, body: Body) -> (u16, Value) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let sent = http
        .request(head.method, format!("http://{node}{path}"))
        .headers(head.headers)
        .body(to_bytes(body, usize::MAX).await.unwrap());
    let honest = sent.send().await.unwrap();
    let (status, body) = (honest.status().as_u16(), honest.bytes().await.unwrap());
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

async fn answer(State(told): State<Arc<Told>>, call: Request) -> Response {
    let (head, body) = call.into_parts();
    let path = head.uri.path_and_query().unwrap().to_string();
    // Long lists are made up whole.
    let (mut status, mut said) =
        match path.starts_with("/v1/history?") || path.starts_with("/v1/rules?") {
            true => (200, Value::Null),
            false => honest(told.node, &path, head, body).await,
        };
    let lie = *told.lie.lock().unwrap();
    lie(&path, &mut status, &mut said);
    Response::builder().status(status).body(Body::from(said.to_string())).unwrap()
}

const READ: [&str; 4] = ["--purpose", "treatment", "--category", "laboratory"];

#[test]
fn what_a_node_says_of_a_request_counts_as_far_as_the_receipt_says_it() {
    let liar = Liar::start();
    let before = liar.under_way();
    liar.lies(|path, _, said| {
        if path == "/v1/access" {
            said["price"] = json!("0");
            said["decision"] = said["request"].clone();
        }
    });
    let got = liar.get("hal", &["--receipt", "r"]).ok().json();
    let proof = ["receipt", "verify", "r", "--genesis", "d/genesis.cbor", "--json"];
    let proof = finish(command(liar.place.root()).args(proof)).ok().json();
    assert_eq!(proof["effects"][0]["decision"], got["decision"]);
    assert_eq!((&proof["outcome"]["price"], &got["price"]), (&json!("0.25"), &json!("0.25")));

    // One record of those that were paid for; the others have not been lost with it.
    liar.lies(|path, _, said| {
        if path == "/v1/access" {
            said["records"].as_array_mut().unwrap().truncate(1);
        }
    });
    let some = liar.get("hal", &[]);
    assert_eq!((some.code, some.error()["code"].as_str()), (7, Some("bad-answer")), "{some:?}");
    let paid = liar.balance();
    let all = liar.again("hal", &some).ok().json();
    assert_eq!(all["records"].as_array().unwrap().len(), got["records"].as_array().unwrap().len());
    assert_eq!(liar.balance(), paid);

    // What was allowed and paid, told as a denial.
    liar.lies(|path, status, said| {
        if path == "/v1/access" {
            *status = 403;
            *said = json!({ "code": "denied", "detail": "no", "hint": "no", "refusal": {
                "decision": said["decision"], "reason": "consent", "remedy": "no", "receipt": said["receipt"] } });
        }
    });
    let denied = liar.get("hal", &[]);
    assert_eq!((denied.code, denied.error()["code"].as_str()), (7, Some("no-proof")), "{denied:?}");
    liar.again("hal", &denied).ok();

    // A denial, told as a release of nothing.
    liar.lies(|path, status, said| {
        if let Some(refusal) = said.get("refusal").filter(|_| path == "/v1/access") {
            (*status, *said) = (200, json!({ "receipt": refusal["receipt"], "decision": refusal["decision"], "price": "0", "records": [] }));
        }
    });
    let nothing = liar.get("rita", &[]);
    assert_eq!((nothing.code, nothing.error()["code"].as_str()), (7, Some("no-proof")));
    assert_eq!(liar.again("rita", &nothing).code, 3);
    assert_eq!(liar.under_way(), before, "what is over is not kept");
}

#[test]
fn a_list_that_does_not_come_to_an_end_is_not_read_for_ever() {
    let liar = Liar::start();
    // Further back with every page, and never there.
    liar.lies(|path, _, said| {
        if let Some((_, query)) = path.split_once("/v1/history?") {
            let before = query.split("before=").nth(1).map_or(u64::MAX, |at| at.parse().unwrap());
            *said = json!({ "attempts": [], "summaries": [], "before": before - 1 });
        }
        if path.starts_with("/v1/rules?") {
            *said = json!({ "rules": [], "next": "snrule1q" });
        }
    });
    for endless in [&["log", "--as", "ada"][..], &["rules", "ls", "--as", "ada"]] {
        let run = liar.run(endless);
        assert_eq!((run.code, run.error()["code"].as_str()), (7, Some("bad-answer")), "{run:?}");
        assert!(run.error()["message"].as_str().unwrap().contains("an end"), "{run:?}");
    }
}
