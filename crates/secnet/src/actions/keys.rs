//! An owner's record keys, on disk.

use secnet_lock::CompartmentKeys;

use crate::failure::{Exit, Failure};
use crate::files;
use crate::keystore::{Identity, Keystore};
use crate::system::rng;

/// How the file of an owner's record keys ends.
pub(crate) const COMPARTMENTS: &str = "compartments";
/// Longest file of compartment keys.
const MAX_COMPARTMENTS_BYTES: u64 = 16 * 1024 * 1024;

/// An owner's compartment keys. Kept beside the identity, encrypted; each can be destroyed by itself.
pub(crate) fn compartments(
    keystore: &Keystore,
    owner: &Identity,
) -> Result<CompartmentKeys, Failure> {
    let path = keystore.beside(&owner.card.name, COMPARTMENTS);
    let damaged = || {
        Failure::new("compartments", format!("`{}` is damaged", path.display()))
            .hint("keep it as it is; `secnet restore` puts a backup into another folder")
            .exit(Exit::Verification)
    };
    let Some(sealed) = files::read_if_present(&path, MAX_COMPARTMENTS_BYTES)? else {
        return Ok(CompartmentKeys::new());
    };
    let key = secnet_crypto::ObjectKey::from_bytes(*owner.file_key());
    let bytes = secnet_crypto::open_object(&key, b"compartments", &sealed)
        .map_err(|error| damaged().because(&error))?;
    CompartmentKeys::from_bytes(&bytes).map_err(|error| damaged().because(&error))
}

pub(crate) fn save_compartments(
    keystore: &Keystore,
    owner: &Identity,
    keys: &CompartmentKeys,
) -> Result<(), Failure> {
    let path = keystore.beside(&owner.card.name, COMPARTMENTS);
    let key = secnet_crypto::ObjectKey::from_bytes(*owner.file_key());
    let sealed = secnet_crypto::seal_object(&key, b"compartments", &keys.to_bytes(), &mut rng())
        .map_err(|error| lock_failure(&error))?;
    files::write_private(&path, &sealed)
}

pub(crate) fn lock_failure(error: &dyn std::error::Error) -> Failure {
    Failure::new("sealing", "the records could not be sealed").because(error)
}
