//! How the node of a folder takes part in its network.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secnet_app::{Doors, ReleaseDesk, SignedNodeCard};
use secnet_crypto::SigningKey;
use secnet_node::store::Store;
use secnet_node::stored_genesis;
use secnet_types::{Genesis, MemberId, ValidatorKey, limits};

use super::peers::kept_list;
use crate::config::Network;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::ledger::Ledger;
use crate::node::{NodeKeys, ledger_failure};

/// What validators voted for, in a data folder.
pub(super) const VOTES: &str = "votes";

/// How a node takes part.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Its validator, by the key's id.
    pub me: MemberId,
    /// Does it vote while it is one of the validators?
    pub votes: bool,
    /// Its release node.
    pub desk: Arc<ReleaseDesk>,
    /// The doors that its data centre and others tell of.
    pub doors: Arc<Doors>,
}

/// Does this store hold a network's ledger?
pub(crate) fn is_network(store: &Store) -> Result<bool, Failure> {
    let genesis = stored_genesis(store).map_err(|error| ledger_failure(&error))?;
    Ok(genesis.validators.is_some())
}

/// Open a network's ledger and agree on it with the other validators from now on.
pub(crate) fn take_part(
    dir: &Path,
    store: Store,
    keys: &NodeKeys,
    network: Option<&Network>,
) -> Result<(Arc<dyn Ledger>, Part), Failure> {
    super::require_feature()?;
    let Some(network) = network else {
        return Err(Failure::new(
            "network-folder",
            format!("`{}` belongs to a network, whose validators order together", dir.display()),
        )
        .hint("start its node with `secnet up` and call that with --url")
        .exit(Exit::Usage));
    };
    let genesis = stored_genesis(&store).map_err(|error| ledger_failure(&error))?;
    same_genesis(dir, &genesis)?;
    let validators = genesis.validators.clone().unwrap_or_default();
    let me = ValidatorKey(*keys.sequencer().verifying_key().as_bytes());
    let addresses = addresses(&validators, me, network, kept_list(dir)?)?;
    let doors = Arc::new(Doors::default());
    let desk = keys.desk(Arc::clone(&doors));
    let part = Part { me: id(me), votes: network.votes, desk: Arc::clone(&desk), doors };
    let card = keys.node_card(genesis.network(), me);
    let ledger =
        start(store, &keys.sequencer(), (network, addresses), (desk, card), dir.join(VOTES))?;
    Ok((ledger, part))
}

/// A file that was exchanged would have receipts checked against another network.
fn same_genesis(dir: &Path, stored: &Genesis) -> Result<(), Failure> {
    let path = dir.join("genesis.cbor");
    let bytes = files::read(&path, limits::MAX_GENESIS_BYTES as u64)?;
    let file = Genesis::parse(&bytes).ok();
    if file.is_some_and(|file| file == *stored) {
        return Ok(());
    }
    Err(Failure::new(
        "other-genesis",
        format!("`{}` is not the genesis of the ledger beside it", path.display()),
    )
    .hint("put the network's own genesis file back; the other members have it")
    .exit(Exit::Verification))
}

/// Where other nodes are reached, and this one. Whoever founds a network knows all of the others; whoever comes later knows one,
/// and is told of the others by the ledger.
fn addresses(
    validators: &[ValidatorKey],
    me: ValidatorKey,
    network: &Network,
    kept: Vec<(MemberId, SocketAddr)>,
) -> Result<BTreeMap<ValidatorKey, SocketAddr>, Failure> {
    let wrong = |failure: Failure| {
        failure
            .hint("`network.peers` lists each validator of the genesis with its address, or who is to be reached when the genesis does not name this node")
            .exit(Exit::Usage)
    };
    let mut addresses = BTreeMap::from([(me, network.listen)]);
    for (peer, address) in &network.peers {
        let peer = ValidatorKey(peer.0);
        if peer != me && addresses.insert(peer, *address).is_some() {
            let said = format!("{} is in `network.peers` twice", id(peer));
            return Err(wrong(Failure::new("unknown-peer", said)));
        }
    }
    for (peer, address) in kept {
        addresses.entry(ValidatorKey(peer.0)).or_insert(address);
    }
    if !validators.contains(&me) {
        if addresses.len() > 1 {
            return Ok(addresses);
        }
        let said = "`network.peers` names nobody, and the genesis does not name this node";
        return Err(wrong(Failure::new("missing-peer", said)));
    }
    match validators.iter().find(|validator| !addresses.contains_key(validator)) {
        None => Ok(addresses),
        Some(missing) => {
            let said = format!("`network.peers` does not say where {} is", id(*missing));
            Err(wrong(Failure::new("missing-peer", said)))
        }
    }
}

/// Validators are named as members are, by what their keys spell.
pub(super) fn id(key: ValidatorKey) -> MemberId {
    MemberId(key.0)
}

#[cfg(feature = "bft")]
fn start(
    store: Store,
    key: &Arc<SigningKey>,
    (network, addresses): (&Network, BTreeMap<ValidatorKey, SocketAddr>),
    (desk, card): (Arc<ReleaseDesk>, SignedNodeCard),
    folder: PathBuf,
) -> Result<Arc<dyn Ledger>, Failure> {
    use crate::system::SystemClock;
    let chain = secnet_node::Chain::open_agreed(store).map_err(|error| ledger_failure(&error))?;
    let settings = secnet_bft::Settings {
        key: SigningKey::from_seed(*key.seed()),
        votes: network.votes,
        listen: network.listen,
        addresses,
        folder,
        // They are in the configuration, which says what is meant.
        private_addresses: true,
        desk: Some(secnet_bft::Desk { desk, card }),
    };
    let bft = secnet_bft::Bft::start(chain, settings, Arc::new(SystemClock));
    Ok(Arc::new(bft.map_err(|error| refused(&error))?))
}

/// Never called: what needs the engine has been refused before.
#[cfg(not(feature = "bft"))]
fn start(
    _: Store,
    _: &Arc<SigningKey>,
    _: (&Network, BTreeMap<ValidatorKey, SocketAddr>),
    _: (Arc<ReleaseDesk>, SignedNodeCard),
    _: PathBuf,
) -> Result<Arc<dyn Ledger>, Failure> {
    super::require_feature()?;
    Err(Failure::new("needs-feature", "there is no engine"))
}

#[cfg(feature = "bft")]
fn refused(error: &secnet_bft::StartError) -> Failure {
    use secnet_bft::StartError;
    match error {
        StartError::InUse(_) => Failure::new("in-use", "another process runs this validator")
            .because(error)
            .hint("wait for that process, or end it; a folder serves one at a time")
            .exit(Exit::Unreachable),
        StartError::VotesLost(_) => Failure::new(
            "votes-lost",
            "this validator does not know any more what it voted for",
        )
        .because(error)
        .hint("with `network.votes = \"no\"` it follows the network and serves, without a vote")
        .exit(Exit::Verification),
        StartError::Listen { address, .. } => {
            Failure::new("listen", format!("cannot listen on {address}"))
                .because(error)
                .hint("choose another address as `network.listen`, and tell the other validators")
                .exit(Exit::Unreachable)
        }
        _ => Failure::new("network", "cannot take part in the network")
            .because(error)
            .exit(Exit::Unreachable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> ValidatorKey {
        ValidatorKey([byte; 32])
    }

    fn network(peers: &[(u8, &str)]) -> Network {
        let peers = peers.iter().map(|(k, address)| (id(key(*k)), address.parse().unwrap()));
        Network { listen: "127.0.0.1:1".parse().unwrap(), peers: peers.collect(), votes: true }
    }

    #[test]
    fn each_validator_of_the_genesis_has_one_address() {
        let validators = [key(1), key(2), key(3)];
        let of = |peers: &[(u8, &str)]| {
            addresses(&validators, key(1), &network(peers), Vec::new())
                .map_err(|f| f.code.into_owned())
        };
        let all = of(&[(2, "127.0.0.1:2"), (3, "127.0.0.1:3")]).unwrap();
        assert_eq!(all.values().map(SocketAddr::port).collect::<Vec<_>>(), [1, 2, 3]);
        // Itself among them, so that one list does for all.
        assert!(of(&[(1, "127.0.0.1:9"), (2, "127.0.0.1:2"), (3, "127.0.0.1:3")]).is_ok());
        assert_eq!(of(&[(2, "127.0.0.1:2")]).unwrap_err(), "missing-peer");
        let later = [(2, "127.0.0.1:2"), (3, "127.0.0.1:3"), (4, "127.0.0.1:4")];
        assert_eq!(of(&later).unwrap().len(), 4);
        let twice = [(2, "127.0.0.1:2"), (2, "127.0.0.1:5"), (3, "127.0.0.1:3")];
        assert_eq!(of(&twice).unwrap_err(), "unknown-peer");
        // One that the genesis does not name has to know somebody.
        let other = addresses(&validators, key(9), &network(&[]), Vec::new()).unwrap_err();
        assert_eq!(other.code, "missing-peer");
        let knows = network(&[(7, "127.0.0.1:7")]);
        assert!(addresses(&validators, key(9), &knows, Vec::new()).is_ok());
    }

    /// What came with the genesis does for everybody; one's own configuration knows better.
    #[test]
    fn the_list_that_came_with_the_genesis_names_whom_the_configuration_does_not() {
        let validators = [key(1), key(2), key(3)];
        let came = |port: u16| {
            let at = |k: u8| (id(key(k)), SocketAddr::from(([127, 0, 0, 1], port + u16::from(k))));
            vec![at(1), at(2), at(3)]
        };
        let own = network(&[(3, "127.0.0.1:3")]);
        for me in [1, 9] {
            let all = addresses(&validators, key(me), &own, came(100)).unwrap();
            assert_eq!(all[&key(2)].port(), 102);
            assert_eq!(all[&key(3)].port(), 3);
        }
        let all = addresses(&validators, key(1), &network(&[]), came(100)).unwrap();
        assert_eq!(all[&key(1)].port(), 1, "where one listens one knows oneself");
    }
}
