//! One client with one kept-alive connection, in this process: for calls that are few, or whose answers are looked at.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use secnet_gateway::{Call, sign_call};
use tokio::net::TcpStream;

use super::super::{broken, wrong};
use crate::failure::Failure;
use crate::keystore::Identity;
use crate::system::{SystemClock, random};
use secnet_app::ports::Clock as _;

/// A connection to the node.
pub(super) struct Client {
    authority: String,
    sender: SendRequest<Full<Bytes>>,
    /// Of an open session.
    token: Option<String>,
}

impl Client {
    pub(super) async fn connect(authority: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(authority).await.map_err(|e| broken("a connection", &e))?;
        stream.set_nodelay(true).map_err(|e| broken("a connection", &e))?;
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|e| broken("a connection", &e))?;
        tokio::spawn(connection);
        Ok(Self { authority: authority.to_owned(), sender, token: None })
    }

    /// As [`Client::connect`], for calls in a session.
    pub(super) async fn in_session(authority: &str, token: &str) -> Result<Self, Failure> {
        let mut client = Self::connect(authority).await?;
        client.token = Some(token.to_owned());
        Ok(client)
    }

    /// Open a session with a signed call; its token. `own_key`: not with a key that was delegated on the ledger.
    pub(super) async fn log_in(
        &mut self,
        who: &Identity,
        own_key: bool,
    ) -> Result<String, Failure> {
        let path = "/v1/sessions";
        let call = Call { method: "POST", authority: &self.authority, path, query: "", body: None };
        let at = (SystemClock.now(), random());
        let signature = sign_call(&call, who.member(), own_key, &who.signing, at);
        let request = Request::post(path)
            .header("host", &self.authority)
            .header("signature-input", signature.input)
            .header("signature", signature.signature)
            .body(Full::default());
        let request = request.map_err(|e| broken("a call", &e))?;
        let (status, body) = whole(self.send(request).await?).await?;
        let opened: serde_json::Value =
            serde_json::from_slice(&body).map_err(|e| broken("the answer", &e))?;
        let token = opened.get("token").and_then(serde_json::Value::as_str);
        match (status, token) {
            (StatusCode::CREATED, Some(token)) => {
                self.token = Some(token.to_owned());
                Ok(token.to_owned())
            }
            (status, _) => Err(wrong(format!("a session was answered {status}: {opened}"))),
        }
    }

    /// A call in the session, if there is one; its answer, read whole.
    pub(super) async fn call(
        &mut self,
        method: &str,
        path: &str,
        body: Option<String>,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let mut request = Request::builder().method(method).uri(path);
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        whole(self.ask(request, body.unwrap_or_default()).await?).await
    }

    /// A call whose answer is read as it comes.
    pub(super) async fn open(&mut self, path: &str) -> Result<Response<Incoming>, Failure> {
        self.ask(Request::builder().method("GET").uri(path), String::new()).await
    }

    /// A call for the first byte only.
    pub(super) async fn first_byte(&mut self, path: &str) -> Result<(StatusCode, Bytes), Failure> {
        let request = Request::builder().method("GET").uri(path).header("range", "bytes=0-0");
        whole(self.ask(request, String::new()).await?).await
    }

    async fn ask(
        &mut self,
        request: hyper::http::request::Builder,
        body: String,
    ) -> Result<Response<Incoming>, Failure> {
        let mut request = request.header("host", &self.authority);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.send(request.body(Full::from(body)).map_err(|e| broken("a call", &e))?).await
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failure> {
        self.sender.ready().await.map_err(|e| broken("a call", &e))?;
        self.sender.send_request(request).await.map_err(|e| broken("a call", &e))
    }
}

async fn whole(answer: Response<Incoming>) -> Result<(StatusCode, Bytes), Failure> {
    let status = answer.status();
    let body = answer.into_body().collect().await.map_err(|e| broken("an answer", &e))?;
    Ok((status, body.to_bytes()))
}
