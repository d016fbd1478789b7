//! Irregular dealings on the ledger, watched without labels: value that goes round, paid use that is the owner's own money,
//! grants that are emptied at once, members that wake, and amounts cut to stay below something.
//!
//! [`Watcher::observe`] takes the log's events in order and gives the [`Finding`]s that each event completes. A finding is
//! for people: it refuses nothing, holds nothing, and is no feature of rules. Time is the block's; the same log gives the same findings.
//!
//! Memory is bounded by [`limits`]. What a member does is kept with that member, so nobody pushes out what another's
//! payments and grants tell; and where all of it is too much, the organisation with most of it, with those it vouches for, loses what was
//! touched longest ago. Many members of one organisation therefore push out each other.

mod account;
mod accounts;
mod acts;
mod drain;
mod entry;
mod farming;
mod finding;
mod flow;
mod habit;
pub mod limits;
mod ring;
mod split;
#[cfg(test)]
mod tests;
mod watcher;

pub use entry::{Admission, Entry};
pub use finding::{Finding, Irregularity};
pub use watcher::Watcher;
