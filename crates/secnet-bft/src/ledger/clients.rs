//! Clients: their commands are judged here before anybody else hears of them, and answered when they are durable.

use secnet_app::ports::{Committed, SubmitError};
use secnet_ledger::{Executor, Invalid, Rejection, Verified, VerifyingPool};
use secnet_types::{Digest, Timestamp, limits};
use tokio::sync::oneshot;

use super::{Answer, Client, Doubted, Ledger, rng};
use crate::limits::{MAX_DOUBTED, MAX_PASSED_OVER};

enum Admitted {
    /// It was applied before.
    Done(Committed),
    Waits(Verified),
    /// It would be refused here and now.
    Doubted(Verified),
}

impl Ledger {
    /// Take a client's command. The answer comes when its block is durable here, or when it is refused.
    #[must_use]
    pub fn submit(&self, command: Vec<u8>) -> oneshot::Receiver<Answer> {
        let (reply, answer) = oneshot::channel();
        match self.admit(command) {
            Ok(Admitted::Done(committed)) => drop(reply.send(Ok(committed))),
            Ok(Admitted::Waits(command)) => self.wait_for(command, reply),
            Ok(Admitted::Doubted(command)) => self.doubt(command, reply),
            Err(error) => drop(reply.send(Err(error))),
        }
        answer
    }

    /// Judge a command before anybody else hears of it: what is refused here has never left this node.
    fn admit(&self, command: Vec<u8>) -> Result<Admitted, SubmitError> {
        if let Some(trouble) = self.trouble() {
            return Err(SubmitError::Unavailable(trouble.to_string()));
        }
        let command = verify_one(command).map_err(|why| SubmitError::Invalid(why.to_string()))?;
        let executor = self.chain.executor();
        if let Some(answer) = known(&executor, &command) {
            return answer.map(Admitted::Done);
        }
        drop(executor);
        match self.chain.forecast(&command, self.clock.now()) {
            Ok(_) => Ok(Admitted::Waits(command)),
            Err(_) => Ok(Admitted::Doubted(command)),
        }
    }

    /// It would be refused here, but this node may be a block behind the others: it is judged after the next block that
    /// was proposed after it came.
    fn doubt(&self, command: Verified, reply: oneshot::Sender<Answer>) {
        let mut doubted = self.doubted.lock();
        if doubted.len() >= MAX_DOUBTED {
            drop(doubted);
            return drop(reply.send(Err(SubmitError::Busy)));
        }
        doubted.push(Doubted { command, reply, came: self.clock.now() });
        drop(doubted);
        self.answer_all_if_stopped();
    }

    pub(super) fn look_at_doubted(&self, time: Timestamp) {
        let judged: Vec<Doubted> =
            self.doubted.lock().extract_if(.., |doubted| doubted.came <= time).collect();
        for Doubted { command, reply, .. } in judged {
            match self.chain.forecast(&command, self.clock.now()) {
                Ok(_) => self.wait_for(command, reply),
                Err(rejection) => drop(reply.send(Err(rejection.into()))),
            }
        }
    }

    fn wait_for(&self, command: Verified, reply: oneshot::Sender<Answer>) {
        let (digest, bytes) = (command.digest(), command.bytes().to_vec());
        // Blocks wait for it, so none can apply the command before its client waits.
        let executor = self.chain.executor();
        if let Some(answer) = known(&executor, &command) {
            return drop(reply.send(answer));
        }
        {
            let (since, expires) = (executor.height(), command.command().value.expires);
            let mut clients = self.clients.lock();
            let new = || Client { replies: Vec::new(), since, expires };
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
        for (digest, expires) in passed_over {
            let (command, now) = (self.pool.lock().find(&digest).cloned(), self.clock.now());
            let refused = match &command {
                Some(command) => self.chain.forecast(command, now).err(),
                // What waits is forgotten only when it is applied, and then its client has its answer, or expired.
                None => Some(Rejection::Expired { expires, now }),
            };
            if let Some(rejection) = refused {
                self.pool.lock().remove(&digest);
                self.answer(&digest, &Err(rejection.into()));
            } else if let Some(command) = command {
                self.tell(command.bytes().to_vec());
            }
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
fn known(executor: &Executor, command: &Verified) -> Option<Answer> {
    let value = &command.command().value;
    let before = executor.state().applied(value.author, value.id)?;
    Some(if before.digest == command.digest() {
        Ok(Committed { event: before.event, height: executor.height(), repeated: true })
    } else {
        Err(Rejection::IdReused.into())
    })
}

fn verify_one(command: Vec<u8>) -> Result<Verified, Invalid> {
    debug_assert!(command.len() <= limits::MAX_COMMAND_BYTES);
    let mut results = VerifyingPool::verify(vec![command], &mut rng());
    // INVARIANT: one result for each command.
    results.pop().unwrap_or(Err(Invalid::Signature))
}
