//! A rule as Cedar text. Every rule is a `forbid`; for actions milder than `deny` the annotation `@action` says
//! what is to be done instead of refusing. A feature that may be absent is guarded by `has`.

use core::fmt::Write as _;

use super::{Condition, FeatureKind, Rule, Test};
use crate::{Party, Timestamp};

pub(super) fn print(rule: &Rule) -> String {
    let mut out = String::with_capacity(512);
    let written = write_rule(&mut out, rule);
    debug_assert!(written.is_ok());
    out
}

fn write_rule(out: &mut String, rule: &Rule) -> core::fmt::Result {
    writeln!(out, "@id(\"{}\")", rule.id())?;
    writeln!(out, "@action(\"{}\")", rule.action().as_str())?;
    if rule.expires() != Timestamp::MAX {
        writeln!(out, "@expires_ms(\"{}\") // {}", rule.expires().0, rule.expires())?;
    }
    let scope = rule.scope();
    let principal = match scope.party {
        Some(Party::Member(id)) => format!(" == Member::\"{id}\""),
        Some(Party::Group(id)) => format!(" in Group::\"{id}\""),
        Some(Party::Organisation(id)) => format!(" in Organisation::\"{id}\""),
        None => String::new(),
    };
    let resource = scope.dataset.map(|id| format!(" == Dataset::\"{id}\"")).unwrap_or_default();
    write!(out, "forbid (principal{principal}, action, resource{resource})")?;
    if let Some(purpose) = scope.purpose {
        write!(out, "\nwhen {{ context has purpose && context.purpose == \"{purpose}\" }}")?;
    }
    for condition in rule.conditions() {
        write!(out, "\nwhen {{ ")?;
        write_condition(out, condition)?;
        write!(out, " }}")?;
    }
    writeln!(out, ";")
}

fn write_condition(out: &mut String, condition: &Condition) -> core::fmt::Result {
    let name = condition.feature().name();
    write!(out, "context has {name} && ")?;
    match (condition.test(), condition.feature().kind()) {
        (Test::Between(a, b), _) if a == b => write!(out, "context.{name} == {a}"),
        (Test::NotBetween(a, b), _) if a == b => write!(out, "context.{name} != {a}"),
        (Test::Between(a, b), FeatureKind::Number { low, .. }) if *a == low => {
            write!(out, "context.{name} < {}", b.saturating_add(1))
        }
        (Test::Between(a, b), FeatureKind::Number { high, .. }) if *b == high => {
            write!(out, "context.{name} > {}", a.saturating_sub(1))
        }
        (Test::Between(a, b), _) => {
            write!(out, "context.{name} >= {a} && context.{name} <= {b}")
        }
        (Test::NotBetween(a, b), _) => {
            write!(out, "(context.{name} < {a} || context.{name} > {b})")
        }
        (Test::AnyWord(mask), FeatureKind::Words(list)) => {
            write!(out, "context.{name}.containsAny({})", set(list.names(*mask)))
        }
        (Test::NoWord(mask), FeatureKind::Words(list)) => {
            write!(out, "!context.{name}.containsAny({})", set(list.names(*mask)))
        }
        (Test::AnyWord(mask), FeatureKind::Word(list)) => {
            write!(out, "{}.contains(context.{name})", set(list.names(*mask)))
        }
        (Test::NoWord(mask), FeatureKind::Word(list)) => {
            write!(out, "!{}.contains(context.{name})", set(list.names(*mask)))
        }
        (Test::AnyText(texts), _) => {
            write!(out, "{}.contains(context.{name})", set(texts.iter().map(String::as_str)))
        }
        (Test::NoText(texts), _) => {
            write!(out, "!{}.contains(context.{name})", set(texts.iter().map(String::as_str)))
        }
        (Test::Prefix(text), _) => write!(out, "context.{name} like \"{}*\"", pattern(text)),
        (Test::Suffix(text), _) => write!(out, "context.{name} like \"*{}\"", pattern(text)),
        (Test::Contains(text), _) => write!(out, "context.{name} like \"*{}*\"", pattern(text)),
        (Test::Inside(block), _) => write!(out, "context.{name}.isInRange(ip(\"{block}\"))"),
        (Test::Outside(block), _) => write!(out, "!context.{name}.isInRange(ip(\"{block}\"))"),
        // INVARIANT: a condition's test is of its feature's kind.
        (Test::AnyWord(_) | Test::NoWord(_), _) => Ok(()),
    }
}

fn set<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let texts: Vec<_> = texts.map(|text| format!("\"{}\"", escape(text))).collect();
    format!("[{}]", texts.join(", "))
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            _ => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
        }
    }
    out
}

fn pattern(text: &str) -> String {
    escape(text).replace('*', "\\*")
}
