//! Datasets that are to move here are fetched from the data centre where they are, and what has left is removed when it may go.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use secnet_app::ports::Clock as _;
use secnet_app::{DoorUrl, Former, FormerFailed, MAX_COPY_ANSWER_BYTES, MoveStage, Pdc};
use secnet_gateway::{Call, sign_call};
use secnet_types::{DatasetId, MemberId};

use crate::config::Settings;
use crate::node::Node;
use crate::system::{SystemClock, random};

/// How often it is looked whether there is something to fetch.
const LOOK: Duration = Duration::from_secs(1);
/// What waits for its owner, or for the other data centre, is looked at again after so many looks.
const LOOKS_TO_COMPARE: u64 = 5;
/// What may go is looked for after so many looks.
const LOOKS_TO_CLEAR: u64 = 60;
/// Where the other data centre is asked.
const PATH: &str = "/v1/copies";
/// How long it may take to be reached.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// How long an answer may take, all of it.
const TIME: Duration = Duration::from_secs(300);
/// How long to wait when it has much to do, or is asked too often.
const PAUSE: Duration = Duration::from_secs(1);
/// And how often.
const PAUSES: u32 = 30;

/// Fetch and remove, for as long as this is polled.
pub(super) async fn run(node: &Node, settings: &Settings) {
    let Some(network) = &settings.network else { return std::future::pending().await };
    let near = network.listen.ip().is_loopback();
    let mut looks = 0_u64;
    loop {
        tokio::time::sleep(LOOK).await;
        looks = looks.saturating_add(1);
        // What is left of the room is not for that.
        if node.ledger.standing().lacks_room() {
            continue;
        }
        if looks.is_multiple_of(LOOKS_TO_CLEAR) {
            match node.pdc.clear_moved().await {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "copies of datasets that moved away are gone"),
                Err(error) => tracing::error!(%error, "what moved away is not removed"),
            }
        }
        let moves = match node.pdc.moves_here().await {
            Ok(moves) => moves,
            Err(error) => {
                tracing::error!(%error, "it cannot be read what is to move here");
                continue;
            }
        };
        for (dataset, from) in moves {
            if node.pdc.may_wait(dataset) && !looks.is_multiple_of(LOOKS_TO_COMPARE) {
                continue;
            }
            go_on(&node.pdc, (dataset, from), near).await;
        }
    }
}

async fn go_on(pdc: &Pdc, (dataset, from): (DatasetId, MemberId), near: bool) {
    let door = pdc.view(|view| pdc.doors.of(from, view, SystemClock.now())).flatten();
    let former: Box<dyn Former + '_> = match door.map(|door| Door::to(pdc, &door.value.url, near)) {
        Some(Ok(door)) => Box::new(door),
        Some(Err(why)) => Box::new(Nowhere(why)),
        None => Box::new(Nowhere("it has not said lately where its door is".into())),
    };
    // Which dataset it is, its owner is told, and the log is not.
    match pdc.go_on_moving(dataset, &*former).await {
        Ok(standing) if standing.stage == MoveStage::Settled => {
            tracing::info!("a dataset has moved here, or does not move any more");
        }
        Ok(standing) => {
            let (why, lacking) = (standing.why.as_deref(), standing.lacking.len());
            if why.is_some() || lacking > 0 {
                tracing::warn!(stage = standing.stage.as_str(), why, lacking, "a move waits");
            }
        }
        Err(error) => tracing::error!(%error, "a move does not go on"),
    }
}

/// A data centre that cannot be asked, and why.
struct Nowhere(String);

#[async_trait]
impl Former for Nowhere {
    async fn ask(&self, _call: Vec<u8>) -> Result<Vec<u8>, FormerFailed> {
        Err(FormerFailed(self.0.clone()))
    }
}

/// The door of another data centre.
struct Door<'d> {
    pdc: &'d Pdc,
    url: Url,
    authority: String,
    http: Client,
}

impl<'d> Door<'d> {
    /// What another machine's data centre says of a loopback address would lead to what runs beside this node.
    fn to(pdc: &'d Pdc, url: &DoorUrl, near: bool) -> Result<Self, String> {
        if url.is_loopback() && !near {
            return Err("its door is said to be on this machine".into());
        }
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut http =
            Client::builder().redirect(Policy::none()).connect_timeout(CONNECT_TIME).timeout(TIME);
        if url.is_loopback() {
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| error.to_string())?;
        let authority = url.authority().to_owned();
        let url = Url::parse(&format!("{url}{PATH}")).map_err(|error| error.to_string())?;
        Ok(Self { pdc, url, authority, http })
    }

    async fn ask_once(&self, call: &[u8]) -> Result<(StatusCode, Vec<u8>), FormerFailed> {
        let signed = Call {
            method: "POST",
            authority: &self.authority,
            path: PATH,
            query: "",
            body: Some(call),
        };
        let made = (SystemClock.now(), random());
        let signature = sign_call(&signed, self.pdc.member, true, self.pdc.signer.as_ref(), made);
        let request = self
            .http
            .post(self.url.clone())
            .header("content-type", "application/cbor")
            .header("content-digest", signature.content_digest.unwrap_or_default())
            .header("signature-input", signature.input)
            .header("signature", signature.signature)
            .body(call.to_vec());
        let mut answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let mut bytes = Vec::new();
        while let Some(more) = answer.chunk().await.map_err(failed)? {
            if bytes.len().saturating_add(more.len()) > MAX_COPY_ANSWER_BYTES {
                return Err(FormerFailed("its answer is too long".into()));
            }
            bytes.extend_from_slice(&more);
        }
        Ok((status, bytes))
    }
}

#[async_trait]
impl Former for Door<'_> {
    async fn ask(&self, call: Vec<u8>) -> Result<Vec<u8>, FormerFailed> {
        for _ in 0..PAUSES {
            match self.ask_once(&call).await? {
                (StatusCode::OK, answer) => return Ok(answer),
                (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, _) => {
                    tokio::time::sleep(PAUSE).await;
                }
                (status, _) => return Err(FormerFailed(format!("it answers {status}"))),
            }
        }
        Err(FormerFailed("it has much to do".into()))
    }
}

/// Down to the cause, without the address.
fn failed(error: reqwest::Error) -> FormerFailed {
    let error = error.without_url();
    let causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
    FormerFailed(causes.last().map_or_else(|| error.to_string(), ToString::to_string))
}
