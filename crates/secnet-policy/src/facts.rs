//! What goes in: the consent on one dataset and the question asked of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use secnet_types::{
    Action, Amount, DatasetId, Denial, DenialId, Grant, GrantDetail, GrantId, MemberId, Party,
    Purpose, ServiceLevel, Timestamp,
};

/// Everything that can concern some requesters and one dataset, gathered from ONE ledger snapshot: the grants to any
/// of their parties, the denials against any of them. A slice of all grants of a dataset is a slice too. Grants and
/// denials are in it whatever their windows: a compiled slice outlives the moment, and time is the question's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentSlice {
    /// The dataset.
    pub dataset: DatasetId,
    /// Whose it is.
    pub owner: MemberId,
    /// Its terms.
    pub terms: TermsFact,
    /// The grants that are neither revoked nor of an earlier tenure; ended and used-up ones may be left in, for
    /// explanations.
    pub grants: Vec<GrantFact>,
    /// The denials by the owner, on this dataset or on all.
    pub denials: Vec<DenialFact>,
}

/// The part of the terms that policy judges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermsFact {
    /// No use from this block time on.
    pub expires: Timestamp,
    /// For no other purposes; absent for any. Does not bind break-glass.
    pub purposes: Option<BTreeSet<Purpose>>,
    /// No other actions; absent for any.
    pub actions: Option<BTreeSet<Action>>,
    /// Sealed or hosted.
    pub level: ServiceLevel,
}

/// A grant with its detail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantFact {
    /// Its id.
    pub id: GrantId,
    /// The part on the ledger.
    pub grant: Grant,
    /// The part in the PDC; the caller has checked it against the commitment.
    pub detail: GrantDetail,
    /// Uses left when the slice was gathered; absent for no limit.
    pub uses_left: Option<u32>,
}

/// A denial with its detail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DenialFact {
    /// Its id.
    pub id: DenialId,
    /// The part on the ledger.
    pub denial: Denial,
    /// The part in the PDC. Absent, be it that there is none or that it is lost, the denial denies all.
    pub detail: Option<GrantDetail>,
}

/// One request, as far as policy is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Who asks.
    pub requester: MemberId,
    /// As whom it can use grants: its groups and organisations. Other members in the list count for nothing.
    pub parties: Vec<Party>,
    /// What for.
    pub purpose: Purpose,
    /// What is to be done.
    pub action: Action,
    /// Block time of the snapshot.
    pub time: Timestamp,
    /// The most that may be charged.
    pub max_price: Amount,
    /// Only these fields of each record; absent for all that the grant gives.
    pub fields: Option<Arc<BTreeSet<String>>>,
    /// Counted grants that have no use left in the snapshot, beyond those that had none when the slice was compiled.
    /// So a compiled slice outlives the uses of its grants.
    pub used_up: BTreeSet<GrantId>,
}

impl Question {
    /// Does the requester count as this party?
    #[must_use]
    pub fn counts_as(&self, party: Party) -> bool {
        match party {
            Party::Member(member) => member == self.requester,
            Party::Group(_) | Party::Organisation(_) => self.parties.contains(&party),
        }
    }
}
