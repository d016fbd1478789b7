//! Cedar text of one grant, denial or term. Whatever is free text goes through [`quoted`].

use std::collections::BTreeSet;
use std::fmt::Write as _;

use secnet_types::{
    Action, Amount, Labels, Party, Purpose, Scope, ServiceLevel, Timestamp, Window,
};

use crate::name::Term;
use crate::{ConsentSlice, DenialFact, GrantFact, PolicyName};

/// Up to so many alternatives are written as comparisons; Cedar builds a longer literal set at each evaluation.
const MAX_COMPARISONS: usize = 4;

/// The largest price that a grant can be used at. A requester's maximum is cut to it, so that a larger price, which
/// saturates above it, is never met.
const MAX_PRICE: i64 = i64::MAX - 1;

/// Milliseconds as Cedar's `Long`, saturating.
pub(crate) fn long(time: Timestamp) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

/// A price as Cedar's `Long`, saturating above every maximum.
pub(crate) fn price_long(price: Amount) -> i64 {
    i64::try_from(price.0).unwrap_or(i64::MAX)
}

/// A requester's maximum as Cedar's `Long`.
pub(crate) fn max_price_long(price: Amount) -> i64 {
    price_long(price).min(MAX_PRICE)
}

/// The `permit` of a grant.
pub(crate) fn grant_text(slice: &ConsentSlice, fact: &GrantFact) -> String {
    let (dataset, grant, detail) = (slice.dataset, &fact.grant, &fact.detail);
    let mut all = Conditions::default();
    no_action(&mut all, &detail.actions);
    if grant.emergency {
        all.push("context.breakGlass".into());
        let mut purposes = detail.purposes.clone();
        purposes.retain(|p| *p == Purpose::Emergency);
        all.push(purposes_text(&purposes));
    } else {
        all.push("!context.breakGlass".into());
        all.push(purposes_text(&detail.purposes));
    }
    all.push(format!("context.time >= {}", long(grant.window.from)));
    all.push(format!("context.time < {}", long(grant.window.until)));
    all.push(format!("{} <= context.maxPrice", price_long(grant.price)));
    if fact.is_counted() {
        all.push(format!("!context.usedUp.contains(Grant::\"{}\")", fact.id));
    }
    granted_scope(&mut all, &PolicyName::Grant(fact.id), &detail.scope, slice.terms.level);
    format!(
        "permit (\n  {},\n  {},\n  resource in Dataset::\"{dataset}\"\n) when {{\n  {}\n}};\n",
        principal_text(grant.grantee),
        actions_text(&detail.actions),
        all.text(),
    )
}

/// The `forbid` of a denial.
pub(crate) fn denial_text(fact: &DenialFact) -> String {
    let denial = &fact.denial;
    let mut all = Conditions::default();
    if !denial.even_in_emergency {
        all.push("!context.breakGlass".into());
    }
    denied_window(&mut all, denial.window);
    let mut action = "action".to_owned();
    if let Some(detail) = &fact.detail {
        no_action(&mut all, &detail.actions);
        action = actions_text(&detail.actions);
        all.push(purposes_text(&detail.purposes));
        denied_scope(&mut all, &PolicyName::Denial(fact.id), &detail.scope);
    }
    let resource = denial.dataset.map_or_else(
        || "resource".to_owned(),
        |dataset| format!("resource in Dataset::\"{dataset}\""),
    );
    format!(
        "forbid (\n  {},\n  {action},\n  {resource}\n) when {{\n  {}\n}};\n",
        principal_text(denial.party),
        all.text(),
    )
}

/// The `forbid`s of the terms.
pub(crate) fn term_texts(slice: &ConsentSlice) -> Vec<(PolicyName, String)> {
    let terms = &slice.terms;
    let forbid = |when: &str| {
        let dataset = slice.dataset;
        format!(
            "forbid (\n  principal,\n  action,\n  resource in Dataset::\"{dataset}\"\n) when {{\n  {when}\n}};\n"
        )
    };
    let mut texts = Vec::with_capacity(4);
    if terms.expires < Timestamp::MAX {
        let when = format!("context.time >= {}", long(terms.expires));
        texts.push((PolicyName::Term(Term::Expiry), forbid(&when)));
    }
    if let Some(purposes) = &terms.purposes {
        let when = format!("!context.breakGlass &&\n  !({})", purposes_text(purposes));
        texts.push((PolicyName::Term(Term::Purposes), forbid(&when)));
    }
    if let Some(actions) = &terms.actions {
        let refused: Vec<_> =
            Action::ALL.iter().filter(|a| !actions.contains(a)).copied().collect();
        if !refused.is_empty() {
            let text = format!(
                "forbid (\n  principal,\n  {},\n  resource in Dataset::\"{}\"\n);\n",
                actions_text(&refused.into_iter().collect()),
                slice.dataset
            );
            texts.push((PolicyName::Term(Term::Actions), text));
        }
    }
    if terms.level == ServiceLevel::Sealed {
        texts.push((PolicyName::Term(Term::Fields), forbid("context.fieldsNamed")));
    }
    texts
}

/// A Cedar string literal. Everything but plain printable ASCII is written as a code point, so no text can end it.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '_' | '-' | '/' | ':') {
            out.push(c);
        } else {
            // INVARIANT: writing to a String cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
    }
    out.push('"');
    out
}

/// Conditions that must all hold.
#[derive(Default)]
struct Conditions(Vec<String>);

impl Conditions {
    fn push(&mut self, condition: String) {
        self.0.push(condition);
    }

    fn text(&self) -> String {
        if self.0.is_empty() { "true".to_owned() } else { self.0.join(" &&\n  ") }
    }
}

fn principal_text(party: Party) -> String {
    match party {
        Party::Member(id) => format!("principal == Member::\"{id}\""),
        Party::Group(id) => format!("principal in Group::\"{id}\""),
        Party::Organisation(id) => format!("principal in Organisation::\"{id}\""),
    }
}

fn actions_text(actions: &BTreeSet<Action>) -> String {
    let names: Vec<_> = actions.iter().map(|a| format!("Action::\"{a}\"")).collect();
    match names.as_slice() {
        [] => "action".to_owned(),
        [one] => format!("action == {one}"),
        _ => format!("action in [{}]", names.join(", ")),
    }
}

/// Cedar has no name for the empty list of actions, so the policy that names none never holds instead.
fn no_action(all: &mut Conditions, actions: &BTreeSet<Action>) {
    if actions.is_empty() {
        all.push("false".into());
    }
}

fn purposes_text(purposes: &BTreeSet<Purpose>) -> String {
    one_of("context.purpose", purposes.iter().map(|p| quoted(p.as_str())))
}

/// `subject` is one of the literals. No literal at all is never.
fn one_of(subject: &str, literals: impl Iterator<Item = String>) -> String {
    let literals: Vec<_> = literals.collect();
    match literals.as_slice() {
        [] => "false".to_owned(),
        [one] => format!("{subject} == {one}"),
        few if few.len() <= MAX_COMPARISONS => {
            let each: Vec<_> = few.iter().map(|l| format!("{subject} == {l}")).collect();
            format!("({})", each.join(" || "))
        }
        many => format!("[{}].contains({subject})", many.join(", ")),
    }
}

/// What is common to grants and denials: ids, types, categories.
fn named_records(all: &mut Conditions, name: &PolicyName, scope: &Scope) {
    if scope.records.is_some() {
        all.push(format!("resource in Selection::{}", quoted(&name.to_string())));
    }
    if let Some(categories) = &scope.categories {
        all.push(one_of("resource.category", categories.iter().map(|c| quoted(c.as_str()))));
    }
    if let Some(kinds) = &scope.kinds {
        all.push(one_of("resource.kind", kinds.iter().map(|k| quoted(k))));
    }
}

fn label_set(labels: Labels) -> String {
    let words: Vec<_> = labels.iter().map(|label| quoted(label.as_str())).collect();
    format!("[{}]", words.join(", "))
}

fn text_set(texts: &BTreeSet<String>) -> String {
    let words: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", words.join(", "))
}

fn granted_scope(all: &mut Conditions, name: &PolicyName, scope: &Scope, level: ServiceLevel) {
    named_records(all, name, scope);
    match scope.labels.unwrap_or(Labels::NONE) {
        Labels::NONE => all.push("resource.labels.isEmpty()".into()),
        Labels::ALL => {}
        some => all.push(format!("{}.containsAll(resource.labels)", label_set(some))),
    }
    if let Some(period) = scope.period {
        all.push("resource.dated".into());
        all.push(format!("resource.from >= {}", long(period.from)));
        all.push(format!("resource.until <= {}", long(period.until)));
    }
    if let Some(fields) = &scope.fields {
        all.push(if fields.is_empty() || level == ServiceLevel::Sealed {
            "false".to_owned()
        } else {
            format!("(!context.fieldsNamed || {}.containsAll(context.fields))", text_set(fields))
        });
    }
}

fn denied_scope(all: &mut Conditions, name: &PolicyName, scope: &Scope) {
    named_records(all, name, scope);
    match scope.labels {
        None => {}
        Some(Labels::NONE) => all.push("resource.labels.isEmpty()".into()),
        Some(some) => all.push(format!("{}.containsAny(resource.labels)", label_set(some))),
    }
    if let Some(period) = scope.period {
        let mut touches = Conditions::default();
        let from = long(period.from);
        touches.push(format!("(resource.until > {from} || resource.from >= {from})"));
        if long(period.until) < i64::MAX {
            touches.push(format!("resource.from < {}", long(period.until)));
        }
        all.push(format!("(!resource.dated || ({}))", touches.0.join(" && ")));
    }
    if let Some(fields) = &scope.fields {
        all.push(if fields.is_empty() {
            "false".to_owned()
        } else {
            format!("(!context.fieldsNamed || {}.containsAny(context.fields))", text_set(fields))
        });
    }
}

/// A saturated end is no end: a denial must not lapse where numbers end.
fn denied_window(all: &mut Conditions, window: Window) {
    all.push(format!("context.time >= {}", long(window.from)));
    if long(window.until) < i64::MAX {
        all.push(format!("context.time < {}", long(window.until)));
    }
}
