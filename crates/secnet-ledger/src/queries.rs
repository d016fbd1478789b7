//! Questions about the state that others build their facts and lists on.

use std::collections::{BTreeMap, BTreeSet};

use secnet_types::{
    Amount, AskId, DatasetId, DecisionId, Denial, DenialId, GrantId, GroupId, MemberId, Parameters,
    Party, RequestId, RuleId, Timestamp,
};

use crate::entries::*;
use crate::{Rejection, State};

impl State {
    /// A member.
    #[must_use]
    pub fn member(&self, id: MemberId) -> Option<&Member> {
        self.members.find(&id)
    }

    /// A group.
    #[must_use]
    pub fn group(&self, id: GroupId) -> Option<&Group> {
        self.groups.find(&id)
    }

    /// Who is in a group.
    pub fn members_of(&self, group: GroupId) -> impl Iterator<Item = MemberId> {
        self.group_members
            .starting_at((group, MemberId([0; 32])))
            .take_while(move |((id, _), _)| *id == group)
            .map(|((_, member), _)| *member)
    }

    /// The groups that a member runs.
    pub fn groups_run_by(&self, admin: MemberId) -> impl Iterator<Item = GroupId> {
        let first = (admin, GroupId([0; 16]));
        self.index.groups_run_by.range(first..).take_while(move |e| e.0 == admin).map(|e| e.1)
    }

    /// The session keys of a member, live or not yet swept away.
    pub fn sessions_of(&self, member: MemberId) -> impl Iterator<Item = ([u8; 32], SessionState)> {
        self.sessions
            .starting_at((member, [0; 32]))
            .take_while(move |((who, _), _)| *who == member)
            .map(|((_, key), session)| (*key, *session))
    }

    /// Who may act for an owner, and on which dataset if not on all.
    pub fn delegations_by(
        &self,
        owner: MemberId,
    ) -> impl Iterator<Item = (MemberId, Option<DatasetId>, DelegationState)> {
        self.delegations
            .starting_at(((owner, MemberId([0; 32])), Reach(None)))
            .take_while(move |(((who, _), _), _)| *who == owner)
            .map(|(((_, delegate), reach), state)| (*delegate, reach.0, *state))
    }

    /// A dataset.
    #[must_use]
    pub fn dataset(&self, id: DatasetId) -> Option<&Dataset> {
        self.datasets.find(&id)
    }

    /// A grant.
    #[must_use]
    pub fn grant(&self, id: GrantId) -> Option<&GrantState> {
        self.grants.find(&id)
    }

    /// An ask.
    #[must_use]
    pub fn ask(&self, id: AskId) -> Option<&AskState> {
        self.asks.find(&id)
    }

    /// A denial.
    #[must_use]
    pub fn denial(&self, id: DenialId) -> Option<&DenialState> {
        self.denials.find(&id)
    }

    /// What is set aside for a grant.
    #[must_use]
    pub fn escrow(&self, id: GrantId) -> Option<Escrow> {
        self.escrows.find(&id).copied()
    }

    /// What was decided on a request, while anything can still come of it.
    #[must_use]
    pub fn decision(&self, requester: MemberId, request: RequestId) -> Option<&DecisionState> {
        self.decisions.find(&(requester, request))
    }

    /// What was decided on a dataset, while anything can still come of it. All that was decided is gone through.
    pub fn decisions_on(&self, dataset: DatasetId) -> impl Iterator<Item = &DecisionState> {
        self.decisions.iter().map(|(_, state)| state).filter(move |it| it.dataset == dataset)
    }

    /// The request that a decision was on.
    #[must_use]
    pub fn decided_request(&self, id: DecisionId) -> Option<(MemberId, RequestId)> {
        self.index.decisions.get(&id).copied()
    }

    /// A session key of a member.
    #[must_use]
    pub fn session(&self, member: MemberId, key: [u8; 32]) -> Option<SessionState> {
        self.sessions.find(&(member, key)).copied()
    }

    /// A command that was applied and whose id is not forgotten yet.
    #[must_use]
    pub fn applied(&self, author: MemberId, id: secnet_types::CommandId) -> Option<AppliedState> {
        self.applied.find(&(author, id)).copied()
    }

    /// A member's balance.
    #[must_use]
    pub fn balance(&self, member: MemberId) -> Amount {
        self.accounts.find(&member).copied().unwrap_or(Amount::ZERO)
    }

    /// The parameters in force.
    #[must_use]
    pub fn parameters(&self) -> Parameters {
        self.governance.find(&Only).map(|g| g.parameters.clone()).unwrap_or_default()
    }

    /// Is the chain closed?
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.governance.find(&Only).is_none_or(|g| g.closed.is_some())
    }

    /// A rule on offer.
    #[must_use]
    pub fn rule(&self, id: RuleId) -> Option<&RuleState> {
        self.rules.find(&id)
    }

    /// All rules on offer.
    pub fn rules(&self) -> impl Iterator<Item = (RuleId, &RuleState)> {
        self.rules.iter().map(|(id, state)| (*id, state))
    }

    /// The rules that a member enforces at this time.
    pub fn installed_rules(
        &self,
        member: MemberId,
        time: Timestamp,
    ) -> impl Iterator<Item = (RuleId, InstallState)> {
        self.installs_of(member).filter(move |(_, install)| install.until > time)
    }

    /// The rules that a member has installed, those past their end included.
    pub(crate) fn installs_of(
        &self,
        member: MemberId,
    ) -> impl Iterator<Item = (RuleId, InstallState)> {
        self.installs
            .starting_at((member, RuleId([0; 32])))
            .take_while(move |((who, _), _)| *who == member)
            .map(|((_, rule), install)| (*rule, *install))
    }

    /// How many rules a member has on offer.
    pub(crate) fn rules_by(&self, author: MemberId) -> usize {
        let first = (author, RuleId([0; 32]));
        self.index.rules_by.range(first..).take_while(|e| e.0 == author).count()
    }

    /// The groups that a member is in.
    pub(crate) fn groups_of(&self, member: MemberId) -> impl Iterator<Item = GroupId> {
        let first = (member, GroupId([0; 16]));
        self.index.groups_of.range(first..).take_while(move |e| e.0 == member).map(|e| e.1)
    }

    /// The datasets of an owner.
    pub fn datasets_of(&self, owner: MemberId) -> impl Iterator<Item = DatasetId> {
        self.datasets_from(owner, DatasetId([0; 16]))
    }

    /// The datasets of an owner from this id on, in the order of ids.
    pub fn datasets_from(
        &self,
        owner: MemberId,
        first: DatasetId,
    ) -> impl Iterator<Item = DatasetId> {
        let own = self.index.datasets_of.range((owner, first)..);
        own.take_while(move |e| e.0 == owner).map(|e| e.1)
    }

    /// Every dataset.
    pub fn datasets(&self) -> impl Iterator<Item = (DatasetId, &Dataset)> {
        self.datasets.iter().map(|(id, dataset)| (*id, dataset))
    }

    /// The grants on a dataset, dead ones too.
    pub fn grants_on(&self, dataset: DatasetId) -> impl Iterator<Item = (GrantId, &GrantState)> {
        let first = (dataset, GrantId([0; 16]));
        self.index
            .grants_on
            .range(first..)
            .take_while(move |e| e.0 == dataset)
            .filter_map(|e| Some((e.1, self.grants.find(&e.1)?)))
    }

    /// The grants whose grantee is exactly this party, dead ones too.
    pub fn grants_to(&self, party: Party) -> impl Iterator<Item = (GrantId, &GrantState)> {
        let first = (party, GrantId([0; 16]));
        self.index
            .grants_to
            .range(first..)
            .take_while(move |e| e.0 == party)
            .filter_map(|e| Some((e.1, self.grants.find(&e.1)?)))
    }

    /// The grants on a dataset whose grantee is one of these parties, dead ones too, in the order of ids. Neither a dataset
    /// with many grants nor a party with many makes it slow: it takes as long as the shorter list.
    #[must_use]
    pub fn grants_between(
        &self,
        dataset: DatasetId,
        parties: &[Party],
    ) -> Vec<(GrantId, &GrantState)> {
        let mut on = self.grants_on(dataset);
        let mut to = parties.iter().flat_map(|party| self.grants_to(*party));
        let (mut on_dataset, mut to_parties) = (Vec::new(), BTreeMap::new());
        loop {
            match on.next() {
                Some((id, grant)) if parties.contains(&grant.grant.grantee) => {
                    on_dataset.push((id, grant));
                }
                Some(_) => {}
                None => return on_dataset,
            }
            match to.next() {
                Some((id, grant)) if grant.grant.dataset == dataset => {
                    to_parties.insert(id, grant);
                }
                Some(_) => {}
                None => return to_parties.into_iter().collect(),
            }
        }
    }

    /// Everyone as whom a member can use grants: itself, its organisation, its groups.
    #[must_use]
    pub fn parties_of(&self, member: MemberId) -> Vec<Party> {
        let mut parties = vec![Party::Member(member), Party::Organisation(member)];
        if let Some(voucher) = self.members.find(&member).and_then(|m| m.voucher) {
            parties.push(Party::Organisation(voucher));
        }
        parties.extend(self.groups_of(member).map(Party::Group));
        parties
    }

    /// Does a member count as this party?
    #[must_use]
    pub fn belongs(&self, member: MemberId, party: Party) -> bool {
        match party {
            Party::Member(id) => id == member,
            Party::Group(group) => self.group_members.contains(&(group, member)),
            Party::Organisation(organisation) => {
                organisation == member
                    || self.members.find(&member).is_some_and(|m| m.voucher == Some(organisation))
            }
        }
    }

    /// Could the grant be used at this time, if the count allows?
    #[must_use]
    pub fn grant_is_live(&self, state: &GrantState, time: Timestamp) -> bool {
        let dataset = self.datasets.find(&state.grant.dataset);
        state.status == GrantStatus::Active
            && state.grant.window.contains(time)
            && dataset.is_some_and(|d| {
                d.tenure == state.grant.tenure
                    && d.status == DatasetStatus::Active
                    && d.terms.expires > time
            })
    }

    /// The height at which the consent on a dataset last changed: a grant, a denial, the terms, the owner. What was
    /// compiled from the consent at this height or later is still good.
    #[must_use]
    pub fn consent_changed_at(&self, dataset: DatasetId) -> u64 {
        let heights = &self.index.consent;
        let own = heights.datasets.get(&dataset).copied();
        let owner =
            self.datasets.find(&dataset).and_then(|d| heights.owners.get(&d.owner)).copied();
        own.max(owner).unwrap_or(0).max(heights.floor)
    }

    /// State was loaded at this height: everything counts as changed then.
    pub(crate) fn set_consent_floor(&mut self, height: u64) {
        self.index.consent.floor = height;
    }

    /// The denials by an owner.
    pub fn denials_by(&self, owner: MemberId) -> impl Iterator<Item = (DenialId, &DenialState)> {
        let first = (owner, DenialId([0; 16]));
        self.index
            .denials_by
            .range(first..)
            .take_while(move |e| e.0 == owner)
            .filter_map(|e| Some((e.1, self.denials.find(&e.1)?)))
    }

    /// The denials that concern a member's use of a dataset at this time, whatever their detail.
    pub fn denials_against(
        &self,
        dataset: DatasetId,
        member: MemberId,
        time: Timestamp,
    ) -> impl Iterator<Item = (DenialId, &DenialState)> {
        let owner = self.datasets.find(&dataset).map(|d| d.owner);
        owner.into_iter().flat_map(move |owner| self.denials_by(owner)).filter(move |(_, state)| {
            state.denial.dataset.is_none_or(|d| d == dataset)
                && state.denial.window.contains(time)
                && self.belongs(member, state.denial.party)
        })
    }

    /// The grant, if `requester` may use it on `dataset` at this time: everything about it that time, the owner or the
    /// governors can change after a decision was made. The ledger asks this before an allow counts, whoever releases asks
    /// it again of a fresh view. Count and price are not in it: a decision has settled them.
    ///
    /// # Errors
    /// Why not, as a command would be refused.
    pub fn grant_usable(
        &self,
        requester: MemberId,
        dataset: DatasetId,
        grant: GrantId,
        time: Timestamp,
    ) -> Result<&GrantState, Rejection> {
        if self.is_closed() {
            return Err(Rejection::Closed);
        }
        let on = self.dataset_entry(dataset)?;
        if on.status != DatasetStatus::Active || on.terms.expires <= time {
            return Err(Rejection::DatasetNotActive);
        }
        let state = self.grants.find(&grant).ok_or(Rejection::UnknownGrant)?;
        if state.grant.dataset != dataset || !self.grant_is_live(state, time) {
            return Err(Rejection::GrantNotActive);
        }
        self.active_member(requester)?;
        if !self.belongs(requester, state.grant.grantee) {
            return Err(Rejection::NotTheGrantee);
        }
        self.not_suspended(state.grant.grantee)?;
        let forbids = |denial: &Denial| {
            denial.detail.is_none() && (denial.even_in_emergency || !state.grant.emergency)
        };
        if self.denials_against(dataset, requester, time).any(|(_, state)| forbids(&state.denial)) {
            return Err(Rejection::Denied);
        }
        Ok(state)
    }

    /// The asks that wait for, or were answered by, an owner.
    pub fn asks_to(&self, owner: MemberId) -> impl Iterator<Item = (AskId, &AskState)> {
        let first = (owner, AskId([0; 16]));
        self.index
            .asks_to
            .range(first..)
            .take_while(move |e| e.0 == owner)
            .filter_map(|e| Some((e.1, self.asks.find(&e.1)?)))
    }

    /// The asks of an asker.
    pub fn asks_by(&self, asker: MemberId) -> impl Iterator<Item = (AskId, &AskState)> {
        let first = (asker, AskId([0; 16]));
        self.index
            .asks_by
            .range(first..)
            .take_while(move |e| e.0 == asker)
            .filter_map(|e| Some((e.1, self.asks.find(&e.1)?)))
    }

    /// How many asks of an asker are kept.
    pub(crate) fn kept_asks_by(&self, asker: MemberId) -> usize {
        let first = (asker, AskId([0; 16]));
        self.index.asks_by.range(first..).take_while(|e| e.0 == asker).count()
    }

    /// The asks on a dataset that are not over.
    pub(crate) fn open_asks_on(&self, dataset: DatasetId) -> impl Iterator<Item = AskId> {
        let first = (dataset, AskId([0; 16]));
        self.index.open_asks_on.range(first..).take_while(move |e| e.0 == dataset).map(|e| e.1)
    }

    /// The holds on a dataset that the owner has not refused.
    pub(crate) fn open_holds_on(
        &self,
        dataset: DatasetId,
    ) -> impl Iterator<Item = (MemberId, RequestId)> {
        let first = (dataset, (MemberId([0; 32]), RequestId([0; 16])));
        self.index.open_holds_on.range(first..).take_while(move |e| e.0 == dataset).map(|e| e.1)
    }

    /// The holds that wait for an owner's answer, and released ones not yet decided anew.
    pub fn holds_of(
        &self,
        owner: MemberId,
    ) -> impl Iterator<Item = ((MemberId, RequestId), &DecisionState)> {
        of(&self.index.holds_of, owner).filter_map(|key| Some((key, self.decisions.find(&key)?)))
    }

    /// The emergency uses of an owner's data that wait for review.
    pub fn reviews_of(
        &self,
        owner: MemberId,
    ) -> impl Iterator<Item = ((MemberId, RequestId), ReviewState)> {
        of(&self.index.reviews_of, owner).filter_map(|key| Some((key, *self.reviews.find(&key)?)))
    }

    /// Charges taken and neither paid out nor given back: the PDC owes collection or refund.
    pub fn held_charges(&self) -> impl Iterator<Item = ((MemberId, RequestId), &DecisionState)> {
        let all = self.index.held_charges.iter();
        all.filter_map(|(_, key)| Some((*key, self.decisions.find(key)?)))
    }

    /// What a member has set aside, grant by grant.
    pub fn escrows_of(&self, funder: MemberId) -> impl Iterator<Item = Amount> {
        let first = (funder, GrantId([0; 16]));
        let all = self.index.escrows_of.range(first..).take_while(move |e| e.0 == funder);
        all.filter_map(|e| Some(self.escrows.find(&e.1)?.amount))
    }

    /// What was taken from a member and neither paid out nor given back yet.
    pub fn charges_of(&self, payer: MemberId) -> impl Iterator<Item = Amount> {
        of(&self.index.held_charges, payer)
            .filter_map(|key| Some(self.decisions.find(&key)?.charge?.amount))
    }

    /// May `author` use this power over everything that `owner` owns?
    #[must_use]
    pub fn has_power(
        &self,
        author: MemberId,
        owner: MemberId,
        power: secnet_types::Power,
        time: Timestamp,
    ) -> bool {
        self.entitled(author, owner, None, power, time).is_ok()
    }

    /// Every balance.
    pub fn balances(&self) -> impl Iterator<Item = (MemberId, Amount)> {
        self.accounts.iter().map(|(member, amount)| (*member, *amount))
    }

    /// All money by where it is: balances, escrow, held charges, treasury. Their sum is the supply (P5).
    #[must_use]
    pub fn audit(&self) -> Option<(Totals, Amount)> {
        let mut sum = self.totals().treasury;
        for (_, amount) in self.balances() {
            sum = sum.plus(amount).ok()?;
        }
        for (_, escrow) in self.escrows.iter() {
            sum = sum.plus(escrow.amount).ok()?;
        }
        for (_, state) in self.held_charges() {
            sum = sum.plus(state.charge?.amount).ok()?;
        }
        Some((self.totals(), sum))
    }

    /// How many datasets and grants there are, for status pages of governors.
    #[must_use]
    pub fn sizes(&self) -> (usize, usize, usize) {
        (self.members.len(), self.datasets.len(), self.grants.len())
    }
}

/// What an index of requests has under a member.
fn of(
    index: &BTreeSet<(MemberId, (MemberId, RequestId))>,
    member: MemberId,
) -> impl Iterator<Item = (MemberId, RequestId)> {
    let first = (member, (MemberId([0; 32]), RequestId([0; 16])));
    index.range(first..).take_while(move |e| e.0 == member).map(|e| e.1)
}
