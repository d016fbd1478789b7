//! A made-up ward: nurses who read a few records a day, and somebody who empties the cupboard at their screens. What is learnt
//! from it, how much wrong labels it takes to spoil that, and how an attacker gets by.

use std::collections::BTreeSet;

use secnet_app::Unreadable;
use secnet_app::ports::{Change, EntryKind, EntryName};
use secnet_crypto::KeyFileParams;
use secnet_guard::{Event, Guard, Learnt, Model, Observed};
use secnet_types::{
    Action, Amount, Category, DatasetId, FeatureVector, Labels, MemberId, Purpose, Timestamp,
};

use super::fit::{Goal, Unfit, fit};
use super::force::{put, standing};
use super::rows::Row;
use super::{seen, unreadable};
use crate::node::Node;

const SECOND: u64 = 1000;
const HOUR: u64 = 3600 * SECOND;
const DAY: u64 = 24 * HOUR;
/// Monday 2026-01-05, midnight.
const MONDAY: u64 = 1_767_571_200_000;
const NURSES: u8 = 12;
/// Made-up wards of each kind.
const SEEDS: u64 = 5;

struct Ward {
    guard: Guard,
    state: u64,
    rows: Vec<Row>,
}

impl Ward {
    fn new(seed: u64) -> Self {
        Self { guard: Guard::new(Model::default()), state: seed, rows: Vec::new() }
    }

    /// A number below `n` (SplitMix64).
    fn below(&mut self, n: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn ask(&mut self, who: u8, (dataset, purpose): (u64, Purpose), at: u64) -> FeatureVector {
        let event = Event {
            requester: MemberId([who; 32]),
            dataset: DatasetId([u8::try_from(dataset).unwrap(); 16]),
            purpose,
            action: Action::Read,
            records: u32::try_from(1 + self.below(3)).unwrap(),
            categories: BTreeSet::from([Category::Laboratory]),
            labels: Labels::NONE,
            emergency: false,
            at: Timestamp(at),
            door: "http".into(),
            source: None,
            price: Some(Amount::ZERO),
            own_key: true,
        };
        let features = self.guard.features(&event);
        self.guard.observe(&event, Observed::Allowed);
        features
    }

    fn note(&mut self, features: FeatureVector, at: u64, purpose: Purpose, misuse: bool) {
        let treated = !misuse && purpose == Purpose::Treatment;
        let time = Timestamp(at);
        self.rows.push(Row { features, time, misuse, said_fine: false, treated });
    }

    /// A day: each nurse reads a few records, now and then two at once. `burst`: somebody at this one's screen reads so many
    /// records, one every so often, from this time of day on; he says it is research.
    fn day(&mut self, day: u64, burst: Option<(u8, u64, u64, u64)>) {
        let mut asked: Vec<(u64, u8, Purpose, bool)> = Vec::new();
        for who in 1..=NURSES {
            for _ in 0..3 + self.below(3) {
                let at = 7 * HOUR + self.below(11 * HOUR);
                let purpose =
                    if self.below(5) == 0 { Purpose::Research } else { Purpose::Treatment };
                asked.push((at, who, purpose, false));
                if self.below(4) == 0 {
                    asked.push((at + 20 * SECOND, who, purpose, false));
                }
            }
        }
        if let Some((who, count, apart, from)) = burst {
            let each = (0..count).map(|n| (from + n * apart, who, Purpose::Research, true));
            asked.extend(each);
        }
        asked.sort_unstable();
        for (at, who, purpose, misuse) in asked {
            let at = MONDAY + day * DAY + at;
            let dataset = self.below(6);
            let features = self.ask(who, (dataset, purpose), at);
            self.note(features, at, purpose, misuse);
        }
    }

    /// Twenty days with six bursts at work's hours.
    fn month(seed: u64) -> Self {
        let mut ward = Self::new(seed);
        for day in 0..20 {
            let who = 1 + u8::try_from(day % u64::from(NURSES)).unwrap();
            let from = 8 * HOUR + ward.below(9 * HOUR);
            let burst = (day >= 8 && day % 2 == 0).then_some((who, 18, 3 * SECOND, from));
            ward.day(day, burst);
        }
        ward
    }
}

fn learn(rows: &[Row]) -> Result<Learnt, Unfit> {
    fit(rows, (Timestamp(MONDAY + 30 * DAY), Timestamp(MONDAY + 120 * DAY)), Goal::Hold)
}

/// The same ward with other chances: what a model does to a month that it knows nothing of. Recall and false-positive rate.
fn elsewhere(learnt: &Learnt, seed: u64) -> (f64, f64) {
    let rows = Ward::month(seed).rows;
    let share = |misuse: bool| {
        let of: Vec<&Row> = rows.iter().filter(|row| row.misuse == misuse).collect();
        let held = of.iter().filter(|row| learnt.holds(&row.features)).count();
        held as f64 / of.len() as f64
    };
    (share(true), share(false))
}

#[test]
fn what_a_burst_looks_like_is_learnt_and_holds_for_another_month() {
    let ward = Ward::month(1);
    let learnt = learn(&ward.rows).unwrap();
    assert_eq!(learnt.to_bytes(), learn(&ward.rows).unwrap().to_bytes(), "twice the same bytes");
    let of = learnt.parts().card.held_back;
    assert!(of.hits >= 10 && of.precision.0 >= 7500, "{of:?}");
    assert!(ward.rows.iter().all(|row| !row.treated || !learnt.holds(&row.features)));
    let (recall, alarms) = elsewhere(&learnt, 2);
    println!("recall {recall:.3}, false positives {alarms:.4}");
    assert!(recall >= 0.7 && alarms <= 0.01, "{recall} {alarms}");
}

#[test]
fn a_model_for_flags_finds_no_more_than_it_is_to_find() {
    let ward = Ward::month(1);
    let times = (Timestamp(MONDAY + 30 * DAY), Timestamp(MONDAY + 120 * DAY));
    for percent in [2, 5] {
        let learnt = fit(&ward.rows, times, Goal::Flag(percent)).unwrap();
        let rows = Ward::month(3).rows;
        let flagged = rows.iter().filter(|row| learnt.holds(&row.features)).count();
        let share = flagged as f64 / rows.len() as f64;
        let most = percent as f64 / 100.0;
        assert!(share > most / 10.0 && share < most * 2.0, "{percent} %: {share}");
        let wrong = rows.iter().filter(|row| learnt.holds(&row.features) && !row.misuse).count();
        assert!(wrong * 4 < flagged, "{wrong} of {flagged}");
    }
}

#[test]
fn with_too_little_nothing_is_learnt_and_it_is_said_with_numbers() {
    let ward = Ward::month(1);
    let few: Vec<Row> = ward.rows.iter().filter(|row| !row.misuse).cloned().collect();
    let error = learn(&few).unwrap_err();
    assert!(error.to_string().contains("0 requests that were misuse"), "{error}");
    assert!(matches!(learn(&[]), Err(Unfit::TooLittle { .. })));
}

#[test]
fn from_labels_that_mean_nothing_nothing_is_learnt() {
    for seed in 1..5 {
        let mut ward = Ward::new(seed);
        for day in 0..20 {
            ward.day(day, None);
        }
        let mut rows = std::mem::take(&mut ward.rows);
        for row in &mut rows {
            row.misuse = ward.below(8) == 0;
            row.treated &= !row.misuse;
        }
        let error = learn(&rows).unwrap_err();
        assert!(matches!(error, Unfit::Uncertain { .. } | Unfit::Nothing(_)), "{error}");
    }
}

/// Labels turned at random: misuse nobody reported, and work that somebody called misuse.
fn poisoned(seed: u64, (silent, slandered): (u64, u64)) -> Vec<Row> {
    let mut ward = Ward::month(seed);
    let mut rows = std::mem::take(&mut ward.rows);
    for row in &mut rows {
        let turned = ward.below(1000) < if row.misuse { silent } else { slandered };
        if turned {
            row.misuse = !row.misuse;
            // What the misuse was said to be for is research: nobody's treatment.
            row.treated &= !row.misuse;
        }
    }
    rows
}

/// Recall, averaged over the seeds of which a model came, and the most false positives of any of these; how many models.
fn spoilt(silent: u64, slandered: u64) -> (f64, f64, usize) {
    let mut figures = Vec::new();
    for seed in 1..=SEEDS {
        match learn(&poisoned(seed, (silent, slandered))) {
            Ok(learnt) => figures.push(elsewhere(&learnt, seed + 100)),
            Err(error) => println!("  seed {seed}: {error}"),
        }
    }
    let recall =
        figures.iter().map(|(recall, _)| recall).sum::<f64>() / figures.len().max(1) as f64;
    let alarms = figures.iter().map(|(_, alarms)| *alarms).fold(0.0, f64::max);
    let least = figures.iter().map(|(recall, _)| *recall).fold(1.0, f64::min);
    println!(
        "{silent} and {slandered} of 1000: {} of {SEEDS} learnt, recall {recall:.3} (least {least:.3}), false positives at most {alarms:.4}",
        figures.len()
    );
    (recall, alarms, figures.len())
}

#[test]
fn wrong_labels_up_to_stated_shares_leave_the_stated_figures_or_no_model() {
    // In thousandths of the misuse that is not reported, and of the other requests that are called misuse.
    for (silent, slandered) in [(0, 0), (20, 0), (50, 0), (100, 0), (200, 0), (0, 10), (50, 10)] {
        let (recall, alarms, learnt) = spoilt(silent, slandered);
        assert!(alarms <= 0.01, "{silent} {slandered}: {alarms}");
        assert!(learnt == 0 || recall >= 0.6, "{silent} {slandered}: {recall}");
        assert!(silent > 0 || learnt >= 4, "{silent} {slandered}: only {learnt} learnt");
    }
}

#[test]
fn slander_beyond_that_does_not_get_work_held() {
    for slandered in [50, 100, 200, 400] {
        let (_, alarms, _) = spoilt(0, slandered);
        assert!(alarms <= 0.01, "{slandered}: {alarms}");
    }
}

/// How many of an attacker's requests are not held in eight hours of a working day, if he asks once every `apart`.
fn got_through(learnt: &Learnt, apart: u64) -> usize {
    let mut ward = Ward::new(77);
    for day in 0..10 {
        ward.day(day, None);
    }
    ward.rows.clear();
    ward.day(10, Some((3, 8 * HOUR / apart, apart, 8 * HOUR)));
    let his = ward.rows.iter().filter(|row| row.misuse);
    his.filter(|row| !learnt.holds(&row.features)).count()
}

#[test]
fn an_attacker_who_spreads_his_requests_out_gets_fewer_of_them() {
    let learnt = learn(&Ward::month(1).rows).unwrap();
    let mut most = 0;
    for seconds in [1, 3, 5, 10, 15, 20, 30, 60, 120, 300, 900] {
        let passed = got_through(&learnt, seconds * SECOND);
        println!("one every {seconds} s: {passed} of {} in eight hours", 8 * 3600 / seconds);
        most = most.max(passed);
    }
    // What is learnt is the pace of the bursts that were reported: under it he is not found, and gets a tenth of what he would
    // have got at one a second.
    assert!(most <= 2880, "{most}");
    assert!(got_through(&learnt, 3 * SECOND) <= 5);
}

#[tokio::test]
async fn a_file_that_is_lost_or_damaged_is_told_of_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("clinic");
    let node = Node::create_at_cost(&dir, "clinic", "horse", KeyFileParams::LEAST).await.unwrap();
    let mut parts = learn(&Ward::month(1).rows).unwrap().parts().clone();
    parts.expires = Timestamp(u64::MAX);
    let learnt = Learnt::new(parts).unwrap();
    for watches in [true, false] {
        put(&node, &learnt, &standing(&learnt, Unreadable::Hold), watches).await.unwrap();
        assert!(unreadable(&node).await.unwrap().is_empty());
        for file in [None, Some(b"SNLEARN\x01".to_vec())] {
            let name = EntryName::new(EntryKind::LearntModel, &[], &learnt.digest().0);
            node.pdc.archive.write(vec![Change { name, value: file }]).await.unwrap();
            let told = unreadable(&node).await.unwrap();
            assert_eq!((told.len(), told[0].0), (1, learnt.digest()));
            let status = seen(&node, &[]).await.unwrap();
            assert!(status[0].value["unreadable"].is_string(), "{:?}", status[0].value);
            assert!(status[0].lines[1].contains("cannot be read"), "{:?}", status[0].lines);
        }
        put(&node, &learnt, &standing(&learnt, Unreadable::Hold), watches).await.unwrap();
        assert!(unreadable(&node).await.unwrap().is_empty());
    }
}

#[test]
fn a_slower_pace_that_was_reported_is_learnt_too() {
    let mut ward = Ward::month(1);
    for day in [21, 22] {
        ward.day(day, Some((5, 100, 10 * SECOND, 9 * HOUR)));
    }
    let learnt = learn(&ward.rows).unwrap();
    let passed = got_through(&learnt, 10 * SECOND);
    println!("one every 10 s, after two hundred such reads were reported: {passed} of 2880");
    assert!(passed <= 288, "{passed}");
    let (recall, alarms) = elsewhere(&learnt, 2);
    println!("  and in another month: recall {recall:.3}, false positives {alarms:.4}");
    assert!(alarms <= 0.01, "{alarms}");
}
