//! A node of a network over TCP, behind the flow's `Log` port. The engine has a thread and a runtime of its own.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use commonware_codec::{Copying, DecodeExt as _};
use commonware_cryptography::{
    ChaCha20Poly1305, Signer as _,
    ed25519::{PrivateKey, PublicKey},
};
use commonware_p2p::authenticated::lookup;
use commonware_runtime::{
    Clock as _, Metrics as _, Runner as _, Spawner as _, Supervisor as _, tokio as engine_runtime,
};
use commonware_stream::{
    cups::{self, Cups},
    sake::{self, Sake},
};
use parking_lot::Mutex;
use secnet_app::ports::{Clock, Committed, Log, LogError, Standing, SubmitError, Trouble, View};
use secnet_crypto::SigningKey;
use secnet_ledger::{Rejection, Verified};
use secnet_node::{Chain, ChainError};
use secnet_types::{
    Effect, Genesis, MemberId, Receipt, Timestamp, ValidatorKey, engine_namespace, limits,
};
use tokio::sync::{mpsc, oneshot};

use crate::apart::{self, Apart};
use crate::block::BlockLimits;
use crate::epochs::{KnownEpochs, named, public};
use crate::ledger::Ledger;
use crate::limits::{MAILBOX, MIN_PEERS};
use crate::meet::Meeting;
use crate::node::{self, Channels, Parts, quota};
use crate::peers;
use crate::questions::{Counter, Desk, Questions, questions};
use crate::snapshots::Behind;
use crate::votes;

/// Threads of the engine's runtime.
const ENGINE_THREADS: usize = 2;
/// How far clocks may be apart when two nodes meet.
const HANDSHAKE_CLOCK: Duration = Duration::from_secs(5);
/// How old a greeting may be.
const HANDSHAKE_AGE: Duration = Duration::from_secs(10);

/// In the engine's folder: locked while a node uses it, and the number of its process.
const LOCK_FILE: &str = "in-use";
/// How long a lock is waited for that somebody may hold only to look.
const LAST_LOOK: Duration = Duration::from_millis(500);
/// A peer that went away is let in again, and looked for, so long after it was met last.
const RECONNECT: Duration = Duration::from_secs(5);
/// Most nodes that a network has at a time: those of an epoch, and those of the one that comes.
const MAX_NODES: usize = 2 * (limits::MAX_VALIDATORS + limits::MAX_FOLLOWERS);
/// How often it is looked which validators there is a connection to.
const LOOK_FOR_PEERS: Duration = Duration::from_secs(1);
/// How long a write that is under way is waited for at the end.
const LAST_WRITE: Duration = Duration::from_secs(10);

/// Where a validator is reached.
pub type Address = SocketAddr;

/// How a node takes part.
#[derive(Debug)]
pub struct Settings {
    /// The node's key. It votes while it is one of the validators, and is let in while it is one of the nodes.
    pub key: SigningKey,
    /// Does it vote? A validator that has lost its engine's folder must not: it could vote twice. It follows instead.
    pub votes: bool,
    /// Where it listens.
    pub listen: Address,
    /// Where other nodes are reached, this one included; if it is one of the genesis' validators, all of these. What the ledger says of later
    /// ones counts where nothing is said here.
    pub addresses: BTreeMap<ValidatorKey, Address>,
    /// Where the engine keeps its votes and its archive, for one node at a time; made if it is not there. It may hold
    /// those of several networks and keys. If all validators are at loopback addresses, a file `apart` in it names those
    /// that this node keeps apart from.
    pub folder: PathBuf,
    /// May nodes be at private addresses?
    pub private_addresses: bool,
    /// What answers data centres that ask for shares; none if this node holds none.
    pub desk: Option<Desk>,
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The ledger is not that of a network.
    #[error("this ledger has one sequencer and no validators; run it in solo mode")]
    NotANetwork,
    /// Addresses do not fit the validators.
    #[error("the address of one of the genesis' validators is missing; list every one of them")]
    Addresses,
    /// The key is not one of the engine's.
    #[error("the node's key is not one that the engine can use; make another")]
    Key,
    /// The ledger is damaged.
    #[error(transparent)]
    Ledger(#[from] ChainError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; choose a free address")]
    Listen {
        /// Which.
        address: Address,
        /// Why.
        source: std::io::Error,
    },
    /// It may have voted, and does not know for what.
    #[error(
        "the votes of this validator are not in `{}`: if it voted again it could vote twice; put the folder back if nothing of it is older than the last vote, else follow the network without voting",
        .0.display()
    )]
    VotesLost(PathBuf),
    /// Another node uses the engine's folder.
    #[error("the folder `{}` is in use by another node; stop that node, or give another folder", .0.display())]
    InUse(PathBuf),
    /// The engine's folder cannot be used.
    #[error("the folder `{}` cannot be used: {source}; make it writable, or give another", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A thread cannot be started.
    #[error("a thread cannot be started: {0}")]
    Thread(std::io::Error),
}

/// The validators that there is a connection to, and the bytes that were sent.
pub(crate) type Peers = Arc<Mutex<(Vec<ValidatorKey>, u64)>>;

/// The ledger of a network behind the [`Log`] port.
#[derive(Debug)]
pub struct Bft {
    ledger: Arc<Ledger>,
    peers: Peers,
    questions: Arc<Questions>,
    apart: Apart<PublicKey>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Held as long as the engine may write to its folder.
    _in_use: File,
}

impl Bft {
    /// Take part in a network.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(
        chain: Chain,
        settings: Settings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let validators = chain.genesis().validators.clone().ok_or(StartError::NotANetwork)?;
        let me = ValidatorKey(*settings.key.verifying_key().as_bytes());
        let is_known = |key: &ValidatorKey| *key == me || settings.addresses.contains_key(key);
        // Whoever comes later is told by the ledger where the others are.
        if validators.contains(&me) && !validators.iter().all(is_known) {
            return Err(StartError::Addresses);
        }
        let in_use = take(&settings.folder)?;
        let id = MemberId::from_key(&settings.key.verifying_key());
        let folder = votes::folder(&settings.folder, chain.genesis().network(), id);
        if settings.votes && !votes::are_kept(&folder, chain.executor().height()) {
            return Err(StartError::VotesLost(folder));
        }
        let engine_key = PrivateKey::decode(Copying(settings.key.seed().as_slice()));
        let engine_key = engine_key.map_err(|_| StartError::Key)?;
        let epochs = KnownEpochs::of(&chain, settings.votes.then(|| engine_key.clone()))?;
        // Found out here, since the engine ends its thread when it cannot listen.
        let listen = |source| StartError::Listen { address: settings.listen, source };
        drop(std::net::TcpListener::bind(settings.listen).map_err(listen)?);
        let (ledger, untold) = Ledger::new(chain, clock);
        let (stop, stopped) = oneshot::channel();
        let (peers, apart) = (Peers::default(), Apart::from_nobody());
        let (questions, counter) = questions(settings.desk.clone(), Arc::clone(&peers));
        let engine = Engine {
            ledger: Arc::clone(&ledger),
            peers: Arc::clone(&peers),
            apart: apart.clone(),
            untold,
            counter,
            key: engine_key,
            settings,
            folder,
            epochs,
        };
        let thread = thread::Builder::new()
            .name("ledger-agree".into())
            .spawn(move || engine.run(stopped))
            .map_err(StartError::Thread)?;
        Ok(Self {
            ledger,
            peers,
            questions: Arc::new(questions),
            apart,
            stop: Some(stop),
            thread: Some(thread),
            _in_use: in_use,
        })
    }

    /// The way to other nodes' release desks.
    #[must_use]
    pub fn questions(&self) -> Arc<Questions> {
        Arc::clone(&self.questions)
    }

    /// The chain beneath.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        self.ledger.chain()
    }

    /// The newest certified log as a C2SP checkpoint, with its size, and with the validators' own signatures as soon as a quorum
    /// has signed it.
    ///
    /// # Errors
    /// A block is damaged, or there is none that is certified.
    pub fn checkpoint(&self) -> Result<(u64, String), ChainError> {
        self.ledger.checkpoint()
    }

    /// Height of the ledger that this node took over from another since its start.
    #[must_use]
    pub fn arrived_at(&self) -> Option<u64> {
        self.ledger.arrived_at()
    }

    /// The validators that this node was connected to within the last second or two, and did not keep apart from, ascending.
    #[must_use]
    pub fn peers(&self) -> Vec<ValidatorKey> {
        self.peers.lock().0.clone()
    }

    /// The validators that this node keeps apart from, because a file in its engine's folder says so, ascending.
    #[must_use]
    pub fn apart(&self) -> Vec<ValidatorKey> {
        self.apart.from().iter().map(named).collect()
    }

    /// Bytes that this node had sent to other validators since its start, a second or two ago.
    #[must_use]
    pub fn sent_bytes(&self) -> u64 {
        self.peers.lock().1
    }
}

impl Drop for Bft {
    fn drop(&mut self) {
        // Dropping it ends the engine's runtime, and with it all of its tasks.
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has been reported by the panic hook already.
            drop(thread.join());
        }
        // A task that waits for the disk lets go of the store when the disk has answered.
        let end = Instant::now() + LAST_WRITE;
        while Arc::strong_count(&self.ledger) > 1 && Instant::now() < end {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Two nodes with the same votes would vote twice.
fn take(folder: &Path) -> Result<File, StartError> {
    let failed = |source| StartError::Folder { folder: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut open = OpenOptions::new();
    // What is in it is the number of the process that holds the lock, which only that one may change.
    open.read(true).write(true).create(true).truncate(false);
    let mut file = open.open(folder.join(LOCK_FILE)).map_err(failed)?;
    let end = Instant::now() + LAST_LOOK;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            // Somebody may only be looking whether a node runs.
            Err(TryLockError::WouldBlock) if Instant::now() < end => {
                thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => return Err(StartError::InUse(folder.to_owned())),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
    }
    file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).map_err(failed)?;
    Ok(file)
}

/// What goes to the engine's thread.
struct Engine {
    ledger: Arc<Ledger>,
    peers: Peers,
    apart: Apart<PublicKey>,
    untold: mpsc::Receiver<Vec<u8>>,
    counter: Counter,
    key: PrivateKey,
    settings: Settings,
    /// Votes for another network or by another key are not this node's.
    folder: PathBuf,
    epochs: KnownEpochs,
}

impl Engine {
    fn run(self, stopped: oneshot::Receiver<()>) {
        let config = engine_runtime::Config::new()
            .with_storage_directory(self.folder.clone())
            .with_worker_threads(ENGINE_THREADS);
        let ledger = Arc::clone(&self.ledger);
        engine_runtime::Runner::new(config).start(|runtime| async move {
            // To get the ledger of another node can take a while: it may be stopped meanwhile.
            let running = async move {
                match self.connect(runtime).await {
                    Ok(running) => {
                        drop(running.await);
                        "the engine has stopped; see the log, and start the node again".to_owned()
                    }
                    Err(why) => why,
                }
            };
            let stopped = std::pin::pin!(stopped);
            let running = std::pin::pin!(running);
            if let futures::future::Either::Right((why, _)) =
                futures::future::select(stopped, running).await
            {
                ledger.stop(why);
            }
        });
    }

    async fn connect(
        self,
        runtime: engine_runtime::Context,
    ) -> Result<commonware_runtime::Handle<()>, String> {
        let Self { ledger, peers, apart, untold, counter, key, settings, folder: _, epochs } = self;
        let network = ledger.chain().genesis().network();
        let size = node::max_payload_bytes(&BlockLimits { network });
        let handshake = handshake(key.clone());
        let (most, mailbox) = (room(&epochs), at_least_one(MAILBOX));
        let namespace = [engine_namespace(network).as_slice(), b"_P2P"].concat();
        // All nodes on one machine have one address, and need not be careful with each other.
        let config_for = if settings.listen.ip().is_loopback() {
            lookup::Config::local
        } else {
            lookup::Config::recommended
        };
        let size = commonware_p2p::max_message_size(&[size]);
        let mut config = config_for(handshake, &namespace, settings.listen, most, size, mailbox);
        // What is tracked names everybody who is met.
        config.tracked_peer_sets = at_least_one(1);
        config.allow_private_ips = settings.private_addresses;
        config.peer_connection_cooldown = config.peer_connection_cooldown.min(RECONNECT);
        let (mut net, oracle) = lookup::Network::new(runtime.child("network"), config);
        let known = settings.addresses;
        let told = apart::file(&settings.folder, known.values());
        let meeting = Meeting {
            epochs: epochs.clone(),
            known,
            oracle: oracle.clone(),
            apart: apart.clone(),
            most,
        };
        runtime.child("meet").spawn(move |_| meeting.run());
        let channels = Channels {
            votes: apart.around(net.register(0, quota(0))),
            certificates: apart.around(net.register(1, quota(1))),
            resolver: apart.around(net.register(2, quota(2))),
            blocks: apart.around(net.register(3, quota(3))),
            backfill: apart.around(net.register(4, quota(4))),
            commands: apart.around(net.register(5, quota(5))),
            questions: apart.around(net.register(6, quota(6))),
            handovers: apart.around(net.register(7, quota(7))),
            cosignatures: apart.around(net.register(9, quota(9))),
            snapshots: apart.around(net.register(10, quota(10))),
        };
        net.start();
        if let Some(file) = told {
            let told = (file, apart.clone());
            runtime.child("apart").spawn(move |context| apart::follow(context, told, named));
        }
        runtime.child("peers").spawn(move |context| look_for_peers(context, peers, apart));
        let parts = Parts {
            ledger,
            untold,
            counter,
            me: key.public_key(),
            key: Arc::new(settings.key),
            epochs,
            behind: Behind::default(),
            peers: oracle.clone(),
            blocker: oracle,
            partition: "engine".into(),
        };
        node::start(runtime.child("node"), parts, channels).await.map_err(|error| error.to_string())
    }
}

fn handshake(signer: PrivateKey) -> Cups<Sake<PrivateKey>, ChaCha20Poly1305> {
    let sake = Sake {
        signer,
        synchrony_bound: HANDSHAKE_CLOCK,
        max_handshake_age: HANDSHAKE_AGE,
        version: sake::Version::V1,
    };
    Cups::new(sake, cups::Version::V1)
}

async fn look_for_peers(context: engine_runtime::Context, peers: Peers, apart: Apart<PublicKey>) {
    loop {
        let metrics = context.encode();
        let mut connected = peers::connected(&metrics);
        connected.retain(|peer| public(peer).is_none_or(|peer| !apart.is_from(&peer)));
        *peers.lock() = (connected, peers::sent_bytes(&metrics));
        context.sleep(LOOK_FOR_PEERS).await;
    }
}

/// For how many peers there is room: so many, and as many again, as there are now. Room for the most that a network can have
/// would take more than a gigabyte.
fn room(epochs: &KnownEpochs) -> NonZeroUsize {
    let (validators, followers) = epochs.nodes();
    let now = validators.len().saturating_add(followers.len());
    at_least_one(now.saturating_mul(2).clamp(MIN_PEERS, MAX_NODES))
}

fn at_least_one(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN)
}

#[async_trait]
impl Log for Bft {
    async fn submit(&self, command: Vec<u8>) -> Result<Committed, SubmitError> {
        if command.len() > limits::MAX_COMMAND_BYTES {
            return Err(SubmitError::Invalid(format!(
                "it is {} bytes long, the limit is {}",
                command.len(),
                limits::MAX_COMMAND_BYTES
            )));
        }
        let stopped = |_| SubmitError::Unavailable("the ledger has stopped".into());
        self.ledger.submit(command).await.map_err(stopped)?
    }

    fn read(&self, reader: &mut dyn FnMut(&View<'_>)) {
        self.ledger.read(reader);
    }

    fn standing(&self) -> Standing {
        let trouble = self.ledger.trouble().map(|trouble| Trouble::Failing(trouble.to_string()));
        Standing { trouble, free: None, reserve: 0 }
    }

    fn forecast(&self, command: &Verified, now: Timestamp) -> Result<Vec<Effect>, Rejection> {
        self.chain().forecast(command, now)
    }

    async fn receipt(&self, event: u64) -> Result<Receipt, LogError> {
        let mut progress = self.ledger.progress();
        loop {
            // Marked as seen before it is looked for, so that no block in between is missed.
            let trouble = progress.borrow_and_update().trouble.clone();
            match self.chain().receipt(event) {
                Err(ChainError::NotCovered(_)) if trouble.is_none() => {}
                Err(error) => return Err(LogError::from(error)),
                Ok(receipt) => return Ok(receipt),
            }
            progress.changed().await.map_err(|_| stopped())?;
        }
    }

    async fn cose_receipt(&self, event: u64) -> Result<Vec<u8>, LogError> {
        // Waits until the event is covered.
        self.receipt(event).await?;
        let cosigned = self.ledger.cosigned_with(event).await.ok_or_else(|| {
            LogError::Unavailable(
                "no quorum of the validators has signed the log since; ask again, or for the receipt in SecNet's own form".into(),
            )
        })?;
        self.chain().cose_receipts(event, &cosigned).map_err(LogError::from)
    }

    async fn events(&self, first: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, LogError> {
        let size = self.chain().executor().log_size();
        let end = first.saturating_add(limit as u64).min(size);
        (first..end)
            .map(|index| {
                self.chain().event(index).map(|(bytes, _)| (index, bytes)).map_err(LogError::from)
            })
            .collect()
    }

    async fn grown(&self, size: u64) -> Result<u64, LogError> {
        let mut progress = self.ledger.progress();
        loop {
            let trouble = progress.borrow_and_update().trouble.clone();
            let now = self.chain().executor().log_size();
            if now > size {
                return Ok(now);
            }
            if let Some(trouble) = trouble {
                return Err(LogError::Unavailable(trouble.to_string()));
            }
            progress.changed().await.map_err(|_| stopped())?;
        }
    }

    async fn command_of(&self, event: u64) -> Result<Option<Vec<u8>>, LogError> {
        self.chain().command_of(event).map_err(LogError::from)
    }

    fn genesis(&self) -> &Genesis {
        self.chain().genesis()
    }
}

fn stopped() -> LogError {
    LogError::Unavailable("the ledger has stopped".into())
}
