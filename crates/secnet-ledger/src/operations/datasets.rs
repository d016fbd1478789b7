//! Datasets: registered, updated, withdrawn, handed over, erased.

use std::collections::BTreeSet;

use secnet_types::{
    Arrival, CommandId, DatasetId, Digest, Effect, HoldAnswer, MemberId, MemberKind, Power,
    SignedArrival, Terms, Timestamp, limits,
};

use super::{Context, same_network};
use crate::entries::{Dataset, DatasetStatus, DecisionState};
use crate::{Rejection, State};

/// PDC, terms and manifest: what an owner states of a dataset.
type Statement<'a> = (MemberId, &'a Terms, Digest);

impl State {
    pub(super) fn register_dataset(
        &mut self,
        author: MemberId,
        id: CommandId,
        statement: Statement<'_>,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let dataset = DatasetId::derive(author, id);
        if self.datasets.contains(&dataset) {
            return Err(Rejection::AlreadyExists);
        }
        self.check_statement(statement, context.time)?;
        let (pdc, terms, manifest) = statement;
        let entry = Dataset {
            owner: author,
            pdc,
            terms: terms.clone(),
            manifest,
            status: DatasetStatus::Active,
            tenure: 0,
            offered_to: None,
        };
        self.datasets.put(dataset, entry);
        context.tell(Effect::DatasetRegistered { dataset, owner: author, pdc });
        Ok(())
    }

    pub(super) fn update_dataset(
        &mut self,
        author: MemberId,
        id: DatasetId,
        statement: Statement<'_>,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let entry = self.usable_dataset(id)?.clone();
        self.entitled(author, entry.owner, Some(id), Power::Price, context.time)?;
        // Who is paid, who is trusted, how long and for what: that is the owner's alone. A delegate sets the price.
        let (pdc, terms, manifest) = statement;
        let repriced = Terms { price: terms.price, ..entry.terms.clone() };
        let only_price = pdc == entry.pdc && *terms == repriced && manifest == entry.manifest;
        if author != entry.owner && !only_price {
            return Err(Rejection::NotEntitled);
        }
        self.check_statement(statement, context.time)?;
        self.datasets.put(id, Dataset { pdc, terms: terms.clone(), manifest, ..entry });
        context.tell(Effect::DatasetUpdated { dataset: id });
        Ok(())
    }

    /// Only the place changes: grants, denials and terms are the owner's, and stay as they are. That the other PDC has everything
    /// it has signed; that nothing has come in since, the commitment to the records shows.
    pub(super) fn move_dataset(
        &mut self,
        author: MemberId,
        arrival: &SignedArrival,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let Arrival { network, dataset: id, from, to, manifest, said } = arrival.value;
        let entry = self.usable_dataset(id)?.clone();
        if entry.owner != author {
            return Err(Rejection::NotEntitled);
        }
        same_network(self, network)?;
        if entry.pdc != from || from == to || entry.manifest != manifest {
            return Err(Rejection::OtherPlace);
        }
        let there = self.active_member(to)?;
        if there.kind != MemberKind::Node {
            return Err(Rejection::WrongKind);
        }
        let lately = said.since_ms(context.time) <= limits::MAX_CLOCK_AHEAD_MS
            && context.time.since_ms(said) <= limits::MAX_ARRIVAL_AGE_MS;
        if arrival.envelope.key != there.key || !lately {
            return Err(Rejection::BadArrival);
        }
        self.datasets.put(id, Dataset { pdc: to, ..entry });
        context.tell(Effect::DatasetMoved { dataset: id, from, to });
        Ok(())
    }

    pub(super) fn withdraw_dataset(
        &mut self,
        author: MemberId,
        id: DatasetId,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let entry = self.usable_dataset(id)?;
        self.entitled(author, entry.owner, Some(id), Power::Erase, context.time)?;
        let entry = ended(entry, DatasetStatus::Withdrawn);
        self.datasets.put(id, entry);
        context.tell(Effect::DatasetWithdrawn { dataset: id });
        self.lapse_what_is_open(id, context);
        Ok(())
    }

    pub(super) fn offer_dataset(
        &mut self,
        author: MemberId,
        id: DatasetId,
        to: Option<MemberId>,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let entry = self.usable_dataset(id)?.clone();
        if entry.owner != author {
            return Err(Rejection::NotEntitled);
        }
        if let Some(heir) = to {
            self.active_member(heir)?;
            if heir == author {
                return Err(Rejection::SelfDealing);
            }
        }
        self.datasets.put(id, Dataset { offered_to: to, ..entry });
        context.tell(Effect::DatasetOffered { dataset: id, to });
        Ok(())
    }

    pub(super) fn accept_dataset(
        &mut self,
        author: MemberId,
        id: DatasetId,
        statement: Statement<'_>,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let entry = self.usable_dataset(id)?;
        if entry.offered_to != Some(author) {
            return Err(Rejection::NotOffered);
        }
        self.check_statement(statement, context.time)?;
        let (pdc, terms, manifest) = statement;
        let from = entry.owner;
        let entry = Dataset {
            owner: author,
            pdc,
            terms: terms.clone(),
            manifest,
            ..ended(entry, DatasetStatus::Active)
        };
        self.datasets.put(id, entry);
        context.tell(Effect::DatasetTransferred { dataset: id, from, to: author });
        self.lapse_what_is_open(id, context);
        Ok(())
    }

    pub(super) fn record_erasure(
        &mut self,
        author: MemberId,
        id: DatasetId,
        erased: &[Digest],
        (last_backup_dies, whole): (Timestamp, bool),
        context: &mut Context,
    ) -> Result<(), Rejection> {
        // A withdrawn dataset can still be erased; an erased one is gone.
        let entry = self.dataset_entry(id)?;
        if entry.status == DatasetStatus::Erased {
            return Err(Rejection::DatasetNotActive);
        }
        self.entitled(author, entry.owner, Some(id), Power::Erase, context.time)?;
        if erased.is_empty() || erased.len() > limits::MAX_ERASED {
            return Err(Rejection::TooMany);
        }
        let items = u32::try_from(erased.len()).map_err(|_| Rejection::TooMany)?;
        context.tell(Effect::Erased { dataset: id, items, last_backup_dies });
        if whole {
            let entry = ended(entry, DatasetStatus::Erased);
            self.datasets.put(id, entry);
            self.lapse_what_is_open(id, context);
        }
        Ok(())
    }

    /// Whom an ask or a hold was put to has no say any more, and what was asked for is in the old PDC: both sides are
    /// told, and whoever still wants something asks the new owner.
    fn lapse_what_is_open(&mut self, dataset: DatasetId, context: &mut Context) {
        for ask in self.open_asks_on(dataset).collect::<Vec<_>>() {
            self.asks.remove(&ask);
            context.tell(Effect::AskLapsed { ask, dataset });
        }
        for key in self.open_holds_on(dataset).collect::<Vec<_>>() {
            if let Some(state) = self.decisions.find(&key).cloned() {
                context.tell(Effect::HoldLapsed { decision: state.id, dataset });
                let answer = Some(HoldAnswer::Refuse);
                self.decisions.put(key, DecisionState { answer, ..state });
            }
        }
    }

    /// The dataset, if anything may still be done with it by its owner.
    pub(super) fn usable_dataset(&self, id: DatasetId) -> Result<&Dataset, Rejection> {
        let entry = self.dataset_entry(id)?;
        if entry.status == DatasetStatus::Active {
            Ok(entry)
        } else {
            Err(Rejection::DatasetNotActive)
        }
    }

    fn check_statement(
        &self,
        (pdc, terms, _): Statement<'_>,
        time: Timestamp,
    ) -> Result<(), Rejection> {
        if self.active_member(pdc)?.kind != MemberKind::Node {
            return Err(Rejection::WrongKind);
        }
        if terms.beneficiaries.len() > limits::MAX_BENEFICIARIES {
            return Err(Rejection::TooMany);
        }
        let mut seen = BTreeSet::new();
        let mut sum = 0_u32;
        for beneficiary in &terms.beneficiaries {
            self.active_member(beneficiary.member)?;
            sum = sum.saturating_add(u32::from(beneficiary.share.points()));
            if !seen.insert(beneficiary.member) {
                return Err(Rejection::BadTerms);
            }
        }
        if sum > 10_000 || terms.expires <= time || terms.max_uses == Some(0) {
            return Err(Rejection::BadTerms);
        }
        Ok(())
    }
}

/// A new tenure: every grant of the old one is dead.
fn ended(entry: &Dataset, status: DatasetStatus) -> Dataset {
    Dataset { status, tenure: entry.tenure.saturating_add(1), offered_to: None, ..entry.clone() }
}
