//! One node of a network: the engine's parts around one ledger, over any of the engine's runtimes and networks.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;

use commonware_broadcast::buffered;
use commonware_codec::CodecShared;
use commonware_consensus::marshal::{
    self, core::Actor, resolver::p2p as backfill, standard::Inline,
};
use commonware_consensus::simplex::{
    self, ForwardPolicy, SkipBudget, SkipPolicy,
    elector::RoundRobin,
    scheme::ed25519::Scheme,
    types::{Activity, Finalization},
};
use commonware_consensus::types::{Epoch, FixedEpocher, ViewDelta};
use commonware_consensus::{CertifiableAutomaton, Relay, Reporter};
use commonware_cryptography::certificate::{ConstantProvider, Verifier as _};
use commonware_cryptography::{
    Digested, Digestible as _, Sha256,
    ed25519::{PrivateKey, PublicKey},
    sha256,
};
use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use commonware_parallel::Sequential;
use commonware_runtime::{
    Clock, Handle, Metrics, Quota, Spawner, Storage, buffer::paged::CacheRef,
};
use commonware_storage::archive::immutable;
use commonware_utils::{NZU16, NZU64, NZUsize, NonZeroDuration, ordered::Set};
use rand_core::CryptoRng;
use secnet_types::engine_namespace;
use tokio::sync::mpsc;

use crate::application::{EngineContext, LedgerApplication};
use crate::block::{BlockLimits, NetworkBlock};
use crate::ledger::Ledger;
use crate::limits::{
    CERTIFICATION_TIMEOUT, FETCH_RETRY, FETCH_TIMEOUT, LEADER_TIMEOUT, MAILBOX,
    MESSAGES_PER_SECOND, SKIP_TIMEOUT, TIMEOUT_RETRY,
};
use crate::questions::{self, Counter};
use crate::{apply, gossip};

/// Views behind the last final one that are remembered.
const VIEW_RETENTION: u64 = 256;
/// Blocks that are kept for each peer until they are final.
const BLOCKS_PER_PEER: usize = 16;
/// Blocks that are fetched at a time.
const MAX_REPAIR: usize = 20;
/// Final blocks that are given to the ledger before the first of them is durable.
const MAX_UNAPPLIED: usize = 32;
/// Bytes that are gathered before they are written or while they are read.
const BUFFER_BYTES: usize = 1024 * 1024;
/// Entries that an archive's table begins with; it grows.
const TABLE_ENTRIES: u32 = 4096;

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
}

/// How many channels there are.
pub const CHANNELS: u64 = 7;

/// How many messages a second this channel takes from each peer.
#[must_use]
pub fn quota(channel: usize) -> Quota {
    let limit = MESSAGES_PER_SECOND.get(channel).copied().unwrap_or_default();
    // INVARIANT: there is such a channel, and the limit is not zero.
    Quota::per_second(NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN))
}

/// Longest message that a node of a network of so many validators sends on any channel.
#[must_use]
pub fn max_payload_bytes(validators: u32, blocks: &BlockLimits) -> usize {
    simplex::max_payload_size::<Scheme, sha256::Digest>(validators)
        .max(marshal::max_payload_size::<marshal::standard::Standard<NetworkBlock>, Scheme>(
            validators, blocks,
        ))
        .max(gossip::MAX_MESSAGE_BYTES)
        .max(questions::MAX_MESSAGE_BYTES)
}

/// The engine's files cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "the engine's files cannot be read: {0}; empty its folder and follow the network without voting"
)]
pub struct EngineFiles(#[from] commonware_storage::archive::Error);

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
    /// The same, secret, if it votes. A validator that has lost its engine's folder must not: it could vote twice.
    pub votes_with: Option<PrivateKey>,
    /// Who agrees on blocks, ascending.
    pub validators: Set<PublicKey>,
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
    let Parts { ledger, untold, counter, me, votes_with, validators, peers, blocker, partition } =
        parts;
    let network = ledger.chain().genesis().network();
    let namespace = engine_namespace(network);
    let scheme = votes_with
        .and_then(|key| Scheme::signer(&namespace, validators.clone(), key))
        .unwrap_or_else(|| Scheme::verifier(&namespace, validators));
    let limits = BlockLimits { network };
    let genesis = NetworkBlock::genesis(network);
    let genesis_digest = genesis.digest();
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
    let finalizations = archive::<E, Finalization<Scheme, sha256::Digest>>(
        runtime.child("finalizations"),
        &format!("{partition}-finalizations"),
        &cache,
        Scheme::certificate_codec_config_unbounded(),
    )
    .await?;
    let blocks = archive::<E, Arc<NetworkBlock>>(
        runtime.child("blocks"),
        &format!("{partition}-blocks"),
        &cache,
        limits.clone(),
    )
    .await?;
    let (actor, marshal, _floor) = Actor::init(
        runtime.child("marshal"),
        finalizations,
        blocks,
        marshal_config(scheme.clone(), genesis, (&cache, &partition), limits),
    )
    .await;
    let (finals, to_check) = mpsc::unbounded_channel();
    let (checked, to_apply) = mpsc::channel(MAX_UNAPPLIED);
    let application = LedgerApplication::new(Arc::clone(&ledger), finals);
    let wrapped =
        Inline::new(runtime.child("application"), application.clone(), marshal.clone(), epochs());
    let engine = simplex::Engine::new(
        runtime.child("engine"),
        engine_config(scheme, blocker, wrapped, (cache, &partition), genesis_digest),
    );
    let (tellers, hearers) = channels.commands;
    let hearing = Arc::clone(&ledger);
    runtime.child("tell").spawn(move |runtime| gossip::tell(runtime, untold, tellers));
    runtime.child("hear").spawn(move |runtime| gossip::hear(runtime, hearing, hearers));
    questions::serve(&runtime, &ledger, counter, channels.questions);
    let checking = Arc::clone(&ledger);
    runtime
        .child("check")
        .dedicated()
        .spawn(move |_| apply::check_ahead(checking, to_check, checked));
    // Waits for the disk, so it has a thread of its own.
    runtime.child("apply").dedicated().spawn(move |_| apply::run(ledger, to_apply, marshal));
    buffer.start(channels.blocks);
    actor.start(application, buffered, resolver);
    Ok(engine.start(channels.votes, channels.certificates, channels.resolver))
}

/// One epoch, for there is one set of validators.
fn epochs() -> FixedEpocher {
    FixedEpocher::new(NZU64!(u64::MAX))
}

fn buffer_config<P: Provider<PublicKey = PublicKey>>(
    me: PublicKey,
    peers: P,
    limits: BlockLimits,
) -> buffered::Config<PublicKey, BlockLimits, P, Sequential> {
    buffered::Config {
        public_key: me,
        mailbox_size: size(MAILBOX),
        deque_size: BLOCKS_PER_PEER,
        priority: false,
        codec_config: limits,
        peer_provider: peers,
        strategy: Sequential,
    }
}

fn backfill_config<P, B>(me: PublicKey, peers: P, blocker: B) -> backfill::Config<PublicKey, P, B>
where
    P: Provider<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
{
    backfill::Config {
        public_key: me,
        peer_provider: peers,
        blocker,
        mailbox_size: size(MAILBOX),
        fetch_timeout: NonZeroDuration::new_panic(FETCH_TIMEOUT),
        fetch_retry_delay: FETCH_RETRY,
        priority_requests: false,
        priority_responses: false,
    }
}

type MarshalConfig = marshal::Config<
    ConstantProvider<Scheme, Epoch>,
    FixedEpocher,
    Sequential,
    NetworkBlock,
    Digested<NetworkBlock>,
>;

fn marshal_config(
    scheme: Scheme,
    genesis: NetworkBlock,
    (cache, partition): (&CacheRef, &str),
    limits: BlockLimits,
) -> MarshalConfig {
    let digest = genesis.digest();
    marshal::Config {
        provider: ConstantProvider::new(scheme),
        epocher: epochs(),
        start: marshal::Start::Genesis(Digested::precomputed(genesis, digest)),
        partition_prefix: format!("{partition}-marshal"),
        mailbox_size: size(MAILBOX),
        view_retention: ViewDelta::new(VIEW_RETENTION),
        prunable_items_per_section: NZU64!(4096),
        page_cache: cache.clone(),
        replay_buffer: size(BUFFER_BYTES),
        key_write_buffer: size(BUFFER_BYTES),
        value_write_buffer: size(BUFFER_BYTES),
        block_codec_config: limits,
        max_repair: size(MAX_REPAIR),
        max_pending_acks: size(MAX_UNAPPLIED),
        strategy: Sequential,
    }
}

type EngineConfig<A, B> =
    simplex::Config<Scheme, RoundRobin<Sha256>, B, sha256::Digest, A, A, A, Sequential>;

fn engine_config<A, B>(
    scheme: Scheme,
    blocker: B,
    wrapped: A,
    (cache, partition): (CacheRef, &str),
    genesis: sha256::Digest,
) -> EngineConfig<A, B>
where
    A: CertifiableAutomaton<Context = EngineContext>
        + Relay
        + Reporter<Activity = Activity<Scheme, sha256::Digest>>,
    B: Blocker<PublicKey = PublicKey>,
{
    simplex::Config {
        scheme,
        elector: RoundRobin::<Sha256>::default(),
        blocker,
        automaton: wrapped.clone(),
        relay: wrapped.clone(),
        reporter: wrapped,
        track_historical_votes: false,
        strategy: Sequential,
        partition: format!("{partition}-votes-0"),
        mailbox_size: size(MAILBOX),
        epoch: Epoch::zero(),
        floor: simplex::Floor::Genesis(genesis),
        replay_buffer: size(BUFFER_BYTES),
        write_buffer: size(BUFFER_BYTES),
        page_cache: cache,
        leader_timeout: LEADER_TIMEOUT,
        certification_timeout: CERTIFICATION_TIMEOUT,
        timeout_retry: TIMEOUT_RETRY,
        view_retention: ViewDelta::new(VIEW_RETENTION),
        skip: SkipPolicy::Enabled { timeout: SKIP_TIMEOUT, budget: SkipBudget::Participants },
        fetch_timeout: NonZeroDuration::new_panic(FETCH_TIMEOUT),
        fetch_retry_delay: FETCH_RETRY,
        forward: ForwardPolicy::SilentVoters,
    }
}

/// One of the engine's archives of final blocks. Our own store never depends on them.
async fn archive<E, V>(
    runtime: E,
    name: &str,
    cache: &CacheRef,
    codec_config: V::Cfg,
) -> Result<immutable::Archive<E, sha256::Digest, V>, commonware_storage::archive::Error>
where
    E: Storage + Clock + Metrics,
    V: CodecShared,
{
    let config = immutable::Config {
        metadata_partition: format!("{name}-metadata"),
        freezer_table_partition: format!("{name}-table"),
        freezer_table_initial_size: TABLE_ENTRIES,
        freezer_table_resize_frequency: 4,
        freezer_table_resize_chunk_size: TABLE_ENTRIES,
        freezer_key_partition: format!("{name}-keys"),
        freezer_key_page_cache: cache.clone(),
        freezer_value_partition: format!("{name}-values"),
        freezer_value_target_size: 1024 * 1024 * 1024,
        freezer_value_compression: None,
        ordinal_partition: format!("{name}-ordinal"),
        items_per_section: NZU64!(262_144),
        codec_config,
        replay_buffer: size(BUFFER_BYTES),
        freezer_key_write_buffer: size(BUFFER_BYTES),
        freezer_value_write_buffer: size(BUFFER_BYTES),
        ordinal_write_buffer: size(BUFFER_BYTES),
    };
    immutable::Archive::init(runtime, config).await
}

/// INVARIANT: none of the limits is zero.
fn size(limit: usize) -> NonZeroUsize {
    NonZeroUsize::new(limit).unwrap_or(NonZeroUsize::MIN)
}
