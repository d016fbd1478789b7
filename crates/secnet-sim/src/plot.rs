//! What the honest do next, by chance.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use secnet_app::{AccessCall, DatasetManifest, Door, Stated, TermsDetail, Upload};
use secnet_crypto::{SealKeyPair, SigningKey, StreamSuite};
use secnet_ledger::{AskStatus, DatasetStatus, GrantStatus};
use secnet_lock::{GrantBinding, UploadSpec, compartments_for, seal_upload, wrap_for_grantee};
use secnet_types::{
    AccessRequest, Action, Amount, Answer, Ask, AskId, BasisPoints, Beneficiary, Category, Change,
    Command, CommandId, DatasetId, Delegation, Denial, DenialId, Digest, Grant, GrantDetail,
    GrantId, HoldAnswer, Label, Labels, Operation, Party, Powers, Purpose, Reason, RecordId,
    RecordMeta, RequestDetail, RequestId, Review, ReviewFinding, Rotation, Scope, ServiceLevel,
    Session, Signed, SignedCommand, Terms, Window,
};

use crate::cast::{ASKERS, GUARDIAN, OWNERS};
use crate::endings::Ending;
use crate::job::{Asking, Wish};
use crate::properties::Violation;
use crate::run::Broken;
use crate::world::{Given, Owned, World};

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

    fn new_records(&mut self) -> Vec<(RecordMeta, Vec<u8>)> {
        let count = self.chance.below(3).saturating_add(1);
        let mut records = Vec::with_capacity(count);
        for _ in 0..count {
            let id = RecordId(self.chance.bytes());
            let category = self.chance.pick(&CATEGORIES).unwrap_or(Category::Other);
            let label = self.chance.one_in(4);
            let labels = if label { Labels::NONE.with(Label::MentalHealth) } else { Labels::NONE };
            let kind = format!("Kind{}", self.chance.below(3));
            let mut content = format!("PLAINTEXT {:016x} ", self.chance.number()).into_bytes();
            content.resize(content.len().saturating_add(self.chance.below(300)), b'.');
            let meta = RecordMeta { id, kind, category, labels, period: None };
            let marker = content.get(..26).unwrap_or_default().to_vec();
            self.known.secrets.push(("the content of a record", marker));
            self.known.secrets.push(("the id of a record", id.0.to_vec()));
            self.known.contents.insert(id, content.clone());
            records.push((meta, content));
        }
        records
    }

    pub(crate) fn terms(&mut self) -> (Terms, TermsDetail) {
        let title = format!("TITLE {:016x}", self.chance.number());
        self.known.secrets.push(("a title", title.clone().into_bytes()));
        let detail = TermsDetail { title, purposes: None, actions: None, salt: self.salt() };
        let beneficiaries = match self.chance.one_in(3) {
            true => self.id_of(GUARDIAN).zip(BasisPoints::new(1500)),
            false => None,
        };
        let terms = Terms {
            price: Amount(self.chance.below(3) as u64 * 500_000),
            level: ServiceLevel::Sealed,
            expires: self.now().plus_ms(300 * DAY_MS),
            max_uses: None,
            beneficiaries: beneficiaries
                .map(|(member, share)| Beneficiary { member, share })
                .into_iter()
                .collect(),
            detail: detail.commitment(),
        };
        (terms, detail)
    }

    pub(crate) fn salt(&mut self) -> [u8; 32] {
        let salt = self.chance.bytes();
        self.known.secrets.push(("a salt", salt.to_vec()));
        salt
    }

    /// Seal records for a dataset of this owner.
    pub(crate) fn seal(
        &mut self,
        owner: usize,
        dataset: DatasetId,
        records: &[(RecordMeta, Vec<u8>)],
    ) -> Result<secnet_lock::SealedUpload, Violation> {
        let actor = self.cast.people.get(owner).ok_or_else(|| Violation::setup("no such actor"))?;
        let mut keys = actor.compartments.lock();
        for (meta, _) in records {
            keys.ensure(actor.id, meta.category, meta.labels, self.chance.rng())
                .map_err(Violation::setup)?;
        }
        let node = SealKeyPair::from_seed(self.cast.release_node).public;
        let spec = UploadSpec {
            dataset,
            owner: actor.id,
            compartments: &keys.directory(),
            release_nodes: &[node],
            threshold: 1,
            suite: StreamSuite::ChaCha20Poly1305,
        };
        let content = records.iter().map(|(meta, content)| (meta, content.as_slice()));
        let sealed = seal_upload(spec, content, self.chance.rng()).map_err(Violation::setup)?;
        for entry in &sealed.entries {
            let at = entry.location();
            let range = at.offset..at.offset.saturating_add(at.length);
            self.known.places.insert(entry.record(), (at.segment, range));
            self.known.uploads.insert(entry.record(), entry.upload());
        }
        Ok(sealed)
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

    pub(crate) fn register(&mut self) -> Result<Wanted, Violation> {
        // A client that missed the answer hands in again what was taken in long ago.
        let taken = self.known.taken.clone();
        if let Some(wish) = self.chance.one_in(5).then(|| self.chance.pick(&taken)).flatten() {
            return Ok((wish, Expect::Any));
        }
        let mine = self.active();
        let existing = self.chance.one_in(3).then(|| self.chance.pick(&mine)).flatten();
        let existing = existing.and_then(|(dataset, owner)| {
            Some((dataset, owner, self.alone(self.process.pdc.manifest_of(dataset)).ok()?))
        });
        let owner = match existing {
            Some((_, owner, _)) => owner,
            None => self.chance.pick(&OWNERS).unwrap_or(0),
        };
        let id = CommandId(self.chance.bytes());
        let author = self.id_of(owner).ok_or_else(|| Violation::setup("no such actor"))?;
        let dataset = match &existing {
            Some((dataset, ..)) => *dataset,
            None => DatasetId::derive(author, id),
        };
        let records = self.new_records();
        let sealed = self.seal(owner, dataset, &records)?;
        let metas: Vec<RecordMeta> = records.into_iter().map(|(meta, _)| meta).collect();
        let before = existing.as_ref().map(|(_, _, before)| before);
        let listed = self.list(before, &sealed, &metas);
        let (terms, detail) = self.terms();
        let pdc = self.cast.pdc.id;
        let manifest = match self.broken {
            Some(Broken::NameOnLedger) => {
                let mut title = [0; 32];
                title.iter_mut().zip(detail.title.bytes()).for_each(|(to, from)| *to = from);
                Digest(title)
            }
            _ => listed.commitment(),
        };
        let operation = match existing {
            Some(_) => Operation::UpdateDataset { dataset, pdc, terms, manifest },
            None => Operation::RegisterDataset { pdc, terms, manifest },
        };
        let command = self.signed_as(owner, id, operation)?;
        if self.broken == Some(Broken::NameOnLedger) {
            // The data centre would not take it in.
            return Ok((Arc::new(Wish::Submit { command: command.to_bytes() }), Expect::Any));
        }
        let owned = self.known.datasets.entry(dataset);
        let owned = owned.or_insert_with(|| Owned { owner, records: Vec::new() });
        owned.records.extend(metas.iter().cloned());
        let stated = Stated { terms: detail, manifest: Some(listed) };
        Ok((Arc::new(Wish::TakeIn { sealed, metas, stated, command }), Expect::Any))
    }

    /// What the owner commits to: the uploads that were there before, and this one.
    pub(crate) fn list(
        &mut self,
        before: Option<&DatasetManifest>,
        sealed: &secnet_lock::SealedUpload,
        metas: &[RecordMeta],
    ) -> DatasetManifest {
        let upload = Upload { sealed: sealed.clone(), metas: metas.to_vec() };
        let (salt, uploads) = (self.salt(), core::slice::from_ref(&upload));
        match before {
            Some(before) => before.with(salt, uploads),
            None => DatasetManifest::of(salt, uploads),
        }
    }

    /// The new owner of an offered dataset brings its records again, under its own keys.
    fn hand_over(&mut self) -> Result<Option<Wanted>, Violation> {
        let active = self.active();
        let Some((dataset, owner)) = self.chance.pick(&active) else { return Ok(None) };
        let Some(heir) = OWNERS.into_iter().find(|other| *other != owner) else { return Ok(None) };
        let offered =
            self.view(|view| view.state.dataset(dataset).and_then(|d| d.offered_to)).flatten();
        if offered.is_none() || offered != self.id_of(heir) {
            let to = self.id_of(heir);
            return Ok(self.submit(owner, Operation::OfferDataset { dataset, to }));
        }
        let records = self.new_records();
        let sealed = self.seal(heir, dataset, &records)?;
        let metas: Vec<RecordMeta> = records.into_iter().map(|(meta, _)| meta).collect();
        let listed = self.list(None, &sealed, &metas);
        let manifest = listed.commitment();
        let (terms, detail) = self.terms();
        let id = CommandId(self.chance.bytes());
        let pdc = self.cast.pdc.id;
        let operation = Operation::AcceptDataset { dataset, pdc, terms, manifest };
        let command = self.signed_as(heir, id, operation)?;
        if let Some(owned) = self.known.datasets.get_mut(&dataset) {
            owned.owner = heir;
            owned.records.extend(metas.iter().cloned());
        }
        let stated = Stated { terms: detail, manifest: Some(listed) };
        let wish = Wish::TakeIn { sealed, metas, stated, command };
        Ok(Some((Arc::new(wish), Expect::Transfers(dataset))))
    }

    fn detail(&mut self, emergency: bool) -> GrantDetail {
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

    fn window(&mut self) -> Window {
        let (now, hours) = (self.now(), self.chance.below(100) as u64);
        Window { from: now, until: now.plus_ms(HOUR_MS.saturating_mul(hours.saturating_add(1))) }
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
    fn of_delegate(&self, author: usize) -> Option<Expect> {
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

    fn open_ask(&mut self) -> Option<Wanted> {
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

    fn answer_ask(&mut self) -> Result<Option<Wanted>, Violation> {
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
        let detail = RequestDetail { action: Action::Read, purpose, scope, salt: self.salt() };
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

    fn access(&mut self) -> Option<Wanted> {
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

    fn revoke(&mut self) -> Option<Wanted> {
        let grants: Vec<GrantId> = self.known.grants.keys().copied().collect();
        let live: Vec<GrantId> = self.view(|view| {
            let active = |id: &GrantId| {
                view.state.grant(*id).is_some_and(|g| g.status == GrantStatus::Active)
            };
            grants.into_iter().filter(active).collect()
        })?;
        let grant = self.chance.pick(&live)?;
        self.revoke_grant(grant)
    }

    fn revoke_grant(&mut self, grant: GrantId) -> Option<Wanted> {
        let given = self.known.grants.get(&grant)?;
        let (grantee, dataset) = (given.grantee, given.dataset);
        let owner = self.active().into_iter().find(|(d, _)| *d == dataset)?.1;
        let who = match self.chance.below(8) {
            0..=1 => grantee,
            2..=3 => GUARDIAN,
            _ => owner,
        };
        let reason = Reason::NoLongerWanted;
        let command = self.sign(who, Operation::Revoke { grant, reason })?.to_bytes();
        let expect = self.of_delegate(who).unwrap_or(Expect::Ends(Ending::Revoked(grant)));
        Some((Arc::new(Wish::Submit { command }), expect))
    }

    fn deny(&mut self) -> Option<Wanted> {
        let active = self.active();
        let (dataset, owner) = self.chance.pick(&active)?;
        let asker = self.chance.pick(&ASKERS)?;
        let detail = self.chance.one_in(2).then(|| self.detail(false));
        let denial = Denial {
            dataset: self.chance.one_in(2).then_some(dataset),
            party: Party::Member(self.id_of(asker)?),
            window: self.window(),
            even_in_emergency: self.chance.one_in(3),
            detail: detail.as_ref().map(GrantDetail::commitment),
        };
        let ending = match denial.detail {
            // What a part of a denial stops is for the policy to say.
            Some(_) => None,
            None => Some(Ending::Denied {
                owner: self.id_of(owner)?,
                dataset: denial.dataset,
                party: self.id_of(asker)?,
                until: denial.window.until,
                even_in_emergency: denial.even_in_emergency,
            }),
        };
        let command = self.sign(owner, Operation::Deny { denial })?;
        let id = DenialId::derive(command.value.author, command.value.id);
        self.known.denials.insert(id, (owner, ending.clone()));
        let wish = Wish::Order { command, detail, wraps: None };
        Some((Arc::new(wish), ending.map_or(Expect::Any, Expect::Ends)))
    }

    fn lift_denial(&mut self) -> Option<Wanted> {
        let denials: Vec<_> = self.known.denials.clone().into_iter().collect();
        let (denial, (owner, ending)) = self.chance.pick(&denials)?;
        self.pardon(ending);
        self.submit(owner, Operation::LiftDenial { denial })
    }

    /// Somebody is about to take this back; when it takes effect is not known until it is acknowledged.
    fn pardon(&mut self, ending: Option<Ending>) {
        if let Some(ending) = ending {
            self.watch.lock().endings.retain(|other| *other != ending);
            self.known.pardoned.push(ending);
        }
    }

    fn withdraw(&mut self) -> Option<Wanted> {
        if !self.chance.one_in(3) {
            return None;
        }
        let active = self.active();
        let (dataset, owner) = self.chance.pick(&active)?;
        let command = self.sign(owner, Operation::WithdrawDataset { dataset })?.to_bytes();
        Some((Arc::new(Wish::Submit { command }), Expect::Ends(Ending::Withdrawn(dataset))))
    }

    /// Suspend a requester, or reinstate one.
    fn suspend(&mut self) -> Option<Wanted> {
        let suspended = |world: &Self, who| {
            let id = world.id_of(who)?;
            world.view(|view| view.state.member(id).is_some_and(|member| member.suspended))
        };
        let already = ASKERS.into_iter().find(|who| suspended(self, *who) == Some(true));
        let who = match already {
            Some(who) => who,
            None => self.chance.pick(&ASKERS)?,
        };
        let (now, member) = (self.now(), self.id_of(who)?);
        let ending = Ending::Suspended(member);
        let (change, expect) = match already {
            Some(_) => {
                self.pardon(Some(ending));
                (Change::Reinstate(member), Expect::Any)
            }
            None => (Change::Suspend(member), Expect::Ends(ending)),
        };
        let command = self.cast.govern(&mut self.chance, now, change).to_bytes();
        Some((Arc::new(Wish::Submit { command }), expect))
    }

    fn delegate(&mut self) -> Option<Wanted> {
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
    fn rotate(&mut self) -> Option<Wanted> {
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

    fn answer_hold(&mut self) -> Option<Wanted> {
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

    fn review(&mut self) -> Option<Wanted> {
        let owner = self.chance.pick(&OWNERS)?;
        let id = self.id_of(owner)?;
        let waiting: Vec<_> =
            self.view(|view| view.state.reviews_of(id).map(|(key, _)| key).collect())?;
        let (requester, request) = self.chance.pick(&waiting)?;
        let review = Review { requester, request, finding: ReviewFinding::Justified };
        self.submit(owner, Operation::ReviewEmergency { review })
    }

    fn settle(&mut self) -> Option<Wanted> {
        let held: Vec<_> =
            self.view(|view| view.state.held_charges().map(|(key, _)| key).collect())?;
        let (requester, request) = self.chance.pick(&held)?;
        let wish = match self.chance.one_in(3) {
            true => Wish::GiveBack(requester, request),
            false => Wish::Settle(vec![(requester, request)]),
        };
        Some((Arc::new(wish), Expect::Any))
    }

    fn fund(&mut self) -> Option<Wanted> {
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

    fn shred(&mut self) -> Option<Wanted> {
        if !self.chance.one_in(3) {
            return None;
        }
        let active = self.active();
        let (dataset, owner) = self.chance.pick(&active)?;
        let ids: Vec<RecordId> =
            self.known.datasets.get(&dataset)?.records.iter().map(|meta| meta.id).collect();
        let some = self.chance.one_in(2).then(|| self.chance.pick(&ids)).flatten();
        let records = some.map(|id| BTreeSet::from([id]));
        let actor = self.cast.people.get(owner)?;
        let wish = Wish::Shred {
            dataset,
            records,
            owner: actor.id,
            key: Arc::clone(&actor.key),
            id: CommandId(self.chance.bytes()),
            expires: self.now().plus_ms(5 * MINUTE_MS),
            plan: Mutex::new(None),
        };
        Some((Arc::new(wish), Expect::Erases))
    }

    fn session(&mut self) -> Option<Wanted> {
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

    fn look(&mut self) -> Option<Wanted> {
        let who = self.chance.pick(&OWNERS)?;
        Some((Arc::new(Wish::Look(self.id_of(who)?)), Expect::Any))
    }
}

/// Commitments of grants' details, by grant: what grantees were told when the grants were signed.
pub(crate) type Details = Arc<Mutex<BTreeMap<GrantId, Digest>>>;
