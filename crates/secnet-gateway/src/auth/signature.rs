//! HTTP message signatures (RFC 9421), in the one profile that this door accepts.
//!
//! A call carries one signature labelled as its maker likes and tagged `secnet`. It covers `@method`, `@authority`, `@path`
//! and `@query`, and `content-digest` (RFC 9530, SHA-256) if there is a body; other header fields may be covered too. Its
//! parameters are `created`, `nonce`, `keyid` and `tag`; `expires` and `alg` may be there. `keyid` is the member's id, or
//! `ID#did:key:z6Mk...` for a session key that the member has opened on the ledger.

use axum::http::header::{CONTENT_LENGTH, HOST, HeaderMap, TRANSFER_ENCODING};
use axum::http::request::Parts;
use secnet_crypto::VerifyingKey;
use secnet_types::{MemberId, Timestamp};
use sfv::{BareItem, Dictionary, InnerList, Item, ListEntry, Parameters, Parser};

/// The `tag` of the signatures that this door looks at.
pub(super) const TAG: &str = "secnet";
/// How far the time of a signature may be from the node's, in milliseconds.
pub(crate) const MAX_SKEW_MS: u64 = 60_000;
/// Longest signature headers, in bytes each.
const MAX_HEADER: usize = 2048;
/// Most covered components.
const MAX_COMPONENTS: usize = 16;
/// Shortest and longest nonce, in characters.
const NONCE: core::ops::RangeInclusive<usize> = 16..=64;
const DIGEST: &str = "content-digest";

/// Why a signature is not accepted, as far as that can be seen without knowing who calls.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignatureError {
    /// There is none.
    #[error("the call has no signature")]
    None,
    /// A header is not what RFC 9421 says.
    #[error("the header `{0}` is not well-formed")]
    Malformed(&'static str),
    /// Not exactly one signature with the tag.
    #[error("the call needs exactly one signature with tag=\"secnet\"")]
    NotOne,
    /// A parameter is missing or is something else.
    #[error("the signature's parameter `{0}` is missing or not as this node wants it")]
    Parameter(&'static str),
    /// A component must be covered.
    #[error("the signature does not cover `{0}`")]
    NotCovered(&'static str),
    /// A covered component is not in the call, or of a kind that is not supported.
    #[error("the signature covers `{0}`, which is not in the call or not supported")]
    Component(String),
    /// It is too old, or of a time to come.
    #[error(
        "the signature was made at another time than now; check the clock of the machine that signed"
    )]
    Time,
}

/// A signature over this call, not yet verified.
#[derive(Debug)]
pub(crate) struct ToVerify {
    pub member: MemberId,
    /// A session key; none for the member's own.
    pub session_key: Option<[u8; 32]>,
    pub nonce: String,
    /// When it was signed, to the second.
    pub created: Timestamp,
    /// What is signed.
    pub base: String,
    pub signature: [u8; 64],
    /// The SHA-256 that the body must have.
    pub content_digest: Option<[u8; 32]>,
}

/// What of a call is signed.
pub(crate) fn read(parts: &Parts, now: Timestamp) -> Result<ToVerify, SignatureError> {
    let headers = &parts.headers;
    let input = dictionary(headers, "signature-input")?.ok_or(SignatureError::None)?;
    let signatures = dictionary(headers, "signature")?.ok_or(SignatureError::None)?;
    let mut tagged = input.into_iter().filter_map(|(label, entry)| match entry {
        ListEntry::InnerList(covered) if text(&covered.params, "tag") == Some(TAG) => {
            Some((label, covered))
        }
        _ => None,
    });
    let (Some((label, covered)), None) = (tagged.next(), tagged.next()) else {
        return Err(SignatureError::NotOne);
    };
    let signature = match signatures.get(&label) {
        Some(ListEntry::Item(Item { bare_item: BareItem::ByteSequence(bytes), .. })) => {
            <[u8; 64]>::try_from(bytes.as_slice())
        }
        _ => return Err(SignatureError::NotOne),
    };
    let signature = signature.map_err(|_| SignatureError::Malformed("signature"))?;
    let created = in_time(&covered.params, now)?;
    if text(&covered.params, "alg").is_some_and(|alg| alg != "ed25519") {
        return Err(SignatureError::Parameter("alg"));
    }
    let nonce = text(&covered.params, "nonce").filter(|nonce| NONCE.contains(&nonce.len()));
    let nonce = nonce.ok_or(SignatureError::Parameter("nonce"))?.to_owned();
    let keyid = text(&covered.params, "keyid").and_then(key_id);
    let (member, session_key) = keyid.ok_or(SignatureError::Parameter("keyid"))?;
    let base = base(parts, &covered)?;
    let content_digest = content_digest(headers)?;
    Ok(ToVerify { member, session_key, nonce, created, base, signature, content_digest })
}

/// A header as a dictionary; a field in several lines counts as one.
fn dictionary(
    headers: &HeaderMap,
    name: &'static str,
) -> Result<Option<Dictionary>, SignatureError> {
    let Some(value) = field(headers, name) else { return Ok(None) };
    if value.len() > MAX_HEADER {
        return Err(SignatureError::Malformed(name));
    }
    let parsed = Parser::new(value.as_bytes()).parse::<Dictionary>();
    parsed.map(Some).map_err(|_| SignatureError::Malformed(name))
}

/// The value of a field as section 2.1 says: each line trimmed, lines joined with a comma and a space.
fn field(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut lines = headers.get_all(name).iter().peekable();
    lines.peek()?;
    let lines: Option<Vec<&str>> = lines.map(|line| line.to_str().ok().map(str::trim)).collect();
    Some(lines?.join(", "))
}

fn text<'p>(params: &'p Parameters, name: &str) -> Option<&'p str> {
    params.get(name)?.as_string().map(sfv::StringRef::as_str)
}

fn seconds(params: &Parameters, name: &str) -> Option<u64> {
    let seconds = i64::from(params.get(name)?.as_integer()?);
    u64::try_from(seconds).ok()
}

fn in_time(params: &Parameters, now: Timestamp) -> Result<Timestamp, SignatureError> {
    let created = seconds(params, "created").ok_or(SignatureError::Parameter("created"))?;
    let created = Timestamp(created.saturating_mul(1000));
    let skew = created.since_ms(now).max(now.since_ms(created));
    if skew > MAX_SKEW_MS {
        return Err(SignatureError::Time);
    }
    if params.get("expires").is_some() {
        let expires = seconds(params, "expires").ok_or(SignatureError::Parameter("expires"))?;
        if Timestamp(expires.saturating_mul(1000)) <= now {
            return Err(SignatureError::Time);
        }
    }
    Ok(created)
}

/// Whose key, and which if it is not the member's own.
fn key_id(text: &str) -> Option<(MemberId, Option<[u8; 32]>)> {
    let Some((member, session)) = text.split_once('#') else {
        return Some((text.parse().ok()?, None));
    };
    let key = VerifyingKey::from_did_key(session).ok()?;
    Some((member.parse().ok()?, Some(*key.as_bytes())))
}

/// The signature base of section 2.5.
fn base(parts: &Parts, covered: &InnerList) -> Result<String, SignatureError> {
    if covered.items.len() > MAX_COMPONENTS {
        return Err(SignatureError::Component("more components than this node looks at".into()));
    }
    let mut base = String::with_capacity(512);
    let mut names: Vec<&str> = Vec::with_capacity(covered.items.len());
    for item in &covered.items {
        let name = match &item.bare_item {
            BareItem::String(name) if item.params.is_empty() => name.as_str(),
            other => return Err(SignatureError::Component(format!("{other:?}"))),
        };
        if names.contains(&name) {
            return Err(SignatureError::Component(name.to_owned()));
        }
        names.push(name);
        let value = component(parts, name);
        let value = value.ok_or_else(|| SignatureError::Component(name.to_owned()))?;
        base.push_str(&format!("\"{name}\": {value}\n"));
    }
    for wanted in ["@method", "@authority", "@path", "@query"] {
        if !names.contains(&wanted) {
            return Err(SignatureError::NotCovered(wanted));
        }
    }
    if has_body(&parts.headers) && !names.contains(&DIGEST) {
        return Err(SignatureError::NotCovered(DIGEST));
    }
    let mut list = sfv::ListSerializer::new();
    let mut inner = list.inner_list();
    inner.items(&covered.items);
    inner.finish().parameters(&covered.params);
    let params = list.finish().unwrap_or_default();
    base.push_str(&format!("\"@signature-params\": {params}"));
    Ok(base)
}

fn component(parts: &Parts, name: &str) -> Option<String> {
    match name {
        "@method" => Some(parts.method.as_str().to_owned()),
        "@authority" => {
            let authority = parts.headers.get(HOST)?.to_str().ok()?;
            Some(authority.to_ascii_lowercase())
        }
        "@path" => Some(parts.uri.path().to_owned()),
        "@query" => Some(format!("?{}", parts.uri.query().unwrap_or_default())),
        derived if derived.starts_with('@') => None,
        field_name if field_name.bytes().any(|b| b.is_ascii_uppercase()) => None,
        field_name => field(&parts.headers, field_name),
    }
}

/// Does the call announce a body?
fn has_body(headers: &HeaderMap) -> bool {
    let empty = |value: &axum::http::HeaderValue| value.as_bytes() == b"0";
    headers.contains_key(TRANSFER_ENCODING)
        || headers.get(CONTENT_LENGTH).is_some_and(|length| !empty(length))
}

/// The SHA-256 in `Content-Digest`.
fn content_digest(headers: &HeaderMap) -> Result<Option<[u8; 32]>, SignatureError> {
    let Some(digests) = dictionary(headers, DIGEST)? else { return Ok(None) };
    match digests.get("sha-256") {
        Some(ListEntry::Item(Item { bare_item: BareItem::ByteSequence(bytes), .. })) => {
            let digest = <[u8; 32]>::try_from(bytes.as_slice());
            digest.map(Some).map_err(|_| SignatureError::Malformed(DIGEST))
        }
        _ => Err(SignatureError::Malformed(DIGEST)),
    }
}
