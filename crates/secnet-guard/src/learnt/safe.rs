//! With what value of one feature a request would not be held.

use secnet_types::{Feature, FeatureKind, FeatureValue, FeatureVector, WordList};

use super::Learnt;
use super::trees::Input;

impl Learnt {
    /// The nearest value of a feature with which this model would not hold the request; none if no value alone does that.
    #[must_use]
    pub fn safe_value(&self, facts: &FeatureVector, feature: Feature) -> Option<FeatureValue> {
        let value = facts.value(feature)?;
        let mut candidates: Vec<(u64, FeatureValue)> = match (value, feature.kind()) {
            (FeatureValue::Number(number), FeatureKind::Number { low, high }) => {
                let near = |other: &i64| other.abs_diff(*number);
                let numbers = self.ends(feature, *number).into_iter();
                let numbers = numbers.filter(|other| (low..=high).contains(other));
                numbers.map(|other| (near(&other), FeatureValue::Number(other))).collect()
            }
            (FeatureValue::Words(mask), FeatureKind::Word(list)) => {
                let others = words(list).filter(|word| word != mask);
                others.map(|word| (1, FeatureValue::Words(word))).collect()
            }
            // One word more or less, or what is ordinary.
            (FeatureValue::Words(mask), FeatureKind::Words(list)) => {
                let others = words(list).map(|word| FeatureValue::Words(mask ^ word));
                others.map(|other| (1, other)).collect()
            }
            _ => Vec::new(),
        };
        candidates.sort();
        let ordinary = self.parts().ordinary.value(feature).cloned();
        let all = candidates.into_iter().map(|(_, value)| value).chain(ordinary);
        all.into_iter().find(|value| {
            facts.with(feature, value.clone()).is_ok_and(|changed| !self.holds(&changed))
        })
    }

    /// The numbers next to `number` on the other side of each cut of a feature.
    fn ends(&self, feature: Feature, number: i64) -> Vec<i64> {
        let parts = self.parts();
        let place = parts.inputs.iter().position(|input| *input == Input::Number(feature));
        let place = place.and_then(|place| u32::try_from(place).ok());
        let nodes = parts.trees.iter().flat_map(|tree| &tree.nodes);
        let cuts = nodes.filter(|node| Some(node.input) == place).map(|node| node.cut);
        let mut ends: Vec<i64> =
            cuts.map(|cut| if number <= cut { cut.saturating_add(1) } else { cut }).collect();
        ends.sort_unstable();
        ends.dedup();
        ends
    }
}

fn words(list: WordList) -> impl Iterator<Item = u64> {
    let all = list.all();
    (0..u64::BITS).map(|word| 1 << word).filter(move |word| all & word != 0)
}
