//! Asks, answers, grants, denials, delegations, sessions.

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};

use crate::{
    Action, Amount, DatasetId, Digest, GroupId, MemberId, Purpose, Scope, Timestamp, Window, encode,
};

/// Digest of the sealed packets that carry a grant's half of the lock; the packets are in the vault.
pub type WrapDigest = Digest;

/// Whom a grant or a denial is about. Identity is equality of ids, never likeness of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Party {
    /// One member.
    #[n(0)]
    Member(#[n(0)] MemberId),
    /// Whoever is in the group when it counts.
    #[n(1)]
    Group(#[n(0)] GroupId),
    /// An organisation and whoever it vouches for when it counts.
    #[n(2)]
    Organisation(#[n(0)] MemberId),
}

/// A wish for a grant.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Ask {
    /// The dataset.
    #[n(0)]
    pub dataset: DatasetId,
    /// Who would be granted: the asker, or a group it runs.
    #[n(1)]
    pub grantee: Party,
    /// The price offered for one use.
    #[n(2)]
    pub price: Amount,
    /// How many uses; absent for no limit.
    #[n(3)]
    pub uses: Option<u32>,
    /// When the grant should run.
    #[n(4)]
    pub window: Window,
    /// The owner's time to answer.
    #[n(5)]
    pub deadline: Timestamp,
    /// Salted commitment to the wished-for [`GrantDetail`]; the detail goes to the PDC.
    #[n(6)]
    pub detail: Digest,
}

/// Why, in a word that tells nothing personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Reason {
    /// None given.
    #[n(0)]
    Unstated,
    /// No longer wanted or needed.
    #[n(1)]
    NoLongerWanted,
    /// The purpose is not accepted.
    #[n(2)]
    Purpose,
    /// The price is not accepted.
    #[n(3)]
    Price,
    /// The scope is too wide.
    #[n(4)]
    Scope,
    /// Trust was broken.
    #[n(5)]
    Misuse,
}

/// The owner's answer to an ask.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Answer {
    /// Yes: this grant, at the price that was agreed.
    #[n(0)]
    Approve(#[n(0)] Grant),
    /// No.
    #[n(1)]
    Refuse(#[n(0)] Reason),
    /// Not so, but so. A counter-offer without a price is refused.
    #[n(2)]
    Counter {
        /// The price of one use.
        #[n(0)]
        price: Option<Amount>,
        /// How many uses.
        #[n(1)]
        uses: Option<u32>,
        /// When.
        #[n(2)]
        window: Window,
    },
}

/// What both sides of an ask must agree on: the conditions of a counter-offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Bargain {
    /// The price of one use.
    #[n(0)]
    pub price: Amount,
    /// How many uses.
    #[n(1)]
    pub uses: Option<u32>,
    /// When.
    #[n(2)]
    pub window: Window,
}

/// The owner's signed permission: the part that `apply` judges. The rest is behind `detail`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Grant {
    /// The dataset.
    #[n(0)]
    pub dataset: DatasetId,
    /// To whom.
    #[n(1)]
    pub grantee: Party,
    /// From when until when, in block time.
    #[n(2)]
    pub window: Window,
    /// How many uses; absent for no limit.
    #[n(3)]
    pub uses: Option<u32>,
    /// The price of one use; it stands whatever becomes of the list price.
    #[n(4)]
    pub price: Amount,
    /// Break-glass: price zero, only for emergencies, reviewed afterwards.
    #[n(5)]
    pub emergency: bool,
    /// Salted commitment to the [`GrantDetail`].
    #[n(6)]
    pub detail: Digest,
    /// Digest of the sealed packets that carry the grantee's half of the lock.
    #[n(7)]
    pub wraps: WrapDigest,
    /// The tenure of the dataset that it is given in. The packets hold keys of that tenure's owner, so a grant that is
    /// ordered after a hand-over would open nothing.
    #[n(8)]
    pub tenure: u32,
}

/// The detailed part of a grant or a denial; it stays in the PDC.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GrantDetail {
    /// For these purposes; empty for none (a denial for all purposes lists all).
    #[n(0)]
    pub purposes: BTreeSet<Purpose>,
    /// These actions.
    #[n(1)]
    pub actions: BTreeSet<Action>,
    /// On these records.
    #[n(2)]
    pub scope: Scope,
    /// Random; without it the commitment tells nothing.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub salt: [u8; 32],
}

impl GrantDetail {
    /// The commitment that the ledger carries.
    #[must_use]
    pub fn commitment(&self) -> Digest {
        Digest::commit(&self.salt, &encode(self))
    }
}

/// An explicit denial. It beats every ordinary grant.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Denial {
    /// Only this dataset; absent for everything the author owns.
    #[n(0)]
    pub dataset: Option<DatasetId>,
    /// Who is denied.
    #[n(1)]
    pub party: Party,
    /// When.
    #[n(2)]
    pub window: Window,
    /// Not even in an emergency.
    #[n(3)]
    pub even_in_emergency: bool,
    /// Salted commitment to a [`GrantDetail`] saying for which purposes, actions and records; absent for all, and
    /// then `apply` enforces it too.
    #[n(4)]
    pub detail: Option<Digest>,
}

/// One thing a delegate may do in the owner's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Power {
    /// Answer asks, grant, and answer holds.
    Grant,
    /// Revoke grants and make denials.
    Revoke,
    /// Change list prices, and nothing else of the terms.
    Price,
    /// Withdraw and erase.
    Erase,
}

/// A set of powers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Encode)]
#[cbor(transparent)]
pub struct Powers(#[n(0)] u8);

impl Powers {
    /// Everything a guardian can be given. Transfer of ownership is never delegated.
    pub const ALL: Self = Self(0b1111);

    /// With one more power.
    #[must_use]
    pub const fn with(self, power: Power) -> Self {
        Self(self.0 | 1 << power as u8)
    }

    /// Is the power in the set?
    #[must_use]
    pub const fn contains(self, power: Power) -> bool {
        self.0 & (1 << power as u8) != 0
    }

    /// Are there none?
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl<'b, C> Decode<'b, C> for Powers {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let bits = d.u8()?;
        if bits & !Self::ALL.0 == 0 {
            Ok(Self(bits))
        } else {
            Err(minicbor::decode::Error::message("unknown power"))
        }
    }
}

/// Who may act in the author's name (a guardian, a privacy office).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Delegation {
    /// The delegate.
    #[n(0)]
    pub delegate: MemberId,
    /// What it may do.
    #[n(1)]
    pub powers: Powers,
    /// Only on this dataset; absent for everything the author owns.
    #[n(2)]
    pub dataset: Option<DatasetId>,
    /// When.
    #[n(3)]
    pub window: Window,
}

/// A key that may sign access requests in the author's name.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Session {
    /// The Ed25519 public key.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub key: [u8; 32],
    /// Until when.
    #[n(1)]
    pub until: Timestamp,
    /// The most that requests signed with it may cost in all.
    #[n(2)]
    pub limit: Amount,
}
