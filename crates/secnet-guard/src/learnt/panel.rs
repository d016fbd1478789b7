//! The learnt models that are asked about a request, and what they say.

use std::sync::Arc;

use secnet_types::{Digest, Feature, FeatureVector};

use super::{Learnt, Share};

/// What one model says of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opinion {
    /// Which model.
    pub model: Digest,
    /// Its score; none if it could not be asked.
    pub score: Option<i64>,
    /// Is the request to be held?
    pub holds: bool,
    /// Which features made the score, most first; of a request that is not held, none are named.
    pub shares: Vec<Share>,
}

impl Opinion {
    /// What stands for a model that cannot be asked.
    #[must_use]
    pub const fn unreadable(model: Digest, holds: bool) -> Self {
        Self { model, score: None, holds, shares: Vec::new() }
    }
}

/// The models that are asked, those that cannot be asked among them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Panel {
    models: Vec<Arc<Learnt>>,
    fixed: Vec<Opinion>,
}

impl Panel {
    /// Nobody.
    #[must_use]
    pub const fn empty() -> Self {
        Self { models: Vec::new(), fixed: Vec::new() }
    }

    /// Ask this one too.
    pub fn add(&mut self, model: Arc<Learnt>) {
        self.models.push(model);
    }

    /// This is said whatever the request: by a model that cannot be asked.
    pub fn add_fixed(&mut self, opinion: Opinion) {
        self.fixed.push(opinion);
    }

    /// Nobody is asked?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.models.is_empty() && self.fixed.is_empty()
    }

    /// Can all of them be asked?
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.fixed.is_empty()
    }

    /// What they say of a request, in the order of their digests.
    #[must_use]
    pub fn opinions(&self, facts: &FeatureVector) -> Vec<Opinion> {
        let asked = self.models.iter().map(|model| model.opinion(facts));
        let mut all: Vec<Opinion> = asked.chain(self.fixed.iter().cloned()).collect();
        all.sort_by_key(|opinion| opinion.model);
        all
    }

    /// What a decision names as its model: the detector's digest, and with it those of the models that were asked.
    #[must_use]
    pub fn digest(&self, detector: Digest) -> Digest {
        if self.is_empty() {
            return detector;
        }
        let mut models: Vec<Digest> = self.models.iter().map(|model| model.digest()).collect();
        models.extend(self.fixed.iter().map(|opinion| opinion.model));
        models.sort_unstable();
        let parts: Vec<&[u8]> =
            core::iter::once(&detector).chain(&models).map(|digest| digest.0.as_slice()).collect();
        Digest::of_parts("secnet/guard/models/v1", &parts)
    }

    /// The model with this address, if it can be asked.
    #[must_use]
    pub fn model(&self, digest: Digest) -> Option<&Learnt> {
        self.models.iter().find(|model| model.digest() == digest).map(Arc::as_ref)
    }

    /// The features that models which would hold a request ask about, what adds most first.
    pub(crate) fn holding<'a>(
        &'a self,
        facts: &'a FeatureVector,
    ) -> impl Iterator<Item = (&'a Learnt, Feature)> {
        let holding = self.models.iter().filter(|model| model.holds(facts));
        holding.flat_map(move |model| {
            let mut features: Vec<Feature> =
                model.shares(facts).into_iter().map(|share| share.feature).collect();
            let others: Vec<Feature> =
                model.features().filter(|feature| !features.contains(feature)).collect();
            features.extend(others);
            features.into_iter().map(|feature| (model.as_ref(), feature))
        })
    }
}
