//! File steps that survive a crash: write aside, sync, rename, sync the folder.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::StoreError;

pub(crate) fn failed<'p>(
    action: &'static str,
    path: &'p Path,
) -> impl FnOnce(std::io::Error) -> StoreError + use<'p> {
    move |source| StoreError::Io { action, path: path.to_path_buf(), source }
}

pub(crate) fn create_dir(dir: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(dir).map_err(failed("create the folder", dir))
}

/// Makes creations, renames and deletions in the folder durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed("sync the folder", dir))
}

/// Replaces a file in one step; the caller syncs the folder.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let aside = aside(path);
    let mut file = File::create(&aside).map_err(failed("create", &aside))?;
    file.write_all(bytes).map_err(failed("write", &aside))?;
    file.sync_all().map_err(failed("sync", &aside))?;
    drop(file);
    fs::rename(&aside, path).map_err(failed("rename a new file to", path))
}

pub(crate) fn aside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".new");
    path.with_file_name(name)
}

/// The file's bytes, `None` if there is no such file.
pub(crate) fn read_if_present(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::Io { action: "read", path: path.to_path_buf(), source }),
    }
}
