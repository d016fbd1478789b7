//! Accounts and escrow. Money is only ever moved; it is made and destroyed by `Issue` and `Redeem` alone.

use secnet_types::{Amount, Effect, GrantId, MemberId};

use super::Context;
use crate::entries::{Escrow, Only, Totals};
use crate::{Rejection, State};

impl State {
    pub(super) fn transfer(
        &mut self,
        author: MemberId,
        to: MemberId,
        amount: Amount,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        not_zero(amount)?;
        if author == to {
            return Err(Rejection::SelfDealing);
        }
        self.active_member(to)?;
        self.debit(author, amount)?;
        self.credit(to, amount)?;
        context.tell(Effect::Transferred { from: author, to, amount });
        Ok(())
    }

    pub(super) fn redeem(
        &mut self,
        author: MemberId,
        amount: Amount,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        not_zero(amount)?;
        self.debit(author, amount)?;
        let mut totals = self.totals();
        totals.supply = totals.supply.minus(amount)?;
        self.totals.put(Only, totals);
        context.tell(Effect::Redeemed { from: author, amount });
        Ok(())
    }

    pub(super) fn fund_grant(
        &mut self,
        author: MemberId,
        grant: GrantId,
        amount: Amount,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        not_zero(amount)?;
        let state = self.grants.find(&grant).ok_or(Rejection::UnknownGrant)?;
        // A grant that has not begun can be funded, but only one that can still come to life: money in the escrow of
        // a dead one would never come back.
        if !self.grant_is_live(state, context.time.max(state.grant.window.from)) {
            return Err(Rejection::GrantNotActive);
        }
        // Whoever funds can always take the rest back by ending the grant. A stranger's small change must neither
        // lock out the grantee's money nor give the stranger a say.
        if !self.speaks_for(author, state.grant.grantee) {
            return Err(Rejection::NotEntitled);
        }
        let before = self.escrows.find(&grant).copied();
        if before.is_some_and(|escrow| escrow.funder != author) {
            return Err(Rejection::NotEntitled);
        }
        self.debit(author, amount)?;
        let amount_before = before.map_or(Amount::ZERO, |escrow| escrow.amount);
        self.escrows.put(grant, Escrow { funder: author, amount: amount_before.plus(amount)? });
        context.tell(Effect::Escrowed { grant, from: author, amount });
        Ok(())
    }

    pub(crate) fn credit(&mut self, to: MemberId, amount: Amount) -> Result<(), Rejection> {
        let balance = self.balance(to).plus(amount)?;
        self.accounts.put(to, balance);
        Ok(())
    }

    pub(crate) fn debit(&mut self, from: MemberId, amount: Amount) -> Result<(), Rejection> {
        let available = self.balance(from);
        let rest = available
            .minus(amount)
            .map_err(|_| Rejection::InsufficientFunds { needed: amount, available })?;
        self.accounts.put(from, rest);
        Ok(())
    }

    /// All money, and what fees have brought in.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals.find(&Only).copied().unwrap_or_default()
    }
}

pub(super) fn not_zero(amount: Amount) -> Result<(), Rejection> {
    if amount == Amount::ZERO { Err(Rejection::ZeroAmount) } else { Ok(()) }
}
