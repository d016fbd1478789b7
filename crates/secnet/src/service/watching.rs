//! The node looks after itself: is there room, does the ledger write, is what is stored what was written, does the
//! certificate hold? What changes is told to administrators, once.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secnet_app::ports::{Clock as _, Trouble};
use secnet_types::Timestamp;
use tokio::time::{MissedTickBehavior, interval};

use super::alerts::{Alerts, Kind};
use super::expiry::not_after;
use crate::config::Settings;
use crate::evidence;
use crate::failure::Failure;
use crate::files;
use crate::node::Node;
use crate::system::SystemClock;

/// How often it is looked whether the ledger can write.
const LOOK: Duration = Duration::from_secs(1);
/// After so many looks without it a reserve is missed.
const LOOKS_FOR_RESERVE: u32 = 10;
/// How often it is looked whether the vault answers, for segments in quarantine, and at the certificate.
const LOOK_AROUND: Duration = Duration::from_secs(60);
/// How long a certificate must hold on.
const CERTIFICATE_DAYS: u64 = 14;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Longest certificate file, in bytes.
const MAX_PEM_BYTES: u64 = 1024 * 1024;

/// Look after everything, for as long as this is polled.
pub(crate) async fn run(node: &Node, settings: &Settings, alerts: &Alerts) {
    tokio::join!(
        standing(node, settings.reserve, alerts),
        vault(node, alerts),
        certificate(settings, alerts),
        checking(node, settings.check_every, alerts),
    );
}

async fn standing(node: &Node, reserve: u64, alerts: &Alerts) {
    let mut times = every(LOOK);
    let (mut known, mut without) = (None, 0_u32);
    loop {
        times.tick().await;
        let now = node.ledger.standing();
        // The ledger takes the reserve within a moment, if it can.
        let lacks = now.trouble.is_none() && now.reserve < reserve;
        without = if lacks { without.saturating_add(1) } else { 0 };
        if without == LOOKS_FOR_RESERVE {
            alerts.tell(Kind::NoReserve, "there is no room for the reserve");
        }
        if now.trouble == known {
            continue;
        }
        match &now.trouble {
            Some(said @ Trouble::NoRoom) => alerts.tell(Kind::DiskFull, said.to_string()),
            Some(said @ Trouble::Failing(_)) => alerts.tell(Kind::Failing, said.to_string()),
            None => alerts.tell(Kind::Recovered, "the ledger orders everything again"),
        }
        known = now.trouble;
    }
}

/// Does the vault answer, and what has it found to be damaged?
async fn vault(node: &Node, alerts: &Alerts) {
    let mut times = every(LOOK_AROUND);
    let (mut known, mut answers) = (BTreeSet::new(), true);
    loop {
        times.tick().await;
        let answered = node.vault.quarantined().await;
        match (&answered, answers) {
            (Err(error), true) => alerts.tell(Kind::VaultUnreachable, error.to_string()),
            (Ok(_), false) => alerts.tell(Kind::Recovered, "the vault answers again"),
            _ => {}
        }
        answers = answered.is_ok();
        for segment in answered.unwrap_or_default() {
            if known.insert(segment) {
                let said = format!("segment {segment} is damaged and in quarantine");
                alerts.tell(Kind::Damaged, said);
            }
        }
    }
}

async fn certificate(settings: &Settings, alerts: &Alerts) {
    let Some((certificate, _)) = &settings.tls else { return std::future::pending().await };
    let mut times = every(LOOK_AROUND);
    // The last end that was told of: each certificate is told of once.
    let mut told = None;
    loop {
        times.tick().await;
        let Ok(end) = expiry(certificate) else { continue };
        if told != Some(end) && ends_soon(end, SystemClock.now()) {
            told = Some(end);
            alerts.tell(Kind::Certificate, format!("the certificate holds until {end}"));
        }
    }
}

/// When the certificate in a file ends: the first one in it is the node's.
pub(crate) fn expiry(certificate: &Path) -> Result<Timestamp, Failure> {
    let unreadable = || {
        let said = format!("it cannot be read from `{}` when it ends", certificate.display());
        Failure::new("tls", said).hint("make sure that it is a certificate in PEM")
    };
    let pem = files::read(certificate, MAX_PEM_BYTES)?;
    let der = CertificateDer::from_pem_slice(&pem).map_err(|_| unreadable())?;
    not_after(&der).ok_or_else(unreadable)
}

/// Is it time for a new one?
pub(crate) fn ends_soon(end: Timestamp, now: Timestamp) -> bool {
    end.since_ms(now) < CERTIFICATE_DAYS * DAY_MS
}

/// Read the whole ledger now and then: damage is found before somebody needs what it has hit.
async fn checking(node: &Node, apart: Option<Duration>, alerts: &Alerts) {
    let Some(apart) = apart else { return std::future::pending().await };
    loop {
        // Not at the start: the state was read then.
        tokio::time::sleep(apart).await;
        for said in findings(node).await {
            alerts.tell(Kind::Damaged, said);
        }
    }
}

/// What a check of ledger and money finds, in sentences; the first few.
async fn findings(node: &Node) -> Vec<String> {
    /// Sentences that are told of one check.
    const MAX_TOLD: usize = 5;
    let (ledger, dir) = (Arc::clone(&node.ledger), node.dir.clone());
    let looked = tokio::task::spawn_blocking(move || {
        let store = ledger.chain().store();
        let report = store.verify(&mut |_| {});
        let mut found: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        let total = found.len();
        found.truncate(MAX_TOLD);
        if total > MAX_TOLD {
            found.push(format!("{total} items of the ledger are damaged"));
        }
        if let Err(problem) = evidence::holds_published(&dir, store) {
            found.push(format!("the ledger does not agree with its published log: {problem}"));
        }
        found
    });
    let mut found =
        looked.await.unwrap_or_else(|error| vec![format!("the check broke off: {error}")]);
    let audit = node.pdc.view(|view| view.state.audit()).flatten();
    if audit.is_none_or(|(totals, sum)| totals.supply != sum) {
        found.push("the accounts do not add up".into());
    }
    found
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut times = interval(period);
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_told_of_two_weeks_before_it_ends_and_after() {
        let end = Timestamp(1_800_000_000_000);
        let before = |days: u64| Timestamp(end.0 - days * DAY_MS);
        assert!(!ends_soon(end, before(CERTIFICATE_DAYS)));
        assert!(ends_soon(end, before(CERTIFICATE_DAYS - 1)));
        assert!(ends_soon(end, end.plus_ms(DAY_MS)));
    }
}
