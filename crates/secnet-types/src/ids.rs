//! Identifiers: fixed-size byte strings, each its own type, with a checksummed text form (bech32m, BIP 350).

use core::fmt;
use core::str::FromStr;

use bech32::{Bech32m, Hrp};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use secnet_crypto::VerifyingKey;
use sha2::{Digest as _, Sha256};

use crate::encode as canonical;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Misspelt or cut: the checksum does not match.
    #[error("`{0}` is not a valid id: its checksum does not match; copy it whole")]
    Malformed(String),
    /// A well-formed id of another kind.
    #[error("`{given}` is not a {wanted} id; those start with `{wanted}1`")]
    WrongKind {
        /// What was given.
        given: String,
        /// The prefix that was expected.
        wanted: &'static str,
    },
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:literal, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;
            /// Prefix of the text form.
            pub const PREFIX: &'static str = $prefix;

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let hrp = Hrp::parse($prefix).map_err(|_| fmt::Error)?;
                bech32::encode_lower_to_fmt::<Bech32m, _>(f, hrp, &self.0).map_err(|_| fmt::Error)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let checked = bech32::primitives::decode::CheckedHrpstring::new::<Bech32m>(text)
                    .map_err(|_| IdError::Malformed(text.to_owned()))?;
                if !checked.hrp().as_str().eq_ignore_ascii_case($prefix) {
                    return Err(IdError::WrongKind { given: text.to_owned(), wanted: $prefix });
                }
                let bytes: Vec<u8> = checked.byte_iter().collect();
                let bytes = bytes.try_into().map_err(|_| IdError::Malformed(text.to_owned()))?;
                let id = Self(bytes);
                // The checksum also covers bits that no byte uses: they must be zero, or one id had several texts.
                if id.to_string().eq_ignore_ascii_case(text) {
                    Ok(id)
                } else {
                    Err(IdError::Malformed(text.to_owned()))
                }
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: encode::Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
                let bytes = d.bytes()?;
                let bytes = bytes.try_into().map_err(|_| {
                    decode::Error::message(concat!("wrong length for a ", $prefix, " id"))
                })?;
                Ok(Self(bytes))
            }
        }
    };
}

id!(
    /// A SHA-256 digest of canonical bytes, or a salted commitment made of one.
    Digest, 32, "sndigest"
);
id!(
    /// A network: the digest of its genesis.
    NetworkId, 32, "snnet"
);
id!(
    /// A member: its first Ed25519 public key, which stays its name when the key is rotated.
    MemberId, 32, "snid"
);
id!(
    /// A command, unique per author until its expiry.
    CommandId, 16, "sncmd"
);
id!(
    /// One access request, unique per requester; a retry carries the same id.
    RequestId, 16, "snreq"
);
id!(
    /// A dataset: self-certifying, because it is the digest of its creator and the registering command.
    DatasetId, 16, "sndata"
);
id!(
    /// A group of members.
    GroupId, 16, "sngroup"
);
id!(
    /// An ask: a requester's wish for a grant, with the owner's answer.
    AskId, 16, "snask"
);
id!(
    /// A grant.
    GrantId, 16, "sngrant"
);
id!(
    /// An explicit denial.
    DenialId, 16, "sndenial"
);
id!(
    /// A committed decision.
    DecisionId, 16, "sndec"
);
id!(
    /// A record in a dataset; random, so that it says nothing about the record.
    RecordId, 16, "snrec"
);
id!(
    /// A security rule: the digest of its canonical form.
    RuleId, 32, "snrule"
);

macro_rules! derived {
    ($($name:ident),*) => {$(
        impl $name {
            /// The id of the object that `author`'s command `command` creates: nobody else can take it first.
            #[must_use]
            pub fn derive(author: MemberId, command: CommandId) -> Self {
                let Digest(full) = Digest::of_parts(
                    concat!("secnet/id/", stringify!($name), "/v1"),
                    &[&author.0, &command.0],
                );
                let mut id = [0; 16];
                for (to, from) in id.iter_mut().zip(full) {
                    *to = from;
                }
                Self(id)
            }
        }
    )*};
}
derived!(DatasetId, GroupId, AskId, GrantId, DenialId, DecisionId);

impl RequestId {
    /// The id of the one request that can be the fresh proof which a decision asked for. Because a request is decided once, a
    /// proof counts once, wherever and however often it is sent.
    #[must_use]
    pub fn proving(decision: DecisionId) -> Self {
        let Digest(full) = Digest::of_parts("secnet/step-up/v1", &[&decision.0]);
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(full) {
            *to = from;
        }
        Self(id)
    }
}

impl MemberId {
    /// The id that a member with this first key has.
    #[must_use]
    pub fn from_key(key: &VerifyingKey) -> Self {
        Self(*key.as_bytes())
    }
}

impl Digest {
    /// All zero: "none yet".
    pub const ZERO: Self = Self([0; 32]);

    /// SHA-256 of bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// SHA-256 of the canonical form of a value.
    #[must_use]
    pub fn of_value<T: Encode<()>>(value: &T) -> Self {
        Self::of(&canonical(value))
    }

    /// SHA-256 over a context string and parts, each prefixed by its length (u64, big endian).
    #[must_use]
    pub fn of_parts(context: &'static str, parts: &[&[u8]]) -> Self {
        let mut bytes = Vec::with_capacity(128);
        for part in core::iter::once(&context.as_bytes()).chain(parts) {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        Self::of(&bytes)
    }

    /// A commitment to `bytes` that tells nothing once the 32-byte salt is destroyed.
    #[must_use]
    pub fn commit(salt: &[u8; 32], bytes: &[u8]) -> Self {
        Self(secnet_crypto::commit(salt, bytes))
    }
}
