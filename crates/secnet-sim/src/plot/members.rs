//! Members: who acts for whom, and with which key.

use std::sync::Arc;

use secnet_crypto::SigningKey;
use secnet_types::{Delegation, Digest, Operation, Powers, Rotation, Signed};

use super::{Expect, Wanted};
use crate::cast::{GUARDIAN, OWNERS};
use crate::run::Broken;
use crate::world::World;

impl World {
    pub(super) fn delegate(&mut self) -> Option<Wanted> {
        let owner = self.chance.pick(&OWNERS)?;
        let (owner_id, delegate) = (self.id_of(owner)?, self.id_of(GUARDIAN)?);
        let window = self.window();
        let delegation = Delegation { delegate, powers: Powers::ALL, dataset: None, window };
        let delegate_anew = Operation::Delegate { delegation };
        if self.chance.one_in(3) {
            let end = Operation::EndDelegation { owner: owner_id, delegate, dataset: None };
            let signed = match self.broken {
                Some(Broken::LastingDelegation) => delegate_anew,
                _ => end,
            };
            let (wish, _) = self.submit(owner, signed)?;
            return Some((wish, Expect::EndsDelegation(owner)));
        }
        let number = self.known.delegations.begin(owner, window.until);
        let (wish, _) = self.submit(owner, delegate_anew)?;
        Some((wish, Expect::Delegates(number)))
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
