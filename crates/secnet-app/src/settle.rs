//! What becomes of a charge: paid out before key parts leave, given back if they never can.

use secnet_ledger::{ChargeStatus, DecisionState, Rejection};
use secnet_types::{MemberId, Operation, RequestId, limits};

use crate::AccessError;
use crate::granted::Granted;
use crate::pdc::Pdc;
use crate::ports::SubmitError;

/// A decision, by whose request it is on.
type Key = (MemberId, RequestId);

impl Pdc {
    /// Pay out what a release is about to earn. Without the ledger's word nothing is handed over; after it, a retry still
    /// collects until its deadline. The ledger says no if the consent has ended meanwhile: a command that is ordered before
    /// this one stops the release, and nothing of it has left.
    pub(crate) async fn settle_before_handover(
        &self,
        granted: &Granted,
    ) -> Result<(), AccessError> {
        let key = (granted.requester(), granted.request());
        if self.charge_status(key) != Some(ChargeStatus::Held) {
            return Ok(());
        }
        match self.settle(&[key]).await {
            Ok(()) => Ok(()),
            // A retry at the same time was quicker.
            Err(AccessError::Rejected(Rejection::NoCharge))
                if self.charge_status(key) == Some(ChargeStatus::Paid) =>
            {
                Ok(())
            }
            Err(AccessError::Rejected(Rejection::NoCharge | Rejection::UnknownDecision)) => {
                Err(AccessError::NotReleased("the charge was given back"))
            }
            Err(AccessError::Rejected(Rejection::ConsentEnded)) => {
                Err(AccessError::NotReleased("the consent has ended since"))
            }
            Err(error) => Err(error),
        }
    }

    /// State on the ledger that these requests' key parts are handed over, so that their charges are paid out. A statement
    /// is one transaction: one that is refused is stated again in halves, so that no request keeps another from being paid.
    ///
    /// # Errors
    /// The ledger is unavailable, or refuses some of them, of which the first refusal is given; what is not paid out stays
    /// held.
    pub async fn settle(&self, collected: &[Key]) -> Result<(), AccessError> {
        let effects: Vec<usize> = self
            .view(|view| {
                let decision = |key: &Key| view.state.decision(key.0, key.1);
                collected.iter().map(|key| decision(key).map_or(1, most_effects)).collect()
            })
            .unwrap_or_default();
        let mut waiting = statements(collected, &effects);
        waiting.reverse();
        let mut refused = None;
        while let Some(part) = waiting.pop() {
            let statement = Operation::ConfirmCollection { collected: part.to_vec() };
            match self.submit_own(statement).await {
                Ok(_) => {}
                Err(SubmitError::Rejected(rejection)) => match halves(part) {
                    Some((first, second)) => waiting.extend([second, first]),
                    None => refused = refused.or(Some(rejection)),
                },
                Err(error) => return Err(error.into()),
            }
        }
        refused.map_or(Ok(()), |rejection| Err(rejection.into()))
    }

    /// The delivery has failed. If it would fail again, the charge is given back now and not only at its deadline.
    pub(crate) async fn give_back_after(
        &self,
        error: &AccessError,
        requester: MemberId,
        request: RequestId,
    ) {
        let held = self.charge_status((requester, request)) == Some(ChargeStatus::Held);
        if held && error.is_lasting() {
            // If the ledger does not take it, the deadline does the same.
            let _given_back = self.give_back(requester, request).await;
        }
    }

    /// State that a charged request could not be served: the money goes back.
    ///
    /// # Errors
    /// The ledger refuses, as it does if the charge was paid out already, or is unavailable.
    pub async fn give_back(
        &self,
        requester: MemberId,
        request: RequestId,
    ) -> Result<(), AccessError> {
        self.submit_own(Operation::ReportFailure { requester, request }).await?;
        Ok(())
    }

    fn charge_status(&self, (requester, request): Key) -> Option<ChargeStatus> {
        self.view(|view| view.state.decision(requester, request)?.charge.map(|c| c.status))
            .flatten()
    }
}

/// What paying a charge out changes on the ledger: a part for each beneficiary, the owner's, the fee.
fn most_effects(decision: &DecisionState) -> usize {
    decision.beneficiaries.len().saturating_add(2)
}

/// Divided so that the ledger takes each part as one command.
fn statements<'k>(collected: &'k [Key], effects: &[usize]) -> Vec<&'k [Key]> {
    let mut parts = Vec::new();
    let (mut rest, mut count, mut sum) = (collected, 0_usize, 0_usize);
    for more in effects {
        let full = count >= limits::MAX_COLLECTED
            || sum.saturating_add(*more) > limits::MAX_EFFECTS_PER_COMMAND;
        if full && let Some((part, after)) = rest.split_at_checked(count) {
            parts.push(part);
            (rest, count, sum) = (after, 0, 0);
        }
        (count, sum) = (count.saturating_add(1), sum.saturating_add(*more));
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

/// None of what cannot be divided any more.
fn halves(part: &[Key]) -> Option<(&[Key], &[Key])> {
    (part.len() > 1).then(|| part.split_at(part.len() / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_charge_is_stated_once_and_no_statement_is_more_than_the_ledger_takes() {
        for each in [1, 2, 3, 18] {
            let keys: Vec<Key> = (0..600_u32).map(|n| (MemberId([7; 32]), request(n))).collect();
            let effects = vec![each; keys.len()];
            let parts = statements(&keys, &effects);
            assert_eq!(parts.concat(), keys);
            for part in parts {
                assert!(!part.is_empty() && part.len() <= limits::MAX_COLLECTED);
                assert!(part.len() * each <= limits::MAX_EFFECTS_PER_COMMAND);
            }
        }
        assert!(statements(&[], &[]).is_empty());
    }

    fn request(n: u32) -> RequestId {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&n.to_be_bytes());
        RequestId(id)
    }
}
