//! A node, and its clients, in a process of its own. It does what it is told, line by line.

use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secnet_app::ports::Log as _;
use secnet_bft::{Bft, Settings};
use secnet_crypto::SigningKey;
use secnet_node::store::Store;
use secnet_node::{Chain, store_options};
use secnet_types::{MemberId, Timestamp, ValidatorKey};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::super::{Place, broken, machine, wrong};
use super::orders::{Answered, Kind, LEDGER, Order, PLAN, Plan, Seen, Sent, VOTES};
use super::world::World;
use crate::failure::Failure;
use crate::system::SystemClock;

/// How long the others are waited for.
const MEETING: Duration = Duration::from_secs(60);
/// How often it is looked whether they are there.
const LOOK: Duration = Duration::from_millis(50);

struct Node {
    world: Arc<World>,
    ledger: Arc<Bft>,
    /// Signed and not handed in yet.
    signed: Vec<Vec<u8>>,
    watching: Option<JoinHandle<Result<u64, Failure>>>,
}

/// Run a node until nobody has anything to tell it any more.
pub(in super::super) async fn child(place: &Place) -> Result<Value, Failure> {
    let (orders, mut to_do) = mpsc::unbounded_channel();
    let reader = std::thread::spawn(move || {
        let lines = std::io::stdin().lock().lines();
        for line in lines.map_while(Result::ok) {
            if orders.send(line).is_err() {
                return;
            }
        }
    });
    let mut node = Node::start(&place.dir).await?;
    say(&json!({ "ready": true }))?;
    while let Some(line) = to_do.recv().await {
        let order = serde_json::from_str(&line).map_err(|error| broken("an order", &error))?;
        say(&node.obey(order).await?)?;
    }
    drop(reader.join());
    Ok(json!({ "ended": true }))
}

fn say(value: &Value) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let said = writeln!(out, "{value}").and_then(|()| out.flush());
    said.map_err(|error| broken("an answer", &error))
}

impl Node {
    async fn start(dir: &Path) -> Result<Self, Failure> {
        let plan = std::fs::read(dir.join(PLAN)).map_err(|error| broken("the plan", &error))?;
        let plan: Plan =
            serde_json::from_slice(&plan).map_err(|error| broken("the plan", &error))?;
        let world = World::new(plan.seed, Timestamp(plan.begun_ms), true);
        let key = world.validators.get(plan.index).map(|key| SigningKey::from_seed(*key.seed()));
        let key = key.ok_or_else(|| wrong("there is no such node"))?;
        let mut addresses = BTreeMap::new();
        for (key, port) in world.validators.iter().zip(&plan.ports) {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
            addresses.insert(ValidatorKey(*key.verifying_key().as_bytes()), address);
        }
        let me = key.verifying_key();
        let listen = addresses.get(&ValidatorKey(*me.as_bytes())).copied();
        let listen = listen.ok_or_else(|| wrong("a node has no port"))?;
        let chain = chain(&dir.join(LEDGER), &world)?;
        let folder = dir.join(VOTES);
        if plan.votes && chain.executor().height() == 0 {
            secnet_bft::begin_to_vote(&folder, world.genesis.network(), MemberId::from_key(&me))
                .map_err(|error| broken("the votes", &error))?;
        }
        let votes = plan.votes;
        let private_addresses = true;
        let settings =
            Settings { key, votes, listen, addresses, folder, private_addresses, desk: None };
        let ledger = Bft::start(chain, settings, Arc::new(SystemClock))
            .map_err(|error| broken("a node", &error))?;
        let (begun, others) = (Instant::now(), world.validators.len().saturating_sub(1));
        while ledger.peers().len() < others {
            if begun.elapsed() > MEETING {
                return Err(wrong("the nodes do not meet"));
            }
            tokio::time::sleep(LOOK).await;
        }
        let (world, ledger) = (Arc::new(world), Arc::new(ledger));
        Ok(Self { world, ledger, signed: Vec::new(), watching: None })
    }

    async fn obey(&mut self, order: Order) -> Result<Value, Failure> {
        match order {
            Order::Sign { kind, first, step, count } => {
                for place in 0..count {
                    let command = self.command(kind, first + place * step)?;
                    self.signed.push(command);
                }
                Ok(json!(self.signed.len()))
            }
            Order::Closed { callers } => answer(&self.closed(callers).await?),
            Order::Open { rate } => answer(&self.open(rate).await?),
            Order::Lone { kind, number } => answer(&self.lone(kind, number).await?),
            Order::Watch { number } => {
                let (ledger, world) = (Arc::clone(&self.ledger), Arc::clone(&self.world));
                self.watching = Some(tokio::spawn(watch(ledger, world, number)));
                Ok(Value::Null)
            }
            Order::Refused => match self.watching.take() {
                Some(watching) => {
                    let at = watching.await.map_err(|error| broken("a watch", &error))??;
                    Ok(json!(at))
                }
                None => Err(wrong("nothing is watched")),
            },
            Order::Look => answer(&self.look()),
        }
    }

    fn command(&self, kind: Kind, number: u64) -> Result<Vec<u8>, Failure> {
        let command = self.world.command(kind, number);
        Ok(command.ok_or_else(|| wrong("no such command"))?.to_bytes())
    }

    async fn closed(&mut self, callers: usize) -> Result<Sent, Failure> {
        let commands = std::mem::take(&mut self.signed);
        let waiting = Arc::new(Mutex::new(commands.into_iter()));
        let mut tasks = JoinSet::new();
        let from_us = now_us();
        for _ in 0..callers {
            let (ledger, waiting) = (Arc::clone(&self.ledger), Arc::clone(&waiting));
            tasks.spawn(async move {
                let mut sent = Sent::default();
                loop {
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(command) = next else { return sent };
                    hand_in(&ledger, command, Instant::now(), &mut sent).await;
                }
            });
        }
        gather(tasks, from_us).await
    }

    async fn open(&mut self, rate: f64) -> Result<Sent, Failure> {
        let commands = std::mem::take(&mut self.signed);
        let mut tasks = JoinSet::new();
        let (start, from_us) = (Instant::now(), now_us());
        for (number, command) in commands.into_iter().enumerate() {
            let due = start + Duration::from_secs_f64(number as f64 / rate);
            tokio::time::sleep_until(due).await;
            let ledger = Arc::clone(&self.ledger);
            tasks.spawn(async move {
                let mut sent = Sent::default();
                hand_in(&ledger, command, due, &mut sent).await;
                sent
            });
        }
        gather(tasks, from_us).await
    }

    async fn lone(&self, kind: Kind, number: u64) -> Result<Answered, Failure> {
        let command = self.command(kind, number)?;
        let from_us = now_us();
        let committed = self.ledger.submit(command).await;
        let committed = committed.map_err(|error| broken("a lone command", &error))?;
        let durable_us = now_us();
        let receipt = self.ledger.receipt(committed.event).await;
        receipt.map_err(|error| broken("a receipt", &error))?;
        Ok(Answered { from_us, durable_us, receipt_us: now_us() })
    }

    fn look(&self) -> Seen {
        let chain = self.ledger.chain();
        let height = chain.executor().height();
        let last = chain.store().block(height).ok().flatten();
        let block_bytes = last.map_or(0, |record| {
            (record.header.len() + record.body.len() + record.certificate.len()) as u64
        });
        let (resident_mib, busy_s) =
            machine::process(std::process::id()).unwrap_or((f64::NAN, f64::NAN));
        Seen {
            height,
            block_bytes,
            resident_mib,
            busy_s,
            sent_bytes: self.ledger.sent_bytes(),
            written_bytes: machine::written(),
            arrived: self.ledger.arrived_at(),
        }
    }
}

fn chain(dir: &Path, world: &World) -> Result<Chain, Failure> {
    let is_new = !dir.exists();
    let store =
        Store::open(dir, store_options(is_new)).map_err(|error| broken("a store", &error))?;
    let chain = if is_new {
        Chain::create_agreed(store, world.genesis.clone())
    } else {
        Chain::open_agreed(store)
    };
    chain.map_err(|error| broken("a chain", &error))
}

async fn hand_in(ledger: &Bft, command: Vec<u8>, due: Instant, sent: &mut Sent) {
    match ledger.submit(command).await {
        Ok(_) => sent.micros.push(u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX)),
        Err(error) => {
            sent.refused += 1;
            sent.why.get_or_insert_with(|| error.to_string());
        }
    }
}

async fn gather(mut tasks: JoinSet<Sent>, from_us: u64) -> Result<Sent, Failure> {
    let mut all = Sent { from_us, ..Sent::default() };
    while let Some(sent) = tasks.join_next().await {
        let sent = sent.map_err(|error| broken("a caller", &error))?;
        all.micros.extend(sent.micros);
        all.refused += sent.refused;
        all.why = all.why.or(sent.why);
    }
    all.to_us = now_us();
    Ok(all)
}

/// When this node refuses the grant of this number.
async fn watch(ledger: Arc<Bft>, world: Arc<World>, number: u64) -> Result<u64, Failure> {
    let granted = world.granted(number).ok_or_else(|| wrong("no such grant"))?;
    let (requester, dataset, grant) = granted;
    loop {
        let (mut refused, mut size) = (false, 0);
        ledger.read(&mut |view| {
            refused = view.state.grant_usable(requester, dataset, grant, view.time).is_err();
            size = view.log_size;
        });
        if refused {
            return Ok(now_us());
        }
        ledger.grown(size).await.map_err(|error| broken("a watch", &error))?;
    }
}

fn answer(value: &impl serde::Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| broken("an answer", &error))
}

fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
