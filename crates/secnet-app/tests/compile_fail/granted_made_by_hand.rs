//! Nobody makes a permission out of its parts.
use secnet_app::Granted;
use secnet_types::{DatasetId, DecisionId};

fn forge(honest: Granted) -> Granted {
    Granted { decision: DecisionId([0; 16]), dataset: DatasetId([0; 16]), ..honest }
}

fn main() {}
