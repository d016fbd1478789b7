//! Steps 9 and 10 of a use that is limited to fields: the records are opened here, cut down, and sealed anew.

use bytes::Bytes;
use secnet_crypto::{SealKeyPair, Zeroizing};
use secnet_fhir::{Fields, NotAField, ProjectionError};
use secnet_lock::{
    HostedHalves, Location, ProjectedKeys, ProjectionError as DoesNotOpen, ProjectionSealer,
    ReceivedProjections, ReceivedShares, RecordEntry, ReleaseContext, ReleasedShares, UploadId,
};
use secnet_types::{Amount, Receipt, RecordMeta};
use std::collections::{BTreeMap, BTreeSet};

use crate::AccessError;
use crate::access::Uploads;
use crate::collect::{ERASED, listed_records};
use crate::granted::FieldsGranted;
use crate::pdc::Pdc;

/// Longest record that fields are cut out of, as it is stored, in bytes.
pub const MAX_PROJECTED_RECORD: u64 = 1024 * 1024;
/// Records of one release that fields are cut out of, as they are stored, in bytes: the projections are in memory until they
/// are handed over.
pub const MAX_PROJECTED_RELEASE: u64 = 8 * 1024 * 1024;

const NOT_TO_CUT: AccessError = AccessError::NotReleased(
    "only fields may be handed over, and a record is not such that fields can be cut out of it",
);

/// Parts of the granted records, sealed to the requester, and the proof that it was decided and recorded.
#[derive(Debug)]
pub struct Projected {
    /// The permission that it was made under.
    pub granted: FieldsGranted,
    /// The receipt.
    pub receipt: Receipt,
    /// What it cost.
    pub price: Amount,
    /// The keys of the projections, sealed to the receiving key.
    pub keys: ProjectedKeys,
    /// Each record with its sealed projection.
    pub records: Vec<(RecordMeta, Bytes)>,
}

/// A record and its projection, opened.
type Part = (RecordMeta, Zeroizing<Vec<u8>>);

impl Projected {
    /// The requester's side: all projections, opened with the receiving key.
    ///
    /// # Errors
    /// The keys or a projection do not open.
    pub fn open(&self, receiving: &SealKeyPair) -> Result<Vec<Part>, DoesNotOpen> {
        let opened = ReceivedProjections::open(receiving, context(&self.granted), &self.keys)?;
        let each = self.records.iter();
        each.map(|(meta, sealed)| Ok((meta.clone(), opened.record(meta.id, sealed)?))).collect()
    }
}

/// The names of fields, read.
pub(crate) fn fields(names: &BTreeSet<String>) -> Result<Fields, NotAField> {
    Fields::parse(names.iter().map(String::as_str))
}

/// Why fields cannot be cut out of these records, as far as it can be seen before one is opened.
pub(crate) fn too_large<'e>(entries: impl Iterator<Item = &'e RecordEntry>) -> Option<String> {
    let mut all = 0_u64;
    for entry in entries {
        let length = entry.location().length;
        if length > MAX_PROJECTED_RECORD {
            return Some(format!(
                "record {} has {length} bytes; fields are cut out of records of at most {MAX_PROJECTED_RECORD}",
                entry.record()
            ));
        }
        all = all.saturating_add(length);
    }
    (all > MAX_PROJECTED_RELEASE).then(|| {
        format!("the records have {all} bytes; fields are cut out of at most {MAX_PROJECTED_RELEASE} at once")
    })
}

fn context(granted: &FieldsGranted) -> ReleaseContext {
    ReleaseContext {
        request: granted.request(),
        decision: granted.decision(),
        dataset: granted.dataset(),
    }
}

impl Pdc {
    /// Release fields: needs a [`FieldsGranted`]. The release nodes answer to this data centre's own key; what leaves is
    /// sealed to the requester's.
    pub(crate) async fn deliver_fields(
        &self,
        granted: FieldsGranted,
        receipt: Receipt,
    ) -> Result<Projected, AccessError> {
        let own = granted.to_host();
        let listed = listed_records(own, &*self.records_of(own.dataset()).await?)?;
        if too_large(listed.iter().map(|(_, entry)| entry)).is_some() {
            return Err(NOT_TO_CUT);
        }
        let uploads: Uploads = listed.iter().map(|(_, entry)| entry.upload()).collect();
        let wanted = self.wanted(own.dataset(), &listed).await?;
        let shares = self.shares(own, &wanted).await?;
        let halves = self.hosted_halves(&granted, &uploads).await?;
        let (keys, records) = self.projections(&granted, listed, &halves, &shares).await?;
        // As with whole records: the last look, then the payout, then nothing but the answer.
        self.look_again(own).await?;
        self.settle_before_handover(own).await?;
        let price = self.price_of(own);
        Ok(Projected { granted, receipt, price, keys, records })
    }

    async fn hosted_halves(
        &self,
        granted: &FieldsGranted,
        uploads: &Uploads,
    ) -> Result<BTreeMap<UploadId, HostedHalves>, AccessError> {
        let mut halves = BTreeMap::new();
        for upload in uploads {
            let packets = self.packets_of(granted.dataset(), *upload).await?;
            let packet = packets.hosting.as_ref().ok_or_else(|| {
                AccessError::Damaged(format!("the hosting packet of upload {upload} is missing"))
            })?;
            let opened = self.host.open((granted.dataset(), *upload), packet).map_err(damaged)?;
            halves.insert(*upload, opened);
        }
        Ok(halves)
    }

    /// Record by record: one is in the clear at a time, and wiped before the next.
    async fn projections(
        &self,
        granted: &FieldsGranted,
        listed: Vec<(RecordMeta, RecordEntry)>,
        halves: &BTreeMap<UploadId, HostedHalves>,
        released: &[ReleasedShares],
    ) -> Result<(ProjectedKeys, Vec<(RecordMeta, Bytes)>), AccessError> {
        let fields = fields(granted.fields()).map_err(|_| NOT_TO_CUT)?;
        let mut shares = ReceivedShares::new();
        shares.open_each(self.host.pair(), &context(granted), released).map_err(damaged)?;
        let mut sealer = ProjectionSealer::new(context(granted));
        let mut records = Vec::with_capacity(listed.len());
        for (meta, entry) in listed {
            let Location { segment, offset, length } = entry.location();
            let range = offset..offset.saturating_add(length);
            let ciphertext = self.vault.get_segment(segment, range).await?;
            let hosted = halves.get(&entry.upload()).ok_or(ERASED)?;
            let does_not_open =
                |error: String| AccessError::Damaged(format!("record {}: {error}", meta.id));
            let key = hosted.unlock(&entry, &shares).map_err(|e| does_not_open(e.to_string()))?;
            let plain = key.open(&ciphertext).map_err(|e| does_not_open(e.to_string()))?;
            let part = secnet_fhir::project(&plain, &fields).map(Zeroizing::new);
            drop(plain);
            let part = part.map_err(|_: ProjectionError| NOT_TO_CUT)?;
            let sealed = sealer.add(meta.id, &part, &mut self.rng());
            records.push((meta, Bytes::from(sealed.map_err(damaged)?)));
        }
        let keys = sealer.finish(self.hosting_key(), granted.receiving_key(), &mut self.rng());
        Ok((keys.map_err(damaged)?, records))
    }
}

fn damaged(error: impl core::fmt::Display) -> AccessError {
    AccessError::Damaged(error.to_string())
}
