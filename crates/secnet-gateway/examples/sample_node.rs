//! A node in memory for programs in other languages to call: prints where it is, who its members are and what they may send, as
//! one line of JSON, and serves until its standard input ends. Its log is published, its clock runs.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "the flow's test world, and an example"
)]

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use secnet_app::{AccessCall, Feedback, Finding, Outcome};
use secnet_crypto::SigningKey;
use secnet_gateway::{Bulletin, Gateway, Limits, router, serve};
use secnet_types::limits::MAX_COMMAND_LIFETIME_MS;
use secnet_types::{
    AccessRequest, Amount, Command, CommandId, DatasetId, DenialSummary, Digest, GroupId,
    Operation, Purpose, Receipt, RuleId, RuleListing, Session, Signed, SignedCommand,
};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::sync::watch;

#[path = "../../secnet-app/tests/it/switches.rs"]
#[allow(dead_code, reason = "shared with the flow's tests")]
mod switches;
#[path = "../../secnet-app/tests/it/world.rs"]
#[allow(dead_code, reason = "shared with the flow's tests")]
mod world;

/// A seed that anybody can guess: for examples only.
const SEED: [u8; 32] = [7; 32];
/// How finely the clock runs.
const TICK: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let mut world = world::World::at(1, u64::try_from(now).unwrap()).await;
    let (grant, _) = world.granted(None, 0).await;
    let key = SigningKey::from_seed(SEED);
    let session = Session {
        key: *key.verifying_key().as_bytes(),
        until: world.clock_now().plus_ms(world::HOUR),
        limit: Amount(1),
    };
    world.submit(&world.bo, Operation::OpenSession { session }).await;
    let group = world.submit(&world.bo, Operation::CreateGroup).await;
    let rule = RuleId([7; 32]);
    let expires = world.clock_now().plus_ms(world::HOUR);
    let listing = RuleListing { rule, price: Amount(1), evidence: Digest::ZERO, expires };
    world.submit(&world.ada, Operation::PublishRule { listing }).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("checkpoint"), "no network\n").unwrap();
    let incident = refused_by_the_dozen(&world).await;
    let by_requester = sent_by_requester(&mut world).await;
    let by_owner = sent_by_owner(&mut world).await;
    // Programs that try a node out call it faster than members do.
    let limits = Limits { rate_per_second: 100_000, burst: 100_000, ..Limits::default() };
    let gateway = Gateway::new(Arc::clone(&world.pdc), limits);
    let gateway = gateway
        .publishing(folder.path().to_owned())
        .administered_by([world.ada.id, world.bo.id], Arc::new(Bulletin::default()));
    let gateway = Arc::new(gateway);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let told = json!({
        "url": format!("http://{}", listener.local_addr().unwrap()),
        "member": world.bo.id.to_string(),
        "did": key.verifying_key().to_did_key(),
        "seed": hex(&SEED),
        "dataset": world.dataset.to_string(),
        "records": world.records.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "grant": grant.to_string(),
        "group": GroupId::derive(world.bo.id, group.value.id).to_string(),
        "rule": rule.to_string(),
        "incident": incident,
        "people": {
            "ada": { "member": world.ada.id.to_string(), "seed": hex(world.ada.key.seed()), "send": by_owner },
            "bo": { "member": world.bo.id.to_string(), "seed": hex(world.bo.key.seed()), "send": by_requester },
        },
    });
    println!("{told}");
    let clock = Arc::clone(&world.clock);
    tokio::spawn(async move {
        let mut last = Instant::now();
        loop {
            tokio::time::sleep(TICK).await;
            let passed = u64::try_from(last.elapsed().as_millis()).unwrap();
            last += Duration::from_millis(passed);
            clock.advance(passed);
        }
    });
    let (_stop, stopped) = watch::channel(false);
    let (mut input, mut nothing) = (tokio::io::stdin(), Vec::new());
    tokio::select! {
        served = serve(listener, router(gateway), 64, stopped) => served.unwrap(),
        ended = input.read_to_end(&mut nothing) => drop(ended.unwrap()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn b64(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// A command that can be sent for as long as the ledger takes one: a thorough caller comes to it late.
fn lasting(
    world: &world::World,
    who: &world::Person,
    number: u8,
    operation: Operation,
) -> SignedCommand {
    let command = Command {
        network: world.pdc.network(),
        author: who.id,
        id: CommandId([number; 16]),
        expires: world.clock_now().plus_ms(MAX_COMMAND_LIFETIME_MS),
        operation,
    };
    SignedCommand::sign(command, who.key.as_ref())
}

/// So many denials that administrators are told: an incident, by its number.
async fn refused_by_the_dozen(world: &world::World) -> u64 {
    let summary = DenialSummary {
        requester: world.bo.id,
        from: world.clock_now(),
        until: world.clock_now(),
        count: 12,
        requests: Digest::ZERO,
        dataset: world.dataset,
    };
    let event = world.pdc.view(|view| view.log_size).unwrap();
    world.submit(&world.node, Operation::SummariseDenials { summary }).await;
    event
}

/// What an owner may send where, ready made.
async fn sent_by_owner(world: &mut world::World) -> Value {
    let group = lasting(world, &world.ada, 0xa1, Operation::CreateGroup);
    let bo = world::World::copy(&world.bo);
    let (call, _) = world.call(&bo, Purpose::Marketing, None);
    let Outcome::Denied(refusal) = world.pdc.access(&call).await.unwrap() else { panic!() };
    let decision = refusal.decision.unwrap();
    let said = Feedback {
        network: world.pdc.network(),
        decision,
        dataset: world.dataset,
        author: world.ada.id,
        finding: Finding::Fine,
        at: world.clock_now(),
        note: String::new(),
    };
    let said = Signed::sign(said, world.ada.key.as_ref());
    json!({
        "decision": decision.to_string(),
        "/v1/feedback": [{ "statements": [b64(&said.to_bytes())] }],
        "/v1/commands": [{ "command": b64(&group.to_bytes()) }],
        "/v1/commands/forecast": [{ "command": b64(&group.to_bytes()) }],
    })
}

/// What a requester may send where; one of it has been sent before, so that there is something to see.
async fn sent_by_requester(world: &mut world::World) -> Value {
    let bo = world::World::copy(&world.bo);
    let hidden = DatasetId([9; 16]);
    let (allowed, _) = world.call(&bo, Purpose::Treatment, None);
    let (denied, _) = world.call(&bo, Purpose::Marketing, None);
    let (nothing, _) = world.call_for(&bo, hidden, Purpose::Treatment, None);
    let receipt: Receipt = world::released(world.pdc.access(&allowed).await.unwrap()).receipt;
    let transfer = Operation::Transfer { to: world.ada.id, amount: Amount(1) };
    let command = json!({ "command": b64(&lasting(world, &bo, 0xa2, transfer).to_bytes()) });
    let key = json!({ "sealing_key": b64(&bo.sealing.public.to_bytes()) });
    let calls = [&allowed, &denied, &nothing];
    let plain = calls.map(body);
    let questions = calls.map(question);
    json!({
        "request": Signed::<AccessRequest>::parse(&allowed.request).unwrap().value.id.to_string(),
        "event": receipt.index,
        "/v1/access": plain,
        "/v1/access/preview": plain,
        "/v1/commands": [command],
        "/v1/commands/forecast": [command],
        "/v1/me/sealing-key": [key],
        "/access/v1/evaluation": questions,
        "/access/v1/evaluations": [{ "evaluations": questions }, questions[0]],
        "/access/v1/search/resource": [search(world, "record")],
        "/access/v1/search/subject": [search(world, "record")],
        "/access/v1/search/action": [search(world, "record")],
    })
}

fn body(call: &AccessCall) -> Value {
    json!({
        "request": b64(&call.request), "detail": b64(&call.detail),
        "receiving_key": b64(&call.receiving_key), "inline": true,
    })
}

/// The same call as a question of AuthZEN.
fn question(call: &AccessCall) -> Value {
    let request = Signed::<AccessRequest>::parse(&call.request).unwrap().value;
    json!({
        "subject": { "type": "member", "id": request.requester.to_string() },
        "action": { "name": "read" },
        "resource": { "type": "dataset", "id": request.dataset.to_string() },
        "context": {
            "request": b64(&call.request), "detail": b64(&call.detail),
            "receiving_key": b64(&call.receiving_key),
        },
    })
}

fn search(world: &world::World, kind: &str) -> Value {
    json!({
        "subject": { "type": "member", "id": world.bo.id.to_string() },
        "action": { "name": "read" },
        "resource": { "type": kind, "properties": { "dataset": world.dataset.to_string() } },
        "context": { "purpose": "treatment" },
    })
}
