//! Signed calls over HTTP, and what their answers mean here.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, Response, Url};
use secnet_app::ports::Clock as _;
use secnet_crypto::Address;
use secnet_gateway::{Call, CallSignature, sign_call};
use serde_json::{Value, json};

use super::answer::{Answer, read};
use super::connection::{http, why};
use super::wrong;
use crate::failure::{Exit, Failure};
use crate::keystore::Identity;
use crate::output::Output;
use crate::system::{SystemClock, random};

/// Longest JSON answer, in bytes: as many records as one request may cover, with what opens them.
const MAX_ANSWER_BYTES: u64 = 64 * 1024 * 1024;
/// Where a stream goes on.
const LAST_EVENT_ID: &str = "last-event-id";
/// How long a node is waited for.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// Until all of an ordinary answer is there, from the call on: a node that sends a byte now and then keeps nobody for ever.
    answer: Duration,
    /// Between two parts of what takes as long as it takes: downloads and streams of events.
    silence: Duration,
}

const PATIENCE: Patience =
    Patience { answer: Duration::from_secs(300), silence: Duration::from_secs(60) };
/// What is sent may be slow: a call with a body is given a second more for so many bytes.
const SLOWEST_UPLOAD_BYTES: u64 = 16 * 1024;

/// Of what kind an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// All of it is wanted before anything is done with it.
    Ordinary,
    /// A download, or a stream.
    Lasting,
}

/// A node at an address.
pub(crate) struct Client {
    http: reqwest::Client,
    /// Scheme, host and port.
    base: String,
    /// Host and port as the `Host` header has them.
    authority: String,
    print_curl: bool,
    patience: Patience,
    out: Output,
}

impl Client {
    pub(crate) fn new(
        url: &str,
        ca: Option<&[u8]>,
        print_curl: bool,
        out: Output,
    ) -> Result<Self, Failure> {
        let bad = |what: &str| {
            Failure::new("bad-url", format!("`{url}` {what}"))
                .hint("give scheme, host and port, such as http://127.0.0.1:8420")
                .exit(Exit::Usage)
        };
        let parsed = Url::parse(url).map_err(|error| bad("is no address").because(&error))?;
        let host = parsed.host_str().ok_or_else(|| bad("names no host"))?.to_owned();
        let plain = parsed.path() == "/" && parsed.query().is_none() && parsed.username() == "";
        if !matches!(parsed.scheme(), "http" | "https") || !plain || parsed.password().is_some() {
            return Err(bad("is not the address of a node"));
        }
        let authority = match parsed.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.clone(),
        };
        let http = http(&host, ca)?;
        let base = format!("{}://{authority}", parsed.scheme());
        Ok(Self { http, base, authority, print_curl, patience: PATIENCE, out })
    }

    /// Where the node is.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Are calls printed instead of made?
    pub(crate) fn prints(&self) -> bool {
        self.print_curl
    }

    /// Something that anybody may ask. It is asked even if calls are printed: what is signed depends on it.
    pub(crate) async fn open(&self, path: &str) -> Result<Value, Failure> {
        let request = self.http.get(format!("{}{path}", self.base)).timeout(self.patience.answer);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        self.json(response).await.map(|(_, value)| value)
    }

    /// Something that only a member may ask; asked even if calls are printed.
    pub(crate) async fn look(&self, who: &Identity, path: &str) -> Result<Value, Failure> {
        let response = self.send(who, "GET", path, None).await?;
        self.json(response).await.map(|(_, value)| value)
    }

    /// As [`Client::look`], for one of several answers that may be so long together; `left` is what the next ones may be.
    pub(crate) async fn look_within(
        &self,
        who: &Identity,
        path: &str,
        left: &mut u64,
    ) -> Result<Value, Failure> {
        let response = self.send(who, "GET", path, None).await?;
        let status = response.status().as_u16();
        let bytes = self.body(response, MAX_ANSWER_BYTES.min(*left)).await?;
        *left = left.saturating_sub(bytes.len() as u64);
        read(status, &bytes).map(|(_, value)| value)
    }

    /// The call that a verb is about.
    pub(crate) async fn call(
        &self,
        who: &Identity,
        path: &str,
        body: &Value,
    ) -> Result<Answer, Failure> {
        self.hand_in(who, "POST", path, Some(body)).await
    }

    /// Put something where it belongs.
    pub(crate) async fn put(
        &self,
        who: &Identity,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        self.hand_in(who, "PUT", path, body).await
    }

    async fn hand_in(
        &self,
        who: &Identity,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        let body = body.map(|body| serde_json::to_string(body).unwrap_or_default());
        if self.print_curl {
            self.print(who, method, path, body.as_deref(), "");
            return Ok(Answer::Printed);
        }
        let response = self.send(who, method, path, body).await?;
        let (status, value) = self.json(response).await?;
        Ok(if status == 202 { Answer::Accepted(value) } else { Answer::Done(value) })
    }

    /// What a verb is to show; nothing if the call was printed.
    pub(crate) async fn show(&self, who: &Identity, path: &str) -> Result<Option<Value>, Failure> {
        if self.print_curl {
            self.print(who, "GET", path, None, "");
            return Ok(None);
        }
        self.look(who, path).await.map(Some)
    }

    /// Take something away; false if the call was printed.
    pub(crate) async fn remove(&self, who: &Identity, path: &str) -> Result<bool, Failure> {
        if self.print_curl {
            self.print(who, "DELETE", path, None, "");
            return Ok(false);
        }
        let response = self.send(who, "DELETE", path, None).await?;
        self.json(response).await.map(|_| true)
    }

    /// Bytes, at most so many; nothing if the call was printed.
    pub(crate) async fn fetch(
        &self,
        who: &Identity,
        path: &str,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, Failure> {
        if self.print_curl {
            self.print(who, "GET", path, None, "");
            return Ok(None);
        }
        let response = self.send(who, "GET", path, None).await?;
        if !response.status().is_success() {
            return self.json(response).await.map(|_| None);
        }
        self.body(response, limit).await.map(Some)
    }

    /// Bytes, exactly so many.
    pub(crate) async fn download(
        &self,
        who: &Identity,
        path: &str,
        length: u64,
    ) -> Result<Vec<u8>, Failure> {
        let response = self.send_typed(who, "GET", path, None, Kind::Lasting, None).await?;
        if !response.status().is_success() {
            return self.json(response).await.map(|_| Vec::new());
        }
        let bytes = self.body(response, length).await?;
        if bytes.len() as u64 == length {
            return Ok(bytes);
        }
        Err(Failure::new("bad-answer", "the node sent less than it announced")
            .hint("send the request again with --request")
            .exit(Exit::Unreachable))
    }

    /// Ciphertext that a later call points at.
    pub(crate) async fn send_segment(
        &self,
        who: &Identity,
        address: Address,
        bytes: Vec<u8>,
    ) -> Result<(), Failure> {
        let path = format!("/v1/segments/{address}");
        let body = (Bytes::from(bytes), "application/octet-stream");
        let response = self.send_typed(who, "PUT", &path, Some(body), Kind::Ordinary, None).await?;
        self.json(response).await.map(drop)
    }

    /// A stream of events from after this one on, to be read with [`Client::more`].
    pub(crate) async fn stream(
        &self,
        who: &Identity,
        path: &str,
        after: Option<u64>,
    ) -> Result<Response, Failure> {
        let response = self.send_typed(who, "GET", path, None, Kind::Lasting, after).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let said = self.json(response).await.map(|(status, _)| status)?;
        Err(Failure::new("bad-answer", format!("the node answered {said}"))
            .exit(Exit::Verification))
    }

    /// What comes next of a stream; nothing when it is over.
    pub(crate) async fn more(&self, stream: &mut Response) -> Result<Option<Bytes>, Failure> {
        match tokio::time::timeout(self.patience.silence, stream.chunk()).await {
            Ok(more) => more.map_err(|error| self.unreachable(&error)),
            Err(_) => Err(self.silent()),
        }
    }

    /// The call that opens a stream, as a command for a shell.
    pub(crate) fn print_stream(&self, who: &Identity, path: &str, after: Option<u64>) {
        let after = after.map(|after| format!(" -H '{LAST_EVENT_ID}: {after}'"));
        self.print(who, "GET", path, None, &format!(" -N{}", after.unwrap_or_default()));
    }

    async fn send(
        &self,
        who: &Identity,
        method: &str,
        path: &str,
        body: Option<String>,
    ) -> Result<Response, Failure> {
        let body = body.map(|body| (Bytes::from(body), "application/json"));
        self.send_typed(who, method, path, body, Kind::Ordinary, None).await
    }

    async fn send_typed(
        &self,
        who: &Identity,
        method: &str,
        path: &str,
        body: Option<(Bytes, &'static str)>,
        kind: Kind,
        after: Option<u64>,
    ) -> Result<Response, Failure> {
        let signature = self.sign(who, method, path, body.as_ref().map(|(body, _)| body.as_ref()));
        let method = Method::from_bytes(method.as_bytes()).map_err(|error| wrong(&error))?;
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header("signature-input", signature.input)
            .header("signature", signature.signature);
        if let Some(digest) = signature.content_digest {
            request = request.header("content-digest", digest);
        }
        if let Some(after) = after {
            request = request.header(LAST_EVENT_ID, after);
        }
        let mut answer = self.patience.answer;
        if let Some((body, of)) = body {
            let sending = Duration::from_secs((body.len() as u64).div_ceil(SLOWEST_UPLOAD_BYTES));
            answer = answer.saturating_add(sending);
            request = request.header("content-type", of).body(body);
        }
        let answered = match kind {
            Kind::Ordinary => request.timeout(answer).send().await,
            Kind::Lasting => {
                match tokio::time::timeout(self.patience.silence, request.send()).await {
                    Ok(answered) => answered,
                    Err(_) => return Err(self.silent()),
                }
            }
        };
        answered.map_err(|error| self.unreachable(&error))
    }

    fn sign(&self, who: &Identity, method: &str, path: &str, body: Option<&[u8]>) -> CallSignature {
        let (only_path, query) = path.split_once('?').unwrap_or((path, ""));
        let call = Call { method, authority: &self.authority, path: only_path, query, body };
        let own = who.signing.verifying_key().to_did_key() == who.card.did;
        sign_call(&call, who.member(), own, &who.signing, (SystemClock.now(), random()))
    }

    /// The call as a command for a shell. Nothing in it has a single quote: JSON of ids and base64, and structured fields.
    fn print(&self, who: &Identity, method: &str, path: &str, body: Option<&str>, more: &str) {
        let signature = self.sign(who, method, path, body.map(str::as_bytes));
        let mut line = format!(
            "curl{more} -X {method} '{}{path}' -H 'signature-input: {}' -H 'signature: {}'",
            self.base, signature.input, signature.signature,
        );
        if let (Some(body), Some(digest)) = (body, signature.content_digest) {
            line.push_str(&format!(
                " -H 'content-type: application/json' -H 'content-digest: {digest}' \
                 --data-binary '{body}'"
            ));
        }
        self.out.result(&json!({ "curl": line }), |_| line.clone());
    }

    /// The answer, if it is a good one.
    async fn json(&self, response: Response) -> Result<(u16, Value), Failure> {
        let status = response.status().as_u16();
        let bytes = self.body(response, MAX_ANSWER_BYTES).await?;
        read(status, &bytes)
    }

    /// The body, at most `limit` bytes of it.
    async fn body(&self, mut response: Response, limit: u64) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.more(&mut response).await? {
            if (bytes.len() as u64).saturating_add(chunk.len() as u64) > limit {
                return Err(Failure::new("bad-answer", "the node's answer is too long")
                    .hint("is there a SecNet node of this version at the address?")
                    .exit(Exit::Verification));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn silent(&self) -> Failure {
        Failure::new("unreachable", format!("the node at {} does not answer in time", self.base))
            .hint("try again later; what was handed in may be done all the same")
            .exit(Exit::Unreachable)
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        if error.is_timeout() && !error.is_connect() {
            return self.silent().because(error);
        }
        let hint = if why(error).contains("certificate") {
            "`--ca FILE` trusts a certificate that is not in the system's list; is this the name that it has?"
        } else {
            "is it running, and is this its address?"
        };
        Failure::new("unreachable", format!("the node at {} cannot be reached", self.base))
            .because(error)
            .hint(hint)
            .exit(Exit::Unreachable)
    }
}

#[cfg(test)]
mod tests;
