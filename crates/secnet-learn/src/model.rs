//! A learnt model and its file.

use minicbor::{Decode, Encode};
use secnet_types::{Digest, decode, encode};

use crate::LearnError;
use crate::boost::{Boosted, MAX_TREES};
use crate::calibrate::Platt;
use crate::features::Encoder;
use crate::isolate::Isolation;
use crate::table::Table;
use crate::text::LinearModel;

/// The first bytes of a model file: what it is, and the version of its form.
const MAGIC: &[u8; 8] = b"SNMODEL\x01";
const MAGIC_BYTES: usize = MAGIC.len();
const DIGEST_BYTES: usize = 32;
/// Largest model file.
pub const MAX_MODEL_BYTES: usize = 512 * 1024 * 1024;

/// One of the models whose log odds are averaged.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub(crate) struct Part {
    #[n(0)]
    pub weight: f64,
    #[n(1)]
    pub member: Member,
}

#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub(crate) enum Member {
    #[n(0)]
    Trees(#[n(0)] Box<(Encoder, Boosted)>),
    #[n(1)]
    Linear(#[n(0)] Box<LinearModel>),
    #[n(2)]
    Isolation(#[n(0)] Box<Isolation>),
}

/// Scores of held-out negative rows, ascending: how rare a score is among them.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub(crate) struct Rarity(#[n(0)] Vec<f64>);

/// Scores that are kept at most.
const MAX_KEPT: usize = 65_536;
/// A score itself counts so little that it only orders what is equally rare.
const TIE: f64 = 1e-3;

impl Rarity {
    pub(crate) fn of(scores: impl Iterator<Item = f64>) -> Self {
        let mut scores: Vec<f64> = scores.collect();
        scores.sort_by(f64::total_cmp);
        let step = scores.len().div_ceil(MAX_KEPT).max(1);
        Self(scores.into_iter().step_by(step).collect())
    }

    /// The logarithm of one divided by the share of ordinary rows with at least this score.
    pub(crate) fn value(&self, score: f64) -> f64 {
        let below = self.0.partition_point(|own| *own < score);
        let share = (1 + self.0.len() - below) as f64 / (1 + self.0.len()) as f64;
        TIE.mul_add(score.clamp(-1e3, 1e3), -share.ln())
    }

    fn is_whole(&self) -> bool {
        self.0.len() <= MAX_KEPT && self.0.is_sorted() && self.0.iter().all(|own| own.is_finite())
    }
}

/// A model that gives each row a calibrated chance of being positive.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Model {
    #[n(0)]
    pub(crate) parts: Vec<Part>,
    #[n(1)]
    pub(crate) calibration: Platt,
    #[n(2)]
    pub(crate) threshold: f64,
    #[n(3)]
    pub(crate) seed: u64,
    /// Digest of the training table.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) training: [u8; 32],
    /// One for each part, if parts are averaged by how rare their scores are among ordinary rows.
    #[n(5)]
    pub(crate) rarities: Option<Vec<Rarity>>,
}

/// Why bytes are not a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// Not one of our files.
    #[error("this is not a model file; `secnet guard eval --report DIR` writes one")]
    NotAModel,
    /// Of a later version.
    #[error(
        "the model file has form {0}, this program reads form 1; update the program or train again"
    )]
    Version(u8),
    /// Damaged.
    #[error(
        "the model file is damaged: its checksum does not match; take it from a backup or train again"
    )]
    Checksum,
    /// Too large.
    #[error("{len} bytes are too large for a model, the limit is {limit}")]
    TooLarge {
        /// Its size.
        len: usize,
        /// The named limit.
        limit: usize,
    },
    /// The checksum matches, the content does not make sense.
    #[error("the model file was not written by this program: {0}; train again")]
    Content(String),
}

impl Model {
    /// The chance of being positive for each row of a table with the training table's columns.
    ///
    /// # Errors
    /// [`LearnError::Table`] if a column is missing or of another kind.
    pub fn chances(&self, table: &Table) -> Result<Vec<f64>, LearnError> {
        Ok(self.raw(table)?.into_iter().map(|raw| self.chance(raw)).collect())
    }

    /// Rows with at least this chance are flagged: where F1 was highest on held-out training rows.
    #[must_use]
    pub const fn threshold(&self) -> f64 {
        self.threshold
    }

    /// The seed it was learnt with.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Digest of the table it was learnt from.
    #[must_use]
    pub const fn training(&self) -> Digest {
        Digest(self.training)
    }

    /// Its content address: the digest of what is in the file.
    #[must_use]
    pub fn id(&self) -> Digest {
        Digest::of_value(self)
    }

    /// The file: magic and version, checksum, canonical CBOR.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let body = encode(self);
        [MAGIC.as_slice(), &Digest::of(&body).0, &body].concat()
    }

    /// Read a file.
    ///
    /// # Errors
    /// [`ModelError`]; a model that is returned can judge every table without failing inside.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let (len, limit) = (bytes.len(), MAX_MODEL_BYTES);
        if len > limit {
            return Err(ModelError::TooLarge { len, limit });
        }
        let (magic, rest) = bytes.split_at_checked(MAGIC_BYTES).ok_or(ModelError::NotAModel)?;
        match (magic.split_last(), MAGIC.split_last()) {
            (Some((version, name)), Some((ours, expected))) if name == expected => {
                if version != ours {
                    return Err(ModelError::Version(*version));
                }
            }
            _ => return Err(ModelError::NotAModel),
        }
        let (sum, body) = rest.split_at_checked(DIGEST_BYTES).ok_or(ModelError::Checksum)?;
        if sum != Digest::of(body).0 {
            return Err(ModelError::Checksum);
        }
        let model: Self = decode("model", body, MAX_MODEL_BYTES)
            .map_err(|error| ModelError::Content(error.to_string()))?;
        model.check().map_err(|what| ModelError::Content(what.to_owned()))?;
        Ok(model)
    }

    fn check(&self) -> Result<(), &'static str> {
        let calibrated = self.calibration.slope.is_finite() && self.calibration.shift.is_finite();
        if self.parts.is_empty() || !calibrated || self.threshold.is_nan() {
            return Err("no parts, or a calibration that is none");
        }
        let rarities = self.rarities.as_ref().is_none_or(|rarities| {
            rarities.len() == self.parts.len() && rarities.iter().all(Rarity::is_whole)
        });
        let whole = self.parts.iter().all(|part| {
            part.weight.is_finite()
                && match &part.member {
                    Member::Linear(model) => model.is_whole(),
                    Member::Isolation(forest) => forest.is_whole(),
                    Member::Trees(both) => {
                        let (encoder, boosted) = both.as_ref();
                        let features = encoder.names().len();
                        boosted.start.is_finite()
                            && boosted.trees.len() <= MAX_TREES
                            && encoder.is_whole()
                            && boosted.trees.iter().all(|tree| tree.is_whole(features))
                    }
                }
        });
        if whole && rarities {
            Ok(())
        } else {
            Err("a tree or a table points to what is not there")
        }
    }
}
