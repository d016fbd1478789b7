//! Fresh proofs: a request that answers a denial which asked for one.
//!
//! A member's session keys may be in other hands. What guard or rules want a proof for is refused until the member's own key
//! signs one more request that names the refusal. The name is in the detail, which the signature covers, and the proof's
//! request id follows from it, so that the ledger itself, which decides a request once, lets a proof count once.

use secnet_types::{DecisionId, MemberId, ReasonClass, RequestId, Verdict};

use crate::AccessError;
use crate::call::Authenticated;
use crate::pdc::Pdc;

/// How long after a denial for step-up a fresh proof of it counts, in milliseconds.
pub const PROOF_MS: u64 = 5 * 60 * 1000;

/// What was decided before and counts for a request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Before {
    /// The hold on it that the owner has released.
    pub lifts: Option<DecisionId>,
    /// The denial that asked for a fresh proof, which it is.
    pub proves: Option<DecisionId>,
}

impl Pdc {
    /// What counts for a request. A hold that is lifted was seen by the owner: it needs no proof.
    pub(crate) async fn before(
        &self,
        caller: &Authenticated,
        lifts: Option<DecisionId>,
    ) -> Result<Before, AccessError> {
        let proves = match (lifts, caller.detail.proof_for) {
            (None, Some(named)) => self.proves(caller, named).await?.then_some(named),
            _ => None,
        };
        Ok(Before { lifts, proves })
    }

    /// Is the request the fresh proof of who asks that this decision asked for? Everything else is no proof, and nothing is
    /// told of why.
    async fn proves(&self, caller: &Authenticated, named: DecisionId) -> Result<bool, AccessError> {
        let request = &caller.request.value;
        if !caller.own_key || request.id != RequestId::proving(named) {
            return Ok(false);
        }
        let asked = self.view(|view| {
            let (requester, id): (MemberId, RequestId) = view.state.decided_request(named)?;
            let denied = view.state.decision(requester, id)?;
            let its_own = (requester, denied.dataset, denied.pdc)
                == (request.requester, request.dataset, self.member);
            let for_proof = denied.verdict == Verdict::Deny { reason: ReasonClass::StepUp };
            (its_own && for_proof).then(|| denied.clone())
        });
        let Some(denied) = asked.flatten() else { return Ok(false) };
        let Some(facts) = self.facts_of(&denied).await? else { return Ok(false) };
        let until = facts.time.plus_ms(PROOF_MS);
        // A proof that expires before then could be forgotten by the ledger, and count again.
        Ok(self.now() < until && request.expires >= until)
    }
}
