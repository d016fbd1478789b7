//! How a network goes on from a closed one: the governor closes the old chain for the configuration of the new one, which
//! then takes over its state. Keys, data and details are the same; the sequencer's key is new.
//!
//! ```text
//! DIR/configuration.cbor     the genesis without the predecessor, while the new folder is not complete
//! DIR/closed/NETWORK/        the ledger of each network before this one, which a check begins from
//! ```

use std::path::{Path, PathBuf};

use secnet_app::ports::Clock as _;
use secnet_ledger::State;
use secnet_node::store::Store;
use secnet_node::{Chain, Closed, store_options, stored_genesis};
use secnet_types::{Change, Founder, Genesis, MemberId, NetworkId, Predecessor, encode, limits};

use crate::failure::{Exit, Failure};
use crate::files;
use crate::format;
use crate::kept;
use crate::node::{
    GOVERNOR, LEDGER, NODE_KEYS, Node, NodeKeys, ledger_failure, require, store_failure,
};
use crate::sample;
use crate::system::{SystemClock, random};
use crate::vault::{self, Where};

/// The ledgers of the networks before, in a data folder and in a backup.
pub(crate) const CLOSED: &str = "closed";
const CONFIGURATION: &str = "configuration.cbor";

/// Make the folder of the network that continues the one in `old`, and close that one. If this was interrupted it goes on
/// where it was.
pub(crate) async fn succeed(
    old: &Path,
    (dir, place): (&Path, &Where),
    name: Option<&str>,
    passphrase: &str,
) -> Result<Node, Failure> {
    require(old)?;
    if dir.join("genesis.cbor").exists() {
        return Err(Failure::new("exists", format!("`{}` already holds a network", dir.display()))
            .hint("give another folder with --dir"));
    }
    let node = Node::open(old, passphrase, place).await?;
    let prepared = prepare(&node, dir, name, passphrase).await;
    let closed = node.close().await;
    let (configuration, keys) = prepared?;
    closed?;

    let (store, before) = ledger_of(old)?;
    let end = end_of(old, &store, &before)?;
    let genesis = Genesis { predecessor: Some(end.executor().end()), ..configuration };
    take_along(old, dir, &store, &before)?;
    drop(store);
    let ledger = dir.join(LEDGER);
    if ledger.exists() {
        std::fs::remove_dir_all(&ledger).map_err(|e| Failure::io("remove", &ledger, &e))?;
    }
    let store = Store::open(&ledger, store_options(true)).map_err(|e| ledger_failure(&e))?;
    let chain = Chain::succeed(store, genesis.clone(), keys.sequencer(), end)
        .map_err(|error| ledger_failure(&error))?;
    drop(chain);
    format::write(dir, format::FORMAT)?;
    // Last, because its presence says that the folder is complete.
    files::write_private(&dir.join("genesis.cbor"), &encode(&genesis))?;
    files::remove(&dir.join(CONFIGURATION))?;
    Node::open(dir, passphrase, place).await
}

/// The configuration and the new keys, durable before the old chain is closed for them; then the old chain, closed.
async fn prepare(
    node: &Node,
    dir: &Path,
    name: Option<&str>,
    passphrase: &str,
) -> Result<(Genesis, NodeKeys), Failure> {
    let (file, keys) = (dir.join(CONFIGURATION), dir.join("keys"));
    if !file.exists() {
        if is_closed(node) {
            return Err(other_successor(&node.dir));
        }
        files::make_private_dir(dir)?;
        require_fresh(dir)?;
        let own = NodeKeys::load(&node.dir.join("keys"), passphrase)?.with_new_sequencer();
        own.save(&keys, passphrase, node.cost)?;
        files::write_private(&file, &encode(&configuration(node, &own, name)?))?;
    }
    let configuration = configuration_in(&file)?;
    close_for(node, &configuration).await?;
    Ok((configuration, NodeKeys::load(&keys, passphrase)?))
}

/// A genesis without the predecessor, as it was written down before a chain is closed for it.
pub(crate) fn configuration_in(file: &Path) -> Result<Genesis, Failure> {
    let bytes = files::read(file, limits::MAX_GENESIS_BYTES as u64)?;
    Genesis::parse(&bytes).map_err(|error| {
        let said = format!("`{}` does not hold", file.display());
        Failure::new(error.code(), said).because(&error)
    })
}

/// Close the chain for this configuration, unless it is closed.
pub(crate) async fn close_for(node: &Node, configuration: &Genesis) -> Result<(), Failure> {
    if is_closed(node) {
        return Ok(());
    }
    node.govern(Change::Close { successor: configuration.configuration() }).await
}

pub(crate) fn is_closed(node: &Node) -> bool {
    node.pdc.view(|view| view.state.is_closed()) == Some(true)
}

pub(crate) fn other_successor(dir: &Path) -> Failure {
    let dir = dir.display();
    Failure::new("other-successor", format!("the network in `{dir}` is closed already"))
        .hint("go on in the folder that it was closed for; `secnet log` says when that was")
}

/// What would be asked of the governor.
pub(crate) fn closing(node: &Node, name: Option<&str>) -> Result<Change, Failure> {
    let keys = NodeKeys::load(&node.dir.join("keys"), node.passphrase())?.with_new_sequencer();
    Ok(Change::Close { successor: configuration(node, &keys, name)?.configuration() })
}

/// The same governor and data centre, and the parameters in force.
fn configuration(node: &Node, keys: &NodeKeys, name: Option<&str>) -> Result<Genesis, Failure> {
    name.map_or(Ok(()), |name| crate::output::check_plain("name", name))?;
    let governor = node.keystore.card(GOVERNOR)?.id()?;
    let founder = |state: &State, member: MemberId| {
        let entry = state.member(member)?;
        Some(Founder { member, kind: entry.kind, sealing_key: entry.sealing_key })
    };
    let founders = node.pdc.view(|view| {
        let both = [governor, node.pdc.member].map(|member| founder(view.state, member));
        let founders: Option<Vec<_>> = both.into_iter().collect();
        founders.map(|founders| (founders, view.state.parameters()))
    });
    let (mut founders, parameters) = founders.flatten().ok_or_else(|| {
        Failure::new("damaged", "the ledger does not know its own governor and data centre")
            .exit(Exit::Verification)
    })?;
    founders.sort_by_key(|founder| founder.member);
    let old = node.pdc.log.genesis();
    Ok(Genesis {
        version: Genesis::VERSION,
        name: name.unwrap_or(&old.name).to_owned(),
        time: SystemClock.now(),
        salt: random(),
        founders,
        governors: vec![governor],
        threshold: 1,
        sequencer: *keys.sequencer().verifying_key().as_bytes(),
        parameters,
        predecessor: None,
        validators: None,
    })
}

/// The ledger in a folder, and how its network began.
pub(crate) fn ledger_of(dir: &Path) -> Result<(Store, Genesis), Failure> {
    let store = Store::open(&dir.join(LEDGER), store_options(false))
        .map_err(|error| store_failure(&error))?;
    let genesis = stored_genesis(&store).map_err(|error| ledger_failure(&error))?;
    Ok((store, genesis))
}

/// The keys of everybody in the old folder but of its node. Not the requests under way: they are for the old network.
pub(crate) fn take_keys(old: &Path, dir: &Path) -> Result<(), Failure> {
    files::copy_tree(&old.join("keys"), &dir.join("keys"), &[NODE_KEYS])?;
    kept::forget_all(&dir.join("keys"))?;
    // Any other stays where it is: beside the keys that it opens it protects nothing.
    sample::copy_passphrase(old, dir).map(drop)
}

/// Keys, data and details, and every ledger so far.
pub(crate) fn take_along(
    old: &Path,
    dir: &Path,
    store: &Store,
    before: &Genesis,
) -> Result<(), Failure> {
    take_keys(old, dir)?;
    // Segments that are elsewhere stay there: the old folder is closed, and nothing of it writes to them.
    let apart = vault::take_over(old, dir)?;
    for part in ["vault", "archive", CLOSED].into_iter().filter(|part| !apart || *part != "vault") {
        let (from, to) = (old.join(part), dir.join(part));
        if to.exists() {
            std::fs::remove_dir_all(&to).map_err(|error| Failure::io("remove", &to, &error))?;
        }
        if from.exists() {
            files::copy_tree(&from, &to, &[])?;
        }
    }
    copy_ledger(store, before, &dir.join(CLOSED))
}

/// A copy of a closed ledger among those before it.
pub(crate) fn copy_ledger(store: &Store, genesis: &Genesis, among: &Path) -> Result<(), Failure> {
    let folder = folder_of_network(among, genesis.network());
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|e| Failure::io("remove", &folder, &e))?;
    }
    store.backup(&folder).map(drop).map_err(|error| store_failure(&error))
}

/// The end of the closed chain in this folder's ledger.
pub(crate) fn end_of(dir: &Path, store: &Store, genesis: &Genesis) -> Result<Closed, Failure> {
    let before = before(dir, genesis)?;
    Closed::check(store, before, &mut |_, _| ()).map_err(|error| {
        Failure::new("not-closed", "the network cannot be gone on from")
            .because(&error)
            .hint("`secnet fsck` says more; nothing of the old folder was changed but that it may be closed")
            .exit(Exit::Verification)
    })
}

/// The end of the chain that a network continues, if it continues one: executed again from the copy in the folder.
pub(crate) fn before(dir: &Path, genesis: &Genesis) -> Result<Option<Closed>, Failure> {
    let Some(Predecessor { network, .. }) = genesis.predecessor else { return Ok(None) };
    let folder = folder_of(dir, network);
    let damaged = |error: &dyn std::error::Error| {
        Failure::new(
            "damaged",
            format!("the closed ledger in `{}` does not hold", folder.display()),
        )
        .because(error)
        .exit(Exit::Verification)
    };
    let store = Store::inspect(&folder, store_options(false)).map_err(|error| damaged(&error))?;
    let genesis = stored_genesis(&store).map_err(|error| damaged(&error))?;
    // A folder that named itself as its own beginning would be followed for ever.
    if genesis.network() != network {
        return Err(Failure::new(
            "damaged",
            format!("`{}` holds another network", folder.display()),
        )
        .exit(Exit::Verification));
    }
    let earlier = before(dir, &genesis)?;
    Closed::check(&store, earlier, &mut |_, _| ()).map(Some).map_err(|error| damaged(&error))
}

/// Where a data folder has the ledger of a network before its own.
pub(crate) fn folder_of(dir: &Path, network: NetworkId) -> PathBuf {
    folder_of_network(&dir.join(CLOSED), network)
}

/// The ledger of a network among others that are closed.
pub(crate) fn folder_of_network(closed: &Path, network: NetworkId) -> PathBuf {
    closed.join(network.to_string())
}

pub(crate) fn require_fresh(dir: &Path) -> Result<(), Failure> {
    let mut entries = std::fs::read_dir(dir).map_err(|error| Failure::io("read", dir, &error))?;
    if entries.next().is_none() {
        return Ok(());
    }
    Err(Failure::new("not-empty", format!("`{}` is not empty", dir.display()))
        .hint("give a new folder with --dir")
        .exit(Exit::Usage))
}
