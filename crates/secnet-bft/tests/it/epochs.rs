//! The validators change while commands are under way, and whoever missed it finds out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use commonware_runtime::Clock as _;
use futures::future::join_all;
use secnet_app::ports::Committed;
use secnet_crypto::SigningKey;
use secnet_node::Cosigned;
use secnet_types::limits::EPOCH_DELAY;

use crate::simulated::{Network, VALIDATORS, link, machines_and_guests, near, simulate_with};
use crate::world::{PAYERS, Signer};

impl Network {
    /// All of the genesis' validators, and money for everybody.
    pub(crate) async fn found(&mut self, signer: &Signer) {
        for index in 0..VALIDATORS {
            assert!(self.start(index).await);
        }
        for (number, name) in PAYERS.iter().enumerate() {
            self.order(0, signer.issue(number as u64, name)).await;
        }
    }

    /// What this node is given is applied.
    pub(crate) async fn order(&self, index: usize, command: Vec<u8>) -> Committed {
        let ledger = &self.running[index].as_ref().unwrap().ledger;
        ledger.submit(command).await.unwrap().expect("it is applied")
    }

    /// Each of these nodes is given some payments at once; all are applied.
    pub(crate) async fn pay_at(
        &self,
        nodes: &[usize],
        signer: &Signer,
        first: u64,
    ) -> Vec<Committed> {
        let paid = (first..first + 12).zip(nodes.iter().cycle()).map(|(number, node)| {
            let from = PAYERS[number as usize % 4];
            self.order(*node, signer.pay(number, from, PAYERS[(number as usize + 1) % 4], 1))
        });
        join_all(paid).await
    }

    /// These machines are the validators, and these follow. The height of the last block before.
    pub(crate) async fn set_nodes(
        &self,
        at: usize,
        signer: &Signer,
        epoch: u64,
        (validators, followers): (&[usize], &[usize]),
    ) -> u64 {
        let keys = |machines: &[usize]| -> Vec<(&SigningKey, Option<_>)> {
            machines.iter().map(|index| (&self.machines[*index].key, None)).collect()
        };
        let command = signer.set_nodes((50 + epoch, epoch), &keys(validators), &keys(followers));
        self.order(at, command).await.height + EPOCH_DELAY
    }

    pub(crate) fn height_at(&self, index: usize) -> u64 {
        self.running[index].as_ref().unwrap().ledger.chain().executor().height()
    }

    fn epoch_at(&self, index: usize, height: u64) -> u64 {
        let ledger = &self.running[index].as_ref().unwrap().ledger;
        ledger.chain().block(height).unwrap().unwrap().0.header.epoch
    }

    /// Until a quorum has signed a log with this event, as far as this node knows.
    async fn until_cosigned(&self, index: usize, event: u64) -> Arc<Cosigned> {
        loop {
            let cosigned = self.running[index].as_ref().unwrap().ledger.cosigned();
            if let Some(cosigned) = cosigned.filter(|signed| signed.statement().size > event) {
                return cosigned;
            }
            self.runtime.sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn until_height(&self, index: usize, height: u64) {
        while self.height_at(index) < height {
            let trouble = self.running[index].as_ref().unwrap().ledger.trouble();
            assert_eq!(trouble, None);
            self.runtime.sleep(Duration::from_millis(50)).await;
        }
    }
}

pub(crate) fn events(committed: &[Committed]) -> Vec<u64> {
    committed.iter().map(|committed| committed.event).collect()
}

#[test]
fn another_validator_takes_over_from_one_and_receipts_hold_from_the_genesis() {
    simulate_with(machines_and_guests(1), (31, &near()), async |mut net, signer| {
        net.found(&signer).await;
        assert!(net.start(4).await, "it follows, and nobody counts its votes yet");
        let mut seen = events(&net.pay_at(&[0, 1, 4], &signer, 100).await);
        let last = net.set_nodes(2, &signer, 1, (&[0, 1, 2, 4], &[3])).await;
        let begun = net.runtime.current();
        // Under way all the time.
        for first in [200, 220, 240] {
            seen.extend(events(&net.pay_at(&[0, 1, 2, 3, 4], &signer, first).await));
        }
        net.until_height(0, last + 1).await;
        let took = net.runtime.current().duration_since(begun).unwrap();
        assert!(took < Duration::from_secs(20), "no heartbeat is waited for: {took:?}");
        assert_eq!((net.epoch_at(0, last), net.epoch_at(0, last + 1)), (0, 1));
        // The one that is new counts now, and the one that left does not.
        net.crash(3);
        seen.extend(events(&net.pay_at(&[0, 4], &signer, 300).await));
        net.crash(0);
        seen.extend(events(&net.pay_at(&[1, 2, 4], &signer, 320).await));
        let height = net.height_at(1);
        net.settle(height + 3).await;
        net.check(&seen);
        for index in [1, 2, 4] {
            let chain = net.running[index].as_ref().unwrap().ledger.chain();
            let receipt = chain.receipt(*seen.last().unwrap()).unwrap();
            assert_eq!(receipt.header.handovers.as_ref().map(Vec::len), Some(1));
            // Without what leads there it is nobody's.
            let mut bare = receipt.clone();
            bare.header.handovers = None;
            bare.verify(&net.genesis).unwrap_err();
            let (_, note) = chain.checkpoint().unwrap();
            secnet_node::open_checkpoint(&net.genesis, &note).unwrap();
        }
        // The new validators sign the log too, and what they sign says who they are by the old ones.
        let newest = *seen.last().unwrap();
        for index in [1, 2, 4] {
            let cosigned = net.until_cosigned(index, newest).await;
            assert_eq!(cosigned.statement().epoch, 1);
            let signers: Vec<_> = cosigned.cosignatures().map(|(key, _)| key.0).collect();
            let three = [1, 2, 4].map(|at: usize| *net.machines[at].key.verifying_key().as_bytes());
            assert_eq!(signers, BTreeSet::from(three).into_iter().collect::<Vec<_>>());
            let chain = net.running[index].as_ref().unwrap().ledger.chain();
            let receipts = chain.cose_receipts(newest, &cosigned).unwrap();
            let brings =
                |what: &[u8]| receipts.windows(what.len()).filter(|at| *at == what).count();
            assert_eq!(brings(b"secnet/handovers/v1"), 1, "the first of them leads there");
            let (_, note) = chain.cosigned_checkpoint(&cosigned).unwrap();
            secnet_node::open_checkpoint(&net.genesis, &note).unwrap();
        }
    });
}

#[test]
fn whoever_missed_the_change_hears_of_it_and_takes_part() {
    simulate_with(machines_and_guests(1), (32, &near()), async |mut net, signer| {
        net.found(&signer).await;
        assert!(net.start(4).await);
        net.pay_at(&[0, 1], &signer, 100).await;
        // One that goes on voting is cut off before the change is even ordered, another that comes too.
        net.part(&[2], &near()).await;
        let last = net.set_nodes(0, &signer, 1, (&[0, 1, 2, 4], &[])).await;
        net.until_height(0, last).await;
        assert!(net.height_at(2) < last - EPOCH_DELAY);
        net.link_all(&near()).await;
        // Its vote is needed.
        net.crash(3);
        net.crash(1);
        let seen = net.pay_at(&[0, 2, 4], &signer, 200).await;
        let height = net.height_at(0);
        net.settle(height + 3).await;
        net.check(&events(&seen));
    });
}

#[test]
fn one_that_has_nothing_catches_up_across_two_changes() {
    simulate_with(machines_and_guests(3), (33, &link(5, 2, 100)), async |mut net, signer| {
        net.found(&signer).await;
        for guest in [4, 5] {
            assert!(net.start(guest).await);
        }
        let mut seen = events(&net.pay_at(&[0, 1, 2, 3], &signer, 100).await);
        let last = net.set_nodes(0, &signer, 1, (&[0, 1, 4, 5], &[2])).await;
        net.until_height(1, last + 1).await;
        seen.extend(events(&net.pay_at(&[0, 5], &signer, 200).await));
        let second = net.set_nodes(4, &signer, 2, (&[0, 4, 5, 6], &[1])).await;
        net.until_height(4, second).await;
        // It is new, and so is one that lost all it had.
        assert!(net.start(6).await);
        net.crash(5);
        net.machines[5].lose_store();
        net.machines[5].lose_votes();
        assert!(net.start(5).await);
        seen.extend(events(&net.pay_at(&[0, 4, 6, 5], &signer, 300).await));
        assert_eq!(net.epoch_at(6, second + 1), 2);
        // Those who are not among them any more are still told, since they follow.
        let height = net.height_at(4);
        net.crash(2);
        net.crash(3);
        net.settle(height + 3).await;
        net.check(&seen);
        let handovers = |index: usize| {
            let ledger = &net.running[index].as_ref().unwrap().ledger;
            let handovers = ledger.chain().handovers_from(0).unwrap();
            // Different validators may have signed what each of them has.
            handovers
                .into_iter()
                .map(|handover| (handover.event, handover.header))
                .collect::<Vec<_>>()
        };
        assert_eq!(handovers(6).len(), 2);
        // What they were told on the way they do not keep.
        for running in net.running.iter().flatten() {
            assert_eq!(running.epochs.told(), 0);
        }
        assert_eq!(handovers(6), handovers(0));
    });
}

#[test]
fn whoever_crashes_around_the_change_goes_on_with_it() {
    for seed in 40..46 {
        simulate_with(machines_and_guests(1), (seed, &near()), async |mut net, signer| {
            net.found(&signer).await;
            assert!(net.start(4).await);
            let index = [0, 1, 4][seed as usize % 3];
            let last = net.set_nodes(2, &signer, 1, (&[0, 1, 2, 4], &[])).await;
            let until = last.saturating_sub(seed % 4);
            net.until_height(index, until).await;
            net.crash(index);
            net.runtime.sleep(Duration::from_millis(100 * (seed % 3))).await;
            assert!(net.start(index).await);
            let seen = net.pay_at(&[0, 1, 2, 4], &signer, 200).await;
            net.until_height(2, last + 3).await;
            let height = net.height_at(2);
            net.crash(3);
            net.settle(height + 2).await;
            net.check(&events(&seen));
            assert_eq!(net.epoch_at(index, last + 1), 1);
        });
    }
}
