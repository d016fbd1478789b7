//! Does the archive hold what the ledger commits to? For checks of a folder, which have no [`crate::Pdc`].

use secnet_ledger::{DatasetStatus, GrantStatus, State};
use secnet_lock::GrantWraps;
use secnet_types::{DatasetId, Digest, GrantDetail, MemberId, decode, limits};
use std::collections::BTreeSet;

use crate::manifest::DatasetManifest;
use crate::ports::{Archive, ArchiveError, EntryKind, EntryName};
use crate::staging::catalogues_of;
use crate::upload::{Catalogue, TermsDetail};

/// One thing that must be kept behind a commitment on the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    dataset: DatasetId,
    name: EntryName,
    commitment: Digest,
    what: String,
    /// Of a list of uploads: whose they are.
    records_of: Option<MemberId>,
}

impl Kept {
    /// The dataset that it is about.
    #[must_use]
    pub fn dataset(&self) -> DatasetId {
        self.dataset
    }
}

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

/// All that a data centre must keep: terms and list of uploads of its datasets, and details and sealed packets of their
/// live grants.
#[must_use]
pub fn must_be_kept(state: &State, pdc: MemberId) -> Vec<Kept> {
    let mut all = Vec::new();
    let here = |(_, dataset): &(_, &secnet_ledger::Dataset)| {
        dataset.pdc == pdc && dataset.status != DatasetStatus::Erased
    };
    for (id, dataset) in state.datasets().filter(here) {
        let mut add = |kind, commitment: Digest, what| {
            let name = EntryName::new(kind, &[], &commitment.0);
            all.push(Kept { dataset: id, name, commitment, what, records_of: None });
        };
        let terms = dataset.terms.detail;
        add(EntryKind::TermsDetail, terms, format!("the detailed terms of dataset {id}"));
        let live = |state: &secnet_ledger::GrantState| {
            state.status == GrantStatus::Active && state.tenure == dataset.tenure
        };
        for (grant_id, grant) in state.grants_on(id).filter(|(_, grant)| live(grant)) {
            let (detail, wraps) = (grant.grant.detail, grant.grant.wraps);
            add(EntryKind::ConsentDetail, detail, format!("the detail of grant {grant_id}"));
            add(EntryKind::Wraps, wraps, format!("the sealed packets of grant {grant_id}"));
        }
        let commitment = dataset.manifest;
        all.push(Kept {
            dataset: id,
            name: EntryName::new(EntryKind::DatasetManifest, &id.0, &commitment.0),
            commitment,
            what: format!("the list of the uploads of dataset {id}"),
            records_of: Some(dataset.owner),
        });
    }
    all
}

const MISSING: &str = "it is missing";
const DAMAGED: &str = "it is damaged";
const ANOTHER: &str = "it is not what the ledger commits to";

/// What of it is missing or is something else, the records in the lists of uploads included.
///
/// # Errors
/// The archive's storage fails.
pub async fn missing_of(archive: &dyn Archive, kept: &[Kept]) -> Result<Vec<Amiss>, ArchiveError> {
    let mut amiss = Vec::new();
    for one in kept {
        let mut add = |problem| amiss.push(Amiss { what: one.what.clone(), problem });
        match archive.get(&one.name).await {
            Ok(None) => add(MISSING),
            Ok(Some(bytes)) if commitment_to(one.name.kind, &bytes) != Some(one.commitment) => {
                add(ANOTHER);
            }
            Ok(Some(bytes)) => {
                if let (Some(owner), Ok(list)) =
                    (one.records_of, DatasetManifest::from_bytes(&bytes))
                {
                    amiss.extend(records_amiss(archive, (one.dataset, owner), &list).await?);
                }
            }
            Err(ArchiveError::Damaged(_)) => add(DAMAGED),
            Err(error) => return Err(error),
        }
    }
    Ok(amiss)
}

/// The records of a dataset that are not those in the list of its uploads.
async fn records_amiss(
    archive: &dyn Archive,
    (dataset, owner): (DatasetId, MemberId),
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
    for (_, bytes) in catalogues {
        match Catalogue::from_bytes(&bytes) {
            Ok(catalogue) if catalogue.owner != owner => {}
            Ok(catalogue) if committed.remove(&catalogue.digest()) => {}
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
        EntryKind::Wraps => GrantWraps::from_bytes(bytes).ok().map(|wraps| wraps.digest()),
        _ => None,
    }
}
