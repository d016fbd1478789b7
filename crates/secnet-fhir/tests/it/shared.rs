//! The large public data sets, where somebody has them.
//!
//! `SECNET_SHARED` names a folder with `data/fhir/`: `synthea-r4-2019/bulk` (400 patients),
//! `synthea-uscore-2025-10p` and `examples` (HL7, IHE), as files of JSON or gzipped NDJSON.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use secnet_fhir::{Category, Limits, parse_document, parse_ndjson};

fn folder(name: &str) -> Option<PathBuf> {
    let found = std::env::var_os("SECNET_SHARED")
        .map(|root| Path::new(&root).join("data/fhir").join(name))
        .filter(|path| path.is_dir());
    if found.is_none() {
        println!("skipped: SECNET_SHARED names no folder with data/fhir/{name}");
    }
    found
}

fn read(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    if path.extension().is_none_or(|end| end != "gz") {
        return bytes;
    }
    let mut unpacked = Vec::new();
    GzDecoder::new(bytes.as_slice()).read_to_end(&mut unpacked).unwrap();
    unpacked
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn all_of_synthea_2019_is_valid_owned_and_labelled() {
    let Some(folder) = folder("synthea-r4-2019/bulk") else { return };
    let mut counts: BTreeMap<Category, u32> = BTreeMap::new();
    let mut restricted = 0u32;
    for file in files(&folder) {
        for resource in parse_ndjson(&read(&file), &Limits::default()) {
            let resource = resource.unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            assert_eq!(resource.patient.is_none(), resource.category == Category::Organisation);
            *counts.entry(resource.category).or_default() += 1;
            restricted += u32::from(resource.sensitivity.is_restricted());
        }
    }
    assert_eq!(counts[&Category::Demographics], 400);
    assert_eq!(counts[&Category::Conditions], 3_040);
    assert_eq!(counts[&Category::Organisation], 186);
    assert_eq!(counts.values().sum::<u32>(), 97_670);
    // About 3 of 100: enough to matter, few enough that the lists are not too wide.
    assert!((2_000..6_000).contains(&restricted), "{restricted}");
}

#[test]
fn us_core_and_the_official_examples_are_valid() {
    for name in
        ["synthea-uscore-2025-10p", "examples/hl7-r4", "examples/ihe-pcf", "examples/ihe-balp"]
    {
        let Some(folder) = folder(name) else { continue };
        for file in files(&folder) {
            let label = file.file_name().unwrap().to_string_lossy().into_owned();
            if ["log.ndjson.gz", "expected-tokens.json"].contains(&label.as_str()) {
                continue; // not resources
            }
            for resource in parse_document(&read(&file), &Limits::default()).unwrap() {
                resource.unwrap_or_else(|e| panic!("{label}: {e}"));
            }
        }
    }
}
