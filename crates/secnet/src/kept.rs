//! Requests under way: the signed call and the seed of the key that its answer is sealed to, on disk until the answer has
//! been collected. A retry must be the same bytes: anything else is another request to the ledger, and what is released
//! for the first one opens with the first one's receiving key only.

use std::path::PathBuf;

use minicbor::{Decode, Encode};
use secnet_app::ports::Clock as _;
use secnet_app::{AccessCall, Door};
use secnet_crypto::{ObjectKey, SealKeyPair, Zeroizing, open_object, seal_object};
use secnet_types::{
    AccessRequest, HoldAnswer, RequestDetail, RequestId, Signed, Timestamp, Verdict, decode,
    encode, limits,
};

use crate::actions::{Wanted, lock_failure};
use crate::failure::{Exit, Failure};
use crate::files;
use crate::keystore::{Identity, Keystore};
use crate::node::Node;
use crate::system::{SystemClock, rng};

/// Longest kept request: request, detail, seed, and what frames and seals them.
const MAX_KEPT_BYTES: u64 = 8192 + (limits::MAX_REQUEST_BYTES + limits::MAX_DETAIL_BYTES) as u64;
const WHAT: &[u8] = b"request";
const SUFFIX: &str = "request";

/// A call and the key that opens its answer.
#[derive(Debug)]
pub(crate) struct Kept {
    pub call: AccessCall,
    pub receiving: SealKeyPair,
}

impl Kept {
    /// What was asked for.
    pub(crate) fn wanted(&self) -> Result<Wanted, Failure> {
        let damaged = || Failure::new("damaged", "the kept request cannot be read");
        let request = Signed::<AccessRequest>::parse(&self.call.request)
            .map_err(|error| damaged().because(&error))?
            .value;
        let detail: RequestDetail =
            decode("request detail", &self.call.detail, limits::MAX_DETAIL_BYTES)
                .map_err(|error| damaged().because(&error))?;
        Ok(Wanted {
            dataset: request.dataset,
            action: detail.action,
            purpose: detail.purpose,
            scope: detail.scope,
            max_price: request.max_price,
            id: request.id,
            proof_for: detail.proof_for,
        })
    }
}

/// What stands after the seed.
#[derive(Encode, Decode)]
#[cbor(array)]
struct Sent {
    #[cbor(n(0), with = "minicbor::bytes")]
    request: Vec<u8>,
    #[cbor(n(1), with = "minicbor::bytes")]
    detail: Vec<u8>,
}

/// Keep a call that is about to be sent.
pub(crate) fn keep(
    at: &impl AsRef<Keystore>,
    requester: &Identity,
    id: RequestId,
    kept: &Kept,
) -> Result<(), Failure> {
    let AccessCall { request, detail, .. } = kept.call.clone();
    let sent = encode(&Sent { request, detail });
    let bytes = Zeroizing::new([kept.receiving.secret.seed().as_slice(), &sent].concat());
    let sealed = seal_object(&key(requester), WHAT, &bytes, &mut rng())
        .map_err(|error| lock_failure(&error))?;
    files::write_private(&path(at.as_ref(), requester, id), &sealed)
}

/// The call that was sent under this id.
pub(crate) fn find(
    at: &impl AsRef<Keystore>,
    requester: &Identity,
    id: RequestId,
) -> Result<Kept, Failure> {
    let path = path(at.as_ref(), requester, id);
    if !path.exists() {
        return Err(Failure::new(
            "unknown-request",
            format!("`{}` has no request {id} under way", requester.card.name),
        )
        .hint("what was collected, refused or is past its time is not kept: ask anew, without --request"));
    }
    open(&path, requester)
}

/// Forget a call of which nothing more can come.
pub(crate) fn forget(
    at: &impl AsRef<Keystore>,
    requester: &Identity,
    id: RequestId,
) -> Result<(), Failure> {
    files::remove(&path(at.as_ref(), requester, id))
}

/// Forget the calls that the ledger has forgotten or refused for good.
pub(crate) fn forget_past(node: &Node, requester: &Identity) -> Result<(), Failure> {
    for id in ids(&node.keystore, requester)? {
        let call = find(node, requester, id)?.call;
        let expires = Signed::<AccessRequest>::parse(&call.request)
            .map_or(Timestamp(0), |request| request.value.expires);
        let over = node.pdc.view(|view| match view.state.decision(requester.member(), id) {
            None => expires <= view.time.max(SystemClock.now()),
            Some(decision) => {
                matches!(decision.verdict, Verdict::Deny { .. })
                    || decision.answer == Some(HoldAnswer::Refuse)
            }
        });
        if over == Some(true) {
            forget(node, requester, id)?;
        }
    }
    Ok(())
}

/// Forget every call in a folder of keys.
pub(crate) fn forget_all(folder: &std::path::Path) -> Result<(), Failure> {
    let names = Keystore::at(folder).files()?;
    let calls = names
        .iter()
        .filter(|name| name.strip_suffix(SUFFIX).is_some_and(|name| name.ends_with('.')));
    calls.into_iter().try_for_each(|name| files::remove(&folder.join(name)))
}

/// The kept calls that do not open, each with its problem.
pub(crate) fn damaged(
    keystore: &Keystore,
    requester: &Identity,
) -> Result<Vec<(String, String)>, Failure> {
    let ids = ids(keystore, requester)?;
    let open = |id: RequestId| open(&path(keystore, requester, id), requester).err();
    let wrong = ids.into_iter().filter_map(|id| Some((id, open(id)?.message)));
    let named = |id| format!("{}.{id}.{SUFFIX}", requester.card.name);
    Ok(wrong.map(|(id, problem)| (named(id), problem)).collect())
}

/// The requests of a member that are under way.
fn ids(keystore: &Keystore, requester: &Identity) -> Result<Vec<RequestId>, Failure> {
    let names = keystore.files()?;
    let own = |name: &String| {
        let id = name.strip_prefix(&requester.card.name)?.strip_prefix('.')?;
        id.strip_suffix(SUFFIX)?.strip_suffix('.')?.parse().ok()
    };
    Ok(names.iter().filter_map(own).collect())
}

fn open(path: &std::path::Path, requester: &Identity) -> Result<Kept, Failure> {
    let damaged = || {
        Failure::new("damaged", format!("`{}` is damaged", path.display()))
            .hint("ask anew, without --request")
            .exit(Exit::Verification)
    };
    let sealed = files::read(path, MAX_KEPT_BYTES)?;
    let bytes =
        open_object(&key(requester), WHAT, &sealed).map_err(|error| damaged().because(&error))?;
    let (seed, sent) = bytes.split_first_chunk::<32>().ok_or_else(damaged)?;
    let sent: Sent =
        decode("kept request", sent, sent.len()).map_err(|error| damaged().because(&error))?;
    let receiving = SealKeyPair::from_seed(*seed);
    let call = AccessCall {
        request: sent.request,
        detail: sent.detail,
        receiving_key: receiving.public.to_bytes().to_vec(),
        door: Door::Cli,
        source: None,
    };
    Ok(Kept { call, receiving })
}

fn key(requester: &Identity) -> ObjectKey {
    ObjectKey::from_bytes(*requester.file_key())
}

fn path(keystore: &Keystore, requester: &Identity, id: RequestId) -> PathBuf {
    keystore.beside(&requester.card.name, &format!("{id}.{SUFFIX}"))
}
