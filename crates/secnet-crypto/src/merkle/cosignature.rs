//! The C2SP `tlog-cosignature` with Ed25519: somebody else than the log signs its checkpoint too, and says when.
//!
//! ```text
//! signed:    cosignature/v1 <line feed> time <seconds since 1970, decimal> <line feed> <the checkpoint's text>
//! signature: seconds (u64be) | Ed25519 signature (64)
//! key id:    first four bytes of SHA-256(name | line feed | 04 | public key)
//! ```
//!
//! Source: <https://c2sp.org/tlog-cosignature>.

use super::note::{MAX_NOTE_SIGNATURES, NoteError, NoteSignature, SignedNote, typed_key_id};
use crate::{Signature, SigningKey, verify_zip215};

/// Signature type of a timestamped Ed25519 cosignature.
const TYPE_COSIGNATURE: u8 = 0x04;
/// Time and signature.
const COSIGNATURE_LEN: usize = 8 + 64;

/// Signs a checkpoint's text as seen at this time, in seconds since 1970.
#[must_use]
pub fn cosign(text: &str, seconds: u64, key: &SigningKey) -> Signature {
    key.sign(&message(text, seconds))
}

/// Did this key sign that text as seen at that time?
#[must_use]
pub fn is_cosigned(text: &str, seconds: u64, key: &[u8; 32], signature: &Signature) -> bool {
    verify_zip215(key, &message(text, seconds), &signature.0)
}

fn message(text: &str, seconds: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {seconds}\n{text}").into_bytes()
}

impl SignedNote {
    /// Adds a line with what [`cosign`] made; whether it holds is for whoever reads the note.
    pub fn add_cosignature(
        &mut self,
        name: &str,
        key: &[u8; 32],
        (seconds, signature): (u64, &Signature),
    ) -> Result<(), NoteError> {
        let key_id = typed_key_id(name, TYPE_COSIGNATURE, &[key])?;
        if self.signatures().len() >= MAX_NOTE_SIGNATURES {
            return Err(NoteError::TooLong(self.to_text().len()));
        }
        let signature = [seconds.to_be_bytes().as_slice(), &signature.0].concat();
        self.push(NoteSignature { name: name.to_owned(), key_id, signature });
        Ok(())
    }

    /// When this key, known as `name`, cosigned the text, in seconds since 1970.
    pub fn cosigned_at(&self, name: &str, key: &[u8; 32]) -> Result<u64, NoteError> {
        let bytes = self.signature_of(name, typed_key_id(name, TYPE_COSIGNATURE, &[key])?)?;
        let invalid = || NoteError::Invalid(name.to_owned());
        let bytes: [u8; COSIGNATURE_LEN] = bytes.try_into().map_err(|_| invalid())?;
        let (seconds, signature) = bytes.split_first_chunk::<8>().ok_or_else(invalid)?;
        let seconds = u64::from_be_bytes(*seconds);
        let signature = Signature::try_from(signature).map_err(|_| invalid())?;
        let holds = is_cosigned(self.unverified_text(), seconds, key, &signature);
        if holds { Ok(seconds) } else { Err(invalid()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Checkpoint, Hash};

    #[test]
    fn a_cosignature_holds_for_its_text_time_name_and_key_alone() {
        let (log, witness) = (SigningKey::from_seed([1; 32]), SigningKey::from_seed([2; 32]));
        let checkpoint = Checkpoint::new("log", 3, Hash([3; 32])).unwrap();
        let mut note = checkpoint.sign("log", &log).unwrap();
        let public = *witness.verifying_key().as_bytes();
        let signature = cosign(note.unverified_text(), 1_800_000_000, &witness);
        note.add_cosignature("log/w", &public, (1_800_000_000, &signature)).unwrap();
        let text = note.to_text();
        let read = SignedNote::parse(&text).unwrap();
        assert_eq!(read, note);
        assert_eq!(read.cosigned_at("log/w", &public), Ok(1_800_000_000));
        // The log's own line is of another type, and holds as before.
        read.verify("log", &log.verifying_key()).unwrap();
        let none = Err(NoteError::NotSigned("log".into()));
        assert_eq!(read.cosigned_at("log", log.verifying_key().as_bytes()), none);
        assert!(read.verify("log/w", &witness.verifying_key()).is_err());
        let other = SignedNote::parse(&text.replacen("\n3\n", "\n4\n", 1)).unwrap();
        assert_eq!(other.cosigned_at("log/w", &public), Err(NoteError::Invalid("log/w".into())));
        let mut later = checkpoint.sign("log", &log).unwrap();
        later.add_cosignature("log/w", &public, (1_800_000_001, &signature)).unwrap();
        assert!(later.cosigned_at("log/w", &public).is_err(), "the time is signed too");
    }

    #[test]
    fn what_is_signed_is_what_the_specification_says() {
        let key = SigningKey::from_seed([2; 32]);
        let text =
            "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let said = format!("cosignature/v1\ntime 1679315147\n{text}");
        assert_eq!(cosign(text, 1_679_315_147, &key), key.sign(said.as_bytes()));
        // The key id of the specification's own example is over name, line feed, 04 and key, as it is here.
        let id = typed_key_id("w", TYPE_COSIGNATURE, &[key.verifying_key().as_bytes()]).unwrap();
        let input = [b"w\n\x04".as_slice(), key.verifying_key().as_bytes()].concat();
        assert_eq!(id.as_slice(), &<sha2::Sha256 as sha2::Digest>::digest(input)[..4]);
    }
}
