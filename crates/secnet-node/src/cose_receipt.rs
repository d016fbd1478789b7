//! Receipts as other programs read them: COSE Receipts (RFC 9942) over the RFC 9162 tree of the log. A sequencer signs one of
//! each event. Validators sign the log once for all events in it, each with a receipt of its own (`docs/spec/receipts.md`,
//! section 5).

use minicbor::Encoder;
use minicbor::data::Tag;
use secnet_crypto::{Signature, SigningKey, verify_zip215};
use secnet_types::{Digest, Handover, Receipt};

use crate::cosigned::{Cosigned, LogStatement};

const TAG_COSE_SIGN1: u64 = 18;
/// Header labels: algorithm, key id, CWT claims, verifiable data structure, verifiable data proofs.
const ALG: i64 = 1;
const KID: i64 = 4;
const CLAIMS: i64 = 15;
const VDS: i64 = 395;
const VDP: i64 = 396;
const EDDSA: i64 = -8;
const RFC9162_SHA256: i64 = 1;
const INCLUSION_PROOFS: i64 = -1;
/// CWT claims: issuer, subject.
const ISSUER: i64 = 1;
const SUBJECT: i64 = 2;
/// Header label of what leads from the genesis to the validators that signed.
const HANDOVERS: &str = "secnet/handovers/v1";

/// Where a leaf is in a log of so many, and the way from it to the root.
#[derive(Debug)]
pub(crate) struct Inclusion<'a> {
    pub size: u64,
    pub index: u64,
    pub path: &'a [Digest],
}

/// The receipt of the same event, for the same root, signed anew by the sequencer in the form of RFC 9942. The payload, the
/// root, is detached.
pub(crate) fn by_sequencer(receipt: &Receipt, log: &str, key: &SigningKey) -> Vec<u8> {
    let header = &receipt.header.header;
    let subject = format!("{log}/events/{}", receipt.index);
    let protected = protected(log, &subject, key.verifying_key().as_bytes());
    let signature = key.sign(&message(&protected, &header.log_root.0));
    let at = Inclusion { size: header.log_size, index: receipt.index, path: &receipt.path };
    cbor(|e| one(e, &protected, &at, &[], &signature.0))
}

/// One receipt by each validator that signed the log, as the header parameter `receipts` (394) of RFC 9942 has them. The first
/// brings what leads to these validators.
pub(crate) fn by_validators(
    log: &str,
    cosigned: &Cosigned,
    at: &Inclusion<'_>,
    handovers: &[Handover],
) -> Vec<u8> {
    let subject = subject(log, cosigned.statement());
    let receipts: Vec<Vec<u8>> = cosigned
        .cosignatures()
        .enumerate()
        .map(|(number, (key, cosignature))| {
            let handovers = if number == 0 { handovers } else { &[] };
            let protected = protected(log, &subject, &key.0);
            cbor(|e| one(e, &protected, at, handovers, &cosignature.receipt))
        })
        .collect();
    cbor(|e| {
        e.array(receipts.len() as u64)?;
        for receipt in &receipts {
            e.bytes(receipt)?;
        }
        Ok(())
    })
}

/// A validator's signature for the receipts of all events in this log.
pub(crate) fn sign(log: &str, statement: &LogStatement, key: &SigningKey) -> Signature {
    key.sign(&said(log, statement, key.verifying_key().as_bytes()))
}

/// Is it that validator's?
pub(crate) fn is_signed(
    log: &str,
    statement: &LogStatement,
    key: &[u8; 32],
    signature: &[u8; 64],
) -> bool {
    verify_zip215(key, &said(log, statement, key), signature)
}

fn said(log: &str, statement: &LogStatement, key: &[u8; 32]) -> Vec<u8> {
    message(&protected(log, &subject(log, statement), key), &statement.root.0)
}

/// Of all events in a log of this size.
fn subject(log: &str, statement: &LogStatement) -> String {
    format!("{log}/checkpoints/{}", statement.size)
}

fn one(
    e: &mut Encoder<&mut Vec<u8>>,
    protected: &[u8],
    at: &Inclusion<'_>,
    handovers: &[Handover],
    signature: &[u8; 64],
) -> Written {
    let proof = cbor(|e| {
        e.array(3)?.u64(at.size)?.u64(at.index)?.array(at.path.len() as u64)?;
        for node in at.path {
            e.bytes(&node.0)?;
        }
        Ok(())
    });
    e.tag(Tag::new(TAG_COSE_SIGN1))?.array(4)?.bytes(protected)?;
    e.map(if handovers.is_empty() { 1 } else { 2 })?;
    e.i64(VDP)?.map(1)?.i64(INCLUSION_PROOFS)?.array(1)?.bytes(&proof)?;
    if !handovers.is_empty() {
        e.str(HANDOVERS)?.encode(handovers)?;
    }
    e.null()?.bytes(signature)?;
    Ok(())
}

fn protected(issuer: &str, subject: &str, kid: &[u8; 32]) -> Vec<u8> {
    cbor(|e| {
        e.map(4)?.i64(ALG)?.i64(EDDSA)?.i64(KID)?.bytes(kid)?;
        e.i64(CLAIMS)?.map(2)?.i64(ISSUER)?.str(issuer)?.i64(SUBJECT)?.str(subject)?;
        e.i64(VDS)?.i64(RFC9162_SHA256)?;
        Ok(())
    })
}

/// The `Sig_structure` of RFC 9052 section 4.4, without external data, as RFC 9942 has it.
fn message(protected: &[u8], root: &[u8; 32]) -> Vec<u8> {
    cbor(|e| {
        e.array(4)?.str("Signature1")?.bytes(protected)?.bytes(&[])?.bytes(root)?;
        Ok(())
    })
}

type Written = Result<(), minicbor::encode::Error<core::convert::Infallible>>;

fn cbor(write: impl FnOnce(&mut Encoder<&mut Vec<u8>>) -> Written) -> Vec<u8> {
    let mut bytes = Vec::new();
    let written = write(&mut Encoder::new(&mut bytes));
    // INVARIANT: writing to a Vec cannot fail.
    debug_assert!(written.is_ok());
    bytes
}
