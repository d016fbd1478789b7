//! How a network begins.

use minicbor::{Decode, Encode};
use secnet_crypto::VerifyingKey;

use crate::{
    BasisPoints, Digest, Epochs, MemberId, MemberKind, NetworkId, ReleaseMember, SealedHeader,
    Timestamp, ValidatorKey, encode, limits,
};

/// Why a genesis is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// Not canonical.
    #[error(transparent)]
    Decode(#[from] crate::DecodeError),
    /// Its parts do not fit together.
    #[error("the genesis is not consistent: {0}")]
    Inconsistent(&'static str),
}

impl GenesisError {
    /// A stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Decode(error) => error.code(),
            Self::Inconsistent(_) => "bad-genesis",
        }
    }
}

/// What governance can tune.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Parameters {
    /// Fee on every payment, to the treasury.
    #[n(0)]
    pub fee: BasisPoints,
    /// Time for the review of an emergency use, in milliseconds.
    #[n(1)]
    pub review_ms: u64,
    /// Time for the owner's answer to a hold, in milliseconds.
    #[n(2)]
    pub hold_ms: u64,
}

impl Default for Parameters {
    /// 1 % fee, reviews within 7 days, holds answered within 3 days.
    fn default() -> Self {
        Self {
            fee: BasisPoints::new(100).unwrap_or(BasisPoints::ZERO),
            review_ms: 7 * 24 * 60 * 60 * 1000,
            hold_ms: 3 * 24 * 60 * 60 * 1000,
        }
    }
}

/// A founding member. Its id is its key.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Founder {
    /// Its id, and its first key.
    #[n(0)]
    pub member: MemberId,
    /// What kind of member.
    #[n(1)]
    pub kind: MemberKind,
    /// Digest of its X-Wing public key.
    #[n(2)]
    pub sealing_key: Digest,
}

/// Where the chain that a network continues stood at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Predecessor {
    /// The network that was closed.
    #[n(0)]
    pub network: NetworkId,
    /// Digest of its last header.
    #[n(1)]
    pub header: Digest,
    /// Digest of its state after that block, which is taken over.
    #[n(2)]
    pub state: Digest,
}

/// The first state of a network; its digest is the network's id.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Genesis {
    /// Format version: 1.
    #[n(0)]
    pub version: u8,
    /// A name for people.
    #[n(1)]
    pub name: String,
    /// When it begins; no block is earlier.
    #[n(2)]
    pub time: Timestamp,
    /// Random, so that two networks of one name differ.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub salt: [u8; 32],
    /// The founding members.
    #[n(4)]
    pub founders: Vec<Founder>,
    /// The governors, founders all.
    #[n(5)]
    pub governors: Vec<MemberId>,
    /// How many of them must agree.
    #[n(6)]
    pub threshold: u32,
    /// The sequencer's Ed25519 key: a quorum of one. Where there are validators it is the first of them, and certifies
    /// nothing by itself.
    #[n(7)]
    #[cbor(with = "minicbor::bytes")]
    pub sequencer: [u8; 32],
    /// The first parameters.
    #[n(8)]
    pub parameters: Parameters,
    /// The closed chain that this one continues.
    #[n(9)]
    pub predecessor: Option<Predecessor>,
    /// The validators, ascending, if a quorum of them orders instead of one sequencer.
    #[n(10)]
    pub validators: Option<Vec<ValidatorKey>>,
}

impl Genesis {
    /// The members whose nodes hold shares when the network begins, by id.
    #[must_use]
    pub fn release_members(&self) -> Vec<ReleaseMember> {
        let nodes = self.founders.iter().filter(|founder| founder.kind == MemberKind::Node);
        let of = |it: &Founder| ReleaseMember { member: it.member, sealing_key: it.sealing_key };
        nodes.map(of).collect()
    }

    /// The only format version.
    pub const VERSION: u8 = 1;

    /// Parse and check.
    ///
    /// # Errors
    /// [`GenesisError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, GenesisError> {
        let genesis: Self = crate::decode("genesis", bytes, limits::MAX_GENESIS_BYTES)?;
        genesis.check()?;
        Ok(genesis)
    }

    /// Do its parts fit together?
    ///
    /// # Errors
    /// [`GenesisError::Inconsistent`].
    pub fn check(&self) -> Result<(), GenesisError> {
        let bad = |why| Err(GenesisError::Inconsistent(why));
        if self.version != Self::VERSION {
            return bad("this program knows version 1 only");
        }
        if self.name.len() > limits::MAX_TEXT_BYTES {
            return bad("its name is too long");
        }
        if !ascending(self.founders.iter().map(|f| f.member)) {
            return bad("founders are not listed in ascending order, each once");
        }
        // The rule for every member: keys that libraries differ about are refused, and nobody has the all-zero id.
        let keys = self.founders.iter().map(|f| f.member.0).chain([self.sequencer]);
        if keys.into_iter().any(|key| VerifyingKey::from_bytes(key).is_err()) {
            return bad("a founder's or the sequencer's key is of small order or not canonical");
        }
        if let Some(validators) = &self.validators {
            validators_fit(validators, &self.sequencer).or_else(bad)?;
        }
        governors_fit(&self.governors, self.threshold).or_else(bad)?;
        if !self.governors.iter().all(|g| self.founders.iter().any(|f| f.member == *g)) {
            return bad("a governor is not a founder");
        }
        Ok(())
    }

    /// Is this header certified, by the sequencer or by a quorum of its epoch's validators, who follow from the genesis by the
    /// handovers that come with it?
    #[must_use]
    pub fn certifies(&self, sealed: &SealedHeader) -> bool {
        Epochs::of(self).certify(sealed)
    }

    /// Digest of everything but the predecessor: what the governors of the chain to be closed agree on, since how that
    /// chain will end is not known before.
    #[must_use]
    pub fn configuration(&self) -> Digest {
        Digest::of_value(&Self { predecessor: None, ..self.clone() })
    }

    /// The network's id.
    #[must_use]
    pub fn network(&self) -> NetworkId {
        NetworkId(Digest::of(&encode(self)).0)
    }
}

fn validators_fit(validators: &[ValidatorKey], first: &[u8; 32]) -> Result<(), &'static str> {
    if validators.len() > limits::MAX_VALIDATORS {
        return Err("there are too many validators");
    }
    if !validators.is_sorted_by(|a, b| a < b) {
        return Err("validators are not listed in ascending order, each once");
    }
    if validators.iter().any(|key| VerifyingKey::from_bytes(key.0).is_err()) {
        return Err("a validator's key is of small order or not canonical");
    }
    if validators.first().is_none_or(|key| key.0 != *first) {
        return Err("the sequencer is not the first of the validators");
    }
    Ok(())
}

/// Are these governors, in ascending order, at least one of whom and at most all of whom must agree?
///
/// # Errors
/// What is wrong.
pub fn governors_fit(governors: &[MemberId], threshold: u32) -> Result<(), &'static str> {
    let count = u32::try_from(governors.len()).unwrap_or(u32::MAX);
    if governors.len() > limits::MAX_GOVERNORS {
        return Err("there are too many governors");
    }
    if !ascending(governors.iter().copied()) {
        return Err("governors are not listed in ascending order, each once");
    }
    // More than half must agree, so that no two disjoint groups can both decide.
    if threshold > count || threshold.saturating_mul(2) <= count {
        return Err("the threshold is not a majority of the governors");
    }
    Ok(())
}

fn ascending(ids: impl Iterator<Item = MemberId>) -> bool {
    let ids: Vec<_> = ids.collect();
    ids.is_sorted_by(|a, b| a < b)
}
