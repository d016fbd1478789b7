//! A new signing key for a member. The old key's file is kept until the ledger has taken the new one, and beside it after.

use secnet_app::Enclosures;
use secnet_types::{Operation, Rotation, Signed};

use crate::actions;
use crate::failure::{Exit, Failure};
use crate::keystore::{Card, Identity};
use crate::node::Node;

/// Make the key, write it down, have the ledger take it. If the ledger refuses, the old key is put back.
pub(crate) async fn rotate(node: &Node, old: &Identity) -> Result<Card, Failure> {
    let new = old.with_new_key();
    // What is sealed under the old key's file key is opened before and sealed again after.
    let compartments = actions::compartments(&node.keystore, old)?;
    // Written before the ledger knows it: a key that is only in memory when the ledger takes it would lose the member.
    node.replace_identity(&new)?;
    let rotation = Rotation {
        network: node.pdc.network(),
        member: old.member(),
        sealing_key: old.sealing_digest(),
    };
    let operation = Operation::RotateKey { rotation: Signed::sign(rotation, &new.signing) };
    if let Err(failure) = actions::order(&node.pdc, old, operation, Enclosures::default()).await {
        if failure.exit == Exit::Unreachable {
            let hint =
                "whether the new key was taken is not known; the old one is kept as NAME.key.old";
            return Err(failure.hint(hint));
        }
        node.replace_identity(old)?;
        return Err(failure);
    }
    actions::save_compartments(&node.keystore, &new, &compartments)?;
    Ok(new.card)
}
