//! Steps 1 and 2: from bytes to a caller who is who it says.

use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use secnet_crypto::{SealError, SealPublicKey};
use secnet_types::{AccessRequest, Digest, RequestDetail, Signed, Timestamp, decode, limits};

use crate::AccessError;
use crate::ports::View;
use crate::project::fields;
use crate::recent::Recent;

/// Receiving keys that are kept read, some 6 KiB each.
const MAX_RECEIVING_KEYS: usize = 1024;

/// A call as a door hands it over: nothing in it is believed yet.
#[derive(Debug, Clone)]
pub struct AccessCall {
    /// The signed request, a COSE_Sign1.
    pub request: Vec<u8>,
    /// The detail behind the request's commitment.
    pub detail: Vec<u8>,
    /// The X-Wing public key that key parts are to be sealed to.
    pub receiving_key: Vec<u8>,
    /// Which door it came through.
    pub door: Door,
    /// The address that it came from, as the door knows it; none for local calls. Personal data: it is for guard and rules alone.
    pub source: Option<IpAddr>,
}

/// A protocol front end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    /// The command line on this machine.
    Cli,
    /// HTTP.
    Http,
    /// AuthZEN 1.0, over HTTP.
    AuthZen,
    /// A program linked with this one: simulations and benchmarks.
    InProcess,
}

impl Door {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cli => "cli",
            Self::Http => "http",
            Self::AuthZen => "authzen",
            Self::InProcess => "in-process",
        }
    }
}

/// Step 1 done: well-formed, and its parts belong together.
#[derive(Debug)]
pub(crate) struct Parsed {
    request: Signed<AccessRequest>,
    detail: RequestDetail,
    receiving_key: SealPublicKey,
    door: Door,
    source: Option<IpAddr>,
}

/// Half of step 2: the request is signed by the key that it names. Whose key that is, only the ledger knows.
#[derive(Debug)]
pub(crate) struct Genuine(Parsed);

/// Step 2 done: the requester, or a session key it delegated, signed this very request.
#[derive(Debug)]
pub struct Authenticated {
    pub(crate) request: Signed<AccessRequest>,
    pub(crate) detail: RequestDetail,
    pub(crate) receiving_key: SealPublicKey,
    pub(crate) door: Door,
    pub(crate) source: Option<IpAddr>,
    /// By its own current key, and no session's?
    pub(crate) own_key: bool,
}

/// Receiving keys that were read lately: sessions use theirs again, and reading one costs as much as a signature.
pub(crate) struct ReceivingKeys(Mutex<Recent<SealPublicKey>>);

impl ReceivingKeys {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Recent::new(MAX_RECEIVING_KEYS)))
    }

    /// The key of these bytes; `digest` is theirs.
    fn read(&self, digest: Digest, bytes: &[u8]) -> Result<SealPublicKey, SealError> {
        if let Some(known) = self.0.lock().get(digest) {
            return Ok(SealPublicKey::clone(&known));
        }
        let key = SealPublicKey::from_bytes(bytes)?;
        self.0.lock().keep(digest, 1, Arc::new(key.clone()));
        Ok(key)
    }
}

impl AccessCall {
    pub(crate) fn parse(&self, keys: &ReceivingKeys) -> Result<Parsed, AccessError> {
        let malformed = |error: &dyn core::fmt::Display| AccessError::Malformed(error.to_string());
        let request =
            Signed::<AccessRequest>::parse(&self.request).map_err(|error| malformed(&error))?;
        let detail: RequestDetail =
            decode("request detail", &self.detail, limits::MAX_DETAIL_BYTES)
                .map_err(|error| malformed(&error))?;
        if !detail.scope.within_limits() {
            return Err(AccessError::Malformed("the request's scope is too large".into()));
        }
        detail
            .scope
            .fields
            .as_ref()
            .map_or(Ok(()), |names| fields(names).map(drop))
            .map_err(|error| malformed(&error))?;
        if detail.commitment() != request.value.detail {
            return Err(AccessError::Malformed(
                "the detail is not the one that the request commits to".into(),
            ));
        }
        let receiving_digest = Digest::of(&self.receiving_key);
        if receiving_digest != request.value.receiving_key {
            return Err(AccessError::Malformed(
                "the receiving key is not the one that the request commits to".into(),
            ));
        }
        let receiving_key =
            keys.read(receiving_digest, &self.receiving_key).map_err(|error| malformed(&error))?;
        Ok(Parsed { request, detail, receiving_key, door: self.door, source: self.source })
    }
}

impl Parsed {
    /// The signature holds. Checked before the ledger is looked at: blocks wait for whoever looks.
    pub(crate) fn verify(self) -> Result<Genuine, AccessError> {
        match self.request.verify() {
            Ok(()) => Ok(Genuine(self)),
            Err(_) => Err(AccessError::Unauthenticated),
        }
    }
}

impl Genuine {
    /// The key belongs to the member at this moment.
    ///
    /// Every failure is the same error: a caller who cannot prove who it is learns nothing about members. Block time
    /// stands still while nothing happens, so `now` counts if it is later.
    pub(crate) fn authenticate(
        self,
        view: &View<'_>,
        now: Timestamp,
    ) -> Result<Authenticated, AccessError> {
        let Self(parsed) = self;
        let request = &parsed.request.value;
        if request.network != view.network() {
            return Err(AccessError::Unauthenticated);
        }
        let member = view.state.member(request.requester).ok_or(AccessError::Unauthenticated)?;
        let key = parsed.request.envelope.key;
        let by_session = || {
            view.state.session(request.requester, key).is_some_and(|s| s.until > view.time.max(now))
        };
        let own_key = member.key == key;
        if member.suspended || !(own_key || by_session()) {
            return Err(AccessError::Unauthenticated);
        }
        let Parsed { request, detail, receiving_key, door, source } = parsed;
        Ok(Authenticated { request, detail, receiving_key, door, source, own_key })
    }
}
