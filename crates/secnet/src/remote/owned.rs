//! What a node says of a dataset to its owner: what the next command on it goes on from.

use std::collections::BTreeSet;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use secnet_app::{DatasetManifest, TermsDetail, ToHost, Upload};
use secnet_lock::{CompartmentPacket, UploadId};
use secnet_types::{DatasetId, Digest, IdError, RecordId, Terms, decode};
use serde_json::Value;

use super::upload::Task;
use super::{Remote, bytes, missing, text, wrong};
use crate::failure::Failure;
use crate::keystore::Identity;
use crate::show::fields::entries;
use crate::system::random;

/// Longest terms on the ledger, in bytes.
const MAX_TERMS_BYTES: usize = 64 * 1024;
/// Digits of an upload's id.
const UPLOAD_ID_DIGITS: usize = 32;

impl Remote {
    /// The terms of a dataset, and what they commit to.
    pub(crate) async fn terms_of(
        &self,
        owner: &Identity,
        dataset: DatasetId,
    ) -> Result<(TermsDetail, Terms), Failure> {
        let told = self.client.look(owner, &format!("/v1/datasets/{dataset}/terms")).await?;
        let terms: Terms = decode("terms", &bytes(&told, "terms")?, MAX_TERMS_BYTES)
            .map_err(|error| wrong(&error))?;
        let detail =
            TermsDetail::from_bytes(&bytes(&told, "detail")?).map_err(|error| wrong(&error))?;
        if detail.commitment() != terms.detail {
            return Err(missing("detail"));
        }
        Ok((detail, terms))
    }

    /// What a command commits to besides these uploads, and the list of all that it commits to if it brings any.
    pub(super) async fn listed(
        &self,
        owner: &Identity,
        task: Task,
        uploads: &[Upload],
    ) -> Result<(Digest, Option<DatasetManifest>), Failure> {
        let manifest = match task {
            Task::Register | Task::Accept(_) => DatasetManifest::of(random(), uploads),
            Task::Update(dataset) => {
                let path = format!("/v1/datasets/{dataset}/manifest");
                let told = self.client.look(owner, &path).await?;
                let before = DatasetManifest::from_bytes(&bytes(&told, "manifest")?);
                let before = before.map_err(|error| wrong(&error))?;
                if uploads.is_empty() {
                    return Ok((before.commitment(), None));
                }
                before.with(random(), uploads)
            }
        };
        Ok((manifest.commitment(), Some(manifest)))
    }

    /// All uploads of a dataset, with what lets the owner open them.
    pub(super) async fn uploads_of(
        &self,
        owner: &Identity,
        dataset: DatasetId,
    ) -> Result<Vec<ToHost>, Failure> {
        let path = format!("/v1/datasets/{dataset}/uploads");
        let told = self.gather(owner, &path, &["uploads"]).await?;
        entries(&told, "uploads").map(upload).collect()
    }
}

fn upload(told: &Value) -> Result<ToHost, Failure> {
    let id = text(told, "upload")?;
    let id = if id.len() == UPLOAD_ID_DIGITS { u128::from_str_radix(id, 16).ok() } else { None };
    let id = id.ok_or_else(|| missing("upload"))?;
    let records = entries(told, "records").map(|record| {
        let record = record.as_str().ok_or_else(|| missing("records"))?;
        record.parse::<RecordId>().map_err(|error: IdError| wrong(&error))
    });
    let packets = entries(told, "packets").map(|packet| {
        let packet = packet.as_str().ok_or_else(|| missing("packets"))?;
        let packet = Base64UrlUnpadded::decode_vec(packet).map_err(|error| wrong(&error))?;
        CompartmentPacket::from_bytes(&packet).map_err(|error| wrong(&error))
    });
    Ok(ToHost {
        upload: UploadId(id.to_be_bytes()),
        records: records.collect::<Result<BTreeSet<_>, Failure>>()?,
        packets: packets.collect::<Result<_, Failure>>()?,
    })
}
