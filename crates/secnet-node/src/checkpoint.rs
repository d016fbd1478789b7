//! Checkpoints: how large a network's log is and what root it has, as C2SP notes that are checked from the genesis alone.
//! A sequencer signs one. What validators have signed is a header, so theirs has that header with its certificate where a
//! signature would be, and for programs that do not know that form the validators' own signatures (`docs/spec/receipts.md`,
//! section 3).

use secnet_crypto::merkle::note::{SignedNote, other_key_id};
use secnet_crypto::{
    Checkpoint, CheckpointError, Hash, NoteError, Signature, SigningKey, VerifyingKey,
};
use secnet_types::{Genesis, Header, SealedHeader, ValidatorKey, decode, encode, limits};

use crate::cosigned::{Cosignature, cosigner_name};

/// What a validator set's keys are called in notes.
const BY_VALIDATORS: &str = "secnet/simplex-ed25519/v1/";

/// The name of a network's log in checkpoints.
#[must_use]
pub fn origin(genesis: &Genesis) -> String {
    format!("secnet.example/{}", genesis.network())
}

/// The log of this header, signed by the sequencer.
pub(crate) fn by_sequencer(
    genesis: &Genesis,
    header: &Header,
    key: &SigningKey,
) -> Result<String, CheckpointError> {
    let checkpoint = of(genesis, header)?;
    Ok(checkpoint.sign(checkpoint.origin(), key)?.to_text())
}

/// The log of this header, which a quorum of validators has signed; and what each of these signed of the log itself.
pub(crate) fn by_validators<'a>(
    genesis: &Genesis,
    sealed: &SealedHeader,
    cosignatures: impl Iterator<Item = (&'a ValidatorKey, &'a Cosignature)>,
) -> Result<String, CheckpointError> {
    let checkpoint = of(genesis, &sealed.header)?;
    let (text, id) = (checkpoint.to_string(), validators_id(genesis, checkpoint.origin())?);
    let mut note = SignedNote::with_other(text, checkpoint.origin(), id, encode(sealed))?;
    for (key, cosignature) in cosignatures {
        let signed = (cosignature.seconds, &Signature(cosignature.note));
        note.add_cosignature(&cosigner_name(genesis, key), &key.0, signed)?;
    }
    Ok(note.to_text())
}

/// A checkpoint of the network's log, if it holds.
///
/// # Errors
/// It is no checkpoint, that of another log, or not certified as the genesis says.
pub fn open_checkpoint(genesis: &Genesis, note: &str) -> Result<Checkpoint, CheckpointError> {
    let origin = origin(genesis);
    let invalid = || CheckpointError::from(NoteError::Invalid(origin.clone()));
    let note = SignedNote::parse(note)?;
    let checkpoint = Checkpoint::parse(note.unverified_text())?;
    // Of another log it would not be signed either, but that would not say what is wrong.
    if checkpoint.origin() != origin {
        return Err(CheckpointError::Origin(checkpoint.origin().to_owned()));
    }
    if genesis.validators.is_none() {
        let key = VerifyingKey::from_bytes(genesis.sequencer).map_err(|_| invalid())?;
        note.verify(&origin, &key)?;
        return Ok(checkpoint);
    }
    let bytes = note.signature_of(&origin, validators_id(genesis, &origin)?)?;
    let sealed: SealedHeader =
        decode("header", bytes, limits::MAX_SEALED_HEADER_BYTES).map_err(|_| invalid())?;
    let says_so = of(genesis, &sealed.header).is_ok_and(|said| said == checkpoint);
    if says_so && genesis.certifies(&sealed) { Ok(checkpoint) } else { Err(invalid()) }
}

/// The log that a header covers.
fn of(genesis: &Genesis, header: &Header) -> Result<Checkpoint, CheckpointError> {
    Checkpoint::new(origin(genesis), header.log_size, Hash(header.log_root.0))
}

/// The validators follow from the genesis, which the network's id is the digest of.
fn validators_id(genesis: &Genesis, name: &str) -> Result<[u8; 4], NoteError> {
    other_key_id(name, BY_VALIDATORS, genesis.network().as_bytes())
}
