//! What a validator votes for, and what it does not: a block is made by the ledger, altered, and judged by another node's.

use std::time::Duration;

use commonware_codec::{Copying, DecodeExt as _};
use commonware_consensus::marshal::ancestry;
use commonware_consensus::types::{Epoch, Round, View};
use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
use commonware_runtime::{Runner as _, Supervisor as _, deterministic};
use futures::FutureExt as _;
use secnet_app::ports::Unaged;
use secnet_ledger::commands_root;
use secnet_types::{Digest, Timestamp};
use tokio::sync::mpsc::unbounded_channel;

use super::*;
use crate::testing::{START, genesis, issue, key, ledger, pay};

fn context() -> EngineContext {
    let leader = PrivateKey::decode(Copying(key("validator").seed().as_slice())).unwrap();
    Context {
        round: Round::new(Epoch::zero(), View::new(1)),
        leader: leader.public_key(),
        parent: (View::zero(), sha256::Digest([0; 32])),
    }
}

fn digested(block: NetworkBlock) -> Digested<NetworkBlock> {
    let digest = block.digest();
    Digested::precomputed(block, digest)
}

fn parent() -> Digested<NetworkBlock> {
    digested(NetworkBlock::genesis(genesis().network()))
}

/// With other commands, which the header commits to.
fn with_commands(block: &NetworkBlock, commands: Vec<Vec<u8>>) -> NetworkBlock {
    let header = Header {
        commands: commands.len().try_into().unwrap(),
        commands_root: commands_root(&commands),
        ..block.header().clone()
    };
    NetworkBlock::new(header, commands.into_iter().map(Bytes::from).collect()).unwrap()
}

fn with_header(block: &NetworkBlock, change: impl FnOnce(&mut Header)) -> NetworkBlock {
    let mut header = block.header().clone();
    change(&mut header);
    NetworkBlock::new(header, block.commands().to_vec()).unwrap()
}

fn application(ledger: Arc<Ledger>) -> LedgerApplication {
    LedgerApplication::new(ledger, unbounded_channel().0)
}

async fn proposed(runtime: &deterministic::Context) -> NetworkBlock {
    let (ledger, _) = ledger();
    drop(ledger.submit(issue()));
    let runtime = runtime.child("propose");
    let block = application(ledger)
        .propose((runtime, context()), ancestry::from_iter([parent()]), ())
        .await
        .unwrap();
    assert_eq!(block.inner().commands(), [Bytes::from(issue())]);
    block.inner().clone()
}

/// The verdict on a block that follows the first; none if it is still waited with.
async fn verdict(
    runtime: &deterministic::Context,
    ledger: &Arc<Ledger>,
    block: NetworkBlock,
) -> Option<bool> {
    let way = ancestry::from_iter([digested(block), parent()]);
    let runtime = runtime.child("verify");
    application(Arc::clone(ledger)).verify((runtime, context()), way).now_or_never()
}

#[test]
fn a_block_is_voted_for_only_if_it_comes_out_here_as_well() {
    deterministic::Runner::default().start(|runtime| async move {
        let block = proposed(&runtime).await;
        let (ledger, _) = ledger();
        let before = ledger.chain().executor().position();
        assert_eq!(verdict(&runtime, &ledger, block.clone()).await, Some(true));

        let mut forged = issue();
        *forged.last_mut().unwrap() ^= 1;
        let changed = [
            ("a command twice", with_commands(&block, vec![issue(), issue()])),
            ("a refused command", with_commands(&block, vec![pay(0, "bo", "ada"), issue()])),
            ("a forged command", with_commands(&block, vec![forged])),
            ("no command", with_commands(&block, vec![b"no command".to_vec()])),
            ("another state", with_header(&block, |header| header.state = Digest::ZERO)),
            ("another log", with_header(&block, |header| header.log_root = Digest::ZERO)),
            ("another epoch", with_header(&block, |header| header.epoch = 1)),
            ("another view", with_header(&block, |header| header.context.push(0))),
        ];
        for (what, wrong) in changed {
            assert_eq!(verdict(&runtime, &ledger, wrong).await, Some(false), "{what}");
        }
        assert_eq!(ledger.chain().executor().position(), before, "a verdict leaves no trace");
    });
}

#[test]
fn a_block_of_the_future_is_waited_for_and_an_old_one_gets_no_vote() {
    deterministic::Runner::default().start(|runtime| async move {
        let block = proposed(&runtime).await;
        let (ledger, clock) = ledger();
        let ahead = START.plus_ms(MAX_AHEAD_MS + 200);
        let early = with_header(&block, |header| header.time = ahead);
        let way = ancestry::from_iter([digested(early), parent()]);
        let mut application = application(Arc::clone(&ledger));
        let mut verdict = Box::pin(application.verify((runtime.child("early"), context()), way));
        assert_eq!(verdict.as_mut().now_or_never(), None);
        clock.set(START.plus_ms(200));
        runtime.sleep(Duration::from_millis(300)).await;
        assert_eq!(verdict.as_mut().now_or_never(), Some(true));

        clock.set(START.plus_ms(MAX_BEHIND_MS));
        assert_eq!(self::verdict(&runtime, &ledger, block.clone()).await, Some(true));
        clock.set(START.plus_ms(MAX_BEHIND_MS + 1));
        assert_eq!(self::verdict(&runtime, &ledger, block).await, None);
    });
}

#[test]
fn nothing_is_proposed_that_changes_nothing_before_the_heartbeat() {
    deterministic::Runner::default().start(|runtime| async move {
        let (ledger, clock) = ledger();
        let first = proposed(&runtime).await;
        ledger.apply(&[(first.clone(), None)]).unwrap();
        let propose = |runtime| {
            let mut application = application(Arc::clone(&ledger));
            let below = ancestry::from_iter([digested(first.clone())]);
            async move { application.propose((runtime, context()), below, ()).await }
        };
        // The first block's event waits for a header that covers it.
        let cover = propose(runtime.child("cover")).now_or_never().flatten().unwrap();
        assert_eq!(cover.inner().header().log_size, 1);
        ledger.apply(&[(cover.inner().clone(), None)]).unwrap();
        let propose = |runtime| {
            let mut application = application(Arc::clone(&ledger));
            let below = ancestry::from_iter([cover.clone()]);
            async move { application.propose((runtime, context()), below, ()).await }
        };
        assert!(propose(runtime.child("idle")).now_or_never().is_none());
        clock.set(START.plus_ms(HEARTBEAT_MS));
        let heartbeat = propose(runtime.child("beat")).now_or_never().flatten().unwrap();
        assert!(heartbeat.inner().commands().is_empty());
        // A command is not kept waiting for it.
        clock.set(START);
        drop(ledger.submit(pay(0, "ada", "bo")));
        let block = propose(runtime.child("command")).now_or_never().flatten().unwrap();
        assert_eq!(block.inner().commands().len(), 1);
    });
}

#[test]
fn bytes_of_a_block_are_refused_unless_its_header_commits_to_them() {
    use commonware_codec::{Decode as _, Encode as _};

    deterministic::Runner::default().start(|runtime| async move {
        let block = proposed(&runtime).await;
        let limits = || crate::BlockLimits { network: genesis().network() };
        let bytes = block.encode().to_vec();
        let read = |bytes: &[u8]| NetworkBlock::decode_cfg(Copying(bytes), &limits());
        assert_eq!(read(&bytes).unwrap(), block);
        let parent = parent();
        assert_eq!(read(&parent.inner().encode()).unwrap(), *parent.inner());
        for position in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[position] ^= 1;
            assert!(read(&changed).is_err() || read(&changed).unwrap().digest() != block.digest());
            assert!(read(&bytes[..position]).is_err(), "cut at {position}");
        }
        assert!(read(&[bytes.as_slice(), &[0]].concat()).is_err());
        let other = crate::BlockLimits { network: secnet_types::NetworkId([9; 32]) };
        assert!(NetworkBlock::decode_cfg(Copying(&bytes), &other).is_err());
    });
}

#[test]
fn a_view_is_as_old_as_its_last_block_however_late_that_came() {
    deterministic::Runner::default().start(|runtime| async move {
        let block = proposed(&runtime).await;
        let (ledger, clock) = ledger();
        assert_eq!(ledger.age_ms(), u64::MAX, "nothing has come since the start");
        assert_eq!(ledger.unaged(), Some(Unaged::Unheard));
        clock.set(START.plus_ms(60_000));
        ledger.apply(&[(block.clone(), None)]).unwrap();
        assert!((60_000..70_000).contains(&ledger.age_ms()), "caught up, but an old block");
        assert_eq!(ledger.unaged(), None);
        ledger.stop("the test ends it".into());
        assert_eq!((ledger.age_ms(), ledger.unaged()), (u64::MAX, Some(Unaged::Failing)));
    });
}

/// By a clock that is behind, old blocks would pass for new, and something be released that was revoked since.
#[test]
fn a_node_whose_clock_is_behind_holds_no_view_for_fresh() {
    deterministic::Runner::default().start(|runtime| async move {
        let block = proposed(&runtime).await;
        for (behind_ms, fresh) in [(900, true), (1100, false), (600_000, false)] {
            let (ledger, clock) = ledger();
            clock.set(Timestamp(START.0 - behind_ms));
            ledger.apply(&[(block.clone(), None)]).unwrap();
            assert_eq!(ledger.age_ms() < 5000, fresh, "{behind_ms} ms behind");
            assert_eq!(ledger.unaged(), (!fresh).then_some(Unaged::ClockBehind));
        }
    });
}
