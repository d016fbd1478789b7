//! A permission is not copied.
use secnet_app::Granted;

fn twice(granted: &Granted) -> Granted {
    granted.clone()
}

fn main() {}
