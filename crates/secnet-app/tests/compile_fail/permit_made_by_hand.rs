//! What a ledger says yes to is not put together by whoever asks.
use secnet_app::{Permit, ReleaseAsk};

fn forge(honest: Permit, ask: ReleaseAsk) -> Permit {
    Permit { ask, ..honest }
}

fn main() {}
