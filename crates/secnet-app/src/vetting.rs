//! Steps 4 and 5: policy, rules and guard. Each takes the token of the step before; none can widen it.

use secnet_guard::{Event, GuardVerdict, Outcome as GuardOutcome, PermittedUse};
use secnet_policy::{
    Audience, Explanation, Permitted as PermittedGrant, ScopeVerdict, decide_all, explain,
};
use secnet_types::{
    FeatureVector, Labels, Obligation, ReasonClass, RecordId, RecordMeta, Rule, RuleMatch, RuleSet,
};
use std::collections::BTreeSet;

use crate::AccessError;
use crate::call::Authenticated;
use crate::facts::Facts;
use crate::pdc::Pdc;
use crate::ports::{EntryKind, EntryName};

/// Step 4 done: policy permits these records under this grant.
#[derive(Debug)]
pub(crate) struct Permitted {
    grant: PermittedGrant,
    records: Vec<RecordId>,
}

/// Step 5 done: the guard has not objected.
#[derive(Debug)]
pub(crate) struct Vetted {
    pub grant: PermittedGrant,
    pub records: Vec<RecordId>,
    pub obligations: BTreeSet<Obligation>,
}

/// What stands against a request.
#[derive(Debug, Clone)]
pub(crate) struct Objection {
    pub class: ReasonClass,
    /// Wait for the owner's answer instead of refusing.
    pub hold: bool,
    /// For the owner.
    pub reasons: Vec<String>,
    /// For the requester.
    pub remedy: String,
}

/// What the guard saw, recorded with every decision it was asked about.
#[derive(Debug)]
pub(crate) struct Judgement {
    pub event: Event,
    pub features: FeatureVector,
    pub score: u16,
    pub rules: secnet_types::Digest,
    pub model: secnet_types::Digest,
    pub reasons: Vec<String>,
}

/// Step 4. Default deny; an evaluation that errs is a hold, never an allow.
pub(crate) fn permit(facts: &Facts, asked: &[&RecordMeta]) -> Result<Permitted, Objection> {
    match decide_all(&facts.consent, &facts.question, asked.iter().copied()) {
        ScopeVerdict::Permit { grant, records, .. } => Ok(Permitted { grant, records }),
        ScopeVerdict::Fault(message) => Err(Objection {
            class: ReasonClass::Fault,
            hold: true,
            reasons: vec![format!("policy could not be evaluated: {message}")],
            remedy: secnet_policy::Remedy::Later.as_str().to_owned(),
        }),
        ScopeVerdict::Deny { .. } => Err(refused(facts, asked)),
    }
}

fn refused(facts: &Facts, asked: &[&RecordMeta]) -> Objection {
    let told = |audience| {
        asked.first().map(|record| explain(&facts.consent, &facts.question, record, audience))
    };
    let (class, remedy) = match told(Audience::Requester) {
        Some(Explanation::Class { class, remedy }) => {
            (class.unwrap_or(ReasonClass::Consent), remedy)
        }
        _ => (ReasonClass::Consent, secnet_policy::Remedy::AskOwner),
    };
    let reason = told(Audience::Owner)
        .map_or_else(|| "no record matches what was asked for".to_owned(), |full| full.to_string());
    Objection { class, hold: false, reasons: vec![reason], remedy: remedy.as_str().to_owned() }
}

impl Pdc {
    /// What guard and rules are to look at.
    pub(crate) fn event(
        &self,
        caller: &Authenticated,
        facts: &Facts,
        asked: &[&RecordMeta],
    ) -> Event {
        let request = &caller.request.value;
        Event {
            requester: request.requester,
            dataset: request.dataset,
            purpose: caller.detail.purpose,
            action: caller.detail.action,
            records: u32::try_from(asked.len()).unwrap_or(u32::MAX),
            categories: asked.iter().map(|record| record.category).collect(),
            labels: asked.iter().flat_map(|r| r.labels.iter()).collect::<Labels>(),
            emergency: facts.question.purpose == secnet_types::Purpose::Emergency,
            at: self.clock.now(),
            door: caller.door.as_str().to_owned(),
            source: None,
            price: request.max_price,
            member_since: None,
        }
    }

    /// The rules in force here, indexed; those that only simulate are left out of the verdict.
    pub(crate) async fn rules_in_force(&self, facts: &Facts) -> Result<RuleSet, AccessError> {
        let mut rules = Vec::new();
        for (id, simulate) in &facts.rules {
            if *simulate {
                continue;
            }
            let bytes = self.archive.get(&EntryName::new(EntryKind::Rule, &[], &id.0)).await?;
            let bytes = bytes
                .ok_or_else(|| AccessError::Damaged(format!("the body of rule {id} is missing")))?;
            let rule = Rule::from_bytes(&bytes).map_err(|e| AccessError::Damaged(e.to_string()))?;
            rules.push(rule);
        }
        RuleSet::new(rules).map_err(|error| AccessError::Damaged(error.to_string()))
    }

    /// Rules and guard look at the features of the request as it was asked, before anything is learnt from it.
    pub(crate) fn judge(
        &self,
        event: Event,
        rules: &RuleSet,
        facts: &Facts,
    ) -> (Judgement, Vec<RuleMatch>) {
        let guard = self.guard.lock();
        let features = guard.features(&event);
        let matched = rules.matches(&features, &event.rule_context(&facts.parties));
        let score = guard.model().assess(&features).score.points();
        let model = guard.model().digest();
        drop(guard);
        let judgement =
            Judgement { event, features, score, rules: rules.digest(), model, reasons: Vec::new() };
        (judgement, matched)
    }

    /// Step 5. The outcome is the permitted use, a hold, or a denial: nothing the guard says adds a record.
    pub(crate) fn vet(
        &self,
        permitted: Permitted,
        judgement: &mut Judgement,
        matched: &[RuleMatch],
        released_by_owner: bool,
    ) -> Result<Vetted, Objection> {
        let Permitted { grant, records } = permitted;
        let use_ = PermittedUse {
            obligations: grant.obligations(),
            emergency: grant.emergency,
            released_by_owner,
        };
        let verdict: GuardVerdict =
            self.guard.lock().model().vet(&use_, &judgement.features, matched);
        judgement.reasons = verdict.reasons.iter().map(ToString::to_string).collect();
        match &verdict.outcome {
            GuardOutcome::Allow { obligations } => {
                Ok(Vetted { grant, records, obligations: obligations.clone() })
            }
            stopped => {
                let notice = verdict.notice();
                Err(Objection {
                    class: notice.map_or(ReasonClass::Guard, |notice| notice.class),
                    hold: *stopped == GuardOutcome::Hold,
                    reasons: judgement.reasons.clone(),
                    remedy: notice.map(|notice| notice.to_string()).unwrap_or_default(),
                })
            }
        }
    }
}
