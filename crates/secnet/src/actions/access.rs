//! Requesting data, and opening what comes.

use secnet_app::{AccessCall, Delivery, Door, Outcome, Pdc, Reader};
use secnet_crypto::{SealKeyPair, Zeroizing};
use secnet_lock::{GrantBinding, Grantee};
use secnet_types::{
    AccessRequest, Action, Amount, DatasetId, DecisionId, Digest, Grant, NetworkId, Party, Purpose,
    RecordMeta, RequestDetail, RequestId, Scope, Signed, Timestamp, encode,
};

use crate::failure::Failure;
use crate::groups;
use crate::kept::{self, Kept};
use crate::keystore::Identity;
use crate::node::{Node, access_failure};
use crate::system::{random, rng};

/// How long a request made here may wait and be retried, in milliseconds.
const REQUEST_LIFETIME_MS: u64 = 10 * 60 * 1000;

/// What a requester wants.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub dataset: DatasetId,
    pub action: Action,
    pub purpose: Purpose,
    pub scope: Scope,
    pub max_price: Amount,
    pub id: RequestId,
    /// The decision that a fresh proof of who asks is for, if it is one.
    pub proof_for: Option<DecisionId>,
}

impl Wanted {
    /// The same once more, as the fresh proof that a decision asked for.
    pub(crate) fn proving(self, decision: DecisionId) -> Self {
        Self { id: RequestId::proving(decision), proof_for: Some(decision), ..self }
    }
}

/// Make the call that a request is, with the key its answer is sealed to.
pub(crate) fn request(
    pdc: &Pdc,
    requester: &Identity,
    wanted: &Wanted,
) -> (AccessCall, SealKeyPair) {
    request_in((pdc.network(), pdc.now()), requester, wanted)
}

/// As [`request`], in a network that may be elsewhere.
pub(crate) fn request_in(
    (network, now): (NetworkId, Timestamp),
    requester: &Identity,
    wanted: &Wanted,
) -> (AccessCall, SealKeyPair) {
    let receiving = SealKeyPair::generate(&mut rng());
    (request_to((network, now), requester, wanted, receiving.public.to_bytes().to_vec()), receiving)
}

/// Make the call that a request is; its answer is sealed to this key.
pub(crate) fn request_to(
    (network, now): (NetworkId, Timestamp),
    requester: &Identity,
    wanted: &Wanted,
    receiving_key: Vec<u8>,
) -> AccessCall {
    let detail = RequestDetail {
        action: wanted.action,
        purpose: wanted.purpose,
        scope: wanted.scope.clone(),
        salt: random(),
        proof_for: wanted.proof_for,
    };
    let request = AccessRequest {
        network,
        requester: requester.member(),
        dataset: wanted.dataset,
        id: wanted.id,
        expires: now.plus_ms(REQUEST_LIFETIME_MS),
        max_price: wanted.max_price,
        receiving_key: Digest::of(&receiving_key),
        detail: detail.commitment(),
    };
    AccessCall {
        request: Signed::sign(request, &requester.signing).to_bytes(),
        detail: encode(&detail),
        receiving_key,
        door: Door::Cli,
        source: None,
    }
}

/// Opens a delivery with the key that the grant was sealed to.
fn reader(
    node: &Node,
    requester: &Identity,
    receiving: &SealKeyPair,
    delivery: &Delivery,
    granted: &Grant,
) -> Result<Reader, Failure> {
    let failed = |error: &dyn std::error::Error| {
        Failure::new("does-not-open", "the delivery does not open").because(error)
    };
    let holder = match granted.grantee {
        Party::Member(_) => None,
        // An organisation's packets are sealed to its own key; whoever holds that here opens them.
        Party::Organisation(organisation) => Some(organisation),
        Party::Group(group) => Some(groups::admin(node, group)?),
    };
    let Some(holder) = holder.filter(|holder| *holder != requester.member()) else {
        return Reader::new(delivery, &requester.sealing, receiving, granted.detail)
            .map_err(|error| failed(&error));
    };
    let holder = node.identity(&node.name_of(holder))?;
    if !matches!(granted.grantee, Party::Group(_)) {
        return Reader::new(delivery, &holder.sealing, receiving, granted.detail)
            .map_err(|error| failed(&error));
    }
    let mut grantee = Grantee::new();
    if let Some(wraps) = &delivery.wraps {
        let own = &requester.sealing;
        let wraps = wraps
            .rewrap(&holder.sealing.secret, &own.public, &mut rng())
            .map_err(|error| failed(&error))?;
        let binding = GrantBinding { dataset: granted.dataset, detail: granted.detail };
        grantee.accept(&own.secret, &binding, &wraps).map_err(|error| failed(&error))?;
    }
    Reader::with(grantee, delivery, receiving).map_err(|error| failed(&error))
}

/// Everything that was delivered, opened, and the charge settled.
pub(crate) async fn open(
    node: &Node,
    requester: &Identity,
    receiving: &SealKeyPair,
    delivery: &Delivery,
    mut progress: impl FnMut(u64, u64),
) -> Result<Vec<(RecordMeta, Zeroizing<Vec<u8>>)>, Failure> {
    let grant = delivery.granted.grant();
    let granted = node.pdc.view(|view| view.state.grant(grant).map(|g| g.grant.clone())).flatten();
    let granted =
        granted.ok_or_else(|| Failure::new("unknown-grant", "the grant is not on the ledger"))?;
    let reader = reader(node, requester, receiving, delivery, &granted)?;
    let mut opened = Vec::with_capacity(delivery.records.len());
    for (meta, entry) in &delivery.records {
        let ciphertext =
            node.pdc.ciphertext(&delivery.granted, meta.id).await.map_err(access_failure)?;
        let plain = reader.open(entry, &ciphertext).map_err(|error| {
            Failure::new("does-not-open", format!("record {} does not open", meta.id))
                .because(&error)
        })?;
        opened.push((meta.clone(), plain));
        progress(opened.len() as u64, delivery.records.len() as u64);
    }
    Ok(opened)
}

/// What came of a request, and the records if it was allowed.
pub(crate) type Answered = (Outcome, Vec<(RecordMeta, Zeroizing<Vec<u8>>)>);

/// Ask for data and open what comes. The call is on disk before it is sent, so that it can be sent again: after a hold,
/// or when the first answer was lost. When the answer is safe, say so with [`collected`]. `progress` is called with
/// (records opened, all).
pub(crate) async fn get(
    node: &Node,
    requester: &Identity,
    wanted: &Wanted,
    progress: impl FnMut(u64, u64),
) -> Result<Answered, Failure> {
    kept::forget_past(node, requester)?;
    let (call, receiving) = request(&node.pdc, requester, wanted);
    let sent = Kept { call, receiving };
    kept::keep(node, requester, wanted.id, &sent)?;
    send(node, requester, (wanted.id, &sent), progress).await
}

/// Send a call again, to the byte: it is the same request, decided once and charged once.
pub(crate) async fn get_again(
    node: &Node,
    requester: &Identity,
    id: RequestId,
    progress: impl FnMut(u64, u64),
) -> Result<Answered, Failure> {
    let sent = kept::find(node, requester, id)?;
    send(node, requester, (id, &sent), progress).await
}

/// Everything of a request is where it was to go: it is not sent again.
pub(crate) fn collected(node: &Node, requester: &Identity, id: RequestId) -> Result<(), Failure> {
    kept::forget(node, requester, id)
}

async fn send(
    node: &Node,
    requester: &Identity,
    (id, sent): (RequestId, &Kept),
    mut progress: impl FnMut(u64, u64),
) -> Result<Answered, Failure> {
    let outcome = node.pdc.access(&sent.call).await.map_err(access_failure)?;
    let opened = match &outcome {
        Outcome::Released(delivery) => {
            open(node, requester, &sent.receiving, delivery, progress).await?
        }
        Outcome::Projected(projected) => {
            let opened = projected.open(&sent.receiving).map_err(|error| {
                Failure::new("does-not-open", "the delivery does not open").because(&error)
            })?;
            progress(opened.len() as u64, opened.len() as u64);
            opened
        }
        Outcome::Held(_) => Vec::new(),
        Outcome::Denied(_) | Outcome::NotVisible => {
            kept::forget(node, requester, id)?;
            Vec::new()
        }
    };
    Ok((outcome, opened))
}

/// The id of a fresh request.
pub(crate) fn fresh_request() -> RequestId {
    RequestId(random())
}
