//! A client as a program would have one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::{Method, Response, StatusCode};
use secnet_app::AccessCall;
use secnet_gateway::*;
use secnet_types::{Signer, Timestamp};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::world::{Person, World};

/// A node that serves, and the world behind it.
pub(crate) struct Node {
    pub(crate) world: World,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) authority: String,
    pub(crate) http: reqwest::Client,
    nonce: AtomicU64,
    stop: watch::Sender<bool>,
}

pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Node {
    pub(crate) async fn start(seed: u64) -> Self {
        Self::with(seed, Limits::default()).await
    }

    pub(crate) async fn with(seed: u64, limits: Limits) -> Self {
        Self::made(seed, limits, |gateway| gateway).await
    }

    pub(crate) async fn made(
        seed: u64,
        limits: Limits,
        make: impl FnOnce(Gateway) -> Gateway,
    ) -> Self {
        let world = World::new(seed).await;
        let gateway = Arc::new(make(Gateway::new(Arc::clone(&world.pdc), limits)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let (stop, stopped) = watch::channel(false);
        let metrics = Arc::clone(&gateway.metrics);
        let serving = Serving { connections: limits.connections, tls: None, metrics };
        tokio::spawn(serve_with(listener, router(Arc::clone(&gateway)), serving, stopped));
        // Nothing here speaks TLS, but the client wants a provider all the same; another test may have been first.
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { world, gateway, authority, http, nonce: AtomicU64::new(1), stop }
    }

    pub(crate) fn nonce(&self) -> [u8; 16] {
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&self.nonce.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        nonce
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.world.clock_now()
    }

    /// A call without any proof of who makes it.
    pub(crate) fn bare(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.http.request(method, format!("http://{}{path}", self.authority))
    }

    /// A signed call.
    pub(crate) fn signed(
        &self,
        who: &Person,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::RequestBuilder {
        self.signed_by((who, who.key.as_ref()), method, path, body)
    }

    /// A call signed with another key of the member's.
    pub(crate) fn signed_by(
        &self,
        (who, key): (&Person, &dyn Signer),
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::RequestBuilder {
        let body = body.map(|body| serde_json::to_vec(body).unwrap());
        let (only_path, query) = path.split_once('?').unwrap_or((path, ""));
        let call = Call {
            method,
            authority: &self.authority,
            path: only_path,
            query,
            body: body.as_deref(),
        };
        let own = key.public_key() == *who.key.verifying_key().as_bytes();
        let signature = sign_call(&call, who.id, own, key, (self.now(), self.nonce()));
        let mut request = self
            .bare(method, path)
            .header("signature-input", signature.input)
            .header("signature", signature.signature);
        if let Some(digest) = signature.content_digest {
            request = request.header("content-digest", digest);
        }
        match body {
            Some(body) => request.header("content-type", "application/json").body(body),
            None => request,
        }
    }

    pub(crate) async fn get(&self, who: &Person, path: &str) -> Got {
        answer(self.signed(who, "GET", path, None).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, who: &Person, path: &str, body: &Value) -> Got {
        answer(self.signed(who, "POST", path, Some(body)).send().await.unwrap()).await
    }

    /// Stop, gracefully.
    pub(crate) fn stop(&self) {
        self.stop.send(true).unwrap();
    }
}

pub(crate) async fn answer(response: Response) -> Got {
    let status = response.status();
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Got { status, body, text }
}

/// Base64url without padding.
pub(crate) fn b64(bytes: &[u8]) -> String {
    const SIGNS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut bits = 0_u32;
        for at in 0..3 {
            bits = bits << 8 | u32::from(chunk.get(at).copied().unwrap_or(0));
        }
        for at in 0..=chunk.len() {
            text.push(char::from(SIGNS[(bits >> (18 - 6 * at) & 63) as usize]));
        }
    }
    text
}

pub(crate) fn bytes(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    let value = |sign: u8| match sign {
        b'A'..=b'Z' => sign - b'A',
        b'a'..=b'z' => sign - b'a' + 26,
        b'0'..=b'9' => sign - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => panic!("{text}"),
    };
    let mut bytes = Vec::new();
    for chunk in text.as_bytes().chunks(4) {
        let bits = chunk.iter().fold(0_u32, |bits, sign| bits << 6 | u32::from(value(*sign)));
        let bits = bits << (6 * (4 - chunk.len()));
        bytes.extend(&bits.to_be_bytes()[1..chunk.len()]);
    }
    bytes
}

pub(crate) fn access_body(call: &AccessCall) -> Value {
    json!({
        "request": b64(&call.request), "detail": b64(&call.detail),
        "receiving_key": b64(&call.receiving_key), "inline": true,
    })
}
