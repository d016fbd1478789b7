//! Datasets that an owner's side has sealed: registered, extended or taken over, with what their records open with.

use std::sync::Arc;

use axum::Json as JsonAnswer;
use axum::extract::State;
use secnet_app::{DatasetManifest, Stated, TermsDetail, Upload};
use secnet_lock::{
    CompartmentPacket, HostingPacket, RecordEntry, ReleasePacket, SealedUpload, UploadManifest,
};
use secnet_types::{Operation, RecordMeta, decode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::base64::Base64;
use crate::body::Json;
use crate::http::commands::own_command;
use crate::{Gateway, Problem};

/// Longest body, in bytes: the entries of some 30,000 records. More records are several uploads.
const MAX_BYTES: usize = 24 * 1024 * 1024;
/// Most uploads in one call.
const MAX_UPLOADS: usize = 64;
/// Longest description of one record, in bytes.
const MAX_META_BYTES: usize = 4096;

/// A command that registers, updates or accepts a dataset, with what it commits to. The segments were sent before.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatasetBody {
    /// The command: a COSE_Sign1, as `docs/spec/commands.md` says. Its id makes it idempotent.
    command: Base64,
    /// The detailed terms that the command commits to, CBOR.
    terms: Base64,
    /// The list of all uploads of the dataset that the command commits to, CBOR; absent when only terms change.
    manifest: Option<Base64>,
    /// What was sealed; may be empty when only terms change.
    #[serde(default)]
    uploads: Vec<UploadBody>,
    /// Of a hosted dataset: for each upload that has none yet the packet that lets the data centre open its records, CBOR.
    #[serde(default)]
    hosting: Vec<Base64>,
}

/// One sealed upload, CBOR each, as `docs/spec/lock.md` says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UploadBody {
    /// What was made.
    manifest: Base64,
    /// Each record.
    records: Vec<RecordBody>,
    /// One packet for each compartment.
    compartment_packets: Vec<Base64>,
    /// One packet for each release node.
    release_packets: Vec<Base64>,
}

/// One record: what is known of it, and how it opens.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordBody {
    /// Its description, CBOR.
    meta: Base64,
    /// Where it is and how it opens, CBOR.
    entry: Base64,
}

/// Where a dataset ended up.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TakenIn {
    /// The dataset.
    dataset: String,
    /// Index of the command's event in the log.
    event: u64,
    /// Height of the ledger when it was durable.
    height: u64,
    /// The command had been applied before.
    repeated: bool,
}

/// Register, update or accept a dataset. If the ledger refuses, nothing of it is kept but the segments that were sent ahead.
#[utoipa::path(post, path = "/v1/datasets", tag = "datasets", request_body = DatasetBody, responses(
    (status = 200, description = "It is durable.", body = TakenIn),
    (status = 403, description = "Made by another key than the call.", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "What it is about is not kept here.", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The ledger refuses it; nothing was changed.", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn take_in(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    Json(body): Json<DatasetBody, MAX_BYTES>,
) -> Result<JsonAnswer<TakenIn>, Box<Problem>> {
    let command = own_command(&caller, &body.command)?;
    if !matches!(
        command.value.operation,
        Operation::RegisterDataset { .. }
            | Operation::UpdateDataset { .. }
            | Operation::AcceptDataset { .. }
    ) {
        return Err(Problem::malformed("the command is not about a dataset's content or terms"));
    }
    if body.uploads.len() > MAX_UPLOADS {
        let problem = format!("at most {MAX_UPLOADS} uploads in one call");
        return Err(Problem::malformed(problem));
    }
    let terms = TermsDetail::from_bytes(&body.terms.0).map_err(|error| malformed(&error))?;
    // Others are shown it, in their terminals.
    if !secnet_app::is_plain(&terms.title) {
        return Err(Problem::malformed("the title has characters that do not print"));
    }
    let uploads = body.uploads.into_iter().map(UploadBody::parse);
    let uploads = uploads.collect::<Result<Vec<Upload>, _>>()?;
    let manifest = body.manifest.map(|manifest| DatasetManifest::from_bytes(&manifest.0));
    let stated = Stated {
        terms,
        manifest: manifest.transpose().map_err(|error| malformed(&error))?,
        hosting: each(&body.hosting, HostingPacket::from_bytes)?,
    };
    let (dataset, committed) = gateway.pdc.take_in(uploads, &stated, &command).await?;
    Ok(JsonAnswer(TakenIn {
        dataset: dataset.to_string(),
        event: committed.event,
        height: committed.height,
        repeated: committed.repeated,
    }))
}

fn malformed(error: &impl ToString) -> Box<Problem> {
    Problem::malformed(error.to_string())
}

fn each<T, E: ToString>(
    all: &[Base64],
    parse: impl Fn(&[u8]) -> Result<T, E>,
) -> Result<Vec<T>, Box<Problem>> {
    let parsed = all.iter().map(|bytes| parse(&bytes.0));
    parsed.map(|part| part.map_err(|error| Problem::malformed(error.to_string()))).collect()
}

impl UploadBody {
    fn parse(self) -> Result<Upload, Box<Problem>> {
        let manifest =
            UploadManifest::from_bytes(&self.manifest.0).map_err(|error| malformed(&error))?;
        let (mut metas, mut entries) = (Vec::new(), Vec::new());
        for RecordBody { meta, entry } in &self.records {
            let meta: RecordMeta =
                decode("record", &meta.0, MAX_META_BYTES).map_err(|error| malformed(&error))?;
            let entry = RecordEntry::from_bytes(&entry.0)
                .map_err(|error| Problem::malformed(error.to_string()))?;
            metas.push(meta);
            entries.push(entry);
        }
        let sealed = SealedUpload {
            upload: manifest.upload,
            segments: Vec::new(),
            entries,
            compartment_packets: each(&self.compartment_packets, CompartmentPacket::from_bytes)?,
            release_packets: each(&self.release_packets, ReleasePacket::from_bytes)?,
            manifest,
        };
        Ok(Upload { sealed, metas })
    }
}
