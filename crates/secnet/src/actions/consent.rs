//! Granting and asking.

use std::collections::BTreeSet;

use secnet_app::Enclosures;
use secnet_app::ports::{Clock as _, View};
use secnet_fhir::{ResourceType, has_element};
use secnet_ledger::{AskState, AskStatus};
use secnet_lock::{Compartment, CompartmentKeys, GrantBinding, compartments_for, wrap_for_grantee};
use secnet_types::{
    Action, Amount, Answer, Ask, AskId, Category, DatasetId, Grant, GrantDetail, GrantId, Labels,
    Operation, Party, Purpose, Scope, ServiceLevel, Timestamp, Window,
};

use super::keys::{compartments, lock_failure, save_compartments};
use super::order;
use crate::failure::{Exit, Failure};
use crate::groups;
use crate::keystore::Identity;
use crate::node::{Node, access_failure};
use crate::system::{SystemClock, random, rng};

/// What an owner allows.
#[derive(Debug, Clone)]
pub(crate) struct Permission {
    pub dataset: DatasetId,
    pub to: Party,
    pub purposes: BTreeSet<Purpose>,
    pub actions: BTreeSet<Action>,
    pub scope: Scope,
    pub window: Window,
    pub uses: Option<u32>,
    pub price: Amount,
    pub emergency: bool,
}

impl Permission {
    /// What an ask says, or what was agreed on it.
    pub(crate) fn of_ask(asked: &AskState, detail: GrantDetail) -> Self {
        let (price, uses, window) = match asked.status {
            AskStatus::Agreed(agreed) => (agreed.price, agreed.uses, agreed.window),
            _ => (asked.ask.price, asked.ask.uses, asked.ask.window),
        };
        Self {
            dataset: asked.ask.dataset,
            to: asked.ask.grantee,
            purposes: detail.purposes,
            actions: detail.actions,
            scope: detail.scope,
            window,
            uses,
            price,
            emergency: false,
        }
    }
}

/// Only the owner has the keys of its records: what anybody else seals for a grantee opens nothing, and is paid for.
/// The tenure of the dataset that the keys are of; what the ledger does not know it refuses by itself.
fn tenure_of_keys(node: &Node, owner: &Identity, dataset: DatasetId) -> Result<u32, Failure> {
    let known = |view: &View<'_>| view.state.dataset(dataset).map(|d| (d.owner, d.tenure));
    match node.pdc.view(known).flatten() {
        Some((whose, tenure)) if whose == owner.member() => return Ok(tenure),
        None => return Ok(0),
        Some(_) => {}
    }
    let name = &owner.card.name;
    Err(Failure::new("no-keys", format!("`{name}` has no keys of the records of {dataset} to hand on"))
        .hint("the owner grants and approves; a delegate can refuse, counter, release, keep, revoke and deny"))
}

/// Prepare a grant: the typed part for the ledger, the detail and the sealed packets for the data centre. Writes nothing.
pub(crate) async fn prepare_grant(
    node: &Node,
    owner: &Identity,
    permission: &Permission,
) -> Result<(Grant, Enclosures), Failure> {
    let tenure = tenure_of_keys(node, owner, permission.dataset)?;
    let detail = GrantDetail {
        purposes: permission.purposes.clone(),
        actions: permission.actions.clone(),
        scope: permission.scope.clone(),
        salt: random(),
    };
    let commitment = detail.commitment();
    let grantee = match permission.to {
        Party::Member(member) | Party::Organisation(member) => member,
        // Whoever runs the group hands its packets on to those who are in it.
        Party::Group(group) => groups::admin(node, group)?,
    };
    let sealing = node.pdc.sealing_key_of(grantee).await.map_err(access_failure)?;
    let keys = keys_for(node, owner, &permission.scope)?;
    let level = |view: &View<'_>| view.state.dataset(permission.dataset).map(|d| d.terms.level);
    fields_fit(&permission.scope, node.pdc.view(level).flatten())?;
    let covered = compartments_of(&permission.scope, &keys);
    let binding = GrantBinding { dataset: permission.dataset, detail: commitment };
    let wraps = wrap_for_grantee(binding, &covered, &keys, &sealing, &mut rng())
        .map_err(|error| lock_failure(&error))?;
    let grant = Grant {
        dataset: permission.dataset,
        grantee: permission.to,
        window: permission.window,
        uses: permission.uses,
        price: permission.price,
        emergency: permission.emergency,
        detail: commitment,
        wraps: wraps.digest(),
        tenure,
    };
    Ok((grant, Enclosures { detail: Some(detail), wraps: Some(wraps) }))
}

/// The owner's keys. Categories of the scope without a record yet have one too, so that later records need no new grant.
fn keys_for(node: &Node, owner: &Identity, scope: &Scope) -> Result<CompartmentKeys, Failure> {
    let mut keys = compartments(&node.keystore, owner)?;
    for category in scope.categories.iter().flatten() {
        keys.ensure(owner.member(), *category, Labels::NONE, &mut rng())
            .map_err(|error| lock_failure(&error))?;
    }
    Ok(keys)
}

/// The compartments whose keys a grantee gets: none if only fields are granted, since a key opens whole records.
pub(crate) fn compartments_of(scope: &Scope, keys: &CompartmentKeys) -> Vec<Compartment> {
    match scope.fields {
        Some(_) => Vec::new(),
        None => compartments_for(scope, keys.compartments()),
    }
}

/// Can a grant of these fields be kept, and does it name what there is? Looked at before anything is signed.
pub(crate) fn fields_fit(scope: &Scope, level: Option<ServiceLevel>) -> Result<(), Failure> {
    let Some(fields) = &scope.fields else { return Ok(()) };
    if level == Some(ServiceLevel::Sealed) {
        return Err(Failure::new(
            "sealed",
            "a grant on a sealed dataset cannot be limited to fields: only grantees open its records",
        )
        .hint("secnet data set DATASET --level hosted lets this data centre open them; or grant types, categories or records")
        .exit(Exit::Usage));
    }
    let unusable = |what: String| {
        Failure::new("unknown-field", what)
            .hint("name elements as in the records' JSON, such as valueQuantity or name.family")
            .exit(Exit::Usage)
    };
    let names = fields.iter().map(String::as_str);
    secnet_fhir::Fields::parse(names).map_err(|error| unusable(error.to_string()))?;
    let of_scope = |kind: &ResourceType| {
        scope.kinds.as_ref().is_none_or(|kinds| kinds.contains(kind.as_str()))
    };
    let kinds: Vec<ResourceType> = ResourceType::all().filter(of_scope).collect();
    let known = |field: &String| kinds.iter().any(|kind| has_element(*kind, field));
    match fields.iter().find(|field| !known(field)) {
        Some(field) => {
            Err(unusable(format!("no type of record that is granted has a field `{field}`")))
        }
        None => Ok(()),
    }
}

/// Grant, without having been asked or in answer to an ask.
pub(crate) async fn grant(
    node: &Node,
    owner: &Identity,
    permission: &Permission,
    ask: Option<AskId>,
) -> Result<GrantId, Failure> {
    tenure_of_keys(node, owner, permission.dataset)?;
    // What is sealed to the grantee must still be known when later records are sealed.
    save_compartments(&node.keystore, owner, &keys_for(node, owner, &permission.scope)?)?;
    let (grant, enclosures) = prepare_grant(node, owner, permission).await?;
    let operation = match ask {
        Some(ask) => Operation::AnswerAsk { ask, answer: Answer::Approve(grant) },
        None => Operation::Grant { grant },
    };
    let command = order(&node.pdc, owner, operation, enclosures).await?;
    Ok(GrantId::derive(owner.member(), command.value.id))
}

/// Ask for a grant.
pub(crate) async fn ask(
    node: &Node,
    asker: &Identity,
    wish: &Permission,
    deadline: Timestamp,
) -> Result<AskId, Failure> {
    let (operation, enclosures) = prepare_ask(wish, deadline);
    let command = order(&node.pdc, asker, operation, enclosures).await?;
    Ok(AskId::derive(asker.member(), command.value.id))
}

/// An ask: the typed part for the ledger, the detail for the data centre.
pub(crate) fn prepare_ask(wish: &Permission, deadline: Timestamp) -> (Operation, Enclosures) {
    let detail = GrantDetail {
        purposes: wish.purposes.clone(),
        actions: wish.actions.clone(),
        scope: wish.scope.clone(),
        salt: random(),
    };
    let ask = Ask {
        dataset: wish.dataset,
        grantee: wish.to,
        price: wish.price,
        uses: wish.uses,
        window: wish.window,
        deadline,
        detail: detail.commitment(),
    };
    (Operation::OpenAsk { ask }, Enclosures { detail: Some(detail), wraps: None })
}

/// A window from now for so many days.
pub(crate) fn days_from_now(days: u64) -> Window {
    let from = SystemClock.now();
    // A minute back, so that a clock a little ahead of the ledger's does not make the grant begin in the future.
    let from = Timestamp(from.0.saturating_sub(60_000));
    Window { from, until: from.plus_ms(days.saturating_mul(24 * 60 * 60 * 1000)) }
}

/// A scope of categories, normal sensitivity unless labels are named.
pub(crate) fn scope_of(categories: &[Category], labels: Labels) -> Scope {
    Scope {
        categories: (!categories.is_empty()).then(|| categories.iter().copied().collect()),
        labels: (!labels.is_empty()).then_some(labels),
        ..Scope::default()
    }
}

/// Whom a grant or denial is about: a name or id, `org:NAME`, `group:NAME`.
pub(crate) fn party_of(node: &Node, text: &str) -> Result<Party, Failure> {
    if let Some(name) = text.strip_prefix("org:") {
        return node.member(name).map(Party::Organisation);
    }
    if let Some(name) = text.strip_prefix("group:") {
        return groups::find(node, name).map(Party::Group);
    }
    node.member(text).map(Party::Member)
}
