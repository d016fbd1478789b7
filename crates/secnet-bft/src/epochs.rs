//! The epochs that a node knows of: out of its own ledger, or proved by another that is further on.

use std::collections::BTreeMap;
use std::sync::Arc;

use commonware_codec::{Copying, DecodeExt as _};
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::types::{Epoch, EpochInfo, Epocher, Height};
use commonware_cryptography::certificate::{Provider, Scoped};
use commonware_cryptography::ed25519::{PrivateKey, PublicKey};
use commonware_utils::ordered::Set;
use parking_lot::RwLock;
use secnet_node::{Chain, ChainError};
use secnet_types::{
    Certificate, Digest, Epochs, Handover, HandoverError, Header, NetworkNode, NodeSet,
    ValidatorKey, engine_namespace,
};
use tokio::sync::watch;

/// Who agrees on blocks from which height on, and with which key this node takes part in it.
#[derive(Debug, Clone)]
pub struct KnownEpochs(Arc<Shared>);

struct Shared {
    namespace: Vec<u8>,
    votes_with: Option<PrivateKey>,
    known: RwLock<Known>,
    changes: watch::Sender<u64>,
}

impl core::fmt::Debug for Shared {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("KnownEpochs").field("known", &*self.known.read()).finish_non_exhaustive()
    }
}

struct Known {
    epochs: Epochs,
    /// The one after those, if it is set: it begins at this height, when its last block below is final.
    coming: Option<(u64, NodeSet)>,
    /// Digest and certificate of the last blocks that others told of, by height, until they are durable here.
    told: BTreeMap<u64, (Digest, Certificate)>,
    /// One for each epoch, the coming one included.
    schemes: Vec<Arc<Scheme>>,
}

impl core::fmt::Debug for Known {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Known")
            .field("newest", &self.epochs.newest())
            .field("coming", &self.coming)
            .finish_non_exhaustive()
    }
}

impl KnownEpochs {
    /// What this ledger says. With a key this node votes in each epoch whose validators it is one of.
    ///
    /// # Errors
    /// A block is damaged.
    pub fn of(chain: &Chain, votes_with: Option<PrivateKey>) -> Result<Self, ChainError> {
        let namespace = engine_namespace(chain.genesis().network());
        let known = Known {
            epochs: Epochs::of(chain.genesis()),
            coming: None,
            told: BTreeMap::new(),
            schemes: Vec::new(),
        };
        let (changes, _) = watch::channel(0);
        let this =
            Self(Arc::new(Shared { namespace, votes_with, known: RwLock::new(known), changes }));
        this.follow(chain)?;
        this.0.fill(&mut this.0.known.write());
        Ok(this)
    }

    /// Look whether blocks that have become durable set nodes, or were the last of an epoch.
    pub(crate) fn follow(&self, chain: &Chain) -> Result<(), ChainError> {
        let (height, set) = {
            let executor = chain.executor();
            let newest = executor.state().epochs().last();
            let set = newest.map(|(number, epoch)| (number, epoch.first));
            (executor.height(), set)
        };
        self.0.forget_told(height);
        let Some((number, first)) = set else { return Ok(()) };
        {
            let known = self.0.known.read();
            let begun = first <= height.saturating_add(1);
            let is_known = match &known.coming {
                Some((coming, _)) => *coming == first && !begun,
                None => number <= known.epochs.newest(),
            };
            if is_known {
                return Ok(());
            }
        }
        let epochs = chain.epochs()?;
        let coming = {
            let executor = chain.executor();
            let newest =
                executor.state().epochs().last().map(|(number, epoch)| (number, epoch.clone()));
            newest.filter(|(number, _)| *number > epochs.newest())
        };
        self.change(|known| {
            if epochs.newest() > known.epochs.newest() {
                known.epochs = epochs;
                known.coming = None;
            }
            if let Some((number, epoch)) = coming
                && number == known.epochs.newest().saturating_add(1)
            {
                known.coming = Some((epoch.first, epoch.nodes));
            }
        });
        Ok(())
    }

    /// Take in what another node says comes after the newest epoch that is known. Those that are known already are passed
    /// over.
    ///
    /// # Errors
    /// One of them proves nothing; those before it are taken in.
    pub(crate) fn learn(&self, from: u64, handovers: &[Handover]) -> Result<(), HandoverError> {
        let mut epochs = self.0.known.read().epochs.clone();
        let before = epochs.newest();
        let known = usize::try_from(before.saturating_sub(from)).unwrap_or(usize::MAX);
        let mut told = Vec::new();
        let learnt = handovers.iter().skip(known).try_for_each(|handover| {
            epochs.extend(handover)?;
            let Handover { header, certificate, .. } = handover;
            told.push((header.height, (header.digest(), certificate.clone())));
            Ok(())
        });
        if epochs.newest() > before {
            self.change(|known| {
                known.told.extend(told);
                if epochs.newest() > known.epochs.newest() {
                    known.epochs = epochs;
                    known.coming = None;
                }
            });
        }
        learnt
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        let mut known = self.0.known.write();
        change(&mut known);
        self.0.fill(&mut known);
        drop(known);
        self.0.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Tells of every change.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// Number of the newest epoch whose blocks can follow.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.0.known.read().epochs.newest()
    }

    /// How many last blocks others have told of that are not durable here yet.
    #[must_use]
    pub fn told(&self) -> usize {
        self.0.known.read().told.len()
    }

    /// Digest of the header that an epoch's first block follows.
    pub(crate) fn below(&self, epoch: u64) -> Option<Digest> {
        self.0.known.read().epochs.get(epoch).map(|epoch| epoch.below)
    }

    /// How an epoch's validators sign.
    pub(crate) fn scheme(&self, epoch: u64) -> Option<Arc<Scheme>> {
        self.0.known.read().schemes.get(usize::try_from(epoch).ok()?).map(Arc::clone)
    }

    /// The validators of the newest epoch and of the coming one, and those that follow in one of them; those that are in both as
    /// the newer one has them.
    #[must_use]
    pub fn nodes(&self) -> (Vec<NetworkNode>, Vec<NetworkNode>) {
        let known = self.0.known.read();
        let now = known.epochs.get(known.epochs.newest()).map(|epoch| &epoch.nodes);
        let sets: Vec<&NodeSet> =
            known.coming.as_ref().map(|(_, nodes)| nodes).into_iter().chain(now).collect();
        let (mut validators, mut followers) = (Vec::new(), Vec::new());
        let is_in = |nodes: &[NetworkNode], key| nodes.iter().any(|node| node.key == key);
        for node in sets.iter().flat_map(|set| &set.validators) {
            if !is_in(&validators, node.key) {
                validators.push(node.clone());
            }
        }
        for node in sets.iter().flat_map(|set| &set.followers) {
            if !is_in(&validators, node.key) && !is_in(&followers, node.key) {
                followers.push(node.clone());
            }
        }
        (validators, followers)
    }

    /// Height of the last block of this epoch, if it is known.
    pub(crate) fn last_of(&self, epoch: u64) -> Option<u64> {
        self.0.known.read().last(epoch)
    }

    /// The certificate of an epoch's last block, if another node has told of it.
    pub(crate) fn certificate_of(&self, header: &Header) -> Option<Certificate> {
        let known = self.0.known.read();
        let (last, certificate) = known.told.get(&header.height)?;
        (*last == header.digest()).then(|| certificate.clone())
    }
}

impl Shared {
    /// Of blocks that are durable here the certificate is beside them: what others told of it is not needed any more.
    fn forget_told(&self, height: u64) {
        let has_some =
            self.known.read().told.first_key_value().is_some_and(|(last, _)| *last <= height);
        if has_some {
            self.known.write().told.retain(|last, _| *last > height);
        }
    }

    /// A scheme for each epoch that has none.
    fn fill(&self, known: &mut Known) {
        let coming = known.coming.as_ref().map(|(_, nodes)| nodes);
        let sets = (0..=known.epochs.newest()).filter_map(|number| known.epochs.get(number));
        let sets: Vec<&NodeSet> = sets.map(|epoch| &epoch.nodes).chain(coming).collect();
        let mut schemes: Vec<Arc<Scheme>> = std::mem::take(&mut known.schemes);
        schemes.truncate(sets.len());
        for nodes in sets.into_iter().skip(schemes.len()) {
            schemes.push(Arc::new(self.scheme(nodes)));
        }
        known.schemes = schemes;
    }

    fn scheme(&self, nodes: &NodeSet) -> Scheme {
        let keys = nodes.validators.iter().filter_map(|node| public(&node.key));
        let validators = Set::from_iter_dedup(keys);
        let signer = self.votes_with.clone();
        signer
            .and_then(|key| Scheme::signer(&self.namespace, validators.clone(), key))
            .unwrap_or_else(|| Scheme::verifier(&self.namespace, validators))
    }
}

impl Known {
    fn last(&self, epoch: u64) -> Option<u64> {
        let coming = || self.coming.as_ref().map(|(first, _)| first.saturating_sub(1));
        self.epochs
            .last(epoch)
            .or_else(|| if epoch == self.epochs.newest() { coming() } else { None })
    }

    fn info(&self, epoch: u64, height: u64) -> EpochInfo {
        let first = match (epoch, self.epochs.get(epoch)) {
            // What the first block follows belongs to the first epoch.
            (0, _) => 0,
            (_, Some(epoch)) => epoch.first,
            (_, None) => self.coming.as_ref().map_or(0, |(first, _)| *first),
        };
        let last = self.last(epoch).unwrap_or(u64::MAX);
        EpochInfo::new(
            Epoch::new(epoch),
            Height::new(height),
            Height::new(first),
            Height::new(last),
        )
    }
}

/// A height above all that is known belongs to the newest epoch: one that a node does not know of begins more blocks above its
/// last durable one than it looks at.
impl Epocher for KnownEpochs {
    fn containing(&self, height: Height) -> Option<EpochInfo> {
        let known = self.0.known.read();
        let height = height.get();
        let epoch = match &known.coming {
            Some((first, _)) if height >= *first => known.epochs.newest().saturating_add(1),
            _ => known.epochs.containing(height),
        };
        Some(known.info(epoch, height))
    }

    fn first(&self, epoch: Epoch) -> Option<Height> {
        let known = self.0.known.read();
        known.schemes.get(usize::try_from(epoch.get()).ok()?)?;
        Some(known.info(epoch.get(), 0).first())
    }

    fn last(&self, epoch: Epoch) -> Option<Height> {
        let known = self.0.known.read();
        known.schemes.get(usize::try_from(epoch.get()).ok()?)?;
        Some(known.info(epoch.get(), 0).last())
    }
}

impl Provider for KnownEpochs {
    type Scope = Epoch;
    type Scheme = Scheme;

    fn scoped(&self, epoch: Epoch) -> Option<Scoped<Scheme>> {
        self.scheme(epoch.get()).map(Scoped::scheme)
    }
}

/// A key as the engine has it; none if it is not one of its keys.
pub(crate) fn public(key: &ValidatorKey) -> Option<PublicKey> {
    PublicKey::decode(Copying(&key.0)).ok()
}

/// The same, back.
pub(crate) fn named(key: &PublicKey) -> ValidatorKey {
    let mut bytes = [0; 32];
    // INVARIANT: an Ed25519 key has 32 bytes.
    bytes.iter_mut().zip(key.as_ref()).for_each(|(to, from)| *to = *from);
    ValidatorKey(bytes)
}
