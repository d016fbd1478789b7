//! The grants and denials of a member, with the details that it is entitled to: what it gave and what it was given.

use secnet_ledger::{DenialState, Escrow, GrantState, GrantStatus};
use secnet_types::{DenialId, GrantDetail, GrantId, MemberId, Power};

use crate::AccessError;
use crate::pdc::Pdc;

/// Everything a member has a hand in.
#[derive(Debug, Default)]
pub struct Consents {
    /// What it granted on its datasets.
    pub given: Vec<GrantLine>,
    /// What was granted to it, to its organisation or to a group it is in.
    pub received: Vec<GrantLine>,
    /// Whom it denied.
    pub denials: Vec<DenialLine>,
}

/// One grant.
#[derive(Debug)]
pub struct GrantLine {
    /// Its id.
    pub id: GrantId,
    /// The grant and where it stands.
    pub state: GrantState,
    /// Can it be used now?
    pub live: bool,
    /// What is set aside for it.
    pub escrow: Option<Escrow>,
    /// Purposes, actions and scope, if they are kept here.
    pub detail: Option<GrantDetail>,
}

impl GrantLine {
    /// Where it stands, in a word.
    #[must_use]
    pub fn status(&self) -> &'static str {
        match self.state.status {
            GrantStatus::Revoked => "revoked",
            GrantStatus::Ended => "ended",
            GrantStatus::Active if self.live => "active",
            GrantStatus::Active if self.state.grant.uses.is_some_and(|u| self.state.used >= u) => {
                "used-up"
            }
            // Not begun, or its dataset is withdrawn, expired or in other hands.
            GrantStatus::Active => "inactive",
        }
    }
}

/// One denial.
#[derive(Debug)]
pub struct DenialLine {
    /// Its id.
    pub id: DenialId,
    /// What is denied.
    pub state: DenialState,
    /// Purposes, actions and scope; none if it denies everything.
    pub detail: Option<GrantDetail>,
}

impl Pdc {
    /// The consents of `member`; with `over`, also those that have ended. `asker` is the member itself, or one who may
    /// grant in its name.
    ///
    /// # Errors
    /// [`AccessError::Unknown`] to anybody else; the archive cannot be read.
    pub async fn consents(
        &self,
        asker: MemberId,
        member: MemberId,
        over: bool,
    ) -> Result<Consents, AccessError> {
        if !self.may_act_for(asker, member, Power::Grant) {
            return Err(AccessError::Unknown(format!("member {member}")));
        }
        let now = self.clock.now();
        let (given, received, denials) = self
            .view(|view| {
                let state = view.state;
                let time = view.time.max(now);
                let line = |(id, grant): (GrantId, &GrantState)| GrantLine {
                    id,
                    state: grant.clone(),
                    live: state.grant_is_live(grant, time)
                        && grant.grant.uses.is_none_or(|uses| grant.used < uses),
                    escrow: state.escrow(id),
                    detail: None,
                };
                let kept = |line: &GrantLine| {
                    over || line.live
                        || (line.state.status == GrantStatus::Active
                            && line.state.grant.window.from > time)
                };
                let given: Vec<_> = state
                    .datasets_of(member)
                    .flat_map(|dataset| state.grants_on(dataset))
                    .filter(|(_, grant)| grant.owner == member)
                    .map(line)
                    .filter(kept)
                    .collect();
                let received: Vec<_> = state
                    .parties_of(member)
                    .into_iter()
                    .flat_map(|party| state.grants_to(party))
                    .map(line)
                    .filter(kept)
                    .collect();
                let denials: Vec<_> = state
                    .denials_by(member)
                    .filter(|(_, denial)| over || denial.denial.window.until > time)
                    .map(|(id, denial)| DenialLine { id, state: denial.clone(), detail: None })
                    .collect();
                (given, received, denials)
            })
            .unwrap_or_default();
        let mut consents = Consents { given, received, denials };
        for line in consents.given.iter_mut().chain(&mut consents.received) {
            line.detail = self.consent_detail(line.state.grant.detail).await?;
        }
        for line in &mut consents.denials {
            if let Some(commitment) = line.state.denial.detail {
                line.detail = self.consent_detail(commitment).await?;
            }
        }
        Ok(consents)
    }
}
