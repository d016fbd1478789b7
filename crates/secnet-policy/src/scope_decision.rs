//! May this requester do this with these records, under ONE grant?

use std::collections::{BTreeMap, BTreeSet};

use secnet_types::{Amount, GrantId, RecordId, RecordMeta};

use crate::cells::ByClass;
use crate::engine::Fault;
use crate::{CompiledConsent, DenyCause, Permitted, PolicyVerdict, Question};

/// What policy says of a set of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScopeVerdict {
    /// These records may be used under this one grant.
    Permit {
        /// The grant that covers most of the records asked for; among equals the cheapest, then the lowest id.
        grant: Permitted,
        /// The records it covers, in the order asked. Never empty.
        records: Vec<RecordId>,
        /// The others, with the reason.
        refused: BTreeMap<RecordId, Refusal>,
    },
    /// None of them.
    Deny {
        /// Each record with the reason.
        refused: BTreeMap<RecordId, Refusal>,
    },
    /// An evaluation erred on some record: a hold of all, never an allow.
    Fault(String),
}

/// Why a record is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No grant, or a denial.
    Denied(DenyCause),
    /// Permitted only under these other grants, which take requests of their own.
    OtherGrant(Vec<GrantId>),
}

/// Decide on many records. The ledger charges one grant for one decision, so one is chosen.
#[must_use]
pub fn decide_all<'r>(
    consent: &CompiledConsent,
    question: &Question,
    records: impl IntoIterator<Item = &'r RecordMeta>,
) -> ScopeVerdict {
    all(consent, question, records).unwrap_or_else(ScopeVerdict::Fault)
}

/// Does this grant, be it the best choice or not, still permit all of these records? Asked again between a decision and
/// what is done on it.
///
/// # Errors
/// What an evaluation erred on; that permits nothing.
pub fn permits_all<'r>(
    consent: &CompiledConsent,
    question: &Question,
    grant: GrantId,
    records: impl IntoIterator<Item = &'r RecordMeta>,
) -> Result<bool, String> {
    let mut classes = ByClass::new(consent, question);
    for record in records {
        match classes.ask(record)? {
            PolicyVerdict::Permit(grants) if grants.iter().any(|g| g.grant == grant) => {}
            PolicyVerdict::Fault(message) => return Err(message),
            PolicyVerdict::Permit(_) | PolicyVerdict::Deny(_) => return Ok(false),
        }
    }
    Ok(true)
}

fn all<'r>(
    consent: &CompiledConsent,
    question: &Question,
    records: impl IntoIterator<Item = &'r RecordMeta>,
) -> Result<ScopeVerdict, Fault> {
    let mut classes = ByClass::new(consent, question);
    let mut seen = BTreeSet::new();
    let mut asked: Vec<(RecordId, PolicyVerdict)> = Vec::new();
    let mut tally: BTreeMap<GrantId, (u64, Amount)> = BTreeMap::new();
    for record in records {
        if !seen.insert(record.id) {
            continue;
        }
        let verdict = classes.ask(record)?;
        if let PolicyVerdict::Permit(grants) = &verdict {
            for grant in grants {
                let (count, _) = tally.entry(grant.grant).or_insert((0, grant.price));
                *count = count.saturating_add(1);
            }
        }
        asked.push((record.id, verdict));
    }
    let best = tally.iter().min_by_key(|(id, (count, price))| (u64::MAX - count, *price, **id));
    Ok(divide(best.map(|(id, _)| *id), asked))
}

fn divide(chosen: Option<GrantId>, asked: Vec<(RecordId, PolicyVerdict)>) -> ScopeVerdict {
    let mut grant = None;
    let mut records = Vec::new();
    let mut refused = BTreeMap::new();
    for (id, verdict) in asked {
        match verdict {
            PolicyVerdict::Permit(grants) => {
                match grants.iter().find(|g| Some(g.grant) == chosen) {
                    Some(permitted) => {
                        records.push(id);
                        grant.get_or_insert_with(|| permitted.clone());
                    }
                    None => {
                        let others = grants.iter().map(|g| g.grant).collect();
                        refused.insert(id, Refusal::OtherGrant(others));
                    }
                }
            }
            PolicyVerdict::Deny(cause) => {
                refused.insert(id, Refusal::Denied(cause));
            }
            PolicyVerdict::Fault(message) => return ScopeVerdict::Fault(message),
        }
    }
    match grant {
        Some(grant) => ScopeVerdict::Permit { grant, records, refused },
        None => ScopeVerdict::Deny { refused },
    }
}
