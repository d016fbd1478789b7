//! The Cedar text that users are shown and that decisions commit to: a change here is a change of format.

use secnet_types::*;

use super::support::*;
use crate::*;

fn text_of(slice: &ConsentSlice, name: PolicyName) -> String {
    let consent = compile(slice);
    let found = consent.policies().find(|(each, _)| *each == name);
    found.unwrap().1.to_owned()
}

fn full_scope() -> Scope {
    Scope {
        records: Some(set(&[record_id(1)])),
        kinds: Some(texts(&["Observation", "Condition"])),
        categories: Some(set(&[Category::Laboratory])),
        labels: Some(Labels::NONE.with(Label::Hiv)),
        period: Some(window(10, 20)),
        fields: Some(texts(&["code"])),
    }
}

#[test]
fn a_grant_in_cedar() {
    let mut fact = grant(
        1,
        Party::Organisation(member(10)),
        7,
        detail(
            &[Purpose::Treatment, Purpose::Payment],
            &[Action::Read, Action::Export],
            full_scope(),
        ),
    );
    fact.uses_left = Some(3);
    let expected = format!(
        "permit (
  principal in Organisation::\"{}\",
  action in [Action::\"read\", Action::\"export\"],
  resource in Dataset::\"{DATASET}\"
) when {{
  !context.breakGlass &&
  (context.purpose == \"treatment\" || context.purpose == \"payment\") &&
  context.time >= 100 &&
  context.time < 900 &&
  7 <= context.maxPrice &&
  !context.usedUp.contains(Grant::\"{id}\") &&
  resource in Selection::\"grant {id}\" &&
  resource.category == \"laboratory\" &&
  (resource.kind == \"Condition\" || resource.kind == \"Observation\") &&
  [\"hiv\"].containsAll(resource.labels) &&
  resource.dated &&
  resource.from >= 10 &&
  resource.until <= 20 &&
  (!context.fieldsNamed || [\"code\"].containsAll(context.fields))
}};
",
        member(10),
        id = grant_id(1),
    );
    assert_eq!(text_of(&slice(vec![fact], vec![]), PolicyName::Grant(grant_id(1))), expected);
}

#[test]
fn a_denial_in_cedar() {
    let detail = detail(&[Purpose::Research], Action::ALL, full_scope());
    let fact = denial(2, Party::Group(group(3)), Some(detail));
    let expected = format!(
        "forbid (
  principal in Group::\"{}\",
  action in [Action::\"read\", Action::\"export\", Action::\"compute\"],
  resource
) when {{
  !context.breakGlass &&
  context.time >= 0 &&
  context.purpose == \"research\" &&
  resource in Selection::\"denial {}\" &&
  resource.category == \"laboratory\" &&
  (resource.kind == \"Condition\" || resource.kind == \"Observation\") &&
  [\"hiv\"].containsAny(resource.labels) &&
  (!resource.dated || ((resource.until > 10 || resource.from >= 10) && resource.from < 20)) &&
  (!context.fieldsNamed || [\"code\"].containsAny(context.fields))
}};
",
        group(3),
        denial_id(2),
    );
    assert_eq!(text_of(&slice(vec![], vec![fact]), PolicyName::Denial(denial_id(2))), expected);
}

#[test]
fn the_terms_in_cedar() {
    let mut all = slice(vec![], vec![]);
    all.terms = TermsFact {
        expires: Timestamp(9),
        purposes: Some(set(&[Purpose::Treatment])),
        actions: Some(set(&[Action::Read])),
        level: ServiceLevel::Sealed,
    };
    let written: Vec<_> = compile(&all).policies().map(|(_, text)| text.to_owned()).collect();
    let term = |action: &str, when: &str| {
        format!(
            "forbid (\n  principal,\n  {action},\n  resource in Dataset::\"{DATASET}\"\n){when};\n"
        )
    };
    assert_eq!(
        written,
        [
            term("action", " when {\n  context.time >= 9\n}"),
            term(
                "action",
                " when {\n  !context.breakGlass &&\n  !(context.purpose == \"treatment\")\n}"
            ),
            term("action in [Action::\"export\", Action::\"compute\"]", ""),
            term("action", " when {\n  context.fieldsNamed\n}"),
        ]
    );
}
