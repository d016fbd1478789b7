//! A new signing key for a member. It is written down before the ledger hears of it and takes the old one's place when the
//! ledger has taken it; whatever is interrupted in between is settled when the folder is opened next, by what the ledger
//! says.

use secnet_app::Enclosures;
use secnet_types::{NetworkId, Operation, Rotation, Signed};

use crate::actions;
use crate::failure::{Exit, Failure};
use crate::keystore::{Card, Identity, STAGED};
use crate::node::Node;

/// A new key, and the command that names it.
pub(crate) fn prepare(network: NetworkId, old: &Identity) -> (Identity, Operation) {
    let new = old.with_new_key();
    let operation = naming(network, &new);
    (new, operation)
}

/// The command that names a new key.
pub(crate) fn naming(network: NetworkId, new: &Identity) -> Operation {
    let sealing_key = new.sealing_digest();
    let rotation = Rotation { network, member: new.member(), sealing_key };
    Operation::RotateKey { rotation: Signed::sign(rotation, &new.signing) }
}

/// Make the key, write it down, have the ledger take it, put it in place.
pub(crate) async fn rotate(node: &Node, old: &Identity) -> Result<Card, Failure> {
    let (new, operation) = prepare(node.pdc.network(), old);
    // A key that is only in memory when the ledger takes it would lose the member.
    node.stage(&new)?;
    if let Err(failure) = actions::order(&node.pdc, old, operation, Enclosures::default()).await {
        if failure.exit == Exit::Unreachable {
            return Err(failure.hint(
                "whether the new key was taken is not known yet; the next command finds out and goes on with the right one",
            ));
        }
        node.keystore.drop_staged(&new.card.name)?;
        return Err(failure);
    }
    node.keystore.take_over(&new)?;
    Ok(new.card)
}

/// Settle the rotations that were interrupted.
pub(crate) fn settle(node: &Node) -> Result<(), Failure> {
    for file in node.keystore.files()? {
        let name = file.strip_suffix(STAGED).and_then(|name| name.strip_suffix('.'));
        let Some(name) = name else { continue };
        let Some(new) = node.staged(name)? else { continue };
        let key = new.signing.verifying_key();
        let taken = node.pdc.view(|view| {
            view.state.member(new.member()).is_some_and(|member| member.key == *key.as_bytes())
        });
        match taken {
            Some(true) => node.keystore.take_over(&new)?,
            Some(false) => node.keystore.drop_staged(name)?,
            None => {}
        }
    }
    Ok(())
}
