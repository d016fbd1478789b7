//! Datasets: registered, updated, handed over and erased.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use secnet_app::{DatasetManifest, Stated, TermsDetail, Upload};
use secnet_crypto::{SealKeyPair, StreamSuite};
use secnet_lock::{UploadSpec, seal_upload};
use secnet_types::{
    Amount, BasisPoints, Beneficiary, Category, CommandId, DatasetId, Digest, Label, Labels,
    Operation, RecordId, RecordMeta, ServiceLevel, Terms,
};

use super::{CATEGORIES, DAY_MS, Expect, MINUTE_MS, Wanted};
use crate::cast::{GUARDIAN, OWNERS};
use crate::job::Wish;
use crate::properties::Violation;
use crate::run::Broken;
use crate::world::{Owned, World};

impl World {
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
        let stated = Stated { terms: detail, manifest: Some(listed), hosting: Vec::new() };
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
    pub(super) fn hand_over(&mut self) -> Result<Option<Wanted>, Violation> {
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
        let stated = Stated { terms: detail, manifest: Some(listed), hosting: Vec::new() };
        let wish = Wish::TakeIn { sealed, metas, stated, command };
        Ok(Some((Arc::new(wish), Expect::Transfers(dataset))))
    }

    pub(super) fn shred(&mut self) -> Option<Wanted> {
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
}
