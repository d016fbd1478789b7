//! Opening a part: which bytes of the object are needed, and the content in them.

use std::{fmt, ops::Range};

use zeroize::Zeroizing;

use super::{HEADER_LEN, ObjectKey, SEGMENT_LEN, StreamError, TAG_LEN, decrypt::Opener};

/// Reads ranges of the content without reading the whole object. Shared freely between threads.
pub struct RangeReader {
    opener: Opener,
    content_len: u64,
}

impl RangeReader {
    /// How much of the object's front [`Self::new`] needs: this, or the whole object if it is shorter.
    pub const HEAD_LEN: usize = HEADER_LEN + SEGMENT_LEN + TAG_LEN;

    /// Starts with the front of the object: header and first segment, which holds the length.
    pub fn new(key: &ObjectKey, aad: &[u8], head: &[u8]) -> Result<Self, StreamError> {
        let (header, rest) =
            head.split_first_chunk::<HEADER_LEN>().ok_or(StreamError::NotAnObject)?;
        let opener = Opener::new(key, aad, header)?;
        let first = opener
            .sealed_len(0)
            .and_then(|len| rest.get(..len))
            .ok_or(StreamError::Truncated { segment: 0 })?;
        let mut content = Zeroizing::new(Vec::with_capacity(first.len()));
        let content_len = opener.open_first(first, &mut content)?;
        Ok(Self { opener, content_len })
    }

    /// Length of the content.
    #[must_use]
    pub const fn content_len(&self) -> u64 {
        self.content_len
    }

    /// The bytes of the object that hold this part of the content. Empty for an empty part.
    pub fn sealed_range(&self, content: Range<u64>) -> Result<Range<u64>, StreamError> {
        Ok(self.opener.layout.sealed_range(self.segments(&content)?))
    }

    /// Appends the part `content` to `out`; `sealed` is what the object holds at
    /// [`Self::sealed_range`] of it. On failure `out` is as before.
    pub fn read(
        &self,
        content: Range<u64>,
        sealed: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), StreamError> {
        let segments = self.segments(&content)?;
        let start = out.len();
        let read = self.read_segments(segments, &content, sealed, out);
        if read.is_err() {
            out.truncate(start);
        }
        read
    }

    fn read_segments(
        &self,
        segments: Range<u64>,
        content: &Range<u64>,
        mut sealed: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), StreamError> {
        for segment in segments {
            let len = self.opener.sealed_len(segment).ok_or(StreamError::Cipher)?;
            let (now, later) =
                sealed.split_at_checked(len).ok_or(StreamError::Truncated { segment })?;
            sealed = later;
            let start = out.len();
            // Where this segment's content lies in the whole content.
            let first = if segment == 0 {
                self.opener.open_first(now, out)?;
                0
            } else {
                self.opener.open(segment, self.content_len, now, out)?;
                plain_offset(segment)
            };
            let skip = to_usize(content.start.saturating_sub(first));
            let keep = to_usize(content.end.saturating_sub(first));
            out.truncate(start.saturating_add(keep).min(out.len()));
            out.drain(start..start.saturating_add(skip).min(out.len()));
        }
        if sealed.is_empty() { Ok(()) } else { Err(StreamError::TrailingBytes) }
    }

    fn segments(&self, content: &Range<u64>) -> Result<Range<u64>, StreamError> {
        let Range { start, end } = *content;
        if start > end || end > self.content_len {
            return Err(StreamError::OutOfRange { start, end, len: self.content_len });
        }
        // The 8-byte length in front moves everything.
        let position = |offset: u64| offset.saturating_add(8);
        let first = position(start) / SEGMENT_LEN as u64;
        if start == end {
            return Ok(first..first);
        }
        Ok(first..position(end).div_ceil(SEGMENT_LEN as u64))
    }
}

impl fmt::Debug for RangeReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RangeReader")
            .field("content_len", &self.content_len)
            .finish_non_exhaustive()
    }
}

fn plain_offset(segment: u64) -> u64 {
    segment.saturating_mul(SEGMENT_LEN as u64).saturating_sub(8)
}

fn to_usize(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}
