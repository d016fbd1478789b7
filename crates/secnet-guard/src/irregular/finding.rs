//! What was found, for people to look at.

use core::fmt;

use minicbor::{Decode, Encode};
use secnet_types::{Amount, Digest, MemberId, Timestamp};

use super::limits::{MAX_NAMED_EVENTS, MAX_NAMED_MEMBERS};

/// What kind of irregularity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Irregularity {
    /// Value goes round.
    #[n(0)]
    Ring,
    /// Paid uses of an owner's data are paid with her own money.
    #[n(1)]
    Farming,
    /// New grants are emptied at once and then left.
    #[n(2)]
    Drain,
    /// After a long sleep a member acts on much.
    #[n(3)]
    Waking,
    /// Transfers stay just below round amounts.
    #[n(4)]
    SplitTransfers,
    /// Grant after grant is used up.
    #[n(5)]
    SplitGrants,
}

impl Irregularity {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Ring,
        Self::Farming,
        Self::Drain,
        Self::Waking,
        Self::SplitTransfers,
        Self::SplitGrants,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ring => "ring",
            Self::Farming => "farming",
            Self::Drain => "drain",
            Self::Waking => "waking",
            Self::SplitTransfers => "split-transfers",
            Self::SplitGrants => "split-grants",
        }
    }

    /// Why it may be nothing.
    #[must_use]
    pub const fn may_be_innocent(self) -> &'static str {
        match self {
            Self::Ring => {
                "members who lend each other and give back again and again, or settle what they owe, look the same"
            }
            Self::Farming => {
                "an organisation that gives its staff money for the use of its own data looks the same"
            }
            Self::Drain => {
                "whoever reads whole files once, at an admission or for a study, looks the same"
            }
            Self::Waking => {
                "somebody who comes back from a long leave, or begins later than planned, looks the same"
            }
            Self::SplitTransfers => {
                "a regular payment whose amount happens to be just below a round one looks the same"
            }
            Self::SplitGrants => "an owner who means to sell in small parts looks the same",
        }
    }
}

/// One irregularity.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Finding {
    /// What kind.
    #[n(0)]
    pub kind: Irregularity,
    /// Who: a circle in the order of its payments; an owner, then those who pay her; who emptied, woke or used up; payer
    /// and payee. At most [`MAX_NAMED_MEMBERS`].
    #[n(1)]
    pub members: Vec<MemberId>,
    /// The events it rests on, by their index in the log; the newest [`MAX_NAMED_EVENTS`].
    #[n(2)]
    pub events: Vec<u64>,
    /// How much money: what went round at least, what was paid for the uses, what was sent.
    #[n(3)]
    pub amount: Amount,
    /// How often: rounds, uses, grants, things acted on, transfers.
    #[n(4)]
    pub count: u64,
    /// The first moment it rests on.
    #[n(5)]
    pub from: Timestamp,
    /// The last one.
    #[n(6)]
    pub until: Timestamp,
    /// The event at which it was found.
    #[n(7)]
    pub found_at: u64,
}

impl Finding {
    /// The same for whoever reads the same log.
    #[must_use]
    pub fn id(&self) -> Digest {
        Digest::of_value(self)
    }

    /// In order, each once, and no more than are named.
    pub(super) fn tidy(mut self) -> Self {
        self.events.sort_unstable();
        self.events.dedup();
        let surplus = self.events.len().saturating_sub(MAX_NAMED_EVENTS);
        self.events.drain(..surplus);
        self.members.truncate(MAX_NAMED_MEMBERS);
        self
    }

    /// What was found, in a sentence; members as `name` has them.
    #[must_use]
    pub fn said(&self, name: &dyn Fn(MemberId) -> String) -> String {
        let names: Vec<String> = self.members.iter().map(|member| name(*member)).collect();
        let first = names.first().map_or("nobody", String::as_str);
        let others = names.get(1..).unwrap_or_default().join(", ");
        let (count, amount) = (self.count, self.amount);
        let what: &dyn fmt::Display = match self.kind {
            Irregularity::Ring => &format_args!(
                "{} passed on at least {amount} in a circle, {count} times or more",
                names.join(", ")
            ),
            Irregularity::Farming if others.is_empty() => &format_args!(
                "{count} uses of data of {first} were paid, {amount} in all, with her own money set aside for them"
            ),
            Irregularity::Farming => &format_args!(
                "{count} uses of data of {first} were paid, {amount} in all, by accounts that she funds: {others}"
            ),
            Irregularity::Drain => &format_args!(
                "{first} read {count} new grants of different owners empty within minutes and then left them, {amount} in all"
            ),
            Irregularity::Waking => &format_args!(
                "{first} did nothing for months, and then acted on {count} things within a day"
            ),
            Irregularity::SplitTransfers => &format_args!(
                "{first} sent {others} {count} amounts just below round ones, {amount} in all"
            ),
            Irregularity::SplitGrants => &format_args!(
                "{first} used up {count} grants of one dataset one after the other, {amount} in all"
            ),
        };
        format!("{what}, from {} to {}", self.from, self.until)
    }
}
