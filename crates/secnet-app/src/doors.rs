//! Where the doors of the network's data centres are, as each says itself: signed, kept in memory, heard of other nodes, and believed
//! only by what this node's own ledger says of the member. Nothing of it is on the ledger, and no node calls a door.

mod statement;
mod url;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use secnet_types::{MemberId, NetworkId, Signer, Timestamp, limits};

use crate::pdc::Pdc;
use crate::ports::View;
use crate::release::Look;

pub use statement::{DOOR_LIFETIME_MS, DoorStatement, MAX_DOOR_AHEAD_MS, SignedDoor};
pub use url::{DoorUrl, DoorUrlError, MAX_DOOR_URL_BYTES};

/// Doors that are known at once, and in one message: as many as a network has nodes.
pub const MAX_DOORS: usize = limits::MAX_VALIDATORS + limits::MAX_FOLLOWERS;
/// A data centre that goes on serving says so again after so long.
const RENEWAL_MS: u64 = DOOR_LIFETIME_MS / 12;

/// The doors that a node knows of, its own among them.
#[derive(Default)]
pub struct Doors {
    own: Mutex<Option<Own>>,
    known: Mutex<BTreeMap<MemberId, SignedDoor>>,
}

impl core::fmt::Debug for Doors {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Doors").finish_non_exhaustive()
    }
}

/// Who speaks for the data centre here.
struct Own {
    network: NetworkId,
    member: MemberId,
    url: DoorUrl,
    signer: Arc<dyn Signer + Send + Sync>,
    said: Option<SignedDoor>,
}

impl Own {
    fn statement(&mut self, now: Timestamp) -> SignedDoor {
        // A clock that was put back has said something of a time to come, which nobody believes.
        let current = |door: &&SignedDoor| {
            door.value.said <= now && now.since_ms(door.value.said) < RENEWAL_MS
        };
        if let Some(said) = self.said.as_ref().filter(current) {
            return said.clone();
        }
        let (network, member, url) = (self.network, self.member, self.url.clone());
        let said = DoorStatement { network, member, url, said: now };
        let said = SignedDoor::sign(said, self.signer.as_ref());
        self.said = Some(said.clone());
        said
    }
}

impl Doors {
    /// From now on this data centre says that its door is here.
    pub(crate) fn open(
        &self,
        (network, member): (NetworkId, MemberId),
        url: DoorUrl,
        signer: Arc<dyn Signer + Send + Sync>,
    ) {
        *self.own.lock() = Some(Own { network, member, url, signer, said: None });
    }

    fn own(&self, now: Timestamp) -> Option<SignedDoor> {
        self.own.lock().as_mut().map(|own| own.statement(now))
    }

    /// Take in what another node has heard or says. It need not be believed: each statement is proved by the member's key on the
    /// ledger here, and an older one never takes the place of a newer one. How many were news.
    pub fn hear(&self, said: Vec<SignedDoor>, look: Look<'_>, now: Timestamp) -> usize {
        let own = self.own.lock().as_ref().map(|own| own.member);
        let mut news: Vec<SignedDoor> = said.into_iter().take(MAX_DOORS).collect();
        news.retain(|door| {
            Some(door.value.member) != own && door.value.is_timely(now) && self.is_news(door)
        });
        let mut seen = false;
        look(&mut |view| {
            seen = true;
            news.retain(|door| is_of_data_centre(door, view));
        });
        // Not under the look at the ledger, for which blocks wait.
        news.retain(|door| seen && door.verify().is_ok());
        news.into_iter().filter(|door| self.keep(door.clone(), now)).count()
    }

    fn is_news(&self, door: &SignedDoor) -> bool {
        let known = self.known.lock();
        known.get(&door.value.member).is_none_or(|known| replaces(door, known))
    }

    fn keep(&self, door: SignedDoor, now: Timestamp) -> bool {
        let mut known = self.known.lock();
        let member = door.value.member;
        match known.get(&member) {
            Some(other) if !replaces(&door, other) => return false,
            Some(_) => {}
            None if known.len() < MAX_DOORS => {}
            None => {
                known.retain(|_, door| door.value.is_timely(now));
                if known.len() >= MAX_DOORS {
                    return false;
                }
            }
        }
        known.insert(member, door);
        true
    }

    /// Where a member's data centre says that its door is, as far as that counts now.
    #[must_use]
    pub fn of(&self, member: MemberId, view: &View<'_>, now: Timestamp) -> Option<SignedDoor> {
        let own = self.own(now).filter(|own| own.value.member == member);
        let known = || self.known.lock().get(&member).cloned();
        own.or_else(known).filter(|door| counts(door, view, now))
    }

    /// All that count now, in the order of members.
    #[must_use]
    pub fn all(&self, look: Look<'_>, now: Timestamp) -> Vec<SignedDoor> {
        let own = self.own(now);
        let mut doors = self.known.lock().clone();
        doors.extend(own.map(|own| (own.value.member, own)));
        let mut counting = Vec::new();
        look(&mut |view| {
            let counted = doors.values().filter(|door| counts(door, view, now));
            counting = counted.take(MAX_DOORS).cloned().collect();
        });
        counting
    }
}

impl Pdc {
    /// From now on this data centre says that its door is here.
    pub fn open_door(&self, url: DoorUrl) {
        self.doors.open((self.network, self.member), url, Arc::clone(&self.signer));
    }

    /// The doors of data centres that count now.
    #[must_use]
    pub fn known_doors(&self) -> Vec<SignedDoor> {
        let look = |reader: &mut dyn FnMut(&View<'_>)| self.log.read(reader);
        self.doors.all(&look, self.clock.now())
    }
}

/// Of statements by one key the newest counts. By which key the member signs now, the ledger says.
fn replaces(door: &SignedDoor, known: &SignedDoor) -> bool {
    door.envelope.key != known.envelope.key || door.value.said > known.value.said
}

/// It was genuine when it was taken in; is it still what counts?
fn counts(door: &SignedDoor, view: &View<'_>, now: Timestamp) -> bool {
    door.value.is_timely(now) && is_of_data_centre(door, view)
}

/// Does the ledger know this member as a data centre that may act, by the key that signed?
fn is_of_data_centre(door: &SignedDoor, view: &View<'_>) -> bool {
    let said = &door.value;
    said.network == view.network()
        && view.state.member(said.member).is_some_and(|member| {
            member.kind == secnet_types::MemberKind::Node
                && !member.suspended
                && member.key == door.envelope.key
        })
}
