//! What each audience is told, and that they are told no more.

use proptest::prelude::*;
use secnet_types::*;

use super::support::*;
use super::table::rich;
use crate::Condition;
use crate::*;

fn bo(change: impl FnOnce(&mut Question)) -> Question {
    let mut q = question(1);
    q.parties.extend([Party::Organisation(member(10)), Party::Group(group(3))]);
    change(&mut q);
    q
}

fn told(question: &Question, record: &RecordMeta, audience: Audience) -> String {
    explain(&compile(&rich()), question, record, audience).to_string()
}

#[test]
fn the_owner_is_told_who_why_and_what_would_change_it() {
    let ok = bo(|_| {});
    assert_eq!(
        told(&ok, &record(1), Audience::Owner),
        format!("permitted by grant {}; revoking it or a denial would change that", grant_id(1))
    );
    let cheap = bo(|q| q.max_price = Amount(9));
    assert_eq!(
        told(&cheap, &record(1), Audience::Analyst),
        format!(
            "refused, because no grant permits it; nearest is grant {}, which fails on price",
            grant_id(1)
        )
    );
    let research = bo(|q| q.purpose = Purpose::Research);
    let condition = RecordMeta { category: Category::Conditions, ..record(1) };
    assert_eq!(
        told(&research, &condition, Audience::Owner),
        format!("forbidden by denial {}; only ending it would change that", denial_id(1))
    );
    let stranger = question(77);
    let told = told(&stranger, &record(1), Audience::Owner);
    assert!(told.contains("fails on grantee"), "{told}");
    let empty = compile(&slice(vec![], vec![]));
    assert_eq!(
        explain(&empty, &ok, &record(1), Audience::Owner).to_string(),
        "refused, because there is no grant; a grant would change that"
    );
}

#[test]
fn the_nearest_grant_names_the_condition_that_failed() {
    let consent = compile(&rich());
    let failed = |question: &Question, record: &RecordMeta| match explain(
        &consent,
        question,
        record,
        Audience::Owner,
    ) {
        Explanation::Full(full) => full.nearest[0].failed.clone(),
        other => panic!("{other:?}"),
    };
    let hiv = RecordMeta { labels: Labels::NONE.with(Label::Hiv), ..record(1) };
    assert_eq!(failed(&bo(|q| q.time = Timestamp(99)), &record(1)), [Condition::Time]);
    assert_eq!(
        failed(&bo(|q| q.purpose = Purpose::PublicHealth), &record(1)),
        [Condition::Purpose]
    );
    assert_eq!(failed(&bo(|q| q.action = Action::Export), &record(1)), [Condition::Action]);
    assert_eq!(failed(&bo(|_| {}), &hiv), [Condition::Labels]);
    let imaging = RecordMeta { category: Category::Imaging, ..record(1) };
    assert_eq!(failed(&bo(|_| {}), &imaging), [Condition::Category]);
    let used = bo(|q| {
        q.purpose = Purpose::Payment;
        q.used_up = set(&[grant_id(7)]);
    });
    assert_eq!(failed(&used, &record(1)), [Condition::Count]);
}

#[test]
fn the_requester_is_told_class_and_remedy_only() {
    let requester =
        |question: &Question, record: &RecordMeta| told(question, record, Audience::Requester);
    let terms =
        "refused by terms: offer another price, ask at another time, or ask for further uses";
    let consent = "refused by consent: ask the owner for a grant, or ask for less";
    assert_eq!(requester(&bo(|_| {}), &record(1)), "permitted");
    assert_eq!(requester(&bo(|q| q.max_price = Amount(9)), &record(1)), terms);
    assert_eq!(requester(&bo(|q| q.time = Timestamp(99)), &record(1)), terms);
    let imaging = RecordMeta { category: Category::Imaging, ..record(1) };
    assert_eq!(requester(&bo(|_| {}), &imaging), consent);
    // A denial sounds like the want of a grant, and somebody else's grant like none.
    let research = bo(|q| q.purpose = Purpose::Research);
    let condition = RecordMeta { category: Category::Conditions, ..record(1) };
    assert_eq!(requester(&research, &condition), consent);
    assert_eq!(requester(&question(77), &record(1)), consent);
}

#[test]
fn a_stranger_is_told_the_same_whatever_there_is() {
    let none = Explanation::to_stranger();
    for (question, record) in [
        (bo(|_| {}), record(1)),
        (bo(|q| q.max_price = Amount(0)), record(1)),
        (question(2), record(9)),
    ] {
        let some = explain(&compile(&rich()), &question, &record, Audience::Stranger);
        assert_eq!(some, none);
        assert_eq!(format!("{some} {some:?}"), format!("{none} {none:?}"));
    }
    assert_eq!(none.to_string(), "there is no such dataset, or it is not for you to know of");
}

proptest! {
    /// Not a byte of what a requester is told depends on what concerns others, nor says an id or a number.
    #[test]
    fn a_requester_learns_nothing_about_others(
        slice in any_slice(4),
        questions in prop::collection::vec(any_question(), 6),
        record in any_record(0),
    ) {
        let whole = compile(&slice);
        for question in &questions {
            let mut own = slice.clone();
            own.grants.retain(|g| question.counts_as(g.grant.grantee));
            own.denials.retain(|d| question.counts_as(d.denial.party));
            let told = explain(&whole, question, &record, Audience::Requester);
            prop_assert_eq!(&told, &explain(&compile(&own), question, &record, Audience::Requester));
            let words = format!("{told} {told:?}");
            prop_assert!(!words.contains("sn") && !words.chars().any(|c| c.is_ascii_digit()), "{}", words);
        }
    }

    /// Neither class nor remedy tells a denial from the want of a grant.
    #[test]
    fn a_denial_looks_like_no_grant(
        slice in any_slice(4),
        question in any_question(),
        record in any_record(0),
    ) {
        let consent = compile(&slice);
        if let PolicyVerdict::Deny(DenyCause::Forbidden(_)) = decide(&consent, &question, &record) {
            let mut none = slice.clone();
            none.grants.clear();
            none.denials.clear();
            none.terms = open_terms();
            prop_assert_eq!(
                explain(&consent, &question, &record, Audience::Requester),
                explain(&compile(&none), &question, &record, Audience::Requester)
            );
        }
    }
}
