//! The hospital is as it was when it was written, and its misuse does not stand out by any single thing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use secnet_types::{Digest, Purpose};

use super::log::{Access, Cause};
use super::misuse::learnt_until;
use super::people::Sample;
use super::roster::{DAY, HOUR};
use super::{Ward, files};
use crate::ingest;
use crate::output::Output;

pub(super) fn samples() -> Vec<Sample> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/patients");
    Sample::all(&ingest::read(Output { json: true, quiet: true }, &[dir]).unwrap())
}

/// What the hospital's systems know of one look.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    care: bool,
    on_shift: bool,
    same_unit: bool,
    street: bool,
    prominent: bool,
    workmate: bool,
    emergency: bool,
    treatment: bool,
    night: bool,
}

fn seen(ward: &Ward, access: &Access) -> Seen {
    let staff = &ward.staff[access.staff as usize];
    let patient = &ward.patients[access.patient as usize];
    let at = access.at;
    let care = ward.stays.care.iter().any(|care| {
        care.written
            && (care.staff, care.patient) == (access.staff, access.patient)
            && (care.from..care.until).contains(&at)
    });
    let shifts = ward
        .roster
        .written
        .iter()
        .filter(|shift| shift.staff == access.staff && (shift.from..shift.until).contains(&at));
    let units: BTreeSet<u8> = shifts.clone().filter_map(|shift| shift.unit).collect();
    let same_unit = ward.stays.stays.iter().any(|stay| {
        stay.patient == access.patient
            && (stay.written..stay.until).contains(&at)
            && units.contains(&stay.unit)
    });
    Seen {
        care,
        on_shift: shifts.count() > 0,
        same_unit,
        street: staff.home.street() == patient.home.street(),
        prominent: patient.prominent,
        workmate: patient.staff.is_some(),
        emergency: access.purpose == Purpose::Emergency,
        treatment: access.purpose == Purpose::Treatment,
        night: !(6 * HOUR..22 * HOUR).contains(&(at % DAY)),
    }
}

#[test]
fn the_hospital_is_the_one_that_was_written_down_first() {
    let samples = samples();
    let ward = Ward::new(7, 30, &samples);
    let dir = tempfile::tempdir().unwrap();
    let names = files::write(&ward, dir.path()).unwrap();
    let parts: Vec<Vec<u8>> =
        names.iter().map(|name| std::fs::read(dir.path().join(name)).unwrap()).collect();
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let digest = Digest::of_parts("ward", &parts).to_string();
    assert_eq!(digest, "sndigest13rfwkh9jwc88724dplv6l6sr3jptssklvkn4h3wdk9mf8utjezms4wha9c");
    assert_eq!(Ward::new(7, 30, &samples).log, ward.log, "twice the same");
    assert_ne!(Ward::new(8, 30, &samples).log, ward.log, "another seed, another hospital");
}

#[test]
fn one_look_in_two_hundred_is_misuse_and_some_kinds_come_later_only() {
    let ward = Ward::new(3, 90, &samples());
    let share = |test: bool| {
        let part = || ward.log.iter().filter(|a| (a.at >= learnt_until(90)) == test);
        part().filter(|a| a.cause.is_misuse()).count() as f64 / part().count() as f64
    };
    for share in [share(false), share(true)] {
        assert!((0.0045..0.0055).contains(&share), "{share}");
    }
    let mut of_kind: BTreeMap<Cause, [usize; 2]> = BTreeMap::new();
    for access in &ward.log {
        let part = usize::from(access.at >= learnt_until(90));
        of_kind.entry(access.cause).or_default()[part] += 1;
    }
    for kind in Cause::MISUSE {
        let [before, after] = of_kind[kind];
        assert_eq!(before == 0, kind.is_new(), "{kind:?}: {before} before");
        assert!(after >= 5, "{kind:?}: {after} afterwards");
    }
}

/// Something that is so of a look, or not.
type Thing = fn(&Seen) -> bool;

#[test]
fn misuse_stands_out_by_no_single_thing() {
    let ward = Ward::new(5, 120, &samples());
    let looks: Vec<(bool, Seen)> = ward
        .log
        .iter()
        .filter(|access| access.cause.is_misuse() || access.at % 5 == 0)
        .map(|access| (access.cause.is_misuse(), seen(&ward, access)))
        .collect();
    let things: [(&str, Thing); 9] = [
        ("care", |s| s.care),
        ("on shift", |s| s.on_shift),
        ("same unit", |s| s.same_unit),
        ("street", |s| s.street),
        ("prominent", |s| s.prominent),
        ("workmate", |s| s.workmate),
        ("emergency", |s| s.emergency),
        ("said to be treatment", |s| s.treatment),
        ("night", |s| s.night),
    ];
    for (name, thing) in things {
        let count = |misuse: bool, has: bool| {
            looks.iter().filter(|(own, seen)| *own == misuse && thing(seen) == has).count()
        };
        // On whichever side misuse is more frequent there are more ordinary looks than misuse: the sample of those is a fifth.
        for side in [true, false] {
            let (misuse, ordinary) = (count(true, side), 5 * count(false, side));
            assert!(ordinary > misuse, "{name} {side}: {misuse} misuse, {ordinary} ordinary");
        }
    }
    // As little as a misuser of the patients of the own ward: all ordinary, and misuse all the same.
    let plain = |seen: &Seen| seen.on_shift && seen.same_unit && !seen.workmate && !seen.prominent;
    assert!(looks.iter().any(|(misuse, seen)| *misuse && plain(seen)));
    // Most ordinary looks that are said to be treatment are of somebody who has to do with the patient as far as the hospital
    // knows, and not all of them, or misuse would be found by that alone.
    let fine = || looks.iter().filter(|(misuse, seen)| !misuse && seen.treatment);
    let known = fine().filter(|(_, seen)| seen.care || seen.same_unit).count() as f64;
    let share = known / fine().count() as f64;
    assert!((0.8..0.96).contains(&share), "{share}");
}
