//! Four release nodes of four organisations: three of them open, two do not, and none is believed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use secnet_app::ports::*;
use secnet_app::*;
use secnet_crypto::{SealKeyPair, SealPublicKey};
use secnet_lock::*;
use secnet_node::{Link, QuorumRelease};
use secnet_types::*;

use crate::switches::Switched;
use crate::world::{Ground, Person, World, released};

const BEGIN: u64 = 1_767_225_600_000;
const PRICE: u64 = 1_000_000;

/// How a node of somebody else's behaves.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mood {
    Well,
    Away,
    /// It does not hear of the network.
    Stale,
    /// It is so many looks behind the others.
    Behind(u64),
    /// What it sends is not what it was given.
    Garbles,
    /// It sends on what another node answered.
    Repeats,
    /// It says that it is another organisation's node.
    Claims,
    /// It can be asked, and never answers.
    Silent,
    /// What it deals is not what its proof says.
    Misdeals,
}

pub(crate) struct Away {
    pub(crate) desk: ReleaseDesk,
    pub(crate) card: SignedNodeCard,
    /// That it is the next one's, signed with its own key, and that one's X-Wing key.
    claims: (SignedNodeCard, SealPublicKey),
    pub(crate) log: Arc<Switched>,
    pub(crate) mood: Mutex<Mood>,
    asked: Mutex<Vec<NodeQuestion>>,
}

impl Away {
    pub(crate) fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        self.asked.lock().push(NodeQuestion::from_bytes(question).unwrap());
        let mood = *self.mood.lock();
        if let Mood::Behind(looks) = mood {
            *self.mood.lock() =
                if looks == 0 { Mood::Well } else { Mood::Behind(looks.saturating_sub(1)) };
        }
        let look = |reader: &mut dyn FnMut(&View<'_>)| {
            self.log.read(&mut |view| {
                let behind = matches!(mood, Mood::Behind(_));
                let age_ms = if mood == Mood::Stale { MAX_VIEW_AGE_MS + 1 } else { view.age_ms };
                let height = view.height - u64::from(behind);
                reader(&View { age_ms, height, ..*view });
            });
        };
        (mood != Mood::Away).then(|| self.desk.answer(question, &self.card, &look))
    }
}

/// The others, by the keys of their validators.
pub(crate) struct Nodes {
    pub(crate) away: BTreeMap<ValidatorKey, Away>,
    last: Mutex<Option<Vec<u8>>>,
}

impl Nodes {
    pub(crate) fn set<const N: usize>(&self, moods: [Mood; N]) {
        for (node, mood) in self.away.values().zip(moods) {
            *node.mood.lock() = mood;
        }
    }
}

#[async_trait]
impl Link for Nodes {
    fn peers(&self) -> Vec<ValidatorKey> {
        let here = self.away.iter().filter(|(_, node)| *node.mood.lock() != Mood::Away);
        here.map(|(key, _)| *key).collect()
    }

    async fn ask(&self, peer: ValidatorKey, question: Vec<u8>) -> Option<Vec<u8>> {
        let node = &self.away[&peer];
        if *node.mood.lock() == Mood::Silent {
            std::future::pending::<()>().await;
        }
        let answer = node.answer(&question)?;
        let mood = *node.mood.lock();
        Some(match NodeAnswer::from_bytes(&answer).unwrap() {
            NodeAnswer::Shares { mut shares } if mood == Mood::Garbles => {
                *shares.envelope.last_mut().unwrap() ^= 1;
                NodeAnswer::Shares { shares }.to_bytes()
            }
            NodeAnswer::Shares { .. } if mood == Mood::Repeats => {
                self.last.lock().clone().unwrap_or(answer)
            }
            NodeAnswer::Node { .. } if mood == Mood::Claims => {
                let (card, key) = node.claims.clone();
                NodeAnswer::Node { card, key }.to_bytes()
            }
            NodeAnswer::Dealt { mut packet, proof } if mood == Mood::Misdeals => {
                packet.header.of ^= 1;
                NodeAnswer::Dealt { packet, proof }.to_bytes()
            }
            NodeAnswer::Shares { .. } => {
                *self.last.lock() = Some(answer.clone());
                answer
            }
            _ => answer,
        })
    }
}

fn validator(at: u8) -> ValidatorKey {
    ValidatorKey([at; 32])
}

/// This data centre's way to the four nodes, as it is now and as it is after a start, when it has met none; and the others.
fn four(ground: &Ground<'_>) -> ([Arc<dyn Release>; 2], Arc<Nodes>) {
    nodes_of(ground, ground.others.iter())
}

/// This data centre's way to its own node and these, twice.
pub(crate) fn nodes_of<'p>(
    ground: &Ground<'_>,
    others: impl Iterator<Item = &'p Person>,
) -> ([Arc<dyn Release>; 2], Arc<Nodes>) {
    let desk = |pair: &SealKeyPair| {
        let pair = SealKeyPair::from_seed(*pair.secret.seed());
        ReleaseDesk::new(pair, Arc::clone(&ground.entropy), Arc::clone(ground.clock) as _)
    };
    let network = ground.log.genesis().network();
    let away = (1..).zip(others).map(|(at, other): (u8, &Person)| {
        let card = NodeCard::sign(network, other.id, validator(at), other.key.as_ref());
        let next = &ground.others[usize::from(at) % ground.others.len()];
        let claims = NodeCard::sign(network, next.id, validator(at), other.key.as_ref());
        let claims = (claims, next.sealing.public.clone());
        let (mood, asked) = (Mutex::new(Mood::Well), Mutex::default());
        let log = Arc::clone(ground.log);
        (validator(at), Away { desk: desk(&other.sealing), card, claims, log, mood, asked })
    });
    let nodes = Arc::new(Nodes { away: away.collect(), last: Mutex::default() });
    let release = || -> Arc<dyn Release> {
        let desks = (Arc::new(desk(&ground.node.sealing)), desk(&ground.shares));
        let (log, archive) = (Arc::clone(ground.log), Arc::clone(&ground.archive));
        Arc::new(QuorumRelease::new(desks, log, archive, Arc::clone(&nodes) as _))
    };
    ([release(), release()], nodes)
}

async fn world(seed: u64) -> (World, Arc<Nodes>) {
    let (world, nodes, _) = world_to_restart(seed).await;
    (world, nodes)
}

async fn world_to_restart(seed: u64) -> (World, Arc<Nodes>, Arc<dyn Release>) {
    let made = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&made);
    let releases = move |ground: Ground<'_>| {
        let ([release, again], nodes) = four(&ground);
        *keep.lock() = Some((nodes, again));
        release
    };
    let world = World::releasing(seed, BEGIN, Box::new(releases)).await;
    let (nodes, again) = made.lock().take().unwrap();
    (world, nodes, again)
}

fn bo(world: &World) -> Person {
    World::copy(&world.bo)
}

#[tokio::test]
async fn three_of_four_nodes_open_and_whoever_sends_something_else_is_left_out() {
    use Mood::*;
    let (mut world, nodes) = world(1).await;
    let mut grants = BTreeMap::new();
    let bo = bo(&world);
    for moods in [
        [Well, Well, Well],
        [Away, Well, Well],
        [Well, Stale, Well],
        [Behind(2), Behind(1), Behind(3)],
        [Well, Well, Garbles],
        [Well, Repeats, Well],
    ] {
        nodes.set(moods);
        let (grant, detail) = world.granted(None, PRICE).await;
        grants.insert(grant, detail);
        let (call, receiving) = world.call(&bo, Purpose::Treatment, None);
        let delivery = released(world.pdc.access(&call).await.unwrap());
        let detail = &grants[&delivery.granted.grant()];
        assert!((3..=4).contains(&delivery.shares.len()), "{}", delivery.shares.len());
        assert_eq!(world.open(&delivery, &receiving, detail).await, ["result 0", "result 1"]);
    }
}

#[tokio::test]
async fn after_a_start_a_silent_node_keeps_no_other_from_being_met() {
    use Mood::*;
    let (mut world, nodes, again) = world_to_restart(30).await;
    world.granted(None, PRICE).await;
    world.restart_releasing(again).await;
    nodes.set([Well, Silent, Well]);
    let bo = bo(&world);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let delivery = released(world.pdc.access(&call).await.unwrap());
    assert_eq!(delivery.shares.len(), 3);
}

#[tokio::test]
async fn two_of_four_nodes_are_too_few_and_a_retry_collects_what_was_paid_once() {
    use Mood::*;
    let (mut world, nodes) = world(2).await;
    let (_, detail) = world.granted(None, PRICE).await;
    let bo = bo(&world);
    let (call, receiving) = world.call(&bo, Purpose::Treatment, None);
    let before = world.balance(&bo);
    for moods in [[Away, Well, Away], [Stale, Stale, Well], [Behind(9999), Well, Away]] {
        nodes.set(moods);
        let failed = world.pdc.access(&call).await.unwrap_err();
        assert!(matches!(failed, AccessError::Release(_)), "{failed}");
    }
    nodes.set([Well, Well, Well]);
    let delivery = released(world.pdc.access(&call).await.unwrap());
    assert_eq!(world.open(&delivery, &receiving, &detail).await, ["result 0", "result 1"]);
    assert_eq!(before - world.balance(&bo), PRICE);

    // Nor are the shares of any two, for whoever got hold of them.
    let context = delivery.granted.permit().context();
    for pair in delivery.shares.windows(2) {
        let mut shares = ReceivedShares::new();
        shares.open_each(&receiving, &context, pair).unwrap();
        let own = grantee(&world, &delivery, &detail);
        let error = own.unlock(&delivery.records[0].1, &shares).unwrap_err();
        let few = UnlockError::TooFewShares { got: 2, needed: 3 };
        assert_eq!(error, few);
    }
}

/// What Bo's grant gives him.
fn grantee(world: &World, delivery: &Delivery, detail: &GrantDetail) -> Grantee {
    let mut grantee = Grantee::new();
    let dataset = delivery.granted.dataset();
    let binding = GrantBinding { dataset, detail: detail.commitment() };
    let wraps = delivery.wraps.as_ref().unwrap();
    grantee.accept(&world.bo.sealing.secret, &binding, wraps).unwrap();
    for packet in &delivery.packets {
        grantee.open_packet(packet).unwrap();
    }
    grantee
}

/// Something else is asked for.
type Change<'c> = dyn Fn(&mut ReleaseAsk) + 'c;

/// A node decides by its own ledger: who asks may say what he likes.
#[tokio::test]
async fn a_node_releases_what_its_own_ledger_permits_and_nothing_else() {
    let (mut world, nodes) = world(3).await;
    let (grant, _) = world.granted(None, PRICE).await;
    let bo = bo(&world);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    released(world.pdc.access(&call).await.unwrap());
    let node = nodes.away.values().next().unwrap();
    let asked = std::mem::take(&mut *node.asked.lock());
    let right = asked.iter().find(|question| matches!(question, NodeQuestion::Release { .. }));
    let Some(NodeQuestion::Release { ask, parts, height }) = right.cloned() else { panic!() };
    let answer = |ask: &ReleaseAsk, parts: &[PacketPart], height: u64| {
        let question = NodeQuestion::Release { ask: ask.clone(), parts: parts.to_vec(), height };
        NodeAnswer::from_bytes(&node.answer(&question.to_bytes()).unwrap()).unwrap()
    };
    assert!(matches!(answer(&ask, &parts, height), NodeAnswer::Shares { .. }));
    let refused = NodeAnswer::Refused { why: Refused::NotPermitted };
    let eve = SealKeyPair::generate(&mut world.rng);
    let unlisted = RecordId([99; 16]);
    let changes: Vec<Box<Change<'_>>> = vec![
        Box::new(|ask| ask.requester = MemberId([9; 32])),
        Box::new(|ask| ask.request = RequestId([9; 16])),
        Box::new(|ask| ask.dataset = DatasetId([9; 16])),
        Box::new(|ask| ask.records.push(unlisted)),
        Box::new(|ask| ask.records.reverse()),
        Box::new(|ask| ask.fields = Some(BTreeSet::new())),
        Box::new(|ask| ask.scope_salt[0] ^= 1),
        Box::new(|ask| ask.to = eve.public.clone()),
    ];
    for change in &changes {
        let mut other = ask.clone();
        change(&mut other);
        assert_eq!(answer(&other, &parts, height), refused);
    }
    // A record that the decision does not name; a packet that nobody sent; a block that is not there yet.
    let mut more = parts.clone();
    more[0].records.insert(world.records[2]);
    assert_eq!(answer(&ask, &more, height), refused);
    let mut other = parts.clone();
    other[0].packet = Digest([9; 32]);
    let missing = NodeAnswer::Missing { packets: vec![Digest([9; 32])] };
    assert_eq!(answer(&ask, &other, height), missing);
    assert!(matches!(answer(&ask, &parts, u64::MAX), NodeAnswer::Behind { .. }));
    let question = [&NodeQuestion::Who.to_bytes()[..], &[0]].concat();
    let look = |_: &mut dyn FnMut(&View<'_>)| {};
    let answered = node.desk.answer(&question, &node.card, &look);
    let malformed = NodeAnswer::Refused { why: Refused::Malformed };
    assert_eq!(NodeAnswer::from_bytes(&answered), Ok(malformed));

    // Revocation wins at each node, whatever the data centre says.
    let revoke = Operation::Revoke { grant, reason: Reason::NoLongerWanted };
    let ada = World::copy(&world.ada);
    world.submit(&ada, revoke).await;
    assert_eq!(answer(&ask, &parts, height), refused);
}

#[tokio::test]
async fn nobody_passes_for_the_node_of_another() {
    let (mut world, nodes) = world_met_as(4, [Mood::Claims, Mood::Well, Mood::Well]).await;
    let (_, detail) = world.granted(None, PRICE).await;
    let bo = bo(&world);
    let (call, receiving) = world.call(&bo, Purpose::Treatment, None);
    let delivery = released(world.pdc.access(&call).await.unwrap());
    assert_eq!(delivery.shares.len(), 3);
    assert_eq!(world.open(&delivery, &receiving, &detail).await, ["result 0", "result 1"]);
    let liar = nodes.away.values().next().unwrap();
    let told = liar.asked.lock().iter().any(|it| matches!(it, NodeQuestion::Release { .. }));
    assert!(!told);
}

/// Whose data centre starts anew, and meets nodes that behave like this.
async fn world_met_as(seed: u64, moods: [Mood; 3]) -> (World, Arc<Nodes>) {
    let (mut world, nodes) = world(seed).await;
    nodes.set(moods);
    let (desk, alone) =
        (desk_of(&world, &world.node.sealing), SealKeyPair::generate(&mut world.rng));
    let desks = (Arc::new(desk), desk_of(&world, &alone));
    let (log, archive) = (Arc::clone(&world.log), Arc::clone(&world.pdc.archive));
    let release = QuorumRelease::new(desks, log, archive, Arc::clone(&nodes) as _);
    // The keys of all are kept, so that records can be sealed whoever is there.
    let keys = release.nodes().await.unwrap();
    assert_eq!((keys.len(), release.threshold()), (4, 3));
    world.restart_releasing(Arc::new(release)).await;
    nodes.away.values().for_each(|node| node.asked.lock().clear());
    (world, nodes)
}

fn desk_of(world: &World, pair: &SealKeyPair) -> ReleaseDesk {
    let pair = SealKeyPair::from_seed(*pair.secret.seed());
    ReleaseDesk::new(pair, Arc::clone(&world.pdc.entropy), Arc::clone(&world.clock) as _)
}

/// What the data centre has lost makes no smaller number enough: that would be paid for, and open for nobody.
#[tokio::test]
async fn packets_that_are_lost_do_not_lower_what_it_takes() {
    let (mut world, nodes) = world(6).await;
    world.granted(None, PRICE).await;
    let bo = bo(&world);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let delivery = released(world.pdc.access(&call).await.unwrap());
    let (entry, records) = (&delivery.records[0].1, delivery.granted.records());
    let kept = world.pdc.archive.list(EntryKind::ReleasePacket, &entry.upload().0).await.unwrap();
    let packets = kept.iter().map(|(_, bytes)| ReleasePacket::from_bytes(bytes).unwrap());
    let mut wanted = [Wanted {
        upload: entry.upload(),
        records: records.iter().copied().collect(),
        dealer: 0,
        threshold: entry.threshold(),
        packets: packets.collect(),
    }];
    for left in [3, 2] {
        wanted[0].packets.truncate(left);
        let answered = world.pdc.release.release(&delivery.granted, &wanted).await;
        assert_eq!(answered.is_ok(), left == 3, "{left} packets");
    }
    assert!(world.pdc.release.release(&delivery.granted, &[]).await.is_err());
    drop(nodes);
}

/// Each node takes records out of its own packet; one that is away is waited for.
#[tokio::test]
async fn records_are_forgotten_by_every_node() {
    let (mut world, nodes) = world(5).await;
    world.granted(None, PRICE).await;
    let bo = bo(&world);
    let (call, _) = world.call(&bo, Purpose::Treatment, None);
    let delivery = released(world.pdc.access(&call).await.unwrap());
    let upload = delivery.records[0].1.upload();
    let kept = world.pdc.archive.list(EntryKind::ReleasePacket, &upload.0).await.unwrap();
    let packets: Vec<ReleasePacket> =
        kept.iter().map(|(_, bytes)| ReleasePacket::from_bytes(bytes).unwrap()).collect();
    assert_eq!(packets.len(), 4);
    let gone = BTreeSet::from([world.records[0]]);
    for packet in &packets {
        let left = world.pdc.release.forget(packet, &gone).await.unwrap().unwrap();
        assert_eq!(left.header, packet.header);
        assert_ne!(left.envelope, packet.envelope);
    }
    nodes.set([Mood::Away; 3]);
    let mut failed = 0;
    for packet in &packets {
        failed += usize::from(world.pdc.release.forget(packet, &gone).await.is_err());
    }
    assert_eq!(failed, 3);
}
