//! Rule text back to a rule: exactly the Cedar that rules print as, with free spacing and comments.

use std::collections::BTreeSet;

use super::{
    AddressBlock, Condition, Feature, FeatureKind, Rule, RuleAction, RuleError, RuleScope, Test,
    WordList,
};
use crate::{Party, Purpose, RuleId, Timestamp, limits};

/// Why a text is not a rule, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CedarError {
    /// Something else stands where this was expected.
    #[error("line {line}, column {column}: expected {expected}, found `{found}`")]
    Expected {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What could stand here.
        expected: String,
        /// What does.
        found: String,
    },
    /// Well written, but not a rule.
    #[error("line {line}, column {column}: {source}")]
    Rule {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// Why not.
        source: RuleError,
    },
    /// The `@id` belongs to another rule: the text was changed after it was printed.
    #[error(
        "the text says `{given}` but this rule is `{actual}`; it was changed: remove the line `@id` to accept it as a new rule"
    )]
    AnotherRule {
        /// The id in the text.
        given: RuleId,
        /// The id of the rule as written.
        actual: RuleId,
    },
    /// Beyond the limit.
    #[error("the rule text is {len} bytes long, the limit is {limit}")]
    TooLong {
        /// Its length.
        len: usize,
        /// The named limit.
        limit: usize,
    },
}

pub(super) fn parse(text: &str) -> Result<Rule, CedarError> {
    let (len, limit) = (text.len(), limits::MAX_RULE_TEXT_BYTES);
    if len > limit {
        return Err(CedarError::TooLong { len, limit });
    }
    Parser { text, at: 0 }.rule()
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rule(mut self) -> Result<Rule, CedarError> {
        let id =
            if self.accept("@id") { Some(self.annotation::<RuleId>("a rule id")?) } else { None };
        self.expect("@action")?;
        let start = self.start();
        let word = self.bracketed()?;
        let action = RuleAction::ALL.iter().copied().find(|action| action.as_str() == word);
        let action = action.ok_or_else(|| {
            self.unexpected(start, "`flag`, `step-up`, `throttle`, `hold` or `deny`")
        })?;
        let expires = if self.accept("@expires_ms") {
            self.annotation::<u64>("milliseconds since 1970")?
        } else {
            Timestamp::MAX.0
        };
        let mut scope = self.scope()?;
        let mut conditions = Vec::new();
        let body = self.start();
        while self.accept("when") {
            self.expect("{")?;
            match self.condition()? {
                Clause::Purpose(purpose) if conditions.is_empty() && scope.purpose.is_none() => {
                    scope.purpose = Some(purpose);
                }
                Clause::Purpose(_) => return Err(self.unexpected(body, "one purpose, first")),
                Clause::Condition(condition) => conditions.push(condition),
            }
            self.expect("}")?;
            if conditions.len() > limits::MAX_RULE_CONDITIONS {
                break;
            }
        }
        if conditions.len() <= limits::MAX_RULE_CONDITIONS {
            self.expect(";")?;
            self.skip();
            if !self.rest().is_empty() {
                return Err(self.unexpected(self.at, "the end of the text"));
            }
        }
        let rule = Rule::new(action, conditions, scope, Timestamp(expires))
            .map_err(|source| self.refuse(body, source))?;
        match id {
            Some(given) if given != rule.id() => {
                Err(CedarError::AnotherRule { given, actual: rule.id() })
            }
            _ => Ok(rule),
        }
    }

    fn scope(&mut self) -> Result<RuleScope, CedarError> {
        for token in ["forbid", "(", "principal"] {
            self.expect(token)?;
        }
        let mut scope = RuleScope::ALL;
        if self.accept("==") {
            self.expect("Member::")?;
            scope.party = Some(Party::Member(self.quoted("a member id")?));
        } else if self.accept("in") {
            scope.party = Some(if self.accept("Group::") {
                Party::Group(self.quoted("a group id")?)
            } else {
                self.expect("Organisation::")?;
                Party::Organisation(self.quoted("a member id")?)
            });
        }
        for token in [",", "action", ",", "resource"] {
            self.expect(token)?;
        }
        if self.accept("==") {
            self.expect("Dataset::")?;
            scope.dataset = Some(self.quoted("a dataset id")?);
        }
        self.expect(")")?;
        Ok(scope)
    }

    fn condition(&mut self) -> Result<Clause, CedarError> {
        self.expect("context")?;
        self.expect("has")?;
        let start = self.start();
        let name = self.word();
        let feature: Feature = name.parse().map_err(|e| self.refuse(start, e))?;
        self.expect("&&")?;
        let body = self.start();
        let test = self.test(feature, name)?;
        let Some(test) = test else {
            return self.quoted::<Purpose>("a purpose").map(Clause::Purpose);
        };
        let condition = Condition::new(feature, test).map_err(|e| self.refuse(body, e))?;
        Ok(Clause::Condition(condition))
    }

    /// The comparison; none if it is the purpose of the scope, whose text comes next.
    fn test(&mut self, feature: Feature, name: &str) -> Result<Option<Test>, CedarError> {
        if self.accept("(") {
            self.path(name)?;
            self.expect("<")?;
            let low = self.integer()?;
            self.expect("||")?;
            self.path(name)?;
            self.expect(">")?;
            let high = self.integer()?;
            self.expect(")")?;
            return Ok(Some(Test::NotBetween(low, high)));
        }
        let negative = self.accept("!");
        if self.peek("[") {
            let start = self.start();
            let texts = self.set()?;
            self.expect(".contains(")?;
            self.path(name)?;
            self.expect(")")?;
            return Ok(Some(match feature.kind() {
                FeatureKind::Word(list) => {
                    words(negative, self.mask(start, feature, list, &texts)?)
                }
                _ if negative => Test::NoText(texts),
                _ => Test::AnyText(texts),
            }));
        }
        self.path(name)?;
        if self.accept(".containsAny(") {
            let start = self.start();
            let texts = self.set()?;
            self.expect(")")?;
            let FeatureKind::Words(list) = feature.kind() else {
                return Err(self.refuse(start, RuleError::WrongKind { feature: feature.name() }));
            };
            return Ok(Some(words(negative, self.mask(start, feature, list, &texts)?)));
        }
        if self.accept(".isInRange(") {
            self.expect("ip(")?;
            let start = self.start();
            let text = self.string(false)?.plain();
            let block: AddressBlock = text.parse().map_err(|e| self.refuse(start, e))?;
            self.expect(")")?;
            self.expect(")")?;
            return Ok(Some(if negative { Test::Outside(block) } else { Test::Inside(block) }));
        }
        if negative {
            return Err(self.unexpected(self.at, "`.containsAny(` or `.isInRange(`"));
        }
        if self.accept("like") {
            return self.like().map(Some);
        }
        self.comparison(feature, name)
    }

    fn comparison(&mut self, feature: Feature, name: &str) -> Result<Option<Test>, CedarError> {
        let start = self.start();
        let test = if self.accept("==") {
            if feature == Feature::Purpose {
                return Ok(None);
            }
            let number = self.integer()?;
            Test::Between(number, number)
        } else if self.accept("!=") {
            let number = self.integer()?;
            Test::NotBetween(number, number)
        } else if self.accept(">=") {
            let low = self.integer()?;
            if !self.accept("&&") {
                return Ok(Some(Test::Between(low, i64::MAX)));
            }
            self.path(name)?;
            self.expect("<=")?;
            Test::Between(low, self.integer()?)
        } else if self.accept("<=") {
            Test::Between(i64::MIN, self.integer()?)
        } else if self.accept(">") {
            let low = self.integer()?.checked_add(1);
            Test::Between(low.ok_or_else(|| self.unexpected(start, "a smaller bound"))?, i64::MAX)
        } else if self.accept("<") {
            let high = self.integer()?.checked_sub(1);
            Test::Between(i64::MIN, high.ok_or_else(|| self.unexpected(start, "a larger bound"))?)
        } else {
            return Err(self.unexpected(start, "a comparison"));
        };
        Ok(Some(test))
    }

    fn like(&mut self) -> Result<Test, CedarError> {
        let start = self.start();
        let text = self.string(true)?;
        let Text { chars, stars } = &text;
        let plain: String = text.plain();
        match (stars.as_slice(), chars.len()) {
            ([0, last], len) if *last == len => Ok(Test::Contains(plain)),
            ([0], len) if len > 0 => Ok(Test::Suffix(plain)),
            ([last], len) if *last == len => Ok(Test::Prefix(plain)),
            _ => Err(self.unexpected(start, "a pattern with `*` only at its beginning or end")),
        }
    }

    fn mask(
        &self,
        start: usize,
        feature: Feature,
        list: WordList,
        texts: &BTreeSet<String>,
    ) -> Result<u64, CedarError> {
        texts.iter().try_fold(0, |mask, text| {
            let number = list.number(text).ok_or_else(|| {
                let (feature, word) = (feature.name(), text.clone());
                self.refuse(start, RuleError::UnknownWord { feature, word })
            })?;
            Ok(mask | (1 << number))
        })
    }

    fn path(&mut self, name: &str) -> Result<(), CedarError> {
        self.expect("context")?;
        self.expect(".")?;
        let start = self.start();
        if self.word() == name {
            Ok(())
        } else {
            Err(self.unexpected(start, &format!("`{name}`, the feature that `has` names")))
        }
    }

    fn set(&mut self) -> Result<BTreeSet<String>, CedarError> {
        self.expect("[")?;
        let mut texts = BTreeSet::new();
        loop {
            let start = self.start();
            if !texts.insert(self.string(false)?.plain()) {
                return Err(self.unexpected(start, "each text once"));
            }
            if self.accept("]") {
                return Ok(texts);
            }
            self.expect(",")?;
        }
    }

    fn annotation<T: core::str::FromStr>(&mut self, what: &str) -> Result<T, CedarError> {
        self.expect("(")?;
        let value = self.quoted(what)?;
        self.expect(")")?;
        Ok(value)
    }

    fn bracketed(&mut self) -> Result<String, CedarError> {
        self.expect("(")?;
        let text = self.string(false)?.plain();
        self.expect(")")?;
        Ok(text)
    }

    fn quoted<T: core::str::FromStr>(&mut self, what: &str) -> Result<T, CedarError> {
        let start = self.start();
        self.string(false)?.plain().parse().map_err(|_| self.unexpected(start, what))
    }

    fn integer(&mut self) -> Result<i64, CedarError> {
        let start = self.start();
        let rest = self.rest();
        let sign = usize::from(rest.starts_with('-'));
        let digits = rest.bytes().skip(sign).take_while(u8::is_ascii_digit).count();
        let number = rest.get(..sign + digits).and_then(|text| text.parse().ok());
        self.at += sign + digits;
        number.ok_or_else(|| self.unexpected(start, "a whole number of 64 bits"))
    }

    fn word(&mut self) -> &'a str {
        self.skip();
        let rest = self.rest();
        let len = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    /// A quoted text; in a pattern a bare `*` is a wildcard and `\*` a star.
    fn string(&mut self, pattern: bool) -> Result<Text, CedarError> {
        self.expect("\"")?;
        let mut text = Text { chars: Vec::new(), stars: Vec::new() };
        loop {
            let start = self.at;
            match self.next_char() {
                Some('"') => return Ok(text),
                Some('*') if pattern => text.stars.push(text.chars.len()),
                Some('\\') => {
                    let escaped = match self.next_char() {
                        Some(c @ ('"' | '\\')) => Some(c),
                        Some('*') if pattern => Some('*'),
                        Some('u') => self.code_point(),
                        _ => None,
                    };
                    let wanted = "an escape: `\\\"`, `\\\\` or `\\u{..}`";
                    text.chars.push(escaped.ok_or_else(|| self.unexpected(start, wanted))?);
                }
                Some(c) if !c.is_control() => text.chars.push(c),
                _ => return Err(self.unexpected(start, "the closing quote")),
            }
        }
    }

    fn code_point(&mut self) -> Option<char> {
        let inner = self.rest().strip_prefix('{')?;
        let (hex, _) = inner.split_once('}')?;
        if hex.is_empty() || hex.len() > 6 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        self.at += hex.len() + 2;
        char::from_u32(u32::from_str_radix(hex, 16).ok()?)
    }

    fn next_char(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Past spaces and comments.
    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with("//") {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    fn start(&mut self) -> usize {
        self.skip();
        self.at
    }

    fn peek(&mut self, token: &str) -> bool {
        self.skip();
        let Some(after) = self.rest().strip_prefix(token) else { return false };
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        // A word must end where the token ends: `in` is not the beginning of `index`.
        !(token.ends_with(is_word) && after.starts_with(is_word))
    }

    fn accept(&mut self, token: &str) -> bool {
        let found = self.peek(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn expect(&mut self, token: &str) -> Result<(), CedarError> {
        if self.accept(token) {
            Ok(())
        } else {
            Err(self.unexpected(self.at, &format!("`{token}`")))
        }
    }

    fn unexpected(&self, at: usize, expected: &str) -> CedarError {
        let (line, column) = self.position(at);
        let rest = self.text.get(at..).unwrap_or_default();
        let found = match rest.lines().next().filter(|_| !rest.is_empty()) {
            Some(text) => text.chars().take(24).collect(),
            None => "the end".to_owned(),
        };
        CedarError::Expected { line, column, expected: expected.to_owned(), found }
    }

    fn refuse(&self, at: usize, source: RuleError) -> CedarError {
        let (line, column) = self.position(at);
        CedarError::Rule { line, column, source }
    }

    fn position(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }
}

enum Clause {
    Purpose(Purpose),
    Condition(Condition),
}

const fn words(negative: bool, mask: u64) -> Test {
    if negative { Test::NoWord(mask) } else { Test::AnyWord(mask) }
}

/// Characters, and before which of them a wildcard stands.
struct Text {
    chars: Vec<char>,
    stars: Vec<usize>,
}

impl Text {
    fn plain(&self) -> String {
        self.chars.iter().collect()
    }
}
