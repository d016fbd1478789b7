//! The node over HTTP: whole decisions, one after the other and many at once, beside a bare handler of the same run.

mod client;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::post;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use futures::future::join_all;
use hyper::StatusCode;
use secnet_app::{Parts, Pdc};
use secnet_crypto::SealKeyPair;
use secnet_gateway::{Gateway, Limits, router, serve};
use secnet_guard::{Model, Parameters, Ramp};
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::client::Client;
use super::row::{Bar, Row, Times, figure, ms};
use super::ward::{PASSPHRASE, Ward};
use super::{Place, broken, wrong};
use crate::failure::Failure;
use crate::keystore::Identity;
use crate::node::{Node, access_failure};
use crate::system::rng;

/// Clients at once.
const CLIENTS: usize = 64;
const BAR_DECISIONS: f64 = 2_500.0;
const BAR_P99_MS: f64 = 40.0;
const BAR_ONE_MS: f64 = 4.0;

/// One client, with who it is.
struct Doctor {
    identity: Identity,
    client: Client,
    /// For the whole session: the node agrees on a key with it once.
    receiving: SealKeyPair,
}

pub(super) async fn run(place: &Place) -> Result<Vec<Row>, Failure> {
    let mut node = Node::create(&place.dir.join("node"), "bench", PASSPHRASE).await?;
    node.pdc = Arc::new(tolerant(&node.pdc).await?);
    let ward = Ward::begin(&node).await?;
    let limits = Limits { rate_per_second: 1_000_000, burst: 1_000_000, ..Limits::default() };
    let gateway = Arc::new(Gateway::new(Arc::clone(&node.pdc), limits));
    let (authority, stop) = listen(router(gateway)).await?;
    let mut doctors = Vec::with_capacity(CLIENTS);
    for number in 0..CLIENTS {
        let (identity, _) = ward.doctor(number).await?;
        let mut client = Client::connect(&authority).await?;
        client.log_in(&identity).await?;
        let receiving = SealKeyPair::generate(&mut rng());
        doctors.push(Doctor { identity, client, receiving });
    }
    let each = place.amount(400, 60);
    let one = alone(&ward, &mut doctors, place.amount(500, 100)).await?;
    let (rate, times) = together(&ward, &mut doctors, each).await?;
    let bare = bare(&ward, each).await?;
    stop.send_replace(true);
    drop(ward);
    node.close().await?;
    let workload = format!(
        "{CLIENTS} clients with a kept-alive connection and a session each, {} decisions on one record each: request and session checked, decided with the guard on (its limits on pace and crowd raised, as for machines), committed, key parts and ciphertext answered",
        each * CLIENTS
    );
    let ceiling = format!(
        "a bare axum handler that takes and answers as many bytes, same clients, same run: {}/s, p99 {} ms",
        figure(bare.0),
        figure(ms(bare.1.p99()))
    );
    Ok(vec![
        Row::new("decisions over HTTP", (rate, "/s"), None, Bar::AtLeast(BAR_DECISIONS))
            .workload(workload.clone())
            .detail(ceiling.clone()),
        Row::new("the same, p99", (ms(times.p99()), "ms"), None, Bar::AtMost(BAR_P99_MS))
            .workload(workload)
            .detail(format!("p50 {} ms", figure(ms(times.p50()))))
            .detail(ceiling),
        Row::new("one client, p50", (ms(one.p50()), "ms"), None, Bar::AtMost(BAR_ONE_MS))
            .workload("one client, one decision after the other".to_owned())
            .detail(format!("p99 {} ms", figure(ms(one.p99())))),
    ])
}

/// The same data centre with a guard that lets machines ask as fast as they can.
async fn tolerant(pdc: &Pdc) -> Result<Pdc, Failure> {
    let far = Ramp { from: 1_000_000, to: 2_000_000, weight: 3000 };
    let parameters = Parameters { pace: far, crowd: far, ..Parameters::default() };
    let model = Model::new(parameters).map_err(|error| broken("the guard's model", &error))?;
    let parts = Parts {
        log: Arc::clone(&pdc.log),
        vault: Arc::clone(&pdc.vault),
        archive: Arc::clone(&pdc.archive),
        release: Arc::clone(&pdc.release),
        clock: Arc::clone(&pdc.clock),
        entropy: Arc::clone(&pdc.entropy),
        signer: Arc::clone(&pdc.signer),
        member: pdc.member,
    };
    Pdc::with_model(parts, model).await.map_err(|error| access_failure(error.into()))
}

/// Serve on a port of this machine, until told to stop.
async fn listen(router: Router) -> Result<(String, watch::Sender<bool>), Failure> {
    let listener =
        TcpListener::bind("127.0.0.1:0").await.map_err(|error| broken("a listener", &error))?;
    let address = listener.local_addr().map_err(|error| broken("a listener", &error))?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(serve(listener, router, Limits::default().connections, stopped));
    Ok((address.to_string(), stop))
}

/// One decision over HTTP: how long it took from the signing on.
async fn decide(ward: &Ward<'_>, doctor: &mut Doctor, number: usize) -> Result<Duration, Failure> {
    let start = Instant::now();
    let call = ward.call(&doctor.identity, number, &doctor.receiving.public)?;
    let text = Base64UrlUnpadded::encode_string;
    let body = format!(
        "{{\"request\":\"{}\",\"detail\":\"{}\",\"receiving_key\":\"{}\",\"inline\":true}}",
        text(&call.request),
        text(&call.detail),
        text(&call.receiving_key)
    );
    let (status, answer) = doctor.client.call("POST", "/v1/access", Some(body.into())).await?;
    match status {
        StatusCode::OK => Ok(start.elapsed()),
        status => Err(wrong(format!("{status}: {}", String::from_utf8_lossy(&answer)))),
    }
}

async fn alone(ward: &Ward<'_>, doctors: &mut [Doctor], rounds: usize) -> Result<Times, Failure> {
    let doctor = doctors.first_mut().ok_or_else(|| wrong("there is no doctor"))?;
    let mut times = Vec::with_capacity(rounds);
    for number in 0..rounds {
        times.push(decide(ward, doctor, number).await?);
    }
    Ok(Times::new(times))
}

/// All doctors at once, each as fast as it is answered: decisions a second, and how long each took.
async fn together(
    ward: &Ward<'_>,
    doctors: &mut [Doctor],
    each: usize,
) -> Result<(f64, Times), Failure> {
    let start = Instant::now();
    let work = doctors.iter_mut().enumerate().map(|(place, doctor)| async move {
        let mut times = Vec::with_capacity(each);
        for number in 0..each {
            times.push(decide(ward, doctor, place + number).await?);
        }
        Ok::<_, Failure>(times)
    });
    let done: Result<Vec<_>, Failure> = join_all(work).await.into_iter().collect();
    let times: Vec<Duration> = done?.into_iter().flatten().collect();
    let rate = times.len() as f64 / start.elapsed().as_secs_f64();
    Ok((rate, Times::new(times)))
}

/// As many clients and bytes, but a handler that does nothing.
async fn bare(ward: &Ward<'_>, each: usize) -> Result<(f64, Times), Failure> {
    let answer = vec![b'x'; ANSWER_BYTES];
    let handler = move |_: axum::body::Bytes| {
        let answer = answer.clone();
        async move { answer }
    };
    let (authority, stop) = listen(Router::new().route("/", post(handler))).await?;
    let mut clients = Vec::with_capacity(CLIENTS);
    for _ in 0..CLIENTS {
        clients.push(Client::connect(&authority).await?);
    }
    let receiving = SealKeyPair::generate(&mut rng());
    let call = ward.call(&ward.owner, 0, &receiving.public)?;
    let bytes = (call.request.len() + call.detail.len() + call.receiving_key.len()) * 4 / 3;
    let start = Instant::now();
    let work = clients.iter_mut().map(|client| async move {
        let mut times = Vec::with_capacity(each);
        for _ in 0..each {
            let start = Instant::now();
            client.call("POST", "/", Some(vec![b'x'; bytes])).await?;
            times.push(start.elapsed());
        }
        Ok::<_, Failure>(times)
    });
    let done: Result<Vec<_>, Failure> = join_all(work).await.into_iter().collect();
    let times: Vec<Duration> = done?.into_iter().flatten().collect();
    let rate = times.len() as f64 / start.elapsed().as_secs_f64();
    stop.send_replace(true);
    Ok((rate, Times::new(times)))
}

/// About as long as the answer to a decision on one record, in bytes.
const ANSWER_BYTES: usize = 12 * 1024;
