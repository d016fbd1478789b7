//! Who decided, why, and what would change it: to each as much as they are entitled to know (P8).

use core::fmt;

use secnet_types::{GrantId, ReasonClass, RecordMeta};

use crate::conditions::{failing, on_question, on_record};
use crate::{CompiledConsent, Condition, DenyCause, PolicyName, PolicyVerdict, Question, decide};

/// Grants named as nearest in one explanation.
const MAX_NEAR_MISSES: usize = 3;

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The owner of the data: everything.
    Owner,
    /// A security analyst of the owner's PDC: everything.
    Analyst,
    /// The one who asked: class and remedy, nobody's ids, no thresholds.
    Requester,
    /// Somebody without the right to know that the dataset exists: always the same.
    Stranger,
}

/// What they are told. Its `Display` is the sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Explanation {
    /// For owner and analyst.
    Full(FullExplanation),
    /// For the requester. No class means permitted.
    Class {
        /// What kind of reason.
        class: Option<ReasonClass>,
        /// What to do.
        remedy: Remedy,
    },
    /// For strangers, whether the dataset exists or not.
    Nothing,
}

/// All there is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FullExplanation {
    /// What policy said.
    pub verdict: PolicyVerdict,
    /// The policies that decided, the chosen grant first; none if nothing permits.
    pub by: Vec<PolicyName>,
    /// The grants that came nearest to permitting, nearest first; empty if one permits or something forbids.
    pub nearest: Vec<NearMiss>,
}

/// A grant that does not permit, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearMiss {
    /// The grant.
    pub grant: GrantId,
    /// The conditions that fail, in order.
    pub failed: Vec<Condition>,
}

/// What the requester can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remedy {
    /// Nothing needs doing.
    None,
    /// Ask the owner for a grant, or ask for less.
    AskOwner,
    /// Ask again at another price or time, or for further uses.
    OtherTerms,
    /// Ask again later; the owner's data centre has been told.
    Later,
}

impl Remedy {
    /// The sentence for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "nothing to do",
            Self::AskOwner => "ask the owner for a grant, or ask for less",
            Self::OtherTerms => "offer another price, ask at another time, or ask for further uses",
            Self::Later => "try again later; the data centre will look into it",
        }
    }
}

impl NearMiss {
    /// Would another price, time or count be enough?
    fn fails_on_terms_only(&self) -> bool {
        let of_terms = [Condition::Time, Condition::Count, Condition::Price];
        self.failed.iter().all(|failed| of_terms.contains(failed))
    }
}

impl Explanation {
    /// What a stranger is told about a dataset that exists, and about one that does not.
    #[must_use]
    pub const fn to_stranger() -> Self {
        Self::Nothing
    }
}

/// Explain a decision on one record.
#[must_use]
pub fn explain(
    consent: &CompiledConsent,
    question: &Question,
    record: &RecordMeta,
    audience: Audience,
) -> Explanation {
    if audience == Audience::Stranger {
        return Explanation::to_stranger();
    }
    let verdict = decide(consent, question, record);
    let mut nearest = match &verdict {
        PolicyVerdict::Deny(DenyCause::NoGrant) => near_misses(consent, question, record),
        _ => Vec::new(),
    };
    match audience {
        Audience::Owner | Audience::Analyst => {
            nearest.truncate(MAX_NEAR_MISSES);
            Explanation::Full(FullExplanation { by: deciders(&verdict), verdict, nearest })
        }
        Audience::Requester | Audience::Stranger => for_requester(&verdict, &nearest),
    }
}

fn deciders(verdict: &PolicyVerdict) -> Vec<PolicyName> {
    match verdict {
        PolicyVerdict::Permit(grants) => {
            grants.iter().map(|g| PolicyName::Grant(g.grant)).collect()
        }
        PolicyVerdict::Deny(DenyCause::Forbidden(names)) => names.clone(),
        PolicyVerdict::Deny(DenyCause::NoGrant) | PolicyVerdict::Fault(_) => Vec::new(),
    }
}

fn near_misses(
    consent: &CompiledConsent,
    question: &Question,
    record: &RecordMeta,
) -> Vec<NearMiss> {
    let mut misses: Vec<_> = consent
        .slice()
        .grants
        .iter()
        .map(|fact| {
            let question = on_question(consent, fact, question);
            let mut failed = failing(question.into_iter().chain(on_record(fact.scope(), record)));
            failed.sort_unstable();
            NearMiss { grant: fact.id, failed }
        })
        .collect();
    // A grant to somebody else is the farthest: no change of the request brings it nearer.
    // Of equally near ones those whose terms alone fail come first: they are the easiest to meet.
    misses.sort_by_key(|m| {
        (m.failed.contains(&Condition::Grantee), m.failed.len(), !m.fails_on_terms_only(), m.grant)
    });
    misses
}

/// Only grants to the requester itself shape what it is told, and denials look like the want of a grant.
fn for_requester(verdict: &PolicyVerdict, nearest: &[NearMiss]) -> Explanation {
    let (class, remedy) = match verdict {
        PolicyVerdict::Permit(_) => (None, Remedy::None),
        PolicyVerdict::Fault(_) => (Some(ReasonClass::Fault), Remedy::Later),
        PolicyVerdict::Deny(DenyCause::Forbidden(_)) => {
            (Some(ReasonClass::Consent), Remedy::AskOwner)
        }
        PolicyVerdict::Deny(DenyCause::NoGrant) => {
            if nearest.iter().any(NearMiss::fails_on_terms_only) {
                (Some(ReasonClass::Terms), Remedy::OtherTerms)
            } else {
                (Some(ReasonClass::Consent), Remedy::AskOwner)
            }
        }
    };
    Explanation::Class { class, remedy }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(full) => full.fmt(f),
            Self::Class { class: None, .. } => f.write_str("permitted"),
            Self::Class { class: Some(class), remedy } => {
                write!(f, "refused by {}: {}", class.as_str(), remedy.as_str())
            }
            Self::Nothing => {
                f.write_str("there is no such dataset, or it is not for you to know of")
            }
        }
    }
}

impl fmt::Display for FullExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |names: &[PolicyName]| {
            names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        match &self.verdict {
            PolicyVerdict::Permit(_) => {
                write!(
                    f,
                    "permitted by {}; revoking it or a denial would change that",
                    names(&self.by)
                )
            }
            PolicyVerdict::Deny(DenyCause::Forbidden(_)) => {
                write!(f, "forbidden by {}; only ending it would change that", names(&self.by))
            }
            PolicyVerdict::Fault(message) => {
                write!(f, "held, because the policies could not be evaluated: {message}")
            }
            PolicyVerdict::Deny(DenyCause::NoGrant) => match self.nearest.first() {
                None => {
                    f.write_str("refused, because there is no grant; a grant would change that")
                }
                Some(miss) => {
                    let failed: Vec<_> = miss.failed.iter().map(|c| c.as_str()).collect();
                    write!(
                        f,
                        "refused, because no grant permits it; nearest is {}, which fails on {}",
                        PolicyName::Grant(miss.grant),
                        failed.join(", ")
                    )
                }
            },
        }
    }
}
