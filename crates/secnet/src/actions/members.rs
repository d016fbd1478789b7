//! Making members.

use secnet_app::Enclosures;
use secnet_types::{MemberCard, MemberKind, Operation, Signed};

use super::order;
use crate::failure::Failure;
use crate::keystore::{self, Identity};
use crate::node::{Node, access_failure};

/// Make a member: its keys, its card, its place on the ledger.
pub(crate) async fn admit(
    node: &Node,
    name: &str,
    kind: MemberKind,
    voucher: Option<&Identity>,
) -> Result<Identity, Failure> {
    let identity = match begun(node, name, kind)? {
        Some(identity) => identity,
        None => {
            let identity = Identity::generate(name, kind)?;
            node.save_identity(&identity)?;
            identity
        }
    };
    let card = card(node, &identity, kind, voucher);
    node.pdc.keep_sealing_key(&identity.sealing.public).await.map_err(access_failure)?;
    match voucher {
        Some(voucher) => {
            order(&node.pdc, voucher, Operation::Vouch { card }, Enclosures::default()).await?;
        }
        None => node.govern(secnet_types::Change::Admit(card)).await?,
    }
    Ok(identity)
}

/// Keys of this name that the ledger does not know: their admission was refused or cut off, and is made again.
fn begun(node: &Node, name: &str, kind: MemberKind) -> Result<Option<Identity>, Failure> {
    if !node.keystore.beside(name, "key").exists() {
        return Ok(None);
    }
    let identity = node.identity(name)?;
    let member = node.pdc.view(|view| view.state.member(identity.member()).is_some());
    let same = identity.card.kind == keystore::kind_word(kind);
    Ok((member == Some(false) && same).then_some(identity))
}

/// The command that would admit a member of this name, with keys that nobody keeps.
pub(crate) fn admission(
    node: &Node,
    name: &str,
    kind: MemberKind,
    voucher: Option<&Identity>,
) -> Result<secnet_types::SignedCommand, Failure> {
    let identity = match begun(node, name, kind)? {
        Some(identity) => identity,
        None if node.keystore.beside(name, "key").exists() => {
            return Err(Failure::new(
                "name-taken",
                format!("there is already an identity `{name}`"),
            )
            .hint("choose another name"));
        }
        None => Identity::generate(name, kind)?,
    };
    let card = card(node, &identity, kind, voucher);
    match voucher {
        Some(voucher) => {
            let operation = Operation::Vouch { card };
            Ok(node.pdc.sign(voucher.member(), operation, &voucher.signing))
        }
        None => node.proposed(secnet_types::Change::Admit(card)),
    }
}

fn card(
    node: &Node,
    identity: &Identity,
    kind: MemberKind,
    voucher: Option<&Identity>,
) -> Signed<MemberCard> {
    let card = MemberCard {
        network: node.pdc.network(),
        kind,
        sealing_key: identity.sealing_digest(),
        voucher: voucher.map(Identity::member),
    };
    Signed::sign(card, &identity.signing)
}
