//! What members try out at a door before they ask. A preview tells as much as a decision does and costs nothing, so it is
//! limited, and kept for the owner to see: who tries out how far consent reaches does not do so unseen.

use core::fmt;
use core::str::FromStr;
use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};
use parking_lot::Mutex;
use secnet_types::{DatasetId, IdError, MemberId, Purpose, Timestamp, Verdict, decode};

use crate::AccessError;
use crate::access::Preview;
use crate::call::{AccessCall, Authenticated};
use crate::pdc::{Pdc, put};
use crate::ports::{EntryKind, EntryName};

/// Previews of one member within a minute, of all datasets together: a limit for each dataset would tell which there are.
pub const PREVIEWS_PER_MINUTE: u32 = 120;
/// Entries in one page.
pub const MAX_PREVIEWS_PAGE: usize = 1000;
const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;
/// Members whose previews are counted at a time.
const MAX_COUNTED: usize = 65_536;
/// Longest record, in bytes.
const MAX_RECORD_BYTES: usize = 4096;

/// What one member tried out on one dataset on one day (UTC).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Previewed {
    /// Whose the dataset was.
    #[n(0)]
    pub owner: MemberId,
    /// Who.
    #[n(1)]
    pub requester: MemberId,
    /// The first time.
    #[n(2)]
    pub from: Timestamp,
    /// The last time.
    #[n(3)]
    pub until: Timestamp,
    /// How many would have been allowed.
    #[n(4)]
    pub allowed: u32,
    /// How many would have waited for the owner.
    #[n(5)]
    pub held: u32,
    /// How many would have been denied.
    #[n(6)]
    pub denied: u32,
    /// What for.
    #[n(7)]
    pub purposes: BTreeSet<Purpose>,
}

/// Where an entry stands in the list: by day, then by member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PreviewPlace {
    /// Days since 1970.
    pub day: u64,
    /// Who.
    pub requester: MemberId,
}

impl fmt::Display for PreviewPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.day, self.requester)
    }
}

impl FromStr for PreviewPlace {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let malformed = || IdError::Malformed(text.to_owned());
        let (day, requester) = text.split_once(':').ok_or_else(malformed)?;
        let digits = day.bytes().all(|byte| byte.is_ascii_digit());
        let day = day.parse().ok().filter(|_| digits).ok_or_else(malformed)?;
        Ok(Self { day, requester: requester.parse()? })
    }
}

/// One page, in the order of places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PreviewsPage {
    /// What was tried out.
    pub previews: Vec<Previewed>,
    /// Give it as `after` to go on; none if this is all.
    pub next: Option<PreviewPlace>,
}

/// How many previews each member had in its minute.
#[derive(Debug, Default)]
pub(crate) struct PreviewCounts(Mutex<BTreeMap<MemberId, (Timestamp, u32)>>);

impl PreviewCounts {
    /// Count one. May it be answered?
    fn may_preview(&self, member: MemberId, now: Timestamp) -> bool {
        // A clock that was put back must not leave a minute full until it has caught up.
        let over = |since: Timestamp| since > now || now.since_ms(since) >= MINUTE_MS;
        let mut counts = self.0.lock();
        if counts.len() >= MAX_COUNTED && !counts.contains_key(&member) {
            counts.retain(|_, (since, _)| !over(*since));
            if counts.len() >= MAX_COUNTED {
                return false;
            }
        }
        let (since, count) = counts.entry(member).or_insert((now, 0));
        if over(*since) {
            (*since, *count) = (now, 0);
        }
        let left = *count < PREVIEWS_PER_MINUTE;
        *count = count.saturating_add(u32::from(left));
        left
    }
}

impl Pdc {
    /// [`Pdc::preview`] for whoever asks at a door: no more than [`PREVIEWS_PER_MINUTE`], and the owner can see it. Whoever
    /// may not know of the dataset is told nothing, and leaves nothing.
    ///
    /// # Errors
    /// As [`Pdc::preview`]; [`AccessError::TooOften`]; the archive cannot be written, so that nothing is told.
    pub async fn preview_at_door(&self, call: &AccessCall) -> Result<Preview, AccessError> {
        let caller = self.caller_of(call)?;
        if !self.previews.may_preview(caller.request.value.requester, self.clock.now()) {
            return Err(AccessError::TooOften);
        }
        let preview = self.preview_for(&caller).await?;
        self.note_preview(&caller, &preview).await?;
        Ok(preview)
    }

    /// What was tried out with a dataset while it was this owner's, a page at a time.
    ///
    /// # Errors
    /// [`AccessError::Unknown`] if it is not the owner's, whether it exists or not; the archive cannot be read.
    pub async fn previews_page(
        &self,
        owner: MemberId,
        dataset: DatasetId,
        after: Option<PreviewPlace>,
        limit: usize,
    ) -> Result<PreviewsPage, AccessError> {
        let owned = self.view(|view| view.state.dataset(dataset).is_some_and(|d| d.owner == owner));
        if owned != Some(true) {
            return Err(AccessError::Unknown(format!("dataset {dataset}")));
        }
        let mut found = BTreeMap::new();
        for (_, bytes) in self.archive.list(EntryKind::Previews, &dataset.0).await? {
            let previewed = Previewed::from_bytes(&bytes)?;
            let place = previewed.place();
            if previewed.owner == owner && after.is_none_or(|after| place > after) {
                found.insert(place, previewed);
            }
        }
        let mut rest = found.into_iter();
        let page: Vec<_> = rest.by_ref().take(limit.clamp(1, MAX_PREVIEWS_PAGE)).collect();
        let next = page.last().map(|(place, _)| *place).filter(|_| rest.next().is_some());
        Ok(PreviewsPage {
            previews: page.into_iter().map(|(_, previewed)| previewed).collect(),
            next,
        })
    }

    async fn note_preview(
        &self,
        caller: &Authenticated,
        preview: &Preview,
    ) -> Result<(), AccessError> {
        let (requester, dataset) = (caller.request.value.requester, caller.request.value.dataset);
        let owner = self.view(|view| view.state.dataset(dataset).map(|entry| entry.owner));
        let (Some(owner), false) = (owner.flatten(), *preview == Preview::NotVisible) else {
            return Ok(());
        };
        let now = self.clock.now();
        let mut fresh = Previewed {
            owner,
            requester,
            from: now,
            until: now,
            allowed: 0,
            held: 0,
            denied: 0,
            purposes: BTreeSet::new(),
        };
        let name = fresh.place().name(dataset);
        let one_at_a_time = self.noting.lock().await;
        if let Some(kept) = self.archive.get(&name).await? {
            let kept = Previewed::from_bytes(&kept)?;
            // What a former owner was told of is not the new one's.
            if kept.owner == owner {
                fresh = kept;
            }
        }
        fresh.add(preview, now);
        fresh.purposes.insert(caller.detail.purpose);
        self.archive.write(vec![put(name.kind, &name.group, &name.key, &fresh)]).await?;
        drop(one_at_a_time);
        Ok(())
    }
}

impl Previewed {
    fn from_bytes(bytes: &[u8]) -> Result<Self, AccessError> {
        let read = decode("what was tried out", bytes, MAX_RECORD_BYTES);
        read.map_err(|error| AccessError::Damaged(error.to_string()))
    }

    /// Where it stands in the list.
    #[must_use]
    pub const fn place(&self) -> PreviewPlace {
        PreviewPlace { day: self.from.0 / DAY_MS, requester: self.requester }
    }

    fn add(&mut self, preview: &Preview, now: Timestamp) {
        self.until = self.until.max(now);
        let count = match preview {
            Preview::Released { .. } | Preview::Decided(Verdict::Allow { .. }) => &mut self.allowed,
            Preview::Held(_) | Preview::Decided(Verdict::Hold { .. }) => &mut self.held,
            Preview::Denied(_) | Preview::Decided(Verdict::Deny { .. }) => &mut self.denied,
            Preview::NotVisible => return,
        };
        *count = count.saturating_add(1);
    }
}

impl PreviewPlace {
    fn name(self, dataset: DatasetId) -> EntryName {
        let key = [&self.day.to_be_bytes()[..], &self.requester.0].concat();
        EntryName::new(EntryKind::Previews, &dataset.0, &key)
    }
}
