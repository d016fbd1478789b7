//! What the guard is told of one access request, and later of what became of it.

use core::net::IpAddr;
use std::collections::BTreeSet;

use secnet_types::{
    Action, Amount, Category, DatasetId, Labels, MemberId, Party, Purpose, RuleContext, Timestamp,
};

/// One access request, as the guard sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Who asks.
    pub requester: MemberId,
    /// For which dataset.
    pub dataset: DatasetId,
    /// What for.
    pub purpose: Purpose,
    /// To do what.
    pub action: Action,
    /// How many records the request covers.
    pub records: u32,
    /// What those are about.
    pub categories: BTreeSet<Category>,
    /// How sensitive those are, all labels together.
    pub labels: Labels,
    /// Is it a break-glass use?
    pub emergency: bool,
    /// When it was made, by the clock of the PDC.
    pub at: Timestamp,
    /// The door it came through: `cli`, `http`, `fhir`.
    pub door: String,
    /// Where it came from; none for local calls.
    pub source: Option<IpAddr>,
    /// What this use costs, by the grant that permits it; none if nothing does.
    pub price: Option<Amount>,
    /// Did the requester's own key sign it, and no session's?
    pub own_key: bool,
}

impl Event {
    /// What rules' scopes are compared with. `parties` is everything the requester is: the member, its groups, its
    /// organisation.
    #[must_use]
    pub const fn rule_context<'a>(&self, parties: &'a [Party]) -> RuleContext<'a> {
        RuleContext { dataset: self.dataset, parties, purpose: self.purpose, now: self.at }
    }
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// It was allowed: it counts, and habits are learnt from it.
    Allowed,
    /// It waits for the owner, for a fresh proof or for some time to pass: it counts, nothing is learnt.
    Held,
    /// It was refused, by whomever: it counts, also as a denial; nothing is learnt.
    Denied,
}
