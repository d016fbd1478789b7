//! Learning from labelled tables, and measuring what was learnt.
//!
//! A [`Table`] is checked when it is made. A [`Split`] says which rows are learnt from; [`learn`] makes a [`Model`] of
//! them by a [`Recipe`], and [`Ranked`] and [`Confusion`] measure it on the others. [`rules`] learns compact rules that a
//! person can read, each with the evidence for it.
//!
//! This crate is pure: no input or output, no clock, no threads, and randomness only from seeds that are given. The same
//! table, recipe and seed give the same bytes.

mod boost;
mod calibrate;
mod chance;
mod drift;
mod features;
mod imagine;
mod isolate;
mod late;
mod learner;
mod metrics;
mod model;
mod num;
mod parts;
pub mod rules;
pub mod stream;
mod table;
mod text;
mod whole;

pub use boost::{Growth, MAX_LEAVES, MAX_TREES};
pub use drift::{Drift, drift};
pub use features::{CategoryUse, MAX_FEATURES};
pub use imagine::Imagined;
pub use late::{Late, LateRecipe, LateVerdict, MAX_TOLD, MAX_WAITING};
pub use learner::{MAX_IMAGINED, MAX_MEMBERS, Recipe, Strange, learn, learn_beside};
pub use metrics::{
    Confusion, CurvePoint, Interval, MetricError, Ranked, Spread, Z95, Z95_ONE_SIDED, wilson,
    z95_at_once,
};
pub use model::{MAX_MODEL_BYTES, Model, ModelError};
pub use parts::{MAX_PARAMETERS, RequestParts, url_columns};
pub use table::{
    Column, Kind, MAX_COLUMNS, MAX_NAME_BYTES, MAX_ROWS, MAX_TEXT_BYTES, MAX_WORDS, Split, Table,
    TableError, Values,
};
pub use text::{Linear, TOKEN_PLACES, TokenUse};
pub use whole::{WHOLE_UNIT, WholeNext, WholeNode, WholeTrees, grow_whole};

/// Why nothing was learnt or judged.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LearnError {
    /// The table does not fit.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The scores cannot be measured.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// The recipe is unusable.
    #[error("the recipe cannot be followed: {0}")]
    Recipe(&'static str),
    /// Too few rows of one class to hold some back.
    #[error(
        "{positives} of {rows} rows are positive; too few of one class to hold some back for calibration: \
         at least ten of each are needed"
    )]
    TooFew {
        /// Positive rows.
        positives: usize,
        /// All rows.
        rows: usize,
    },
}
