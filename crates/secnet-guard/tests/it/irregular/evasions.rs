//! What is known to get through, and what is known to be found though nobody means any harm. docs/guard.md says both.

use secnet_guard::irregular::limits::MAX_PAYEES;
use secnet_guard::irregular::{Finding, Irregularity};
use secnet_types::{MemberId, MemberKind};

use super::story::{CENT, DAY, HOUR, MINUTE, START, Story, UNIT, Used};

fn people(story: &mut Story, count: usize) -> (MemberId, Vec<MemberId>) {
    let house = story.founder(MemberKind::Organisation, None);
    let admit = |_| story.admit(START, MemberKind::Person, Some(house));
    (house, (0..count).map(admit).collect())
}

fn kinds(found: &[Finding]) -> Vec<Irregularity> {
    found.iter().map(|finding| finding.kind).collect()
}

/// A circle of three, one round after the other.
fn circle(story: &mut Story, gang: &[MemberId], rounds: u64, apart: u64) {
    for round in 0..rounds {
        for (hop, from) in gang.iter().enumerate() {
            let at = START + DAY + round * apart + hop as u64 * MINUTE;
            story.transfer(at, *from, gang[(hop + 1) % gang.len()], 4 * UNIT);
        }
    }
}

#[test]
fn a_circle_is_found_with_members_events_amount_and_period() {
    let mut story = Story::default();
    let (_, gang) = people(&mut story, 3);
    circle(&mut story, &gang, 3, DAY);
    let found = story.watched();
    assert_eq!(kinds(&found), [Irregularity::Ring]);
    let ring = &found[0];
    let mut members = ring.members.clone();
    let place = members.iter().position(|member| *member == gang[0]).unwrap();
    members.rotate_left(place);
    assert_eq!(members, gang, "in the order of payments");
    // Three admissions come before, and the ninth transfer completes it.
    assert_eq!((ring.events.clone(), ring.found_at), ((3..12).collect(), 11));
    assert_eq!((ring.amount.0, ring.count), (12 * UNIT, 3));
    assert_eq!((ring.from.0, ring.until.0), (START + DAY, START + 3 * DAY + 2 * MINUTE));
    let said = ring.said(&|member| gang.iter().position(|one| *one == member).unwrap().to_string());
    assert!(said.contains("passed on at least 12 in a circle, 3 times or more"), "{said}");
}

#[test]
fn a_slow_circle_is_not_found() {
    let mut story = Story::default();
    let (_, gang) = people(&mut story, 3);
    circle(&mut story, &gang, 20, 8 * DAY);
    assert_eq!(kinds(&story.watched()), []);
}

#[test]
fn a_circle_behind_bigger_payments_of_its_own_is_not_found() {
    let mut story = Story::default();
    let (_, gang) = people(&mut story, 3);
    let (_, many) = people(&mut story, MAX_PAYEES);
    for (number, to) in many.iter().enumerate() {
        story.transfer(START + HOUR + number as u64, gang[0], *to, 500 * UNIT);
    }
    circle(&mut story, &gang, 5, HOUR);
    assert_eq!(kinds(&story.watched()), []);
}

#[test]
fn money_that_goes_through_an_organisation_or_two_persons_is_not_followed() {
    let through = |pick: fn(MemberId, &[MemberId]) -> Vec<MemberId>| {
        let mut story = Story::default();
        let (house, gang) = people(&mut story, 4);
        let path = pick(house, &gang[2..]);
        farm_through(&mut story, &path, (gang[0], gang[1]));
        kinds(&story.watched())
    };
    assert_eq!(through(|house, _| vec![house]), []);
    assert_eq!(through(|_, persons| persons.to_vec()), []);
    assert_eq!(through(|_, persons| vec![persons[0]]), [Irregularity::Farming]);
}

fn farm_through(story: &mut Story, between: &[MemberId], (owner, puppet): (MemberId, MemberId)) {
    let mut from = owner;
    for (hop, to) in (1..).zip(between.iter().chain([&puppet])) {
        story.transfer(START + hop * HOUR, from, *to, 20 * UNIT);
        from = *to;
    }
    let grant = story.grant(START + DAY, owner, puppet, None, 2 * UNIT);
    for number in 0..9 {
        let used = Used { by: puppet, payer: puppet, owner, grant, records: 1, price: 2 * UNIT };
        story.used(START + DAY + (number + 1) * HOUR, &used);
    }
}

#[test]
fn money_that_is_given_back_afterwards_is_found_too() {
    let mut story = Story::default();
    let (_, gang) = people(&mut story, 3);
    let (owner, puppet) = (gang[0], gang[1]);
    let grant = story.grant(START + DAY, owner, puppet, None, 2 * UNIT);
    for number in 0..6 {
        let used = Used { by: puppet, payer: puppet, owner, grant, records: 1, price: 2 * UNIT };
        story.used(START + DAY + (number + 1) * HOUR, &used);
    }
    assert_eq!(kinds(&story.watched()), []);
    story.transfer(START + 2 * DAY, owner, gang[2], 12 * UNIT);
    story.transfer(START + 3 * DAY, gang[2], puppet, 12 * UNIT);
    assert_eq!(kinds(&story.watched()), [Irregularity::Farming]);
}

#[test]
fn one_export_of_everything_and_grants_emptied_beside_more_work_are_not_found() {
    let mut story = Story::default();
    let (_, owners) = people(&mut story, 30);
    let (_, readers) = people(&mut story, 2);
    for (number, owner) in (0_u64..).zip(&owners) {
        let made = START + DAY + number * HOUR;
        // One asks for all at once.
        let by = readers[0];
        let grant = story.grant(made, *owner, by, None, 0);
        story.used(
            made + MINUTE,
            &Used { by, payer: by, owner: *owner, grant, records: 500, price: 0 },
        );
        // The other empties every third, and works with the rest.
        let by = readers[1];
        let grant = story.grant(made, *owner, by, None, 0);
        for part in 0..5 {
            let apart = if number % 3 == 0 { MINUTE } else { 6 * HOUR };
            let used = Used { by, payer: by, owner: *owner, grant, records: 20, price: 0 };
            story.used(made + (part + 1) * apart, &used);
        }
    }
    story.admit(START + 12 * DAY, MemberKind::Person, None);
    assert_eq!(kinds(&story.watched()), []);
}

#[test]
fn a_key_that_is_used_now_and_then_never_sleeps() {
    let mut story = Story::default();
    let (_, members) = people(&mut story, 13);
    let by = members[0];
    // Asleep for 100 days, then twelve payees within an hour; and the same with one small act between.
    for kept_awake in [false, true] {
        let mut story = story.clone();
        if kept_awake {
            story.transfer(START + 60 * DAY, by, members[1], CENT);
        }
        for (number, to) in (0..).zip(&members[1..]) {
            story.transfer(START + 100 * DAY + number * MINUTE, by, *to, UNIT);
        }
        let expected: &[Irregularity] = if kept_awake { &[] } else { &[Irregularity::Waking] };
        assert_eq!(kinds(&story.watched()), expected);
    }
}

#[test]
fn an_organisation_whose_staff_pays_it_with_its_own_allowance_is_found_though_it_means_no_harm() {
    let mut story = Story::default();
    let (house, staff) = people(&mut story, 6);
    for by in staff {
        story.transfer(START + HOUR, house, by, 5 * UNIT);
        let grant = story.grant(START + DAY, house, by, None, 2 * UNIT);
        for number in 0..2 {
            let used = Used { by, payer: by, owner: house, grant, records: 3, price: 2 * UNIT };
            story.used(START + DAY + (number + 1) * HOUR, &used);
        }
    }
    let found = story.watched();
    assert_eq!(kinds(&found), [Irregularity::Farming]);
    assert!(found[0].kind.may_be_innocent().contains("gives its staff money"));
}

#[test]
fn two_that_buy_as_much_from_each_other_are_found_only_within_one_organisation() {
    let trade = |story: &mut Story, two: [MemberId; 2]| {
        for day in 1..7 {
            for (owner, by) in [(two[0], two[1]), (two[1], two[0])] {
                let grant = story.grant(START + day * DAY, owner, by, None, 3 * UNIT);
                let used = Used { by, payer: by, owner, grant, records: 30, price: 3 * UNIT };
                story.used(START + day * DAY + HOUR, &used);
            }
        }
        kinds(&story.watched())
    };
    let mut story = Story::default();
    let houses = [0, 1].map(|_| story.founder(MemberKind::Organisation, None));
    assert_eq!(trade(&mut story, houses), []);
    let mut story = Story::default();
    let (_, gang) = people(&mut story, 2);
    assert_eq!(trade(&mut story, [gang[0], gang[1]]), [Irregularity::Ring]);
}

#[test]
fn the_same_is_told_once_a_month() {
    let mut story = Story::default();
    let (_, gang) = people(&mut story, 3);
    circle(&mut story, &gang, 40, DAY);
    let found = story.watched();
    assert_eq!(kinds(&found), [Irregularity::Ring; 2]);
    assert!(found[1].until.since_ms(found[0].until) >= 30 * DAY);
    assert_ne!(found[0].id(), found[1].id());
}
