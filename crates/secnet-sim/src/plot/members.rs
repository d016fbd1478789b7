//! Members: who acts for whom, and with which key.

use std::sync::Arc;

use secnet_crypto::SigningKey;
use secnet_types::{Delegation, Digest, Operation, Powers, Rotation, Signed};

use super::Wanted;
use crate::cast::{GUARDIAN, OWNERS};
use crate::world::World;

impl World {
    pub(super) fn delegate(&mut self) -> Option<Wanted> {
        let owner = self.chance.pick(&OWNERS)?;
        let (owner_id, delegate) = (self.id_of(owner)?, self.id_of(GUARDIAN)?);
        if self.chance.one_in(4) {
            let end = Operation::EndDelegation { owner: owner_id, delegate, dataset: None };
            return self.submit(owner, end);
        }
        let window = self.window();
        let delegation = Delegation { delegate, powers: Powers::ALL, dataset: None, window };
        self.submit(owner, Operation::Delegate { delegation })
    }

    /// A new signing key; the sealing key stays, so that what was granted can still be opened.
    pub(super) fn rotate(&mut self) -> Option<Wanted> {
        let who = self.chance.below(GUARDIAN.saturating_add(1));
        let key = Arc::new(SigningKey::generate(self.chance.rng()));
        let actor = self.cast.people.get(who)?;
        let rotation = Rotation {
            network: self.cast.genesis.network(),
            member: actor.id,
            sealing_key: Digest(actor.sealing.public.digest()),
        };
        let rotation = Signed::sign(rotation, key.as_ref());
        self.cast.people.get_mut(who)?.other_keys.push(key);
        self.submit(who, Operation::RotateKey { rotation })
    }
}
