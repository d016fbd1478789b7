//! A data centre says where its door is.

use minicbor::{Decode, Encode};
use secnet_types::{MemberId, Namespace, NetworkId, Payload, Signed, Timestamp};

use super::url::DoorUrl;

/// How long a statement counts, in milliseconds.
pub const DOOR_LIFETIME_MS: u64 = 60 * 60 * 1000;
/// How far the clock of whoever made it may be ahead, in milliseconds.
pub const MAX_DOOR_AHEAD_MS: u64 = 60 * 1000;

/// Where the door of a member's data centre is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DoorStatement {
    /// The network.
    #[n(0)]
    pub network: NetworkId,
    /// Whose data centre.
    #[n(1)]
    pub member: MemberId,
    /// The door's address.
    #[n(2)]
    pub url: DoorUrl,
    /// When it was said. The newest counts.
    #[n(3)]
    pub said: Timestamp,
}

impl Payload for DoorStatement {
    const WHAT: &'static str = "statement of a door";
    const NAMESPACE: Namespace = Namespace::Door;
    const LIMIT: usize = 512;
}

/// Signed with the member's key.
pub type SignedDoor = Signed<DoorStatement>;

impl DoorStatement {
    /// Is it neither too old nor of a time to come?
    #[must_use]
    pub const fn is_timely(&self, now: Timestamp) -> bool {
        self.said.since_ms(now) <= MAX_DOOR_AHEAD_MS && now.since_ms(self.said) <= DOOR_LIFETIME_MS
    }
}
