//! What the honest do next, by chance.

mod access;
mod datasets;
mod endings;
mod grants;
mod members;
mod money;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use secnet_ledger::DatasetStatus;
use secnet_types::{
    Category, Command, CommandId, DatasetId, Digest, GrantId, Operation, Purpose, SignedCommand,
    Window,
};

use crate::cast::OWNERS;
use crate::endings::Ending;
use crate::job::Wish;
use crate::properties::Violation;
use crate::world::World;

const MINUTE_MS: u64 = 60 * 1000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// How long an ordinary request lives, in milliseconds.
pub(crate) const REQUEST_LIFETIME_MS: u64 = 30 * MINUTE_MS;

/// What must come of a wish, beside what the promises say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Anything that keeps the promises.
    Any,
    /// It is an attack: nothing may change.
    Refused,
    /// The bytes were applied before: at most they are recognised.
    Replay,
    /// When this is acknowledged, nothing that it ends is released any more.
    Ends(Ending),
    /// When this is acknowledged, the grants on the dataset that were there before have ended.
    Transfers(DatasetId),
    /// When this is acknowledged, what it planned to erase does not open any more.
    Erases,
    /// It is the delegation of this number.
    Delegates(usize),
    /// When this is acknowledged, the delegations by this owner that were there before have ended.
    EndsDelegation(usize),
    /// A delegate acts; so many delegations had been made, all of which were over.
    Unentitled { made: usize },
}

pub(crate) type Wanted = (Arc<Wish>, Expect);

pub(crate) const CATEGORIES: [Category; 3] =
    [Category::Laboratory, Category::Medications, Category::Conditions];
const PURPOSES: [Purpose; 3] = [Purpose::Treatment, Purpose::Research, Purpose::Emergency];

/// Commitments of grants' details, by grant: what grantees were told when the grants were signed.
pub(crate) type Details = Arc<Mutex<BTreeMap<GrantId, Digest>>>;

impl World {
    /// The next wish. None if nothing of the kind that was drawn is possible now.
    pub(crate) fn next_wish(&mut self) -> Result<Option<Wanted>, Violation> {
        // Somebody changes her mind while what she granted is about to leave.
        let leaving = self.watch.lock().leaving.take();
        if let Some(grant) = leaving.filter(|_| self.chance.one_in(3)) {
            return Ok(self.revoke_grant(grant));
        }
        Ok(match self.chance.below(42) {
            0 => Some(self.register()?),
            32..=37 => self.access(),
            1..=4 => self.grant()?,
            5 => self.open_ask(),
            6..=7 => self.answer_ask()?,
            8..=15 => self.access(),
            16 => self.revoke(),
            17 => self.deny(),
            18 => self.lift_denial(),
            19 => self.delegate(),
            20 => self.rotate(),
            21..=22 => self.answer_hold(),
            23 => self.review(),
            24 => self.settle(),
            25 => self.fund(),
            26 => self.shred(),
            27 => self.hand_over()?,
            28 => self.session(),
            29 => self.look(),
            38 => self.withdraw(),
            39 => self.suspend(),
            _ => return Ok(Some(self.attack()?)),
        })
    }

    pub(crate) fn sign(&mut self, who: usize, operation: Operation) -> Option<SignedCommand> {
        let (now, actor) = (self.now(), self.cast.people.get(who)?);
        Some(self.cast.sign(&mut self.chance, now, actor, operation))
    }

    fn signed_as(
        &self,
        who: usize,
        id: CommandId,
        operation: Operation,
    ) -> Result<SignedCommand, Violation> {
        let actor = self.cast.people.get(who).ok_or_else(|| Violation::setup("no such actor"))?;
        let expires = self.now().plus_ms(5 * MINUTE_MS);
        let network = self.cast.genesis.network();
        let command = Command { network, author: actor.id, id, expires, operation };
        Ok(SignedCommand::sign(command, actor.key.as_ref()))
    }

    pub(crate) fn submit(&mut self, who: usize, operation: Operation) -> Option<Wanted> {
        let command = self.sign(who, operation)?.to_bytes();
        Some((Arc::new(Wish::Submit { command }), Expect::Any))
    }

    pub(crate) fn id_of(&self, who: usize) -> Option<secnet_types::MemberId> {
        self.cast.people.get(who).map(|actor| actor.id)
    }

    /// Datasets that their owners can still do something with.
    pub(crate) fn active(&self) -> Vec<(DatasetId, usize)> {
        let known = self.known.datasets.keys().copied().collect::<Vec<_>>();
        let people = &self.cast.people;
        self.view(|view| {
            let owner = |id| {
                let dataset = view.state.dataset(id)?;
                let active = dataset.status == DatasetStatus::Active;
                active.then(|| people.iter().position(|p| p.id == dataset.owner)).flatten()
            };
            known.iter().filter_map(|id| Some((*id, owner(*id)?))).collect()
        })
        .unwrap_or_default()
    }

    /// The tenure that a grant signed now is given in.
    pub(crate) fn tenure_of(&self, dataset: DatasetId) -> u32 {
        self.view(|view| view.state.dataset(dataset).map(|d| d.tenure)).flatten().unwrap_or(0)
    }

    pub(crate) fn salt(&mut self) -> [u8; 32] {
        let salt = self.chance.bytes();
        self.known.secrets.push(("a salt", salt.to_vec()));
        salt
    }

    fn window(&mut self) -> Window {
        let (now, hours) = (self.now(), self.chance.below(100) as u64);
        Window { from: now, until: now.plus_ms(HOUR_MS.saturating_mul(hours.saturating_add(1))) }
    }

    fn look(&mut self) -> Option<Wanted> {
        let who = self.chance.pick(&OWNERS)?;
        Some((Arc::new(Wish::Look(self.id_of(who)?)), Expect::Any))
    }
}
