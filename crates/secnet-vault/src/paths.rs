//! Names in the object store. All are made of hashes and random numbers here, so no input can lead elsewhere.
//!
//! ```text
//! segments/<first two hex digits>/<64 hex digits>     ciphertext
//! outboards/<first two hex digits>/<64 hex digits>    chaining values of segments above 64 KiB
//! quarantine/<64 hex digits>                          segments that did not match their address
//! staging/<32 hex digits>                             streamed segments whose address is not known yet
//! owner                                               whose all this is, elsewhere than in a data folder
//! ```

use object_store::path::Path;
use secnet_crypto::Address;

pub(crate) const SEGMENTS: &str = "segments";
pub(crate) const OUTBOARDS: &str = "outboards";
pub(crate) const QUARANTINE: &str = "quarantine";
pub(crate) const STAGING: &str = "staging";

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sharded(folder: &str, address: Address) -> Path {
    let [first, ..] = *address.as_bytes();
    Path::from_iter([folder.to_owned(), hex(&[first]), hex(address.as_bytes())])
}

pub(crate) fn segment(address: Address) -> Path {
    sharded(SEGMENTS, address)
}

pub(crate) fn outboard(address: Address) -> Path {
    sharded(OUTBOARDS, address)
}

pub(crate) fn quarantine(address: Address) -> Path {
    Path::from_iter([QUARANTINE.to_owned(), hex(address.as_bytes())])
}

pub(crate) fn staging(random: [u8; 16]) -> Path {
    Path::from_iter([STAGING.to_owned(), hex(&random)])
}

/// The address that a path's last part spells; `None` for foreign files.
pub(crate) fn address(path: &Path) -> Option<Address> {
    format!("b3:{}", path.filename()?).parse().ok()
}
