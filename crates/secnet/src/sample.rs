//! Sample members, money and data: what `demo` tells a story of and `dev` serves.

use std::path::Path;

use secnet_crypto::KeyFileParams;
use secnet_types::{
    Amount, Category, Change, DatasetId, MemberId, MemberKind, Purpose, RecordMeta, ServiceLevel,
};

use crate::actions::{self, Offer};
use crate::failure::Failure;
use crate::files;
use crate::ingest::PlainPatient;
use crate::keystore::Identity;
use crate::node::Node;
use crate::output::Output;

/// The passphrase of sample folders. It is published, so nothing real belongs in such a folder.
pub(crate) const PASSPHRASE: &str = "a published passphrase protects nothing";
/// Longest file of a passphrase that is looked at, in bytes.
const MAX_PASSPHRASE_BYTES: u64 = 4096;
/// What one use of the sample data costs.
pub(crate) const PRICE: Amount = Amount(Amount::MICROS / 4);

/// Who is there.
pub(crate) struct Cast {
    pub hospital: Identity,
    pub owner: Identity,
    pub doctor: Identity,
    pub attacker: Identity,
}

/// A new folder that anybody can open.
pub(crate) async fn folder(dir: &Path, name: &str) -> Result<Node, Failure> {
    files::make_private_dir(dir)?;
    files::write_private(&dir.join("passphrase"), PASSPHRASE.as_bytes())?;
    // Stretching a published passphrase protects nothing, so the least is spent on it.
    Node::create_at_cost(dir, name, PASSPHRASE, KeyFileParams::LEAST).await
}

/// Copy the passphrase of a sample folder, which everybody knows, to another. False if there is one that is a secret: it
/// stays where it is.
pub(crate) fn copy_passphrase(from: &Path, to: &Path) -> Result<bool, Failure> {
    let name = "passphrase";
    let Some(text) = files::read_if_present(&from.join(name), MAX_PASSPHRASE_BYTES)? else {
        return Ok(true);
    };
    if text.trim_ascii_end() != PASSPHRASE.as_bytes() {
        return Ok(false);
    }
    files::write_private(&to.join(name), &text)?;
    Ok(true)
}

/// City Hospital vouches for Ada, Dr. Bo and Eve.
pub(crate) async fn cast(node: &Node) -> Result<Cast, Failure> {
    let hospital = actions::admit(node, "city-hospital", MemberKind::Organisation, None).await?;
    let owner = actions::admit(node, "ada", MemberKind::Person, Some(&hospital)).await?;
    let doctor = actions::admit(node, "dr-bo", MemberKind::Person, Some(&hospital)).await?;
    let attacker = actions::admit(node, "eve", MemberKind::Person, Some(&hospital)).await?;
    Ok(Cast { hospital, owner, doctor, attacker })
}

/// Put money into an account.
pub(crate) async fn issue(node: &Node, to: MemberId, units: u64) -> Result<(), Failure> {
    let amount = Amount(units.saturating_mul(Amount::MICROS));
    node.govern(Change::Issue { to, amount }).await
}

/// Seal the patient's records and register them.
pub(crate) async fn register(
    node: &Node,
    out: Output,
    owner: &Identity,
    patient: &PlainPatient,
) -> Result<DatasetId, Failure> {
    let offer = Offer {
        title: "my health records".into(),
        price: PRICE,
        level: ServiceLevel::Sealed,
        purposes: Some([Purpose::Treatment, Purpose::Research, Purpose::Emergency].into()),
        beneficiaries: Vec::new(),
    };
    let bar = out.progress(patient.records.len() as u64, "sealing");
    let dataset = actions::register(node, owner, &patient.records, &offer, |n| bar.inc(n)).await?;
    bar.finish_and_clear();
    Ok(dataset)
}

/// How many records of a category have no sensitivity label.
pub(crate) fn plain<'r>(
    records: impl Iterator<Item = &'r RecordMeta>,
    category: Category,
) -> usize {
    records.filter(|r| r.category == category && r.labels.is_empty()).count()
}
