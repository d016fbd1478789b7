//! The processes of the network, and what they are told.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use secnet_app::ports::Clock as _;
use secnet_types::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::row::{Times, per_second};
use super::super::{Place, Said, broken, wrong};
use super::VALIDATORS;
use super::orders::{Kind, LEDGER, Order, PLAN, Plan, Seen, Sent, VOTES};
use super::world::MEMBERS;
use crate::failure::Failure;
use crate::files;
use crate::system::{SystemClock, random};

/// How the names of the engine's folders begin that hold what is recent: votes, and blocks before they are archived.
const PRUNED: [&str; 2] = ["engine-votes", "engine-marshal-cache"];
/// Callers that prepare the ledger.
const PREPARERS: usize = 256;

/// Bytes of a node's files.
#[derive(Clone, Copy)]
pub(super) struct Files {
    pub ledger: u64,
    /// Of the engine: what it archives.
    pub kept: u64,
    /// Of the engine: what it prunes.
    pub pruned: u64,
}

/// Four nodes, each a process.
pub(super) struct Fleet {
    dir: PathBuf,
    begun: Timestamp,
    seed: [u8; 32],
    ports: Vec<u16>,
    nodes: Vec<Option<Node>>,
    /// The next number that no command of the load has yet.
    next: u64,
}

struct Node {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    dir: PathBuf,
}

/// What many commands took.
pub(super) struct Load {
    /// Committed, a second.
    pub rate: f64,
    pub times: Times,
    pub refused: u64,
    pub why: Option<String>,
    /// Blocks of the first node, and seconds of processor time of all, meanwhile.
    pub blocks: u64,
    pub busy_s: f64,
}

impl Load {
    /// For a row: what was not committed.
    pub(super) fn losses(&self) -> String {
        match &self.why {
            Some(why) => format!("{} were not committed: {why}", self.refused),
            None => "all were committed".into(),
        }
    }
}

impl Fleet {
    /// Start a network, and let its members have money, datasets and grants.
    pub(super) fn begin(place: &Place) -> Result<Self, Failure> {
        let (begun, seed) = (SystemClock.now(), random());
        // Free a moment ago; held together so that they differ.
        let held: Result<Vec<TcpListener>, _> =
            (0..VALIDATORS).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect();
        let held = held.map_err(|error| broken("a port", &error))?;
        let ports = held.iter().map(|port| Ok(port.local_addr()?.port()));
        let ports: std::io::Result<Vec<u16>> = ports.collect();
        let ports = ports.map_err(|error| broken("a port", &error))?;
        drop(held);
        let mut fleet =
            Self { dir: place.dir.clone(), begun, seed, ports, nodes: Vec::new(), next: MEMBERS };
        for index in 0..VALIDATORS {
            let node = fleet.spawn(index, true)?;
            fleet.nodes.push(Some(node));
        }
        for node in fleet.nodes.iter_mut().flatten() {
            node.answer()?;
        }
        fleet.prepare()?;
        Ok(fleet)
    }

    fn prepare(&mut self) -> Result<(), Failure> {
        for kind in [Kind::Issue, Kind::Register, Kind::Grant] {
            let order = Order::Sign { kind, first: 0, step: 1, count: MEMBERS };
            self.tell(0, order)?;
            let sent: Sent = parse(self.tell(0, Order::Closed { callers: PREPARERS })?)?;
            if let Some(why) = sent.why {
                return Err(wrong(format!("the ledger cannot be prepared: {why}")));
            }
        }
        Ok(())
    }

    /// Let these nodes sign so many commands in all, and hand them in: by so many callers at each, or so many a second in
    /// all.
    pub(super) fn send(
        &mut self,
        here: &[usize],
        kind: Kind,
        count: u64,
        pace: Pace,
    ) -> Result<Load, Failure> {
        let each = count.div_ceil(here.len().max(1) as u64);
        // Each node commits the decisions of its own data centre.
        let step = VALIDATORS as u64;
        let first = self.next;
        self.next += each * step;
        let sign =
            |index: usize| Order::Sign { kind, first: first + index as u64, step, count: each };
        self.tell_each(here, sign)?;
        let order = match pace {
            Pace::Closed { callers } => Order::Closed { callers },
            Pace::Open { rate } => Order::Open { rate: rate / here.len() as f64 },
        };
        let before = self.look()?;
        let sent: Result<Vec<Sent>, Failure> =
            self.tell_each(here, |_| order)?.into_iter().map(parse).collect();
        Ok(summed(sent?, &before, &self.look()?))
    }

    /// The nodes that are there.
    pub(super) fn here(&self) -> Vec<usize> {
        let there = self.nodes.iter().enumerate().filter(|(_, node)| node.is_some());
        there.map(|(index, _)| index).collect()
    }

    /// Numbers of commands that no load has.
    pub(super) fn numbers(&mut self, count: u64) -> std::ops::Range<u64> {
        let first = self.next;
        self.next += count.next_multiple_of(VALIDATORS as u64);
        first..first + count
    }

    /// Tell one node, and wait until it is done.
    pub(super) fn tell(&mut self, index: usize, order: Order) -> Result<Value, Failure> {
        let node = self.node(index)?;
        node.order(&order)?;
        node.answer()
    }

    /// Tell these nodes, and wait until all are done.
    pub(super) fn tell_each(
        &mut self,
        of: &[usize],
        order: impl Fn(usize) -> Order,
    ) -> Result<Vec<Value>, Failure> {
        for index in of {
            self.node(*index)?.order(&order(*index))?;
        }
        of.iter().map(|index| self.node(*index)?.answer()).collect()
    }

    /// Where each node stands.
    pub(super) fn look(&mut self) -> Result<Vec<Seen>, Failure> {
        let here = self.here();
        self.tell_each(&here, |_| Order::Look)?.into_iter().map(parse).collect()
    }

    /// End a node's process.
    pub(super) fn stop(&mut self, index: usize) -> Result<(), Failure> {
        let node = self.nodes.get_mut(index).and_then(Option::take);
        let mut node = node.ok_or_else(|| wrong("there is no such node"))?;
        node.orders = None;
        node.child.wait().map_err(|error| broken("a node", &error))?;
        Ok(())
    }

    /// Take everything from a node that was stopped, and start it again as one that only follows.
    pub(super) fn wipe_and_start(&mut self, index: usize) -> Result<(), Failure> {
        let dir = self.folder(index);
        std::fs::remove_dir_all(&dir).map_err(|error| Failure::io("remove", &dir, &error))?;
        let node = self.spawn(index, false)?;
        if let Some(place) = self.nodes.get_mut(index) {
            place.insert(node).answer()?;
        }
        Ok(())
    }

    /// Bytes of the files of each node.
    pub(super) fn on_disk(&self) -> Vec<Files> {
        let files = |index| {
            let (ledger, _) = bytes_of(&self.folder(index).join(LEDGER));
            let (kept, pruned) = bytes_of(&self.folder(index).join(VOTES));
            Files { ledger, kept, pruned }
        };
        (0..VALIDATORS).map(files).collect()
    }

    fn folder(&self, index: usize) -> PathBuf {
        self.dir.join(format!("node-{index}"))
    }

    fn node(&mut self, index: usize) -> Result<&mut Node, Failure> {
        let node = self.nodes.get_mut(index).and_then(Option::as_mut);
        node.ok_or_else(|| wrong("there is no such node"))
    }

    fn spawn(&self, index: usize, votes: bool) -> Result<Node, Failure> {
        let dir = self.folder(index);
        files::make_private_dir(&dir)?;
        let plan = Plan {
            seed: self.seed,
            begun_ms: self.begun.0,
            index,
            ports: self.ports.clone(),
            votes,
        };
        let file = dir.join(PLAN);
        let text = serde_json::to_vec(&plan).map_err(|error| broken("the plan", &error))?;
        std::fs::write(&file, text).map_err(|error| Failure::io("write", &file, &error))?;
        Node::start(dir).map_err(|error| broken("a node", &error))
    }
}

/// How commands are handed in.
#[derive(Clone, Copy)]
pub(super) enum Pace {
    /// By so many callers at each node.
    Closed { callers: usize },
    /// So many a second in all.
    Open { rate: f64 },
}

fn summed(sent: Vec<Sent>, before: &[Seen], after: &[Seen]) -> Load {
    let from = sent.iter().map(|sent| sent.from_us).min().unwrap_or_default();
    let to = sent.iter().map(|sent| sent.to_us).max().unwrap_or_default();
    let refused = sent.iter().map(|sent| sent.refused).sum();
    let why = sent.iter().find_map(|sent| sent.why.clone());
    let times = sent.into_iter().flat_map(|sent| sent.micros);
    let times = Times::new(times.map(|us| Duration::from_micros(us.into())).collect());
    let took = Duration::from_micros(to.saturating_sub(from));
    let between = || after.iter().zip(before);
    let blocks = between().next().map_or(0, |(after, before)| after.height - before.height);
    let busy_s = between().map(|(after, before)| after.busy_s - before.busy_s).sum();
    Load { rate: per_second(times.len(), took), times, refused, why, blocks, busy_s }
}

pub(super) fn parse<T: DeserializeOwned>(value: Value) -> Result<T, Failure> {
    serde_json::from_value(value).map_err(|error| broken("a node's answer", &error))
}

fn bytes_of(dir: &Path) -> (u64, u64) {
    let (mut kept, mut pruned) = (0, 0);
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let (of_kept, of_pruned) = match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_of(&entry.path()),
            Ok(metadata) => (metadata.len(), 0),
            Err(_) => (0, 0),
        };
        let is_pruned = PRUNED.iter().any(|begin| name.to_string_lossy().starts_with(begin));
        kept += if is_pruned { 0 } else { of_kept };
        pruned += of_pruned + if is_pruned { of_kept } else { 0 };
    }
    (kept, pruned)
}

impl Node {
    fn start(dir: PathBuf) -> std::io::Result<Self> {
        let said = File::create(dir.join("node.log"))?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--dir").arg(&dir).args(["--json", "bench", "--child", "net-node"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(said).spawn()?;
        let orders = child.stdin.take();
        let answers = child.stdout.take().map(BufReader::new);
        let answers = answers.ok_or(std::io::ErrorKind::BrokenPipe)?;
        Ok(Self { child, orders, answers, dir })
    }

    fn order(&mut self, order: &Order) -> Result<(), Failure> {
        let line = serde_json::to_string(order).map_err(|error| broken("an order", &error))?;
        let told = self.orders.as_mut().map(|orders| writeln!(orders, "{line}"));
        match told {
            Some(Ok(())) => Ok(()),
            _ => Err(self.gone()),
        }
    }

    fn answer(&mut self) -> Result<Value, Failure> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(read) if read > 0 => {
                serde_json::from_str(&line).map_err(|error| broken("a node's answer", &error))
            }
            _ => Err(self.gone()),
        }
    }

    fn gone(&self) -> Failure {
        let said = std::fs::read_to_string(self.dir.join("node.log")).unwrap_or_default();
        wrong("a node has ended").because(&Said(said))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Nothing of it is kept.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
