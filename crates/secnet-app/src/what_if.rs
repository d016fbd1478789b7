//! "What if I sign this grant": replayed on the owner's own past.

use secnet_policy::{CompiledConsent, GrantFact, Question, ScopeVerdict, decide_all};
use secnet_types::{Grant, GrantDetail, GrantId, MemberId, RecordMeta, Verdict};
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::AccessError;
use crate::history::Attempt;
use crate::pdc::Pdc;

/// What a grant would have changed in the past, and what it would open now.
#[derive(Debug)]
pub struct WhatIf {
    /// Past refusals that it would have allowed.
    pub would_allow: Vec<Attempt>,
    /// Past attempts that it would not have changed.
    pub unchanged: usize,
    /// Records it would let the grantee see, of all in the dataset.
    pub records: usize,
    /// All in the dataset.
    pub of: usize,
}

impl Pdc {
    /// Replay every past attempt on the grant's dataset with the grant added to today's consent.
    ///
    /// # Errors
    /// The log or the archive cannot be read, or the dataset is not here.
    pub async fn what_if(
        &self,
        owner: MemberId,
        grant: &Grant,
        detail: &GrantDetail,
    ) -> Result<WhatIf, AccessError> {
        let slice = self.full_slice(grant.dataset).await?;
        let mut slice =
            slice.ok_or_else(|| AccessError::Unknown(format!("dataset {}", grant.dataset)))?;
        // A grant that does not exist yet has no id; this one is no object's.
        let id = GrantId([0xff; 16]);
        let fact =
            GrantFact { id, grant: grant.clone(), detail: detail.clone(), uses_left: grant.uses };
        slice.grants.push(fact);
        let consent = CompiledConsent::compile(&slice)
            .map_err(|error| AccessError::Malformed(error.to_string()))?;
        let listed = self.records_of(grant.dataset).await?;
        let records = listed.index.iter().filter(|meta| detail.scope.covers(meta)).count();
        let mut result =
            WhatIf { would_allow: Vec::new(), unchanged: 0, records, of: listed.index.len() };
        for attempt in self.history(owner).await? {
            if attempt.dataset != grant.dataset {
                continue;
            }
            let refused = !matches!(attempt.verdict, Verdict::Allow { .. });
            if refused && self.allows(&consent, id, &attempt, &listed.index) {
                result.would_allow.push(attempt);
            } else {
                result.unchanged = result.unchanged.saturating_add(1);
            }
        }
        Ok(result)
    }

    fn allows(
        &self,
        consent: &CompiledConsent,
        grant: GrantId,
        attempt: &Attempt,
        index: &secnet_policy::RecordIndex,
    ) -> bool {
        let Some(facts) = &attempt.facts else { return false };
        let asked: Vec<&RecordMeta> =
            index.iter().filter(|meta| facts.detail.scope.covers(meta)).collect();
        let parties =
            self.view(|view| view.state.parties_of(attempt.requester)).unwrap_or_default();
        let question = Question {
            requester: attempt.requester,
            parties,
            purpose: facts.detail.purpose,
            action: facts.detail.action,
            // As if asked now: the grant's window lies ahead of the past it is replayed on.
            time: self.clock.now(),
            max_price: secnet_types::Amount(u64::MAX),
            fields: facts.detail.scope.fields.clone().map(Arc::new),
            used_up: BTreeSet::new(),
        };
        let verdict = decide_all(consent, &question, asked);
        matches!(verdict, ScopeVerdict::Permit { grant: permitted, .. } if permitted.grant == grant)
    }
}
