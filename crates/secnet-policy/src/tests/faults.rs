//! What must never become an allow.

use cedar_policy::{Entities, Request};
use secnet_types::*;

use super::support::*;
use crate::compile::texts;
use crate::conditions::Reach;
use crate::engine::{Mode, Prepared, SCHEMA};
use crate::*;

fn treatment() -> GrantFact {
    grant(
        1,
        Party::Member(member(1)),
        1,
        detail(&[Purpose::Treatment], &[Action::Read], Scope::default()),
    )
}

#[test]
fn the_schema_parses() {
    assert!(SCHEMA.is_some());
}

#[test]
fn an_evaluation_error_is_a_fault_even_beside_a_permit() {
    let slice = slice(vec![treatment()], vec![]);
    let mut all = texts(&slice).unwrap();
    let broken = "forbid (principal, action, resource) when { context.missing };";
    let name = PolicyName::Term(Term::Expiry);
    all.insert(name, (broken.to_owned(), Reach::Term(Term::Expiry)));
    let consent = CompiledConsent::assemble(&slice, all.clone(), false).unwrap();
    let verdict = decide(&consent, &question(1), &record(1));
    assert!(matches!(verdict, PolicyVerdict::Fault(_)), "{verdict:?}");
    assert!(matches!(decide_all(&consent, &question(1), [&record(1)]), ScopeVerdict::Fault(_)));
    // Cedar itself would have skipped it, and strict validation refuses it.
    assert!(matches!(CompiledConsent::assemble(&slice, all, true), Err(CompileError::Invalid(_))));
}

#[test]
fn a_fault_is_told_to_the_requester_without_the_message() {
    let slice = slice(vec![treatment()], vec![]);
    let mut all = texts(&slice).unwrap();
    let broken = "forbid (principal, action, resource) when { context.missing };";
    all.insert(PolicyName::Term(Term::Expiry), (broken.to_owned(), Reach::Term(Term::Expiry)));
    let consent = CompiledConsent::assemble(&slice, all, false).unwrap();
    let told = explain(&consent, &question(1), &record(1), Audience::Requester);
    assert_eq!(told, Explanation::Class { class: Some(ReasonClass::Fault), remedy: Remedy::Later });
}

#[test]
fn requests_and_entities_conform_to_the_schema() {
    let mut named = treatment();
    named.detail.scope.records = Some(set(&[record_id(1)]));
    let group_grant = grant(2, Party::Group(group(2)), 1, treatment().detail);
    let consent = compile(&slice(vec![named, group_grant], vec![]));
    let schema = SCHEMA.as_ref().unwrap();
    let mut full = question(1);
    full.parties.push(Party::Group(group(2)));
    full.fields = Some(texts_of(&["code"]));
    full.used_up = set(&[grant_id(2)]);
    for purpose in Purpose::ALL {
        for action in Action::ALL {
            for record in [record(1), RecordMeta { period: None, ..record(2) }] {
                let asked = Question { purpose: *purpose, action: *action, ..full.clone() };
                for mode in Mode::of(*purpose) {
                    let prepared =
                        Prepared::new(&consent, &asked, *mode, consent.principal(&asked).unwrap())
                            .unwrap();
                    let (request, entities) = prepared.arguments(&record).unwrap();
                    Request::new(
                        request.principal().unwrap().clone(),
                        request.action().unwrap().clone(),
                        request.resource().unwrap().clone(),
                        request.context().unwrap().clone(),
                        Some(schema),
                    )
                    .unwrap();
                    Entities::from_entities(entities.iter().cloned(), Some(schema)).unwrap();
                }
            }
        }
    }
}

fn texts_of(fields: &[&str]) -> std::sync::Arc<std::collections::BTreeSet<String>> {
    std::sync::Arc::new(super::support::texts(fields))
}

#[test]
fn free_text_cannot_leave_its_literal() {
    let evil = "x\" || true || \"\\u{22}\\\") }; permit (principal, action, resource); //";
    let mut fact = treatment();
    fact.detail.scope.kinds = Some(super::support::texts(&[evil, "*", "\u{0}\n"]));
    let consent = compile(&slice(vec![fact], vec![]));
    assert_eq!(consent.policies().count(), 1);
    assert!(decide(&consent, &question(1), &record(1)).choice().is_none());
    let same = RecordMeta { kind: evil.into(), ..record(1) };
    assert!(decide(&consent, &question(1), &same).choice().is_some());
}

#[test]
fn a_slice_that_cannot_be_meant_does_not_compile() {
    let mut foreign = treatment();
    foreign.grant.dataset = DatasetId([1; 16]);
    let twice = slice(vec![treatment(), treatment()], vec![]);
    let mut wide = treatment();
    wide.detail.scope.records = Some((0..1025).map(record_id).collect());
    let mut elsewhere = denial(1, Party::Member(member(1)), None);
    elsewhere.denial.dataset = Some(DatasetId([1; 16]));
    let error = |slice| CompiledConsent::compile(&slice).unwrap_err();
    let name = PolicyName::Grant(grant_id(1));
    assert_eq!(error(slice(vec![foreign], vec![])), CompileError::Foreign(name));
    assert_eq!(error(twice), CompileError::Duplicate(name));
    assert_eq!(error(slice(vec![wide], vec![])), CompileError::Scope(name));
    let name = PolicyName::Denial(denial_id(1));
    assert_eq!(error(slice(vec![], vec![elsewhere])), CompileError::Foreign(name));
}

#[test]
fn the_digest_covers_the_named_records() {
    let mut one = treatment();
    one.detail.scope.records = Some(set(&[record_id(1)]));
    let mut two = one.clone();
    two.detail.scope.records = Some(set(&[record_id(2)]));
    let (one, two) = (compile(&slice(vec![one], vec![])), compile(&slice(vec![two], vec![])));
    assert!(one.policies().eq(two.policies()));
    assert_ne!(one.digest(), two.digest());
}

#[test]
fn a_used_up_grant_leaves_the_digest_alone() {
    let mut left = treatment();
    left.grant.uses = Some(2);
    left.uses_left = Some(1);
    let gone = GrantFact { uses_left: Some(0), ..left.clone() };
    let digest = |fact| compile(&slice(vec![fact], vec![])).digest();
    assert_eq!(digest(left), digest(gone));
}
