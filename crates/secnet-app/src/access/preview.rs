//! What a request would be answered, without recording, charging, releasing or learning anything.

use std::collections::BTreeSet;

use secnet_ledger::{DecisionState, Rejection};
use secnet_types::{Amount, GrantId, HoldAnswer, Operation, ReasonClass, RecordId, Verdict};

use super::{Authenticated, Concluded, Facts, becomes_denial, permit};
use crate::call::AccessCall;
use crate::pdc::Pdc;
use crate::proof::Before;
use crate::{AccessError, vetting::Objection};

/// What would become of a request, as far as the requester may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preview {
    /// These records would be released.
    Released {
        /// Under this grant.
        grant: GrantId,
        /// For this price.
        price: Amount,
        /// The records.
        records: Vec<RecordId>,
        /// Only these fields of them; absent for whole records.
        fields: Option<BTreeSet<String>>,
    },
    /// It would wait for the owner's answer.
    Held(Foreseen),
    /// It would be refused.
    Denied(Foreseen),
    /// It has been decided: a retry gets this again.
    Decided(Verdict),
    /// There is nothing here that this caller may know of, whether it exists or not.
    NotVisible,
}

/// A refusal that has not happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    /// What kind of reason.
    pub class: ReasonClass,
    /// What to do.
    pub remedy: String,
    /// Why, in sentences; only for a requester who owns the dataset.
    pub reasons: Vec<String>,
}

impl Pdc {
    /// Steps 1 to 6 of [`Pdc::access`], and what the ledger would say to the decision.
    ///
    /// # Errors
    /// As [`Pdc::access`].
    pub async fn preview(&self, call: &AccessCall) -> Result<Preview, AccessError> {
        self.preview_for(&self.caller_of(call)?).await
    }

    /// Steps 1 and 2.
    pub(crate) fn caller_of(&self, call: &AccessCall) -> Result<Authenticated, AccessError> {
        let genuine = call.parse(&self.receiving_keys)?.verify()?;
        let now = self.clock.now();
        self.view(|view| genuine.authenticate(view, now)).ok_or(AccessError::Unauthenticated)?
    }

    /// The others.
    pub(crate) async fn preview_for(&self, caller: &Authenticated) -> Result<Preview, AccessError> {
        let lifts = match self.decided_before(caller) {
            None => None,
            Some(before) if before.answer == Some(HoldAnswer::Release) => Some(before.id),
            Some(before) => return self.preview_again(caller, &before).await,
        };
        if lifts.is_none() {
            self.in_time(caller)?;
        }
        let Some(facts) = self.gather(caller).await? else {
            self.requested_not_elsewhere(caller)?;
            return Ok(Preview::NotVisible);
        };
        let discoverable = facts.discoverable;
        let before = self.before(caller, lifts).await;
        match before.and_then(|before| self.foresee(caller, &facts, before)) {
            _ if !discoverable => Ok(Preview::NotVisible),
            preview => preview,
        }
    }

    /// Steps 4 to 6, as in [`Pdc::access`], with the guard only looking.
    fn foresee(
        &self,
        caller: &Authenticated,
        facts: &Facts,
        before: Before,
    ) -> Result<Preview, AccessError> {
        let asked = self.asked(caller, facts)?;
        let permitted = permit(facts, &asked);
        let event = self.event(caller, facts, &asked, permitted.as_ref().ok());
        let use_ = permitted.as_ref().ok().map(|permitted| permitted.as_use(before));
        let (mut judgement, verdict) = self.glance(event, facts, use_.as_ref());
        let vetted = permitted.and_then(|p| p.vetted(&mut judgement, verdict));
        let concluded = self.conclude(caller, facts, &judgement, vetted, (asked.len(), before));
        let concluded = self.foresee_ledger(caller, concluded)?;
        let owner = facts.owner == caller.request.value.requester;
        Ok(told(concluded, owner))
    }

    /// Step 8: would the ledger take the decision?
    fn foresee_ledger(
        &self,
        caller: &Authenticated,
        concluded: Concluded,
    ) -> Result<Concluded, AccessError> {
        let operation = Operation::RecordDecision { decision: concluded.decision.clone() };
        let command = self.sign(self.member, operation, self.signer.as_ref());
        match self.forecast_command(&command) {
            Ok(_) => Ok(concluded),
            Err(AccessError::Rejected(rejection)) if becomes_denial(&concluded, rejection) => {
                Ok(self.denied_by_ledger(caller, concluded, rejection))
            }
            Err(error) => Err(error),
        }
    }

    async fn preview_again(
        &self,
        caller: &Authenticated,
        before: &DecisionState,
    ) -> Result<Preview, AccessError> {
        if !self.keeps(before.dataset) {
            return self.decided_elsewhere(caller, before).map_or(Ok(Preview::NotVisible), Err);
        }
        let Some(record) = self.facts_of(before).await? else {
            return Err(AccessError::NotReleased("what was decided on was erased since"));
        };
        if !record.discoverable {
            return Ok(Preview::NotVisible);
        }
        if before.request != caller.request.digest() {
            return Err(Rejection::RequestReused.into());
        }
        Ok(Preview::Decided(before.verdict))
    }
}

fn told(concluded: Concluded, owner: bool) -> Preview {
    let Concluded { decision, record, objection, .. } = concluded;
    let foreseen = |Objection { class, reasons, remedy, .. }: Objection| Foreseen {
        class,
        remedy,
        reasons: if owner { reasons } else { Vec::new() },
    };
    match (decision.verdict, objection) {
        (Verdict::Allow { grant, price, .. }, _) => {
            Preview::Released { grant, price, records: record.released, fields: record.fields }
        }
        (Verdict::Hold { .. }, Some(objection)) => Preview::Held(foreseen(objection)),
        (Verdict::Deny { .. }, Some(objection)) => Preview::Denied(foreseen(objection)),
        // INVARIANT: what is not allowed has an objection.
        (Verdict::Hold { reason: class, .. } | Verdict::Deny { reason: class }, None) => {
            Preview::Denied(Foreseen { class, remedy: record.remedy, reasons: Vec::new() })
        }
    }
}
