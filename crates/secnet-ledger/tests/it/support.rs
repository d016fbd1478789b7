//! A small world with everybody in it, and short ways to say what they do.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use secnet_crypto::SigningKey;
use secnet_ledger::{
    Agreement, Candidate, EntryChange, ExecutedBlock, Executor, LoadError, Loader, Outcome,
    Rejection, Resume, StateDigest, Verified, VerifyingPool,
};
use secnet_types::*;

pub(crate) const START: u64 = 1_800_000_000_000;
pub(crate) const MINUTE: u64 = 60_000;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;
/// One unit of money.
pub(crate) const UNIT: u64 = Amount::MICROS;

/// Founders by name: governors, organisations, data centres, people.
const FOUNDERS: [(&str, MemberKind); 12] = [
    ("gov1", MemberKind::Organisation),
    ("gov2", MemberKind::Organisation),
    ("gov3", MemberKind::Organisation),
    ("hospital-1", MemberKind::Organisation),
    ("hospital-10", MemberKind::Organisation),
    ("pdc", MemberKind::Node),
    ("pdc2", MemberKind::Node),
    ("ada", MemberKind::Person),
    ("bo", MemberKind::Person),
    ("cy", MemberKind::Person),
    ("dan", MemberKind::Person),
    ("eve", MemberKind::Person),
];

pub(crate) fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Digest::of(name.as_bytes()).0)
}

pub(crate) fn id(name: &str) -> MemberId {
    MemberId::from_key(&key(name).verifying_key())
}

pub(crate) fn digest(n: u8) -> Digest {
    Digest([n; 32])
}

pub(crate) fn genesis() -> Genesis {
    let mut founders: Vec<Founder> = FOUNDERS
        .iter()
        .map(|(name, kind)| Founder { member: id(name), kind: *kind, sealing_key: digest(9) })
        .collect();
    founders.sort_by_key(|f| f.member);
    let mut governors = vec![id("gov1"), id("gov2"), id("gov3")];
    governors.sort();
    Genesis {
        version: 1,
        name: "test".into(),
        time: Timestamp(START),
        salt: [7; 32],
        founders,
        governors,
        threshold: 2,
        sequencer: *key("sequencer").verifying_key().as_bytes(),
        parameters: Parameters::default(),
        predecessor: None,
        validators: None,
    }
}

/// The ledger under test, and a twin that only ever sees the blocks.
pub(crate) struct World {
    pub genesis: Genesis,
    pub executor: Executor,
    pub twin: Executor,
    /// What a store would hold that only ever saw the changes.
    pub stored: BTreeMap<(u8, Vec<u8>), Vec<u8>>,
    pub time: u64,
    counter: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(genesis())
    }

    pub(crate) fn with(genesis: Genesis) -> Self {
        let (executor, changes) = Executor::genesis(&genesis);
        let twin = executor.clone();
        let stored = BTreeMap::new();
        let mut world = Self { genesis, executor, twin, stored, time: START, counter: 0 };
        world.store(changes);
        world
    }

    /// The network that goes on from a closed one.
    pub(crate) fn going_on(
        genesis: Genesis,
        executor: Executor,
        entries: Vec<EntryChange>,
        old: &Self,
    ) -> Self {
        let (twin, stored) = (executor.clone(), BTreeMap::new());
        let Self { time, counter, .. } = *old;
        let mut world = Self { genesis, executor, twin, stored, time, counter };
        world.store(entries);
        world
    }

    fn store(&mut self, changes: Vec<EntryChange>) {
        for (table, key, value) in changes {
            let key = (table as u8, key);
            match value {
                Some(value) => drop(self.stored.insert(key, value)),
                None => {
                    assert!(self.stored.remove(&key).is_some(), "only what was there is removed")
                }
            }
        }
    }

    /// Ada owns a dataset at `pdc`; everybody has 1000 units.
    pub(crate) fn furnished() -> (Self, DatasetId) {
        let mut world = Self::new();
        for name in ["ada", "bo", "cy", "dan", "hospital-1"] {
            let issue = Change::Issue { to: id(name), amount: Amount(1000 * UNIT) };
            world.govern(issue).expect("issued");
        }
        let dataset = world.dataset("ada");
        (world, dataset)
    }

    pub(crate) fn network(&self) -> NetworkId {
        self.genesis.network()
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(self.time)
    }

    pub(crate) fn at(&self, ms: u64) -> Timestamp {
        Timestamp(self.time + ms)
    }

    pub(crate) fn fresh(&mut self) -> [u8; 16] {
        self.counter += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.counter.to_be_bytes());
        id
    }

    pub(crate) fn command(&mut self, who: &str, operation: Operation) -> Command {
        Command {
            network: self.network(),
            author: id(who),
            id: CommandId(self.fresh()),
            expires: self.at(5 * MINUTE),
            operation,
        }
    }

    /// A block of signed commands, a millisecond after the last. Checks what must hold after every block.
    pub(crate) fn block(&mut self, commands: Vec<Vec<u8>>) -> ExecutedBlock {
        self.time += 1;
        let commands = verified(commands);
        let tried = self.trial(&commands);
        let (now, before) = (self.now(), self.executor.position());
        let (block, prepared) = self.executor.prepare(|executor| executor.execute(now, &commands));
        assert_eq!(self.executor.position(), before, "what is not durable is not seen");
        assert!(self.executor.adopt(prepared), "nobody made another block");
        assert_eq!(tried.header, block.header, "what is tried is what is made");
        assert_eq!((&tried.events, &tried.changes), (&block.events, &block.changes));
        for outcome in &block.outcomes {
            if let Outcome::Rejected(rejection) = outcome {
                REFUSALS.with_borrow_mut(|codes| codes.insert(rejection.code()));
            }
        }
        let replayed = self.twin.execute(self.now(), &verified(block.commands.clone()));
        assert_eq!(replayed.header, block.header, "P10: same blocks, same headers");
        assert_eq!(replayed.events, block.events, "P10: same blocks, same events");
        assert_eq!(self.twin.position(), self.executor.position(), "P10: same blocks, same state");
        let (totals, sum) = self.executor.state().audit().expect("no overflow");
        assert_eq!(totals.supply, sum, "P5: money is conserved");
        for event in &block.events {
            decode::<Event>("event", event, limits::MAX_EVENT_BYTES)
                .expect("every event is readable");
        }
        self.store(block.changes.clone());
        block
    }

    /// What a validator sees of the block before it votes, with a quiet day on top. Nothing of it stays: the twin, which
    /// never tries anything, tells.
    fn trial(&mut self, commands: &[Verified]) -> ExecutedBlock {
        let before = self.executor.position();
        let agreement = Agreement::default();
        let next = Candidate { time: self.now(), agreement: agreement.clone(), commands };
        let later = Candidate { time: self.at(DAY), agreement, commands: &[] };
        let (blocks, _) = self.executor.prepare(|executor| {
            [next, later]
                .map(|block| executor.execute_agreed(block.time, block.agreement, block.commands))
        });
        assert_eq!(self.executor.position(), before, "a trial leaves no trace");
        assert_eq!(blocks[1].header.parent, blocks[0].digest);
        let [block, _] = blocks;
        block
    }

    pub(crate) fn wait(&mut self, ms: u64) -> ExecutedBlock {
        self.time += ms;
        self.block(vec![])
    }

    /// What becomes of one command; a forecast of it must have said the same, unless something is overdue, which it leaves
    /// to the block, and must have left no trace.
    pub(crate) fn outcome(&mut self, bytes: Vec<u8>) -> Outcome {
        let before = self.trace();
        let command = verified(vec![bytes.clone()]).remove(0);
        let time = self.at(1);
        let overdue = self.executor.next_deadline().is_some_and(|due| due <= time);
        let forecast = self.executor.forecast(&command, time);
        self.time += 1;
        self.trial(&[command]);
        self.time -= 1;
        assert_eq!(self.trace(), before, "neither a forecast nor a trial leaves a trace");
        let block = self.block(vec![bytes]);
        let told = block.events.last().map(|event| {
            decode::<Event>("event", event, limits::MAX_EVENT_BYTES).expect("readable").effects
        });
        match block.outcomes[0] {
            _ if overdue => {}
            Outcome::Applied { .. } => assert_eq!(forecast.ok(), told),
            Outcome::Repeated { .. } => assert_eq!(forecast, Ok(Vec::new())),
            Outcome::Rejected(rejection) => assert_eq!(forecast, Err(rejection)),
        }
        block.outcomes[0]
    }

    pub(crate) fn try_sign(&mut self, who: &str, command: Command) -> Outcome {
        self.outcome(signed(who, command))
    }

    /// Must be applied.
    pub(crate) fn ok(&mut self, who: &str, operation: Operation) -> CommandId {
        let command = self.command(who, operation);
        let id = command.id;
        let outcome = self.try_sign(who, command);
        assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
        id
    }

    /// Must be refused with this code and leave no trace.
    pub(crate) fn refused(&mut self, who: &str, operation: Operation, code: &str) {
        let command = self.command(who, operation);
        self.refuses(signed(who, command), code);
    }

    pub(crate) fn refuses(&mut self, bytes: Vec<u8>, code: &str) {
        let before = self.trace();
        let block = self.block(vec![bytes]);
        let Outcome::Rejected(rejection) = block.outcomes[0] else {
            panic!("expected `{code}`, got {:?}", block.outcomes[0]);
        };
        assert_eq!(rejection.code(), code, "{rejection}");
        assert!(!rejection.hint().is_empty() && rejection.number() > 0);
        assert!(block.events.is_empty() && block.changes.is_empty() && block.commands.is_empty());
        assert_eq!(self.trace(), before, "a refused command leaves no trace");
    }

    /// Everything: tables, journals, indexes and digest.
    pub(crate) fn trace(&self) -> String {
        format!("{:?} {:?}", self.executor.state(), self.executor.position().state)
    }

    /// As it would be after a restart.
    pub(crate) fn reloaded(&self) -> Executor {
        load_executor(&self.executor.position(), entries(&self.executor)).expect("loads")
    }

    pub(crate) fn approvals(
        &self,
        proposal: &Proposal,
        governors: &[&str],
    ) -> Vec<GovernorApproval> {
        governors.iter().map(|g| GovernorApproval::sign(id(g), proposal, &key(g))).collect()
    }

    pub(crate) fn proposal(&mut self, change: Change) -> Proposal {
        let id = CommandId(self.fresh());
        Proposal { network: self.network(), id, expires: self.at(DAY), change }
    }

    pub(crate) fn govern(&mut self, change: Change) -> Result<(), Rejection> {
        let proposal = self.proposal(change);
        let approvals = self.approvals(&proposal, &["gov1", "gov2"]);
        let command = self.command("gov1", Operation::Govern { proposal, approvals });
        match self.try_sign("gov1", command) {
            Outcome::Applied { .. } => Ok(()),
            Outcome::Rejected(rejection) => Err(rejection),
            Outcome::Repeated { .. } => panic!("a fresh id"),
        }
    }

    pub(crate) fn terms(&self, price: u64) -> Terms {
        Terms {
            price: Amount(price),
            level: ServiceLevel::Sealed,
            expires: self.at(400 * DAY),
            max_uses: None,
            beneficiaries: vec![],
            detail: digest(1),
        }
    }

    pub(crate) fn dataset(&mut self, owner: &str) -> DatasetId {
        let terms = self.terms(UNIT);
        self.dataset_with(owner, terms)
    }

    pub(crate) fn dataset_with(&mut self, owner: &str, terms: Terms) -> DatasetId {
        let register = Operation::RegisterDataset { pdc: id("pdc"), terms, manifest: digest(2) };
        let command = self.ok(owner, register);
        DatasetId::derive(id(owner), command)
    }

    /// For 30 days, one unit a use, without a count.
    pub(crate) fn grant_of(&self, dataset: DatasetId, to: &str) -> Grant {
        Grant {
            dataset,
            grantee: Party::Member(id(to)),
            window: Window { from: self.now(), until: self.at(30 * DAY) },
            uses: None,
            price: Amount(UNIT),
            emergency: false,
            detail: digest(3),
            wraps: digest(4),
            tenure: self.executor.state().dataset(dataset).map_or(0, |d| d.tenure),
        }
    }

    pub(crate) fn grant(&mut self, owner: &str, grant: Grant) -> GrantId {
        let command = self.ok(owner, Operation::Grant { grant });
        GrantId::derive(id(owner), command)
    }

    pub(crate) fn granted(&mut self, dataset: DatasetId, to: &str) -> GrantId {
        let grant = self.grant_of(dataset, to);
        self.grant("ada", grant)
    }

    pub(crate) fn denial_of(&self, dataset: Option<DatasetId>, party: Party) -> Denial {
        let window = Window { from: self.now(), until: Timestamp::MAX };
        Denial { dataset, party, window, even_in_emergency: false, detail: None }
    }

    pub(crate) fn ask_of(&self, dataset: DatasetId, who: &str) -> Ask {
        Ask {
            dataset,
            grantee: Party::Member(id(who)),
            price: Amount(UNIT),
            uses: Some(3),
            window: Window { from: self.now(), until: self.at(30 * DAY) },
            deadline: self.at(DAY),
            detail: digest(3),
        }
    }

    pub(crate) fn request(&mut self, who: &str, dataset: DatasetId) -> AccessRequest {
        AccessRequest {
            network: self.network(),
            requester: id(who),
            dataset,
            id: RequestId(self.fresh()),
            expires: self.at(30 * MINUTE),
            max_price: Amount(100 * UNIT),
            receiving_key: digest(5),
            detail: digest(6),
        }
    }

    pub(crate) fn allow(&self, grant: GrantId, price: u64) -> Verdict {
        Verdict::Allow {
            grant,
            price: Amount(price),
            scope: digest(7),
            records: 1,
            collect_by: self.at(HOUR),
        }
    }

    pub(crate) fn decide(&self, request: Signed<AccessRequest>, verdict: Verdict) -> Decision {
        Decision {
            request,
            height: self.executor.height(),
            facts: digest(8),
            policy: digest(8),
            rules: digest(8),
            model: digest(8),
            score: 100,
            verdict,
            lifts: None,
        }
    }

    pub(crate) fn allowed(&mut self, who: &str, dataset: DatasetId, grant: GrantId) -> Operation {
        let request = self.request(who, dataset);
        let request = Signed::sign(request, &key(who));
        let verdict = self.allow(grant, UNIT);
        Operation::RecordDecision { decision: self.decide(request, verdict) }
    }

    /// An allowed use for one unit; the request's id.
    pub(crate) fn used(&mut self, who: &str, dataset: DatasetId, grant: GrantId) -> RequestId {
        let operation = self.allowed(who, dataset, grant);
        let Operation::RecordDecision { decision } = &operation else { unreachable!() };
        let request = decision.request.value.id;
        self.ok("pdc", operation);
        request
    }

    /// A hold on a request of `who`: the decision, and the request to decide anew.
    pub(crate) fn held(
        &mut self,
        who: &str,
        dataset: DatasetId,
    ) -> (DecisionId, Signed<AccessRequest>) {
        let request = self.request(who, dataset);
        let request = Signed::sign(request, &key(who));
        let verdict = Verdict::Hold { reason: ReasonClass::Guard, answer_by: self.at(DAY) };
        let decision = self.decide(request.clone(), verdict);
        let command = self.ok("pdc", Operation::RecordDecision { decision });
        (DecisionId::derive(id("pdc"), command), request)
    }

    pub(crate) fn balance(&self, who: &str) -> u64 {
        self.executor.state().balance(id(who)).0
    }
}

thread_local! {
    static REFUSALS: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
}

/// What was refused in this thread so far, by code.
pub(crate) fn refusals() -> BTreeSet<&'static str> {
    REFUSALS.with_borrow(Clone::clone)
}

pub(crate) fn signed(who: &str, command: Command) -> Vec<u8> {
    SignedCommand::sign(command, &key(who)).to_bytes()
}

pub(crate) fn verified(commands: Vec<Vec<u8>>) -> Vec<Verified> {
    let mut rng = ChaCha8Rng::from_seed([3; 32]);
    VerifyingPool::verify(commands, &mut rng).into_iter().map(|v| v.expect("verifies")).collect()
}

pub(crate) fn entries(executor: &Executor) -> Vec<(u8, Vec<u8>, Vec<u8>)> {
    let mut all = Vec::new();
    executor.state().for_each_entry(|table, key, value| {
        all.push((table as u8, key.to_vec(), value.to_vec()));
    });
    all
}

/// A card that `name` signs to be admitted by this organisation, or by the governors.
pub(crate) fn card(
    world: &World,
    name: &str,
    kind: MemberKind,
    voucher: Option<&str>,
) -> Signed<MemberCard> {
    let voucher = voucher.map(id);
    let card = MemberCard { network: world.network(), kind, sealing_key: digest(9), voucher };
    Signed::sign(card, &key(name))
}

/// An executor from stored entries.
pub(crate) fn load_executor(
    resume: &Resume,
    entries: impl IntoIterator<Item = (u8, Vec<u8>, Vec<u8>)>,
) -> Result<Executor, LoadError> {
    let (mut loader, mut digest) = (Loader::new(resume.network), StateDigest::default());
    for (table, key, value) in entries {
        loader.add(table, &key, &value)?;
        digest.add_stored(table, &key, &value);
    }
    loader.finish(resume, digest)
}

/// An organisation vouches for a person of this name.
pub(crate) fn vouch(world: &World, organisation: &str, name: &str) -> Operation {
    Operation::Vouch { card: card(world, name, MemberKind::Person, Some(organisation)) }
}
