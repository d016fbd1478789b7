//! What ends a permission, as somebody outside was told: the second opinion behind P4.

use secnet_types::{DatasetId, GrantId, MemberId, Timestamp};

/// An end that was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The grant was revoked.
    Revoked(GrantId),
    /// The dataset was withdrawn.
    Withdrawn(DatasetId),
    /// The dataset has a new owner as of this event: earlier grants have ended.
    Transferred(DatasetId, u64),
    /// The member was suspended.
    Suspended(MemberId),
    /// The owner denied everything to this party.
    Denied {
        owner: MemberId,
        dataset: Option<DatasetId>,
        party: MemberId,
        until: Timestamp,
        even_in_emergency: bool,
    },
}

/// What a permission is used for, and when.
#[derive(Debug, Clone)]
pub(crate) struct Use {
    pub(crate) grant: GrantId,
    /// Index of the grant's event; none if nobody was told of it yet.
    pub(crate) granted: Option<u64>,
    pub(crate) emergency: bool,
    pub(crate) dataset: DatasetId,
    pub(crate) owner: MemberId,
    pub(crate) requester: MemberId,
    pub(crate) at: Timestamp,
}

impl Ending {
    pub(crate) fn forbids(&self, one: &Use) -> bool {
        match self {
            Self::Revoked(grant) => *grant == one.grant,
            Self::Withdrawn(dataset) => *dataset == one.dataset,
            Self::Transferred(dataset, event) => {
                *dataset == one.dataset && one.granted.is_some_and(|granted| granted < *event)
            }
            Self::Suspended(member) => *member == one.requester,
            Self::Denied { owner, dataset, party, until, even_in_emergency } => {
                *owner == one.owner
                    && dataset.is_none_or(|dataset| dataset == one.dataset)
                    && *party == one.requester
                    && one.at < *until
                    && (*even_in_emergency || !one.emergency)
            }
        }
    }
}
