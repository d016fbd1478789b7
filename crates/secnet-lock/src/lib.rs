//! The double lock, per record: what is stored opens only with a grantee's half and the halves of t of n release nodes.
//!
//! Every record is sealed under its own random key `K` ([`secnet_crypto::stream`]). `K` is wrapped under a key derived
//! from two random halves, `a` and `b`:
//!
//! | half | who can get it | how it is kept |
//! |---|---|---|
//! | `a` | whoever holds the secret of the record's [`Compartment`] | one [`CompartmentPacket`] for each upload and compartment |
//! | `b` | any `t` of `n` release nodes together | Shamir shares, one [`ReleasePacket`] for each upload and node |
//!
//! The compartment secret reaches a grantee once, with the signed grant ([`GrantWraps`]); the shares of `b` are
//! re-sealed to the requester's key for exactly the records that a committed decision names ([`ReleaseNode`]). Neither
//! side alone learns anything, and the owner can be offline. Whoever kept `K` can read that record again: that cannot
//! be prevented.
//!
//! The parts, in the order in which they are used:
//!
//! 1. the owner makes [`CompartmentKeys`] and publishes the [`CompartmentDirectory`], all that a writer needs;
//! 2. a writer seals an upload: [`seal_upload`], or piece by piece with [`UploadSealer`] and [`LargeSealer`];
//! 3. the owner wraps the compartments of a grant's scope: [`wrap_for_grantee`], [`compartments_for`];
//! 4. release nodes answer a decision: [`ReleaseNode::release`];
//! 5. the grantee opens: [`ReceivedShares`], [`Grantee::unlock`], [`RecordKey`];
//! 6. when the release nodes change, the former ones share what they hold anew among the new ones
//!    ([`ReleaseNode::deal`], [`ReleaseNode::adopt`]);
//! 7. [`ShredPlan`] says what has to be destroyed so that nobody can.
//!
//! Where the owner lets a data centre open records, it holds `a` as well ([`host_upload`], [`Host`]), and hands out parts of
//! records ([`ProjectionSealer`], [`ReceivedProjections`]).
//!
//! Byte formats are deterministic CBOR and fixed-width tables, described in `docs/spec/lock.md` and beside each type.
//! This crate is pure: no clock, no IO, randomness is a parameter.

mod compartment;
mod entry;
mod grant;
mod handover;
mod host;
mod keys;
mod large;
pub mod limits;
mod open;
mod projected;
mod regained;
mod release;
mod sealed;
mod shred;
mod table;
mod upload;
mod version;

pub use compartment::{Compartment, CompartmentDirectory, CompartmentId, compartments_for};
pub use entry::{Location, RecordEntry, UploadId, object_binding};
pub use grant::{GrantBinding, GrantHeader, GrantWraps, WrapError, wrap_for_grantee};
pub use handover::{DealError, HandoverHeader, HandoverPacket, HandoverProof, HandoverTerms};
pub use host::{Host, HostError, HostedHalves, HostingHeader, HostingPacket, host_upload};
pub use keys::{CompartmentKeys, KeysError};
pub use large::{LargeEntry, LargeSealer, PartSealer, seal_large};
pub use open::{Grantee, RecordKey, UnlockError, open_record};
pub use projected::{
    ProjectedError, ProjectedHeader, ProjectedKeys, ProjectionError, ProjectionSealer,
    ReceivedProjections,
};
pub use release::{
    Dealt, HeldShares, ReceivedShares, Recipient, ReleaseContext, ReleaseError, ReleaseHeader,
    ReleaseNode, ReleasePacket, ReleasedHeader, ReleasedShares,
};
pub use sealed::{Packet, PacketError, PacketHeader};
pub use shred::{Destroyable, ShredPlan};
pub use upload::{
    CompartmentHeader, CompartmentPacket, SealedUpload, Segment, UploadError, UploadManifest,
    UploadSealer, UploadSpec, seal_upload,
};
pub use version::Known;
