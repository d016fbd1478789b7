//! Asks: open, countered, agreed, approved or refused.

use secnet_types::{
    Answer, Ask, AskId, Bargain, CommandId, Effect, Grant, MemberId, Power, Timestamp, Window,
    limits,
};

use super::Context;
use super::grants::check_window;
use crate::entries::{AskState, AskStatus};
use crate::{Rejection, State};

impl State {
    pub(super) fn open_ask(
        &mut self,
        author: MemberId,
        id: CommandId,
        ask: &Ask,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let dataset = self.usable_dataset(ask.dataset)?;
        let owner = dataset.owner;
        check_window(ask.window, context.time)?;
        if ask.deadline <= context.time
            || ask.deadline.since_ms(context.time) > limits::MAX_ASK_LIFETIME_MS
        {
            return Err(Rejection::BadDeadline);
        }
        // One asks for oneself, or for a group one runs.
        if !self.speaks_for(author, ask.grantee) {
            return Err(Rejection::NotEntitled);
        }
        if ask.uses == Some(0) {
            return Err(Rejection::BadTerms);
        }
        if self.kept_asks_by(author) >= limits::MAX_ASKS_OF_MEMBER {
            return Err(Rejection::LimitReached);
        }
        if self.open_asks_on(ask.dataset).count() >= limits::MAX_OPEN_ASKS_ON_DATASET {
            return Err(Rejection::DatasetBusy);
        }
        let key = AskId::derive(author, id);
        if self.asks.contains(&key) {
            return Err(Rejection::AlreadyExists);
        }
        let state = AskState { ask: ask.clone(), asker: author, owner, status: AskStatus::Open };
        self.asks.put(key, state);
        context.tell(Effect::AskOpened { ask: key, dataset: ask.dataset, asker: author });
        Ok(())
    }

    pub(super) fn answer_ask(
        &mut self,
        author: MemberId,
        id: CommandId,
        key: AskId,
        answer: &Answer,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let mut state = self.live_ask(key, context.time)?.clone();
        // INVARIANT: an ask lapses when its dataset changes hands, so whom it was put to is the owner of today.
        self.usable_dataset(state.ask.dataset)?;
        self.entitled(author, state.owner, Some(state.ask.dataset), Power::Grant, context.time)?;
        let agreed = match &state.status {
            AskStatus::Open => wished(&state.ask),
            AskStatus::Agreed(bargain) => *bargain,
            // A counter-offer can be answered again by its maker with a refusal or another counter.
            AskStatus::Countered(_) if !matches!(answer, Answer::Approve(_)) => wished(&state.ask),
            _ => return Err(Rejection::WrongAskState),
        };
        match answer {
            Answer::Approve(grant) => {
                as_agreed(&state.ask, agreed, grant)?;
                let grant = self.make_grant(author, id, grant, context)?;
                state.status = AskStatus::Approved(grant);
                context.tell(Effect::AskApproved { ask: key, grant });
            }
            Answer::Refuse(reason) => {
                state.status = AskStatus::Refused;
                context.tell(Effect::AskRefused { ask: key, reason: *reason });
            }
            Answer::Counter { price, uses, window } => {
                let price = price.ok_or(Rejection::CounterWithoutPrice)?;
                check_window(*window, context.time)?;
                if *uses == Some(0) {
                    return Err(Rejection::BadTerms);
                }
                state.status =
                    AskStatus::Countered(Bargain { price, uses: *uses, window: *window });
                context.tell(Effect::AskCountered { ask: key, price });
            }
        }
        self.asks.put(key, state);
        Ok(())
    }

    pub(super) fn accept_counter(
        &mut self,
        author: MemberId,
        key: AskId,
        bargain: Bargain,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let state = self.live_ask(key, context.time)?.clone();
        if state.asker != author {
            return Err(Rejection::NotEntitled);
        }
        // The owner may have countered again since: nobody is bound to an offer it has not seen.
        match state.status {
            AskStatus::Countered(offered) if offered == bargain => {}
            AskStatus::Countered(_) => return Err(Rejection::OfferChanged),
            _ => return Err(Rejection::WrongAskState),
        }
        self.asks.put(key, AskState { status: AskStatus::Agreed(bargain), ..state });
        context.tell(Effect::AskAgreed { ask: key });
        Ok(())
    }

    pub(super) fn withdraw_ask(
        &mut self,
        author: MemberId,
        key: AskId,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let state = self.live_ask(key, context.time)?;
        if state.asker != author {
            return Err(Rejection::NotEntitled);
        }
        if state.is_over() {
            return Err(Rejection::WrongAskState);
        }
        self.asks.remove(&key);
        context.tell(Effect::AskWithdrawn { ask: key });
        Ok(())
    }

    fn live_ask(&self, key: AskId, time: Timestamp) -> Result<&AskState, Rejection> {
        self.asks.find(&key).filter(|state| state.ask.deadline > time).ok_or(Rejection::UnknownAsk)
    }
}

fn wished(ask: &Ask) -> Bargain {
    Bargain { price: ask.price, uses: ask.uses, window: ask.window }
}

/// The grant must be what was agreed: not another price, nor more or for longer. It may be for less.
fn as_agreed(ask: &Ask, agreed: Bargain, grant: &Grant) -> Result<(), Rejection> {
    if grant.price != agreed.price {
        return Err(Rejection::PriceNotAsAsked { asked: agreed.price, granted: grant.price });
    }
    let within =
        |inner: Window, outer: Window| outer.from <= inner.from && inner.until <= outer.until;
    let uses_fit = match (grant.uses, agreed.uses) {
        (_, None) => true,
        (Some(granted), Some(asked)) => granted <= asked,
        (None, Some(_)) => false,
    };
    let fits = grant.dataset == ask.dataset
        && grant.grantee == ask.grantee
        && !grant.emergency
        && uses_fit
        && within(grant.window, agreed.window);
    if fits { Ok(()) } else { Err(Rejection::GrantNotAsAsked) }
}
