//! The commands of the README, as they are written there, and the numbers it names.

use std::process::Command;

use crate::guides::{Walk, page, repository};
use crate::support::finish;

#[test]
fn the_readme_can_be_followed() {
    let readme = page("README.md");
    let (_, section) = readme.split_once("## Use it").unwrap();
    let (first, rest) = section.split_once("\n```\n").unwrap();
    assert!(rest.contains("$ secnet dev"), "that one serves until it is ended");
    assert!(Walk::new().follow(&format!("{first}\n```\n")) >= 10);
}

#[test]
fn the_readme_counts_the_crates_right() {
    let tree = ["tree", "--locked", "--offline", "-p", "secnet", "-e", "normal,build"];
    let run = finish(
        Command::new(env!("CARGO"))
            .args(tree)
            .args(["--prefix", "none", "--format", "{p}", "--no-dedupe"])
            .current_dir(repository()),
    );
    let crates: std::collections::BTreeSet<_> =
        run.ok().stdout.lines().map(str::to_owned).collect();
    let readme = page("README.md");
    let said = format!("({} crates;", crates.len());
    assert!(readme.contains(&said), "the README does not say `{said}`");
}
