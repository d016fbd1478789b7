//! `cargo xtask layers|purity|tidy|docs`: what the compiler does not check. Each prints what is wrong and exits 1.

mod docs;
mod layers;
mod purity;
mod tidy;

use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let task = std::env::args().nth(1).unwrap_or_default();
    let problems = match task.as_str() {
        "layers" => layers::check(),
        "purity" => files().and_then(|files| purity::check(&files)),
        "tidy" => files().map(|files| tidy::check(&files)),
        "docs" => files().and_then(|files| docs::check(&files)),
        _ => {
            eprintln!("usage: cargo xtask layers|purity|tidy|docs");
            return ExitCode::from(2);
        }
    };
    let problems = problems.unwrap_or_else(|error| vec![format!("not checked: {error}")]);
    for problem in &problems {
        eprintln!("{task}: {problem}");
    }
    if problems.is_empty() {
        println!("{task}: ok");
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Every file git tracks, or would. Without git there is nothing to check, which is not the same as nothing wrong.
fn files() -> Result<Vec<String>, String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .output()
        .map_err(|error| format!("`git` does not run: {error}"))?;
    if !listed.status.success() {
        return Err(format!("`git ls-files` fails: {}", String::from_utf8_lossy(&listed.stderr)));
    }
    present(&String::from_utf8_lossy(&listed.stdout))
}

fn present(listed: &str) -> Result<Vec<String>, String> {
    let files: Vec<String> = listed
        .lines()
        .filter(|file| std::path::Path::new(file).is_file())
        .map(str::to_owned)
        .collect();
    if files.is_empty() { Err("`git ls-files` lists no file".into()) } else { Ok(files) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_files_is_no_good_news() {
        assert!(present("").is_err());
        assert!(present("gone.rs\n").is_err());
        assert_eq!(present("Cargo.toml\ngone.rs\n").unwrap(), ["Cargo.toml"]);
    }
}
