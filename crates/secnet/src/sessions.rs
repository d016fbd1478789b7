//! Session keys: another key that signs access requests for a member, for hours and up to a limit. Kept as
//! `keys/NAME.session`, protected like every key.

use secnet_crypto::{KeyFileParams, SigningKey, keyfile};

use crate::failure::Failure;
use crate::files;
use crate::keystore::Keystore;
use crate::system::rng;

pub(crate) const SUFFIX: &str = "session";

/// Write a session key down.
pub(crate) fn keep(
    keystore: &Keystore,
    passphrase: &str,
    name: &str,
    key: &SigningKey,
) -> Result<(), Failure> {
    let text = keyfile::encrypt(key.seed(), passphrase, KeyFileParams::LEAST, &mut rng()).map_err(
        |error| Failure::new("key-file", "cannot protect the session key").because(&error),
    )?;
    files::write_private(&keystore.beside(name, SUFFIX), text.as_bytes())
}

/// The session key in a member's file.
pub(crate) fn open(
    keystore: &Keystore,
    name: &str,
    passphrase: &str,
) -> Result<SigningKey, Failure> {
    let path = keystore.beside(name, SUFFIX);
    if !path.exists() {
        return Err(Failure::new("no-session", format!("`{name}` has no session key here"))
            .hint("`secnet id session NAME --limit AMOUNT` opens one"));
    }
    let text = files::read_text(&path, keyfile::MAX_KEY_FILE_LEN as u64)?;
    let damaged = || Failure::new("key-file", format!("the session key of `{name}` is damaged"));
    let seed = keyfile::decrypt(&text, passphrase).map_err(|error| damaged().because(&error))?;
    let seed = <[u8; 32]>::try_from(seed.as_slice()).map_err(|_| damaged())?;
    Ok(SigningKey::from_seed(seed))
}

/// Remove the key of a session that is over.
pub(crate) fn forget(keystore: &Keystore, name: &str) -> Result<(), Failure> {
    let path = keystore.beside(name, SUFFIX);
    std::fs::remove_file(&path).map_err(|error| Failure::io("remove", &path, &error))
}
