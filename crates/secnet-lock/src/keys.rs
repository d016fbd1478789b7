//! The owner's secret halves.

use std::{collections::BTreeMap, fmt};

use secnet_crypto::{CryptoRng, SealSecretKey, Zeroizing};
use secnet_types::{Category, Digest, Labels, MemberId};

use crate::{
    Compartment, CompartmentDirectory, CompartmentId, limits,
    table::{Rows, Table, cut},
};

/// What the bytes start with: a name and the version.
const MAGIC: [u8; 8] = *b"SNCKEYS\x01";

/// owner (32) | category (4) | labels (4) | epoch (4)
const KEY_LEN: usize = 44;

/// Bytes that are no compartment keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// Another kind of file, or another version.
    #[error("these are not compartment keys of version 1")]
    Magic,
    /// Cut off, out of order, too many, or with an unknown category or label.
    #[error("the compartment keys are malformed")]
    Malformed,
    /// More than [`limits::MAX_COMPARTMENTS`].
    #[error("an owner can have at most `{0}` compartments")]
    TooMany(usize),
}

/// The secret keys of an owner's compartments: random each, so that each can be destroyed.
///
/// # Byte format (for the owner's keystore, which encrypts it)
///
/// ```text
/// "SNCKEYS" | 1 (1) | table with keys: owner (32) | category (4) | labels (4) | epoch (4), and values: seed (32)
/// ```
///
/// Numbers are big-endian; rows ascend.
#[derive(Default)]
pub struct CompartmentKeys {
    seeds: BTreeMap<Compartment, Zeroizing<[u8; 32]>>,
}

impl CompartmentKeys {
    /// No compartment yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the first key of a category with labels if there is none; returns the newest compartment.
    ///
    /// # Errors
    /// [`KeysError::TooMany`].
    pub fn ensure(
        &mut self,
        owner: MemberId,
        category: Category,
        labels: Labels,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Compartment, KeysError> {
        match self.newest(owner, category, labels) {
            Some(compartment) => Ok(compartment),
            None => self.insert(Compartment { owner, category, labels, epoch: 0 }, rng),
        }
    }

    /// Starts the next epoch: later records go under a new key, which old grantees do not have.
    ///
    /// # Errors
    /// [`KeysError::TooMany`].
    pub fn rotate(
        &mut self,
        owner: MemberId,
        category: Category,
        labels: Labels,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Compartment, KeysError> {
        let newest = self.newest(owner, category, labels);
        let epoch = match newest {
            None => 0,
            Some(c) => {
                c.epoch.checked_add(1).ok_or(KeysError::TooMany(limits::MAX_COMPARTMENTS))?
            }
        };
        self.insert(Compartment { owner, category, labels, epoch }, rng)
    }

    /// The public halves, for writers.
    #[must_use]
    pub fn directory(&self) -> CompartmentDirectory {
        let mut directory = CompartmentDirectory::default();
        for (compartment, seed) in &self.seeds {
            directory.insert(*compartment, SealSecretKey::from_seed(**seed).public_key());
        }
        directory
    }

    /// Every compartment, in order.
    pub fn compartments(&self) -> impl Iterator<Item = &Compartment> {
        self.seeds.keys()
    }

    /// The secret key of a compartment.
    #[must_use]
    pub fn secret(&self, compartment: &Compartment) -> Option<SealSecretKey> {
        self.seeds.get(compartment).map(|seed| SealSecretKey::from_seed(**seed))
    }

    pub(crate) fn seed(&self, compartment: &Compartment) -> Option<&Zeroizing<[u8; 32]>> {
        self.seeds.get(compartment)
    }

    /// Forgets (and wipes) the key of a compartment; part of carrying out a [`crate::ShredPlan`].
    pub fn destroy(&mut self, compartment: CompartmentId) -> bool {
        let before = self.seeds.len();
        self.seeds.retain(|known, _| known.id() != compartment);
        self.seeds.len() != before
    }

    /// The bytes for the keystore.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let rows: Rows<KEY_LEN, 32> =
            self.seeds.iter().map(|(c, seed)| (to_row(c), seed.clone())).collect();
        let table = Table::of(&rows);
        let mut bytes =
            Zeroizing::new(Vec::with_capacity(MAGIC.len().saturating_add(table.as_bytes().len())));
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(table.as_bytes());
        bytes
    }

    /// Reads what [`Self::to_bytes`] made.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeysError> {
        let table = bytes.strip_prefix(&MAGIC).ok_or(KeysError::Magic)?;
        let table =
            Table::<KEY_LEN, 32>::parse(Zeroizing::new(table.to_vec()), limits::MAX_COMPARTMENTS)
                .ok_or(KeysError::Malformed)?;
        let seeds = table.iter().map(|(row, seed)| {
            let compartment = from_row(row).ok_or(KeysError::Malformed)?;
            Ok((compartment, Zeroizing::new(*seed)))
        });
        Ok(Self { seeds: seeds.collect::<Result<_, KeysError>>()? })
    }

    fn newest(&self, owner: MemberId, category: Category, labels: Labels) -> Option<Compartment> {
        let at = |epoch| Compartment { owner, category, labels, epoch };
        self.seeds.range(at(0)..=at(u32::MAX)).next_back().map(|(c, _)| *c)
    }

    fn insert(
        &mut self,
        compartment: Compartment,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Compartment, KeysError> {
        if self.seeds.len() >= limits::MAX_COMPARTMENTS {
            return Err(KeysError::TooMany(limits::MAX_COMPARTMENTS));
        }
        let mut seed = Zeroizing::new([0u8; 32]);
        rng.fill_bytes(seed.as_mut_slice());
        self.seeds.insert(compartment, seed);
        Ok(compartment)
    }
}

impl fmt::Debug for CompartmentKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CompartmentKeys({} compartments)", self.seeds.len())
    }
}

fn to_row(compartment: &Compartment) -> [u8; KEY_LEN] {
    let numbers = [
        compartment.category.number().to_be_bytes(),
        compartment.labels.bits().to_be_bytes(),
        compartment.epoch.to_be_bytes(),
    ];
    let mut row = [0u8; KEY_LEN];
    let bytes = compartment.owner.0.iter().chain(numbers.as_flattened());
    for (to, from) in row.iter_mut().zip(bytes) {
        *to = *from;
    }
    row
}

fn from_row(row: &[u8; KEY_LEN]) -> Option<Compartment> {
    let (owner, rest) = cut::<32>(row)?;
    let (category, rest) = cut::<4>(rest)?;
    let (labels, rest) = cut::<4>(rest)?;
    let (epoch, _) = cut::<4>(rest)?;
    let number = u32::from_be_bytes(*category);
    let category = Category::ALL.iter().copied().find(|c| c.number() == number)?;
    let bits = u32::from_be_bytes(*labels);
    let labels: Labels =
        secnet_types::Label::ALL.iter().copied().filter(|l| bits >> l.number() & 1 == 1).collect();
    (labels.bits() == bits).then_some(Compartment {
        owner: MemberId(*owner),
        category,
        labels,
        epoch: u32::from_be_bytes(*epoch),
    })
}

impl From<CompartmentId> for Digest {
    fn from(id: CompartmentId) -> Self {
        id.0
    }
}
