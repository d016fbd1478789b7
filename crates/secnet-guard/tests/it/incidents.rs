//! Which alerts are one incident, and that nobody hides one behind others, or cuts one into many.

use proptest::prelude::*;
use secnet_guard::incidents::limits::{
    FIRST_OF_KIND, LAST_OF_KIND, MAX_AT_ONCE, MAX_NAMED, MAX_OF_ORGANISATION, QUIET_MS,
};
use secnet_guard::incidents::{Alert, AlertKind, HoldEnd, Incidents, Subject};
use secnet_types::{DatasetId, DecisionId, MemberId, ReasonClass, Timestamp};

const START: u64 = 1_767_225_600_000;
const MINUTE: u64 = 60_000;

fn member(number: u32) -> MemberId {
    let mut id = [1; 32];
    id[..4].copy_from_slice(&number.to_be_bytes());
    MemberId(id)
}

fn decision(event: u64) -> DecisionId {
    DecisionId(u128::from(event).to_be_bytes())
}

/// Somebody's request for a dataset was stopped.
fn stopped(event: u64, at: u64, who: u32, dataset: u8) -> Alert {
    Alert {
        event,
        at: Timestamp(START + at),
        kind: AlertKind::Stopped,
        reason: Some(ReasonClass::Guard),
        requester: member(who),
        dataset: DatasetId([dataset; 16]),
        decision: Some(decision(event)),
        request: None,
        answer_by: None,
        requests: 1,
    }
}

fn held(event: u64, at: u64, who: u32, dataset: u8) -> Alert {
    let (kind, reason) = (AlertKind::Held, Some(ReasonClass::Rule));
    Alert { kind, reason, ..stopped(event, at, who, dataset) }
}

/// The organisations that vouch, by the hundreds.
fn house(who: u32) -> MemberId {
    member(who / 100 * 100)
}

fn all(incidents: &Incidents) -> usize {
    incidents.before(None).count()
}

#[test]
fn what_one_member_does_is_one_incident_until_it_has_been_quiet_for_a_day() {
    let mut incidents = Incidents::default();
    let add = |incidents: &mut Incidents, alert: Alert| incidents.add(&alert, house(1));
    assert_eq!(add(&mut incidents, stopped(10, 0, 1, 1)), 10);
    // Other data, another reason, hours later; slowly on and on.
    assert_eq!(add(&mut incidents, held(11, MINUTE, 1, 2)), 10);
    assert_eq!(add(&mut incidents, stopped(12, MINUTE + QUIET_MS, 1, 3)), 10);
    assert_eq!(add(&mut incidents, stopped(13, MINUTE + 2 * QUIET_MS, 1, 1)), 10);
    // Somebody else's is another.
    assert_eq!(add(&mut incidents, stopped(14, MINUTE + 2 * QUIET_MS, 2, 1)), 14);
    let incident = incidents.get(10).unwrap();
    assert_eq!((incident.count, incident.last_event, incident.waiting), (4, 13, 1));
    assert_eq!((incident.subject, incident.datasets.named.len()), (Subject::Member(member(1)), 3));
    assert_eq!(incident.timeline(), [10, 11, 12, 13]);
    let kinds: Vec<_> = incident.kinds().map(|(kind, _, count)| (kind, count)).collect();
    assert_eq!(kinds, [(AlertKind::Held, 1), (AlertKind::Stopped, 3)]);
    assert_eq!(add(&mut incidents, stopped(15, MINUTE + 3 * QUIET_MS + 1, 1, 1)), 15);
    let newest: Vec<u64> = incidents.before(None).map(|incident| incident.id).collect();
    assert_eq!(newest, [15, 14, 10]);
    let earlier: Vec<u64> = incidents.before(Some(14)).map(|incident| incident.id).collect();
    assert_eq!(earlier, [10]);
}

#[test]
fn a_hold_waits_until_it_has_ended_and_its_end_is_in_the_timeline() {
    let mut incidents = Incidents::default();
    for event in 1..=4 {
        incidents.add(&held(event, event, 1, 1), house(1));
    }
    let answers = [(1, HoldEnd::Released), (2, HoldEnd::Refused), (3, HoldEnd::Expired)];
    for (number, answer) in answers {
        incidents.answered(10 + number, decision(number), answer);
    }
    // Told twice, or of what nobody knows: nothing.
    incidents.answered(20, decision(1), HoldEnd::Refused);
    incidents.answered(21, decision(77), HoldEnd::Refused);
    let incident = incidents.get(1).unwrap();
    assert_eq!((incident.waiting, incident.count, incident.last_event), (1, 4, 4));
    assert_eq!(incident.timeline(), [1, 2, 3, 4, 11, 12, 13]);
}

#[test]
fn a_flood_hides_nothing_of_another_kind_and_takes_no_more_room() {
    const FLOOD: u64 = 50_000;
    let mut incidents = Incidents::default();
    incidents.add(&stopped(0, 0, 1, 1), house(1));
    for event in 1..FLOOD {
        // The one that matters comes in the middle, after as many names as are counted.
        let alert = match event {
            25_000 => held(event, event, 1, 200),
            _ => stopped(event, event, 1, u8::try_from(event % 100).unwrap()),
        };
        assert_eq!(incidents.add(&alert, house(1)), 0);
    }
    let incident = incidents.get(0).unwrap();
    let timeline = incident.timeline();
    assert!(timeline.contains(&25_000));
    assert_eq!(timeline.len(), FIRST_OF_KIND + LAST_OF_KIND + 1);
    assert_eq!(incident.left_out() + timeline.len() as u64, FLOOD);
    let named: u64 = incident.datasets.named.values().sum();
    assert_eq!(incident.datasets.named.len(), MAX_NAMED);
    assert_eq!(named + incident.datasets.others, FLOOD);
}

#[test]
fn many_accounts_of_one_organisation_do_not_make_many_incidents() {
    let mut incidents = Incidents::default();
    for who in 0..99 {
        incidents.add(&stopped(who.into(), who.into(), who, 1), house(who));
    }
    assert_eq!(all(&incidents), MAX_AT_ONCE + 1);
    let whole = incidents.before(None).next().unwrap();
    assert_eq!(whole.subject, Subject::Organisation(house(1)));
    assert_eq!(whole.count, 99 - MAX_AT_ONCE as u64);
    assert_eq!(whole.requesters.named.len(), MAX_NAMED);
    // Whoever has one of its own goes on in it, and other organisations are as before.
    assert_eq!(incidents.add(&stopped(200, 200, 3, 9), house(3)), 3);
    assert_eq!(incidents.add(&stopped(201, 201, 100, 1), house(100)), 201);
    // A day later each is by itself again.
    assert_eq!(incidents.add(&stopped(202, 202 + QUIET_MS, 98, 1), house(98)), 202);
}

#[test]
fn whoever_makes_incident_after_incident_pushes_out_its_own_alone() {
    let mut incidents = Incidents::default();
    let victim = incidents.add(&stopped(0, 0, 700, 1), house(700));
    let mut event = 1;
    for day in 1..=40_u64 {
        for who in 0..MAX_AT_ONCE {
            let at = day * (QUIET_MS + 1);
            let who = u32::try_from(who).unwrap();
            assert_eq!(incidents.add(&stopped(event, at, who, 1), house(who)), event);
            event += 1;
        }
    }
    assert_eq!(all(&incidents), MAX_OF_ORGANISATION + 1);
    assert!(incidents.get(victim).is_some());
    // What is forgotten has no name any more, and none of another's.
    assert_eq!(incidents.of(&stopped(1, QUIET_MS + 1, 0, 1), house(0)), None);
}

#[test]
fn what_is_broken_is_grouped_by_what_it_hit() {
    let mut incidents = Incidents::default();
    let broken = |event: u64, who: u32, dataset: u8| Alert {
        kind: AlertKind::Broken,
        reason: Some(ReasonClass::Fault),
        ..stopped(event, event, who, dataset)
    };
    assert_eq!(incidents.add(&broken(1, 1, 1), house(1)), 1);
    assert_eq!(incidents.add(&broken(2, 200, 1), house(200)), 1);
    assert_eq!(incidents.add(&broken(3, 1, 2), house(1)), 3);
    // It is not what the member did.
    assert_eq!(incidents.add(&stopped(4, 4, 1, 1), house(1)), 4);
    // A whole disk is not as many incidents as there are datasets on it.
    for dataset in 3..200 {
        incidents.add(&broken(10 + u64::from(dataset), 1, dataset), house(1));
    }
    assert_eq!(all(&incidents), 1 + MAX_AT_ONCE + 1);
    assert_eq!(incidents.before(None).next().unwrap().subject, Subject::DataCentre);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whoever is told later finds the same incident as whoever was told at once, and none is lost or counted twice.
    #[test]
    fn each_alert_is_in_one_incident_and_is_found_there_again(
        told in prop::collection::vec((0_u32..120, 0_u8..6, 0_u8..4, 0..QUIET_MS / 8), 1..400),
    ) {
        let (mut incidents, mut known, mut at) = (Incidents::default(), Vec::new(), 0);
        for (event, (who, dataset, kind, later)) in (0_u64..).zip(told) {
            at += later;
            let mut alert = stopped(event, at, who, dataset);
            match kind {
                0 => alert = held(event, at, who, dataset),
                1 => alert.kind = AlertKind::Broken,
                2 => (alert.kind, alert.requests) = (AlertKind::Flood, 9),
                _ => {}
            }
            known.push((alert, incidents.add(&alert, house(who))));
        }
        for (alert, id) in &known {
            prop_assert_eq!(incidents.of(alert, house_of(alert)), Some(*id));
        }
        let count: u64 = incidents.before(None).map(|incident| incident.count).sum();
        prop_assert_eq!(count, known.len() as u64);
        let requests: u64 = incidents.before(None).map(|incident| incident.requests).sum();
        prop_assert_eq!(requests, known.iter().map(|(alert, _)| u64::from(alert.requests)).sum::<u64>());
    }
}

fn house_of(alert: &Alert) -> MemberId {
    let [a, b, c, d, ..] = alert.requester.0;
    house(u32::from_be_bytes([a, b, c, d]))
}
