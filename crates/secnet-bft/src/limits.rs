//! Limits and times of a node of a network. Those of blocks and commands are in `secnet_types::limits`.

use std::time::Duration;

/// Commands that may wait.
pub const MAX_POOL_COMMANDS: usize = 16_384;
/// Bytes of commands that may wait.
pub const MAX_POOL_BYTES: usize = 32 * 1024 * 1024;
/// Commands of one member that may wait, so that no member crowds out the others.
pub const MAX_POOL_OF_MEMBER: usize = 4096;

/// Commands that a proposer puts into a block: fewer than a block may have, so that none takes long to check.
pub const MAX_BUILT_COMMANDS: usize = 4096;
/// Bytes of commands that a proposer puts into a block.
pub const MAX_BUILT_BYTES: usize = 1024 * 1024;

/// How far a block's time may be ahead of a validator's clock. The validator waits until it is not.
pub const MAX_AHEAD_MS: u64 = 500;
/// How far a block's time may be behind a validator's clock. The validator does not vote for an older one.
pub const MAX_BEHIND_MS: u64 = 10_000;
/// How far a final block's time may be ahead of the clock of the node that gets it: what the leader's may be, and this node's own
/// as much behind. Beyond it the node's clock is wrong, and nothing that it says of a block's age is believed.
pub const MAX_CLOCK_BEHIND_MS: u64 = 2 * MAX_AHEAD_MS;
/// An idle network makes a block so long after the last one, in milliseconds.
pub const HEARTBEAT_MS: u64 = 1000;

/// Blocks between the last durable one and one that is looked at. When there are more, it waits.
pub const MAX_PENDING_BLOCKS: usize = 32;
/// Final blocks that become durable together, when so many have been delivered.
pub const MAX_APPLIED_AT_ONCE: usize = 16;
/// Bytes of commands after which no more blocks become durable together.
pub const MAX_APPLIED_BYTES: usize = 2 * 1024 * 1024;
/// Final blocks above the last durable one that are kept in memory. A node that is far behind gets some of the highest before
/// it needs them.
pub const MAX_ABOVE: usize = 65_536;
/// The same, in bytes of blocks, and in bytes of certificates. All that can be applied next have room.
pub const MAX_ABOVE_BYTES: usize = 128 * 1024 * 1024;
/// Blocks whose checked commands are kept until they are final or overtaken.
pub const MAX_CHECKED_BLOCKS: usize = 64;
/// A command of a client that has not been taken by so many blocks is looked at again: it may be refused by now.
pub const MAX_PASSED_OVER: u64 = 3;

/// Commands that came lately, whose signatures are not checked again.
pub const MAX_KNOWN_COMMANDS: usize = 8192;
/// The same, in bytes.
pub const MAX_KNOWN_BYTES: usize = 16 * 1024 * 1024;

/// Commands of clients that are judged together.
pub const MAX_JUDGED_AT_ONCE: usize = 512;
/// Commands of clients that wait to be judged.
pub const MAX_UNJUDGED: usize = 16_384;

/// Commands that would be refused here, and wait for a block that tells for sure.
pub const MAX_DOUBTED: usize = 1024;
/// How long they wait at most, in milliseconds, while blocks come: one whose clock is ahead sees none that tells for sure.
pub const MAX_DOUBT_MS: u64 = 10_000;

/// A client is told that nothing goes on when no block has become final for so long, in milliseconds.
pub const MAX_SILENCE_MS: u64 = 30_000;
/// The same after the start, when nodes may have to wait for each other.
pub const MAX_FIRST_SILENCE_MS: u64 = 120_000;
/// How often it is looked whether that is so.
pub const SILENCE_LOOK: Duration = Duration::from_secs(1);

/// Commands in one message to other validators, in bytes.
pub const MAX_GOSSIP_BYTES: usize = 256 * 1024;
/// Pause after a message was sent, and after some were taken, so that under load many commands share the next one.
pub const GOSSIP_PAUSE: Duration = Duration::from_millis(20);
/// Commands of others after which those are checked that have come.
pub const MAX_HEARD_AT_ONCE: usize = 1024;
/// Commands that wait to be told to others.
pub const MAX_UNTOLD: usize = 4096;

/// Questions to release nodes and their answers that wait, in each direction.
pub const MAX_QUESTIONS: usize = 512;
/// Questions of one peer that wait, in bytes: some of the longest.
pub const MAX_ASKED_BYTES: usize = 8 * 1024 * 1024;
/// How long a release node may take to answer one question.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// What leads to later validators in one message, in bytes; the rest is asked for when that is known.
pub const MAX_HANDOVERS_BYTES: usize = 1024 * 1024;
/// Nodes that are further on and wait to be asked how.
pub const MAX_UNASKED: usize = 16;
/// Pause after one was asked.
pub const HANDOVERS_PAUSE: Duration = Duration::from_millis(300);

/// What others signed of the log that has not been looked at.
pub const MAX_UNTAKEN_COSIGNATURES: usize = 256;
/// How long validators may take to sign the log before they are asked anew.
pub const COSIGN_TIMEOUT: Duration = Duration::from_secs(1);
/// How often it is looked whether the log has grown: what it grows by meanwhile is signed together.
pub const COSIGN_PAUSE: Duration = Duration::from_millis(500);
/// How long somebody waits for a receipt that a quorum has signed.
pub const COSIGNED_TIMEOUT: Duration = Duration::from_secs(10);
/// A log that has grown since the validators signed it is published with what they signed, if that is not older than this.
pub const MAX_COSIGNED_AGE: Duration = Duration::from_secs(5);

/// A node whose last block is older than this by its clock asks at its start how far the others are.
pub const MIN_AWAY_MS: u64 = 10_000;
/// Events, or blocks, that another one must have more for its ledger to be taken over: with fewer, blocks are quicker.
pub const MIN_BEHIND_EVENTS: u64 = 10_000;
/// See [`MIN_BEHIND_EVENTS`].
pub const MIN_BEHIND_BLOCKS: u64 = 4096;
/// How long others may take to say how far they are. Then the engine starts, and gets blocks when there is somebody.
pub const FAR_TIMEOUT: Duration = Duration::from_secs(6);
/// How often they are asked meanwhile.
pub const FAR_PAUSE: Duration = Duration::from_millis(500);
/// How old a snapshot may be.
pub const MAX_OFFER_AGE_MS: u64 = 60 * 60 * 1000;
/// A snapshot that so many blocks have followed is made anew when somebody asks.
pub const MAX_SNAPSHOT_BLOCKS: u64 = 2048;
/// How often a snapshot is asked for that is being made, and the pause between.
pub const MAX_WAITS: usize = 40;
/// See [`MAX_WAITS`].
pub const OFFER_PAUSE: Duration = Duration::from_millis(250);
/// How often a peer is asked for the same that does not answer.
pub const MAX_TRIES: usize = 3;
/// How long it may take to answer: to a question for a snapshot, it may have to write down its state first.
pub const HAND_OUT_TIMEOUT: Duration = Duration::from_secs(10);
/// Questions for parts of the ledger, or answers, that wait.
pub const MAX_UNHANDED: usize = 256;
/// Longest answer: a snapshot's offer, or a block with what stands around it.
pub const MAX_SNAPSHOT_MESSAGE_BYTES: usize = 4608 * 1024;
/// Blocks that the engine delivers in any case, though they are durable already.
pub const MAX_REDELIVERED: u64 = 64;

/// How long a leader may take to propose: the heartbeat, and time for the way.
pub const LEADER_TIMEOUT: Duration = Duration::from_millis(HEARTBEAT_MS + 1000);
/// How long a view may take until it is given up.
pub const CERTIFICATION_TIMEOUT: Duration = Duration::from_millis(HEARTBEAT_MS + 2000);
/// How often a view that does not end is given up again.
pub const TIMEOUT_RETRY: Duration = Duration::from_secs(2);
/// A leader that was silent for so long is not waited for.
pub const SKIP_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a peer may take to answer a question.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause before a question is asked again.
pub const FETCH_RETRY: Duration = Duration::from_millis(100);

/// Messages a second that one peer may send on each channel, in the order of their numbers: votes, certificates, questions for
/// certificates, proposed blocks, questions for final blocks, commands, questions to release nodes, questions for what leads to
/// later validators. The engine reserves memory for so many of each peer.
pub const MESSAGES_PER_SECOND: [u32; 8] = [1024, 1024, 512, 512, 2048, 512, 2048, 4];
/// The same on channel 9: questions for signatures under the log, and answers.
pub const COSIGNATURES_PER_SECOND: u32 = 16;
/// The same on channel 10: questions for parts of a ledger, and answers.
pub const SNAPSHOTS_PER_SECOND: u32 = 256;
/// Of these so many at once. The engine keeps room for as many messages of each peer that it may have, in both directions, from
/// the start.
pub const MAX_BURST: u32 = 512;
/// Peers that there is room for, if the network is smaller.
pub const MIN_PEERS: usize = 32;
/// Messages that wait inside of the node.
pub const MAILBOX: usize = 1024;
