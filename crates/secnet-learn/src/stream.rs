//! Learning from streams: events come one after the other, are judged with what is known before them, and memory is bounded.
//!
//! [`Novelty`] gives unlabelled events a score; [`Tail`] turns scores into alarms at a stated false-positive rate,
//! [`Discoveries`] picks from endlessly many of them so that few of those picked are false.
//!
//! None of them reads a clock: what is new is new in the order of events, so that time running backwards changes nothing.
//! Each can be saved and restored; a restored one goes on exactly as if it had never stopped.

mod dice;
mod discoveries;
mod memory;
mod novelty;
mod tail;

pub use discoveries::{Discoveries, MAX_REMEMBERED};
pub use novelty::{MAX_MEMORIES, MAX_NOVELTY_CELLS, Novelty, NoveltyRecipe};
pub use tail::{MAX_PEAKS, Tail, TailRecipe, Verdict};

/// Largest saved state.
pub const MAX_STATE_BYTES: usize = 256 * 1024 * 1024;

/// Why an event is not judged, or a state not restored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// Too few numbers, or too many.
    #[error("the event has {given} numbers, the stream has {wanted} for each event")]
    Width {
        /// Numbers of the event.
        given: usize,
        /// Numbers of every event.
        wanted: usize,
    },
    /// A score that orders nothing.
    #[error("the score is not a number; the detector that gave it is broken")]
    NotANumber,
    /// Out of range.
    #[error("the stream cannot be followed: {0}")]
    Recipe(&'static str),
    /// Damaged, or of another version.
    #[error("this is not a saved stream: {0}")]
    State(String),
}

/// Read a saved state; the caller checks what is in it.
fn restored<'b, T>(what: &'static str, bytes: &'b [u8]) -> Result<T, StreamError>
where
    T: minicbor::Decode<'b, ()> + minicbor::Encode<()>,
{
    secnet_types::decode(what, bytes, MAX_STATE_BYTES)
        .map_err(|error| StreamError::State(error.to_string()))
}
