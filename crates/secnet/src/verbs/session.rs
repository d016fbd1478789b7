//! `secnet id session`

use secnet_app::Enclosures;
use secnet_app::ports::Clock as _;
use secnet_crypto::SigningKey;
use secnet_types::{Amount, Operation, Session};
use serde_json::json;

use crate::cli::Globals;
use crate::failure::Failure;
use crate::node::Node;
use crate::output::Output;
use crate::sessions;
use crate::sign;
use crate::system::{SystemClock, rng};

const HOUR_MS: u64 = 60 * 60 * 1000;

/// Let a fresh key sign access requests.
pub(crate) async fn open(
    node: &Node,
    globals: &Globals,
    out: Output,
    name: &str,
    (limit, hours): (Amount, u64),
) -> Result<(), Failure> {
    let member = node.identity(name)?;
    let key = SigningKey::generate(&mut rng());
    let until = SystemClock.now().plus_ms(hours.saturating_mul(HOUR_MS));
    let session = Session { key: *key.verifying_key().as_bytes(), until, limit };
    let would = format!("let a new key sign requests of {name} for up to {limit} until {until}");
    let operation = (Operation::OpenSession { session }, Enclosures::default());
    if !globals.dry_run {
        // Before the ledger knows it: a session whose key is lost could only be waited out.
        sessions::keep(node, &member, &key)?;
    }
    if sign::order(node, globals, out, &member, operation, &would).await?.is_some() {
        let did = key.verifying_key().to_did_key();
        let value = json!({
            "member": name, "key": did, "until": until.to_string(), "limit": limit.to_string(),
        });
        out.result(&value, |_| {
            format!("{did} signs requests of {name} until {until}, for up to {limit} in all")
        });
        out.say(&format!("use it: secnet get DATASET --as {name} --session ..."));
    }
    Ok(())
}

/// End the session.
pub(crate) async fn end(
    node: &Node,
    globals: &Globals,
    out: Output,
    name: &str,
) -> Result<(), Failure> {
    let member = node.identity(name)?;
    let key = sessions::find(node, &member)?;
    let operation = Operation::EndSession { key: *key.verifying_key().as_bytes() };
    let would = format!("end the session of {name}");
    let operation = (operation, Enclosures::default());
    if sign::order(node, globals, out, &member, operation, &would).await?.is_some() {
        sessions::forget(node, &member)?;
        let did = key.verifying_key().to_did_key();
        out.result(&json!({ "member": name, "ended": did }), |_| {
            format!("{did} signs no requests of {name} any more")
        });
    }
    Ok(())
}
