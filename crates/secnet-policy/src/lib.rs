//! Detailed consent, decided by Cedar.
//!
//! Owns: the translation of grants, denials and terms into Cedar policies, the decision over them, its explanation by
//! entitlement, and the lists "what can I see" and "who can see this". Refuses: to allow anything when an evaluation
//! errs. Everything is a pure function of values: the facts of ONE ledger snapshot come in as a [`ConsentSlice`], the
//! request as a [`Question`].
//!
//! ```text
//! ConsentSlice --compile--> CompiledConsent --decide(Question, RecordMeta)--> PolicyVerdict
//! ```
//!
//! How a scope is read, by whom it is written:
//! - In a **grant** every condition narrows, and what is unknown is outside: no labels named means normal sensitivity
//!   only, a record without a data time is in no data period.
//! - In a **denial** what is unknown is inside: no labels named means whatever the labels, named labels mean any record
//!   that carries one of them, a data period means any record that may touch it, named fields mean any request that
//!   does not name other fields only.
//!
//! Break-glass: a request for [`Purpose::Emergency`](secnet_types::Purpose) is judged twice, once under emergency grants,
//! where only denials that hold even in an emergency and the dataset's expiry and actions bind, and once under
//! ordinary grants that list the purpose, where everything binds.

mod cache;
mod cells;
mod compile;
mod conditions;
mod decide;
mod engine;
mod explain;
mod facts;
mod name;
mod scope_decision;
mod text;
mod view;
mod visible;

pub use cache::{ConsentCache, MAX_CACHED_POLICIES, MAX_CACHED_SLICES, parties_key};
pub use compile::{CompileError, CompiledConsent, MAX_POLICIES};
pub use conditions::{Condition, shared_part_permits};
pub use decide::{DenyCause, Permitted, PolicyVerdict, decide};
pub use explain::{Audience, Explanation, FullExplanation, NearMiss, Remedy, explain};
pub use facts::{ConsentSlice, DenialFact, GrantFact, Question, TermsFact};
pub use name::{PolicyName, Term};
pub use scope_decision::{Refusal, ScopeVerdict, decide_all, permits_all};
pub use visible::{MAX_PAGE_RECORDS, Page, RecordIndex, who_can_see};

#[cfg(test)]
mod tests;
