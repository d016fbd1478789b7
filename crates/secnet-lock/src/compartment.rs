//! Compartments: which records share a key half, and the public halves that writers need.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};
use secnet_crypto::{SealError, SealPublicKey};
use secnet_types::{Category, DecodeError, Digest, Labels, MemberId, Scope, decode, encode};

use crate::{Known, limits};

/// Digest of a [`Compartment`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct CompartmentId(#[n(0)] pub Digest);

/// All records of one owner with the same category and the same labels, in one epoch. A new epoch has a new key, for
/// when a grantee is to be kept out of what comes later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Compartment {
    /// Whose records.
    #[n(0)]
    pub owner: MemberId,
    /// What they are about.
    #[n(1)]
    pub category: Category,
    /// Exactly these labels.
    #[n(2)]
    pub labels: Labels,
    /// Counts key changes, from 0.
    #[n(3)]
    pub epoch: u32,
}

impl Compartment {
    /// `Digest::of_parts("secnet/compartment/v1", owner | category | labels | epoch)`, numbers as u32 big-endian.
    #[must_use]
    pub fn id(&self) -> CompartmentId {
        CompartmentId(Digest::of_parts(
            "secnet/compartment/v1",
            &[
                self.owner.as_bytes(),
                &self.category.number().to_be_bytes(),
                &self.labels.bits().to_be_bytes(),
                &self.epoch.to_be_bytes(),
            ],
        ))
    }

    /// Can a record of this compartment fall under the scope? Conditions on ids, types and periods are not seen here:
    /// they are enforced by the decision, which releases record by record.
    #[must_use]
    pub fn is_within(&self, scope: &Scope) -> bool {
        scope.categories.as_ref().is_none_or(|all| all.contains(&self.category))
            && self.labels.is_subset(scope.labels.unwrap_or(Labels::NONE))
    }
}

/// The compartments that a grantee needs for a scope.
pub fn compartments_for<'a>(
    scope: &Scope,
    compartments: impl IntoIterator<Item = &'a Compartment>,
) -> Vec<Compartment> {
    compartments.into_iter().filter(|c| c.is_within(scope)).copied().collect()
}

/// The public halves of an owner's compartments: all that a writer needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompartmentDirectory {
    keys: BTreeMap<Compartment, SealPublicKey>,
}

impl CompartmentDirectory {
    /// Adds a compartment; the newest epoch is the one written to.
    pub fn insert(&mut self, compartment: Compartment, key: SealPublicKey) {
        self.keys.insert(compartment, key);
    }

    /// Where a record of this category and these labels goes: the newest epoch.
    #[must_use]
    pub fn current(
        &self,
        owner: MemberId,
        category: Category,
        labels: Labels,
    ) -> Option<(Compartment, &SealPublicKey)> {
        let at = |epoch| Compartment { owner, category, labels, epoch };
        let (compartment, key) = self.keys.range(at(0)..=at(u32::MAX)).next_back()?;
        Some((*compartment, key))
    }

    /// Every compartment, in order.
    pub fn compartments(&self) -> impl Iterator<Item = &Compartment> {
        self.keys.keys()
    }

    /// Canonical bytes: `[version, [[compartment, public key], ...]]` in ascending order.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let keys = self.keys.iter().map(|(compartment, key)| DirectoryLine {
            compartment: *compartment,
            key: key.to_bytes().to_vec(),
        });
        encode(&DirectoryFile { version: Known, lines: keys.collect() })
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`DecodeError`] for another form or version, lines out of order, or bytes that are no public key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        const WHAT: &str = "compartment directory";
        let file: DirectoryFile = decode(WHAT, bytes, limits::MAX_DIRECTORY_BYTES)?;
        let lines = file.lines.len();
        let sorted = file.lines.iter().zip(file.lines.iter().skip(1));
        if !sorted.into_iter().all(|(a, b)| a.compartment < b.compartment)
            || lines > limits::MAX_COMPARTMENTS
        {
            return Err(DecodeError::NotCanonical { what: WHAT });
        }
        let keys = file.lines.into_iter().map(|line| {
            let key = SealPublicKey::from_bytes(&line.key)?;
            Ok((line.compartment, key))
        });
        let keys = keys
            .collect::<Result<_, SealError>>()
            .map_err(|error| DecodeError::Malformed { what: WHAT, message: error.to_string() })?;
        Ok(Self { keys })
    }
}

#[derive(Encode, Decode)]
struct DirectoryFile {
    #[n(0)]
    version: Known<1>,
    #[n(1)]
    lines: Vec<DirectoryLine>,
}

#[derive(Encode, Decode)]
struct DirectoryLine {
    #[n(0)]
    compartment: Compartment,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    key: Vec<u8>,
}
