//! A receipt is no permission.
use secnet_app::Release;
use secnet_lock::ReleasePacket;
use secnet_types::Receipt;

async fn hand_out(release: &dyn Release, receipt: &Receipt, packets: &[ReleasePacket]) {
    let _ = release.release(receipt, packets).await;
}

fn main() {}
