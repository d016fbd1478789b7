//! The C2SP `signed-note` text: a text with signature lines under it.
//!
//! ```text
//! <text, ends with a line feed>
//! <empty line>
//! <em dash, U+2014> <key name> <base64: key id (4) | signature>
//! ```
//!
//! Source: <https://c2sp.org/signed-note>. Only Ed25519 (type 0x01) is signed and checked here, and cosignatures (0x04) in
//! [`super::cosignature`]; signatures of other keys are kept as they are, as the specification asks, and can be put in and taken out.

use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};

use crate::{Signature, SigningKey, VerifyingKey};

/// Longest note, in bytes.
pub const MAX_NOTE_LEN: usize = 8 * 1024 * 1024;

/// Most signature lines: a log's own, and one of each of a hundred validators.
pub const MAX_NOTE_SIGNATURES: usize = 128;

/// Longest signature of a key of another type, in bytes; ML-DSA-87 has 4627.
pub const MAX_NOTE_SIGNATURE_LEN: usize = 4 * 1024 * 1024;

/// Signature type Ed25519.
const TYPE_ED25519: u8 = 0x01;

/// Signature type of keys that have no type of their own; what kind they are of goes into their id.
const TYPE_OTHER: u8 = 0xff;

/// What a signature line starts with: an em dash and a space.
const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// Why a note was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// Not of the form above.
    #[error("this is not a signed note: expected a text, an empty line and signature lines")]
    NotANote,
    /// Longer than [`MAX_NOTE_LEN`].
    #[error("the note has `{0}` bytes, more than is accepted")]
    TooLong(usize),
    /// A key name with spaces or `+`, or none at all.
    #[error("`{0}` cannot name a key: a name has no spaces and no `+`")]
    KeyName(String),
    /// No signature by this key.
    #[error("the note is not signed by `{0}`")]
    NotSigned(String),
    /// A signature by this key that does not hold.
    #[error("the signature of `{0}` on the note is not valid")]
    Invalid(String),
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// Name of the key.
    pub name: String,
    /// First four bytes of SHA-256(name | line feed | type | public key).
    pub key_id: [u8; 4],
    /// The signature; its form depends on the key's type.
    pub signature: Vec<u8>,
}

/// A text and its signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl SignedNote {
    /// Signs `text`, which ends with a line feed and has no control characters.
    pub fn sign(text: impl Into<String>, name: &str, key: &SigningKey) -> Result<Self, NoteError> {
        let text = text.into();
        check_text(&text)?;
        let mut note = Self { text, signatures: Vec::new() };
        note.add_signature(name, key)?;
        Ok(note)
    }

    /// `text` with what a key of another kind made of it, by the key's id as [`other_key_id`] gives it.
    pub fn with_other(
        text: impl Into<String>,
        name: &str,
        key_id: [u8; 4],
        signature: Vec<u8>,
    ) -> Result<Self, NoteError> {
        let text = text.into();
        check_text(&text)?;
        if !is_key_name(name) {
            return Err(NoteError::KeyName(name.chars().take(128).collect()));
        }
        if signature.len() > MAX_NOTE_SIGNATURE_LEN {
            return Err(NoteError::TooLong(signature.len()));
        }
        let line = NoteSignature { name: name.to_owned(), key_id, signature };
        Ok(Self { text, signatures: vec![line] })
    }

    /// Adds another signature.
    pub fn add_signature(&mut self, name: &str, key: &SigningKey) -> Result<(), NoteError> {
        let key_id = key_id(name, &key.verifying_key())?;
        if self.signatures.len() >= MAX_NOTE_SIGNATURES {
            return Err(NoteError::TooLong(self.to_text().len()));
        }
        let signature = key.sign(self.text.as_bytes()).0.to_vec();
        self.signatures.push(NoteSignature { name: name.to_owned(), key_id, signature });
        Ok(())
    }

    pub(super) fn push(&mut self, line: NoteSignature) {
        self.signatures.push(line);
    }

    /// Reads a note without judging its signatures.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.len() > MAX_NOTE_LEN {
            return Err(NoteError::TooLong(note.len()));
        }
        // The text may hold empty lines itself: the last one divides.
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::NotANote)?;
        let text = format!("{text}\n");
        check_text(&text)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::NotANote)?;
        let signatures = lines
            .split('\n')
            .take(MAX_NOTE_SIGNATURES + 1)
            .map(|line| parse_signature(line).ok_or(NoteError::NotANote))
            .collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > MAX_NOTE_SIGNATURES {
            return Err(NoteError::NotANote);
        }
        Ok(Self { text, signatures })
    }

    /// Checks that `key`, known as `name`, signed; returns the text.
    pub fn verify(&self, name: &str, key: &VerifyingKey) -> Result<&str, NoteError> {
        let bytes = self.signature_of(name, key_id(name, key)?)?;
        let invalid = || NoteError::Invalid(name.to_owned());
        let signature = Signature::try_from(bytes).map_err(|_| invalid())?;
        key.verify(self.text.as_bytes(), &signature).map_err(|_| invalid())?;
        Ok(&self.text)
    }

    /// The one signature by this name and key id, not judged.
    pub fn signature_of(&self, name: &str, key_id: [u8; 4]) -> Result<&[u8], NoteError> {
        let mut ours =
            self.signatures.iter().filter(|line| line.name == name && line.key_id == key_id);
        let line = ours.next().ok_or_else(|| NoteError::NotSigned(name.to_owned()))?;
        match ours.next() {
            None => Ok(&line.signature),
            Some(_) => Err(NoteError::Invalid(name.to_owned())),
        }
    }

    /// The text; whether anybody signed it is for [`Self::verify`] to say.
    #[must_use]
    pub fn unverified_text(&self) -> &str {
        &self.text
    }

    /// The signature lines.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// The whole note.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut note = format!("{}\n", self.text);
        for line in &self.signatures {
            let bytes = [line.key_id.as_slice(), &line.signature].concat();
            note.push_str(SIGNATURE_PREFIX);
            note.push_str(&line.name);
            note.push(' ');
            note.push_str(&Base64::encode_string(&bytes));
            note.push('\n');
        }
        note
    }
}

/// The key as verifiers are told it: `<name>+<key id, 8 hexadecimal digits>+<base64: 0x01 | key>`.
pub fn verifier_key(name: &str, key: &VerifyingKey) -> Result<String, NoteError> {
    let id = u32::from_be_bytes(key_id(name, key)?);
    let encoded: Vec<u8> = std::iter::once(TYPE_ED25519).chain(*key.as_bytes()).collect();
    Ok(format!("{name}+{id:08x}+{}", Base64::encode_string(&encoded)))
}

/// Reads what [`verifier_key`] writes.
pub fn parse_verifier_key(text: &str) -> Result<(String, VerifyingKey), NoteError> {
    let refuse = || NoteError::KeyName(text.chars().take(128).collect());
    let (name, rest) = text.split_once('+').ok_or_else(refuse)?;
    let (_, encoded) = rest.split_once('+').ok_or_else(refuse)?;
    let bytes = Base64::decode_vec(encoded).map_err(|_| refuse())?;
    let key = match bytes.split_first() {
        Some((&TYPE_ED25519, key)) => key.try_into().map_err(|_| refuse())?,
        _ => return Err(refuse()),
    };
    let key = VerifyingKey::from_bytes(key).map_err(|_| refuse())?;
    if verifier_key(name, &key)? == text { Ok((name.to_owned(), key)) } else { Err(refuse()) }
}

fn key_id(name: &str, key: &VerifyingKey) -> Result<[u8; 4], NoteError> {
    typed_key_id(name, TYPE_ED25519, &[key.as_bytes()])
}

/// The id of a key of a kind that has no type of its own: `kind` names it, for all times and for nobody else's.
pub fn other_key_id(name: &str, kind: &str, key: &[u8]) -> Result<[u8; 4], NoteError> {
    typed_key_id(name, TYPE_OTHER, &[kind.as_bytes(), key])
}

pub(super) fn typed_key_id(name: &str, of_type: u8, key: &[&[u8]]) -> Result<[u8; 4], NoteError> {
    if !is_key_name(name) {
        return Err(NoteError::KeyName(name.chars().take(128).collect()));
    }
    let start = Sha256::new().chain_update(name.as_bytes()).chain_update([b'\n', of_type]);
    let digest = key.iter().fold(start, |hash, part| hash.chain_update(part)).finalize();
    let [a, b, c, d, ..] = <[u8; 32]>::from(digest);
    Ok([a, b, c, d])
}

fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

fn check_text(text: &str) -> Result<(), NoteError> {
    if text.len() > MAX_NOTE_LEN {
        return Err(NoteError::TooLong(text.len()));
    }
    let legal = text.ends_with('\n') && !text.contains(|c: char| c < ' ' && c != '\n');
    if legal { Ok(()) } else { Err(NoteError::NotANote) }
}

fn parse_signature(line: &str) -> Option<NoteSignature> {
    let (name, encoded) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
    let bytes = Base64::decode_vec(encoded).ok()?;
    let (key_id, signature) = bytes.split_first_chunk::<4>()?;
    let legal =
        is_key_name(name) && !signature.is_empty() && signature.len() <= MAX_NOTE_SIGNATURE_LEN;
    legal.then(|| NoteSignature {
        name: name.to_owned(),
        key_id: *key_id,
        signature: signature.to_vec(),
    })
}
