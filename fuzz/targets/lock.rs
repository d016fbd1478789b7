//! What the two halves of the lock travel in: one byte form each, and no packet opens but a real one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secnet_crypto::SealKeyPair;
use secnet_fuzz::{REAL, parcels};
use secnet_lock::{
    GrantBinding, GrantWraps, Grantee, ReceivedShares, ReleaseNode, ReleasePacket, ReleasedShares,
};

fuzz_target!(|input: &[u8]| {
    let Some((number, bytes)) = input.split_first() else { return };
    let Some(read) = parcels::READ.get(usize::from(*number)) else { return };
    let Some(again) = read(bytes) else { return };
    assert_eq!(again, bytes, "a second byte form of one value");
    let real = &*REAL;
    let is_real = parcels::all().iter().any(|(_, known)| known == bytes);
    match *number {
        1 => {
            let node = ReleaseNode::new(SealKeyPair::from_seed(*real.node.secret.seed()));
            let packet = ReleasePacket::from_bytes(bytes).expect("read before");
            assert_eq!(node.hold(&packet).is_ok(), is_real, "shares that nobody sealed");
        }
        2 => {
            let wraps = GrantWraps::from_bytes(bytes).expect("read before");
            let header = &wraps.header;
            let binding =
                GrantBinding { dataset: header.binding.dataset, detail: header.binding.detail };
            let accepted = Grantee::new().accept(&real.grantee.secret, &binding, &wraps).is_ok();
            assert_eq!(accepted, is_real, "a grant that nobody sealed");
        }
        3 => {
            let answer = ReleasedShares::from_bytes(bytes).expect("read before");
            let opened = ReceivedShares::new().open(&real.receiving, &real.context(), &answer);
            assert_eq!(opened.is_ok(), is_real, "shares that no node released");
        }
        _ => {}
    }
});
