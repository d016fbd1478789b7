//! The last proof: without a [`Granted`] nothing leaves.

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};
use secnet_crypto::SealPublicKey;
use secnet_ledger::{ChargeStatus, DecisionState, Rejection};
use secnet_lock::ReleaseContext;
use secnet_types::{
    DatasetId, DecisionId, Digest, GrantId, MemberId, RecordId, RequestDetail, RequestId,
    Timestamp, Verdict, encode,
};

use crate::AccessError;
use crate::ports::View;

/// A release needs a ledger view no older than this, in milliseconds (promise P4).
pub const MAX_VIEW_AGE_MS: u64 = 5_000;

/// What a decision allows, as the PDC concluded it before the ledger spoke.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub requester: MemberId,
    pub request: RequestId,
    pub dataset: DatasetId,
    pub records: Vec<RecordId>,
    /// Only these fields of them; absent for whole records.
    pub fields: Option<BTreeSet<String>>,
    pub scope_salt: [u8; 32],
    pub receiving_key: SealPublicKey,
    pub receiving_digest: Digest,
    pub detail: RequestDetail,
}

/// What a release node is asked for: what a decision is said to allow. Nothing of it counts until the node has looked at its
/// own ledger ([`Permit::from_view`]), so whoever asks need not be believed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ReleaseAsk {
    /// Who asked for access.
    #[n(0)]
    pub requester: MemberId,
    /// The access request.
    #[n(1)]
    pub request: RequestId,
    /// The dataset.
    #[n(2)]
    pub dataset: DatasetId,
    /// All records that the decision names, in the order that it commits to.
    #[n(3)]
    pub records: Vec<RecordId>,
    /// The fields that it is limited to, if it is.
    #[n(4)]
    pub fields: Option<BTreeSet<String>>,
    /// Opens its commitment to these.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    pub scope_salt: [u8; 32],
    /// The key to seal to: the one that the request names, or, of fields, the data centre's own.
    #[n(6)]
    #[cbor(with = "sealing_key")]
    pub to: SealPublicKey,
}

/// An X-Wing public key as its bytes.
pub(crate) mod sealing_key {
    use minicbor::decode::Error;
    use minicbor::encode::{Encoder, Write};
    use secnet_crypto::SealPublicKey;

    pub(crate) fn encode<C, W: Write>(
        key: &SealPublicKey,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&key.to_bytes())?.ok()
    }

    pub(crate) fn decode<C>(
        d: &mut minicbor::Decoder<'_>,
        _: &mut C,
    ) -> Result<SealPublicKey, Error> {
        SealPublicKey::from_bytes(d.bytes()?)
            .map_err(|_| Error::message("not an X-Wing public key"))
    }
}

/// What this ledger says yes to: exactly these records may be released to exactly this key, now.
///
/// It is made from a fresh view of the ledger, never from receipt bytes: the decision is there, it is an allow, it
/// commits to these records and this receiving key, its time to collect is not over, and the grant is still active.
#[derive(Debug)]
pub struct Permit {
    ask: ReleaseAsk,
    decision: DecisionId,
    grant: GrantId,
    collect_by: Timestamp,
}

/// Permission of the whole flow to release: a [`Permit`], and what policy is asked again before anything leaves.
#[derive(Debug)]
pub struct Granted {
    permit: Permit,
    /// What was asked.
    detail: RequestDetail,
}

/// Permission to release only fields of these records. What it was made of is a permission for this data centre's own key;
/// there is no way to that from outside, so neither key parts nor ciphertext of a whole record are released on it.
#[derive(Debug)]
pub struct FieldsGranted {
    to_host: Granted,
    receiving_key: SealPublicKey,
    fields: BTreeSet<String>,
}

/// What a decision permits, on a fresh view.
#[derive(Debug)]
pub(crate) enum Permission {
    /// The records as they are.
    Whole(Granted),
    /// Fields of them.
    Fields(FieldsGranted),
}

/// The commitment to what an allow releases: the records, and the fields if it is not all of them.
#[must_use]
pub(crate) fn scope_commitment(
    salt: &[u8; 32],
    records: &[RecordId],
    fields: Option<&BTreeSet<String>>,
) -> Digest {
    match fields {
        None => Digest::commit(salt, &encode(&records.to_vec())),
        Some(fields) => Digest::commit(salt, &encode(&(records.to_vec(), fields.clone()))),
    }
}

const SOMETHING_ELSE: AccessError =
    AccessError::NotReleased("the decision is about something else");

impl Permit {
    /// The only constructor: what the view says of what was asked for. `now` is the time by the clock of whoever looks.
    ///
    /// # Errors
    /// [`AccessError::StaleLedger`], [`AccessError::NotReleased`].
    pub fn from_view(
        ask: ReleaseAsk,
        view: &View<'_>,
        now: Timestamp,
    ) -> Result<Self, AccessError> {
        let decision = view
            .state
            .decision(ask.requester, ask.request)
            .ok_or(AccessError::NotReleased("the decision can no longer be collected"))?;
        let Verdict::Allow { grant, scope, collect_by, .. } = decision.verdict else {
            return Err(AccessError::NotReleased("the decision is not an allow"));
        };
        let sealed_to = match ask.fields {
            None => Some(decision.receiving_key),
            Some(_) => hosting_key(view, decision.dataset),
        };
        let bound = decision.dataset == ask.dataset
            && sealed_to == Some(Digest(ask.to.digest()))
            && scope == scope_commitment(&ask.scope_salt, &ask.records, ask.fields.as_ref());
        if !bound {
            return Err(SOMETHING_ELSE);
        }
        let permit = Self { decision: decision.id, grant, collect_by, ask };
        permit.still_holds(view, now)?;
        Ok(permit)
    }

    /// Revocation wins: what was allowed a moment ago is not released if the grant has ended since, if the requester no
    /// longer belongs to its grantee, or if a denial of everything forbids it by now. Release nodes ask this of their own
    /// view before they hand anything out. Block time stands still while nothing happens, so `now`, the time by the
    /// asker's own clock, counts if it is later.
    ///
    /// # Errors
    /// [`AccessError::StaleLedger`], [`AccessError::NotReleased`].
    pub fn still_holds(&self, view: &View<'_>, now: Timestamp) -> Result<(), AccessError> {
        if view.age_ms > MAX_VIEW_AGE_MS {
            let (age_ms, unaged) = (view.age_ms, view.unaged);
            return Err(AccessError::StaleLedger { age_ms, unaged });
        }
        let now = now.max(view.time);
        if self.collect_by <= now {
            return Err(AccessError::NotReleased("the time to collect is over"));
        }
        let ReleaseAsk { requester, request, dataset, .. } = self.ask;
        let decision = view.state.decision(requester, request);
        let decision = decision.filter(|decision| decision.id == self.decision);
        let decision =
            decision.ok_or(AccessError::NotReleased("the decision can no longer be collected"))?;
        if given_back(decision) {
            return Err(AccessError::NotReleased("the charge was given back"));
        }
        // What the ledger asks before an allow counts; count and price were settled by the decision.
        match view.state.grant_usable(requester, dataset, self.grant, now) {
            Ok(_) => Ok(()),
            Err(Rejection::Denied) => Err(AccessError::NotReleased("it has been denied since")),
            Err(_) => Err(AccessError::NotReleased("the grant has ended since")),
        }
    }

    /// What was asked for.
    #[must_use]
    pub const fn ask(&self) -> &ReleaseAsk {
        &self.ask
    }

    /// Which decision a release answers.
    #[must_use]
    pub const fn context(&self) -> ReleaseContext {
        let ReleaseAsk { request, dataset, .. } = self.ask;
        ReleaseContext { request, decision: self.decision, dataset }
    }
}

/// Digest of the key of the data centre that a dataset is at.
fn hosting_key(view: &View<'_>, dataset: DatasetId) -> Option<Digest> {
    let pdc = view.state.dataset(dataset)?.pdc;
    Some(view.state.member(pdc)?.sealing_key)
}

impl Granted {
    /// The only constructor. `now` is the time by the clock of whoever asks; `host` is this data centre's own key, to which
    /// records are released that only fields of may be handed over.
    pub(crate) fn from_view(
        claim: Claim,
        host: &SealPublicKey,
        view: &View<'_>,
        now: Timestamp,
    ) -> Result<Permission, AccessError> {
        let Claim { requester, request, dataset, records, scope_salt, detail, .. } = claim;
        let (to, limited) = match claim.fields.clone() {
            None => (claim.receiving_key, None),
            Some(fields) => (host.clone(), Some((claim.receiving_key, fields))),
        };
        let fields = claim.fields;
        let ask = ReleaseAsk { requester, request, dataset, records, fields, scope_salt, to };
        let permit = Permit::from_view(ask, view, now)?;
        // Of fields the permit has looked at this data centre's key; whose the parts are is in the decision too.
        let receiving = view.state.decision(requester, request).map(|it| it.receiving_key);
        if receiving != Some(claim.receiving_digest) {
            return Err(SOMETHING_ELSE);
        }
        let granted = Self { permit, detail };
        Ok(match limited {
            None => Permission::Whole(granted),
            Some((receiving_key, fields)) => {
                Permission::Fields(FieldsGranted { to_host: granted, receiving_key, fields })
            }
        })
    }

    /// Is it still so? See [`Permit::still_holds`].
    ///
    /// # Errors
    /// [`AccessError::StaleLedger`], [`AccessError::NotReleased`].
    pub fn still_holds(&self, view: &View<'_>, now: Timestamp) -> Result<(), AccessError> {
        self.permit.still_holds(view, now)
    }

    /// What the ledger said yes to.
    #[must_use]
    pub const fn permit(&self) -> &Permit {
        &self.permit
    }

    /// The decision.
    #[must_use]
    pub fn decision(&self) -> DecisionId {
        self.permit.decision
    }

    /// Who asked.
    #[must_use]
    pub fn requester(&self) -> MemberId {
        self.permit.ask.requester
    }

    /// The request.
    #[must_use]
    pub fn request(&self) -> RequestId {
        self.permit.ask.request
    }

    /// The dataset.
    #[must_use]
    pub fn dataset(&self) -> DatasetId {
        self.permit.ask.dataset
    }

    /// The grant.
    #[must_use]
    pub fn grant(&self) -> GrantId {
        self.permit.grant
    }

    /// The records, and no others.
    #[must_use]
    pub fn records(&self) -> &[RecordId] {
        &self.permit.ask.records
    }

    pub(crate) fn detail(&self) -> &RequestDetail {
        &self.detail
    }

    /// The key to seal to, and no other.
    #[must_use]
    pub fn receiving_key(&self) -> &SealPublicKey {
        &self.permit.ask.to
    }

    /// Until when.
    #[must_use]
    pub fn collect_by(&self) -> Timestamp {
        self.permit.collect_by
    }
}

impl FieldsGranted {
    /// For the data centre itself.
    pub(crate) fn to_host(&self) -> &Granted {
        &self.to_host
    }

    /// The decision.
    #[must_use]
    pub fn decision(&self) -> DecisionId {
        self.to_host.decision()
    }

    /// The request.
    #[must_use]
    pub fn request(&self) -> RequestId {
        self.to_host.request()
    }

    /// The dataset.
    #[must_use]
    pub fn dataset(&self) -> DatasetId {
        self.to_host.dataset()
    }

    /// The grant.
    #[must_use]
    pub fn grant(&self) -> GrantId {
        self.to_host.grant()
    }

    /// Until when.
    #[must_use]
    pub fn collect_by(&self) -> Timestamp {
        self.to_host.collect_by()
    }

    /// These fields, and no others.
    #[must_use]
    pub fn fields(&self) -> &BTreeSet<String> {
        &self.fields
    }

    /// The requester's key, to which projections are sealed.
    #[must_use]
    pub fn receiving_key(&self) -> &SealPublicKey {
        &self.receiving_key
    }
}

fn given_back(decision: &DecisionState) -> bool {
    decision.charge.is_some_and(|charge| charge.status == ChargeStatus::Refunded)
}
