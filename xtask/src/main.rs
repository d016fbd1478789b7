//! `cargo xtask layers|tidy|docs`: what the compiler does not check. Each prints what is wrong and exits 1.

mod docs;
mod layers;
mod tidy;

use std::process::ExitCode;

fn main() -> ExitCode {
    let task = std::env::args().nth(1).unwrap_or_default();
    let problems = match task.as_str() {
        "layers" => layers::check(),
        "tidy" => tidy::check(),
        "docs" => docs::check(),
        _ => {
            eprintln!("usage: cargo xtask layers|tidy|docs");
            return ExitCode::from(2);
        }
    };
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

/// Every file git tracks, or would.
fn files() -> Vec<String> {
    let listed = std::process::Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .output();
    let listed = listed.map(|output| output.stdout).unwrap_or_default();
    let files = String::from_utf8_lossy(&listed).lines().map(str::to_owned).collect::<Vec<_>>();
    files.into_iter().filter(|file| std::path::Path::new(file).is_file()).collect()
}
