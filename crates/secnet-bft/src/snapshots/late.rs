//! The node that comes late: whom it asks, for what, and when it gives up.

use std::collections::BTreeSet;
use std::sync::Arc;

use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::Sender;
use commonware_runtime::Clock;
use secnet_node::{Arriving, NotArrived, Offer};

use super::{Answer, Asked, Asker, Behind, Question};
use crate::epochs::KnownEpochs;
use crate::ledger::Ledger;
use crate::limits::{
    FAR_PAUSE, FAR_TIMEOUT, HAND_OUT_TIMEOUT, MAX_OFFER_AGE_MS, MAX_TRIES, MAX_WAITS, OFFER_PAUSE,
};

/// Why nothing comes of a peer.
#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("it does not answer")]
    Silent,
    #[error("it has nothing to offer, or not any more")]
    Nothing,
    #[error(transparent)]
    Arriving(#[from] NotArrived),
}

/// If this node is far behind, take over the ledger of one that is not. What fails is logged, and the engine then gets all
/// blocks one by one.
pub(crate) async fn catch_up<E, S>(
    runtime: &E,
    (ledger, epochs): (&Arc<Ledger>, &KnownEpochs),
    behind: Behind,
    asker: &mut Asker<S>,
) where
    E: Clock,
    S: Sender<PublicKey = PublicKey>,
{
    let chain = ledger.chain();
    let time = chain.executor().time();
    let was_arriving = chain.arriving_offer();
    if chain.snapshot_path().is_none()
        || (ledger.now().since_ms(time) < behind.away_ms && was_arriving.is_none())
    {
        return;
    }
    let peers = further((runtime, ledger), behind, asker).await;
    for peer in &peers {
        let late = Late { runtime, ledger, asker: &mut *asker, peer };
        match late.take_over(was_arriving.clone()).await {
            Ok(()) => {
                if let Err(error) = epochs.follow(chain) {
                    tracing::error!(%error, "the epochs of the ledger that has arrived cannot be read");
                }
                ledger.arrived();
                let height = chain.executor().height();
                tracing::info!(height, ?peer, "the ledger of another node was taken over");
                return;
            }
            Err(why) => tracing::warn!(?peer, %why, "the ledger of this node was not taken over"),
        }
    }
    if !peers.is_empty() {
        tracing::warn!("no ledger could be taken over; blocks are got one by one");
    } else if was_arriving.is_some() {
        // Nobody is far ahead any more.
        if let Err(error) = chain.forget_arriving() {
            tracing::warn!(%error, "what was arriving cannot be removed");
        }
    }
}

/// Those that are much further, the furthest first.
async fn further<E, S>(
    (runtime, ledger): (&E, &Ledger),
    behind: Behind,
    asker: &mut Asker<S>,
) -> Vec<PublicKey>
where
    E: Clock,
    S: Sender<PublicKey = PublicKey>,
{
    let (height, events) = {
        let executor = ledger.chain().executor();
        (executor.height(), executor.log_size())
    };
    let (mut found, mut answered) = (Vec::new(), BTreeSet::new());
    let mut left = FAR_TIMEOUT.as_millis() / FAR_PAUSE.as_millis();
    // Connections are only being made: it is asked again until somebody has answered, and once more for the others.
    while left > 0 {
        left = left.saturating_sub(1);
        let mut asked = asker.send(None, &Question::Far);
        let end = runtime.current() + FAR_PAUSE;
        while let Ok(rest) = end.duration_since(runtime.current()) {
            let Some((peer, answer)) = asked.within(runtime, rest).await else { break };
            let Answer::Far(its_height, its_events) = answer else { continue };
            let is_far = its_events.saturating_sub(events) >= behind.events
                || its_height.saturating_sub(height) >= behind.blocks;
            if answered.insert(peer.clone()) && is_far {
                found.push((its_height, peer));
            }
        }
        if !answered.is_empty() {
            left = left.min(1);
        }
    }
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, peer)| peer).collect()
}

/// Getting the ledger of one peer.
struct Late<'a, E, S> {
    runtime: &'a E,
    ledger: &'a Ledger,
    asker: &'a mut Asker<S>,
    peer: &'a PublicKey,
}

impl<E: Clock, S: Sender<PublicKey = PublicKey>> Late<'_, E, S> {
    async fn take_over(mut self, before: Option<Offer>) -> Result<(), Why> {
        let chain = self.ledger.chain();
        let offer = self.offer(before).await?;
        let mut arriving = Arriving::open(chain, offer)?;
        let got = self.history(&mut arriving).await;
        // Whatever comes next goes on with what is proved.
        arriving.keep()?;
        got?;
        for digest in arriving.wants_chunks()? {
            match self.ask(&Question::Chunk(digest)).await? {
                Answer::Chunk(bytes) => arriving.take_chunk(&digest, &bytes)?,
                _ => return Err(Why::Nothing),
            }
        }
        Ok(arriving.finish(chain)?)
    }

    /// What the peer offers. What was arriving before counts if the peer still has it.
    async fn offer(&mut self, before: Option<Offer>) -> Result<Offer, Why> {
        if let Some(before) = before
            && let Some(first) = before.chunks.first()
            && !self.is_old(&before)
            && matches!(self.ask(&Question::Chunk(*first)).await?, Answer::Chunk(_))
        {
            return Ok(before);
        }
        for _ in 0..MAX_WAITS {
            match self.ask(&Question::Offer).await? {
                Answer::Offer(offer) if self.is_old(&offer) => return Err(Why::Nothing),
                Answer::Offer(offer) => return Ok(*offer),
                Answer::Wait => self.runtime.sleep(OFFER_PAUSE).await,
                _ => return Err(Why::Nothing),
            }
        }
        Err(Why::Nothing)
    }

    fn is_old(&self, offer: &Offer) -> bool {
        self.ledger.now().since_ms(offer.header.header.time) > MAX_OFFER_AGE_MS
    }

    /// Blocks and their events. The next blocks are on their way while those that have come are made durable.
    async fn history(&mut self, arriving: &mut Arriving) -> Result<(), Why> {
        let mut ahead: Option<(u64, Asked)> = None;
        loop {
            if let Some((from, end)) = arriving.wants_events() {
                match self.ask(&Question::Events(from, end)).await? {
                    Answer::Events(events) if !events.is_empty() => {
                        arriving.take_events(events.into_iter().map(Into::into).collect())?;
                    }
                    _ => return Err(Why::Nothing),
                }
            } else if let Some((from, below)) = arriving.wants_blocks() {
                let asked = ahead.take().filter(|(of, _)| *of == from).map(|(_, asked)| asked);
                let answer = self.answer(asked, &Question::Blocks(from, below)).await?;
                let Answer::Blocks(blocks) = answer else { return Err(Why::Nothing) };
                let next = from.saturating_add(blocks.len() as u64);
                if blocks.is_empty() {
                    return Err(Why::Nothing);
                }
                if next < below {
                    let question = Question::Blocks(next, below);
                    ahead = Some((next, self.asker.send(Some(self.peer), &question)));
                }
                arriving.take_blocks(blocks)?;
            } else {
                return Ok(());
            }
        }
    }

    async fn ask(&mut self, question: &Question) -> Result<Answer, Why> {
        self.answer(None, question).await
    }

    /// The answer to a question, which may have been sent before.
    async fn answer(
        &mut self,
        mut before: Option<Asked>,
        question: &Question,
    ) -> Result<Answer, Why> {
        for _ in 0..MAX_TRIES {
            let sent = before.take();
            let mut asked = sent.unwrap_or_else(|| self.asker.send(Some(self.peer), question));
            if let Some((_, answer)) = asked.within(self.runtime, HAND_OUT_TIMEOUT).await {
                return Ok(answer);
            }
        }
        Err(Why::Silent)
    }
}
