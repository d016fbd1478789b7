//! How a network of several founders goes on from a closed chain: that of one of them, who brings members, consent, money and
//! data along. The others get the ledger of that chain, and execute it again before they begin from its state.
//!
//! ```text
//! GENESIS.begun              the genesis without the predecessor, until it is complete
//! GENESIS.closed/NETWORK/    the ledger of each network before it, handed to each founder with the genesis
//! ```

use std::path::{Path, PathBuf};

use secnet_crypto::KeyFileParams;
use secnet_node::store::Store;
use secnet_node::{Closed, store_options, stored_genesis};
use secnet_types::{Genesis, Predecessor, encode};

use super::Card;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::node::{Node, NodeKeys, ledger_failure, require, store_failure};
use crate::succession::{self, CLOSED};
use crate::vault::Where;

/// Where whoever joins has what was before the genesis.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Past<'a> {
    /// There was nothing.
    None,
    /// The ledgers, as they were handed on with the genesis.
    Ledgers(&'a Path),
    /// The folder of the chain that was closed: its data go along.
    Folder(&'a Path),
}

/// The keys in the folder of a solo chain, for the node that its data centre will have in the network, which has a new
/// validator's key.
pub(crate) fn take_keys(old: &Path, dir: &Path, passphrase: &str) -> Result<(), Failure> {
    require(old)?;
    let keys = NodeKeys::load(&old.join("keys"), passphrase)?.with_new_sequencer();
    files::make_private_dir(dir)?;
    succession::require_fresh(dir)?;
    succession::take_keys(old, dir)?;
    // Last: what has this file has all of them.
    keys.save(&dir.join("keys"), passphrase, KeyFileParams::DEFAULT)
}

/// The genesis of a network of these founders that goes on from the chain in `old`, which is closed for it. If this was
/// interrupted it goes on where it was. The ledgers to be handed on are in [`ledgers_beside`].
pub(crate) async fn genesis_after(
    (old, place): (&Path, &Where),
    passphrase: &str,
    (name, cards): (&str, &[Card]),
    out: &Path,
) -> Result<Genesis, Failure> {
    let begun = beside(out, "begun");
    let node = Node::open(old, passphrase, place).await?;
    let agreed = close(&node, &begun, (name, cards)).await;
    let closed = node.close().await;
    let configuration = agreed?;
    closed?;

    let (store, before) = succession::ledger_of(old)?;
    let end = succession::end_of(old, &store, &before)?;
    let genesis = Genesis { predecessor: Some(end.executor().end()), ..configuration };
    end.leads_to(&genesis).map_err(|error| succession::other_successor(old).because(&error))?;
    let handed_on = ledgers_beside(out);
    if old.join(CLOSED).exists() {
        files::copy_tree(&old.join(CLOSED), &handed_on, &[])?;
    }
    succession::copy_ledger(&store, &before, &handed_on)?;
    files::write_private(out, &encode(&genesis))?;
    files::remove(&begun)?;
    Ok(genesis)
}

/// Where the ledgers are that go with a genesis.
pub(crate) fn ledgers_beside(genesis: &Path) -> PathBuf {
    beside(genesis, "closed")
}

pub(super) fn beside(file: &Path, what: &str) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(what);
    file.with_file_name(name)
}

/// What the founders agreed on, durable before the old chain is closed for it; then the old chain, closed.
async fn close(
    node: &Node,
    begun: &Path,
    (name, cards): (&str, &[Card]),
) -> Result<Genesis, Failure> {
    let wanted = configuration(node, name, cards)?;
    if !begun.exists() {
        if succession::is_closed(node) {
            return Err(succession::other_successor(&node.dir));
        }
        files::write_private(begun, &encode(&wanted))?;
    }
    let agreed = succession::configuration_in(begun)?;
    // All but time and salt is what was given.
    if agreed != (Genesis { time: agreed.time, salt: agreed.salt, ..wanted }) {
        let said = format!("`{}` was begun with another name or other cards", begun.display());
        return Err(Failure::new("other-founders", said)
            .hint("give those again; the old chain may be closed for them already")
            .exit(Exit::Usage));
    }
    succession::close_for(node, &agreed).await?;
    Ok(agreed)
}

/// A chain is closed once: what would keep its successor from beginning is found before.
fn configuration(node: &Node, name: &str, cards: &[Card]) -> Result<Genesis, Failure> {
    let genesis = super::genesis(name, cards)?;
    if !genesis.founders.iter().any(|founder| founder.member == node.pdc.member) {
        let said = format!("none of the cards is of the data centre in `{}`", node.dir.display());
        return Err(Failure::new("not-a-founder", said)
            .hint("its data would be nowhere: have its card made with `secnet net card --successor-of`")
            .exit(Exit::Usage));
    }
    let known = node.pdc.view(|view| {
        let suspended = |id| view.state.member(id).is_some_and(|member| member.suspended);
        (genesis.governors.iter().copied().find(|id| suspended(*id)), view.state.parameters())
    });
    match known {
        Some((None, parameters)) => Ok(Genesis { parameters, ..genesis }),
        Some((Some(governor), _)) => {
            let said = format!("{governor} is suspended, and could not govern");
            Err(Failure::new("suspended-governor", said)
                .hint("reinstate it first, or have another founder govern"))
        }
        None => Err(Failure::new("damaged", "the ledger cannot be read").exit(Exit::Verification)),
    }
}

/// What was before the genesis, brought into the folder and executed again; nothing if there was nothing.
pub(super) fn bring(
    dir: &Path,
    genesis: &Genesis,
    past: Past<'_>,
) -> Result<Option<Closed>, Failure> {
    let usage = |said: &str, hint: &'static str| {
        Err(Failure::new("closed-ledger", said.to_owned()).hint(hint).exit(Exit::Usage))
    };
    match (genesis.predecessor, past) {
        (None, Past::None) => return Ok(None),
        (None, _) => {
            return usage(
                "this genesis goes on from no other network",
                "leave out --closed and --successor-of, or give the genesis that came with them",
            );
        }
        (Some(_), Past::None) => {
            return usage(
                "this genesis goes on from another network",
                "name the ledgers that came with it with --closed, or, if that network is in a folder of yours, that with --successor-of",
            );
        }
        (Some(_), Past::Ledgers(from)) => copy_ledgers(from, dir, genesis)?,
        (Some(before), Past::Folder(old)) => {
            let (store, there) = succession::ledger_of(old)?;
            if there.network() != before.network {
                return usage(
                    &format!("this genesis does not go on from the network in `{}`", old.display()),
                    "name the folder that was closed for it",
                );
            }
            succession::take_along(old, dir, &store, &there)?;
        }
    }
    succession::before(dir, genesis)
}

/// The ledger of each network before this one. What is in them is checked when they are executed.
fn copy_ledgers(from: &Path, dir: &Path, genesis: &Genesis) -> Result<(), Failure> {
    let mut next = genesis.predecessor;
    while let Some(Predecessor { network, .. }) = next {
        let source = succession::folder_of_network(from, network);
        if !source.is_dir() {
            return Err(Failure::new(
                "closed-ledger",
                format!("there is no ledger of {network} in `{}`", from.display()),
            )
            .hint("take the folder that came with the genesis")
            .exit(Exit::Usage));
        }
        let target = succession::folder_of(dir, network);
        files::copy_tree(&source, &target, &[])?;
        let store = Store::inspect(&target, store_options(false)).map_err(|e| store_failure(&e))?;
        let there = stored_genesis(&store).map_err(|error| ledger_failure(&error))?;
        // Whether it is that network at all is asked when it is executed: one that named itself would be copied for ever.
        next = there.predecessor.filter(|_| there.network() == network);
    }
    Ok(())
}
