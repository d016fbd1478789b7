//! Key holders and helpers for the tests.

use std::collections::BTreeSet;

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use secnet_crypto::{SealKeyPair, SealPublicKey, StreamSuite, Zeroizing};
use secnet_lock::*;
use secnet_types::*;

pub(crate) const DATASET: DatasetId = DatasetId([7; 16]);
pub(crate) const OWNER: MemberId = MemberId([1; 32]);

pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

pub(crate) fn meta(id: u8, category: Category, labels: Labels) -> RecordMeta {
    RecordMeta {
        id: RecordId([id; 16]),
        kind: "Observation".into(),
        category,
        labels,
        period: None,
    }
}

pub(crate) fn lab(id: u8) -> RecordMeta {
    meta(id, Category::Laboratory, Labels::NONE)
}

pub(crate) fn content(id: u8, len: usize) -> Vec<u8> {
    (0..len).map(|at| (at as u8).wrapping_mul(31) ^ id).collect()
}

pub(crate) fn context(request: u8) -> ReleaseContext {
    ReleaseContext {
        request: RequestId([request; 16]),
        decision: DecisionId([request ^ 0x80; 16]),
        dataset: DATASET,
    }
}

pub(crate) fn named(ids: &[u8]) -> BTreeSet<RecordId> {
    ids.iter().map(|id| RecordId([*id; 16])).collect()
}

/// One upload and everybody around it.
pub(crate) struct World {
    pub(crate) rng: ChaCha20Rng,
    pub(crate) keys: CompartmentKeys,
    pub(crate) nodes: Vec<ReleaseNode>,
    pub(crate) seeds: Vec<[u8; 32]>,
    pub(crate) sealed: SealedUpload,
    pub(crate) binding: GrantBinding,
    pub(crate) grantee: SealKeyPair,
    pub(crate) wraps: GrantWraps,
    pub(crate) receiving: SealKeyPair,
}

impl World {
    pub(crate) fn new(threshold: u8, nodes: u8, records: &[(RecordMeta, Vec<u8>)]) -> Self {
        let mut rng = rng(u64::from(threshold) * 1000 + u64::from(nodes));
        let mut keys = CompartmentKeys::new();
        for (meta, _) in records {
            keys.ensure(OWNER, meta.category, meta.labels, &mut rng).unwrap();
        }
        let pairs: Vec<_> = (0..nodes).map(|_| SealKeyPair::generate(&mut rng)).collect();
        let seeds = pairs.iter().map(|pair| *pair.secret.seed()).collect();
        let nodes: Vec<_> = pairs.into_iter().map(ReleaseNode::new).collect();
        let directory = keys.directory();
        let publics: Vec<SealPublicKey> = nodes.iter().map(|n| n.public().clone()).collect();
        let spec = UploadSpec {
            dataset: DATASET,
            owner: OWNER,
            compartments: &directory,
            release_nodes: &publics,
            threshold,
            suite: StreamSuite::ChaCha20Poly1305,
        };
        let sealed =
            seal_upload(spec, records.iter().map(|(m, c)| (m, c.as_slice())), &mut rng).unwrap();
        let grantee = SealKeyPair::generate(&mut rng);
        let receiving = SealKeyPair::generate(&mut rng);
        let binding = GrantBinding { dataset: DATASET, detail: Digest([9; 32]) };
        let scope = Scope { categories: Some([Category::Laboratory].into()), ..Scope::default() };
        let covered = compartments_for(&scope, keys.compartments());
        let wraps = wrap_for_grantee(binding, &covered, &keys, &grantee.public, &mut rng).unwrap();
        Self { rng, keys, nodes, seeds, sealed, binding, grantee, wraps, receiving }
    }

    pub(crate) fn labs(threshold: u8, nodes: u8) -> Self {
        let records: Vec<_> =
            (1..=3).map(|id| (lab(id), content(id, 500 * usize::from(id)))).collect();
        Self::new(threshold, nodes, &records)
    }

    pub(crate) fn entry(&self, id: u8) -> &RecordEntry {
        self.sealed.entries.iter().find(|e| e.record() == RecordId([id; 16])).unwrap()
    }

    pub(crate) fn ciphertext(&self, entry: &RecordEntry) -> Vec<u8> {
        let Location { segment, offset, length } = entry.location();
        let segment = self.sealed.segments.iter().find(|s| s.address == segment).unwrap();
        segment.bytes[offset as usize..(offset + length) as usize].to_vec()
    }

    pub(crate) fn packet(&self, entry: &RecordEntry) -> &CompartmentPacket {
        let packets = &self.sealed.compartment_packets;
        packets.iter().find(|p| p.header.compartment == entry.compartment()).unwrap()
    }

    /// What the grantee has after the grant was signed.
    pub(crate) fn granted(&self) -> Grantee {
        let mut grantee = Grantee::new();
        grantee.accept(&self.grantee.secret, &self.binding, &self.wraps).unwrap();
        grantee
    }

    /// Answers of these nodes (from 0) for these records.
    pub(crate) fn ask(&mut self, nodes: &[usize], ids: &[u8]) -> Vec<ReleasedShares> {
        let at = context(1);
        nodes
            .iter()
            .map(|node| {
                let packets = [self.sealed.release_packets[*node].clone()];
                self.nodes[*node]
                    .release(&packets, &named(ids), at, &self.receiving.public, &mut self.rng)
                    .unwrap()
            })
            .collect()
    }

    pub(crate) fn receive(&self, answers: &[ReleasedShares]) -> ReceivedShares {
        let mut received = ReceivedShares::new();
        for answer in answers {
            received.open(&self.receiving, &context(1), answer).unwrap();
        }
        received
    }

    pub(crate) fn open(
        &self,
        grantee: &mut Grantee,
        shares: &ReceivedShares,
        id: u8,
    ) -> Result<Zeroizing<Vec<u8>>, UnlockError> {
        let entry = self.entry(id);
        open_record(grantee, self.packet(entry), entry, shares, &self.ciphertext(entry))
    }
}
