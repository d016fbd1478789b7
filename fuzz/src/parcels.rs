//! The formats of the double lock, by number.

use secnet_lock::{
    CompartmentDirectory, CompartmentKeys, CompartmentPacket, GrantWraps, RecordEntry,
    ReleasePacket, ReleasedShares, ShredPlan, UploadManifest,
};

use secnet_types::DatasetId;

use crate::{REAL, Real};

/// Reads one and writes it again; `None` if it was refused.
pub const READ: &[fn(&[u8]) -> Option<Vec<u8>>] = &[
    |bytes| CompartmentPacket::from_bytes(bytes).ok().map(|it| it.to_bytes()),
    |bytes| ReleasePacket::from_bytes(bytes).ok().map(|it| it.to_bytes()),
    |bytes| GrantWraps::from_bytes(bytes).ok().map(|it| it.to_bytes()),
    |bytes| ReleasedShares::from_bytes(bytes).ok().map(|it| it.to_bytes()),
    |bytes| UploadManifest::from_bytes(bytes).ok().map(|it| it.to_bytes()),
    |bytes| RecordEntry::from_bytes(bytes).ok().map(|it| it.to_bytes()),
    |bytes| CompartmentDirectory::from_bytes(bytes).ok().map(|it| it.to_bytes()),
    |bytes| CompartmentKeys::from_bytes(bytes).ok().map(|it| it.to_bytes().to_vec()),
    |bytes| ShredPlan::from_bytes(bytes).ok().map(|it| it.to_bytes()),
];

/// A real one of each, with its number.
pub fn all() -> Vec<(u8, Vec<u8>)> {
    let Real { delivery, compartments, upload, .. } = &*REAL;
    let (_, entry) = &delivery.records[0];
    let plan = ShredPlan::for_records(DatasetId([7; 16]), [entry], []);
    vec![
        (0, delivery.packets[0].to_bytes()),
        (1, upload.release_packets[0].to_bytes()),
        (2, delivery.wraps.as_ref().expect("a sealed grant").to_bytes()),
        (3, delivery.shares[0].to_bytes()),
        (4, upload.manifest.to_bytes()),
        (5, entry.to_bytes()),
        (6, compartments.directory().to_bytes()),
        (7, compartments.to_bytes().to_vec()),
        (8, plan.to_bytes()),
    ]
}
