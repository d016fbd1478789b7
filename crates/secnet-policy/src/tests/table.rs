//! Named cases: each condition of each kind of policy, allowed and refused.

use std::sync::Arc;

use secnet_types::*;

use super::support::*;
use crate::*;

const BO: u8 = 1; // a doctor at hospital 10, in group 3
const EVE: u8 = 2; // at hospital 10 too, denied
const HOSPITAL: u8 = 10;
const WARD: u8 = 3;

fn bo() -> Party {
    Party::Member(member(BO))
}

fn hospital() -> Party {
    Party::Organisation(member(HOSPITAL))
}

fn only(category: Category) -> Scope {
    Scope { categories: Some(set(&[category])), ..Scope::default() }
}

/// One of everything.
pub(super) fn rich() -> ConsentSlice {
    use Action::{Export, Read};
    use Purpose::{Emergency, Operations, Payment, Research, Treatment};
    let any = Scope { labels: Some(Labels::ALL), ..Scope::default() };
    let lab = only(Category::Laboratory);
    let study = Scope {
        kinds: Some(texts(&["Observation", "Condition"])),
        period: Some(window(200, 300)),
        ..Scope::default()
    };
    let named = Scope {
        records: Some(set(&[record_id(7), record_id(8)])),
        labels: Some(Labels::NONE.with(Label::Hiv)),
        ..Scope::default()
    };
    let some_fields = Scope { fields: Some(texts(&["code", "value"])), ..lab.clone() };
    let mut glass = grant(4, hospital(), 0, detail(&[Emergency], &[Read], any.clone()));
    glass.grant.emergency = true;
    let mut counted = grant(7, bo(), 2, detail(&[Payment], &[Read], lab.clone()));
    counted.grant.uses = Some(5);
    counted.uses_left = Some(1);
    let mut never =
        denial(2, bo(), Some(detail(Purpose::ALL, Action::ALL, only(Category::Documents))));
    never.denial.even_in_emergency = true;
    let mut later = denial(4, Party::Member(member(EVE)), None);
    later.denial.window = window(400, u64::MAX);
    let mut slice = slice(
        vec![
            grant(1, bo(), 10, detail(&[Treatment], &[Read], lab.clone())),
            grant(2, Party::Group(group(WARD)), 5, detail(&[Research], &[Read, Export], study)),
            grant(3, hospital(), 20, detail(&[Treatment], &[Read], named)),
            glass,
            grant(5, bo(), 30, detail(&[Emergency], &[Read], any)),
            grant(6, bo(), 1, detail(&[Operations], &[Read], some_fields)),
            counted,
            grant(8, Party::Member(member(EVE)), 1, detail(&[Treatment], &[Read], lab)),
            grant(
                9,
                bo(),
                3,
                detail(&[Purpose::Marketing, Purpose::PersonalUse], Action::ALL, Scope::default()),
            ),
        ],
        vec![
            denial(
                1,
                hospital(),
                Some(detail(&[Research], Action::ALL, only(Category::Conditions))),
            ),
            never,
            denial(3, bo(), Some(detail(&[Emergency], Action::ALL, only(Category::Imaging)))),
            later,
        ],
    );
    slice.terms = TermsFact {
        expires: Timestamp(800),
        purposes: Some(Purpose::ALL.iter().copied().filter(|p| *p != Purpose::Marketing).collect()),
        actions: Some(set(&[Read, Export])),
        level: ServiceLevel::Hosted,
    };
    slice
}

/// A sealed dataset, on which field scope is impossible.
pub(super) fn sealed() -> ConsentSlice {
    let mut slice = rich();
    slice.terms.level = ServiceLevel::Sealed;
    slice
}

/// What a case expects.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expected {
    Under(u8),
    NoGrant,
    Forbidden(Vec<PolicyName>),
}

pub(super) fn seen(verdict: &PolicyVerdict) -> Expected {
    match verdict {
        PolicyVerdict::Permit(grants) => Expected::Under(grants[0].grant.0[0]),
        PolicyVerdict::Deny(DenyCause::NoGrant) => Expected::NoGrant,
        PolicyVerdict::Deny(DenyCause::Forbidden(names)) => Expected::Forbidden(names.clone()),
        PolicyVerdict::Fault(message) => panic!("fault: {message}"),
    }
}

pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) slice: fn() -> ConsentSlice,
    pub(super) question: Question,
    pub(super) record: RecordMeta,
    expected: Expected,
}

/// Bo asks for a laboratory observation for treatment.
fn asked(change: impl FnOnce(&mut Question, &mut RecordMeta)) -> (Question, RecordMeta) {
    let (mut q, mut r) = (question(BO), record(1));
    q.parties.extend([hospital(), Party::Group(group(WARD))]);
    change(&mut q, &mut r);
    (q, r)
}

fn case(
    name: &'static str,
    expected: Expected,
    change: impl FnOnce(&mut Question, &mut RecordMeta),
) -> Case {
    let (question, record) = asked(change);
    Case { name, slice: rich, question, record, expected }
}

fn on_sealed(case: Case) -> Case {
    Case { slice: sealed, ..case }
}

fn no(term: Term) -> Expected {
    Expected::Forbidden(vec![PolicyName::Term(term)])
}

fn denied(n: u8) -> Expected {
    Expected::Forbidden(vec![PolicyName::Denial(denial_id(n))])
}

fn research(q: &mut Question) {
    q.purpose = Purpose::Research;
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = grantees();
    cases.extend(conditions());
    cases.extend(scopes());
    cases.extend(emergencies());
    cases.extend(denials_and_terms());
    cases
}

fn grantees() -> Vec<Case> {
    use Expected::{NoGrant, Under};
    vec![
        case("a grant to a member", Under(1), |_, _| {}),
        case("a stranger", NoGrant, |q, _| {
            q.requester = member(77);
            q.parties = vec![];
        }),
        case("a member named among the parties of another is nobody", NoGrant, |q, _| {
            q.requester = member(77);
        }),
        case("a grant to a group", Under(2), |q, _| research(q)),
        case("out of the group", NoGrant, |q, _| {
            research(q);
            q.parties.retain(|p| !matches!(p, Party::Group(_)));
        }),
        case("a grant to an organisation", Under(3), |_, r| {
            r.id = record_id(7);
            r.category = Category::Other;
        }),
        case("hospital-1 for hospital-10", NoGrant, |q, r| {
            r.id = record_id(7);
            r.category = Category::Other;
            q.parties = vec![Party::Organisation(member(1))];
        }),
    ]
}

fn conditions() -> Vec<Case> {
    use Expected::{NoGrant, Under};
    vec![
        case("the purpose is another", NoGrant, |q, _| q.purpose = Purpose::PublicHealth),
        case("the action is another", NoGrant, |q, _| q.action = Action::Export),
        case("the action is one of two", Under(2), |q, _| {
            research(q);
            q.action = Action::Export;
        }),
        case("the first moment", Under(1), |q, _| q.time = Timestamp(100)),
        case("before the window", NoGrant, |q, _| q.time = Timestamp(99)),
        case("the price asked", Under(1), |q, _| q.max_price = Amount(10)),
        case("less than the price asked", NoGrant, |q, _| q.max_price = Amount(9)),
        case("a use left", Under(7), |q, _| q.purpose = Purpose::Payment),
        case("no use left", NoGrant, |q, _| {
            q.purpose = Purpose::Payment;
            q.used_up = set(&[grant_id(7)]);
        }),
        case("an uncounted grant is never used up", Under(1), |q, _| {
            q.used_up = set(&[grant_id(1)]);
        }),
        case("granted fields", Under(6), |q, _| {
            q.purpose = Purpose::Operations;
            q.fields = Some(Arc::new(texts(&["code"])));
        }),
        case("no field named", Under(6), |q, _| q.purpose = Purpose::Operations),
        case("another field", NoGrant, |q, _| {
            q.purpose = Purpose::Operations;
            q.fields = Some(Arc::new(texts(&["code", "note"])));
        }),
        on_sealed(case("granted fields of a sealed dataset", NoGrant, |q, _| {
            q.purpose = Purpose::Operations;
        })),
    ]
}

fn scopes() -> Vec<Case> {
    use Expected::{NoGrant, Under};
    vec![
        case("another category", NoGrant, |_, r| r.category = Category::Imaging),
        case("another type", NoGrant, |q, r| {
            research(q);
            r.kind = "Procedure".into();
        }),
        case("a type of like name", NoGrant, |q, r| {
            research(q);
            r.kind = "observation".into();
        }),
        case("a label that is not granted", NoGrant, |_, r| {
            r.labels = Labels::NONE.with(Label::Hiv);
        }),
        case("a label that is granted", Under(3), |_, r| {
            r.id = record_id(8);
            r.labels = Labels::NONE.with(Label::Hiv);
        }),
        case("one of two labels granted", NoGrant, |_, r| {
            r.id = record_id(8);
            r.labels = Labels::NONE.with(Label::Hiv).with(Label::Genetics);
        }),
        case("a record not named", NoGrant, |_, r| {
            r.id = record_id(9);
            r.category = Category::Other;
        }),
        case("a data time that touches the ends", Under(2), |q, r| {
            research(q);
            r.period = Some(window(200, 300));
        }),
        case("a data time that reaches out", NoGrant, |q, r| {
            research(q);
            r.period = Some(window(200, 301));
        }),
        case("no data time in a granted period", NoGrant, |q, r| {
            research(q);
            r.period = None;
        }),
        case("a data time that ends before it starts", NoGrant, |q, r| {
            research(q);
            r.period = Some(window(250, 240));
        }),
    ]
}

fn emergencies() -> Vec<Case> {
    use Expected::{NoGrant, Under};
    let emergency = |q: &mut Question| q.purpose = Purpose::Emergency;
    vec![
        case("break-glass is cheapest", Under(4), |q, _| emergency(q)),
        case("an ordinary grant that lists the emergency", Under(5), |q, _| {
            emergency(q);
            q.parties.clear();
        }),
        case("an emergency grant without an emergency", NoGrant, |q, r| {
            q.requester = member(5);
            r.category = Category::Imaging;
        }),
        case("an ordinary denial does not bind break-glass", Under(4), |q, r| {
            emergency(q);
            r.category = Category::Imaging;
        }),
        case("an ordinary denial binds the ordinary grant", denied(3), |q, r| {
            emergency(q);
            q.parties.clear();
            r.category = Category::Imaging;
        }),
        case("not even in an emergency", denied(2), |q, r| {
            emergency(q);
            r.category = Category::Documents;
        }),
    ]
}

fn denials_and_terms() -> Vec<Case> {
    use Expected::Under;
    vec![
        case("a denial to the organisation beats a grant to the group", denied(1), |q, r| {
            research(q);
            r.category = Category::Conditions;
        }),
        case("the denial is for research only", Under(2), |q, _| research(q)),
        case("two grants of which one is a denial", denied(4), |q, _| {
            q.requester = member(EVE);
            q.parties = vec![];
        }),
        case("before the denial starts", Under(8), |q, _| {
            q.requester = member(EVE);
            q.parties = vec![];
            q.time = Timestamp(399);
        }),
        case("a purpose of two", Under(9), |q, _| q.purpose = Purpose::PersonalUse),
        case("the dataset's expiry", no(Term::Expiry), |q, _| q.time = Timestamp(800)),
        case("the moment before the expiry", Under(1), |q, _| q.time = Timestamp(799)),
        case("a purpose the dataset excludes", no(Term::Purposes), |q, _| {
            q.purpose = Purpose::Marketing;
        }),
        case("an action the dataset excludes", no(Term::Actions), |q, _| {
            q.action = Action::Compute
        }),
        on_sealed(case("fields of a sealed dataset", no(Term::Fields), |q, _| {
            q.fields = Some(Arc::new(texts(&["code"])));
        })),
        on_sealed(case("all of a sealed record", Under(1), |_, _| {})),
    ]
}

#[test]
fn every_case_is_decided_as_said() {
    let (rich, sealed) = (compile(&rich()), compile(&sealed()));
    for case in cases() {
        let on_sealed = (case.slice)().terms.level == ServiceLevel::Sealed;
        let consent = if on_sealed { &sealed } else { &rich };
        let verdict = decide(consent, &case.question, &case.record);
        assert_eq!(seen(&verdict), case.expected, "{}", case.name);
        let naive = super::naive::naive(consent.slice(), &case.question, &case.record);
        assert_eq!(naive, verdict, "{}", case.name);
    }
}

#[test]
fn names_of_cases_are_unique() {
    let mut names: Vec<_> = cases().iter().map(|case| case.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn obligations_follow_the_grant() {
    let consent = compile(&rich());
    let (mut q, r) = asked(|q, _| q.purpose = Purpose::Emergency);
    let glass = decide(&consent, &q, &r).choice().unwrap().obligations();
    assert_eq!(glass, set(&[Obligation::NotifyOwner, Obligation::Review]));
    q.purpose = Purpose::Operations;
    let verdict = decide(&consent, &q, &r);
    let narrowed = verdict.choice().unwrap();
    assert_eq!(narrowed.obligations(), set(&[Obligation::OnlyGrantedFields]));
    assert_eq!(narrowed.fields.as_deref(), Some(&texts(&["code", "value"])));
    q.fields = Some(Arc::new(texts(&["code"])));
    let verdict = decide(&consent, &q, &r);
    assert_eq!(verdict.choice().unwrap().fields.as_deref(), Some(&texts(&["code"])));
}

#[test]
fn a_denial_reads_what_is_unknown_as_denied() {
    let of = |scope| {
        let lab = grant(
            1,
            bo(),
            0,
            detail(
                &[Purpose::Treatment],
                &[Action::Read],
                Scope { labels: Some(Labels::ALL), ..Scope::default() },
            ),
        );
        let denial = denial(1, bo(), Some(detail(Purpose::ALL, Action::ALL, scope)));
        compile(&slice(vec![lab], vec![denial]))
    };
    let allowed = |consent: &CompiledConsent, change: fn(&mut RecordMeta)| {
        let mut asked = record(1);
        change(&mut asked);
        decide(consent, &question(BO), &asked).choice().is_some()
    };
    let hiv = Labels::NONE.with(Label::Hiv);
    let unlabelled = of(only(Category::Laboratory));
    assert!(!allowed(&unlabelled, |r| r.labels = Labels::NONE.with(Label::Hiv)));
    let labelled = of(Scope { labels: Some(hiv), ..Scope::default() });
    assert!(allowed(&labelled, |_| {}));
    assert!(!allowed(&labelled, |r| r.labels = Labels::NONE.with(Label::Hiv).with(Label::Genetics)));
    let timed = of(Scope { period: Some(window(205, 300)), ..Scope::default() });
    assert!(!allowed(&timed, |_| {}));
    assert!(!allowed(&timed, |r| r.period = None));
    assert!(!allowed(&timed, |r| r.period = Some(window(205, 205))));
    assert!(allowed(&timed, |r| r.period = Some(window(200, 205))));
    assert!(allowed(&timed, |r| r.period = Some(window(300, 310))));
}
