//! Release nodes change: former ones share what they hold anew.

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use secnet_crypto::{SealKeyPair, SealPublicKey, open, seal};
use secnet_lock::*;
use secnet_types::*;

use crate::world::*;

/// A release node, and what its key follows from.
struct Node {
    seed: [u8; 32],
    node: ReleaseNode,
}

impl Node {
    fn new(seed: [u8; 32]) -> Self {
        Self { seed, node: ReleaseNode::new(SealKeyPair::from_seed(seed)) }
    }

    fn key(&self) -> &SealPublicKey {
        self.node.public()
    }

    fn named(&self) -> Digest {
        Digest(self.key().digest())
    }

    /// This packet of its own, with other shares in it.
    fn forged(&self, packet: &ReleasePacket, rng: &mut ChaCha20Rng) -> ReleasePacket {
        let (info, aad) = (b"secnet/lock/release-packet/v1", encode(&packet.header));
        let secret = SealKeyPair::from_seed(self.seed).secret;
        let mut table = open(&secret, info, &aad, &packet.envelope).unwrap();
        for row in table.chunks_mut(80) {
            row[16] ^= 1;
        }
        let envelope = seal(self.key(), info, &aad, &table, rng).unwrap();
        ReleasePacket { header: packet.header.clone(), envelope }
    }
}

fn fresh(count: u8, rng: &mut ChaCha20Rng) -> Vec<Node> {
    (0..count).map(|_| Node::new(*SealKeyPair::generate(rng).secret.seed())).collect()
}

/// The holders of an upload, and their packets.
struct Holders {
    nodes: Vec<Node>,
    packets: Vec<Vec<ReleasePacket>>,
    threshold: u8,
    epoch: u64,
}

impl Holders {
    fn first(world: &World) -> Self {
        Self {
            nodes: world.seeds.iter().map(|seed| Node::new(*seed)).collect(),
            packets: world.sealed.release_packets.iter().map(|it| vec![it.clone()]).collect(),
            threshold: world.entry(1).threshold(),
            epoch: 0,
        }
    }

    /// This one of them has other shares than it was given.
    fn forge(&mut self, at: usize, rng: &mut ChaCha20Rng) {
        let node = &self.nodes[at];
        self.packets[at] = self.packets[at].iter().map(|it| node.forged(it, rng)).collect();
    }

    fn terms(&self, world: &World, (threshold, nodes): (u8, &[Node])) -> HandoverTerms {
        let former = &self.packets.iter().find(|packets| !packets.is_empty()).unwrap();
        let former = former.iter().filter_map(|it| it.header.dealt.as_ref().map(|it| it.dealer));
        HandoverTerms {
            version: Known,
            dataset: DATASET,
            upload: world.sealed.upload,
            epoch: self.epoch + 1,
            threshold,
            nodes: nodes.iter().map(Node::named).collect(),
            former: former.collect(),
        }
    }

    fn deal(
        &self,
        terms: &HandoverTerms,
        dealer: usize,
        (node, key): (u8, &SealPublicKey),
        rng: &mut ChaCha20Rng,
    ) -> Result<(HandoverPacket, HandoverProof), DealError> {
        let held = self.packets[dealer].iter().map(|it| self.nodes[dealer].node.hold(it).unwrap());
        let held: Vec<HeldShares> = held.collect();
        self.nodes[dealer].node.deal(&held.iter().collect::<Vec<_>>(), terms, (node, key), rng)
    }

    /// These dealers hand over to these nodes.
    fn over(
        &self,
        world: &mut World,
        dealers: &[usize],
        (threshold, nodes): (u8, Vec<Node>),
    ) -> Self {
        let terms = self.terms(world, (threshold, &nodes));
        let mut packets = Vec::new();
        for (number, node) in (1..).zip(&nodes) {
            let adopted = dealers.iter().map(|dealer| {
                let to = (number, node.key());
                let (packet, proof) = self.deal(&terms, *dealer, to, &mut world.rng).unwrap();
                node.node.adopt(&packet, &proof, &terms, &mut world.rng).unwrap()
            });
            packets.push(adopted.collect());
        }
        Self { nodes, packets, threshold, epoch: self.epoch + 1 }
    }

    /// What these of them answer.
    fn answers(&self, world: &mut World, nodes: &[usize], ids: &[u8]) -> Vec<ReleasedShares> {
        let answer = |node: &usize| {
            let held: Vec<HeldShares> = self.packets[*node]
                .iter()
                .map(|it| self.nodes[*node].node.hold(it).unwrap())
                .collect();
            let records = named(ids);
            let parts: Vec<_> = held.iter().map(|held| (held, &records)).collect();
            let to = Recipient::new(&world.receiving.public, &mut world.rng).unwrap();
            self.nodes[*node].node.release_held(&parts, context(1), &to, &mut world.rng).unwrap()
        };
        nodes.iter().map(answer).collect()
    }
}

fn opens(world: &World, answers: &[ReleasedShares], id: u8) -> Result<Vec<u8>, UnlockError> {
    let shares = world.receive(answers);
    world.open(&mut world.granted(), &shares, id).map(|plain| plain.to_vec())
}

/// `count` of the numbers below `of`, from `from` on and round.
fn some(from: u8, count: u8, of: u8) -> Vec<usize> {
    (0..count).map(|at| usize::from((from + at) % of)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Any threshold of the former hand over to any new set; any threshold of the new open, one fewer do not; and again.
    #[test]
    fn whoever_was_enough_hands_over_to_others_who_are(
        (t, n) in (1u8..=4).prop_flat_map(|n| (1..=n, Just(n))),
        (t2, n2) in (1u8..=4).prop_flat_map(|n| (1..=n, Just(n))),
        (t3, n3) in (1u8..=3).prop_flat_map(|n| (1..=n, Just(n))),
        from in 0u8..4,
    ) {
        let mut world = World::labs(t, n);
        let first = Holders::first(&world);
        let nodes = fresh(n2, &mut world.rng);
        let second = first.over(&mut world, &some(from, t, n), (t2, nodes));
        let nodes = fresh(n3, &mut world.rng);
        let third = second.over(&mut world, &some(from, t2, n2), (t3, nodes));
        for (holders, count) in [(&second, n2), (&third, n3)] {
            let enough = some(from, holders.threshold, count);
            let answers = holders.answers(&mut world, &enough, &[2]);
            prop_assert_eq!(opens(&world, &answers, 2).unwrap(), content(2, 1000));
            let refused = opens(&world, &answers[1..], 2).unwrap_err();
            let few = matches!(refused, UnlockError::TooFewShares { .. });
            prop_assert!(few, "{}", refused);
        }
    }
}

/// Three of four hand over to four others; two of each are not enough together, whatever they add.
#[test]
fn former_and_new_shares_together_open_nothing() {
    let mut world = World::labs(3, 4);
    let first = Holders::first(&world);
    let nodes = fresh(4, &mut world.rng);
    let second = first.over(&mut world, &[0, 1, 2], (3, nodes));
    let old = first.answers(&mut world, &[2, 3], &[1]);
    let new = second.answers(&mut world, &[0, 1], &[1]);
    let both = [old.clone(), new].concat();
    let refused = opens(&world, &both, 1).unwrap_err();
    assert!(matches!(refused, UnlockError::TooFewShares { .. }), "{refused}");
    // The one who left, with what he kept, and nodes that are one too few.
    let third = second.answers(&mut world, &[0, 1, 3], &[1]);
    assert!(opens(&world, &[&old[..1], &third[..2]].concat(), 1).is_err());
    assert!(opens(&world, &third, 1).is_ok());
}

/// What a node deals follows from what it has: done again after an interruption it fits to what was dealt before.
#[test]
fn what_is_dealt_twice_is_the_same() {
    let mut world = World::labs(2, 3);
    let first = Holders::first(&world);
    let nodes = fresh(3, &mut world.rng);
    let terms = first.terms(&world, (2, &nodes));
    let proofs: Vec<_> = [(1, &nodes[0]), (1, &nodes[0]), (3, &nodes[2])]
        .into_iter()
        .map(|(number, node)| {
            let to = (number, node.key());
            first.deal(&terms, 0, to, &mut world.rng).unwrap().1.digest()
        })
        .collect();
    assert!(proofs.windows(2).all(|two| two[0] == two[1]));
    // To others it deals something else.
    let mut other = terms.clone();
    other.epoch += 1;
    let to = (1, nodes[0].key());
    let (_, proof) = first.deal(&other, 0, to, &mut world.rng).unwrap();
    assert_ne!(proof.digest(), proofs[0]);
}

#[test]
fn nothing_is_dealt_to_a_key_that_the_terms_do_not_name() {
    let mut world = World::labs(2, 3);
    let first = Holders::first(&world);
    let nodes = fresh(3, &mut world.rng);
    let terms = first.terms(&world, (2, &nodes));
    for (number, key) in [(1, nodes[1].key()), (0, nodes[0].key()), (4, nodes[0].key())] {
        let refused = first.deal(&terms, 0, (number, key), &mut world.rng).unwrap_err();
        assert_eq!(refused, DealError::Terms);
    }
    let to = (1, nodes[0].key());
    for threshold in [0, 4] {
        let other = HandoverTerms { threshold, ..terms.clone() };
        let refused = first.deal(&other, 0, to, &mut world.rng).unwrap_err();
        assert_eq!(refused, DealError::Terms);
    }
    let other = HandoverTerms { upload: UploadId([9; 16]), ..terms.clone() };
    let refused = first.deal(&other, 0, to, &mut world.rng).unwrap_err();
    assert_eq!(refused, DealError::OtherShares);
    let (packet, proof) = first.deal(&terms, 0, to, &mut world.rng).unwrap();
    assert!(nodes[1].node.adopt(&packet, &proof, &terms, &mut world.rng).is_err());
    assert!(nodes[0].node.adopt(&packet, &proof, &other, &mut world.rng).is_err());
}

/// A dealer's proof is of one set of columns: another one's, or an altered one, is refused and the dealer named.
#[test]
fn sub_shares_that_do_not_fit_together_are_refused_and_their_dealer_named() {
    let mut world = World::labs(2, 3);
    let first = Holders::first(&world);
    let nodes = fresh(4, &mut world.rng);
    let terms = first.terms(&world, (2, &nodes));
    let to = (4, nodes[3].key());
    let (packet, proof) = first.deal(&terms, 1, to, &mut world.rng).unwrap();
    let named = DealError::Wrong { dealer: 2 };
    let bytes = encode(&proof);
    let mut refused = 0;
    for at in (0..bytes.len()).step_by(37) {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        let altered = decode::<HandoverProof>("proof", &altered, altered.len());
        let Ok(altered) = altered else { continue };
        let adopted = nodes[3].node.adopt(&packet, &altered, &terms, &mut world.rng);
        assert_eq!(adopted.unwrap_err(), named);
        refused += 1;
    }
    assert!(refused > 50, "{refused}");
    let (_, other) = first.deal(&terms, 0, to, &mut world.rng).unwrap();
    let adopted = nodes[3].node.adopt(&packet, &other, &terms, &mut world.rng);
    assert_eq!(adopted.unwrap_err(), named);
}

/// A dealer may deal another share than its own. Who opens a record sees that by the commitment in the entry, knows which one it
/// was, and does without it as long as enough others dealt right.
#[test]
fn a_former_node_that_deals_another_share_is_named_when_a_record_opens() {
    let mut world = World::labs(3, 4);
    let mut first = Holders::first(&world);
    first.forge(3, &mut world.rng);
    let nodes = fresh(4, &mut world.rng);
    let second = first.over(&mut world, &[0, 1, 2, 3], (3, nodes));
    let answers = second.answers(&mut world, &[0, 1, 3], &[1]);
    let shares = world.receive(&answers);
    let mut grantee = world.granted();
    grantee.open_packet(world.packet(world.entry(1))).unwrap();
    let key = grantee.unlock(world.entry(1), &shares).unwrap();
    assert_eq!((key.misdealt(), key.faulty()), (&[4][..], &[][..]));

    // With exactly as many dealers as it takes, the liar is named and nothing opens.
    let nodes = fresh(4, &mut world.rng);
    let fewer = first.over(&mut world, &[0, 1, 3], (3, nodes));
    let answers = fewer.answers(&mut world, &[0, 1, 2], &[1]);
    assert_eq!(opens(&world, &answers, 1), Err(UnlockError::Misdealt { dealer: 4 }));

    // At the next handover no commitment tells any more; whoever is left over does, by what opens.
    let mut liars = second;
    liars.packets.iter_mut().for_each(|packets| packets.truncate(3));
    liars.forge(0, &mut world.rng);
    let nodes = fresh(4, &mut world.rng);
    let third = liars.over(&mut world, &[0, 1, 2, 3], (3, nodes));
    let answers = third.answers(&mut world, &[1, 2, 3], &[1]);
    let shares = world.receive(&answers);
    let key = grantee.unlock(world.entry(1), &shares).unwrap();
    assert_eq!((key.misdealt(), key.faulty()), (&[1][..], &[][..]));
}

/// A new node that sends another sub-share than it took over is named, whether or not enough others answer.
#[test]
fn a_new_node_that_sends_something_else_is_named() {
    let mut world = World::labs(3, 4);
    let first = Holders::first(&world);
    let nodes = fresh(4, &mut world.rng);
    let mut second = first.over(&mut world, &[0, 1, 2, 3], (3, nodes));
    let nodes = fresh(4, &mut world.rng);
    let mut third = second.over(&mut world, &[0, 1, 2], (3, nodes));
    for holders in [&mut second, &mut third] {
        holders.forge(1, &mut world.rng);
        let answers = holders.answers(&mut world, &[0, 1, 2, 3], &[1]);
        let shares = world.receive(&answers);
        let mut grantee = world.granted();
        grantee.open_packet(world.packet(world.entry(1))).unwrap();
        let key = grantee.unlock(world.entry(1), &shares).unwrap();
        let liar = holders.nodes[1].named();
        assert_eq!((key.misdealt(), key.faulty()), (&[][..], &[liar][..]));
    }
}
