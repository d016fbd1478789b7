//! Who the release nodes are, what is sealed to them with, and which peer each of them is.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use parking_lot::Mutex;
use secnet_app::ports::{Archive, Change, EntryKind, EntryName, Log};
use secnet_app::{NodeAnswer, NodeQuestion, ReleaseFailed, card_holds, release_members};
use secnet_crypto::SealPublicKey;
use secnet_types::{Digest, ReleaseMember, ValidatorKey};

use super::Link;

/// What is known of the nodes.
pub(super) struct Book {
    archive: Arc<dyn Archive>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Keys by digest.
    keys: BTreeMap<Digest, SealPublicKey>,
    /// Who has shown a card, by digest of the key that it is for.
    peers: BTreeMap<Digest, ValidatorKey>,
}

impl Book {
    pub(super) fn new(here: SealPublicKey, archive: Arc<dyn Archive>) -> Self {
        let keys = BTreeMap::from([(Digest(here.digest()), here)]);
        let known = Mutex::new(Known { keys, peers: BTreeMap::new() });
        Self { archive, known }
    }

    /// Which peer the node with this key is, if it has been met.
    pub(super) fn peer(&self, node: Digest) -> Option<ValidatorKey> {
        self.known.lock().peers.get(&node).copied()
    }

    /// The keys of all nodes that hold shares now, in order. What the ledger says of them counts; the keys themselves come from the
    /// nodes, and are kept once they have come.
    pub(super) async fn keys(&self, log: &dyn Log) -> Result<Vec<SealPublicKey>, ReleaseFailed> {
        let members = members(log);
        let mut keys = Vec::with_capacity(members.len());
        for digest in members.into_iter().map(|member| member.sealing_key) {
            match self.key(digest).await {
                Some(key) => keys.push(key),
                None => {
                    return Err(ReleaseFailed(format!(
                        "the key of node {digest} is not known yet: it has not been reached since this network began"
                    )));
                }
            }
        }
        Ok(keys)
    }

    /// The key with this digest, if it has come.
    pub(super) async fn key(&self, digest: Digest) -> Option<SealPublicKey> {
        if let Some(key) = self.known.lock().keys.get(&digest) {
            return Some(key.clone());
        }
        let kept = self.archive.get(&name(digest)).await.ok()??;
        let key = SealPublicKey::from_bytes(&kept).ok()?;
        self.known.lock().keys.insert(digest, key.clone());
        Some(key)
    }

    /// Ask those who they are that have not shown a card, until the node that is looked for has, or all have had their time. Each
    /// counts as soon as it has answered: one that is silent keeps nobody from being met.
    pub(super) async fn meet(&self, log: &dyn Log, link: &dyn Link, wanted: Option<Digest>) {
        let met: Vec<ValidatorKey> = self.known.lock().peers.values().copied().collect();
        let strangers = link.peers().into_iter().filter(|peer| !met.contains(peer));
        let answers = strangers.map(|peer| async move {
            let answer = link.ask(peer, NodeQuestion::Who.to_bytes()).await?;
            NodeAnswer::from_bytes(&answer).ok().map(|answer| (peer, answer))
        });
        let mut answers: FuturesUnordered<_> = answers.collect();
        while let Some(answer) = answers.next().await {
            let Some((peer, NodeAnswer::Node { card, key })) = answer else { continue };
            let mut holds = false;
            // Whoever held shares once may have some to hand over.
            log.read(&mut |view| holds = card_holds(&card, &key, peer, view));
            if holds {
                self.keep(peer, key).await;
            }
            if wanted.is_some_and(|node| self.peer(node).is_some()) {
                return;
            }
        }
    }

    async fn keep(&self, peer: ValidatorKey, key: SealPublicKey) {
        let digest = Digest(key.digest());
        let change = Change { name: name(digest), value: Some(key.to_bytes().to_vec()) };
        // If it is not kept it is asked for again after the next start.
        drop(self.archive.write(vec![change]).await);
        let mut known = self.known.lock();
        known.keys.insert(digest, key);
        known.peers.insert(digest, peer);
    }
}

/// Who holds shares of what is uploaded now.
pub(super) fn members(log: &dyn Log) -> Vec<ReleaseMember> {
    let mut members = Vec::new();
    log.read(&mut |view| members = release_members(log.genesis(), view).1);
    members
}

fn name(digest: Digest) -> EntryName {
    EntryName::new(EntryKind::SealingKey, &[], &digest.0)
}
