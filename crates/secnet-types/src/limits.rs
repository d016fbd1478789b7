//! Every limit on what comes from outside, by name.

/// A signed command, embedded request and approvals included, in bytes.
pub const MAX_COMMAND_BYTES: usize = 16 * 1024;
/// A signed access request, in bytes.
pub const MAX_REQUEST_BYTES: usize = 1024;
/// A request's detail (scope, purpose), in bytes; it never reaches the ledger.
pub const MAX_DETAIL_BYTES: usize = 64 * 1024;
/// A block's commands, in number.
pub const MAX_BLOCK_COMMANDS: usize = 8192;
/// A block's commands, in bytes.
pub const MAX_BLOCK_BYTES: usize = 4 * 1024 * 1024;
/// A header, in bytes.
pub const MAX_HEADER_BYTES: usize = 4096;
/// A certificate, in bytes.
pub const MAX_CERTIFICATE_BYTES: usize = 64 * 1024;
/// An event, in bytes. A published tile gives its length in 16 bits.
pub const MAX_EVENT_BYTES: usize = 65_535;
/// A receipt, in bytes; most of it is what leads from the genesis to the validators of its epoch.
pub const MAX_RECEIPT_BYTES: usize = 4 * 1024 * 1024;
/// A header with its certificate and what leads from the genesis to its validators, in bytes.
pub const MAX_SEALED_HEADER_BYTES: usize = 15 * 256 * 1024;
/// A genesis file, in bytes.
pub const MAX_GENESIS_BYTES: usize = 1024 * 1024;
/// How long a command may wait to be ordered, in milliseconds; replay ids are kept this long.
pub const MAX_COMMAND_LIFETIME_MS: u64 = 10 * 60 * 1000;
/// How long a proposal may collect approvals, in milliseconds (30 days).
pub const MAX_PROPOSAL_LIFETIME_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// How long a request may wait for its decision, and be retried, in milliseconds (one hour).
pub const MAX_REQUEST_LIFETIME_MS: u64 = 60 * 60 * 1000;
/// How long a granted decision may be collected, in milliseconds.
pub const MAX_COLLECTION_MS: u64 = 24 * 60 * 60 * 1000;
/// How long ago a data centre may have said that it has all of a dataset that moves there, in milliseconds (one hour).
pub const MAX_ARRIVAL_AGE_MS: u64 = 60 * 60 * 1000;
/// How long an owner's statement lets a data centre take a copy, in milliseconds (seven days).
pub const MAX_MOVE_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// Denials counted in one summary.
pub const MAX_SUMMARISED: u32 = 1_000_000;
/// How long a summary's window may be, and how long ago it may have ended, in milliseconds (24 hours).
pub const MAX_SUMMARY_MS: u64 = 24 * 60 * 60 * 1000;
/// How far a PDC's clock may be ahead of block time in what it states, in milliseconds.
pub const MAX_CLOCK_AHEAD_MS: u64 = 60 * 1000;
/// Asks on one dataset that are not over; with the holds on it, what a withdrawal or transfer ends in one event.
pub const MAX_OPEN_ASKS_ON_DATASET: usize = 256;
/// Holds on one dataset that the owner has not refused.
pub const MAX_OPEN_HOLDS_ON_DATASET: usize = 248;
/// How long an overdue review may still be made, in milliseconds (365 days).
pub const MAX_REVIEW_OVERDUE_MS: u64 = 365 * 24 * 60 * 60 * 1000;
/// Asks of one member that the ledger keeps, those that are over and not yet past their deadline included.
pub const MAX_ASKS_OF_MEMBER: usize = 4096;
/// Groups that one member runs.
pub const MAX_GROUPS_RUN_BY_MEMBER: usize = 1024;
/// Groups that one member is in: every decision on its requests reads them.
pub const MAX_GROUPS_OF_MEMBER: usize = 1024;
/// Delegations that one owner has made.
pub const MAX_DELEGATIONS_OF_OWNER: usize = 256;
/// Rules that one member has on offer.
pub const MAX_LISTINGS_OF_MEMBER: usize = 1024;
/// Rules that one member has in force.
pub const MAX_INSTALLS_OF_MEMBER: usize = 16_384;
/// How long an ask may stay open, in milliseconds (90 days).
pub const MAX_ASK_LIFETIME_MS: u64 = 90 * 24 * 60 * 60 * 1000;
/// How long a grant may run, in milliseconds (ten years).
pub const MAX_GRANT_LIFETIME_MS: u64 = 3653 * 24 * 60 * 60 * 1000;
/// Session keys that one member has open at a time.
pub const MAX_SESSIONS_OF_MEMBER: usize = 64;
/// How long a session key may live, in milliseconds (24 hours).
pub const MAX_SESSION_LIFETIME_MS: u64 = 24 * 60 * 60 * 1000;
/// Beneficiaries of one dataset.
pub const MAX_BENEFICIARIES: usize = 16;
/// Members added to or removed from a group in one command.
pub const MAX_GROUP_CHANGE: usize = 128;
/// Members of one group.
pub const MAX_GROUP_MEMBERS: usize = 65_536;
/// Governors of a network.
pub const MAX_GOVERNORS: usize = 32;
/// Validators of a network.
pub const MAX_VALIDATORS: usize = 100;
/// Nodes of a network that follow without a vote.
pub const MAX_FOLLOWERS: usize = 100;
/// Members whose nodes hold the shares of an upload.
pub const MAX_RELEASE_MEMBERS: usize = 64;
/// Changes of a network's nodes: what leads from the genesis to its newest validators stays small enough to be handed out.
pub const MAX_EPOCHS: usize = 256;
/// Blocks between the one that sets a network's nodes and the first one that is theirs. Nobody votes for a block so far above
/// the last one that is durable with it, so that whoever votes knows who may.
pub const EPOCH_DELAY: u64 = 64;
/// Request ids named in one collection statement.
pub const MAX_COLLECTED: usize = 256;
/// Overdue things the ledger cleans up at the start of one block.
pub const MAX_SWEEP_PER_BLOCK: usize = 4096;
/// Changes that one command may cause; as an event they stay under [`MAX_EVENT_BYTES`].
pub const MAX_EFFECTS_PER_COMMAND: usize = 512;
/// Denials of one owner: every decision on the owner's data reads them.
pub const MAX_DENIALS_OF_OWNER: usize = 1024;
/// Entries in one set inside a scope (record ids, fields, types).
pub const MAX_SCOPE_ENTRIES: usize = 1024;
/// A short text such as a resource type or a field path, in bytes.
pub const MAX_TEXT_BYTES: usize = 128;
/// Digests in an erasure statement.
pub const MAX_ERASED: usize = 256;
/// The engine's own context in a header, in bytes.
pub const MAX_CONTEXT_BYTES: usize = 1024;
/// Hashes of an inclusion proof: no tree has more levels.
pub const MAX_PROOF_NODES: usize = 64;
/// Conditions of one security rule.
pub const MAX_RULE_CONDITIONS: usize = 8;
/// Texts in one set inside a rule's condition.
pub const MAX_RULE_TEXTS: usize = 64;
/// A security rule's canonical form, in bytes.
pub const MAX_RULE_BYTES: usize = 128 * 1024;
/// A security rule written as Cedar, in bytes.
pub const MAX_RULE_TEXT_BYTES: usize = 256 * 1024;
/// Rules in one matcher.
pub const MAX_INSTALLED_RULES: usize = 65_536;
/// The text value of a feature, in bytes; longer ones are cut.
pub const MAX_FEATURE_TEXT_BYTES: usize = 2048;
