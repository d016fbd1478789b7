//! Clients' commands are judged here before anybody else hears of them. Those that come while others are being judged are judged
//! with the next: signatures are cheaper to check together, and the ledger is held up once for many.

use secnet_app::ports::SubmitError;
use secnet_ledger::Verified;
use tokio::sync::oneshot;

use super::clients::known;
use super::{Answer, Doubted, Ledger};
use crate::limits::{MAX_DOUBTED, MAX_JUDGED_AT_ONCE, MAX_POOL_BYTES, MAX_UNJUDGED};

type Reply = oneshot::Sender<Answer>;
type Command = (Vec<u8>, Reply);

/// Commands that nobody has looked at yet.
#[derive(Debug, Default)]
pub(super) struct Unjudged {
    waiting: Vec<Command>,
    /// Of their bytes, so many.
    bytes: usize,
    /// Somebody is judging.
    busy: bool,
}

/// Whoever judges, until it has done so, however that ends.
struct Judging<'l>(&'l Ledger);

impl Drop for Judging<'_> {
    fn drop(&mut self) {
        self.0.unjudged.lock().busy = false;
    }
}

impl Ledger {
    /// Take a client's command. The answer comes when its block is durable here, or when it is refused.
    #[must_use]
    pub fn submit(&self, command: Vec<u8>) -> oneshot::Receiver<Answer> {
        let (reply, answer) = oneshot::channel();
        {
            let mut unjudged = self.unjudged.lock();
            if unjudged.waiting.len() >= MAX_UNJUDGED || unjudged.bytes > MAX_POOL_BYTES {
                drop(unjudged);
                drop(reply.send(Err(SubmitError::Busy)));
                return answer;
            }
            unjudged.bytes = unjudged.bytes.saturating_add(command.len());
            unjudged.waiting.push((command, reply));
        }
        while let Some((commands, _judging)) = self.to_be_judged() {
            self.judge(commands);
        }
        answer
    }

    /// Commands to be judged now, unless somebody is at it, who will see to them.
    fn to_be_judged(&self) -> Option<(Vec<Command>, Judging<'_>)> {
        let mut unjudged = self.unjudged.lock();
        if unjudged.busy || unjudged.waiting.is_empty() {
            return None;
        }
        unjudged.busy = true;
        let count = unjudged.waiting.len().min(MAX_JUDGED_AT_ONCE);
        let commands: Vec<Command> = unjudged.waiting.drain(..count).collect();
        let bytes = commands.iter().map(|(command, _)| command.len()).sum();
        unjudged.bytes = unjudged.bytes.saturating_sub(bytes);
        Some((commands, Judging(self)))
    }

    /// Judge commands before anybody else hears of them: what is refused here has never left this node.
    fn judge(&self, commands: Vec<Command>) {
        let (commands, replies): (Vec<_>, Vec<_>) = commands.into_iter().unzip();
        if let Some(trouble) = self.trouble() {
            let answer = Err(SubmitError::Unavailable(trouble.to_string()));
            return replies.into_iter().for_each(|reply| drop(reply.send(answer.clone())));
        }
        let mut valid = Vec::with_capacity(commands.len());
        for (command, reply) in self.verify(&commands).into_iter().zip(replies) {
            match command {
                Ok(command) => valid.push((command, reply)),
                Err(why) => drop(reply.send(Err(SubmitError::Invalid(why.to_string())))),
            }
        }
        let (mut new, mut replies) = (Vec::with_capacity(valid.len()), Vec::new());
        let executor = self.chain.executor();
        for (command, reply) in valid {
            match known(&executor, &command) {
                Some(answer) => drop(reply.send(answer)),
                None => {
                    new.push(command);
                    replies.push(reply);
                }
            }
        }
        drop(executor);
        let forecasts = self.chain.forecast_each(&new, self.clock.now());
        for ((command, reply), forecast) in new.into_iter().zip(replies).zip(forecasts) {
            match forecast {
                Ok(()) => self.wait_for(command, reply),
                Err(_) => self.doubt(command, reply),
            }
        }
    }

    /// It would be refused here, but this node may be a block behind the others: it is judged after the next block that
    /// was proposed after it came.
    fn doubt(&self, command: Verified, reply: Reply) {
        let mut doubted = self.doubted.lock();
        if doubted.len() >= MAX_DOUBTED {
            drop(doubted);
            return drop(reply.send(Err(SubmitError::Busy)));
        }
        doubted.push(Doubted { command, reply, came: self.clock.now() });
        drop(doubted);
        self.answer_all_if_stopped();
    }
}
