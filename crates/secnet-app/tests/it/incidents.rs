//! Incidents as an administrator meets them: what is one, what was done about it, and that it follows from what is recorded.

use secnet_app::*;
use secnet_types::*;

use crate::guarding::{ask, granted_without_count, install};
use crate::world::{HOUR, World};

const DAY: u64 = 24 * HOUR;

/// A world in which Bo's uses for treatment wait for Ada.
async fn holding(seed: u64) -> World {
    let mut world = World::new(seed).await;
    granted_without_count(&mut world, 0).await;
    let treatment = Condition::any_of(Feature::Purpose, &["treatment"]).unwrap();
    install(&world, RuleAction::Hold, treatment, false).await;
    world
}

/// Bo's use waits; the decision.
async fn held(world: &mut World) -> DecisionId {
    let Outcome::Held(refusal) = ask(world, Purpose::Treatment).await else { panic!() };
    refusal.decision.unwrap()
}

async fn all(world: &World) -> Vec<IncidentLine> {
    world.pdc.incidents(None, 1000, None).await.unwrap().incidents
}

async fn only(world: &World) -> IncidentLine {
    let mut lines = all(world).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

/// What happened, in words.
async fn timeline(world: &World, id: u64) -> Vec<&'static str> {
    let story = world.pdc.incident(id).await.unwrap().unwrap();
    let word = |entry: &TimelineEntry| match entry.what {
        Happened::Alert(alert) => alert.kind.as_str(),
        Happened::Answered(_, HoldEnd::Released) => "released",
        Happened::Answered(_, HoldEnd::Refused) => "refused",
        Happened::Answered(_, HoldEnd::Expired) => "expired",
        Happened::Said(_, finding, _) => finding.as_str(),
        Happened::Act(act) => match act.act {
            IncidentAct::Acknowledge => "acknowledged",
            IncidentAct::Close => "closed",
            IncidentAct::Reopen => "reopened",
        },
        Happened::Responded(..) => "response",
        Happened::Removed(_) => "removed",
        Happened::Ended(_) => "ended",
    };
    story.timeline.iter().map(word).collect()
}

async fn act(world: &World, id: u64, act: IncidentAct) {
    world.clock.advance(1000);
    assert!(world.pdc.act_on_incident(id, act).await.unwrap());
}

#[tokio::test]
async fn an_incident_tells_what_happened_and_what_was_done_and_a_new_alert_opens_it_again() {
    let mut world = holding(150).await;
    assert_eq!(all(&world).await.len(), 0);
    let first = held(&mut world).await;
    let line = only(&world).await;
    let id = line.incident.id;
    assert_eq!((line.status, line.incident.waiting), (IncidentStatus::Open, 1));
    assert_eq!(line.incident.subject, Subject::Member(world.bo.id));
    act(&world, id, IncidentAct::Acknowledge).await;
    assert_eq!(only(&world).await.status, IncidentStatus::Acknowledged);
    // The owner's answer is told, and is no word of the data centre's: a requester's friend cannot acknowledge for it.
    let second = held(&mut world).await;
    assert_eq!(only(&world).await.status, IncidentStatus::Open);
    world.clock.advance(1000);
    let answer = Operation::AnswerHold { decision: second, answer: HoldAnswer::Release };
    world.submit(&world.ada, answer).await;
    let line = only(&world).await;
    assert_eq!(
        (line.status, line.incident.waiting, line.incident.count),
        (IncidentStatus::Open, 1, 2)
    );
    act(&world, id, IncidentAct::Close).await;
    assert_eq!(only(&world).await.status, IncidentStatus::Closed);
    act(&world, id, IncidentAct::Reopen).await;
    assert_eq!(only(&world).await.status, IncidentStatus::Open);
    world.clock.advance(1000);
    let statement = Feedback {
        network: world.pdc.network(),
        decision: first,
        dataset: world.dataset,
        author: world.node.id,
        finding: Finding::Fine,
        at: world.clock_now(),
        note: String::new(),
    };
    let statement = Signed::sign(statement, world.node.key.as_ref());
    world.pdc.take_feedback(&[statement], false).await.unwrap();
    let expected = ["held", "acknowledged", "held", "released", "closed", "reopened", "fine"];
    assert_eq!(timeline(&world, id).await, expected);
    // All of it follows from log and archive: another process tells the same.
    let before = only(&world).await;
    world.restart().await;
    let after = only(&world).await;
    assert_eq!((after.incident, after.status), (before.incident, before.status));
    assert_eq!(timeline(&world, id).await, expected);
}

#[tokio::test]
async fn a_response_is_on_the_timeline_until_it_ends_and_what_it_stops_is_no_news() {
    let mut world = holding(151).await;
    held(&mut world).await;
    let id = only(&world).await.incident.id;
    let any = Condition::any_of(Feature::Purpose, &["treatment"]).unwrap();
    world.clock.advance(1000);
    let deny = install(&world, RuleAction::Deny, any, false).await;
    world.pdc.respond_to_incident(id, deny.id()).await.unwrap();
    world.pdc.respond_to_incident(id, deny.id()).await.unwrap();
    assert!(matches!(ask(&mut world, Purpose::Treatment).await, Outcome::Denied(_)));
    let line = only(&world).await;
    assert_eq!((line.status, line.in_force), (IncidentStatus::Acknowledged, vec![deny.id()]));
    world.clock.advance(1000);
    world.submit(&world.node, Operation::RemoveRule { rule: deny.id() }).await;
    let line = only(&world).await;
    assert_eq!((line.status, line.in_force), (IncidentStatus::Open, vec![]));
    assert_eq!(timeline(&world, id).await, ["held", "response", "stopped", "removed"]);
    // One that is left alone ends by itself.
    let install = Operation::InstallRule {
        rule: deny.id(),
        until: world.clock_now().plus_ms(HOUR),
        simulate: false,
    };
    world.submit(&world.node, install).await;
    assert_eq!(only(&world).await.status, IncidentStatus::Acknowledged);
    world.clock.advance(HOUR);
    world.tick().await;
    assert_eq!(only(&world).await.status, IncidentStatus::Open);
    let expected = ["held", "response", "stopped", "removed", "response", "ended"];
    assert_eq!(timeline(&world, id).await, expected);
}

#[tokio::test]
async fn denials_that_are_only_counted_are_an_alert_all_the_same() {
    let mut world = World::new(152).await;
    granted_without_count(&mut world, 0).await;
    world.restart_with_quota(2, 9).await;
    for _ in 0..4 {
        assert!(matches!(ask(&mut world, Purpose::Research).await, Outcome::Denied(_)));
    }
    let line = only(&world).await;
    let kinds: Vec<_> = line.incident.kinds().map(|(kind, _, count)| (kind, count)).collect();
    assert_eq!((kinds, line.incident.requests), (vec![(AlertKind::Flood, 2)], 2));
}

#[tokio::test]
async fn pages_and_lists_by_status_leave_none_out() {
    let mut world = holding(153).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        held(&mut world).await;
        ids.push(all(&world).await[0].incident.id);
        world.clock.advance(DAY + 1000);
        world.tick().await;
    }
    ids.reverse();
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = world.pdc.incidents(before, 2, None).await.unwrap();
        seen.extend(page.incidents.iter().map(|line| line.incident.id));
        before = page.before;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen, ids);
    act(&world, ids[1], IncidentAct::Close).await;
    act(&world, ids[3], IncidentAct::Close).await;
    let page = |status| world.pdc.incidents(None, 2, Some(status));
    let (open, closed) =
        (page(IncidentStatus::Open).await.unwrap(), page(IncidentStatus::Closed).await.unwrap());
    let named = |page: &IncidentsPage| {
        page.incidents.iter().map(|line| line.incident.id).collect::<Vec<_>>()
    };
    assert_eq!((named(&open), open.before), (vec![ids[0], ids[2]], Some(ids[2])));
    assert_eq!((named(&closed), closed.before), (vec![ids[1], ids[3]], None));
    // Nobody's incident, and one that never was.
    assert!(!world.pdc.act_on_incident(u64::MAX, IncidentAct::Close).await.unwrap());
    assert!(world.pdc.incident(ids[0] + 1).await.unwrap().is_none());
}

/// The log of a network has what all data centres have decided.
#[tokio::test]
async fn an_alert_names_its_incident_if_it_is_this_data_centres_own() {
    let mut world = holding(154).await;
    held(&mut world).await;
    held(&mut world).await;
    let id = only(&world).await.incident.id;
    // Asked of a process that has read nothing yet.
    world.restart().await;
    let mut named = Vec::new();
    for (index, bytes) in world.pdc.log.events(0, 1000).await.unwrap() {
        let event: Event = decode("event", &bytes, limits::MAX_EVENT_BYTES).unwrap();
        named.extend(world.pdc.alerts(index, &event).await.unwrap());
    }
    assert_eq!(named.iter().map(|(_, incident)| *incident).collect::<Vec<_>>(), [Some(id); 2]);
    let (_, bytes) = world.pdc.log.events(id, 1).await.unwrap().remove(0);
    let mut event: Event = decode("event", &bytes, limits::MAX_EVENT_BYTES).unwrap();
    let Cause::Command { author, .. } = &mut event.cause else { panic!() };
    *author = world.eve.id;
    let others = world.pdc.alerts(id, &event).await.unwrap();
    assert_eq!(others.iter().map(|(_, incident)| *incident).collect::<Vec<_>>(), [None]);
}
