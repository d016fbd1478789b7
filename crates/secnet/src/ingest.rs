//! From FHIR files to records ready to be sealed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secnet_fhir::{Limits, Resource, Sensitivity, parse_document};
use secnet_types::{Category, Label, Labels, RecordId, RecordMeta, Timestamp, Window};

use crate::actions::PlainRecord;
use crate::failure::Failure;
use crate::files;
use crate::output::Output;
use crate::system::random;

/// Files that one call may read.
const MAX_FILES: usize = 10_000;
/// A file's length, in bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// The records of one patient.
#[derive(Debug, Default)]
pub(crate) struct PlainPatient {
    /// Name as in the Patient resource, for the screen of whoever holds the files; never sent anywhere.
    pub name: Option<String>,
    pub records: Vec<PlainRecord>,
}

/// Everything found, by patient.
#[derive(Debug, Default)]
pub(crate) struct Ingested {
    pub patients: BTreeMap<String, PlainPatient>,
    /// Resources about nobody: organisations, practitioners.
    pub shared: usize,
}

/// The samples that the program brings along, so that the demo needs nothing else.
const SAMPLES: &[(&str, &[u8])] = &[(
    "acc12451-4ef0-414b-b072-48e780a90874",
    include_bytes!("../../../samples/patients/acc12451-4ef0-414b-b072-48e780a90874.ndjson"),
)];

/// The sample patient whose story the demo tells: laboratory results and records of raised sensitivity.
pub(crate) const FIRST_SAMPLE: &str = "acc12451-4ef0-414b-b072-48e780a90874";

/// One of the patients that come with the program.
pub(crate) fn sample(id: &str) -> Result<PlainPatient, Failure> {
    let missing = || Failure::new("no-sample", format!("there is no sample patient `{id}`"));
    let (_, bytes) = SAMPLES.iter().find(|(name, _)| *name == id).ok_or_else(missing)?;
    let mut found = Ingested::default();
    take(bytes, &mut found)
        .map_err(|error| Failure::new("invalid-fhir", "the sample is not valid").because(&error))?;
    found.patients.remove(id).ok_or_else(missing)
}

/// Read files, or folders of them: FHIR R4 bundles (`.json`) or bulk NDJSON (`.ndjson`).
pub(crate) fn read(out: Output, paths: &[PathBuf]) -> Result<Ingested, Failure> {
    let mut found = Ingested::default();
    let all = files_in(paths)?;
    let bar = out.progress(all.len() as u64, "reading");
    for file in bar.wrap_iter(all.into_iter()) {
        let bytes = files::read(&file, MAX_FILE_BYTES)?;
        take(&bytes, &mut found).map_err(|error| {
            Failure::new("invalid-fhir", format!("`{}` is not valid FHIR R4", file.display()))
                .because(&error)
                .hint("nothing was registered; give FHIR R4 bundles (.json) or one resource a line (.ndjson)")
        })?;
    }
    if found.patients.is_empty() {
        return Err(Failure::new("no-records", "no patient was found in the given files")
            .hint("give FHIR R4 bundles (.json) or bulk NDJSON (.ndjson), or folders of them"));
    }
    Ok(found)
}

fn take(bytes: &[u8], found: &mut Ingested) -> Result<(), secnet_fhir::FhirError> {
    for resource in parse_document(bytes, &Limits::default())? {
        let resource = resource?;
        let patient = match resource.resource_type.as_str() {
            "Patient" => Some(resource.id.clone()),
            _ => resource.patient.clone(),
        };
        let Some(patient) = patient else {
            found.shared = found.shared.saturating_add(1);
            continue;
        };
        let entry = found.patients.entry(patient).or_default();
        if resource.resource_type.as_str() == "Patient" {
            entry.name = patient_name(resource.bytes);
        }
        entry.records.push(record(&resource));
    }
    Ok(())
}

fn record(resource: &Resource<'_>) -> PlainRecord {
    let period = resource.period.and_then(|p| data_period(p.start_ms, p.end_ms));
    let meta = RecordMeta {
        id: RecordId(random()),
        kind: resource.resource_type.as_str().to_owned(),
        category: category(resource.category),
        labels: labels(resource.sensitivity),
        period,
    };
    PlainRecord { meta, content: resource.bytes.to_vec() }
}

/// Data times begin in 1970. What began before has none: clamped, it would fall into a grant's period that it is not in;
/// without one it is in no grant's period, and in every denial's.
fn data_period(start_ms: i64, end_ms: i64) -> Option<Window> {
    let from = Timestamp(u64::try_from(start_ms).ok()?);
    // FHIR periods include their last moment, windows end before `until`.
    let until = Timestamp(u64::try_from(end_ms).ok()?.checked_add(1)?);
    Some(Window { from, until })
}

fn category(category: secnet_fhir::Category) -> Category {
    match category.as_str() {
        "organisation" => Category::Organisations,
        word => word.parse().unwrap_or(Category::Other),
    }
}

fn labels(sensitivity: Sensitivity) -> Labels {
    [
        (Sensitivity::RESTRICTED, Label::Restricted),
        (Sensitivity::SUBSTANCE_USE, Label::SubstanceUse),
        (Sensitivity::MENTAL_HEALTH, Label::MentalHealth),
        (Sensitivity::HIV, Label::Hiv),
        (Sensitivity::VIOLENCE, Label::Violence),
        (Sensitivity::SEXUAL_HEALTH, Label::SexualHealth),
    ]
    .into_iter()
    .filter(|(flag, _)| sensitivity.contains(*flag))
    .map(|(_, label)| label)
    .collect()
}

fn patient_name(bytes: &[u8]) -> Option<String> {
    let patient: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    let name = patient.get("name")?.get(0)?;
    let given = name.get("given")?.get(0)?.as_str()?;
    let family = name.get("family")?.as_str()?;
    // Synthea ends names with numbers so that nobody takes them for real ones.
    let plain = |text: &str| text.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    Some(format!("{} {}", plain(given), plain(family)))
}

fn files_in(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let entries =
                std::fs::read_dir(path).map_err(|error| Failure::io("read", path, &error))?;
            let mut inside: Vec<PathBuf> =
                entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            inside.retain(|file| is_fhir(file));
            inside.sort();
            files.extend(inside);
        } else {
            files.push(path.clone());
        }
    }
    if files.len() > MAX_FILES {
        return Err(Failure::new(
            "too-many",
            format!("{} files are more than {MAX_FILES}", files.len()),
        ));
    }
    Ok(files)
}

fn is_fhir(file: &Path) -> bool {
    matches!(file.extension().and_then(|e| e.to_str()), Some("json" | "ndjson"))
}
