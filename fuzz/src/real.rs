//! An owner, a requester, a stranger and a data centre on the real ledger and the real vault, in memory: one grant, one
//! use of it, one refusal.

use std::sync::{Arc, LazyLock};

use secnet_app::ports::EntryKind;
use secnet_app::{
    AccessCall, AccessError, Delivery, LocalRelease, NodeCard, Outcome, Pdc, Release, ReleaseDesk,
    SignedNodeCard, TermsDetail,
};
use secnet_crypto::{Checkpoint, Hash, SealKeyPair, SigningKey, StreamSuite, VerifyingKey};
use secnet_lock::{CompartmentKeys, ReleaseContext, SealedUpload, UploadSpec, seal_upload};
use secnet_types::{
    Genesis, MemberId, MoveStatement, Purpose, RecordMeta, SignedCommand, SignedMove, ValidatorKey,
};

use crate::world::{Ground, World, released, terms_of};

/// The world and what happened in it.
pub struct Real {
    runtime: tokio::runtime::Runtime,
    pub pdc: Arc<Pdc>,
    pub genesis: Genesis,
    pub keys: Vec<(MemberId, Arc<SigningKey>)>,
    /// Every signed command on the ledger.
    pub commands: Vec<SignedCommand>,
    /// Every event on the ledger.
    pub events: Vec<Vec<u8>>,
    /// The call that was allowed, and the key that its answer is sealed to.
    pub call: AccessCall,
    pub receiving: SealKeyPair,
    pub delivery: Delivery,
    /// The receipts of the allow and of the refusal.
    pub receipts: Vec<Vec<u8>>,
    /// The grantee's key, and the owner's keys.
    pub grantee: SealKeyPair,
    pub compartments: CompartmentKeys,
    /// One more upload, for the release node with this key.
    pub upload: SealedUpload,
    pub node: SealKeyPair,
    /// The release node that has the shares of the delivery.
    pub desk: ReleaseDesk,
    pub card: SignedNodeCard,
    pub checkpoint: String,
    pub log_key: VerifyingKey,
    /// What the archive holds.
    pub archive: Vec<(EntryKind, Vec<u8>)>,
    pub terms: TermsDetail,
    /// The owner lets this member's data centre take a copy.
    pub moving: SignedMove,
}

/// The one world, made when first asked for.
pub static REAL: LazyLock<Real> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Real::new(runtime.expect("a runtime starts"))
});

/// When the world begins.
const BEGIN: u64 = 1_767_225_600_000;
/// Seed of the release node's key.
const SHARES: [u8; 32] = [8; 32];

/// Name of the log's key and origin of its checkpoint.
pub const LOG: &str = "fuzz.example/log";

impl Real {
    fn new(runtime: tokio::runtime::Runtime) -> Self {
        let mut world = runtime.block_on(World::releasing(1, BEGIN, Box::new(release_node)));
        let (_, _) = runtime.block_on(world.granted(None, 2_000_000));
        let bo = World::copy(&world.bo);
        let (call, receiving) = world.call(&bo, Purpose::Treatment, None);
        let outcome = runtime.block_on(world.pdc.access(&call)).expect("an answer");
        let delivery = released(outcome);
        let (refused, _) = world.call(&bo, Purpose::Marketing, None);
        let refused = runtime.block_on(world.pdc.access(&refused)).expect("an answer");
        let Outcome::Denied(refusal) = refused else { panic!("a purpose that was not granted") };

        let listed = runtime.block_on(world.pdc.log.events(0, 1000)).expect("the log is readable");
        let command = |index| runtime.block_on(world.pdc.log.command_of(index)).expect("readable");
        let commands = listed.iter().filter_map(|(index, _)| command(*index));
        let commands: Vec<_> =
            commands.map(|bytes| SignedCommand::parse(&bytes).expect("on the ledger")).collect();
        let log_key = SigningKey::from_seed([5; 32]);
        let header = &delivery.receipt.header.header;
        let checkpoint = Checkpoint::new(LOG, header.log_size, Hash(header.log_root.0));
        let people = [&world.ada, &world.bo, &world.eve, &world.node];
        let keys = people.map(|person| (person.id, Arc::clone(&person.key))).to_vec();
        let node = SealKeyPair::from_seed([6; 32]);
        let upload = upload(&mut world, &node, &delivery.records[0].0);
        let (_, terms) = terms_of(&mut world.rng, &world.clock);
        let (entropy, clock) = (Arc::clone(&world.pdc.entropy), Arc::clone(&world.pdc.clock));
        let desk = ReleaseDesk::new(SealKeyPair::from_seed(SHARES), entropy, clock);
        let (who, key) = (&world.node, ValidatorKey([1; 32]));
        let moving = moving(&world);
        let card = NodeCard::sign(world.genesis().network(), who.id, key, who.key.as_ref());
        Self {
            keys,
            genesis: world.genesis().clone(),
            commands,
            events: listed.iter().map(|(_, bytes)| bytes.clone()).collect(),
            receipts: vec![delivery.receipt.to_bytes(), refusal.receipt.to_bytes()],
            checkpoint: checkpoint
                .and_then(|checkpoint| checkpoint.sign(LOG, &log_key))
                .expect("a checkpoint")
                .to_text(),
            log_key: log_key.verifying_key(),
            archive: runtime.block_on(archive(&world, &delivery)),
            pdc: world.pdc,
            grantee: bo.sealing,
            compartments: world.keys,
            upload,
            node,
            desk,
            card,
            call,
            receiving,
            delivery,
            terms,
            moving,
            runtime,
        }
    }

    /// What a door would be told.
    pub fn access(&self, call: &AccessCall) -> Result<Outcome, AccessError> {
        self.runtime.block_on(self.pdc.access(call))
    }

    /// What another data centre would be told; none if it asked nothing.
    pub fn copied(&self, call: &[u8]) -> Option<Vec<u8>> {
        let answer = self.pdc.answer_copy(self.moving.value.to, call);
        match self.runtime.block_on(answer) {
            Ok(answer) => Some(answer),
            Err(AccessError::Malformed(_)) => None,
            Err(error) => panic!("archive and vault work: {error}"),
        }
    }

    /// What the released shares are bound to.
    pub fn context(&self) -> ReleaseContext {
        self.delivery.shares[0].header.context
    }
}

fn moving(world: &World) -> SignedMove {
    let said = world.clock_now();
    let said = MoveStatement {
        network: world.pdc.network(),
        dataset: world.dataset,
        from: world.node.id,
        to: world.others[0].id,
        said,
        until: said.plus_ms(3_600_000),
    };
    SignedMove::sign(said, world.ada.key.as_ref())
}

fn release_node(ground: Ground<'_>) -> Arc<dyn Release> {
    let (log, clock) = (Arc::clone(ground.log), Arc::clone(ground.clock));
    let pair = SealKeyPair::from_seed(SHARES);
    Arc::new(LocalRelease::new(pair, ground.entropy, log, clock))
}

fn upload(world: &mut World, node: &SealKeyPair, meta: &RecordMeta) -> SealedUpload {
    let spec = UploadSpec {
        dataset: world.dataset,
        owner: world.ada.id,
        compartments: &world.keys.directory(),
        release_nodes: &[node.public.clone()],
        threshold: 1,
        suite: StreamSuite::ChaCha20Poly1305,
    };
    seal_upload(spec, [(meta, b"a record".as_slice())], &mut world.rng).expect("sealed")
}

async fn archive(world: &World, delivery: &Delivery) -> Vec<(EntryKind, Vec<u8>)> {
    let dataset = world.dataset.0;
    let upload = delivery.records[0].1.upload().0;
    let groups: [(EntryKind, &[u8]); 8] = [
        (EntryKind::ConsentDetail, &[]),
        (EntryKind::Wraps, &[]),
        (EntryKind::TermsDetail, &[]),
        (EntryKind::Manifest, &dataset),
        (EntryKind::DatasetManifest, &dataset),
        (EntryKind::Facts, &dataset),
        (EntryKind::CompartmentPacket, &upload),
        (EntryKind::ReleasePacket, &upload),
    ];
    let mut found = Vec::new();
    for (kind, group) in groups {
        let entries = world.pdc.archive.list(kind, group).await.expect("readable");
        found.extend(entries.into_iter().map(|(_, value)| (kind, value)));
    }
    found
}
