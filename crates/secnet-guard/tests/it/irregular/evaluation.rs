//! What is found in seeded wards, with and without schemes.
//!
//! `cargo test -p secnet-guard --test it irregular::evaluation -- --nocapture` prints the table of docs/guard.md;
//! `SECNET_WARDS` says how many wards. Limits were looked at on the first forty; these are others.

use std::collections::BTreeMap;

use secnet_guard::irregular::{Finding, Irregularity};

use super::schemes::Scheme;
use super::ward::{DAYS, Load, Ward};

/// Wards, unless said otherwise.
const WARDS: u64 = 3;

/// The seeds that limits were looked at on, and then fresh ones.
const LOOKED_AT: u64 = 40;

#[expect(clippy::disallowed_methods, reason = "how many is for whoever runs the test")]
fn seeds() -> core::ops::Range<u64> {
    let asked = std::env::var("SECNET_WARDS").ok().and_then(|text| text.parse::<u64>().ok());
    asked.map_or(0..WARDS, |wards| LOOKED_AT..LOOKED_AT.saturating_add(wards))
}

fn wards() -> u64 {
    seeds().count() as u64
}

/// How often a scheme is found, in percent of the wards: least and most.
const SCHEMES: &[(Scheme, u64, u64)] = &[
    (Scheme::Ring { members: 2, rounds: 4, kept_percent: 0 }, 0, 0),
    (Scheme::Ring { members: 2, rounds: 5, kept_percent: 0 }, 95, 100),
    (Scheme::Ring { members: 3, rounds: 2, kept_percent: 2 }, 0, 0),
    (Scheme::Ring { members: 3, rounds: 3, kept_percent: 2 }, 95, 100),
    (Scheme::Ring { members: 4, rounds: 6, kept_percent: 5 }, 95, 100),
    (Scheme::Ring { members: 5, rounds: 10, kept_percent: 2 }, 95, 100),
    (Scheme::Ring { members: 3, rounds: 10, kept_percent: 25 }, 0, 0),
    (Scheme::Ring { members: 6, rounds: 10, kept_percent: 0 }, 0, 0),
    (Scheme::Wash { rounds: 4 }, 0, 0),
    (Scheme::Wash { rounds: 6 }, 95, 100),
    (Scheme::Farm { puppets: 1, uses: 4, covered_percent: 100, between: false }, 0, 0),
    (Scheme::Farm { puppets: 1, uses: 5, covered_percent: 100, between: false }, 95, 100),
    (Scheme::Farm { puppets: 8, uses: 8, covered_percent: 100, between: false }, 95, 100),
    (Scheme::Farm { puppets: 4, uses: 20, covered_percent: 100, between: true }, 95, 100),
    (Scheme::Farm { puppets: 4, uses: 20, covered_percent: 60, between: false }, 95, 100),
    (Scheme::Farm { puppets: 4, uses: 20, covered_percent: 15, between: false }, 0, 0),
    (Scheme::SetAside { uses: 3 }, 0, 0),
    (Scheme::SetAside { uses: 6 }, 95, 100),
    (Scheme::Drain { owners: 2, minutes: 5 }, 0, 0),
    (Scheme::Drain { owners: 3, minutes: 5 }, 95, 100),
    (Scheme::Drain { owners: 8, minutes: 12 }, 95, 100),
    (Scheme::Drain { owners: 8, minutes: 40 }, 0, 0),
    (Scheme::Wake { days: 100, datasets: 6, before: 0 }, 0, 0),
    (Scheme::Wake { days: 100, datasets: 10, before: 0 }, 95, 100),
    (Scheme::Wake { days: 100, datasets: 20, before: 4 }, 95, 100),
    (Scheme::Wake { days: 100, datasets: 10, before: 4 }, 0, 0),
    (Scheme::Wake { days: 60, datasets: 20, before: 4 }, 0, 0),
    (Scheme::SplitTransfers { transfers: 4, payees: 1 }, 0, 0),
    (Scheme::SplitTransfers { transfers: 6, payees: 1 }, 95, 100),
    (Scheme::SplitTransfers { transfers: 20, payees: 5 }, 0, 0),
    (Scheme::SplitGrants { grants: 7, grantees: 1 }, 0, 0),
    (Scheme::SplitGrants { grants: 12, grantees: 1 }, 95, 100),
    (Scheme::SplitGrants { grants: 12, grantees: 3 }, 0, 0),
];

fn by_kind(found: &[Finding]) -> BTreeMap<&'static str, u64> {
    let mut kinds = BTreeMap::new();
    for finding in found {
        *kinds.entry(finding.kind.as_str()).or_default() += 1;
    }
    kinds
}

#[test]
fn in_quiet_wards_little_is_found() {
    let (mut total, mut events, mut quiet) = (Vec::new(), 0, 0);
    for seed in seeds() {
        let ward = Ward::new(seed, Load::Full);
        let found = ward.story.watched();
        events += ward.story.events();
        quiet += u64::from(found.is_empty());
        total.extend(found);
    }
    let wards = wards();
    println!(
        "{wards} wards of {DAYS} days, {events} events: {quiet} without a finding, {:?}",
        by_kind(&total)
    );
    for finding in total.iter().take(10) {
        println!("  {}", finding.said(&|member| member.to_string().chars().take(12).collect()));
    }
    // Half a year of 229 members.
    assert!(total.len() as u64 <= wards * 2, "{:?}", by_kind(&total));
}

#[test]
fn schemes_are_found_from_the_stated_intensity_on_and_not_below() {
    let quiet: Vec<(Ward, usize)> = seeds()
        .map(|seed| Ward::new(seed, Load::Light))
        .map(|ward| (ward.clone(), ward.story.watched().len()))
        .collect();
    for (scheme, least, most) in SCHEMES {
        let (mut hits, mut others) = (0, 0);
        for (ward, quiet) in &quiet {
            let mut ward = ward.clone();
            let who = scheme.put_into(&mut ward);
            let found = ward.story.watched();
            let hit = |finding: &&Finding| {
                finding.kind == scheme.kind() && finding.members.contains(&who)
            };
            hits += u64::from(found.iter().any(|finding| hit(&finding)));
            others += (found.iter().filter(|finding| !finding.members.contains(&who)).count())
                .abs_diff(*quiet);
        }
        let percent = hits * 100 / wards();
        println!(
            "{scheme:?}: found in {percent} % of {} wards, {others} other findings more or fewer",
            wards()
        );
        assert!((*least..=*most).contains(&percent), "{scheme:?}: {percent}");
    }
    let kinds: Vec<Irregularity> = SCHEMES.iter().map(|(scheme, ..)| scheme.kind()).collect();
    assert!(Irregularity::ALL.iter().all(|kind| kinds.contains(kind)));
}
