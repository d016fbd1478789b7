//! Step 3: everything a decision is a function of, from one snapshot of the ledger.

mod visible;

use std::collections::BTreeSet;
use std::sync::Arc;

use secnet_ledger::DatasetStatus;
use secnet_policy::{
    CompiledConsent, ConsentSlice, DenialFact, GrantFact, Question, TermsFact, parties_key,
    permits_all,
};
use secnet_types::{
    Amount, DatasetId, Denial, DenialId, Digest, Grant, GrantDetail, GrantId, MemberId, Party,
    RequestDetail, RuleId, ServiceLevel, Timestamp, decode, limits,
};

pub use visible::{Seer, VisiblePage, Wish};

use crate::AccessError;
use crate::call::Authenticated;
use crate::catalogue::may_know;
use crate::granted::Granted;
use crate::pdc::{DatasetRecords, Pdc};
use crate::ports::{EntryKind, EntryName, View};
use crate::rules::RulesHere;
use crate::upload::TermsDetail;

/// The facts of one request.
#[derive(Debug)]
pub(crate) struct Facts {
    pub height: u64,
    pub time: Timestamp,
    pub owner: MemberId,
    pub parties: Vec<Party>,
    pub question: Question,
    /// Does the requester know of the dataset by right?
    pub discoverable: bool,
    /// Is the dataset still offered? Of one that is withdrawn or erased nothing is left to decide on.
    pub active: bool,
    /// What can be decided on; or what is broken, which is a fact too and becomes a hold.
    pub grounds: Result<Grounds, String>,
}

/// Consent, records and rules, all readable.
#[derive(Debug)]
pub(crate) struct Grounds {
    pub consent: Arc<CompiledConsent>,
    pub records: Arc<DatasetRecords>,
    pub rules: Arc<RulesHere>,
}

/// The typed part, copied out of the snapshot so that the ledger is not held up.
struct Snapshot {
    height: u64,
    time: Timestamp,
    owner: MemberId,
    changed_at: u64,
    parties: Vec<Party>,
    terms: (Timestamp, Digest, ServiceLevel),
    grants: Vec<(GrantId, Grant, Option<u32>)>,
    denials: Vec<(DenialId, Denial)>,
    used_up: BTreeSet<GrantId>,
    discoverable: bool,
    active: bool,
    erased: bool,
    rules: Vec<(RuleId, bool)>,
}

fn erased(dataset: DatasetId) -> AccessError {
    AccessError::Erased(format!("dataset {dataset}"))
}

impl Pdc {
    /// Gather the facts. None if there is no such dataset at this data centre.
    pub(crate) async fn gather(
        &self,
        caller: &Authenticated,
    ) -> Result<Option<Facts>, AccessError> {
        let request = &caller.request.value;
        let snapshot =
            self.view(|view| Snapshot::take(view, request.dataset, request.requester, self.member));
        let Some(mut snapshot) = snapshot.flatten() else { return Ok(None) };
        // Block time stands still while nothing happens. The block that will hold the decision is not earlier than now.
        snapshot.time = snapshot.time.max(self.clock.now());
        let discoverable = snapshot.discoverable;
        match self.facts_at(caller, snapshot).await {
            // What is broken here is no business of a stranger's.
            Err(_) if !discoverable => Ok(None),
            facts => facts.map(Some),
        }
    }

    async fn facts_at(
        &self,
        caller: &Authenticated,
        snapshot: Snapshot,
    ) -> Result<Facts, AccessError> {
        let request = &caller.request.value;
        let grounds = match self.grounds(request.dataset, request.requester, &snapshot).await {
            Ok(grounds) => Ok(grounds),
            Err(error) if error.is_damage() => Err(error.to_string()),
            Err(error) => return Err(error),
        };
        let question = snapshot.question(request.requester, &caller.detail, request.max_price);
        Ok(Facts {
            height: snapshot.height,
            time: snapshot.time,
            owner: snapshot.owner,
            parties: snapshot.parties,
            question,
            discoverable: snapshot.discoverable,
            active: snapshot.active,
            grounds,
        })
    }

    async fn grounds(
        &self,
        dataset: DatasetId,
        requester: MemberId,
        snapshot: &Snapshot,
    ) -> Result<Grounds, AccessError> {
        Ok(Grounds {
            consent: self.compiled(dataset, requester, snapshot).await?,
            records: self.records_under(dataset, Some(snapshot.owner)).await?,
            rules: self.rules_here(&snapshot.rules).await?,
        })
    }

    /// Does policy, asked anew on a fresh view, still permit all that was granted? The ledger judges grants and denials
    /// of everything itself; of denials with a detail it knows that they are there, no more. The height of the view.
    ///
    /// # Errors
    /// [`AccessError::NotReleased`]; [`AccessError::Damaged`] if policy cannot be evaluated any more.
    pub(crate) async fn still_permitted(&self, granted: &Granted) -> Result<u64, AccessError> {
        let (dataset, requester) = (granted.dataset(), granted.requester());
        let snapshot = self.view(|view| Snapshot::take(view, dataset, requester, self.member));
        let mut snapshot = snapshot
            .ok_or_else(AccessError::unreadable)?
            .ok_or(AccessError::NotReleased("the dataset is not at this data centre any more"))?;
        snapshot.time = snapshot.time.max(self.clock.now());
        // This use is counted and its price agreed.
        snapshot.used_up.remove(&granted.grant());
        let consent = self.compiled(dataset, requester, &snapshot).await?;
        let records = self.records_under(dataset, Some(snapshot.owner)).await?;
        let named = granted.records().iter().filter_map(|id| records.index.get(*id));
        let question = snapshot.question(requester, granted.detail(), Amount(u64::MAX));
        match permits_all(&consent, &question, granted.grant(), named) {
            Ok(true) => Ok(snapshot.height),
            Ok(false) => Err(AccessError::NotReleased("consent does not cover it any more")),
            Err(fault) => Err(AccessError::Damaged(fault)),
        }
    }

    /// The compiled consent for a requester: from the cache while nothing has changed.
    async fn compiled(
        &self,
        dataset: DatasetId,
        requester: MemberId,
        snapshot: &Snapshot,
    ) -> Result<Arc<CompiledConsent>, AccessError> {
        let key = parties_key(requester, &snapshot.parties);
        if let Some(kept) = self.consents.lock().get(dataset, key, snapshot.changed_at) {
            return Ok(kept);
        }
        let slice = self.slice(dataset, snapshot).await?;
        self.consents
            .lock()
            .get_or_compile(dataset, key, snapshot.changed_at, || slice)
            .map_err(|error| AccessError::Damaged(error.to_string()))
    }

    /// Put the details, which only this data centre knows, beside the typed parts.
    async fn slice(
        &self,
        dataset: DatasetId,
        snapshot: &Snapshot,
    ) -> Result<ConsentSlice, AccessError> {
        let (expires, terms, level) = snapshot.terms;
        let name = EntryName::new(EntryKind::TermsDetail, &[], &terms.0);
        let detail = match self.archive.get(&name).await? {
            Some(bytes) => TermsDetail::from_bytes(&bytes)
                .map_err(|error| AccessError::Damaged(error.to_string()))?,
            None => {
                return Err(AccessError::Damaged(
                    "the dataset's detailed terms are missing".into(),
                ));
            }
        };
        let mut grants = Vec::with_capacity(snapshot.grants.len());
        for (id, grant, uses_left) in &snapshot.grants {
            // A grant whose detail is lost or does not match permits nothing.
            if let Some(detail) = self.consent_detail(grant.detail).await? {
                let (id, uses_left) = (*id, *uses_left);
                grants.push(GrantFact { id, grant: grant.clone(), detail, uses_left });
            }
        }
        let mut denials = Vec::with_capacity(snapshot.denials.len());
        for (id, denial) in &snapshot.denials {
            let detail = match denial.detail {
                Some(commitment) => self.consent_detail(commitment).await?,
                None => None,
            };
            // A denial whose detail is lost denies all.
            let committed = denial.detail.filter(|_| detail.is_some());
            let denial = Denial { detail: committed, ..denial.clone() };
            denials.push(DenialFact { id: *id, denial, detail });
        }
        Ok(ConsentSlice {
            dataset,
            owner: snapshot.owner,
            terms: TermsFact { expires, purposes: detail.purposes, actions: detail.actions, level },
            grants,
            denials,
        })
    }

    /// The detail behind a commitment, if it is here and really the one.
    pub(crate) async fn consent_detail(
        &self,
        commitment: Digest,
    ) -> Result<Option<GrantDetail>, AccessError> {
        let name = EntryName::new(EntryKind::ConsentDetail, &[], &commitment.0);
        let Some(bytes) = self.archive.get(&name).await? else { return Ok(None) };
        let detail: GrantDetail = decode("grant detail", &bytes, limits::MAX_DETAIL_BYTES)
            .map_err(|error| AccessError::Damaged(error.to_string()))?;
        Ok(Some(detail).filter(|detail| detail.commitment() == commitment))
    }

    /// All consent on a dataset as of now, for the owner's questions. Of an erased one nothing is left to tell.
    pub(crate) async fn full_slice(
        &self,
        dataset: DatasetId,
    ) -> Result<Option<ConsentSlice>, AccessError> {
        let snapshot = self.view(|view| Snapshot::take_all(view, dataset, self.member)).flatten();
        match snapshot {
            Some(snapshot) if snapshot.erased => Err(erased(dataset)),
            Some(snapshot) => Ok(Some(self.slice(dataset, &snapshot).await?)),
            None => Ok(None),
        }
    }
}

impl Snapshot {
    fn take(
        view: &View<'_>,
        dataset: DatasetId,
        requester: MemberId,
        pdc: MemberId,
    ) -> Option<Self> {
        let state = view.state;
        let parties = state.parties_of(requester);
        let mut snapshot = Self::of_dataset(view, dataset, pdc)?;
        for (id, grant) in state.grants_between(dataset, &parties) {
            snapshot.add_grant(view, id, grant, None);
        }
        snapshot.denials = state
            .denials_by(snapshot.owner)
            .filter(|(_, d)| d.denial.dataset.is_none_or(|own| own == dataset))
            .filter(|(_, d)| parties.contains(&d.denial.party))
            .map(|(id, d)| (id, d.denial.clone()))
            .collect();
        let entry = (dataset, state.dataset(dataset)?);
        snapshot.discoverable = may_know(view, requester, &parties, entry);
        snapshot.parties = parties;
        Some(snapshot)
    }

    fn take_all(view: &View<'_>, dataset: DatasetId, pdc: MemberId) -> Option<Self> {
        let mut snapshot = Self::of_dataset(view, dataset, pdc)?;
        for (id, grant) in view.state.grants_on(dataset) {
            let left = grant.grant.uses.map(|uses| uses.saturating_sub(grant.used));
            snapshot.add_grant(view, id, grant, left);
        }
        snapshot.denials = view
            .state
            .denials_by(snapshot.owner)
            .filter(|(_, d)| d.denial.dataset.is_none_or(|own| own == dataset))
            .map(|(id, d)| (id, d.denial.clone()))
            .collect();
        Some(snapshot)
    }

    fn of_dataset(view: &View<'_>, dataset: DatasetId, pdc: MemberId) -> Option<Self> {
        let state = view.state;
        let entry = state.dataset(dataset).filter(|entry| entry.pdc == pdc)?;
        Some(Self {
            height: view.height,
            time: view.time,
            owner: entry.owner,
            changed_at: state.consent_changed_at(dataset),
            parties: Vec::new(),
            terms: (entry.terms.expires, entry.terms.detail, entry.terms.level),
            grants: Vec::new(),
            denials: Vec::new(),
            used_up: BTreeSet::new(),
            discoverable: false,
            active: entry.status == DatasetStatus::Active,
            erased: entry.status == DatasetStatus::Erased,
            rules: state.installed_rules(pdc, view.time).map(|(id, i)| (id, i.simulate)).collect(),
        })
    }

    fn question(&self, requester: MemberId, detail: &RequestDetail, max_price: Amount) -> Question {
        Question {
            requester,
            parties: self.parties.clone(),
            purpose: detail.purpose,
            action: detail.action,
            time: self.time,
            max_price,
            fields: detail.scope.fields.clone().map(Arc::new),
            used_up: self.used_up.clone(),
        }
    }

    /// Grants that were revoked or belong to a former owner are no consent; ended and used-up ones stay, to explain. What
    /// is compiled for a requester outlives uses, so it is told of them by each question and not here.
    fn add_grant(
        &mut self,
        view: &View<'_>,
        id: GrantId,
        grant: &secnet_ledger::GrantState,
        uses_left: Option<u32>,
    ) {
        let current =
            view.state.dataset(grant.grant.dataset).is_some_and(|d| d.tenure == grant.grant.tenure);
        if grant.status == secnet_ledger::GrantStatus::Revoked || !current {
            return;
        }
        if grant.grant.uses.is_some_and(|uses| grant.used >= uses) {
            self.used_up.insert(id);
        }
        self.grants.push((id, grant.grant.clone(), uses_left));
    }
}
