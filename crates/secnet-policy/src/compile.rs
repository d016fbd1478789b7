//! From what owners signed to validated Cedar policies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use cedar_policy::{EntityUid, Policy, PolicyId, PolicySet, ValidationMode, Validator};
use secnet_types::{
    Action, Category, Digest, GrantId, Party, Purpose, RecordId, Scope, ServiceLevel, encode,
};

use crate::cells::{Bounds, Remembered};
use crate::conditions::Reach;
use crate::engine::{self, Fault, Mode, Principal, SCHEMA, SCHEMA_TEXT};
use crate::{ConsentSlice, DenialFact, GrantFact, PolicyName, Question, text};

/// Policies in one compiled slice.
pub const MAX_POLICIES: usize = 16_384;

/// Why a slice does not compile. The flow takes it for a fault: a hold, never an allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// Too much consent for one slice.
    #[error(
        "the slice has {count} policies, the limit is {MAX_POLICIES}; gather it for fewer parties"
    )]
    TooMany {
        /// How many.
        count: usize,
    },
    /// About another dataset.
    #[error("`{0}` is not about the dataset of the slice")]
    Foreign(PolicyName),
    /// Given twice.
    #[error("`{0}` is in the slice twice")]
    Duplicate(PolicyName),
    /// A scope above its limits.
    #[error("the scope of `{0}` is above its limits")]
    Scope(PolicyName),
    /// Cedar does not accept the text.
    #[error("the policy of `{name}` does not parse: {message}")]
    Parse {
        /// Whose.
        name: PolicyName,
        /// Cedar's complaint.
        message: String,
    },
    /// The text does not fit the schema.
    #[error("the policies do not fit the schema: {0}")]
    Invalid(String),
}

/// One policy.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) name: PolicyName,
    pub(crate) text: String,
    policy: Policy,
    pub(crate) reach: Reach,
}

/// A slice, compiled: the policies, and what questions on it need ready.
#[derive(Debug)]
pub struct CompiledConsent {
    slice: ConsentSlice,
    policies: Vec<Compiled>,
    ids: BTreeMap<PolicyId, usize>,
    digest: Digest,
    /// Parents of a record that no policy names.
    unnamed: Vec<EntityUid>,
    /// Parents of those that some policy names, and the positions of these policies.
    named: BTreeMap<RecordId, (Vec<EntityUid>, Vec<usize>)>,
    parties: BTreeMap<Party, EntityUid>,
    fields: BTreeMap<GrantId, Arc<BTreeSet<String>>>,
    used_up: BTreeSet<GrantId>,
    /// Policies by what is known before the record is, made when first needed.
    sliced: Sliced,
    first: OnceLock<Result<Arc<Principal>, Fault>>,
    bounds: Bounds,
    remembered: Remembered,
}

impl CompiledConsent {
    /// Translate, parse and strictly validate.
    ///
    /// # Errors
    /// [`CompileError`].
    pub fn compile(slice: &ConsentSlice) -> Result<Self, CompileError> {
        Self::assemble(slice, texts(slice)?, true)
    }

    /// The policies with their names, in order.
    pub fn policies(&self) -> impl Iterator<Item = (PolicyName, &str)> {
        self.policies.iter().map(|p| (p.name, p.text.as_str()))
    }

    /// Digest over schema, policy texts and the record ids they name; a decision commits to it.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// What it was compiled from.
    #[must_use]
    pub const fn slice(&self) -> &ConsentSlice {
        &self.slice
    }

    pub(crate) fn assemble(
        slice: &ConsentSlice,
        texts: BTreeMap<PolicyName, (String, Reach)>,
        validate: bool,
    ) -> Result<Self, CompileError> {
        let mut policies = Vec::with_capacity(texts.len());
        let mut ids = BTreeMap::new();
        for (name, (text, reach)) in texts {
            let id = PolicyId::new(name.to_string());
            let parsed = Policy::parse(Some(id.clone()), &text)
                .map_err(|e| CompileError::Parse { name, message: e.to_string() })?;
            ids.insert(id, policies.len());
            policies.push(Compiled { name, text, policy: parsed, reach });
        }
        if validate {
            check(&policies)?;
        }
        let (unnamed, named) = parents(slice, &policies);
        let uses = slice.grants.iter().filter(|g| g.uses_left == Some(0)).map(|g| g.id);
        let fields = slice
            .grants
            .iter()
            .filter_map(|g| Some((g.id, Arc::new(g.detail.scope.fields.clone()?))));
        let parties = slice
            .grants
            .iter()
            .map(|g| g.grant.grantee)
            .chain(slice.denials.iter().map(|d| d.denial.party))
            .filter_map(|party| Some((party, engine::party_uid(party)?)));
        Ok(Self {
            digest: digest(slice, &policies),
            ids,
            unnamed,
            named,
            parties: parties.collect(),
            fields: fields.collect(),
            used_up: uses.collect(),
            sliced: slots(),
            first: OnceLock::new(),
            bounds: Bounds::of(slice),
            remembered: Remembered::default(),
            policies,
            slice: slice.clone(),
        })
    }

    pub(crate) const fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    pub(crate) const fn remembered(&self) -> &Remembered {
        &self.remembered
    }

    pub(crate) fn hosted(&self) -> bool {
        self.slice.terms.level == ServiceLevel::Hosted
    }

    pub(crate) fn policy(&self, id: &PolicyId) -> Option<&Compiled> {
        self.ids.get(id).and_then(|at| self.policies.get(*at))
    }

    pub(crate) fn compiled(&self) -> &[Compiled] {
        &self.policies
    }

    pub(crate) fn grant_fields(&self, id: GrantId) -> Option<Arc<BTreeSet<String>>> {
        self.fields.get(&id).cloned()
    }

    /// The entity of a party that some policy names.
    pub(crate) fn known_party(&self, party: &Party) -> Option<&EntityUid> {
        self.parties.get(party)
    }

    /// The requester as entities, kept for the first one: a slice is mostly asked by one.
    pub(crate) fn principal(&self, question: &Question) -> Result<Arc<Principal>, Fault> {
        let fresh = || Principal::new(self, question).map(Arc::new);
        let first = self.first.get_or_init(fresh).clone()?;
        if first.asks(question) { Ok(first) } else { fresh() }
    }

    pub(crate) fn record_parents(&self, id: RecordId) -> impl Iterator<Item = &EntityUid> {
        self.named.get(&id).map_or(&self.unnamed, |(parents, _)| parents).iter()
    }

    /// Positions of the policies that name the record.
    pub(crate) fn named_by(&self, id: RecordId) -> &[usize] {
        self.named.get(&id).map_or(&[], |(_, policies)| policies.as_slice())
    }

    /// The records after this one that some policy names.
    pub(crate) fn named_after(&self, after: Option<RecordId>) -> impl Iterator<Item = RecordId> {
        use std::ops::Bound::{Excluded, Unbounded};
        self.named.range((after.map_or(Unbounded, Excluded), Unbounded)).map(|(id, _)| *id)
    }

    /// Counted grants without a use left.
    pub(crate) fn used_up(&self, question: &Question) -> impl Iterator<Item = GrantId> {
        self.used_up.union(&question.used_up).copied().collect::<Vec<_>>().into_iter()
    }

    /// The policies that can matter for purpose, action, mode and category; leaving the others out cannot change a
    /// verdict.
    pub(crate) fn policies_for(
        &self,
        purpose: Purpose,
        action: Action,
        mode: Mode,
        category: Category,
    ) -> Result<&PolicySet, Fault> {
        let slots = self.sliced.get(&(mode, purpose, action)).ok_or("no such mode")?;
        let slots = slots.get_or_init(|| Category::ALL.iter().map(|_| OnceLock::new()).collect());
        let slot = Category::ALL.iter().zip(slots).find(|(c, _)| **c == category);
        let (_, slot) = slot.ok_or("no such category")?;
        slot.get_or_init(|| {
            let wanted = self.policies.iter().filter(|p| {
                p.reach.meets(&self.slice, purpose, action, mode)
                    && p.reach.reaches(&self.slice, category)
            });
            let set = PolicySet::from_policies(wanted.map(|p| p.policy.clone()));
            set.map(Box::new).map_err(|e| e.to_string())
        })
        .as_deref()
        .map_err(Clone::clone)
    }
}

/// One set of policies for each category, made when first needed.
type Slots = Box<[OnceLock<Result<Box<PolicySet>, Fault>>]>;

type Sliced = BTreeMap<(Mode, Purpose, Action), OnceLock<Slots>>;

fn slots() -> Sliced {
    let mut slots = Sliced::new();
    for purpose in Purpose::ALL {
        for mode in Mode::of(*purpose) {
            for action in Action::ALL {
                slots.insert((*mode, *purpose, *action), OnceLock::new());
            }
        }
    }
    slots
}

/// All texts by name, with what they come from.
pub(crate) fn texts(
    slice: &ConsentSlice,
) -> Result<BTreeMap<PolicyName, (String, Reach)>, CompileError> {
    let terms = text::term_texts(slice);
    let count = slice.grants.len().saturating_add(slice.denials.len()).saturating_add(terms.len());
    if count > MAX_POLICIES {
        return Err(CompileError::TooMany { count });
    }
    let mut texts = BTreeMap::new();
    for (index, fact) in slice.grants.iter().enumerate() {
        let name = PolicyName::Grant(fact.id);
        if fact.grant.dataset != slice.dataset {
            return Err(CompileError::Foreign(name));
        }
        limits(name, &fact.detail.scope)?;
        let text = text::grant_text(slice, fact);
        if texts.insert(name, (text, Reach::Grant(index))).is_some() {
            return Err(CompileError::Duplicate(name));
        }
    }
    for (index, fact) in slice.denials.iter().enumerate() {
        let name = PolicyName::Denial(fact.id);
        if fact.denial.dataset.is_some_and(|d| d != slice.dataset) {
            return Err(CompileError::Foreign(name));
        }
        if let Some(detail) = &fact.detail {
            limits(name, &detail.scope)?;
        }
        if texts.insert(name, (text::denial_text(fact), Reach::Denial(index))).is_some() {
            return Err(CompileError::Duplicate(name));
        }
    }
    for (name, text) in terms {
        if let PolicyName::Term(term) = name {
            texts.insert(name, (text, Reach::Term(term)));
        }
    }
    Ok(texts)
}

fn limits(name: PolicyName, scope: &Scope) -> Result<(), CompileError> {
    if scope.within_limits() { Ok(()) } else { Err(CompileError::Scope(name)) }
}

fn check(policies: &[Compiled]) -> Result<(), CompileError> {
    let invalid = |message: String| CompileError::Invalid(message);
    let schema = SCHEMA.as_ref().ok_or_else(|| invalid("the schema does not parse".into()))?;
    let set = PolicySet::from_policies(policies.iter().map(|p| p.policy.clone()))
        .map_err(|e| invalid(e.to_string()))?;
    let result = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
    match result.validation_errors().next() {
        None => Ok(()),
        Some(error) => Err(invalid(error.to_string())),
    }
}

/// The records that the scope of this policy names.
fn records_of<'a>(slice: &'a ConsentSlice, reach: &Reach) -> Option<&'a BTreeSet<RecordId>> {
    let scope = match reach {
        Reach::Grant(index) => slice.grants.get(*index).map(GrantFact::scope),
        Reach::Denial(index) => slice.denials.get(*index).and_then(DenialFact::scope),
        Reach::Term(_) => None,
    };
    scope?.records.as_ref()
}

type Named = BTreeMap<RecordId, (Vec<EntityUid>, Vec<usize>)>;

fn parents(slice: &ConsentSlice, policies: &[Compiled]) -> (Vec<EntityUid>, Named) {
    let unnamed: Vec<_> = engine::dataset_uid(slice.dataset).into_iter().collect();
    let mut named = Named::new();
    for (at, policy) in policies.iter().enumerate() {
        let uid = engine::selection_uid(&policy.name);
        for id in records_of(slice, &policy.reach).into_iter().flatten() {
            let (parents, positions) =
                named.entry(*id).or_insert_with(|| (unnamed.clone(), Vec::new()));
            parents.extend(uid.clone());
            positions.push(at);
        }
    }
    (unnamed, named)
}

fn digest(slice: &ConsentSlice, policies: &[Compiled]) -> Digest {
    let owned: Vec<(String, Vec<u8>)> = policies
        .iter()
        .map(|p| {
            let records: Vec<_> =
                records_of(slice, &p.reach).into_iter().flatten().copied().collect();
            (p.name.to_string(), encode(&records))
        })
        .collect();
    let mut parts = vec![SCHEMA_TEXT.as_bytes(), slice.dataset.as_bytes().as_slice()];
    for ((name, records), policy) in owned.iter().zip(policies) {
        parts.extend([name.as_bytes(), policy.text.as_bytes(), records.as_slice()]);
    }
    Digest::of_parts("secnet/policy/v1", &parts)
}
