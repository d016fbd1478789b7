//! Consent given: grants, and asks with their answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use secnet_ledger::AskStatus;
use secnet_lock::{GrantBinding, compartments_for, wrap_for_grantee};
use secnet_types::{
    Action, Amount, Answer, Ask, AskId, CommandId, DatasetId, Grant, GrantDetail, GrantId, Labels,
    Operation, Party, Purpose, Reason, Scope, Window,
};

use super::{CATEGORIES, DAY_MS, Expect, PURPOSES, Wanted};
use crate::cast::{ASKERS, GUARDIAN};
use crate::job::Wish;
use crate::properties::Violation;
use crate::run::Broken;
use crate::world::{Given, World};

impl World {
    pub(super) fn detail(&mut self, emergency: bool) -> GrantDetail {
        let purposes = match emergency {
            true => BTreeSet::from([Purpose::Emergency]),
            false => PURPOSES.into_iter().take(self.chance.below(2).saturating_add(1)).collect(),
        };
        let categories = self
            .chance
            .one_in(2)
            .then(|| CATEGORIES.into_iter().take(self.chance.below(3).saturating_add(1)).collect());
        let labels = self.chance.one_in(2).then_some(Labels::ALL);
        let scope = Scope { categories, labels, ..Scope::default() };
        GrantDetail { purposes, actions: BTreeSet::from([Action::Read]), scope, salt: self.salt() }
    }

    /// A grant by the owner, or at times by the guardian in her name. `wrap` to the asked conditions if there are any.
    fn grant_of(
        &mut self,
        (dataset, owner, asker): (DatasetId, usize, usize),
        detail: GrantDetail,
        (price, uses, window): (Amount, Option<u32>, Window),
        emergency: bool,
        ask: Option<AskId>,
    ) -> Result<Option<Wanted>, Violation> {
        let (Some(giver), Some(grantee)) =
            (self.cast.people.get(owner), self.cast.people.get(asker))
        else {
            return Ok(None);
        };
        let said = detail.clone();
        let detail = match self.broken {
            Some(Broken::WideGrant) => {
                let scope = Scope { labels: Some(Labels::ALL), ..Scope::default() };
                GrantDetail { scope, ..detail }
            }
            _ => detail,
        };
        let commitment = detail.commitment();
        let wraps = {
            let keys = giver.compartments.lock();
            let covered = compartments_for(&detail.scope, keys.compartments());
            let binding = GrantBinding { dataset, detail: commitment };
            wrap_for_grantee(binding, &covered, &keys, &grantee.sealing.public, self.chance.rng())
                .map_err(Violation::setup)?
        };
        let grant = Grant {
            dataset,
            grantee: Party::Member(grantee.id),
            window,
            uses,
            price,
            emergency,
            detail: commitment,
            wraps: wraps.digest(),
            tenure: self.tenure_of(dataset),
        };
        let author = if self.chance.one_in(6) { GUARDIAN } else { owner };
        let id = CommandId(self.chance.bytes());
        let operation = match ask {
            Some(ask) => Operation::AnswerAsk { ask, answer: Answer::Approve(grant) },
            None => Operation::Grant { grant },
        };
        let command = self.signed_as(author, id, operation)?;
        let key = GrantId::derive(command.value.author, id);
        let given = Given { dataset, grantee: asker, detail: said, emergency, event: None };
        self.details.lock().insert(key, commitment);
        self.known.grants.insert(key, given);
        let order = Wish::Order { command, detail: Some(detail), wraps: Some(wraps) };
        Ok(Some((Arc::new(order), self.of_delegate(author).unwrap_or(Expect::Any))))
    }

    /// What must come of an act in an owner's name, if its author is nobody whom an owner has told to act for her.
    pub(super) fn of_delegate(&self, author: usize) -> Option<Expect> {
        let delegations = &self.known.delegations;
        let over = author == GUARDIAN && !delegations.may_stand(self.now());
        over.then(|| Expect::Unentitled { made: delegations.count() })
    }

    pub(crate) fn grant(&mut self) -> Result<Option<Wanted>, Violation> {
        let active = self.active();
        let Some((dataset, owner)) = self.chance.pick(&active) else { return Ok(None) };
        let asker = self.chance.pick(&ASKERS).unwrap_or(2);
        let emergency = self.chance.one_in(6);
        let detail = self.detail(emergency);
        let price = if emergency { 0 } else { self.chance.below(4) as u64 * 400_000 };
        let uses = self.chance.one_in(2).then(|| if self.chance.one_in(2) { 1 } else { 3 });
        let window = self.window();
        self.grant_of(
            (dataset, owner, asker),
            detail,
            (Amount(price), uses, window),
            emergency,
            None,
        )
    }

    pub(super) fn open_ask(&mut self) -> Option<Wanted> {
        let active = self.active();
        let (dataset, _) = self.chance.pick(&active)?;
        let asker = self.chance.pick(&ASKERS)?;
        let detail = self.detail(false);
        let ask = Ask {
            dataset,
            grantee: Party::Member(self.id_of(asker)?),
            price: Amount(300_000),
            uses: Some(2),
            window: self.window(),
            deadline: self.now().plus_ms(DAY_MS),
            detail: detail.commitment(),
        };
        let command = self.sign(asker, Operation::OpenAsk { ask })?;
        let key = AskId::derive(command.value.author, command.value.id);
        self.known.asks.insert(key, (dataset, asker, detail.clone()));
        Some((Arc::new(Wish::Order { command, detail: Some(detail), wraps: None }), Expect::Any))
    }

    pub(super) fn answer_ask(&mut self) -> Result<Option<Wanted>, Violation> {
        let asks: Vec<_> = self.known.asks.iter().map(|(id, ask)| (*id, ask.clone())).collect();
        let Some((id, (dataset, asker, detail))) = self.chance.pick(&asks) else { return Ok(None) };
        let Some((_, owner)) = self.active().into_iter().find(|(d, _)| *d == dataset) else {
            return Ok(None);
        };
        let state = self.view(|view| view.state.ask(id).cloned()).flatten();
        let Some(state) = state else { return Ok(None) };
        let (price, uses, window) = match state.status {
            AskStatus::Open => (state.ask.price, state.ask.uses, state.ask.window),
            AskStatus::Agreed(bargain) => (bargain.price, bargain.uses, bargain.window),
            AskStatus::Countered(bargain) => {
                return Ok(self.submit(asker, Operation::AcceptCounter { ask: id, bargain }));
            }
            AskStatus::Approved(_) | AskStatus::Refused => return Ok(None),
        };
        let answer = match self.chance.below(4) {
            0 => Answer::Refuse(Reason::Purpose),
            1 => Answer::Counter {
                price: Some(Amount(700_000)),
                uses: Some(1),
                window: self.window(),
            },
            _ => {
                let parties = (dataset, owner, asker);
                let terms = (price, uses, window);
                return self.grant_of(parties, detail, terms, false, Some(id));
            }
        };
        Ok(self.submit(owner, Operation::AnswerAsk { ask: id, answer }))
    }
}
