//! New grants, and whether they are emptied at once and then left.

use std::collections::{BTreeMap, BTreeSet};

use secnet_types::{DatasetId, GrantId, MemberId};

use super::limits::{
    AT_ONCE_MS, DRAIN_RECORDS, DRAIN_USES, MAX_RECENT, SILENCE_MS, SPLIT_GRANTS_WITHIN_MS,
};

/// A grant that was made a short while ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewGrant {
    pub owner: MemberId,
    pub dataset: DatasetId,
    pub made_ms: u64,
    /// How many uses it is for.
    pub limit: Option<u32>,
    pub uses: u32,
    pub records: u64,
    pub paid: u64,
    pub last_ms: u64,
    /// Who uses it; nobody in particular if several do.
    pub user: Option<MemberId>,
    /// Was it used later than at once?
    late: bool,
    pub events: Vec<u64>,
    /// When it is looked at again.
    look_ms: u64,
}

/// One use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Use {
    pub by: MemberId,
    pub records: u32,
    pub price: u64,
    pub at_ms: u64,
    pub index: u64,
}

impl NewGrant {
    fn count(&mut self, used: &Use) {
        if self.uses == 0 {
            self.user = Some(used.by);
        } else if self.user != Some(used.by) {
            self.user = None;
        }
        self.uses = self.uses.saturating_add(1);
        self.records = self.records.saturating_add(used.records.into());
        self.paid = self.paid.saturating_add(used.price);
        self.last_ms = used.at_ms;
        self.late |= used.at_ms.saturating_sub(self.made_ms) > AT_ONCE_MS;
        if self.events.len() >= MAX_RECENT {
            self.events.remove(0);
        }
        self.events.push(used.index);
    }

    fn is_emptied(&self) -> bool {
        !self.late
            && self.user.is_some()
            && self.uses >= DRAIN_USES
            && self.records >= DRAIN_RECORDS
    }
}

/// A grant that was emptied and left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Drained {
    pub owner: MemberId,
    pub made_ms: u64,
    pub last_ms: u64,
    pub paid: u64,
    pub events: Vec<u64>,
}

/// The new grants, and when to look at each again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct NewGrants {
    grants: BTreeMap<GrantId, NewGrant>,
    looks: BTreeSet<(u64, GrantId)>,
}

impl NewGrants {
    pub(super) fn begin(
        &mut self,
        id: GrantId,
        (owner, dataset): (MemberId, DatasetId),
        limit: Option<u32>,
        made_ms: u64,
    ) {
        let look_ms = made_ms.saturating_add(AT_ONCE_MS).saturating_add(1);
        let grant = NewGrant {
            owner,
            dataset,
            made_ms,
            limit,
            uses: 0,
            records: 0,
            paid: 0,
            last_ms: made_ms,
            user: None,
            late: false,
            events: Vec::new(),
            look_ms,
        };
        self.forget(id);
        self.grants.insert(id, grant);
        self.looks.insert((look_ms, id));
    }

    pub(super) fn forget(&mut self, id: GrantId) {
        if let Some(grant) = self.grants.remove(&id) {
            self.looks.remove(&(grant.look_ms, id));
        }
    }

    /// Count a use of a grant that is looked after.
    pub(super) fn count(&mut self, id: GrantId, used: &Use) -> Option<&NewGrant> {
        let grant = self.grants.get_mut(&id)?;
        grant.count(used);
        Some(grant)
    }

    /// A grant whose time has come: it is of no interest any more, or it was emptied and left.
    pub(super) fn due(&mut self, now_ms: u64) -> Option<(GrantId, NewGrant)> {
        loop {
            let (look_ms, id) = self.looks.first().copied().filter(|(look, _)| *look <= now_ms)?;
            self.looks.remove(&(look_ms, id));
            let grant = self.grants.get_mut(&id)?;
            let end_ms = match (grant.is_emptied(), grant.limit) {
                (true, _) => grant.last_ms.saturating_add(SILENCE_MS),
                (false, Some(_)) => grant.made_ms.saturating_add(SPLIT_GRANTS_WITHIN_MS),
                (false, None) => 0,
            };
            if end_ms <= now_ms {
                return self.grants.remove(&id).map(|grant| (id, grant));
            }
            grant.look_ms = end_ms;
            self.looks.insert((end_ms, id));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.grants.len()
    }
}

impl NewGrant {
    /// Who emptied and left it.
    pub(super) fn drained(self) -> Option<(MemberId, Drained)> {
        let emptied = self.is_emptied();
        let Self { owner, made_ms, last_ms, paid, events, user, .. } = self;
        user.filter(|_| emptied)
            .map(|user| (user, Drained { owner, made_ms, last_ms, paid, events }))
    }
}
