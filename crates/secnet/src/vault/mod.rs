//! Where the segments of a data folder are: in the folder, or in an S3 bucket that the configuration names. A folder whose
//! segments are elsewhere says where, so that nobody takes an empty place for its vault.
//!
//! ```text
//! DIR/vault/         segments, if they are here
//! DIR/vault.place    where they are, if they are elsewhere
//! DIR/vault.claim    the id that a place is being claimed with, until it is
//! ```

mod credentials;
mod failures;
mod note;

use std::path::{Path, PathBuf};

use secnet_vault::{OpenVaultError, OwnerId, PlaceError, S3Settings, SegmentVault};

use crate::failure::{Exit, Failure};
use crate::files;
use crate::remote::MAX_CA_BYTES;
use failures::{elsewhere, lost, needs_feature, not_usable, taken};
use note::Note;

/// The folder's own place for segments.
const FOLDER: &str = "vault";
/// How often a call to the storage is made again.
const RETRIES: usize = 6;
/// The same when it is only looked whether it answers.
const LOOK_RETRIES: usize = 1;

/// Where the configuration says that segments are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Where {
    /// In the data folder.
    Folder,
    /// In a bucket.
    S3(Box<Bucket>),
}

/// A place in a bucket, and how to get there. No secret is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// Another server than Amazon's.
    pub endpoint: Option<String>,
    pub bucket: String,
    pub region: String,
    pub prefix: String,
    /// The file with the credentials; else they are in the environment.
    pub credentials: Option<PathBuf>,
    /// Certificates that are trusted besides those that the system trusts.
    pub ca: Option<PathBuf>,
}

impl core::fmt::Display for Bucket {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "the bucket `{}`, below `{}`", self.bucket, self.prefix)?;
        match &self.endpoint {
            Some(endpoint) => write!(f, ", at {endpoint}"),
            None => write!(f, ", at Amazon's S3"),
        }
    }
}

impl core::fmt::Display for Where {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Folder => write!(f, "the data folder"),
            Self::S3(bucket) => bucket.fmt(f),
        }
    }
}

/// Can what is configured be used at all? Nothing is called.
pub(crate) fn check_settings(at: &Where) -> Result<(), Failure> {
    match at {
        Where::Folder => Ok(()),
        Where::S3(bucket) => bucket.connect(LOOK_RETRIES).map(drop),
    }
}

/// Does the folder have its segments where the configuration says? Nothing is called or changed.
pub(crate) fn agrees(dir: &Path, at: &Where) -> Result<(), Failure> {
    match (Note::read(dir)?, at) {
        (Some(note), Where::S3(bucket)) if note.is_of(bucket) => Ok(()),
        (Some(note), _) => Err(elsewhere(dir, &note.to_string(), at)),
        (None, Where::S3(_)) if holds_files(&dir.join(FOLDER))? => {
            Err(elsewhere(dir, "the data folder itself", at))
        }
        (None, _) => Ok(()),
    }
}

/// Make the vault of a new folder, or of one that has none yet. Can be called again if it was interrupted.
pub(crate) async fn begin(dir: &Path, at: &Where) -> Result<SegmentVault, Failure> {
    let bucket = match at {
        Where::Folder => return local(dir),
        Where::S3(bucket) => bucket,
    };
    let vault = bucket.connect(RETRIES)?;
    // Durable before the place is claimed with it: whatever is cut off after that can claim it again.
    let owner = note::claim(dir)?;
    bucket.connect(LOOK_RETRIES)?.claim(owner).await.map_err(|error| match error {
        PlaceError::Taken => taken(bucket),
        error => not_usable(bucket, &error),
    })?;
    Note::of(bucket, owner).write(dir)?;
    Ok(vault)
}

/// Open the vault of a folder that nobody else has open.
pub(crate) async fn open(dir: &Path, at: &Where) -> Result<SegmentVault, Failure> {
    agrees(dir, at)?;
    match (at, Note::read(dir)?) {
        (Where::S3(_), None) => begin(dir, at).await,
        // It is not called: what ends rights must be ordered also while the storage does not answer.
        (Where::S3(bucket), Some(_)) => bucket.connect(RETRIES),
        (Where::Folder, _) => local(dir),
    }
}

/// The vault of a folder in which nothing may be changed. None if there is none.
pub(crate) fn inspect(dir: &Path, at: &Where) -> Result<Option<SegmentVault>, Failure> {
    agrees(dir, at)?;
    match at {
        Where::S3(bucket) if Note::read(dir)?.is_some() => bucket.connect(RETRIES).map(Some),
        _ if dir.join(FOLDER).exists() => local(dir).map(Some),
        _ => Ok(None),
    }
}

/// Does the place answer, and is it still this folder's? One in the folder is.
pub(crate) async fn look(dir: &Path, at: &Where) -> Result<(), Failure> {
    agrees(dir, at)?;
    let (Where::S3(bucket), Some(note)) = (at, Note::read(dir)?) else { return Ok(()) };
    match bucket.connect(LOOK_RETRIES)?.owner().await {
        Ok(Some(owner)) if owner == note.owner => Ok(()),
        Ok(Some(_)) | Err(PlaceError::Taken) => Err(taken(bucket)),
        Ok(None) => Err(lost(bucket)),
        Err(error) => Err(not_usable(bucket, &error)),
    }
}

/// As [`look`], and can be written to. A place that is not claimed yet must be free.
pub(crate) async fn try_out(dir: &Path, at: &Where) -> Result<(), Failure> {
    look(dir, at).await?;
    let Where::S3(bucket) = at else { return Ok(()) };
    let vault = bucket.connect(LOOK_RETRIES)?;
    if Note::read(dir)?.is_none() {
        match vault.owner().await {
            Ok(None) => {}
            Ok(Some(_)) | Err(PlaceError::Taken) => return Err(taken(bucket)),
            Err(error) => return Err(not_usable(bucket, &error)),
        }
    }
    vault.try_writing().await.map_err(|error| not_usable(bucket, &error))
}

/// Remove what was put at a place that a folder claimed which is not to be. The place may not answer any more: whoever wants
/// it next is told that something is there.
pub(crate) async fn give_up(dir: &Path, at: &Where) {
    let Where::S3(bucket) = at else { return };
    let claimed: Option<OwnerId> = note::claimed(dir);
    if let (Some(owner), Ok(vault)) = (claimed, bucket.connect(LOOK_RETRIES))
        && let Err(error) = vault.give_up(owner).await
        // It was another's all the time.
        && error != PlaceError::Taken
    {
        tracing::warn!(why = %error, place = %bucket, "what was put there stays");
    }
}

/// A new folder goes on with the place of another one, which is not used any more. False if segments are in that folder.
pub(crate) fn take_over(old: &Path, dir: &Path) -> Result<bool, Failure> {
    match Note::read(old)? {
        Some(note) => note.write(dir).map(|()| true),
        None => Ok(false),
    }
}

fn local(dir: &Path) -> Result<SegmentVault, Failure> {
    SegmentVault::local(&dir.join(FOLDER))
        .map_err(|error| Failure::new("vault", "cannot open the vault").because(&error))
}

/// Is there a file, however deep?
fn holds_files(folder: &Path) -> Result<bool, Failure> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(Failure::io("read", folder, &error)),
    };
    for entry in entries {
        let path = entry.map_err(|error| Failure::io("read", folder, &error))?.path();
        if !path.is_dir() || holds_files(&path)? {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Bucket {
    /// A way to the place; nothing is called.
    fn connect(&self, retries: usize) -> Result<SegmentVault, Failure> {
        if !cfg!(feature = "s3") {
            return Err(needs_feature());
        }
        let found = credentials::find(self.credentials.as_deref())?;
        let ca = self.ca.as_deref().map(|ca| files::read(ca, MAX_CA_BYTES)).transpose()?;
        let ca = ca.map(|pem| pem.to_vec());
        let settings = S3Settings {
            bucket: self.bucket.clone(),
            prefix: self.prefix.clone(),
            region: self.region.clone(),
            endpoint: self.endpoint.clone(),
            keys: found,
            ca,
            // Which of them may be without TLS was settled when the configuration was read.
            allow_http: self.endpoint.as_ref().is_some_and(|e| e.starts_with("http:")),
            retries,
        };
        SegmentVault::s3(&settings).map_err(|error| match error {
            OpenVaultError::NoCertificate => {
                Failure::new("bad-certificate", "the file of `vault.ca` has no certificates")
                    .hint("it is PEM: the certificate of whoever signs for the server")
                    .exit(Exit::Usage)
            }
            error => Failure::new("vault", "cannot open the vault").because(&error),
        })
    }
}
