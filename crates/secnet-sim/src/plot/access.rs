//! Access: calls, the answers to held ones, reviews, and sessions.

use std::collections::BTreeSet;
use std::sync::Arc;

use secnet_app::{AccessCall, Door};
use secnet_crypto::{SealKeyPair, SigningKey};
use secnet_types::{
    AccessRequest, Action, Amount, DatasetId, Digest, HoldAnswer, Labels, Operation, Purpose,
    RecordId, RequestDetail, RequestId, Review, ReviewFinding, Scope, Session, Signed,
};

use super::{Expect, HOUR_MS, PURPOSES, Wanted};
use crate::cast::{ASKERS, OWNERS};
use crate::job::{Asking, Wish};
use crate::world::{Given, World};

impl World {
    /// A call for some records of a dataset.
    pub(crate) fn call(
        &mut self,
        requester: usize,
        signer: &SigningKey,
        dataset: DatasetId,
        purpose: Purpose,
        scope: Scope,
    ) -> Option<Asking> {
        let actor = self.cast.people.get(requester)?;
        let (id, own) = (actor.id, Arc::clone(&actor.sealing));
        let receiving = Arc::new(SealKeyPair::from_seed(self.chance.bytes()));
        let key = receiving.public.to_bytes().to_vec();
        let (salt, proof_for) = (self.salt(), None);
        let detail = RequestDetail { action: Action::Read, purpose, scope, salt, proof_for };
        let request = AccessRequest {
            network: self.cast.genesis.network(),
            requester: id,
            dataset,
            id: RequestId(self.chance.bytes()),
            expires: self.now().plus_ms(self.request_lifetime_ms),
            max_price: Amount(900_000),
            receiving_key: Digest::of(&key),
            detail: detail.commitment(),
        };
        let request_id = request.id;
        let door = if self.chance.one_in(2) { Door::Cli } else { Door::InProcess };
        let call = AccessCall {
            request: Signed::sign(request, signer).to_bytes(),
            detail: secnet_types::encode(&detail),
            receiving_key: key,
            door,
            source: None,
        };
        Some(Asking {
            call,
            requester: id,
            request: request_id,
            dataset,
            own,
            receiving,
            details: Arc::clone(&self.details),
            settles: self.chance.one_in(2),
            detail,
        })
    }

    pub(super) fn access(&mut self) -> Option<Wanted> {
        // A retry of something answered before, at times.
        if self.chance.one_in(6) {
            let before: Vec<_> = self.known.requests.values().cloned().collect();
            return Some((self.chance.pick(&before)?, Expect::Any));
        }
        let grants: Vec<Given> = self.known.grants.values().cloned().collect();
        let (dataset, asker, purpose) = match self.chance.pick(&grants) {
            Some(given) if !self.chance.one_in(5) => {
                let purposes: Vec<_> = given.detail.purposes.iter().copied().collect();
                (given.dataset, given.grantee, self.chance.pick(&purposes)?)
            }
            _ => {
                let active = self.active();
                let dataset = self.chance.pick(&active)?.0;
                (dataset, self.chance.pick(&ASKERS)?, self.chance.pick(&PURPOSES)?)
            }
        };
        let labels = self.chance.one_in(3).then_some(Labels::ALL);
        let ids: Vec<RecordId> =
            self.known.datasets.get(&dataset)?.records.iter().map(|meta| meta.id).collect();
        let records = self.chance.one_in(3).then(|| self.chance.pick(&ids)).flatten();
        let records = records.map(|id| BTreeSet::from([id]));
        let scope = Scope { records, labels, ..Scope::default() };
        let sessions: Vec<_> = self
            .known
            .sessions
            .iter()
            .filter(|(who, _)| *who == asker)
            .map(|(_, k)| Arc::clone(k))
            .collect();
        let session = self.chance.one_in(3).then(|| self.chance.pick(&sessions)).flatten();
        let own = Arc::clone(&self.cast.people.get(asker)?.key);
        let asking = self.call(asker, &session.unwrap_or(own), dataset, purpose, scope)?;
        let key = asking.key();
        let wish = Arc::new(Wish::Access(Box::new(asking)));
        self.known.requests.insert(key, Arc::clone(&wish));
        Some((wish, Expect::Any))
    }

    pub(super) fn answer_hold(&mut self) -> Option<Wanted> {
        let holds: Vec<_> =
            self.known.holds.iter().map(|(id, (d, w))| (*id, *d, Arc::clone(w))).collect();
        let (decision, dataset, wish) = self.chance.pick(&holds)?;
        if self.chance.one_in(2) {
            return Some((wish, Expect::Any));
        }
        let owner = self.active().into_iter().find(|(d, _)| *d == dataset)?.1;
        let refuse = self.chance.one_in(3);
        let answer = if refuse { HoldAnswer::Refuse } else { HoldAnswer::Release };
        self.submit(owner, Operation::AnswerHold { decision, answer })
    }

    pub(super) fn review(&mut self) -> Option<Wanted> {
        let owner = self.chance.pick(&OWNERS)?;
        let id = self.id_of(owner)?;
        let waiting: Vec<_> =
            self.view(|view| view.state.reviews_of(id).map(|(key, _)| key).collect())?;
        let (requester, request) = self.chance.pick(&waiting)?;
        let review = Review { requester, request, finding: ReviewFinding::Justified };
        self.submit(owner, Operation::ReviewEmergency { review })
    }

    pub(super) fn session(&mut self) -> Option<Wanted> {
        let asker = self.chance.pick(&ASKERS)?;
        let key = Arc::new(SigningKey::generate(self.chance.rng()));
        let session = Session {
            key: *key.verifying_key().as_bytes(),
            until: self.now().plus_ms(4 * HOUR_MS),
            limit: Amount(1_000_000),
        };
        self.known.sessions.push((asker, key));
        self.submit(asker, Operation::OpenSession { session })
    }
}
