//! The direction of dependencies between our crates (ARCHITECTURE.md). A crate may depend only on crates of lower
//! layers; leaves never on each other.

use std::process::Command;

/// Crate, layer. A leaf's layer is shared by all leaves.
const LAYERS: &[(&str, u8)] = &[
    ("secnet-crypto", 0),
    ("secnet-types", 1),
    ("secnet-fhir", 2),
    ("secnet-ledger", 2),
    ("secnet-policy", 2),
    ("secnet-guard", 2),
    ("secnet-lock", 2),
    ("secnet-app", 3),
    ("secnet-node", 4),
    ("secnet-vault", 4),
    ("secnet-vault-s3-tests", 5),
    ("secnet-sim", 5),
    ("secnet", 6),
    ("xtask", 6),
];

/// Pure crates must not even transitively link these.
const NOT_IN_PURE: &[&str] = &["tokio", "redb", "object_store"];

pub(crate) fn check() -> Vec<String> {
    let output =
        Command::new("cargo").args(["metadata", "--format-version", "1", "--no-deps"]).output();
    let metadata: serde_json::Value = match output.map(|o| serde_json::from_slice(&o.stdout)) {
        Ok(Ok(metadata)) => metadata,
        _ => return vec!["`cargo metadata` failed".into()],
    };
    let layer =
        |name: &str| LAYERS.iter().find(|(crate_, _)| *crate_ == name).map(|(_, layer)| *layer);
    let mut problems = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(own) = layer(name) else {
            problems.push(format!("`{name}` has no layer; add it to xtask/src/layers.rs"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let other = dependency["name"].as_str().unwrap_or_default();
            let is_test = dependency["kind"].as_str() == Some("dev");
            if other.starts_with("secnet")
                && !is_test
                && layer(other).is_none_or(|layer| layer >= own)
            {
                problems.push(format!("`{name}` must not depend on `{other}`"));
            }
            if own <= 2 && !is_test && NOT_IN_PURE.contains(&other) {
                problems.push(format!("`{name}` is pure and must not depend on `{other}`"));
            }
        }
    }
    problems
}
