//! One engine after the other: each epoch has its own, with its own votes.

use std::sync::Arc;

use commonware_consensus::simplex::{self, scheme::ed25519::Scheme, types::Activity};
use commonware_consensus::{CertifiableAutomaton, Relay, Reporter, simplex::Plan};
use commonware_cryptography::{ed25519::PublicKey, sha256};
use commonware_p2p::utils::mux::{Builder as _, MuxHandle, Muxer};
use commonware_p2p::{Blocker, Receiver, Sender};
use commonware_runtime::{Clock, Handle, Metrics, Spawner, Storage, buffer::paged::CacheRef};
use futures::future::{Either, select};
use rand_core::CryptoRng;
use tokio::sync::{mpsc, watch};

use super::Channel;
use super::config::{engine_config, votes_of};
use crate::application::EngineContext;
use crate::epochs::KnownEpochs;
use crate::ledger::Ledger;

/// A node that sends what belongs to this epoch.
pub(crate) type Ahead = (u64, PublicKey);

/// What every epoch's engine is made of.
pub(super) struct Turns<A, B> {
    pub(super) ledger: Arc<Ledger>,
    pub(super) epochs: KnownEpochs,
    /// The ledger as the engines see it.
    pub(super) wrapped: A,
    pub(super) blocker: B,
    pub(super) cache: CacheRef,
    pub(super) partition: String,
    pub(super) ahead: mpsc::Sender<Ahead>,
}

impl<A, B> Turns<A, B>
where
    A: CertifiableAutomaton<Digest = sha256::Digest, Context = EngineContext>
        + Relay<Digest = sha256::Digest, PublicKey = PublicKey, Plan = Plan<PublicKey>>
        + Reporter<Activity = Activity<Scheme, sha256::Digest>>,
    B: Blocker<PublicKey = PublicKey>,
{
    /// Until one of the engines ends by itself.
    pub(super) async fn run<E, S, R>(
        self,
        runtime: E,
        (votes, certificates, resolver): (Channel<S, R>, Channel<S, R>, Channel<S, R>),
    ) where
        E: Spawner + Clock + CryptoRng + Storage + Metrics,
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let Self { ledger, epochs, wrapped, blocker, cache, partition, ahead } = self;
        let mut votes = share(runtime.child("votes"), votes, ahead.clone());
        let mut certificates = share(runtime.child("certificates"), certificates, ahead);
        let (mux, mut resolver) = Muxer::new(runtime.child("resolver"), resolver.0, resolver.1);
        mux.start();
        let mut changes = epochs.changes();
        loop {
            changes.mark_unchanged();
            let epoch = epochs.newest();
            forget_votes(&runtime, &partition, &epochs, ledger.tip().0).await;
            let (Ok(votes), Ok(certificates), Ok(resolver)) = (
                votes.register(epoch).await,
                certificates.register(epoch).await,
                resolver.register(epoch).await,
            ) else {
                return;
            };
            let (Some(scheme), Some(below)) = (epochs.scheme(epoch), epochs.below(epoch)) else {
                return;
            };
            let of = (epoch, Scheme::clone(&scheme), sha256::Digest(below.0));
            let files = (cache.clone(), partition.as_str());
            let config = engine_config(of, blocker.clone(), wrapped.clone(), files);
            let context = runtime.child("engine").with_attribute("epoch", epoch);
            let engine = simplex::Engine::new(context, config);
            let mut engine = engine.start(votes, certificates, resolver);
            if !is_over(epoch, &epochs, &mut changes, &mut engine).await {
                return;
            }
            tracing::info!(epoch, "its last block is final: the next validators take over");
            // What it would still say nobody needs: the last block has its certificate.
            engine.abort();
            drop(engine.await);
        }
    }
}

/// Wait until another epoch has begun, or the engine has ended by itself.
async fn is_over(
    epoch: u64,
    epochs: &KnownEpochs,
    changes: &mut watch::Receiver<u64>,
    engine: &mut Handle<()>,
) -> bool {
    loop {
        let changed = std::pin::pin!(changes.changed());
        match select(changed, &mut *engine).await {
            Either::Left((Ok(()), _)) if epochs.newest() == epoch => {}
            Either::Left((Ok(()), _)) => return true,
            Either::Left((Err(_), _)) | Either::Right(_) => return false,
        }
    }
}

/// Each epoch gets a part of a channel; who sends in that of an epoch that is not known here is further on.
fn share<E, S, R>(
    runtime: E,
    (sender, receiver): Channel<S, R>,
    ahead: mpsc::Sender<Ahead>,
) -> MuxHandle<S>
where
    E: Spawner + Metrics,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    let listening = runtime.child("ahead");
    let (mux, parts, mut unknown) = Muxer::builder(runtime, sender, receiver).with_backup().build();
    mux.start();
    listening.spawn(move |_| async move {
        while let Some((epoch, (peer, _))) = unknown.recv().await {
            // One that waits to be asked already is enough.
            drop(ahead.try_send((epoch, peer)));
        }
    });
    parts
}

/// Votes of epochs whose last block is durable at this height are never needed again. Those of the last one that is over stay, so that
/// a validator always has votes to show that it has not lost them.
async fn forget_votes(runtime: &impl Storage, partition: &str, epochs: &KnownEpochs, height: u64) {
    let mut epoch = 0_u64;
    while epochs.last_of(epoch.saturating_add(1)).is_some_and(|last| last <= height) {
        // It may be gone already.
        drop(runtime.remove(&votes_of(partition, epoch), None).await);
        epoch = epoch.saturating_add(1);
    }
}
