//! What is told of a vault elsewhere that cannot be used.

use std::path::Path;

use secnet_vault::PlaceError;

use super::{Bucket, Where};
use crate::failure::{Exit, Failure};

/// The feature of this program that buckets need.
const FEATURE: &str = "s3";

pub(super) fn needs_feature() -> Failure {
    Failure::new(
        "needs-feature",
        format!("this program was built without the feature `{FEATURE}`, which a vault in a bucket needs"),
    )
    .hint(format!("build it with `cargo build --release --features {FEATURE}`"))
    .exit(Exit::Usage)
}

/// The folder has its segments at another place than the configuration says.
pub(super) fn elsewhere(dir: &Path, kept: &str, at: &Where) -> Failure {
    let dir = dir.display();
    let hint = match at {
        Where::Folder => {
            "name the configuration that the folder was made with, by --config or SECNET_CONFIG"
        }
        Where::S3(_) => {
            "name the configuration that the folder was made with, by --config or SECNET_CONFIG, or give `--set vault.place=folder`; to move the segments, back up and restore with the new configuration"
        }
    };
    Failure::new(
        "other-vault",
        format!("the segments of `{dir}` are in {kept}, and the configuration says {at}"),
    )
    .hint(hint)
    .exit(Exit::Usage)
}

/// Something is at a place that is to be claimed, or was this folder's.
pub(super) fn taken(bucket: &Bucket) -> Failure {
    Failure::new("vault-taken", format!("{bucket}, belongs to another folder, or is not empty"))
        .hint("choose another `vault.prefix`; if the folder that it belonged to is gone for good, remove the objects there first")
        .exit(Exit::Usage)
}

/// Nothing there says whose it is, and it has been claimed.
pub(super) fn lost(bucket: &Bucket) -> Failure {
    Failure::new("vault-lost", format!("{bucket}, does not say any more whose it is"))
        .hint("it was emptied, or another server answers: see what is there before anything is written; a backup has the segments")
        .exit(Exit::Verification)
}

pub(super) fn not_usable(bucket: &Bucket, error: &PlaceError) -> Failure {
    let (failure, hint) = match error {
        PlaceError::NoBucket => (
            Failure::new("no-bucket", format!("there is no bucket `{}`", bucket.bucket)),
            "make the bucket, or correct `vault.bucket`, `vault.region` or `vault.endpoint`",
        ),
        PlaceError::Refused => (
            Failure::new("vault-refused", format!("the storage refuses access to {bucket}")),
            "check the access key and its secret, the clock, and that they may list the bucket and get, put and delete objects",
        ),
        _ => (
            Failure::new("vault-unreachable", format!("cannot reach {bucket}")).because(error),
            "check `vault.endpoint`, the network, and that the server runs; nothing was changed",
        ),
    };
    failure.hint(hint).exit(Exit::Unreachable)
}
