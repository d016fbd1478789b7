//! "What if I sign this grant": replayed on the owner's own past.

use secnet_guard::{Outcome, PermittedUse};
use secnet_policy::{
    CompileError, CompiledConsent, ConsentSlice, GrantFact, Permitted, Question, RecordIndex,
    ScopeVerdict, decide_all,
};
use secnet_types::{
    Amount, FeatureVector, Grant, GrantDetail, GrantId, MemberId, Party, Power, RecordId,
    RecordMeta, RuleContext, Timestamp, Verdict, decode,
};
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::AccessError;
use crate::history::Attempt;
use crate::pdc::Pdc;
use crate::record::FactsRecord;
use crate::rules::RulesHere;
use crate::vetting::is_spared;

/// Longest features of a past request, in bytes.
const MAX_FEATURES_BYTES: usize = 64 * 1024;
/// A grant that does not exist yet has no id; this one is no object's.
const UNSIGNED: GrantId = GrantId([0xff; 16]);

/// What a grant would have changed in the past, and what it would open now.
#[derive(Debug)]
pub struct WhatIf {
    /// Past refusals that it would have allowed.
    pub would_allow: Vec<Attempt>,
    /// Past attempts that it would not have changed.
    pub unchanged: usize,
    /// Records it would let the grantee see, of all in the dataset: denials and terms stand.
    pub records: usize,
    /// All in the dataset.
    pub of: usize,
}

/// What the past is replayed on.
struct Replay {
    consent: CompiledConsent,
    rules: Arc<RulesHere>,
    index: RecordIndex,
    owner: MemberId,
    now: Timestamp,
}

impl Pdc {
    /// Replay every past attempt on the grant's dataset with the grant added to today's consent, today's rules and today's
    /// guard, as far as the facts of the attempts are still kept.
    ///
    /// # Errors
    /// [`AccessError::Unknown`] to whoever is neither the owner nor may grant in her name; the log or the archive cannot
    /// be read.
    pub async fn what_if(
        &self,
        asker: MemberId,
        grant: &Grant,
        detail: &GrantDetail,
    ) -> Result<WhatIf, AccessError> {
        let unknown = || AccessError::Unknown(format!("dataset {}", grant.dataset));
        let owner = self.view(|view| view.state.dataset(grant.dataset).map(|d| d.owner)).flatten();
        let owner = owner.ok_or_else(unknown)?;
        if !self.may_act_for(asker, owner, Power::Grant) {
            return Err(unknown());
        }
        let mut slice = self.full_slice(grant.dataset).await?.ok_or_else(unknown)?;
        let fact = GrantFact {
            id: UNSIGNED,
            grant: grant.clone(),
            detail: detail.clone(),
            uses_left: grant.uses,
        };
        slice.grants.push(fact.clone());
        let index = self.records_of(grant.dataset).await?.index.clone();
        let now = self.clock.now();
        let records = opened(&slice, &fact, &index, now).map_err(refused)?;
        let installed = self.view(|view| {
            let installed = view.state.installed_rules(self.member, view.time);
            installed.map(|(id, install)| (id, install.simulate)).collect::<Vec<_>>()
        });
        let replay = Replay {
            consent: CompiledConsent::compile(&slice).map_err(refused)?,
            rules: self.rules_here(&installed.unwrap_or_default()).await?,
            index,
            owner,
            now,
        };
        let of = replay.index.len();
        let mut result = WhatIf { would_allow: Vec::new(), unchanged: 0, records, of };
        let mut uses = grant.uses;
        for attempt in self.history(owner).await? {
            if attempt.dataset != grant.dataset {
                continue;
            }
            let refused = !matches!(attempt.verdict, Verdict::Allow { .. });
            if refused && uses != Some(0) && self.would_allow(&replay, &attempt) {
                uses = uses.map(|uses| uses.saturating_sub(1));
                result.would_allow.push(attempt);
            } else {
                result.unchanged = result.unchanged.saturating_add(1);
            }
        }
        Ok(result)
    }

    /// Policy, rules and guard, in this order, as when a request comes in.
    fn would_allow(&self, replay: &Replay, attempt: &Attempt) -> bool {
        let Some(facts) = &attempt.facts else { return false };
        let parties =
            self.view(|view| view.state.parties_of(attempt.requester)).unwrap_or_default();
        let context = RuleContext {
            dataset: attempt.dataset,
            parties: &parties,
            purpose: facts.detail.purpose,
            now: replay.now,
        };
        let Ok(features) = decode::<FeatureVector>("features", &facts.features, MAX_FEATURES_BYTES)
        else {
            return false;
        };
        let matched = replay.rules.acting.matches(&features, &context);
        let Some(permitted) = replay.permits(facts, parties.clone()) else { return false };
        let use_ = PermittedUse {
            obligations: permitted.obligations(),
            emergency: permitted.emergency,
            released_by_owner: false,
            // What was proved then is as good as proved again.
            proved_anew: facts.proves.is_some(),
        };
        let asked = !is_spared(attempt.requester, replay.owner, self.member);
        let panel = &replay.rules.panel;
        let learnt = if asked { panel.opinions(&features) } else { Vec::new() };
        let learning = self.learning.lock();
        let verdict = learning.guard.model().vet_with(&use_, &features, &matched, &learnt);
        matches!(verdict.outcome, Outcome::Allow { .. })
    }
}

impl Replay {
    /// Would policy permit it under the new grant?
    fn permits(&self, facts: &FactsRecord, parties: Vec<Party>) -> Option<Permitted> {
        let asked: Vec<&RecordMeta> =
            self.index.iter().filter(|meta| facts.detail.scope.covers(meta)).collect();
        let question = Question {
            requester: facts.requester,
            parties,
            purpose: facts.detail.purpose,
            action: facts.detail.action,
            // As if asked now: the grant's window lies ahead of the past it is replayed on.
            time: self.now,
            max_price: facts.max_price,
            fields: facts.detail.scope.fields.clone().map(Arc::new),
            used_up: BTreeSet::new(),
        };
        match decide_all(&self.consent, &question, asked) {
            ScopeVerdict::Permit { grant, .. } if grant.grant == UNSIGNED => Some(grant),
            _ => None,
        }
    }
}

/// How many records the grantee could see under this grant alone, for any of its purposes and actions.
fn opened(
    slice: &ConsentSlice,
    fact: &GrantFact,
    index: &RecordIndex,
    now: Timestamp,
) -> Result<usize, CompileError> {
    let alone = ConsentSlice { grants: vec![fact.clone()], ..slice.clone() };
    let consent = CompiledConsent::compile(&alone)?;
    let grantee = fact.grant.grantee;
    let requester = match grantee {
        Party::Member(id) | Party::Organisation(id) => id,
        // Nobody in particular: whoever is in the group.
        Party::Group(_) => MemberId([0; 32]),
    };
    let mut seen: BTreeSet<RecordId> = BTreeSet::new();
    for purpose in &fact.detail.purposes {
        for action in &fact.detail.actions {
            let question = Question {
                requester,
                parties: vec![Party::Member(requester), grantee],
                purpose: *purpose,
                action: *action,
                time: now.max(fact.grant.window.from),
                max_price: Amount(u64::MAX),
                fields: None,
                used_up: BTreeSet::new(),
            };
            if let ScopeVerdict::Permit { records, .. } =
                decide_all(&consent, &question, index.iter())
            {
                seen.extend(records);
            }
        }
    }
    Ok(seen.len())
}

#[expect(clippy::needless_pass_by_value, reason = "so that it reads well in map_err")]
fn refused(error: CompileError) -> AccessError {
    AccessError::Malformed(error.to_string())
}
