//! Files that only their owner may read, written whole or not at all.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

use secnet_crypto::Zeroizing;
use tempfile::{NamedTempFile, PersistError};

use crate::failure::{Exit, Failure};

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
    sync_folder(folder_of(path))
}

/// The folder a file is in. A bare file name has the empty path as its parent, which cannot be opened.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Make renames and removals in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Failure> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Failure::io("sync", folder, &error))
}

/// How a file's name ends until it is whole; between the name and this are random letters.
const UNFINISHED: &str = ".part";

/// Write a file so that after a crash it is there whole or not at all, readable by its owner only. It is made under a
/// name that nobody can have taken beforehand; a link that stands under `path` is replaced, not followed. A device or a pipe
/// is not: whoever writes to `/dev/null` as root would have no `/dev/null` any more.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write(path, bytes, |file| file.persist(path).map(drop)).map(drop)
}

/// As [`write_private`], but what stands there already stays, also if somebody else has just written it. False then.
pub(crate) fn write_private_new(path: &Path, bytes: &[u8]) -> Result<bool, Failure> {
    write(path, bytes, |file| file.persist_noclobber(path).map(drop))
}

/// Write a file and put it in its place; false if that is taken.
fn write(
    path: &Path,
    bytes: &[u8],
    put: impl FnOnce(NamedTempFile) -> Result<(), PersistError>,
) -> Result<bool, Failure> {
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(Failure::new("not-a-file", format!("`{}` is not a file", path.display()))
            .hint(
                "give the name of a file, new or to be replaced; without one, results are printed",
            )
            .exit(Exit::Usage));
    }
    let folder = folder_of(path);
    make_private_dir(folder)?;
    let failed = |error: std::io::Error| Failure::io("write", path, &error);
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".");
    // Made anew or not at all, 0600, and removed again if what follows fails.
    let mut file = tempfile::Builder::new()
        .prefix(&name)
        .suffix(UNFINISHED)
        .tempfile_in(folder)
        .map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    match put(file) {
        Ok(()) => sync_folder(folder).map(|()| true),
        Err(taken) if taken.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(other) => Err(failed(other.error)),
    }
}

/// Remove what a crash left unfinished in a folder that nobody else writes to now. It may hold keys which were destroyed
/// since.
pub(crate) fn remove_unfinished(folder: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::io("read", folder, &error);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().to_string_lossy().ends_with(UNFINISHED) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Make a folder that only its owner may enter.
pub(crate) fn make_private_dir(path: &Path) -> Result<(), Failure> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| Failure::io("make the folder", path, &error))
}

/// Copy a folder and all in it, but for the files with these names. Durable when it returns.
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
            std::fs::copy(&path, &target)
                .and_then(|_| File::open(&target)?.sync_all())
                .map_err(|error| Failure::io("copy", &path, &error))?;
        }
    }
    sync_folder(to)
}

/// Permissions of others than the owner.
pub(crate) const NOBODY_ELSE: u32 = 0o077;
/// Permissions of others than the owner and the group.
pub(crate) const NO_STRANGER: u32 = 0o007;

/// Nobody may have the `denied` permissions; `wanted` are those to give instead.
#[cfg(unix)]
pub(crate) fn require_private(path: &Path, denied: u32, wanted: &str) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let found = std::fs::metadata(path).map_err(|error| Failure::io("look at", path, &error))?;
    if found.permissions().mode() & denied == 0 {
        return Ok(());
    }
    let said = format!("others may use `{}`", path.display());
    Err(Failure::new("permissions", said).hint(format!("chmod {wanted} {}", path.display())))
}

#[cfg(not(unix))]
pub(crate) fn require_private(_: &Path, _: u32, _: &str) -> Result<(), Failure> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ada.key");
        for content in ["first", "second, longer"] {
            write_private(&path, content.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
        assert_eq!(names(folder.path()), ["ada.key"]);
        // What cannot get its name leaves nothing behind.
        let taken = folder.path().join("folder");
        std::fs::create_dir_all(taken.join("full")).unwrap();
        assert_eq!(write_private(&taken, b"secret").unwrap_err().code, "not-a-file");
        assert_eq!(names(folder.path()), ["ada.key", "folder"]);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_it_and_planted_links_are_not_followed() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = folder.path().join("elsewhere");
        std::fs::write(&elsewhere, "another's").unwrap();
        let inside = folder.path().join("keys");
        let path = inside.join("ada.key");
        make_private_dir(&inside).unwrap();
        // Under the name itself, and under the one that a former version wrote to first.
        symlink(&elsewhere, &path).unwrap();
        symlink(&elsewhere, inside.join("ada.part")).unwrap();
        write_private(&path, b"secret").unwrap();
        assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "another's");
        let written = std::fs::symlink_metadata(&path).unwrap();
        assert!(written.is_file());
        assert_eq!(written.permissions().mode() & 0o777, 0o600);
        // Also over a file that others could read.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        write_private(&path, b"secret").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_not_replaced_by_one() {
        use std::os::unix::fs::FileTypeExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (socket, link) = (folder.path().join("socket"), folder.path().join("link"));
        let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        std::os::unix::fs::symlink(&socket, &link).unwrap();
        for path in [&socket, &link] {
            assert_eq!(write_private(path, b"secret").unwrap_err().code, "not-a-file");
        }
        assert!(std::fs::symlink_metadata(&socket).unwrap().file_type().is_socket());
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn what_a_crash_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["ada.compartments.x7Gh2k.part", "ada.key", "part.json"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        remove_unfinished(folder.path()).unwrap();
        assert_eq!(names(folder.path()), ["ada.key", "part.json"]);
    }
}
