//! Session keys: a member's permission for another key to sign access requests.

use secnet_crypto::VerifyingKey;
use secnet_types::{Amount, Effect, MemberId, Session, Timestamp, limits};

use super::Context;
use crate::entries::SessionState;
use crate::{Rejection, State};

impl State {
    pub(super) fn open_session(
        &mut self,
        author: MemberId,
        session: &Session,
        context: &mut Context,
    ) -> Result<(), Rejection> {
        VerifyingKey::from_bytes(session.key).map_err(|_| Rejection::BadKey)?;
        if session.until <= context.time
            || session.until.since_ms(context.time) > limits::MAX_SESSION_LIFETIME_MS
        {
            return Err(Rejection::BadDeadline);
        }
        let key = (author, session.key);
        if self.sessions.contains(&key) {
            return Err(Rejection::AlreadyExists);
        }
        if self.sessions_of(author).count() >= limits::MAX_SESSIONS_OF_MEMBER {
            return Err(Rejection::LimitReached);
        }
        let state =
            SessionState { until: session.until, limit: session.limit, spent: Amount::ZERO };
        self.sessions.put(key, state);
        context.tell(Effect::SessionOpened { member: author, key: session.key });
        Ok(())
    }

    pub(super) fn end_session(
        &mut self,
        author: MemberId,
        key: [u8; 32],
        context: &mut Context,
    ) -> Result<(), Rejection> {
        if !self.sessions.contains(&(author, key)) {
            return Err(Rejection::UnknownSession);
        }
        self.sessions.remove(&(author, key));
        context.tell(Effect::SessionEnded { member: author, key });
        Ok(())
    }

    /// End every session of a member.
    pub(super) fn end_sessions(&mut self, member: MemberId, context: &mut Context) {
        let keys: Vec<_> = self.sessions_of(member).map(|(key, _)| key).collect();
        for key in keys {
            self.sessions.remove(&(member, key));
            context.tell(Effect::SessionEnded { member, key });
        }
    }

    /// May this key sign a request of `member` that costs `price`? A session is charged for it.
    pub(super) fn spend_session(
        &mut self,
        member: MemberId,
        key: [u8; 32],
        price: Amount,
        time: Timestamp,
    ) -> Result<(), Rejection> {
        if self.active_member(member)?.key == key {
            return Ok(());
        }
        let session =
            self.sessions.find(&(member, key)).copied().ok_or(Rejection::RequestMismatch)?;
        if session.until <= time {
            return Err(Rejection::UnknownSession);
        }
        let spent = session.spent.plus(price)?;
        if spent > session.limit {
            return Err(Rejection::SessionSpent);
        }
        if price != Amount::ZERO {
            self.sessions.put((member, key), SessionState { spent, ..session });
        }
        Ok(())
    }
}
