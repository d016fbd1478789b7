//! The network that the node belongs to, and its members.

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::State as Shared;
use secnet_crypto::SealPublicKey;
use secnet_ledger::State;
use secnet_types::{Digest, Genesis, MemberId, NetworkNode, encode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::base64::Base64;
use crate::body::Json;
use crate::http::query::At;
use crate::{Gateway, Problem};

/// The network and this data centre.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Network {
    /// The network's id.
    network: String,
    /// What it is called.
    name: String,
    /// How it began, CBOR: receipts are verified from this alone. Get it over two ways before you trust it.
    genesis: Base64,
    /// Height of the last durable block.
    height: u64,
    /// Its time.
    time: String,
    /// Events in the log.
    events: u64,
    /// The member whose key signs this node's decisions, and what it tells administrators.
    data_centre: String,
    /// That key, as `did:key`.
    data_centre_key: String,
    /// Its X-Wing key, which the hosting packets of a hosted dataset are sealed to. The ledger has its digest.
    hosting_key: Base64,
    /// The X-Wing keys of the release nodes that uploads share to, in order.
    release_nodes: Vec<Base64>,
    /// How many of them a release takes.
    threshold: u8,
    /// If the governors have said whose they are, since the network began: the receipt of that, CBOR, checked from the genesis
    /// alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    release_set_by: Option<Base64>,
    /// Number of the epoch whose nodes were set last; absent where one sequencer makes the blocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
}

/// The nodes of a network's newest epoch.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Nodes {
    /// Its number.
    epoch: u64,
    /// The first block that is theirs; it may be still to come.
    first: u64,
    /// Those that agree on blocks.
    validators: Vec<PeerNode>,
    /// Those that follow and serve without a vote.
    followers: Vec<PeerNode>,
    /// The members whose nodes hold the shares of what is uploaded from then on.
    release: Vec<ShareHolder>,
    /// Where members reach data centres, as far as these have said it and this node has heard it lately.
    doors: Vec<KnownDoor>,
}

/// A member whose node holds shares.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShareHolder {
    /// The member.
    member: String,
    /// Digest of its X-Wing key.
    sealing_key: Base64,
}

/// The door of a data centre.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KnownDoor {
    /// Whose data centre.
    member: String,
    /// Its address.
    url: String,
}

/// A node of the network.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PeerNode {
    /// Its id, which is its key.
    id: String,
    /// Where other nodes reach it, if the ledger says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
}

impl Nodes {
    fn newest(state: &State, genesis: &Genesis) -> Option<Self> {
        let (epoch, set) = state.epochs().last()?;
        let release =
            state.release_members(u64::MAX).and_then(|(_, set)| set.nodes.release.clone());
        let release = release.unwrap_or_else(|| genesis.release_members());
        let release = release.into_iter().map(|holder| ShareHolder {
            member: holder.member.to_string(),
            sealing_key: Base64(holder.sealing_key.0.to_vec()),
        });
        let list = |nodes: &[NetworkNode]| {
            let node = |node: &NetworkNode| PeerNode {
                id: MemberId(node.key.0).to_string(),
                address: node.address.map(|address| address.to_string()),
            };
            nodes.iter().map(node).collect()
        };
        let (validators, followers) = (list(&set.nodes.validators), list(&set.nodes.followers));
        let (release, first) = (release.collect(), set.first);
        Some(Self { epoch, first, validators, followers, release, doors: Vec::new() })
    }
}

/// What network this is, and to whom uploads are sealed.
#[utoipa::path(get, path = "/v1/network", tag = "network", responses(
    (status = 200, description = "The network.", body = Network),
    (status = 503, description = "The ledger cannot be read.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn network(
    Shared(gateway): Shared<Arc<Gateway>>,
) -> Result<JsonAnswer<Network>, Box<Problem>> {
    let pdc = &gateway.pdc;
    let genesis = pdc.log.genesis();
    let epoch = |state: &State| state.epochs().last().map(|(number, _)| number);
    let seen = pdc.view(|view| (view.height, view.time, view.log_size, epoch(view.state)));
    let (height, time, events, epoch) = seen.ok_or_else(Problem::busy)?;
    let set_by = |state: &State| state.release_members(height).map(|(_, set)| set.event);
    let release_set_by = match pdc.view(|view| set_by(view.state)).flatten() {
        Some(event) => {
            let receipt = pdc.log.receipt(event).await.map_err(|_| Problem::busy())?;
            Some(Base64(receipt.to_bytes()))
        }
        None => None,
    };
    let release = &pdc.release;
    let key = |key: &SealPublicKey| Base64(key.to_bytes().to_vec());
    let nodes = release.nodes().await.map_err(secnet_app::AccessError::from)?;
    Ok(JsonAnswer(Network {
        network: genesis.network().to_string(),
        name: genesis.name.clone(),
        genesis: Base64(encode(genesis)),
        height,
        time: time.to_string(),
        events,
        data_centre: pdc.member.to_string(),
        data_centre_key: did(pdc.signer.public_key()),
        hosting_key: key(pdc.hosting_key()),
        release_nodes: nodes.iter().map(key).collect(),
        threshold: release.threshold(),
        release_set_by,
        epoch,
    }))
}

/// The nodes of the network: who agrees on its blocks, who follows, where they reach each other, and where members reach data
/// centres. Members see it.
#[utoipa::path(get, path = "/v1/nodes", tag = "network", responses(
    (status = 200, description = "The nodes that were set last; none where one sequencer makes the blocks.", body = Nodes),
))]
pub(crate) async fn nodes(
    Shared(gateway): Shared<Arc<Gateway>>,
    _caller: Caller,
) -> Result<JsonAnswer<Nodes>, Box<Problem>> {
    let set = gateway
        .pdc
        .view(|view| Nodes::newest(view.state, gateway.pdc.log.genesis()))
        .ok_or_else(Problem::busy)?;
    let doors = gateway.pdc.known_doors().into_iter().map(|door| KnownDoor {
        member: door.value.member.to_string(),
        url: door.value.url.to_string(),
    });
    Ok(JsonAnswer(Nodes { doors: doors.collect(), ..set.unwrap_or_default() }))
}

/// What everybody in the network may know of a member.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Member {
    /// Its id.
    member: String,
    /// `person`, `organisation`, `node` or `device`.
    kind: &'static str,
    /// Its key now, as `did:key`.
    did: String,
    /// Its X-Wing key, that grants are sealed to, if it was handed in here.
    #[serde(skip_serializing_if = "Option::is_none")]
    sealing_key: Option<Base64>,
}

/// A key, as `did:key`.
fn did(key: [u8; 32]) -> String {
    secnet_crypto::VerifyingKey::from_bytes(key).map(|key| key.to_did_key()).unwrap_or_default()
}

/// A member, and the key that grants to it are sealed to.
#[utoipa::path(get, path = "/v1/members/{member}", tag = "network",
    params(("member" = String, Path, description = "The member's id.")),
    responses(
        (status = 200, description = "The member.", body = Member),
        (status = 404, description = "There is no such member.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn member(
    Shared(gateway): Shared<Arc<Gateway>>,
    At(id): At<MemberId>,
) -> Result<JsonAnswer<Member>, Box<Problem>> {
    let pdc = &gateway.pdc;
    let found = pdc.view(|view| view.state.member(id).map(|member| (member.kind, member.key)));
    let (kind, key) = found.flatten().ok_or_else(Problem::not_visible)?;
    let sealing_key = match pdc.sealing_key_of(id).await {
        Ok(key) => Some(Base64(key.to_bytes().to_vec())),
        Err(secnet_app::AccessError::Unknown(_)) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(JsonAnswer(Member {
        member: id.to_string(),
        kind: kind.as_str(),
        did: did(key),
        sealing_key,
    }))
}

/// A key to keep.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SealingKey {
    /// The caller's X-Wing public key.
    sealing_key: Base64,
}

/// Hand in the X-Wing key that the caller's card commits to, so that owners can seal grants to it.
#[utoipa::path(put, path = "/v1/me/sealing-key", tag = "network", request_body = SealingKey, responses(
    (status = 204, description = "Kept."),
))]
pub(crate) async fn keep_sealing_key(
    Shared(gateway): Shared<Arc<Gateway>>,
    caller: Caller,
    Json(body): Json<SealingKey>,
) -> Result<axum::http::StatusCode, Box<Problem>> {
    let pdc = &gateway.pdc;
    let key = SealPublicKey::from_bytes(&body.sealing_key.0)
        .map_err(|error| Problem::malformed(format!("the key: {error}")))?;
    let committed = pdc.view(|view| view.state.member(caller.member).map(|m| m.sealing_key));
    // Whatever the ledger does not commit to would only fill the disk.
    if committed.flatten() != Some(Digest(key.digest())) {
        return Err(Problem::malformed(
            "the key is not the one that your card on the ledger names",
        ));
    }
    pdc.keep_sealing_key(&key).await?;
    Ok(axum::http::StatusCode::NO_CONTENT)
}
