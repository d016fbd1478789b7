//! Requests unlike all before: who is asked for a proof, why, and what cannot be made usual.

use secnet_guard::{Cause, Event, Guard, Model, Observed, Outcome, PermittedUse, explain};
use secnet_types::{Feature, FeatureValue, FeatureVector, MemberId, RuleSet};

use crate::common::{DAY, HOUR, MINUTE, MONDAY, context, event};

const STAFF: u8 = 24;

/// What looks random and is the same each time.
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// One day's work of everybody, by session: a few records at a time, of a few datasets each.
fn day(guard: &mut Guard, draws: &mut Draws, day: u64, mut each: impl FnMut(&mut Guard, Event)) {
    for hour in 8..16 {
        for who in 0..STAFF {
            if draws.below(3) == 0 {
                continue;
            }
            let dataset = who / 4 * 4 + u8::try_from(draws.below(6)).unwrap();
            let at =
                MONDAY + day * DAY + hour * HOUR + u64::from(who) * MINUTE + draws.below(MINUTE);
            let records = 1 + u32::try_from(draws.below(5)).unwrap();
            each(guard, Event { records, own_key: false, ..event(who, dataset, at) });
        }
    }
}

/// A house where people have worked for so many days.
fn house(days: u64) -> (Guard, Draws) {
    let (mut guard, mut draws) = (Guard::new(Model::default()), Draws(5));
    (0..days).for_each(|n| {
        day(&mut guard, &mut draws, n, |guard, event| guard.observe(&event, Observed::Allowed))
    });
    (guard, draws)
}

/// Somebody at noon of a day after the days of [`house`], whose session asks for far more than anybody did.
fn greedy(days: u64) -> Event {
    Event { records: 40_000, own_key: false, ..event(3, 2, MONDAY + days * DAY + 12 * HOUR) }
}

fn outcome(guard: &Guard, facts: &FeatureVector, permitted: &PermittedUse) -> Outcome {
    guard.model().vet(permitted, facts, &[]).outcome
}

fn is_strange(guard: &Guard, event: &Event) -> bool {
    let verdict = guard.model().vet(&PermittedUse::default(), &guard.features(event), &[]);
    verdict.reasons.iter().any(|reason| reason.cause == Cause::Strange)
}

fn with(facts: &FeatureVector, feature: Feature, value: FeatureValue) -> FeatureVector {
    facts.with(feature, value).unwrap()
}

#[test]
fn only_a_session_is_asked_and_only_for_a_proof() {
    let (guard, _) = house(40);
    let facts = guard.features(&greedy(40));
    let usual = PermittedUse::default();
    assert_eq!(outcome(&guard, &facts, &usual), Outcome::StepUp);
    let ahead = |facts: &FeatureVector, permitted: &PermittedUse| {
        matches!(outcome(&guard, facts, permitted), Outcome::Allow { .. })
    };
    assert!(ahead(&facts, &PermittedUse { proved_anew: true, ..usual.clone() }));
    assert!(ahead(&facts, &PermittedUse { released_by_owner: true, ..usual.clone() }));
    for feature in [Feature::OwnKey, Feature::OwnData, Feature::Emergency] {
        let facts = with(&facts, feature, FeatureValue::Words(2));
        assert!(ahead(&facts, &usual), "{feature}");
    }
    let own = guard.features(&Event { own_key: true, ..greedy(40) });
    assert_eq!(own.number(Feature::Strangeness), facts.number(Feature::Strangeness));
    assert!(ahead(&own, &usual));
}

#[test]
fn nothing_is_strange_before_two_thousand_requests_went_ahead() {
    let (guard, _) = house(10);
    assert_eq!(guard.features(&greedy(10)).number(Feature::Strangeness), None);
    assert!(!is_strange(&guard, &greedy(10)));
}

#[test]
fn hardly_anybody_who_works_as_always_is_asked() {
    let (mut guard, mut draws) = house(40);
    let (mut asked, mut all) = (0, 0);
    for n in 40..80 {
        day(&mut guard, &mut draws, n, |guard, event| {
            let facts = guard.features(&event);
            let strange = is_strange(guard, &event);
            guard.arrive(&event);
            guard.judged_strange(&event, &facts);
            guard.conclude(&event, &facts, Observed::Allowed);
            (asked, all) = (asked + u32::from(strange), all + 1);
        });
    }
    // Half of the stated share each day, if rarities are right.
    assert!(asked <= 12, "{asked} of {all}");
}

#[test]
fn the_reasons_are_true_and_say_what_would_have_been_usual() {
    let (guard, mut draws) = house(40);
    let mut explained = 0;
    for n in 0..40_u64 {
        let odd = Event {
            records: u32::try_from(draws.below(60_000)).unwrap(),
            own_key: false,
            ..event(
                u8::try_from(n % 30).unwrap(),
                u8::try_from(n % 40).unwrap(),
                MONDAY + 40 * DAY + n * MINUTE * 30,
            )
        };
        let facts = guard.features(&odd);
        let (strangeness, limit) =
            (facts.number(Feature::Strangeness), facts.number(Feature::StrangenessLimit));
        let verdict = guard.model().vet(&PermittedUse::default(), &facts, &[]);
        let named: Vec<_> = verdict
            .reasons
            .iter()
            .filter_map(|reason| match reason.cause {
                Cause::Unlike(feature) => Some((feature, reason.baseline.clone().unwrap())),
                _ => None,
            })
            .collect();
        assert_eq!(named.is_empty(), !is_strange(&guard, &odd));
        if named.is_empty() {
            continue;
        }
        explained += 1;
        assert!(strangeness >= limit && named.len() <= 4);
        assert_eq!(guard.strangeness(&facts).map(|n| n as i64), strangeness);
        let usual = named
            .iter()
            .fold(facts.clone(), |facts, (feature, value)| with(&facts, *feature, value.clone()));
        assert!(guard.strangeness(&usual).unwrap() < limit.unwrap() as u64, "{named:?}");
        // None can be left out.
        for without in 0..named.len() {
            let fewer = named.iter().enumerate().filter(|(at, _)| *at != without);
            let fewer = fewer.fold(facts.clone(), |facts, (_, (feature, value))| {
                with(&facts, *feature, value.clone())
            });
            assert!(guard.strangeness(&fewer).unwrap() >= limit.unwrap() as u64, "{named:?}");
        }
    }
    assert!(explained > 10, "{explained}");
}

#[test]
fn the_analyst_reads_why() {
    let (guard, _) = house(40);
    let facts = guard.features(&greedy(40));
    let none = RuleSet::new([]).unwrap();
    let said = explain(guard.model(), &PermittedUse::default(), &facts, &none, &context());
    let text = said.to_string();
    assert!(text.starts_with("step-up "), "{text}");
    assert!(
        text.contains("a session asks unlike what went ahead here: as strange as one request in ")
    );
    assert!(
        text.contains(
            "what makes it strange: records requested is 40000, beside the rest usual is "
        ),
        "{text}"
    );
    assert!(text.contains(
        "it would have been milder with signed by the member's own key yes instead of no"
    ));
    let notice = said.verdict.notice().unwrap().to_string();
    assert!(!notice.contains(|c: char| c.is_ascii_digit()), "{notice}");
}

#[test]
fn what_is_refused_teaches_nothing() {
    let (mut guard, _) = house(40);
    let before = guard.strangeness(&guard.features(&greedy(41))).unwrap();
    let facts = guard.features(&greedy(41));
    for n in 0..500 {
        let observed = if n % 2 == 0 { Observed::Held } else { Observed::Denied };
        guard.observe(&Event { own_key: n % 3 == 0, ..greedy(40) }, observed);
    }
    assert_eq!(guard.strangeness(&facts), Some(before));
}

#[test]
fn a_member_that_asks_without_end_makes_itself_neither_usual_nor_others_strange() {
    let (mut guard, mut draws) = house(40);
    let mut ordinary = Vec::new();
    day(&mut guard.clone(), &mut draws, 42, |_, event| ordinary.push(event));
    // With its own key, so that nothing stops it: a request every ten seconds for a day.
    for tenth in 0..24 * 360 {
        let at = MONDAY + 41 * DAY + tenth * 10_000;
        guard.observe(&Event { records: 40_000, ..event(3, 2, at) }, Observed::Allowed);
    }
    let thief = Event { requester: MemberId([5; 32]), ..greedy(42) };
    assert!(is_strange(&guard, &thief), "{:?}", guard.features(&thief));
    let asked = ordinary.iter().filter(|event| is_strange(&guard, event)).count();
    assert!(asked <= 2, "{asked} of {}", ordinary.len());
}

#[test]
fn many_requests_without_harm_do_not_spend_what_the_others_are_found_by() {
    let (mut guard, _) = house(40);
    let limit = |guard: &Guard| guard.features(&greedy(41)).number(Feature::StrangenessLimit);
    let before = limit(&guard).unwrap();
    for second in 0..3_000 {
        let plain = Event { own_key: false, ..event(7, 5, MONDAY + 41 * DAY + second * 1_000) };
        let facts = guard.features(&plain);
        guard.arrive(&plain);
        guard.judged_strange(&plain, &facts);
        guard.conclude(&plain, &facts, Observed::Allowed);
    }
    assert!(limit(&guard).unwrap() <= 2 * before, "{before} {:?}", limit(&guard));
}

#[test]
fn what_everybody_does_from_now_on_becomes_usual() {
    let (mut guard, mut draws) = house(40);
    let mut asked = Vec::new();
    for n in 40..120 {
        let mut today = 0;
        day(&mut guard, &mut draws, n, |guard, event| {
            // A new system asks for files as a whole. Whoever is asked for a proof gives it.
            let event = Event { records: event.records * 200, ..event };
            let facts = guard.features(&event);
            today += usize::from(is_strange(guard, &event));
            guard.arrive(&event);
            guard.judged_strange(&event, &facts);
            guard.conclude(&event, &facts, Observed::Allowed);
        });
        asked.push(today);
    }
    assert_eq!(asked[60..].iter().sum::<usize>(), 0, "{asked:?}");
}

#[test]
fn it_goes_on_after_a_restart_as_if_there_had_been_none() {
    let (mut guard, mut draws) = house(20);
    let mut kept = Guard::restore(Model::default(), &guard.snapshot()).unwrap();
    assert_eq!(kept, guard);
    for n in 20..40 {
        let since = guard.tick();
        day(&mut guard, &mut draws, n, |guard, event| {
            let facts = guard.features(&event);
            guard.arrive(&event);
            guard.judged_strange(&event, &facts);
            guard.conclude(&event, &facts, Observed::Allowed);
        });
        let changes = guard.changes_since(since);
        // What has changed of the samples, and not the samples.
        assert!(n < 30 || changes.len() < 60_000, "{}", changes.len());
        assert_eq!(kept.catch_up(&changes), Ok(true));
        assert_eq!(kept, guard);
    }
    assert_eq!(kept.features(&greedy(40)), guard.features(&greedy(40)));
    assert!(is_strange(&kept, &greedy(40)));
    assert!(guard.snapshot().len() < 300_000, "{}", guard.snapshot().len());
}

#[test]
fn with_no_stated_share_nobody_is_asked_and_it_is_still_recorded() {
    let (guard, _) = house(40);
    let parameters = secnet_guard::Parameters { false_findings: 0, ..Default::default() };
    let silent = Model::new(parameters).unwrap();
    let guard = Guard::restore(silent, &guard.snapshot()).unwrap();
    let facts = guard.features(&greedy(40));
    assert!(facts.number(Feature::Strangeness).is_some_and(|n| n > 1_000));
    assert_eq!(facts.number(Feature::StrangenessLimit), None);
    assert!(!is_strange(&guard, &greedy(40)));
}
