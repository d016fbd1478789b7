//! Random lives of a network: the ledger and the naive model agree on every command and on all money, and running,
//! replaying and reloaded ledgers stay the same.

use std::collections::BTreeMap;

use proptest::prelude::*;
use secnet_crypto::SigningKey;
use secnet_ledger::{AskStatus, Outcome};
use secnet_types::*;

use crate::model::{Model, PEOPLE, Pot, people};
use crate::support::*;

/// One command in the rough: what kind, and choices that pick among what is there.
#[derive(Debug, Clone)]
pub(crate) struct Rough {
    kind: u8,
    by: u8,
    pick: [u8; 6],
}

fn rough() -> impl Strategy<Value = Rough> {
    // Decisions are what it is all about: they come most often.
    // Bargaining takes several that fit together.
    let kind = prop_oneof![4 => 0u8..31, 2 => Just(18u8), 1 => Just(7u8), 1 => 15u8..18];
    (kind, any::<u8>(), any::<[u8; 6]>()).prop_map(|(kind, by, pick)| Rough { kind, by, pick })
}

/// How long until the next block.
fn pause() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => 1u64..1000,
        3 => MINUTE..HOUR,
        2 => HOUR..DAY,
        1 => DAY..3 * DAY,
    ]
}

pub(crate) fn life() -> impl Strategy<Value = Vec<(u64, Vec<Rough>)>> {
    prop::collection::vec((pause(), prop::collection::vec(rough(), 0..16)), 1..24)
}

/// Signed bytes and what they say.
pub(crate) type Sent = (Vec<u8>, Command);

/// Names of what was made so far, whether or not the making was applied.
#[derive(Default)]
struct Known {
    datasets: Vec<DatasetId>,
    grants: Vec<GrantId>,
    denials: Vec<DenialId>,
    groups: Vec<GroupId>,
    asks: Vec<AskId>,
    requests: Vec<(usize, Signed<AccessRequest>)>,
    holds: Vec<(DecisionId, Signed<AccessRequest>)>,
    sent: Vec<Sent>,
}

/// The chosen one, mostly a late one.
fn choose<T: Clone>(list: &[T], pick: u8) -> Option<T> {
    let back = if pick < 200 { usize::from(pick) % 3 } else { usize::from(pick) };
    list.get(list.len().checked_sub(1 + back % list.len().max(1))?).cloned()
}

fn person(pick: u8) -> &'static str {
    PEOPLE[usize::from(pick) % PEOPLE.len()]
}

/// Whom an organisation of the random lives vouches for.
const STAFF: [&str; 3] = ["staff-0", "staff-1", "staff-2"];

/// Keys of sessions; whose, and whether open, is found out.
const SESSIONS: [&str; 3] = ["session-0", "session-1", "session-2"];

fn rule(pick: u8) -> RuleId {
    RuleId([pick % 3; 32])
}

struct Player {
    w: World,
    known: Known,
}

impl Player {
    /// Names a key of this member by how often it was rotated.
    fn key_name(who: &str, rotations: usize) -> String {
        if rotations == 0 { who.to_owned() } else { format!("{who}/{rotations}") }
    }

    fn rotations(&self, who: &str) -> usize {
        let now = self.w.executor.state().member(id(who)).map(|m| m.key);
        let named =
            |n: &usize| Some(*key(&Self::key_name(who, *n)).verifying_key().as_bytes()) == now;
        (0..64).find(named).unwrap_or(0)
    }

    /// The key that the member signs with, as far as the last block tells.
    fn signer(&self, who: &str) -> SigningKey {
        key(&Self::key_name(who, self.rotations(who)))
    }

    fn party(&self, pick: u8, other: u8) -> Party {
        match pick % 4 {
            0 => Party::Group(choose(&self.known.groups, other).unwrap_or(GroupId([0; 16]))),
            1 => Party::Organisation(id("hospital-1")),
            _ => Party::Member(id(person(other))),
        }
    }

    fn window(&self, pick: u8) -> Window {
        let from = if pick.is_multiple_of(5) { self.w.at(HOUR) } else { self.w.now() };
        let length = [HOUR, DAY, 2 * DAY, 30 * DAY, 0][usize::from(pick / 5) % 5];
        Window { from, until: from.plus_ms(length) }
    }

    fn uses(pick: u8) -> Option<u32> {
        [None, Some(1), Some(2), Some(3), Some(0), None][usize::from(pick) % 6]
    }

    fn price(pick: u8) -> Amount {
        Amount([0, UNIT, UNIT, 3 * UNIT, 400 * UNIT][usize::from(pick) % 5])
    }

    fn terms(&self, pick: u8) -> Terms {
        let share = |who: &str, points| Beneficiary {
            member: id(who),
            share: BasisPoints::new(points).unwrap(),
        };
        let beneficiaries = match pick % 3 {
            0 => vec![],
            1 => vec![share("dan", 3_333)],
            _ => vec![share("cy", 5_000), share("ada", 5_000)],
        };
        let max_uses = (pick % 7 == 0).then_some(2);
        let expires = if pick % 11 == 0 { self.w.at(DAY) } else { self.w.at(300 * DAY) };
        Terms { beneficiaries, max_uses, expires, ..self.w.terms(UNIT) }
    }

    fn grant(&self, dataset: DatasetId, p: [u8; 6]) -> Grant {
        let sound = self.w.grant_of(dataset, "bo");
        Grant {
            grantee: self.party(p[1], p[2]),
            window: self.window(p[3]),
            uses: Self::uses(p[4]),
            price: Self::price(p[5]),
            emergency: p[5] % 10 == 0,
            tenure: sound.tenure + u32::from(p[2] % 16 == 9),
            ..sound
        }
    }

    /// Who, and what.
    fn operation(&mut self, r: &Rough) -> (&'static str, Operation) {
        let p = r.pick;
        let dataset = choose(&self.known.datasets, p[0]).unwrap_or(DatasetId([0; 16]));
        let grant = choose(&self.known.grants, p[0]).unwrap_or(GrantId([0; 16]));
        let ask = choose(&self.known.asks, p[0]).unwrap_or(AskId([0; 16]));
        let state = self.w.executor.state();
        // Whoever is entitled, mostly.
        let any = person(r.by);
        let name = |member: MemberId| PEOPLE.into_iter().find(|n| id(n) == member).unwrap_or(any);
        let owner = state.dataset(dataset).map_or(any, |d| name(d.owner));
        let owner = if r.by < 200 { owner } else { any };
        let pdc = if p[5].is_multiple_of(9) { "pdc2" } else { "pdc" };
        let manifest = digest(2);
        match r.kind {
            0 => (any, Operation::Transfer { to: id(person(p[0])), amount: Self::price(p[1]) }),
            1 => (any, Operation::Redeem { amount: Self::price(p[1]) }),
            2 => (any, Operation::CreateGroup),
            3 => {
                let group = choose(&self.known.groups, p[0]).unwrap_or(GroupId([0; 16]));
                let some =
                    |pick: u8| (pick % 3 > 0).then(|| id(person(pick))).into_iter().collect();
                (any, Operation::ChangeGroup { group, add: some(p[1]), remove: some(p[2]) })
            }
            4 => {
                let terms = self.terms(p[1]);
                (any, Operation::RegisterDataset { pdc: id(pdc), terms, manifest })
            }
            5 => {
                let other = self.terms(p[1]);
                // Now and then only the price, as a delegate may.
                let (pdc, terms) = match state.dataset(dataset) {
                    Some(d) if p[2] % 2 == 0 => {
                        (d.pdc, Terms { price: Self::price(p[3]), ..d.terms.clone() })
                    }
                    _ => (id(pdc), other),
                };
                if p[4] % 8 == 7 {
                    let from = state.dataset(dataset).map_or(id("pdc"), |d| d.pdc);
                    let to = if from == id("pdc") { "pdc2" } else { "pdc" };
                    let (network, said) = (self.w.network(), self.w.now());
                    let arrival = Arrival { network, dataset, from, to: id(to), manifest, said };
                    let arrival = SignedArrival::sign(arrival, &key(to));
                    return (owner, Operation::MoveDataset { arrival });
                }
                (owner, Operation::UpdateDataset { dataset, pdc, terms, manifest })
            }
            6 if p[1] % 3 == 0 => (owner, Operation::WithdrawDataset { dataset }),
            6 if p[1] % 3 == 1 => {
                (owner, Operation::OfferDataset { dataset, to: Some(id(person(p[2]))) })
            }
            6 => {
                let to = state.dataset(dataset).and_then(|d| d.offered_to).map_or(any, name);
                let terms = self.terms(p[3]);
                (to, Operation::AcceptDataset { dataset, pdc: id(pdc), terms, manifest })
            }
            7 | 8 => (owner, Operation::Grant { grant: self.grant(dataset, p) }),
            9 => {
                let by = state.grant(grant).map_or(any, |g| name(g.owner));
                let by = if p[1] < 128 { by } else { any };
                (by, Operation::Revoke { grant, reason: Reason::Unstated })
            }
            10 => {
                let by = match state.grant(grant).map(|g| g.grant.grantee) {
                    Some(Party::Member(m)) => name(m),
                    _ => any,
                };
                (by, Operation::FundGrant { grant, amount: Self::price(p[1]) })
            }
            11 => {
                let mut window = self.window(p[3]);
                if p[4] < 80 {
                    window.until = Timestamp::MAX;
                }
                let denial = Denial {
                    dataset: (p[4] % 2 == 0).then_some(dataset),
                    party: self.party(p[1], p[2]),
                    window,
                    even_in_emergency: p[5] % 2 == 0,
                    detail: (p[5] % 5 == 0).then_some(digest(1)),
                };
                (owner, Operation::Deny { denial })
            }
            12 => {
                let denial = choose(&self.known.denials, p[0]).unwrap_or(DenialId([0; 16]));
                let by = state.denial(denial).map_or(any, |d| name(d.owner));
                (by, Operation::LiftDenial { denial })
            }
            13 => {
                let powers = [Power::Grant, Power::Revoke, Power::Price, Power::Erase];
                let powers = powers.into_iter().enumerate().filter(|(n, _)| p[1] >> n & 1 == 1);
                let delegation = Delegation {
                    delegate: id(person(p[2])),
                    powers: powers.map(|(_, power)| power).fold(Powers::default(), Powers::with),
                    dataset: (p[4] % 2 == 0).then_some(dataset),
                    window: self.window(p[3]),
                };
                (owner, Operation::Delegate { delegation })
            }
            14 => {
                let on = (p[4] % 2 == 0).then_some(dataset);
                let delegate = id(person(p[2]));
                (owner, Operation::EndDelegation { owner: id(owner), delegate, dataset: on })
            }
            15 => {
                let ask = Ask {
                    dataset,
                    grantee: if p[1] < 200 {
                        Party::Member(id(any))
                    } else {
                        self.party(p[1], p[2])
                    },
                    price: Self::price(p[5]),
                    uses: Self::uses(p[4]),
                    window: self.window(p[3]),
                    deadline: self.w.at([HOUR, DAY, 0][usize::from(p[2]) % 3]),
                    detail: digest(3),
                };
                (any, Operation::OpenAsk { ask })
            }
            16 => {
                let Some(asked) = state.ask(ask) else {
                    let answer = Answer::Refuse(Reason::Unstated);
                    return (any, Operation::AnswerAsk { ask, answer });
                };
                let wish = asked.ask.clone();
                let by = state.dataset(wish.dataset).map_or(any, |d| name(d.owner));
                let answer = match p[1] % 4 {
                    0 => Answer::Refuse(Reason::Scope),
                    1 => Answer::Counter {
                        price: (p[2] % 4 > 0).then(|| Self::price(p[3])),
                        uses: wish.uses,
                        window: self.window(p[4]),
                    },
                    _ => {
                        let price = if p[2] < 200 { wish.price } else { Self::price(p[3]) };
                        Answer::Approve(Grant {
                            grantee: wish.grantee,
                            window: wish.window,
                            uses: wish.uses,
                            price,
                            emergency: false,
                            ..self.w.grant_of(wish.dataset, "bo")
                        })
                    }
                };
                (by, Operation::AnswerAsk { ask, answer })
            }
            17 => {
                let by = state.ask(ask).map_or(any, |a| name(a.asker));
                let by = if p[2] < 200 { by } else { any };
                let offered = match state.ask(ask).map(|a| &a.status) {
                    Some(AskStatus::Countered(bargain)) if p[3] < 230 => *bargain,
                    _ => {
                        Bargain { price: Self::price(p[3]), uses: None, window: self.window(p[4]) }
                    }
                };
                let accept = Operation::AcceptCounter { ask, bargain: offered };
                (by, if p[1] % 2 == 0 { accept } else { Operation::WithdrawAsk { ask } })
            }
            18..=20 => self.decision(r),
            21 => {
                let none = || (DecisionId([0; 16]), None);
                let (decision, request) =
                    choose(&self.known.holds, p[0]).map_or_else(none, |(d, r)| (d, Some(r)));
                let by = request.and_then(|r| state.dataset(r.value.dataset));
                let by = by.map_or(any, |d| name(d.owner));
                let answer = [HoldAnswer::Release, HoldAnswer::Refuse][usize::from(p[1] % 4 == 0)];
                (by, Operation::AnswerHold { decision, answer })
            }
            24 => {
                let name = SESSIONS[usize::from(p[1]) % 3];
                let key = *key(name).verifying_key().as_bytes();
                let opened = |n: &&str| state.session(id(n), key).is_some();
                let by = PEOPLE.iter().copied().find(opened).filter(|_| p[4] % 4 == 0);
                if let Some(by) = by {
                    return (by, Operation::EndSession { key });
                }
                let until = self.w.at([HOUR, 20 * HOUR, 30 * HOUR][usize::from(p[2]) % 3]);
                let session = Session { key, until, limit: Self::price(p[3]) };
                (any, Operation::OpenSession { session })
            }
            25 => {
                let rule = rule(p[0]);
                let on_offer = state.rule(rule).map(|r| r.listing.clone());
                let expires = self.w.at([HOUR, 40 * DAY, 0][usize::from(p[2]) % 3]);
                let price = Self::price(p[3]);
                let author = state.rule(rule).map_or(any, |r| name(r.author));
                let installed = |n: &&str| {
                    state.installed_rules(id(n), self.w.now()).any(|(there, _)| there == rule)
                };
                let by = PEOPLE.iter().copied().find(installed);
                match p[1] % 6 {
                    0 => {
                        let evidence = digest(1);
                        let listing = RuleListing { rule, price, evidence, expires };
                        (if p[4] < 128 { author } else { any }, Operation::PublishRule { listing })
                    }
                    1 | 2 => {
                        let price = on_offer.filter(|_| p[4] < 230).map_or(price, |l| l.price);
                        (any, Operation::BuyRule { rule, price })
                    }
                    3 | 4 => {
                        let until = self.w.at(HOUR);
                        let by = if p[4] < 200 { author } else { any };
                        (by, Operation::InstallRule { rule, until, simulate: true })
                    }
                    _ => (by.unwrap_or(any), Operation::RemoveRule { rule }),
                }
            }
            26 => {
                let erased = vec![digest(1); usize::from(p[1] % 5 > 0)];
                let whole = p[2].is_multiple_of(25);
                let last_backup_dies = self.w.now();
                (owner, Operation::RecordErasure { dataset, erased, last_backup_dies, whole })
            }
            27 => {
                let open = |n: &&str| state.reviews_of(id(n)).next().is_some();
                let by = PEOPLE.iter().copied().find(open).filter(|_| p[1] < 220).unwrap_or(any);
                let waiting = state.reviews_of(id(by)).next().map(|(key, _)| key);
                let (requester, request) = waiting.unwrap_or((id(any), RequestId([0; 16])));
                let finding = ReviewFinding::Justified;
                (by, Operation::ReviewEmergency { review: Review { requester, request, finding } })
            }
            28 => {
                let summary = DenialSummary {
                    requester: id(person(p[1])),
                    from: Timestamp(self.w.time - u64::from(p[2]) * 10 * MINUTE),
                    until: self.w.at([0, MINUTE / 2, HOUR][usize::from(p[3]) % 3]),
                    count: u32::from(p[4]),
                    requests: digest(1),
                    dataset,
                };
                (pdc, Operation::SummariseDenials { summary })
            }
            29 => {
                let staff = STAFF[usize::from(p[1]) % 3];
                let voucher = if p[2] < 200 { "hospital-1" } else { "hospital-10" };
                let vouch = Operation::Vouch {
                    card: card(&self.w, staff, MemberKind::Person, Some(voucher)),
                };
                let by = if p[3] < 220 { "hospital-1" } else { any };
                (by, if p[4] % 4 > 0 { vouch } else { Operation::Disown { member: id(staff) } })
            }
            30 => {
                let suspended = |n: &&str| state.member(id(n)).is_some_and(|m| m.suspended);
                let found = PEOPLE.iter().chain(&STAFF).copied().find(suspended);
                if found.is_none() && p[1] > 60 {
                    let new = Self::key_name(any, self.rotations(any) + 1);
                    let rotation = Rotation {
                        network: self.w.network(),
                        member: if p[2] < 230 { id(any) } else { id(person(p[2])) },
                        sealing_key: digest(1),
                    };
                    let rotation = Signed::sign(rotation, &key(&new));
                    return (any, Operation::RotateKey { rotation });
                }
                let change = match found {
                    Some(who) if p[2] < 250 => Change::Reinstate(id(who)),
                    _ => Change::Suspend(id(person(p[2]))),
                };
                let proposal = self.w.proposal(change);
                let approvals = self.w.approvals(&proposal, &["gov1", "gov2"]);
                ("gov1", Operation::Govern { proposal, approvals })
            }
            _ => {
                let keys = self.known.requests.iter().map(|(_, r)| (r.value.requester, r.value.id));
                let keys: Vec<_> = keys.collect();
                let one = choose(&keys, p[0]).unwrap_or((id("bo"), RequestId([0; 16])));
                if r.kind == 22 {
                    let mut collected = vec![one];
                    collected.extend(choose(&keys, p[1]).filter(|_| p[2] % 2 == 0));
                    (pdc, Operation::ConfirmCollection { collected })
                } else {
                    (pdc, Operation::ReportFailure { requester: one.0, request: one.1 })
                }
            }
        }
    }

    fn decision(&mut self, r: &Rough) -> (&'static str, Operation) {
        let p = r.pick;
        let grant = choose(&self.known.grants, p[0]).unwrap_or(GrantId([0; 16]));
        let state = self.w.executor.state();
        let granted = state.grant(grant).cloned();
        let dataset = granted.as_ref().map(|g| g.grant.dataset);
        let dataset = dataset.or(choose(&self.known.datasets, p[0])).unwrap_or(DatasetId([0; 16]));
        let requester = match granted.as_ref().map(|g| g.grant.grantee) {
            Some(Party::Member(m)) if p[1] < 220 => m,
            Some(Party::Organisation(m)) if p[1] < 220 => m,
            _ => id(person(p[1])),
        };
        let staff = STAFF[usize::from(p[2]) % 3];
        let requester = match granted.as_ref().map(|g| g.grant.grantee) {
            Some(Party::Organisation(_)) if p[2] < 160 => staff,
            _ => PEOPLE.into_iter().find(|n| id(n) == requester).unwrap_or("bo"),
        };
        let named = state.dataset(dataset).is_some_and(|d| d.pdc == id("pdc2"));
        let pdc = if named != p[3].is_multiple_of(29) { "pdc2" } else { "pdc" };
        let price = granted.as_ref().map_or(UNIT, |g| g.grant.price.0);
        let price = if p[2] < 230 { price } else { UNIT };
        let mut lifts = None;
        let retried = choose(&self.known.requests, p[4]).filter(|_| p[5] % 8 == 0).map(|r| r.1);
        let lifted = choose(&self.known.holds, p[4]).filter(|_| (1..4).contains(&(p[5] % 8)));
        let request = if let Some(request) = retried {
            request
        } else if let Some((hold, request)) = lifted {
            lifts = Some(hold);
            request
        } else {
            let mut request = self.w.request(requester, dataset);
            request.expires =
                self.w.at([30 * MINUTE, HOUR - 1, 2 * HOUR][usize::from(p[4] % 16 == 0) * 2]);
            if p[4] % 16 == 1 {
                request.max_price = Amount(UNIT);
            }
            // Now and then somebody signs for somebody else, or a session key for its member.
            let signer = match p[4] % 16 {
                2 => key("eve"),
                3..6 => key(SESSIONS[usize::from(p[3]) % 3]),
                _ => self.signer(requester),
            };
            Signed::sign(request, &signer)
        };
        let verdict = match p[5] % 7 {
            5 => Verdict::Hold {
                reason: ReasonClass::Guard,
                answer_by: self.w.at([HOUR, DAY, 9 * DAY][usize::from(p[3]) % 3]),
            },
            6 => Verdict::Deny { reason: ReasonClass::Consent },
            _ => Verdict::Allow {
                grant,
                price: Amount(price),
                scope: digest(7),
                records: u32::from(p[3] % 31 > 0),
                collect_by: self.w.at([MINUTE, HOUR, 23 * HOUR][usize::from(p[3]) % 3]),
            },
        };
        let decision = Decision { lifts, ..self.w.decide(request, verdict) };
        (pdc, Operation::RecordDecision { decision })
    }

    /// So that most choices fall on what something can still come of.
    fn forget_the_dead(&mut self) {
        let state = self.w.executor.state();
        let now = self.w.now();
        self.known.asks.retain(|a| state.ask(*a).is_some_and(|a| a.ask.deadline > now));
        self.known.holds.retain(|(hold, _)| state.decided_request(*hold).is_some());
        self.known.grants.retain(|g| state.grant(*g).is_some_and(|g| state.grant_is_live(g, now)));
        let held: Vec<_> = state.held_charges().map(|(key, _)| key).collect();
        self.known.requests.retain(|(_, r)| held.contains(&(r.value.requester, r.value.id)));
    }

    fn note(&mut self, command: &Command, bytes: &[u8]) {
        let (author, cid) = (command.author, command.id);
        match &command.operation {
            Operation::RegisterDataset { .. } => {
                self.known.datasets.push(DatasetId::derive(author, cid))
            }
            Operation::Grant { .. } | Operation::AnswerAsk { answer: Answer::Approve(_), .. } => {
                self.known.grants.push(GrantId::derive(author, cid));
            }
            Operation::Deny { .. } => self.known.denials.push(DenialId::derive(author, cid)),
            Operation::CreateGroup => self.known.groups.push(GroupId::derive(author, cid)),
            Operation::OpenAsk { .. } => self.known.asks.push(AskId::derive(author, cid)),
            Operation::RecordDecision { decision } => {
                let request = decision.request.clone();
                if matches!(decision.verdict, Verdict::Hold { .. }) {
                    self.known.holds.push((DecisionId::derive(author, cid), request.clone()));
                }
                self.known.requests.push((0, request));
            }
            _ => {}
        }
        self.known.sent.push((bytes.to_vec(), command.clone()));
    }
}

/// How often something of each kind was applied, and how often anything was refused.
pub(crate) type Tally = (BTreeMap<&'static str, usize>, usize);

fn kind(operation: &Operation) -> &'static str {
    match operation {
        Operation::RecordDecision { decision } => match decision.verdict {
            _ if decision.lifts.is_some() => "lift",
            Verdict::Allow { price, .. } if price.0 > 0 => "allow for money",
            Verdict::Allow { .. } => "allow for free",
            Verdict::Hold { .. } => "hold",
            Verdict::Deny { .. } => "deny",
        },
        Operation::AnswerAsk { answer, .. } => match answer {
            Answer::Approve(_) => "approve",
            Answer::Refuse(_) => "refuse",
            Answer::Counter { .. } => "counter",
        },
        Operation::Transfer { .. } => "transfer",
        Operation::Redeem { .. } => "redeem",
        Operation::ChangeGroup { .. } => "change group",
        Operation::UpdateDataset { .. } => "update dataset",
        Operation::MoveDataset { .. } => "move dataset",
        Operation::WithdrawDataset { .. } => "withdraw dataset",
        Operation::OfferDataset { .. } => "offer dataset",
        Operation::AcceptDataset { .. } => "accept dataset",
        Operation::Grant { .. } => "grant",
        Operation::Revoke { .. } => "revoke",
        Operation::FundGrant { .. } => "fund",
        Operation::Deny { .. } => "denial",
        Operation::LiftDenial { .. } => "lift denial",
        Operation::Delegate { .. } => "delegate",
        Operation::EndDelegation { .. } => "end delegation",
        Operation::OpenAsk { .. } => "ask",
        Operation::AcceptCounter { .. } => "accept counter",
        Operation::WithdrawAsk { .. } => "withdraw ask",
        Operation::AnswerHold { .. } => "answer hold",
        Operation::ConfirmCollection { .. } => "confirm",
        Operation::ReportFailure { .. } => "report failure",
        Operation::Govern { proposal, .. } => match proposal.change {
            Change::Suspend(_) => "suspend",
            _ => "reinstate",
        },
        Operation::Vouch { .. } => "vouch",
        Operation::Disown { .. } => "disown",
        Operation::RotateKey { .. } => "rotate key",
        Operation::OpenSession { .. } => "open session",
        Operation::EndSession { .. } => "end session",
        Operation::SummariseDenials { .. } => "summarise denials",
        Operation::ReviewEmergency { .. } => "review",
        Operation::PublishRule { .. } => "publish rule",
        Operation::BuyRule { .. } => "buy rule",
        Operation::InstallRule { .. } => "install rule",
        Operation::RemoveRule { .. } => "remove rule",
        Operation::RecordErasure { .. } => "erase",
        Operation::CreateGroup => "create group",
        Operation::RegisterDataset { .. } => "register dataset",
    }
}

fn live(blocks: &[(u64, Vec<Rough>)]) -> Tally {
    lived(blocks).1
}

/// The world after such a life, all that was sent in it, and what became of that.
pub(crate) fn lived(blocks: &[(u64, Vec<Rough>)]) -> ((World, Vec<Sent>), Tally) {
    let mut player = Player { w: World::new(), known: Known::default() };
    let mut model = Model::founded();
    for person in PEOPLE {
        let amount = 500 * UNIT;
        player.w.govern(Change::Issue { to: id(person), amount: Amount(amount) }).unwrap();
        model.issue(id(person), amount);
    }
    // Something to begin with, through both.
    let opening: Vec<Rough> = [(4, 0), (4, 1), (2, 2)]
        .map(|(kind, by)| Rough { kind, by, pick: [1, 2, 3, 4, 5, 6] })
        .into_iter()
        // Grants to persons and groups, some counted, some priced, some for emergencies.
        .chain((0..8).map(|n| Rough { kind: 7, by: 0, pick: [n, n + 1, n, 15, n, n + 1] }))
        .collect();
    let (mut applied, mut refused) = Tally::default();
    for (pause, roughs) in std::iter::once(&(1, opening)).chain(blocks) {
        player.w.time += pause;
        if pause % 4 > 0 {
            player.forget_the_dead();
        }
        let mut batch = Vec::new();
        for rough in roughs {
            // Now and then an old command again, or a forged one.
            let old = choose(&player.known.sent, rough.pick[0]).filter(|_| rough.by % 16 == 15);
            let (signer, bytes, command) = if let Some((bytes, command)) = old {
                (SignedCommand::parse(&bytes).unwrap().envelope.key, bytes, command)
            } else {
                let (who, operation) = player.operation(rough);
                let command = player.w.command(who, operation);
                let forged = rough.by % 16 == 14;
                let signer = if forged { key("eve") } else { player.signer(who) };
                let bytes = SignedCommand::sign(command.clone(), &signer).to_bytes();
                if !forged {
                    player.note(&command, &bytes);
                }
                (*signer.verifying_key().as_bytes(), bytes, command)
            };
            batch.push((signer, bytes, command));
        }
        let block = player.w.block(batch.iter().map(|(_, bytes, _)| bytes.clone()).collect());
        model.tick(player.w.time);
        let uses = |operation: &Operation| {
            matches!(
                operation,
                Operation::RecordDecision { .. } | Operation::ConfirmCollection { .. }
            )
        };
        let (last, first): (Vec<usize>, Vec<usize>) =
            (0..batch.len()).partition(|n| uses(&batch[*n].2.operation));
        for n in first.into_iter().chain(last) {
            let (signer, _, command) = &batch[n];
            let outcome = block.outcomes[n];
            if model.remembers(command.author, command.id) {
                assert!(matches!(outcome, Outcome::Repeated { .. }), "{outcome:?} {command:?}");
                continue;
            }
            let before = model.clone();
            let yes = command.expires.0 > model.now && model.apply(command, *signer).is_some();
            if !yes {
                model = before;
            }
            let done = matches!(outcome, Outcome::Applied { .. });
            assert_eq!(done, yes, "ledger {outcome:?}, model {yes}: {command:#?}");
            if done {
                *applied.entry(kind(&command.operation)).or_default() += 1;
            } else {
                refused += 1;
            }
        }
        agree(&player.w, &model, &player.known);
        if pause % 5 == 0 {
            player.w.twin = player.w.reloaded();
        }
    }
    let reloaded = player.w.reloaded();
    assert_eq!(format!("{:?}", reloaded.state()), format!("{:?}", player.w.executor.state()));
    ((player.w, player.known.sent), (applied, refused))
}

fn agree(w: &World, model: &Model, known: &Known) {
    let state = w.executor.state();
    for member in people() {
        assert_eq!(state.balance(member).0, model.has(Pot::Member(member)), "balance of {member}");
    }
    assert_eq!(state.totals().treasury.0, model.has(Pot::Treasury));
    assert_eq!(state.totals().supply.0, model.supply());
    for granted in &model.grants {
        let held = state.escrow(granted.id).map_or(0, |e| e.amount.0);
        assert_eq!(held, model.has(Pot::Escrow(granted.id)), "escrow of {}", granted.id);
        let grant = state.grant(granted.id).expect("grants stay");
        if let Some(most) = grant.grant.uses {
            assert_eq!(grant.used as usize, model.uses(granted.id));
            assert!(grant.used <= most, "the count is never exceeded");
        }
    }
    for member in &model.members {
        let suspended = state.member(member.id).map(|m| m.suspended);
        assert_eq!(suspended, Some(member.suspended), "{}", member.id);
    }
    for opened in &model.sessions {
        let spent = state.session(opened.member, opened.session.key).map(|s| s.spent.0);
        assert_eq!(spent, Some(opened.spent), "a session of {}", opened.member);
    }
    for member in people() {
        let installed = state.installed_rules(member, w.now()).count();
        assert_eq!(installed, model.installs.iter().filter(|i| i.0 == member).count());
    }
    for (_, request) in &known.requests {
        let times = model.charged(request.value.requester, request.value.id);
        assert!(times <= 1, "charged {times} times for one request");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2000, ..ProptestConfig::with_cases(96) })]
    #[test]
    fn ledger_and_model_agree(blocks in life()) {
        live(&blocks);
    }
}

/// The random lives are not all refusals: most kinds of command do succeed.
#[test]
fn random_lives_are_eventful() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut applied, mut refused) = Tally::default();
    for _ in 0..150 {
        let blocks = life().new_tree(&mut runner).unwrap().current();
        let (yes, no) = live(&blocks);
        for (kind, count) in yes {
            *applied.entry(kind).or_default() += count;
        }
        refused += no;
    }
    println!("{applied:?}, {refused} refused");
    // Some kinds need several rare things before them.
    assert!(applied.len() > 38, "nearly every kind of 44 happened: {applied:?}");
    assert!(applied["allow for money"] > 100 && refused > 1000, "{applied:?}, {refused} refused");
}
