//! Past requests as rows of whole numbers, one column for each thing that trees can ask about.

use secnet_app::PastRequest;
use secnet_guard::learnt::Input;
use secnet_learn::{Column, LearnError, Table};
use secnet_types::{
    Feature, FeatureKind, FeatureValue, FeatureVector, MemberId, Purpose, Timestamp, WordList,
};

/// One past request.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub features: FeatureVector,
    pub time: Timestamp,
    pub misuse: bool,
    /// Somebody said that it was no misuse.
    pub said_fine: bool,
    /// A use for treatment that nobody objected to.
    pub treated: bool,
}

/// Does a learnt model have a say in it? Not in an owner's use of her own data, nor in the data centre's own.
pub(super) fn is_asked(request: &PastRequest, pdc: MemberId) -> bool {
    request.requester != request.owner && request.requester != pdc
}

/// What can be learnt from, oldest first. What was stopped while nobody said whether that was right is left out: else models
/// would be learnt from models.
pub(super) fn rows(past: &[PastRequest], pdc: MemberId) -> Vec<Row> {
    let usable = past.iter().filter(|request| {
        is_asked(request, pdc) && (request.went_ahead() || request.known.is_some())
    });
    usable
        .map(|request| Row {
            features: request.features.clone(),
            time: request.time,
            misuse: request.known.is_some_and(|known| known.misuse),
            said_fine: request.known.is_some_and(|known| !known.misuse),
            treated: request.unobjected() && request.purpose == Purpose::Treatment,
        })
        .collect()
}

/// What trees can ask about in these rows: numbers and words whose values differ. Texts and addresses are left out, and
/// whether it is an emergency, since those are never stopped.
pub(super) fn inputs(rows: &[&Row]) -> Vec<Input> {
    let mut inputs = Vec::new();
    for feature in Feature::ALL.iter().copied().filter(|feature| feature.is_for_learning()) {
        match feature.kind() {
            FeatureKind::Number { .. } => inputs.push(Input::Number(feature)),
            FeatureKind::Word(list) | FeatureKind::Words(list) if feature != Feature::Emergency => {
                let all = (0..u64::BITS).filter(|word| list.word(*word).is_some());
                inputs.extend(all.map(|word| Input::Word(feature, word)));
            }
            _ => {}
        }
    }
    inputs.retain(|input| {
        let mut values = rows.iter().map(|row| input.value(&row.features));
        let first = values.next().flatten();
        let known = rows.iter().any(|row| input.value(&row.features).is_some());
        known && values.any(|value| value != first)
    });
    inputs
}

/// A column's name: what it asks.
pub(in super::super) fn named(input: &Input) -> String {
    match input {
        Input::Number(feature) => feature.name().to_owned(),
        Input::Word(feature, word) => {
            let word = words_of(*feature).and_then(|list| list.word(*word)).unwrap_or_default();
            format!("{} is {word}", feature.name())
        }
    }
}

fn words_of(feature: Feature) -> Option<WordList> {
    match feature.kind() {
        FeatureKind::Word(list) | FeatureKind::Words(list) => Some(list),
        _ => None,
    }
}

pub(super) fn table(inputs: &[Input], rows: &[&Row]) -> Result<Table, LearnError> {
    let column = |input: &Input| {
        // Above 2^53 it is rounded: no count is that large.
        let value = |row: &&Row| input.value(&row.features).map_or(f64::NAN, |n| n as f64);
        Column::numeric(&named(input), rows.iter().map(value).collect())
    };
    let columns: Result<Vec<Column>, _> = inputs.iter().map(column).collect();
    Ok(Table::new(columns?, rows.iter().map(|row| row.misuse).collect())?)
}

/// An ordinary request: of each feature the middle number, or the most frequent words, of the rows that are no misuse.
pub(super) fn ordinary(inputs: &[Input], rows: &[&Row]) -> FeatureVector {
    let mut ordinary = FeatureVector::new();
    for input in inputs {
        let feature = input.feature();
        let fine = rows.iter().filter(|row| !row.misuse);
        let mut values: Vec<&FeatureValue> =
            fine.filter_map(|row| row.features.value(feature)).collect();
        if values.is_empty() {
            values = rows.iter().filter_map(|row| row.features.value(feature)).collect();
        }
        values.sort();
        let middle = values.get(values.len() / 2).copied();
        let value = match middle {
            Some(FeatureValue::Number(_)) | None => middle,
            Some(_) => most_frequent(&values),
        };
        if let Some(value) = value {
            // INVARIANT: the value is of the feature's kind: it was read from a checked vector.
            let set = ordinary.set(feature, value.clone());
            debug_assert!(set.is_ok());
        }
    }
    ordinary
}

/// Of sorted values, the first of those that occur most often.
fn most_frequent<'v>(sorted: &[&'v FeatureValue]) -> Option<&'v FeatureValue> {
    let runs = sorted.chunk_by(|a, b| a == b);
    let longest = runs.fold(&[][..], |best, run| if run.len() > best.len() { run } else { best });
    longest.first().copied()
}
