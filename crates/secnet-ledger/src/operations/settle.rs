//! Charges: taken with the decision, held, then paid out or given back. Exactly one of the two.

use secnet_types::{Amount, DecisionId, Effect, GrantId, MemberId, RequestId, Verdict, limits};

use super::Context;
use crate::entries::{Charge, ChargeStatus, DecisionState, Escrow, Only};
use crate::{Rejection, State};

impl State {
    /// Take the price, from the grant's escrow if there is enough, else from the requester. Free uses leave no charge.
    pub(super) fn charge(
        &mut self,
        decision: DecisionId,
        (grant, requester): (GrantId, MemberId),
        price: Amount,
        context: &mut Context,
    ) -> Result<Option<Charge>, Rejection> {
        if price == Amount::ZERO {
            return Ok(None);
        }
        let escrow = self.escrows.find(&grant).copied().filter(|escrow| escrow.amount >= price);
        let payer = match escrow {
            Some(escrow) => {
                let amount = escrow.amount.minus(price)?;
                self.escrows.put(grant, Escrow { amount, ..escrow });
                escrow.funder
            }
            None => {
                self.debit(requester, price)?;
                requester
            }
        };
        let escrow = escrow.map(|_| grant);
        context.tell(Effect::Charged { decision, from: payer, amount: price, escrow });
        Ok(Some(Charge { payer, amount: price, status: ChargeStatus::Held }))
    }

    /// The PDC hands over: pay fee, beneficiaries and owner.
    pub(super) fn confirm_collection(
        &mut self,
        author: MemberId,
        collected: &[(MemberId, RequestId)],
        context: &mut Context,
    ) -> Result<(), Rejection> {
        if collected.is_empty() || collected.len() > limits::MAX_COLLECTED {
            return Err(Rejection::TooMany);
        }
        for key in collected {
            let state = self.held_charge(author, *key)?;
            self.consent_lasts(key.0, &state, context)?;
            self.pay_out(*key, state, context)?;
        }
        Ok(())
    }

    /// The PDC could not hand over: the payer gets it back.
    pub(super) fn report_failure(
        &mut self,
        author: MemberId,
        key: (MemberId, RequestId),
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let state = self.held_charge(author, key)?;
        refund(self, key, state, context)
    }

    fn held_charge(
        &self,
        author: MemberId,
        key: (MemberId, RequestId),
    ) -> Result<DecisionState, Rejection> {
        let state = self.decisions.find(&key).ok_or(Rejection::UnknownDecision)?;
        // The PDC that decided hands over. Under the same owner the PDC of today may speak for it, or the money of a
        // lost one could only go back; a new owner's PDC has no say in what the old owner sold.
        let dataset = self.dataset_entry(state.dataset)?;
        let successor = dataset.pdc == author && dataset.owner == state.owner;
        if state.pdc != author && !successor {
            return Err(Rejection::NotThePdc);
        }
        match state.charge {
            Some(Charge { status: ChargeStatus::Held, .. }) => Ok(state.clone()),
            _ => Err(Rejection::NoCharge),
        }
    }

    /// A release is ordered here, as revocations, denials and suspensions are: of the two that meet, the one that comes
    /// first on the ledger wins. Whoever hands over waits for this command.
    fn consent_lasts(
        &self,
        requester: MemberId,
        state: &DecisionState,
        context: &Context,
    ) -> Result<(), Rejection> {
        let Verdict::Allow { grant, .. } = state.verdict else { return Err(Rejection::NoCharge) };
        self.grant_usable(requester, state.dataset, grant, context.time)
            .map(drop)
            .map_err(|_| Rejection::ConsentEnded)
    }

    fn pay_out(
        &mut self,
        key: (MemberId, RequestId),
        state: DecisionState,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let Some(charge) = state.charge else { return Err(Rejection::NoCharge) };
        let fee = charge.amount.share(self.governance()?.parameters.fee);
        let net = charge.amount.minus(fee)?;
        let mut rest = net;
        // The owner at the time of the decision sold this use, under the terms of that time, whoever owns the dataset
        // and whatever its terms are by now.
        for beneficiary in &state.beneficiaries {
            let part = net.share(beneficiary.share);
            rest = rest.minus(part)?;
            self.pay(state.id, beneficiary.member, part, context)?;
        }
        self.pay(state.id, state.owner, rest, context)?;
        if fee != Amount::ZERO {
            let mut totals = self.totals();
            totals.treasury = totals.treasury.plus(fee)?;
            self.totals.put(Only, totals);
            context.tell(Effect::FeeTaken { amount: fee });
        }
        let charge = Some(Charge { status: ChargeStatus::Paid, ..charge });
        self.decisions.put(key, DecisionState { charge, ..state });
        Ok(())
    }

    fn pay(
        &mut self,
        decision: DecisionId,
        to: MemberId,
        amount: Amount,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        if amount != Amount::ZERO {
            self.credit(to, amount)?;
            context.tell(Effect::Paid { decision, to, amount });
        }
        Ok(())
    }
}

/// Give a held charge back, and the use it was for: what was not handed over was not used.
pub(crate) fn refund(
    ledger: &mut State,
    key: (MemberId, RequestId),
    state: DecisionState,
    context: &mut Context,
) -> Result<(), Rejection> {
    let Some(charge) = state.charge else { return Err(Rejection::NoCharge) };
    ledger.credit(charge.payer, charge.amount)?;
    context.tell(Effect::Refunded { decision: state.id, to: charge.payer, amount: charge.amount });
    if let Verdict::Allow { grant, .. } = state.verdict {
        ledger.uncount_use(grant);
    }
    let charge = Some(Charge { status: ChargeStatus::Refunded, ..charge });
    ledger.decisions.put(key, DecisionState { charge, ..state });
    Ok(())
}
