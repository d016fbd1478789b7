//! Administrators are told of what waits, what guard or rules have stopped, what failed because something is broken,
//! how the node itself is, and what looks irregular on the ledger.
//!
//! What is told of decisions is read from the log, and the folder keeps for each address how far that has been told: a
//! restart loses nothing, and whoever is told twice sees it by the event's number. Alerts of the node's own are told while
//! it runs: a disk that is full could not keep them. Each call is signed as callers of this node sign theirs, by the data
//! centre's key.

use std::path::PathBuf;
use std::time::Duration;

use futures::future::join_all;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use secnet_app::ports::Clock as _;
use secnet_gateway::{Call, alerts_of, sign_call};
use secnet_types::{Digest, Event, decode, limits};
use serde_json::Value;

use super::alerts::Alerts;
use crate::failure::Failure;
use crate::files;
use crate::node::{Node, access_failure};
use crate::system::{SystemClock, random};

/// How often it is looked for something to tell.
const LOOK: Duration = Duration::from_secs(1);
/// How long an address may take to answer.
const TIME: Duration = Duration::from_secs(10);
/// How long to wait after the first failure; twice as long after each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// And no longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);
/// Events that are read at once.
const PAGE: usize = 256;
/// The folder of the notes, in the data folder.
const NOTES: &str = "webhooks";
/// Longest note of how far was told, in bytes.
const MAX_NOTE_BYTES: u64 = 64;

/// Tell all addresses, for as long as this is polled.
pub(super) async fn run(node: &Node, urls: &[String], alerts: &Alerts) {
    if let Err(failure) = forget_others(node, urls) {
        tracing::warn!(why = failure.causes.join(": "), "{}", failure.message);
    }
    let decisions = join_all(urls.iter().map(|url| telling(node, url)));
    let own = join_all(urls.iter().map(|url| telling_of_the_node(node, url, alerts)));
    futures::join!(decisions, own);
    std::future::pending().await
}

/// What was noted of addresses that are told no more is of no use.
fn forget_others(node: &Node, urls: &[String]) -> Result<(), Failure> {
    let folder = node.dir.join(NOTES);
    let told: Vec<String> = urls.iter().map(|url| Digest::of(url.as_bytes()).to_string()).collect();
    let Ok(notes) = std::fs::read_dir(&folder) else { return Ok(()) };
    for note in notes.filter_map(Result::ok) {
        if !told.iter().any(|told| note.file_name() == told.as_str()) {
            files::remove(&note.path())?;
        }
    }
    Ok(())
}

/// Tell one address how the node is, one alert after the other, each until it is heard.
async fn telling_of_the_node(node: &Node, url: &str, alerts: &Alerts) {
    let (mut next, mut wait) = (0, FIRST_WAIT);
    loop {
        let (alert, after) = alerts.bulletin.next(next).await;
        let told = async { Address::of(node, url)?.send(&alert).await }.await;
        match told {
            Ok(()) => (next, wait) = (after, FIRST_WAIT),
            Err(failure) => {
                let why = failure.causes.join(": ");
                tracing::warn!(why, "{}", failure.message);
                tokio::time::sleep(wait).await;
                wait = wait.saturating_mul(2).min(LONGEST_WAIT);
            }
        }
    }
}

/// Tell one address. What fails is logged, and tried again from where it stopped.
async fn telling(node: &Node, url: &str) {
    let mut wait = FIRST_WAIT;
    loop {
        let address = Address::open(node, url);
        let Err(failure) = async { address?.tell(&mut wait).await }.await else { return };
        let why = failure.causes.join(": ");
        tracing::warn!(why, "{}", failure.message);
        tokio::time::sleep(wait).await;
        wait = wait.saturating_mul(2).min(LONGEST_WAIT);
    }
}

/// One address, and how far it has been told.
struct Address<'a> {
    node: &'a Node,
    url: Url,
    http: Client,
    /// The first event that it was not told of.
    next: u64,
    note: PathBuf,
}

impl<'a> Address<'a> {
    fn of(node: &'a Node, url: &str) -> Result<Self, Failure> {
        let note = node.dir.join(NOTES).join(Digest::of(url.as_bytes()).to_string());
        let url = Url::parse(url).map_err(|error| failed(&error))?;
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = Client::builder().redirect(Policy::none()).timeout(TIME).build();
        let http = http.map_err(|error| failed(&error))?;
        Ok(Self { node, url, http, next: 0, note })
    }

    /// A new address is told of what happens from now on.
    fn open(node: &'a Node, url: &str) -> Result<Self, Failure> {
        let mut address = Self::of(node, url)?;
        let known = files::read_if_present(&address.note, MAX_NOTE_BYTES)?;
        let known = known.and_then(|text| core::str::from_utf8(&text).ok()?.trim().parse().ok());
        match known {
            Some(next) => address.next = next,
            None => address.told(node.pdc.view(|view| view.log_size).unwrap_or_default())?,
        }
        Ok(address)
    }

    /// Everything before this event has been told.
    fn told(&mut self, next: u64) -> Result<(), Failure> {
        self.next = next;
        files::write_private(&self.note, format!("{next}\n").as_bytes())
    }

    /// Tell what there is and what comes, until something fails. Success makes the next wait short again.
    async fn tell(mut self, wait: &mut Duration) -> Result<(), Failure> {
        loop {
            let events = self.node.pdc.log.events(self.next, PAGE).await;
            let events = events.map_err(|error| access_failure(error.into()))?;
            for (index, bytes) in &events {
                let event = decode::<Event>("event", bytes, limits::MAX_EVENT_BYTES);
                let event = event.map_err(|error| failed(&error))?;
                let alerts = alerts_of(&self.node.pdc, *index, &event).await;
                for alert in alerts.map_err(access_failure)? {
                    self.send(&alert).await?;
                    *wait = FIRST_WAIT;
                }
            }
            match events.last() {
                Some((last, _)) => self.told(last.saturating_add(1))?,
                None => tokio::time::sleep(LOOK).await,
            }
        }
    }

    async fn send(&self, alert: &Value) -> Result<(), Failure> {
        let body = serde_json::to_vec(alert).unwrap_or_default();
        let host = self.url.host_str().unwrap_or_default();
        let authority = match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let call = Call {
            method: "POST",
            authority: &authority,
            path: self.url.path(),
            query: self.url.query().unwrap_or_default(),
            body: Some(&body),
        };
        let pdc = &self.node.pdc;
        let made = (SystemClock.now(), random());
        let signature = sign_call(&call, pdc.member, true, pdc.signer.as_ref(), made);
        let request = self
            .http
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("content-digest", signature.content_digest.unwrap_or_default())
            .header("signature-input", signature.input)
            .header("signature", signature.signature)
            .body(body);
        // The address may carry a secret of its own: it is not told to the log.
        let answer = request.send().await.map_err(|error| failed(&error.without_url()))?;
        if answer.status().is_success() {
            return Ok(());
        }
        let status = answer.status().as_u16();
        Err(Failure::new("webhook", format!("a webhook answered {status}; it is tried again")))
    }
}

fn failed(error: &dyn std::error::Error) -> Failure {
    Failure::new("webhook", "a webhook is not told; it is tried again").because(error)
}
