//! Small files that are replaced whole and durably.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek, Write},
    path::Path,
};

/// Writes beside `path`, syncs, renames over it, syncs the folder. The bytes of the file that was there are then
/// overwritten: what a disk keeps of freed blocks is beyond this, which is why such files are sealed as well.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let old = OpenOptions::new().write(true).open(path).ok();
    let aside = path.with_extension("new");
    let mut file = private(&aside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    sync_folder_of(path)?;
    if let Some(mut old) = old {
        wipe(&mut old)?;
    }
    Ok(())
}

/// Creates a file that only its owner reads.
pub(crate) fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes a rename, creation or removal in the folder of `path` durable.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Removes a file whose content is to be forgotten.
pub(crate) fn forget(path: &Path) -> io::Result<()> {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    wipe(&mut file)?;
    fs::remove_file(path)?;
    sync_folder_of(path)
}

fn wipe(file: &mut File) -> io::Result<()> {
    const PIECE: [u8; 4096] = [0; 4096];
    let mut left = file.metadata()?.len();
    file.rewind()?;
    while left > 0 {
        let len = usize::try_from(left).unwrap_or(PIECE.len()).min(PIECE.len());
        file.write_all(PIECE.get(..len).unwrap_or_default())?;
        left = left.saturating_sub(len as u64);
    }
    file.sync_all()
}
