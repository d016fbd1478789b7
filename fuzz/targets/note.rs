//! Signed notes, checkpoints and verifier keys: each text has one reading, and only the log's key vouches for its log.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secnet_crypto::{
    Address, Checkpoint, SignedNote, VerifyingKey,
    merkle::note::{MAX_NOTE_LEN, MAX_NOTE_SIGNATURES, parse_verifier_key, verifier_key},
    merkle::tile::TileId,
};
use secnet_fuzz::{LOG, REAL};

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(note) = SignedNote::parse(text) {
        assert_eq!(note.to_text(), text, "a second text of one note");
        assert!(text.len() <= MAX_NOTE_LEN && note.signatures().len() <= MAX_NOTE_SIGNATURES);
        let known = SignedNote::parse(&REAL.checkpoint).expect("the log's own");
        if let Ok(vouched) = note.verify(LOG, &REAL.log_key) {
            assert_eq!(vouched, known.unverified_text(), "a checkpoint that the log never made");
        }
    }
    if let Ok(checkpoint) = Checkpoint::open(text, LOG, LOG, &REAL.log_key) {
        let header = &REAL.delivery.receipt.header.header;
        assert_eq!((checkpoint.size(), checkpoint.root().0), (header.log_size, header.log_root.0));
    }
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.to_string(), text, "a second text of one checkpoint");
    }
    if let Ok((name, key)) = parse_verifier_key(text) {
        assert_eq!(verifier_key(&name, &key).as_deref(), Ok(text));
    }
    if let Ok(key) = text.parse::<VerifyingKey>() {
        assert_eq!(key.to_did_key(), text);
    }
    if let Ok(address) = text.parse::<Address>() {
        assert_eq!(address.to_string(), text);
    }
    if let Ok(tile) = text.parse::<TileId>() {
        assert_eq!(tile.to_string(), text);
    }
});
