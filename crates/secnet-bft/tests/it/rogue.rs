//! A validator that does what no honest one does. One of four may.

use std::sync::Arc;
use std::time::Duration;

use commonware_codec::Encode as _;
use commonware_consensus::simplex::mocks::{
    conflicter, impersonator, nuller, nullify_only, outdated, reconfigurer,
};
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::simplex::types::{
    Certificate, Finalization, Finalize, Nullification, Nullify, Proposal,
};
use commonware_consensus::types::{Epoch, Round, View, ViewDelta};
use commonware_cryptography::certificate::{Attestation, Signers};
use commonware_cryptography::{
    Sha256, Signer as _,
    ed25519::{self, PublicKey},
    sha256,
};
use commonware_p2p::utils::mux::{Muxer, SubReceiver, SubSender};
use commonware_p2p::{
    Receiver as _, Recipients, Sender as _,
    simulated::{self, SplitTarget},
};
use commonware_runtime::{Clock as _, Spawner as _, Supervisor as _, deterministic::Context};
use commonware_utils::ordered::Set;
use secnet_bft::node::Channels;
use secnet_node::faults::{FaultyDisk, Plan};
use secnet_node::store::Store;
use secnet_node::{Chain, store_options};
use secnet_types::{Digest, engine_namespace};

use crate::chance::Chance;
use crate::simulated::{BEGINS, Both, Network, VALIDATORS, private};
use crate::unruly::Unruly;
use crate::world::{Signer, key};

/// What it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rogue {
    /// It is there, and says nothing.
    Silent,
    /// It is two nodes with one key, each on its own: two proposals and two votes in a view, each sound by itself, to different others.
    Twins,
    /// It votes for everything it hears of, and for something else.
    DoubleVotes,
    /// It votes to skip a view, and to make it final.
    SkipsAndFinalises,
    /// It votes to skip every view.
    SkipsAll,
    /// It votes again for what it heard of earlier.
    VotesLate,
    /// It votes in the name of another.
    Impersonates,
    /// It votes for views of another epoch.
    OtherEpoch,
    /// It says again what others said, on any channel, and what means nothing.
    Babbles,
    /// It shows certificates of less than a quorum, and of signatures of others than validators.
    ForgesCertificates,
}

impl Rogue {
    pub(crate) const ALL: [Self; 10] = [
        Self::Silent,
        Self::Twins,
        Self::DoubleVotes,
        Self::SkipsAndFinalises,
        Self::SkipsAll,
        Self::VotesLate,
        Self::Impersonates,
        Self::OtherEpoch,
        Self::Babbles,
        Self::ForgesCertificates,
    ];
}

impl Network {
    /// Let this validator do it, in place of an honest one, until the end.
    pub(crate) async fn start_rogue(&mut self, index: usize, rogue: Rogue) {
        let key = private(&self.machines[index].key);
        let others = self.others(index);
        if rogue == Rogue::Twins {
            return self.start_twins(index, &others).await;
        }
        let channels = self.channels(&key.public_key(), &others).await;
        let runtime = self.runtime.child("rogue").with_attribute("index", index);
        let namespace = engine_namespace(self.genesis.network());
        let scheme = Scheme::signer(&namespace, self.first_validators(), key).unwrap();
        if rogue == Rogue::Babbles {
            let all = [
                channels.votes,
                channels.certificates,
                channels.resolver,
                channels.blocks,
                channels.backfill,
                channels.commands,
                channels.questions,
                channels.handovers,
                channels.cosignatures,
                channels.snapshots,
            ];
            return self.babble(all, index as u64);
        }
        let votes = of_first_epoch(&runtime, channels.votes).await;
        match rogue {
            Rogue::Silent | Rogue::Twins | Rogue::Babbles => {}
            Rogue::DoubleVotes => {
                let config = conflicter::Config { scheme };
                conflicter::Conflicter::<_, _, Sha256>::new(runtime, config).start(votes);
            }
            Rogue::SkipsAndFinalises => {
                let config = nuller::Config { scheme };
                nuller::Nuller::<_, _, Sha256>::new(runtime, config).start(votes);
            }
            Rogue::SkipsAll => {
                let config = nullify_only::Config { scheme };
                nullify_only::NullifyOnly::<_, _, Sha256>::new(runtime, config).start(votes);
            }
            Rogue::VotesLate => {
                let config = outdated::Config { scheme, view_delta: ViewDelta::new(3) };
                outdated::Outdated::<_, _, Sha256>::new(runtime, config).start(votes);
            }
            Rogue::Impersonates => {
                let config = impersonator::Config { scheme };
                impersonator::Impersonator::<_, _, Sha256>::new(runtime, config).start(votes);
            }
            Rogue::OtherEpoch => {
                let config = reconfigurer::Config { scheme };
                reconfigurer::Reconfigurer::<_, _, Sha256>::new(runtime, config).start(votes);
            }
            Rogue::ForgesCertificates => {
                let (mut certificates, _) = of_first_epoch(&runtime, channels.certificates).await;
                let forged = forged_certificates(&scheme, &self.strangers());
                // Whoever shows one is not listened to again: each is shown another kind.
                runtime.spawn(move |runtime| async move {
                    for (number, forged) in forged.into_iter().enumerate() {
                        let to = others[number % others.len()].clone();
                        certificates.send(Recipients::One(to), forged, true);
                        runtime.sleep(Duration::from_millis(100)).await;
                    }
                });
            }
        }
    }

    /// Signs as validators would that nobody knows.
    fn strangers(&self) -> Vec<Scheme> {
        let namespace = engine_namespace(self.genesis.network());
        let keys: Vec<_> =
            (0..VALIDATORS).map(|n| private(&key(&format!("stranger {n}")))).collect();
        let ids = Set::from_iter_dedup(keys.iter().map(|k| k.public_key()));
        keys.into_iter().map(|key| Scheme::signer(&namespace, ids.clone(), key).unwrap()).collect()
    }

    async fn start_twins(&mut self, index: usize, others: &[PublicKey]) {
        let me = self.machines[index].id();
        let (left, right) = others.split_at(1);
        let mut channels = (Vec::new(), Vec::new());
        let whole = self.channels(&me, others).await;
        let whole = [
            whole.votes,
            whole.certificates,
            whole.resolver,
            whole.blocks,
            whole.backfill,
            whole.commands,
            whole.questions,
            whole.handovers,
            whole.cosignatures,
            whole.snapshots,
        ];
        for (sender, receiver) in whole {
            let to_left = left.to_vec();
            let (one, other) =
                receiver.split_with(self.runtime.child("split"), move |(from, _)| {
                    match to_left.contains(from) {
                        true => SplitTarget::Primary,
                        false => SplitTarget::Secondary,
                    }
                });
            channels.0.push((sender.to_these(left), one));
            channels.1.push((sender.to_these(right), other));
        }
        // By their clocks alone, no two of their blocks are the same.
        for (name, ahead_ms, channels) in [("left", 0, channels.0), ("right", 150, channels.1)] {
            let disk = FaultyDisk::new(Plan::default());
            let store = Store::open_with_backend(disk, store_options(true)).unwrap();
            let chain = Chain::create_agreed(store, self.genesis.clone()).unwrap();
            let channels = in_order(channels);
            let name = format!("twin-{index}-{name}-{}", self.starts());
            drop(self.run((index, name), Arc::new(ahead_ms.into()), chain, channels));
        }
    }

    fn babble(&self, channels: [Both; 10], seed: u64) {
        let mut senders: Vec<_> = channels.iter().map(|(sender, _)| sender.clone()).collect();
        let (heard, mut to_repeat) = tokio::sync::mpsc::channel(64);
        for (_, mut receiver) in channels {
            let heard = heard.clone();
            self.runtime.child("overhear").spawn(move |_| async move {
                while let Ok((_, message)) = receiver.recv().await {
                    // What there is no room for is not repeated.
                    drop(heard.try_send(message));
                }
            });
        }
        let mut forged = Signer { genesis: self.genesis.clone(), now: BEGINS }.issue(99, "ada");
        *forged.last_mut().unwrap() ^= 1;
        let forged: Vec<minicbor::bytes::ByteVec> = vec![forged.into(), vec![0xff; 99].into()];
        let forged = secnet_types::encode(&forged);
        let mut chance = Chance::new(seed);
        self.runtime.child("babble").spawn(move |runtime| async move {
            loop {
                runtime.sleep(Duration::from_millis(40)).await;
                let channel = chance.below(senders.len());
                let to = &mut senders[channel];
                match chance.below(5) {
                    0 => to.send(Recipients::All, Vec::<u8>::new(), false),
                    1 => to.send(Recipients::All, vec![chance.number() as u8; 1000], false),
                    2 => to.send(Recipients::All, forged.clone(), false),
                    // The longest that there may be.
                    3 => to.send(Recipients::All, vec![0x9f; 256 * 1024], false),
                    _ => match to_repeat.try_recv() {
                        Ok(message) => to.send(Recipients::All, message, true),
                        Err(_) => Vec::new(),
                    },
                };
            }
        });
    }
}

fn in_order(channels: Vec<Both>) -> Channels<Unruly, simulated::Receiver<PublicKey>> {
    let mut channels = channels.into_iter();
    let mut next = || channels.next().unwrap();
    Channels {
        votes: next(),
        certificates: next(),
        resolver: next(),
        blocks: next(),
        backfill: next(),
        commands: next(),
        questions: next(),
        handovers: next(),
        cosignatures: next(),
        snapshots: next(),
    }
}

/// The part of a channel that belongs to the first epoch.
async fn of_first_epoch(
    runtime: &Context,
    (sender, receiver): Both,
) -> (SubSender<Unruly>, SubReceiver<PublicKey>) {
    let (mux, mut parts) = Muxer::new(runtime.child("mux"), sender, receiver);
    mux.start();
    parts.register(0).await.unwrap()
}

/// Certificates for views to come: of the one who shows them alone, and of strangers in the validators' places.
fn forged_certificates(own: &Scheme, strangers: &[Scheme]) -> Vec<Vec<u8>> {
    let own = std::slice::from_ref(own);
    (1..200).flat_map(|view| [forge(view, own), forge(view, strangers)].concat()).collect()
}

/// That a block is final, and that a view is to be skipped, signed by these.
fn forge(view: u64, by: &[Scheme]) -> Vec<Vec<u8>> {
    let round = Round::new(Epoch::zero(), View::new(view));
    let payload = sha256::Digest(Digest::of(&view.to_be_bytes()).0);
    let proposal = Proposal::new(round, View::new(view - 1), payload);
    let finalizes = by.iter().map(|s| Finalize::sign(s, proposal.clone()).unwrap().attestation);
    let nullifies =
        by.iter().map(|s| Nullify::sign::<sha256::Digest>(s, round).unwrap().attestation);
    let finalization =
        Finalization { proposal: proposal.clone(), certificate: assemble(finalizes) };
    let nullification = Nullification { round, certificate: assemble(nullifies) };
    [Certificate::Finalization(finalization), Certificate::Nullification(nullification)]
        .map(|certificate: Certificate<Scheme, sha256::Digest>| certificate.encode().to_vec())
        .to_vec()
}

/// Without asking whether they are enough.
fn assemble(
    attestations: impl Iterator<Item = Attestation<Scheme>>,
) -> ed25519::certificate::Certificate {
    let (signers, signatures): (Vec<_>, Vec<_>) =
        attestations.map(|vote| (vote.signer, vote.signature)).unzip();
    ed25519::certificate::Certificate {
        signers: Signers::new(VALIDATORS as u32, signers).unwrap(),
        signatures,
    }
}
