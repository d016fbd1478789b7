//! `secnet net`: a network on this machine, and what founders of one on several machines hand each other.

mod founding;
mod parting;
mod running;
mod sample;
mod status;
mod up;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::Globals;
use crate::failure::Failure;
use crate::output::Output;

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
    /// Stop all nodes.
    Stop,
    /// Make the keys of a founding node in the data folder, and print the card that the other founders need of it.
    Card(CardArgs),
    /// Make the genesis of a network from the cards of its founders.
    Genesis(GenesisArgs),
    /// Begin the data folder, in which the keys are, with the network's genesis.
    Join {
        /// How the network begins.
        #[arg(long, value_name = "FILE")]
        genesis: PathBuf,
    },
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
    /// Where the other validators reach this one.
    #[arg(long, value_name = "ADDRESS")]
    address: SocketAddr,
    /// This founder admits organisations and issues money. One of them does.
    #[arg(long)]
    governs: bool,
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
}

impl NetArgs {
    /// Does it change anything?
    pub(crate) fn writes(&self) -> bool {
        !matches!(self.what, What::Status)
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
        What::Stop => running::stop(&globals.dir, out).await,
        What::Card(args) => founding::card(globals, out, &args),
        What::Genesis(args) => founding::genesis(out, &args),
        What::Join { genesis } => founding::join(globals, out, &genesis),
    }
}
