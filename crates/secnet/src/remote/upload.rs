//! Records for a node elsewhere: sealed here, sent as ciphertext, then registered.

use secnet_app::ports::Clock as _;
use secnet_app::{DatasetManifest, TermsDetail, Upload};
use secnet_crypto::SealPublicKey;
use secnet_types::{
    Command, CommandId, DatasetId, IdError, MemberId, Operation, ServiceLevel, SignedCommand,
    Terms, encode,
};
use serde_json::{Value, json};

use super::change::COMMAND_LIFETIME_MS;
use super::{Remote, bytes, encoded, number, text, wrong};
use crate::actions::{self, MAX_RECORDS_PER_UPLOAD, PlainRecord, Sealing};
use crate::failure::{Exit, Failure};
use crate::keystore::Identity;
use crate::system::{SystemClock, random};

/// Longest call that a node takes for a dataset, in bytes.
const MAX_CALL_BYTES: usize = 24 * 1024 * 1024;

/// The data centre at a node, and what records for it are sealed to.
struct Centre {
    member: MemberId,
    host: SealPublicKey,
    release: Vec<SealPublicKey>,
    threshold: u8,
}

impl Remote {
    /// To whom uploads are sealed.
    async fn centre(&self) -> Result<Centre, Failure> {
        let told = self.client.open("/v1/network").await?;
        let key = |bytes: &[u8]| SealPublicKey::from_bytes(bytes).map_err(|error| wrong(&error));
        let release = told.get("release_nodes").and_then(Value::as_array).into_iter().flatten();
        let release = release.map(|node| key(&bytes(&json!({ "key": node }), "key")?));
        Ok(Centre {
            member: text(&told, "data_centre")?.parse().map_err(|error: IdError| wrong(&error))?,
            host: key(&bytes(&told, "hosting_key")?)?,
            release: release.collect::<Result<_, Failure>>()?,
            threshold: u8::try_from(number(&told, "threshold")?).map_err(|error| wrong(&error))?,
        })
    }
}

/// Seal records, part by part, send each part's ciphertext, and register all of them.
pub(crate) async fn register(
    (remote, owner): (&Remote, &Identity),
    records: &[PlainRecord],
    (detail, terms): (&TermsDetail, Terms),
    mut progress: impl FnMut(u64),
) -> Result<DatasetId, Failure> {
    actions::require_records(records)?;
    let network = remote.network().await?;
    let Centre { member: pdc, host, release, threshold } = remote.centre().await?;
    let id = CommandId(random());
    let dataset = DatasetId::derive(owner.member(), id);
    let sealing = Sealing::begin(&remote.keystore, owner, records, (release, threshold))?;
    let mut uploads = Vec::new();
    for part in records.chunks(MAX_RECORDS_PER_UPLOAD) {
        let mut upload = sealing.seal(dataset, part)?;
        // What was sent is not kept: memory holds the ciphertext of one part.
        for segment in core::mem::take(&mut upload.sealed.segments) {
            remote.client.send_segment(owner, segment.address, segment.bytes).await?;
        }
        uploads.push(upload);
        progress(part.len() as u64);
    }
    let manifest = DatasetManifest::of(random(), &uploads);
    let level = terms.level;
    // Signed when all is there: sending may take longer than a command lives.
    let command = Command {
        network,
        author: owner.member(),
        id,
        expires: SystemClock.now().plus_ms(COMMAND_LIFETIME_MS),
        operation: Operation::RegisterDataset { pdc, terms, manifest: manifest.commitment() },
    };
    let command = SignedCommand::sign(command, &owner.signing);
    let to_host = match level {
        ServiceLevel::Hosted => actions::fresh(&uploads),
        ServiceLevel::Sealed => Vec::new(),
    };
    let hosting = actions::hosting((&remote.keystore, &host), owner, (dataset, level), &to_host)?;
    let body = json!({
        "command": encoded(&command.to_bytes()),
        "terms": encoded(&encode(detail)),
        "manifest": encoded(&encode(&manifest)),
        "uploads": uploads.iter().map(described).collect::<Vec<_>>(),
        "hosting": hosting.iter().map(|packet| encoded(&packet.to_bytes())).collect::<Vec<_>>(),
    });
    if body.to_string().len() > MAX_CALL_BYTES {
        return Err(Failure::new("too-many", "these are more records than a node takes at once")
            .hint("register them as several datasets; a call has room for some 30,000 records")
            .exit(Exit::Usage));
    }
    match remote.client.call(owner, "/v1/datasets", &body).await {
        // The answer may be what was lost: the same command again is done once.
        Err(failure) if failure.code == "unreachable" => {
            remote.client.call(owner, "/v1/datasets", &body).await.map_err(|failure| {
                failure.hint("it may be registered all the same: look with `secnet data ls` before you send it again")
            })?
        }
        answered => answered?,
    };
    Ok(dataset)
}

/// What a node needs to know of an upload besides its segments.
fn described(upload: &Upload) -> Value {
    let sealed = &upload.sealed;
    let records = upload.metas.iter().zip(&sealed.entries).map(|(meta, entry)| {
        json!({ "meta": encoded(&encode(meta)), "entry": encoded(&entry.to_bytes()) })
    });
    let compartments = sealed.compartment_packets.iter().map(|p| encoded(&p.to_bytes()));
    let releases = sealed.release_packets.iter().map(|p| encoded(&p.to_bytes()));
    json!({
        "manifest": encoded(&sealed.manifest.to_bytes()),
        "records": records.collect::<Vec<_>>(),
        "compartment_packets": compartments.collect::<Vec<_>>(),
        "release_packets": releases.collect::<Vec<_>>(),
    })
}
