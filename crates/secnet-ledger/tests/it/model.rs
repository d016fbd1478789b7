//! The ledger again, as simple as can be: lists of what happened, everything recomputed from them, no index, no journal,
//! no clean-up queue. It says yes or no to a command, and who has how much.

use std::collections::BTreeSet;

use secnet_types::*;

use crate::support::{genesis, id};

/// Where money is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pot {
    Outside,
    Member(MemberId),
    Escrow(GrantId),
    /// The charge of the decision with this number.
    Charge(usize),
    Treasury,
}

#[derive(Debug, Clone)]
struct Data {
    id: DatasetId,
    owner: MemberId,
    pdc: MemberId,
    terms: Terms,
    withdrawn: bool,
    erased: bool,
    offered: Option<MemberId>,
    /// How often it changed hands.
    hands: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct Granted {
    pub id: GrantId,
    grant: Grant,
    owner: MemberId,
    /// Revoked or past its window: it cannot be revoked again.
    closed: bool,
    /// The dataset was withdrawn or changed hands.
    orphaned: bool,
}

#[derive(Debug, Clone)]
struct Decided {
    id: DecisionId,
    request: AccessRequest,
    signer: [u8; 32],
    verdict: Verdict,
    owner: MemberId,
    pdc: MemberId,
    answer: Option<HoldAnswer>,
    /// Another decision took its place.
    replaced: bool,
    payer: Option<MemberId>,
    /// The payer has it back.
    refunded: bool,
    split: Vec<Beneficiary>,
}

#[derive(Debug, Clone)]
struct Asked {
    id: AskId,
    ask: Ask,
    asker: MemberId,
    /// What the owner may approve now.
    agreed: Option<(Amount, Option<u32>, Window)>,
    countered: Option<(Amount, Option<u32>, Window)>,
    over: bool,
    gone: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Someone {
    pub id: MemberId,
    kind: MemberKind,
    key: [u8; 32],
    voucher: Option<MemberId>,
    pub suspended: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub member: MemberId,
    pub session: Session,
    pub spent: u64,
}

#[derive(Debug, Clone)]
struct Emergency {
    key: (MemberId, RequestId),
    owner: MemberId,
    dataset: DatasetId,
    due: u64,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub now: u64,
    moves: Vec<(Pot, Pot, u64)>,
    applied: Vec<(MemberId, CommandId, Timestamp)>,
    groups: Vec<(GroupId, MemberId, BTreeSet<MemberId>)>,
    data: Vec<Data>,
    pub grants: Vec<Granted>,
    denials: Vec<(DenialId, MemberId, Denial)>,
    delegations: Vec<(MemberId, Delegation)>,
    asks: Vec<Asked>,
    decisions: Vec<Decided>,
    reviews: Vec<Emergency>,
    pub members: Vec<Someone>,
    pub sessions: Vec<Opened>,
    rules: Vec<(MemberId, RuleListing)>,
    licences: BTreeSet<(RuleId, MemberId)>,
    pub installs: Vec<(MemberId, RuleId, Timestamp)>,
}

/// Yes or no; a no may leave the model half changed, the caller keeps a copy.
type Answered = Option<()>;

fn when(yes: bool) -> Answered {
    yes.then_some(())
}

impl Model {
    /// The founders, with the keys they were founded with.
    pub(crate) fn founded() -> Self {
        let founders = genesis().founders.into_iter().map(|f| Someone {
            id: f.member,
            kind: f.kind,
            key: f.member.0,
            voucher: None,
            suspended: false,
        });
        Self { members: founders.collect(), ..Self::default() }
    }

    fn member(&self, id: MemberId) -> Option<&Someone> {
        self.members.iter().find(|m| m.id == id)
    }

    fn unsuspended(&self, id: MemberId) -> Option<&Someone> {
        self.member(id).filter(|m| !m.suspended)
    }

    fn known(&self, party: Party) -> Answered {
        match party {
            Party::Member(m) => self.member(m).map(drop),
            Party::Organisation(m) => when(self.member(m)?.kind == MemberKind::Organisation),
            Party::Group(group) => when(self.groups.iter().any(|g| g.0 == group)),
        }
    }

    fn not_suspended(&self, party: Party) -> Answered {
        match party {
            Party::Member(m) | Party::Organisation(m) => self.unsuspended(m).map(drop),
            Party::Group(_) => Some(()),
        }
    }

    fn statement(&self, terms: &Terms) -> Answered {
        when(terms.expires.0 > self.now)?;
        when(terms.beneficiaries.iter().all(|b| self.unsuspended(b.member).is_some()))
    }

    /// The member's key, or a session of it that can pay, signed this.
    fn signs(&mut self, member: MemberId, signer: [u8; 32], price: u64) -> Answered {
        if self.unsuspended(member)?.key == signer {
            return Some(());
        }
        let open = |s: &&mut Opened| s.member == member && s.session.key == signer;
        let session = self.sessions.iter_mut().find(open)?;
        session.spent += price;
        when(session.spent <= session.session.limit.0)
    }

    fn rule(&self, rule: RuleId) -> Option<(MemberId, RuleListing)> {
        let there = |r: &&(MemberId, RuleListing)| r.1.rule == rule;
        self.rules.iter().find(there).filter(|r| r.1.expires.0 > self.now).cloned()
    }

    pub(crate) fn has(&self, pot: Pot) -> u64 {
        let mut sum = 0;
        for (from, to, amount) in &self.moves {
            if *to == pot {
                sum += amount;
            }
            if *from == pot {
                sum -= amount;
            }
        }
        sum
    }

    pub(crate) fn supply(&self) -> u64 {
        let sum = |pick: fn(&(Pot, Pot, u64)) -> bool| {
            self.moves.iter().filter(|m| pick(m)).map(|m| m.2).sum::<u64>()
        };
        sum(|m| m.0 == Pot::Outside) - sum(|m| m.1 == Pot::Outside)
    }

    pub(crate) fn issue(&mut self, to: MemberId, amount: u64) {
        self.moves.push((Pot::Outside, Pot::Member(to), amount));
    }

    fn shift(&mut self, from: Pot, to: Pot, amount: u64) -> Answered {
        when(from == Pot::Outside || self.has(from) >= amount)?;
        self.moves.push((from, to, amount));
        Some(())
    }

    fn funder(&self, grant: GrantId) -> Option<MemberId> {
        self.moves.iter().rev().find_map(|m| match m {
            (Pot::Member(who), Pot::Escrow(g), _) if *g == grant => Some(*who),
            // It was given back: nobody's.
            (Pot::Escrow(g), Pot::Member(_), _) if *g == grant => None,
            _ => None,
        })
    }

    fn give_back_escrow(&mut self, grant: GrantId) {
        let rest = self.has(Pot::Escrow(grant));
        if let (Some(funder), true) = (self.funder(grant), rest > 0) {
            self.moves.push((Pot::Escrow(grant), Pot::Member(funder), rest));
        }
    }

    fn over_at(&self, d: &Decided) -> Timestamp {
        let own = match d.verdict {
            Verdict::Allow { collect_by, .. } => collect_by,
            Verdict::Hold { answer_by, .. } => answer_by,
            Verdict::Deny { .. } => Timestamp(0),
        };
        own.max(d.request.expires)
    }

    fn alive(&self, d: &Decided) -> bool {
        !d.replaced && self.over_at(d).0 > self.now
    }

    /// What time does by itself.
    pub(crate) fn tick(&mut self, now: u64) {
        self.now = now;
        for n in 0..self.grants.len() {
            if !self.grants[n].closed && self.grants[n].grant.window.until.0 <= now {
                self.grants[n].closed = true;
                self.give_back_escrow(self.grants[n].id);
            }
        }
        self.delegations.retain(|(_, d)| d.window.until.0 > now);
        self.sessions.retain(|s| s.session.until.0 > now);
        self.installs.retain(|i| i.2.0 > now);
        self.reviews.retain(|r| r.due + limits::MAX_REVIEW_OVERDUE_MS > now);
        for n in 0..self.decisions.len() {
            let held = self.has(Pot::Charge(n));
            if held > 0 && !self.alive(&self.decisions[n]) {
                let payer = self.decisions[n].payer.expect("somebody paid");
                self.moves.push((Pot::Charge(n), Pot::Member(payer), held));
                self.decisions[n].refunded = true;
            }
        }
    }

    pub(crate) fn remembers(&self, author: MemberId, command: CommandId) -> bool {
        self.applied.iter().any(|a| a.0 == author && a.1 == command && a.2.0 > self.now)
    }

    pub(crate) fn uses(&self, grant: GrantId) -> usize {
        let of = |d: &&Decided| {
            !d.refunded && matches!(d.verdict, Verdict::Allow { grant: g, .. } if g == grant)
        };
        self.decisions.iter().filter(of).count()
    }

    pub(crate) fn charged(&self, requester: MemberId, request: RequestId) -> usize {
        let here = |n: &usize| {
            let r = &self.decisions[*n].request;
            r.requester == requester && r.id == request
        };
        let charges = |n: &usize| self.moves.iter().filter(|m| m.1 == Pot::Charge(*n)).count();
        (0..self.decisions.len()).filter(here).map(|n| charges(&n)).sum()
    }

    fn is(&self, member: MemberId, party: Party) -> bool {
        match party {
            Party::Member(m) => m == member,
            Party::Organisation(m) => {
                m == member || self.member(member).is_some_and(|x| x.voucher == Some(m))
            }
            Party::Group(g) => self.groups.iter().any(|x| x.0 == g && x.2.contains(&member)),
        }
    }

    fn speaks(&self, member: MemberId, party: Party) -> bool {
        match party {
            Party::Member(m) | Party::Organisation(m) => m == member,
            Party::Group(g) => self.groups.iter().any(|x| x.0 == g && x.1 == member),
        }
    }

    fn may(&self, who: MemberId, owner: MemberId, on: Option<DatasetId>, power: Power) -> bool {
        let delegated = |(o, d): &(MemberId, Delegation)| {
            *o == owner
                && d.delegate == who
                && d.powers.contains(power)
                && d.window.contains(Timestamp(self.now))
                && (d.dataset.is_none() || (on.is_some() && d.dataset == on))
        };
        who == owner || self.delegations.iter().any(delegated)
    }

    fn data(&self, dataset: DatasetId) -> Option<&Data> {
        self.data.iter().find(|d| d.id == dataset)
    }

    fn active(&self, dataset: DatasetId) -> Option<Data> {
        self.data(dataset).filter(|d| !d.withdrawn && !d.erased).cloned()
    }

    fn usable(&self, g: &Granted, at: u64) -> bool {
        !g.closed
            && !g.orphaned
            && g.grant.window.contains(Timestamp(at))
            && self.active(g.grant.dataset).is_some_and(|d| d.terms.expires.0 > at)
    }

    fn window(&self, w: Window) -> Answered {
        let start = w.from.0.max(self.now);
        when(w.from < w.until && w.until.0 > self.now)?;
        when(w.until.0 - start <= limits::MAX_GRANT_LIFETIME_MS)
    }

    fn soon(&self, t: Timestamp, most: u64) -> Answered {
        when(t.0 > self.now && t.0 - self.now <= most)
    }

    /// Would the ledger apply it, signed with this key? If so the model has.
    pub(crate) fn apply(&mut self, command: &Command, signer: [u8; 32]) -> Answered {
        let (author, cid) = (command.author, command.id);
        when(self.unsuspended(author)?.key == signer)?;
        match &command.operation {
            Operation::Govern { proposal, .. } => {
                // The governors agree on whatever is proposed here.
                let (who, suspended) = match proposal.change {
                    Change::Suspend(who) => (who, true),
                    Change::Reinstate(who) => (who, false),
                    ref other => panic!("not in the model: {other:?}"),
                };
                self.members.iter_mut().find(|m| m.id == who)?.suspended = suspended;
            }
            Operation::Vouch { card } => {
                when(self.member(author)?.kind == MemberKind::Organisation)?;
                let (id, key) = (MemberId(card.envelope.key), card.envelope.key);
                let (kind, voucher) = (card.value.kind, card.value.voucher);
                when(kind != MemberKind::Organisation && voucher == Some(author))?;
                when(self.member(id).is_none())?;
                self.members.push(Someone { id, kind, key, voucher, suspended: false });
            }
            Operation::Disown { member } => {
                let one = self.members.iter_mut().find(|m| m.id == *member)?;
                when(one.voucher == Some(author))?;
                (one.voucher, one.suspended) = (None, true);
            }
            Operation::RotateKey { rotation } => {
                when(rotation.value.member == author)?;
                let one = self.members.iter_mut().find(|m| m.id == author)?;
                one.key = rotation.envelope.key;
                self.sessions.retain(|s| s.member != author);
            }
            Operation::OpenSession { session } => {
                self.soon(session.until, limits::MAX_SESSION_LIFETIME_MS)?;
                let same = |s: &Opened| s.member == author && s.session.key == session.key;
                when(!self.sessions.iter().any(same))?;
                self.sessions.push(Opened { member: author, session: session.clone(), spent: 0 });
            }
            Operation::EndSession { key } => {
                let before = self.sessions.len();
                self.sessions.retain(|s| s.member != author || s.session.key != *key);
                when(self.sessions.len() < before)?;
            }
            Operation::SummariseDenials { summary } => {
                when(self.data(summary.dataset)?.pdc == author && summary.count > 0)?;
                self.member(summary.requester)?;
                let (from, until) = (summary.from.0, summary.until.0);
                when(from <= until && until - from <= limits::MAX_SUMMARY_MS)?;
                when(until <= self.now + limits::MAX_CLOCK_AHEAD_MS)?;
                when(until + limits::MAX_SUMMARY_MS >= self.now)?;
            }
            Operation::ReviewEmergency { review } => {
                let key = (review.requester, review.request);
                let found = self.reviews.iter().find(|r| r.key == key)?.clone();
                when(author != review.requester)?;
                when(self.may(author, found.owner, Some(found.dataset), Power::Revoke))?;
                self.reviews.retain(|r| r.key != key);
            }
            Operation::PublishRule { listing } => {
                when(listing.expires.0 > self.now)?;
                let other = |r: &(MemberId, RuleListing)| r.1.rule == listing.rule && r.0 != author;
                when(!self.rules.iter().any(other))?;
                self.rules.retain(|r| r.1.rule != listing.rule);
                self.rules.push((author, listing.clone()));
                self.licences.insert((listing.rule, author));
            }
            Operation::BuyRule { rule, price } => {
                let (seller, listing) = self.rule(*rule)?;
                when(listing.price == *price && self.licences.insert((*rule, author)))?;
                let fee = price.0 / 100;
                self.shift(Pot::Member(author), Pot::Treasury, fee)?;
                self.shift(Pot::Member(author), Pot::Member(seller), price.0 - fee)?;
            }
            Operation::InstallRule { rule, until, .. } => {
                let (_, listing) = self.rule(*rule)?;
                when(*until <= listing.expires && until.0 > self.now)?;
                when(self.licences.contains(&(*rule, author)))?;
                self.installs.retain(|i| (i.0, i.1) != (author, *rule));
                self.installs.push((author, *rule, *until));
            }
            Operation::RemoveRule { rule } => {
                let before = self.installs.len();
                self.installs.retain(|i| (i.0, i.1) != (author, *rule));
                when(self.installs.len() < before)?;
            }
            Operation::RecordErasure { dataset, erased, whole, .. } => {
                let before = self.data(*dataset).filter(|d| !d.erased)?.clone();
                when(self.may(author, before.owner, Some(*dataset), Power::Erase))?;
                when(!erased.is_empty())?;
                if *whole {
                    self.data.iter_mut().find(|d| d.id == *dataset)?.erased = true;
                    self.orphan(*dataset);
                }
            }
            Operation::Transfer { to, amount } => {
                when(amount.0 > 0 && author != *to)?;
                self.unsuspended(*to)?;
                self.shift(Pot::Member(author), Pot::Member(*to), amount.0)?;
            }
            Operation::Redeem { amount } => {
                when(amount.0 > 0)?;
                self.shift(Pot::Member(author), Pot::Outside, amount.0)?;
            }
            Operation::CreateGroup => {
                self.groups.push((GroupId::derive(author, cid), author, BTreeSet::new()));
            }
            Operation::ChangeGroup { group, add, remove } => {
                let g = self.groups.iter_mut().find(|g| g.0 == *group)?;
                let leaves = add.is_empty() && *remove == [author];
                when((g.1 == author || leaves) && add.len() + remove.len() > 0)?;
                g.2.extend(add);
                g.2.retain(|m| !remove.contains(m));
            }
            Operation::RegisterDataset { pdc, terms, .. } => {
                self.statement(terms)?;
                self.data.push(Data {
                    id: DatasetId::derive(author, cid),
                    owner: author,
                    pdc: *pdc,
                    terms: terms.clone(),
                    withdrawn: false,
                    erased: false,
                    offered: None,
                    hands: 0,
                });
            }
            Operation::UpdateDataset { dataset, pdc, terms, .. } => {
                let before = self.active(*dataset)?;
                self.statement(terms)?;
                when(self.may(author, before.owner, Some(*dataset), Power::Price))?;
                // Manifests are all the same here.
                let repriced = Terms { price: terms.price, ..before.terms.clone() };
                when(author == before.owner || (*pdc == before.pdc && *terms == repriced))?;
                let d = self.data.iter_mut().find(|d| d.id == *dataset)?;
                (d.pdc, d.terms) = (*pdc, terms.clone());
            }
            Operation::MoveDataset { arrival } => {
                let said = &arrival.value;
                let before = self.active(said.dataset)?;
                when(before.owner == author && before.pdc == said.from)?;
                when(self.unsuspended(said.to).is_some())?;
                self.data.iter_mut().find(|d| d.id == said.dataset)?.pdc = said.to;
            }
            Operation::WithdrawDataset { dataset } => {
                let before = self.active(*dataset)?;
                when(self.may(author, before.owner, Some(*dataset), Power::Erase))?;
                self.data.iter_mut().find(|d| d.id == *dataset)?.withdrawn = true;
                self.orphan(*dataset);
            }
            Operation::OfferDataset { dataset, to } => {
                when(self.active(*dataset)?.owner == author && *to != Some(author))?;
                when(to.is_none_or(|heir| self.unsuspended(heir).is_some()))?;
                self.data.iter_mut().find(|d| d.id == *dataset)?.offered = *to;
            }
            Operation::AcceptDataset { dataset, pdc, terms, .. } => {
                when(self.active(*dataset)?.offered == Some(author))?;
                self.statement(terms)?;
                let d = self.data.iter_mut().find(|d| d.id == *dataset)?;
                (d.owner, d.pdc, d.terms, d.offered) = (author, *pdc, terms.clone(), None);
                d.hands += 1;
                self.orphan(*dataset);
            }
            Operation::Grant { grant } => self.grant(author, cid, grant)?,
            Operation::Revoke { grant, .. } => {
                let n = self.grants.iter().position(|g| g.id == *grant && !g.closed)?;
                let g = self.grants[n].clone();
                let on = Some(g.grant.dataset);
                let today = self.data(g.grant.dataset)?.owner;
                when(
                    self.speaks(author, g.grant.grantee)
                        || self.may(author, g.owner, on, Power::Revoke)
                        || self.may(author, today, on, Power::Revoke),
                )?;
                self.grants[n].closed = true;
                self.give_back_escrow(*grant);
            }
            Operation::FundGrant { grant, amount } => {
                let g = self.grants.iter().find(|g| g.id == *grant)?;
                let at = self.now.max(g.grant.window.from.0);
                when(amount.0 > 0 && self.usable(g, at) && self.speaks(author, g.grant.grantee))?;
                self.shift(Pot::Member(author), Pot::Escrow(*grant), amount.0)?;
            }
            Operation::Deny { denial } => {
                let owner = match denial.dataset {
                    Some(d) => self.active(d)?.owner,
                    None => author,
                };
                when(self.may(author, owner, denial.dataset, Power::Revoke))?;
                when(denial.window.from < denial.window.until && denial.window.until.0 > self.now)?;
                self.known(denial.party)?;
                self.denials.push((DenialId::derive(author, cid), owner, denial.clone()));
            }
            Operation::LiftDenial { denial } => {
                let there = |d: &&(DenialId, MemberId, Denial)| {
                    d.0 == *denial && d.2.window.until.0 > self.now
                };
                let found = self.denials.iter().find(there)?.clone();
                when(self.may(author, found.1, found.2.dataset, Power::Grant))?;
                self.denials.retain(|d| d.0 != *denial);
            }
            Operation::Delegate { delegation } => {
                self.unsuspended(delegation.delegate)?;
                when(delegation.delegate != author && !delegation.powers.is_empty())?;
                if let Some(dataset) = delegation.dataset {
                    when(self.active(dataset)?.owner == author)?;
                }
                self.window(delegation.window)?;
                self.end_delegation(author, delegation.delegate, delegation.dataset);
                self.delegations.push((author, delegation.clone()));
            }
            Operation::EndDelegation { owner, delegate, dataset } => {
                when(author == *owner || author == *delegate)?;
                when(self.end_delegation(*owner, *delegate, *dataset))?;
            }
            Operation::OpenAsk { ask } => {
                self.active(ask.dataset)?;
                self.window(ask.window)?;
                self.soon(ask.deadline, limits::MAX_ASK_LIFETIME_MS)?;
                when(self.speaks(author, ask.grantee) && ask.uses != Some(0))?;
                self.asks.push(Asked {
                    id: AskId::derive(author, cid),
                    ask: ask.clone(),
                    asker: author,
                    agreed: Some((ask.price, ask.uses, ask.window)),
                    countered: None,
                    over: false,
                    gone: false,
                });
            }
            Operation::AnswerAsk { ask, answer } => self.answer_ask(author, cid, *ask, answer)?,
            Operation::AcceptCounter { ask, bargain } => {
                let n = self.ask(*ask)?;
                when(self.asks[n].asker == author && !self.asks[n].over)?;
                let seen = (bargain.price, bargain.uses, bargain.window);
                when(self.asks[n].countered == Some(seen))?;
                self.asks[n].agreed = Some(self.asks[n].countered.take()?);
            }
            Operation::WithdrawAsk { ask } => {
                let n = self.ask(*ask)?;
                when(self.asks[n].asker == author && !self.asks[n].over)?;
                self.asks[n].gone = true;
            }
            Operation::RecordDecision { decision } => self.decide(author, cid, decision)?,
            Operation::AnswerHold { decision, answer } => {
                let n = self.decisions.iter().position(|d| d.id == *decision && self.alive(d))?;
                let d = &self.decisions[n];
                let Verdict::Hold { answer_by, .. } = d.verdict else { return None };
                when(d.answer.is_none() && answer_by.0 > self.now)?;
                let owner = self.data(d.request.dataset)?.owner;
                when(self.may(author, owner, Some(d.request.dataset), Power::Grant))?;
                self.decisions[n].answer = Some(*answer);
            }
            Operation::ConfirmCollection { collected } => {
                when(!collected.is_empty())?;
                for key in collected {
                    let n = self.charge_of(author, *key)?;
                    let d = self.decisions[n].clone();
                    let Verdict::Allow { grant, .. } = d.verdict else { return None };
                    self.unsuspended(key.0)?;
                    self.may_use(key.0, d.request.dataset, grant)?;
                    let all = self.has(Pot::Charge(n));
                    let fee = all / 100;
                    self.shift(Pot::Charge(n), Pot::Treasury, fee)?;
                    for b in &d.split {
                        let part = (all - fee) * u64::from(b.share.points()) / 10_000;
                        self.shift(Pot::Charge(n), Pot::Member(b.member), part)?;
                    }
                    let rest = self.has(Pot::Charge(n));
                    self.shift(Pot::Charge(n), Pot::Member(d.owner), rest)?;
                }
            }
            Operation::ReportFailure { requester, request } => {
                let n = self.charge_of(author, (*requester, *request))?;
                let payer = self.decisions[n].payer?;
                let all = self.has(Pot::Charge(n));
                self.shift(Pot::Charge(n), Pot::Member(payer), all)?;
                self.decisions[n].refunded = true;
            }
        }
        self.applied.push((author, cid, command.expires));
        Some(())
    }

    fn orphan(&mut self, dataset: DatasetId) {
        for g in &mut self.grants {
            g.orphaned |= g.grant.dataset == dataset;
        }
        for d in &mut self.data {
            if d.id == dataset {
                d.offered = None;
            }
        }
        for ask in &mut self.asks {
            ask.gone |= ask.ask.dataset == dataset && !ask.over;
        }
        for n in 0..self.decisions.len() {
            let hold = matches!(self.decisions[n].verdict, Verdict::Hold { .. });
            if hold && self.decisions[n].request.dataset == dataset {
                self.decisions[n].answer = Some(HoldAnswer::Refuse);
            }
        }
    }

    fn end_delegation(&mut self, owner: MemberId, to: MemberId, on: Option<DatasetId>) -> bool {
        let before = self.delegations.len();
        self.delegations.retain(|(o, d)| !(*o == owner && d.delegate == to && d.dataset == on));
        self.delegations.len() < before
    }

    fn grant(&mut self, author: MemberId, cid: CommandId, grant: &Grant) -> Answered {
        let data = self.active(grant.dataset)?;
        when(self.may(author, data.owner, Some(grant.dataset), Power::Grant))?;
        when(grant.tenure == data.hands)?;
        self.window(grant.window)?;
        self.known(grant.grantee)?;
        self.not_suspended(grant.grantee)?;
        when(!grant.emergency || grant.price.0 == 0)?;
        when(grant.uses != Some(0) && grant.window.from < data.terms.expires)?;
        if let Some(most) = data.terms.max_uses {
            when(grant.uses.is_some_and(|u| u <= most))?;
        }
        self.grants.push(Granted {
            id: GrantId::derive(author, cid),
            grant: grant.clone(),
            owner: data.owner,
            closed: false,
            orphaned: false,
        });
        Some(())
    }

    fn ask(&self, ask: AskId) -> Option<usize> {
        self.asks.iter().position(|a| a.id == ask && !a.gone && a.ask.deadline.0 > self.now)
    }

    fn answer_ask(
        &mut self,
        author: MemberId,
        cid: CommandId,
        ask: AskId,
        answer: &Answer,
    ) -> Answered {
        let n = self.ask(ask)?;
        let Asked { ask, agreed, over, .. } = self.asks[n].clone();
        let owner = self.active(ask.dataset)?.owner;
        when(self.may(author, owner, Some(ask.dataset), Power::Grant) && !over)?;
        match answer {
            Answer::Refuse(_) => self.asks[n].over = true,
            Answer::Counter { price, uses, window } => {
                self.window(*window)?;
                when(*uses != Some(0))?;
                self.asks[n].countered = Some(((*price)?, *uses, *window));
                self.asks[n].agreed = None;
            }
            Answer::Approve(grant) => {
                let (price, uses, window) = agreed?;
                when(grant.price == price && grant.dataset == ask.dataset && !grant.emergency)?;
                when(grant.grantee == ask.grantee)?;
                when(uses.is_none_or(|most| grant.uses.is_some_and(|u| u <= most)))?;
                when(window.from <= grant.window.from && grant.window.until <= window.until)?;
                self.grant(author, cid, grant)?;
                self.asks[n].over = true;
            }
        }
        Some(())
    }

    fn decide(&mut self, author: MemberId, cid: CommandId, decision: &Decision) -> Answered {
        let request = &decision.request.value;
        let data = self.data(request.dataset)?.clone();
        when(data.pdc == author)?;
        let price = match decision.verdict {
            Verdict::Allow { price, .. } => price.0,
            Verdict::Hold { .. } | Verdict::Deny { .. } => 0,
        };
        self.signs(request.requester, decision.request.envelope.key, price)?;
        let same =
            |d: &Decided| d.request.requester == request.requester && d.request.id == request.id;
        let before = self.decisions.iter().position(|d| same(d) && self.alive(d));
        match (before, decision.lifts) {
            (None, None) => self.soon(request.expires, limits::MAX_REQUEST_LIFETIME_MS)?,
            (Some(n), Some(lifted)) => {
                let d = &self.decisions[n];
                when(d.id == lifted && d.answer == Some(HoldAnswer::Release))?;
                when(d.request == *request && d.signer == decision.request.envelope.key)?;
            }
            _ => return None,
        }
        let number = self.decisions.len();
        let mut payer = None;
        match decision.verdict {
            Verdict::Deny { .. } => {}
            Verdict::Hold { answer_by, .. } => {
                self.soon(answer_by, Parameters::default().hold_ms)?;
            }
            Verdict::Allow { grant, price, records, collect_by, .. } => {
                when(records > 0)?;
                self.soon(collect_by, limits::MAX_COLLECTION_MS)?;
                let g = self.may_use(request.requester, request.dataset, grant)?;
                when(g.grant.uses.is_none_or(|most| self.uses(grant) < most as usize))?;
                when(price == g.grant.price && price <= request.max_price)?;
                if g.grant.emergency {
                    let key = (request.requester, request.id);
                    when(!self.reviews.iter().any(|r| r.key == key))?;
                    let (owner, dataset) = (g.owner, g.grant.dataset);
                    let due = self.now + Parameters::default().review_ms;
                    self.reviews.push(Emergency { key, owner, dataset, due });
                }
                if price.0 > 0 {
                    let escrow = Pot::Escrow(grant);
                    let from = if self.has(escrow) >= price.0 {
                        escrow
                    } else {
                        Pot::Member(request.requester)
                    };
                    payer =
                        if from == escrow { self.funder(grant) } else { Some(request.requester) };
                    self.shift(from, Pot::Charge(number), price.0)?;
                }
            }
        }
        if let Some(n) = before {
            self.decisions[n].replaced = true;
        }
        self.decisions.push(Decided {
            id: DecisionId::derive(author, cid),
            request: request.clone(),
            signer: decision.request.envelope.key,
            verdict: decision.verdict,
            owner: data.owner,
            pdc: author,
            answer: None,
            replaced: false,
            payer,
            refunded: false,
            split: if payer.is_some() { data.terms.beneficiaries } else { vec![] },
        });
        Some(())
    }

    /// The grant, if it lets this member use the dataset now; how often and for how much is another matter.
    fn may_use(&self, who: MemberId, dataset: DatasetId, grant: GrantId) -> Option<Granted> {
        let g = self.grants.iter().find(|g| g.id == grant)?.clone();
        when(g.grant.dataset == dataset && self.usable(&g, self.now))?;
        when(self.is(who, g.grant.grantee))?;
        self.not_suspended(g.grant.grantee)?;
        let owner = self.data(dataset)?.owner;
        let forbids = |d: &(DenialId, MemberId, Denial)| {
            d.1 == owner
                && d.2.dataset.is_none_or(|x| x == dataset)
                && d.2.window.contains(Timestamp(self.now))
                && self.is(who, d.2.party)
                && d.2.detail.is_none()
                && (d.2.even_in_emergency || !g.grant.emergency)
        };
        when(!self.denials.iter().any(forbids))?;
        Some(g)
    }

    fn charge_of(&self, author: MemberId, key: (MemberId, RequestId)) -> Option<usize> {
        let n = (0..self.decisions.len()).find(|n| {
            let d = &self.decisions[*n];
            (d.request.requester, d.request.id) == key && self.alive(d)
        })?;
        let d = &self.decisions[n];
        let today = self.data(d.request.dataset)?;
        when(d.pdc == author || (today.pdc == author && today.owner == d.owner))?;
        when(self.has(Pot::Charge(n)) > 0)?;
        Some(n)
    }
}

/// Everybody who can have money in the random tests.
pub(crate) const PEOPLE: [&str; 5] = ["ada", "bo", "cy", "dan", "hospital-1"];

pub(crate) fn people() -> [MemberId; 5] {
    PEOPLE.map(id)
}
