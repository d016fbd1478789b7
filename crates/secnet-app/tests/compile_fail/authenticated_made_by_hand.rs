//! Nobody says of itself that it is authenticated.
use secnet_app::{Authenticated, Door};

fn forge(honest: Authenticated) -> Authenticated {
    Authenticated { door: Door::Cli, ..honest }
}

fn main() {}
