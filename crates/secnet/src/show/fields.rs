//! Parts of our JSON objects, for lines that people read: what is printed is made of the same object as `--json`, here and
//! from a node elsewhere.

use serde_json::Value;

/// The entries of a list; none if there is no such list.
pub(crate) fn entries<'v>(of: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    of.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// A field in a word; nothing if it is not there.
pub(crate) fn of(entry: &Value, field: &str) -> String {
    entry.get(field).map(word).unwrap_or_default()
}

/// A value in a word.
pub(crate) fn word(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A list of words, in one line.
pub(crate) fn listed(words: &Value) -> String {
    let words = words.as_array().into_iter().flatten().map(word);
    words.collect::<Vec<_>>().join(", ")
}
