//! One node of a network: the engine's parts around one ledger, over any of the engine's runtimes and networks.

use std::num::NonZeroU32;
use std::sync::Arc;

use commonware_broadcast::buffered;
use commonware_codec::{Copying, Decode as _};
use commonware_consensus::marshal::{
    self,
    core::Actor,
    resolver::p2p as backfill,
    standard::{Inline, Standard},
};
use commonware_consensus::simplex::{self, scheme::ed25519::Scheme, types::Finalization};
use commonware_cryptography::certificate::Verifier as _;
use commonware_cryptography::{ed25519::PublicKey, sha256};
use commonware_p2p::{Blocker, Provider, Receiver, Sender, utils::mux};
use commonware_parallel::Sequential;
use commonware_runtime::{
    Clock, Handle, Metrics, Quota, Spawner, Storage, buffer::paged::CacheRef,
};
use commonware_utils::acknowledgement::Exact;
use commonware_utils::{NZU16, NZUsize};
use rand_core::CryptoRng;
use secnet_crypto::SigningKey;
use secnet_types::limits::MAX_VALIDATORS;
use tokio::sync::mpsc;

use crate::application::LedgerApplication;
use crate::apply::Marshal;
use crate::archive::{KeptBlocks, KeptCertificates};
use crate::block::{BlockLimits, NetworkBlock};
use crate::epochs::KnownEpochs;
use crate::ledger::Ledger;
use crate::limits::{
    COSIGNATURES_PER_SECOND, MAX_BURST, MAX_REDELIVERED, MAX_SNAPSHOT_MESSAGE_BYTES,
    MESSAGES_PER_SECOND, SILENCE_LOOK, SNAPSHOTS_PER_SECOND,
};
use crate::questions::{self, Counter};
use crate::snapshots::{self, Behind};
use crate::{apply, cosigning, gossip, handing};

mod config;
mod turns;

pub(crate) use turns::Ahead;

use config::{
    MAX_UNAPPLIED, MarshalConfig, backfill_config, buffer_config, marshal_config, progress_of,
};

/// One channel of the network, both ways.
pub type Channel<S, R> = (S, R);

/// The channels of a node, in the order of their numbers on the wire.
#[derive(Debug)]
pub struct Channels<S, R> {
    /// 0: votes.
    pub votes: Channel<S, R>,
    /// 1: certificates.
    pub certificates: Channel<S, R>,
    /// 2: questions for certificates.
    pub resolver: Channel<S, R>,
    /// 3: proposed blocks.
    pub blocks: Channel<S, R>,
    /// 4: questions for final blocks.
    pub backfill: Channel<S, R>,
    /// 5: clients' commands.
    pub commands: Channel<S, R>,
    /// 6: questions to release nodes.
    pub questions: Channel<S, R>,
    /// 7: questions for what leads to later validators.
    pub handovers: Channel<S, R>,
    /// 9: questions for signatures under the log.
    pub cosignatures: Channel<S, R>,
    /// 10: questions for parts of a ledger.
    pub snapshots: Channel<S, R>,
}

/// The numbers of the channels.
pub const CHANNELS: [u64; 10] = [0, 1, 2, 3, 4, 5, 6, 7, COSIGNATURES, SNAPSHOTS];
/// That of questions for signatures under the log.
const COSIGNATURES: u64 = 9;
/// That of questions for parts of a ledger.
const SNAPSHOTS: u64 = 10;

/// How many messages a second this channel takes from each peer.
#[must_use]
pub fn quota(channel: usize) -> Quota {
    let limit = match channel as u64 {
        COSIGNATURES => COSIGNATURES_PER_SECOND,
        SNAPSHOTS => SNAPSHOTS_PER_SECOND,
        _ => MESSAGES_PER_SECOND.get(channel).copied().unwrap_or_default(),
    };
    // INVARIANT: there is such a channel, and the limit is not zero.
    let limit = NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN);
    let burst = NonZeroU32::new(MAX_BURST).unwrap_or(NonZeroU32::MIN);
    Quota::per_second(limit).allow_burst(limit.min(burst))
}

/// Longest message that a node sends on any channel, however many validators its network has or will have.
#[must_use]
pub fn max_payload_bytes(blocks: &BlockLimits) -> usize {
    let validators = u32::try_from(MAX_VALIDATORS).unwrap_or(u32::MAX);
    mux::prefixed(simplex::max_payload_size::<Scheme, sha256::Digest>(validators))
        .max(marshal::max_payload_size::<Standard<NetworkBlock>, Scheme>(validators, blocks))
        .max(gossip::MAX_MESSAGE_BYTES)
        .max(questions::MAX_MESSAGE_BYTES)
        .max(handing::MAX_MESSAGE_BYTES)
        .max(cosigning::MAX_MESSAGE_BYTES)
        .max(MAX_SNAPSHOT_MESSAGE_BYTES)
}

/// The engine's files cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the engine's files cannot be used: {0}")]
pub struct EngineFiles(#[from] commonware_runtime::Error);

/// What a node is made of.
#[derive(Debug)]
pub struct Parts<P, B> {
    /// Its ledger.
    pub ledger: Arc<Ledger>,
    /// What its clients sent and others are to be told of.
    pub untold: mpsc::Receiver<Vec<u8>>,
    /// What it is asked, and asks others, as a release node.
    pub counter: Counter,
    /// Its key on the network.
    pub me: PublicKey,
    /// The same, to sign the log with for others.
    pub key: Arc<SigningKey>,
    /// The epochs, and whether it votes in them.
    pub epochs: KnownEpochs,
    /// When it takes over the ledger of another.
    pub behind: Behind,
    /// Who can be asked.
    pub peers: P,
    /// Where those are reported that send what no honest node would.
    pub blocker: B,
    /// What the names of its files begin with.
    pub partition: String,
}

/// Start a node. It runs until one of its parts ends, which is when the returned handle does.
///
/// # Errors
/// The engine's files cannot be read.
pub async fn start<E, P, B, S, R>(
    runtime: E,
    parts: Parts<P, B>,
    channels: Channels<S, R>,
) -> Result<Handle<()>, EngineFiles>
where
    E: Spawner + Clock + CryptoRng + Storage + Metrics,
    P: Provider<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    let Parts { ledger, untold, counter, me, key, epochs, behind, peers, blocker, partition } =
        parts;
    let mut asker = snapshots::serve(&runtime, &ledger, channels.snapshots);
    snapshots::catch_up(&runtime, (&ledger, &epochs), behind, &mut asker).await;
    let limits = BlockLimits { network: ledger.chain().genesis().network() };
    let genesis = NetworkBlock::genesis(limits.network);
    let cache = CacheRef::new(NZU16!(16_384), NZUsize!(2_000));
    let (buffer, buffered) = buffered::Engine::new(
        runtime.child("buffer"),
        buffer_config(me.clone(), peers.clone(), limits.clone()),
    );
    let resolver = backfill::init(
        runtime.child("backfill"),
        backfill_config(me, peers, blocker.clone()),
        channels.backfill,
    );
    let config =
        || marshal_config(epochs.clone(), genesis.clone(), (&cache, &partition), limits.clone());
    let (actor, marshal, delivered) = delivery(&runtime, &ledger, &partition, config).await?;
    let (finals, to_check) = mpsc::unbounded_channel();
    let (checked, to_apply) = mpsc::channel(MAX_UNAPPLIED);
    let application = LedgerApplication::new(Arc::clone(&ledger), finals);
    let wrapped = Inline::new(
        runtime.child("application"),
        application.clone(),
        marshal.clone(),
        epochs.clone(),
    );
    let ahead = handing::serve(
        &runtime,
        (Arc::clone(&ledger), epochs.clone(), marshal.clone()),
        channels.handovers,
    );
    let (tellers, hearers) = channels.commands;
    let hearing = Arc::clone(&ledger);
    runtime.child("tell").spawn(move |runtime| gossip::tell(runtime, untold, tellers));
    runtime.child("hear").spawn(move |runtime| gossip::hear(runtime, hearing, hearers));
    questions::serve(&runtime, &ledger, counter, channels.questions);
    cosigning::serve(&runtime, (Arc::clone(&ledger), key), channels.cosignatures);
    let waiting = Arc::clone(&ledger);
    runtime.child("silence").spawn(move |runtime| async move {
        loop {
            runtime.sleep(SILENCE_LOOK).await;
            waiting.look_at_silence();
        }
    });
    let checking = Arc::clone(&ledger);
    runtime
        .child("check")
        .dedicated()
        .spawn(move |_| apply::check_ahead(checking, to_check, checked));
    // Waits for the disk, so it has a thread of its own.
    let applying = (Arc::clone(&ledger), epochs.clone());
    let (above, floor) = (above(&ledger, delivered), marshal.clone());
    runtime.child("apply").dedicated().spawn(move |_| apply::run(applying, to_apply, marshal));
    buffer.start(channels.blocks);
    actor.start(application, buffered, resolver);
    if let Some(finalization) = above {
        floor.set_floor(finalization);
    }
    let turns = turns::Turns { ledger, epochs, wrapped, blocker, cache, partition, ahead };
    let channels = (channels.votes, channels.certificates, channels.resolver);
    Ok(runtime.child("turns").spawn(move |runtime| turns.run(runtime, channels)))
}

/// Where the engine is to go on if the ledger is far above what the engine has delivered: at the newest certified block that is
/// durable. Its files were lost, or the ledger was another node's.
fn above(ledger: &Ledger, delivered: u64) -> Option<Finalization<Scheme, sha256::Digest>> {
    let newest = ledger.chain().newest_certificate().unwrap_or_else(|error| {
        tracing::error!(%error, "the newest certified block cannot be read");
        None
    });
    let (height, certificate) = newest?;
    let most = if ledger.arrived_at().is_some() { 0 } else { MAX_REDELIVERED };
    if height.saturating_sub(delivered) <= most {
        return None;
    }
    let limit = Scheme::certificate_codec_config_unbounded();
    Finalization::decode_cfg(Copying(certificate.as_slice()), &limit).ok()
}

/// The part of the engine that delivers final blocks.
type Delivery<E> = Actor<
    E,
    Standard<NetworkBlock>,
    KnownEpochs,
    KeptCertificates,
    KeptBlocks,
    KnownEpochs,
    Sequential,
    Exact,
>;

/// What delivers final blocks, out of the ledger and above it.
///
/// It notes how far the ledger was when it acknowledged last. A ledger that is not as far was lost, or is an older copy: then
/// that note goes, and all that is missing is delivered again. The number is how far the note says that it was.
async fn delivery<E: Spawner + Clock + CryptoRng + Storage + Metrics>(
    runtime: &E,
    ledger: &Arc<Ledger>,
    partition: &str,
    config: impl Fn() -> MarshalConfig,
) -> Result<(Delivery<E>, Marshal, u64), EngineFiles> {
    let begin = |name| {
        let (blocks, certificates) =
            (KeptBlocks::of(Arc::clone(ledger)), KeptCertificates::of(Arc::clone(ledger)));
        Actor::init(runtime.child(name), certificates, blocks, config())
    };
    let (actor, marshal, floor) = begin("marshal").await;
    let acknowledged = floor.processed().map_or(0, |processed| processed.height().get());
    if acknowledged <= ledger.durable() {
        return Ok((actor, marshal, acknowledged));
    }
    tracing::warn!(
        acknowledged,
        durable = ledger.durable(),
        "the ledger is older than the engine's files: what is missing is taken from other nodes"
    );
    drop((actor, marshal));
    runtime.remove(&progress_of(partition), None).await?;
    let (actor, marshal, _) = begin("marshal_again").await;
    Ok((actor, marshal, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MIN_PEERS;

    /// The engine allots and writes all of it at the start: 3 million messages were 1.8 GB.
    #[test]
    fn what_is_reserved_for_messages_of_a_small_network_is_little() {
        let bursts = CHANNELS.map(|channel| {
            let channel = usize::try_from(channel).unwrap();
            u64::from(quota(channel).burst_size().get())
        });
        let messages = bursts.iter().sum::<u64>() * MIN_PEERS as u64 * 2;
        assert!(messages < 300_000, "{messages} messages");
    }
}
