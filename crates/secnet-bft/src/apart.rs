//! Nodes of one machine can be kept apart, to see what a network does whose parts do not reach each other.
//!
//! A file beside a node's votes names the validators that it keeps apart from, an id on each line. It drops what it would tell
//! them and what they tell it; connections stay. The file is looked at only if every validator is at a loopback address: a
//! network of several machines cannot be parted by it. Whoever can write it could as well remove the votes.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use commonware_cryptography::PublicKey;
use commonware_p2p::{LimitedSender, Message, Receiver, Recipients};
use commonware_runtime::Clock;
use parking_lot::RwLock;
use secnet_types::{MemberId, ValidatorKey};

/// In the folder of a node's votes: whom it keeps apart from.
const FILE: &str = "apart";
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Longest file that is read, in bytes: more than all validators that a network may have.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Where a node is told whom it keeps apart from, if it may be told at all.
pub(crate) fn file<'a>(
    folder: &Path,
    mut validators: impl Iterator<Item = &'a SocketAddr>,
) -> Option<PathBuf> {
    validators.all(|address| address.ip().is_loopback()).then(|| folder.join(FILE))
}

/// Whom a node keeps apart from now: nobody, unless it is told so.
#[derive(Debug)]
pub(crate) struct Apart<P>(Arc<Peers<P>>);

#[derive(Debug)]
struct Peers<P> {
    /// Who can be kept apart from: all that are met, if they are on one machine.
    all: RwLock<Vec<P>>,
    apart: RwLock<BTreeSet<P>>,
}

impl<P> Clone for Apart<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P: PublicKey> Apart<P> {
    pub(crate) fn from_nobody() -> Self {
        Self(Arc::new(Peers { all: RwLock::default(), apart: RwLock::default() }))
    }

    /// These are all that are met.
    pub(crate) fn set_all(&self, all: Vec<P>) {
        *self.0.all.write() = all;
    }

    pub(crate) fn is_from(&self, peer: &P) -> bool {
        self.0.apart.read().contains(peer)
    }

    /// From whom, ascending.
    pub(crate) fn from(&self) -> Vec<P> {
        self.0.apart.read().iter().cloned().collect()
    }

    /// From these and nobody else.
    pub(crate) fn set(&self, from: BTreeSet<P>) {
        let mut now = self.0.apart.write();
        if *now != from {
            tracing::warn!(?from, "this node is told to keep apart from these");
            *now = from;
        }
    }

    /// Both ends of a channel that reach nobody who is kept apart from.
    pub(crate) fn around<S, R>(
        &self,
        (sender, receiver): (S, R),
    ) -> (NearSender<S, P>, NearReceiver<R, P>) {
        let sender = NearSender { sender, apart: self.clone() };
        (sender, NearReceiver { receiver, apart: self.clone() })
    }
}

/// Tells only those who are not kept apart from.
#[derive(Debug)]
pub(crate) struct NearSender<S, P> {
    sender: S,
    apart: Apart<P>,
}

impl<S: Clone, P> Clone for NearSender<S, P> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), apart: self.apart.clone() }
    }
}

impl<S: LimitedSender> LimitedSender for NearSender<S, S::PublicKey> {
    type PublicKey = S::PublicKey;
    type Checked<'a> = S::Checked<'a>;

    fn check(
        &mut self,
        recipients: Recipients<S::PublicKey>,
    ) -> Result<Self::Checked<'_>, SystemTime> {
        let from = self.apart.from();
        if from.is_empty() {
            return self.sender.check(recipients);
        }
        let wanted = match recipients {
            Recipients::All => self.apart.0.all.read().clone(),
            Recipients::Some(peers) => peers,
            Recipients::One(peer) => vec![peer],
        };
        let near = wanted.into_iter().filter(|peer| !from.contains(peer));
        self.sender.check(Recipients::Some(near.collect()))
    }
}

/// Hears only those who are not kept apart from.
#[derive(Debug)]
pub(crate) struct NearReceiver<R, P> {
    receiver: R,
    apart: Apart<P>,
}

impl<R: Receiver> Receiver for NearReceiver<R, R::PublicKey> {
    type Error = R::Error;
    type PublicKey = R::PublicKey;

    async fn recv(&mut self) -> Result<Message<R::PublicKey>, R::Error> {
        loop {
            let message = self.receiver.recv().await?;
            if !self.apart.is_from(&message.0) {
                return Ok(message);
            }
        }
    }

    fn capacity(&self) -> NonZeroUsize {
        self.receiver.capacity()
    }
}

/// Look at the file again and again. `key` says which validator a peer is.
pub(crate) async fn follow<P: PublicKey>(
    runtime: impl Clock,
    (file, apart): (PathBuf, Apart<P>),
    key: impl Fn(&P) -> ValidatorKey,
) {
    let mut wrong = None;
    loop {
        match named(&file) {
            Ok(named) => {
                let all = apart.0.all.read().clone();
                apart.set(all.into_iter().filter(|peer| named.contains(&key(peer))).collect());
                wrong = None;
            }
            // What was in force stays so until somebody says something that can be read.
            Err(why) if wrong != Some(why) => {
                tracing::warn!(file = %file.display(), why, "what this node is to keep apart from is left as it was");
                wrong = Some(why);
            }
            Err(_) => {}
        }
        runtime.sleep(LOOK).await;
    }
}

/// The validators that the file names; none if there is no file.
fn named(file: &Path) -> Result<BTreeSet<ValidatorKey>, &'static str> {
    let bytes = match std::fs::metadata(file) {
        Ok(metadata) if metadata.len() <= MAX_FILE_BYTES => std::fs::read_to_string(file),
        Ok(_) => return Err("the file is too long"),
        Err(error) => Err(error),
    };
    let text = match bytes {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(_) => return Err("the file cannot be read"),
    };
    let key = |line: &str| line.parse::<MemberId>().map(|id| ValidatorKey(id.0));
    text.lines().map(|line| key(line).map_err(|_| "a line of the file is no id")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_where_all_validators_are_on_this_machine_is_there_such_a_file() {
        let here: [SocketAddr; 2] = ["127.0.0.1:1".parse().unwrap(), "[::1]:2".parse().unwrap()];
        let folder = Path::new("votes");
        assert_eq!(file(folder, here.iter()), Some(folder.join("apart")));
        for elsewhere in ["10.0.0.2:1", "192.0.2.1:1", "[2001:db8::1]:1", "0.0.0.0:1"] {
            let elsewhere: SocketAddr = elsewhere.parse().unwrap();
            assert_eq!(file(folder, here.iter().chain([&elsewhere])), None);
        }
    }

    #[test]
    fn the_file_names_validators_or_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("apart");
        assert_eq!(named(&file), Ok(BTreeSet::new()), "there is none");
        let ids = [MemberId([1; 32]), MemberId([2; 32])];
        std::fs::write(&file, format!("{}\n{}\n", ids[0], ids[1])).unwrap();
        assert_eq!(named(&file), Ok(ids.map(|id| ValidatorKey(id.0)).into()));
        for wrong in ["snid1nobody\n".to_owned(), format!("{}\n\n", ids[0]), "x".repeat(70_000)] {
            std::fs::write(&file, wrong).unwrap();
            assert!(named(&file).is_err());
        }
    }
}
