//! Connections: TLS and its reload, names that the node answers to, those that say nothing, and what is counted of all.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::{Certificate, StatusCode};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secnet_gateway::*;
use secnet_types::Purpose;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::client::{Node, access_body};
use crate::world::World;

const FIRST: (&[u8], &[u8]) = (include_bytes!("tls/first.pem"), include_bytes!("tls/first.key"));
const SECOND: (&[u8], &[u8]) = (include_bytes!("tls/second.pem"), include_bytes!("tls/second.key"));

fn config((certificate, key): (&[u8], &[u8])) -> Arc<ServerConfig> {
    let chain = CertificateDer::pem_slice_iter(certificate).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    Arc::new(builder.with_single_cert(chain, key).unwrap())
}

/// A door with its gateway, on a port of its own.
async fn door(gateway: Arc<Gateway>, tls: Option<Tls>) -> (SocketAddr, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let serving = Serving { connections: 64, tls, metrics: Arc::clone(&gateway.metrics) };
    tokio::spawn(serve_with(listener, router(gateway), serving, stopped));
    (address, stop)
}

async fn gateway(seed: u64) -> Gateway {
    Gateway::new(Arc::clone(&World::new(seed).await.pdc), Limits::default())
}

fn trusting(certificate: &[u8]) -> reqwest::Client {
    rustls::crypto::ring::default_provider().install_default().ok();
    let trusted = Certificate::from_pem(certificate).unwrap();
    reqwest::Client::builder().no_proxy().tls_certs_only([trusted]).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_with_the_newest_certificate_and_nothing_else_is() {
    let gateway = Arc::new(gateway(301).await);
    let tls = watch::Sender::new(config(FIRST));
    let (address, _stop) = door(Arc::clone(&gateway), Some(tls.subscribe())).await;
    let url = format!("https://{address}/healthz");
    assert_eq!(trusting(FIRST.0).get(&url).send().await.unwrap().status(), StatusCode::OK);
    assert!(trusting(SECOND.0).get(&url).send().await.is_err());
    tls.send_replace(config(SECOND));
    assert_eq!(trusting(SECOND.0).get(&url).send().await.unwrap().status(), StatusCode::OK);
    assert!(trusting(FIRST.0).get(&url).send().await.is_err());

    // Plain HTTP is no handshake.
    let plain = trusting(FIRST.0).get(format!("http://{address}/healthz")).send().await;
    assert!(plain.is_err() || plain.unwrap().status() == StatusCode::BAD_REQUEST);
    let text = gateway.metrics.text(&[]);
    assert!(text.contains("secnet_connections_closed_total{why=\"handshake\"} "), "{text}");
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_not_waited_for() {
    let gateway = Arc::new(gateway(302).await);
    let (address, _stop) = door(Arc::clone(&gateway), None).await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    assert_eq!(silent.read(&mut [0; 16]).await.unwrap(), 0, "closed");
    let text = gateway.metrics.text(&[]);
    assert!(text.contains("secnet_connections_closed_total{why=\"silent\"} 1"), "{text}");
}

/// The status of a call whose head is just this.
async fn raw(address: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_to_another_name_is_refused() {
    let gateway = gateway(303).await.answering_to(["Node.example".into(), "localhost:1".into()]);
    let (address, _stop) = door(Arc::new(gateway), None).await;
    let get = |path: &str, hosts: &[&str]| {
        let hosts: String = hosts.iter().map(|host| format!("host: {host}\r\n")).collect();
        format!("GET {path} HTTP/1.1\r\n{hosts}connection: close\r\n\r\n")
    };
    for (hosts, status) in [
        (&["node.example"][..], "200"),
        (&["NODE.EXAMPLE"], "200"),
        (&["localhost:1"], "200"),
        (&["localhost"], "421"),
        (&["node.example.evil"], "421"),
        (&["node.example", "node.example"], "421"),
        (&[], "421"),
    ] {
        assert_eq!(raw(address, &get("/v1/network", hosts)).await, status, "{hosts:?}");
    }
    // Load balancers ask by address.
    assert_eq!(raw(address, &get("/healthz", &["10.0.0.1"])).await, "200");
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_and_problems_are_counted_by_route() {
    let mut node = Node::start(304).await;
    node.world.granted(None, 0).await;
    let bo = World::copy(&node.world.bo);
    for purpose in [Purpose::Treatment, Purpose::Marketing] {
        let (call, _) = node.world.call(&bo, purpose, None);
        node.post(&bo, "/v1/access", &access_body(&call)).await;
    }
    assert_eq!(node.bare("GET", "/v1/datasets").send().await.unwrap().status(), 401);
    assert_eq!(node.bare("GET", "/secret-path").send().await.unwrap().status(), 404);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(serve(listener, metrics_router(Arc::clone(&node.gateway)), 4, stopped));
    let text = node.http.get(format!("http://{address}/metrics")).send().await.unwrap();
    let text = text.text().await.unwrap();
    for line in [
        "secnet_decisions_total{verdict=\"allow\",reason=\"\"} 1",
        "secnet_decisions_total{verdict=\"deny\",reason=\"consent\"} 1",
        "secnet_http_problems_total{code=\"denied\"} 1",
        "secnet_http_problems_total{code=\"unauthenticated\"} 1",
        "secnet_http_problems_total{code=\"unknown-path\"} 1",
        "secnet_http_answers_total{method=\"POST\",route=\"/v1/access\",status=\"200\"} 1",
        "secnet_http_answers_total{method=\"GET\",route=\"unknown\",status=\"404\"} 1",
    ] {
        assert!(text.lines().any(|there| there == line), "{line} is not in\n{text}");
    }
    assert!(text.contains("\nsecnet_ledger_height "));
    // Nothing that a caller wrote, and nobody.
    assert!(!text.contains("secret-path") && !text.contains("snid1"));
    // The doors of members do not tell it.
    assert_eq!(node.bare("GET", "/metrics").send().await.unwrap().status(), 404);
}
