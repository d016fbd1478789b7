//! What every ledger behind the `Log` port does, whoever orders: solo here, a network of validators in `secnet-bft`.
//!
//! The genesis names `bank` as governor and founder, `ada` and `bo` as founders; a name's key is seeded with its SHA-256.

use secnet_app::ports::{Log, LogError, SubmitError};
use secnet_crypto::SigningKey;
use secnet_ledger::{Rejection, VerifyingPool};
use secnet_types::{
    Amount, Change, Command, CommandId, Digest, Effect, GovernorApproval, MemberId, Operation,
    Proposal, SignedCommand, Timestamp, limits,
};

const MINUTE_MS: u64 = 60_000;
const ISSUED: u64 = 1_000_000;
const PAYMENTS: u64 = 100;

fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Digest::of(name.as_bytes()).0)
}

fn id(name: &str) -> MemberId {
    MemberId::from_key(&key(name).verifying_key())
}

/// Signs for the ledger's network; commands expire some minutes after `now`.
struct Commands<'a> {
    log: &'a dyn Log,
    now: Timestamp,
}

impl Commands<'_> {
    fn sign(&self, author: &str, number: u64, operation: Operation) -> Vec<u8> {
        let mut fresh = [0xc0; 16];
        fresh[..8].copy_from_slice(&number.to_be_bytes());
        let command = Command {
            network: self.log.genesis().network(),
            author: id(author),
            id: CommandId(fresh),
            expires: self.now.plus_ms(5 * MINUTE_MS),
            operation,
        };
        SignedCommand::sign(command, &key(author)).to_bytes()
    }

    fn issue(&self, number: u64, to: &str) -> Vec<u8> {
        let proposal = Proposal {
            network: self.log.genesis().network(),
            id: CommandId([0xc1; 16]),
            expires: self.now.plus_ms(60 * MINUTE_MS),
            change: Change::Issue { to: id(to), amount: Amount(ISSUED) },
        };
        let approvals = vec![GovernorApproval::sign(id("bank"), &proposal, &key("bank"))];
        self.sign("bank", number, Operation::Govern { proposal, approvals })
    }

    fn pay(&self, number: u64, from: &str, to: &str, amount: u64) -> Vec<u8> {
        self.sign(from, number, Operation::Transfer { to: id(to), amount: Amount(amount) })
    }
}

fn balance(log: &dyn Log, name: &str) -> u64 {
    let mut balance = None;
    log.read(&mut |view| balance = Some(view.state.balance(id(name)).0));
    balance.expect("a snapshot is shown")
}

/// All of it, on a ledger that has just begun. `now` is what the ledger's clock shows.
pub(crate) async fn holds(log: &dyn Log, now: Timestamp) {
    let commands = Commands { log, now };
    assert_eq!(log.standing().trouble, None);
    refuses_what_is_no_command(&commands).await;
    let issued = orders_once(&commands).await;
    refuses_what_the_state_does(&commands).await;
    orders_what_comes_together(&commands).await;
    proves_and_tells(&commands, issued).await;
    assert_eq!(log.standing().trouble, None);
}

async fn refuses_what_is_no_command(commands: &Commands<'_>) {
    let mut forged = commands.issue(0, "ada");
    let last = forged.len() - 1;
    forged[last] ^= 1;
    for bytes in [vec![], vec![0xff; 40], vec![0; limits::MAX_COMMAND_BYTES + 1], forged] {
        let answer = commands.log.submit(bytes).await;
        assert!(matches!(answer, Err(SubmitError::Invalid(_))), "{answer:?}");
    }
    assert_eq!(balance(commands.log, "ada"), 0);
}

async fn orders_once(commands: &Commands<'_>) -> u64 {
    let issue = commands.issue(0, "ada");
    let first = commands.log.submit(issue.clone()).await.unwrap();
    assert!(!first.repeated);
    // Whoever has the answer sees what it says.
    assert_eq!(balance(commands.log, "ada"), ISSUED);
    let again = commands.log.submit(issue).await.unwrap();
    assert_eq!((again.event, again.repeated), (first.event, true));
    assert_eq!(balance(commands.log, "ada"), ISSUED);
    first.event
}

async fn refuses_what_the_state_does(commands: &Commands<'_>) {
    let too_much = commands.log.submit(commands.pay(1, "bo", "ada", u64::MAX)).await;
    assert!(matches!(too_much, Err(SubmitError::Rejected(_))), "{too_much:?}");
    // Another command under an id that has been used.
    let reused = commands.log.submit(commands.sign(
        "bank",
        0,
        Operation::Transfer { to: id("bo"), amount: Amount(1) },
    ));
    let reused = reused.await;
    assert!(matches!(reused, Err(SubmitError::Rejected(Rejection::IdReused))), "{reused:?}");
    assert_eq!((balance(commands.log, "ada"), balance(commands.log, "bo")), (ISSUED, 0));
}

async fn orders_what_comes_together(commands: &Commands<'_>) {
    let mut before = 0;
    commands.log.read(&mut |view| before = view.height);
    let many = (10..10 + PAYMENTS).map(|n| commands.log.submit(commands.pay(n, "ada", "bo", 1)));
    let answers = futures::future::join_all(many).await;
    let mut events: Vec<u64> = answers.iter().map(|a| a.as_ref().unwrap().event).collect();
    events.sort_unstable();
    events.dedup();
    assert_eq!(events.len() as u64, PAYMENTS, "each has an event of its own");
    assert_eq!(balance(commands.log, "bo"), PAYMENTS);
    commands.log.read(&mut |view| {
        assert!(view.height - before < PAYMENTS, "a block for each command is no group commit");
        assert_ne!(view.age_ms, u64::MAX);
    });
}

async fn proves_and_tells(commands: &Commands<'_>, issued: u64) {
    let log = commands.log;
    let receipt = log.receipt(issued).await.unwrap();
    let verified = receipt.verify(log.genesis()).unwrap();
    assert_eq!(log.command_of(issued).await.unwrap(), Some(receipt.command.clone()));
    assert_eq!(verified.command.value.author, id("bank"));
    let size = log.grown(0).await.unwrap();
    assert!(size > PAYMENTS);
    let listed = log.events(issued, 3).await.unwrap();
    assert_eq!(listed.first(), Some(&(issued, receipt.event)));
    assert_eq!(listed.len(), 3);
    assert_eq!(log.events(size + 1, 3).await.unwrap(), []);
    assert!(matches!(log.receipt(size + 1).await, Err(LogError::NoSuchEvent(_))));
    // A forecast tells what would happen and changes nothing.
    let pay = vec![commands.pay(1000, "ada", "bo", 5)];
    let rng = &mut secnet_crypto::rand_core::UnwrapErr(getrandom::SysRng);
    let pay = VerifyingPool::verify(pay, rng).remove(0).unwrap();
    let told = log.forecast(&pay, commands.now).unwrap();
    assert!(told.iter().any(|effect| matches!(effect, Effect::Transferred { .. })), "{told:?}");
    assert_eq!(balance(log, "bo"), PAYMENTS);
}
