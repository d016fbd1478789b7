//! Tests: a table of named cases, a naive model, properties, and what each audience is told.

mod caching;
mod explaining;
mod faults;
mod listing;
mod mutation;
mod naive;
mod properties;
mod scopes;
mod support;
mod table;
mod wording;
