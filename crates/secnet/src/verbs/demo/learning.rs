//! The part of the story in which something got through, is reported, and does not get through again.

use std::collections::BTreeSet;

use secnet_app::{Finding, Outcome};
use secnet_types::{
    Action, DecisionId, GrantId, HoldAnswer, Labels, MemberKind, Operation, Party, Purpose,
    RecordId, RuleAction, Scope, Verdict,
};

use super::Story;
use crate::actions::{self, Permission};
use crate::failure::Failure;
use crate::keystore::Identity;
use crate::node::access_failure;
use crate::output::Output;
use crate::sample;
use crate::verbs::{guard, rules};
use secnet_app::Enclosures;

/// More requests in a minute than a person makes; the guard must have stepped in before.
const BURST: usize = 80;
/// Nurses who read a few records each, and one more at whose screen the misuse begins anew.
const NURSES: usize = 7;
/// Records that a nurse looks up.
const READS: usize = 3;

/// The ward, at work.
pub(super) struct Ward {
    pub(super) grant: GrantId,
    nurses: Vec<Identity>,
}

impl Story<'_> {
    /// Ward 3 is granted what Dr. Bo was, at the same price.
    pub(super) async fn ward(&mut self) -> Result<Ward, Failure> {
        let ward = actions::admit(self.node, "ward-3", MemberKind::Organisation, None).await?;
        let mut nurses = Vec::with_capacity(NURSES + 1);
        for number in 1..=NURSES + 1 {
            let name = format!("nurse-{number}");
            let nurse = actions::admit(self.node, &name, MemberKind::Person, Some(&ward)).await?;
            sample::issue(self.node, nurse.member(), 5).await?;
            nurses.push(nurse);
        }
        let permission = Permission {
            dataset: self.dataset,
            to: Party::Organisation(ward.member()),
            purposes: [Purpose::Treatment].into(),
            actions: [Action::Read].into(),
            scope: actions::scope_of(&[self.category()], Labels::NONE),
            window: actions::days_from_now(30),
            uses: None,
            price: sample::PRICE,
            emergency: false,
        };
        let grant = actions::grant(self.node, &self.owner, &permission, None).await?;
        Ok(Ward { grant, nurses })
    }

    /// Records of the story that nothing sensitive is in, again and again.
    fn one_by_one(&self) -> Vec<RecordId> {
        let category = self.category();
        let plain = self.records.iter().filter(|r| r.category == category && r.labels.is_empty());
        plain.map(|record| record.id).collect()
    }

    /// One record for treatment.
    async fn read_one(&self, who: &Identity, record: RecordId) -> Result<Outcome, Failure> {
        let scope = Scope { records: Some([record].into()), ..Scope::default() };
        Ok(self.try_get(who, Purpose::Treatment, scope).await?.0)
    }

    /// Somebody has Dr. Bo's session and empties the cupboard, one valid request after another. What got through.
    pub(super) async fn hold(
        &mut self,
        grant: GrantId,
        ward: &Ward,
    ) -> Result<Vec<DecisionId>, Failure> {
        let ids = self.one_by_one();
        let before = self.allowed_to_doctor().await?;
        let mut held = None;
        for (n, id) in ids.iter().cycle().take(BURST).enumerate() {
            if let Outcome::Held(refusal) = self.read_one(&self.doctor, *id).await? {
                held = Some((n, refusal));
                break;
            }
            if let Some(nurse) = ward.nurses.get(n / READS).filter(|_| n < NURSES * READS) {
                let read = self.read_one(nurse, *id).await?;
                if !matches!(read, Outcome::Released(_)) {
                    self.check("ward", false, "the ward could not read what it was granted")?;
                }
            }
        }
        let Some((passed, refusal)) = held else {
            self.check("hold", false, "the guard let a burst pass")?;
            return Ok(Vec::new());
        };
        self.check("hold", passed > 0, &format!(
            "\n3. A ward looks up a record here and there. Meanwhile somebody at Dr. Bo's screen reads one after the other, each request with valid consent.\n   After {passed} of them the guard holds the next: nothing is released, and Ada is asked."))?;
        let inbox = self.node.pdc.inbox(self.owner.member()).await.map_err(access_failure)?;
        let waiting = inbox.holds.iter().find(|hold| Some(hold.decision) == refusal.decision);
        let why = waiting
            .and_then(|hold| hold.facts.as_ref()?.reasons.first().cloned())
            .unwrap_or_default();
        self.check("reason", !why.is_empty(), &format!("   Why, in Ada's inbox: {why}."))?;
        if let Some(decision) = refusal.decision {
            self.keep_refused(decision).await?;
        }
        let live = self
            .node
            .pdc
            .view(|v| v.state.grant(grant).is_some_and(|g| v.state.grant_is_live(g, v.time)));
        self.check("held for good", live == Some(true), "   Ada keeps it refused. The grant itself still stands: the guard can say no, never yes.")?;
        let after = self.allowed_to_doctor().await?;
        Ok(after.difference(&before).copied().collect())
    }

    async fn keep_refused(&self, decision: DecisionId) -> Result<(), Failure> {
        let operation = Operation::AnswerHold { decision, answer: HoldAnswer::Refuse };
        let ordered =
            actions::order(&self.node.pdc, &self.owner, operation, Enclosures::default()).await;
        ordered.map(|_| ())
    }

    async fn allowed_to_doctor(&self) -> Result<BTreeSet<DecisionId>, Failure> {
        let doctor = self.doctor.member();
        let history = self.node.pdc.history(self.owner.member()).await.map_err(access_failure)?;
        let allowed = history
            .into_iter()
            .filter(|a| a.requester == doctor && matches!(a.verdict, Verdict::Allow { .. }));
        Ok(allowed.map(|attempt| attempt.decision).collect())
    }

    /// What got through is reported, a rule is learnt from it, and the same is stopped earlier.
    pub(super) async fn learning(
        &mut self,
        misused: &[DecisionId],
        ward: &Ward,
    ) -> Result<(), Failure> {
        let owner = (self.owner.member(), &self.owner.signing as &dyn secnet_types::Signer);
        let note = "nobody reads like this";
        guard::say(self.node, owner, misused, (Finding::Wrong, note, false)).await?;
        let wish = rules::Wish { action: RuleAction::Hold, days: 30, lasts: 90 };
        let quiet = Output { json: false, quiet: true };
        let learnt = rules::learn(self.node, quiet, wish).await?.rules.into_iter().next();
        let Some(rules::Learnt { rule, card }) = learnt else {
            return self.check("learn", false, "no rule was learnt from what Ada reported");
        };
        let card_lines: Vec<String> =
            card.text().iter().take(4).map(|line| format!("     {line}")).collect();
        self.check("learn", card.past.objected_to > 0, &format!(
            "\n4. Those {} reads that got through were wrong, says Ada. From its own log the data centre learns a rule, and the evidence for it:\n   {rule}\n{}",
            misused.len(), card_lines.join("\n")))?;

        rules::install_learnt(self.node, &rule, &card).await?;
        let Some(nurse) = ward.nurses.last() else { return Ok(()) };
        let mut held = None;
        for (n, id) in self.one_by_one().iter().cycle().take(misused.len()).enumerate() {
            if let Outcome::Held(refusal) = self.read_one(nurse, *id).await? {
                held = refusal.decision.map(|decision| (n, decision));
                break;
            }
        }
        let Some((passed, decision)) = held else {
            return self.check("stopped by the rule", false, "the rule let the same pass again");
        };
        let history = self.node.pdc.history(self.owner.member()).await.map_err(access_failure)?;
        let held = history.into_iter().find(|attempt| attempt.decision == decision);
        let reasons = held.and_then(|held| held.facts).map(|facts| facts.reasons);
        let named = format!("rule {} says hold", rule.id());
        let by_rule = reasons.is_some_and(|reasons| reasons.contains(&named));
        self.check("stopped by the rule", by_rule && passed < misused.len(), &format!(
            "   It is put in force. The same begins at a nurse's screen: {passed} reads, then it is held, and the decision says why:\n   {named}."))?;
        self.keep_refused(decision).await?;
        rules::removed(self.node, rule.id()).await?;
        let left = self
            .node
            .pdc
            .view(|view| view.state.installed_rules(self.node.pdc.member, view.time).count());
        self.check("undone", left == Some(0), "   One command takes it out of force again.")
    }
}
