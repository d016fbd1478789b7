//! A bare ledger with many members, each with a key of its own, and commands signed by them.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use secnet_app::ports::{Clock as _, Log};
use secnet_crypto::SigningKey;
use secnet_node::store::Store;
use secnet_node::{Chain, Solo, store_options};
use secnet_types::{
    Amount, Change, Command, CommandId, Digest, Founder, Genesis, GovernorApproval, MemberId,
    MemberKind, NetworkId, Operation, Parameters, Proposal, SignedCommand, Timestamp,
};

use super::row::Times;
use super::{broken, wrong};
use crate::failure::Failure;
use crate::system::{SystemClock, random, rng};

/// Callers that wait for an answer at the same time.
pub(super) const CALLERS: usize = 8192;
/// How long a command may wait, in milliseconds.
pub(super) const LIFETIME_MS: u64 = 9 * 60 * 1000;

pub(super) struct Net {
    pub solo: Arc<Solo>,
    pub network: NetworkId,
    pub governor: SigningKey,
    pub pdc: SigningKey,
    pub members: Vec<SigningKey>,
}

impl Net {
    pub(super) fn begin(dir: &Path, members: usize) -> Result<Self, Failure> {
        let key = || SigningKey::generate(&mut rng());
        let (governor, pdc, sequencer) = (key(), key(), key());
        let members: Vec<SigningKey> = (0..members).map(|_| key()).collect();
        let founder =
            |key: &SigningKey, kind| Founder { member: id(key), kind, sealing_key: Digest::ZERO };
        let mut founders: Vec<Founder> =
            members.iter().map(|key| founder(key, MemberKind::Person)).collect();
        founders.push(founder(&governor, MemberKind::Organisation));
        founders.push(founder(&pdc, MemberKind::Node));
        founders.sort_by_key(|founder| founder.member);
        let genesis = Genesis {
            version: Genesis::VERSION,
            name: "bench".into(),
            time: SystemClock.now(),
            salt: random(),
            founders,
            governors: vec![id(&governor)],
            threshold: 1,
            sequencer: *sequencer.verifying_key().as_bytes(),
            parameters: Parameters::default(),
            predecessor: None,
            validators: None,
        };
        let network = genesis.network();
        let store =
            Store::open(dir, store_options(true)).map_err(|error| broken("the store", &error))?;
        let chain = Chain::create(store, genesis, Arc::new(sequencer))
            .map_err(|error| broken("the chain", &error))?;
        let solo = Solo::start(chain, Arc::new(SystemClock))
            .map_err(|error| broken("the ledger", &error))?;
        Ok(Self { solo: Arc::new(solo), network, governor, pdc, members })
    }

    /// A signed command.
    pub(super) fn sign(&self, key: &SigningKey, operation: Operation) -> SignedCommand {
        sign(self.network, key, operation)
    }

    /// Money for an account.
    pub(super) fn issue(&self, to: MemberId, amount: Amount) -> SignedCommand {
        let proposal = Proposal {
            network: self.network,
            id: CommandId(random()),
            expires: expiry(),
            change: Change::Issue { to, amount },
        };
        let approvals = vec![GovernorApproval::sign(id(&self.governor), &proposal, &self.governor)];
        self.sign(&self.governor, Operation::Govern { proposal, approvals })
    }
}

pub(super) fn sign(network: NetworkId, key: &SigningKey, operation: Operation) -> SignedCommand {
    let command =
        Command { network, author: id(key), id: CommandId(random()), expires: expiry(), operation };
    SignedCommand::sign(command, key)
}

pub(super) fn id(key: &SigningKey) -> MemberId {
    MemberId::from_key(&key.verifying_key())
}

pub(super) fn expiry() -> Timestamp {
    SystemClock.now().plus_ms(LIFETIME_MS)
}

/// What handing commands in took: all together, and each from its submission to its answer.
pub(super) struct Submitted {
    pub took: Duration,
    pub times: Times,
}

/// Hand all commands in, many callers at once; every one must be applied.
pub(super) async fn submit_all<L: Log + ?Sized + 'static>(
    ledger: &Arc<L>,
    commands: Vec<Vec<u8>>,
) -> Result<Submitted, Failure> {
    let callers = CALLERS.min(commands.len());
    let waiting = Arc::new(Mutex::new(commands.into_iter()));
    let mut tasks = tokio::task::JoinSet::new();
    let start = Instant::now();
    for _ in 0..callers {
        let (ledger, waiting) = (Arc::clone(ledger), Arc::clone(&waiting));
        tasks.spawn(async move {
            let mut times = Vec::new();
            loop {
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(command) = next else { return Ok(times) };
                let start = Instant::now();
                ledger.submit(command).await?;
                times.push(start.elapsed());
            }
        });
    }
    let mut times = Vec::new();
    while let Some(done) = tasks.join_next().await {
        let done = done.map_err(|error| broken("a caller", &error))?;
        times.extend(done.map_err(|error: secnet_app::ports::SubmitError| {
            wrong(format!("a command was refused: {error}"))
        })?);
    }
    Ok(Submitted { took: start.elapsed(), times: Times::new(times) })
}
