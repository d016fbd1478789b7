//! Nor does a decision open the vault.
use secnet_app::Pdc;
use secnet_types::{DecisionId, RecordId};

async fn read(pdc: &Pdc, decision: &DecisionId, record: RecordId) {
    let _ = pdc.ciphertext(decision, record).await;
}

fn main() {}
