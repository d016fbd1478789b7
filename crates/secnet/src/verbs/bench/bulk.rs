//! FHIR bulk ingest: validated, labelled, encrypted, stored, registered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use secnet_types::MemberKind;

use super::row::{Bar, Row, Times, figure, ms, per_second};
use super::ward::{PASSPHRASE, member, offer};
use super::{Place, broken, wrong};
use crate::actions;
use crate::failure::Failure;
use crate::ingest;
use crate::node::Node;

const BAR: f64 = 5_000.0;

pub(super) async fn run(place: &Place) -> Result<Vec<Row>, Failure> {
    let patients = place.amount(128, 8);
    let node = Arc::new(Node::create(&place.dir.join("node"), "bench", PASSPHRASE).await?);
    let hospital = actions::admit(&node, "hospital", MemberKind::Organisation, None).await?;
    let mut owners = Vec::with_capacity(patients);
    for number in 0..patients {
        owners.push(member(&node, &hospital, &format!("owner-{number}")).await?);
    }
    // Two uploads at a time, as two people would make them.
    let second = owners.split_off(patients / 2);
    let start = Instant::now();
    let other = tokio::spawn(upload_all(Arc::clone(&node), second));
    let mut all = upload_all(Arc::clone(&node), owners).await?;
    let more = other.await.map_err(|error| broken("the second upload", &error))??;
    let took = start.elapsed();
    let count = all.count + more.count;
    let rate = per_second(count, took);
    let reading = all.reading + more.reading;
    all.uploads.extend(more.uploads);
    let uploads = Times::new(all.uploads);
    Ok(vec![
        Row::new("FHIR bulk ingest", (rate, "resources/s"), None, Bar::AtLeast(BAR))
            .workload(format!(
                "{} resources of {patients} patients (the shipped sample, again and again), one dataset each, two uploads at a time, everything synced to disk",
                figure(count as f64)
            ))
            .detail(format!(
                "one upload of {} resources, from its text to its acknowledgement: p50 {} ms, p99 {} ms",
                figure((count / patients.max(1)) as f64),
                figure(ms(uploads.p50())),
                figure(ms(uploads.p99()))
            ))
            .detail(format!(
                "validating and labelling alone, on one thread: {} resources/s",
                figure(per_second(count, reading))
            )),
    ])
}

#[derive(Debug, Default)]
struct Uploaded {
    /// Resources.
    count: usize,
    /// Spent on validating and labelling.
    reading: Duration,
    /// Each upload by itself.
    uploads: Vec<Duration>,
}

async fn upload_all(
    node: Arc<Node>,
    owners: Vec<crate::keystore::Identity>,
) -> Result<Uploaded, Failure> {
    let mut all = Uploaded::default();
    for owner in owners {
        let start = Instant::now();
        let records = ingest::sample(ingest::FIRST_SAMPLE)?.records;
        all.reading += start.elapsed();
        actions::register(&node, &owner, &records, &offer(), |_| {}).await?;
        all.uploads.push(start.elapsed());
        all.count += records.len();
    }
    if all.count == 0 { Err(wrong("there was nothing to ingest")) } else { Ok(all) }
}
