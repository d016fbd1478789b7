//! From a final decision to opened records, over the network's release nodes: what comes after finality.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use secnet_types::{Action, Category, Labels, Purpose};
use serde_json::Value;

use super::super::row::{Bar, Row, Times};
use super::super::{Place, broken, wrong};
use super::VALIDATORS;
use crate::actions::{self, Wanted};
use crate::failure::Failure;
use crate::output::Output;
use crate::remote::{self, Got, Remote};
use crate::sample::{PASSPHRASE, PRICE};

const RELEASES: usize = 400;
const RELEASES_QUICK: usize = 40;
const BAR_MS: f64 = 30.0;
/// The door lets one member call so often only.
const PAUSE: Duration = Duration::from_millis(20);

/// A network that is stopped at the end.
struct Net<'n>(&'n Path);

impl Net<'_> {
    fn run(&self, args: &[&str]) -> Result<Value, Failure> {
        let program = std::env::current_exe().map_err(|e| broken("the program itself", &e))?;
        let mut command = Command::new(program);
        command.arg("--dir").arg(self.0).args(["--json", "net"]).args(args).stdin(Stdio::null());
        let done = command.output().map_err(|error| broken("a network", &error))?;
        serde_json::from_slice(&done.stdout).map_err(|error| broken("a network", &error))
    }
}

impl Drop for Net<'_> {
    fn drop(&mut self) {
        drop(self.run(&["stop"]));
    }
}

/// A decision is final once it is answered: sent again, the same request is released again and costs nothing.
pub(super) async fn run(place: &Place, out: Output) -> Result<Vec<Row>, Failure> {
    let dir = place.dir.join("net");
    let net = Net(&dir);
    let validators = VALIDATORS.to_string();
    let up = net.run(&["up", "--validators", &validators, "--ports", "0", "--detach"])?;
    let text = |pointer: &str| up.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let node = dir.join("node-1");
    let remote = Remote::at(text("/nodes/0/url"), &node, PASSPHRASE, out)?;
    let doctor = remote.identity("dr-bo", false)?;
    let wanted = Wanted {
        dataset: text("/dataset").parse().map_err(|_| wrong("there is no sample"))?,
        action: Action::Read,
        purpose: Purpose::Treatment,
        scope: actions::scope_of(&[Category::Laboratory], Labels::NONE),
        max_price: PRICE,
        id: actions::fresh_request(),
        proof_for: None,
    };
    let first = remote::get(&remote, &doctor, wanted.id, Some(&wanted)).await?;
    let records = nodes_and_records(&first)?.1;
    let (mut times, mut nodes) = (Vec::new(), [0_usize; VALIDATORS + 1]);
    let count = place.amount(RELEASES, RELEASES_QUICK);
    out.say(&format!("  {count} releases by a quorum of {VALIDATORS} nodes ..."));
    for _ in 0..count {
        let begun = Instant::now();
        let got = remote::get(&remote, &doctor, wanted.id, None).await?;
        times.push(begun.elapsed());
        if let Some(counted) = nodes.get_mut(nodes_and_records(&got)?.0) {
            *counted = counted.saturating_add(1);
        }
        tokio::time::sleep(PAUSE).await;
    }
    let times = Times::new(times);
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let said: Vec<String> = (0..=VALIDATORS)
        .filter_map(|n| {
            nodes.get(n).filter(|count| **count > 0).map(|count| format!("{n} nodes: {count}"))
        })
        .collect();
    let row = Row::new(
        "key release after finality, to the requester's opened records, p99",
        (ms(times.p99()), "ms"),
        None,
        Bar::AtMost(BAR_MS),
    );
    Ok(vec![
        row.workload(format!(
            "four validators and their release nodes, a process each; over HTTP, {records} records of a FHIR patient, one after the other"
        ))
        .detail(format!("p50 {:.1} ms", ms(times.p50())))
        .detail(format!("shares came from: {}", said.join(", ")))
        .detail("with the call's signature, the receipt's certificate checked, two packets and all shares opened"),
    ])
}

fn nodes_and_records(got: &Got) -> Result<(usize, usize), Failure> {
    match got {
        Got::Released(released) => Ok((released.nodes, released.records.len())),
        Got::Held { .. } | Got::ToProve { .. } | Got::Printed => {
            Err(wrong("a use was not released"))
        }
    }
}
