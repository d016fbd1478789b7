//! What one node asks another over the network: nothing is released but what the ledger permits, to the key it names.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secnet_app::{NodeAnswer, NodeQuestion};
use secnet_fuzz::{REAL, same};

const LIMIT: usize = 1 << 21;

fuzz_target!(|input: &[u8]| {
    match input.split_first() {
        Some((0, question)) => answered(question),
        Some((1, answer)) => drop(same::<NodeAnswer>(answer, LIMIT)),
        _ => {}
    }
});

fn answered(bytes: &[u8]) {
    let real = &*REAL;
    let look = |reader: &mut dyn FnMut(&secnet_app::ports::View<'_>)| real.pdc.log.read(reader);
    let answer = real.desk.answer(bytes, &real.card, &look);
    let answer = NodeAnswer::from_bytes(&answer).expect("its own answer");
    let question = same::<NodeQuestion>(bytes, LIMIT);
    match (question, answer) {
        (Some(NodeQuestion::Release { ask, parts, .. }), NodeAnswer::Shares { shares }) => {
            assert_eq!(&ask, real.delivery.granted.permit().ask(), "nobody allowed this");
            assert_eq!(shares.header.context, real.context());
            let named = parts.iter().flat_map(|part| &part.records);
            assert!(named.into_iter().all(|record| ask.records.contains(record)));
        }
        (_, NodeAnswer::Shares { .. }) => panic!("shares for another question"),
        (None, answer) => assert!(matches!(answer, NodeAnswer::Refused { .. })),
        _ => {}
    }
}
