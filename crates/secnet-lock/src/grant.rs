//! Grant wraps: the compartment secrets that cover a grant's scope, sealed to the grantee when the grant is signed.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};
use secnet_crypto::{CryptoRng, SealError, SealPublicKey, SealSecretKey, Zeroizing};
use secnet_types::{DatasetId, Digest};

use crate::{
    Compartment, CompartmentId, CompartmentKeys, Known, Packet, PacketError, PacketHeader, limits,
    table::{Rows, Table},
};

/// What wraps are bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct GrantBinding {
    /// The dataset that the grant is for.
    #[n(0)]
    pub dataset: DatasetId,
    /// The commitment to the grant's detail, as on the ledger.
    #[n(1)]
    pub detail: Digest,
}

/// What is readable of [`GrantWraps`]: `[version, suite, [dataset, detail], recipient]`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct GrantHeader {
    /// Format version.
    #[n(0)]
    pub version: Known<1>,
    /// HPKE suite: X-Wing.
    #[n(1)]
    pub suite: Known<0x647a>,
    /// For which grant.
    #[n(2)]
    pub binding: GrantBinding,
    /// Digest of the key it is sealed to.
    #[n(3)]
    pub recipient: Digest,
}

impl PacketHeader for GrantHeader {
    const INFO: &'static [u8] = b"secnet/lock/grant-wraps/v1";
    const WHAT: &'static str = "wraps of a grant";
    const LIMIT: usize = limits::MAX_WRAPS_BYTES;
    const MAX_ROWS: usize = limits::MAX_COMPARTMENTS;
}

/// Compartment secrets for a grantee; table: compartment id (32) -> seed (32). `digest()` goes on the ledger as
/// `Grant.wraps`.
pub type GrantWraps = Packet<GrantHeader>;

/// Why a grant could not be wrapped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WrapError {
    /// The owner does not hold the key of this compartment (any more).
    #[error("the owner holds no key for the {} compartment of epoch {}", .0.category, .0.epoch)]
    NoKey(Compartment),
    /// More than [`limits::MAX_COMPARTMENTS`].
    #[error("a grant can cover at most `{0}` compartments")]
    TooMany(usize),
    /// The packet could not be sealed.
    #[error("the wraps cannot be sealed: {0}")]
    Seal(#[from] SealError),
    /// The packet to wrap anew does not open.
    #[error(transparent)]
    Packet(#[from] PacketError),
}

/// Seals the secrets of `compartments` to a grantee, or to the group key of a group.
///
/// No compartment at all is allowed: a grant can come before the first record that it covers.
///
/// # Errors
/// [`WrapError`].
pub fn wrap_for_grantee(
    binding: GrantBinding,
    compartments: &[Compartment],
    keys: &CompartmentKeys,
    grantee: &SealPublicKey,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<GrantWraps, WrapError> {
    let mut rows: Rows<32, 32> = Rows::new();
    for compartment in compartments {
        let seed = keys.seed(compartment).ok_or(WrapError::NoKey(*compartment))?;
        rows.insert(compartment.id().0.0, seed.clone());
    }
    if rows.len() > limits::MAX_COMPARTMENTS {
        return Err(WrapError::TooMany(limits::MAX_COMPARTMENTS));
    }
    seal(binding, &Table::of(&rows), grantee, rng)
}

impl GrantWraps {
    /// What a group's admin does: opens wraps with the group's key and seals them to a member.
    ///
    /// # Errors
    /// [`WrapError`].
    pub fn rewrap(
        &self,
        group: &SealSecretKey,
        member: &SealPublicKey,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, WrapError> {
        let table: Table<32, 32> = self.open(group)?;
        seal(self.header.binding, &table, member, rng)
    }

    /// Does the packet hold no secret at all? Seen from its length, without a key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.envelope.len() <= secnet_crypto::seal::SEAL_OVERHEAD
    }

    /// The compartment secrets, for the grant that the caller has in mind.
    pub(crate) fn secrets(
        &self,
        binding: &GrantBinding,
        key: &SealSecretKey,
    ) -> Result<BTreeMap<CompartmentId, Zeroizing<[u8; 32]>>, PacketError> {
        let elsewhere = |field| PacketError::Elsewhere { what: GrantHeader::WHAT, field };
        if self.header.binding.dataset != binding.dataset {
            return Err(elsewhere("dataset"));
        }
        if self.header.binding.detail != binding.detail {
            return Err(elsewhere("grant"));
        }
        if self.header.recipient != Digest(key.public_key().digest()) {
            return Err(elsewhere("recipient"));
        }
        let table: Table<32, 32> = self.open(key)?;
        let secrets = table.iter();
        Ok(secrets.map(|(id, seed)| (CompartmentId(Digest(*id)), Zeroizing::new(*seed))).collect())
    }
}

fn seal(
    binding: GrantBinding,
    table: &Table<32, 32>,
    to: &SealPublicKey,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<GrantWraps, WrapError> {
    let recipient = Digest(to.digest());
    let header = GrantHeader { version: Known, suite: Known, binding, recipient };
    Ok(Packet::seal(header, to, table, rng)?)
}
