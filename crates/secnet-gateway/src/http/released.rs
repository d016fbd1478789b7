//! What a granted request is answered: what opens the records, or fields of them, sealed anew.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use secnet_app::{Delivery, Projected};
use secnet_types::GrantId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::base64::Base64;
use crate::http::shapes::Record;
use crate::{Gateway, Problem};

/// Most ciphertext in an answer, in bytes; what is longer is downloaded.
const MAX_INLINE: u64 = 1024 * 1024;
/// About how much of an answer is neither bytes in text nor of another record, in bytes.
const TEXT_ROOM: usize = 1024;

/// What a granted request is answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Released {
    /// The decision's id.
    decision: String,
    /// The request's id.
    request: String,
    /// The dataset.
    dataset: String,
    /// The grant that allowed it.
    grant: String,
    /// The commitment to that grant's detail, 32 bytes: its sealed packets are bound to it.
    grant_detail: Base64,
    /// What it cost.
    price: String,
    /// Until when the same request brings the same answer, and records can be downloaded.
    collect_by: String,
    /// The receipt, CBOR.
    receipt: Base64,
    /// The records.
    records: Vec<ReleasedRecord>,
    /// The packets that hold the grantee's half of the lock, CBOR each.
    packets: Vec<Base64>,
    /// The grant's sealed packets, which open those, CBOR.
    #[serde(skip_serializing_if = "Option::is_none")]
    wraps: Option<Base64>,
    /// The release nodes' half, sealed to the receiving key, CBOR each.
    shares: Vec<Base64>,
    /// Only these fields of the records are released; absent for whole records.
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<String>>,
    /// Of fields: the keys of the records' projections, sealed to the receiving key, CBOR. There are no packets, wraps, shares
    /// and entries then.
    #[serde(skip_serializing_if = "Option::is_none")]
    projected_keys: Option<Base64>,
}

/// One released record.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReleasedRecord {
    #[serde(flatten)]
    meta: Record,
    /// How it opens, CBOR; absent if only fields are released.
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<Base64>,
    /// How long its ciphertext is, in bytes.
    length: u64,
    /// Its ciphertext, if it is short and was asked for; of fields always, the sealed projection.
    #[serde(skip_serializing_if = "Option::is_none")]
    ciphertext: Option<Base64>,
}

impl IntoResponse for Released {
    /// As JSON. Nearly all of it is bytes, so its length is known well enough to ask for memory once.
    fn into_response(self) -> Response {
        let once = self.wraps.iter().chain(&self.projected_keys).chain([&self.receipt]);
        let parts = self.packets.iter().chain(&self.shares).chain(once);
        let parts = parts.chain(self.records.iter().flat_map(ReleasedRecord::parts));
        let bytes: usize = parts.map(|part| part.0.len()).sum();
        let room = TEXT_ROOM.saturating_mul(self.records.len().saturating_add(1));
        let mut json = Vec::with_capacity(bytes.div_ceil(3).saturating_mul(4).saturating_add(room));
        match serde_json::to_writer(&mut json, &self) {
            Ok(()) => ([(CONTENT_TYPE, "application/json")], json).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

impl ReleasedRecord {
    fn parts(&self) -> impl Iterator<Item = &Base64> {
        self.entry.iter().chain(&self.ciphertext)
    }
}

impl Gateway {
    /// The answer, with short ciphertexts if wanted; the permission is kept for downloads.
    pub(crate) async fn released(
        &self,
        delivery: Delivery,
        inline: bool,
    ) -> Result<Released, Box<Problem>> {
        let Delivery { granted, receipt, price, records, packets, wraps, shares } = delivery;
        let mut room = if inline { MAX_INLINE } else { 0 };
        let mut answered = Vec::with_capacity(records.len());
        for (meta, entry) in &records {
            let length = entry.location().length;
            let ciphertext = if inline && length <= room {
                room = room.saturating_sub(length);
                Some(Base64(self.pdc.ciphertext(&granted, meta.id).await?.to_vec()))
            } else {
                None
            };
            let (meta, entry) = (Record::from(meta), Some(Base64(entry.to_bytes())));
            answered.push(ReleasedRecord { meta, entry, length, ciphertext });
        }
        let released = Released {
            decision: granted.decision().to_string(),
            request: granted.request().to_string(),
            dataset: granted.dataset().to_string(),
            grant: granted.grant().to_string(),
            grant_detail: self.grant_detail(granted.grant()),
            price: price.to_string(),
            collect_by: granted.collect_by().to_string(),
            receipt: Base64(secnet_types::encode(&receipt)),
            records: answered,
            packets: packets.iter().map(|packet| Base64(packet.to_bytes())).collect(),
            wraps: wraps.map(|wraps| Base64(wraps.to_bytes())),
            shares: shares.iter().map(|shares| Base64(shares.to_bytes())).collect(),
            fields: None,
            projected_keys: None,
        };
        self.deliveries.keep(granted, self.pdc.clock.now());
        Ok(released)
    }

    /// The answer, with the projections: there is nothing to download under it.
    pub(crate) fn released_fields(&self, projected: Projected) -> Released {
        let Projected { granted, receipt, price, keys, records } = projected;
        let answered = records.iter().map(|(meta, sealed)| ReleasedRecord {
            meta: Record::from(meta),
            entry: None,
            length: sealed.len() as u64,
            ciphertext: Some(Base64(sealed.to_vec())),
        });
        Released {
            decision: granted.decision().to_string(),
            request: granted.request().to_string(),
            dataset: granted.dataset().to_string(),
            grant: granted.grant().to_string(),
            grant_detail: self.grant_detail(granted.grant()),
            price: price.to_string(),
            collect_by: granted.collect_by().to_string(),
            receipt: Base64(secnet_types::encode(&receipt)),
            records: answered.collect(),
            packets: Vec::new(),
            wraps: None,
            shares: Vec::new(),
            fields: Some(granted.fields().iter().cloned().collect()),
            projected_keys: Some(Base64(keys.to_bytes())),
        }
    }

    fn grant_detail(&self, grant: GrantId) -> Base64 {
        let detail = self.pdc.view(|view| view.state.grant(grant).map(|g| g.grant.detail));
        Base64(detail.flatten().unwrap_or(secnet_types::Digest::ZERO).0.to_vec())
    }
}
