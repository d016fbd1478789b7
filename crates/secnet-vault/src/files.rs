//! The files of a folder, and the few small ones that are replaced whole and durably.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use redb::{Builder, Database, DatabaseError, StorageBackend, backends::FileBackend};

/// A folder of files without subfolders: a real one, or one that fails on purpose.
///
/// What is written to a file is durable once the file is synced. What is created, renamed or removed is durable once the
/// folder is synced, and until then may be lost alone or with everything else.
pub trait Folder: fmt::Debug + fmt::Display + Send + Sync {
    /// The names of all files.
    ///
    /// # Errors
    /// The folder cannot be read.
    fn names(&self) -> io::Result<Vec<String>>;

    /// An existing file, for reading and writing.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`], or the file cannot be opened.
    fn open(&self, name: &str) -> io::Result<Box<dyn StorageBackend>>;

    /// An empty file that only its owner reads, in place of one of that name.
    ///
    /// # Errors
    /// The file cannot be made.
    fn create(&self, name: &str) -> io::Result<Box<dyn StorageBackend>>;

    /// The database in an existing file; a new one if the file is empty.
    ///
    /// # Errors
    /// The engine refuses the file.
    fn database(&self, name: &str, builder: &Builder) -> Result<Database, DatabaseError>;

    /// Gives a file another name, in one step, in place of one of that name.
    ///
    /// # Errors
    /// There is no such file, or it cannot be renamed.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// There is no such file, or it cannot be removed.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes what was created, renamed and removed durable.
    ///
    /// # Errors
    /// The disk failed.
    fn sync(&self) -> io::Result<()>;
}

/// A folder of this machine.
#[derive(Debug)]
pub(crate) struct LocalFolder(PathBuf);

impl LocalFolder {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The folder of a file, and the file's name in it.
    pub(crate) fn of(file: &Path) -> io::Result<(Self, &str)> {
        let name = file.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| io::Error::other("the file's name is not UTF-8"))?;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        Ok((Self::new(folder.unwrap_or(Path::new("."))), name))
    }

    fn file(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(self.0.join(name))
    }
}

impl fmt::Display for LocalFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

impl Folder for LocalFolder {
    fn names(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.0)?;
        names.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn StorageBackend>> {
        boxed(self.file(name)?)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StorageBackend>> {
        boxed(private(&self.0.join(name))?)
    }

    fn database(&self, name: &str, builder: &Builder) -> Result<Database, DatabaseError> {
        let file = self.file(name).map_err(redb::StorageError::from)?;
        builder.create_with_backend(FileBackend::new(file)?)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        sync_folder(&self.0)
    }
}

fn boxed(file: File) -> io::Result<Box<dyn StorageBackend>> {
    Ok(Box::new(FileBackend::new(file).map_err(io::Error::other)?))
}

/// All of a small file; `None` if there is none.
pub(crate) fn content(folder: &dyn Folder, name: &str) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = existing(folder, name)? else { return Ok(None) };
    let len = usize::try_from(file.len()?).map_err(io::Error::other)?;
    let mut bytes = vec![0; len];
    file.read(0, &mut bytes)?;
    Ok(Some(bytes))
}

/// How long a file is; `None` if there is none.
pub(crate) fn len(folder: &dyn Folder, name: &str) -> io::Result<Option<u64>> {
    existing(folder, name)?.map(|file| file.len()).transpose()
}

/// Writes beside the file, syncs, renames over it, syncs the folder. The bytes of the file that was there are then
/// overwritten: what a disk keeps of freed blocks is beyond this, which is why such files are sealed as well.
pub(crate) fn replace(folder: &dyn Folder, name: &str, bytes: &[u8]) -> io::Result<()> {
    let old = existing(folder, name)?;
    let aside = aside(name);
    let file = folder.create(&aside)?;
    file.set_len(bytes.len() as u64)?;
    file.write(0, bytes)?;
    file.sync_data()?;
    folder.rename(&aside, name)?;
    folder.sync()?;
    old.map_or(Ok(()), |old| wipe(old.as_ref()))
}

/// Removes a file whose content is to be forgotten, if it is there.
pub(crate) fn forget(folder: &dyn Folder, name: &str) -> io::Result<()> {
    let Some(file) = existing(folder, name)? else { return Ok(()) };
    wipe(file.as_ref())?;
    folder.remove(name)?;
    folder.sync()
}

/// Where a file is made before it gets its name.
pub(crate) fn aside(name: &str) -> String {
    format!("{name}.new")
}

fn existing(folder: &dyn Folder, name: &str) -> io::Result<Option<Box<dyn StorageBackend>>> {
    match folder.open(name) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn wipe(file: &dyn StorageBackend) -> io::Result<()> {
    const PIECE: [u8; 4096] = [0; 4096];
    let (mut at, len) = (0, file.len()?);
    while at < len {
        let left = usize::try_from(len.saturating_sub(at)).unwrap_or(PIECE.len());
        let piece = PIECE.get(..left).unwrap_or(&PIECE);
        file.write(at, piece)?;
        at = at.saturating_add(piece.len() as u64);
    }
    file.sync_data()
}

/// Reads a file of at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let error = format!("it has more than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, error));
    }
    Ok(bytes)
}

/// Creates a file that only its owner reads.
pub(crate) fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes a rename, creation or removal in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}
