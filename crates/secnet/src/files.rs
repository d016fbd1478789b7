//! Files that only their owner may read, written whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::Path;

use secnet_crypto::Zeroizing;

use crate::failure::Failure;

/// Read a file of at most `limit` bytes: whoever hands in a larger one does not fill the memory with it.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let failed = |error: std::io::Error| Failure::io("read", path, &error);
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Zeroizing::new(Vec::new());
    // Devices and descriptors have no length to look at first.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(Failure::new("too-large", format!("`{}` is too large", path.display()))
            .hint(format!("at most {limit} bytes are read; is it the right file?")));
    }
    Ok(bytes)
}

/// As [`read`], for a file that may not be there.
pub(crate) fn read_if_present(
    path: &Path,
    limit: u64,
) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
    if path.exists() { read(path, limit).map(Some) } else { Ok(None) }
}

/// As [`read`], for text.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<Zeroizing<String>, Failure> {
    let bytes = read(path, limit)?;
    core::str::from_utf8(&bytes).map(|text| Zeroizing::new(text.to_owned())).map_err(|error| {
        Failure::new("not-text", format!("`{}` is not text", path.display())).because(&error)
    })
}

/// Remove a file, if it is there, for good.
pub(crate) fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Failure::io("remove", path, &error)),
    }
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Make renames and removals in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Failure> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Failure::io("sync", folder, &error))
}

/// Write a file so that after a crash it is there whole or not at all, readable by its owner only.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    // A bare file name has the empty path as its parent, which cannot be opened.
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_private_dir(folder)?;
    let aside = path.with_extension("part");
    let failed = |error: std::io::Error| Failure::io("write", path, &error);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&aside).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&aside, path).map_err(failed)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// Make a folder that only its owner may enter.
pub(crate) fn make_private_dir(path: &Path) -> Result<(), Failure> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| Failure::io("make the folder", path, &error))
}

/// Copy a folder and all in it, but for the files with these names.
pub(crate) fn copy_tree(from: &Path, to: &Path, without: &[&str]) -> Result<(), Failure> {
    make_private_dir(to)?;
    let entries = std::fs::read_dir(from).map_err(|error| Failure::io("read", from, &error))?;
    for entry in entries {
        let path = entry.map_err(|error| Failure::io("read", from, &error))?.path();
        let name = path.file_name().unwrap_or_default();
        if without.iter().any(|other| name == *other) {
            continue;
        }
        let target = to.join(name);
        if path.is_dir() {
            copy_tree(&path, &target, without)?;
        } else {
            std::fs::copy(&path, &target).map_err(|error| Failure::io("copy", &path, &error))?;
        }
    }
    Ok(())
}
