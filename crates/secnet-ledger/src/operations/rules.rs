//! Security rules: offered, bought, put in force.

use secnet_types::{Amount, Effect, MemberId, RuleId, RuleListing, Timestamp, limits};

use super::Context;
use crate::entries::{InstallState, Only, Present, RuleState};
use crate::{Rejection, State};

impl State {
    pub(super) fn publish_rule(
        &mut self,
        author: MemberId,
        listing: &RuleListing,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        if listing.expires <= context.time {
            return Err(Rejection::RuleExpired);
        }
        if let Some(before) = self.rules.find(&listing.rule) {
            // The author may set another price or end; nobody else can take the rule over.
            if before.author != author {
                return Err(Rejection::AlreadyExists);
            }
        } else if self.rules_by(author) >= limits::MAX_LISTINGS_OF_MEMBER {
            return Err(Rejection::LimitReached);
        }
        self.rules.put(listing.rule, RuleState { listing: listing.clone(), author });
        self.licences.put((listing.rule, author), Present);
        context.tell(Effect::RulePublished { rule: listing.rule, author, price: listing.price });
        Ok(())
    }

    pub(super) fn buy_rule(
        &mut self,
        author: MemberId,
        rule: RuleId,
        price: Amount,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let state = self.live_rule(rule, context.time)?;
        let seller = state.author;
        if state.listing.price != price {
            return Err(Rejection::PriceMismatch { agreed: state.listing.price, given: price });
        }
        if self.licences.contains(&(rule, author)) {
            return Err(Rejection::AlreadyExists);
        }
        let fee = price.share(self.governance()?.parameters.fee);
        if price != Amount::ZERO {
            self.debit(author, price)?;
            self.credit(seller, price.minus(fee)?)?;
            let mut totals = self.totals();
            totals.treasury = totals.treasury.plus(fee)?;
            self.totals.put(Only, totals);
        }
        self.licences.put((rule, author), Present);
        context.tell(Effect::RuleBought { rule, buyer: author, seller, price, fee });
        Ok(())
    }

    pub(super) fn install_rule(
        &mut self,
        author: MemberId,
        rule: RuleId,
        (until, simulate): (Timestamp, bool),
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let state = self.live_rule(rule, context.time)?;
        if until > state.listing.expires || until <= context.time {
            return Err(Rejection::RuleExpired);
        }
        if !self.licences.contains(&(rule, author)) {
            return Err(Rejection::NotLicensed);
        }
        let full = self.installs_of(author).count() >= limits::MAX_INSTALLS_OF_MEMBER;
        if full && !self.installs.contains(&(author, rule)) {
            return Err(Rejection::LimitReached);
        }
        self.installs.put((author, rule), InstallState { until, simulate });
        context.tell(Effect::RuleInstalled { rule, by: author, simulate });
        Ok(())
    }

    pub(super) fn remove_rule(
        &mut self,
        author: MemberId,
        rule: RuleId,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        if !self.installs.contains(&(author, rule)) {
            return Err(Rejection::NotInstalled);
        }
        self.installs.remove(&(author, rule));
        context.tell(Effect::RuleRemoved { rule, by: author });
        Ok(())
    }

    fn live_rule(&self, rule: RuleId, time: Timestamp) -> Result<&RuleState, Rejection> {
        let state = self.rules.find(&rule).ok_or(Rejection::UnknownRule)?;
        if state.listing.expires > time { Ok(state) } else { Err(Rejection::RuleExpired) }
    }
}
