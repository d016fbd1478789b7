//! What is evaluated, how it is learnt, and the bar it is held against.
//!
//! Recipes are the defaults, or were chosen by validation inside the training rows: for NSL-KDD with whole kinds of attack
//! set aside, for UNSW-NB15 and Amazon with a quarter of the rows. The others were not searched.

use secnet_learn::rules::RuleRecipe;
use secnet_learn::{CategoryUse, Growth, Imagined, Linear, Recipe, Strange, TokenUse};

use super::hospital;
use super::sets::{self, Loader};

/// A figure that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    Auc,
    PrAuc,
    F1,
    FalsePositiveRate,
    Recall,
    RecallAtThousandth,
    RecallAtHundredth,
    KnownRecall,
    UnseenRecall,
    RecallAtFlags,
    SnoopingPrAuc,
    CuriosityPrAuc,
    RulesF1,
    RulesPrecision,
    RulesFalsePositiveRate,
    Rules,
    RuleConditions,
    EventsPerSecond,
    AlarmRate,
    AlarmRecall,
    FalseDiscoveryRate,
    DiscoveryRecall,
    OwnF1,
    ForeignF1,
    UntriedF1,
    UntriedFalsePositiveRate,
    UnionF1,
    UnionFalsePositiveRate,
    ProofsAMonth,
    NeverAsked,
    HonestAsked,
    LentKeyAsked,
    HarvestAsked,
    MisuseAsked,
    TheftFirstAsked,
    TheftAsked,
    TheftReadsAsked,
}

impl Figure {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Auc => "AUC",
            Self::PrAuc => "PR-AUC",
            Self::F1 => "F1",
            Self::FalsePositiveRate => "false-positive rate",
            Self::Recall => "recall",
            Self::RecallAtThousandth => "recall at 0.1 % FPR",
            Self::RecallAtHundredth => "recall at 1 % FPR",
            Self::KnownRecall => "recall at 1 % FPR, known types",
            Self::UnseenRecall => "recall at 1 % FPR, unseen types",
            Self::RecallAtFlags => "recall at 1 % flags",
            Self::SnoopingPrAuc => "PR-AUC, snooping",
            Self::CuriosityPrAuc => "PR-AUC, all curiosity",
            Self::RulesF1 => "rules: F1",
            Self::RulesPrecision => "rules: precision",
            Self::RulesFalsePositiveRate => "rules: false-positive rate",
            Self::Rules => "rules: number",
            Self::RuleConditions => "rules: conditions",
            Self::EventsPerSecond => "events per second",
            Self::AlarmRate => "alarms among ordinary events",
            Self::AlarmRecall => "recall of alarms",
            Self::FalseDiscoveryRate => "false share of discoveries",
            Self::DiscoveryRecall => "recall of discoveries",
            Self::OwnF1 => "own rules, own attacks: F1",
            Self::ForeignF1 => "own rules, others' attacks: F1",
            Self::UntriedF1 => "all rules, untried: mean F1",
            Self::UntriedFalsePositiveRate => "all rules, untried: pooled FPR",
            Self::UnionF1 => "union of rules: mean F1",
            Self::UnionFalsePositiveRate => "union of rules: pooled FPR",
            Self::ProofsAMonth => "proofs a month, each of staff",
            Self::NeverAsked => "staff never asked",
            Self::HonestAsked => "honest looks asked for a proof",
            Self::LentKeyAsked => "lent keys: looks asked",
            Self::HarvestAsked => "harvests: looks asked",
            Self::MisuseAsked => "misuse: looks asked",
            Self::TheftFirstAsked => "thefts: first read asked",
            Self::TheftAsked => "thefts: asked at some read",
            Self::TheftReadsAsked => "thefts: reads asked",
        }
    }

    /// Must it be at most the bar, or at least?
    pub(crate) const fn is_cost(self) -> bool {
        matches!(
            self,
            Self::FalsePositiveRate
                | Self::RulesFalsePositiveRate
                | Self::Rules
                | Self::RuleConditions
                | Self::AlarmRate
                | Self::FalseDiscoveryRate
                | Self::UntriedFalsePositiveRate
                | Self::UnionFalsePositiveRate
                | Self::ProofsAMonth
                | Self::HonestAsked
        )
    }
}

/// One evaluation.
pub(crate) struct Task {
    pub name: &'static str,
    /// The folder in the data folder.
    pub folder: &'static str,
    pub about: &'static str,
    pub load: Loader,
    pub recipe: Recipe,
    pub rules: Option<RuleRecipe>,
    pub bars: &'static [(Figure, f64)],
}

const FLOWS: Growth = Growth {
    trees: 500,
    leaves: 63,
    rate: 0.05,
    least_rows: 20,
    ridge: 0.0,
    features: 1.0,
    rows: 1.0,
};

/// Compared inside the training rows, on requests and hosts set aside; docs/guard.md.
const GRAMS: Linear =
    Linear { tokens: TokenUse { shortest: 2, longest: 6, combine: 1 }, cost: 50.0, passes: 10 };

/// For columns that requests and URLs were taken apart into.
const PARTS: Growth = Growth { trees: 400, leaves: 31, features: 0.5, ..FLOWS };

/// The task of this name.
pub(crate) fn find(name: &str) -> Option<Task> {
    all().into_iter().find(|task| task.name == name)
}

/// Every task.
pub(crate) fn all() -> Vec<Task> {
    let flows = [nsl_kdd(), nsl_kdd_imagined(), unsw_nb15()];
    let others = [amazon(), ethereum(), ethereum_whole(), csic(), phishing(), own()];
    let wards = [ward(), ward_unrelated(), ward_untied()];
    flows.into_iter().chain(others).chain(wards).chain(dlbac()).collect()
}

/// Trees know the attacks of training, a forest of random cuts knows ordinary traffic: the pair, half and half.
fn nsl_kdd() -> Task {
    Task {
        name: "nsl-kdd",
        folder: "nsl-kdd",
        about: "attacks in KDDTest+, learnt from KDDTrain+",
        load: sets::nsl_kdd,
        recipe: Recipe {
            strange: Some(Strange { trees: 200, share: 0.5 }),
            refit: true,
            ..Recipe::default()
        },
        rules: Some(RuleRecipe { rules: 9, ..RuleRecipe::default() }),
        bars: &[
            (Figure::Auc, 0.975),
            (Figure::KnownRecall, 0.62),
            (Figure::UnseenRecall, 0.55),
            (Figure::RulesF1, 0.82),
            (Figure::RulesFalsePositiveRate, 0.03),
            (Figure::Rules, 9.0),
            (Figure::RuleConditions, 27.0),
        ],
    }
}

/// What validation with kinds of attack set aside chose. It does not hold on KDDTest+, where normal traffic is of another
/// kind too; kept because that is worth knowing.
fn nsl_kdd_imagined() -> Task {
    let imagined = Imagined { amount: 2.0, exchanged: 0.1, evenly: 0.5, weight: 0.1 };
    Task {
        name: "nsl-kdd-imagined",
        about: "the same with imagined attacks beside the real ones, and broader rules",
        recipe: Recipe { imagined: Some(imagined), ..Recipe::default() },
        rules: Some(RuleRecipe {
            rules: 9,
            per_rule: 3,
            false_positive_rate: 0.02,
            least_support: 0.01,
            ..RuleRecipe::default()
        }),
        ..nsl_kdd()
    }
}

fn unsw_nb15() -> Task {
    Task {
        name: "unsw-nb15",
        folder: "unsw-nb15",
        about: "attacks in a part of UNSW-NB15, split by a hash of the row",
        load: sets::unsw_nb15,
        recipe: Recipe { trees: Some(FLOWS), ..Recipe::default() },
        rules: Some(RuleRecipe {
            rules: 12,
            conditions: 40,
            false_positive_rate: 0.018,
            ..RuleRecipe::default()
        }),
        bars: &[
            (Figure::Auc, 0.997),
            (Figure::F1, 0.977),
            (Figure::RulesF1, 0.93),
            (Figure::RulesFalsePositiveRate, 0.02),
            (Figure::Rules, 12.0),
            (Figure::RuleConditions, 40.0),
        ],
    }
}

fn amazon() -> Task {
    let growth = Growth {
        leaves: 15,
        rate: 0.05,
        features: 0.3,
        rows: 0.8,
        least_rows: 5,
        ridge: 3.0,
        ..FLOWS
    };
    let tokens = TokenUse { combine: 3, ..TokenUse::default() };
    Task {
        name: "amazon-access",
        folder: "amazon-access",
        about: "denied access requests, by ids of person and resource",
        load: sets::amazon_access,
        recipe: Recipe {
            trees: Some(Growth { trees: 300, ..growth }),
            categories: CategoryUse {
                combine: 2,
                smoothing: 3.0,
                counts: true,
                ratios: true,
                same: false,
            },
            linear: Some(Linear { tokens, cost: 3.0, passes: 15 }),
            linear_share: 0.3,
            members: 8,
            refit: true,
            ..Recipe::default()
        },
        rules: None,
        bars: &[(Figure::Auc, 0.905), (Figure::PrAuc, 0.56)],
    }
}

fn ethereum() -> Task {
    Task {
        name: "ethereum-fraud",
        folder: "ethereum-fraud",
        about: "fraudulent accounts, all rows, 70/30 by seed",
        load: sets::ethereum,
        recipe: Recipe {
            trees: Some(Growth { features: 0.7, rows: 0.8, ..FLOWS }),
            members: 4,
            refit: true,
            ..Recipe::default()
        },
        rules: Some(RuleRecipe {
            rules: 8,
            conditions: 32,
            false_positive_rate: 0.009,
            least_support: 0.005,
            ..RuleRecipe::default()
        }),
        bars: &[
            (Figure::Auc, 0.997),
            (Figure::F1, 0.956),
            (Figure::RulesF1, 0.92),
            (Figure::RulesPrecision, 0.97),
            (Figure::Rules, 8.0),
        ],
    }
}

fn ethereum_whole() -> Task {
    Task {
        name: "ethereum-fraud-whole",
        about: "the same without the rows whose token columns are empty, all of which are fraud",
        load: sets::ethereum_whole,
        bars: &[],
        ..ethereum()
    }
}

fn csic() -> Task {
    Task {
        name: "csic2010",
        folder: "csic2010",
        about: "attacks among HTTP requests that training does not have, each once",
        load: sets::csic2010,
        recipe: Recipe {
            trees: Some(PARTS),
            categories: CategoryUse { counts: true, ..CategoryUse::default() },
            linear: Some(GRAMS),
            refit: true,
            ..Recipe::default()
        },
        rules: Some(RuleRecipe {
            rules: 20,
            conditions: 40,
            per_rule: 2,
            // Of the ordinary rows in training one in eight is a request with parameters that comes once; the others, pages,
            // are easy, and none of them is measured on.
            false_positive_rate: 0.0005,
            unusual: true,
            ..RuleRecipe::default()
        }),
        bars: &[
            (Figure::Auc, 0.96),
            (Figure::RecallAtHundredth, 0.80),
            (Figure::RulesF1, 0.80),
            (Figure::RulesFalsePositiveRate, 0.005),
        ],
    }
}

fn phishing() -> Task {
    Task {
        name: "phishing-urls",
        folder: "phishing-urls",
        about: "phishing URLs on hosts that training does not have",
        load: sets::phishing,
        recipe: Recipe {
            trees: Some(Growth { leaves: 15, rows: 0.8, ..PARTS }),
            members: 4,
            categories: CategoryUse { counts: true, ..CategoryUse::default() },
            linear: Some(GRAMS),
            refit: true,
            ..Recipe::default()
        },
        rules: None,
        bars: &[(Figure::Auc, 0.98)],
    }
}

/// Trees as `guard train --flags` grows them. Chosen on hospitals of the seeds 11 to 13; measured on others.
fn ward() -> Task {
    let growth = Growth {
        trees: 200,
        leaves: 8,
        rate: 0.04,
        least_rows: 10,
        ridge: 5.0,
        features: 0.6,
        rows: 0.8,
    };
    Task {
        name: "ward",
        folder: "ward",
        about: "misuse in a hospital's access log, with its facts of relations; made up by seed from sample patients",
        load: hospital::related,
        recipe: Recipe { trees: Some(growth), refit: true, ..Recipe::default() },
        rules: None,
        bars: &[(Figure::RecallAtFlags, 0.80), (Figure::SnoopingPrAuc, 0.75)],
    }
}

/// What the guard knew before: a baseline.
fn ward_unrelated() -> Task {
    Task {
        name: "ward-unrelated",
        about: "the same without facts of relations",
        load: hospital::unrelated,
        ..ward()
    }
}

/// "No tie, no reason": the simplest thing that is done with such facts.
fn ward_untied() -> Task {
    Task {
        name: "ward-untied",
        about: "the same by nothing but the ties of that moment",
        load: hospital::untied,
        ..ward()
    }
}

/// Four sets, four operations.
fn dlbac() -> Vec<Task> {
    macro_rules! tasks {
        ($($name:literal, $set:literal, $operation:literal;)*) => {
            vec![$(Task {
                name: $name,
                folder: "dlbac",
                about: "granted access requests, synthetic attributes",
                load: |dir, _| sets::dlbac(dir, $set, $operation),
                recipe: Recipe {
                    trees: Some(Growth { trees: 400, least_rows: 10, ..Growth::default() }),
                    // Whether two attributes are the same is what such rules ask for.
                    categories: CategoryUse { same: true, ..CategoryUse::default() },
                    refit: true,
                    // A false grant costs more than a refusal.
                    false_positive_rate: 0.025,
                    ..Recipe::default()
                },
                rules: None,
                bars: &[(Figure::F1, 0.97), (Figure::FalsePositiveRate, 0.025)],
            },)*]
        };
    }
    tasks! {
        "dlbac-11k-op1", "u4k-r4k-auth11k", "op1"; "dlbac-11k-op2", "u4k-r4k-auth11k", "op2";
        "dlbac-11k-op3", "u4k-r4k-auth11k", "op3"; "dlbac-11k-op4", "u4k-r4k-auth11k", "op4";
        "dlbac-12k-op1", "u5k-r5k-auth12k", "op1"; "dlbac-12k-op2", "u5k-r5k-auth12k", "op2";
        "dlbac-12k-op3", "u5k-r5k-auth12k", "op3"; "dlbac-12k-op4", "u5k-r5k-auth12k", "op4";
        "dlbac-20k-op1", "u4k-r7k-auth20k", "op1"; "dlbac-20k-op2", "u4k-r7k-auth20k", "op2";
        "dlbac-20k-op3", "u4k-r7k-auth20k", "op3"; "dlbac-20k-op4", "u4k-r7k-auth20k", "op4";
        "dlbac-32k-op1", "u6k-r6k-auth32k", "op1"; "dlbac-32k-op2", "u6k-r6k-auth32k", "op2";
        "dlbac-32k-op3", "u6k-r6k-auth32k", "op3"; "dlbac-32k-op4", "u6k-r6k-auth32k", "op4";
    }
}

/// A stranger's file, without a bar.
fn own() -> Task {
    Task {
        name: "table",
        folder: "",
        about: "any labelled table laid out as docs/reference/guard-data.md says",
        load: sets::table,
        recipe: Recipe { refit: true, ..Recipe::default() },
        rules: Some(RuleRecipe::default()),
        bars: &[],
    }
}
