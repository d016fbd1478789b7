//! From rows to a model: grown on the older requests, its threshold set on them too, measured on the newest.

use secnet_guard::Learnt;
use secnet_guard::learnt::{
    HeldBack, Input, LearntCard, LearntFrom, LearntParts, Next, Node, OwnPast, SCORE_UNIT, Tree,
};
use secnet_learn::{
    Growth, LearnError, WHOLE_UNIT, WholeNext, WholeTrees, Z95, Z95_ONE_SIDED, grow_whole, wilson,
};
use secnet_types::{Digest, Feature, FeatureVector, Timestamp};

use super::rows::{Row, inputs, ordinary, table};
use crate::verbs::rules;

/// Misuse of which a fifth is evidence enough; below, it is two fifths.
const MANY: usize = 150;
/// Parts of the older rows, each scored by trees grown on the others, to set the threshold.
const FOLDS: usize = 4;
/// The lower end of the precision on the newest requests must reach this.
pub(super) const LEAST_PRECISION: f64 = 0.8;
const SEED: u64 = 1;
const _: () = assert!(SCORE_UNIT == WHOLE_UNIT);

/// Small trees, few of them: there is little to learn from, and each is asked at every request. With eight leaves none is deeper
/// than seven questions.
const GROWTH: Growth =
    Growth { trees: 60, leaves: 8, rate: 0.1, least_rows: 5, ridge: 1.0, features: 1.0, rows: 1.0 };

/// For flags: more trees that each add less and look at parts of rows and columns, since misuse is of many kinds there.
const FLAGGING: Growth = Growth {
    trees: 200,
    leaves: 8,
    rate: 0.04,
    least_rows: 10,
    ridge: 5.0,
    features: 0.6,
    rows: 0.8,
};

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// Uses that it finds are to wait for their owner: right 80 times in 100, and never treatment that nobody objected to.
    Hold,
    /// It watches, and what it finds is looked at afterwards: about so many in a hundred of all uses, as trees grown on other
    /// stretches of time score them.
    Flag(u64),
}

impl Goal {
    const fn growth(self) -> Growth {
        match self {
            Self::Hold => GROWTH,
            Self::Flag(_) => FLAGGING,
        }
    }
}

/// Why no model came of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    #[error(
        "there is too little to learn from: {misuse} requests that were misuse and {fine} that were not; at least {needed_misuse} and {needed_fine} are needed for a model whose holds are right 80 times in 100"
    )]
    TooLittle { misuse: usize, fine: usize, needed_misuse: usize, needed_fine: usize },
    #[error("nothing can be learnt from what was recorded")]
    Learn(#[from] LearnError),
    #[error("nothing sets the misuse apart from the rest: {0}")]
    Nothing(String),
    #[error(
        "of the {misuse} newest misuse that it was not learnt from it would have held {hits}, and {false_alarms} of the {others} others: too uncertain"
    )]
    Uncertain { hits: u32, misuse: u32, false_alarms: u32, others: u32 },
}

/// Learn a model. Rows come oldest first. What it would have done in the own past the caller adds.
pub(super) fn fit(
    rows: &[Row],
    (now, expires): (Timestamp, Timestamp),
    goal: Goal,
) -> Result<Learnt, Unfit> {
    let misuse = rows.iter().filter(|row| row.misuse).count();
    let fine = rows.len() - misuse;
    let (needed_misuse, needed_fine) = rules::needed(misuse);
    if misuse < needed_misuse || fine < needed_fine {
        return Err(Unfit::TooLittle { misuse, fine, needed_misuse, needed_fine });
    }
    let share = if misuse < MANY { 0.4 } else { 0.2 };
    let (older, newest) = by_time(rows, share);
    let inputs = inputs(&older);
    if inputs.is_empty() {
        return Err(Unfit::Nothing("all requests look the same".into()));
    }
    let data = table(&inputs, &rows.iter().collect::<Vec<_>>())?.digest();
    let grown = grow_whole(&table(&inputs, &older)?, goal.growth(), SEED)?;
    let card = card(rows, data, now);
    let mut parts = parts(&inputs, &grown, ordinary(&inputs, &older), (expires, card));
    parts.hold_at = threshold(&inputs, &older, (&parts, goal))?;
    drop_unasked(&mut parts);
    let unusable = |error: secnet_guard::learnt::LearntError| Unfit::Nothing(error.to_string());
    let learnt = Learnt::new(parts.clone()).map_err(unusable)?;
    parts.card.held_back = measured(&learnt, &newest);
    let held_back = parts.card.held_back;
    let HeldBack { hits, misses, false_alarms, passes, .. } = held_back;
    let flagged = (hits + false_alarms) as usize;
    let (misuse, others) = (hits + misses, false_alarms + passes);
    let precision = wilson(hits as usize, flagged, Z95_ONE_SIDED).low;
    let is_uncertain = match goal {
        Goal::Hold => precision < LEAST_PRECISION,
        // What is only looked at must be right more often than what is drawn.
        Goal::Flag(_) => precision <= f64::from(misuse) / f64::from((misuse + others).max(1)),
    };
    if is_uncertain {
        return Err(Unfit::Uncertain { hits, misuse, false_alarms, others });
    }
    Learnt::new(parts).map_err(unusable)
}

/// The older rows and the newest, this share of each kind.
fn by_time(rows: &[Row], share: f64) -> (Vec<&Row>, Vec<&Row>) {
    let count = |misuse: bool| rows.iter().filter(|row| row.misuse == misuse).count();
    let kept = |misuse: bool| {
        let all = count(misuse);
        all - part(all, share)
    };
    let (mut left_misuse, mut left_fine) = (kept(true), kept(false));
    rows.iter().partition(|row| {
        let left = if row.misuse { &mut left_misuse } else { &mut left_fine };
        let older = *left > 0;
        *left = left.saturating_sub(1);
        older
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a count of rows"
)]
fn part(count: usize, share: f64) -> usize {
    (count as f64 * share).round() as usize
}

fn parts(
    inputs: &[Input],
    grown: &WholeTrees,
    ordinary: FeatureVector,
    (expires, card): (Timestamp, LearntCard),
) -> LearntParts {
    let next = |next: WholeNext| match next {
        WholeNext::Node(index) => Next::Node(index),
        WholeNext::Leaf(points) => Next::Leaf(points),
    };
    let tree = |nodes: &Vec<secnet_learn::WholeNode>| Tree {
        nodes: nodes
            .iter()
            .map(|node| Node {
                input: node.column,
                cut: node.cut,
                absent_left: node.missing_left,
                left: next(node.left),
                right: next(node.right),
            })
            .collect(),
    };
    LearntParts {
        inputs: inputs.to_vec(),
        ordinary,
        start: grown.start,
        trees: grown.trees.iter().map(tree).collect(),
        hold_at: 0,
        expires,
        card,
    }
}

/// Leave out inputs that no tree asks about: they would be named as if they mattered.
fn drop_unasked(parts: &mut LearntParts) {
    let nodes = || parts.trees.iter().flat_map(|tree| &tree.nodes);
    let asked: std::collections::BTreeSet<u32> = nodes().map(|node| node.input).collect();
    let places = |input: u32| asked.range(..input).count();
    for node in parts.trees.iter_mut().flat_map(|tree| &mut tree.nodes) {
        node.input = u32::try_from(places(node.input)).unwrap_or(u32::MAX);
    }
    let mut place = 0;
    parts.inputs.retain(|_| {
        let kept = asked.contains(&place);
        place += 1;
        kept
    });
    let features: Vec<Feature> = parts.inputs.iter().map(Input::feature).collect();
    let others = Feature::ALL.iter().filter(|feature| !features.contains(feature));
    others.for_each(|feature| parts.ordinary.remove(*feature));
}

/// From which score on a request is held: where the older rows, each scored by trees that did not see it, are told apart best
/// (F1), and above whatever a use for treatment that nobody objected to gets.
fn threshold(
    inputs: &[Input],
    older: &[&Row],
    (whole, goal): (&LearntParts, Goal),
) -> Result<i64, Unfit> {
    let mut scored: Vec<(i64, &Row)> = Vec::with_capacity(older.len());
    for fold in 0..FOLDS {
        let (aside, others) = fold_of(older, fold);
        let grown = grow_whole(&table(inputs, &others)?, goal.growth(), SEED)?;
        let parts = parts(inputs, &grown, whole.ordinary.clone(), (whole.expires, whole.card));
        scored.extend(aside.into_iter().map(|row| (score(&parts, &row.features), row)));
    }
    scored.sort_by_key(|(score, _)| core::cmp::Reverse(*score));
    let ordinary = score(whole, &whole.ordinary);
    if let Goal::Flag(percent) = goal {
        let most = scored.len() * usize::try_from(percent).unwrap_or(100) / 100;
        let above = scored.get(most).map_or(i64::MIN, |(score, _)| *score);
        return Ok(above.saturating_add(1).max(ordinary + 1));
    }
    let positives = scored.iter().filter(|(_, row)| row.misuse).count();
    let (mut hits, mut flagged, mut best) = (0_usize, 0_usize, (0.0, i64::MAX));
    let groups: Vec<&[(i64, &Row)]> = scored.chunk_by(|a, b| a.0 == b.0).collect();
    for (at, group) in groups.iter().enumerate() {
        hits += group.iter().filter(|(_, row)| row.misuse).count();
        flagged += group.len();
        let f1 = 2.0 * hits as f64 / (flagged + positives) as f64;
        let this = group.first().map_or(0, |(score, _)| *score);
        // Halfway to the next lower score, so that what is a little less alike is held too.
        let below = groups.get(at + 1).and_then(|group| group.first()).map(|(score, _)| *score);
        if f1 > best.0 {
            best = (f1, below.map_or(this, |below| below + (this - below + 1) / 2));
        }
    }
    let treated = scored.iter().filter(|(_, row)| row.treated);
    let most = treated.map(|(out, row)| (*out).max(score(whole, &row.features))).max();
    Ok(best.1.max(most.map_or(i64::MIN, |most| most + 1)).max(ordinary + 1))
}

/// A quarter of the rows of each kind, of one stretch of time, and the others: requests of one burst are not on both sides.
fn fold_of<'r>(rows: &[&'r Row], fold: usize) -> (Vec<&'r Row>, Vec<&'r Row>) {
    let count = |misuse: bool| rows.iter().filter(|row| row.misuse == misuse).count().max(1);
    let (misuse, fine) = (count(true), count(false));
    let (mut seen_misuse, mut seen_fine) = (0, 0);
    rows.iter().copied().partition(|row| {
        let (seen, of) =
            if row.misuse { (&mut seen_misuse, misuse) } else { (&mut seen_fine, fine) };
        let mine = *seen * FOLDS / of;
        *seen += 1;
        mine == fold
    })
}

/// As a model of these parts would score, checked or not.
fn score(parts: &LearntParts, features: &FeatureVector) -> i64 {
    secnet_guard::learnt::score(parts, features)
}

fn card(rows: &[Row], data: Digest, at: Timestamp) -> LearntCard {
    let count = |which: fn(&Row) -> bool| small(rows.iter().filter(|row| which(row)).count());
    let (misuse, said_fine) = (count(|row| row.misuse), count(|row| row.said_fine));
    let requests = small(rows.len());
    let none = Timestamp(0);
    LearntCard {
        at,
        from: LearntFrom {
            data,
            requests,
            misuse,
            said_fine,
            presumed_fine: requests - misuse - said_fine,
            oldest: rows.first().map_or(none, |row| row.time),
            newest: rows.last().map_or(none, |row| row.time),
        },
        held_back: HeldBack {
            misuse_since: none,
            others_since: none,
            hits: 0,
            misses: 0,
            false_alarms: 0,
            passes: 0,
            precision: (0, 10_000),
            recall: (0, 10_000),
            false_positive_rate: (0, 10_000),
        },
        past: OwnPast { days: 0, requests: 0, would_hold: 0, objected_to: 0, requesters: 0 },
    }
}

fn measured(learnt: &Learnt, newest: &[&Row]) -> HeldBack {
    let count = |misuse: bool, held: bool| {
        let of = newest.iter().filter(|row| row.misuse == misuse);
        of.filter(|row| learnt.holds(&row.features) == held).count()
    };
    let since = |misuse: bool| {
        newest.iter().find(|row| row.misuse == misuse).map_or(Timestamp(0), |row| row.time)
    };
    let (hits, misses) = (count(true, true), count(true, false));
    let (false_alarms, passes) = (count(false, true), count(false, false));
    HeldBack {
        misuse_since: since(true),
        others_since: since(false),
        hits: small(hits),
        misses: small(misses),
        false_alarms: small(false_alarms),
        passes: small(passes),
        precision: bounds(hits, hits + false_alarms),
        recall: bounds(hits, hits + misses),
        false_positive_rate: bounds(false_alarms, false_alarms + passes),
    }
}

pub(super) fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// A 95 % interval in basis points, rounded outwards.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 10,000")]
fn bounds(hits: usize, of: usize) -> (u16, u16) {
    let interval = wilson(hits, of, Z95);
    let points = |share: f64| (share * 10_000.0).clamp(0.0, 10_000.0);
    (points(interval.low).floor() as u16, points(interval.high).ceil() as u16)
}
