//! What the engine asks of the ledger: what to propose, whether to vote for it, and to take what is final.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use commonware_actor::Feedback;
use commonware_codec::Encode as _;
use commonware_consensus::marshal::{Update, ancestry::Ancestry};
use commonware_consensus::simplex::{scheme::ed25519::Scheme, types::Context};
use commonware_consensus::{Application, Epochable as _, Reporter};
use commonware_cryptography::{Digested, Digestible as _, ed25519::PublicKey, sha256};
use commonware_runtime::Clock;
use commonware_utils::acknowledgement::Exact;
use futures::StreamExt as _;
use futures::future::{Either, select};
use secnet_ledger::{Agreement, Candidate, Outcome, Verified};
use secnet_node::Tried;
use secnet_types::{Digest, Header, Timestamp, limits::MAX_BLOCK_COMMANDS};
use tokio::sync::mpsc::UnboundedSender;

use crate::block::NetworkBlock;
use crate::ledger::Ledger;
use crate::limits::{
    HEARTBEAT_MS, MAX_AHEAD_MS, MAX_BEHIND_MS, MAX_BUILT_BYTES, MAX_BUILT_COMMANDS,
};
use crate::path::{Path, Standing};

pub(crate) type EngineContext = Context<sha256::Digest, PublicKey>;

/// A final block, and what is called when it is durable.
pub(crate) type Final = (Digested<NetworkBlock>, Exact);

/// The ledger as the engine sees it.
#[derive(Debug, Clone)]
pub(crate) struct LedgerApplication {
    ledger: Arc<Ledger>,
    finals: UnboundedSender<Final>,
}

/// What can be done on top of a block now.
enum Build {
    Block(Box<NetworkBlock>),
    /// Nothing is to be done for so long.
    Idle(Duration),
    /// Another block has become durable meanwhile.
    Moved,
    /// The blocks below do not hold.
    Impossible,
}

impl LedgerApplication {
    pub(crate) fn new(ledger: Arc<Ledger>, finals: UnboundedSender<Final>) -> Self {
        Self { ledger, finals }
    }

    /// The pending blocks and this one on top, executed and taken back.
    fn try_out<A: Ancestry<NetworkBlock>>(
        &self,
        durable: u64,
        path: &Path<A>,
        (time, agreement, commands): (Timestamp, Agreement, &[Verified]),
    ) -> TriedOut {
        let mut below = Vec::new();
        for block in path.pending() {
            let Some(commands) = self.ledger.check(block) else { return TriedOut::Impossible };
            below.push((block.header(), commands));
        }
        let below: Vec<Candidate<'_>> = below
            .iter()
            .map(|(header, commands)| Candidate {
                time: header.time,
                agreement: agreement_of(header),
                commands,
            })
            .collect();
        let block = Candidate { time, agreement, commands };
        let tried = self.ledger.chain().trial(durable, &below, &block);
        tried.map_or(TriedOut::Moved, TriedOut::Block)
    }

    fn build<A: Ancestry<NetworkBlock>>(
        &self,
        durable: u64,
        path: &Path<A>,
        parent: &Header,
        context: &EngineContext,
    ) -> Build {
        let now = self.ledger.now().max(parent.time);
        let agreement = Agreement { context: context.encode().to_vec() };
        let pending = path.pending().filter_map(|block| self.ledger.check(block));
        let pending: BTreeSet<Digest> = pending.flat_map(|commands| digests(&commands)).collect();
        let waiting = self.ledger.waiting(MAX_BUILT_COMMANDS, MAX_BUILT_BYTES, &pending);
        let Tried { block, outcomes, .. } =
            match self.try_out(durable, path, (now, agreement, &waiting)) {
                TriedOut::Block(tried) => tried,
                TriedOut::Moved => return Build::Moved,
                TriedOut::Impossible => return Build::Impossible,
            };
        let refused = waiting
            .iter()
            .zip(outcomes)
            .filter(|(_, outcome)| matches!(outcome, Outcome::Rejected(_)));
        self.ledger.forget_refused(refused.map(|(command, _)| command.digest()));
        if block.header.epoch != context.epoch().get() {
            return Build::Impossible;
        }
        // The parent's events wait for a header that covers them.
        let covers = block.header.log_size > parent.log_size;
        let next = parent.time.plus_ms(HEARTBEAT_MS);
        // Whoever comes next need not wait for as many heartbeats as there are blocks before.
        let hurried =
            self.ledger.chain().executor().state().boundary_above(parent.height).is_some();
        let idle = block.commands.is_empty() && block.events.is_empty() && !covers && !hurried;
        if idle && now < next {
            return Build::Idle(Duration::from_millis(next.0.saturating_sub(now.0)));
        }
        let commands = block.commands.iter().map(|bytes| Bytes::copy_from_slice(bytes)).collect();
        // INVARIANT: the executor has counted and hashed these very commands.
        let block = NetworkBlock::new(block.header.clone(), commands);
        block.map_or(Build::Impossible, |block| Build::Block(Box::new(block)))
    }

    /// Would executing the block here give that very block?
    fn comes_out<A: Ancestry<NetworkBlock>>(
        &self,
        durable: u64,
        path: &Path<A>,
        block: &NetworkBlock,
        commands: &[Verified],
    ) -> Option<bool> {
        let header = block.header();
        match self.try_out(durable, path, (header.time, agreement_of(header), commands)) {
            TriedOut::Block(tried) => Some(is_same(&tried, block)),
            TriedOut::Moved => None,
            TriedOut::Impossible => Some(false),
        }
    }

    /// Wait until this validator's clock and the block's time are as near to each other as they must be.
    async fn wait_for_time(&self, runtime: &impl Clock, time: Timestamp) {
        loop {
            let now = self.ledger.now();
            if time.plus_ms(MAX_BEHIND_MS) < now {
                // It only gets older: no vote. Others may know better, so it is not called wrong either.
                std::future::pending::<()>().await;
            }
            let ahead = time.0.saturating_sub(now.plus_ms(MAX_AHEAD_MS).0);
            if ahead == 0 {
                return;
            }
            runtime.sleep(Duration::from_millis(ahead)).await;
        }
    }
}

enum TriedOut {
    Block(Tried),
    Moved,
    Impossible,
}

fn digests(commands: &[Verified]) -> Vec<Digest> {
    commands.iter().map(Verified::digest).collect()
}

fn agreement_of(header: &Header) -> Agreement {
    Agreement { context: header.context.clone() }
}

/// The same header, from the same commands in the same order, none of them repeated or refused.
fn is_same(Tried { block: executed, outcomes, .. }: &Tried, block: &NetworkBlock) -> bool {
    executed.header == *block.header()
        && executed.commands.iter().eq(block.commands())
        && outcomes.iter().all(|outcome| matches!(outcome, Outcome::Applied { .. }))
}

/// What can be said of a block from itself, its parent and the view it was proposed in.
fn fits(block: &NetworkBlock, parent: &NetworkBlock, context: &EngineContext) -> bool {
    let (header, before) = (block.header(), parent.header());
    header.height == before.height.saturating_add(1)
        && header.parent == parent.header_digest()
        && header.time >= before.time
        && header.epoch == context.epoch().get()
        && header.context == context.encode()
        && block.commands().len() <= MAX_BLOCK_COMMANDS
}

impl<E: Clock> Application<E> for LedgerApplication {
    type SigningScheme = Scheme;
    type Context = EngineContext;
    type Block = NetworkBlock;
    type Input = ();

    async fn propose(
        &mut self,
        (runtime, context): (E, EngineContext),
        mut ancestry: impl Ancestry<NetworkBlock>,
        (): (),
    ) -> Option<Digested<NetworkBlock>> {
        let parent = ancestry.next().await?;
        let mut progress = self.ledger.progress();
        let mut path = Path::new(parent.clone(), ancestry);
        loop {
            progress.mark_unchanged();
            let Standing::Above(durable) = path.find(&self.ledger).await else { return None };
            match self.build(durable, &path, parent.inner().header(), &context) {
                Build::Block(block) => {
                    let digest = block.digest();
                    return Some(Digested::precomputed(*block, digest));
                }
                Build::Idle(time) => {
                    let sleep = std::pin::pin!(runtime.sleep(time));
                    let news = std::pin::pin!(progress.changed());
                    if let Either::Right((Err(_), _)) = select(sleep, news).await {
                        return None;
                    }
                }
                Build::Moved => {}
                Build::Impossible => return None,
            }
        }
    }

    async fn verify(
        &mut self,
        (runtime, context): (E, EngineContext),
        mut ancestry: impl Ancestry<NetworkBlock>,
    ) -> bool {
        let (Some(block), Some(parent)) = (ancestry.next().await, ancestry.next().await) else {
            return std::future::pending().await;
        };
        let (block, below) = (block.inner(), parent.inner());
        if !fits(block, below, &context) {
            return false;
        }
        let Some(commands) = self.ledger.check(block) else { return false };
        self.wait_for_time(&runtime, block.header().time).await;
        let mut path = Path::new(parent.clone(), ancestry);
        loop {
            let answer = match path.find(&self.ledger).await {
                Standing::Above(durable) => self.comes_out(durable, &path, block, &commands),
                Standing::Overtaken => Some(self.ledger.is_final(block)),
                Standing::Conflicting => Some(false),
            };
            if let Some(answer) = answer {
                return answer;
            }
        }
    }
}

impl Reporter for LedgerApplication {
    type Activity = Update<NetworkBlock>;

    fn report(&mut self, update: Self::Activity) -> Feedback {
        match update {
            // Not yet here in full: nothing to be done.
            Update::Tip(..) => Feedback::Ok,
            Update::Block(block, done) => {
                self.finals.send((block, done)).map_or(Feedback::Closed, |()| Feedback::Ok)
            }
        }
    }
}

#[cfg(test)]
mod tests;
