//! How the engine's parts are set up.

use std::num::NonZeroUsize;

use commonware_broadcast::buffered;
use commonware_consensus::marshal::{self, resolver::p2p as backfill};
use commonware_consensus::simplex::{
    self, ForwardPolicy, SkipBudget, SkipPolicy, elector::RoundRobin, scheme::ed25519::Scheme,
    types::Activity,
};
use commonware_consensus::types::{Epoch, ViewDelta};
use commonware_consensus::{CertifiableAutomaton, Relay, Reporter};
use commonware_cryptography::{Digested, Digestible as _, Sha256, ed25519::PublicKey, sha256};
use commonware_p2p::{Blocker, Provider};
use commonware_parallel::Sequential;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_utils::{NZU64, NonZeroDuration};

use crate::application::EngineContext;
use crate::block::{BlockLimits, NetworkBlock};
use crate::epochs::KnownEpochs;
use crate::limits::{
    CERTIFICATION_TIMEOUT, FETCH_RETRY, FETCH_TIMEOUT, LEADER_TIMEOUT, MAILBOX, SKIP_TIMEOUT,
    TIMEOUT_RETRY,
};

/// Views behind the last final one that are remembered.
const VIEW_RETENTION: u64 = 256;
/// Blocks that are kept for each peer until they are final.
const BLOCKS_PER_PEER: usize = 16;
/// Blocks that are fetched at a time.
const MAX_REPAIR: usize = 20;
/// Final blocks that are given to the ledger before the first of them is durable.
pub(super) const MAX_UNAPPLIED: usize = 32;
/// Bytes that are gathered before they are written or while they are read.
const BUFFER_BYTES: usize = 1024 * 1024;

pub(super) fn buffer_config<P: Provider<PublicKey = PublicKey>>(
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

pub(super) fn backfill_config<P, B>(
    me: PublicKey,
    peers: P,
    blocker: B,
) -> backfill::Config<PublicKey, P, B>
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

pub(super) type MarshalConfig =
    marshal::Config<KnownEpochs, KnownEpochs, Sequential, NetworkBlock, Digested<NetworkBlock>>;

pub(super) fn marshal_config(
    epochs: KnownEpochs,
    genesis: NetworkBlock,
    (cache, partition): (&CacheRef, &str),
    limits: BlockLimits,
) -> MarshalConfig {
    let digest = genesis.digest();
    marshal::Config {
        provider: epochs.clone(),
        epocher: epochs,
        start: marshal::Start::Genesis(Digested::precomputed(genesis, digest)),
        partition_prefix: delivery_of(partition),
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

fn delivery_of(partition: &str) -> String {
    format!("{partition}-marshal")
}

/// Where the engine notes how far the ledger was; it adds the name itself.
pub(super) fn progress_of(partition: &str) -> String {
    format!("{}-application-metadata", delivery_of(partition))
}

type EngineConfig<A, B> =
    simplex::Config<Scheme, RoundRobin<Sha256>, B, sha256::Digest, A, A, A, Sequential>;

/// Of the engine of one epoch, whose first block follows the one with this digest.
pub(super) fn engine_config<A, B>(
    (epoch, scheme, below): (u64, Scheme, sha256::Digest),
    blocker: B,
    wrapped: A,
    (cache, partition): (CacheRef, &str),
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
        partition: votes_of(partition, epoch),
        mailbox_size: size(MAILBOX),
        epoch: Epoch::new(epoch),
        floor: simplex::Floor::Genesis(below),
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

/// Where the votes of an epoch are.
pub(super) fn votes_of(partition: &str, epoch: u64) -> String {
    format!("{partition}-votes-{epoch}")
}

/// INVARIANT: none of the limits is zero.
pub(super) fn size(limit: usize) -> NonZeroUsize {
    NonZeroUsize::new(limit).unwrap_or(NonZeroUsize::MIN)
}
