//! Evaluations on streams: each event is judged with what was known before it.
//!
//! The novelty detector's recipe is the library's default for every stream. Its distance, horizons and cap were compared on both
//! `smtp` and `http`; docs/guard.md says how.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use secnet_learn::stream::{
    Discoveries, Novelty, NoveltyRecipe, StreamError, Tail, TailRecipe, Verdict,
};
use secnet_learn::{
    Confusion, CurvePoint, Kind, Late, LateRecipe, LearnError, Ranked, Table, Values,
};

use super::load::{LoadError, Sheet};
use super::members;
use super::proofs;
use super::tasks::Figure;

/// Share of ordinary events that may raise an alarm.
const ALARM_RATE: f64 = 1e-3;
/// Share of discoveries that may be false, and how far above it the realised share may be.
const FALSE_DISCOVERIES: f64 = 0.1;
const FALSE_DISCOVERIES_BAR: f64 = 1.2 * FALSE_DISCOVERIES;
/// Events after which a label is told, and the part of a labelled stream that nothing is judged in.
const LATE: usize = 250;
const WARM_PART: usize = 10;
/// How often progress is told.
pub(crate) const STEPS: usize = 100;
/// Events of the stream that is made up, how many of them are odd, and how far from the ordinary.
const MADE_UP: usize = 50_000;
const ODD_SHARE: f64 = 0.01;
const ODD_SHIFT: f64 = 6.0;
/// None among the first: a tail that is fitted to odd scores takes them for ordinary ones.
const ODD_FROM: usize = MADE_UP / 5;

/// What one seed gave.
#[derive(Debug, Default)]
pub(crate) struct StreamRun {
    pub seed: u64,
    pub figures: BTreeMap<Figure, f64>,
    pub intervals: BTreeMap<Figure, (f64, f64)>,
    pub curve: Vec<CurvePoint>,
    pub learnt: usize,
    pub judged: usize,
    pub seconds: f64,
    /// What was learnt, as sentences, by whom.
    pub rules: Vec<(String, String)>,
}

/// How: the folder, the seed, and what to call as it goes on.
type Evaluate = fn(&Path, u64, &mut dyn FnMut()) -> Result<StreamRun, LoadError>;

/// One evaluation on a stream.
pub(crate) struct StreamTask {
    pub name: &'static str,
    pub folder: &'static str,
    pub about: &'static str,
    pub run: Evaluate,
    pub bars: &'static [(Figure, f64)],
}

impl StreamTask {
    /// The folder: its own in the data folder, or the data folder itself.
    pub(crate) fn folder(&self, data: &Path) -> PathBuf {
        let own = data.join(self.folder);
        if own.is_dir() { own } else { data.to_owned() }
    }
}

/// Every evaluation of this kind.
pub(crate) fn all() -> [StreamTask; 9] {
    [
        StreamTask {
            name: "smtp",
            folder: "adbench",
            about: "unlike connections to a mail server, a stream without labels",
            run: |dir, seed, progress| novelty(dir, "smtp.csv", seed, progress),
            bars: &[(Figure::PrAuc, 0.36), (Figure::EventsPerSecond, 20_000.0)],
        },
        StreamTask {
            name: "http",
            folder: "adbench",
            about: "unlike connections to a web server, a stream without labels",
            run: |dir, seed, progress| novelty(dir, "http.csv", seed, progress),
            bars: &[(Figure::Auc, 0.995)],
        },
        StreamTask {
            name: "cicids2017",
            folder: "cicids2017-sample",
            about: "attacks of one kind after the other, each label told 250 events late",
            run: |dir, seed, progress| late(dir, seed, LATE, progress),
            bars: &[(Figure::F1, 0.95)],
        },
        StreamTask {
            name: "cicids2017-at-once",
            folder: "cicids2017-sample",
            about: "the same, each label told before the next event: what the delay costs",
            run: |dir, seed, progress| late(dir, seed, 1, progress),
            bars: &[],
        },
        StreamTask {
            name: "stream-discoveries",
            folder: "",
            about: "a stream that is made up, to see whether the stated rates hold; needs no data",
            run: |_, seed, progress| made_up(seed, progress),
            bars: &[(Figure::FalseDiscoveryRate, FALSE_DISCOVERIES_BAR)],
        },
        StreamTask {
            name: "flad",
            folder: "cicddos2019-flad",
            about: "four members learn rules on their own attacks, the union is measured on all",
            run: members::run,
            bars: &[(Figure::UnionF1, 0.975), (Figure::UnionFalsePositiveRate, 0.02)],
        },
        StreamTask {
            name: "ward-proofs",
            folder: "ward",
            about: "how often a hospital's staff, and who has somebody's session, is asked for a proof; made up by seed",
            run: proofs::run,
            bars: &[],
        },
        StreamTask {
            name: "ward-strange",
            folder: "ward",
            about: "the same of requests that are unlike all before, with what the hospital says of who looks after whom",
            run: proofs::strange,
            bars: &[],
        },
        StreamTask {
            name: "ward-strange-by-rule",
            folder: "ward",
            about: "the same if a rule asked for a proof from a strangeness of 1,000 on",
            run: proofs::strange_by_rule,
            bars: &[],
        },
    ]
}

/// A stream of numbers without labels; labels only measure.
fn novelty(
    dir: &Path,
    file: &str,
    seed: u64,
    progress: &mut dyn FnMut(),
) -> Result<StreamRun, LoadError> {
    let table = Sheet::read(dir, file)?.table(("label", "1"), &[], |_| Some(Kind::Numeric))?;
    table.require_both_classes()?;
    let events = events(&table);
    let recipe = NoveltyRecipe::default();
    let mut detector = Novelty::new(table.columns().len(), recipe, seed).map_err(broken)?;
    let mut scores = Vec::with_capacity(events.len());
    let begun = Instant::now();
    for (at, event) in events.iter().enumerate() {
        scores.push(detector.observe(event).map_err(broken)?);
        tell(at, events.len(), progress);
    }
    let seconds = begun.elapsed().as_secs_f64();
    let mut run = StreamRun { seed, seconds, judged: events.len(), ..StreamRun::default() };
    run.figures.insert(Figure::EventsPerSecond, events.len() as f64 / seconds.max(1e-9));
    run.measure_scores(&scores, table.labels())?;
    Ok(run)
}

/// A stream whose labels are told so many events late; the first tenth only warms up.
fn late(
    dir: &Path,
    seed: u64,
    delay: usize,
    progress: &mut dyn FnMut(),
) -> Result<StreamRun, LoadError> {
    let sheet = Sheet::read(dir, "flows.csv")?;
    let table = sheet.table(("label", "1"), &["seq"], |_| Some(Kind::Numeric))?;
    table.require_both_classes()?;
    let (events, labels) = (events(&table), table.labels());
    let warm = events.len() / WARM_PART;
    let mut learner = Late::new(table.columns().len(), LateRecipe::default(), seed);
    let mut judged = Vec::with_capacity(events.len());
    let begun = Instant::now();
    for (at, (event, label)) in events.iter().zip(labels).enumerate() {
        let due = at.checked_sub(delay);
        if let Some((past, label)) = due.and_then(|due| Some((events.get(due)?, labels.get(due)?)))
        {
            learner.tell(past, *label)?;
        }
        if at >= warm {
            judged.push((learner.judge(event)?.is_wrong(), *label));
        }
        tell(at, events.len(), progress);
    }
    let seconds = begun.elapsed().as_secs_f64();
    let counts = (events.len(), judged.len());
    let confusion = Confusion::of(judged);
    let interval = confusion.false_positive_interval();
    let mut run =
        StreamRun { seed, seconds, learnt: counts.0, judged: counts.1, ..StreamRun::default() };
    run.intervals.insert(Figure::FalsePositiveRate, (interval.low, interval.high));
    run.figures.extend([
        (Figure::F1, confusion.f1()),
        (Figure::FalsePositiveRate, confusion.false_positive_rate()),
        (Figure::Recall, confusion.recall()),
        (Figure::EventsPerSecond, events.len() as f64 / seconds.max(1e-9)),
    ]);
    Ok(run)
}

/// Ordinary scores are normal, odd ones lie a fixed distance above.
fn made_up(seed: u64, progress: &mut dyn FnMut()) -> Result<StreamRun, LoadError> {
    let mut state = seed;
    let mut unit = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    };
    let (mut scores, mut labels) = (Vec::new(), Vec::new());
    for at in 0..MADE_UP {
        let odd = at >= ODD_FROM && unit() < ODD_SHARE;
        let radius = (-2.0 * unit().max(1e-300).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * unit()).cos();
        scores.push(normal + if odd { ODD_SHIFT } else { 0.0 });
        labels.push(odd);
        tell(at, MADE_UP, progress);
    }
    let mut run = StreamRun { seed, judged: MADE_UP, ..StreamRun::default() };
    run.measure_scores(&scores, &labels)?;
    Ok(run)
}

impl StreamRun {
    /// Ranking, alarms at the stated rate, discoveries.
    fn measure_scores(&mut self, scores: &[f64], labels: &[bool]) -> Result<(), LoadError> {
        let ranked = Ranked::new(scores, labels).map_err(LearnError::from)?;
        self.figures.extend([
            (Figure::Auc, ranked.auc()),
            (Figure::PrAuc, ranked.average_precision()),
            (Figure::RecallAtThousandth, ranked.recall_at(0.001)),
            (Figure::RecallAtHundredth, ranked.recall_at(0.01)),
        ]);
        self.curve = ranked.curve().collect();
        let recipe = TailRecipe { rate: ALARM_RATE, ..TailRecipe::default() };
        let mut tail = Tail::new(recipe).map_err(broken)?;
        let mut picked = Discoveries::new(FALSE_DISCOVERIES).map_err(broken)?;
        let (mut alarms, mut found) = (Vec::new(), Vec::new());
        for (score, label) in scores.iter().zip(labels) {
            let Verdict { is_alarm, p_value, .. } = tail.observe(*score).map_err(broken)?;
            alarms.push((is_alarm, *label));
            found.push((picked.observe(p_value), *label));
        }
        let (alarms, found) = (Confusion::of(alarms), Confusion::of(found));
        let interval = alarms.false_positive_interval();
        self.intervals.insert(Figure::AlarmRate, (interval.low, interval.high));
        // No discovery, no false one.
        let wrong =
            if found.hits + found.false_alarms == 0 { 0.0 } else { 1.0 - found.precision() };
        self.figures.extend([
            (Figure::AlarmRate, alarms.false_positive_rate()),
            (Figure::AlarmRecall, alarms.recall()),
            (Figure::FalseDiscoveryRate, wrong),
            (Figure::DiscoveryRecall, found.recall()),
        ]);
        Ok(())
    }
}

/// The numbers of each row.
fn events(table: &Table) -> Vec<Vec<f64>> {
    let mut events = vec![Vec::with_capacity(table.columns().len()); table.rows()];
    for column in table.columns() {
        if let Values::Numeric(numbers) = column.values() {
            events.iter_mut().zip(numbers).for_each(|(event, number)| event.push(*number));
        }
    }
    events
}

pub(super) fn tell(at: usize, all: usize, progress: &mut dyn FnMut()) {
    if (at + 1).is_multiple_of((all / STEPS).max(1)) {
        progress();
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn broken(error: StreamError) -> LoadError {
    LoadError::Stream(error.to_string())
}
