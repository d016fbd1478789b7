//! A rule as a sentence.

use core::fmt;

use super::{Condition, FeatureKind, Rule, RuleScope, Test};
use crate::{Party, Timestamp};

const DAY_MS: u64 = 86_400_000;

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} when ", self.action().as_str())?;
        for (n, condition) in self.conditions().iter().enumerate() {
            let and = if n == 0 { "" } else { " and " };
            write!(f, "{and}{condition}")?;
        }
        write!(f, "{}", self.scope())?;
        match self.expires() {
            Timestamp::MAX => Ok(()),
            // A date says midnight; anything else is written out.
            at if at.0 % DAY_MS == 0 => {
                let text = at.to_string();
                write!(f, ", until {}", text.strip_suffix("T00:00:00Z").unwrap_or(&text))
            }
            at => write!(f, ", until {at}"),
        }
    }
}

impl fmt::Display for RuleScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(dataset) = self.dataset {
            write!(f, ", on dataset {dataset}")?;
        }
        match self.party {
            Some(Party::Member(id)) => write!(f, ", by member {id}")?,
            Some(Party::Group(id)) => write!(f, ", by group {id}")?,
            Some(Party::Organisation(id)) => write!(f, ", by organisation {id}")?,
            None => {}
        }
        match self.purpose {
            Some(purpose) => write!(f, ", for purpose {purpose}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.feature().phrase();
        match (self.test(), self.feature().kind()) {
            (Test::Between(a, b), _) if a == b => write!(f, "{name} = {a}"),
            (Test::NotBetween(a, b), _) if a == b => write!(f, "{name} is not {a}"),
            (Test::Between(a, b), FeatureKind::Number { low, .. }) if *a == low => {
                write!(f, "{name} < {}", b.saturating_add(1))
            }
            (Test::Between(a, b), FeatureKind::Number { high, .. }) if *b == high => {
                write!(f, "{name} > {}", a.saturating_sub(1))
            }
            (Test::Between(a, b), _) => write!(f, "{name} is between {a} and {b}"),
            (Test::NotBetween(a, b), _) => write!(f, "{name} is not between {a} and {b}"),
            (Test::AnyWord(mask), FeatureKind::Word(list)) => {
                write!(f, "{name} is {}", list.names(*mask).collect::<Vec<_>>().join(" or "))
            }
            (Test::NoWord(mask), FeatureKind::Word(list)) => {
                write!(f, "{name} is not {}", list.names(*mask).collect::<Vec<_>>().join(" or "))
            }
            (Test::AnyWord(mask), FeatureKind::Words(list)) => {
                write!(f, "{name} include {}", list.names(*mask).collect::<Vec<_>>().join(" or "))
            }
            (Test::NoWord(mask), FeatureKind::Words(list)) => {
                let words = list.names(*mask).collect::<Vec<_>>().join(" or ");
                write!(f, "{name} do not include {words}")
            }
            (Test::AnyText(texts), _) => write!(f, "{name} is {}", quoted(texts)),
            (Test::NoText(texts), _) => write!(f, "{name} is not {}", quoted(texts)),
            (Test::Prefix(text), _) => write!(f, "{name} begins with `{}`", text.escape_debug()),
            (Test::Suffix(text), _) => write!(f, "{name} ends with `{}`", text.escape_debug()),
            (Test::Contains(text), _) => write!(f, "{name} contains `{}`", text.escape_debug()),
            (Test::Inside(block), _) => write!(f, "{name} is in {block}"),
            (Test::Outside(block), _) => write!(f, "{name} is not in {block}"),
            // INVARIANT: a condition's test is of its feature's kind.
            (Test::AnyWord(mask) | Test::NoWord(mask), _) => write!(f, "{name} {mask:#b}"),
        }
    }
}

fn quoted<'a>(texts: impl IntoIterator<Item = &'a String>) -> String {
    let texts: Vec<_> =
        texts.into_iter().map(|text| format!("`{}`", text.escape_debug())).collect();
    texts.join(" or ")
}
