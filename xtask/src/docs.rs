//! Documents: every relative link leads somewhere, and every crate is in ARCHITECTURE.md.

use std::path::Path;

use crate::files;

pub(crate) fn check() -> Vec<String> {
    let mut problems = Vec::new();
    let files = files();
    for file in files.iter().filter(|file| file.ends_with(".md")) {
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        let folder = Path::new(file).parent().unwrap_or(Path::new(""));
        for link in links(&text) {
            let target = link.split('#').next().unwrap_or_default();
            let outside =
                target.is_empty() || target.contains("://") || target.starts_with("mailto:");
            if !outside && !folder.join(target).exists() {
                problems.push(format!("{file}: the link `{link}` leads nowhere"));
            }
        }
    }
    problems.extend(reference());
    let architecture = std::fs::read_to_string("ARCHITECTURE.md").unwrap_or_default();
    for manifest in
        files.iter().filter(|file| file.starts_with("crates/") && file.ends_with("/Cargo.toml"))
    {
        let name = manifest.split('/').nth(1).unwrap_or_default();
        if !architecture.contains(&format!("`{name}`")) {
            problems.push(format!("ARCHITECTURE.md does not mention `{name}`"));
        }
    }
    problems
}

/// docs/reference/cli.md is what the program says of itself.
fn reference() -> Option<String> {
    let file = "docs/reference/cli.md";
    let said = std::process::Command::new("cargo")
        .args(["run", "--quiet", "--locked", "--package", "secnet", "--", "reference"])
        .env_remove("SECNET_DIR")
        .env_remove("SECNET_PASSPHRASE_FILE")
        .output();
    let written = std::fs::read_to_string(file).unwrap_or_default();
    match said {
        Ok(said) if said.status.success() && said.stdout == written.as_bytes() => None,
        Ok(said) if said.status.success() => Some(format!(
            "{file} is not what the program says; run `cargo run -q -- reference > {file}`"
        )),
        _ => Some("`secnet reference` does not run".into()),
    }
}

/// The targets of `[text](target)`, outside of code blocks.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for piece in line.split("](").skip(1) {
            if let Some((target, _)) = piece.split_once(')') {
                found.push(target.split_whitespace().next().unwrap_or_default().to_owned());
            }
        }
    }
    found
}
