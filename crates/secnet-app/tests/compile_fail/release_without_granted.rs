//! A receipt is no permission.
use secnet_app::{Release, Wanted};
use secnet_types::Receipt;

async fn hand_out(release: &dyn Release, receipt: &Receipt, wanted: &[Wanted]) {
    let _ = release.release(receipt, wanted).await;
}

fn main() {}
