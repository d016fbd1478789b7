//! The last proof: without a [`Granted`] nothing leaves.

use std::collections::BTreeSet;

use secnet_crypto::SealPublicKey;
use secnet_ledger::{ChargeStatus, DecisionState, Rejection};
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

/// Permission to release exactly these records to exactly this key, now.
///
/// It is made from a fresh view of the ledger, never from receipt bytes: the decision is there, it is an allow, it
/// commits to these records and this receiving key, its time to collect is not over, and the grant is still active.
#[derive(Debug)]
pub struct Granted {
    decision: DecisionId,
    requester: MemberId,
    request: RequestId,
    dataset: DatasetId,
    grant: GrantId,
    records: Vec<RecordId>,
    receiving_key: SealPublicKey,
    collect_by: Timestamp,
    /// What was asked: policy is asked it again before anything leaves.
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
#[expect(clippy::large_enum_variant, reason = "made and taken apart at once")]
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

impl Granted {
    /// The only constructor. `now` is the time by the clock of whoever asks; `host` is this data centre's own key, to which
    /// records are released that only fields of may be handed over.
    pub(crate) fn from_view(
        claim: Claim,
        host: &SealPublicKey,
        view: &View<'_>,
        now: Timestamp,
    ) -> Result<Permission, AccessError> {
        let decision = view
            .state
            .decision(claim.requester, claim.request)
            .ok_or(AccessError::NotReleased("the decision can no longer be collected"))?;
        let Verdict::Allow { grant, scope, collect_by, .. } = decision.verdict else {
            return Err(AccessError::NotReleased("the decision is not an allow"));
        };
        let bound = decision.dataset == claim.dataset
            && decision.receiving_key == claim.receiving_digest
            && scope == scope_commitment(&claim.scope_salt, &claim.records, claim.fields.as_ref());
        if !bound {
            return Err(AccessError::NotReleased("the decision is about something else"));
        }
        let (receiving_key, fields) = match claim.fields {
            None => (claim.receiving_key, None),
            Some(fields) => (host.clone(), Some((claim.receiving_key, fields))),
        };
        let granted = Self {
            decision: decision.id,
            requester: claim.requester,
            request: claim.request,
            dataset: claim.dataset,
            grant,
            records: claim.records,
            receiving_key,
            collect_by,
            detail: claim.detail,
        };
        granted.still_holds(view, now)?;
        Ok(match fields {
            None => Permission::Whole(granted),
            Some((receiving_key, fields)) => {
                let granted = FieldsGranted { to_host: granted, receiving_key, fields };
                Permission::Fields(granted)
            }
        })
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
            return Err(AccessError::StaleLedger { age_ms: view.age_ms });
        }
        let now = now.max(view.time);
        if self.collect_by <= now {
            return Err(AccessError::NotReleased("the time to collect is over"));
        }
        let decision = view.state.decision(self.requester, self.request);
        let decision = decision.filter(|decision| decision.id == self.decision);
        let decision =
            decision.ok_or(AccessError::NotReleased("the decision can no longer be collected"))?;
        if given_back(decision) {
            return Err(AccessError::NotReleased("the charge was given back"));
        }
        // What the ledger asks before an allow counts; count and price were settled by the decision.
        match view.state.grant_usable(self.requester, self.dataset, self.grant, now) {
            Ok(_) => Ok(()),
            Err(Rejection::Denied) => Err(AccessError::NotReleased("it has been denied since")),
            Err(_) => Err(AccessError::NotReleased("the grant has ended since")),
        }
    }

    /// The decision.
    #[must_use]
    pub fn decision(&self) -> DecisionId {
        self.decision
    }

    /// Who asked.
    #[must_use]
    pub fn requester(&self) -> MemberId {
        self.requester
    }

    /// The request.
    #[must_use]
    pub fn request(&self) -> RequestId {
        self.request
    }

    /// The dataset.
    #[must_use]
    pub fn dataset(&self) -> DatasetId {
        self.dataset
    }

    /// The grant.
    #[must_use]
    pub fn grant(&self) -> GrantId {
        self.grant
    }

    /// The records, and no others.
    #[must_use]
    pub fn records(&self) -> &[RecordId] {
        &self.records
    }

    pub(crate) fn detail(&self) -> &RequestDetail {
        &self.detail
    }

    /// The key to seal to, and no other.
    #[must_use]
    pub fn receiving_key(&self) -> &SealPublicKey {
        &self.receiving_key
    }

    /// Until when.
    #[must_use]
    pub fn collect_by(&self) -> Timestamp {
        self.collect_by
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
        self.to_host.decision
    }

    /// The request.
    #[must_use]
    pub fn request(&self) -> RequestId {
        self.to_host.request
    }

    /// The dataset.
    #[must_use]
    pub fn dataset(&self) -> DatasetId {
        self.to_host.dataset
    }

    /// The grant.
    #[must_use]
    pub fn grant(&self) -> GrantId {
        self.to_host.grant
    }

    /// Until when.
    #[must_use]
    pub fn collect_by(&self) -> Timestamp {
        self.to_host.collect_by
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
