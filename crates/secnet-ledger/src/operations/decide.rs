//! Decisions. Nothing the PDC says is taken on trust that the ledger can judge itself: who signed, whose grant, how
//! often, how long, how much.

use secnet_types::{
    Amount, CommandId, DatasetId, Decision, DecisionId, DenialSummary, Effect, GrantId, HoldAnswer,
    MemberId, Timestamp, Verdict, limits,
};

use super::{Context, same_network};
use crate::entries::{DecisionState, GrantState, ReviewState};
use crate::{Rejection, State};

impl State {
    pub(super) fn record_decision(
        &mut self,
        author: MemberId,
        id: CommandId,
        decision: &Decision,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let request = &decision.request.value;
        same_network(self, request.network)?;
        let dataset = self.dataset_entry(request.dataset)?;
        if dataset.pdc != author {
            return Err(Rejection::NotThePdc);
        }
        if decision.height >= context.height {
            return Err(Rejection::FromTheFuture);
        }
        let owner = dataset.owner;
        self.check_first_or_lifted(decision, context)?;

        let key = (request.requester, request.id);
        let id = DecisionId::derive(author, id);
        // Command ids are forgotten sooner than decisions: a second decision with the id of a living one would make
        // what an answer to it means depend on how the state was loaded.
        if self.index.decisions.contains_key(&id) {
            return Err(Rejection::AlreadyExists);
        }
        // A refusal, too, needs a request that its author really signed.
        let price = match decision.verdict {
            Verdict::Allow { price, .. } => price,
            Verdict::Hold { .. } | Verdict::Deny { .. } => Amount::ZERO,
        };
        let signer = decision.request.envelope.key;
        self.spend_session(request.requester, signer, price, context.time)?;
        let mut charge = None;
        match decision.verdict {
            Verdict::Allow { grant, price, records, collect_by, .. } => {
                if records == 0 {
                    return Err(Rejection::NothingReleased);
                }
                check_deadline(collect_by, context.time, limits::MAX_COLLECTION_MS)?;
                let state = self.usable_grant(decision, grant, context)?;
                charge = self.charge(id, (grant, request.requester), price, context)?;
                self.count_use(grant, state, key, context)?;
            }
            Verdict::Hold { answer_by, .. } => {
                self.may_wait(request.dataset, answer_by, context.time)?;
            }
            Verdict::Deny { .. } => {}
        }
        context.effects.insert(
            0,
            Effect::Decided {
                decision: id,
                dataset: request.dataset,
                requester: request.requester,
                request: request.id,
                verdict: decision.verdict,
            },
        );
        let beneficiaries = match charge {
            Some(_) => self.dataset_entry(request.dataset)?.terms.beneficiaries.clone(),
            None => Vec::new(),
        };
        let state = DecisionState {
            id,
            dataset: request.dataset,
            request: decision.request.digest(),
            expires: request.expires,
            receiving_key: request.receiving_key,
            verdict: decision.verdict,
            owner,
            answer: None,
            charge,
            event: context.event,
            lifted: decision.lifts.is_some(),
            pdc: author,
            beneficiaries,
        };
        self.decisions.put(key, state);
        Ok(())
    }

    /// May one more request for this dataset wait for the owner until then?
    fn may_wait(
        &self,
        dataset: DatasetId,
        answer_by: Timestamp,
        time: Timestamp,
    ) -> Result<(), Rejection> {
        check_deadline(answer_by, time, self.governance()?.parameters.hold_ms)?;
        if self.open_holds_on(dataset).count() >= limits::MAX_OPEN_HOLDS_ON_DATASET {
            return Err(Rejection::DatasetBusy);
        }
        Ok(())
    }

    /// Is this the first decision on the request, or the one that follows a hold the owner has lifted?
    fn check_first_or_lifted(
        &self,
        decision: &Decision,
        context: &Context,
    ) -> Result<(), Rejection> {
        let request = &decision.request.value;
        match (self.decisions.find(&(request.requester, request.id)), decision.lifts) {
            (None, None) => {
                if request.expires <= context.time {
                    return Err(Rejection::RequestExpired {
                        expires: request.expires,
                        now: context.time,
                    });
                }
                if request.expires.since_ms(context.time) > limits::MAX_REQUEST_LIFETIME_MS {
                    return Err(Rejection::BadDeadline);
                }
                Ok(())
            }
            (None, Some(_)) => Err(Rejection::UnknownDecision),
            (Some(before), _) if before.request != decision.request.digest() => {
                Err(Rejection::RequestReused)
            }
            (Some(before), Some(lifted)) if before.id == lifted => {
                // INVARIANT: only a hold can carry an answer.
                // An overdue one may still be there when more was due at once than one block cleans up.
                if before.answer != Some(HoldAnswer::Release) || before.due() <= context.time {
                    return Err(Rejection::NotHeld);
                }
                Ok(())
            }
            (Some(_), _) => Err(Rejection::AlreadyDecided),
        }
    }

    /// The grant of an allow, if it really allows this, now.
    fn usable_grant(
        &self,
        decision: &Decision,
        id: GrantId,
        context: &Context,
    ) -> Result<GrantState, Rejection> {
        let request = &decision.request.value;
        let Verdict::Allow { price, .. } = decision.verdict else {
            return Err(Rejection::NothingReleased);
        };
        let state = self.grant_usable(request.requester, request.dataset, id, context.time)?;
        if state.grant.uses.is_some_and(|uses| state.used >= uses) {
            return Err(Rejection::GrantUsedUp);
        }
        if price != state.grant.price {
            return Err(Rejection::PriceMismatch { agreed: state.grant.price, given: price });
        }
        if price > request.max_price {
            return Err(Rejection::AboveMaxPrice { price, max: request.max_price });
        }
        Ok(state.clone())
    }

    /// One use more; an emergency use opens a review.
    fn count_use(
        &mut self,
        id: GrantId,
        state: GrantState,
        key: (MemberId, secnet_types::RequestId),
        context: &mut Context,
    ) -> Result<(), Rejection> {
        if state.grant.emergency {
            // A review outlives its decision; a reused request id must not make it disappear.
            if self.reviews.contains(&key) {
                return Err(Rejection::RequestReused);
            }
            let due = context.time.plus_ms(self.governance()?.parameters.review_ms);
            let (dataset, owner) = (state.grant.dataset, state.owner);
            let review = ReviewState { dataset, due, overdue: false, owner };
            self.reviews.put(key, review);
            context.tell(Effect::ReviewDue { requester: key.0, request: key.1, by: due });
        }
        // Uses that nobody counts need no write; this keeps unlimited grants off the hot path.
        if state.grant.uses.is_some() {
            let used = state.used.checked_add(1).ok_or(Rejection::GrantUsedUp)?;
            self.grants.put(id, GrantState { used, ..state });
        }
        Ok(())
    }

    /// One use less. The grant may have ended meanwhile; that stays so.
    pub(super) fn uncount_use(&mut self, id: GrantId) {
        if let Some(state) = self.grants.find(&id).filter(|state| state.grant.uses.is_some()) {
            let used = state.used.saturating_sub(1);
            let state = GrantState { used, ..state.clone() };
            self.grants.put(id, state);
        }
    }

    pub(super) fn summarise_denials(
        &mut self,
        author: MemberId,
        summary: &DenialSummary,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        if self.dataset_entry(summary.dataset)?.pdc != author {
            return Err(Rejection::NotThePdc);
        }
        if !self.members.contains(&summary.requester) {
            return Err(Rejection::UnknownMember);
        }
        if summary.count == 0 || summary.count > limits::MAX_SUMMARISED {
            return Err(Rejection::TooMany);
        }
        // The window is in the PDC's time: it may be a little ahead, but speaks of the last day.
        let DenialSummary { requester, from, until, dataset, count, .. } = *summary;
        let (earliest, latest) = (
            until.plus_ms(limits::MAX_SUMMARY_MS),
            context.time.plus_ms(limits::MAX_CLOCK_AHEAD_MS),
        );
        let length = until.since_ms(from);
        if from > until
            || length > limits::MAX_SUMMARY_MS
            || until > latest
            || earliest < context.time
        {
            return Err(Rejection::BadWindow);
        }
        context.tell(Effect::DenialsSummarised { requester, dataset, count });
        Ok(())
    }
}

/// Something can still be done until then, but not for ever.
fn check_deadline(deadline: Timestamp, now: Timestamp, longest_ms: u64) -> Result<(), Rejection> {
    if deadline <= now || deadline.since_ms(now) > longest_ms {
        return Err(Rejection::BadDeadline);
    }
    Ok(())
}
