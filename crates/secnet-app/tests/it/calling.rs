//! Steps 1 and 2: what is no request, and who is nobody.

use std::sync::Arc;

use secnet_app::*;
use secnet_crypto::{SealKeyPair, SigningKey};
use secnet_types::*;

use crate::world::{HOUR, World, released};

/// The request changed, signed with this key.
fn resigned(
    call: &AccessCall,
    key: &SigningKey,
    change: impl FnOnce(&mut AccessRequest),
) -> AccessCall {
    let mut request = Signed::<AccessRequest>::parse(&call.request).unwrap().value;
    change(&mut request);
    AccessCall { request: Signed::sign(request, key).to_bytes(), ..call.clone() }
}

#[tokio::test]
async fn parts_of_a_call_that_do_not_belong_together_are_refused() {
    let mut world = World::new(80).await;
    world.granted(None, 0).await;
    let bo = World::copy(&world.bo);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let (other, _) = world.call(&bo, Purpose::Research, None);
    let kinds = Some((0..=limits::MAX_SCOPE_ENTRIES).map(|n| n.to_string()).collect());
    let wide = Scope { kinds, ..Scope::default() };
    let wide = RequestDetail {
        action: Action::Read,
        purpose: Purpose::Treatment,
        scope: wide,
        salt: world.salt(),
        proof_for: None,
    };
    let too_wide = resigned(&call, &bo.key, |request| request.detail = wide.commitment());
    let no_key = b"not a key".to_vec();
    let with_no_key =
        resigned(&call, &bo.key, |request| request.receiving_key = Digest::of(&no_key));
    let calls = [
        ("another detail", AccessCall { detail: other.detail.clone(), ..call.clone() }),
        ("another key", AccessCall { receiving_key: other.receiving_key, ..call.clone() }),
        ("no key", AccessCall { receiving_key: no_key, ..with_no_key }),
        ("a scope above its limits", AccessCall { detail: encode(&wide), ..too_wide }),
        ("a cut request", AccessCall { request: call.request[1..].to_vec(), ..call.clone() }),
        ("a cut detail", AccessCall { detail: call.detail[1..].to_vec(), ..call.clone() }),
        ("no detail", AccessCall { detail: Vec::new(), ..call.clone() }),
    ];
    for (what, call) in calls {
        let answer = world.pdc.access(&call).await;
        let error = answer.expect_err(what);
        assert!(matches!(error, AccessError::Malformed(_)), "{what}: {error:?}");
        assert!(!error.code().is_empty() && !error.hint().is_empty());
    }
    assert!(world.pdc.history(world.ada.id).await.unwrap().is_empty());
    released(world.pdc.access(&call).await.unwrap());
}

#[tokio::test]
async fn whoever_does_not_show_who_it_is_gets_one_answer_and_leaves_no_trace() {
    let mut world = World::new(81).await;
    world.granted(None, 0).await;
    let (bo, eve) = (World::copy(&world.bo), World::copy(&world.eve));
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let stranger = SigningKey::generate(&mut world.rng);
    let mut forged = call.clone();
    let last = forged.request.len() - 1;
    forged.request[last] ^= 1;
    let elsewhere = resigned(&call, &bo.key, |request| request.network = NetworkId([9; 32]));
    let nobody = MemberId::from_key(&stranger.verifying_key());
    let calls = [
        ("a forged signature", forged),
        ("another network", elsewhere),
        ("another member's signature", resigned(&call, &eve.key, |_| {})),
        ("a stranger's signature", resigned(&call, &stranger, |_| {})),
        ("a stranger", resigned(&call, &stranger, |request| request.requester = nobody)),
    ];
    for (what, call) in calls {
        let answer = world.pdc.access(&call).await;
        assert_eq!(answer.unwrap_err(), AccessError::Unauthenticated, "{what}");
    }
    assert!(world.pdc.history(world.ada.id).await.unwrap().is_empty());
    released(world.pdc.access(&call).await.unwrap());
}

#[tokio::test]
async fn a_session_key_asks_until_its_end_and_up_to_its_limit() {
    let mut world = World::new(82).await;
    world.granted(None, 2_000_000).await;
    let bo = World::copy(&world.bo);
    let key = Arc::new(SigningKey::generate(&mut world.rng));
    let session = Session {
        key: *key.verifying_key().as_bytes(),
        until: world.clock_now().plus_ms(HOUR / 4),
        limit: Amount(3_000_000),
    };
    let by_session = |call: &AccessCall| resigned(call, &key, |_| {});
    let (before, _) = world.call(&bo, Purpose::Treatment, None);
    let early = world.pdc.access(&by_session(&before)).await;
    assert_eq!(early.unwrap_err(), AccessError::Unauthenticated);

    world.submit(&bo, Operation::OpenSession { session }).await;
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    released(world.pdc.access(&by_session(&call)).await.unwrap());
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let Outcome::Denied(refusal) = world.pdc.access(&by_session(&call)).await.unwrap() else {
        panic!("the session has spent its limit")
    };
    assert_eq!(refusal.class, ReasonClass::Terms);
    assert_eq!(world.balance(&bo), 48_000_000);

    // Its end passes though no block is made.
    world.clock.advance(HOUR / 4);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let late = world.pdc.access(&by_session(&call)).await;
    assert_eq!(late.unwrap_err(), AccessError::Unauthenticated);
    released(world.pdc.access(&call).await.unwrap());
}

#[tokio::test]
async fn a_receiving_key_of_another_kind_is_no_key() {
    let mut world = World::new(83).await;
    let bo = World::copy(&world.bo);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let pair = SealKeyPair::generate(&mut world.rng);
    let short = pair.public.to_bytes()[..32].to_vec();
    let call = resigned(&call, &bo.key, |request| request.receiving_key = Digest::of(&short));
    let call = AccessCall { receiving_key: short, ..call };
    assert!(matches!(world.pdc.access(&call).await, Err(AccessError::Malformed(_))));
}
