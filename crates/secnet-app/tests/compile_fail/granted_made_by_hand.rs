//! Nobody makes a permission out of its parts.
use secnet_app::Granted;
use secnet_types::RequestDetail;

fn forge(honest: Granted, detail: RequestDetail) -> Granted {
    Granted { detail, ..honest }
}

fn main() {}
