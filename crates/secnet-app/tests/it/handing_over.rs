//! The nodes that hold shares change: a network of four takes in a fifth and lets one of the first go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use secnet_app::ports::EntryKind;
use secnet_app::*;
use secnet_crypto::{SealKeyPair, SigningKey};
use secnet_lock::{HandoverTerms, Known, ReleaseNode, ReleasePacket};
use secnet_types::*;

use crate::quorum::{Mood, Nodes, nodes_of};
use crate::world::{Ground, Person, World, released};

const BEGIN: u64 = 1_767_225_600_000;
/// Blocks from the governors' word until the epoch has begun.
const DELAY: u64 = secnet_types::limits::EPOCH_DELAY + 1;

struct Net {
    world: World,
    /// The first three are there from the beginning, the fourth is the newcomer's.
    nodes: Arc<Nodes>,
    newcomer: Person,
    /// The way to the nodes after a start, when none has been met.
    again: Option<Arc<dyn Release>>,
    governed: u8,
    grants: BTreeMap<GrantId, GrantDetail>,
}

impl Net {
    async fn new(seed: u64) -> Self {
        let key = SigningKey::from_seed([77; 32]);
        let id = MemberId::from_key(&key.verifying_key());
        let sealing = SealKeyPair::from_seed([79; 32]);
        let newcomer = Person { key: Arc::new(key), id, sealing };
        let made = Arc::new(Mutex::new(None));
        let (keep, other) = (Arc::clone(&made), World::copy(&newcomer));
        let releases = move |ground: Ground<'_>| {
            let ([release, again], nodes) = nodes_of(&ground, ground.others.iter().chain([&other]));
            *keep.lock() = Some((nodes, again));
            release
        };
        let world = World::with(seed, BEGIN, Box::new(releases), true).await;
        let (nodes, again) = made.lock().take().unwrap();
        let (again, grants) = (Some(again), BTreeMap::new());
        let mut net = Self { world, nodes, newcomer, again, governed: 9, grants };
        let card = MemberCard {
            network: net.world.pdc.network(),
            kind: MemberKind::Node,
            sealing_key: named(&net.newcomer),
            voucher: None,
        };
        let card = Signed::sign(card, net.newcomer.key.as_ref());
        net.govern(Change::Admit(card)).await;
        net
    }

    async fn govern(&mut self, change: Change) {
        self.governed += 1;
        self.world.govern([self.governed; 16], change).await;
    }

    /// The governors say that these hold shares; the epoch begins.
    async fn set(&mut self, epoch: u64, holders: &[&Person]) -> Vec<ReleaseMember> {
        let of = |it: &&Person| ReleaseMember { member: it.id, sealing_key: named(it) };
        let mut members: Vec<ReleaseMember> = holders.iter().map(of).collect();
        members.sort();
        let validators = self.world.genesis().validators.clone().unwrap();
        let nodes = NodeSet { release: Some(members.clone()), ..NodeSet::of(&validators) };
        self.govern(Change::SetNodes { epoch, nodes }).await;
        members
    }

    /// The newcomer takes the place of the last of the others.
    async fn newcomer_for_the_last(&mut self) {
        let own = World::copy(&self.world.node);
        let others: Vec<Person> = self.world.others.iter().map(World::copy).collect();
        let newcomer = World::copy(&self.newcomer);
        self.set(1, &[&own, &others[0], &others[1], &newcomer]).await;
        self.world.log.wait(DELAY);
    }

    async fn reads(&mut self) -> Result<Vec<String>, AccessError> {
        let (grant, detail) = self.world.granted(None, 0).await;
        self.grants.insert(grant, detail);
        let bo = World::copy(&self.world.bo);
        let (call, receiving) = self.world.call(&bo, Purpose::Treatment, None);
        let delivery = released(self.world.pdc.access(&call).await?);
        let detail = &self.grants[&delivery.granted.grant()];
        Ok(self.world.open(&delivery, &receiving, detail).await)
    }

    async fn kept(&self, kind: EntryKind) -> Vec<ReleasePacket> {
        let (dataset, archive) = (self.world.dataset, &self.world.pdc.archive);
        let mut packets = Vec::new();
        for (name, _) in archive.list(EntryKind::Manifest, &dataset.0).await.unwrap() {
            let kept = archive.list(kind, &name.key).await.unwrap();
            packets.extend(kept.iter().map(|(_, bytes)| ReleasePacket::from_bytes(bytes).unwrap()));
        }
        packets
    }

    /// The data centre dies, all but what is durable, and starts again.
    async fn restart(&mut self) {
        let again = self.again.take().unwrap();
        self.world.restart_releasing(again).await;
    }
}

fn named(person: &Person) -> Digest {
    Digest(person.sealing.public.digest())
}

#[tokio::test]
async fn what_was_uploaded_before_is_read_with_the_new_nodes_alone() {
    use Mood::*;
    let mut net = Net::new(50).await;
    assert_eq!(net.reads().await.unwrap(), ["result 0", "result 1"]);
    net.newcomer_for_the_last().await;

    // The newcomer is not there: nothing is exchanged, and what was is read as before.
    net.nodes.set([Well, Well, Well, Away]);
    let told = net.world.pdc.hand_over().await.unwrap();
    assert_eq!((told.waiting, told.lost.len()), (1, 0), "{told:?}");
    assert_eq!(net.kept(EntryKind::ReleasePacket).await.len(), 4);
    assert_eq!(net.reads().await.unwrap(), ["result 0", "result 1"]);

    // The data centre dies half-way and goes on. The one that left is gone.
    let half = net.kept(EntryKind::TakenOver).await;
    assert!(!half.is_empty());
    net.restart().await;
    net.nodes.set([Well, Well, Away, Well]);
    let told = net.world.pdc.hand_over().await.unwrap();
    assert_eq!((told.epoch, told.waiting, told.faulty.len()), (1, 0, 0), "{told:?}");
    assert!(net.kept(EntryKind::TakenOver).await.is_empty());
    let packets = net.kept(EntryKind::ReleasePacket).await;
    assert_eq!(packets.len(), 12, "of three former nodes, for four new ones");
    assert!(half.iter().any(|it| packets.contains(it)), "nothing is dealt twice");
    let leaver = named(&net.world.others[2]);
    assert!(packets.iter().all(|packet| packet.header.key != leaver));
    for moods in [[Well, Well, Away, Well], [Away, Well, Well, Well], [Well, Away, Away, Well]] {
        net.nodes.set(moods);
        assert_eq!(net.reads().await.unwrap(), ["result 0", "result 1"]);
    }
    net.nodes.set([Away, Away, Well, Well]);
    assert!(net.reads().await.is_err(), "two of four are too few, and who left makes no third");
    assert_eq!(net.world.pdc.hand_over().await.unwrap().waiting, 0);
}

#[tokio::test]
async fn a_former_node_that_misdeals_is_named_and_done_without() {
    use Mood::*;
    let mut net = Net::new(51).await;
    net.newcomer_for_the_last().await;
    net.nodes.set([Misdeals, Well, Well, Well]);
    let told = net.world.pdc.hand_over().await.unwrap();
    assert_eq!(told.faulty, BTreeSet::from([named(&net.world.others[0])]), "{told:?}");
    assert_eq!(told.waiting, 0, "{told:?}");
    net.nodes.set([Well; 4]);
    assert_eq!(net.reads().await.unwrap(), ["result 0", "result 1"]);
}

#[tokio::test]
async fn what_is_erased_while_it_is_handed_over_does_not_come_back() {
    use Mood::*;
    let mut net = Net::new(52).await;
    net.newcomer_for_the_last().await;
    net.nodes.set([Well, Well, Well, Away]);
    net.world.pdc.hand_over().await.unwrap();
    assert!(!net.kept(EntryKind::TakenOver).await.is_empty());
    net.nodes.set([Well; 4]);
    let (pdc, records) = (&net.world.pdc, BTreeSet::from([net.world.records[0]]));
    let shredded = pdc.plan_shredding(net.world.dataset, Some(records)).await.unwrap();
    let command = net.world.sign(&net.world.ada, what_to_shred(&shredded));
    pdc.shred(&shredded, &command).await.unwrap();
    assert!(net.kept(EntryKind::TakenOver).await.is_empty(), "it begins anew from what is left");
    assert_eq!(net.world.pdc.hand_over().await.unwrap().waiting, 0);
    let heir = ReleaseNode::new(SealKeyPair::from_seed(*net.newcomer.sealing.secret.seed()));
    let packets = net.kept(EntryKind::ReleasePacket).await;
    let mine: Vec<_> = packets.iter().filter(|it| it.header.key == named(&net.newcomer)).collect();
    assert_eq!(mine.len(), 4);
    for packet in mine {
        assert_eq!(heir.hold(packet).unwrap().records(), 2);
    }
    assert_eq!(net.reads().await.unwrap(), ["result 1"]);
}

#[tokio::test]
async fn an_upload_that_too_few_are_left_of_is_told_of() {
    use Mood::*;
    let mut net = Net::new(53).await;
    let own = World::copy(&net.world.node);
    let newcomer = World::copy(&net.newcomer);
    net.set(1, &[&own, &newcomer]).await;
    net.world.log.wait(DELAY);
    net.nodes.set([Away, Away, Away, Well]);
    let told = net.world.pdc.hand_over().await.unwrap();
    assert_eq!((told.waiting, told.lost.len()), (1, 1), "{told:?}");
    // They come back: it is handed over after all.
    net.nodes.set([Well; 4]);
    assert_eq!(net.world.pdc.hand_over().await.unwrap().waiting, 0);
    net.nodes.set([Away, Away, Away, Well]);
    assert_eq!(net.reads().await.unwrap(), ["result 0", "result 1"]);
}

/// A node deals by its own ledger: who asks may say what he likes.
#[tokio::test]
async fn a_node_deals_to_those_that_its_own_ledger_names_and_to_nobody_else() {
    let mut net = Net::new(54).await;
    let packet = net.kept(EntryKind::ReleasePacket).await;
    let own = World::copy(&net.world.node);
    let others: Vec<Person> = net.world.others.iter().map(World::copy).collect();
    let newcomer = World::copy(&net.newcomer);
    let members = net.set(1, &[&own, &others[0], &others[1], &newcomer]).await;
    let node = net.nodes.away.values().next().unwrap();
    let held = packet.iter().find(|it| it.header.key == named(&others[0])).unwrap();
    let at = members.iter().position(|it| it.member == newcomer.id).unwrap();
    let terms = HandoverTerms {
        version: Known,
        dataset: net.world.dataset,
        upload: held.header.upload,
        epoch: 1,
        threshold: 3,
        nodes: members.iter().map(|it| it.sealing_key).collect(),
        former: Vec::new(),
    };
    let ask = |terms: &HandoverTerms, to: &Person| {
        let packets = vec![held.digest()];
        let (number, key) = (u8::try_from(at).unwrap() + 1, to.sealing.public.clone());
        let question = NodeQuestion::Deal { packets, terms: terms.clone(), node: number, key };
        NodeAnswer::from_bytes(&node.answer(&question.to_bytes()).unwrap()).unwrap()
    };
    let missing = NodeAnswer::Missing { packets: vec![held.digest()] };
    assert_eq!(ask(&terms, &newcomer), missing);
    let hold = NodeQuestion::Hold { packet: held.clone() };
    node.answer(&hold.to_bytes()).unwrap();
    // The governors have said so, and the epoch has not begun.
    let refused = NodeAnswer::Refused { why: Refused::NotPermitted };
    assert_eq!(ask(&terms, &newcomer), refused);
    net.world.log.wait(DELAY);
    assert!(matches!(ask(&terms, &newcomer), NodeAnswer::Dealt { .. }));
    let eve = World::copy(&net.world.eve);
    let mut with_eve = terms.clone();
    with_eve.nodes[at] = named(&eve);
    let others: [HandoverTerms; 4] = [
        with_eve.clone(),
        HandoverTerms { threshold: 2, ..terms.clone() },
        HandoverTerms { epoch: 0, ..terms.clone() },
        HandoverTerms { dataset: DatasetId([9; 16]), ..terms.clone() },
    ];
    for other in others {
        let to = if other == with_eve { &eve } else { &newcomer };
        assert_eq!(ask(&other, to), refused);
    }
    assert!(matches!(ask(&terms, &eve), NodeAnswer::Refused { .. }), "her key is none of them");
    *node.mood.lock() = Mood::Stale;
    assert_eq!(ask(&terms, &newcomer), NodeAnswer::Refused { why: Refused::Stale });
}
