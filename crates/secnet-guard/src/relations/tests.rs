//! Facts, ties, and what is remembered of untied looks.

use std::sync::Arc;

use secnet_types::{
    Action, Amount, Category, Feature, FeatureValue, FeatureVector, Labels, Purpose, StaffRole,
};

use super::looks::{DAY_MS, MAX_LISTED};
use super::*;
use crate::window::{HOUR_MS, MINUTE_MS};
use crate::{Event, Guard, Model, Observed};

const START: u64 = 1_000 * DAY_MS;

fn member(id: u8) -> MemberId {
    MemberId([id; 32])
}

fn dataset(id: u8) -> DatasetId {
    DatasetId([id; 16])
}

fn home(house: u64) -> Option<Home> {
    Some(Home { house, street: house / 10 })
}

/// Two wards and an emergency room; nurse 1 and doctor 2 of the first ward, consultant 3 of none; patient 10 in the first ward
/// after the emergency room, 11 in the second, 12 away, 13 is nurse 1 herself, and all others up to 99 are away.
fn facts() -> RelationFacts {
    let unit = |name: &str, place| UnitFact { name: name.to_owned(), place };
    let staff =
        |id, role, unit, house| StaffFact { member: member(id), role, unit, home: home(house) };
    let patient = |id: u8| PatientFact {
        dataset: dataset(id),
        home: home(if id == 12 { 101 } else { 500 + u64::from(id) * 10 }),
        prominent: id == 11,
        staff: (id == 13).then(|| member(1)),
    };
    let shift = |id, unit, from, until| ShiftFact {
        member: member(id),
        unit,
        from: Timestamp(START + from * HOUR_MS),
        until: Timestamp(START + until * HOUR_MS),
    };
    let stay = |id, unit, from, until: Option<u64>| StayFact {
        dataset: dataset(id),
        unit,
        from: Timestamp(START + from * HOUR_MS),
        until: Timestamp(until.map_or(u64::MAX, |until| START + until * HOUR_MS)),
    };
    let care = |id, of, tie, from, until| CareFact {
        member: member(id),
        dataset: dataset(of),
        tie,
        from: Timestamp(START + from * HOUR_MS),
        until: Timestamp(START + until * HOUR_MS),
    };
    RelationFacts {
        units: vec![
            unit("ward-1", Place::Ward),
            unit("ward-2", Place::Ward),
            unit("er", Place::EmergencyRoom),
        ],
        staff: vec![
            staff(1, StaffRole::Nurse, Some(0), 101),
            staff(2, StaffRole::Doctor, Some(0), 109),
            staff(3, StaffRole::Consultant, None, 200),
        ],
        patients: (10..100).map(patient).collect(),
        shifts: vec![shift(1, Some(0), 7, 15), shift(1, Some(1), 31, 39), shift(3, None, 8, 17)],
        stays: vec![stay(10, 2, 1, Some(5)), stay(10, 0, 6, None), stay(11, 1, 2, Some(30))],
        care: vec![care(2, 10, Tie::Team, 6, 20), care(3, 11, Tie::Consult, 9, 12)],
    }
}

fn guard() -> Guard {
    let mut guard = Guard::new(Model::default());
    guard.set_relations(Arc::new(Relations::new(facts()).unwrap()));
    guard
}

fn event(who: u8, of: u8, minutes: u64) -> Event {
    Event {
        requester: member(who),
        dataset: dataset(of),
        purpose: Purpose::Treatment,
        action: Action::Read,
        records: 2,
        categories: [Category::Laboratory].into(),
        labels: Labels::NONE,
        emergency: false,
        at: Timestamp(START + minutes * MINUTE_MS),
        door: "fhir".to_owned(),
        source: None,
        price: Some(Amount::ZERO),
        own_key: true,
    }
}

fn number(facts: &FeatureVector, feature: Feature) -> Option<i64> {
    match facts.value(feature) {
        Some(FeatureValue::Number(number)) => Some(*number),
        Some(FeatureValue::Words(words)) => i64::try_from(*words).ok(),
        _ => None,
    }
}

fn ties(all: &[Tie]) -> Option<i64> {
    Some(all.iter().map(|tie| 1_i64 << tie.number()).sum())
}

#[test]
fn ties_follow_roster_beds_and_teams_at_that_moment() {
    let guard = guard();
    let at = |who, of, minutes| number(&guard.features(&event(who, of, minutes)), Feature::Ties);
    let nurse_at = |hours: u64| at(1, 10, hours * 60);
    assert_eq!(nurse_at(5), ties(&[]), "the patient is between two units");
    assert_eq!(nurse_at(6), ties(&[Tie::NearDuty, Tie::Unit]));
    assert_eq!(nurse_at(8), ties(&[Tie::Duty, Tie::Unit]));
    assert_eq!(nurse_at(16), ties(&[Tie::NearDuty, Tie::Unit]));
    assert_eq!(nurse_at(17), ties(&[Tie::Unit]), "two hours after the shift");
    assert_eq!(at(1, 11, 8 * 60), ties(&[]), "another ward");
    assert_eq!(at(2, 10, 7 * 60), ties(&[Tie::Team, Tie::Unit]), "not on duty by the roster");
    assert_eq!(at(2, 10, 21 * 60), ties(&[Tie::Unit]), "the team has ended");
    assert_eq!(at(3, 11, 10 * 60), ties(&[Tie::Consult]), "no unit is everywhere's own");
    assert_eq!(at(3, 10, 10 * 60), ties(&[]));
}

#[test]
fn spans_and_nearness_are_told_and_what_is_unknown_is_absent() {
    let guard = guard();
    let facts = guard.features(&event(1, 12, 9 * 60));
    let told = |feature| number(&facts, feature);
    assert_eq!(told(Feature::Nearness), Some(2));
    assert_eq!(told(Feature::MinutesSinceDuty), Some(0));
    assert_eq!(told(Feature::HoursSinceDischarge), None);
    assert_eq!(told(Feature::MinutesSinceOwnUse), None);
    assert_eq!(told(Feature::StrangeShare), None);
    let facts = guard.features(&event(1, 11, 40 * 60));
    let told = |feature| number(&facts, feature);
    assert_eq!(told(Feature::HoursSinceDischarge), Some(10));
    assert_eq!(told(Feature::HoursSinceOwnUnit), Some(10), "of the shift that was an hour ago");
    assert_eq!(told(Feature::Prominent), Some(2));
    assert_eq!(told(Feature::MinutesSinceDuty), Some(60));
    assert_eq!(told(Feature::MinutesToDuty), None);
    let oneself = guard.features(&event(1, 13, 60));
    assert_eq!(number(&oneself, Feature::Nearness), Some(3));
    assert_eq!(number(&oneself, Feature::Workmate), Some(1), "no");
    assert_eq!(number(&guard.features(&event(2, 13, 60)), Feature::Workmate), Some(2), "yes");
    let er = guard.features(&event(1, 10, 7 * 60));
    assert_eq!(number(&er, Feature::MinutesSinceEmergencyRoom), Some(120));
    assert_eq!(number(&er, Feature::MinutesSinceAdmission), Some(60));
    assert_eq!(number(&er, Feature::StaysKnown), Some(2));
}

#[test]
fn of_whom_the_facts_do_not_name_nothing_is_told_and_nothing_remembered() {
    let mut guard = guard();
    for event in [event(9, 10, 600), event(1, 200, 600)] {
        assert_eq!(number(&guard.features(&event), Feature::Ties), None);
        guard.observe(&event, Observed::Allowed);
    }
    assert_eq!(guard.looks.staff.len() + guard.looks.pairs.len() + guard.looks.patients.len(), 0);
    let plain = Guard::new(Model::default());
    let related = Feature::ALL
        .iter()
        .filter(|feature| (Feature::StaffRole..=Feature::UsesHalfDay).contains(*feature));
    let facts = plain.features(&event(1, 10, 600));
    assert!(related.clone().count() > 20 && related.clone().all(|own| facts.value(*own).is_none()));
}

#[test]
fn untied_looks_are_counted_by_patient_in_windows_and_bills_are_not() {
    let mut guard = guard();
    for (minutes, of) in [(480, 12), (500, 14), (501, 14), (530, 15)] {
        guard.observe(&event(1, of, minutes), Observed::Allowed);
    }
    guard.observe(&Event { purpose: Purpose::Payment, ..event(1, 16, 531) }, Observed::Allowed);
    guard.observe(&event(1, 10, 532), Observed::Allowed);
    let counts = |minutes, of| {
        let facts = guard.features(&event(1, of, minutes));
        [
            Feature::UntiedLastHour,
            Feature::UntiedLastHalfDay,
            Feature::UntiedLastWeek,
            Feature::UntiedThreeWeeks,
        ]
        .map(|feature| number(&facts, feature).unwrap())
    };
    assert_eq!(counts(535, 17), [3, 3, 3, 3]);
    assert_eq!(counts(535, 15), [2, 2, 2, 2], "the one asked for is not another");
    assert_eq!(counts(575, 17), [1, 3, 3, 3]);
    assert_eq!(counts(530 + 12 * 60 + 1, 17), [0, 0, 3, 3]);
    assert_eq!(counts(530 + 7 * 24 * 60 + 1, 17), [0, 0, 0, 3]);
    assert_eq!(counts(530 + 21 * 24 * 60 + 1, 17), [0, 0, 0, 0]);
    let facts = guard.features(&event(1, 17, 535));
    assert_eq!(number(&facts, Feature::UsesHalfDay), Some(6));
    assert_eq!(number(&facts, Feature::StrangeFaded), Some(4_000));
    assert_eq!(number(&facts, Feature::StrangeShare), Some(6_666));
    let later = guard.features(&event(1, 17, 535 + 7 * 24 * 60));
    let half = number(&later, Feature::StrangeFaded).unwrap();
    assert!((1_900..2_100).contains(&half), "{half}");
    let gone = guard.features(&event(1, 17, 535 + 300 * 24 * 60));
    assert_eq!(number(&gone, Feature::UsesFaded), Some(0));
}

#[test]
fn who_else_looked_is_counted_by_person_if_it_was_allowed() {
    let mut guard = guard();
    guard.observe(&event(2, 10, 480), Observed::Allowed);
    guard.observe(&event(3, 10, 490), Observed::Allowed);
    guard.observe(&event(3, 10, 495), Observed::Allowed);
    guard.observe(&event(1, 10, 496), Observed::Denied);
    let told = |minutes| {
        let facts = guard.features(&event(1, 10, minutes));
        [Feature::OthersTwoDays, Feature::StrangersTwoDays, Feature::ColleaguesLastDay]
            .map(|feature| number(&facts, feature).unwrap())
    };
    assert_eq!(told(500), [2, 1, 1]);
    assert_eq!(told(485 + 24 * 60), [2, 1, 0]);
    assert_eq!(told(485 + 48 * 60), [1, 1, 0]);
    let facts = guard.features(&event(3, 10, 500));
    assert_eq!(number(&facts, Feature::OwnUses), Some(2));
    assert_eq!(number(&facts, Feature::TiedUses), Some(0));
    assert_eq!(number(&facts, Feature::MinutesSinceOwnUse), Some(5));
}

#[test]
fn work_in_a_unit_shows_where_somebody_works_whatever_the_roster_says() {
    let mut guard = guard();
    guard.observe(&event(3, 11, 480), Observed::Allowed);
    let facts = guard.features(&event(3, 11, 485));
    assert_eq!(number(&facts, Feature::UnitShare), Some(0), "this patient shows nothing");
    let facts = guard.features(&event(3, 10, 485));
    assert_eq!(number(&facts, Feature::UnitPatients), Some(0));
    let mut moved = facts_with_a_second_patient();
    moved.set_relations(Arc::clone(&moved.relations));
    moved.observe(&event(3, 12, 480), Observed::Allowed);
    let facts = moved.features(&event(3, 11, 485));
    assert_eq!(number(&facts, Feature::UnitPatients), Some(1));
    assert_eq!(number(&facts, Feature::UnitShare), Some(10_000));
}

fn facts_with_a_second_patient() -> Guard {
    let mut facts = facts();
    let (from, until) = (Timestamp(START), Timestamp(u64::MAX));
    facts.stays.push(StayFact { dataset: dataset(12), unit: 1, from, until });
    let mut guard = Guard::new(Model::default());
    guard.set_relations(Arc::new(Relations::new(facts).unwrap()));
    guard
}

#[test]
fn memory_is_bounded_and_survives_a_restart() {
    let mut guard = guard();
    for step in 0..400_u64 {
        let of = 14 + u8::try_from(step % 80).unwrap();
        guard.observe(&event(1, of, 480 + step), Observed::Allowed);
    }
    let facts = guard.features(&event(1, 12, 880));
    let listed = i64::try_from(MAX_LISTED).unwrap();
    assert_eq!(number(&facts, Feature::UntiedThreeWeeks), Some(listed));
    assert_eq!(number(&facts, Feature::UsesHalfDay), Some(64));
    let mut back = Guard::restore(Model::default(), &guard.snapshot()).unwrap();
    assert_eq!(back.looks, guard.looks);
    back.set_relations(Arc::clone(&guard.relations));
    assert_eq!(back.features(&event(1, 12, 880)), facts);
}

#[test]
fn odd_facts_are_refused_with_their_place() {
    let refused = |change: fn(&mut RelationFacts)| {
        let mut facts = facts();
        change(&mut facts);
        Relations::new(facts).unwrap_err().to_string()
    };
    let twice = refused(|facts| facts.staff.push(facts.staff.first().cloned().unwrap()));
    assert_eq!(twice, "staff 3 is in the list already");
    let backwards = refused(|facts| facts.shifts.first_mut().unwrap().until = Timestamp(1));
    assert_eq!(backwards, "shift 0 ends before it begins");
    let no_unit = refused(|facts| facts.stays.first_mut().unwrap().unit = 7);
    assert_eq!(no_unit, "stay 0 names unit 7, and there are 3");
    let nobody = refused(|facts| facts.care.first_mut().unwrap().member = member(77));
    assert_eq!(nobody, "care 0 names somebody who is not among the staff or the patients");
    let derived = refused(|facts| facts.care.first_mut().unwrap().tie = Tie::Duty);
    assert_eq!(derived, "care 0: what follows from roster and stays cannot be said");
    let away = refused(|facts| facts.units.first_mut().unwrap().place = Place::Away);
    assert!(away.starts_with("unit 0: "), "{away}");
    let crowd = refused(|facts| {
        let one = facts.units.first().cloned().unwrap();
        facts.units = vec![one; MAX_UNITS + 1];
    });
    assert_eq!(crowd, "there are 4097 units, at most 4096 are taken");
}
