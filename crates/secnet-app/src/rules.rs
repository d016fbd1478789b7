//! The security rules and learnt models that this data centre has installed: those that act, and those that only watch.

use std::sync::Arc;

use secnet_guard::Panel;
use secnet_types::{Digest, FeatureVector, Rule, RuleContext, RuleId, RuleMatch, RuleSet};

use crate::AccessError;
use crate::models::seat;
use crate::pdc::Pdc;
use crate::ports::{EntryKind, EntryName};

/// Installed rules, indexed.
#[derive(Debug)]
pub(crate) struct RulesHere {
    /// As the ledger lists them; true for those that only watch.
    installed: Vec<(RuleId, bool)>,
    /// Those that act.
    pub acting: RuleSet,
    watching: RuleSet,
    /// The learnt models that act.
    pub panel: Panel,
    /// Those that only watch.
    pub watchers: Panel,
}

impl RulesHere {
    /// What the rules that only watch would have done, in sentences.
    pub(crate) fn watched(
        &self,
        features: &FeatureVector,
        context: &RuleContext<'_>,
    ) -> Vec<String> {
        let would = |matched: RuleMatch| {
            let (rule, action) = (matched.rule, matched.action.as_str());
            format!("rule {rule}, which only watches, would have said {action}")
        };
        self.watching.matches(features, context).into_iter().map(would).collect()
    }
}

impl Pdc {
    /// The rules that the ledger lists for this data centre, from memory while the list stands still. A rule is its
    /// body's hash, so equal lists are equal rules.
    pub(crate) async fn rules_here(
        &self,
        installed: &[(RuleId, bool)],
    ) -> Result<Arc<RulesHere>, AccessError> {
        if let Some(kept) = self.rules.lock().as_ref().filter(|kept| kept.installed == installed) {
            return Ok(Arc::clone(kept));
        }
        let (mut acting, mut watching) = (Vec::new(), Vec::new());
        let (mut panel, mut watchers, mut whole) = (Panel::empty(), Panel::empty(), true);
        for (id, only_watches) in installed {
            if let Some(kept) = self.model_here(*id).await? {
                whole &= kept.model.is_ok();
                if !only_watches {
                    seat(&mut panel, Digest(id.0), kept);
                } else if kept.model.is_ok() {
                    seat(&mut watchers, Digest(id.0), kept);
                }
                continue;
            }
            match (self.rule_body(*id).await, only_watches) {
                (Ok(rule), false) => acting.push(rule),
                (Ok(rule), true) => watching.push(rule),
                // Whoever only watches stops nobody, not even by being broken.
                (Err(error), true) if error.is_damage() => {}
                (Err(error), _) => return Err(error),
            }
        }
        let indexed =
            |rules| RuleSet::new(rules).map_err(|error| AccessError::Damaged(error.to_string()));
        let rules = Arc::new(RulesHere {
            installed: installed.to_vec(),
            acting: indexed(acting)?,
            watching: indexed(watching)?,
            panel,
            watchers,
        });
        // What cannot be read is looked for again each time, so that it is back as soon as it is repaired.
        *self.rules.lock() = whole.then(|| Arc::clone(&rules));
        Ok(rules)
    }

    /// The learnt model that the ledger lists under this id; none if it is a rule.
    async fn model_here(&self, id: RuleId) -> Result<Option<crate::KeptModel>, AccessError> {
        let rule = self.archive.get(&EntryName::new(EntryKind::Rule, &[], &id.0)).await;
        if matches!(rule, Ok(None)) { self.kept_model(Digest(id.0)).await } else { Ok(None) }
    }

    pub(crate) async fn rule_body(&self, id: RuleId) -> Result<Rule, AccessError> {
        let bytes = self.archive.get(&EntryName::new(EntryKind::Rule, &[], &id.0)).await?;
        let bytes = bytes
            .ok_or_else(|| AccessError::Damaged(format!("the body of rule {id} is missing")))?;
        let rule = Rule::from_bytes(&bytes).map_err(|e| AccessError::Damaged(e.to_string()))?;
        if rule.id() == id {
            Ok(rule)
        } else {
            Err(AccessError::Damaged(format!("the body of rule {id} is another rule's")))
        }
    }
}
