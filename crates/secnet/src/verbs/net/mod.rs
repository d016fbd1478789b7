//! `secnet net`: a network on this machine, and what founders of one on several machines hand each other.

mod founding;
mod growing;
pub(super) mod members;
mod parting;
mod running;
mod sample;
mod status;
mod up;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use secnet_types::MemberId;

use crate::cli::Globals;
use crate::failure::Failure;
use crate::output::Output;
use crate::remote::RemoteArgs;

pub(super) use founding::read_card;

#[derive(Debug, Args)]
pub(crate) struct NetArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a network on this machine, or go on with the one in the folder, and run it until somebody interrupts.
    Up(UpArgs),
    /// Say how each node stands and whether all have the same ledger.
    Status,
    /// End a node at once, as a power cut would.
    Kill {
        /// Which, from 1 on.
        node: usize,
    },
    /// Start a node again.
    Start {
        /// Which, from 1 on.
        node: usize,
    },
    /// Keep some nodes and the others apart, as if the network between them were down.
    Partition {
        /// The nodes of one side, from 1 on, such as 1,2; the others are on the other.
        #[arg(required = true, value_delimiter = ',', value_name = "NODE")]
        nodes: Vec<usize>,
    },
    /// Let all nodes reach each other again.
    Heal,
    /// Make a node more, let it in and start it.
    Add(AddArgs),
    /// Let a node go, and stop it when the others agree without it.
    Remove(RemoveArgs),
    /// Stop all nodes.
    Stop,
    /// Make the keys of a node in the data folder, and print the card that others need of it: the other founders, or the
    /// governors of a network that runs already.
    Card(CardArgs),
    /// Make the genesis of a network from the cards of its founders.
    Genesis(GenesisArgs),
    /// Begin the data folder, in which the keys are, with the network's genesis.
    Join(JoinArgs),
    /// Let a node into a network that runs, by the governor's word; it takes part some seconds later.
    Admit(AdmitArgs),
    /// Let a node go; the others agree without it some seconds later.
    Dismiss(DismissArgs),
    /// List the nodes of a network that runs.
    Nodes(NodesArgs),
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// It follows and serves, without a vote.
    #[arg(long)]
    follower: bool,
    /// It serves HTTP, as a data centre.
    #[arg(long)]
    door: bool,
}

#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// Which, from 1 on.
    node: usize,
}

#[derive(Debug, Args)]
pub(super) struct JoinArgs {
    /// How the network begins.
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// The genesis does not name this node: the governors let it in.
    #[arg(long)]
    later: bool,
    /// The ledgers before this network, as they came with the genesis, if it goes on from another.
    #[arg(long, value_name = "DIR")]
    closed: Option<PathBuf>,
    /// The folder of the network that it goes on from: its data go along.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["closed", "later"])]
    successor_of: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct AdmitArgs {
    /// The node's card, as `secnet net card --genesis FILE` prints it with --json.
    card: PathBuf,
    /// It follows and serves, without a vote. One that votes already does not any more.
    #[arg(long)]
    follower: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

#[derive(Debug, Args)]
pub(super) struct NodesArgs {
    /// Who asks: any member.
    #[arg(long = "as", value_name = "NAME")]
    caller: String,
    #[command(flatten)]
    remote: RemoteArgs,
}

#[derive(Debug, Args)]
pub(super) struct DismissArgs {
    /// The node, by its id.
    node: MemberId,
    /// Whose data centre it is: its node then holds no shares of keys any more either.
    #[arg(long, value_name = "MEMBER")]
    member: Option<MemberId>,
    #[command(flatten)]
    remote: RemoteArgs,
}

#[derive(Debug, Args)]
pub(super) struct UpArgs {
    /// How many validators a new network has. Default: 4.
    #[arg(long, value_name = "N")]
    validators: Option<usize>,
    /// How many of them serve HTTP, as data centres, in a new network. Default: 1.
    #[arg(long, value_name = "N")]
    pdcs: Option<usize>,
    /// A name for a new network, for people.
    #[arg(long, default_value = "local")]
    name: String,
    /// The first of the ports of a new network, three for each node; 0 takes whichever are free. Default: 8430, or where
    /// there is room.
    #[arg(long, value_name = "PORT")]
    ports: Option<u16>,
    /// Return when all nodes are ready; they go on. `secnet net stop` stops them.
    #[arg(long)]
    detach: bool,
}

#[derive(Debug, Args)]
pub(super) struct CardArgs {
    /// Where the other nodes reach this one.
    #[arg(long, value_name = "ADDRESS")]
    address: SocketAddr,
    /// How the network began, if it runs already: the card is for its governors.
    #[arg(long, value_name = "FILE", conflicts_with = "governs")]
    genesis: Option<PathBuf>,
    /// This founder admits organisations and issues money. One of them does.
    #[arg(long)]
    governs: bool,
    /// The folder of a solo network that is to grow into this one: its data centre is this founder, and its governor governs.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["genesis", "governs"])]
    successor_of: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct GenesisArgs {
    /// The card of each founder, as `secnet net card` prints it with --json.
    #[arg(required = true, value_name = "CARD")]
    cards: Vec<PathBuf>,
    /// A name for the network, for people.
    #[arg(long)]
    name: String,
    /// Where to.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Go on from the solo network in this folder, which is closed for it: members, consent, money and data go on. Can be called
    /// again if it was interrupted.
    #[arg(long, value_name = "DIR")]
    successor_of: Option<PathBuf>,
}

impl NetArgs {
    /// Does it change anything?
    pub(crate) fn writes(&self) -> bool {
        !matches!(self.what, What::Status | What::Nodes(_) | What::Admit(_) | What::Dismiss(_))
    }
}

pub(crate) async fn run(globals: &Globals, out: Output, args: NetArgs) -> Result<(), Failure> {
    match args.what {
        What::Up(args) => up::run(globals, out, args).await,
        What::Status => status::run(&globals.dir, out).await,
        What::Kill { node } => running::kill(&globals.dir, out, node).await,
        What::Start { node } => running::start(globals, out, node).await,
        What::Partition { nodes } => parting::partition(&globals.dir, out, &nodes).await,
        What::Heal => parting::heal(&globals.dir, out).await,
        What::Add(args) => growing::add(globals, out, &args).await,
        What::Remove(args) => growing::remove(globals, out, &args).await,
        What::Stop => running::stop(&globals.dir, out).await,
        What::Card(args) => founding::card(globals, out, &args),
        What::Genesis(args) => founding::genesis(globals, out, &args).await,
        What::Join(args) => founding::join(globals, out, &args),
        What::Admit(args) => members::admit(globals, out, &args).await,
        What::Nodes(args) => members::list(globals, out, &args).await,
        What::Dismiss(args) => members::dismiss(globals, out, &args).await,
    }
}
