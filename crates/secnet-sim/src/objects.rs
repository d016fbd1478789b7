//! An object store in a folder that fails, written as careful local stores are: aside, synced, renamed, folder synced.

use core::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, RenameOptions, Result,
};
use secnet_vault::Folder as _;

use crate::folder::FaultyFolder;
use crate::gate::Gate;

const STORE: &str = "simulated";
/// In the names of objects that are not complete.
const ASIDE: char = '#';

/// Only what the vault uses; between the steps of a write the world may change.
#[derive(Debug)]
pub(crate) struct FolderStore {
    folder: FaultyFolder,
    gate: Arc<Gate>,
    written: AtomicU64,
}

impl FolderStore {
    pub(crate) fn new(folder: FaultyFolder, gate: Arc<Gate>) -> Self {
        Self { folder, gate, written: AtomicU64::new(0) }
    }

    fn failed(&self, path: &Path, source: io::Error) -> Error {
        self.kill_if_crashed();
        let source = Box::new(source);
        match source.kind() {
            io::ErrorKind::NotFound => Error::NotFound { path: path.to_string(), source },
            _ => Error::Generic { store: STORE, source },
        }
    }

    fn kill_if_crashed(&self) {
        if self.folder.crashed() {
            self.gate.kill();
        }
    }

    fn meta(&self, path: &Path, size: u64) -> ObjectMeta {
        let (location, last_modified) = (path.clone(), Default::default());
        ObjectMeta { location, last_modified, size, e_tag: None, version: None }
    }

    fn read(&self, path: &Path) -> io::Result<Bytes> {
        let file = self.folder.open(path.as_ref())?;
        let mut bytes = vec![0; usize::try_from(file.len()?).map_err(io::Error::other)?];
        file.read(0, &mut bytes)?;
        Ok(bytes.into())
    }

    fn write_aside(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let file = self.folder.create(name)?;
        file.set_len(bytes.len() as u64)?;
        file.write(0, bytes)?;
        file.sync_data()
    }

    fn rename_durably(&self, from: &str, to: &str) -> io::Result<()> {
        self.folder.rename(from, to)?;
        self.folder.sync()
    }
}

impl fmt::Display for FolderStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(STORE)
    }
}

fn unused(what: &str) -> Error {
    Error::NotSupported { source: format!("the simulated store has no {what}").into() }
}

#[async_trait]
impl ObjectStore for FolderStore {
    async fn put_opts(&self, path: &Path, payload: PutPayload, _: PutOptions) -> Result<PutResult> {
        let aside = format!("{path}{ASIDE}{}", self.written.fetch_add(1, Ordering::Relaxed));
        let bytes = Bytes::from(payload);
        self.write_aside(&aside, &bytes).map_err(|error| self.failed(path, error))?;
        self.gate.pass().await;
        self.rename_durably(&aside, path.as_ref()).map_err(|error| self.failed(path, error))?;
        Ok(PutResult { e_tag: None, version: None, extensions: Default::default() })
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(unused("writing in parts"))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let bytes = self.read(path).map_err(|error| self.failed(path, error))?;
        let size = bytes.len() as u64;
        let range = match options.range {
            Some(range) => range
                .as_range(size)
                .map_err(|error| Error::Generic { store: STORE, source: Box::new(error) })?,
            None => 0..size,
        };
        let at = |place: u64| usize::try_from(place).unwrap_or(bytes.len());
        let piece = bytes.slice(at(range.start)..at(range.end));
        Ok(GetResult {
            payload: GetResultPayload::Stream(
                futures::stream::once(core::future::ready(Ok(piece))).boxed(),
            ),
            meta: self.meta(path, size),
            range,
            attributes: Attributes::default(),
            extensions: Default::default(),
        })
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let folder = self.folder.clone();
        let removed = paths.map(move |path| {
            let path = path?;
            let removed = folder.remove(path.as_ref()).and_then(|()| folder.sync());
            match removed {
                Ok(()) => Ok(path),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    Err(Error::NotFound { path: path.to_string(), source: Box::new(error) })
                }
                Err(error) => Err(Error::Generic { store: STORE, source: Box::new(error) }),
            }
        });
        removed.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let prefix = prefix.cloned().unwrap_or_default();
        let names = self.folder.names().unwrap_or_default();
        let found: Vec<_> = names
            .iter()
            .filter(|name| !name.contains(ASIDE))
            .map(|name| Path::from(name.as_str()))
            .filter(|path| path.prefix_matches(&prefix))
            .filter_map(|path| {
                let size = self.folder.open(path.as_ref()).ok()?.len().ok()?;
                Some(Ok(self.meta(&path, size)))
            })
            .collect();
        futures::stream::iter(found).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(unused("subfolders"))
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(unused("copies"))
    }

    async fn rename_opts(&self, from: &Path, to: &Path, _: RenameOptions) -> Result<()> {
        self.rename_durably(from.as_ref(), to.as_ref()).map_err(|error| self.failed(from, error))
    }
}
