//! An attacker with many members: memory stays within its limit, nobody else's is lost, and alerts do not drown.

use proptest::prelude::*;
use secnet_guard::irregular::limits::MAX_FINDINGS_OF_HOUSE;
use secnet_guard::irregular::{Entry, Finding, Irregularity, Watcher};
use secnet_types::{MemberId, MemberKind};

use super::story::{DAY, HOUR, MINUTE, START, Story, UNIT, Used};
use super::ward::Chance;

/// A small memory, so that the flood is quick.
const WEIGHT: usize = 2_000;

/// Accounts of one organisation pay, grant and use in all directions.
fn flood(story: &mut Story, members: usize) -> MemberId {
    let house = story.founder(MemberKind::Organisation, None);
    let admit = |number| story.admit(START + number, MemberKind::Person, Some(house));
    let gang: Vec<MemberId> = (0..members as u64).map(admit).collect();
    let mut chance = Chance::new(7);
    for number in 0..members as u64 * 8 {
        let at = START + HOUR + number * 10_000;
        let (from, to) = (chance.of(&gang), chance.of(&gang));
        story.transfer(at, to, from, chance.from(1, 90) * UNIT);
        let grant = story.grant(at, from, to, Some(9), UNIT);
        let used = Used { by: to, payer: to, owner: from, grant, records: 9, price: UNIT };
        match number % 3 {
            0 => story.used(at + MINUTE, &used),
            1 => story.failed(at + DAY, &used),
            _ => {
                story.decided(at + MINUTE, &used);
            }
        }
    }
    house
}

#[test]
fn a_flood_stays_within_the_limit_and_costs_nobody_else() {
    let mut story = Story::default();
    let house = story.founder(MemberKind::Organisation, None);
    let admit = |_| story.admit(START, MemberKind::Person, Some(house));
    let gang: Vec<MemberId> = (0..4).map(admit).collect();
    // The first rounds of a circle, then the flood, then the round that completes it.
    let circle = |story: &mut Story, at: u64| {
        for hop in 0..3 {
            story.transfer(at + hop as u64, gang[hop], gang[(hop + 1) % 3], 10 * UNIT);
        }
    };
    circle(&mut story, START + 1000);
    circle(&mut story, START + 2000);
    let attacker = flood(&mut story, 3_000);
    circle(&mut story, START + 6 * DAY);
    // Somebody who slept through it all acts on much.
    for number in 0..12 {
        let (at, to) =
            (START + 100 * DAY + number * MINUTE, story.founder(MemberKind::Person, None));
        story.transfer(at, gang[3], to, UNIT);
    }
    let (mut watcher, mut found, mut most) = (Watcher::within(WEIGHT), Vec::new(), 0);
    for (index, (event, operation)) in (0..).zip(&story.log()) {
        let entry = Entry { index, event, operation: operation.as_ref() };
        found.extend(watcher.observe(&entry, &|member| story.admission(member)));
        most = most.max(watcher.weight());
        assert!(watcher.weight() <= WEIGHT);
        let (grants, charges) = watcher.listed();
        assert!(grants + charges <= watcher.weight(), "what is listed is weighed");
    }
    assert!(most > WEIGHT * 9 / 10, "the flood was too small to fill it");
    let about = |kind: Irregularity, member: MemberId| {
        found.iter().any(|finding| finding.kind == kind && finding.members.contains(&member))
    };
    assert!(about(Irregularity::Ring, gang[0]) && about(Irregularity::Waking, gang[3]));
    let of_attacker = |finding: &&Finding| {
        finding.members.iter().all(|one| story.admission(*one).unwrap().voucher == Some(attacker))
    };
    let told = found.iter().filter(of_attacker).count();
    assert!(told <= usize::try_from(MAX_FINDINGS_OF_HOUSE).unwrap(), "{told}");
}

#[test]
fn beyond_its_limit_a_house_forgets_its_own() {
    // The same circle, of the flooding house itself: what was known of it is gone.
    let mut story = Story::default();
    let house = flood(&mut story, 3_000);
    let admit = |_| story.admit(START, MemberKind::Person, Some(house));
    let gang: Vec<MemberId> = (0..3).map(admit).collect();
    for (round, at) in [START + 1, START + 2, START + 6 * DAY].into_iter().enumerate() {
        for hop in 0..3 {
            story.transfer(at + (round * 3 + hop) as u64, gang[hop], gang[(hop + 1) % 3], UNIT);
        }
    }
    let found = |weight| {
        let found = story.watched_by(&mut Watcher::within(weight));
        found.iter().any(|finding| gang.iter().all(|one| finding.members.contains(one)))
    };
    assert!(found(1_000_000) && !found(WEIGHT));
}

#[test]
fn many_circles_of_one_house_are_not_all_told() {
    let mut story = Story::default();
    let house = story.founder(MemberKind::Organisation, None);
    for pair in 0..100 {
        let gang = [0, 1].map(|_| story.admit(START, MemberKind::Person, Some(house)));
        for round in 0..10_u64 {
            let at = START + HOUR + (round * 100 + pair) * 1000;
            let [one, other] = gang;
            let (from, to) = if round.is_multiple_of(2) { (one, other) } else { (other, one) };
            story.transfer(at, from, to, UNIT);
        }
    }
    assert_eq!(story.watched().len(), usize::try_from(MAX_FINDINGS_OF_HOUSE).unwrap());
}

/// Small dealings of a few members, by number.
fn dealings(story: &mut Story, gang: &[MemberId], choices: &[(u8, u8, u8, u8)]) {
    for (number, (what, from, to, amount)) in (0..).zip(choices) {
        let at = START + HOUR + number * 3 * HOUR;
        let (from, to) =
            (gang[usize::from(*from) % gang.len()], gang[usize::from(*to) % gang.len()]);
        if from == to {
            continue;
        }
        let price = (u64::from(*amount) % 3 + 9) * UNIT;
        if what % 2 == 0 {
            story.transfer(at, from, to, price);
        } else {
            let grant = story.grant(at, to, from, None, price);
            story.used(at, &Used { by: from, payer: from, owner: to, grant, records: 1, price });
        }
    }
}

fn choices() -> impl Strategy<Value = Vec<(u8, u8, u8, u8)>> {
    proptest::collection::vec(any::<(u8, u8, u8, u8)>(), 0..60)
}

/// What does not depend on where in the log something stands.
fn essence(
    found: &[Finding],
    members: &[MemberId],
) -> Vec<(Irregularity, Vec<MemberId>, u64, u64)> {
    let own = found.iter().filter(|finding| members.contains(&finding.members[0]));
    own.map(|f| (f.kind, f.members.clone(), f.amount.0, f.until.0)).collect()
}

proptest! {
    #[test]
    fn a_log_read_again_or_in_two_parts_gives_the_same(choices in choices(), cut in 0_u64..200) {
        let mut story = Story::default();
        let gang: Vec<MemberId> = (0..4).map(|_| story.founder(MemberKind::Person, None)).collect();
        dealings(&mut story, &gang, &choices);
        let (mut first, mut found) = (Watcher::default(), Vec::new());
        let log = story.log();
        for (index, (event, operation)) in (0..).zip(&log) {
            if index == cut {
                first = first.clone();
            }
            let entry = Entry { index, event, operation: operation.as_ref() };
            found.extend(first.observe(&entry, &|member| story.admission(member)));
        }
        let mut again = Watcher::default();
        prop_assert_eq!(story.watched_by(&mut again), found);
        prop_assert_eq!(again, first);
    }

    #[test]
    fn what_others_do_in_between_changes_nothing(one in choices(), other in choices()) {
        let mut alone = Story::default();
        let gangs: Vec<Vec<MemberId>> = (0..2)
            .map(|_| (0..4).map(|_| alone.founder(MemberKind::Person, None)).collect())
            .collect();
        let mut both = alone.clone();
        dealings(&mut alone, &gangs[0], &one);
        dealings(&mut both, &gangs[1], &other);
        dealings(&mut both, &gangs[0], &one);
        prop_assert_eq!(essence(&alone.watched(), &gangs[0]), essence(&both.watched(), &gangs[0]));
    }
}
