//! docs/reference/errors.md lists every code that an error can have, and no other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The rows of one table: code, and what stands beside it.
fn listed(heading: &str) -> BTreeMap<String, Vec<String>> {
    let page = std::fs::read_to_string(repository().join("docs/reference/errors.md")).unwrap();
    let (_, table) = page.split_once(heading).unwrap_or_else(|| panic!("no `{heading}`"));
    let table = table.split("\n## ").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> =
            row.trim_matches('|').split(" | ").map(|c| c.trim().to_owned()).collect();
        (cells[0].trim_matches('`').to_owned(), cells[1..].to_vec())
    })
    .collect()
}

fn sources(folder: &Path, texts: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, texts);
        } else {
            texts.push(std::fs::read_to_string(path).unwrap());
        }
    }
}

/// What a file's error calls itself; those of the ledger that the flow passes on are listed by themselves.
fn codes_in(file: &str) -> BTreeSet<String> {
    let source = std::fs::read_to_string(repository().join("crates").join(file)).unwrap();
    let (_, after) = source.split_once("pub const fn code(").unwrap();
    let (body, _) = after.split_once("\n    }\n").unwrap();
    let codes: BTreeSet<String> = body.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(!codes.is_empty(), "{file}");
    codes
}

/// The errors that the program shows as they are.
const SHOWN: [&str; 5] = [
    "secnet-app/src/error.rs",
    "secnet-types/src/codec.rs",
    "secnet-types/src/cose.rs",
    "secnet-types/src/genesis.rs",
    "secnet-types/src/receipt.rs",
];

#[test]
fn the_programs_own_codes_are_listed() {
    let mut texts = Vec::new();
    sources(&repository().join("crates/secnet/src"), &mut texts);
    let mut used = BTreeSet::new();
    for text in &texts {
        let calls = ["Failure::new(", "Self::new("].into_iter();
        for after in calls.flat_map(|call| text.split(call).skip(1)) {
            // Calls that pass a rejection's code on begin with no text.
            if let Some(code) = after.trim_start().strip_prefix('"') {
                used.insert(code.split('"').next().unwrap().to_owned());
            }
        }
    }
    used.extend(SHOWN.into_iter().flat_map(codes_in));
    let listed: BTreeSet<String> = listed("## The program's").into_keys().collect();
    assert_eq!(listed.difference(&used).collect::<Vec<_>>(), Vec::<&String>::new(), "not used");
    assert_eq!(used.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new(), "not listed");
}

#[test]
fn the_ledgers_codes_are_listed_as_they_are() {
    let source = repository().join("crates/secnet-ledger/src/rejection.rs");
    let source = std::fs::read_to_string(source).unwrap();
    let (_, table) = source.split_once("\nrejections! {").unwrap();
    let mut defined = BTreeMap::new();
    for line in table.lines() {
        let parts: Vec<&str> = line.split('"').collect();
        if let [_, code, _, message, _, hint, _] = parts[..] {
            defined.insert(code.to_owned(), vec![message.to_owned(), hint.to_owned()]);
        }
    }
    assert!(defined.len() > 60, "{}", defined.len());
    assert_eq!(listed("## The ledger's"), defined);
}

#[test]
fn the_doors_codes_are_listed() {
    let mut texts = Vec::new();
    sources(&repository().join("crates/secnet-gateway/src"), &mut texts);
    let mut used = BTreeSet::new();
    for text in &texts {
        let calls = ["Problem::new(", "Self::new("].into_iter();
        for after in calls.flat_map(|call| text.split(call).skip(1)) {
            // A problem is made of its status, then its code.
            let Some((status, code)) = after.split_once('"') else { continue };
            if status.trim_end().ends_with(',') && status.to_lowercase().contains("status") {
                used.insert(code.split('"').next().unwrap().to_owned());
            }
        }
    }
    assert!(used.len() > 15, "{used:?}");
    let listed: BTreeSet<String> = listed("## The HTTP door's").into_keys().collect();
    assert_eq!(listed.difference(&used).collect::<Vec<_>>(), Vec::<&String>::new(), "not used");
    assert_eq!(used.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new(), "not listed");
}
