//! Whether a request is a finding, from its recorded features alone.

use secnet_types::{Feature, FeatureValue, FeatureVector};

/// The words `no` and `yes`.
const NO: FeatureValue = FeatureValue::Words(1);
const YES: FeatureValue = FeatureValue::Words(2);

/// A strange request of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// One in so many requests is as unlike the others.
    pub(crate) strangeness: i64,
    /// From which on a proof is asked for at this moment.
    pub(crate) limit: i64,
    /// What is furthest off, and with what it would have been usual.
    pub(crate) named: Vec<(Feature, FeatureValue)>,
}

/// Could a request be a finding, if it were strange? The own key could sign a proof as well as the request, in an emergency nobody
/// is stopped, and an owner is not asked about her own data.
pub(super) fn could_be(facts: &FeatureVector) -> bool {
    facts.value(Feature::OwnKey) == Some(&NO)
        && facts.value(Feature::Emergency) != Some(&YES)
        && facts.value(Feature::OwnData) != Some(&YES)
        && facts.value(Feature::StrangenessLimit).is_some()
}

/// What is found; nothing without features that explain it.
pub(crate) fn finding(facts: &FeatureVector) -> Option<Finding> {
    let strangeness = facts.number(Feature::Strangeness)?;
    let limit = facts.number(Feature::StrangenessLimit)?;
    if limit < 1 || strangeness < limit || !could_be(facts) {
        return None;
    }
    let Some(FeatureValue::Words(mask)) = facts.value(Feature::StrangeFeatures) else {
        return None;
    };
    let compared = Feature::COMPARED.into_iter().zip(0..);
    let named = compared.filter(|(_, at)| mask & (1_u64 << at) != 0).map(|(feature, _)| feature);
    let usual = Feature::USUAL.into_iter().filter_map(|feature| facts.value(feature).cloned());
    let named: Vec<_> = named.zip(usual).collect();
    (!named.is_empty()).then_some(Finding { strangeness, limit, named })
}
