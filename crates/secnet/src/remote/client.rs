//! Signed calls over HTTP, and what their answers mean here.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, Response, StatusCode};
use secnet_app::ports::Clock as _;
use secnet_crypto::Address;
use secnet_gateway::{Call, CallSignature, sign_call};
use serde_json::{Value, json};

use super::answer::{Answer, read};
use super::connection::why;
use super::door::{At, Elsewhere};
use super::wrong;
use crate::failure::{Exit, Failure};
use crate::keystore::Identity;
use crate::output::Output;
use crate::system::{SystemClock, random};

/// Longest problem that a node answers, in bytes.
const MAX_PROBLEM_BYTES: u64 = 64 * 1024;
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

/// A node at an address; or the one at the door that it has sent a call on to, once that was checked.
pub(crate) struct Client {
    pub(super) first: At,
    /// Where the dataset is that is asked about, if that is elsewhere.
    pub(super) other: OnceLock<At>,
    /// The certificates that are trusted, if not the system's.
    pub(super) ca: Option<Vec<u8>>,
    print_curl: bool,
    patience: Patience,
    pub(super) out: Output,
}

impl Client {
    pub(crate) fn new(
        url: &str,
        ca: Option<&[u8]>,
        print_curl: bool,
        out: Output,
    ) -> Result<Self, Failure> {
        let first = At::parse(url, ca)?;
        let (other, ca) = (OnceLock::new(), ca.map(<[u8]>::to_vec));
        Ok(Self { first, other, ca, print_curl, patience: PATIENCE, out })
    }

    /// Whom calls go to now.
    fn at(&self) -> &At {
        self.other.get().unwrap_or(&self.first)
    }

    /// Where the node is.
    pub(crate) fn base(&self) -> &str {
        &self.at().base
    }

    /// Are calls printed instead of made?
    pub(crate) fn prints(&self) -> bool {
        self.print_curl
    }

    /// Something that anybody may ask. It is asked even if calls are printed: what is signed depends on it.
    pub(crate) async fn open(&self, path: &str) -> Result<Value, Failure> {
        self.open_at(self.at(), path).await
    }

    /// The same, at this very node.
    pub(super) async fn open_at(&self, at: &At, path: &str) -> Result<Value, Failure> {
        let request = at.http.get(format!("{}{path}", at.base)).timeout(self.patience.answer);
        let response = request.send().await.map_err(|error| unreachable(at, &error))?;
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
            Ok(more) => more.map_err(|error| unreachable(self.at(), &error)),
            Err(_) => Err(silent(self.at())),
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

    /// Send a call. If it is about a dataset that is elsewhere, it is sent once more: to the door there, which is checked before, and
    /// signed anew for it. From then on calls go there, and nowhere else.
    async fn send_typed(
        &self,
        who: &Identity,
        method: &str,
        path: &str,
        body: Option<(Bytes, &'static str)>,
        kind: Kind,
        after: Option<u64>,
    ) -> Result<Response, Failure> {
        let call = (method, path, body.clone());
        let response = self.send_once(self.at(), who, call, kind, after).await?;
        if response.status() != StatusCode::MISDIRECTED_REQUEST {
            return Ok(response);
        }
        let told = self.body(response, MAX_PROBLEM_BYTES).await?;
        let refused = match read(StatusCode::MISDIRECTED_REQUEST.as_u16(), &told) {
            Ok(_) => Failure::new("bad-answer", "the node answered 421"),
            Err(failure) => failure,
        };
        let elsewhere = Elsewhere::in_problem(&told).filter(|_| self.other.get().is_none());
        let Some(elsewhere) = elsewhere else { return Err(refused) };
        let door = self.checked(who, &elsewhere).await?;
        self.out.say(&format!(
            "{} is at the data centre of {}: asking its door at {}",
            elsewhere.dataset, elsewhere.member, door.base
        ));
        let door = self.other.get_or_init(|| door);
        self.send_once(door, who, (method, path, body), kind, after).await
    }

    pub(super) async fn look_at(
        &self,
        at: &At,
        who: &Identity,
        path: &str,
    ) -> Result<Value, Failure> {
        let response = self.send_once(at, who, ("GET", path, None), Kind::Ordinary, None).await?;
        self.json(response).await.map(|(_, value)| value)
    }

    async fn send_once(
        &self,
        at: &At,
        who: &Identity,
        (method, path, body): (&str, &str, Option<(Bytes, &'static str)>),
        kind: Kind,
        after: Option<u64>,
    ) -> Result<Response, Failure> {
        let bytes = body.as_ref().map(|(body, _)| body.as_ref());
        let signature = sign(at, who, method, path, bytes);
        let method = Method::from_bytes(method.as_bytes()).map_err(|error| wrong(&error))?;
        let mut request = at
            .http
            .request(method, format!("{}{path}", at.base))
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
                    Err(_) => return Err(silent(at)),
                }
            }
        };
        answered.map_err(|error| unreachable(at, &error))
    }

    /// The call as a command for a shell. Nothing in it has a single quote: JSON of ids and base64, and structured fields.
    fn print(&self, who: &Identity, method: &str, path: &str, body: Option<&str>, more: &str) {
        let signature = sign(self.at(), who, method, path, body.map(str::as_bytes));
        let mut line = format!(
            "curl{more} -X {method} '{}{path}' -H 'signature-input: {}' -H 'signature: {}'",
            self.base(),
            signature.input,
            signature.signature,
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
}

fn sign(at: &At, who: &Identity, method: &str, path: &str, body: Option<&[u8]>) -> CallSignature {
    let (only_path, query) = path.split_once('?').unwrap_or((path, ""));
    let call = Call { method, authority: &at.authority, path: only_path, query, body };
    let own = who.signing.verifying_key().to_did_key() == who.card.did;
    sign_call(&call, who.member(), own, &who.signing, (SystemClock.now(), random()))
}

fn silent(at: &At) -> Failure {
    Failure::new("unreachable", format!("the node at {} does not answer in time", at.base))
        .hint("try again later; what was handed in may be done all the same")
        .exit(Exit::Unreachable)
}

fn unreachable(at: &At, error: &reqwest::Error) -> Failure {
    if error.is_timeout() && !error.is_connect() {
        return silent(at).because(error);
    }
    let hint = if why(error).contains("certificate") {
        "`--ca FILE` trusts a certificate that is not in the system's list; is this the name that it has?"
    } else {
        "is it running, and is this its address?"
    };
    Failure::new("unreachable", format!("the node at {} cannot be reached", at.base))
        .because(error)
        .hint(hint)
        .exit(Exit::Unreachable)
}

#[cfg(test)]
mod tests;
