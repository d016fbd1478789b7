//! Money: charges settled, grants funded.

use std::sync::Arc;

use secnet_types::{Amount, GrantId, Operation};

use super::{Expect, Wanted};
use crate::cast::ASKERS;
use crate::job::Wish;
use crate::world::World;

impl World {
    pub(super) fn settle(&mut self) -> Option<Wanted> {
        let held: Vec<_> =
            self.view(|view| view.state.held_charges().map(|(key, _)| key).collect())?;
        let (requester, request) = self.chance.pick(&held)?;
        let wish = match self.chance.one_in(3) {
            true => Wish::GiveBack(requester, request),
            false => Wish::Settle(vec![(requester, request)]),
        };
        Some((Arc::new(wish), Expect::Any))
    }

    pub(super) fn fund(&mut self) -> Option<Wanted> {
        let asker = self.chance.pick(&ASKERS)?;
        let grants: Vec<GrantId> = self
            .known
            .grants
            .iter()
            .filter(|(_, given)| given.grantee == asker)
            .map(|(id, _)| *id)
            .collect();
        match self.chance.pick(&grants) {
            Some(grant) if self.chance.one_in(2) => {
                self.submit(asker, Operation::FundGrant { grant, amount: Amount(1_500_000) })
            }
            _ => {
                let (now, to) = (self.now(), self.id_of(asker)?);
                let command = self.cast.issue(&mut self.chance, now, to).to_bytes();
                Some((Arc::new(Wish::Submit { command }), Expect::Any))
            }
        }
    }
}
