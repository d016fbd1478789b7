//! A call at the data centre's door: only the very call that the requester signed is released, whatever else arrives
//! changes nothing on the ledger and costs nobody anything.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secnet_app::{AccessCall, Door, Outcome};
use secnet_fuzz::{REAL, split};

fuzz_target!(|input: &[u8]| {
    let [request, detail, receiving_key] = split(input).map(<[u8]>::to_vec);
    let call = AccessCall { request, detail, receiving_key, door: Door::InProcess, source: None };
    let real = &*REAL;
    let is_the_call = call.request == real.call.request
        && call.detail == real.call.detail
        && call.receiving_key == real.call.receiving_key;
    let money = || real.pdc.view(|view| (view.height, view.state.audit())).expect("a view");
    let before = money();
    match real.access(&call) {
        Ok(Outcome::Released(delivery)) => {
            assert!(is_the_call, "released to a call that nobody signed");
            assert_eq!(delivery.granted.decision(), real.delivery.granted.decision());
        }
        Ok(_) => panic!("decided on a call that nobody signed"),
        Err(_) => assert!(!is_the_call, "a retry is answered"),
    }
    assert_eq!(money(), before, "the ledger grew");
});
