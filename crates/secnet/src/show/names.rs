//! Ids as people know them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::keystore::Keystore;
use crate::node::Node;

/// Items of a list that stand in one line; more have a line each.
const MAX_IN_ONE_LINE: usize = 8;

/// What a folder calls the members it knows.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeMap<String, String>);

impl Names {
    pub(crate) fn of(node: &Node) -> Self {
        let mut names = Self::in_keys(&node.keystore);
        names.0.insert(node.pdc.member.to_string(), "this data centre".into());
        names
    }

    /// What a folder of keys calls them.
    pub(crate) fn in_keys(keystore: &Keystore) -> Self {
        let cards = keystore.cards().unwrap_or_default();
        let mut names: BTreeMap<_, _> =
            cards.into_iter().map(|card| (card.member, card.name)).collect();
        names.extend(crate::groups::known(keystore));
        Self(names)
    }

    /// A value of one of our JSON objects, within a sentence.
    pub(crate) fn say(&self, value: &Value) -> String {
        match value {
            Value::String(text) => match text.split_once(':') {
                Some((kind @ ("org" | "group"), id)) => {
                    format!("{kind}:{}", self.0.get(id).map_or(id, String::as_str))
                }
                _ => self.0.get(text).unwrap_or(text).clone(),
            },
            Value::Null => "none".into(),
            Value::Bool(true) => "yes".into(),
            Value::Bool(false) => "no".into(),
            Value::Array(items) if items.is_empty() => "none".into(),
            Value::Array(items) => {
                items.iter().map(|item| self.say(item)).collect::<Vec<_>>().join(", ")
            }
            // Verdicts are the objects that sentences hold.
            Value::Object(fields) => {
                let of = |name: &str| fields.get(name).map(|v| self.say(v)).unwrap_or_default();
                match fields.get("verdict").and_then(Value::as_str) {
                    Some("allow") => format!(
                        "allowed, {} record{} for {} under {}",
                        of("records"),
                        if of("records") == "1" { "" } else { "s" },
                        of("price"),
                        of("grant")
                    ),
                    Some("hold") => format!("held, because of {}", of("reason")),
                    _ => format!("denied, because of {}", of("reason")),
                }
            }
            Value::Number(number) => number.to_string(),
        }
    }

    /// One of a list of JSON objects: its values in one line.
    fn line(&self, value: &Value) -> String {
        match value {
            Value::Object(fields) => {
                fields.values().map(|value| self.say(value)).collect::<Vec<_>>().join("  ")
            }
            plain => self.say(plain),
        }
    }

    /// One of our JSON objects as indented lines, `name  value`.
    pub(crate) fn lines(&self, value: &Value) -> Vec<String> {
        let Value::Object(fields) = value else { return vec![self.say(value)] };
        let shown: Vec<_> = fields.iter().filter(|(_, value)| !value.is_null()).collect();
        let width = shown.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let mut lines = Vec::new();
        for (name, value) in shown {
            let name = name.replace('_', " ");
            let inner: Vec<String> = match value {
                Value::Object(_) => self.lines(value),
                Value::Array(items)
                    if items.len() > MAX_IN_ONE_LINE || items.iter().any(Value::is_object) =>
                {
                    items.iter().map(|item| self.line(item)).collect()
                }
                plain => {
                    lines.push(format!("{name:width$}  {}", self.say(plain)));
                    continue;
                }
            };
            lines.push(name);
            lines.extend(inner.into_iter().map(|line| format!("  {line}")));
        }
        lines
    }
}
