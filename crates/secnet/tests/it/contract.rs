//! docs/reference/json.md, read as what it is: a contract. Each verb is run, each object compared field by field.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

/// What a value must look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A text, a number, a truth value, or a list of these.
    Plain,
    /// `ANY`.
    Anything,
    /// A shape that has a name.
    Named(String),
    List(Box<Shape>),
    /// Fields, whether they may be left out, and whether others may be there.
    Object(BTreeMap<String, (bool, Shape)>, bool),
}

/// The tables of json.md.
pub(crate) struct Contract {
    pub rows: BTreeMap<String, Shape>,
    shapes: BTreeMap<String, Shape>,
}

impl Contract {
    pub(crate) fn read() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/json.md");
        let page = std::fs::read_to_string(file).unwrap();
        let (mut rows, mut shapes) = (BTreeMap::new(), BTreeMap::new());
        for line in page.lines() {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [name, object] = cells[..] else { continue };
            let shape = match object.strip_prefix('`') {
                Some(code) if code.starts_with('{') => parse(code.split('`').next().unwrap()),
                Some(_) => continue,
                None if is_name(object) => Shape::Named(object.to_owned()),
                None if name == "ANY" => Shape::Anything,
                None => continue,
            };
            let known = if is_name(name) { &mut shapes } else { &mut rows };
            let name = name.trim_matches('`').to_owned();
            assert!(known.insert(name.clone(), shape).is_none(), "`{name}` is there twice");
        }
        Self { rows, shapes }
    }

    /// Does the value look as the row says? Otherwise: where it does not.
    pub(crate) fn check(&self, row: &str, value: &Value) -> Result<(), String> {
        let shape = self.rows.get(row).ok_or(format!("json.md has no row for `{row}`"))?;
        self.fits(shape, value, row)
    }

    fn fits(&self, shape: &Shape, value: &Value, at: &str) -> Result<(), String> {
        match (shape, value) {
            (Shape::Anything, _) => Ok(()),
            (Shape::Named(name), _) => {
                let shape = self.shapes.get(name).ok_or(format!("no shape `{name}`"))?;
                self.fits(shape, value, at)
            }
            (Shape::Plain, Value::Object(_) | Value::Null) => {
                Err(format!("{at} is {value}, not plain"))
            }
            (Shape::Plain, Value::Array(items)) => {
                items.iter().try_for_each(|item| self.fits(&Shape::Plain, item, at))
            }
            (Shape::Plain, _) => Ok(()),
            (Shape::List(inner), Value::Array(items)) => {
                items.iter().try_for_each(|item| self.fits(inner, item, &format!("{at}[]")))
            }
            (Shape::Object(fields, open), Value::Object(given)) => {
                for (name, (optional, shape)) in fields {
                    match given.get(name) {
                        None | Some(Value::Null) if *optional => {}
                        None => return Err(format!("{at} has no `{name}`: {value}")),
                        Some(inner) => self.fits(shape, inner, &format!("{at}.{name}"))?,
                    }
                }
                match given.keys().find(|name| !open && !fields.contains_key(*name)) {
                    Some(name) => Err(format!("{at} has `{name}`, which json.md does not name")),
                    None => Ok(()),
                }
            }
            (_, value) => Err(format!("{at} is {value}, not {shape:?}")),
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

fn parse(text: &str) -> Shape {
    let mut rest = text;
    let shape = value(&mut rest);
    assert_eq!(rest, "", "in `{text}`");
    shape
}

fn value(rest: &mut &str) -> Shape {
    if let Some(inner) = rest.strip_prefix('[') {
        *rest = inner;
        let shape = value(rest);
        *rest = rest.strip_prefix(']').expect("a list ends with ]");
        return Shape::List(Box::new(shape));
    }
    if let Some(inner) = rest.strip_prefix('{') {
        *rest = inner;
        return object(rest);
    }
    let name = word(rest);
    assert!(is_name(&name), "`{name}` is no shape");
    if name == "ANY" { Shape::Anything } else { Shape::Named(name) }
}

fn object(rest: &mut &str) -> Shape {
    let (mut fields, mut open) = (BTreeMap::new(), false);
    loop {
        if let Some(after) = rest.strip_prefix("...") {
            (*rest, open) = (after, true);
        } else {
            let name = word(rest);
            assert!(!name.is_empty(), "a field is missing before `{rest}`");
            let optional = rest.strip_prefix('?').map(|after| *rest = after).is_some();
            let shape = match rest.strip_prefix(": ") {
                Some(after) => {
                    *rest = after;
                    value(rest)
                }
                None => Shape::Plain,
            };
            fields.insert(name, (optional, shape));
        }
        if let Some(after) = rest.strip_prefix(", ") {
            *rest = after;
            continue;
        }
        *rest = rest.strip_prefix('}').expect("an object ends with }");
        return Shape::Object(fields, open);
    }
}

fn word(rest: &mut &str) -> String {
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    let (word, after) = rest.split_at(end);
    *rest = after;
    word.to_owned()
}

/// The verbs that the program has, from its own reference.
pub(crate) fn verbs() -> BTreeSet<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/cli.md");
    let page = std::fs::read_to_string(file).unwrap();
    let all: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("## secnet "))
        .map(str::to_owned)
        .collect();
    // Those that only lead to others print nothing of their own.
    let alone = ["config", "data", "govern", "guard", "net", "receipt", "rules"];
    let tells = |verb: &String| {
        // Whatever is proposed is told in one way.
        !alone.contains(&verb.as_str()) && !verb.starts_with("govern propose ")
    };
    all.into_iter().filter(tells).collect()
}

#[test]
fn the_contract_is_strict() {
    let contract = Contract::read();
    let check = |row: &str, text: &str| contract.check(row, &serde_json::from_str(text).unwrap());
    check("data rm", r#"{"withdrawn":"x"}"#).unwrap();
    check("data who", r#"{"dataset":"x","record":null,"who":[]}"#).unwrap();
    for (row, wrong) in [
        ("data rm", r#"{}"#),
        ("data rm", r#"{"withdrawn":null}"#),
        ("data rm", r#"{"withdrawn":"x","more":1}"#),
        ("data who", r#"{"dataset":"x","who":[{"who":"a","grant":"b"}]}"#),
        ("data who", r#"{"dataset":"x","who":{}}"#),
        ("no such verb", r#"{}"#),
    ] {
        assert!(check(row, wrong).is_err(), "{row}: {wrong}");
    }
}
