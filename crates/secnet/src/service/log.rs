//! The node's log, on standard error. Nothing that a caller wrote goes into it, no token and no key.

use std::str::FromStr as _;

use tracing::level_filters::LevelFilter;

use crate::config::Settings;

/// From now on, what is told goes there.
pub(crate) fn begin(settings: &Settings) {
    let level = LevelFilter::from_str(&settings.log_level).unwrap_or(LevelFilter::WARN);
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(level);
    // Whoever began one before goes on with that.
    if settings.log_json {
        drop(log.json().flatten_event(true).try_init());
    } else {
        drop(log.with_ansi(false).try_init());
    }
}
