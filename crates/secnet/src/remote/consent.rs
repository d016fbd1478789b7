//! Granting and revoking at a node elsewhere: signed and sealed here, ordered there.

use base64ct::{Base64, Encoding as _};
use secnet_crypto::SealPublicKey;
use secnet_lock::{GrantBinding, compartments_for, wrap_for_grantee};
use secnet_types::{
    Amount, Command, CommandId, Grant, GrantDetail, GrantId, MemberId, Operation, Party,
    SignedCommand, encode,
};
use serde_json::{Value, json};

use super::{Answer, Remote, bytes, encoded, number, text, wrong};
use crate::actions::{self, Permission};
use crate::failure::{Exit, Failure};
use crate::keystore::Identity;
use crate::system::{SystemClock, random, rng};
use secnet_app::ports::Clock as _;

/// How long a command made here may wait, in milliseconds.
const COMMAND_LIFETIME_MS: u64 = 60_000;

/// What is ordered, or only foreseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Order,
    Foresee,
}

impl How {
    pub(crate) const fn from_dry_run(dry_run: bool) -> Self {
        if dry_run { Self::Foresee } else { Self::Order }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Order => "/v1/commands",
            Self::Foresee => "/v1/commands/forecast",
        }
    }
}

/// Whom a grant is to: a name or id, or `org:NAME`.
pub(crate) fn party(remote: &Remote, text: &str) -> Result<Party, Failure> {
    if text.starts_with("group:") || text.starts_with("sngroup1") {
        return Err(groups_stay());
    }
    match text.strip_prefix("org:") {
        Some(name) => remote.member(name).map(Party::Organisation),
        None => remote.member(text).map(Party::Member),
    }
}

fn groups_stay() -> Failure {
    Failure::new("not-remote", "a group's keys are in the folder of who runs it")
        .hint("grant to a group in the folder, without --url")
        .exit(Exit::Usage)
}

/// Grant; the id of the grant and its price, with what the node answered.
pub(crate) async fn grant(
    remote: &Remote,
    owner: &Identity,
    permission: &Permission,
    price: Option<Amount>,
    how: How,
) -> Result<(GrantId, Amount, Answer), Failure> {
    let path = format!("/v1/datasets/{}", permission.dataset);
    let dataset = remote.client.look(owner, &path).await?;
    let whose: MemberId =
        text(&dataset, "owner")?.parse().map_err(|e: secnet_types::IdError| wrong(&e))?;
    if whose != owner.member() {
        let name = &owner.card.name;
        return Err(Failure::new(
            "no-keys",
            format!("`{name}` has no keys of these records to hand on"),
        )
        .hint("the owner grants; a delegate can revoke and deny"));
    }
    let listed: Amount =
        text(&dataset, "price")?.parse().map_err(|e: secnet_types::MoneyError| wrong(&e))?;
    let price = price.unwrap_or(listed);
    let grantee = match permission.to {
        Party::Member(member) | Party::Organisation(member) => member,
        Party::Group(_) => return Err(groups_stay()),
    };
    let sealing = sealing_key(remote, owner, grantee).await?;
    let terms = (price, number(&dataset, "tenure")?);
    let (grant, detail, wraps) = sealed(remote, owner, permission, terms, &sealing, how)?;
    let command = command(remote, owner, Operation::Grant { grant }).await?;
    let body = json!({
        "command": encoded(&command.to_bytes()), "detail": encoded(&encode(&detail)),
        "wraps": encoded(&wraps),
    });
    let answer = remote.client.call(owner, how.path(), &body).await?;
    Ok((GrantId::derive(owner.member(), command.value.id), price, answer))
}

/// End a grant or lift a denial.
pub(crate) async fn revoke(
    remote: &Remote,
    author: &Identity,
    operation: Operation,
    how: How,
) -> Result<Answer, Failure> {
    let command = command(remote, author, operation).await?;
    let body = json!({ "command": encoded(&command.to_bytes()) });
    remote.client.call(author, how.path(), &body).await
}

/// What a dry run says of a node's forecast.
pub(crate) fn foreseen(would: &str, answer: &Value) -> Value {
    json!({ "dry_run": true, "would": would, "effects": answer.get("effects") })
}

/// The grant, its detail, and the owner's keys sealed to the grantee.
fn sealed(
    remote: &Remote,
    owner: &Identity,
    permission: &Permission,
    (price, tenure): (Amount, u32),
    sealing: &SealPublicKey,
    how: How,
) -> Result<(Grant, GrantDetail, Vec<u8>), Failure> {
    let detail = GrantDetail {
        purposes: permission.purposes.clone(),
        actions: permission.actions.clone(),
        scope: permission.scope.clone(),
        salt: random(),
    };
    let failed = |error: &dyn std::error::Error| actions::lock_failure(error);
    let mut keys = actions::compartments(&remote.keystore, owner)?;
    for category in permission.scope.categories.iter().flatten() {
        keys.ensure(owner.member(), *category, secnet_types::Labels::NONE, &mut rng())
            .map_err(|error| failed(&error))?;
    }
    if how == How::Order {
        // What is sealed to the grantee must still be known when later records are sealed.
        actions::save_compartments(&remote.keystore, owner, &keys)?;
    }
    let covered = compartments_for(&permission.scope, keys.compartments());
    let binding = GrantBinding { dataset: permission.dataset, detail: detail.commitment() };
    let wraps = wrap_for_grantee(binding, &covered, &keys, sealing, &mut rng())
        .map_err(|error| failed(&error))?;
    let grant = Grant {
        dataset: permission.dataset,
        grantee: permission.to,
        window: permission.window,
        uses: permission.uses,
        price,
        emergency: permission.emergency,
        detail: detail.commitment(),
        wraps: wraps.digest(),
        tenure,
    };
    Ok((grant, detail, wraps.to_bytes()))
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

async fn command(
    remote: &Remote,
    author: &Identity,
    operation: Operation,
) -> Result<SignedCommand, Failure> {
    let command = Command {
        network: remote.network().await?,
        author: author.member(),
        id: CommandId(random()),
        expires: SystemClock.now().plus_ms(COMMAND_LIFETIME_MS),
        operation,
    };
    Ok(SignedCommand::sign(command, &author.signing))
}
