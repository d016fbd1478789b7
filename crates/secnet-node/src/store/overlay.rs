//! A database file that can be opened, repaired and read without a byte of it changing: writes
//! stay in memory. A check must not disturb what it finds.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

const CHUNK_BYTES: u64 = 4096;
type Chunk = Vec<u8>;

#[derive(Debug)]
pub(crate) struct Overlay {
    base: FileBackend,
    base_len: u64,
    layer: Mutex<Layer>,
}

#[derive(Debug)]
struct Layer {
    len: u64,
    /// The base shows through below this offset only; a shrunk and regrown tail reads zero.
    base_visible: u64,
    chunks: BTreeMap<u64, Chunk>,
}

impl Overlay {
    pub(crate) fn new(base: FileBackend) -> io::Result<Self> {
        let len = base.len()?;
        let layer = Layer { len, base_visible: len, chunks: BTreeMap::new() };
        Ok(Self { base, base_len: len, layer: Mutex::new(layer) })
    }

    fn layer(&self) -> MutexGuard<'_, Layer> {
        self.layer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn chunk(&self, layer: &Layer, number: u64) -> io::Result<Chunk> {
        if let Some(chunk) = layer.chunks.get(&number) {
            return Ok(chunk.clone());
        }
        let start = number.saturating_mul(CHUNK_BYTES);
        let there = layer.base_visible.min(self.base_len).saturating_sub(start).min(CHUNK_BYTES);
        let mut chunk = vec![0; to_usize(CHUNK_BYTES)?];
        if let Some(part) = chunk.get_mut(..to_usize(there)?).filter(|part| !part.is_empty()) {
            self.base.read(start, part)?;
        }
        Ok(chunk)
    }
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.layer().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let layer = self.layer();
        check_end(offset, out.len(), layer.len)?;
        let end = offset.saturating_add(u64::try_from(out.len()).unwrap_or(u64::MAX));
        let touched = offset / CHUNK_BYTES..=end / CHUNK_BYTES;
        if end <= layer.base_visible && layer.chunks.range(touched).next().is_none() {
            return self.base.read(offset, out);
        }
        for (number, start, len, part) in parts(offset, out) {
            let chunk = self.chunk(&layer, number)?;
            let from = chunk.get(start..start.saturating_add(len)).ok_or_else(beyond)?;
            part.copy_from_slice(from);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut layer = self.layer();
        if len < layer.len {
            layer.base_visible = layer.base_visible.min(len);
            let boundary = len / CHUNK_BYTES;
            let mut kept = self.chunk(&layer, boundary)?;
            layer.chunks.split_off(&boundary);
            for byte in kept.iter_mut().skip(to_usize(len % CHUNK_BYTES)?) {
                *byte = 0;
            }
            layer.chunks.insert(boundary, kept);
        }
        layer.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut layer = self.layer();
        check_end(offset, data.len(), layer.len)?;
        let mut data = data.to_vec();
        for (number, start, len, part) in parts(offset, &mut data) {
            let mut chunk = self.chunk(&layer, number)?;
            chunk
                .get_mut(start..start.saturating_add(len))
                .ok_or_else(beyond)?
                .copy_from_slice(part);
            layer.chunks.insert(number, chunk);
        }
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.base.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.base.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.base.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.base.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.base.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.base.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.base.query_lock_range(start, end)
    }
}

/// Splits a buffer at chunk borders: chunk number, start in the chunk, length, part.
fn parts(offset: u64, buffer: &mut [u8]) -> impl Iterator<Item = (u64, usize, usize, &mut [u8])> {
    let mut position = offset;
    let mut rest = Some(buffer);
    std::iter::from_fn(move || {
        let buffer = rest.take().filter(|buffer| !buffer.is_empty())?;
        let start = position % CHUNK_BYTES;
        let room = usize::try_from(CHUNK_BYTES.saturating_sub(start)).ok()?;
        let len = room.min(buffer.len());
        let (part, tail) = buffer.split_at_mut_checked(len)?;
        let number = position / CHUNK_BYTES;
        position = position.saturating_add(u64::try_from(len).ok()?);
        rest = Some(tail);
        Some((number, usize::try_from(start).ok()?, len, part))
    })
}

fn check_end(offset: u64, len: usize, total: u64) -> io::Result<()> {
    let end = u64::try_from(len).ok().and_then(|len| offset.checked_add(len));
    if end.is_some_and(|end| end <= total) { Ok(()) } else { Err(beyond()) }
}

fn beyond() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "beyond the end of the storage")
}

fn to_usize(number: u64) -> io::Result<usize> {
    usize::try_from(number).map_err(|_| beyond())
}
