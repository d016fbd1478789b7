//! Names in the object store. All are made of hashes and random numbers here, so no input can lead elsewhere.
//!
//! ```text
//! segments/<first two hex digits>/<64 hex digits>     ciphertext
//! outboards/<first two hex digits>/<64 hex digits>    chaining values of segments above 64 KiB
//! quarantine/<64 hex digits>                          segments that did not match their address
//! staging/<32 hex digits>                             streamed segments whose address is not known yet
//! owner                                               whose all this is, elsewhere than in a data folder
//! ```

use std::path::{Path as FilePath, PathBuf};

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

/// The same as a file, of a store that is this folder.
pub(crate) fn segment_in(folder: &FilePath, address: Address) -> PathBuf {
    let name = hex(address.as_bytes());
    folder.join(SEGMENTS).join(name.get(..2).unwrap_or_default()).join(name)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segments_file_is_where_its_name_says() {
        let address = Address::of(b"a segment");
        let file = FilePath::new("/vault").join(segment(address).as_ref());
        assert_eq!(segment_in(FilePath::new("/vault"), address), file);
    }
}
