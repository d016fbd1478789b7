//! Irregular dealings: a quiet ward, schemes in it, what is known not to be found, floods.

mod evaluation;
mod evasions;
mod floods;
mod schemes;
pub(crate) mod story;
mod ward;
