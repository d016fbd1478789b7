//! Segments that come ahead of the command that will claim them, piece by piece. Until a command is accepted that points at
//! them they are nobody's records: they count against a quota of whoever sent them, and are cleared away after a time.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use minicbor::{Decode, Encode};
use secnet_crypto::Address;
use secnet_lock::SealedUpload;
use secnet_types::{MemberId, Timestamp, decode};

use crate::AccessError;
use crate::pdc::{Pdc, put};
use crate::ports::{Change, EntryKind, EntryName, SegmentSink};
use crate::upload::Upload;

/// Longest segment that is taken ahead, in bytes.
pub const MAX_SEGMENT_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// What one member can have here that no accepted command points at, in bytes.
pub const MAX_AHEAD_BYTES: u64 = 2 * MAX_SEGMENT_BYTES;
/// The same in segments.
const MAX_AHEAD_SEGMENTS: usize = 4096;
/// How long a segment waits for its command, in milliseconds. Longer than any command lives.
pub const AHEAD_MS: u64 = 24 * 60 * 60 * 1000;
const _: () = assert!(AHEAD_MS > secnet_types::limits::MAX_COMMAND_LIFETIME_MS);
/// Longest note, in bytes.
const MAX_NOTE_BYTES: usize = 64;
const MEMBER_LEN: usize = 32;

/// The note of one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Note {
    /// Its length, as it was announced.
    #[n(0)]
    length: u64,
    /// From then on it is cleared away.
    #[n(1)]
    until: Timestamp,
    /// All of it is here.
    #[n(2)]
    whole: bool,
}

type Key = (MemberId, Address);

/// The notes in memory; none until they were read.
#[derive(Debug, Default)]
pub(crate) struct Ahead(Option<BTreeMap<Key, Note>>);

fn note_name((member, segment): &Key) -> EntryName {
    let key = [member.0.as_slice(), segment.as_bytes()].concat();
    EntryName::new(EntryKind::Ahead, &[], &key)
}

fn key_of(name: &EntryName) -> Option<Key> {
    let (member, segment) = name.key.split_at_checked(MEMBER_LEN)?;
    Some((MemberId(member.try_into().ok()?), Address::from_bytes(segment.try_into().ok()?)))
}

/// May this member send a segment of this length, besides what it has here already?
fn admit(notes: &BTreeMap<Key, Note>, key: &Key, length: u64) -> Result<(), AccessError> {
    if length > MAX_SEGMENT_BYTES {
        let detail = format!("a segment has at most {MAX_SEGMENT_BYTES} bytes");
        return Err(AccessError::Malformed(detail));
    }
    let others = notes.iter().filter(|(other, _)| other.0 == key.0 && *other != key);
    let (mut count, mut bytes) = (0_usize, length);
    for (_, note) in others {
        count = count.saturating_add(1);
        bytes = bytes.saturating_add(note.length);
    }
    if bytes > MAX_AHEAD_BYTES || count >= MAX_AHEAD_SEGMENTS {
        return Err(AccessError::Quota);
    }
    Ok(())
}

/// A segment under way.
#[expect(missing_debug_implementations, reason = "ports have none")]
pub struct Incoming {
    sink: Box<dyn SegmentSink>,
    key: Key,
    /// Bytes that are still to come.
    left: u64,
}

impl Incoming {
    /// The next bytes.
    ///
    /// # Errors
    /// There are more than were announced; the vault's storage fails.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), AccessError> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or_else(other_length)?;
        Ok(self.sink.write(bytes).await?)
    }

    /// Remove what was sent.
    ///
    /// # Errors
    /// The vault's storage fails.
    pub async fn abort(self) -> Result<(), AccessError> {
        Ok(self.sink.abort().await?)
    }
}

fn other_length() -> AccessError {
    AccessError::Malformed("the segment is not as long as it was announced".into())
}

impl Pdc {
    /// Begin to take in a segment that a later command of this member's will point at. `length` is reserved of its quota.
    ///
    /// # Errors
    /// [`AccessError::Quota`]; the segment would be too long; storage fails.
    pub async fn begin_segment(
        &self,
        author: MemberId,
        segment: Address,
        length: u64,
    ) -> Result<Incoming, AccessError> {
        let key = (author, segment);
        let mut ahead = self.ahead.lock().await;
        let notes = self.notes_ahead(&mut ahead).await?;
        admit(notes, &key, length)?;
        let whole = notes.get(&key).is_some_and(|note| note.whole);
        let note = Note { length, until: self.clock.now().plus_ms(AHEAD_MS), whole };
        // Noted before anything is stored, so that what an interruption leaves is cleared away too.
        self.archive.write(vec![noted(&key, &note)]).await?;
        notes.insert(key, note);
        drop(ahead);
        let sink = self.vault.begin_segment().await?;
        Ok(Incoming { sink, key, left: length })
    }

    /// The segment is complete: durable under its address when this returns.
    ///
    /// # Errors
    /// It is another segment, or shorter than announced: nothing is stored; storage fails.
    pub async fn finish_segment(&self, incoming: Incoming) -> Result<(), AccessError> {
        let Incoming { sink, key, left } = incoming;
        if left > 0 {
            sink.abort().await?;
            return Err(other_length());
        }
        sink.finish(key.1).await?;
        let mut ahead = self.ahead.lock().await;
        let notes = self.notes_ahead(&mut ahead).await?;
        // Cleared away or claimed by another call of the same member meanwhile: it has to be sent again, or is not needed.
        let Some(note) = notes.get_mut(&key) else { return Ok(()) };
        note.whole = true;
        Ok(self.archive.write(vec![noted(&key, note)]).await?)
    }

    /// The length of a segment that this member has sent ahead, if all of it is here.
    pub(crate) async fn ahead_of(
        &self,
        author: MemberId,
        segment: Address,
    ) -> Result<Option<u64>, AccessError> {
        let mut ahead = self.ahead.lock().await;
        let notes = self.notes_ahead(&mut ahead).await?;
        Ok(notes.get(&(author, segment)).filter(|note| note.whole).map(|note| note.length))
    }

    /// The segments that these uploads point at and that came ahead; they wait for the command from now on.
    pub(crate) async fn hold_ahead(
        &self,
        author: MemberId,
        uploads: &[Upload],
    ) -> Result<BTreeSet<Address>, AccessError> {
        let mut ahead = self.ahead.lock().await;
        let notes = self.notes_ahead(&mut ahead).await?;
        let until = self.clock.now().plus_ms(AHEAD_MS);
        let (mut held, mut changes) = (BTreeSet::new(), Vec::new());
        for segment in uploads.iter().flat_map(|upload| pointed_at(&upload.sealed)) {
            let key = (author, segment);
            if let Some(note) =
                notes.get_mut(&key).filter(|note| note.whole && held.insert(segment))
            {
                note.until = until;
                changes.push(noted(&key, note));
            }
        }
        self.archive.write(changes).await?;
        Ok(held)
    }

    /// A command that points at these was accepted.
    pub(crate) async fn forget_ahead(
        &self,
        author: MemberId,
        segments: &BTreeSet<Address>,
    ) -> Result<(), AccessError> {
        let mut ahead = self.ahead.lock().await;
        let notes = self.notes_ahead(&mut ahead).await?;
        let keys = segments.iter().map(|segment| (author, *segment));
        let gone = keys.filter(|key| notes.remove(key).is_some());
        let gone = gone.map(|key| Change { name: note_name(&key), value: None }).collect();
        Ok(self.archive.write(gone).await?)
    }

    /// Remove the segments that came ahead and were claimed by no accepted command in time. How many.
    ///
    /// # Errors
    /// Archive or vault fail; what was removed until then stays removed.
    pub async fn clear_ahead(&self) -> Result<usize, AccessError> {
        // A command must not claim what is about to be removed.
        let rewriting = self.rewriting.lock().await;
        let mut ahead = self.ahead.lock().await;
        let notes = self.notes_ahead(&mut ahead).await?;
        let now = self.clock.now();
        let over: Vec<Key> =
            notes.iter().filter(|(_, note)| note.until <= now).map(|(key, _)| *key).collect();
        notes.retain(|_, note| note.until > now);
        let waited_for: BTreeSet<Address> = notes.keys().map(|(_, segment)| *segment).collect();
        drop(ahead);
        let unclaimed = over.iter().map(|(_, segment)| *segment);
        let unclaimed = unclaimed.filter(|segment| !waited_for.contains(segment)).collect();
        self.free_segments(unclaimed).await?;
        let gone = over.iter().map(|key| Change { name: note_name(key), value: None });
        self.archive.write(gone.collect()).await?;
        drop(rewriting);
        Ok(over.len())
    }

    /// The notes, read once.
    async fn notes_ahead<'a>(
        &self,
        ahead: &'a mut Ahead,
    ) -> Result<&'a mut BTreeMap<Key, Note>, AccessError> {
        let notes = match ahead.0.take() {
            Some(notes) => notes,
            None => {
                let mut notes = BTreeMap::new();
                for (name, bytes) in self.archive.list(EntryKind::Ahead, &[]).await? {
                    let note = decode("note of a segment", &bytes, MAX_NOTE_BYTES)
                        .map_err(|error| AccessError::Damaged(error.to_string()))?;
                    notes.extend(key_of(&name).map(|key| (key, note)));
                }
                notes
            }
        };
        Ok(ahead.0.insert(notes))
    }
}

fn noted(key: &Key, note: &Note) -> Change {
    let EntryName { kind, group, key } = note_name(key);
    put(kind, &group, &key, note)
}

/// The segments that an upload's records are in.
fn pointed_at(sealed: &SealedUpload) -> impl Iterator<Item = Address> {
    sealed.entries.iter().map(|entry| entry.location().segment)
}
