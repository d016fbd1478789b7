//! A network on this machine: a folder and a process for each node.
//!
//! ```text
//! DIR/genesis.cbor          how the network began
//! DIR/sample                the dataset that there is to try, if there is one
//! DIR/node-N/               the data folder of a node
//! DIR/node-N/secnet.toml    its configuration
//! DIR/node-N/node.log       what its processes said
//! ```

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use secnet_crypto::{KeyFileParams, Zeroizing};
use secnet_types::{Genesis, encode, limits};

use super::begin::{Card, Joins, card, genesis, join, new_keys};
use super::continuing::Past;
use super::part::VOTES;
use crate::config::{Config, Settings, Sources};
use crate::failure::{Exit, Failure};
use crate::files;

/// First port of a network, if it is free with those that follow.
const FIRST_PORT: u16 = 8430;
/// How far it is to the next ports that are tried.
const NEXT_PORTS: u16 = 100;
/// Ports from here on are handed out by the system to whoever asks.
const LAST_PORT: u16 = 30_000;
/// Of each node: network, metrics, door.
const PORTS_OF_NODE: usize = 3;
/// How the network began; locked by whoever starts its nodes.
const GENESIS: &str = "genesis.cbor";
const CONFIG: &str = "secnet.toml";
const LOG: &str = "node.log";
/// The engine locks it while a node runs, and says there which process that is.
const IN_USE: &str = "in-use";
/// Longest number of a process, in bytes.
const MAX_PROCESS_BYTES: u64 = 16;
/// Longest end of a node's log that is read, in bytes.
const MAX_LOG_BYTES: u64 = 64 * 1024 * 1024;

/// What a network on this machine is to be.
pub(crate) struct Wanted<'w> {
    pub validators: usize,
    /// How many of them serve HTTP.
    pub pdcs: usize,
    /// The first port; 0 takes whichever are free.
    pub ports: Option<u16>,
    pub passphrase: &'w str,
    /// Is the passphrase published in the folders?
    pub published: bool,
}

/// A network on this machine.
pub(crate) struct Local {
    pub dir: PathBuf,
    pub nodes: Vec<NodeHere>,
}

/// One of its nodes.
pub(crate) struct NodeHere {
    /// From 1 on.
    pub number: usize,
    pub dir: PathBuf,
    pub settings: Settings,
}

impl Local {
    /// Is there one?
    pub(crate) fn is_there(dir: &Path) -> bool {
        dir.join(GENESIS).exists() && dir.join("node-1").exists()
    }

    /// The one in this folder.
    pub(crate) fn open(dir: &Path) -> Result<Self, Failure> {
        if !Self::is_there(dir) {
            return Err(Failure::new(
                "no-network",
                format!("there is no network of several nodes in `{}`", dir.display()),
            )
            .hint("`secnet net up --dir DIR` makes one; name its folder with --dir"));
        }
        let dir = std::path::absolute(dir).map_err(|error| Failure::io("find", dir, &error))?;
        let mut nodes = Vec::new();
        for number in numbers(&dir)? {
            let node = dir.join(format!("node-{number}"));
            let named = Some(node.join(CONFIG));
            let settings = Config::load(&Sources { named, ..Sources::default() })?.settings()?;
            nodes.push(NodeHere { number, dir: node, settings });
        }
        Ok(Self { dir, nodes })
    }

    /// Make one, whole or not at all.
    pub(crate) fn make(dir: &Path, name: &str, wanted: &Wanted<'_>) -> Result<Self, Failure> {
        let absolute = std::path::absolute(dir).map_err(|e| Failure::io("find", dir, &e))?;
        let above = absolute.parent().unwrap_or(Path::new("/"));
        files::make_private_dir(above)?;
        let making = tempfile::Builder::new().prefix(".secnet-net-").tempdir_in(above);
        let making = making.map_err(|error| Failure::io("make a folder in", above, &error))?;
        let (addresses, _held) = ports(wanted.validators, wanted.ports)?;
        let mut cards = Vec::new();
        for (number, addresses) in (1..).zip(&addresses) {
            cards.push(found(
                &making.path().join(format!("node-{number}")),
                number,
                *addresses,
                wanted,
            )?);
        }
        let genesis = genesis(name, &cards)?;
        for (number, addresses) in (1..).zip(&addresses) {
            let node = making.path().join(format!("node-{number}"));
            join(&node, (&genesis, Past::None), Joins::Founder, wanted.passphrase)?;
            let peers: Vec<_> =
                cards.iter().map(|card| (card.validator.clone(), card.address)).collect();
            let text = configuration(number, *addresses, number <= wanted.pdcs, &peers);
            files::write_private(&node.join(CONFIG), text.as_bytes())?;
        }
        files::write_private(&making.path().join(GENESIS), &encode(&genesis))?;
        // Over an empty folder, or where there is none.
        std::fs::rename(making.path(), &absolute).map_err(|error| {
            Failure::new(
                "not-empty",
                format!("`{}` cannot become the network's folder", dir.display()),
            )
            .because(&error)
            .hint("give a folder that is empty or not there yet with --dir")
            .exit(Exit::Usage)
        })?;
        drop(making.keep());
        files::sync_folder(above)?;
        Self::open(&absolute)
    }

    /// The number of a node more.
    pub(crate) fn next_number(&self) -> usize {
        let last = self.nodes.iter().map(|node| node.number).max();
        last.unwrap_or_default().saturating_add(1)
    }

    /// Make the folder of a node more, whole or not at all: of one that the genesis does not name.
    pub(crate) fn make_one(
        &self,
        number: usize,
        door: bool,
        passphrase: &str,
    ) -> Result<PathBuf, Failure> {
        let published = self.node(1)?.dir.join("passphrase").exists();
        let bytes = files::read(&self.dir.join(GENESIS), limits::MAX_GENESIS_BYTES as u64)?;
        let genesis = Genesis::parse(&bytes).map_err(|error| {
            Failure::new(error.code(), "the network's genesis does not hold").because(&error)
        })?;
        let making = tempfile::Builder::new().prefix(".secnet-node-").tempdir_in(&self.dir);
        let making = making.map_err(|error| Failure::io("make a folder in", &self.dir, &error))?;
        let (addresses, _held) = ports(1, Some(0))?;
        let addresses =
            *addresses.first().ok_or_else(|| Failure::new("listen", "no free ports"))?;
        let wanted = Wanted { validators: 1, pdcs: 0, ports: None, passphrase, published };
        // Not the first: it does not govern.
        let card = found(making.path(), number, addresses, &wanted)?;
        let mut peers = vec![(card.validator, card.address)];
        for node in &self.nodes {
            let network = node.settings.network.as_ref();
            let listen = network.map(|network| network.listen);
            peers.extend(
                listen
                    .map(|listen| Ok::<_, Failure>((node.validator()?.to_string(), listen)))
                    .transpose()?,
            );
        }
        join(making.path(), (&genesis, Past::None), Joins::Later, passphrase)?;
        let text = configuration(number, addresses, door, &peers);
        files::write_private(&making.path().join(CONFIG), text.as_bytes())?;
        let dir = self.dir.join(format!("node-{number}"));
        std::fs::rename(making.path(), &dir).map_err(|e| Failure::io("make", &dir, &e))?;
        drop(making.keep());
        files::sync_folder(&self.dir)?;
        Ok(dir)
    }

    /// Put the folder of a node that is none of the network any more beside the others'. Where it is.
    pub(crate) fn put_aside(&self, node: &NodeHere) -> Result<PathBuf, Failure> {
        let names = (0..).map(|again| match again {
            0 => format!("removed-{}", node.number),
            again => format!("removed-{}-{again}", node.number),
        });
        let mut free = names.map(|name| self.dir.join(name)).filter(|path| !path.exists());
        let aside = free.next().unwrap_or_else(|| self.dir.join("removed"));
        std::fs::rename(&node.dir, &aside).map_err(|e| Failure::io("rename", &node.dir, &e))?;
        files::sync_folder(&self.dir)?;
        Ok(aside)
    }

    /// The right to start its nodes, for one at a time; none while another process has it.
    pub(crate) fn starting(&self) -> Result<Option<File>, Failure> {
        let path = self.dir.join(GENESIS);
        let failed = |error: std::io::Error| Failure::io("lock", &path, &error);
        let file = File::open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// One of the nodes, by its number.
    pub(crate) fn node(&self, number: usize) -> Result<&NodeHere, Failure> {
        self.nodes.iter().find(|node| node.number == number).ok_or_else(|| {
            Failure::new("unknown-node", format!("there is no node {number} in this network"))
                .hint(format!(
                    "its nodes are {}",
                    self.nodes
                        .iter()
                        .map(|node| node.number.to_string())
                        .collect::<Vec<_>>()
                        .join(", ")
                ))
                .exit(Exit::Usage)
        })
    }
}

/// The numbers of the nodes that there are folders of, ascending.
fn numbers(dir: &Path) -> Result<Vec<usize>, Failure> {
    let failed = |error: std::io::Error| Failure::io("read", dir, &error);
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let number: Option<usize> =
            name.to_str().and_then(|name| name.strip_prefix("node-")?.parse().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The ports of a node.
#[derive(Clone, Copy)]
struct Addresses {
    network: SocketAddr,
    metrics: SocketAddr,
    door: SocketAddr,
}

/// Ports for all nodes, held until somebody has written them down.
fn ports(nodes: usize, first: Option<u16>) -> Result<(Vec<Addresses>, Vec<TcpListener>), Failure> {
    let count = nodes.saturating_mul(PORTS_OF_NODE);
    let take = |first: u16| -> std::io::Result<Vec<TcpListener>> {
        let port = |at: usize| match first {
            0 => Some(0),
            first => first.checked_add(u16::try_from(at).ok()?),
        };
        let listen = |at| {
            let port = port(at).ok_or(std::io::ErrorKind::InvalidInput)?;
            TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        };
        (0..count).map(listen).collect()
    };
    let held = match first {
        Some(first) => take(first),
        None => {
            let mut tried = (FIRST_PORT..LAST_PORT).step_by(usize::from(NEXT_PORTS)).map(take);
            tried.find(Result::is_ok).unwrap_or_else(|| take(0))
        }
    };
    let taken = |error: std::io::Error| {
        Failure::new("listen", format!("{count} ports in a row are not all free here"))
            .because(&error)
            .hint("choose others with --ports, or leave it out")
            .exit(Exit::Unreachable)
    };
    let held = held.map_err(taken)?;
    let addresses: std::io::Result<Vec<SocketAddr>> =
        held.iter().map(TcpListener::local_addr).collect();
    let addresses = addresses.map_err(taken)?;
    let (of_nodes, _) = addresses.as_chunks::<PORTS_OF_NODE>();
    let of = |[network, metrics, door]: &[SocketAddr; PORTS_OF_NODE]| Addresses {
        network: *network,
        metrics: *metrics,
        door: *door,
    };
    Ok((of_nodes.iter().map(of).collect(), held))
}

/// A node's keys and card. The first node governs.
fn found(
    node: &Path,
    number: usize,
    addresses: Addresses,
    wanted: &Wanted<'_>,
) -> Result<Card, Failure> {
    files::make_private_dir(node)?;
    if wanted.published {
        files::write_private(&node.join("passphrase"), wanted.passphrase.as_bytes())?;
    }
    // Stretching a published passphrase protects nothing, so the least is spent on it.
    let cost = if wanted.published { KeyFileParams::LEAST } else { KeyFileParams::DEFAULT };
    new_keys(node, number == 1, wanted.passphrase, cost)?;
    card(node, addresses.network, wanted.passphrase)
}

fn configuration(
    number: usize,
    addresses: Addresses,
    door: bool,
    peers: &[(String, SocketAddr)],
) -> String {
    let peers = peers.iter().map(|(id, address)| format!("    \"{id}@{address}\",\n"));
    format!(
        "# Node {number} of a network on one machine. docs/reference/configuration.md says what else can be set.\n\
         listen = \"{}\"\ndoor = \"{}\"\n\n[metrics]\nlisten = \"{}\"\n\n[network]\nlisten = \"{}\"\npeers = [\n{}]\n",
        addresses.door,
        if door { "yes" } else { "no" },
        addresses.metrics,
        addresses.network,
        peers.collect::<String>(),
    )
}

impl NodeHere {
    /// Where its HTTP door is, if it has one.
    pub(crate) fn url(&self) -> Option<String> {
        self.settings.door.then(|| format!("http://{}", self.settings.listen))
    }

    /// The process that runs it, if one does.
    pub(crate) fn process(&self) -> Option<u32> {
        let path = self.dir.join(VOTES).join(IN_USE);
        let file = File::open(&path).ok()?;
        // Whoever runs holds the lock: a number that is left of one who ran means nothing.
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => {}
            _ => return None,
        }
        let number = files::read_text(&path, MAX_PROCESS_BYTES).ok()?;
        number.trim().parse().ok()
    }

    /// Start its process, which goes on when this one ends. A passphrase that is not published goes through a pipe.
    pub(crate) fn start(&self, passphrase: Option<&Zeroizing<String>>) -> Result<Child, Failure> {
        let log = self.dir.join(LOG);
        let opened = File::options().append(true).create(true).open(&log);
        let said = opened.and_then(|file| Ok((file.try_clone()?, file)));
        let (out, err) = said.map_err(|error| Failure::io("write", &log, &error))?;
        let failed =
            |error: std::io::Error| Failure::new("threads", "cannot start a node").because(&error);
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        for (name, _) in std::env::vars_os() {
            // What is set for this process is not meant for every node.
            if name.to_string_lossy().starts_with("SECNET_") {
                command.env_remove(name);
            }
        }
        command.arg("--dir").arg(&self.dir).stdout(out).stderr(err).stdin(Stdio::null());
        if passphrase.is_some() {
            command.args(["--passphrase-file", "/dev/stdin"]).stdin(Stdio::piped());
        }
        command.arg("up").arg("--config").arg(self.dir.join(CONFIG));
        // Ctrl-C is for whoever started it, who then ends it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(failed)?;
        if let (Some(passphrase), Some(mut stdin)) = (passphrase, child.stdin.take()) {
            stdin.write_all(passphrase.as_bytes()).map_err(failed)?;
        }
        Ok(child)
    }

    /// The last thing that its processes said.
    pub(crate) fn last_words(&self) -> Option<String> {
        let log = files::read(&self.dir.join(LOG), MAX_LOG_BYTES).ok()?;
        let log = String::from_utf8_lossy(&log).into_owned();
        let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
        // From the last error on: what it is, why, and what to do.
        let begin = lines.iter().rposition(|line| line.starts_with("error: "));
        let last = lines.len().saturating_sub(1);
        lines.get(begin.unwrap_or(last)..).map(|lines| lines.join("; "))
    }

    /// Ask its process to end, or end it at once. Was there one?
    pub(crate) fn signal(&self, how: How) -> Result<bool, Failure> {
        let Some(process) = self.process() else { return Ok(false) };
        send(process, how).map_err(|error| cannot_end(process, &error))?;
        Ok(true)
    }
}

/// Ask a process that was started here to end, unless it has: the number of one that was waited for may be another's by now.
pub(crate) fn ask_to_end(child: &mut Child) -> Result<(), Failure> {
    let number = child.id();
    let asked = match child.try_wait() {
        Ok(None) => send(number, How::Ask),
        Ok(Some(_)) => Ok(()),
        Err(error) => Err(error),
    };
    asked.map_err(|error| cannot_end(number, &error))
}

fn cannot_end(process: u32, error: &std::io::Error) -> Failure {
    Failure::new("threads", format!("cannot end process {process}")).because(error)
}

/// How a process is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// As a service manager asks it to.
    Ask,
    /// As a power cut does.
    AtOnce,
}

#[cfg(unix)]
fn send(process: u32, how: How) -> std::io::Result<()> {
    use rustix::process::{Pid, Signal, kill_process};
    let signal = if how == How::Ask { Signal::TERM } else { Signal::KILL };
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    let process = process.ok_or(std::io::ErrorKind::InvalidInput)?;
    Ok(kill_process(process, signal)?)
}

#[cfg(not(unix))]
fn send(_: u32, _: How) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
