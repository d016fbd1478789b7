//! One client with one kept-alive connection, as lean as can be: what is measured is the node.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use secnet_gateway::{Call, sign_call};
use secnet_types::MemberId;
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

    /// Open a session with a signed call.
    pub(super) async fn log_in(&mut self, who: &Identity) -> Result<(), Failure> {
        let path = "/v1/sessions";
        let call = Call { method: "POST", authority: &self.authority, path, query: "", body: None };
        let at = (SystemClock.now(), random());
        let member: MemberId = who.member();
        let signature = sign_call(&call, member, true, &who.signing, at);
        let request = Request::post(path)
            .header("host", &self.authority)
            .header("signature-input", signature.input)
            .header("signature", signature.signature)
            .body(Full::default());
        let request = request.map_err(|e| broken("a call", &e))?;
        let (status, body) = self.send(request).await?;
        let opened: serde_json::Value =
            serde_json::from_slice(&body).map_err(|e| broken("the answer", &e))?;
        let token = opened.get("token").and_then(serde_json::Value::as_str);
        self.token = token.map(str::to_owned);
        match status {
            StatusCode::CREATED => Ok(()),
            status => Err(wrong(format!("a session was answered {status}: {opened}"))),
        }
    }

    /// A call in the session, if there is one; its answer, read whole.
    pub(super) async fn call(
        &mut self,
        method: &str,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("host", &self.authority);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(Full::from(body.unwrap_or_default()));
        let request = request.map_err(|e| broken("a call", &e))?;
        self.send(request).await
    }

    async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), Failure> {
        self.sender.ready().await.map_err(|e| broken("a call", &e))?;
        let answer = self.sender.send_request(request).await.map_err(|e| broken("a call", &e))?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|e| broken("an answer", &e))?;
        Ok((status, body.to_bytes()))
    }
}
