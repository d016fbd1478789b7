//! Opening from the start: object in, checked content out, no IO.

use std::fmt;

use super::{
    HEADER_LEN, Header, Layout, ObjectKey, SEGMENT_LEN, SegmentCipher, StreamError, TAG_LEN,
    bucket, padding::LENGTH_PREFIX,
};

/// Opens an object from pieces of any size that come one after the other.
pub struct Decryptor {
    opener: Opener,
    segment: u64,
    /// Ciphertext of the segment under way; one allocation for the whole object.
    buffer: Vec<u8>,
    content_len: Option<u64>,
}

impl Decryptor {
    /// Starts with the first [`HEADER_LEN`] bytes of the object. A wrong key is refused here.
    pub fn new(
        key: &ObjectKey,
        aad: &[u8],
        header: &[u8; HEADER_LEN],
    ) -> Result<Self, StreamError> {
        let opener = Opener::new(key, aad, header)?;
        Ok(Self { opener, segment: 0, buffer: Vec::new(), content_len: None })
    }

    /// Length of the content, known after the first segment.
    #[must_use]
    pub const fn content_len(&self) -> Option<u64> {
        self.content_len
    }

    /// Takes the next bytes after the header and appends the content of the segments that became
    /// complete to `out`. After an error the object must be given up.
    pub fn push(&mut self, mut sealed: &[u8], out: &mut Vec<u8>) -> Result<(), StreamError> {
        while !sealed.is_empty() {
            let len = self.opener.sealed_len(self.segment).ok_or(StreamError::TrailingBytes)?;
            let room = len.saturating_sub(self.buffer.len());
            let (now, later) = sealed.split_at_checked(room).unwrap_or((sealed, &[]));
            sealed = later;
            if self.buffer.is_empty() && now.len() == len {
                self.open(now, out)?;
                continue;
            }
            self.buffer.reserve_exact(room);
            self.buffer.extend_from_slice(now);
            if self.buffer.len() == len {
                let mut buffer = std::mem::take(&mut self.buffer);
                let opened = self.open(&buffer, out);
                buffer.clear();
                self.buffer = buffer;
                opened?;
            }
        }
        Ok(())
    }

    /// Ends the object; an object that is cut off is refused here.
    pub fn finish(self) -> Result<(), StreamError> {
        if self.segment == self.opener.layout.segments() {
            Ok(())
        } else {
            Err(StreamError::Truncated { segment: self.segment })
        }
    }

    fn open(&mut self, sealed: &[u8], out: &mut Vec<u8>) -> Result<(), StreamError> {
        let start = out.len();
        let opened = match self.content_len {
            Some(content_len) => self.opener.open(self.segment, content_len, sealed, out),
            None => self.opener.open_first(sealed, out).map(|len| self.content_len = Some(len)),
        };
        if opened.is_err() {
            // Padding that is not empty: nothing of this segment is handed out.
            out.truncate(start);
        }
        opened?;
        self.segment = self.segment.saturating_add(1);
        Ok(())
    }
}

impl fmt::Debug for Decryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decryptor").field("segment", &self.segment).finish_non_exhaustive()
    }
}

/// Opens single segments and takes length and padding off.
pub(super) struct Opener {
    cipher: SegmentCipher,
    pub(super) layout: Layout,
}

impl Opener {
    pub(super) fn new(
        key: &ObjectKey,
        aad: &[u8],
        header: &[u8; HEADER_LEN],
    ) -> Result<Self, StreamError> {
        let header = Header::parse(header)?;
        Ok(Self { cipher: header.cipher(key, aad)?, layout: header.layout() })
    }

    /// Length of a segment with its tag, `None` behind the last one.
    pub(super) fn sealed_len(&self, segment: u64) -> Option<usize> {
        match self.layout.segment_len(segment) {
            0 => None,
            len => len.checked_add(TAG_LEN),
        }
    }

    /// Opens segment 0 and returns the content length that it states.
    pub(super) fn open_first(&self, sealed: &[u8], out: &mut Vec<u8>) -> Result<u64, StreamError> {
        let start = out.len();
        self.open_padded(0, sealed, out)?;
        let plaintext = out.get(start..).ok_or(StreamError::Cipher)?;
        let prefix = *plaintext.first_chunk::<8>().ok_or(StreamError::Cipher)?;
        let content_len = u64::from_le_bytes(prefix);
        if bucket(content_len) != self.layout.padded_len() {
            return Err(StreamError::PaddedLength(self.layout.padded_len()));
        }
        self.strip_padding(0, content_len, start, out)?;
        out.drain(start..start.saturating_add(prefix.len()));
        Ok(content_len)
    }

    /// Opens a segment after the first.
    pub(super) fn open(
        &self,
        segment: u64,
        content_len: u64,
        sealed: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), StreamError> {
        let start = out.len();
        self.open_padded(segment, sealed, out)?;
        self.strip_padding(segment, content_len, start, out)
    }

    /// Appends the whole plaintext of a segment, or nothing.
    fn open_padded(
        &self,
        segment: u64,
        sealed: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), StreamError> {
        let (ciphertext, tag) =
            sealed.split_last_chunk::<TAG_LEN>().ok_or(StreamError::Truncated { segment })?;
        let start = out.len();
        out.extend_from_slice(ciphertext);
        let buffer = out.get_mut(start..).ok_or(StreamError::Cipher)?;
        let opened = self.cipher.open(segment, self.layout.is_last(segment), buffer, tag);
        if opened.is_err() {
            out.truncate(start);
        }
        opened
    }

    /// Cuts the padding off the segment that begins at `start` of `out`; it must be all zeros.
    fn strip_padding(
        &self,
        segment: u64,
        content_len: u64,
        start: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), StreamError> {
        let before = segment.saturating_mul(SEGMENT_LEN as u64);
        let kept = content_len.saturating_add(LENGTH_PREFIX).saturating_sub(before);
        let len = out.len().saturating_sub(start);
        let kept = usize::try_from(kept).unwrap_or(len).min(len);
        let end = start.saturating_add(kept);
        if out.get(end..).is_some_and(|padding| padding.iter().any(|byte| *byte != 0)) {
            return Err(StreamError::Padding);
        }
        out.truncate(end);
        Ok(())
    }
}
