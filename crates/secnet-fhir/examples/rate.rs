//! How many resources a second are parsed, validated and labelled on one core.
//!
//! `cargo run --release -p secnet-fhir --example rate -- FILE_OR_DIR...` reads `.json`, `.ndjson` and
//! `.ndjson.gz` files; reading and unpacking are not timed.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "an example reads files, tells the time and talks to its user"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use flate2::read::GzDecoder;
use secnet_fhir::{Limits, parse_document};

fn main() -> Result<(), Box<dyn Error>> {
    let mut files = Vec::new();
    for argument in std::env::args_os().skip(1) {
        collect(Path::new(&argument), &mut files)?;
    }
    let documents =
        files.iter().map(|path| read(path)).collect::<Result<Vec<Vec<u8>>, std::io::Error>>()?;

    let mut labels: BTreeMap<(String, String), u64> = BTreeMap::new();
    let (mut resources, mut refused, mut bytes) = (0u64, 0u64, 0usize);
    let start = Instant::now();
    for (path, document) in files.iter().zip(&documents) {
        bytes += document.len();
        let parsed = match parse_document(document, &Limits::default()) {
            Ok(parsed) => parsed,
            Err(error) => {
                refused += 1;
                println!("{}: {error}", path.display());
                continue;
            }
        };
        for resource in parsed {
            match resource {
                Ok(resource) => {
                    resources += 1;
                    let label = (resource.category.to_string(), resource.sensitivity.to_string());
                    *labels.entry(label).or_default() += 1;
                }
                Err(error) => {
                    refused += 1;
                    println!("{}: {error}", path.display());
                }
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();

    for ((category, sensitivity), count) in labels {
        println!("{count:>8}  {category:<14} {sensitivity}");
    }
    println!("{resources} resources, {refused} refused, {bytes} bytes in {seconds:.2} s");
    #[expect(clippy::cast_precision_loss, reason = "a rate for reading")]
    let (count, size) = (resources as f64, bytes as f64);
    println!("{:.0} resources/s, {:.1} MB/s on one core", count / seconds, size / 1e6 / seconds);
    Ok(())
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), std::io::Error> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut inside =
        fs::read_dir(path)?.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>()?;
    inside.sort();
    let known = [".json", ".ndjson", ".ndjson.gz"];
    inside.retain(|path| {
        let name = path.to_string_lossy();
        path.is_dir() || known.iter().any(|end| name.ends_with(end))
    });
    inside.iter().try_for_each(|path| collect(path, files))
}

fn read(path: &Path) -> Result<Vec<u8>, std::io::Error> {
    let bytes = fs::read(path)?;
    if path.extension().is_none_or(|end| end != "gz") {
        return Ok(bytes);
    }
    let mut unpacked = Vec::new();
    GzDecoder::new(bytes.as_slice()).read_to_end(&mut unpacked)?;
    Ok(unpacked)
}
