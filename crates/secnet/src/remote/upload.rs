//! Records for a node elsewhere: sealed here, sent as ciphertext, then registered.

use secnet_app::ports::Clock as _;
use secnet_app::{Enclosures, TermsDetail, Upload};
use secnet_crypto::SealPublicKey;
use secnet_types::{
    Command, CommandId, DatasetId, Digest, Effect, Genesis, IdError, MemberId, Operation, Receipt,
    ReleaseMember, ServiceLevel, SignedCommand, Terms, encode, quorum,
};
use serde_json::{Value, json};

use super::change::COMMAND_LIFETIME_MS;
use super::{Answer, Change, How, Remote, bytes, encoded, number, order, text, wrong};
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
        let release: Vec<SealPublicKey> = release.collect::<Result<_, Failure>>()?;
        let threshold = u8::try_from(number(&told, "threshold")?).map_err(|error| wrong(&error))?;
        let genesis = self.genesis().await?;
        let members = match told.get("release_set_by") {
            Some(_) => set_by(&genesis, &bytes(&told, "release_set_by")?)?,
            None => genesis.release_members(),
        };
        if genesis.validators.is_some() && !are_of(&members, &release, threshold) {
            return Err(Failure::new(
                "other-release-nodes",
                "the node names release nodes that are not those of the network",
            )
            .hint("nothing was sealed: whoever runs the node could have opened it alone; ask who runs it")
            .exit(Exit::Verification));
        }
        Ok(Centre {
            member: text(&told, "data_centre")?.parse().map_err(|error: IdError| wrong(&error))?,
            host: key(&bytes(&told, "hosting_key")?)?,
            release,
            threshold,
        })
    }
}

/// A data centre that could name keys of its own would hold all shares. In a network the genesis says whose they are, or whom its
/// governors have named since; a solo network's only node holds them anyway.
fn are_of(members: &[ReleaseMember], release: &[SealPublicKey], threshold: u8) -> bool {
    let keys = release.iter().map(|key| Digest(key.digest()));
    members.iter().map(|member| member.sealing_key).eq(keys)
        && usize::from(threshold) == quorum(members.len())
}

/// Whom the governors have named, by the receipt of it.
fn set_by(genesis: &Genesis, receipt: &[u8]) -> Result<Vec<ReleaseMember>, Failure> {
    let no_proof = || {
        Failure::new(
            "other-release-nodes",
            "the node does not prove whom the governors named to hold shares",
        )
        .hint("nothing was sealed; ask who runs the node")
        .exit(Exit::Verification)
    };
    let receipt = Receipt::parse(receipt).map_err(|error| no_proof().because(&error))?;
    let verified = receipt.verify(genesis).map_err(|error| no_proof().because(&error))?;
    let named = verified.event.effects.into_iter().find_map(|effect| match effect {
        Effect::NodesSet { nodes, .. } => nodes.release,
        _ => None,
    });
    named.ok_or_else(no_proof)
}

/// What is to become of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// There is one more.
    Register,
    /// It has other terms, or more records.
    Update(DatasetId),
    /// It has another owner, under whose keys its records are sealed.
    Accept(DatasetId),
}

impl Task {
    /// The dataset that there is already.
    fn known(self) -> Option<DatasetId> {
        match self {
            Self::Register => None,
            Self::Update(dataset) | Self::Accept(dataset) => Some(dataset),
        }
    }

    fn operation(self, pdc: MemberId, terms: Terms, manifest: Digest) -> Operation {
        match self {
            Self::Register => Operation::RegisterDataset { pdc, terms, manifest },
            Self::Update(dataset) => Operation::UpdateDataset { dataset, pdc, terms, manifest },
            Self::Accept(dataset) => Operation::AcceptDataset { dataset, pdc, terms, manifest },
        }
    }
}

/// What the ledger would say. The commitment to the records is not known before they are sealed; the ledger takes any.
pub(crate) async fn foresee_dataset(
    (remote, author): (&Remote, &Identity),
    task: Task,
    terms: Terms,
) -> Result<Change, Failure> {
    let centre = remote.centre().await?;
    let operation = task.operation(centre.member, terms, Digest::ZERO);
    order(remote, author, (operation, Enclosures::default()), How::Foresee).await
}

/// Seal records, part by part, send each part's ciphertext, and hand in the command that is about all of them. None if the call
/// was printed.
pub(crate) async fn hand_in(
    (remote, owner): (&Remote, &Identity),
    task: Task,
    records: &[PlainRecord],
    (detail, terms): (&TermsDetail, Terms),
    progress: impl FnMut(u64),
) -> Result<Option<DatasetId>, Failure> {
    let network = remote.network().await?;
    let Centre { member: pdc, host, release, threshold } = remote.centre().await?;
    let id = CommandId(random());
    let dataset = task.known().unwrap_or_else(|| DatasetId::derive(owner.member(), id));
    let to = (release, threshold);
    let uploads = send((remote, owner), dataset, records, to, progress).await?;
    let (commitment, manifest) = remote.listed(owner, task, &uploads).await?;
    let level = terms.level;
    let mut to_host = actions::fresh(&uploads);
    if let (Task::Update(_), [], ServiceLevel::Hosted) = (task, records, level) {
        // The level may be new; and if something of what was there is lost, here it is made again.
        to_host.extend(remote.uploads_of(owner, dataset).await?);
    }
    let hosting = actions::hosting((&remote.keystore, &host), owner, (dataset, level), &to_host)?;
    // Signed when all is there: sending may take longer than a command lives.
    let command = Command {
        network,
        author: owner.member(),
        id,
        expires: SystemClock.now().plus_ms(COMMAND_LIFETIME_MS),
        operation: task.operation(pdc, terms, commitment),
    };
    let command = SignedCommand::sign(command, &owner.signing);
    let body = json!({
        "command": encoded(&command.to_bytes()),
        "terms": encoded(&encode(detail)),
        "manifest": manifest.map(|manifest| encoded(&encode(&manifest))),
        "uploads": uploads.iter().map(described).collect::<Vec<_>>(),
        "hosting": hosting.iter().map(|packet| encoded(&packet.to_bytes())).collect::<Vec<_>>(),
    });
    if body.to_string().len() > MAX_CALL_BYTES {
        return Err(Failure::new("too-many", "these are more records than a node takes at once")
            .hint("hand them in as several datasets, or in several parts; a call has room for some 30,000 records")
            .exit(Exit::Usage));
    }
    let answer = match remote.client.call(owner, "/v1/datasets", &body).await {
        // The answer may be what was lost: the same command again is done once.
        Err(failure) if failure.code == "unreachable" => {
            remote.client.call(owner, "/v1/datasets", &body).await.map_err(|failure| {
                failure.hint("it may be done all the same: look with `secnet data ls` and `secnet data show` before you send it again")
            })?
        }
        answered => answered?,
    };
    Ok((!matches!(answer, Answer::Printed)).then_some(dataset))
}

/// Seal records part by part, and send the ciphertext of each.
async fn send(
    (remote, owner): (&Remote, &Identity),
    dataset: DatasetId,
    records: &[PlainRecord],
    to: (Vec<SealPublicKey>, u8),
    mut progress: impl FnMut(u64),
) -> Result<Vec<Upload>, Failure> {
    let mut uploads = Vec::new();
    if records.is_empty() {
        return Ok(uploads);
    }
    let sealing = Sealing::begin(&remote.keystore, owner, records, to)?;
    for part in records.chunks(MAX_RECORDS_PER_UPLOAD) {
        let mut upload = sealing.seal(dataset, part)?;
        // What was sent is not kept: memory holds the ciphertext of one part.
        for segment in core::mem::take(&mut upload.sealed.segments) {
            remote.client.send_segment(owner, segment.address, segment.bytes).await?;
        }
        uploads.push(upload);
        progress(part.len() as u64);
    }
    Ok(uploads)
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
