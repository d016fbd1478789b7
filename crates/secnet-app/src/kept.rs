//! Does the archive hold what the ledger commits to? For checks of a folder, which have no [`crate::Pdc`].

use secnet_guard::Learnt;
use secnet_ledger::{Dataset, DatasetStatus, GrantState, GrantStatus, State};
use secnet_lock::{GrantWraps, HostingPacket};
use secnet_types::{
    DatasetId, DecisionId, Digest, GrantDetail, MemberId, Operation, Rule, ServiceLevel,
    SignedCommand, Timestamp, decode, limits,
};
use std::collections::BTreeSet;

use crate::access::facts_name;
use crate::manifest::DatasetManifest;
use crate::ports::{Archive, ArchiveError, EntryKind, EntryName};
use crate::record::FactsRecord;
use crate::staging::catalogues_of;
use crate::upload::{Catalogue, TermsDetail};

/// One thing that must be kept behind a commitment on the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    name: EntryName,
    commitment: Digest,
    what: String,
    /// Of a list of uploads: whose they are, in what dataset, at what level.
    records: Option<Listed>,
}

type Listed = (DatasetId, MemberId, ServiceLevel);

/// One thing that is not as the ledger says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amiss {
    /// What.
    pub what: String,
    /// The problem with it.
    pub problem: &'static str,
}

impl core::fmt::Display for Amiss {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}: {}", self.what, self.problem)
    }
}

impl Kept {
    /// Where it is.
    pub(crate) const fn name(&self) -> &EntryName {
        &self.name
    }

    /// Are these bytes what the ledger commits to?
    pub(crate) fn is(&self, bytes: &[u8]) -> bool {
        commitment_to(self.name.kind, bytes) == Some(self.commitment)
    }

    fn new(kind: EntryKind, commitment: Digest, what: String) -> Self {
        Self { name: EntryName::new(kind, &[], &commitment.0), commitment, what, records: None }
    }
}

/// All that a data centre must keep as of a state: terms and list of uploads of its datasets, details and sealed packets of
/// their live grants, details of their owners' denials, the rules that it enforces. What was decided is not in the state
/// for ever: see [`kept_of_decision`].
#[must_use]
pub fn must_be_kept(state: &State, pdc: MemberId) -> Vec<Kept> {
    let mut all = Vec::new();
    let mut owners = BTreeSet::new();
    for (id, dataset) in state.datasets().filter(|(_, dataset)| is_kept(dataset, pdc)) {
        owners.insert(dataset.owner);
        of_dataset(state, id, dataset, &mut all);
    }
    let here = |dataset: DatasetId| state.dataset(dataset).is_some_and(|d| is_kept(d, pdc));
    for (id, denial) in owners.into_iter().flat_map(|owner| state.denials_by(owner)) {
        let about = denial.denial.dataset.is_none_or(here);
        if let Some(detail) = denial.denial.detail.filter(|_| about) {
            let what = format!("the detail of denial {id}");
            all.push(Kept::new(EntryKind::ConsentDetail, detail, what));
        }
    }
    // Those past their end too: their bodies stay as long as the ledger lists them.
    for (rule, _) in state.installed_rules(pdc, Timestamp(0)) {
        all.push(Kept::new(EntryKind::Rule, Digest(rule.0), format!("the body of rule {rule}")));
        // Of a rule that was learnt here the evidence is here too.
        let own = state.rule(rule).filter(|state| state.author == pdc).map(|s| s.listing.evidence);
        if let Some(commitment) = own.filter(|evidence| *evidence != Digest::ZERO) {
            let name = EntryName::new(EntryKind::RuleCard, &[], &rule.0);
            let what = format!("the evidence for rule {rule}");
            all.push(Kept { name, commitment, what, records: None });
        }
    }
    all
}

/// What a data centre must keep of one dataset, wherever that is now.
pub(crate) fn must_be_kept_of(state: &State, id: DatasetId) -> Vec<Kept> {
    let mut all = Vec::new();
    let Some(dataset) = state.dataset(id) else { return all };
    of_dataset(state, id, dataset, &mut all);
    for (denial, of) in state.denials_by(dataset.owner) {
        if let Some(detail) = of.denial.detail.filter(|_| of.denial.dataset == Some(id)) {
            let what = format!("the detail of denial {denial}");
            all.push(Kept::new(EntryKind::ConsentDetail, detail, what));
        }
    }
    all
}

fn of_dataset(state: &State, id: DatasetId, dataset: &Dataset, all: &mut Vec<Kept>) {
    let what = format!("the detailed terms of dataset {id}");
    all.push(Kept::new(EntryKind::TermsDetail, dataset.terms.detail, what));
    let live = |state: &GrantState| {
        state.status == GrantStatus::Active && state.grant.tenure == dataset.tenure
    };
    for (id, grant) in state.grants_on(id).filter(|(_, grant)| live(grant)) {
        let (detail, wraps) = (grant.grant.detail, grant.grant.wraps);
        all.push(Kept::new(EntryKind::ConsentDetail, detail, format!("the detail of grant {id}")));
        let what = format!("the sealed packets of grant {id}");
        all.push(Kept::new(EntryKind::Wraps, wraps, what));
    }
    let commitment = dataset.manifest;
    all.push(Kept {
        name: EntryName::new(EntryKind::DatasetManifest, &id.0, &commitment.0),
        commitment,
        what: format!("the list of the uploads of dataset {id}"),
        records: Some((id, dataset.owner, dataset.terms.level)),
    });
}

/// The facts behind a decision on the ledger, if the command is one of this data centre's and its dataset is not erased.
#[must_use]
pub fn kept_of_decision(state: &State, pdc: MemberId, command: &SignedCommand) -> Option<Kept> {
    let Operation::RecordDecision { decision } = &command.value.operation else { return None };
    let dataset = decision.request.value.dataset;
    let kept = state.dataset(dataset).is_some_and(|dataset| is_kept(dataset, pdc));
    (kept && command.value.author == pdc).then(|| {
        let id = DecisionId::derive(pdc, command.value.id);
        Kept {
            name: facts_name(dataset, id),
            commitment: decision.facts,
            what: format!("the facts of decision {id}"),
            records: None,
        }
    })
}

fn is_kept(dataset: &Dataset, pdc: MemberId) -> bool {
    dataset.pdc == pdc && dataset.status != DatasetStatus::Erased
}

/// Those of these erased datasets whose records the archive still lists.
///
/// # Errors
/// The archive's storage fails, or an entry is damaged.
pub async fn still_listed(
    archive: &dyn Archive,
    erased: &[DatasetId],
) -> Result<Vec<DatasetId>, ArchiveError> {
    let mut left = Vec::new();
    for dataset in erased {
        if !archive.list(EntryKind::Manifest, &dataset.0).await?.is_empty() {
            left.push(*dataset);
        }
    }
    Ok(left)
}

const MISSING: &str = "it is missing";
const DAMAGED: &str = "it is damaged";
const NOT_HOSTED: &str = "the dataset is hosted, and a packet that lets this data centre open an upload is missing; its owner seals it anew with `secnet data set`";
const ANOTHER: &str = "it is not what the ledger commits to";

/// What of it is missing or is something else, the records in the lists of uploads included.
///
/// # Errors
/// The archive's storage fails.
pub async fn missing_of(archive: &dyn Archive, kept: &[Kept]) -> Result<Vec<Amiss>, ArchiveError> {
    let mut amiss = Vec::new();
    for one in kept {
        let mut add = |problem| amiss.push(Amiss { what: one.what.clone(), problem });
        let (kind, found) = found(archive, &one.name).await;
        match found {
            Ok(None) => add(MISSING),
            Ok(Some(bytes)) if commitment_to(kind, &bytes) != Some(one.commitment) => {
                add(ANOTHER);
            }
            Ok(Some(bytes)) => {
                if let (Some(of), Ok(list)) = (one.records, DatasetManifest::from_bytes(&bytes)) {
                    amiss.extend(records_amiss(archive, of, &list).await?);
                }
            }
            Err(ArchiveError::Damaged(_)) => add(DAMAGED),
            Err(error) => return Err(error),
        }
    }
    Ok(amiss)
}

/// An entry, and of what kind it is: what the ledger calls a rule may be a learnt model.
async fn found(
    archive: &dyn Archive,
    name: &EntryName,
) -> (EntryKind, Result<Option<Vec<u8>>, ArchiveError>) {
    let found = archive.get(name).await;
    let other = match name.kind {
        EntryKind::Rule => EntryKind::LearntModel,
        EntryKind::RuleCard => EntryKind::ModelStanding,
        kind => return (kind, found),
    };
    if matches!(found, Ok(None)) {
        let other_name = EntryName { kind: other, ..name.clone() };
        return (other, archive.get(&other_name).await);
    }
    (name.kind, found)
}

/// The records of a dataset that are not those in the list of its uploads.
async fn records_amiss(
    archive: &dyn Archive,
    (dataset, owner, level): Listed,
    list: &DatasetManifest,
) -> Result<Vec<Amiss>, ArchiveError> {
    let what = || format!("the records of dataset {dataset}");
    let catalogues = match catalogues_of(archive, dataset, list.commitment()).await {
        Ok(catalogues) => catalogues,
        Err(ArchiveError::Damaged(_)) => return Ok(vec![Amiss { what: what(), problem: DAMAGED }]),
        Err(error) => return Err(error),
    };
    let mut amiss = Vec::new();
    let mut committed: BTreeSet<Digest> = list.uploads.iter().copied().collect();
    for (name, bytes) in catalogues {
        match Catalogue::from_bytes(&bytes) {
            Ok(catalogue) if catalogue.owner != owner => {}
            Ok(catalogue) if committed.remove(&catalogue.digest()) => {
                let hosted = level == ServiceLevel::Hosted && !catalogue.items.is_empty();
                if hosted && !is_opened_here(archive, &name.key).await? {
                    amiss.push(Amiss { what: what(), problem: NOT_HOSTED });
                }
            }
            Ok(_) => amiss.push(Amiss {
                what: what(),
                problem: "an upload is listed that the ledger does not commit to, or not so",
            }),
            Err(_) => amiss.push(Amiss { what: what(), problem: DAMAGED }),
        }
    }
    amiss.extend(committed.iter().map(|_| Amiss {
        what: what(),
        problem: "an upload that the ledger commits to is missing, or is another one",
    }));
    Ok(amiss)
}

/// Is there a packet that lets a data centre open the upload's records?
async fn is_opened_here(archive: &dyn Archive, upload: &[u8]) -> Result<bool, ArchiveError> {
    match archive.list(EntryKind::HostingPacket, upload).await {
        Ok(kept) => Ok(kept.iter().any(|(_, bytes)| HostingPacket::from_bytes(bytes).is_ok())),
        Err(ArchiveError::Damaged(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

fn commitment_to(kind: EntryKind, bytes: &[u8]) -> Option<Digest> {
    match kind {
        EntryKind::TermsDetail => TermsDetail::from_bytes(bytes).ok().map(|d| d.commitment()),
        EntryKind::ConsentDetail => {
            let detail = decode::<GrantDetail>("detail", bytes, limits::MAX_DETAIL_BYTES);
            detail.ok().map(|detail| detail.commitment())
        }
        EntryKind::DatasetManifest => {
            DatasetManifest::from_bytes(bytes).ok().map(|manifest| manifest.commitment())
        }
        EntryKind::Facts => FactsRecord::from_bytes(bytes).ok().map(|facts| facts.commitment()),
        EntryKind::Rule => Rule::from_bytes(bytes).ok().map(|rule| Digest(rule.id().0)),
        EntryKind::LearntModel => Learnt::from_bytes(bytes).ok().map(|model| model.digest()),
        EntryKind::RuleCard | EntryKind::ModelStanding => Some(Digest::of(bytes)),
        EntryKind::Wraps => GrantWraps::from_bytes(bytes).ok().map(|wraps| wraps.digest()),
        _ => None,
    }
}
