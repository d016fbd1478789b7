//! Block headers, certificates and bodies: only the certificate that the sequencer made certifies, and only its header.
#![no_main]

use libfuzzer_sys::fuzz_target;
use minicbor::bytes::ByteVec;
use secnet_fuzz::{REAL, same, split};
use secnet_ledger::commands_root;
use secnet_types::{Certificate, Digest, SealedHeader, limits};

const HEADER_LIMIT: usize = limits::MAX_HEADER_BYTES + limits::MAX_CERTIFICATE_BYTES;

fuzz_target!(|input: &[u8]| {
    let [sealed, body] = split(input);
    if let Some(sealed) = same::<SealedHeader>(sealed, HEADER_LIMIT) {
        let real = &*REAL;
        let known = &real.delivery.receipt.header;
        let certifies = sealed.certificate.certifies_solo(&sealed.header, &real.genesis.sequencer);
        assert_eq!(certifies, sealed == *known, "certified by somebody else");
        assert!(sealed.header.context.len() <= limits::MAX_CONTEXT_BYTES);
        if let Certificate::Quorum { .. } = sealed.certificate {
            assert!(!certifies, "there is no quorum in a solo network");
        }
    }
    if let Some(commands) = same::<Vec<ByteVec>>(body, limits::MAX_BLOCK_BYTES) {
        let commands: Vec<Vec<u8>> = commands.into_iter().map(Vec::from).collect();
        let root = commands_root(&commands);
        let mut longer = commands.clone();
        longer.push(Vec::new());
        assert_ne!(commands_root(&longer), root);
        assert_ne!(root, Digest::ZERO);
    }
});
