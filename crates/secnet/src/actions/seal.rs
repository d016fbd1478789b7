//! Sealing records under their owner's keys, and registering them.

use std::collections::BTreeSet;

use secnet_app::{DatasetManifest, Stated, TermsDetail, ToHost, Upload};
use secnet_crypto::{SealPublicKey, StreamSuite};
use secnet_lock::{CompartmentKeys, HostingPacket, UploadSpec, host_upload, seal_upload};
use secnet_types::{
    Amount, Beneficiary, DatasetId, Digest, MemberId, Operation, Purpose, RecordMeta, ServiceLevel,
    Terms, Timestamp,
};

use super::keys::{compartments, lock_failure, save_compartments};
use crate::failure::Failure;
use crate::keystore::{Identity, Keystore};
use crate::node::{Node, access_failure};
use crate::system::{random, rng};

/// Records in one upload: their packets stay small enough to open quickly.
pub(crate) const MAX_RECORDS_PER_UPLOAD: usize = 4096;

/// A record before it is sealed.
#[derive(Debug, Clone)]
pub(crate) struct PlainRecord {
    pub meta: RecordMeta,
    pub content: Vec<u8>,
}

/// What an owner states of a new dataset.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub title: String,
    pub price: Amount,
    pub level: ServiceLevel,
    pub purposes: Option<BTreeSet<Purpose>>,
    pub beneficiaries: Vec<Beneficiary>,
}

impl Offer {
    /// What stays in the data centre, and what goes on the ledger.
    pub(crate) fn terms(&self) -> (TermsDetail, Terms) {
        let detail = TermsDetail {
            title: self.title.clone(),
            purposes: self.purposes.clone(),
            actions: None,
            salt: random(),
        };
        let terms = Terms {
            price: self.price,
            level: self.level,
            expires: Timestamp::MAX,
            max_uses: None,
            beneficiaries: self.beneficiaries.clone(),
            detail: detail.commitment(),
        };
        (detail, terms)
    }
}

/// Records sealed for a dataset, ready to be taken in.
#[derive(Debug, Default)]
pub(crate) struct SealedRecords {
    pub uploads: Vec<Upload>,
}

/// Seal records and register them as a dataset.
pub(crate) async fn register(
    node: &Node,
    owner: &Identity,
    records: &[PlainRecord],
    offer: &Offer,
    progress: impl FnMut(u64),
) -> Result<DatasetId, Failure> {
    register_at(node, owner, records, offer.terms(), progress).await
}

/// As [`register`], at these terms.
pub(crate) async fn register_at(
    node: &Node,
    owner: &Identity,
    records: &[PlainRecord],
    (detail, terms): (TermsDetail, Terms),
    progress: impl FnMut(u64),
) -> Result<DatasetId, Failure> {
    require_records(records)?;
    let pdc = &node.pdc;
    // The id follows from the command's author and id, so the records can be bound to it before it is signed; the
    // manifest commitment is put in afterwards.
    let operation =
        |manifest| Operation::RegisterDataset { pdc: pdc.member, terms: terms.clone(), manifest };
    let mut command = pdc.sign(owner.member(), operation(Digest::ZERO), &owner.signing);
    let dataset = DatasetId::derive(owner.member(), command.value.id);

    let sealed = seal(node, owner, dataset, records, progress).await?;
    let manifest = DatasetManifest::of(random(), &sealed.uploads);
    command.value.operation = operation(manifest.commitment());
    let command = secnet_types::SignedCommand::sign(command.value, &owner.signing);
    let host = (&node.keystore, pdc.hosting_key());
    let hosting = hosting(host, owner, (dataset, terms.level), &fresh(&sealed.uploads))?;
    let stated = Stated { terms: detail, manifest: Some(manifest), hosting };
    let (dataset, _) =
        pdc.take_in(sealed.uploads, &stated, &command).await.map_err(access_failure)?;
    Ok(dataset)
}

/// A dataset begins with at least one.
pub(crate) fn require_records(records: &[PlainRecord]) -> Result<(), Failure> {
    if records.is_empty() {
        return Err(Failure::new("no-records", "there is no record to register")
            .hint("give FHIR bundles, NDJSON files or folders of them"));
    }
    Ok(())
}

/// Seal records of a dataset under their owner's keys.
pub(crate) async fn seal(
    node: &Node,
    owner: &Identity,
    dataset: DatasetId,
    records: &[PlainRecord],
    mut progress: impl FnMut(u64),
) -> Result<SealedRecords, Failure> {
    let mut sealed = SealedRecords::default();
    if records.is_empty() {
        return Ok(sealed);
    }
    let release = &node.pdc.release;
    let nodes = release.nodes().await.map_err(|error| access_failure(error.into()))?;
    let sealing = Sealing::begin(&node.keystore, owner, records, (nodes, release.threshold()))?;
    for part in records.chunks(MAX_RECORDS_PER_UPLOAD) {
        sealed.uploads.push(sealing.seal(dataset, part)?);
        progress(part.len() as u64);
    }
    Ok(sealed)
}

/// An owner's keys, and those that records are sealed to besides.
pub(crate) struct Sealing {
    owner: MemberId,
    keys: CompartmentKeys,
    release: Vec<SealPublicKey>,
    threshold: u8,
}

impl Sealing {
    /// With a key for each compartment that these records need, durable before anything is sealed with it.
    pub(crate) fn begin(
        keystore: &Keystore,
        owner: &Identity,
        records: &[PlainRecord],
        (release, threshold): (Vec<SealPublicKey>, u8),
    ) -> Result<Self, Failure> {
        let mut keys = compartments(keystore, owner)?;
        for record in records {
            keys.ensure(owner.member(), record.meta.category, record.meta.labels, &mut rng())
                .map_err(|error| lock_failure(&error))?;
        }
        save_compartments(keystore, owner, &keys)?;
        Ok(Self { owner: owner.member(), keys, release, threshold })
    }

    /// Seal at most [`MAX_RECORDS_PER_UPLOAD`] records.
    pub(crate) fn seal(&self, dataset: DatasetId, part: &[PlainRecord]) -> Result<Upload, Failure> {
        let directory = self.keys.directory();
        let spec = UploadSpec {
            dataset,
            owner: self.owner,
            compartments: &directory,
            release_nodes: &self.release,
            threshold: self.threshold,
            suite: StreamSuite::preferred(),
        };
        let each = part.iter().map(|record| (&record.meta, record.content.as_slice()));
        let sealed = seal_upload(spec, each, &mut rng()).map_err(|error| lock_failure(&error))?;
        Ok(Upload { sealed, metas: part.iter().map(|record| record.meta.clone()).collect() })
    }
}

/// What the data centre needs of uploads to open their records, if their dataset is hosted.
pub(crate) fn hosting(
    (keystore, host): (&Keystore, &SealPublicKey),
    owner: &Identity,
    (dataset, level): (DatasetId, ServiceLevel),
    uploads: &[ToHost],
) -> Result<Vec<HostingPacket>, Failure> {
    if level == ServiceLevel::Sealed || uploads.is_empty() {
        return Ok(Vec::new());
    }
    let keys = compartments(keystore, owner)?;
    let packet = |ToHost { upload, records, packets }: &ToHost| {
        host_upload((dataset, *upload), records, packets, &keys, host, &mut rng())
            .map_err(|error| lock_failure(&error))
    };
    uploads.iter().map(packet).collect()
}

/// Uploads that have just been sealed.
pub(crate) fn fresh(uploads: &[Upload]) -> Vec<ToHost> {
    let fresh = uploads.iter().map(|upload| ToHost {
        upload: upload.sealed.upload,
        records: upload.metas.iter().map(|meta| meta.id).collect(),
        packets: upload.sealed.compartment_packets.clone(),
    });
    fresh.collect()
}
