//! What a node believes of where others' doors are.

use secnet_app::ports::View;
use secnet_app::*;
use secnet_crypto::{SealKeyPair, SigningKey};
use secnet_types::*;

use crate::world::{HOUR, Person, World};

const MINUTE: u64 = 60_000;

/// What somebody says, as of now and a little later or earlier.
fn said(world: &World, who: MemberId, key: &SigningKey, url: &str, at: Timestamp) -> SignedDoor {
    let network = world.pdc.network();
    let door = DoorStatement { network, member: who, url: url.parse().unwrap(), said: at };
    SignedDoor::sign(door, key)
}

fn by(world: &World, who: &Person, url: &str, at: Timestamp) -> SignedDoor {
    said(world, who.id, &who.key, url, at)
}

fn hears(doors: &Doors, world: &World, door: &SignedDoor) -> bool {
    let look = |reader: &mut dyn FnMut(&View<'_>)| world.pdc.log.read(reader);
    doors.hear(vec![door.clone()], &look, world.clock_now()) == 1
}

fn told(doors: &Doors, world: &World, who: &Person) -> Option<String> {
    let door = world.pdc.view(|view| doors.of(who.id, view, world.clock_now())).unwrap();
    let look = |reader: &mut dyn FnMut(&View<'_>)| world.pdc.log.read(reader);
    let all = doors.all(&look, world.clock_now());
    let same = all.into_iter().find(|door| door.value.member == who.id);
    assert_eq!(same, door, "one by one, and all together");
    door.map(|door| door.value.url.to_string())
}

const OLD: &str = "https://old.example";
const NEW: &str = "https://new.example:8420";

#[tokio::test]
async fn the_newest_word_of_a_data_centre_counts_for_an_hour() {
    let world = World::new(1).await;
    let (doors, other, now) = (Doors::default(), &world.others[0], world.clock_now());
    assert_eq!(told(&doors, &world, other), None);
    let (old, new) = (by(&world, other, OLD, now), by(&world, other, NEW, now.plus_ms(1)));
    assert!(hears(&doors, &world, &old) && !hears(&doors, &world, &old), "it is no news twice");
    assert_eq!(told(&doors, &world, other).as_deref(), Some(OLD));
    assert!(hears(&doors, &world, &new));
    // Whoever kept the old one and plays it again changes nothing.
    assert!(!hears(&doors, &world, &old));
    assert!(
        !hears(&doors, &world, &by(&world, other, OLD, now.plus_ms(1))),
        "as old as the new one"
    );
    assert_eq!(told(&doors, &world, other).as_deref(), Some(NEW));
    world.clock.advance(HOUR + 1);
    assert_eq!(told(&doors, &world, other).as_deref(), Some(NEW));
    world.clock.advance(1);
    assert_eq!(told(&doors, &world, other), None);
    assert!(!hears(&Doors::default(), &world, &new), "too old for whoever starts now");
}

#[tokio::test]
async fn only_a_data_centre_of_this_network_speaks_for_itself_and_of_now() {
    let world = World::new(2).await;
    let (doors, now) = (Doors::default(), world.clock_now());
    let (other, third) = (&world.others[0], &world.others[1]);
    let of_another_network = DoorStatement {
        network: NetworkId([9; 32]),
        member: other.id,
        url: NEW.parse().unwrap(),
        said: now,
    };
    let stranger = SigningKey::from_seed([3; 32]);
    for (what, door) in [
        ("another member's key", said(&world, other.id, &third.key, NEW, now)),
        (
            "no member",
            said(&world, MemberId::from_key(&stranger.verifying_key()), &stranger, NEW, now),
        ),
        ("a person", by(&world, &world.ada, NEW, now)),
        ("an organisation", by(&world, &world.bo, NEW, now)),
        ("another network", SignedDoor::sign(of_another_network, other.key.as_ref())),
        ("of a time to come", by(&world, other, NEW, now.plus_ms(MINUTE + 1))),
        ("too old", by(&world, other, NEW, Timestamp(now.0 - HOUR - 1))),
    ] {
        assert!(!hears(&doors, &world, &door), "{what}");
    }
    // Under another namespace the same bytes are signed for something else.
    let genuine = by(&world, other, NEW, now);
    let card =
        NodeCard::sign(world.pdc.network(), other.id, ValidatorKey([1; 32]), other.key.as_ref());
    assert!(SignedDoor::parse(&card.to_bytes()).is_err());
    // One flipped bit anywhere.
    let bytes = genuine.to_bytes();
    assert!(bytes.len() <= <DoorStatement as Payload>::LIMIT);
    for at in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[at / 8] ^= 1 << (at % 8);
        if let Ok(door) = SignedDoor::parse(&bytes) {
            assert!(!hears(&doors, &world, &door), "bit {at}");
        }
    }
    assert!(hears(&doors, &world, &genuine));
    let longest = format!("https://{}example", "aaaaaaa.".repeat(30));
    let longest = by(&world, third, &longest, now);
    assert_eq!(SignedDoor::parse(&longest.to_bytes()), Ok(longest));
}

#[tokio::test]
async fn a_suspended_members_door_is_not_told() {
    let world = World::new(3).await;
    let (doors, other, now) = (Doors::default(), &world.others[0], world.clock_now());
    assert!(hears(&doors, &world, &by(&world, other, OLD, now)));
    world.govern([2; 16], Change::Suspend(other.id)).await;
    assert_eq!(told(&doors, &world, other), None);
    assert!(!hears(&doors, &world, &by(&world, other, NEW, now.plus_ms(1))));
    world.govern([3; 16], Change::Reinstate(other.id)).await;
    assert_eq!(told(&doors, &world, other).as_deref(), Some(OLD));
}

#[tokio::test]
async fn a_former_key_says_nothing_any_more() {
    let world = World::new(4).await;
    let (doors, other, now) = (Doors::default(), &world.others[0], world.clock_now());
    // Whoever has the key that is about to be replaced speaks as far ahead as is believed.
    assert!(hears(&doors, &world, &by(&world, other, OLD, now.plus_ms(MINUTE))));
    let next = SigningKey::from_seed([5; 32]);
    let sealing_key = Digest(SealKeyPair::from_seed([6; 32]).public.digest());
    let rotation = Rotation { network: world.pdc.network(), member: other.id, sealing_key };
    let rotation = Signed::sign(rotation, &next);
    world.submit(other, Operation::RotateKey { rotation }).await;
    assert_eq!(told(&doors, &world, other), None);
    assert!(!hears(&doors, &world, &by(&world, other, OLD, now.plus_ms(1))));
    assert!(hears(&doors, &world, &said(&world, other.id, &next, NEW, now)));
    assert_eq!(told(&doors, &world, other).as_deref(), Some(NEW));
}

#[tokio::test]
async fn a_data_centre_says_where_its_own_door_is_and_says_it_again() {
    let world = World::new(5).await;
    let (pdc, node) = (&world.pdc, &world.node);
    assert_eq!(told(&pdc.doors, &world, node), None);
    pdc.open_door(OLD.parse().unwrap());
    assert_eq!(told(&pdc.doors, &world, node).as_deref(), Some(OLD));
    // Nobody else speaks for it here, not even with its key.
    assert!(!hears(&pdc.doors, &world, &by(&world, node, NEW, world.clock_now().plus_ms(1))));
    let first = pdc.view(|view| pdc.doors.of(node.id, view, world.clock_now())).unwrap().unwrap();
    world.clock.advance(3 * HOUR);
    let later = pdc.view(|view| pdc.doors.of(node.id, view, world.clock_now())).unwrap().unwrap();
    assert!(later.value.said > first.value.said);
    // Others hear of it, and tell it on to those that do not meet it.
    let desk = |doors: std::sync::Arc<Doors>| {
        let pair = SealKeyPair::from_seed([7; 32]);
        ReleaseDesk::new(
            pair,
            std::sync::Arc::clone(&pdc.entropy),
            std::sync::Arc::clone(&pdc.clock),
        )
        .telling(doors)
    };
    let card = NodeCard::sign(pdc.network(), node.id, ValidatorKey([1; 32]), node.key.as_ref());
    let look = |reader: &mut dyn FnMut(&View<'_>)| pdc.log.read(reader);
    let mut from = std::sync::Arc::clone(&pdc.doors);
    for _ in 0..2 {
        let answer = desk(from).answer(&NodeQuestion::Doors.to_bytes(), &card, &look);
        let Ok(NodeAnswer::Doors { doors: said }) = NodeAnswer::from_bytes(&answer) else {
            panic!()
        };
        let next = std::sync::Arc::new(Doors::default());
        assert_eq!(next.hear(said, &look, world.clock_now()), 1);
        assert_eq!(told(&next, &world, node).as_deref(), Some(OLD));
        from = next;
    }
}
