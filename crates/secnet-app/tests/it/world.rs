//! An owner, a requester, a stranger and a data centre on real ports in memory.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use secnet_app::ports::{Archive, Clock, Entropy, Vault};
use secnet_app::*;
use secnet_crypto::{SealKeyPair, SigningKey, StreamSuite};
use secnet_lock::*;
use secnet_node::store::Store;
use secnet_node::{Chain, Solo, store_options};
use secnet_types::*;
use secnet_vault::{PrivateArchive, SegmentVault};

use crate::switches::{Breakable, Switched};

pub(crate) const HOUR: u64 = 3_600_000;

pub(crate) struct ManualClock(AtomicU64);

impl ManualClock {
    pub(crate) fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

struct Seeded(Mutex<ChaCha20Rng>);

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().fill_bytes(bytes);
    }
}

pub(crate) struct Person {
    pub(crate) key: Arc<SigningKey>,
    pub(crate) id: MemberId,
    pub(crate) sealing: SealKeyPair,
}

pub(crate) struct World {
    pub(crate) pdc: Arc<Pdc>,
    pub(crate) log: Arc<Switched>,
    pub(crate) release: Arc<Breakable>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) rng: ChaCha20Rng,
    pub(crate) ada: Person,
    pub(crate) bo: Person,
    pub(crate) eve: Person,
    pub(crate) node: Person,
    /// Members with data centres of their own.
    pub(crate) others: Vec<Person>,
    pub(crate) keys: CompartmentKeys,
    pub(crate) dataset: DatasetId,
    pub(crate) records: Vec<RecordId>,
}

pub(crate) fn terms_of(world: &mut ChaCha20Rng, clock: &ManualClock) -> (Terms, TermsDetail) {
    let mut salt = [0; 32];
    world.fill_bytes(&mut salt);
    let detail = TermsDetail { title: "Ada's records".into(), purposes: None, actions: None, salt };
    let terms = Terms {
        price: Amount(1_000_000),
        level: ServiceLevel::Sealed,
        expires: clock.now().plus_ms(1000 * HOUR),
        max_uses: None,
        beneficiaries: Vec::new(),
        detail: detail.commitment(),
    };
    (terms, detail)
}

impl World {
    /// Ada has two laboratory results and one about mental health; Bo has 50 units.
    pub(crate) async fn new(seed: u64) -> Self {
        Self::at(seed, 1_767_225_600_000).await
    }

    /// The same, beginning at this moment.
    pub(crate) async fn at(seed: u64, now: u64) -> Self {
        Self::releasing(seed, now, Box::new(alone)).await
    }

    /// The same, with these release nodes.
    pub(crate) async fn releasing(seed: u64, now: u64, releases: Releases) -> Self {
        Self::with(seed, now, releases, false).await
    }

    /// The same, in a network of one validator.
    pub(crate) async fn with(seed: u64, now: u64, releases: Releases, network: bool) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let clock = Arc::new(ManualClock(AtomicU64::new(now)));
        let mut person = || {
            let key = SigningKey::generate(&mut rng);
            let id = MemberId::from_key(&key.verifying_key());
            Person { key: Arc::new(key), id, sealing: SealKeyPair::generate(&mut rng) }
        };
        let (ada, bo, eve, node) = (person(), person(), person(), person());
        let others = [person(), person(), person()];
        let sequencer = Arc::new(SigningKey::generate(&mut rng));
        let founder = |p: &Person, kind| Founder {
            member: p.id,
            kind,
            sealing_key: Digest(p.sealing.public.digest()),
        };
        let mut founders = vec![
            founder(&ada, MemberKind::Person),
            founder(&bo, MemberKind::Organisation),
            founder(&eve, MemberKind::Organisation),
            founder(&node, MemberKind::Node),
        ];
        founders.extend(others.iter().map(|other| founder(other, MemberKind::Node)));
        founders.sort_by_key(|f| f.member);
        let genesis = Genesis {
            version: 1,
            name: "flow".into(),
            time: clock.now(),
            salt: [7; 32],
            founders,
            governors: vec![bo.id],
            threshold: 1,
            sequencer: *sequencer.verifying_key().as_bytes(),
            parameters: Parameters::default(),
            predecessor: None,
            validators: network.then(|| vec![ValidatorKey(*sequencer.verifying_key().as_bytes())]),
        };
        let backend = redb::backends::InMemoryBackend::new();
        let store = Store::open_with_backend(backend, store_options(true)).unwrap();
        let chain = match genesis.validators {
            None => Chain::create(store, genesis, sequencer).unwrap(),
            Some(_) => Chain::create_agreed(store, genesis).unwrap(),
        };
        let solo = Solo::start(chain, Arc::clone(&clock) as _).unwrap();
        let log = Arc::new(Switched::new(solo, Arc::clone(&clock)));
        let shares = SealKeyPair::generate(&mut rng);
        let (parts, release) = parts_of((&log, &clock), (&node, &others), shares, seed, releases);
        let pdc = Arc::new(Pdc::new(parts).await.unwrap());
        let mut world = Self {
            pdc,
            log,
            release,
            clock,
            rng,
            ada,
            bo,
            eve,
            node,
            others: others.into(),
            keys: CompartmentKeys::new(),
            dataset: DatasetId([0; 16]),
            records: Vec::new(),
        };
        world.issue(50_000_000).await;
        world.register().await;
        world
    }

    pub(crate) fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn salt(&mut self) -> [u8; 32] {
        let mut salt = [0; 32];
        self.rng.fill_bytes(&mut salt);
        salt
    }

    pub(crate) fn sign(&self, who: &Person, operation: Operation) -> SignedCommand {
        self.pdc.sign(who.id, operation, who.key.as_ref())
    }

    pub(crate) async fn submit(&self, who: &Person, operation: Operation) -> SignedCommand {
        let command = self.sign(who, operation);
        self.pdc.log.submit(command.to_bytes()).await.unwrap();
        command
    }

    async fn issue(&mut self, amount: u64) {
        self.govern([1; 16], Change::Issue { to: self.bo.id, amount: Amount(amount) }).await;
    }

    /// Bo governs.
    pub(crate) async fn govern(&self, id: [u8; 16], change: Change) {
        let proposal = Proposal {
            network: self.pdc.network(),
            id: CommandId(id),
            expires: self.clock.now().plus_ms(HOUR),
            change,
        };
        let approvals = vec![GovernorApproval::sign(self.bo.id, &proposal, self.bo.key.as_ref())];
        self.submit(&self.bo, Operation::Govern { proposal, approvals }).await;
    }

    async fn register(&mut self) {
        let labels = [Labels::NONE, Labels::NONE, Labels::NONE.with(Label::MentalHealth)];
        let command = CommandId([2; 16]);
        self.dataset = DatasetId::derive(self.ada.id, command);
        let mut records = Vec::new();
        for (at, labels) in labels.into_iter().enumerate() {
            let id = RecordId([u8::try_from(at).unwrap() + 1; 16]);
            let category = Category::Laboratory;
            self.keys.ensure(self.ada.id, category, labels, &mut self.rng).unwrap();
            let meta =
                RecordMeta { id, kind: "Observation".into(), category, labels, period: None };
            records.push((meta, format!("result {at}").into_bytes()));
        }
        self.records = records.iter().map(|(meta, _)| meta.id).collect();
        let nodes = self.pdc.release.nodes().await.unwrap();
        let directory = self.keys.directory();
        let spec = UploadSpec {
            dataset: self.dataset,
            owner: self.ada.id,
            compartments: &directory,
            release_nodes: &nodes,
            threshold: self.pdc.release.threshold(),
            suite: StreamSuite::ChaCha20Poly1305,
        };
        let content = records.iter().map(|(meta, content)| (meta, content.as_slice()));
        let sealed = seal_upload(spec, content, &mut self.rng).unwrap();
        let metas = records.into_iter().map(|(meta, _)| meta).collect();
        let uploads = vec![Upload { sealed, metas }];
        let listed = DatasetManifest::of(self.salt(), &uploads);
        let (terms, detail) = terms_of(&mut self.rng, &self.clock);
        let manifest = listed.commitment();
        let command = Command {
            network: self.pdc.network(),
            author: self.ada.id,
            id: command,
            expires: self.clock.now().plus_ms(60_000),
            operation: Operation::RegisterDataset { pdc: self.node.id, terms, manifest },
        };
        let command = SignedCommand::sign(command, self.ada.key.as_ref());
        let stated = Stated { terms: detail, manifest: Some(listed), hosting: Vec::new() };
        self.pdc.take_in(uploads, &stated, &command).await.unwrap();
    }

    pub(crate) fn detail(&mut self, labels: Option<Labels>) -> GrantDetail {
        GrantDetail {
            purposes: BTreeSet::from([Purpose::Treatment]),
            actions: BTreeSet::from([Action::Read]),
            scope: Scope { labels, ..Scope::default() },
            salt: self.salt(),
        }
    }

    /// Ada grants Bo the use, at this price.
    pub(crate) fn grant(&mut self, detail: &GrantDetail, price: u64) -> (Grant, GrantWraps) {
        let binding = GrantBinding { dataset: self.dataset, detail: detail.commitment() };
        let covered = compartments_for(&detail.scope, self.keys.compartments());
        let wraps =
            wrap_for_grantee(binding, &covered, &self.keys, &self.bo.sealing.public, &mut self.rng)
                .unwrap();
        let now = self.clock.now();
        let grant = Grant {
            dataset: self.dataset,
            grantee: Party::Member(self.bo.id),
            window: Window { from: now, until: now.plus_ms(100 * HOUR) },
            uses: Some(2),
            price: Amount(price),
            emergency: false,
            detail: detail.commitment(),
            wraps: wraps.digest(),
            tenure: 0,
        };
        (grant, wraps)
    }

    pub(crate) async fn granted(
        &mut self,
        labels: Option<Labels>,
        price: u64,
    ) -> (GrantId, GrantDetail) {
        let detail = self.detail(labels);
        let (grant, wraps) = self.grant(&detail, price);
        let command = self.sign(&self.ada, Operation::Grant { grant });
        let enclosures = Enclosures { detail: Some(detail.clone()), wraps: Some(wraps) };
        self.pdc.order(&command, enclosures).await.unwrap();
        (Pdc::grant_made_by(&command).unwrap(), detail)
    }

    pub(crate) fn call(
        &mut self,
        who: &Person,
        purpose: Purpose,
        labels: Option<Labels>,
    ) -> (AccessCall, SealKeyPair) {
        let dataset = self.dataset;
        self.call_for(who, dataset, purpose, labels)
    }

    pub(crate) fn call_for(
        &mut self,
        who: &Person,
        dataset: DatasetId,
        purpose: Purpose,
        labels: Option<Labels>,
    ) -> (AccessCall, SealKeyPair) {
        let receiving = SealKeyPair::generate(&mut self.rng);
        let receiving_key = receiving.public.to_bytes().to_vec();
        let scope = Scope { labels, ..Scope::default() };
        let (salt, proof_for) = (self.salt(), None);
        let detail = RequestDetail { action: Action::Read, purpose, scope, salt, proof_for };
        let mut id = [0; 16];
        self.rng.fill_bytes(&mut id);
        let request = AccessRequest {
            network: self.pdc.network(),
            requester: who.id,
            dataset,
            id: RequestId(id),
            expires: self.clock.now().plus_ms(HOUR / 2),
            max_price: Amount(5_000_000),
            receiving_key: Digest::of(&receiving_key),
            detail: detail.commitment(),
        };
        let request = Signed::sign(request, who.key.as_ref()).to_bytes();
        (
            AccessCall {
                request,
                detail: encode(&detail),
                receiving_key,
                door: Door::InProcess,
                source: None,
            },
            receiving,
        )
    }

    pub(crate) fn balance(&self, who: &Person) -> u64 {
        self.pdc.view(|view| view.state.balance(who.id).0).unwrap()
    }

    /// Everything a delivery holds, opened.
    pub(crate) async fn open(
        &self,
        delivery: &Delivery,
        receiving: &SealKeyPair,
        detail: &GrantDetail,
    ) -> Vec<String> {
        let reader =
            Reader::new(delivery, &self.bo.sealing, receiving, detail.commitment()).unwrap();
        let mut contents = Vec::new();
        for (meta, entry) in &delivery.records {
            let ciphertext = self.pdc.ciphertext(&delivery.granted, meta.id).await.unwrap();
            let plain = reader.open(entry, &ciphertext).unwrap();
            contents.push(String::from_utf8(plain.to_vec()).unwrap());
        }
        contents.sort();
        contents
    }

    /// The data centre dies, all but what is durable, and starts again.
    pub(crate) async fn restart(&mut self) {
        self.restart_with(secnet_guard::Model::default()).await;
    }

    pub(crate) async fn restart_with(&mut self, model: secnet_guard::Model) {
        self.pdc = Arc::new(Pdc::with_model(self.parts(), model).await.unwrap());
    }

    /// The same, with other release nodes.
    pub(crate) async fn restart_releasing(&mut self, release: Arc<dyn Release>) {
        let parts = Parts { release, ..self.parts() };
        self.pdc = Arc::new(Pdc::new(parts).await.unwrap());
    }

    /// The same, with another quota for denials.
    pub(crate) async fn restart_with_quota(&mut self, recorded: u32, summaries: u32) {
        let pdc = Pdc::new(self.parts()).await.unwrap();
        self.pdc = Arc::new(pdc.with_denial_quota(DenialQuota { recorded, summaries }));
    }

    fn parts(&self) -> Parts {
        let pdc = &self.pdc;
        Parts {
            log: Arc::clone(&pdc.log),
            vault: Arc::clone(&pdc.vault),
            archive: Arc::clone(&pdc.archive),
            release: Arc::clone(&pdc.release),
            clock: Arc::clone(&pdc.clock),
            entropy: Arc::clone(&pdc.entropy),
            signer: Arc::clone(&pdc.signer),
            member: pdc.member,
            doors: Arc::clone(&pdc.doors),
            sealing: Box::new(SealKeyPair::from_seed(*self.node.sealing.secret.seed())),
        }
    }

    /// The data centre of another member, with nothing in it, on the same ledger.
    pub(crate) async fn other_pdc(&self) -> Pdc {
        let (clock, entropy) = (Arc::clone(&self.pdc.clock), Arc::clone(&self.pdc.entropy));
        let other = &self.others[0];
        let pair = || Box::new(SealKeyPair::from_seed(*other.sealing.secret.seed()));
        let (log, node) = (Arc::clone(&self.pdc.log), *pair());
        let release = LocalRelease::new(node, Arc::clone(&entropy), Arc::clone(&log), clock);
        let parts = Parts {
            log,
            vault: Arc::new(SegmentVault::memory()),
            archive: Arc::new(PrivateArchive::memory().unwrap()),
            release: Arc::new(release),
            entropy,
            signer: Arc::clone(&other.key) as _,
            member: other.id,
            doors: Arc::default(),
            sealing: pair(),
            ..self.parts()
        };
        Pdc::new(parts).await.unwrap()
    }

    /// The same in a network, whose release nodes answer both.
    pub(crate) async fn pdc_beside(&self) -> Arc<Pdc> {
        let archive = Arc::new(PrivateArchive::memory().unwrap());
        self.beside_on(Arc::new(SegmentVault::memory()), archive).await
    }

    /// That data centre of another member dies, all but what is durable, and starts again.
    pub(crate) async fn started_again(&self, pdc: &Pdc) -> Arc<Pdc> {
        self.beside_on(Arc::clone(&pdc.vault), Arc::clone(&pdc.archive)).await
    }

    /// The data centre of another member, on these.
    pub(crate) async fn beside_on(
        &self,
        vault: Arc<dyn Vault>,
        archive: Arc<dyn Archive>,
    ) -> Arc<Pdc> {
        let other = &self.others[0];
        let parts = Parts {
            vault,
            archive,
            signer: Arc::clone(&other.key) as _,
            member: other.id,
            doors: Arc::default(),
            sealing: Box::new(SealKeyPair::from_seed(*other.sealing.secret.seed())),
            ..self.parts()
        };
        Arc::new(Pdc::new(parts).await.unwrap())
    }

    /// A block, so that the ledger sees what time it is.
    pub(crate) async fn tick(&self) {
        let transfer = Operation::Transfer { to: self.eve.id, amount: Amount(1) };
        self.submit(&self.bo, transfer).await;
    }

    /// The person, apart from the world, so that both can be used at once.
    pub(crate) fn copy(person: &Person) -> Person {
        let sealing = SealKeyPair::from_seed(*person.sealing.secret.seed());
        Person { key: Arc::clone(&person.key), id: person.id, sealing }
    }

    pub(crate) fn genesis(&self) -> &Genesis {
        self.pdc.log.genesis()
    }
}

/// What release nodes stand on.
pub(crate) struct Ground<'g> {
    pub(crate) log: &'g Arc<Switched>,
    pub(crate) clock: &'g Arc<ManualClock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) archive: Arc<dyn Archive>,
    pub(crate) node: &'g Person,
    pub(crate) others: &'g [Person; 3],
    /// For a node that holds all shares alone.
    pub(crate) shares: SealKeyPair,
}

pub(crate) type Releases = Box<dyn FnOnce(Ground<'_>) -> Arc<dyn Release>>;

fn alone(ground: Ground<'_>) -> Arc<dyn Release> {
    let (log, clock) = (Arc::clone(ground.log), Arc::clone(ground.clock));
    Arc::new(LocalRelease::new(ground.shares, ground.entropy, log, clock))
}

/// The data centre's surroundings; and its release nodes, to break them.
fn parts_of(
    (log, clock): (&Arc<Switched>, &Arc<ManualClock>),
    (node, others): (&Person, &[Person; 3]),
    shares: SealKeyPair,
    seed: u64,
    releases: Releases,
) -> (Parts, Arc<Breakable>) {
    let entropy: Arc<dyn Entropy> =
        Arc::new(Seeded(Mutex::new(ChaCha20Rng::seed_from_u64(seed + 1))));
    let archive: Arc<dyn Archive> = Arc::new(PrivateArchive::memory().unwrap());
    let (entropy_too, archive_too) = (Arc::clone(&entropy), Arc::clone(&archive));
    let ground =
        Ground { log, clock, entropy: entropy_too, archive: archive_too, node, others, shares };
    let release = releases(ground);
    let (broken, before) = (AtomicBool::new(false), parking_lot::Mutex::default());
    let release = Arc::new(Breakable { inner: release, broken, before });
    let parts = Parts {
        log: Arc::clone(log) as _,
        vault: Arc::new(SegmentVault::memory()),
        archive,
        release: Arc::clone(&release) as _,
        clock: Arc::clone(clock) as _,
        entropy,
        signer: Arc::clone(&node.key) as _,
        member: node.id,
        doors: Arc::default(),
        sealing: Box::new(SealKeyPair::from_seed(*node.sealing.secret.seed())),
    };
    (parts, release)
}

pub(crate) fn released(outcome: Outcome) -> Delivery {
    match outcome {
        Outcome::Released(delivery) => *delivery,
        other => panic!("{other:?}"),
    }
}
