//! Who may send a command at all: members, keys, groups, sessions.

use secnet_ledger::{Invalid, Outcome, VerifyingPool};
use secnet_types::*;

use crate::support::*;

fn invalid(bytes: Vec<u8>) -> Invalid {
    use rand_chacha::rand_core::SeedableRng;
    let mut rng = rand_chacha::ChaCha8Rng::from_seed([3; 32]);
    VerifyingPool::verify(vec![bytes], &mut rng).remove(0).expect_err("invalid")
}

#[test]
pub(crate) fn forged_signatures_never_become_verified_commands() {
    let mut w = World::new();
    let command = w.command("ada", Operation::CreateGroup);
    let good = signed("ada", command);
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(invalid(forged.clone()), Invalid::Signature);
    assert!(matches!(invalid(good[1..].to_vec()), Invalid::Form(_)));

    // In a batch only the bad ones are refused.
    use rand_chacha::rand_core::SeedableRng;
    let mut rng = rand_chacha::ChaCha8Rng::from_seed([3; 32]);
    let mut batch = vec![good; 70];
    batch[33] = forged;
    let results = VerifyingPool::verify(batch, &mut rng);
    let bad: Vec<usize> = (0..70).filter(|n| results[*n].is_err()).collect();
    assert_eq!(bad, [33]);
}

/// The signatures inside count as well: request, card, rotation, approval.
#[test]
pub(crate) fn forged_inner_signatures_never_become_verified_commands() {
    let (mut w, dataset) = World::furnished();
    let grant = w.granted(dataset, "bo");
    let flip = |envelope: &mut SignedBytes| envelope.signature[40] ^= 1;
    let mut operations = vec![w.allowed("bo", dataset, grant)];
    let Operation::RecordDecision { decision } = &mut operations[0] else { unreachable!() };
    flip(&mut decision.request.envelope);
    let mut forged_card = card(&w, "new", MemberKind::Person, Some("hospital-1"));
    flip(&mut forged_card.envelope);
    operations.push(Operation::Vouch { card: forged_card.clone() });
    let rotation = Rotation { network: w.network(), member: id("ada"), sealing_key: digest(1) };
    let mut rotation = Signed::sign(rotation, &key("ada2"));
    flip(&mut rotation.envelope);
    operations.push(Operation::RotateKey { rotation });
    let (network, said) = (w.network(), w.now());
    let (from, to, manifest) = (id("pdc"), id("pdc2"), digest(2));
    let arrival = Arrival { network, dataset, from, to, manifest, said };
    let mut arrival = SignedArrival::sign(arrival, &key("pdc2"));
    flip(&mut arrival.envelope);
    operations.push(Operation::MoveDataset { arrival });
    let proposal = w.proposal(Change::Admit(forged_card));
    let approvals = w.approvals(&proposal, &["gov1", "gov2"]);
    operations.push(Operation::Govern { proposal, approvals });
    let proposal = w.proposal(Change::Suspend(id("ada")));
    let mut approvals = w.approvals(&proposal, &["gov1", "gov2"]);
    approvals[1].signature[40] ^= 1;
    operations.push(Operation::Govern { proposal, approvals });
    for operation in operations {
        let command = w.command("ada", operation);
        assert_eq!(invalid(signed("ada", command)), Invalid::Signature);
    }
}

#[test]
pub(crate) fn network_time_author_and_key_are_judged_first() {
    let mut w = World::new();
    let sound = w.command("ada", Operation::CreateGroup);
    let with = |change: &dyn Fn(&mut Command)| {
        let mut command = sound.clone();
        change(&mut command);
        command
    };
    let other_network = with(&|c| c.network = NetworkId([1; 32]));
    w.refuses(signed("ada", other_network), "wrong-network");
    let expired = with(&|c| c.expires = Timestamp(START));
    w.refuses(signed("ada", expired), "expired");
    let now = Timestamp(w.time + 1);
    let expires_now = with(&|c| c.expires = now);
    w.refuses(signed("ada", expires_now), "expired");
    let far = with(&|c| c.expires = now.plus_ms(limits::MAX_COMMAND_LIFETIME_MS + 10));
    w.refuses(signed("ada", far), "expires-too-late");
    let endless = with(&|c| c.expires = Timestamp::MAX);
    w.refuses(signed("ada", endless), "expires-too-late");
    let stranger = with(&|c| c.author = id("nobody"));
    w.refuses(signed("nobody", stranger), "unknown-member");
    w.refuses(signed("eve", sound.clone()), "wrong-key");
    assert!(matches!(w.try_sign("ada", sound), Outcome::Applied { .. }));
}

#[test]
pub(crate) fn after_a_rotation_only_the_new_key_signs() {
    let (mut w, dataset) = World::furnished();
    let grant = w.granted(dataset, "bo");
    let rotation = |w: &World, member: &str| {
        let rotation =
            Rotation { network: w.network(), member: id(member), sealing_key: digest(1) };
        Operation::RotateKey { rotation: Signed::sign(rotation, &key("bo-new")) }
    };
    let for_cy = rotation(&w, "cy");
    w.refused("bo", for_cy, "not-entitled");
    let by_old_request = w.allowed("bo", dataset, grant);
    let rotate = rotation(&w, "bo");
    w.ok("bo", rotate);
    w.refused("bo", Operation::CreateGroup, "wrong-key");
    w.refused("pdc", by_old_request, "request-mismatch");
    let command = w.command("bo", Operation::CreateGroup);
    assert!(matches!(w.try_sign("bo-new", command), Outcome::Applied { .. }));
    // The id stays: grants to it go on under the new key.
    let request = w.request("bo", dataset);
    let verdict = w.allow(grant, UNIT);
    let decision = w.decide(Signed::sign(request, &key("bo-new")), verdict);
    w.ok("pdc", Operation::RecordDecision { decision });
    let other = Rotation { network: NetworkId([1; 32]), member: id("cy"), sealing_key: digest(1) };
    let rotation = Signed::sign(other, &key("cy-new"));
    w.refused("cy", Operation::RotateKey { rotation }, "wrong-network");
}

/// Whoever stole a key may have opened sessions with it.
#[test]
pub(crate) fn a_rotation_ends_the_sessions_that_the_old_key_opened() {
    let (mut w, dataset) = World::furnished();
    let grant = w.granted(dataset, "bo");
    let session_key = *key("thief").verifying_key().as_bytes();
    let open = |w: &World, key| Operation::OpenSession {
        session: Session { key, until: w.at(HOUR), limit: Amount(10 * UNIT) },
    };
    let opened = open(&w, session_key);
    w.ok("bo", opened);
    let of_cy = open(&w, session_key);
    w.ok("cy", of_cy);
    let by_thief = |w: &mut World, who: &str| {
        let request = w.request(who, dataset);
        let verdict = Verdict::Deny { reason: ReasonClass::Rule };
        let decision = w.decide(Signed::sign(request, &key("thief")), verdict);
        Operation::RecordDecision { decision }
    };
    let before = by_thief(&mut w, "bo");
    w.ok("pdc", before);
    let rotation = Rotation { network: w.network(), member: id("bo"), sealing_key: digest(1) };
    let rotation = Signed::sign(rotation, &key("bo-new"));
    let command = w.command("bo", Operation::RotateKey { rotation });
    let block = w.block(vec![signed("bo", command)]);
    let event: Event = decode("event", &block.events[0], limits::MAX_EVENT_BYTES).unwrap();
    let ended = Effect::SessionEnded { member: id("bo"), key: session_key };
    assert!(event.effects.contains(&ended), "the member is told");
    let after = by_thief(&mut w, "bo");
    w.refused("pdc", after, "request-mismatch");
    // Another member's session with the same key is that member's affair.
    let cys = by_thief(&mut w, "cy");
    w.ok("pdc", cys);
    // The new key opens new ones.
    let session = Session { key: session_key, until: w.at(HOUR), limit: Amount(10 * UNIT) };
    let again = w.command("bo", Operation::OpenSession { session });
    assert!(matches!(w.try_sign("bo-new", again), Outcome::Applied { .. }));
    let verdict = w.allow(grant, UNIT);
    let request = w.request("bo", dataset);
    let decision = w.decide(Signed::sign(request, &key("thief")), verdict);
    w.ok("pdc", Operation::RecordDecision { decision });
}

#[test]
pub(crate) fn a_member_has_so_many_sessions_open_at_most() {
    let mut w = World::new();
    let open = |w: &World, n: usize| Operation::OpenSession {
        session: Session {
            key: *key(&format!("session-{n}")).verifying_key().as_bytes(),
            until: w.at(HOUR),
            limit: Amount(1),
        },
    };
    for n in 0..limits::MAX_SESSIONS_OF_MEMBER {
        let one = open(&w, n);
        w.ok("ada", one);
    }
    let one_more = open(&w, limits::MAX_SESSIONS_OF_MEMBER);
    w.refused("ada", one_more.clone(), "limit-reached");
    w.ok("bo", one_more.clone());
    let first = *key("session-0").verifying_key().as_bytes();
    w.ok("ada", Operation::EndSession { key: first });
    w.ok("ada", one_more);
}

#[test]
pub(crate) fn organisations_vouch_and_disown() {
    let mut w = World::new();
    let vouch = |w: &World, name: &str, kind| Operation::Vouch {
        card: card(w, name, kind, Some("hospital-1")),
    };
    let person = vouch(&w, "new", MemberKind::Person);
    w.refused("ada", person.clone(), "wrong-kind");
    let organisation = vouch(&w, "org", MemberKind::Organisation);
    w.refused("hospital-1", organisation, "wrong-kind");
    w.ok("hospital-1", person.clone());
    w.refused("hospital-1", person, "member-exists");
    let old = vouch(&w, "ada", MemberKind::Person);
    w.refused("hospital-1", old, "member-exists");
    w.refused("hospital-10", Operation::Disown { member: id("new") }, "not-vouched-by-author");
    w.refused("hospital-1", Operation::Disown { member: id("ada") }, "not-vouched-by-author");
    w.refused("hospital-1", Operation::Disown { member: id("nobody") }, "unknown-member");
    w.ok("hospital-1", Operation::Disown { member: id("new") });
    w.refused("new", Operation::CreateGroup, "suspended");
    let card = Signed::sign(
        MemberCard {
            network: NetworkId([1; 32]),
            kind: MemberKind::Person,
            sealing_key: digest(1),
            voucher: Some(id("hospital-1")),
        },
        &key("other"),
    );
    w.refused("hospital-1", Operation::Vouch { card }, "wrong-network");
}

/// A card is seen by many before it is admitted: only whom it names may vouch, and so suspend later.
#[test]
pub(crate) fn nobody_vouches_for_a_card_that_does_not_name_it() {
    let mut w = World::new();
    let vouch =
        |w: &World, voucher| Operation::Vouch { card: card(w, "new", MemberKind::Person, voucher) };
    let for_hospital_1 = vouch(&w, Some("hospital-1"));
    w.refused("hospital-10", for_hospital_1.clone(), "wrong-voucher");
    let for_nobody = vouch(&w, None);
    w.refused("hospital-1", for_nobody, "wrong-voucher");
    w.ok("hospital-1", for_hospital_1);
    w.refused("hospital-10", Operation::Disown { member: id("new") }, "not-vouched-by-author");
    let node = card(&w, "node", MemberKind::Node, Some("hospital-1"));
    assert_eq!(w.govern(Change::Admit(node.clone())), Err(secnet_ledger::Rejection::WrongVoucher));
    w.ok("hospital-1", Operation::Vouch { card: node });
}

/// Disowned staff that the governors reinstate is no longer the organisation's.
#[test]
pub(crate) fn reinstated_staff_does_not_regain_the_organisation_that_disowned_it() {
    let (mut w, dataset) = World::furnished();
    let vouch = vouch(&w, "hospital-1", "nurse");
    w.ok("hospital-1", vouch);
    let grantee = Party::Organisation(id("hospital-1"));
    let grant = Grant { grantee, price: Amount::ZERO, ..w.grant_of(dataset, "bo") };
    let grant = w.grant("ada", grant);
    let free = |w: &mut World| {
        let request = w.request("nurse", dataset);
        let verdict = w.allow(grant, 0);
        let decision = w.decide(Signed::sign(request, &key("nurse")), verdict);
        Operation::RecordDecision { decision }
    };
    let as_staff = free(&mut w);
    w.ok("pdc", as_staff);
    w.ok("hospital-1", Operation::Disown { member: id("nurse") });
    w.govern(Change::Reinstate(id("nurse"))).unwrap();
    let as_stranger = free(&mut w);
    w.refused("pdc", as_stranger, "not-the-grantee");
}

/// Under ZIP-215 the point of order one verifies whatever it is shown; such a key must not become a member.
#[test]
pub(crate) fn a_key_of_small_order_is_refused() {
    let mut w = World::new();
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    let card = MemberCard {
        network: w.network(),
        kind: MemberKind::Person,
        sealing_key: digest(1),
        voucher: Some(id("hospital-1")),
    };
    let payload = encode(&card);
    let envelope = SignedBytes { key: identity, payload, signature };
    assert_eq!(envelope.verify(Namespace::Card), Ok(()), "the forgery verifies");
    let card: Signed<MemberCard> = Signed::parse(&envelope.to_bytes()).unwrap();
    w.refused("hospital-1", Operation::Vouch { card }, "bad-key");
    let session = Session { key: [0; 32], until: w.at(HOUR), limit: Amount(1) };
    w.refused("ada", Operation::OpenSession { session }, "bad-key");
}

#[test]
pub(crate) fn groups_are_changed_by_their_admin_within_limits() {
    let mut w = World::new();
    let group = GroupId::derive(id("ada"), w.ok("ada", Operation::CreateGroup));
    let change = |add: &[&str], remove: &[&str]| Operation::ChangeGroup {
        group,
        add: add.iter().map(|n| id(n)).collect(),
        remove: remove.iter().map(|n| id(n)).collect(),
    };
    w.refused("bo", change(&["bo"], &[]), "not-entitled");
    w.refused("ada", change(&[], &[]), "too-many");
    let many = Operation::ChangeGroup { group, add: vec![id("bo"); 129], remove: vec![] };
    w.refused("ada", many, "too-many");
    let unknown = Operation::ChangeGroup { group: GroupId([1; 16]), add: vec![], remove: vec![] };
    w.refused("ada", unknown, "unknown-group");
    // The second is unknown: the first does not stay in either.
    w.refused("ada", change(&["bo", "nobody"], &[]), "unknown-member");
    w.ok("ada", change(&["bo", "bo", "cy"], &["cy", "dan"]));
    let state = w.executor.state();
    assert!(state.belongs(id("bo"), Party::Group(group)));
    assert!(!state.belongs(id("cy"), Party::Group(group)), "added, then removed, in one command");
    assert_eq!(state.parties_of(id("bo")).last(), Some(&Party::Group(group)));
    assert_eq!(format!("{:?}", w.reloaded().state()), format!("{:?}", w.executor.state()));
}

#[test]
pub(crate) fn a_group_has_a_size_limit() {
    let mut genesis = genesis();
    let crowd: Vec<MemberId> = (0..=limits::MAX_GROUP_MEMBERS as u32)
        .map(|n| {
            let mut id = [0; 32];
            id[..4].copy_from_slice(&n.to_be_bytes());
            MemberId(id)
        })
        .collect();
    let sealing_key = digest(1);
    let extras =
        crowd.iter().map(|id| Founder { member: *id, kind: MemberKind::Device, sealing_key });
    genesis.founders.extend(extras);
    let mut w = World::with(genesis);
    let group = GroupId::derive(id("ada"), w.ok("ada", Operation::CreateGroup));
    let changes = crowd[1..].chunks(128).map(|part| {
        let add = part.to_vec();
        Operation::ChangeGroup { group, add, remove: vec![] }
    });
    let commands: Vec<Vec<u8>> = changes
        .map(|operation| {
            let command = w.command("ada", operation);
            signed("ada", command)
        })
        .collect();
    let block = w.block(commands);
    assert!(block.outcomes.iter().all(|o| matches!(o, Outcome::Applied { .. })));
    let one_more = Operation::ChangeGroup { group, add: vec![crowd[0]], remove: vec![] };
    let command = w.command("ada", one_more);
    let before = w.executor.position();
    let outcome = w.try_sign("ada", command);
    let Outcome::Rejected(rejection) = outcome else { panic!("{outcome:?}") };
    assert_eq!(rejection.code(), "group-full");
    assert_eq!(w.executor.position().state, before.state);
    let swap = Operation::ChangeGroup { group, add: vec![crowd[0]], remove: vec![crowd[1]] };
    w.ok("ada", swap);
}

#[test]
pub(crate) fn sessions_sign_requests_until_they_end_or_are_spent() {
    let (mut w, dataset) = World::furnished();
    let grant = w.granted(dataset, "bo");
    let session_key = *key("bo-session").verifying_key().as_bytes();
    let open = |until, limit: u64| Operation::OpenSession {
        session: Session { key: session_key, until, limit: Amount(limit) },
    };
    let by_session = |w: &mut World| {
        let request = w.request("bo", dataset);
        let verdict = w.allow(grant, UNIT);
        let decision = w.decide(Signed::sign(request, &key("bo-session")), verdict);
        Operation::RecordDecision { decision }
    };
    let early = by_session(&mut w);
    w.refused("pdc", early, "request-mismatch");
    w.refused("bo", Operation::EndSession { key: session_key }, "unknown-session");
    w.refused("bo", open(w.now(), UNIT), "bad-deadline");
    w.refused("bo", open(w.at(limits::MAX_SESSION_LIFETIME_MS + 10), UNIT), "bad-deadline");
    w.ok("bo", open(w.at(HOUR), 2 * UNIT));
    w.refused("bo", open(w.at(HOUR), UNIT), "already-exists");
    for _ in 0..2 {
        let use_it = by_session(&mut w);
        w.ok("pdc", use_it);
    }
    let third = by_session(&mut w);
    w.refused("pdc", third, "session-spent");
    // A session is for requests, not for commands.
    let command = w.command("bo", Operation::CreateGroup);
    w.refuses(signed("bo-session", command), "wrong-key");
    // Nor is it another member's.
    let request = w.request("cy", dataset);
    let deny = Verdict::Deny { reason: ReasonClass::Rule };
    let decision = w.decide(Signed::sign(request, &key("bo-session")), deny);
    w.refused("pdc", Operation::RecordDecision { decision }, "request-mismatch");
    let late = by_session(&mut w);
    w.ok("bo", Operation::EndSession { key: session_key });
    w.refused("pdc", late, "request-mismatch");

    w.ok("bo", open(w.at(MINUTE), 5 * UNIT));
    w.wait(MINUTE);
    let over = by_session(&mut w);
    w.refused("pdc", over, "request-mismatch");
    assert_eq!(w.executor.state().session(id("bo"), session_key), None, "swept");
}

#[test]
pub(crate) fn the_suspended_neither_sign_nor_are_granted_nor_use_grants() {
    let (mut w, dataset) = World::furnished();
    let vouch = vouch(&w, "hospital-1", "nurse");
    w.ok("hospital-1", vouch);
    let to_bo = w.granted(dataset, "bo");
    let grantee = Party::Organisation(id("hospital-1"));
    let to_staff = Grant { grantee, price: Amount::ZERO, ..w.grant_of(dataset, "bo") };
    let staff = w.grant("ada", to_staff.clone());
    w.govern(Change::Suspend(id("bo"))).unwrap();
    w.govern(Change::Suspend(id("hospital-1"))).unwrap();
    w.refused("bo", Operation::CreateGroup, "suspended");
    let using = w.allowed("bo", dataset, to_bo);
    w.refused("pdc", using, "suspended");
    let grant = w.grant_of(dataset, "bo");
    w.refused("ada", Operation::Grant { grant }, "suspended");
    w.refused("ada", Operation::Grant { grant: to_staff }, "suspended");
    // The staff of a suspended organisation is not suspended, but does not act for it.
    let request = w.request("nurse", dataset);
    let verdict = w.allow(staff, 0);
    let decision = w.decide(Signed::sign(request, &key("nurse")), verdict);
    w.refused("pdc", Operation::RecordDecision { decision: decision.clone() }, "suspended");
    w.refused("ada", Operation::Transfer { to: id("bo"), amount: Amount(1) }, "suspended");
    w.govern(Change::Reinstate(id("hospital-1"))).unwrap();
    w.ok("pdc", Operation::RecordDecision { decision });
    w.govern(Change::Suspend(id("pdc"))).unwrap();
    let using = w.allowed("cy", dataset, to_bo);
    w.refused("pdc", using, "suspended");
}
