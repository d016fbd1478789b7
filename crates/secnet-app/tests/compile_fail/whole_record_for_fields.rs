//! A permission for fields opens no whole record.
use secnet_app::{FieldsGranted, Pdc};
use secnet_types::RecordId;

async fn read(pdc: &Pdc, granted: &FieldsGranted, record: RecordId) {
    let _ = pdc.ciphertext(granted, record).await;
}

fn main() {}
