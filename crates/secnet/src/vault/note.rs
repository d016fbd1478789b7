//! What a folder says of where its segments are.

use std::path::Path;

use secnet_vault::OwnerId;

use super::Bucket;
use crate::failure::{Exit, Failure};
use crate::files;

const PLACE: &str = "vault.place";
const CLAIM: &str = "vault.claim";
const TITLE: &str = "secnet-vault s3";
/// Longest such file, in bytes.
const MAX_BYTES: u64 = 4096;
/// As an endpoint: that of the region.
const AMAZON: &str = "-";

/// A place, and the id that it was claimed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    /// None is Amazon's.
    endpoint: Option<String>,
    bucket: String,
    prefix: String,
    pub(super) owner: OwnerId,
}

impl core::fmt::Display for Note {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { endpoint, bucket, prefix, .. } = self;
        let at = endpoint.as_deref().unwrap_or("Amazon's S3");
        write!(f, "the bucket `{bucket}`, below `{prefix}`, at {at}")
    }
}

impl Note {
    pub(super) fn of(bucket: &Bucket, owner: OwnerId) -> Self {
        let Bucket { endpoint, bucket, prefix, .. } = bucket;
        Self { endpoint: endpoint.clone(), bucket: bucket.clone(), prefix: prefix.clone(), owner }
    }

    /// Is it the same place? How one gets there may change.
    pub(super) fn is_of(&self, bucket: &Bucket) -> bool {
        *self == Self::of(bucket, self.owner)
    }

    pub(super) fn read(dir: &Path) -> Result<Option<Self>, Failure> {
        let file = dir.join(PLACE);
        let Some(bytes) = files::read_if_present(&file, MAX_BYTES)? else { return Ok(None) };
        let note = core::str::from_utf8(&bytes).ok().and_then(Self::parse);
        note.map(Some).ok_or_else(|| damaged(&file))
    }

    fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(TITLE)?.strip_prefix('\n')?;
        let [endpoint, bucket, prefix, owner] =
            *rest.strip_suffix('\n')?.split('\n').collect::<Vec<_>>()
        else {
            return None;
        };
        Some(Self {
            endpoint: (endpoint != AMAZON).then(|| endpoint.to_owned()),
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            owner: owner.parse().ok()?,
        })
    }

    fn text(&self) -> String {
        let Self { endpoint, bucket, prefix, owner } = self;
        let endpoint = endpoint.as_deref().unwrap_or(AMAZON);
        format!("{TITLE}\n{endpoint}\n{bucket}\n{prefix}\n{owner}\n")
    }

    /// Say where the segments are. What claimed the place is not needed any more.
    pub(super) fn write(&self, dir: &Path) -> Result<(), Failure> {
        files::write_private(&dir.join(PLACE), self.text().as_bytes())?;
        files::remove(&dir.join(CLAIM))
    }
}

/// The id to claim a place with: that of an interrupted claim, or a new one.
pub(super) fn claim(dir: &Path) -> Result<OwnerId, Failure> {
    let file = dir.join(CLAIM);
    if let Some(bytes) = files::read_if_present(&file, MAX_BYTES)? {
        return parse_claim(&bytes).ok_or_else(|| damaged(&file));
    }
    let owner = OwnerId::random();
    files::write_private(&file, format!("{owner}\n").as_bytes())?;
    Ok(owner)
}

/// The id that the folder has claimed a place with, or was about to.
pub(super) fn claimed(dir: &Path) -> Option<OwnerId> {
    let note = Note::read(dir).ok().flatten().map(|note| note.owner);
    note.or_else(|| parse_claim(&files::read(&dir.join(CLAIM), MAX_BYTES).ok()?))
}

fn parse_claim(bytes: &[u8]) -> Option<OwnerId> {
    core::str::from_utf8(bytes).ok()?.strip_suffix('\n')?.parse().ok()
}

fn damaged(file: &Path) -> Failure {
    Failure::new("damaged", format!("`{}` does not say where the segments are", file.display()))
        .hint("put the file back as it was; docs/spec/folder.md says its form")
        .exit(Exit::Verification)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(endpoint: Option<&str>) -> Bucket {
        Bucket {
            endpoint: endpoint.map(str::to_owned),
            bucket: "clinic".into(),
            region: "us-east-1".into(),
            prefix: "data/one".into(),
            credentials: None,
            ca: None,
        }
    }

    #[test]
    fn a_place_is_noted_and_known_again_however_one_gets_there() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Note::read(folder.path()).unwrap(), None);
        let owner = claim(folder.path()).unwrap();
        assert_eq!((claim(folder.path()).unwrap(), claimed(folder.path())), (owner, Some(owner)));
        for endpoint in [None, Some("https://s3.example.org")] {
            let note = Note::of(&bucket(endpoint), owner);
            note.write(folder.path()).unwrap();
            assert_eq!(Note::read(folder.path()).unwrap(), Some(note.clone()));
            let way = Bucket {
                region: "eu-central-1".into(),
                credentials: Some("other".into()),
                ..bucket(endpoint)
            };
            assert!(note.is_of(&way));
            for other in [
                Bucket { bucket: "other".into(), ..bucket(endpoint) },
                Bucket { prefix: "data/two".into(), ..bucket(endpoint) },
                bucket(Some("https://other.example")),
            ] {
                assert!(!note.is_of(&other), "{other}");
            }
        }
        assert!(!folder.path().join(CLAIM).exists());
        assert_eq!(claimed(folder.path()), Some(owner));
    }

    #[test]
    fn a_note_that_says_something_else_is_damaged_and_not_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let good = Note::of(&bucket(None), OwnerId::random()).text();
        let longer = format!("{good}\n");
        let other = good.replace("s3", "s4");
        for bad in ["", "secnet-vault s3\n", good.trim_end(), &longer, &other] {
            std::fs::write(folder.path().join(PLACE), bad).unwrap();
            assert_eq!(Note::read(folder.path()).unwrap_err().code, "damaged", "{bad:?}");
        }
    }
}
