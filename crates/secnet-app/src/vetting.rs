//! Steps 4 and 5: policy, rules and guard. Each takes the token of the step before; none can widen it.

use secnet_guard::{
    Event, Guard, GuardVerdict, Opinion, Outcome as GuardOutcome, Panel, PermittedUse,
};
use secnet_policy::{
    Audience, CompiledConsent, Explanation, Permitted as PermittedGrant, Question, ScopeVerdict,
    decide_all, explain,
};
use secnet_types::{
    Amount, Digest, Feature, FeatureValue, FeatureVector, Labels, MemberId, Obligation,
    ReasonClass, RecordId, RecordMeta, RuleAction,
};
use std::collections::BTreeSet;

use crate::call::Authenticated;
use crate::facts::Facts;
use crate::models::LearntRecord;
use crate::pdc::Pdc;
use crate::project::too_large;
use crate::proof::Before;

/// Step 4 done: policy permits these records under this grant.
#[derive(Debug)]
pub(crate) struct Permitted {
    grant: PermittedGrant,
    records: Vec<RecordId>,
}

/// Step 5 done: the guard has not objected.
#[derive(Debug)]
pub(crate) struct Vetted {
    grant: PermittedGrant,
    records: Vec<RecordId>,
    obligations: BTreeSet<Obligation>,
}

impl Permitted {
    /// What the use costs.
    pub(crate) fn price(&self) -> Amount {
        self.grant.price
    }
}

impl Vetted {
    /// What may be recorded as allowed. There is no way back from these to the token.
    pub(crate) fn into_parts(self) -> (PermittedGrant, Vec<RecordId>, BTreeSet<Obligation>) {
        (self.grant, self.records, self.obligations)
    }
}

/// What stands against a request.
#[derive(Debug, Clone)]
pub(crate) struct Objection {
    pub class: ReasonClass,
    /// Wait for the owner's answer instead of refusing.
    pub hold: bool,
    /// Refused until so many seconds have passed.
    pub wait_s: Option<u32>,
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
    pub rules: Digest,
    pub model: Digest,
    pub reasons: Vec<String>,
    /// What rules and models that only watch would have done.
    pub watched: Vec<String>,
    /// Did a rule match that slows down?
    pub throttled: bool,
    /// What the learnt models in force say.
    pub learnt: Vec<Opinion>,
    /// What those that only watch say.
    pub watchers: Vec<Opinion>,
    /// Digest of the facts of relations that features follow from.
    pub relations: Option<Digest>,
}

/// Step 4. Default deny; an evaluation that errs is a hold, never an allow.
pub(crate) fn permit(facts: &Facts, asked: &[&RecordMeta]) -> Result<Permitted, Objection> {
    if !facts.active {
        return Err(Objection {
            class: ReasonClass::Consent,
            hold: false,
            wait_s: None,
            reasons: vec!["the dataset is withdrawn or erased".into()],
            remedy: secnet_policy::Remedy::AskOwner.as_str().to_owned(),
        });
    }
    let consent = match &facts.grounds {
        Ok(grounds) => &grounds.consent,
        Err(damage) => return Err(fault(damage)),
    };
    match decide_all(consent, &facts.question, asked.iter().copied()) {
        ScopeVerdict::Permit { grant, records, .. } => {
            // What no fields can be cut out of is refused before it is paid for, as far as that can be known.
            let entries = facts.grounds.as_ref().ok().map(|grounds| &grounds.records.entries);
            let entry = |id| entries.and_then(|entries| entries.get(id));
            let all = records.iter().filter_map(entry);
            match grant.fields.as_ref().and_then(|_| too_large(all)) {
                Some(why) => Err(not_to_cut(&why)),
                None => Ok(Permitted { grant, records }),
            }
        }
        ScopeVerdict::Fault(message) => Err(fault(&message)),
        ScopeVerdict::Deny { .. } => Err(refused(consent, &facts.question, asked)),
    }
}

fn fault(message: &str) -> Objection {
    Objection {
        class: ReasonClass::Fault,
        hold: true,
        wait_s: None,
        reasons: vec![format!("policy could not be evaluated: {message}")],
        remedy: secnet_policy::Remedy::Later.as_str().to_owned(),
    }
}

fn refused(consent: &CompiledConsent, question: &Question, asked: &[&RecordMeta]) -> Objection {
    let told = |audience| asked.first().map(|record| explain(consent, question, record, audience));
    let (class, remedy) = match told(Audience::Requester) {
        Some(Explanation::Class { class, remedy }) => {
            (class.unwrap_or(ReasonClass::Consent), remedy)
        }
        _ => (ReasonClass::Consent, secnet_policy::Remedy::AskOwner),
    };
    let reason = told(Audience::Owner)
        .map_or_else(|| "no record matches what was asked for".to_owned(), |full| full.to_string());
    Objection {
        class,
        hold: false,
        wait_s: None,
        reasons: vec![reason],
        remedy: remedy.as_str().to_owned(),
    }
}

/// Only fields may be handed over, and the records are too large to cut these out.
fn not_to_cut(why: &str) -> Objection {
    Objection {
        class: ReasonClass::Consent,
        hold: false,
        wait_s: None,
        reasons: vec![format!("only fields of the records are permitted: {why}")],
        remedy: "ask for fewer or smaller records at once".into(),
    }
}

impl Pdc {
    /// What guard and rules are to look at.
    pub(crate) fn event(
        &self,
        caller: &Authenticated,
        facts: &Facts,
        asked: &[&RecordMeta],
        permitted: Option<&Permitted>,
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
            source: caller.source,
            price: permitted.map(Permitted::price),
            own_key: caller.own_key,
        }
    }

    /// Rules and guard look at the features of the request as it was asked, and at what policy permits of it. It counts towards
    /// the requester's pace from this moment, so that requests made at once see each other, and so does a wait that begins or is
    /// over; what became of it is learnt later.
    pub(crate) fn judge(
        &self,
        event: Event,
        facts: &Facts,
        permitted: Option<&PermittedUse>,
    ) -> (Judgement, Option<GuardVerdict>) {
        let mut learning = self.learning.lock();
        let (judgement, verdict) = judged(&learning.guard, event, facts, permitted, self.member);
        let (guard, event) = (&mut learning.guard, &judgement.event);
        guard.arrive(event);
        if permitted.is_some_and(|use_| !use_.emergency) {
            guard.judged_strange(event, &judgement.features);
        }
        // What goes ahead in an emergency, or on the owner's word, has not waited.
        let ordinary = permitted.is_some_and(|use_| !use_.emergency && !use_.released_by_owner);
        match verdict.as_ref().map(|verdict| &verdict.outcome) {
            Some(GuardOutcome::Throttle { .. }) => guard.throttle(event),
            Some(GuardOutcome::Allow { .. }) if ordinary && judgement.throttled => {
                guard.waited(event);
            }
            _ => {}
        }
        drop(learning);
        (judgement, verdict)
    }

    /// The same, of a request that is only previewed: it leaves no trace.
    pub(crate) fn glance(
        &self,
        event: Event,
        facts: &Facts,
        permitted: Option<&PermittedUse>,
    ) -> (Judgement, Option<GuardVerdict>) {
        judged(&self.learning.lock().guard, event, facts, permitted, self.member)
    }
}

impl Judgement {
    /// What learnt models said, to be recorded; nothing if none was asked.
    pub(crate) fn learnt_record(&self) -> Option<Vec<LearntRecord>> {
        let acting = self.learnt.iter().map(|opinion| LearntRecord::of(opinion, false));
        let watching = self.watchers.iter().map(|opinion| LearntRecord::of(opinion, true));
        let all: Vec<LearntRecord> = acting.chain(watching).collect();
        (!all.is_empty()).then_some(all)
    }
}

impl Permitted {
    /// What the guard is asked about, given what was decided before.
    pub(crate) fn as_use(&self, before: Before) -> PermittedUse {
        PermittedUse {
            obligations: self.grant.obligations(),
            emergency: self.grant.emergency,
            released_by_owner: before.lifts.is_some(),
            proved_anew: before.proves.is_some(),
        }
    }

    /// Step 5. The outcome is the permitted use, a hold, or a denial, if only until a fresh proof or for a while: nothing the
    /// guard says adds a record. What it was not asked about is not vetted.
    pub(crate) fn vetted(
        self,
        judgement: &mut Judgement,
        verdict: Option<GuardVerdict>,
    ) -> Result<Vetted, Objection> {
        let Some(verdict) = verdict else { return Err(fault("the guard was not asked")) };
        judgement.reasons = verdict.reasons.iter().map(ToString::to_string).collect();
        let notice = verdict.notice();
        let (hold, wait_s) = match verdict.outcome {
            GuardOutcome::Allow { obligations } => {
                return Ok(Vetted { grant: self.grant, records: self.records, obligations });
            }
            GuardOutcome::Hold => (true, None),
            GuardOutcome::Throttle { wait_s } => (false, Some(wait_s)),
            GuardOutcome::StepUp | GuardOutcome::Deny => (false, None),
        };
        Err(Objection {
            class: notice.map_or(ReasonClass::Guard, |notice| notice.class),
            hold,
            wait_s,
            reasons: judgement.reasons.clone(),
            remedy: notice.map(|notice| notice.to_string()).unwrap_or_default(),
        })
    }
}

/// Is the use one that learnt models have no say in: an owner's of her own data, or this data centre's?
pub(crate) fn is_spared(requester: MemberId, owner: MemberId, pdc: MemberId) -> bool {
    requester == owner || requester == pdc
}

fn judged(
    guard: &Guard,
    event: Event,
    facts: &Facts,
    permitted: Option<&PermittedUse>,
    pdc: MemberId,
) -> (Judgement, Option<GuardVerdict>) {
    let mut features = guard.features(&event);
    let own = FeatureValue::Words(if event.requester == facts.owner { 2 } else { 1 });
    // INVARIANT: the feature is one word, no or yes. Whose data it is the guard does not know.
    let known = features.set(Feature::OwnData, own);
    debug_assert!(known.is_ok());
    let context = event.rule_context(&facts.parties);
    let rules = facts.grounds.as_ref().ok().map(|grounds| &grounds.rules);
    let matched = rules.map(|rules| rules.acting.matches(&features, &context)).unwrap_or_default();
    let mut watched = rules.map(|rules| rules.watched(&features, &context)).unwrap_or_default();
    let nobody = Panel::empty();
    let asked = rules.filter(|_| !is_spared(event.requester, facts.owner, pdc));
    let panel = asked.map_or(&nobody, |rules| &rules.panel);
    let watchers = asked.map_or_else(Vec::new, |rules| rules.watchers.opinions(&features));
    watched.extend(watchers.iter().filter(|opinion| opinion.holds).map(|opinion| {
        format!("the learnt model {}, which only watches, would have held it", opinion.model)
    }));
    let learnt = panel.opinions(&features);
    let verdict = permitted.map(|use_| guard.model().vet_with(use_, &features, &matched, &learnt));
    let score = || guard.model().assess(&features).score;
    let judgement = Judgement {
        score: verdict.as_ref().map_or_else(score, |verdict| verdict.score).points(),
        rules: rules.map_or(Digest::ZERO, |rules| rules.acting.digest()),
        model: panel.digest(guard.model().digest()),
        reasons: Vec::new(),
        watched,
        throttled: matched.iter().any(|rule| rule.action == RuleAction::Throttle),
        relations: features.value(Feature::Ties).and(guard.relations().digest()),
        learnt,
        watchers,
        event,
        features,
    };
    (judgement, verdict)
}
