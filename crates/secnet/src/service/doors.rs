//! Where this node's door is, told to the other nodes of its network, and where theirs are.

use std::net::SocketAddr;

use secnet_app::DoorUrl;
use secnet_node::learn_doors;

use super::Service;
use crate::node::Node;
use crate::system::SystemClock;

impl Service {
    /// What others are told: as it is configured, else as callers find it, if that is an address that may be told.
    pub(super) fn door_url(&self) -> Option<DoorUrl> {
        let others = self.settings.network.as_ref().map(|network| network.listen);
        to_tell(&self.url()?, self.settings.door_url.as_ref(), others)
    }
}

/// Nobody on another machine reaches a loopback address: nodes of several machines are told of none that was not meant.
fn to_tell(found: &str, set: Option<&DoorUrl>, network: Option<SocketAddr>) -> Option<DoorUrl> {
    let near = network.is_none_or(|network| network.ip().is_loopback());
    let found = || found.to_ascii_lowercase().parse().ok();
    set.cloned().or_else(|| found().filter(|url: &DoorUrl| near || !url.is_loopback()))
}

/// Say where the door is, as soon as it is served.
pub(super) fn open(node: &Node, url: Option<DoorUrl>) {
    match url {
        Some(url) => node.pdc.open_door(url),
        None if node.part.is_some() => {
            tracing::warn!(
                "other nodes do not tell where the door of this one is: set `door_url`, or serve it with TLS"
            );
        }
        None => {}
    }
}

/// Hear of the others' doors, for as long as this is polled.
pub(super) async fn follow(node: &Node) {
    match node.ledger.link() {
        Some(link) => {
            learn_doors(&node.pdc.doors, &*node.ledger, &*link, &SystemClock).await;
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_told_what_was_set_or_what_they_can_reach() {
        let told = |found: &str, set: Option<&str>, network: &str| {
            let set = set.map(|set| set.parse().unwrap());
            let told = to_tell(found, set.as_ref(), Some(network.parse().unwrap()));
            told.map(|url| url.to_string())
        };
        let (here, there) = ("127.0.0.1:8430", "10.0.0.1:8430");
        let own = "http://127.0.0.1:8420";
        assert_eq!(told(own, None, here).as_deref(), Some(own));
        assert_eq!(told(own, None, there), None);
        assert_eq!(
            told("https://Clinic.example", None, there).as_deref(),
            Some("https://clinic.example")
        );
        assert_eq!(told("http://clinic.example", None, there), None, "anybody could answer for it");
        let set = Some("https://clinic.example");
        assert_eq!(told(own, set, there).as_deref(), set);
        assert_eq!(to_tell(own, None, None).map(|url| url.to_string()).as_deref(), Some(own));
    }
}
