//! Granting at a node elsewhere: the owner's keys are sealed to the grantee here.

use base64ct::{Base64, Encoding as _};
use secnet_app::Enclosures;
use secnet_crypto::SealPublicKey;
use secnet_ledger::AskState;
use secnet_lock::{GrantBinding, wrap_for_grantee};
use secnet_types::{
    Amount, Answer as AskAnswer, AskId, DatasetId, Grant, GrantDetail, GrantId, MemberId,
    Operation, Party, VocabularyError, decode, limits,
};
use serde_json::Value;

use super::{Change, How, Remote, bytes, not_remote, number, order, text, wrong};
use crate::actions::{self, Permission};
use crate::failure::Failure;
use crate::keystore::Identity;
use crate::system::{random, rng};

/// Whom a grant or denial is about: a name or id, or `org:NAME`.
pub(crate) fn party(remote: &Remote, text: &str) -> Result<Party, Failure> {
    if text.starts_with("group:") || text.starts_with("sngroup1") {
        return Err(groups_stay());
    }
    match text.strip_prefix("org:") {
        Some(name) => remote.member(name).map(Party::Organisation),
        None => remote.member(text).map(Party::Member),
    }
}

pub(crate) fn groups_stay() -> Failure {
    not_remote(
        "a group's keys are in the folder of who runs it",
        "do it in that folder, without --url",
    )
}

/// What a dataset costs by its list, and its tenure; for who may know of it.
pub(crate) async fn listed(
    remote: &Remote,
    reader: &Identity,
    dataset: DatasetId,
) -> Result<(Value, Amount), Failure> {
    let dataset = remote.client.look(reader, &format!("/v1/datasets/{dataset}")).await?;
    let price = text(&dataset, "price")?;
    let price = price.parse().map_err(|e: secnet_types::MoneyError| wrong(&e))?;
    Ok((dataset, price))
}

/// Grant, at the list price unless another is given; the id of the grant and its price.
pub(crate) async fn grant(
    remote: &Remote,
    owner: &Identity,
    permission: &Permission,
    price: Option<Amount>,
    how: How,
) -> Result<(GrantId, Amount, Change), Failure> {
    let (grant, enclosures) = prepare(remote, owner, permission, price, how).await?;
    let price = grant.price;
    let change = order(remote, owner, (Operation::Grant { grant }, enclosures), how).await?;
    Ok((GrantId::derive(owner.member(), change.id), price, change))
}

/// Grant what an ask says, or what was agreed on it.
pub(crate) async fn approve(
    remote: &Remote,
    owner: &Identity,
    ask: AskId,
    how: How,
) -> Result<(GrantId, Permission, Change), Failure> {
    let inbox = remote.client.look(owner, "/v1/inbox").await?;
    let (state, detail) = asked(&inbox, ask)?.ok_or_else(|| {
        Failure::new("unknown-ask", format!("{ask} does not wait in this inbox"))
            .hint("`secnet inbox` lists what waits for an answer")
    })?;
    let detail = detail.ok_or_else(|| {
        Failure::new("no-detail", "the ask came without its detail")
            .hint("refuse it; have it asked again")
    })?;
    let permission = Permission::of_ask(&state, detail);
    let price = Some(permission.price);
    let (grant, enclosures) = prepare(remote, owner, &permission, price, how).await?;
    let operation = Operation::AnswerAsk { ask, answer: AskAnswer::Approve(grant) };
    let change = order(remote, owner, (operation, enclosures), how).await?;
    Ok((GrantId::derive(owner.member(), change.id), permission, change))
}

/// An ask in a list of asks, with its detail if that was handed in.
pub(crate) fn asked(
    list: &Value,
    ask: AskId,
) -> Result<Option<(AskState, Option<GrantDetail>)>, Failure> {
    let id = ask.to_string();
    let asks = list.get("asks").and_then(Value::as_array);
    let found = asks.into_iter().flatten().find(|a| a.get("ask").is_some_and(|a| *a == *id));
    let Some(found) = found else { return Ok(None) };
    let state = bytes(found, "state")?;
    let state = decode("ask", &state, limits::MAX_COMMAND_BYTES).map_err(|e| wrong(&e))?;
    let detail = match found.get("detail_bytes") {
        Some(_) => {
            let detail = bytes(found, "detail_bytes")?;
            Some(decode("detail", &detail, limits::MAX_DETAIL_BYTES).map_err(|e| wrong(&e))?)
        }
        None => None,
    };
    Ok(Some((state, detail)))
}

/// The grant, its detail, and the owner's keys sealed to the grantee.
async fn prepare(
    remote: &Remote,
    owner: &Identity,
    permission: &Permission,
    price: Option<Amount>,
    how: How,
) -> Result<(Grant, Enclosures), Failure> {
    let (dataset, listed) = listed(remote, owner, permission.dataset).await?;
    let whose = text(&dataset, "owner")?;
    let whose: MemberId = whose.parse().map_err(|e: secnet_types::IdError| wrong(&e))?;
    if whose != owner.member() {
        let name = &owner.card.name;
        return Err(Failure::new(
            "no-keys",
            format!("`{name}` has no keys of these records to hand on"),
        )
        .hint("the owner grants and approves; a delegate can revoke and deny"));
    }
    let grantee = match permission.to {
        Party::Member(member) | Party::Organisation(member) => member,
        Party::Group(_) => return Err(groups_stay()),
    };
    let sealing = sealing_key(remote, owner, grantee).await?;
    let detail = GrantDetail {
        purposes: permission.purposes.clone(),
        actions: permission.actions.clone(),
        scope: permission.scope.clone(),
        salt: random(),
    };
    let mut keys = actions::compartments(&remote.keystore, owner)?;
    for category in permission.scope.categories.iter().flatten() {
        keys.ensure(owner.member(), *category, secnet_types::Labels::NONE, &mut rng())
            .map_err(|error| actions::lock_failure(&error))?;
    }
    if how == How::Order {
        // What is sealed to the grantee must still be known when later records are sealed.
        actions::save_compartments(&remote.keystore, owner, &keys)?;
    }
    let level = text(&dataset, "level")?.parse();
    actions::fields_fit(&permission.scope, Some(level.map_err(|e: VocabularyError| wrong(&e))?))?;
    let covered = actions::compartments_of(&permission.scope, &keys);
    let binding = GrantBinding { dataset: permission.dataset, detail: detail.commitment() };
    let wraps = wrap_for_grantee(binding, &covered, &keys, &sealing, &mut rng())
        .map_err(|error| actions::lock_failure(&error))?;
    let grant = Grant {
        dataset: permission.dataset,
        grantee: permission.to,
        window: permission.window,
        uses: permission.uses,
        price: price.unwrap_or(listed),
        emergency: permission.emergency,
        detail: detail.commitment(),
        wraps: wraps.digest(),
        tenure: number(&dataset, "tenure")?,
    };
    Ok((grant, Enclosures { detail: Some(detail), wraps: Some(wraps) }))
}

/// The key that a grant is sealed to: of the card that is here, else as the node says it.
async fn sealing_key(
    remote: &Remote,
    owner: &Identity,
    grantee: MemberId,
) -> Result<SealPublicKey, Failure> {
    let id = grantee.to_string();
    let card = remote.keystore.cards()?.into_iter().find(|card| card.member == id);
    let key = match card {
        Some(card) => Base64::decode_vec(&card.sealing_key).map_err(|error| wrong(&error))?,
        None => {
            let member = remote.client.look(owner, &format!("/v1/members/{id}")).await?;
            bytes(&member, "sealing_key")?
        }
    };
    SealPublicKey::from_bytes(&key).map_err(|error| wrong(&error))
}
