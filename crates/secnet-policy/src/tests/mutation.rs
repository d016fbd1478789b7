//! Deleting any compiled policy makes a named case fail.

use std::collections::BTreeSet;

use super::support::*;
use super::table::{cases, rich, sealed, seen};
use crate::compile::texts;
use crate::*;

fn changed_cases(of: fn() -> ConsentSlice, without: PolicyName) -> Vec<&'static str> {
    let slice = of();
    let whole = compile(&slice);
    let mut rest = texts(&slice).unwrap();
    rest.remove(&without).unwrap();
    let cut = CompiledConsent::assemble(&slice, rest, true).unwrap();
    cases()
        .iter()
        .filter(|case| (case.slice)() == slice)
        .filter(|case| {
            let before = decide(&whole, &case.question, &case.record);
            let after = decide(&cut, &case.question, &case.record);
            seen(&before) != seen(&after)
        })
        .map(|case| case.name)
        .collect()
}

#[test]
fn every_policy_is_missed_by_a_named_case() {
    let mut unmissed = BTreeSet::new();
    let mut missed = BTreeSet::new();
    for of in [rich, sealed] {
        for (name, _) in compile(&of()).policies() {
            if changed_cases(of, name).is_empty() {
                unmissed.insert(name);
            } else {
                missed.insert(name);
            }
        }
    }
    let never: Vec<_> = unmissed.difference(&missed).collect();
    assert!(never.is_empty(), "no case misses {never:?}");
    assert!(missed.len() >= 16);
}

#[test]
fn each_policy_has_its_case() {
    let expect = |of, name, case| {
        let changed = changed_cases(of, name);
        assert!(changed.contains(&case), "{name}: {changed:?}");
    };
    let grant = |n| PolicyName::Grant(grant_id(n));
    let denial = |n| PolicyName::Denial(denial_id(n));
    expect(rich, grant(1), "a grant to a member");
    expect(rich, grant(2), "a grant to a group");
    expect(rich, grant(3), "a grant to an organisation");
    expect(rich, grant(4), "break-glass is cheapest");
    expect(rich, grant(5), "an ordinary grant that lists the emergency");
    expect(rich, grant(6), "granted fields");
    expect(rich, grant(7), "a use left");
    expect(rich, grant(8), "before the denial starts");
    expect(rich, grant(9), "a purpose of two");
    expect(rich, denial(1), "a denial to the organisation beats a grant to the group");
    expect(rich, denial(2), "not even in an emergency");
    expect(rich, denial(3), "an ordinary denial binds the ordinary grant");
    expect(rich, denial(4), "two grants of which one is a denial");
    expect(rich, PolicyName::Term(Term::Expiry), "the dataset's expiry");
    expect(rich, PolicyName::Term(Term::Purposes), "a purpose the dataset excludes");
    expect(rich, PolicyName::Term(Term::Actions), "an action the dataset excludes");
    expect(sealed, PolicyName::Term(Term::Fields), "fields of a sealed dataset");
}
