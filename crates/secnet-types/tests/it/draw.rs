//! Values of every encoded type, drawn from a seed. The generator is its own, so that no dependency's update changes
//! what a seed means.

use std::collections::BTreeSet;

use secnet_crypto::SigningKey;
use secnet_types::*;

/// SplitMix64 (Steele, Lea and Flood 2014).
pub(crate) struct Draw(pub u64);

impl Draw {
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }
    /// Every width of CBOR integer is as likely as another.
    fn spread(&mut self) -> u64 {
        let width = [5, 8, 16, 32, 64][self.below(5) as usize];
        self.number() >> (64 - width)
    }
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.number() as u8)
    }
    pub(crate) fn key(&mut self) -> SigningKey {
        SigningKey::from_seed(self.bytes())
    }
    pub(crate) fn any<T: Drawn>(&mut self) -> T {
        T::draw(self)
    }
    fn few<T: Drawn>(&mut self, most: u64) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| self.any()).collect()
    }
    fn word(&mut self) -> String {
        ["Observation", "Patient", "Observation.value", "x", "", "Ångström"][self.below(6) as usize]
            .to_owned()
    }
}

pub(crate) trait Drawn {
    fn draw(d: &mut Draw) -> Self;
}

macro_rules! drawn {
    ($d:ident; $($ty:ty => $value:expr;)*) => {$(
        impl Drawn for $ty { fn draw($d: &mut Draw) -> Self { $value } }
    )*};
}
macro_rules! fields {
    ($($name:ident { $($field:ident),* $(,)? })*) => {$(
        impl Drawn for $name { fn draw(d: &mut Draw) -> Self { Self { $($field: d.any()),* } } }
    )*};
}
/// One of these, each as likely.
macro_rules! one_of {
    ($d:ident, $($n:literal => $value:expr),* $(,)?) => {
        match $d.below([$($n),*].len() as u64) { $($n => $value,)* _ => unreachable!() }
    };
}

impl<T: Drawn> Drawn for Option<T> {
    fn draw(d: &mut Draw) -> Self {
        (d.below(2) == 0).then(|| d.any())
    }
}
/// Without validators: the form that every solo ledger has.
impl Drawn for Genesis {
    fn draw(d: &mut Draw) -> Self {
        Self {
            version: d.any(),
            name: d.any(),
            time: d.any(),
            salt: d.any(),
            founders: d.any(),
            governors: d.any(),
            threshold: d.any(),
            sequencer: d.any(),
            parameters: d.any(),
            predecessor: d.any(),
            validators: None,
        }
    }
}
impl<T: Drawn + Payload> Drawn for Signed<T> {
    fn draw(d: &mut Draw) -> Self {
        let value = d.any();
        Self::sign(value, &d.key())
    }
}

drawn! { d;
    bool => d.below(2) == 0;
    u8 => d.number() as u8;
    u16 => d.spread() as u16;
    u32 => d.spread() as u32;
    u64 => d.spread();
    [u8; 16] => d.bytes();
    [u8; 32] => d.bytes();
    [u8; 64] => d.bytes();
    String => d.word();
    Digest => Self(d.bytes());
    NetworkId => Self(d.bytes());
    MemberId => Self(d.bytes());
    CommandId => Self(d.bytes());
    RequestId => Self(d.bytes());
    DatasetId => Self(d.bytes());
    GroupId => Self(d.bytes());
    AskId => Self(d.bytes());
    GrantId => Self(d.bytes());
    DenialId => Self(d.bytes());
    DecisionId => Self(d.bytes());
    RecordId => Self(d.bytes());
    RuleId => Self(d.bytes());
    Amount => Self(d.spread());
    Timestamp => Self(d.spread());
    BasisPoints => Self::new(d.below(10_001) as u16).unwrap();
    Labels => Label::ALL.iter().copied().filter(|_| d.below(3) == 0).collect();
    Powers => [Power::Grant, Power::Revoke, Power::Price, Power::Erase].into_iter()
        .filter(|_| d.below(2) == 0).fold(Self::default(), Self::with);
    Purpose => Self::ALL[d.below(Self::ALL.len() as u64) as usize];
    Action => Self::ALL[d.below(Self::ALL.len() as u64) as usize];
    Category => Self::ALL[d.below(Self::ALL.len() as u64) as usize];
    MemberKind => [Self::Person, Self::Organisation, Self::Node, Self::Device][d.below(4) as usize];
    ServiceLevel => [Self::Sealed, Self::Hosted][d.below(2) as usize];
    HoldAnswer => [Self::Release, Self::Refuse][d.below(2) as usize];
    ReviewFinding => [Self::Justified, Self::Unjustified][d.below(2) as usize];
    Obligation => [Self::NotifyOwner, Self::Review, Self::OnlyGrantedFields][d.below(3) as usize];
    Reason => [Self::Unstated, Self::NoLongerWanted, Self::Purpose, Self::Price, Self::Scope, Self::Misuse]
        [d.below(6) as usize];
    ReasonClass => [Self::Consent, Self::Terms, Self::Rule, Self::Guard, Self::Fault][d.below(5) as usize];
    Party => one_of!(d, 0 => Self::Member(d.any()), 1 => Self::Group(d.any()), 2 => Self::Organisation(d.any()));
    Vec<u8> => (0..d.below(40)).map(|_| d.any()).collect();
    Vec<Beneficiary> => d.few(3);
    Vec<MemberId> => d.few(3);
    Vec<Digest> => d.few(3);
    Vec<Founder> => d.few(3);
    Vec<GovernorApproval> => d.few(3);
    Vec<(MemberId, RequestId)> => (0..d.below(4)).map(|_| (d.any(), d.any())).collect();
    Vec<Effect> => d.few(3);
    ValidatorKey => Self(d.bytes());
    Vec<NetworkNode> => d.few(3);
    Vec<ReleaseMember> => d.few(3);
    Vec<Handover> => vec![d.any()];
    BTreeSet<RecordId> => d.few::<RecordId>(3).into_iter().collect();
    BTreeSet<Purpose> => d.few::<Purpose>(3).into_iter().collect();
    BTreeSet<Action> => d.few::<Action>(3).into_iter().collect();
    BTreeSet<Category> => d.few::<Category>(3).into_iter().collect();
    BTreeSet<String> => d.few::<String>(3).into_iter().collect();
    Answer => one_of!(d,
        0 => Self::Approve(d.any()),
        1 => Self::Refuse(d.any()),
        2 => Self::Counter { price: d.any(), uses: d.any(), window: d.any() });
    Verdict => one_of!(d,
        0 => Self::Allow {
            grant: d.any(), price: d.any(), scope: d.any(), records: d.any(), collect_by: d.any(),
        },
        1 => Self::Hold { reason: d.any(), answer_by: d.any() },
        2 => Self::Deny { reason: d.any() });
    Change => one_of!(d,
        0 => Self::Admit(d.any()),
        1 => Self::Suspend(d.any()),
        2 => Self::Reinstate(d.any()),
        3 => Self::Issue { to: d.any(), amount: d.any() },
        4 => Self::Pay { to: d.any(), amount: d.any() },
        5 => Self::SetParameters(d.any()),
        6 => Self::SetGovernors { governors: d.any(), threshold: d.any() },
        7 => Self::Close { successor: d.any() },
        8 => Self::SetNodes { epoch: d.any(), nodes: d.any() });
    Certificate => one_of!(d,
        0 => Self::Solo { key: d.any(), signature: d.any() },
        1 => Self::Quorum { scheme: d.any(), bytes: d.any() });
    Cause => one_of!(d,
        0 => Self::Clock,
        1 => Self::Command { digest: d.any(), author: d.any(), id: d.any() });
}

fields! {
    Window { from, until }
    Bargain { price, uses, window }
    Ask { dataset, grantee, price, uses, window, deadline, detail }
    Grant { dataset, grantee, window, uses, price, emergency, detail, wraps, tenure }
    GrantDetail { purposes, actions, scope, salt }
    Denial { dataset, party, window, even_in_emergency, detail }
    Delegation { delegate, powers, dataset, window }
    Session { key, until, limit }
    Decision { request, height, facts, policy, rules, model, score, verdict, lifts }
    DenialSummary { requester, from, until, count, requests, dataset }
    Review { requester, request, finding }
    AccessRequest { network, requester, dataset, id, expires, max_price, receiving_key, detail }
    RequestDetail { action, purpose, scope, salt, proof_for }
    Scope { records, kinds, categories, labels, period, fields }
    RecordMeta { id, kind, category, labels, period }
    Beneficiary { member, share }
    Terms { price, level, expires, max_uses, beneficiaries, detail }
    RuleListing { rule, price, evidence, expires }
    MemberCard { network, kind, sealing_key, voucher }
    Rotation { network, member, sealing_key }
    Arrival { network, dataset, from, to, manifest, said }
    MoveStatement { network, dataset, from, to, said, until }
    Proposal { network, id, expires, change }
    GovernorApproval { governor, key, signature }
    Parameters { fee, review_ms, hold_ms }
    Founder { member, kind, sealing_key }
    Predecessor { network, header, state }
    Header {
        version, network, height, parent, time, epoch, context, commands, commands_root, log_size, log_root, state,
    }
    SealedHeader { header, certificate, handovers }
    NetworkNode { key, address }
    NodeAddress { ip, port }
    NodeSet { validators, followers, release }
    ReleaseMember { member, sealing_key }
    Handover { event, index, path, header, certificate }
    Receipt { version, command, event, index, path, header }
    Event { height, time, position, cause, effects }
    Command { network, author, id, expires, operation }
}

impl Drawn for Operation {
    fn draw(d: &mut Draw) -> Self {
        let number = d.below(OPERATIONS);
        operation(d, number)
    }
}

/// How many operations there are.
pub(crate) const OPERATIONS: u64 = 38;

/// The operation with this number, its parts drawn.
#[rustfmt::skip]
pub(crate) fn operation(d: &mut Draw, number: u64) -> Operation {
    use Operation::*;
    match number {
        0 => Govern { proposal: d.any(), approvals: d.any() },
        1 => Vouch { card: d.any() },
        2 => Disown { member: d.any() },
        3 => RotateKey { rotation: d.any() },
        4 => CreateGroup,
        5 => ChangeGroup { group: d.any(), add: d.any(), remove: d.any() },
        6 => RegisterDataset { pdc: d.any(), terms: d.any(), manifest: d.any() },
        7 => UpdateDataset { dataset: d.any(), pdc: d.any(), terms: d.any(), manifest: d.any() },
        8 => WithdrawDataset { dataset: d.any() },
        9 => OfferDataset { dataset: d.any(), to: d.any() },
        10 => AcceptDataset { dataset: d.any(), pdc: d.any(), terms: d.any(), manifest: d.any() },
        11 => OpenAsk { ask: d.any() },
        12 => AnswerAsk { ask: d.any(), answer: d.any() },
        13 => AcceptCounter { ask: d.any(), bargain: d.any() },
        14 => WithdrawAsk { ask: d.any() },
        15 => Grant { grant: d.any() },
        16 => Revoke { grant: d.any(), reason: d.any() },
        17 => Deny { denial: d.any() },
        18 => LiftDenial { denial: d.any() },
        19 => Delegate { delegation: d.any() },
        20 => EndDelegation { owner: d.any(), delegate: d.any(), dataset: d.any() },
        21 => OpenSession { session: d.any() },
        22 => EndSession { key: d.any() },
        23 => RecordDecision { decision: d.any() },
        24 => SummariseDenials { summary: d.any() },
        25 => AnswerHold { decision: d.any(), answer: d.any() },
        26 => ConfirmCollection { collected: d.any() },
        27 => ReportFailure { requester: d.any(), request: d.any() },
        28 => ReviewEmergency { review: d.any() },
        29 => Transfer { to: d.any(), amount: d.any() },
        30 => Redeem { amount: d.any() },
        31 => FundGrant { grant: d.any(), amount: d.any() },
        32 => PublishRule { listing: d.any() },
        33 => BuyRule { rule: d.any(), price: d.any() },
        34 => InstallRule { rule: d.any(), until: d.any(), simulate: d.any() },
        35 => RemoveRule { rule: d.any() },
        37 => MoveDataset { arrival: d.any() },
        _ => RecordErasure { dataset: d.any(), erased: d.any(), last_backup_dies: d.any(), whole: d.any() },
    }
}

impl Drawn for Effect {
    #[rustfmt::skip]
    fn draw(d: &mut Draw) -> Self {
        use Effect::*;
        match d.below(58) {
            0 => MemberAdmitted { member: d.any(), kind: d.any(), voucher: d.any() },
            1 => MemberSuspended { member: d.any() },
            2 => MemberReinstated { member: d.any() },
            3 => KeyRotated { member: d.any(), key: d.any() },
            4 => GroupCreated { group: d.any(), admin: d.any() },
            5 => GroupChanged { group: d.any(), added: d.any(), removed: d.any() },
            6 => DatasetRegistered { dataset: d.any(), owner: d.any(), pdc: d.any() },
            7 => DatasetUpdated { dataset: d.any() },
            8 => DatasetWithdrawn { dataset: d.any() },
            9 => DatasetOffered { dataset: d.any(), to: d.any() },
            10 => DatasetTransferred { dataset: d.any(), from: d.any(), to: d.any() },
            11 => AskOpened { ask: d.any(), dataset: d.any(), asker: d.any() },
            12 => AskCountered { ask: d.any(), price: d.any() },
            13 => AskAgreed { ask: d.any() },
            14 => AskApproved { ask: d.any(), grant: d.any() },
            15 => AskRefused { ask: d.any(), reason: d.any() },
            16 => AskWithdrawn { ask: d.any() },
            17 => AskExpired { ask: d.any() },
            18 => Granted { grant: d.any(), dataset: d.any(), by: d.any() },
            19 => GrantRevoked { grant: d.any(), by: d.any(), reason: d.any() },
            20 => GrantEnded { grant: d.any() },
            21 => DenialMade { denial: d.any(), owner: d.any() },
            22 => DenialLifted { denial: d.any() },
            23 => Delegated { owner: d.any(), delegate: d.any() },
            24 => DelegationEnded { owner: d.any(), delegate: d.any() },
            25 => SessionOpened { member: d.any(), key: d.any() },
            26 => SessionEnded { member: d.any(), key: d.any() },
            27 => Decided { decision: d.any(), dataset: d.any(), requester: d.any(), request: d.any(), verdict: d.any() },
            28 => DenialsSummarised { requester: d.any(), dataset: d.any(), count: d.any() },
            29 => HoldReleased { decision: d.any() },
            30 => HoldRefused { decision: d.any() },
            31 => Charged { decision: d.any(), from: d.any(), amount: d.any(), escrow: d.any() },
            32 => Paid { decision: d.any(), to: d.any(), amount: d.any() },
            33 => FeeTaken { amount: d.any() },
            34 => Refunded { decision: d.any(), to: d.any(), amount: d.any() },
            35 => Transferred { from: d.any(), to: d.any(), amount: d.any() },
            36 => Issued { to: d.any(), amount: d.any() },
            37 => Redeemed { from: d.any(), amount: d.any() },
            38 => TreasuryPaid { to: d.any(), amount: d.any() },
            39 => Escrowed { grant: d.any(), from: d.any(), amount: d.any() },
            40 => EscrowReturned { grant: d.any(), to: d.any(), amount: d.any() },
            41 => ReviewDue { requester: d.any(), request: d.any(), by: d.any() },
            42 => Reviewed { requester: d.any(), request: d.any(), finding: d.any() },
            43 => ReviewOverdue { requester: d.any(), request: d.any() },
            44 => RulePublished { rule: d.any(), author: d.any(), price: d.any() },
            45 => RuleBought {
                rule: d.any(),
                buyer: d.any(),
                seller: d.any(),
                price: d.any(),
                fee: d.any(),
            },
            46 => RuleInstalled { rule: d.any(), by: d.any(), simulate: d.any() },
            47 => RuleRemoved { rule: d.any(), by: d.any() },
            48 => Erased { dataset: d.any(), items: d.any(), last_backup_dies: d.any() },
            49 => ParametersSet,
            50 => GovernorsSet,
            51 => Closed { successor: d.any() },
            52 => HoldExpired { decision: d.any() },
            53 => AskLapsed { ask: d.any(), dataset: d.any() },
            57 => DatasetMoved { dataset: d.any(), from: d.any(), to: d.any() },
            56 => NodesSet { epoch: d.any(), first: d.any(), nodes: d.any() },
            55 => ReviewAbandoned { requester: d.any(), request: d.any() },
            _ => HoldLapsed { decision: d.any(), dataset: d.any() },
        }
    }
}

/// Calls a macro with every type that has a byte form of its own.
macro_rules! every_type {
    ($call:ident) => {
        $call! {
            AccessRequest, Answer, Arrival, Ask, BasisPoints, Certificate, Command, Decision, Delegation, Denial,
            DenialSummary, Event, Genesis, Grant, GrantDetail, Header, Labels, MemberCard, MoveStatement, Operation, Parameters,
            Powers, Proposal, Receipt, RecordMeta, RequestDetail, Review, Rotation, RuleListing, Scope, SealedHeader,
            Session, Terms, Verdict,
        }
    };
}
pub(crate) use every_type;
