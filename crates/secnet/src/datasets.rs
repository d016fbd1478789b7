//! What an owner does with a dataset it has: other terms, more records, another owner.

use secnet_app::{DatasetManifest, Stated, TermsDetail};
use secnet_ledger::Dataset;
use secnet_types::{DatasetId, Digest, MemberId, Operation, ServiceLevel, SignedCommand, Terms};

use crate::actions::{self, PlainRecord};
use crate::failure::Failure;
use crate::keystore::Identity;
use crate::node::{Node, access_failure};
use crate::system::random;

/// A dataset of this owner.
pub(crate) fn owned(node: &Node, owner: MemberId, id: DatasetId) -> Result<Dataset, Failure> {
    let entry = node.pdc.view(|view| view.state.dataset(id).cloned()).flatten();
    entry.filter(|entry| entry.owner == owner).ok_or_else(|| unknown(id))
}

/// A dataset that is offered to this member.
pub(crate) fn offered(node: &Node, heir: MemberId, id: DatasetId) -> Result<Dataset, Failure> {
    let entry = node.pdc.view(|view| view.state.dataset(id).cloned()).flatten();
    entry.filter(|entry| entry.offered_to == Some(heir)).ok_or_else(|| unknown(id))
}

fn unknown(id: DatasetId) -> Failure {
    Failure::new("unknown-dataset", format!("there is no dataset {id} of that member"))
        .hint("`secnet data ls --as NAME` lists an owner's datasets")
}

/// The terms that only the data centre knows.
pub(crate) async fn detail(
    node: &Node,
    owner: MemberId,
    dataset: DatasetId,
) -> Result<TermsDetail, Failure> {
    let terms = node.pdc.owned_terms(owner, dataset).await.map_err(access_failure)?;
    Ok(terms.1)
}

/// What is to become of a dataset.
pub(crate) enum Change<'a> {
    /// The owner adds these records, none for other terms only.
    Update(&'a Dataset, &'a [PlainRecord]),
    /// A new owner takes it over with these records, sealed under its own keys.
    Accept(&'a [PlainRecord]),
}

impl Change<'_> {
    /// The records that are sealed for it.
    pub(crate) fn records(&self) -> &[PlainRecord] {
        match self {
            Self::Update(_, records) | Self::Accept(records) => records,
        }
    }
}

/// The command for a change, not signed for good: the commitment to the records is put in when they are sealed.
pub(crate) fn operation(
    node: &Node,
    dataset: DatasetId,
    change: &Change<'_>,
    terms: &Terms,
) -> Operation {
    let (terms, pdc) = (terms.clone(), node.pdc.member);
    match change {
        Change::Update(before, _) => {
            Operation::UpdateDataset { dataset, pdc: before.pdc, terms, manifest: before.manifest }
        }
        Change::Accept(_) => {
            Operation::AcceptDataset { dataset, pdc, terms, manifest: Digest::ZERO }
        }
    }
}

/// Seal what is to be sealed, sign and hand in.
pub(crate) async fn carry_out(
    node: &Node,
    author: &Identity,
    dataset: DatasetId,
    (change, terms, detail): (&Change<'_>, &Terms, &TermsDetail),
    progress: impl FnMut(u64),
) -> Result<(), Failure> {
    let mut operation = operation(node, dataset, change, terms);
    let records = change.records();
    let sealed = actions::seal(node, author, dataset, records, progress).await?;
    let listed = match &mut operation {
        // What was there before stays part of what is committed to.
        Operation::UpdateDataset { manifest, .. } if !records.is_empty() => {
            let before = node.pdc.manifest_of(dataset).await.map_err(access_failure)?;
            let listed = before.with(random(), &sealed.uploads);
            *manifest = listed.commitment();
            Some(listed)
        }
        Operation::AcceptDataset { manifest, .. } => {
            let listed = DatasetManifest::of(random(), &sealed.uploads);
            *manifest = listed.commitment();
            Some(listed)
        }
        _ => None,
    };
    let mut to_host = actions::fresh(&sealed.uploads);
    if let (Change::Update(..), [], ServiceLevel::Hosted) = (change, records, terms.level) {
        // The level may be new; and if something of what was there is lost, here it is made again.
        let before = node.pdc.uploads_to_host(author.member(), dataset).await;
        to_host.extend(before.map_err(access_failure)?);
    }
    let host = (&node.keystore, node.pdc.hosting_key());
    let hosting = actions::hosting(host, author, (dataset, terms.level), &to_host)?;
    let command: SignedCommand = node.pdc.sign(author.member(), operation, &author.signing);
    let stated = Stated { terms: detail.clone(), manifest: listed, hosting };
    node.pdc.take_in(sealed.uploads, &stated, &command).await.map_err(access_failure)?;
    Ok(())
}
