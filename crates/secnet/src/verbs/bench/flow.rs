//! The whole flow, one request at a time: revocation, and access.

use std::time::Instant;

use secnet_app::{Enclosures, Outcome};
use secnet_types::{Operation, Reason, ReasonClass};

use super::row::{Bar, Row, Times, figure, ms};
use super::ward::{PASSPHRASE, Ward};
use super::{Place, wrong};
use crate::actions;
use crate::failure::Failure;
use crate::node::Node;

const BAR_REVOKE_MS: f64 = 50.0;

pub(super) async fn revoke(place: &Place) -> Result<Vec<Row>, Failure> {
    let rounds = place.amount(200, 40);
    let node = Node::create(&place.dir.join("node"), "bench", PASSPHRASE).await?;
    let ward = Ward::begin(&node).await?;
    let (mut since_committed, mut since_signed) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let (doctor, grant) = ward.doctor(round).await?;
        let (before, _) = ward.read(&doctor, round).await?;
        if !matches!(before, Outcome::Released(_)) {
            return Err(wrong("the read before the revocation was not released"));
        }
        let signed = Instant::now();
        let operation = Operation::Revoke { grant, reason: Reason::NoLongerWanted };
        actions::order(&node.pdc, &ward.owner, operation, Enclosures::default()).await?;
        let committed = Instant::now();
        let (after, _) = ward.read(&doctor, round).await?;
        since_committed.push(committed.elapsed());
        since_signed.push(signed.elapsed());
        match after {
            Outcome::Denied(refusal) if refusal.class == ReasonClass::Consent => {}
            // Without a grant the doctor need not even know of the dataset.
            Outcome::NotVisible => {}
            _ => {
                return Err(wrong(
                    "the read after the revocation was not refused for want of consent",
                ));
            }
        }
    }
    node.close().await?;
    let (times, signed) = (Times::new(since_committed), Times::new(since_signed));
    Ok(vec![
        Row::new("revoke committed to refused, p99", (ms(times.p99()), "ms"), None, Bar::AtMost(BAR_REVOKE_MS))
            .workload(format!(
                "{rounds} rounds of grant, released read, revoke, refused read (the refusal is recorded too), each by another doctor"
            ))
            .detail(format!(
                "p50 {} ms; from before the owner signs: p50 {} ms, p99 {} ms",
                figure(ms(times.p50())),
                figure(ms(signed.p50())),
                figure(ms(signed.p99()))
            )),
    ])
}

pub(super) async fn access(place: &Place) -> Result<Vec<Row>, Failure> {
    let (doctors, each) = (place.amount(150, 30), 4);
    let node = Node::create(&place.dir.join("node"), "bench", PASSPHRASE).await?;
    let ward = Ward::begin(&node).await?;
    let (times, others) = ward.reads(doctors, each).await?;
    node.close().await?;
    let times = Times::new(times);
    Ok(vec![
        Row::new("whole access to one record, p50", (ms(times.p50()), "ms"), None, Bar::None)
            .workload(format!(
                "{} reads by {doctors} doctors, one after the other: request parsed, decided, recorded durably, key part released with its receipt",
                times.len()
            ))
            .detail(format!("p99 {} ms; {others} reads were not released", figure(ms(times.p99())))),
    ])
}
