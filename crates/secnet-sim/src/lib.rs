//! The whole flow by seed: real cryptography, real chain and store on a disk that fails, virtual time, crashes at every
//! await, and the promises P1 to P11 as named properties.
//!
//! ```
//! let report = secnet_sim::run(0..1, &secnet_sim::Settings::default())?;
//! assert_eq!(report.seeds, 1);
//! # Ok::<(), secnet_sim::Failure>(())
//! ```
//!
//! A seed decides everything: who does what, in which order tasks run, when the process dies, what the disk keeps. A
//! failing seed fails again in the same way; run it alone to see its trace.

mod attack;
mod cast;
mod chance;
mod clock;
mod delegations;
mod endings;
mod folder;
mod gate;
mod job;
mod log;
mod objects;
mod plot;
mod properties;
mod release;
mod run;
mod stored;
mod world;

pub use properties::Violation;
pub use run::{Broken, Failure, Report, Settings, run, run_in_parallel};
