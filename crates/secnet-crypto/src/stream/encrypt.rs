//! Sealing: bytes in, object out, no IO.

use std::{fmt, ops::Range};

use zeroize::{Zeroize, Zeroizing};

use super::{
    HEADER_LEN, Header, Layout, NONCE_PREFIX_LEN, ObjectKey, SEGMENT_LEN, SegmentCipher,
    StreamError, StreamSuite, TAG_LEN, padding::LENGTH_PREFIX,
};

/// Seals an object segment by segment in any order, from several threads if wanted.
#[derive(Debug)]
pub struct SegmentSealer {
    cipher: SegmentCipher,
    layout: Layout,
    content_len: u64,
}

impl SegmentSealer {
    /// Starts an object of `content_len` bytes. The nonce prefix is random.
    pub fn new(
        key: &ObjectKey,
        suite: StreamSuite,
        nonce_prefix: [u8; NONCE_PREFIX_LEN],
        aad: &[u8],
        content_len: u64,
    ) -> Result<([u8; HEADER_LEN], Self), StreamError> {
        let header = Header::new(key, suite, nonce_prefix, content_len)?;
        let cipher = header.cipher(key, aad)?;
        Ok((header.to_bytes(), Self { cipher, layout: header.layout(), content_len }))
    }

    /// Where the segments are.
    #[must_use]
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// The content that these segments hold; the last ones may hold only padding.
    #[must_use]
    pub fn content_range(&self, segments: Range<u64>) -> Range<u64> {
        let offset = |segment: u64| {
            segment
                .saturating_mul(SEGMENT_LEN as u64)
                .saturating_sub(LENGTH_PREFIX)
                .min(self.content_len)
        };
        offset(segments.start)..offset(segments.end)
    }

    /// Appends the sealed `segments` to `out`; `content` is exactly their [`Self::content_range`].
    pub fn seal(
        &self,
        segments: Range<u64>,
        content: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), StreamError> {
        let wanted = self.content_range(segments.clone());
        if content.len() as u64 != wanted.end.saturating_sub(wanted.start) {
            return Err(StreamError::ContentLength { announced: self.content_len });
        }
        let mut content = content;
        let copy = |piece: &mut [u8]| {
            let (now, later) = content.split_at_checked(piece.len()).ok_or(StreamError::Cipher)?;
            piece.copy_from_slice(now);
            content = later;
            Ok(())
        };
        self.seal_in_place(segments, copy, out)
    }

    /// Appends the sealed `segments` to `out`. `fill` puts their content there, at most [`SEGMENT_LEN`] bytes at once from
    /// front to back, and each piece is sealed where it is: nothing is copied, and no plaintext stays behind. After an error
    /// of `fill` the segment it was for is not in `out`.
    pub fn seal_in_place<E: From<StreamError>>(
        &self,
        segments: Range<u64>,
        mut fill: impl FnMut(&mut [u8]) -> Result<(), E>,
        out: &mut Vec<u8>,
    ) -> Result<(), E> {
        for segment in segments.start..segments.end.min(self.layout.segments()) {
            let len = self.layout.segment_len(segment);
            // Room for all of it, so that no plaintext is moved.
            out.reserve(len.saturating_add(TAG_LEN));
            let mut tail = Tail { start: out.len(), out, sealed: false };
            if segment == 0 {
                tail.out.extend_from_slice(&self.content_len.to_le_bytes());
            }
            let content = self.content_range(segment..segment.saturating_add(1));
            let (from, wanted) = (tail.out.len(), content.end.saturating_sub(content.start));
            tail.out.resize(tail.start.saturating_add(len), 0);
            let content = usize::try_from(wanted)
                .ok()
                .and_then(|wanted| tail.out.get_mut(from..from.checked_add(wanted)?))
                .ok_or(StreamError::Cipher)?;
            if !content.is_empty() {
                fill(content)?;
            }
            self.seal_tail(segment, tail.start, tail.out)?;
            tail.sealed = true;
        }
        Ok(())
    }

    /// Seals everything in `out` from `start` on and appends the tag.
    fn seal_tail(&self, segment: u64, start: usize, out: &mut Vec<u8>) -> Result<(), StreamError> {
        let plaintext = out.get_mut(start..).ok_or(StreamError::Cipher)?;
        let tag = self.cipher.seal(segment, self.layout.is_last(segment), plaintext)?;
        out.extend_from_slice(&tag);
        Ok(())
    }
}

/// The segment under way at the end of a buffer: wiped and cut off, unless it was sealed.
struct Tail<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    sealed: bool,
}

impl Drop for Tail<'_> {
    fn drop(&mut self) {
        if !self.sealed {
            self.out.get_mut(self.start..).unwrap_or_default().zeroize();
            self.out.truncate(self.start);
        }
    }
}

/// Seals an object from pieces of any size that come one after the other.
pub struct Encryptor {
    sealer: SegmentSealer,
    /// The next segment to seal.
    segment: u64,
    /// Plaintext of that segment so far; one allocation for the whole object.
    buffer: Zeroizing<Vec<u8>>,
    content_left: u64,
}

impl Encryptor {
    /// Starts an object of `content_len` bytes; the header bytes come first in the object. The nonce
    /// prefix is random.
    pub fn new(
        key: &ObjectKey,
        suite: StreamSuite,
        nonce_prefix: [u8; NONCE_PREFIX_LEN],
        aad: &[u8],
        content_len: u64,
    ) -> Result<([u8; HEADER_LEN], Self), StreamError> {
        let (header, sealer) = SegmentSealer::new(key, suite, nonce_prefix, aad, content_len)?;
        let mut buffer = Zeroizing::new(Vec::with_capacity(sealer.layout.segment_len(0)));
        buffer.extend_from_slice(&content_len.to_le_bytes());
        Ok((header, Self { sealer, segment: 0, buffer, content_left: content_len }))
    }

    /// Length of the whole object, header included.
    #[must_use]
    pub const fn sealed_len(&self) -> u64 {
        self.sealer.layout.sealed_len()
    }

    /// Takes the next content and appends the segments that became full to `out`.
    pub fn push(&mut self, mut content: &[u8], out: &mut Vec<u8>) -> Result<(), StreamError> {
        let announced = self.sealer.content_len;
        self.content_left = self
            .content_left
            .checked_sub(content.len() as u64)
            .ok_or(StreamError::ContentLength { announced })?;
        while !content.is_empty() {
            let len = self.sealer.layout.segment_len(self.segment);
            let room = len.saturating_sub(self.buffer.len());
            let (now, later) = content.split_at_checked(room).unwrap_or((content, &[]));
            content = later;
            if self.buffer.is_empty() && now.len() == len {
                self.flush(now, out)?;
                continue;
            }
            self.buffer.extend_from_slice(now);
            if self.buffer.len() == len {
                self.flush_buffer(out)?;
            }
        }
        Ok(())
    }

    /// Pads, and appends the last segments to `out`.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), StreamError> {
        if self.content_left != 0 {
            return Err(StreamError::ContentLength { announced: self.sealer.content_len });
        }
        while self.segment < self.sealer.layout.segments() {
            self.buffer.resize(self.sealer.layout.segment_len(self.segment), 0);
            self.flush_buffer(out)?;
        }
        Ok(())
    }

    fn flush_buffer(&mut self, out: &mut Vec<u8>) -> Result<(), StreamError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let flushed = self.flush(&buffer, out);
        buffer.clear();
        self.buffer = buffer;
        flushed
    }

    fn flush(&mut self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), StreamError> {
        let start = out.len();
        out.extend_from_slice(plaintext);
        self.sealer.seal_tail(self.segment, start, out)?;
        self.segment = self.segment.saturating_add(1);
        Ok(())
    }
}

impl fmt::Debug for Encryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encryptor").field("segment", &self.segment).finish_non_exhaustive()
    }
}
