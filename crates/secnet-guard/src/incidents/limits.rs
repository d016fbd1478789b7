//! What belongs together, and how much of it is remembered. The same for everybody, so that whoever reads the same log finds the same
//! incidents.

const HOUR_MS: u64 = 60 * 60 * 1000;

/// An alert joins an incident whose last alert is no older than this, in milliseconds.
pub const QUIET_MS: u64 = 24 * HOUR_MS;
/// Members of one organisation with incidents of their own at a time; what more of them do is one incident of the organisation. So many
/// accounts of one hand do not come to as many incidents. Of what is broken here, so many datasets.
pub const MAX_AT_ONCE: usize = 32;
/// Incidents of one organisation that are remembered; the one that has been quiet for longest makes room. Nobody pushes out what members
/// of another organisation did.
pub const MAX_OF_ORGANISATION: usize = 1024;
/// Incidents that are remembered in all; beyond, the organisation that has most loses the one that has been quiet for longest.
pub const MAX_REMEMBERED: usize = 16_384;
/// Of each kind of entry and reason, the first so many are in an incident's timeline.
pub const FIRST_OF_KIND: usize = 8;
/// And the last so many. Those between are counted: a flood of one kind hides no other.
pub const LAST_OF_KIND: usize = 24;
/// Members, and datasets, that are counted by name in one incident; others are counted together.
pub const MAX_NAMED: usize = 64;
