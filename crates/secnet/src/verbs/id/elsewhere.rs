//! Identities at a node elsewhere: their keys are here, and only what is signed with them goes over.

use secnet_app::Enclosures;
use secnet_types::{Change, MemberCard, MemberKind, Operation, Signed};
use serde_json::{Value, json};

use super::{IdArgs, What};
use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::keystore::{Identity, kind_word};
use crate::node::{GOVERNOR, approved};
use crate::output::Output;
use crate::remote::{self, How, Remote, RemoteArgs, encoded};
use crate::verbs::session;

pub(crate) async fn run(globals: &Globals, out: Output, args: IdArgs) -> Result<(), Failure> {
    let on = &args.remote;
    match args.what {
        None => super::list(out, &on.open(globals, out)?.keystore),
        Some(What::Show { name }) => {
            let remote = on.open(globals, out)?;
            let identity = remote.identity(&name, false)?;
            if let Some(balance) = remote.balance(&identity).await? {
                super::show(out, &identity.card, balance);
            }
            Ok(())
        }
        Some(What::Session(args)) => session::run_remote(on, globals, out, &args).await,
        Some(What::Delegate { owner, delegate, power, dataset, days }) => {
            let (remote, author, how) = on.open_as(&owner, globals, out)?;
            let delegation = super::delegation(remote.member(&delegate)?, &power, dataset, days);
            let (naming, until) = ((owner, delegate), delegation.window.until);
            let operation = Operation::Delegate { delegation };
            let change = order(&remote, &author, operation, how).await?;
            let would = super::would_name(&naming, until);
            change.tell(out, &would, || super::was_named(out, &naming, until));
            Ok(())
        }
        Some(What::Undelegate { owner, delegate, dataset, author }) => {
            let author = author.as_ref().unwrap_or(&owner);
            let (remote, author, how) = on.open_as(author, globals, out)?;
            let operation = Operation::EndDelegation {
                owner: remote.member(&owner)?,
                delegate: remote.member(&delegate)?,
                dataset,
            };
            let change = order(&remote, &author, operation, how).await?;
            let would = super::would_end(&owner, &delegate);
            change.tell(out, &would, || super::was_ended(out, &owner, &delegate));
            Ok(())
        }
        Some(What::Disown { name, by }) => {
            let (remote, organisation, how) = on.open_as(&by, globals, out)?;
            let operation = Operation::Disown { member: remote.member(&name)? };
            let change = order(&remote, &organisation, operation, how).await?;
            let would = super::would_disown(&name);
            change.tell(out, &would, || super::was_disowned(out, &name, &by));
            Ok(())
        }
        Some(What::Rotate { name }) => rotate(on, globals, out, &name).await,
        Some(What::New { name, kind, by }) => match (MemberKind::from(kind), by) {
            // By the governor: its key must be among those here.
            (kind @ MemberKind::Organisation, _) => {
                make(on, globals, out, (&name, kind), None).await
            }
            (_, None) => Err(super::no_voucher(&name)),
            (kind, Some(by)) => make(on, globals, out, (&name, kind), Some(&by)).await,
        },
    }
}

async fn order(
    remote: &Remote,
    author: &Identity,
    operation: Operation,
    how: How,
) -> Result<remote::Change, Failure> {
    remote::order(remote, author, (operation, Enclosures::default()), how).await
}

/// Make keys here, have them admitted there, and hand in the one that grants are sealed to.
async fn make(
    on: &RemoteArgs,
    globals: &Globals,
    out: Output,
    (name, kind): (&str, MemberKind),
    by: Option<&str>,
) -> Result<(), Failure> {
    let (remote, voucher, how) = on.open_as(by.unwrap_or(GOVERNOR), globals, out)?;
    let identity = match begun(&remote, &voucher, (name, kind)).await? {
        Begun::Not => {
            let identity = Box::new(Identity::generate(name, kind)?);
            if how == How::Order {
                // Keys that are only in memory when the ledger takes them would lose the member.
                remote.save_identity(&identity)?;
            }
            identity
        }
        Begun::Keys(identity) => identity,
        Begun::Admitted(identity) => {
            if how == How::Order && hand_in(&remote, &identity).await? {
                made(out, &identity);
            }
            return Ok(());
        }
    };
    let card = MemberCard {
        network: remote.network().await?,
        kind,
        sealing_key: identity.sealing_digest(),
        voucher: by.map(|_| voucher.member()),
    };
    let network = card.network;
    let card = Signed::sign(card, &identity.signing);
    let operation = match by {
        Some(_) => Operation::Vouch { card },
        None => approved(network, &voucher, Change::Admit(card)),
    };
    let change = order(&remote, &voucher, operation, how).await?;
    if change.is_done() {
        hand_in(&remote, &identity).await?;
    }
    change.tell(out, &super::would_make(name, kind), || made(out, &identity));
    Ok(())
}

fn made(out: Output, identity: &Identity) {
    out.result(&identity.card, |card| format!("{} is {}", card.name, card.member));
}

/// The key that grants are sealed to; false if the call was printed.
async fn hand_in(remote: &Remote, identity: &Identity) -> Result<bool, Failure> {
    let body = json!({ "sealing_key": encoded(&identity.sealing.public.to_bytes()) });
    remote.put(identity, "/v1/me/sealing-key", Some(&body)).await.map_err(|failure| {
        failure.hint("it is a member now: give the same command again, which hands its key in")
    })
}

/// How far an admission came that was cut off.
enum Begun {
    Not,
    /// There are keys that the ledger does not know.
    Keys(Box<Identity>),
    /// The ledger knows them, and the node lacks the key that grants are sealed to.
    Admitted(Box<Identity>),
}

/// What there is already under this name.
async fn begun(
    remote: &Remote,
    voucher: &Identity,
    (name, kind): (&str, MemberKind),
) -> Result<Begun, Failure> {
    if !remote.keystore.beside(name, "key").exists() {
        return Ok(Begun::Not);
    }
    let identity = Box::new(remote.identity(name, false)?);
    let same = identity.card.kind == kind_word(kind);
    let path = format!("/v1/members/{}", identity.member());
    match remote.client.look(voucher, &path).await {
        Err(failure) if failure.code == "not-visible" && same => Ok(Begun::Keys(identity)),
        Err(failure) if failure.code != "not-visible" => Err(failure),
        Ok(told) if same && told.get("sealing_key").is_none() => Ok(Begun::Admitted(identity)),
        _ => Err(Failure::new("name-taken", format!("there is already an identity `{name}`"))
            .hint("choose another name")),
    }
}

/// A new signing key: written down here, taken by the ledger, put in place here. What is written down is never thrown away
/// on the word of a node: a key that the ledger has taken all the same would be lost, and the member with it. It is taken up
/// again instead.
async fn rotate(
    on: &RemoteArgs,
    globals: &Globals,
    out: Output,
    name: &str,
) -> Result<(), Failure> {
    let (remote, how) = (on.open(globals, out)?, How::from_dry_run(globals.dry_run));
    // First: half put in place, the key in use does not open.
    let staged = remote.staged(name)?;
    if let Some(new) = staged.as_ref().filter(|_| how == How::Order)
        && was_taken(&remote, new).await?
    {
        remote.keystore.take_over(new)?;
        super::was_rotated(out, &new.card);
        return Ok(());
    }
    let old = remote.identity(name, false)?;
    let fresh = staged.is_none();
    let new = staged.unwrap_or_else(|| old.with_new_key());
    if fresh && how == How::Order {
        remote.stage(&new)?;
    }
    let operation = crate::rotate::naming(remote.network().await?, &new);
    let change = order(&remote, &old, operation, how).await.map_err(|failure| {
        match failure.exit {
            Exit::Unreachable | Exit::Verification => failure.hint(
                "whether the new key was taken is not known yet: give the same command again, which finds out",
            ),
            _ => failure,
        }
    })?;
    if change.is_done() {
        remote.keystore.take_over(&new)?;
    } else if how == How::Order {
        out.say("when the call was made, give this command again: it puts the new key in place");
    }
    change.tell(out, &super::would_rotate(name), || super::was_rotated(out, &new.card));
    Ok(())
}

/// Has the ledger taken this key? Whoever has it can ask with it, and nobody else.
async fn was_taken(remote: &Remote, new: &Identity) -> Result<bool, Failure> {
    let path = format!("/v1/members/{}", new.member());
    match remote.client.look(new, &path).await {
        Ok(told) => {
            let did = told.get("did").and_then(Value::as_str);
            Ok(did == Some(&*new.signing.verifying_key().to_did_key()))
        }
        Err(failure) if failure.exit == Exit::Unreachable => Err(failure),
        Err(_) => Ok(false),
    }
}
