//! Bytes of a file that the system has in memory. To copy them takes less than to hand a thread the work, which is what reading from a
//! disk needs.

use std::ops::Range;
use std::path::Path;

/// More than this is left to another thread, in bytes: copying it would hold up others.
const MAX_AT_HAND: u64 = 64 * 1024;

/// These bytes, if they and where they are can be had without waiting for a disk; nothing is said about why not.
#[cfg(target_os = "linux")]
pub(crate) fn at_hand(file: &Path, range: &Range<u64>) -> Option<Vec<u8>> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
    use rustix::io::{IoSliceMut, ReadWriteFlags, preadv2};

    let length = range.end.checked_sub(range.start).filter(|length| *length <= MAX_AT_HAND)?;
    // A pipe in the place of a file keeps nobody waiting either: it cannot be read from an offset.
    let how = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = openat2(CWD, file, how, Mode::empty(), ResolveFlags::CACHED).ok()?;
    let mut bytes = vec![0; usize::try_from(length).ok()?];
    let into = &mut [IoSliceMut::new(&mut bytes)];
    let read = preadv2(&file, into, range.start, ReadWriteFlags::NOWAIT).ok()?;
    (read == bytes.len()).then_some(bytes)
}

/// Elsewhere nobody can tell.
#[cfg(not(target_os = "linux"))]
pub(crate) fn at_hand(_: &Path, _: &Range<u64>) -> Option<Vec<u8>> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_was_just_written_is_at_hand_and_nothing_that_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("segment");
        let bytes: Vec<u8> = (0..100_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        std::fs::write(&file, &bytes).unwrap();
        let (start, end) = (70_000, 74_096);
        assert_eq!(at_hand(&file, &(start..end)).as_deref(), bytes.get(70_000..74_096));
        assert_eq!(at_hand(&file, &(99_999..100_001)), None, "more than there is");
        assert_eq!(at_hand(&file, &(0..MAX_AT_HAND + 1)), None, "more than is read here");
        #[expect(clippy::reversed_empty_ranges, reason = "as a caller could ask")]
        let reversed = 2..1;
        assert_eq!(at_hand(&file, &reversed), None);
        assert_eq!(at_hand(&folder.path().join("none"), &(0..1)), None);
    }

    #[test]
    fn a_pipe_in_the_place_of_a_segment_keeps_nobody_waiting() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};

        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("segment");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert_eq!(at_hand(&pipe, &(0..1)), None);
    }
}
