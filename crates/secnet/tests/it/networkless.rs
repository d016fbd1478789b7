//! A program that was built without the engine of networks.

use secnet_node::store::Store;
use secnet_node::{Chain, store_options};
use secnet_types::{Genesis, ValidatorKey};

use crate::support::{Place, command, finish};

#[test]
fn it_opens_no_network_and_says_which_feature_is_needed() {
    let place = Place::demo();
    let refused = |args: &[&str]| {
        let run = finish(command(place.root()).args(args).arg("--json"));
        assert_eq!((run.code, run.error()["code"].as_str()), (2, Some("needs-feature")), "{run:?}");
        assert!(run.error()["hint"].as_str().unwrap().contains("--features bft"), "{run:?}");
    };
    refused(&["--dir", "n", "net", "up"]);
    assert!(!place.path("n").exists());

    // The same folder as one of a network: its sequencer is the only validator.
    let bytes = std::fs::read(place.path("d/genesis.cbor")).unwrap();
    let genesis = Genesis::parse(&bytes).unwrap();
    let validators = Some(vec![ValidatorKey(genesis.sequencer)]);
    let genesis = Genesis { validators, ..genesis };
    let ledger = place.path("d/ledger");
    std::fs::remove_dir_all(&ledger).unwrap();
    std::fs::remove_dir_all(place.path("d/log")).unwrap();
    let store = Store::open(&ledger, store_options(true)).unwrap();
    drop(Chain::create_agreed(store, genesis).unwrap());
    refused(&["--dir", "d", "status"]);
    refused(&["--dir", "d", "up", "--listen", "127.0.0.1:0"]);
}
