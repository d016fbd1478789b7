//! The door of another data centre, where a node sends a call on to. What the node says of it is believed only as far as it is proved:
//! by the data centre's own signature, and by whoever answers there.

use reqwest::Url;
use secnet_app::ports::Clock as _;
use secnet_app::{DoorUrl, SignedDoor};
use secnet_types::{DatasetId, Genesis, MemberId};
use serde_json::Value;

use super::client::Client;
use super::connection::http;
use super::{bytes, text, wrong};
use crate::failure::{Exit, Failure};
use crate::keystore::Identity;
use crate::system::SystemClock;

/// Where a node is.
pub(super) struct At {
    pub(super) http: reqwest::Client,
    /// Scheme, host and port.
    pub(super) base: String,
    /// Host and port as the `Host` header has them.
    pub(super) authority: String,
    /// Is it on this machine?
    loopback: bool,
}

impl At {
    /// An address that somebody has typed.
    pub(super) fn parse(url: &str, ca: Option<&[u8]>) -> Result<Self, Failure> {
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
        let loopback = is_here(&host);
        Ok(Self { http, base, authority, loopback })
    }
}

/// Does this host's name lead to this machine, whatever a server of names says?
fn is_here(host: &str) -> bool {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    let address = literal.parse::<core::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// What a node says of a dataset that is not with it.
pub(super) struct Elsewhere {
    pub(super) dataset: DatasetId,
    pub(super) member: MemberId,
    /// That data centre's own word of its door, not checked yet.
    statement: Option<SignedDoor>,
}

impl Elsewhere {
    /// What a problem says, if it says that.
    pub(super) fn in_problem(problem: &[u8]) -> Option<Self> {
        let problem: Value = serde_json::from_slice(problem).ok()?;
        let place =
            problem.get("place").filter(|_| problem.get("code").is_some_and(is_elsewhere))?;
        let word = |field: &str| place.get(field).and_then(Value::as_str);
        let statement = place.get("statement").map(|_| bytes(place, "statement").ok());
        Some(Self {
            dataset: word("dataset")?.parse().ok()?,
            member: word("member")?.parse().ok()?,
            // One that cannot be read is as good as none.
            statement: statement.flatten().and_then(|bytes| SignedDoor::parse(&bytes).ok()),
        })
    }
}

fn is_elsewhere(code: &Value) -> bool {
    *code == "elsewhere"
}

impl Client {
    /// The door, if it is proved to be that data centre's: it has said so itself, lately, by its key; and who answers there belongs to
    /// the same network and is that data centre. Until then nothing is sent there but a question that anybody may ask.
    pub(super) async fn checked(
        &self,
        who: &Identity,
        Elsewhere { dataset, member, statement }: &Elsewhere,
    ) -> Result<At, Failure> {
        let statement = statement.as_ref().ok_or_else(|| {
            let said = format!("{dataset} is at the data centre of {member}, and the node does not know where its door is");
            Failure::new("elsewhere", said)
                .hint("try again in a moment; or ask who runs that data centre for the address, and name it with --url")
                .exit(Exit::Unreachable)
        })?;
        let told = self.open_at(&self.first, "/v1/network").await?;
        let network = genesis(&told)?.network();
        let said = &statement.value;
        if (said.network, said.member) != (network, *member) {
            return Err(bad_door(&said.url, "is another data centre's, or of another network"));
        }
        if !said.is_timely(SystemClock.now()) {
            return Err(bad_door(&said.url, "was said too long ago, or is of a time to come"));
        }
        // The first key of a member is its id. Which key came after it, the node's ledger says.
        if statement.envelope.key != member.0 {
            let path = format!("/v1/members/{member}");
            let told = self.look_at(&self.first, who, &path).await?;
            let key = secnet_crypto::VerifyingKey::from_did_key(text(&told, "did")?);
            let key = key.map_err(|error| wrong(&error))?;
            if *key.as_bytes() != statement.envelope.key {
                return Err(bad_door(&said.url, "is not signed with that data centre's key"));
            }
        }
        if statement.verify().is_err() {
            return Err(bad_door(&said.url, "is not signed with that data centre's key"));
        }
        self.may_be_called(&said.url)?;
        let door = At::parse(said.url.as_str(), self.ca.as_deref())?;
        let there = self.open_at(&door, "/v1/network").await?;
        if genesis(&there)?.network() != network {
            return Err(bad_door(&said.url, "leads to a node of another network"));
        }
        if text(&there, "data_centre")? != member.to_string() {
            return Err(bad_door(&said.url, "leads to another data centre"));
        }
        Ok(door)
    }

    /// A node elsewhere sends nobody to what runs beside them, and no node to itself.
    fn may_be_called(&self, url: &DoorUrl) -> Result<(), Failure> {
        if url.is_loopback() && !self.first.loopback {
            return Err(bad_door(url, "leads to this machine, and the node is not on it"));
        }
        if url.as_str() == self.first.base {
            return Err(bad_door(url, "leads back to the node that does not have it"));
        }
        Ok(())
    }
}

fn genesis(told: &Value) -> Result<Genesis, Failure> {
    Genesis::parse(&bytes(told, "genesis")?).map_err(|error| wrong(&error))
}

fn bad_door(url: &DoorUrl, why: &str) -> Failure {
    Failure::new("bad-door", format!("the door at {url}, which the node names, {why}"))
        .hint("nothing was sent there; ask who runs the data centre for the address, and name it with --url")
        .exit(Exit::Verification)
}

#[cfg(test)]
mod tests;
