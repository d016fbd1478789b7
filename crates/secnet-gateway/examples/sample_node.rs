//! A node in memory for programs in other languages to call: prints where it is and a session key of a member's, as one line
//! of JSON, and serves until its standard input ends.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "the flow's test world, and an example"
)]

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use secnet_crypto::SigningKey;
use secnet_gateway::{Gateway, Limits, router, serve};
use secnet_types::{Amount, Operation, Session};
use serde_json::json;
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

#[tokio::main]
async fn main() {
    let mut world = world::World::new(1).await;
    world.granted(None, 0).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    world.clock.advance(u64::try_from(now).unwrap() - world.clock_now().0);
    let key = SigningKey::from_seed(SEED);
    let session = Session {
        key: *key.verifying_key().as_bytes(),
        until: world.clock_now().plus_ms(world::HOUR),
        limit: Amount(1),
    };
    world.submit(&world.bo, Operation::OpenSession { session }).await;
    let gateway = Arc::new(Gateway::new(Arc::clone(&world.pdc), Limits::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let told = json!({
        "url": format!("http://{}", listener.local_addr().unwrap()),
        "member": world.bo.id.to_string(),
        "did": key.verifying_key().to_did_key(),
        "seed": SEED.map(|byte| format!("{byte:02x}")).concat(),
        "dataset": world.dataset.to_string(),
    });
    println!("{told}");
    let (_stop, stopped) = watch::channel(false);
    let (mut input, mut nothing) = (tokio::io::stdin(), Vec::new());
    tokio::select! {
        served = serve(listener, router(gateway), 64, stopped) => served.unwrap(),
        ended = input.read_to_end(&mut nothing) => drop(ended.unwrap()),
    }
}
