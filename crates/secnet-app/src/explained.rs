//! Why a recorded decision was as it was: judged again from its recorded facts, with changes that are tried out.

use secnet_guard::{Explanation, Panel, PermittedUse};
use secnet_types::{
    Decision, DecisionId, Digest, Effect, FeatureVector, Operation, Party, Purpose, RuleContext,
    RuleId, RuleSet, SignedCommand, Timestamp, Verdict, decode,
};

use crate::AccessError;
use crate::history::{Attempt, parse};
use crate::pdc::Pdc;

/// Longest recorded features, in bytes.
const MAX_FEATURES_BYTES: usize = 64 * 1024;

/// A decision, and what guard and rules made of it.
#[derive(Debug)]
pub struct Explained {
    /// The decision, with its recorded reasons.
    pub attempt: Attempt,
    /// Judged again; nothing if guard and rules had no say in it, or its facts were erased.
    pub replayed: Option<Replayed>,
}

/// The verdict of guard and rules, found again from the recorded facts.
#[derive(Debug)]
pub struct Replayed {
    /// The verdict, its reasons, and which changes would have made it milder.
    pub explanation: Explanation,
    /// With the models that the decision names, the detector and the learnt ones. Otherwise with today's detector, or with what
    /// was recorded of a learnt model that is not here any more.
    pub same_model: bool,
    /// With the rules that the decision names. Otherwise with those that its reasons name.
    pub same_rules: bool,
}

/// What a recorded decision is judged again from.
#[derive(Debug)]
pub(crate) struct Pieces {
    pub recorded: Decision,
    pub features: FeatureVector,
    pub rules: RuleSet,
    pub same_rules: bool,
    pub permitted: PermittedUse,
    pub panel: Panel,
    whole: bool,
    parties: Vec<Party>,
    purpose: Purpose,
    now: Timestamp,
}

impl Pieces {
    pub(crate) fn context(&self, attempt: &Attempt) -> RuleContext<'_> {
        let (parties, purpose, now) = (&self.parties[..], self.purpose, self.now);
        RuleContext { dataset: attempt.dataset, parties, purpose, now }
    }

    /// Are detector and learnt models those that the decision names?
    pub(crate) fn same_model(&self, detector: Digest) -> bool {
        self.whole && self.recorded.model == self.panel.digest(detector)
    }
}

impl Pdc {
    /// A decision of this data centre, explained for the owner or an analyst; none if there is no such decision.
    ///
    /// # Errors
    /// The log or the archive cannot be read, or what is kept is damaged.
    pub async fn explain_decision(
        &self,
        decision: DecisionId,
    ) -> Result<Option<Explained>, AccessError> {
        let mut at = None;
        self.for_each_event(|index, event| {
            let is = |effect: &Effect| matches!(effect, Effect::Decided { decision: id, .. } if *id == decision);
            if event.effects.iter().any(is) {
                at = Some(index);
            }
        })
        .await?;
        let Some(index) = at else { return Ok(None) };
        let Some((_, bytes)) = self.log.events(index, 1).await?.pop() else { return Ok(None) };
        let Some(attempt) = self.attempt(index, &parse(index, &bytes)?).await? else {
            return Ok(None);
        };
        let here = self.view(|view| view.state.dataset(attempt.dataset).map(|d| d.pdc)).flatten();
        if here != Some(self.member) {
            return Ok(None);
        }
        let replayed = self.replayed(&attempt).await?;
        Ok(Some(Explained { attempt, replayed }))
    }

    async fn replayed(&self, attempt: &Attempt) -> Result<Option<Replayed>, AccessError> {
        let Some(pieces) = self.pieces(attempt).await? else { return Ok(None) };
        let learning = self.learning.lock();
        let model = learning.guard.model();
        let Pieces { permitted, features, panel, .. } = &pieces;
        let context = pieces.context(attempt);
        let by = (&pieces.rules, &context);
        let explanation = secnet_guard::explain_with(model, permitted, features, by, panel);
        let same_model = pieces.same_model(model.digest());
        Ok(Some(Replayed { explanation, same_model, same_rules: pieces.same_rules }))
    }

    /// What a decision is judged again from; nothing if guard and rules had no say in it, or its facts were erased.
    pub(crate) async fn pieces(&self, attempt: &Attempt) -> Result<Option<Pieces>, AccessError> {
        let judged = match attempt.verdict {
            Verdict::Allow { .. } => true,
            Verdict::Hold { reason, .. } | Verdict::Deny { reason } => reason.is_behaviour(),
        };
        let (Some(facts), true) = (&attempt.facts, judged) else { return Ok(None) };
        let Some(recorded) = self.recorded(attempt.event).await? else { return Ok(None) };
        let features = decode::<FeatureVector>("features", &facts.features, MAX_FEATURES_BYTES)
            .map_err(|error| AccessError::Damaged(error.to_string()))?;
        let (rules, same_rules) = self.rules_of(&recorded, &facts.reasons).await?;
        let parties = self.view(|view| view.state.parties_of(attempt.requester));
        let permitted = PermittedUse {
            obligations: facts.obligations.clone(),
            emergency: facts.detail.purpose == Purpose::Emergency,
            released_by_owner: facts.lifts.is_some(),
            proved_anew: facts.proves.is_some(),
        };
        let (panel, whole) = self.panel_of(facts.learnt.as_deref().unwrap_or_default()).await?;
        Ok(Some(Pieces {
            purpose: facts.detail.purpose,
            now: facts.time,
            parties: parties.unwrap_or_default(),
            recorded,
            features,
            rules,
            same_rules,
            permitted,
            panel,
            whole,
        }))
    }

    /// The decision as it was committed.
    async fn recorded(&self, event: u64) -> Result<Option<Decision>, AccessError> {
        let Some(bytes) = self.log.command_of(event).await? else { return Ok(None) };
        let command = SignedCommand::parse(&bytes)
            .map_err(|error| AccessError::Damaged(error.to_string()))?;
        match command.value.operation {
            Operation::RecordDecision { decision } => Ok(Some(decision)),
            _ => Ok(None),
        }
    }

    /// The rules of today, if the decision was judged by the same ones; else those that its reasons name.
    async fn rules_of(
        &self,
        recorded: &Decision,
        reasons: &[String],
    ) -> Result<(RuleSet, bool), AccessError> {
        let installed: Vec<(RuleId, bool)> = self
            .view(|view| {
                let all = view.state.installed_rules(self.member, view.time);
                all.map(|(id, install)| (id, install.simulate)).collect()
            })
            .unwrap_or_default();
        let today = self.rules_here(&installed).await?;
        if today.acting.digest() == recorded.rules {
            return Ok((today.acting.clone(), true));
        }
        let mut bodies = Vec::new();
        for word in reasons.iter().flat_map(|reason| reason.split_whitespace()) {
            if let Ok(id) = word.parse::<RuleId>() {
                bodies.push(self.rule_body(id).await?);
            }
        }
        let set = RuleSet::new(bodies).map_err(|error| AccessError::Damaged(error.to_string()))?;
        let same = set.digest() == recorded.rules;
        Ok((set, same))
    }
}
