//! A node that has lost all it had takes over the ledger of another one, whatever somebody sends it instead.

use std::time::Duration;

use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Receiver as _, Recipients, Sender as _};
use commonware_runtime::{Clock as _, Spawner as _, Supervisor as _};
use minicbor::{Decoder, Encoder};
use secnet_bft::Behind;

use crate::epochs::events;
use crate::simulated::{Machine, Network, machines_and_guests, near, simulate_with};
use crate::world::Signer;

/// A node asks for a ledger that has so much more than its own.
const BEHIND: Behind = Behind { away_ms: 500, events: 20, blocks: 1000 };
/// The machine that loses everything.
const LOST: usize = 3;

fn in_folders(guests: usize) -> (secnet_types::Genesis, Vec<Machine>) {
    let (genesis, machines) = machines_and_guests(guests);
    (genesis, machines.into_iter().map(Machine::in_folder).collect())
}

impl Network {
    /// All that is ordered before one of them loses everything, and is away.
    async fn before(&mut self, signer: &Signer) -> Vec<u64> {
        self.behind = BEHIND;
        self.found(signer).await;
        let mut seen = Vec::new();
        for first in [100, 120, 140] {
            seen.extend(events(&self.pay_at(&[0, 1, 2, 3], signer, first).await));
        }
        seen
    }

    async fn lose(&mut self, index: usize) {
        self.crash(index);
        // What its process still did is over.
        self.runtime.sleep(Duration::from_secs(2)).await;
        self.machines[index].lose_store();
        self.machines[index].lose_votes();
    }

    async fn until_arrived(&self, index: usize) -> u64 {
        loop {
            let ledger = &self.running[index].as_ref().unwrap().ledger;
            assert_eq!(ledger.trouble(), None);
            if let Some(height) = ledger.arrived_at() {
                return height;
            }
            self.runtime.sleep(Duration::from_millis(50)).await;
        }
    }
}

#[test]
fn one_that_lost_everything_takes_over_a_ledger_and_serves_like_the_others() {
    simulate_with(in_folders(0), (71, &near()), async |mut net, signer| {
        let mut seen = net.before(&signer).await;
        let before = net.height_at(0);
        net.lose(LOST).await;
        assert!(net.start(LOST).await);
        let under_way = net.pay_at(&[0, 1, 2], &signer, 200);
        let (paid, arrived) = futures::join!(under_way, net.until_arrived(LOST));
        assert!(arrived >= before, "{arrived} of {before}");
        seen.extend(events(&paid));
        seen.extend(events(&net.pay_at(&[LOST, 0], &signer, 300).await));
        net.settle(net.height_at(0) + 3).await;
        net.check(&seen);
        assert!(!net.machines[LOST].folder().join("arriving").exists());
        // What it took over is what it starts with.
        net.crash(LOST);
        net.runtime.sleep(Duration::from_secs(2)).await;
        assert!(net.start(LOST).await);
        seen.extend(events(&net.pay_at(&[LOST, 1], &signer, 320).await));
        assert_eq!(net.running[LOST].as_ref().unwrap().ledger.arrived_at(), None);
        net.settle(net.height_at(1) + 3).await;
        net.check(&seen);
    });
}

#[test]
fn it_takes_it_over_across_a_change_of_validators() {
    simulate_with(in_folders(1), (72, &near()), async |mut net, signer| {
        let mut seen = net.before(&signer).await;
        assert!(net.start(4).await);
        let last = net.set_nodes(0, &signer, 1, (&[0, 1, 2, 4], &[3])).await;
        net.until_height(0, last + 2).await;
        net.lose(4).await;
        assert!(net.start(4).await);
        let arrived = net.until_arrived(4).await;
        assert!(arrived > last, "{arrived}");
        seen.extend(events(&net.pay_at(&[0, 4], &signer, 200).await));
        net.settle(net.height_at(0) + 3).await;
        net.check(&seen);
        let ledger = &net.running[4].as_ref().unwrap().ledger;
        assert_eq!(ledger.chain().handovers_from(0).unwrap().len(), 1);
    });
}

#[test]
fn who_has_taken_over_a_ledger_hands_out_single_blocks_from_before() {
    simulate_with(in_folders(4), (78, &near()), async |mut net, signer| {
        let mut seen = net.before(&signer).await;
        net.crash(0);
        net.runtime.sleep(Duration::from_secs(2)).await;
        seen.extend(events(&net.pay_at(&[1, 2], &signer, 200).await));
        // None of those who come has had these blocks from its engine.
        for guest in 4..8 {
            assert!(net.start(guest).await);
            net.until_arrived(guest).await;
        }
        let last = net.set_nodes(1, &signer, 1, (&[4, 5, 6, 7], &[0])).await;
        for guest in 4..8 {
            net.until_height(guest, last + 1).await;
        }
        for gone in 1..4 {
            net.crash(gone);
        }
        net.behind = Behind { events: u64::MAX, blocks: u64::MAX, ..BEHIND };
        // One that is a little behind gets them one by one all the same.
        assert!(net.start(0).await);
        net.until_height(0, last + 1).await;
        assert_eq!(net.live().iter().filter(|ledger| ledger.arrived_at().is_some()).count(), 4);
        seen.extend(events(&net.pay_at(&[0, 5], &signer, 220).await));
        net.settle(net.height_at(5) + 3).await;
        net.check(&seen);
    });
}

#[test]
fn one_that_is_stopped_meanwhile_goes_on_with_what_has_come() {
    for seed in 73..77 {
        simulate_with(in_folders(0), (seed, &near()), async |mut net, signer| {
            let mut seen = net.before(&signer).await;
            net.lose(LOST).await;
            for tenths in 1..6 {
                assert!(net.start(LOST).await);
                net.runtime.sleep(Duration::from_millis(seed * tenths)).await;
                net.crash(LOST);
                net.runtime.sleep(Duration::from_secs(1)).await;
            }
            assert!(net.start(LOST).await);
            seen.extend(events(&net.pay_at(&[LOST, 0], &signer, 200).await));
            net.settle(net.height_at(0) + 3).await;
            net.check(&seen);
        });
    }
}

/// What kind of answer a message is; none if it is a question.
fn answer(message: &[u8]) -> Option<(u64, u8)> {
    let mut d = Decoder::new(message);
    d.array().ok()?;
    let is_answer = d.u8().ok()? == 1;
    d.array().ok()?;
    let id = d.u64().ok()?;
    d.array().ok()?;
    let kind = d.u8().ok()?;
    is_answer.then_some((id, kind))
}

/// One that claims to be furthest, passes on what another one answers, and alters the last byte of one kind of answer.
async fn start_liar(net: &Network, index: usize, altered: u8) {
    const HONEST: usize = 0;
    let others = net.others(index);
    let me = net.machines[index].id();
    let (mut sender, mut receiver) = net.channels(&me, &others).await.snapshots;
    let honest = net.machines[HONEST].id();
    net.runtime.child("liar").spawn(move |_| async move {
        let mut asker: Option<PublicKey> = None;
        while let Ok((peer, message)) = receiver.recv().await {
            let mut message = bytes::Bytes::from(message).to_vec();
            let to = match answer(&message) {
                None => {
                    asker = Some(peer);
                    honest.clone()
                }
                Some((id, 0)) => {
                    let mut e = Encoder::new(Vec::new());
                    e.array(2).unwrap().u8(1).unwrap().array(2).unwrap().u64(id).unwrap();
                    e.array(2).unwrap().u8(0).unwrap().array(3).unwrap();
                    e.u64(1 << 40).unwrap().u64(1 << 40).unwrap().u64(1).unwrap();
                    message = e.into_writer();
                    asker.clone().unwrap()
                }
                Some((_, kind)) => {
                    if kind == altered {
                        *message.last_mut().unwrap() ^= 1;
                    }
                    asker.clone().unwrap()
                }
            };
            drop(sender.send(Recipients::One(to), message, false));
        }
    });
}

#[test]
fn whoever_alters_a_byte_is_passed_over_for_the_next() {
    // Of the offer, of blocks, of events, of a chunk.
    for (seed, altered) in (80..).zip([2, 3, 4, 5]) {
        simulate_with(in_folders(1), (seed, &near()), async |mut net, signer| {
            let mut seen = net.before(&signer).await;
            start_liar(&net, 4, altered).await;
            net.lose(LOST).await;
            assert!(net.start(LOST).await);
            let arrived = net.until_arrived(LOST).await;
            assert!(arrived < 1 << 30);
            seen.extend(events(&net.pay_at(&[LOST, 0], &signer, 200).await));
            net.settle(net.height_at(0) + 3).await;
            net.check(&seen);
        });
    }
}
