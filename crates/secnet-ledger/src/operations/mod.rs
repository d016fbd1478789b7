//! One file for each kind of command. Every handler checks first and changes after; whatever it changed before it
//! failed is taken back by the executor.

mod asks;
mod datasets;
mod decide;
mod govern;
mod grants;
mod holds;
mod members;
mod money;
mod rules;
mod sessions;
mod settle;

pub(crate) use grants::end_grant;
pub(crate) use settle::refund;

use secnet_types::{
    Command, DatasetId, Effect, MemberId, NetworkId, Operation, Power, Timestamp, limits,
};

use crate::entries::{AppliedState, Dataset, Governance, Member, Only, Reach};
use crate::{Rejection, State, Verified};

/// Where and when a command is applied, and what it did.
#[derive(Debug)]
pub(crate) struct Context {
    pub height: u64,
    pub time: Timestamp,
    /// Index that the command's event will have in the log.
    pub event: u64,
    pub effects: Vec<Effect>,
}

impl Context {
    pub(crate) fn new(height: u64, time: Timestamp, event: u64) -> Self {
        Self { height, time, event, effects: Vec::new() }
    }

    pub(crate) fn tell(&mut self, effect: Effect) {
        self.effects.push(effect);
    }
}

impl State {
    /// What every command for this network must pass before anything else: time, author, key.
    pub(crate) fn admit(&self, verified: &Verified, time: Timestamp) -> Result<(), Rejection> {
        let command = &verified.command.value;
        if self.governance()?.closed.is_some() {
            return Err(Rejection::Closed);
        }
        if command.expires <= time {
            return Err(Rejection::Expired { expires: command.expires, now: time });
        }
        if command.expires.since_ms(time) > limits::MAX_COMMAND_LIFETIME_MS {
            return Err(Rejection::ExpiresTooLate);
        }
        if self.active_member(command.author)?.key != verified.command.envelope.key {
            return Err(Rejection::WrongKey);
        }
        Ok(())
    }

    /// Apply an admitted command and remember its id.
    pub(crate) fn apply(
        &mut self,
        verified: &Verified,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        let command = &verified.command.value;
        self.dispatch(command, context)?;
        // The event must stay readable: it is decoded with a limit wherever it goes.
        if context.effects.len() > limits::MAX_EFFECTS_PER_COMMAND {
            return Err(Rejection::TooMany);
        }
        let applied = AppliedState {
            digest: verified.digest,
            expires: command.expires,
            event: context.event,
        };
        self.applied.put((command.author, command.id), applied);
        Ok(())
    }

    #[expect(clippy::too_many_lines, reason = "a dispatcher: one arm for each operation")]
    fn dispatch(&mut self, command: &Command, context: &mut Context) -> Result<(), Rejection> {
        let Command { author, id, .. } = *command;
        match &command.operation {
            Operation::Govern { proposal, approvals } => self.govern(proposal, approvals, context),
            Operation::Vouch { card } => self.vouch(author, card, context),
            Operation::Disown { member } => self.disown(author, *member, context),
            Operation::RotateKey { rotation } => self.rotate_key(author, rotation, context),
            Operation::CreateGroup => self.create_group(author, id, context),
            Operation::ChangeGroup { group, add, remove } => {
                self.change_group(author, *group, add, remove, context)
            }
            Operation::RegisterDataset { pdc, terms, manifest } => {
                self.register_dataset(author, id, (*pdc, terms, *manifest), context)
            }
            Operation::UpdateDataset { dataset, pdc, terms, manifest } => {
                self.update_dataset(author, *dataset, (*pdc, terms, *manifest), context)
            }
            Operation::MoveDataset { arrival } => self.move_dataset(author, arrival, context),
            Operation::WithdrawDataset { dataset } => {
                self.withdraw_dataset(author, *dataset, context)
            }
            Operation::OfferDataset { dataset, to } => {
                self.offer_dataset(author, *dataset, *to, context)
            }
            Operation::AcceptDataset { dataset, pdc, terms, manifest } => {
                self.accept_dataset(author, *dataset, (*pdc, terms, *manifest), context)
            }
            Operation::OpenAsk { ask } => self.open_ask(author, id, ask, context),
            Operation::AnswerAsk { ask, answer } => {
                self.answer_ask(author, id, *ask, answer, context)
            }
            Operation::AcceptCounter { ask, bargain } => {
                self.accept_counter(author, *ask, *bargain, context)
            }
            Operation::WithdrawAsk { ask } => self.withdraw_ask(author, *ask, context),
            Operation::Grant { grant } => self.make_grant(author, id, grant, context).map(drop),
            Operation::Revoke { grant, reason } => self.revoke(author, *grant, *reason, context),
            Operation::Deny { denial } => self.deny(author, id, denial, context),
            Operation::LiftDenial { denial } => self.lift_denial(author, *denial, context),
            Operation::Delegate { delegation } => self.delegate(author, delegation, context),
            Operation::EndDelegation { owner, delegate, dataset } => {
                self.end_delegation(author, (*owner, *delegate), Reach(*dataset), context)
            }
            Operation::OpenSession { session } => self.open_session(author, session, context),
            Operation::EndSession { key } => self.end_session(author, *key, context),
            Operation::RecordDecision { decision } => {
                self.record_decision(author, id, decision, context)
            }
            Operation::SummariseDenials { summary } => {
                self.summarise_denials(author, summary, context)
            }
            Operation::AnswerHold { decision, answer } => {
                self.answer_hold(author, *decision, *answer, context)
            }
            Operation::ConfirmCollection { collected } => {
                self.confirm_collection(author, collected, context)
            }
            Operation::ReportFailure { requester, request } => {
                self.report_failure(author, (*requester, *request), context)
            }
            Operation::ReviewEmergency { review } => self.review_emergency(author, review, context),
            Operation::Transfer { to, amount } => self.transfer(author, *to, *amount, context),
            Operation::Redeem { amount } => self.redeem(author, *amount, context),
            Operation::FundGrant { grant, amount } => {
                self.fund_grant(author, *grant, *amount, context)
            }
            Operation::PublishRule { listing } => self.publish_rule(author, listing, context),
            Operation::BuyRule { rule, price } => self.buy_rule(author, *rule, *price, context),
            Operation::InstallRule { rule, until, simulate } => {
                self.install_rule(author, *rule, (*until, *simulate), context)
            }
            Operation::RemoveRule { rule } => self.remove_rule(author, *rule, context),
            Operation::RecordErasure { dataset, erased, last_backup_dies, whole } => {
                self.record_erasure(author, *dataset, erased, (*last_backup_dies, *whole), context)
            }
        }
    }

    /// The member, if it is one and not suspended.
    pub(crate) fn active_member(&self, id: MemberId) -> Result<&Member, Rejection> {
        let member = self.members.find(&id).ok_or(Rejection::UnknownMember)?;
        if member.suspended { Err(Rejection::Suspended) } else { Ok(member) }
    }

    pub(crate) fn dataset_entry(&self, id: DatasetId) -> Result<&Dataset, Rejection> {
        self.datasets.find(&id).ok_or(Rejection::UnknownDataset)
    }

    pub(crate) fn governance(&self) -> Result<&Governance, Rejection> {
        // INVARIANT: the genesis puts the one entry and nothing removes it.
        self.governance.find(&Only).ok_or(Rejection::Closed)
    }

    /// May `author` use `power` over what `owner` owns, here this dataset (or all of it)?
    pub(crate) fn entitled(
        &self,
        author: MemberId,
        owner: MemberId,
        dataset: Option<DatasetId>,
        power: Power,
        time: Timestamp,
    ) -> Result<(), Rejection> {
        if author == owner {
            return Ok(());
        }
        let has = |reach| {
            self.delegations
                .find(&((owner, author), reach))
                .is_some_and(|d| d.powers.contains(power) && d.window.contains(time))
        };
        if has(Reach(None)) || (dataset.is_some() && has(Reach(dataset))) {
            Ok(())
        } else {
            Err(Rejection::NotEntitled)
        }
    }
}

/// The network a signed inner object names must be this one.
pub(crate) fn same_network(state: &State, network: NetworkId) -> Result<(), Rejection> {
    if network == state.network() { Ok(()) } else { Err(Rejection::WrongNetwork) }
}
