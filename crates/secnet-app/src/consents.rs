//! The grants and denials of a member, with the details that it is entitled to: what it gave and what it was given.

use core::fmt;
use core::str::FromStr;
use std::collections::BTreeMap;

use secnet_ledger::{DenialState, Escrow, GrantState, GrantStatus};
use secnet_types::{
    DatasetId, DenialId, GrantDetail, GrantId, IdError, MemberId, Power, Timestamp,
};

use crate::AccessError;
use crate::pdc::Pdc;
use crate::ports::View;

/// Consents in one page.
pub const MAX_CONSENTS_PAGE: usize = 1000;

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

/// Which of a member's consents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Which {
    /// Also those that have ended.
    pub over: bool,
    /// Only on this dataset; denials of everything are on it too.
    pub dataset: Option<DatasetId>,
}

/// Where a consent stands in the list of all: those given, those received, the denials; each in the order of ids. It stays
/// where it is when others come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConsentPlace {
    /// A grant that the member gave.
    Given(GrantId),
    /// A grant that it received.
    Received(GrantId),
    /// A denial.
    Denied(DenialId),
}

impl fmt::Display for ConsentPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(grant) => write!(f, "given:{grant}"),
            Self::Received(grant) => write!(f, "received:{grant}"),
            Self::Denied(denial) => write!(f, "denied:{denial}"),
        }
    }
}

impl FromStr for ConsentPlace {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        match text.split_once(':') {
            Some(("given", grant)) => grant.parse().map(Self::Given),
            Some(("received", grant)) => grant.parse().map(Self::Received),
            Some(("denied", denial)) => denial.parse().map(Self::Denied),
            _ => Err(IdError::Malformed(text.to_owned())),
        }
    }
}

/// One page of consents.
#[derive(Debug, Default)]
pub struct ConsentsPage {
    /// The consents.
    pub consents: Consents,
    /// Give it as `after` to go on; none if this is all.
    pub next: Option<ConsentPlace>,
}

/// What the ledger has of one consent.
#[derive(Debug)]
enum Entry {
    Grant(GrantLine),
    Denial(DenialLine),
}

impl Pdc {
    /// All consents of `member`; with `over`, also those that have ended. `asker` is the member itself, or one who may
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
        let which = Which { over, dataset: None };
        let page = self.consents_page((asker, member), which, None, usize::MAX).await?;
        Ok(page.consents)
    }

    /// As [`Pdc::consents`], a page at a time. What has come or gone meanwhile moves nothing else.
    ///
    /// # Errors
    /// As there.
    pub async fn consents_page(
        &self,
        (asker, member): (MemberId, MemberId),
        which: Which,
        after: Option<ConsentPlace>,
        limit: usize,
    ) -> Result<ConsentsPage, AccessError> {
        if !self.may_act_for(asker, member, Power::Grant) {
            return Err(AccessError::Unknown(format!("member {member}")));
        }
        let now = self.clock.now();
        let wanted = limit.max(1).saturating_add(1);
        let found = self.view(|view| {
            let time = view.time.max(now);
            let mut first = BTreeMap::new();
            for (place, entry) in entries(view, member, which, time) {
                if after.is_none_or(|after| place > after) {
                    first.insert(place, entry);
                    if first.len() > wanted {
                        first.pop_last();
                    }
                }
            }
            first
        });
        let mut found = found.unwrap_or_default();
        let more = found.len() == wanted;
        if more {
            found.pop_last();
        }
        let next = found.last_key_value().map(|(place, _)| *place).filter(|_| more);
        let mut consents = Consents::default();
        for (place, entry) in found {
            match (place, entry) {
                (ConsentPlace::Given(_), Entry::Grant(line)) => {
                    consents.given.push(self.with_detail(line).await?);
                }
                (_, Entry::Grant(line)) => consents.received.push(self.with_detail(line).await?),
                (_, Entry::Denial(mut line)) => {
                    if let Some(commitment) = line.state.denial.detail {
                        line.detail = self.consent_detail(commitment).await?;
                    }
                    consents.denials.push(line);
                }
            }
        }
        Ok(ConsentsPage { consents, next })
    }

    async fn with_detail(&self, mut line: GrantLine) -> Result<GrantLine, AccessError> {
        line.detail = self.consent_detail(line.state.grant.detail).await?;
        Ok(line)
    }
}

/// Everything a member has a hand in, each at its place, in no particular order.
fn entries<'v>(
    view: &'v View<'_>,
    member: MemberId,
    which: Which,
    time: Timestamp,
) -> impl Iterator<Item = (ConsentPlace, Entry)> + 'v {
    let state = view.state;
    let on = move |dataset: DatasetId| which.dataset.is_none_or(|only| only == dataset);
    let line = move |(id, grant): (GrantId, &GrantState)| {
        let live = state.grant_is_live(grant, time)
            && grant.grant.uses.is_none_or(|uses| grant.used < uses);
        let to_come = grant.status == GrantStatus::Active && grant.grant.window.from > time;
        if !on(grant.grant.dataset) || !(which.over || live || to_come) {
            return None;
        }
        let escrow = state.escrow(id);
        Some(GrantLine { id, state: grant.clone(), live, escrow, detail: None })
    };
    let own = state.datasets_of(member).flat_map(|dataset| state.grants_on(dataset));
    let given = own.filter(move |(_, grant)| grant.owner == member).filter_map(line);
    let parties = state.parties_of(member).into_iter();
    let received = parties.flat_map(|party| state.grants_to(party)).filter_map(line);
    let denials = state.denials_by(member).filter(move |(_, state)| {
        let denial = &state.denial;
        denial.dataset.is_none_or(on) && (which.over || denial.window.until > time)
    });
    given
        .map(|line| (ConsentPlace::Given(line.id), Entry::Grant(line)))
        .chain(received.map(|line| (ConsentPlace::Received(line.id), Entry::Grant(line))))
        .chain(denials.map(|(id, state)| {
            let line = DenialLine { id, state: state.clone(), detail: None };
            (ConsentPlace::Denied(id), Entry::Denial(line))
        }))
}
