//! Clients: their commands wait here until they are durable, or refused.

use secnet_app::ports::{Committed, SubmitError};
use secnet_ledger::{Executor, Rejection, Verified};
use secnet_types::{Digest, Timestamp};
use tokio::sync::oneshot;

use super::{Answer, Client, Doubted, Ledger};
use crate::limits::{MAX_DOUBT_MS, MAX_FIRST_SILENCE_MS, MAX_PASSED_OVER, MAX_SILENCE_MS};

/// It may be refused in vain: nobody is told that it is.
const BEHIND: &str = "this node has heard of no block since the command came: it is behind the others, or its clock is ahead";

/// What it was told of it may have reached others.
const SILENT: &str = "no block has become final for a while: too few validators can be reached; the command may still be ordered until it expires, and asking again with the same id finds out";

impl Ledger {
    /// A block of this time tells for sure of what came before it. What has waited for such a block for long waits no longer:
    /// this machine's clock is ahead, or the node has much to catch up with.
    pub(super) fn look_at_doubted(&self, time: Timestamp) {
        let now = self.clock.now();
        let is_over =
            |doubted: &Doubted| doubted.came <= time || now.since_ms(doubted.came) >= MAX_DOUBT_MS;
        let over: Vec<Doubted> =
            self.doubted.lock().extract_if(.., |doubted| is_over(doubted)).collect();
        for Doubted { command, reply, came } in over {
            if came > time {
                drop(reply.send(Err(SubmitError::Unavailable(BEHIND.into()))));
                continue;
            }
            match self.chain.forecast(&command, now) {
                Ok(_) => self.wait_for(command, reply),
                Err(rejection) => drop(reply.send(Err(rejection.into()))),
            }
        }
    }

    pub(super) fn wait_for(&self, command: Verified, reply: oneshot::Sender<Answer>) {
        let (digest, bytes) = (command.digest(), command.bytes().to_vec());
        // Blocks wait for it, so none can apply the command before its client waits.
        let executor = self.chain.executor();
        if let Some(answer) = known(&executor, &command) {
            return drop(reply.send(answer));
        }
        {
            let (since, expires) = (executor.height(), command.command().value.expires);
            let mut clients = self.clients.lock();
            let came = self.clock.now();
            let new = || Client { replies: Vec::new(), since, came, expires };
            clients.entry(digest).or_insert_with(new).replies.push(reply);
        }
        let inserted = self.pool.lock().insert(command);
        drop(executor);
        match inserted {
            Ok(true) => {
                self.tell(bytes);
                self.more_came();
            }
            Ok(false) => {}
            Err(_) => self.answer(&digest, &Err(SubmitError::Busy)),
        }
        self.answer_all_if_stopped();
    }

    pub(super) fn answer(&self, digest: &Digest, answer: &Answer) {
        let client = self.clients.lock().remove(digest);
        for reply in client.into_iter().flat_map(|client| client.replies) {
            // A caller that has gone away needs no answer.
            drop(reply.send(answer.clone()));
        }
    }

    /// Let the other validators know of a command. It may be lost on the way: nobody may be connected yet, they may have no
    /// room, or have forgotten it because a block that did not become final spoke against it. Therefore they are told
    /// again when blocks pass it over.
    fn tell(&self, command: Vec<u8>) {
        // If there are too many to tell, it is among those that are told again.
        drop(self.untold.try_send(command));
    }

    /// Clients whose commands several blocks did not take may wait in vain: it would be refused by now, or no leader has it.
    pub(super) fn look_at_passed_over(&self, height: u64) {
        let mut passed_over = Vec::new();
        for (digest, client) in self.clients.lock().iter_mut() {
            if height.saturating_sub(client.since) >= MAX_PASSED_OVER {
                client.since = height;
                passed_over.push((*digest, client.expires));
            }
        }
        let (mut waiting, now) = (Vec::with_capacity(passed_over.len()), self.clock.now());
        for (digest, expires) in passed_over {
            match self.pool.lock().find(&digest).cloned() {
                Some(command) => waiting.push(command),
                // What waits is forgotten only when it is applied, and then its client has its answer, or expired.
                None => self.answer(&digest, &Err(Rejection::Expired { expires, now }.into())),
            }
        }
        let forecasts = self.chain.forecast_each(&waiting, now);
        for (command, forecast) in waiting.iter().zip(forecasts) {
            match forecast {
                Ok(()) => self.tell(command.bytes().to_vec()),
                Err(rejection) => {
                    self.pool.lock().remove(&command.digest());
                    self.answer(&command.digest(), &Err(rejection.into()));
                }
            }
        }
    }

    /// Too few validators agree for blocks to become final: whoever has waited for long is told so. Its command stays and may be
    /// ordered later, as one may whose node was killed.
    pub(crate) fn look_at_silence(&self) {
        let (now, heard) = (self.clock.now(), *self.heard.lock());
        let limit = if heard == Timestamp(0) { MAX_FIRST_SILENCE_MS } else { MAX_SILENCE_MS };
        let is_over = |came: &Timestamp| now.since_ms((*came).max(heard)) >= limit;
        let answer = Err(SubmitError::Unavailable(SILENT.into()));
        let waiting: Vec<Digest> = {
            let clients = self.clients.lock();
            let over = clients.iter().filter(|(_, client)| is_over(&client.came));
            over.map(|(digest, _)| *digest).collect()
        };
        for digest in waiting {
            self.answer(&digest, &answer);
        }
        let doubted: Vec<Doubted> =
            self.doubted.lock().extract_if(.., |doubted| is_over(&doubted.came)).collect();
        for doubted in doubted {
            drop(doubted.reply.send(answer.clone()));
        }
    }

    /// Nothing goes on: nobody waits any longer.
    pub(super) fn answer_all_if_stopped(&self) {
        let Some(trouble) = self.trouble() else { return };
        let answer = Err(SubmitError::Unavailable(trouble.to_string()));
        let waiting: Vec<Digest> = self.clients.lock().keys().copied().collect();
        for digest in waiting {
            self.answer(&digest, &answer);
        }
        for doubted in core::mem::take(&mut *self.doubted.lock()) {
            drop(doubted.reply.send(answer.clone()));
        }
    }
}

/// The answer to a command whose author has used its id already.
pub(super) fn known(executor: &Executor, command: &Verified) -> Option<Answer> {
    let value = &command.command().value;
    let before = executor.state().applied(value.author, value.id)?;
    Some(if before.digest == command.digest() {
        Ok(Committed { event: before.event, height: executor.height(), repeated: true })
    } else {
        Err(Rejection::IdReused.into())
    })
}
