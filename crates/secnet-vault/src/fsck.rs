//! Checking the whole vault.

use std::collections::BTreeSet;

use secnet_app::ports::VaultError;
use secnet_crypto::Address;

use crate::SegmentVault;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FsckReport {
    /// Referenced segments that are there and match their address.
    pub intact: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Referenced segments that are not there.
    pub missing: Vec<Address>,
    /// Segments, referenced or not, that did not match their address. [`fsck`] has quarantined them, [`inspect`] has not.
    pub damaged: Vec<Address>,
    /// Intact segments that nothing refers to.
    pub unreferenced: Vec<Address>,
    /// What had been quarantined before.
    pub quarantined: Vec<Address>,
}

impl FsckReport {
    /// Is every referenced segment there and intact?
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.missing.is_empty() && self.damaged.is_empty()
    }
}

/// Reads every segment and compares with what is `referenced`.
///
/// # Errors
/// [`VaultError::Storage`].
pub async fn fsck(
    vault: &SegmentVault,
    referenced: &BTreeSet<Address>,
) -> Result<FsckReport, VaultError> {
    let mut report =
        FsckReport { quarantined: vault.quarantined().await?, ..FsckReport::default() };
    let present: BTreeSet<Address> = vault.list().await?.into_iter().collect();
    for address in present.union(referenced) {
        match vault.verify(*address).await {
            Ok(len) if referenced.contains(address) => {
                report.intact = report.intact.saturating_add(1);
                report.bytes = report.bytes.saturating_add(len);
            }
            Ok(_) => report.unreferenced.push(*address),
            Err(VaultError::Missing(address)) => report.missing.push(address),
            Err(VaultError::Quarantined(address)) => report.damaged.push(address),
            Err(error) => return Err(error),
        }
    }
    Ok(report)
}

/// As [`fsck`], but changes nothing: what is damaged stays where it is. `progress` is called with (segments done, all).
///
/// # Errors
/// [`VaultError::Storage`].
pub async fn inspect(
    vault: &SegmentVault,
    referenced: &BTreeSet<Address>,
    mut progress: impl FnMut(u64, u64),
) -> Result<FsckReport, VaultError> {
    let mut report =
        FsckReport { quarantined: vault.quarantined().await?, ..FsckReport::default() };
    let present: BTreeSet<Address> = vault.list().await?.into_iter().collect();
    let all: Vec<Address> = present.union(referenced).copied().collect();
    for (done, address) in all.iter().enumerate() {
        match vault.look_at(*address).await {
            Ok(Some(len)) if referenced.contains(address) => {
                report.intact = report.intact.saturating_add(1);
                report.bytes = report.bytes.saturating_add(len);
            }
            Ok(Some(_)) => report.unreferenced.push(*address),
            Ok(None) => report.damaged.push(*address),
            Err(VaultError::Missing(address)) => report.missing.push(address),
            Err(error) => return Err(error),
        }
        progress(done as u64 + 1, all.len() as u64);
    }
    Ok(report)
}
