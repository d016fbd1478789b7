//! Certificates by a quorum of validators, checked without the engine that made them.
//!
//! A certificate is the finalization of Commonware Simplex with its Ed25519 scheme, byte for byte: a proposal, which of the
//! validators signed, and their signatures. Layout and reasons are in `docs/spec/blocks.md`, section 7.

use minicbor::{Decode, Encode};
use secnet_crypto::verify_zip215;

use crate::{Digest, Header, NetworkId, limits};

/// The scheme of [`crate::Certificate::Quorum`] that this module checks.
pub const SIMPLEX_ED25519: u16 = 1;

/// What precedes the network's id in the base namespace of every signature of the engine.
const NAMESPACE: &[u8] = b"secnet/simplex/v1/";
/// What the engine appends to the base namespace for votes that finalize.
const FINALIZE: &[u8] = b"_FINALIZE";
/// Longest number in base 128.
const MAX_VARINT_BYTES: usize = 10;

/// A validator's Ed25519 key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct ValidatorKey(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

/// The base namespace of what the engine signs in a network.
#[must_use]
pub fn engine_namespace(network: NetworkId) -> Vec<u8> {
    [NAMESPACE, network.as_bytes()].concat()
}

/// How many of so many validators must sign: all but the largest number below a third.
#[must_use]
pub const fn quorum(validators: usize) -> usize {
    validators.saturating_sub(validators.saturating_sub(1) / 3)
}

/// Do these bytes show that a quorum of these validators has finalized the header?
pub(crate) fn certifies(header: &Header, bytes: &[u8], validators: &[ValidatorKey]) -> bool {
    certifies_or_not(header, bytes, validators).is_some()
}

fn certifies_or_not(header: &Header, bytes: &[u8], validators: &[ValidatorKey]) -> Option<()> {
    if bytes.len() > limits::MAX_CERTIFICATE_BYTES {
        return None;
    }
    let mut rest = bytes;
    let epoch = varint(&mut rest)?;
    let _view = varint(&mut rest)?;
    let _parent_view = varint(&mut rest)?;
    let payload = take(&mut rest, Digest::LEN)?;
    let proposal = bytes.get(..bytes.len().checked_sub(rest.len())?)?;
    if epoch != header.epoch || payload != header.digest().0 {
        return None;
    }
    let signers = signers(&mut rest, validators)?;
    let signatures = usize::try_from(varint(&mut rest)?).ok()?;
    if signatures != signers.len() || signers.len() < quorum(validators.len()) {
        return None;
    }
    let message = message(header.network, proposal);
    for signer in signers {
        let signature: [u8; 64] = take(&mut rest, 64)?.try_into().ok()?;
        if !verify_zip215(&signer.0, &message, &signature) {
            return None;
        }
    }
    rest.is_empty().then_some(())
}

/// What a validator signs to finalize a proposal.
fn message(network: NetworkId, proposal: &[u8]) -> Vec<u8> {
    let namespace = [&engine_namespace(network), FINALIZE].concat();
    // The length is below 128, so one byte is the whole number.
    let length = u8::try_from(namespace.len()).unwrap_or(u8::MAX);
    [&[length], namespace.as_slice(), proposal].concat()
}

/// A bitmap with as many bits as there are validators, after their number as eight bytes; the lowest bit comes first.
fn signers(rest: &mut &[u8], validators: &[ValidatorKey]) -> Option<Vec<ValidatorKey>> {
    let count: [u8; 8] = take(rest, 8)?.try_into().ok()?;
    if u64::from_be_bytes(count) != validators.len() as u64 {
        return None;
    }
    let bits = take(rest, validators.len().div_ceil(8))?;
    let is_set =
        |index: usize| bits.get(index / 8).is_some_and(|byte| (byte >> (index % 8)) & 1 == 1);
    if (validators.len()..bits.len().saturating_mul(8)).any(is_set) {
        return None;
    }
    let chosen = validators.iter().enumerate().filter(|(index, _)| is_set(*index));
    Some(chosen.map(|(_, key)| *key).collect())
}

/// An unsigned number in base 128, lowest digit first, in its shortest form.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for position in 0..MAX_VARINT_BYTES {
        let byte = *take(rest, 1)?.first()?;
        let digit = u64::from(byte & 0x7f);
        let shift = u32::try_from(position * 7).ok()?;
        let placed = digit.checked_shl(shift)?;
        if placed >> shift != digit {
            return None;
        }
        value |= placed;
        if byte & 0x80 == 0 {
            let shortest = byte != 0 || position == 0;
            return shortest.then_some(value);
        }
    }
    None
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}

#[cfg(test)]
pub(crate) mod tests;
