//! Events as the ledger tells them, put down in any order.

use std::collections::BTreeMap;

use secnet_guard::irregular::limits::DAY_MS;
use secnet_guard::irregular::{Admission, Entry, Finding, Watcher};
use secnet_types::{
    Amount, Cause, CommandId, DatasetId, DecisionId, Digest, Effect, Event, Grant, GrantId,
    MemberId, MemberKind, Operation, Party, RequestId, Timestamp, Verdict, Window,
};

pub(crate) const MINUTE: u64 = 60_000;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = DAY_MS;
/// Monday 2026-01-05, midnight; a bin begins there as well as anywhere.
pub(crate) const START: u64 = 1_767_571_200_000;
/// One hundredth of a unit.
pub(crate) const CENT: u64 = 10_000;
pub(crate) const UNIT: u64 = 1_000_000;

#[derive(Debug, Clone)]
struct Told {
    at: u64,
    author: Option<MemberId>,
    effects: Vec<Effect>,
    operation: Option<Operation>,
}

/// What happened on a ledger.
#[derive(Debug, Clone, Default)]
pub(crate) struct Story {
    told: Vec<Told>,
    members: BTreeMap<MemberId, Admission>,
    made: u64,
}

/// One use of data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    pub by: MemberId,
    pub payer: MemberId,
    pub owner: MemberId,
    pub grant: GrantId,
    pub records: u32,
    pub price: u64,
}

pub(crate) fn dataset_of(owner: MemberId) -> DatasetId {
    let mut id = [0; 16];
    id.copy_from_slice(&owner.as_bytes()[..16]);
    DatasetId(id)
}

impl Story {
    fn fresh(&mut self) -> [u8; 16] {
        self.made += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.made.to_be_bytes());
        id
    }

    fn tell(&mut self, at: u64, author: Option<MemberId>, effects: Vec<Effect>) {
        self.told.push(Told { at, author, effects, operation: None });
    }

    /// A member that was there before the story.
    pub(crate) fn founder(&mut self, kind: MemberKind, voucher: Option<MemberId>) -> MemberId {
        // Spread, as keys are.
        let id = MemberId(Digest::of(&self.fresh()).0);
        self.members.insert(id, Admission { kind, voucher });
        id
    }

    pub(crate) fn admit(
        &mut self,
        at: u64,
        kind: MemberKind,
        voucher: Option<MemberId>,
    ) -> MemberId {
        let member = self.founder(kind, voucher);
        self.tell(at, voucher, vec![Effect::MemberAdmitted { member, kind, voucher }]);
        member
    }

    pub(crate) fn transfer(&mut self, at: u64, from: MemberId, to: MemberId, amount: u64) {
        self.tell(at, Some(from), vec![Effect::Transferred { from, to, amount: Amount(amount) }]);
    }

    pub(crate) fn grant(
        &mut self,
        at: u64,
        owner: MemberId,
        to: MemberId,
        uses: Option<u32>,
        price: u64,
    ) -> GrantId {
        let id = GrantId(self.fresh());
        let dataset = dataset_of(owner);
        let grant = Grant {
            dataset,
            grantee: Party::Member(to),
            window: Window::ALWAYS,
            uses,
            price: Amount(price),
            emergency: false,
            detail: Digest([0; 32]),
            wraps: Digest([0; 32]),
            tenure: 0,
        };
        self.told.push(Told {
            at,
            author: Some(owner),
            effects: vec![Effect::Granted { grant: id, dataset, by: owner }],
            operation: Some(Operation::Grant { grant }),
        });
        id
    }

    /// An allowed use, paid out a minute later.
    pub(crate) fn used(&mut self, at: u64, used: &Used) {
        let decision = self.decided(at, used);
        if used.price > 0 {
            let fee = used.price / 100;
            let (to, amount) = (used.owner, Amount(used.price - fee));
            let paid = Effect::Paid { decision, to, amount };
            self.tell(at + MINUTE, None, vec![paid, Effect::FeeTaken { amount: Amount(fee) }]);
        }
    }

    /// An allowed use that is not handed over.
    pub(crate) fn failed(&mut self, at: u64, used: &Used) {
        let decision = self.decided(at, used);
        if used.price > 0 {
            let (to, amount) = (used.payer, Amount(used.price));
            self.tell(at + MINUTE, None, vec![Effect::Refunded { decision, to, amount }]);
        }
    }

    /// An allowed use, whose price stays held.
    pub(crate) fn decided(&mut self, at: u64, used: &Used) -> DecisionId {
        let decision = DecisionId(self.fresh());
        let verdict = Verdict::Allow {
            grant: used.grant,
            price: Amount(used.price),
            scope: Digest([0; 32]),
            records: used.records,
            collect_by: Timestamp(at + HOUR),
        };
        let (dataset, request) = (dataset_of(used.owner), RequestId(self.fresh()));
        let mut effects =
            vec![Effect::Decided { decision, dataset, requester: used.by, request, verdict }];
        if used.price > 0 {
            let escrow = (used.payer != used.by).then_some(used.grant);
            let (from, amount) = (used.payer, Amount(used.price));
            effects.push(Effect::Charged { decision, from, amount, escrow });
        }
        self.tell(at, None, effects);
        decision
    }

    /// The log, in order.
    pub(crate) fn log(&self) -> Vec<(Event, Option<Operation>)> {
        let mut told: Vec<&Told> = self.told.iter().collect();
        told.sort_by_key(|told| told.at);
        let numbered = (1..).zip(told);
        numbered
            .map(|(height, told)| {
                let cause = match told.author {
                    Some(author) => {
                        Cause::Command { digest: Digest([0; 32]), author, id: CommandId([0; 16]) }
                    }
                    None => Cause::Clock,
                };
                let effects = told.effects.clone();
                let time = Timestamp(told.at);
                (Event { height, time, position: 0, cause, effects }, told.operation.clone())
            })
            .collect()
    }

    pub(crate) fn admission(&self, member: MemberId) -> Option<Admission> {
        self.members.get(&member).copied()
    }

    pub(crate) fn watched_by(&self, watcher: &mut Watcher) -> Vec<Finding> {
        let log = self.log();
        let mut found = Vec::new();
        for (index, (event, operation)) in (0..).zip(&log) {
            let operation = operation.as_ref().filter(|_| Watcher::wants_operation(event));
            let entry = Entry { index, event, operation };
            found.extend(watcher.observe(&entry, &|member| self.admission(member)));
        }
        found
    }

    pub(crate) fn watched(&self) -> Vec<Finding> {
        self.watched_by(&mut Watcher::default())
    }

    pub(crate) fn events(&self) -> usize {
        self.told.len()
    }
}
