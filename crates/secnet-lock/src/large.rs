//! Records that do not fit into memory: sealed piece by piece, each a segment of its own.

use std::{
    collections::BTreeMap,
    fmt,
    io::{Read, Write},
    ops::Range,
    sync::{Mutex, PoisonError},
};

use secnet_crypto::{
    CryptoRng, Encryptor, Outboard, OutboardBuilder, OutboardError, SegmentSealer, StreamError,
    Zeroizing, stream::HEADER_LEN,
};
use secnet_types::RecordMeta;

use crate::{
    UploadError, UploadSealer,
    upload::{Locked, Unplaced},
};

/// Content read at once by [`seal_large`].
const PIECE_BYTES: usize = 1024 * 1024;

/// A large record whose content is sealed, on its way to [`UploadSealer::end_large`].
pub struct LargeEntry(pub(crate) Unplaced);

impl fmt::Debug for LargeEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LargeEntry({}, {} bytes)", self.0.binding.record, self.0.length)
    }
}

/// Seals one large record from front to back. What comes out, header first, is the segment to store; its address goes
/// to [`UploadSealer::end_large`].
pub struct LargeSealer {
    header: [u8; HEADER_LEN],
    encryptor: Encryptor,
    entry: Unplaced,
}

impl LargeSealer {
    pub(crate) fn new(locked: Locked, content_len: u64) -> Result<Self, UploadError> {
        let Locked { key, suite, nonce_prefix, aad, entry } = locked;
        let (header, encryptor) = Encryptor::new(&key, suite, nonce_prefix, &aad, content_len)?;
        Ok(Self { header, encryptor, entry })
    }

    /// What the segment starts with.
    #[must_use]
    pub const fn header(&self) -> &[u8; HEADER_LEN] {
        &self.header
    }

    /// Length of the segment, header included.
    #[must_use]
    pub const fn sealed_len(&self) -> u64 {
        self.entry.length
    }

    /// Takes the next content and appends what became ready to `out` (the header is not among it).
    ///
    /// # Errors
    /// [`UploadError::Stream`] if there is more content than announced.
    pub fn push(&mut self, content: &[u8], out: &mut Vec<u8>) -> Result<(), UploadError> {
        Ok(self.encryptor.push(content, out)?)
    }

    /// Appends the rest to `out`.
    ///
    /// # Errors
    /// [`UploadError::Stream`] if content is missing.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<LargeEntry, UploadError> {
        self.encryptor.finish(out)?;
        Ok(LargeEntry(self.entry))
    }
}

impl fmt::Debug for LargeSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LargeSealer({}, {} bytes)", self.entry.binding.record, self.entry.length)
    }
}

/// Seals one large record in parts of whole stream segments, in any order and from several threads.
pub struct PartSealer {
    header: [u8; HEADER_LEN],
    sealer: SegmentSealer,
    claims: Mutex<Claims>,
    entry: Unplaced,
}

#[derive(Default)]
struct Claims {
    /// The parts already asked for: a stream segment sealed twice with different content would break the cipher.
    parts: BTreeMap<u64, u64>,
    /// Where a part starts that was asked for and did not become whole.
    failed: Option<u64>,
}

impl PartSealer {
    pub(crate) fn new(locked: Locked, content_len: u64) -> Result<Self, UploadError> {
        let Locked { key, suite, nonce_prefix, aad, entry } = locked;
        let (header, sealer) = SegmentSealer::new(&key, suite, nonce_prefix, &aad, content_len)?;
        Ok(Self { header, sealer, claims: Mutex::default(), entry })
    }

    /// What the segment starts with.
    #[must_use]
    pub const fn header(&self) -> &[u8; HEADER_LEN] {
        &self.header
    }

    /// Length of the segment, header included.
    #[must_use]
    pub const fn sealed_len(&self) -> u64 {
        self.entry.length
    }

    /// Number of stream segments.
    #[must_use]
    pub const fn segments(&self) -> u64 {
        self.sealer.layout().segments()
    }

    /// The content of these stream segments.
    #[must_use]
    pub fn content_range(&self, segments: Range<u64>) -> Range<u64> {
        self.sealer.content_range(segments)
    }

    /// Appends the sealed stream segments to `out`; `content` is exactly their [`Self::content_range`].
    ///
    /// # Errors
    /// [`UploadError::Stream`] for content of another length, [`UploadError::Part`] for a part sealed before.
    pub fn seal(
        &self,
        segments: Range<u64>,
        content: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), UploadError> {
        let wanted = self.content_range(segments.clone());
        if wanted.end.saturating_sub(wanted.start) != content.len() as u64 {
            let announced = self.entry.length;
            return Err(StreamError::ContentLength { announced }.into());
        }
        self.claim(&segments)?;
        Ok(self.sealer.seal(segments, content, out)?)
    }

    /// Appends the sealed stream segments to `out`. `fill` puts their content there, one stream segment's at most at once from
    /// front to back, and it is sealed where it is. After an error the record cannot be finished.
    ///
    /// # Errors
    /// Those of `fill`, and [`UploadError::Part`] for a part sealed before.
    pub fn seal_in_place<E: From<UploadError> + From<StreamError>>(
        &self,
        segments: Range<u64>,
        fill: impl FnMut(&mut [u8]) -> Result<(), E>,
        out: &mut Vec<u8>,
    ) -> Result<(), E> {
        self.claim(&segments)?;
        let first = segments.start;
        let sealed = self.sealer.seal_in_place(segments, fill, out);
        if sealed.is_err() {
            self.claims.lock().unwrap_or_else(PoisonError::into_inner).failed = Some(first);
        }
        sealed
    }

    /// Ends the record.
    ///
    /// # Errors
    /// [`UploadError::Part`] if a part is missing.
    pub fn finish(self) -> Result<LargeEntry, UploadError> {
        let mut next = 0;
        let claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(segment) = claims.failed {
            return Err(UploadError::Part { segment });
        }
        for (start, end) in &claims.parts {
            if *start != next {
                return Err(UploadError::Part { segment: next });
            }
            next = *end;
        }
        if next != self.segments() {
            return Err(UploadError::Part { segment: next });
        }
        drop(claims);
        Ok(LargeEntry(self.entry))
    }

    fn claim(&self, wanted: &Range<u64>) -> Result<(), UploadError> {
        let refuse = UploadError::Part { segment: wanted.start };
        if wanted.is_empty() || wanted.end > self.segments() {
            return Err(refuse);
        }
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        let before = claims.parts.range(..wanted.end).next_back();
        if before.is_some_and(|(_, end)| *end > wanted.start) {
            return Err(refuse);
        }
        claims.parts.insert(wanted.start, wanted.end);
        Ok(())
    }
}

impl fmt::Debug for PartSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartSealer({}, {} bytes)", self.entry.binding.record, self.entry.length)
    }
}

/// Seals one large record from `content` to `sink` with flat memory. Returns the outboard, to be stored beside the
/// segment; its address names the segment.
///
/// # Errors
/// [`UploadError`].
pub fn seal_large(
    upload: &mut UploadSealer<'_>,
    meta: &RecordMeta,
    content_len: u64,
    content: &mut impl Read,
    sink: &mut impl Write,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Outboard, UploadError> {
    let mut large = upload.begin_large(meta, content_len, rng)?;
    let mut outboard = OutboardBuilder::new();
    let mut piece = Zeroizing::new(vec![0u8; PIECE_BYTES]);
    let mut sealed = large.header().to_vec();
    let mut left = content_len;
    loop {
        emit(&mut sealed, &mut outboard, sink)?;
        if left == 0 {
            break;
        }
        let room = usize::try_from(left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        let piece = piece.get_mut(..room).unwrap_or_default();
        content.read_exact(piece).map_err(io)?;
        large.push(piece, &mut sealed)?;
        left = left.saturating_sub(piece.len() as u64);
    }
    let large = large.finish(&mut sealed)?;
    emit(&mut sealed, &mut outboard, sink)?;
    let outboard = outboard.finish();
    upload.end_large(large, outboard.address())?;
    Ok(outboard)
}

fn emit(
    sealed: &mut Vec<u8>,
    outboard: &mut OutboardBuilder,
    sink: &mut impl Write,
) -> Result<(), UploadError> {
    outboard.update(sealed).map_err(|error| match error {
        OutboardError::TooLong(len) => StreamError::ContentTooLong(len),
        _ => StreamError::Cipher,
    })?;
    sink.write_all(sealed).map_err(io)?;
    sealed.clear();
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn io(error: std::io::Error) -> UploadError {
    UploadError::Io(error.kind())
}
