//! The command line: one module for each verb.

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use secnet_crypto::Zeroizing;

use crate::config::ConfigArgs;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::node::Node;
use crate::output::Output;
use crate::remote::RemoteArgs;
use crate::vault::Where;
use crate::verbs;

/// Longest file that holds a passphrase.
const MAX_PASSPHRASE_FILE_BYTES: u64 = 4096;

const AFTER_HELP: &str = "\
Exit codes: 0 done or allowed, 1 failed, 2 wrong usage, 3 denied, 4 held or denied by the guard or
a rule, 5 not enough money, 6 ledger or storage not reachable, 7 a verification failed, 8 a node does not
serve because refusing was not shown.

Begin with `secnet demo`.";

/// Share data under consent: decided, recorded and paid before anything leaves.
#[derive(Debug, Parser)]
#[command(name = "secnet", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    verb: Verb,
}

/// What every verb understands.
#[derive(Debug, Args)]
pub(crate) struct Globals {
    /// The data folder.
    #[arg(
        long,
        global = true,
        env = "SECNET_DIR",
        hide_env_values = true,
        default_value = "secnet-data",
        value_name = "DIR"
    )]
    pub dir: PathBuf,
    /// Was the folder named, or is it the default one?
    #[arg(skip)]
    pub dir_is_named: bool,
    /// Print one JSON object instead of text; errors too, on standard error.
    #[arg(long, global = true)]
    pub json: bool,
    /// Say less.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Read the passphrase from this file; `/dev/fd/3` reads descriptor 3.
    #[arg(
        long,
        global = true,
        env = "SECNET_PASSPHRASE_FILE",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub passphrase_file: Option<PathBuf>,
    /// Show what would be done, what it costs and what would be decided; change nothing.
    #[arg(long, global = true)]
    pub dry_run: bool,
    #[command(flatten)]
    pub config: ConfigArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Tell the whole story on real records, from registration to a tampered byte found.
    Demo(verbs::demo::DemoArgs),
    /// Make a data folder with a network of its own.
    Init(verbs::init::InitArgs),
    /// Serve the folder over HTTP.
    Up(verbs::up::UpArgs),
    /// Run a network of validators on this machine, or prepare one for several. Needs the feature `bft`.
    Net(verbs::net::NetArgs),
    /// Propose, approve and order what takes the network's governors.
    Govern(verbs::govern::GovernArgs),
    /// Start a node with sample members, data and money, to try things with.
    Dev(verbs::dev::DevArgs),
    /// Say how the network stands: the folder's, or a running node's.
    Status(verbs::status::StatusArgs),
    /// List, make and show identities; delegates and session keys.
    Id(verbs::id::IdArgs),
    /// Register, change, list and hand over datasets; who can see them, what can be seen.
    Data(verbs::data::DataArgs),
    /// Ask an owner for a grant.
    Ask(verbs::ask::AskArgs),
    /// See and answer what waits for an owner.
    Inbox(verbs::inbox::InboxArgs),
    /// Grant the use of a dataset.
    Grant(verbs::grant::GrantArgs),
    /// List what a member granted, was granted and denied, with ids.
    Grants(verbs::grants::GrantsArgs),
    /// List, open and change groups that can be granted to.
    Group(verbs::group::GroupArgs),
    /// Deny somebody, whatever is granted.
    Deny(verbs::deny::DenyArgs),
    /// End a grant, or lift a denial.
    Revoke(verbs::revoke::RevokeArgs),
    /// Ask for data and open what is released.
    Get(verbs::get::GetArgs),
    /// Read the ledger's log, or an owner's history with reasons.
    Log(verbs::log::LogArgs),
    /// Follow what happens at a running node, as it happens.
    Follow(verbs::follow::FollowArgs),
    /// Save, show and verify receipts.
    Receipt(verbs::receipt::ReceiptArgs),
    /// See an account; issue, send and set money aside.
    Wallet(verbs::wallet::WalletArgs),
    /// Learn, try, enforce, offer and buy security rules.
    Rules(verbs::rules::RulesArgs),
    /// Say what decisions were, for the guard to learn from; measure its learning; show what looks irregular.
    Guard(verbs::guard::GuardArgs),
    /// Destroy records for good.
    Shred(verbs::shred::ShredArgs),
    /// Look for what keeps a node from serving, and say what to do.
    Doctor(verbs::doctor::DoctorArgs),
    /// Ask whether a running node is ready.
    Ready(verbs::ready::ReadyArgs),
    /// Watch what nodes publish of their log: that nothing is taken back, and that all tell one story.
    Witness(verbs::witness::WitnessArgs),
    /// Show or check a node's configuration.
    Config(verbs::config::ConfigVerbArgs),
    /// Check the whole folder: ledger, vault, archive, money. Changes nothing.
    Fsck(verbs::fsck::FsckArgs),
    /// Back the folder up.
    Backup(verbs::backup::BackupArgs),
    /// Put a backup into a new folder, verified.
    Restore(verbs::restore::RestoreArgs),
    /// Print a shell's completions.
    Completions(verbs::completions::CompletionsArgs),
    /// Print the manual page, or write all pages to a folder.
    Man(verbs::man::ManArgs),
    /// Print the OpenAPI document of the HTTP door.
    Openapi,
    /// Print a page of docs/reference.
    #[command(hide = true)]
    Reference(verbs::reference::ReferenceArgs),
    /// Measure this machine: each figure beside its ceiling or its bar.
    Bench(verbs::bench::BenchArgs),
}

impl Cli {
    /// Read the command line.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches()?;
        let mut cli = Self::from_arg_matches(&matches)?;
        let mut level = Some(&matches);
        while let Some(here) = level {
            cli.globals.dir_is_named |= here.value_source("dir").is_some_and(|source| {
                matches!(source, ValueSource::CommandLine | ValueSource::EnvVariable)
            });
            level = here.subcommand().map(|(_, below)| below);
        }
        Ok(cli)
    }

    pub(crate) fn output(&self) -> Output {
        Output { json: self.globals.json, quiet: self.globals.quiet }
    }

    pub(crate) async fn run(self) -> Result<(), Failure> {
        let out = self.output();
        let globals = &self.globals;
        if globals.dry_run {
            self.verb.refuse_without_dry_run()?;
        }
        match self.verb {
            Verb::Demo(args) => verbs::demo::run(globals, out, args).await,
            Verb::Init(args) => verbs::init::run(globals, out, args).await,
            Verb::Bench(args) => verbs::bench::run(globals, out, args).await,
            Verb::Receipt(args) => verbs::receipt::run(globals, out, args).await,
            Verb::Fsck(args) => verbs::fsck::run(globals, out, args).await,
            Verb::Restore(args) => verbs::restore::run(globals, out, args).await,
            Verb::Completions(args) => verbs::completions::run(out, &args),
            Verb::Man(args) => verbs::man::run(out, &args),
            Verb::Openapi => verbs::openapi::run(out),
            Verb::Reference(args) => verbs::reference::run(out, &args),
            Verb::Guard(args) if !args.needs_folder() => verbs::guard::run(out, &args),
            Verb::Up(args) => verbs::up::run(globals, out, args).await,
            Verb::Doctor(args) => verbs::doctor::run(globals, out, args).await,
            Verb::Ready(args) => verbs::ready::run(out, &args).await,
            Verb::Follow(args) => verbs::follow::run(globals, out, &args).await,
            Verb::Witness(args) => verbs::witness::run(globals, out, args).await,
            Verb::Config(args) => verbs::config::run(globals, out, &args),
            Verb::Net(args) => Box::pin(verbs::net::run(globals, out, args)).await,
            Verb::Govern(args) => Box::pin(verbs::govern::run(globals, out, args)).await,
            Verb::Dev(args) => Box::pin(verbs::dev::run(globals, out, args)).await,
            verb if verb.is_elsewhere() => Box::pin(verb.elsewhere(globals, out)).await,
            verb => {
                let node = globals.open().await?;
                let done = verb.in_folder(&node, globals, out).await;
                // What was decided stays decided; the guard's memory and the published log are kept also then.
                let closed = node.close().await;
                done.and(closed)
            }
        }
    }
}

impl Verb {
    /// Is a node elsewhere meant, not the folder?
    fn is_elsewhere(&self) -> bool {
        let remote = match self {
            Self::Status(args) => &args.remote,
            Self::Id(args) => &args.remote,
            Self::Data(args) => &args.remote,
            Self::Ask(args) => &args.remote,
            Self::Inbox(args) => &args.remote,
            Self::Grant(args) => &args.remote,
            Self::Grants(args) => &args.remote,
            Self::Group(args) => &args.remote,
            Self::Deny(args) => &args.remote,
            Self::Revoke(args) => &args.remote,
            Self::Get(args) => &args.remote,
            Self::Log(args) => &args.remote,
            Self::Wallet(args) => &args.remote,
            Self::Rules(args) => &args.remote,
            Self::Guard(args) => return args.remote().is_some_and(RemoteArgs::is_given),
            Self::Shred(args) => &args.remote,
            _ => return false,
        };
        remote.is_given()
    }

    /// What is done at a node elsewhere.
    async fn elsewhere(self, globals: &Globals, out: Output) -> Result<(), Failure> {
        match self {
            Self::Status(args) => verbs::status::run_remote(out, &args).await,
            Self::Id(args) => verbs::id::run_remote(globals, out, args).await,
            Self::Data(args) => verbs::data::run_remote(globals, out, args).await,
            Self::Ask(args) => verbs::ask::run_remote(globals, out, args).await,
            Self::Inbox(args) => verbs::inbox::run_remote(globals, out, args).await,
            Self::Grant(args) => verbs::grant::run_remote(globals, out, args).await,
            Self::Grants(args) => verbs::grants::run_remote(globals, out, args).await,
            Self::Group(args) => verbs::group::run_remote(globals, out, args).await,
            Self::Deny(args) => verbs::deny::run_remote(globals, out, args).await,
            Self::Revoke(args) => verbs::revoke::run_remote(globals, out, args).await,
            Self::Get(args) => verbs::get::run_remote(globals, out, args).await,
            Self::Log(args) => verbs::log::run_remote(globals, out, args).await,
            Self::Wallet(args) => verbs::wallet::run_remote(globals, out, args).await,
            Self::Rules(args) => verbs::rules::run_remote(globals, out, args).await,
            Self::Guard(args) => verbs::guard::run_remote(globals, out, args).await,
            Self::Shred(_) => verbs::shred::run_remote(),
            // They know of no node elsewhere.
            _ => Ok(()),
        }
    }

    /// What needs the folder open.
    async fn in_folder(self, node: &Node, globals: &Globals, out: Output) -> Result<(), Failure> {
        match self {
            Self::Status(_) => verbs::status::run(node, out).await,
            Self::Id(args) => verbs::id::run(node, globals, out, args).await,
            Self::Data(args) => verbs::data::run(node, globals, out, args).await,
            Self::Ask(args) => verbs::ask::run(node, globals, out, args).await,
            Self::Inbox(args) => verbs::inbox::run(node, globals, out, args).await,
            Self::Grant(args) => verbs::grant::run(node, globals, out, args).await,
            Self::Grants(args) => verbs::grants::run(node, out, args).await,
            Self::Group(args) => verbs::group::run(node, globals, out, args).await,
            Self::Deny(args) => verbs::deny::run(node, globals, out, args).await,
            Self::Revoke(args) => verbs::revoke::run(node, globals, out, args).await,
            Self::Get(args) => verbs::get::run(node, globals, out, args).await,
            Self::Log(args) => verbs::log::run(node, out, args).await,
            Self::Wallet(args) => verbs::wallet::run(node, globals, out, args).await,
            Self::Rules(args) => verbs::rules::run(node, globals, out, args).await,
            Self::Guard(args) => verbs::guard::run_in(node, globals, out, args).await,
            Self::Shred(args) => verbs::shred::run(node, globals, out, args).await,
            Self::Backup(args) => verbs::backup::run(node, globals, out, args).await,
            // Handled above: they work without an open folder.
            Self::Demo(_)
            | Self::Init(_)
            | Self::Receipt(_)
            | Self::Bench(_)
            | Self::Fsck(_)
            | Self::Restore(_)
            | Self::Completions(_)
            | Self::Man(_)
            | Self::Openapi
            | Self::Dev(_)
            | Self::Net(_)
            | Self::Govern(_)
            | Self::Up(_)
            | Self::Doctor(_)
            | Self::Ready(_)
            | Self::Follow(_)
            | Self::Witness(_)
            | Self::Config(_)
            | Self::Reference(_) => Ok(()),
        }
    }

    /// What writes files and cannot say beforehand what they would be does not pretend that it can.
    fn refuse_without_dry_run(&self) -> Result<(), Failure> {
        let what = match self {
            Self::Demo(_) => "demo",
            Self::Bench(_) => "bench",
            Self::Up(_) => "up",
            Self::Witness(_) => "witness",
            Self::Follow(_) => "follow",
            Self::Dev(_) => "dev",
            Self::Net(args) if args.writes() => "net",
            Self::Govern(args) if args.writes() => "govern",
            Self::Man(args) if args.writes() => "man DIR",
            Self::Receipt(args) if args.writes() => "receipt save",
            Self::Guard(args) => match args.writes() {
                Some(what) => what,
                None => return Ok(()),
            },
            _ => return Ok(()),
        };
        Err(Failure::new("no-dry-run", format!("`secnet {what}` has no dry run"))
            .hint("leave --dry-run out, or leave the verb out")
            .exit(Exit::Usage))
    }
}

impl Globals {
    /// Open the data folder.
    pub(crate) async fn open(&self) -> Result<Node, Failure> {
        crate::node::require(&self.dir)?;
        let vault = self.vault()?;
        Node::open(&self.dir, &self.passphrase()?, &vault).await
    }

    /// Where the configuration says that segments are.
    pub(crate) fn vault(&self) -> Result<Where, Failure> {
        Ok(self.config.load(&[])?.settings()?.vault)
    }

    /// Open the data folder to serve it, taking part in its network if it belongs to one.
    pub(crate) async fn open_in(
        &self,
        settings: &crate::config::Settings,
    ) -> Result<Node, Failure> {
        crate::node::require(&self.dir)?;
        let (vault, network) = (&settings.vault, settings.network.as_ref());
        Node::open_in(&self.dir, &self.passphrase()?, vault, network).await
    }

    /// The passphrase for a folder that is about to be made: nobody can check it against anything, so it is asked twice.
    pub(crate) fn new_passphrase(&self) -> Result<Zeroizing<String>, Failure> {
        match &self.passphrase_file {
            Some(_) => self.passphrase(),
            None => crate::prompt::new_passphrase(),
        }
    }

    /// The passphrase of the data folder.
    pub(crate) fn passphrase(&self) -> Result<Zeroizing<String>, Failure> {
        self.passphrase_of(&self.dir)
    }

    /// A folder's passphrase: from the file that was named, from a demo folder's published one, or asked for.
    pub(crate) fn passphrase_of(
        &self,
        dir: &std::path::Path,
    ) -> Result<Zeroizing<String>, Failure> {
        let published = dir.join("passphrase");
        let file = self.passphrase_file.clone().or_else(|| published.exists().then_some(published));
        let Some(file) = file else { return crate::prompt::passphrase() };
        let text = files::read_text(&file, MAX_PASSPHRASE_FILE_BYTES)?;
        let passphrase = Zeroizing::new(text.lines().next().unwrap_or_default().to_owned());
        if passphrase.is_empty() {
            return Err(Failure::new(
                "empty-passphrase",
                format!("`{}` holds no passphrase", file.display()),
            )
            .exit(Exit::Usage));
        }
        Ok(passphrase)
    }
}
