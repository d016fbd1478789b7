//! Is it still the same person? What a session is asked a proof for, and what it can teach.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use secnet_guard::{
    Cause, Event, Explanation, Guard, GuardVerdict, Habit, LEAST_DAYS, LEAST_HOURS, Model,
    Observed, Outcome, PermittedUse, RARE, SHIFT_HOURS, explain,
};
use secnet_types::{Action, Feature, Obligation, Party, Purpose, ReasonClass, RuleSet};

use crate::common::{DAY, HOUR, MINUTE, MONDAY, event};

fn session(at: u64) -> Event {
    Event { own_key: false, ..event(1, 1, at) }
}

fn own(at: u64) -> Event {
    event(1, 1, at)
}

fn exporting(event: Event) -> Event {
    Event { action: Action::Export, ..event }
}

fn elsewhere(event: Event) -> Event {
    Event { door: "http".into(), ..event }
}

/// A clerk who reads once an hour from eight to one o'clock by session, for so many days.
fn clerk(days: u64) -> Guard {
    let mut guard = Guard::new(Model::default());
    for day in 0..days {
        for hour in 8..14 {
            let ordinary = session(MONDAY + day * DAY + hour * HOUR);
            assert!(passes(&guard, &ordinary));
            guard.observe(&ordinary, Observed::Allowed);
        }
    }
    guard
}

/// No habit is broken.
const NONE: [Habit; 0] = [];
/// Noon on the day after [`clerk`]'s twelve.
const NOON: u64 = MONDAY + 12 * DAY + 12 * HOUR;
/// Three o'clock on the night after that.
const THREE: u64 = MONDAY + 13 * DAY + 3 * HOUR;

fn vet(guard: &Guard, event: &Event, permitted: &PermittedUse) -> GuardVerdict {
    guard.model().vet(permitted, &guard.features(event), &[])
}

fn judged(guard: &Guard, event: &Event) -> GuardVerdict {
    vet(guard, event, &PermittedUse::default())
}

fn passes(guard: &Guard, event: &Event) -> bool {
    matches!(judged(guard, event).outcome, Outcome::Allow { .. })
}

fn broken(verdict: &GuardVerdict) -> Vec<Habit> {
    let habits = verdict.reasons.iter().filter_map(|reason| match reason.cause {
        Cause::Habit(habit) => Some(habit),
        _ => None,
    });
    habits.collect()
}

/// What is asked of it, and the habits that are named.
fn asked(guard: &Guard, event: &Event) -> Vec<Habit> {
    let verdict = judged(guard, event);
    let habits = broken(&verdict);
    assert_eq!(verdict.outcome == Outcome::StepUp, !habits.is_empty(), "{verdict:?}");
    habits
}

fn explained(guard: &Guard, event: &Event) -> Explanation {
    let parties = [Party::Member(event.requester)];
    let (facts, none) = (guard.features(event), RuleSet::new([]).unwrap());
    let permitted = PermittedUse::default();
    explain(guard.model(), &permitted, &facts, &none, &event.rule_context(&parties))
}

#[test]
fn a_session_at_another_hour_or_door_or_for_something_else_is_asked_for_a_proof() {
    let guard = clerk(12);
    for (far, habit) in [
        (session(THREE), Habit::Hour),
        (elsewhere(session(NOON)), Habit::Door),
        (exporting(session(NOON)), Habit::Purpose),
    ] {
        let verdict = judged(&guard, &far);
        assert_eq!((&verdict.outcome, broken(&verdict)), (&Outcome::StepUp, vec![habit]));
        assert_eq!(verdict.notice().unwrap().class, ReasonClass::StepUp);
        // The own key could sign the proof as well: it is one.
        let proved = Event { own_key: true, ..far.clone() };
        assert_eq!(broken(&judged(&guard, &proved)), NONE);
        // What is said would help does.
        let said = explained(&guard, &far);
        let features: Vec<Feature> = said.decisive.iter().map(|change| change.feature).collect();
        assert_eq!(features, [habit.feature(), Feature::OwnKey]);
        for change in said.decisive {
            let changed = guard.features(&far).with(change.feature, change.to).unwrap();
            let verdict = guard.model().vet(&PermittedUse::default(), &changed, &[]);
            assert!(matches!(verdict.outcome, Outcome::Allow { .. }));
        }
    }
    assert!(passes(&guard, &session(NOON)));
    // An hour more than usual is not another hour.
    assert!(passes(&guard, &session(NOON + 2 * HOUR)));
    assert_eq!(asked(&guard, &session(NOON + 3 * HOUR)), [Habit::Hour]);
}

#[test]
fn a_session_that_goes_faster_than_its_member_ever_did_is_asked_for_a_proof() {
    let mut guard = clerk(12);
    let mut read = 0;
    while passes(&guard, &session(NOON + read * MINUTE)) {
        guard.observe(&session(NOON + read * MINUTE), Observed::Allowed);
        read += 1;
    }
    // One an hour is usual, up to three are not far from it.
    assert_eq!(read, 3);
    assert_eq!(asked(&guard, &session(NOON + 10 * MINUTE)), [Habit::Pace]);
    // Next hour again three, however often.
    for hour in 1..3 {
        assert!(passes(&guard, &session(NOON + hour * HOUR)));
    }
    // The member goes on with one proof, until it is twice as fast as that.
    guard.observe(&own(NOON + 11 * MINUTE), Observed::Allowed);
    for more in 5..16 {
        let next = session(NOON + (10 + more) * MINUTE);
        assert!(passes(&guard, &next), "{more}");
        guard.observe(&next, Observed::Allowed);
    }
    assert_eq!(asked(&guard, &session(NOON + 40 * MINUTE)), [Habit::Pace]);
}

#[test]
fn what_was_far_is_said_in_plain_words() {
    let guard = clerk(12);
    let said = explained(&guard, &exporting(session(THREE))).to_string();
    let expected = "step-up (score 2500 of 10000)
- the requester is rarely active at this hour of day: share of past activity at this hour is 0, ordinary is 400 (adds 2500 of 10000)
- a session asks for something else than its member does: share of the profile with this purpose and action is 0 of 10000, ordinary is 100 or more
- a session asks at another hour of day than its member does: share of the profile at this hour is 0 of 10000, ordinary is 100 or more
- it would have been milder with signed by the member's own key yes instead of no
";
    assert_eq!(said, expected);
}

#[test]
fn emergencies_and_what_the_owner_released_go_ahead_and_are_reviewed() {
    let mut guard = clerk(12);
    let far = elsewhere(session(THREE));
    let emergency = PermittedUse { emergency: true, ..PermittedUse::default() };
    let released = PermittedUse { released_by_owner: true, ..PermittedUse::default() };
    for permitted in [emergency, released] {
        let verdict = vet(&guard, &far, &permitted);
        let Outcome::Allow { obligations } = verdict.outcome else { panic!() };
        assert!(verdict.alarm && obligations.contains(&Obligation::Review));
        // It went ahead for another reason, and makes nothing usual.
        guard.observe(&far, Observed::Allowed);
        assert_eq!(asked(&guard, &far), [Habit::Door, Habit::Hour]);
    }
    // Breaking the glass itself is nobody's habit.
    let glass = Event { purpose: Purpose::Emergency, emergency: true, ..session(NOON) };
    assert_eq!(broken(&judged(&guard, &glass)), NONE);
}

#[test]
fn a_new_member_is_not_asked() {
    for days in [0, 1, u64::from(LEAST_DAYS) - 1] {
        let guard = clerk(days);
        let far = elsewhere(exporting(session(MONDAY + days * DAY + 3 * HOUR)));
        assert_eq!(asked(&guard, &far), NONE);
        assert_eq!(guard.features(&far).value(Feature::ProfileHourShare), None);
    }
    // Many uses of few hours are no habits either.
    let mut guard = Guard::new(Model::default());
    for n in 0..1000 {
        guard.observe(&session(MONDAY + n * MINUTE), Observed::Allowed);
    }
    for day in 0..u64::from(LEAST_HOURS) - 18 {
        assert_eq!(asked(&guard, &session(MONDAY + (day + 1) * DAY)), NONE, "{day}");
        guard.observe(&session(MONDAY + (day + 1) * DAY), Observed::Allowed);
    }
}

#[test]
fn whoever_works_a_night_for_the_first_time_proves_it_once() {
    let mut guard = clerk(12);
    let ten = MONDAY + 13 * DAY + 22 * HOUR;
    assert_eq!(asked(&guard, &session(ten)), [Habit::Hour]);
    guard.observe(&session(ten), Observed::Held);
    guard.observe(&own(ten + MINUTE), Observed::Allowed);
    // This night, the next, and one a month later.
    for night in [0, 1, 30] {
        for hour in 0..9 {
            let at = ten + night * DAY + hour * HOUR + 2 * MINUTE;
            assert_eq!(asked(&guard, &session(at)), NONE, "{night} {hour}");
            guard.observe(&session(at), Observed::Allowed);
        }
    }
    // It was a proof of the hour and of nothing else.
    assert_eq!(asked(&guard, &elsewhere(session(ten))), [Habit::Door]);
    // And it is over with the shift.
    let mut guard = clerk(12);
    guard.observe(&own(ten), Observed::Allowed);
    let five = ten + 7 * HOUR;
    assert!(five < ten + u64::from(SHIFT_HOURS) * HOUR);
    assert_eq!(asked(&guard, &session(five)), NONE);
    assert_eq!(asked(&guard, &session(five + DAY)), [Habit::Hour]);
}

#[test]
fn a_stolen_session_teaches_nothing() {
    let mut guard = clerk(12);
    let shares = |guard: &Guard, at| -> Vec<Option<i64>> {
        let facts = guard.features(&session(at));
        Habit::ALL.iter().map(|habit| facts.number(habit.feature())).collect()
    };
    let far = exporting(elsewhere(session(THREE)));
    for day in 0..200 {
        let at = |hour: u64, n: u64| MONDAY + (13 + day) * DAY + hour * HOUR + n * MINUTE;
        // What is refused; the hour at the edge; and all day what its member does.
        guard.observe(&session(at(3, 0)), Observed::Held);
        guard.observe(&exporting(session(at(4, 0))), Observed::Denied);
        for hour in [7, 8, 12, 14] {
            for n in 0..3 {
                let next = session(at(hour, n));
                assert_eq!(asked(&guard, &next), NONE, "{day} {hour} {n}");
                guard.observe(&next, Observed::Allowed);
            }
            assert_eq!(asked(&guard, &session(at(hour, 3))), [Habit::Pace]);
        }
    }
    assert_eq!(asked(&guard, &far), [Habit::Door, Habit::Purpose, Habit::Hour]);
    // The edge has not moved, and the hours that it did not use are still known.
    let day = MONDAY + 220 * DAY;
    assert_eq!(asked(&guard, &session(day + 15 * HOUR)), [Habit::Hour]);
    assert_eq!(asked(&guard, &session(day + 6 * HOUR)), [Habit::Hour]);
    assert_eq!(asked(&guard, &session(day + 10 * HOUR)), NONE);
    assert!(shares(&guard, day + 12 * HOUR).iter().all(|share| *share >= Some(RARE.into())));
}

#[test]
fn whoever_drifts_is_asked_now_and_then() {
    let mut guard = clerk(12);
    let mut proofs = 0;
    // Each month an hour later, for two years and a day round the clock.
    for day in 12..732 {
        let mut hours: Vec<u64> = (0..6).map(|hour| (8 + (day - 12) / 30 + hour) % 24).collect();
        hours.sort_unstable();
        for hour in hours {
            let at = MONDAY + day * DAY + hour * HOUR;
            if !asked(&guard, &session(at)).is_empty() {
                guard.observe(&session(at), Observed::Held);
                guard.observe(&own(at), Observed::Allowed);
                proofs += 1;
            } else {
                guard.observe(&session(at), Observed::Allowed);
            }
        }
    }
    assert!((1..=24).contains(&proofs), "{proofs} in 24 months");
}

#[test]
fn a_program_that_signs_with_its_own_key_is_never_asked() {
    let mut guard = Guard::new(Model::default());
    for n in 0..2_000 {
        // At any hour, through any door, for anything.
        let at = MONDAY + n * 67 * MINUTE;
        let door = format!("door-{}", n % 11);
        let purpose = Purpose::ALL[usize::try_from(n % 8).unwrap()];
        let next = Event { door, purpose, ..own(at) };
        assert_eq!(broken(&judged(&guard, &next)), NONE);
        guard.observe(&next, Observed::Allowed);
    }
}

/// A profile as it is described: everything that was learnt, listed.
#[derive(Default)]
struct Naive {
    days: BTreeSet<u64>,
    hours: Vec<(u64, u64)>,
    doors: BTreeMap<String, (BTreeSet<u64>, u64)>,
    this_hour: (u64, u64),
    paces: Vec<(u32, u64)>,
    vouched: Option<u64>,
}

impl Naive {
    fn established(&self) -> bool {
        self.hours.iter().map(|(_, times)| times).sum::<u64>() >= u64::from(LEAST_HOURS)
            && self.days.len() >= LEAST_DAYS as usize
    }

    fn share(part: u64, all: u64) -> i64 {
        i64::try_from(part * 10_000 / all.max(1)).unwrap()
    }

    fn hour_share(&self, near: &[u64]) -> i64 {
        let sum = |wanted: &dyn Fn(u64) -> bool| -> u64 {
            self.hours.iter().filter(|(hour, _)| wanted(*hour)).map(|(_, times)| times).sum()
        };
        Self::share(sum(&|hour| near.contains(&hour)), sum(&|_| true))
    }

    fn door_share(&self, door: &str) -> i64 {
        let count = |(hours, more): &(BTreeSet<u64>, u64)| hours.len() as u64 + more;
        Self::share(self.doors.get(door).map_or(0, count), self.doors.values().map(count).sum())
    }

    fn pace_share(&self, from: u32) -> i64 {
        let sum = |from| self.paces.iter().filter(|(p, _)| *p >= from).map(|(_, n)| n).sum();
        Self::share(sum(from), sum(0))
    }

    fn uses(&self, at: u64) -> u64 {
        if self.this_hour.0 == at / HOUR { self.this_hour.1 } else { 0 }
    }

    fn shares(&self, event: &Event) -> [(Feature, Option<i64>); 4] {
        let at = event.at.0;
        let hour = at / HOUR % 24;
        let pace = (self.uses(at) + 1).ilog2().saturating_sub(1);
        let shares = [
            (Feature::HoursSinceNewHour, self.vouched.map(|then| ((at - then) / HOUR) as i64)),
            (Feature::ProfileDoorShare, Some(self.door_share(&event.door))),
            (
                Feature::ProfileHourShare,
                Some(self.hour_share(&[(hour + 23) % 24, hour, (hour + 1) % 24])),
            ),
            (Feature::ProfilePaceShare, Some(self.pace_share(pace))),
        ];
        shares.map(|(feature, share)| (feature, share.filter(|_| self.established())))
    }

    fn learn(&mut self, event: &Event) {
        let (at, rare) = (event.at.0, i64::from(RARE));
        let (established, proved) = (self.established(), event.own_key);
        let [vouched, door, hour, pace] = self.shares(event).map(|(_, share)| share);
        let vouched = vouched.is_some_and(|hours| hours < i64::from(SHIFT_HOURS));
        let is_rare = |share: Option<i64>| share.is_some_and(|share| share < rare);
        let new_hour = is_rare(hour) && !vouched;
        if !proved && (is_rare(door) || new_hour || is_rare(pace)) {
            return;
        }
        let all = |counts: u64| (counts / 32).max(1);
        let (slot, hour) = (at / HOUR, at / HOUR % 24);
        if self.this_hour.0 != slot {
            let (_, uses) = self.this_hour;
            if uses > 0 {
                let usual = (0..=uses.ilog2()).rev();
                let mut usual = usual.filter(|p| !established || self.pace_share(*p) >= rare);
                let usual = usual.next().unwrap_or(0);
                self.paces.push((usual, 1));
            }
            self.this_hour = (slot, 0);
        }
        self.days.insert(at / DAY);
        if self.this_hour.1 == 0 {
            let total = self.hours.iter().map(|(_, times)| times).sum();
            let weight = match () {
                () if !established || self.hour_share(&[hour]) >= rare => 1,
                () if proved || vouched => all(total),
                () => 0,
            };
            self.hours.push((hour, weight));
        }
        if new_hour {
            self.vouched = Some(at);
        }
        let total = self.doors.values().map(|(hours, more)| hours.len() as u64 + more).sum();
        let met = self.doors.entry(event.door.clone()).or_default();
        let weight = if is_rare(door) { all(total) } else { 1 };
        let first = u64::from(met.0.insert(slot));
        if weight > 1 {
            met.1 += weight - first;
        }
        self.this_hour.1 += 1;
        if is_rare(pace) {
            let total = self.paces.iter().map(|(_, n)| n).sum();
            self.paces.push((self.this_hour.1.ilog2(), all(total)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_profile_is_what_the_whole_history_says(
        uses in prop::collection::vec((0..4_u8, 0..20_u8, any::<bool>(), 0..5_u64), 1..400),
    ) {
        let mut guard = Guard::new(Model::default());
        let mut naive = Naive::default();
        let mut at = MONDAY;
        for (door, gap, own_key, wait) in uses {
            at += match gap {
                0 => wait * 9 * HOUR,
                1..9 => MINUTE,
                _ => HOUR + wait * 7 * MINUTE,
            };
            // At night there is nobody, nearly always.
            let hour = at / HOUR % 24;
            if gap != 0 && !(8..16).contains(&hour) {
                at = (at / DAY + u64::from(hour >= 16)) * DAY + 8 * HOUR + at % HOUR;
            }
            let door = format!("door-{}", if door == 3 && gap > 4 { 0 } else { door });
            let next = Event { door, own_key, ..session(at) };
            let facts = guard.features(&next);
            for (feature, share) in naive.shares(&next) {
                prop_assert_eq!(facts.number(feature), share, "{}", feature);
            }
            let allowed = matches!(judged(&guard, &next).outcome, Outcome::Allow { .. });
            if allowed {
                naive.learn(&next);
            }
            guard.observe(&next, if allowed { Observed::Allowed } else { Observed::Held });
        }
    }

    #[test]
    fn a_profile_is_bounded_and_survives_a_restart(
        uses in prop::collection::vec(
            (any::<u8>(), 0..8_usize, any::<bool>(), 0..(3 * DAY)), 1..300,
        ),
    ) {
        let mut guard = Guard::new(Model::default());
        let mut kept = Guard::restore(Model::default(), &guard.snapshot()).unwrap();
        let (mut at, mut last) = (MONDAY, 0);
        for (door, purpose, own_key, later) in uses {
            at += later;
            let (door, purpose) = (format!("door-{door}"), Purpose::ALL[purpose]);
            let since = guard.tick();
            guard.observe(&Event { door, purpose, own_key, ..own(at) }, Observed::Allowed);
            let changes = guard.changes_since(since);
            last = changes.len();
            prop_assert_eq!(kept.catch_up(&changes), Ok(true));
        }
        let whole = guard.snapshot();
        // All that is known of the member is in it, and what one request more says of all members.
        prop_assert!(last < 1_700, "{last}");
        prop_assert_eq!(&Guard::restore(Model::default(), &whole).unwrap(), &guard);
        prop_assert_eq!(&kept, &guard);
    }

    #[test]
    fn no_profile_holds_or_denies(
        days in 0..40_u64, at in 0..(400 * DAY), purpose in 0..8_usize, own_key: bool, emergency: bool,
    ) {
        let guard = clerk(days);
        let purpose = Purpose::ALL[purpose];
        let next = Event { purpose, own_key, emergency, ..elsewhere(session(MONDAY + at)) };
        let permitted = PermittedUse { emergency, ..PermittedUse::default() };
        let verdict = vet(&guard, &next, &permitted);
        let most = if emergency || own_key { 0 } else { Outcome::StepUp.severity() };
        prop_assert!(verdict.outcome.severity() <= most, "{verdict:?}");
    }
}

#[test]
fn a_clock_that_was_wrong_for_a_while_locks_nobody_out() {
    let mut guard = clerk(12);
    // An own-key use in the year 2100, and back.
    guard.observe(&own(MONDAY + 74 * 365 * DAY + 3 * HOUR), Observed::Allowed);
    assert_eq!(asked(&guard, &session(NOON)), NONE);
    assert_eq!(asked(&guard, &session(THREE + 5 * DAY - 8 * HOUR)), [Habit::Hour]);
    guard.observe(&session(NOON), Observed::Allowed);
    guard.observe(&own(u64::MAX), Observed::Allowed);
    assert_eq!(asked(&guard, &session(NOON + DAY)), NONE);
    let days = guard.features(&session(NOON)).number(Feature::ProfileDays);
    assert!(days > Some(12), "{days:?}");
}
