//! Steps 9 and 10: what a granted requester is handed.

use bytes::Bytes;
use secnet_lock::{CompartmentPacket, GrantWraps, RecordEntry, ReleasedShares};
use secnet_types::{
    Amount, MemberId, Operation, Receipt, RecordId, RecordMeta, RequestId, Verdict,
};
use std::collections::BTreeSet;

use crate::AccessError;
use crate::access::Uploads;
use crate::granted::Granted;
use crate::pdc::Pdc;
use crate::ports::{EntryKind, EntryName};

/// Statements of collection that go into one command.
const MAX_SETTLED_AT_ONCE: usize = secnet_types::limits::MAX_COLLECTED;

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
        let listed = self.records_of(granted.dataset()).await?;
        let mut records = Vec::with_capacity(granted.records().len());
        for id in granted.records() {
            // What was erased after the decision is not released any more.
            let (Some(meta), Some(entry)) = (listed.index.get(*id), listed.entries.get(id)) else {
                return Err(AccessError::NotReleased("a record was erased since"));
            };
            records.push((meta.clone(), entry.clone()));
        }
        let uploads: Uploads = records.iter().map(|(_, entry)| entry.upload()).collect();
        let release_packets = self.release_packets(&uploads).await?;
        // Nothing is awaited between this look at the ledger and the release.
        self.look_again(&granted)?;
        let shares = self.release.release(&granted, &release_packets).await?;
        let packets = self.compartment_packets(&records).await?;
        let wraps = self.wraps_of(&granted).await?;
        // A revocation that was ordered while the parts were collected still stops them here.
        self.look_again(&granted)?;
        let price = self
            .view(|view| {
                match view.state.decision(granted.requester(), granted.request())?.verdict {
                    Verdict::Allow { price, .. } => Some(price),
                    Verdict::Hold { .. } | Verdict::Deny { .. } => None,
                }
            })
            .flatten()
            .unwrap_or(Amount::ZERO);
        Ok(Delivery { granted, receipt, price, records, packets, wraps, shares })
    }

    /// Is the permission still good, as of now?
    fn look_again(&self, granted: &Granted) -> Result<(), AccessError> {
        self.view(|view| granted.still_holds(view))
            .ok_or(AccessError::NotReleased("the ledger cannot be read"))?
    }

    async fn compartment_packets(
        &self,
        records: &[(RecordMeta, RecordEntry)],
    ) -> Result<Vec<CompartmentPacket>, AccessError> {
        let wanted: BTreeSet<_> =
            records.iter().map(|(_, entry)| (entry.upload(), entry.compartment())).collect();
        let mut packets = Vec::with_capacity(wanted.len());
        for (upload, compartment) in wanted {
            let name = EntryName::new(EntryKind::CompartmentPacket, &upload.0, &compartment.0.0);
            let bytes = self.archive.get(&name).await?;
            let bytes = bytes.ok_or(AccessError::NotReleased("a record was erased since"))?;
            packets.push(
                CompartmentPacket::from_bytes(&bytes)
                    .map_err(|error| AccessError::Damaged(error.to_string()))?,
            );
        }
        Ok(packets)
    }

    async fn wraps_of(&self, granted: &Granted) -> Result<Option<GrantWraps>, AccessError> {
        let digest =
            self.view(|view| view.state.grant(granted.grant()).map(|g| g.grant.wraps)).flatten();
        let Some(digest) = digest else { return Ok(None) };
        let name = EntryName::new(EntryKind::Wraps, &[], &digest.0);
        match self.archive.get(&name).await? {
            Some(bytes) => GrantWraps::from_bytes(&bytes)
                .map(Some)
                .map_err(|error| AccessError::Damaged(error.to_string())),
            None => Ok(None),
        }
    }

    /// The ciphertext of one granted record. The grant is looked at again on a fresh view before each one, so a
    /// revocation also stops a delivery that is under way.
    ///
    /// # Errors
    /// [`AccessError::NotReleased`] if the record is not granted, or not any more; otherwise the vault's.
    pub async fn ciphertext(
        &self,
        granted: &Granted,
        record: RecordId,
    ) -> Result<Bytes, AccessError> {
        if !granted.records().contains(&record) {
            return Err(AccessError::NotReleased("the decision does not name this record"));
        }
        self.look_again(granted)?;
        let listed = self.records_of(granted.dataset()).await?;
        let entry = listed
            .entries
            .get(&record)
            .ok_or(AccessError::NotReleased("the record was erased since"))?;
        let at = entry.location();
        Ok(self
            .vault
            .get_segment(at.segment, at.offset..at.offset.saturating_add(at.length))
            .await?)
    }

    /// State on the ledger that these requests' key parts were handed over, so that their charges are paid out.
    ///
    /// # Errors
    /// The ledger refuses or is unavailable; the charges stay held and can be settled later.
    pub async fn settle(&self, collected: &[(MemberId, RequestId)]) -> Result<(), AccessError> {
        for part in collected.chunks(MAX_SETTLED_AT_ONCE) {
            self.submit_own(Operation::ConfirmCollection { collected: part.to_vec() }).await?;
        }
        Ok(())
    }

    /// State that a charged request could not be served: the money goes back.
    ///
    /// # Errors
    /// As for [`Pdc::settle`].
    pub async fn give_back(
        &self,
        requester: MemberId,
        request: RequestId,
    ) -> Result<(), AccessError> {
        self.submit_own(Operation::ReportFailure { requester, request }).await?;
        Ok(())
    }
}
