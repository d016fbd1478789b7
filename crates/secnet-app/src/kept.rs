//! Does the archive hold what the ledger commits to? For checks of a folder, which have no [`crate::Pdc`].

use secnet_ledger::{Dataset, DatasetStatus, GrantState, GrantStatus, State};
use secnet_lock::GrantWraps;
use secnet_types::{
    DatasetId, DecisionId, Digest, GrantDetail, MemberId, Operation, Rule, SignedCommand,
    Timestamp, decode, limits,
};

use crate::access::facts_name;
use crate::ports::{Archive, ArchiveError, EntryKind, EntryName};
use crate::record::FactsRecord;
use crate::upload::TermsDetail;

/// One thing that must be kept behind a commitment on the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    name: EntryName,
    commitment: Digest,
    what: String,
}

impl Kept {
    fn new(kind: EntryKind, commitment: Digest, what: String) -> Self {
        Self { name: EntryName::new(kind, &[], &commitment.0), commitment, what }
    }
}

/// All that a data centre must keep as of a state: the terms of its datasets, details and sealed packets of their live
/// grants, details of their owners' denials, the rules that it enforces. What was decided is not in the state for ever:
/// see [`kept_of_decision`].
#[must_use]
pub fn must_be_kept(state: &State, pdc: MemberId) -> Vec<Kept> {
    let mut all = Vec::new();
    let mut owners = std::collections::BTreeSet::new();
    for (id, dataset) in state.datasets().filter(|(_, dataset)| is_kept(dataset, pdc)) {
        owners.insert(dataset.owner);
        let terms = dataset.terms.detail;
        all.push(Kept::new(
            EntryKind::TermsDetail,
            terms,
            format!("the detailed terms of dataset {id}"),
        ));
        let live = |state: &GrantState| {
            state.status == GrantStatus::Active && state.tenure == dataset.tenure
        };
        for (id, grant) in state.grants_on(id).filter(|(_, grant)| live(grant)) {
            let (detail, wraps) = (grant.grant.detail, grant.grant.wraps);
            let what = format!("the detail of grant {id}");
            all.push(Kept::new(EntryKind::ConsentDetail, detail, what));
            let what = format!("the sealed packets of grant {id}");
            all.push(Kept::new(EntryKind::Wraps, wraps, what));
        }
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
    }
    all
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
        }
    })
}

fn is_kept(dataset: &Dataset, pdc: MemberId) -> bool {
    dataset.pdc == pdc && dataset.status != DatasetStatus::Erased
}

/// What of it is missing or is something else, a sentence each.
///
/// # Errors
/// The archive's storage fails.
pub async fn missing_of(archive: &dyn Archive, kept: &[Kept]) -> Result<Vec<String>, ArchiveError> {
    let mut wrong = Vec::new();
    for Kept { name, commitment, what } in kept {
        match archive.get(name).await {
            Ok(None) => wrong.push(format!("{what} is missing")),
            Ok(Some(bytes)) if commitment_to(name.kind, &bytes) != Some(*commitment) => {
                wrong.push(format!("{what} is not what the ledger commits to"));
            }
            Ok(Some(_)) => {}
            Err(ArchiveError::Damaged(_)) => wrong.push(format!("{what} is damaged")),
            Err(error) => return Err(error),
        }
    }
    Ok(wrong)
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

fn commitment_to(kind: EntryKind, bytes: &[u8]) -> Option<Digest> {
    match kind {
        EntryKind::TermsDetail => TermsDetail::from_bytes(bytes).ok().map(|d| d.commitment()),
        EntryKind::ConsentDetail => {
            let detail = decode::<GrantDetail>("detail", bytes, limits::MAX_DETAIL_BYTES);
            detail.ok().map(|detail| detail.commitment())
        }
        EntryKind::Wraps => GrantWraps::from_bytes(bytes).ok().map(|wraps| wraps.digest()),
        EntryKind::Facts => FactsRecord::from_bytes(bytes).ok().map(|facts| facts.commitment()),
        EntryKind::Rule => Rule::from_bytes(bytes).ok().map(|rule| Digest(rule.id().0)),
        _ => None,
    }
}
