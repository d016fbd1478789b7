//! May this requester do this with this record?

use std::collections::BTreeSet;
use std::sync::Arc;

use secnet_types::{Amount, GrantId, Obligation, RecordMeta};

use crate::compile::Compiled;
use crate::conditions::Reach;
use crate::engine::{Fault, Mode, Outcome, Prepared};
use crate::{CompiledConsent, PolicyName, Question};

/// What policy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyVerdict {
    /// Permitted, under any of these; the first is the choice: the cheapest, then the lowest id. Never empty.
    Permit(Vec<Permitted>),
    /// Refused.
    Deny(DenyCause),
    /// An evaluation erred, as this message says: a hold, never an allow.
    Fault(String),
}

/// A grant that permits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permitted {
    /// The grant.
    pub grant: GrantId,
    /// What one use of it costs.
    pub price: Amount,
    /// Break-glass.
    pub emergency: bool,
    /// Only these fields may be handed over: those asked for, else those the grant names; absent for all.
    pub fields: Option<Arc<BTreeSet<String>>>,
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DenyCause {
    /// Nothing permits.
    NoGrant,
    /// These denials and terms forbid, in order.
    Forbidden(Vec<PolicyName>),
}

impl PolicyVerdict {
    /// The grant to use, if permitted.
    #[must_use]
    pub fn choice(&self) -> Option<&Permitted> {
        match self {
            Self::Permit(grants) => grants.first(),
            Self::Deny(_) | Self::Fault(_) => None,
        }
    }
}

impl Permitted {
    /// What the release must do besides handing over.
    #[must_use]
    pub fn obligations(&self) -> BTreeSet<Obligation> {
        let mut obligations = BTreeSet::new();
        if self.emergency {
            obligations.extend([Obligation::NotifyOwner, Obligation::Review]);
        }
        if self.fields.is_some() {
            obligations.insert(Obligation::OnlyGrantedFields);
        }
        obligations
    }
}

/// Decide on one record. Default deny; a denial or term beats every grant it binds; any evaluation error is a fault.
#[must_use]
pub fn decide(
    consent: &CompiledConsent,
    question: &Question,
    record: &RecordMeta,
) -> PolicyVerdict {
    Asker::new(consent, question)
        .and_then(|asker| asker.ask(record))
        .unwrap_or_else(PolicyVerdict::Fault)
}

/// A question prepared in all its modes.
pub(crate) struct Asker<'a> {
    consent: &'a CompiledConsent,
    question: &'a Question,
    modes: Vec<Prepared<'a>>,
}

impl<'a> Asker<'a> {
    pub(crate) fn new(consent: &'a CompiledConsent, question: &'a Question) -> Result<Self, Fault> {
        let principal = consent.principal(question)?;
        let modes = Mode::of(question.purpose)
            .iter()
            .map(|mode| Prepared::new(consent, question, *mode, Arc::clone(&principal)))
            .collect::<Result<_, _>>()?;
        Ok(Self { consent, question, modes })
    }

    pub(crate) fn ask(&self, record: &RecordMeta) -> Result<PolicyVerdict, Fault> {
        let mut grants = Vec::new();
        let mut forbidding = BTreeSet::new();
        for mode in &self.modes {
            match mode.ask(record)? {
                Outcome::Permitted(policies) => {
                    for policy in policies {
                        grants.push(self.permitted(policy)?);
                    }
                }
                Outcome::Refused(policies) => forbidding.extend(policies.iter().map(|p| p.name)),
            }
        }
        grants.sort_by_key(|g| (g.price, g.grant));
        Ok(if !grants.is_empty() {
            PolicyVerdict::Permit(grants)
        } else if forbidding.is_empty() {
            PolicyVerdict::Deny(DenyCause::NoGrant)
        } else {
            PolicyVerdict::Deny(DenyCause::Forbidden(forbidding.into_iter().collect()))
        })
    }

    fn permitted(&self, policy: &Compiled) -> Result<Permitted, Fault> {
        let fact = match policy.reach {
            Reach::Grant(index) => self.consent.slice().grants.get(index),
            Reach::Denial(_) | Reach::Term(_) => None,
        };
        let fact =
            fact.ok_or_else(|| format!("`{}` is not a grant, yet it permits", policy.name))?;
        Ok(Permitted {
            grant: fact.id,
            price: fact.grant.price,
            emergency: fact.grant.emergency,
            fields: self.question.fields.clone().or_else(|| self.consent.grant_fields(fact.id)),
        })
    }
}
