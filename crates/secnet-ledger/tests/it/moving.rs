//! A dataset goes to another data centre: the owner says so, with that one's word that it has everything.

use secnet_types::*;

use crate::support::*;

fn arrival(w: &World, dataset: DatasetId) -> Arrival {
    Arrival {
        network: w.network(),
        dataset,
        from: id("pdc"),
        to: id("pdc2"),
        manifest: w.executor.state().dataset(dataset).map_or(digest(0), |entry| entry.manifest),
        said: w.now(),
    }
}

fn by(who: &str, arrival: &Arrival) -> Operation {
    Operation::MoveDataset { arrival: SignedArrival::sign(arrival.clone(), &key(who)) }
}

#[test]
pub(crate) fn a_dataset_moves_by_its_owner_and_the_data_centre_that_has_it() {
    let (mut w, dataset) = World::furnished();
    let grant = w.granted(dataset, "bo");
    let said = arrival(&w, dataset);
    w.refused("eve", by("pdc2", &said), "not-entitled");
    w.refused("pdc2", by("pdc2", &said), "not-entitled");
    for who in ["pdc", "ada", "eve"] {
        w.refused("ada", by(who, &said), "bad-arrival");
    }
    let wrong = |change: &dyn Fn(&mut Arrival)| {
        let mut wrong = said.clone();
        change(&mut wrong);
        by("pdc2", &wrong)
    };
    w.refused("ada", wrong(&|a| a.network = NetworkId([1; 32])), "wrong-network");
    w.refused("ada", wrong(&|a| a.dataset = DatasetId([1; 16])), "unknown-dataset");
    w.refused("ada", wrong(&|a| a.from = id("pdc2")), "other-place");
    w.refused("ada", wrong(&|a| a.manifest = digest(77)), "other-place");
    w.refused("ada", wrong(&|a| a.to = id("nobody")), "unknown-member");
    w.refused("ada", wrong(&|a| a.to = id("bo")), "wrong-kind");
    w.refused("ada", wrong(&|a| a.said = w.at(HOUR)), "bad-arrival");
    // It counts for an hour, and not longer.
    w.wait(HOUR);
    w.wait(1);
    w.refused("ada", by("pdc2", &said), "bad-arrival");
    let said = Arrival { said: w.now(), ..said };
    let before = w.executor.state().dataset(dataset).cloned().unwrap();
    w.ok("ada", by("pdc2", &said));
    let after = w.executor.state().dataset(dataset).cloned().unwrap();
    assert_eq!(after, secnet_ledger::Dataset { pdc: id("pdc2"), ..before });
    // What was granted goes on, and the new one decides.
    let used = w.allowed("bo", dataset, grant);
    w.refused("pdc", used.clone(), "not-the-pdc");
    w.ok("pdc2", used);
    // The same word again moves nothing, also after the dataset was moved back.
    w.refused("ada", by("pdc2", &said), "other-place");
    let back = Arrival { from: id("pdc2"), to: id("pdc"), ..said };
    w.ok("ada", by("pdc", &back));
    w.refused("ada", by("pdc", &back), "other-place");
    w.ok("ada", Operation::WithdrawDataset { dataset });
    w.refused(
        "ada",
        by("pdc2", &Arrival { from: id("pdc"), to: id("pdc2"), ..back }),
        "dataset-not-active",
    );
}
