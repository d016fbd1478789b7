//! What a validator has voted for is in a folder of its own. One that has lost it must not vote again: it could vote twice.
//!
//! A vote leaves no trace at the voter but there, so that a folder which is not there says nothing. What says that a validator
//! may vote is therefore a file in it, made once, when the network is: whoever loses the folder loses the file.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use secnet_types::{MemberId, NetworkId};

/// In a validator's folder: it votes, and all of its votes are here.
const BEGUN: &str = "begun";
/// How the names of the engine's folders of votes begin.
const VOTES: &str = "engine-votes";

/// Where the engine keeps the files of this validator in this network.
pub(crate) fn folder(above: &Path, network: NetworkId, validator: MemberId) -> PathBuf {
    above.join(network.to_string()).join(validator.to_string())
}

/// Let a validator vote that has never voted: only for a key and a network that are just being made.
///
/// # Errors
/// The folder cannot be written.
pub fn begin(above: &Path, network: NetworkId, validator: MemberId) -> io::Result<()> {
    let folder = folder(above, network, validator);
    fs::create_dir_all(&folder)?;
    File::create(folder.join(BEGUN))?.sync_all()?;
    // A folder that a crash could take back would keep its validator from voting.
    for made in folder.ancestors().take(3) {
        File::open(made)?.sync_all()?;
    }
    Ok(())
}

/// Are the votes of this validator here, if it may have voted? Its ledger has this height.
pub(crate) fn are_kept(folder: &Path, height: u64) -> bool {
    folder.join(BEGUN).is_file() && (height == 0 || has_files(folder))
}

fn has_files(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    let mut votes =
        entries.flatten().filter(|e| e.file_name().to_string_lossy().starts_with(VOTES));
    votes.any(|votes| fs::read_dir(votes.path()).is_ok_and(|mut files| files.next().is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_that_was_begun_and_has_its_votes_allows_more_of_them() {
        let above = tempfile::tempdir().unwrap();
        let (network, validator) = (NetworkId([1; 32]), MemberId([2; 32]));
        let folder = folder(above.path(), network, validator);
        assert!(!are_kept(&folder, 0), "it is not there");
        fs::create_dir_all(&folder).unwrap();
        assert!(!are_kept(&folder, 0), "it was made by somebody else");
        begin(above.path(), network, validator).unwrap();
        assert!(are_kept(&folder, 0));
        assert!(!are_kept(&folder, 1), "blocks became final, and there is no vote for one");
        fs::create_dir(folder.join("engine-votes-0")).unwrap();
        assert!(!are_kept(&folder, 1), "its votes were removed");
        fs::write(folder.join("engine-votes-0").join("00"), "x").unwrap();
        assert!(are_kept(&folder, 1));
    }
}
