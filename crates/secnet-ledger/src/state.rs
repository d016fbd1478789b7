//! The state: its tables, their byte form, and the indexes that follow from them.

use std::collections::BTreeMap;

use minicbor::Decode;
use secnet_types::{
    Amount, AskId, CommandId, DatasetId, DecisionId, DenialId, Genesis, GrantId, GroupId, MemberId,
    NetworkId, Party, RequestId, RuleId, Timestamp, encode,
};

use crate::digest::StateDigest;
use crate::entries::*;
use crate::epochs::EpochState;
use crate::sorted::Sorted;
use crate::sweep::Due;
use crate::table::{Key, Table, TakenBack};

/// No entry is longer.
const MAX_ENTRY_BYTES: usize = 64 * 1024;

macro_rules! tables {
    ($($(#[$doc:meta])* $field:ident: $key:ty => $value:ty = $number:literal,)*) => {
        /// Which table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        #[allow(non_camel_case_types, reason = "the names are the field names")]
        pub enum TableId { $($(#[$doc])* $field = $number,)* }

        impl TableId {
            /// All tables.
            pub const ALL: &'static [Self] = &[$(Self::$field,)*];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$field => stringify!($field),)* }
            }

            /// The table with this number.
            #[must_use]
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$field),)* _ => None }
            }
        }

        /// Everything the ledger knows at one height.
        #[derive(Debug, Clone)]
        pub struct State {
            pub(crate) network: NetworkId,
            $(pub(crate) $field: Table<$key, $value>,)*
            pub(crate) index: Index,
            /// Blocks are only tried: caches are not told of changes.
            trying: bool,
        }

        /// Changes that were tried and taken back: nobody has seen them.
        #[derive(Debug, Clone)]
        pub(crate) struct Untold {
            $($field: TakenBack<$key, $value>,)*
        }

        impl State {
            fn empty(network: NetworkId) -> Self {
                Self { network, $($field: Table::default(),)* index: Index::default(), trying: false }
            }

            /// From here on blocks are only tried.
            pub(crate) fn try_out(&mut self) {
                self.trying = true;
                $(self.$field.try_out();)*
            }

            /// Whatever was tried since [`Self::try_out`] is taken back; no command is under way.
            pub(crate) fn take_back(&mut self) -> Untold {
                let index = &mut self.index;
                self.trying = false;
                Untold {
                    $($field: self.$field.take_back(|key, before, after| reindex(key, before, after, index)),)*
                }
            }

            /// What was tried and taken back is done after all, by a block at this height; caches are told now.
            pub(crate) fn redo(&mut self, untold: Untold, height: u64) {
                let index = &mut self.index;
                $(self.$field.redo(untold.$field, |key, before, after| {
                    note_consent(key, before, after, height, index);
                    reindex(key, before, after, index);
                });)*
            }

            /// Go where these changes lead, or back from there, without telling the caches. Returns the way back.
            pub(crate) fn exchange(&mut self, untold: Untold) -> Untold {
                let index = &mut self.index;
                Untold {
                    $($field: self.$field.swap(untold.$field, |key, before, after| reindex(key, before, after, index)),)*
                }
            }

            /// The command failed: nothing of it stays.
            pub(crate) fn roll_back(&mut self) {
                $(self.$field.roll_back();)*
            }

            /// The command succeeded.
            pub(crate) fn keep(&mut self, height: u64) {
                let (index, trying) = (&mut self.index, self.trying);
                $(self.$field.keep(|key, before, after| {
                    if !trying {
                        note_consent(key, before, after, height, index);
                    }
                    reindex(key, before, after, index);
                });)*
            }

            /// The block is done: what changed, as stored entries, with the digest brought up to date.
            pub(crate) fn drain(&mut self, digest: &mut StateDigest) -> Vec<(TableId, Vec<u8>, Option<Vec<u8>>)> {
                let mut changes = Vec::new();
                $(self.$field.drain(|key, before, after| {
                    let key = key.to_bytes();
                    let before = before.map(|value| encode(value));
                    let after = after.map(|value| encode(value));
                    if before != after {
                        if let Some(value) = &before { digest.remove(TableId::$field, &key, value); }
                        if let Some(value) = &after { digest.add(TableId::$field, &key, value); }
                        changes.push((TableId::$field, key, after));
                    }
                });)*
                changes
            }

            /// Take in one stored entry.
            pub(crate) fn load(&mut self, table: TableId, key: &[u8], value: &[u8]) -> Option<()> {
                match table {
                    $(TableId::$field => {
                        let key = <$key>::from_bytes(key)?;
                        let value: $value = load_value(value)?;
                        value.index(&key, &mut self.index);
                        self.$field.load(key, value);
                    })*
                }
                Some(())
            }

            /// All entries of a table are loaded. The key of one that came twice is the error: the digest counts elements
            /// modulo 2^16, so that is never right.
            pub(crate) fn settle(&mut self, table: TableId) -> Result<(), Vec<u8>> {
                match table {
                    $(TableId::$field => self.$field.settle().map_err(|key| key.to_bytes()),)*
                }
            }

            /// Every entry of every table in its stored form, in order.
            pub fn for_each_entry(&self, mut visit: impl FnMut(TableId, &[u8], &[u8])) {
                $(for (key, value) in self.$field.iter() {
                    visit(TableId::$field, &key.to_bytes(), &encode(value));
                })*
            }
        }
    };
}

tables! {
    /// Members.
    members: MemberId => Member = 0,
    /// Groups.
    groups: GroupId => Group = 1,
    /// Who is in which group.
    group_members: (GroupId, MemberId) => Present = 2,
    /// Datasets.
    datasets: DatasetId => Dataset = 3,
    /// Asks that are not over.
    asks: AskId => AskState = 4,
    /// Grants.
    grants: GrantId => GrantState = 5,
    /// Money set aside for grants.
    escrows: GrantId => Escrow = 6,
    /// Denials.
    denials: DenialId => DenialState = 7,
    /// Delegations: (owner, delegate), reach.
    delegations: ((MemberId, MemberId), Reach) => DelegationState = 8,
    /// Session keys.
    sessions: (MemberId, [u8; 32]) => SessionState = 9,
    /// Decisions that something can still come of, by (requester, request).
    decisions: (MemberId, RequestId) => DecisionState = 10,
    /// Emergency uses not yet reviewed, by (requester, request).
    reviews: (MemberId, RequestId) => ReviewState = 11,
    /// Balances.
    accounts: MemberId => Amount = 12,
    /// Sums.
    totals: Only => Totals = 13,
    /// Commands that must not be applied again, by (author, command).
    applied: (MemberId, CommandId) => AppliedState = 14,
    /// Rules on offer.
    rules: RuleId => RuleState = 15,
    /// Who may use which rule: (rule, member).
    licences: (RuleId, MemberId) => Present = 16,
    /// Which member enforces which rule: (member, rule).
    installs: (MemberId, RuleId) => InstallState = 17,
    /// Who governs.
    governance: Only => Governance = 18,
    /// A network's nodes, by number of the epoch.
    epochs: u64 => EpochState = 19,
}

macro_rules! index {
    ($($(#[$doc:meta])* $set:ident: $value:ty,)*) => {
        /// What follows from the tables, for looking up the other way round. Never stored, never digested.
        #[derive(Debug, Clone, Default)]
        pub(crate) struct Index {
            $($(#[$doc])* pub $set: Sorted<$value>,)*
            pub decisions: BTreeMap<DecisionId, (MemberId, RequestId)>,
            pub consent: ConsentHeights,
        }

        impl Index {
            /// Begin to load: nothing is looked up until it is settled.
            fn fill(&mut self) {
                $(self.$set.fill();)*
            }

            fn settle(&mut self) {
                $(self.$set.settle();)*
            }
        }
    };
}

index! {
    datasets_of: (MemberId, DatasetId),
    grants_on: (DatasetId, GrantId),
    grants_to: (Party, GrantId),
    denials_by: (MemberId, DenialId),
    asks_to: (MemberId, AskId),
    asks_by: (MemberId, AskId),
    /// Asks on a dataset that somebody can still say something to.
    open_asks_on: (DatasetId, AskId),
    /// Holds on a dataset that may still be lifted.
    open_holds_on: (DatasetId, (MemberId, RequestId)),
    groups_of: (MemberId, GroupId),
    groups_run_by: (MemberId, GroupId),
    holds_of: (MemberId, (MemberId, RequestId)),
    reviews_of: (MemberId, (MemberId, RequestId)),
    /// Charges neither paid out nor given back, by payer.
    held_charges: (MemberId, (MemberId, RequestId)),
    escrows_of: (MemberId, GrantId),
    rules_by: (MemberId, RuleId),
    due: (Timestamp, Due),
}

/// When the consent on a dataset last changed, so that compiled policies can be kept.
#[derive(Clone, Default)]
pub(crate) struct ConsentHeights {
    /// What is not in the maps has not changed since the state was loaded at this height.
    pub floor: u64,
    pub datasets: BTreeMap<DatasetId, u64>,
    pub owners: BTreeMap<MemberId, u64>,
}

impl core::fmt::Debug for ConsentHeights {
    /// Hints for caches, no part of the state: a loaded state is the same with others.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ConsentHeights")
    }
}

/// How a table's entries show up in the [`Index`].
pub(crate) trait Indexed<K> {
    fn index(&self, _key: &K, _index: &mut Index) {}
    fn unindex(&self, _key: &K, _index: &mut Index) {}
    /// Notes the height if the change from `before` to `after` can change what policy says.
    fn note_consent(
        &self,
        _before: Option<&Self>,
        _after: Option<&Self>,
        _height: u64,
        _index: &mut Index,
    ) {
    }
    /// Would another value under the key show up just so?
    fn same_index(&self, _key: &K, _other: &Self) -> bool {
        true
    }
}

/// The value under a key is another now: caches of consent are told, if that may matter to them.
fn note_consent<K, V: Indexed<K>>(
    _key: &K,
    before: Option<&V>,
    after: Option<&V>,
    height: u64,
    index: &mut Index,
) {
    for value in [before, after].into_iter().flatten() {
        value.note_consent(before, after, height, index);
    }
}

/// The value under a key is another now.
fn reindex<K, V: Indexed<K>>(key: &K, before: Option<&V>, after: Option<&V>, index: &mut Index) {
    // Most changes, such as a use more, leave a value where it was in the indexes.
    if let (Some(before), Some(after)) = (before, after)
        && before.same_index(key, after)
    {
        return;
    }
    if let Some(value) = before {
        value.unindex(key, index);
    }
    if let Some(value) = after {
        value.index(key, index);
    }
}

macro_rules! not_indexed {
    ($($key:ty => $value:ty),* $(,)?) => {$(impl Indexed<$key> for $value {})*};
}
not_indexed! {
    u64 => EpochState,
    MemberId => Member, MemberId => Amount, Only => Totals, (RuleId, MemberId) => Present, Only => Governance,
}

macro_rules! indexed {
    ($key:ty => $value:ty, |$k:ident, $v:ident| { $($set:ident: $entry:expr),* $(,)? } due $due:expr $(, consent $note:path)?) => {
        impl Indexed<$key> for $value {
            fn index(&self, $k: &$key, index: &mut Index) {
                let $v = self;
                $(index.$set.insert($entry);)*
                if let Some(due) = $due { index.due.insert(due); }
            }
            fn unindex(&self, $k: &$key, index: &mut Index) {
                let $v = self;
                $(index.$set.remove(&$entry);)*
                if let Some(due) = $due { index.due.remove(&due); }
            }
            $(fn note_consent(
                &self,
                before: Option<&Self>,
                after: Option<&Self>,
                height: u64,
                index: &mut Index,
            ) {
                $note(self, before, after, height, &mut index.consent);
            })?
            fn same_index(&self, $k: &$key, other: &Self) -> bool {
                let before = { let $v = self; ($($entry,)* $due) };
                let after = { let $v = other; ($($entry,)* $due) };
                before == after
            }
        }
    };
}

fn dataset_consent(
    dataset: &Dataset,
    before: Option<&Dataset>,
    after: Option<&Dataset>,
    height: u64,
    heights: &mut ConsentHeights,
) {
    // The id is the key, which every change of a dataset comes with; its owner's height covers it.
    if before != after {
        heights.owners.insert(dataset.owner, height);
    }
}

fn grant_consent(
    grant: &GrantState,
    before: Option<&GrantState>,
    after: Option<&GrantState>,
    height: u64,
    heights: &mut ConsentHeights,
) {
    // A use is no change of consent: policy is told of used-up grants with each question.
    let same = |a: &GrantState, b: &GrantState| a.status == b.status && a.grant == b.grant;
    if !matches!((before, after), (Some(a), Some(b)) if same(a, b)) {
        heights.datasets.insert(grant.grant.dataset, height);
    }
}

fn denial_consent(
    state: &DenialState,
    _before: Option<&DenialState>,
    _after: Option<&DenialState>,
    height: u64,
    heights: &mut ConsentHeights,
) {
    match state.denial.dataset {
        Some(dataset) => heights.datasets.insert(dataset, height),
        None => heights.owners.insert(state.owner, height),
    };
}

indexed!(GroupId => Group, |k, v| { groups_run_by: (v.admin, *k) } due None::<(Timestamp, Due)>);
indexed!(GrantId => Escrow, |k, v| { escrows_of: (v.funder, *k) } due None::<(Timestamp, Due)>);
indexed!(RuleId => RuleState, |k, v| { rules_by: (v.author, *k) } due None::<(Timestamp, Due)>);
indexed!((MemberId, RuleId) => InstallState, |k, v| {} due Some((v.until, Due::Install(k.0, k.1))));
indexed!(((MemberId, MemberId), Reach) => DelegationState, |k, v| {}
    due Some((v.window.until, Due::Delegation(k.0, k.1))));
indexed!((GroupId, MemberId) => Present, |k, _v| { groups_of: (k.1, k.0) } due None::<(Timestamp, Due)>);
indexed!(DatasetId => Dataset, |k, v| { datasets_of: (v.owner, *k) } due None::<(Timestamp, Due)>,
    consent dataset_consent);
indexed!(GrantId => GrantState, |k, v| { grants_on: (v.grant.dataset, *k), grants_to: (v.grant.grantee, *k) }
    due (v.status == GrantStatus::Active && v.grant.window.until != Timestamp::MAX)
        .then_some((v.grant.window.until, Due::Grant(*k))),
    consent grant_consent);
indexed!(DenialId => DenialState, |k, v| { denials_by: (v.owner, *k) }
    due (v.denial.window.until != Timestamp::MAX).then_some((v.denial.window.until, Due::Denial(*k))),
    consent denial_consent);
indexed!((MemberId, [u8; 32]) => SessionState, |k, v| {} due Some((v.until, Due::Session(k.0, k.1))));
indexed!((MemberId, RequestId) => ReviewState, |k, v| { reviews_of: (v.owner, *k) }
    due Some((v.deadline(), Due::Review(k.0, k.1))));
indexed!((MemberId, CommandId) => AppliedState, |k, v| {} due Some((v.expires, Due::Applied(k.0, k.1))));

impl Indexed<AskId> for AskState {
    fn index(&self, key: &AskId, index: &mut Index) {
        index.asks_to.insert((self.owner, *key));
        index.asks_by.insert((self.asker, *key));
        index.due.insert((self.ask.deadline, Due::Ask(*key)));
        if !self.is_over() {
            index.open_asks_on.insert((self.ask.dataset, *key));
        }
    }
    fn unindex(&self, key: &AskId, index: &mut Index) {
        index.asks_to.remove(&(self.owner, *key));
        index.asks_by.remove(&(self.asker, *key));
        index.due.remove(&(self.ask.deadline, Due::Ask(*key)));
        index.open_asks_on.remove(&(self.ask.dataset, *key));
    }
    fn same_index(&self, _: &AskId, other: &Self) -> bool {
        // What is asked for, by whom and until when never changes.
        (self.owner, self.is_over()) == (other.owner, other.is_over())
    }
}

impl Indexed<(MemberId, RequestId)> for DecisionState {
    fn index(&self, key: &(MemberId, RequestId), index: &mut Index) {
        index.decisions.insert(self.id, *key);
        if self.is_open_hold() {
            index.open_holds_on.insert((self.dataset, *key));
            index.holds_of.insert((self.owner, *key));
        }
        if let Some(payer) = self.held_from() {
            index.held_charges.insert((payer, *key));
        }
        index.due.insert((self.due(), Due::Decision(key.0, key.1)));
    }
    fn unindex(&self, key: &(MemberId, RequestId), index: &mut Index) {
        index.decisions.remove(&self.id);
        index.open_holds_on.remove(&(self.dataset, *key));
        index.holds_of.remove(&(self.owner, *key));
        if let Some(payer) = self.held_from() {
            index.held_charges.remove(&(payer, *key));
        }
        index.due.remove(&(self.due(), Due::Decision(key.0, key.1)));
    }
    fn same_index(&self, _: &(MemberId, RequestId), other: &Self) -> bool {
        let shown = |state: &Self| (state.id, state.due(), state.is_open_hold(), state.held_from());
        shown(self) == shown(other)
    }
}

impl State {
    /// The state before the first block.
    #[must_use]
    pub fn genesis(genesis: &Genesis) -> Self {
        let mut state = Self::empty(genesis.network());
        for founder in &genesis.founders {
            state.members.put(founder.member, founder.into());
        }
        state.governance.put(Only, Governance::of(genesis));
        state.totals.put(Only, Totals::default());
        state.set_first_epoch(genesis);
        state.keep(0);
        state
    }

    /// An empty state to load entries into.
    pub(crate) fn unloaded(network: NetworkId) -> Self {
        let mut state = Self::empty(network);
        state.index.fill();
        state
    }

    /// All tables are loaded and settled.
    pub(crate) fn loaded(&mut self, height: u64) {
        self.index.settle();
        self.set_consent_floor(height);
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> NetworkId {
        self.network
    }
}

/// Whether the bytes are the canonical ones is not looked at: the digest over the bytes says that they are those that
/// were stored.
fn load_value<T: for<'b> Decode<'b, ()>>(bytes: &[u8]) -> Option<T> {
    let mut decoder = minicbor::Decoder::new(bytes);
    let value = decoder.decode().ok()?;
    (bytes.len() <= MAX_ENTRY_BYTES && decoder.position() == bytes.len()).then_some(value)
}
