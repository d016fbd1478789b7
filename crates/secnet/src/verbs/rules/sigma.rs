//! `secnet rules export --as sigma`: a rule for systems that read the log of decisions.
//!
//! Fields are the paths in one entry of `attempts` of `secnet log --as OWNER --json`. What Sigma cannot say is refused, not
//! left out: an end is only told, because a Sigma rule has none.

use secnet_types::{Condition, FeatureKind, Party, Rule, RuleAction, Test, Timestamp, WordList};
use serde_json::{Value, json};

/// One search: all of its fields hold.
type Search = Vec<(String, Value)>;

/// Searches that must hold, and searches that must not.
#[derive(Default)]
struct Detection {
    wanted: Vec<Vec<Search>>,
    unwanted: Vec<Search>,
}

/// The parts of a Sigma rule, in the order in which they are written.
pub(super) fn parts(
    rule: &Rule,
    name_of: impl Fn(secnet_types::MemberId) -> String,
) -> Result<Vec<(&'static str, Value)>, &'static str> {
    let mut detection = Detection::default();
    let scope = rule.scope();
    if let Some(dataset) = scope.dataset {
        detection.all(vec![("dataset".into(), json!(dataset.to_string()))]);
    }
    if let Some(purpose) = scope.purpose {
        detection.all(vec![("purpose".into(), json!(purpose.as_str()))]);
    }
    match scope.party {
        Some(Party::Member(member)) => {
            detection.all(vec![("requester".into(), json!(name_of(member)))]);
        }
        Some(_) => return Err("it is for a group or an organisation, which the log does not name"),
        None => {}
    }
    for condition in rule.conditions() {
        detection.add(condition);
    }
    let end = match rule.expires() {
        Timestamp::MAX => String::new(),
        at => format!(" It ends at {at}; remove it then."),
    };
    let level = match rule.action() {
        RuleAction::Flag => "low",
        RuleAction::StepUp | RuleAction::Throttle | RuleAction::Hold => "medium",
        RuleAction::Deny => "high",
    };
    let title: String = rule.to_string().chars().take(MAX_TITLE).collect();
    Ok(vec![
        ("title", json!(title)),
        ("id", json!(uuid(rule.id().0))),
        ("status", json!("experimental")),
        ("description", json!(format!("SecNet rule {}: {rule}.{end}", rule.id()))),
        ("logsource", json!({ "product": "secnet", "service": "decisions" })),
        ("detection", detection.value()),
        ("level", json!(level)),
    ])
}

/// Longest title that the Sigma specification allows, in characters.
const MAX_TITLE: usize = 256;

/// The beginning of the rule's id as a UUID of the kind that says nothing of how it was made (RFC 9562, version 8).
fn uuid(id: [u8; 32]) -> String {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(id).for_each(|(to, from)| *to = from);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

impl Detection {
    fn all(&mut self, search: Search) {
        self.wanted.push(vec![search]);
    }

    /// It is there, and not so: a condition on what is absent is false, the negative ones too.
    fn but_not(&mut self, field: &str, search: Search) {
        self.all(vec![(format!("{field}|exists"), json!(true))]);
        self.unwanted.push(search);
    }

    fn add(&mut self, condition: &Condition) {
        let field = format!("features.{}", condition.feature().name());
        let with = |modifier: &str| format!("{field}|{modifier}");
        let (low, high) = match condition.feature().kind() {
            FeatureKind::Number { low, high } => (low, high),
            _ => (i64::MIN, i64::MAX),
        };
        let words = |mask: &u64| match condition.feature().kind() {
            FeatureKind::Word(list) | FeatureKind::Words(list) => names(list, *mask),
            _ => Value::Null,
        };
        match condition.test() {
            Test::Between(a, b) if a == b => self.all(vec![(field, json!(a))]),
            Test::Between(a, b) => {
                let from = (*a > low).then(|| (with("gte"), json!(a)));
                let to = (*b < high).then(|| (with("lte"), json!(b)));
                self.all(from.into_iter().chain(to).collect());
            }
            Test::NotBetween(a, b) => {
                self.wanted.push(vec![vec![(with("lt"), json!(a))], vec![(with("gt"), json!(b))]]);
            }
            Test::AnyWord(mask) => self.all(vec![(field, words(mask))]),
            Test::NoWord(mask) => self.but_not(&field, vec![(field.clone(), words(mask))]),
            Test::AnyText(texts) => self.all(vec![(with("cased"), plain(texts))]),
            Test::NoText(texts) => self.but_not(&field, vec![(with("cased"), plain(texts))]),
            Test::Prefix(text) => self.all(vec![(with("startswith|cased"), json!(escaped(text)))]),
            Test::Suffix(text) => self.all(vec![(with("endswith|cased"), json!(escaped(text)))]),
            Test::Contains(text) => self.all(vec![(with("contains|cased"), json!(escaped(text)))]),
            Test::Inside(block) => self.all(vec![(with("cidr"), json!(block.to_string()))]),
            Test::Outside(block) => {
                self.but_not(&field, vec![(with("cidr"), json!(block.to_string()))]);
            }
        }
    }

    fn value(self) -> Value {
        let mut all = serde_json::Map::new();
        let object = |search: Search| Value::Object(search.into_iter().collect());
        let mut condition = Vec::new();
        for (number, any) in self.wanted.into_iter().enumerate() {
            let name = format!("wanted_{number}");
            let mut searches: Vec<Value> = any.into_iter().map(object).collect();
            let one = if searches.len() == 1 { searches.pop() } else { None };
            all.insert(name.clone(), one.unwrap_or(Value::Array(searches)));
            condition.push(name);
        }
        for (number, search) in self.unwanted.into_iter().enumerate() {
            let name = format!("unwanted_{number}");
            all.insert(name.clone(), object(search));
            condition.push(format!("not {name}"));
        }
        all.insert("condition".into(), json!(condition.join(" and ")));
        Value::Object(all)
    }
}

fn names(list: WordList, mask: u64) -> Value {
    list.names(mask).collect::<Vec<_>>().into()
}

fn plain<'t>(texts: impl IntoIterator<Item = &'t String>) -> Value {
    texts.into_iter().map(|text| escaped(text)).collect::<Vec<_>>().into()
}

/// Without signs that Sigma would take for wildcards.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '*' | '?' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// As YAML. Texts are written as JSON writes them, which YAML reads.
pub(super) fn yaml(parts: &[(&'static str, Value)]) -> String {
    let mut out = String::new();
    for (name, value) in parts {
        out.push_str(name);
        below(value, 0, &mut out);
    }
    out
}

/// What stands behind a key.
fn below(value: &Value, depth: usize, out: &mut String) {
    let indent = "    ".repeat(depth + 1);
    match value {
        Value::Object(fields) => {
            out.push_str(":\n");
            for (name, value) in fields {
                out.push_str(&format!("{indent}{name}"));
                below(value, depth + 1, out);
            }
        }
        // Searches of which one is enough, or values: both as JSON.
        other => out.push_str(&format!(": {other}\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secnet_types::MemberId;

    fn exported(conditions: &str, scope: &str) -> Result<Value, &'static str> {
        let text = format!("@action(\"hold\")\nforbid ({scope})\n{conditions};\n");
        let rule = Rule::from_cedar(&text).unwrap();
        let parts = parts(&rule, |_| "dr-bo".to_owned())?;
        Ok(parts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    #[test]
    fn each_kind_of_condition_is_said() {
        let rule = "when { context has requests_last_minute && context.requests_last_minute > 30 }
            when { context has hour_of_day && (context.hour_of_day < 6 || context.hour_of_day > 20) }
            when { context has records_requested && context.records_requested == 7 }
            when { context has purpose && [\"research\", \"marketing\"].contains(context.purpose) }
            when { context has door && context.door like \"ht\\*p*\" }
            when { context has source && !context.source.isInRange(ip(\"10.0.0.0/8\")) }";
        let said = exported(rule, "principal, action, resource").unwrap();
        for required in ["title", "logsource", "detection"] {
            assert!(!said[required].is_null(), "{required}: {said}");
        }
        let all = said["detection"].as_object().unwrap();
        let values: Vec<String> = all.values().map(Value::to_string).collect();
        for expected in [
            r#"{"features.requests_last_minute|gte":31}"#,
            r#"[{"features.hour_of_day|lt":6},{"features.hour_of_day|gt":20}]"#,
            r#"{"features.records_requested":7}"#,
            r#"{"features.purpose":["research","marketing"]}"#,
            r#"{"features.door|startswith|cased":"ht\\*p"}"#,
            r#"{"features.source|exists":true}"#,
            r#"{"features.source|cidr":"10.0.0.0/8"}"#,
        ] {
            assert!(values.iter().any(|value| value == expected), "{expected} in {values:?}");
        }
        let condition = said["detection"]["condition"].as_str().unwrap();
        assert!(condition.ends_with("and not unwanted_0"), "{condition}");
        assert_eq!(condition.matches("wanted_").count(), all.len() - 1, "{condition}");
        let id = said["id"].as_str().unwrap();
        assert_eq!((id.len(), id.chars().nth(14)), (36, Some('8')), "{id}");
    }

    #[test]
    fn whom_the_log_does_not_name_cannot_be_said() {
        let rule = "when { context has records_requested && context.records_requested > 7 }";
        let of = |party: &str| exported(rule, &format!("principal {party}, action, resource"));
        let member = MemberId([7; 32]);
        let one = of(&format!("== Member::\"{member}\"")).unwrap();
        assert!(one["detection"].to_string().contains(r#""requester":"dr-bo""#), "{one}");
        assert!(of(&format!("in Organisation::\"{member}\"")).is_err());
    }
}
