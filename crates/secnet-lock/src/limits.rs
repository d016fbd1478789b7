//! Every limit of the double lock, by name.

/// Sealed records are packed into segments of at most this many bytes; a larger record is a segment of its own.
pub const MAX_SEGMENT_BYTES: usize = 4 * 1024 * 1024;
/// Records in one upload.
pub const MAX_UPLOAD_RECORDS: usize = 16_384;
/// Release nodes of one upload.
pub const MAX_RELEASE_NODES: usize = 64;
/// Compartments of one owner, and in one grant.
pub const MAX_COMPARTMENTS: usize = 4096;
/// A record entry, in bytes.
pub const MAX_ENTRY_BYTES: usize = 4096;
/// A compartment packet, in bytes: 48 for each record, envelope and header.
pub const MAX_COMPARTMENT_PACKET_BYTES: usize = MAX_UPLOAD_RECORDS * 48 + 4096;
/// A hosting packet, in bytes: 48 for each record, envelope and header.
pub const MAX_HOSTING_PACKET_BYTES: usize = MAX_UPLOAD_RECORDS * 48 + 4096;
/// A release packet, in bytes: 80 for each record, envelope and header.
pub const MAX_RELEASE_PACKET_BYTES: usize = MAX_UPLOAD_RECORDS * 80 + 4096;
/// Shares in one answer of a release node.
pub const MAX_RELEASED_SHARES: usize = MAX_UPLOAD_RECORDS;
/// An answer of a release node, in bytes: 100 for each share, envelope and header.
pub const MAX_RELEASED_BYTES: usize = MAX_RELEASED_SHARES * 100 + 4096;
/// A handover packet, in bytes: 80 for each record, 1,024 of masks, envelope and header.
pub const MAX_HANDOVER_PACKET_BYTES: usize = MAX_RELEASE_PACKET_BYTES + 1024;
/// The terms of a handover, in bytes: 34 for each node.
pub const MAX_HANDOVER_TERMS_BYTES: usize = 4096;
/// Ways of choosing among answers that are tried, to find those that fit together.
pub const MAX_CHOICES: usize = 2048;
/// Projections in one release.
pub const MAX_PROJECTIONS: usize = 4096;
/// The keys of the projections in one release, in bytes: 48 for each, envelope and header.
pub const MAX_PROJECTED_KEYS_BYTES: usize = MAX_PROJECTIONS * 48 + 4096;
/// The wraps of a grant, in bytes: 64 for each compartment, envelope and header.
pub const MAX_WRAPS_BYTES: usize = MAX_COMPARTMENTS * 64 + 4096;
/// An upload's manifest, in bytes.
pub const MAX_MANIFEST_BYTES: usize = 256 * 1024;
/// A compartment directory, in bytes: one public key of 1216 bytes for each compartment.
pub const MAX_DIRECTORY_BYTES: usize = MAX_COMPARTMENTS * 1400 + 4096;
/// A shredding plan, in bytes.
pub const MAX_SHRED_PLAN_BYTES: usize = 4 * 1024 * 1024;
