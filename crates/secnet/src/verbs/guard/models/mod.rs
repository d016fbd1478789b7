//! `secnet guard train|shadow|promote|roll-back`: the life of a model that this data centre has learnt from its own log.

mod card;
mod fit;
mod force;
mod here;
mod rows;
mod safety;
#[cfg(test)]
mod tests;
mod train;

pub(super) use force::{PromoteArgs, ShadowArgs, promote, roll_back, shadow};
pub(crate) use here::unreadable;
pub(super) use here::{learnt_here, seen};
pub(super) use rows::named as column_name;
pub(super) use train::{TrainArgs, run as train};
