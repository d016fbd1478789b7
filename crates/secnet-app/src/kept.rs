//! Does the archive hold what the ledger commits to? For checks of a folder, which have no [`crate::Pdc`].

use secnet_ledger::{DatasetStatus, GrantStatus, State};
use secnet_lock::GrantWraps;
use secnet_types::{Digest, GrantDetail, MemberId, decode, limits};

use crate::ports::{Archive, ArchiveError, EntryKind, EntryName};
use crate::upload::TermsDetail;

/// One thing that must be kept behind a commitment on the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    kind: EntryKind,
    commitment: Digest,
    what: String,
}

/// All that a data centre must keep: the terms of its datasets, and details and sealed packets of their live grants.
#[must_use]
pub fn must_be_kept(state: &State, pdc: MemberId) -> Vec<Kept> {
    let mut all = Vec::new();
    let here = |(_, dataset): &(_, &secnet_ledger::Dataset)| {
        dataset.pdc == pdc && dataset.status != DatasetStatus::Erased
    };
    for (id, dataset) in state.datasets().filter(here) {
        let mut add = |kind, commitment, what| all.push(Kept { kind, commitment, what });
        let terms = dataset.terms.detail;
        add(EntryKind::TermsDetail, terms, format!("the detailed terms of dataset {id}"));
        let live = |state: &secnet_ledger::GrantState| {
            state.status == GrantStatus::Active && state.tenure == dataset.tenure
        };
        for (id, grant) in state.grants_on(id).filter(|(_, grant)| live(grant)) {
            let (detail, wraps) = (grant.grant.detail, grant.grant.wraps);
            add(EntryKind::ConsentDetail, detail, format!("the detail of grant {id}"));
            add(EntryKind::Wraps, wraps, format!("the sealed packets of grant {id}"));
        }
    }
    all
}

/// What of it is missing or is something else, a sentence each.
///
/// # Errors
/// The archive's storage fails.
pub async fn missing_of(archive: &dyn Archive, kept: &[Kept]) -> Result<Vec<String>, ArchiveError> {
    let mut wrong = Vec::new();
    for Kept { kind, commitment, what } in kept {
        let found = archive.get(&EntryName::new(*kind, &[], &commitment.0)).await;
        match found {
            Ok(None) => wrong.push(format!("{what} is missing")),
            Ok(Some(bytes)) if commitment_to(*kind, &bytes) != Some(*commitment) => {
                wrong.push(format!("{what} is not what the ledger commits to"));
            }
            Ok(Some(_)) => {}
            Err(ArchiveError::Damaged(_)) => wrong.push(format!("{what} is damaged")),
            Err(error) => return Err(error),
        }
    }
    Ok(wrong)
}

fn commitment_to(kind: EntryKind, bytes: &[u8]) -> Option<Digest> {
    match kind {
        EntryKind::TermsDetail => TermsDetail::from_bytes(bytes).ok().map(|d| d.commitment()),
        EntryKind::ConsentDetail => {
            let detail = decode::<GrantDetail>("detail", bytes, limits::MAX_DETAIL_BYTES);
            detail.ok().map(|detail| detail.commitment())
        }
        EntryKind::Wraps => GrantWraps::from_bytes(bytes).ok().map(|wraps| wraps.digest()),
        _ => None,
    }
}
