//! One task, seed by seed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secnet_learn::rules::{RuleList, RuleRecipe, learn_rules};
use secnet_learn::{
    CurvePoint, Kind, LearnError, Model, Ranked, Recipe, Spread, Table, learn_beside,
};

use super::load::LoadError;
use super::sets::Loaded;
use super::tasks::{Figure, Task};

/// What one seed gave.
#[derive(Debug)]
pub(crate) struct Run {
    pub seed: u64,
    pub figures: BTreeMap<Figure, f64>,
    /// Lower and upper end of the 95 % interval, for shares of counted rows.
    pub intervals: BTreeMap<Figure, (f64, f64)>,
    pub model: Model,
    pub rules: Option<RuleList>,
    /// Learnt rules whose declared precision holds on the test rows.
    pub bounds_held: usize,
    pub curve: Vec<CurvePoint>,
    pub scores: Vec<Score>,
    pub seconds: f64,
    pub train_rows: usize,
    pub test_rows: usize,
}

/// What one test row was taken for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Score {
    /// Its place in the table, from 0; in a file that is one table the line below the header.
    pub row: usize,
    pub label: bool,
    pub chance: f64,
    /// Does a rule match it?
    pub flagged: bool,
}

/// The folder of a task: its own in the data folder, or the data folder itself.
pub(crate) fn folder(task: &Task, data: &Path) -> PathBuf {
    let own = data.join(task.folder);
    if own.is_dir() { own } else { data.to_owned() }
}

/// The recipe for this table: text columns need the linear model, numbers the trees.
pub(crate) fn fitting(recipe: Recipe, table: &Table) -> Recipe {
    let has = |kind: Kind| table.columns().iter().any(|column| column.kind() == kind);
    let linear = recipe.linear.or_else(|| has(Kind::Text).then(Default::default));
    let only_text = !has(Kind::Numeric) && !has(Kind::Categorical);
    Recipe { linear, trees: if only_text { None } else { recipe.trees }, ..recipe }
}

/// How often `progress` is called for one seed, at most.
pub(crate) fn steps(task: &Task) -> usize {
    let linear = task.recipe.linear.unwrap_or_default().passes;
    let rules = if task.rules.is_some() { RuleRecipe::STEPS } else { 0 };
    task.recipe.steps() + linear + rules
}

/// Learn from the training rows, measure on the test rows.
pub(crate) fn run(
    task: &Task,
    data: &Path,
    seed: u64,
    progress: &mut dyn FnMut(),
) -> Result<Run, LoadError> {
    let loaded = (task.load)(&folder(task, data), seed)?;
    loaded.table.require_both_classes()?;
    let train = loaded.table.part(loaded.split.train());
    let test = loaded.table.part(loaded.split.test());
    test.require_both_classes()?;
    let begun = std::time::Instant::now();
    let unlabelled = (!loaded.unlabelled.is_empty()).then(|| loaded.table.part(&loaded.unlabelled));
    let recipe = fitting(task.recipe, &train);
    let model = learn_beside(&train, unlabelled.as_ref(), &recipe, seed, progress)?;
    let seconds = begun.elapsed().as_secs_f64();
    let rules = learnt_rules(task, &train, seed, progress)?;
    let chances = model.chances(&test)?;
    let ranked = Ranked::new(&chances, test.labels()).map_err(LearnError::from)?;
    let flags = rules.as_ref().map_or_else(|| vec![false; test.rows()], |own| own.flags(&test));
    let judged = loaded.split.test().iter().zip(test.labels()).zip(&chances).zip(flags);
    let scores = judged
        .map(|(((row, label), chance), flagged)| Score {
            row: *row,
            label: *label,
            chance: *chance,
            flagged,
        })
        .collect();
    let mut run = Run {
        seed,
        scores,
        figures: BTreeMap::new(),
        intervals: BTreeMap::new(),
        rules,
        bounds_held: 0,
        curve: ranked.curve().collect(),
        seconds,
        train_rows: train.rows(),
        test_rows: test.rows(),
        model,
    };
    run.measure_model(&ranked);
    run.measure_groups(&loaded, &chances, ranked.threshold_at(0.01));
    run.measure_kinds(&loaded, &chances)?;
    run.measure_rules(&test);
    Ok(run)
}

/// Rules need a numeric or small categorical column; a table of texts has none.
fn learnt_rules(
    task: &Task,
    train: &Table,
    seed: u64,
    progress: &mut dyn FnMut(),
) -> Result<Option<RuleList>, LearnError> {
    let Some(recipe) = task.rules else { return Ok(None) };
    match learn_rules(train, recipe, seed, progress) {
        Ok(rules) => Ok(Some(rules)),
        Err(LearnError::Recipe(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Run {
    fn measure_model(&mut self, ranked: &Ranked) {
        let counted = ranked.confusion(self.model.threshold());
        let interval = counted.false_positive_interval();
        self.intervals.insert(Figure::FalsePositiveRate, (interval.low, interval.high));
        for (figure, rate) in
            [(Figure::RecallAtThousandth, 0.001), (Figure::RecallAtHundredth, 0.01)]
        {
            let at = ranked.confusion(ranked.threshold_at(rate));
            self.figures.insert(figure, at.recall());
            let interval = at.recall_interval();
            self.intervals.insert(figure, (interval.low, interval.high));
        }
        self.figures.extend([
            (Figure::Auc, ranked.auc()),
            (Figure::PrAuc, ranked.average_precision()),
            (Figure::F1, counted.f1()),
            (Figure::FalsePositiveRate, counted.false_positive_rate()),
        ]);
    }

    fn measure_groups(&mut self, loaded: &Loaded, chances: &[f64], threshold: f64) {
        let figures = [Figure::KnownRecall, Figure::UnseenRecall];
        for ((_, group), figure) in loaded.groups.iter().zip(figures) {
            let in_group = loaded.split.test().iter().zip(chances);
            let counted = secnet_learn::Confusion::of(
                in_group
                    .filter(|(row, _)| group.get(**row) == Some(&true))
                    .map(|(_, chance)| (*chance >= threshold, true)),
            );
            self.figures.insert(figure, counted.recall());
            let interval = counted.recall_interval();
            self.intervals.insert(figure, (interval.low, interval.high));
        }
    }

    /// Of so many that are looked at, how much is found; and how each kind is ranked above all that is not positive.
    fn measure_kinds(&mut self, loaded: &Loaded, chances: &[f64]) -> Result<(), LoadError> {
        if loaded.kinds.is_empty() {
            return Ok(());
        }
        let labels: Vec<bool> = loaded
            .split
            .test()
            .iter()
            .map(|row| loaded.table.labels().get(*row) == Some(&true))
            .collect();
        let mut sorted = chances.to_vec();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let (reviewed, right) = loaded.reviewed;
        let left = ((sorted.len() + reviewed) / 100).saturating_sub(reviewed);
        let threshold = sorted.get(left).copied().unwrap_or(f64::INFINITY);
        let flagged = chances.iter().map(|chance| *chance > threshold);
        let looked_at = std::iter::repeat_n((true, true), right);
        let ranked = flagged.zip(labels.iter().copied());
        let counted = secnet_learn::Confusion::of(ranked.chain(looked_at));
        self.figures.insert(Figure::RecallAtFlags, counted.recall());
        let interval = counted.recall_interval();
        self.intervals.insert(Figure::RecallAtFlags, (interval.low, interval.high));
        for (figure, kind) in &loaded.kinds {
            let of = loaded.split.test().iter().zip(chances).zip(&labels);
            let (scores, wanted): (Vec<f64>, Vec<bool>) = of
                .map(|((row, chance), label)| (*chance, *label, kind.get(*row) == Some(&true)))
                .filter(|(_, label, wanted)| *wanted || !label)
                .map(|(chance, _, wanted)| (chance, wanted))
                .unzip();
            let ranked = Ranked::new(&scores, &wanted).map_err(LearnError::from)?;
            self.figures.insert(*figure, ranked.average_precision());
        }
        Ok(())
    }

    fn measure_rules(&mut self, test: &Table) {
        let Some(rules) = &self.rules else { return };
        let counted = rules.confusion(test);
        let holds = |card: &&secnet_learn::rules::RuleCard| {
            let pairs = card.matches(test).into_iter().zip(test.labels().iter().copied());
            secnet_learn::Confusion::of(pairs).precision() >= card.precision_at_least
        };
        self.bounds_held = rules.cards.iter().filter(holds).count();
        let interval = counted.false_positive_interval();
        self.intervals.insert(Figure::RulesFalsePositiveRate, (interval.low, interval.high));
        self.figures.extend([
            (Figure::RulesF1, counted.f1()),
            (Figure::RulesPrecision, counted.precision()),
            (Figure::RulesFalsePositiveRate, counted.false_positive_rate()),
            (Figure::Rules, rules.cards.len() as f64),
            (Figure::RuleConditions, rules.conditions() as f64),
        ]);
    }
}

/// A figure over the seeds, beside its bar.
#[derive(Debug)]
pub(crate) struct Line {
    pub figure: Figure,
    pub spread: Spread,
    pub bar: Option<f64>,
    /// Widest ends of the seeds' intervals.
    pub interval: Option<(f64, f64)>,
}

impl Line {
    /// Does the mean hold the bar?
    pub(crate) fn holds(&self) -> Option<bool> {
        let mean = self.spread.mean;
        self.bar.map(|bar| if self.figure.is_cost() { mean <= bar } else { mean >= bar })
    }
}

/// Figures of one seed, and their intervals.
pub(crate) type Measured<'a> = (&'a BTreeMap<Figure, f64>, &'a BTreeMap<Figure, (f64, f64)>);

/// Every figure that all seeds have.
pub(crate) fn lines(bars: &[(Figure, f64)], runs: &[Measured<'_>]) -> Vec<Line> {
    let Some((first, _)) = runs.first() else { return Vec::new() };
    let figures = first.keys().copied();
    figures
        .filter_map(|figure| {
            let values: Vec<f64> =
                runs.iter().filter_map(|run| run.0.get(&figure).copied()).collect();
            let ends: Vec<(f64, f64)> =
                runs.iter().filter_map(|run| run.1.get(&figure).copied()).collect();
            let low = ends.iter().map(|end| end.0).reduce(f64::min);
            let high = ends.iter().map(|end| end.1).reduce(f64::max);
            let bar = bars.iter().find(|(own, _)| *own == figure).map(|(_, bar)| *bar);
            let spread = Spread::of(&values)?;
            Some(Line { figure, spread, bar, interval: low.zip(high) })
        })
        .collect()
}
