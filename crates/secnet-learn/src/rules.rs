//! Compact rules learnt from labelled rows: a few comparisons that must all hold, each rule with the evidence for it.
//!
//! Training rows are divided in three. On the first part rules are searched for several costs of a false alarm, on the
//! second the cost is chosen, on the third nothing is chosen any more: it gives each rule its evidence, and a rule whose
//! lower bound of precision is too low there is dropped. The bounds of all rules that were tried there hold at once, so that
//! dropping some by them makes those of the others no less true.

mod ascent;
mod coded;
mod condition;
mod convert;
mod evidence;
mod grams;
mod list;
mod search;

pub use condition::{Comparison, Condition};
pub use convert::{ConvertError, to_rule};
pub use evidence::{Evidence, RuleCard, RuleList};
pub use list::{MAX_CONDITIONS_PER_RULE, MAX_RULES, RuleRecipe, learn_rules};
