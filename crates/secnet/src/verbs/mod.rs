//! One module for each verb.

pub(crate) mod ask;
pub(crate) mod backup;
pub(crate) mod bench;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod data;
pub(crate) mod demo;
pub(crate) mod deny;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod follow;
pub(crate) mod foreseen;
pub(crate) mod fsck;
pub(crate) mod get;
pub(crate) mod govern;
pub(crate) mod grant;
pub(crate) mod grants;
pub(crate) mod group;
pub(crate) mod guard;
pub(crate) mod id;
pub(crate) mod inbox;
pub(crate) mod init;
pub(crate) mod log;
pub(crate) mod man;
pub(crate) mod net;
pub(crate) mod openapi;
pub(crate) mod ready;
pub(crate) mod receipt;
pub(crate) mod reference;
pub(crate) mod restore;
pub(crate) mod revoke;
pub(crate) mod rules;
pub(crate) mod see;
pub(crate) mod session;
pub(crate) mod shred;
pub(crate) mod status;
pub(crate) mod terms;
pub(crate) mod up;
pub(crate) mod wallet;
pub(crate) mod witness;

use clap::Args;
use secnet_types::{Action, Amount, Category, Label, Purpose, RecordId, Window};

use crate::dates::Moment;
use crate::failure::{Exit, Failure};

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
    /// Only this field of each record, such as valueQuantity or name.family; can be given several times. The dataset must be
    /// hosted.
    #[arg(long = "field", value_name = "FIELD")]
    pub field: Vec<String>,
    /// Only data of this day or later, whenever it is used.
    #[arg(long, value_name = "DAY")]
    pub data_from: Option<Moment>,
    /// Only data of this day or earlier.
    #[arg(long, value_name = "DAY")]
    pub data_until: Option<Moment>,
}

impl ScopeArgs {
    /// Is anything named at all?
    pub(crate) fn is_empty(&self) -> bool {
        self.purpose.is_empty()
            && self.action.is_empty()
            && self.category.is_empty()
            && self.label.is_empty()
            && self.record.is_empty()
            && self.kind.is_empty()
            && self.field.is_empty()
            && self.data_from.is_none()
            && self.data_until.is_none()
    }

    /// At least one: a grant for any purpose cannot be given by leaving the purpose out.
    pub(crate) fn purposes(&self) -> Result<std::collections::BTreeSet<Purpose>, Failure> {
        if self.purpose.is_empty() {
            return Err(Failure::new("usage", "say what for")
                .hint("--purpose treatment, for example")
                .exit(Exit::Usage));
        }
        Ok(self.purpose.iter().copied().collect())
    }

    pub(crate) fn scope(&self) -> Result<secnet_types::Scope, Failure> {
        Ok(secnet_types::Scope {
            records: set(&self.record),
            kinds: set(&self.kind),
            fields: set(&self.field),
            period: period(self.data_from, self.data_until)?,
            ..crate::actions::scope_of(&self.category, self.label.iter().copied().collect())
        })
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
    #[command(flatten)]
    pub time: TimeArgs,
}

/// When a permission runs: the same words wherever one is given.
#[derive(Debug, Clone, Args)]
pub(crate) struct TimeArgs {
    /// For how many days.
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    pub days: u64,
    /// From this day or moment on. Default: now.
    #[arg(long, value_name = "DAY")]
    pub from: Option<Moment>,
    /// Until the end of this day, or this moment, instead of --days.
    #[arg(long, value_name = "DAY", conflicts_with = "days")]
    pub until: Option<Moment>,
}

impl TimeArgs {
    pub(crate) fn window(&self) -> Result<Window, Failure> {
        let mut window = crate::actions::days_from_now(self.days);
        if let Some(from) = self.from {
            let length = window.until.since_ms(window.from);
            window = Window { from: from.start(), until: from.start().plus_ms(length) };
        }
        if let Some(until) = self.until {
            window.until = until.end();
        }
        if window.is_empty() {
            return Err(Failure::new("usage", "the time ends before it begins")
                .hint("check --from and --until")
                .exit(Exit::Usage));
        }
        Ok(window)
    }
}

/// A span of data time, if one is named.
pub(crate) fn period(
    from: Option<Moment>,
    until: Option<Moment>,
) -> Result<Option<Window>, Failure> {
    if from.is_none() && until.is_none() {
        return Ok(None);
    }
    crate::dates::span(from, until).map(Some)
}

pub(crate) fn set<T: Ord + Clone>(items: &[T]) -> Option<std::collections::BTreeSet<T>> {
    (!items.is_empty()).then(|| items.iter().cloned().collect())
}
