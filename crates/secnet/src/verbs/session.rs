//! `secnet id session`

use std::fmt;

use clap::Args;
use secnet_app::Enclosures;
use secnet_app::ports::Clock as _;
use secnet_crypto::{SigningKey, VerifyingKey};
use secnet_types::{Amount, Operation, Session};
use serde_json::json;

use crate::cli::Globals;
use crate::failure::Failure;
use crate::keystore::Keystore;
use crate::node::Node;
use crate::output::Output;
use crate::remote::{self, RemoteArgs};
use crate::sessions;
use crate::sign;
use crate::system::{SystemClock, rng};

const HOUR_MS: u64 = 60 * 60 * 1000;

#[derive(Debug, Args)]
pub(crate) struct SessionArgs {
    /// Whose requests.
    name: String,
    /// The most that requests signed with it may cost in all.
    #[arg(long, value_name = "AMOUNT", default_value = "0")]
    limit: Amount,
    /// For how many hours, at most 24.
    #[arg(long, default_value_t = 8)]
    hours: u64,
    /// The public key, as `did:key:z6Mk...`, of a program that keeps its own secret one. Default: a fresh key, kept here.
    #[arg(long, value_name = "DID")]
    key: Option<Did>,
    /// End the session there is instead.
    #[arg(long, conflicts_with_all = ["limit", "hours"])]
    end: bool,
}

/// A public key in its text form.
#[derive(Debug, Clone)]
struct Did(VerifyingKey);

impl std::str::FromStr for Did {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        VerifyingKey::from_did_key(text).map(Self).map_err(|error| error.to_string())
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_did_key())
    }
}

/// A session to be opened, whose secret key is here unless another program has it.
struct Opening {
    session: Session,
    did: Did,
    fresh: Option<SigningKey>,
}

impl Opening {
    fn operation(&self) -> (Operation, Enclosures) {
        (Operation::OpenSession { session: self.session.clone() }, Enclosures::default())
    }

    /// Before the ledger knows it: a session whose key is lost could only be waited out.
    fn keep(&self, keystore: &Keystore, passphrase: &str, name: &str) -> Result<(), Failure> {
        match &self.fresh {
            Some(key) => sessions::keep(keystore, passphrase, name, key),
            None => Ok(()),
        }
    }

    fn would(&self, name: &str) -> String {
        let Session { until, limit, .. } = &self.session;
        let whose = if self.fresh.is_some() { "a new key" } else { "the key" };
        format!("let {whose} sign requests of {name} for up to {limit} until {until}")
    }

    fn tell(&self, out: Output, name: &str) {
        let (did, Session { until, limit, .. }) = (&self.did, &self.session);
        let value = json!({
            "member": name, "key": did.to_string(), "until": until.to_string(), "limit": limit.to_string(),
        });
        out.result(&value, |_| {
            format!("{did} signs requests of {name} until {until}, for up to {limit} in all")
        });
        if self.fresh.is_some() {
            out.say(&format!("use it: secnet get DATASET --as {name} --session ..."));
        }
    }
}

impl SessionArgs {
    fn opening(&self) -> Opening {
        let (did, fresh) = match &self.key {
            Some(did) => (did.clone(), None),
            None => {
                let key = SigningKey::generate(&mut rng());
                (Did(key.verifying_key()), Some(key))
            }
        };
        let until = SystemClock.now().plus_ms(self.hours.saturating_mul(HOUR_MS));
        let session = Session { key: *did.0.as_bytes(), until, limit: self.limit };
        Opening { session, did, fresh }
    }

    /// Whose session is ended: the key that is named, else the one that is here.
    fn ending(&self, keystore: &Keystore, passphrase: &str) -> Result<Did, Failure> {
        match &self.key {
            Some(did) => Ok(did.clone()),
            None => {
                let key = sessions::open(keystore, &self.name, passphrase)?;
                Ok(Did(key.verifying_key()))
            }
        }
    }

    fn forget(&self, keystore: &Keystore) -> Result<(), Failure> {
        if self.key.is_some() { Ok(()) } else { sessions::forget(keystore, &self.name) }
    }

    fn tell_end(&self, out: Output, did: &Did) {
        let name = &self.name;
        out.result(&json!({ "member": name, "ended": did.to_string() }), |_| {
            format!("{did} signs no requests of {name} any more")
        });
    }
}

fn end_of(did: &Did) -> (Operation, Enclosures) {
    (Operation::EndSession { key: *did.0.as_bytes() }, Enclosures::default())
}

pub(crate) async fn run(
    node: &Node,
    globals: &Globals,
    out: Output,
    args: &SessionArgs,
) -> Result<(), Failure> {
    let (name, member) = (&args.name, node.identity(&args.name)?);
    if args.end {
        let did = args.ending(&node.keystore, node.passphrase())?;
        let would = format!("end the session of {name}");
        if sign::order(node, globals, out, &member, end_of(&did), &would).await?.is_some() {
            args.forget(&node.keystore)?;
            args.tell_end(out, &did);
        }
        return Ok(());
    }
    let opening = args.opening();
    if !globals.dry_run {
        opening.keep(&node.keystore, node.passphrase(), name)?;
    }
    let would = opening.would(name);
    if sign::order(node, globals, out, &member, opening.operation(), &would).await?.is_some() {
        opening.tell(out, name);
    }
    Ok(())
}

/// At a node elsewhere.
pub(crate) async fn run_remote(
    on: &RemoteArgs,
    globals: &Globals,
    out: Output,
    args: &SessionArgs,
) -> Result<(), Failure> {
    let (remote, member, how) = on.open_as(&args.name, globals, out)?;
    let name = &args.name;
    if args.end {
        let did = args.ending(&remote.keystore, remote.passphrase())?;
        let change = remote::order(&remote, &member, end_of(&did), how).await?;
        let mut forgotten = Ok(());
        change.tell(out, &format!("end the session of {name}"), || {
            forgotten = args.forget(&remote.keystore);
            args.tell_end(out, &did);
        });
        return forgotten;
    }
    let opening = args.opening();
    if !globals.dry_run {
        opening.keep(&remote.keystore, remote.passphrase(), name)?;
    }
    let change = remote::order(&remote, &member, opening.operation(), how).await?;
    change.tell(out, &opening.would(name), || opening.tell(out, name));
    Ok(())
}
