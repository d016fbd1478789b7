//! The recipe of a model, and how it is followed.

use crate::LearnError;
use crate::boost::{Boosted, Growth, MAX_LEAVES, MAX_TREES};
use crate::calibrate::Platt;
use crate::features::{CategoryUse, Encoder};
use crate::imagine::{Imagined, imagine};
use crate::isolate::Isolation;
use crate::metrics::Ranked;
use crate::model::{Member, Model, Part, Rarity};
use crate::num::sigmoid;
use crate::table::{Table, divide};
use crate::text::{Linear, LinearModel};

/// Most models that are averaged.
pub const MAX_MEMBERS: usize = 32;

/// Most imagined attacks for each normal row.
pub const MAX_IMAGINED: f64 = 10.0;

/// A forest of random cuts beside the rest, which knows ordinary rows alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strange {
    /// How many trees, at most [`MAX_TREES`].
    pub trees: usize,
    /// Its share of the mean, from 0 to 1. What is averaged then is how rare each part's score is among held-out ordinary rows.
    pub share: f64,
}

/// How a model is learnt. Everything in it is chosen on training rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// Boosted trees, or none.
    pub trees: Option<Growth>,
    /// A linear model on tokens beside them, or alone.
    pub linear: Option<Linear>,
    /// The linear model's share of the mean of both, from 0 to 1.
    pub linear_share: f64,
    /// What trees make of categories.
    pub categories: CategoryUse,
    /// How strange a row is beside ordinary ones.
    pub strange: Option<Strange>,
    /// Imagined attacks beside the real ones.
    pub imagined: Option<Imagined>,
    /// How many tree models with different seeds are averaged.
    pub members: usize,
    /// Share of the training rows that only calibrate and set the threshold.
    pub held_out: f64,
    /// Learn once more from all training rows afterwards; calibration and threshold stay.
    pub refit: bool,
    /// The threshold is where F1 is highest among those that flag at most this share of the held-out negatives.
    pub false_positive_rate: f64,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            trees: Some(Growth::default()),
            linear: None,
            linear_share: 0.5,
            categories: CategoryUse::default(),
            strange: None,
            imagined: None,
            members: 1,
            held_out: 0.2,
            refit: false,
            false_positive_rate: 1.0,
        }
    }
}

impl Recipe {
    /// How often `progress` is called while learning.
    #[must_use]
    pub fn steps(&self) -> usize {
        let trees = self.trees.map_or(0, |growth| growth.trees.min(MAX_TREES) * self.members);
        let once = trees + self.linear.map_or(0, |linear| linear.passes);
        if self.refit { 2 * once } else { once }
    }

    fn check(&self) -> Result<(), LearnError> {
        let share = |share: f64| (0.0..=1.0).contains(&share);
        let wrong = if self.trees.is_none() && self.linear.is_none() {
            "it has neither trees nor a linear model"
        } else if !(0.05..=0.5).contains(&self.held_out) {
            "held_out must be from 0.05 to 0.5"
        } else if !(1..=MAX_MEMBERS).contains(&self.members) {
            "members must be from 1 to MAX_MEMBERS"
        } else if self
            .strange
            .is_some_and(|s| !((1..=MAX_TREES).contains(&s.trees) && share(s.share)))
        {
            "trees or share of the forest of random cuts is out of range"
        } else if !(share(self.linear_share) && share(self.false_positive_rate)) {
            "linear_share and false_positive_rate must be from 0 to 1"
        } else if self.trees.is_some_and(|g| {
            g.trees == 0
                || g.trees > MAX_TREES
                || !(2..=MAX_LEAVES).contains(&g.leaves)
                || !(g.rate > 0.0 && g.rate <= 1.0)
                || !(g.ridge >= 0.0 && g.ridge.is_finite())
                || !(share(g.features) && share(g.rows))
        }) {
            "trees, leaves, rate, ridge or a share is out of range"
        } else if self.linear.is_some_and(|l| !(l.cost > 0.0 && l.cost.is_finite())) {
            "cost must be a positive number"
        } else if !(self.categories.smoothing > 0.0 && self.categories.smoothing.is_finite()) {
            "smoothing must be a positive number"
        } else if self.imagined.is_some_and(|i| {
            let amount = (0.0..=MAX_IMAGINED).contains(&i.amount);
            let weight = i.weight > 0.0 && i.weight.is_finite();
            !(amount && weight && share(i.exchanged) && share(i.evenly))
        }) {
            "amount, a share or the weight of imagined attacks is out of range"
        } else {
            return Ok(());
        };
        Err(LearnError::Recipe(wrong))
    }
}

/// Learn a model from training rows. The same table, recipe and seed give the same bytes. `progress` is called
/// [`Recipe::steps`] times at most.
///
/// # Errors
/// [`LearnError`]: an unusable recipe, one class only, no columns the recipe can use, limits.
pub fn learn(
    table: &Table,
    recipe: &Recipe,
    seed: u64,
    progress: &mut dyn FnMut(),
) -> Result<Model, LearnError> {
    learn_beside(table, None, recipe, seed, progress)
}

/// The same, beside rows of the same columns whose labels nobody knows and nobody looks at: they tell how often categories
/// occur, if the recipe counts them. Words that are in no column's dictionary of `table` count as one: take both tables from one.
///
/// # Errors
/// As [`learn`].
pub fn learn_beside(
    table: &Table,
    unlabelled: Option<&Table>,
    recipe: &Recipe,
    seed: u64,
    progress: &mut dyn FnMut(),
) -> Result<Model, LearnError> {
    recipe.check()?;
    table.require_both_classes()?;
    let rows: Vec<usize> = (0..table.rows()).collect();
    let (grow, aside) = divide(&rows, table.labels(), recipe.held_out, seed);
    let held_out = table.part(&aside);
    let grown = table.part(&grow);
    if held_out.require_both_classes().is_err() || grown.require_both_classes().is_err() {
        return Err(LearnError::TooFew { positives: table.positives(), rows: table.rows() });
    }
    let parts = parts(&grown, unlabelled, recipe, seed, progress)?;
    let mut model = Model {
        parts,
        calibration: Platt::IDENTITY,
        threshold: 0.5,
        seed,
        training: table.digest().0,
        rarities: None,
    };
    if recipe.strange.is_some() {
        let rare = |raw: Vec<f64>| {
            let rows = raw.into_iter().zip(held_out.labels());
            Rarity::of(rows.filter(|(_, label)| !**label).map(|(raw, _)| raw))
        };
        model.rarities = Some(model.raws(&held_out)?.into_iter().map(rare).collect());
    }
    let raw = model.raw(&held_out)?;
    model.calibration = Platt::fit(&raw, held_out.labels());
    let chances: Vec<f64> = raw.iter().map(|raw| model.chance(*raw)).collect();
    model.threshold =
        Ranked::new(&chances, held_out.labels())?.best_f1_threshold(recipe.false_positive_rate);
    if recipe.refit {
        model.parts = self::parts(table, unlabelled, recipe, seed, progress)?;
    }
    Ok(model)
}

fn parts(
    table: &Table,
    unlabelled: Option<&Table>,
    recipe: &Recipe,
    seed: u64,
    progress: &mut dyn FnMut(),
) -> Result<Vec<Part>, LearnError> {
    let mut parts = Vec::new();
    let linear_share = match (recipe.linear, recipe.trees) {
        (Some(_), Some(_)) => recipe.linear_share,
        (Some(_), None) => 1.0,
        _ => 0.0,
    };
    // What the forest of random cuts leaves to the others.
    let others = 1.0 - recipe.strange.map_or(0.0, |strange| strange.share);
    if let Some(growth) = recipe.trees {
        let weight = others * (1.0 - linear_share) / recipe.members as f64;
        for number in 0..recipe.members as u64 {
            // Members differ in everything that is random.
            let seed = seed.wrapping_mul(1_000_003).wrapping_add(number);
            let grown = trees((table, unlabelled), growth, recipe, seed, progress)?;
            let member = Member::Trees(Box::new(grown));
            parts.push(Part { weight, member });
        }
    }
    if let Some(linear) = recipe.linear {
        let model = LinearModel::fit(table, table.labels(), linear, seed, progress)?;
        let weight = others * linear_share;
        parts.push(Part { weight, member: Member::Linear(Box::new(model)) });
    }
    if let Some(strange) = recipe.strange {
        let forest = Isolation::fit(table, strange.trees, seed)?;
        let weight = strange.share;
        parts.push(Part { weight, member: Member::Isolation(Box::new(forest)) });
    }
    Ok(parts)
}

fn trees(
    (table, unlabelled): (&Table, Option<&Table>),
    growth: Growth,
    recipe: &Recipe,
    seed: u64,
    progress: &mut dyn FnMut(),
) -> Result<(Encoder, Boosted), LearnError> {
    let (encoder, mut matrix) = Encoder::fit(table, unlabelled, recipe.categories, seed)?;
    let mut labels = table.labels().to_vec();
    let mut weights = vec![1.0; labels.len()];
    if let Some(imagined) = recipe.imagined {
        imagine(&mut matrix, &mut labels, &mut weights, imagined, seed);
    }
    let boosted = Boosted::fit(&matrix, &labels, &weights, growth, seed, progress);
    Ok((encoder, boosted))
}

impl Model {
    /// Mean of the parts' log odds, or of how rare they are.
    pub(crate) fn raw(&self, table: &Table) -> Result<Vec<f64>, LearnError> {
        let mut sums = vec![0.0; table.rows()];
        for (at, (part, raw)) in self.parts.iter().zip(self.raws(table)?).enumerate() {
            let rarity = self.rarities.as_ref().and_then(|rarities| rarities.get(at));
            for (sum, own) in sums.iter_mut().zip(raw) {
                *sum += part.weight * rarity.map_or(own, |rarity| rarity.value(own));
            }
        }
        Ok(sums)
    }

    /// What each part says by itself.
    fn raws(&self, table: &Table) -> Result<Vec<Vec<f64>>, LearnError> {
        let raw = |part: &Part| match &part.member {
            Member::Trees(both) => Ok(both.1.raw_all(&both.0.encode(table)?)),
            Member::Linear(model) => Ok(model.raw_all(table)?),
            Member::Isolation(forest) => Ok(forest.raw_all(table)?),
        };
        self.parts.iter().map(raw).collect()
    }

    pub(crate) fn chance(&self, raw: f64) -> f64 {
        sigmoid(self.calibration.log_odds(raw))
    }
}
