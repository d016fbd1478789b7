//! Short sessions: a random token in place of a signature over every call. A session reads as the member that opened it;
//! whatever changes the ledger or releases data is signed all the same, and by the key that opened the session.

use std::collections::BTreeMap;
use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use parking_lot::Mutex;
use secnet_types::{Digest, MemberId, Timestamp};
use tokio::sync::watch;

/// How long a session lasts, in milliseconds.
const SESSION_MS: u64 = 15 * 60 * 1000;
/// Sessions that one member can have open; the oldest ends when another is opened.
const MAX_SESSIONS_PER_MEMBER: usize = 16;
/// Sessions that can be open at all.
const MAX_SESSIONS: usize = 65_536;
const PREFIX: &str = "sns_";
const SECRET_LEN: usize = 32;

/// What a session is used with. Whoever has it reads as the member, so it is never shown.
pub(crate) struct Token(String);

impl Token {
    pub(crate) fn new(secret: &[u8; SECRET_LEN]) -> Self {
        Self(format!("{PREFIX}{}", Base64UrlUnpadded::encode_string(secret)))
    }

    /// Out of an `Authorization` header.
    pub(crate) fn from_header(value: &str) -> Option<Self> {
        let token = value.strip_prefix("Bearer ").unwrap_or_default();
        token.starts_with(PREFIX).then(|| Self(token.to_owned()))
    }

    /// The text, to be handed to whoever opened the session.
    #[must_use]
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Sessions are found by this, so that neither timing nor a memory dump gives a token away.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[derive(Debug, Clone, Copy)]
struct Session {
    member: MemberId,
    key: [u8; 32],
    until: Timestamp,
    /// By which call it was opened, if that call may be made again.
    opened_by: Option<Opening>,
}

/// A call that opens a session and may be made again. The token is made of what the caller sends and of what is here, so that
/// it can be told again without being kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Opening {
    call: Digest,
    salt: [u8; SECRET_LEN],
}

/// The open sessions.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    open: Mutex<BTreeMap<Digest, Session>>,
    /// How often sessions were ended.
    ended: watch::Sender<u64>,
}

impl Sessions {
    /// Open one, until the returned moment. None if there are too many.
    pub(crate) fn open(
        &self,
        (member, key): (MemberId, [u8; 32]),
        token: &Token,
        now: Timestamp,
    ) -> Option<Timestamp> {
        add(&mut self.open.lock(), (member, key), (token, None), now)
    }

    /// The session that this call, known by its idempotency key, has opened or opens now, with `salt` in the second case.
    pub(crate) fn open_once(
        &self,
        (member, key): (MemberId, [u8; 32]),
        (idempotency_key, salt): (&str, [u8; SECRET_LEN]),
        now: Timestamp,
    ) -> Option<(Token, Timestamp)> {
        let of = |domain, salt: &[u8]| {
            Digest::of_parts(domain, &[salt, &member.0, &key, idempotency_key.as_bytes()])
        };
        let call = of("secnet/door/opening/v1", &[]);
        let token = |salt: [u8; SECRET_LEN]| Token::new(&of("secnet/door/session/v1", &salt).0);
        let mut sessions = self.open.lock();
        let opened_by = |session: &Session| session.opened_by.filter(|by| by.call == call);
        let mut open = sessions.values().filter(|session| session.until > now);
        let before = open.find_map(|session| Some((opened_by(session)?.salt, session.until)));
        if let Some((salt, until)) = before {
            return Some((token(salt), until));
        }
        let token = token(salt);
        let opening = Some(Opening { call, salt });
        let until = add(&mut sessions, (member, key), (&token, opening), now)?;
        drop(sessions);
        Some((token, until))
    }

    /// Whose session it is, and by which key it was opened.
    pub(crate) fn find(&self, token: &Token, now: Timestamp) -> Option<(MemberId, [u8; 32])> {
        let sessions = self.open.lock();
        let session = sessions.get(&token.digest()).filter(|session| session.until > now)?;
        Some((session.member, session.key))
    }

    /// End all sessions that a key has opened for a member.
    pub(crate) fn end(&self, member: MemberId, key: [u8; 32]) {
        self.open.lock().retain(|_, session| (session.member, session.key) != (member, key));
        self.ended.send_modify(|times| *times = times.wrapping_add(1));
    }

    /// Is the session of this token's digest still open?
    pub(crate) fn is_open(&self, token: Digest, now: Timestamp) -> bool {
        self.open.lock().get(&token).is_some_and(|session| session.until > now)
    }

    /// Changes when sessions are ended before their time.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.ended.subscribe()
    }
}

/// One more session; none if there are too many.
fn add(
    sessions: &mut BTreeMap<Digest, Session>,
    (member, key): (MemberId, [u8; 32]),
    (token, opened_by): (&Token, Option<Opening>),
    now: Timestamp,
) -> Option<Timestamp> {
    sessions.retain(|_, session| session.until > now);
    let mut own: Vec<_> = sessions
        .iter()
        .filter(|(_, session)| session.member == member)
        .map(|(id, session)| (session.until, *id))
        .collect();
    if own.len() >= MAX_SESSIONS_PER_MEMBER {
        own.sort_unstable();
        if let Some((_, oldest)) = own.first() {
            sessions.remove(oldest);
        }
    }
    if sessions.len() >= MAX_SESSIONS {
        return None;
    }
    let until = now.plus_ms(SESSION_MS);
    sessions.insert(token.digest(), Session { member, key, until, opened_by });
    Some(until)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: (MemberId, [u8; 32]) = (MemberId([1; 32]), [2; 32]);

    #[test]
    fn a_session_ends_by_itself_and_when_it_is_ended() {
        let (sessions, now) = (Sessions::default(), Timestamp(1000));
        let (first, second) = (Token::new(&[1; 32]), Token::new(&[2; 32]));
        let until = sessions.open(ME, &first, now).unwrap();
        assert_eq!(sessions.find(&first, now), Some(ME));
        assert_eq!(sessions.find(&first, until), None);
        assert_eq!(sessions.find(&second, now), None);
        sessions.open(ME, &second, now).unwrap();
        sessions.end(ME.0, ME.1);
        assert_eq!(sessions.find(&second, now), None);
    }

    #[test]
    fn the_oldest_session_makes_room() {
        let sessions = Sessions::default();
        let tokens: Vec<Token> = (0..=16).map(|n| Token::new(&[n; 32])).collect();
        for (token, at) in tokens.iter().zip(1..) {
            sessions.open(ME, token, Timestamp(at)).unwrap();
        }
        let open = |token| sessions.find(token, Timestamp(20)).is_some();
        assert_eq!(tokens.iter().filter(|token| open(token)).count(), MAX_SESSIONS_PER_MEMBER);
        assert!(!open(tokens.first().unwrap()));
    }

    #[test]
    fn a_call_made_again_opens_no_other_session_as_long_as_the_first_is_open() {
        let (sessions, now) = (Sessions::default(), Timestamp(1000));
        let open = |who, call, salt, at| {
            let (token, until) = sessions.open_once(who, (call, [salt; 32]), at).unwrap();
            (token.reveal().to_owned(), until)
        };
        let first = open(ME, "retry", 1, now);
        assert_eq!(open(ME, "retry", 2, now.plus_ms(5)), first);
        assert_eq!(sessions.open.lock().len(), 1);
        let other_key = (ME.0, [3; 32]);
        for another in [open(ME, "another", 1, now), open(other_key, "retry", 1, now)] {
            assert_ne!(another.0, first.0);
        }
        // What was ended stays ended: the same call opens another one.
        sessions.end(ME.0, ME.1);
        let second = open(ME, "retry", 3, now);
        assert_ne!(second.0, first.0);
        let token = Token::from_header(&format!("Bearer {}", first.0)).unwrap();
        assert_eq!(sessions.find(&token, now), None);
    }

    #[test]
    fn a_token_does_not_show_itself() {
        let token = Token::new(&[7; 32]);
        assert_eq!(format!("{token:?}"), "Token(..)");
        assert!(Token::from_header(&format!("Bearer {}", token.reveal())).is_some());
        assert!(Token::from_header("Bearer abc").is_none());
        assert!(Token::from_header(token.reveal()).is_none());
    }
}
