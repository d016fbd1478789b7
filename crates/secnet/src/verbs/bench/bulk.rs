//! FHIR bulk ingest: validated, labelled, encrypted, stored, registered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use secnet_types::MemberKind;

use super::row::{Bar, Row, figure, per_second};
use super::ward::{PASSPHRASE, member, offer};
use super::{Place, broken, wrong};
use crate::actions;
use crate::failure::Failure;
use crate::ingest;
use crate::node::Node;

const BAR: f64 = 5_000.0;

pub(super) async fn run(place: &Place) -> Result<Vec<Row>, Failure> {
    let patients = place.amount(64, 8);
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
    let (count, reading) = upload_all(Arc::clone(&node), owners).await?;
    let (more, more_reading) =
        other.await.map_err(|error| broken("the second upload", &error))??;
    let took = start.elapsed();
    let count = count + more;
    let rate = per_second(count, took);
    let reading = reading + more_reading;
    Ok(vec![
        Row::new("FHIR bulk ingest", (rate, "resources/s"), None, Bar::AtLeast(BAR))
            .workload(format!(
                "{} resources of {patients} patients (the shipped sample, again and again), one dataset each, two uploads at a time, everything synced to disk",
                figure(count as f64)
            ))
            .detail(format!(
                "validating and labelling alone, on one thread: {} resources/s",
                figure(per_second(count, reading))
            )),
    ])
}

/// How many resources, and the time spent on validating and labelling them.
async fn upload_all(
    node: Arc<Node>,
    owners: Vec<crate::keystore::Identity>,
) -> Result<(usize, Duration), Failure> {
    let (mut count, mut reading) = (0_usize, Duration::ZERO);
    for owner in owners {
        let start = Instant::now();
        let records = ingest::sample(ingest::FIRST_SAMPLE)?.records;
        reading += start.elapsed();
        actions::register(&node, &owner, &records, &offer(), |_| {}).await?;
        count += records.len();
    }
    if count == 0 { Err(wrong("there was nothing to ingest")) } else { Ok((count, reading)) }
}
