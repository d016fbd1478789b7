//! Whoever is no validator of this network, and a validator that sends what none sends, over TCP.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use commonware_codec::{Copying, DecodeExt as _};
use commonware_cryptography::{
    ChaCha20Poly1305, Signer as _,
    ed25519::{PrivateKey, PublicKey},
};
use commonware_p2p::{AddressableManager as _, Recipients, Sender as _, authenticated::lookup};
use commonware_runtime::{Clock as _, Runner as _, Supervisor as _, tokio::Runner};
use commonware_stream::{
    cups::{self, Cups},
    sake::{self, Sake},
};
use commonware_utils::{NZUsize, ordered::Map};
use secnet_app::ports::Log as _;
use secnet_bft::node::{CHANNELS, quota};
use secnet_bft::{Bft, begin_to_vote};
use secnet_crypto::SigningKey;
use secnet_types::{Genesis, MemberId, ValidatorKey, engine_namespace};

use crate::tcp::{Network, SystemClock, VALIDATORS, chain, until, wait};
use crate::world::{key, validators};

/// A stranger tries for so long to be let in.
const TRIES: Duration = Duration::from_secs(3);
/// Longer than any message that nodes take.
const TOO_LONG: usize = 8 * 1024 * 1024;

fn public(key: &ValidatorKey) -> PublicKey {
    PublicKey::decode(Copying(&key.0)).unwrap()
}

/// Connect to all nodes with this key, as the engine does, and say this on these channels. Does any of them let it in?
fn is_let_in(network: &Network, key: &SigningKey, says: &[(u64, Vec<u8>)]) -> bool {
    let key = PrivateKey::decode(Copying(key.seed().as_slice())).unwrap();
    let namespace = [engine_namespace(network.genesis.network()).as_slice(), b"_P2P"].concat();
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ids = network.genesis.validators.iter().flatten().map(public);
    let mut addresses: Vec<(PublicKey, SocketAddr)> =
        ids.zip(network.addresses.iter().copied()).collect();
    addresses.retain(|(id, _)| *id != key.public_key());
    addresses.push((key.public_key(), listen));
    let folder = tempfile::tempdir().unwrap();
    let config = commonware_runtime::tokio::Config::new().with_storage_directory(folder.path());
    Runner::new(config).start(|runtime| async move {
        let handshake = Cups::<_, ChaCha20Poly1305>::new(
            Sake {
                signer: key,
                synchrony_bound: Duration::from_secs(5),
                max_handshake_age: Duration::from_secs(10),
                version: sake::Version::V1,
            },
            cups::Version::V1,
        );
        let size = commonware_p2p::max_message_size(&[TOO_LONG]);
        let config =
            lookup::Config::local(handshake, &namespace, listen, NZUsize!(8), size, NZUsize!(64));
        let (mut net, mut oracle) = lookup::Network::new(runtime.child("network"), config);
        let addresses = addresses.into_iter().map(|(id, address)| (id, address.into()));
        oracle.track(0, Map::from_iter_dedup(addresses));
        let numbers = CHANNELS.into_iter().chain(says.iter().map(|(number, _)| *number));
        let numbers: BTreeSet<u64> = numbers.collect();
        let mut channels: BTreeMap<u64, _> =
            numbers.into_iter().map(|number| (number, net.register(number, quota(0)))).collect();
        net.start();
        let begun = Instant::now();
        while begun.elapsed() < TRIES {
            let mut heard = false;
            for (number, what) in says {
                let (to, _) = channels.get_mut(number).unwrap();
                heard |= !to.send(Recipients::All, what.clone(), false).is_empty();
            }
            if heard {
                runtime.sleep(Duration::from_millis(200)).await;
                return true;
            }
            runtime.sleep(Duration::from_millis(20)).await;
        }
        false
    })
}

fn goes_on(network: &Network, nodes: &[Bft], number: u64) {
    let signer = network.signer();
    for (index, node) in nodes.iter().enumerate() {
        let pay = signer.pay(number + index as u64, "ada", "bo", 1);
        wait(node.submit(pay)).unwrap();
    }
}

#[test]
fn nobody_else_is_let_in_and_nothing_that_is_sent_stops_a_node() {
    let network = Network::new();
    let nodes: Vec<Bft> = (0..VALIDATORS - 1).map(|index| network.start(index)).collect();
    let signer = network.signer();
    wait(nodes[0].submit(signer.issue(1000, "ada"))).unwrap();

    // Who does not even know how to greet; some stay on the line.
    let mut lines = Vec::new();
    for (index, address) in network.addresses.iter().take(nodes.len()).enumerate() {
        for said in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 70_000], &[0; 3], &[]] {
            let mut line = TcpStream::connect(address).unwrap();
            // It may have hung up already.
            drop(line.write_all(said));
            lines.push(line);
        }
        goes_on(&network, &nodes[index..=index], 10 * index as u64);
    }

    // Who greets well, but is no validator.
    let anything = [(0, vec![1; 100])];
    assert!(!is_let_in(&network, &key("mallory"), &anything));

    // Who is one, and says what none says: on a channel that there is not, too long, nonsense.
    let fourth = validators(VALIDATORS).swap_remove(3);
    assert!(is_let_in(&network, &fourth, &[(99, vec![1; 10])]), "else this test shows nothing");
    is_let_in(&network, &fourth, &[(5, vec![1; TOO_LONG])]);
    let nonsense: Vec<_> = CHANNELS.map(|channel| (channel, vec![0xff; 1000])).into();
    is_let_in(&network, &fourth, &nonsense);
    goes_on(&network, &nodes, 100);
    for node in &nodes {
        assert_eq!(node.standing().trouble, None);
    }
}

#[test]
fn a_validator_with_another_genesis_is_not_met() {
    let network = Network::new();
    let nodes: Vec<Bft> = (0..VALIDATORS - 1).map(|index| network.start(index)).collect();
    let signer = network.signer();
    wait(nodes[0].submit(signer.issue(1000, "ada"))).unwrap();
    let other = Genesis { salt: [8; 32], ..network.genesis.clone() };
    let folder = tempfile::tempdir().unwrap();
    let settings =
        secnet_bft::Settings { folder: folder.path().join("votes"), ..network.settings(3) };
    let id = MemberId::from_key(&settings.key.verifying_key());
    begin_to_vote(&settings.folder, other.network(), id).unwrap();
    let chain = chain(&folder.path().join("store"), &other);
    let lost = Bft::start(chain, settings, Arc::new(SystemClock)).unwrap();
    let begun = Instant::now();
    let mut number = 0;
    while begun.elapsed() < TRIES {
        goes_on(&network, &nodes, number);
        number += 10;
    }
    let fourth = network.genesis.validators.clone().unwrap()[3];
    assert!(nodes.iter().all(|node| !node.peers().contains(&fourth)));
    assert_eq!((lost.chain().executor().height(), lost.peers().len()), (0, 0));
    drop(lost);
    let right = network.start(3);
    until("it is met", || nodes.iter().all(|node| node.peers().contains(&fourth)));
    goes_on(&network, std::slice::from_ref(&right), 10_000);
}
