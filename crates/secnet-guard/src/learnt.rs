//! A model that a data centre has learnt from its own log: trees over whole numbers, in force only by a command on the
//! ledger. It may have a use held, or burdened, never permitted.
//!
//! Everything in it is an integer, so that its score is the same wherever it is computed, and its size is bounded when it is
//! read, so that it can be neither endless nor slow: at most [`MAX_TREES`] times [`MAX_DEPTH`] comparisons.

mod card;
mod file;
mod panel;
mod safe;
mod shares;
mod trees;

use secnet_types::{Digest, Feature, FeatureVector, Timestamp};

pub use card::{HeldBack, LearntCard, LearntFrom, OwnPast};
pub use file::{LearntError, MAX_LEARNT_BYTES};
pub use panel::{Opinion, Panel};
pub use shares::Share;
pub use trees::{
    Input, MAX_DEPTH, MAX_INPUTS, MAX_LEAF, MAX_NODES, MAX_TREES, Next, Node, SCORE_UNIT, Tree,
    score,
};

/// What a learnt model is made of, before it is checked.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct LearntParts {
    /// What the trees ask about, ascending.
    #[n(0)]
    pub inputs: Vec<Input>,
    /// An ordinary request: what shares are measured against. It has every feature of the inputs and is not held.
    #[n(1)]
    pub ordinary: FeatureVector,
    /// Where the score starts.
    #[n(2)]
    pub start: i64,
    /// What is added to it.
    #[n(3)]
    pub trees: Vec<Tree>,
    /// From this score on a use is held.
    #[n(4)]
    pub hold_at: i64,
    /// From then on it is not to be in force.
    #[n(5)]
    pub expires: Timestamp,
    /// The evidence for it.
    #[n(6)]
    pub card: LearntCard,
}

/// A checked model with its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learnt {
    parts: LearntParts,
    digest: Digest,
}

impl Learnt {
    /// Check parts.
    ///
    /// # Errors
    /// [`LearntError::Content`], saying what is wrong.
    pub fn new(parts: LearntParts) -> Result<Self, LearntError> {
        trees::check(&parts).map_err(LearntError::Content)?;
        let digest = file::digest(&parts);
        let learnt = Self { parts, digest };
        if learnt.holds(&learnt.parts.ordinary) {
            return Err(LearntError::Content("it would hold what it calls an ordinary request"));
        }
        Ok(learnt)
    }

    /// Its parts.
    #[must_use]
    pub const fn parts(&self) -> &LearntParts {
        &self.parts
    }

    /// Its address: the digest of its file's content.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The score of a request in [`SCORE_UNIT`]s of log odds of misuse.
    #[must_use]
    pub fn score(&self, facts: &FeatureVector) -> i64 {
        trees::score(&self.parts, facts)
    }

    /// Would it have the request held?
    #[must_use]
    pub fn holds(&self, facts: &FeatureVector) -> bool {
        self.score(facts) >= self.parts.hold_at
    }

    /// What it says of a request.
    #[must_use]
    pub fn opinion(&self, facts: &FeatureVector) -> Opinion {
        let score = self.score(facts);
        let holds = score >= self.parts.hold_at;
        let shares = if holds { self.shares(facts) } else { Vec::new() };
        Opinion { model: self.digest, score: Some(score), holds, shares }
    }

    /// The features that the trees ask about.
    pub fn features(&self) -> impl Iterator<Item = Feature> {
        let mut features: Vec<Feature> = self.parts.inputs.iter().map(Input::feature).collect();
        features.dedup();
        features.into_iter()
    }
}
