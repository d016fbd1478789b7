//! A receipt holds as it is and in no other way.

use secnet_crypto::{Frontier, SigningKey, leaf_hash};
use secnet_types::*;

use crate::draw::Draw;

struct Issued {
    genesis: Genesis,
    receipt: Receipt,
    sequencer: SigningKey,
}

fn issued(decision: bool) -> Issued {
    let mut d = Draw(9);
    let (sequencer, author, requester) = (d.key(), d.key(), d.key());
    let governor = MemberId::from_key(&d.key().verifying_key());
    let genesis = Genesis {
        version: 1,
        name: "test".into(),
        founders: vec![Founder { member: governor, ..d.any() }],
        governors: vec![governor],
        threshold: 1,
        sequencer: *sequencer.verifying_key().as_bytes(),
        ..d.any()
    };
    let network = genesis.network();
    let request = Signed::sign(AccessRequest { network, ..d.any() }, &requester);
    let operation = if decision {
        Operation::RecordDecision { decision: Decision { request, ..d.any() } }
    } else {
        Operation::CreateGroup
    };
    let command = Command { network, operation, ..d.any() };
    let (author_id, id) = (command.author, command.id);
    let command = SignedCommand::sign(command, &author).to_bytes();
    let cause = Cause::Command { digest: Digest::of(&command), author: author_id, id };
    let verdict = Verdict::Deny { reason: ReasonClass::Guard };
    let decided = Effect::Decided {
        decision: d.any(),
        dataset: d.any(),
        requester: d.any(),
        request: d.any(),
        verdict,
    };
    let event = encode(&Event { height: 7, cause, effects: vec![decided], ..d.any() });
    let leaves = [encode(&d.any::<Event>()), event.clone(), encode(&d.any::<Event>())];
    let mut frontier = Frontier::new();
    for leaf in &leaves {
        frontier.append(leaf_hash(leaf));
    }
    // Three leaves: the second's path is the first, then the third.
    let path = vec![Digest(leaf_hash(&leaves[0]).0), Digest(leaf_hash(&leaves[2]).0)];
    let header = Header {
        version: 1,
        network,
        height: 8,
        log_size: 3,
        log_root: Digest(frontier.root().0),
        context: Vec::new(),
        ..d.any()
    };
    let certificate = Certificate::solo(&header, &sequencer);
    let header = SealedHeader { header, certificate, handovers: None };
    Issued {
        genesis,
        receipt: Receipt { version: 1, command, event, index: 1, path, header },
        sequencer,
    }
}

/// As [`Receipt::verify`] says after a change; the header is certified anew if asked.
fn after(recertify: bool, change: impl FnOnce(&mut Receipt)) -> ReceiptError {
    let mut issued = issued(true);
    change(&mut issued.receipt);
    if recertify {
        let header = &mut issued.receipt.header;
        header.certificate = Certificate::solo(&header.header, &issued.sequencer);
    }
    issued.receipt.verify(&issued.genesis).expect_err("it was tampered with")
}

#[test]
fn a_sound_receipt_verifies_and_round_trips() {
    for decision in [true, false] {
        let Issued { genesis, receipt, .. } = issued(decision);
        assert_eq!(genesis.check(), Ok(()));
        let verified = receipt.verify(&genesis).unwrap();
        assert_eq!(Receipt::parse(&receipt.to_bytes()), Ok(receipt.clone()));
        assert_eq!(verified.verdict(), Some(Verdict::Deny { reason: ReasonClass::Guard }));
        assert_eq!((verified.log_size, verified.log_root), (3, receipt.header.header.log_root));
    }
}

#[test]
fn each_tampered_field_is_named() {
    use ReceiptError as E;
    assert_eq!(after(false, |r| r.version = 2), E::Version(2));
    assert!(matches!(after(false, |r| r.command.truncate(9)), E::Command(CoseError::Form(_))));
    // The last byte is the signature's; one in the middle is the payload's.
    let flip_last = |r: &mut Receipt| *r.command.last_mut().unwrap() ^= 1;
    assert_eq!(after(false, flip_last), E::Command(CoseError::Signature));
    assert!(matches!(
        after(false, |r| {
            let at = r.command.len() / 2;
            r.command[at] ^= 1;
        }),
        E::Command(_)
    ));
    assert_eq!(after(true, |r| r.header.header.network = NetworkId([1; 32])), E::Network);
    assert!(matches!(after(false, |r| r.event.push(0)), E::Decode(_)));
    let other_event = encode(&Draw(4).any::<Event>());
    assert_eq!(after(false, |r| r.event = other_event), E::Event);
    assert_eq!(
        after(true, |r| r.header.header.height = 7),
        E::Event,
        "a header that cannot cover it"
    );
    assert_eq!(after(false, |r| r.index = 0), E::Inclusion);
    assert_eq!(after(false, |r| r.index = 3), E::Inclusion);
    assert_eq!(after(false, |r| r.path.truncate(1)), E::Inclusion);
    assert_eq!(after(false, |r| r.path.push(Digest::ZERO)), E::Inclusion);
    assert_eq!(after(false, |r| r.path.swap(0, 1)), E::Inclusion);
    assert_eq!(after(true, |r| r.header.header.log_root = Digest::ZERO), E::Inclusion);
    assert_eq!(after(true, |r| r.header.header.log_size = 2), E::Inclusion);
    assert_eq!(after(false, |r| r.header.header.time = Timestamp(0)), E::Certificate);
    assert_eq!(after(false, |r| r.header.header.state = Digest::ZERO), E::Certificate);
    let stranger = Draw(77).key();
    assert_eq!(
        after(false, |r| r.header.certificate = Certificate::solo(&r.header.header, &stranger)),
        E::Certificate
    );
    let quorum = Certificate::Quorum { scheme: 1, bytes: vec![0; 48] };
    assert_eq!(after(false, |r| r.header.certificate = quorum), E::Certificate);
}

#[test]
fn a_changed_effect_is_found() {
    let change = |r: &mut Receipt| {
        let mut event: Event = decode("event", &r.event, limits::MAX_EVENT_BYTES).unwrap();
        let Some(Effect::Decided { verdict, .. }) = event.effects.first_mut() else { panic!() };
        *verdict = Verdict::Deny { reason: ReasonClass::Consent };
        r.event = encode(&event);
    };
    assert_eq!(after(false, change), ReceiptError::Inclusion);
}

#[test]
fn a_request_with_a_forged_signature_is_found() {
    let change = |r: &mut Receipt| {
        let mut command = SignedCommand::parse(&r.command).unwrap().value;
        let Operation::RecordDecision { decision } = &mut command.operation else { panic!() };
        decision.request.envelope.signature[0] ^= 1;
        r.command = SignedCommand::sign(command, &Draw(3).key()).to_bytes();
    };
    assert_eq!(after(false, change), ReceiptError::Command(CoseError::Signature));
}

#[test]
fn a_receipt_of_another_genesis_is_refused() {
    let Issued { mut genesis, receipt, .. } = issued(true);
    genesis.salt[0] ^= 1;
    assert_eq!(receipt.verify(&genesis), Err(ReceiptError::Network));
}

#[test]
fn a_genesis_whose_parts_do_not_fit_is_refused() {
    let sound = issued(true).genesis;
    let refused = |change: &dyn Fn(&mut Genesis)| {
        let mut genesis = sound.clone();
        change(&mut genesis);
        assert!(matches!(Genesis::parse(&encode(&genesis)), Err(GenesisError::Inconsistent(_))));
    };
    assert_eq!(Genesis::parse(&encode(&sound)).as_ref(), Ok(&sound));
    refused(&|g| g.version = 2);
    refused(&|g| g.name = "x".repeat(limits::MAX_TEXT_BYTES + 1));
    refused(&|g| g.threshold = 0);
    refused(&|g| g.threshold = 2);
    refused(&|g| g.governors = vec![]);
    refused(&|g| g.governors.push(g.governors[0]));
    refused(&|g| g.governors = vec![MemberId([3; 32])]);
    refused(&|g| g.founders.push(g.founders[0].clone()));
    // A small-order key signs anything for anybody, and the all-zero one is where proposals are remembered.
    refused(&|g| {
        g.founders.insert(0, Founder { member: MemberId([0; 32]), ..g.founders[0].clone() })
    });
    refused(&|g| g.sequencer = [0; 32]);
}
