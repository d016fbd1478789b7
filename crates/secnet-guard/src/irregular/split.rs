//! Grants of few uses, one after the other, instead of one of many.

use secnet_types::DatasetId;

use super::drain::NewGrant;
use super::limits::{LEAST_COUNTED_USES, SPLIT_GRANTS_WITHIN_MS, USED_UP_PERCENT};

/// A counted grant that was used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UsedUp {
    pub dataset: DatasetId,
    pub made_ms: u64,
    pub at_ms: u64,
    pub paid: u64,
    pub event: u64,
}

/// Has this use just used the grant up?
pub(super) fn used_up(grant: &NewGrant, index: u64) -> Option<UsedUp> {
    let limit = grant.limit.filter(|limit| *limit >= LEAST_COUNTED_USES)?;
    let is = |uses: u32| u64::from(uses) * 100 >= u64::from(limit) * USED_UP_PERCENT;
    let now = grant.user.is_some() && is(grant.uses) && !is(grant.uses.saturating_sub(1));
    now.then_some(UsedUp {
        dataset: grant.dataset,
        made_ms: grant.made_ms,
        at_ms: grant.last_ms,
        paid: grant.paid,
        event: index,
    })
}

/// Those of one dataset that are recent.
pub(super) fn of_dataset(all: &[UsedUp], dataset: DatasetId, now_ms: u64) -> Vec<&UsedUp> {
    let recent = |one: &&UsedUp| now_ms.saturating_sub(one.made_ms) < SPLIT_GRANTS_WITHIN_MS;
    all.iter().filter(|one| one.dataset == dataset).filter(recent).collect()
}
