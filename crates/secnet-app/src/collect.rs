//! Steps 9 and 10: what a granted requester is handed.

use bytes::Bytes;
use secnet_lock::{CompartmentPacket, GrantWraps, Location, RecordEntry, ReleasedShares};
use secnet_types::{Amount, DatasetId, Receipt, RecordId, RecordMeta, Verdict};
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::AccessError;
use crate::granted::Granted;
use crate::pdc::{DatasetRecords, Pdc};
use crate::ports::{SubmitError, VaultError};
use crate::release::Wanted;

/// How often consent may change under a release that is being prepared before it is given up.
const MAX_LOOKS: usize = 8;

/// Everything that opens the granted records, and the proof that it was decided and recorded.
#[derive(Debug)]
pub struct Delivery {
    /// The permission that it was made under; the vault wants to see it again for each segment.
    pub granted: Granted,
    /// The receipt.
    pub receipt: Receipt,
    /// What it cost.
    pub price: Amount,
    /// The records.
    pub records: Vec<(RecordMeta, RecordEntry)>,
    /// The packets that hold the requester's half of the lock.
    pub packets: Vec<CompartmentPacket>,
    /// The grant's sealed packets, which open those.
    pub wraps: Option<GrantWraps>,
    /// The release nodes' half, sealed to the receiving key.
    pub shares: Vec<ReleasedShares>,
}

impl Pdc {
    /// Release: needs a [`Granted`], and nothing else will do.
    pub(crate) async fn deliver(
        &self,
        granted: Granted,
        receipt: Receipt,
    ) -> Result<Delivery, AccessError> {
        let records = listed_records(&granted, &*self.records_of(granted.dataset()).await?)?;
        let wanted = self.wanted(granted.dataset(), &records).await?;
        let shares = self.shares(&granted, &wanted).await?;
        let packets = self.compartment_packets(granted.dataset(), &records).await?;
        let wraps = self.wraps_of(&granted).await?;
        // A revocation that was ordered while the parts were collected still stops them here. Of a use that is free, or
        // paid already, this look is the last thing that is awaited: it shows the newest state that this process has.
        self.look_again(&granted).await?;
        // Of a use that is to be paid, the last thing is the ledger's own word. The payout is refused if consent has ended
        // before it, so release and revocation are in one order, the ledger's; after it the use counts as handed over, so
        // that no silence of the requester's brings the money back, and whoever misses the answer collects again until the
        // deadline. Of denials with a detail the ledger cannot judge, so for those the look above counts.
        self.settle_before_handover(&granted).await?;
        let price = self.price_of(&granted);
        Ok(Delivery { granted, receipt, price, records, packets, wraps, shares })
    }

    /// The release nodes' half. Nothing is awaited between the look at the ledger and the question to the nodes; they look
    /// themselves, and what they refuse because consent has ended meanwhile is no fault of theirs.
    pub(crate) async fn shares(
        &self,
        granted: &Granted,
        wanted: &[Wanted],
    ) -> Result<Vec<ReleasedShares>, AccessError> {
        self.look_again(granted).await?;
        let released = self.release.release(granted, wanted).await;
        if released.is_err() {
            self.look_again(granted).await?;
        }
        Ok(released?)
    }

    pub(crate) fn price_of(&self, granted: &Granted) -> Amount {
        let price = self.view(|view| {
            match view.state.decision(granted.requester(), granted.request())?.verdict {
                Verdict::Allow { price, .. } => Some(price),
                Verdict::Hold { .. } | Verdict::Deny { .. } => None,
            }
        });
        price.flatten().unwrap_or(Amount::ZERO)
    }

    /// Is the permission still good, as of now? Policy is asked on the details, then the ledger on what it judges itself;
    /// if consent has changed in between, policy is asked again.
    pub(crate) async fn look_again(&self, granted: &Granted) -> Result<(), AccessError> {
        for _ in 0..MAX_LOOKS {
            let permitted_at = self.still_permitted(granted).await?;
            let unchanged: Option<Result<bool, AccessError>> = self.view(|view| {
                granted.still_holds(view, self.clock.now())?;
                Ok(view.state.consent_changed_at(granted.dataset()) <= permitted_at)
            });
            if unchanged.ok_or_else(AccessError::unreadable)?? {
                return Ok(());
            }
        }
        Err(AccessError::Ledger(SubmitError::Busy))
    }

    async fn compartment_packets(
        &self,
        dataset: DatasetId,
        records: &[(RecordMeta, RecordEntry)],
    ) -> Result<Vec<CompartmentPacket>, AccessError> {
        let wanted: BTreeSet<_> =
            records.iter().map(|(_, entry)| (entry.upload(), entry.compartment())).collect();
        let mut packets = Vec::with_capacity(wanted.len());
        for (upload, compartment) in wanted {
            let of_upload = self.packets_of(dataset, upload).await?;
            packets.push(of_upload.compartments.get(&compartment).ok_or(ERASED)?.clone());
        }
        Ok(packets)
    }

    async fn wraps_of(&self, granted: &Granted) -> Result<Option<GrantWraps>, AccessError> {
        let digest =
            self.view(|view| view.state.grant(granted.grant()).map(|g| g.grant.wraps)).flatten();
        let Some(digest) = digest else { return Ok(None) };
        let wraps = self.wraps_behind(granted.dataset(), digest).await?;
        Ok(wraps.map(Arc::unwrap_or_clone))
    }

    /// The ciphertext of one granted record. Policy and ledger are asked again before it is read, so a revocation or a
    /// denial also stops a delivery that is under way.
    ///
    /// # Errors
    /// [`AccessError::NotReleased`] if the record is not granted, or not any more; otherwise the vault's.
    pub async fn ciphertext(
        &self,
        granted: &Granted,
        record: RecordId,
    ) -> Result<Bytes, AccessError> {
        let length = self.ciphertext_len(granted, record).await?;
        self.ciphertext_part(granted, record, 0..length).await
    }

    /// How long the ciphertext of one granted record is, in bytes.
    ///
    /// # Errors
    /// [`AccessError::NotReleased`] if the record is not granted, or erased.
    pub async fn ciphertext_len(
        &self,
        granted: &Granted,
        record: RecordId,
    ) -> Result<u64, AccessError> {
        Ok(self.place_of(granted, record).await?.length)
    }

    /// Part of the ciphertext of one granted record: as [`Pdc::ciphertext`], a part at a time.
    ///
    /// # Errors
    /// As [`Pdc::ciphertext`]; a range outside of the record is the vault's [`VaultError::Range`].
    pub async fn ciphertext_part(
        &self,
        granted: &Granted,
        record: RecordId,
        part: core::ops::Range<u64>,
    ) -> Result<Bytes, AccessError> {
        let Location { segment, offset, length } = self.place_of(granted, record).await?;
        if part.start > part.end || part.end > length {
            return Err(VaultError::Range(segment).into());
        }
        let part = offset.saturating_add(part.start)..offset.saturating_add(part.end);
        // The list is not fetched between this look at the ledger and the read.
        self.look_again(granted).await?;
        Ok(self.vault.get_segment(segment, part).await?)
    }

    /// May what was granted still be handed over, as of now? For whoever has read a part of it ahead.
    ///
    /// # Errors
    /// [`AccessError::NotReleased`] if not.
    pub async fn still_granted(&self, granted: &Granted) -> Result<(), AccessError> {
        self.look_again(granted).await
    }

    async fn place_of(&self, granted: &Granted, record: RecordId) -> Result<Location, AccessError> {
        if !granted.records().contains(&record) {
            return Err(AccessError::NotReleased("the decision does not name this record"));
        }
        let listed = self.records_of(granted.dataset()).await?;
        Ok(listed.entries.get(&record).ok_or(ERASED)?.location())
    }
}

pub(crate) const ERASED: AccessError = AccessError::NotReleased("a record was erased since");

/// The granted records as they are listed. What was erased after the decision is not released any more.
pub(crate) fn listed_records(
    granted: &Granted,
    listed: &DatasetRecords,
) -> Result<Vec<(RecordMeta, RecordEntry)>, AccessError> {
    let record = |id: &RecordId| {
        let (meta, entry) = (listed.index.get(*id)?, listed.entries.get(id)?);
        Some((meta.clone(), entry.clone()))
    };
    granted.records().iter().map(|id| record(id).ok_or(ERASED)).collect()
}
