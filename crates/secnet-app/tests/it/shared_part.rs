//! The part of consent that ledger and policy both judge: whatever the ledger would apply, Cedar permits, too.
//!
//! Random worlds on the real state machine: grants to members, groups and organisations with windows, counts, prices
//! and purposes, denials, revocations and time. Every decision is offered to the ledger as an allow; where it is applied,
//! policy, asked about the state before, must permit it under that grant for some purpose of the grant.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use secnet_crypto::SigningKey;
use secnet_ledger::{Executor, GrantStatus, Outcome, VerifyingPool};
use secnet_policy::*;
use secnet_types::*;

const START: u64 = 1_800_000_000_000;
const MINUTE: u64 = 60_000;
const UNIT: u64 = 1_000_000;
const PEOPLE: [&str; 4] = ["ada", "bo", "cy", "nurse"];
const PURPOSES: [Purpose; 3] = [Purpose::Treatment, Purpose::Research, Purpose::Emergency];

fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Digest::of(name.as_bytes()).0)
}

fn id(name: &str) -> MemberId {
    MemberId::from_key(&key(name).verifying_key())
}

struct Ledger {
    executor: Executor,
    rng: ChaCha8Rng,
    time: u64,
    dataset: DatasetId,
    group: GroupId,
    grants: Vec<GrantId>,
    details: BTreeMap<GrantId, GrantDetail>,
    denials: Vec<DenialId>,
    /// What was compiled last for each requester: in a debug build that takes much longer than everything else here.
    compiled: BTreeMap<MemberId, CompiledConsent>,
    attempts: usize,
}

impl Ledger {
    fn new(seed: u64) -> Self {
        let kinds = [
            ("ada", MemberKind::Person),
            ("bo", MemberKind::Person),
            ("cy", MemberKind::Person),
            ("hospital", MemberKind::Organisation),
            ("pdc", MemberKind::Node),
        ];
        let mut founders: Vec<_> = kinds
            .map(|(name, kind)| Founder { member: id(name), kind, sealing_key: Digest::ZERO })
            .to_vec();
        founders.sort_by_key(|founder| founder.member);
        let genesis = Genesis {
            version: 1,
            name: "shared part".into(),
            time: Timestamp(START),
            salt: [1; 32],
            founders,
            governors: vec![id("hospital")],
            threshold: 1,
            sequencer: *key("sequencer").verifying_key().as_bytes(),
            parameters: Parameters::default(),
            predecessor: None,
            validators: None,
        };
        let mut ledger = Self {
            executor: Executor::genesis(&genesis).0,
            rng: ChaCha8Rng::seed_from_u64(seed),
            time: START,
            dataset: DatasetId([0; 16]),
            group: GroupId([0; 16]),
            grants: Vec::new(),
            details: BTreeMap::new(),
            denials: Vec::new(),
            compiled: BTreeMap::new(),
            attempts: 0,
        };
        let card = MemberCard {
            network: genesis.network(),
            kind: MemberKind::Person,
            sealing_key: Digest::ZERO,
            voucher: Some(id("hospital")),
        };
        let card = Signed::sign(card, &key("nurse"));
        ledger.send("hospital", Operation::Vouch { card }).expect("vouched");
        for name in PEOPLE {
            ledger.issue(name);
        }
        let group = ledger.send("cy", Operation::CreateGroup).expect("a group");
        ledger.group = GroupId::derive(id("cy"), group);
        let join =
            Operation::ChangeGroup { group: ledger.group, add: vec![id("bo")], remove: vec![] };
        ledger.send("cy", join).expect("joined");
        let terms = Terms {
            price: Amount(UNIT),
            level: ServiceLevel::Sealed,
            expires: ledger.at([90, 100_000]),
            max_uses: None,
            beneficiaries: vec![],
            detail: Digest::ZERO,
        };
        let register = Operation::RegisterDataset { pdc: id("pdc"), terms, manifest: Digest::ZERO };
        let dataset = ledger.send("ada", register).expect("registered");
        ledger.dataset = DatasetId::derive(id("ada"), dataset);
        ledger
    }

    fn below(&mut self, end: u32) -> u32 {
        self.rng.next_u32() % end
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(u32::try_from(of.len()).unwrap()) as usize]
    }

    /// One of these minutes from now.
    fn at<const N: usize>(&mut self, minutes: [u64; N]) -> Timestamp {
        Timestamp(self.time + self.one_of(&minutes) * MINUTE)
    }

    fn fresh(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    fn issue(&mut self, to: &str) {
        let proposal = Proposal {
            network: self.executor.state().network(),
            id: CommandId(self.fresh()),
            expires: Timestamp(self.time + MINUTE),
            change: Change::Issue { to: id(to), amount: Amount(100 * UNIT) },
        };
        let approval = GovernorApproval::sign(id("hospital"), &proposal, &key("hospital"));
        self.send("hospital", Operation::Govern { proposal, approvals: vec![approval] })
            .expect("issued");
    }

    fn send(&mut self, who: &str, operation: Operation) -> Result<CommandId, &'static str> {
        self.time += 1;
        let command = Command {
            network: self.executor.state().network(),
            author: id(who),
            id: CommandId(self.fresh()),
            expires: Timestamp(self.time + 5 * MINUTE),
            operation,
        };
        let name = command.id;
        let bytes = SignedCommand::sign(command, &key(who)).to_bytes();
        let verified = VerifyingPool::verify(vec![bytes], &mut self.rng).remove(0).unwrap();
        match self.executor.execute(Timestamp(self.time), &[verified]).outcomes[0] {
            Outcome::Applied { .. } => Ok(name),
            Outcome::Repeated { .. } => panic!("a fresh id"),
            Outcome::Rejected(rejection) => Err(rejection.code()),
        }
    }

    fn party(&mut self) -> Party {
        let who = self.one_of(&PEOPLE);
        match self.below(4) {
            0 => Party::Group(self.group),
            1 => Party::Organisation(id("hospital")),
            _ => Party::Member(id(who)),
        }
    }

    fn window(&mut self) -> Window {
        let from = self.at([0, 0, 5]);
        Window { from, until: self.at([10, 40, 200]) }
    }

    /// Something that changes what is allowed.
    fn change(&mut self) {
        match self.below(6) {
            0..=2 => {
                let emergency = self.below(4) == 0;
                let purposes: BTreeSet<Purpose> = if emergency {
                    BTreeSet::from([Purpose::Emergency])
                } else {
                    (0..=self.below(2)).map(|_| self.one_of(&PURPOSES)).collect()
                };
                let detail = GrantDetail {
                    purposes,
                    actions: Action::ALL.iter().copied().collect(),
                    scope: Scope::default(),
                    salt: [7; 32],
                };
                let prices: &[u64] = if emergency { &[0] } else { &[0, UNIT, 5 * UNIT] };
                let grant = Grant {
                    dataset: self.dataset,
                    grantee: self.party(),
                    window: self.window(),
                    uses: self.one_of(&[None, Some(1), Some(2)]),
                    price: Amount(self.one_of(prices)),
                    emergency,
                    detail: detail.commitment(),
                    wraps: Digest::ZERO,
                    tenure: 0,
                };
                if let Ok(command) = self.send("ada", Operation::Grant { grant }) {
                    let grant = GrantId::derive(id("ada"), command);
                    self.grants.push(grant);
                    self.details.insert(grant, detail);
                }
            }
            3 => {
                let denial = Denial {
                    dataset: (self.below(2) == 0).then_some(self.dataset),
                    party: self.party(),
                    window: self.window(),
                    even_in_emergency: self.below(2) == 0,
                    detail: None,
                };
                if let Ok(command) = self.send("ada", Operation::Deny { denial }) {
                    self.denials.push(DenialId::derive(id("ada"), command));
                }
            }
            4 => {
                if let Some(denial) = self.denials.pop() {
                    let _ = self.send("ada", Operation::LiftDenial { denial });
                }
            }
            _ if self.grants.len() > 4 => {
                let all = self.grants.clone();
                let grant = self.one_of(&all);
                let _ = self.send("ada", Operation::Revoke { grant, reason: Reason::Unstated });
            }
            _ => {}
        }
    }

    /// The consent that concerns any of these parties, as a PDC gathers it; without parties, everybody's.
    fn slice(&self, parties: Option<&[Party]>) -> (ConsentSlice, BTreeSet<GrantId>) {
        let concerns = |party: &Party| parties.is_none_or(|parties| parties.contains(party));
        let state = self.executor.state();
        let entry = state.dataset(self.dataset).unwrap();
        let mut used_up = BTreeSet::new();
        let mut grants = Vec::new();
        for (id, grant) in state.grants_on(self.dataset) {
            if grant.status == GrantStatus::Revoked || grant.grant.tenure != entry.tenure {
                continue;
            }
            if !concerns(&grant.grant.grantee) {
                continue;
            }
            let uses_left = grant.grant.uses.map(|uses| uses.saturating_sub(grant.used));
            if uses_left == Some(0) {
                used_up.insert(id);
            }
            let detail = self.details[&id].clone();
            grants.push(GrantFact { id, grant: grant.grant.clone(), detail, uses_left });
        }
        let denials = state
            .denials_by(entry.owner)
            .filter(|(_, denied)| concerns(&denied.denial.party))
            .map(|(id, denied)| DenialFact { id, denial: denied.denial.clone(), detail: None })
            .collect();
        let terms = TermsFact {
            expires: entry.terms.expires,
            purposes: None,
            actions: None,
            level: entry.terms.level,
        };
        let slice =
            ConsentSlice { dataset: self.dataset, owner: entry.owner, terms, grants, denials };
        (slice, used_up)
    }

    /// For which purposes policy permits a use under this grant, at the time of the next block.
    fn permitted(
        &mut self,
        requester: MemberId,
        grant: GrantId,
        max_price: Amount,
    ) -> Vec<Purpose> {
        let parties = self.executor.state().parties_of(requester);
        let (slice, used_up) = self.slice(Some(&parties));
        let compiled = match self.compiled.remove(&requester) {
            Some(compiled) if *compiled.slice() == slice => compiled,
            _ => CompiledConsent::compile(&slice).unwrap(),
        };
        let permitted = self.permitted_by(&compiled, &used_up, (requester, grant, max_price));
        self.compiled.insert(requester, compiled);
        self.attempts += 1;
        if self.attempts.is_multiple_of(8) {
            let (slice, used_up) = self.slice(None);
            let compiled = CompiledConsent::compile(&slice).unwrap();
            let by_all = self.permitted_by(&compiled, &used_up, (requester, grant, max_price));
            assert_eq!(permitted, by_all, "what others were granted or denied changes nothing");
        }
        permitted
    }

    fn permitted_by(
        &self,
        compiled: &CompiledConsent,
        used_up: &BTreeSet<GrantId>,
        (requester, grant, max_price): (MemberId, GrantId, Amount),
    ) -> Vec<Purpose> {
        let record = RecordMeta {
            id: RecordId([3; 16]),
            kind: "Observation".into(),
            category: Category::ALL[0],
            labels: Labels::NONE,
            period: None,
        };
        let permits = |purpose: &Purpose| {
            let question = Question {
                requester,
                parties: self.executor.state().parties_of(requester),
                purpose: *purpose,
                action: Action::ALL[0],
                time: Timestamp(self.time + 1),
                max_price,
                fields: None,
                used_up: used_up.clone(),
            };
            match decide(compiled, &question, &record) {
                PolicyVerdict::Permit(grants) => grants.iter().any(|g| g.grant == grant),
                PolicyVerdict::Deny(_) => false,
                PolicyVerdict::Fault(why) => panic!("{why}"),
            }
        };
        PURPOSES.iter().copied().filter(permits).collect()
    }

    /// Offer an allow to the ledger: what it says, and for which purposes policy would have permitted it.
    fn attempt(&mut self) -> Option<(Result<CommandId, &'static str>, GrantId, Vec<Purpose>)> {
        let all = self.grants.clone();
        if all.is_empty() {
            return None;
        }
        let grant = self.one_of(&all);
        // Deadlines that have passed are carried out first: a charge that was not collected gives its use back.
        self.time += 1;
        self.executor.execute(Timestamp(self.time), &[]);
        // Mostly somebody whom the grant is for.
        let anybody = self.one_of(&PEOPLE);
        let grantee = self.executor.state().grant(grant).unwrap().grant.grantee;
        let who = match grantee {
            _ if self.below(4) == 0 => anybody,
            Party::Member(member) => PEOPLE.into_iter().find(|who| id(who) == member).unwrap(),
            Party::Group(_) => "bo",
            Party::Organisation(_) => "nurse",
        };
        let max_price = Amount(self.one_of(&[0, UNIT, 10 * UNIT]));
        let request = AccessRequest {
            network: self.executor.state().network(),
            requester: id(who),
            dataset: self.dataset,
            id: RequestId(self.fresh()),
            expires: Timestamp(self.time + 20 * MINUTE),
            max_price,
            receiving_key: Digest::ZERO,
            detail: Digest::ZERO,
        };
        let verdict = Verdict::Allow {
            grant,
            price: self.executor.state().grant(grant).unwrap().grant.price,
            scope: Digest::ZERO,
            records: 1,
            collect_by: Timestamp(self.time + 10 * MINUTE),
        };
        let decision = Decision {
            request: Signed::sign(request, &key(who)),
            height: self.executor.height(),
            facts: Digest::ZERO,
            policy: Digest::ZERO,
            rules: Digest::ZERO,
            model: Digest::ZERO,
            score: 0,
            verdict,
            lifts: None,
        };
        let permitted = self.permitted(id(who), grant, max_price);
        let said = self.send("pdc", Operation::RecordDecision { decision });
        Some((said, grant, permitted))
    }
}

/// Never the other way round: policy may refuse what the ledger cannot judge, such as the purpose.
#[test]
fn the_ledger_never_applies_what_policy_forbids_on_the_shared_part() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..12 {
        let mut ledger = Ledger::new(seed);
        for _ in 0..40 {
            for _ in 0..ledger.below(3) {
                ledger.change();
            }
            ledger.time += ledger.one_of(&[1, 1, MINUTE, 7 * MINUTE]);
            let Some((said, grant, permitted)) = ledger.attempt() else { continue };
            let listed = &ledger.details[&grant].purposes;
            assert!(permitted.iter().all(|p| listed.contains(p)), "seed {seed}: {permitted:?}");
            if said.is_ok() {
                assert!(!permitted.is_empty(), "seed {seed}: applied, but no purpose is permitted");
            }
            *seen.entry(said.err().unwrap_or("applied")).or_default() += 1;
        }
    }
    // It was not all one answer: everything on the shared part was met.
    for met in [
        "applied",
        "grant-not-active",
        "grant-used-up",
        "not-the-grantee",
        "denied",
        "above-max-price",
    ] {
        assert!(seen.contains_key(met), "{met}: {seen:?}");
    }
}
