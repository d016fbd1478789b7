//! Receipts as other programs read them: COSE Receipts (RFC 9942) over the RFC 9162 tree of the log.

use minicbor::Encoder;
use minicbor::data::Tag;
use secnet_crypto::SigningKey;
use secnet_types::Receipt;

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

/// The receipt of the same event, for the same root, signed anew by the sequencer in the form of RFC 9942. The payload, the
/// root, is detached.
pub(crate) fn cose_receipt(receipt: &Receipt, log: &str, key: &SigningKey) -> Vec<u8> {
    let header = &receipt.header.header;
    let subject = format!("{log}/events/{}", receipt.index);
    let protected = protected(log, &subject, key.verifying_key().as_bytes());
    let signature = key.sign(&message(&protected, &header.log_root.0)).0;
    let proof = cbor(|e| {
        e.array(3)?.u64(header.log_size)?.u64(receipt.index)?.array(receipt.path.len() as u64)?;
        for node in &receipt.path {
            e.bytes(&node.0)?;
        }
        Ok(())
    });
    cbor(|e| {
        e.tag(Tag::new(TAG_COSE_SIGN1))?.array(4)?.bytes(&protected)?;
        e.map(1)?.i64(VDP)?.map(1)?.i64(INCLUSION_PROOFS)?.array(1)?.bytes(&proof)?;
        e.null()?.bytes(&signature)?;
        Ok(())
    })
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
