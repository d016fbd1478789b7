//! One module for each verb.

pub(crate) mod ask;
pub(crate) mod backup;
pub(crate) mod bench;
pub(crate) mod completions;
pub(crate) mod data;
pub(crate) mod demo;
pub(crate) mod deny;
pub(crate) mod fsck;
pub(crate) mod get;
pub(crate) mod grant;
pub(crate) mod id;
pub(crate) mod inbox;
pub(crate) mod init;
pub(crate) mod log;
pub(crate) mod man;
pub(crate) mod receipt;
pub(crate) mod reference;
pub(crate) mod restore;
pub(crate) mod revoke;
pub(crate) mod rules;
pub(crate) mod shred;
pub(crate) mod status;
pub(crate) mod wallet;

use crate::failure::{Exit, Failure};
use clap::Args;
use secnet_types::{Action, Amount, Category, Label, Purpose, RecordId};

/// What is wanted or allowed: purposes and scope, the same words for `ask`, `grant` and `deny`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ScopeArgs {
    /// For this purpose; can be given several times.
    #[arg(long, value_name = "PURPOSE")]
    pub purpose: Vec<Purpose>,
    /// This action; can be given several times. Default: read.
    #[arg(long, value_name = "ACTION")]
    pub action: Vec<Action>,
    /// Only this category; can be given several times. Default: all.
    #[arg(long, value_name = "CATEGORY")]
    pub category: Vec<Category>,
    /// Also records with this sensitivity label; can be given several times. Default: none with a label.
    #[arg(long, value_name = "LABEL")]
    pub label: Vec<Label>,
    /// Only this record; can be given several times.
    #[arg(long, value_name = "RECORD")]
    pub record: Vec<RecordId>,
    /// Only this type, such as Observation; can be given several times.
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Vec<String>,
}

impl ScopeArgs {
    /// At least one: a grant for any purpose cannot be given by leaving the purpose out.
    pub(crate) fn purposes(&self) -> Result<std::collections::BTreeSet<Purpose>, Failure> {
        if self.purpose.is_empty() {
            return Err(Failure::new("usage", "say what for")
                .hint("--purpose treatment, for example")
                .exit(Exit::Usage));
        }
        Ok(self.purpose.iter().copied().collect())
    }

    pub(crate) fn scope(&self) -> secnet_types::Scope {
        secnet_types::Scope {
            records: set(&self.record),
            kinds: set(&self.kind),
            ..crate::actions::scope_of(&self.category, self.label.iter().copied().collect())
        }
    }

    pub(crate) fn actions(&self) -> std::collections::BTreeSet<Action> {
        if self.action.is_empty() {
            [Action::Read].into()
        } else {
            self.action.iter().copied().collect()
        }
    }
}

/// Price, number of uses and days: the same words for `ask`, `grant` and `inbox`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PriceArgs {
    /// Price of one use, in units with at most six decimals.
    #[arg(long, value_name = "AMOUNT")]
    pub price: Option<Amount>,
    /// How many uses. Default: no limit.
    #[arg(long, value_name = "N")]
    pub uses: Option<u32>,
    /// For how many days.
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    pub days: u64,
}

fn set<T: Ord + Clone>(items: &[T]) -> Option<std::collections::BTreeSet<T>> {
    (!items.is_empty()).then(|| items.iter().cloned().collect())
}
