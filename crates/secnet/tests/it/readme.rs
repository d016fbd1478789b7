//! The README's "Use it" commands, as they are written there.

use std::path::Path;
use std::process::Command;

use crate::support::{SECNET, finish};

#[test]
fn the_readme_can_be_followed() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = std::fs::read_to_string(repository.join("README.md")).unwrap();
    let (_, section) = readme.split_once("## Use it").unwrap();
    let block = section.split("```console\n").nth(1).unwrap().split("```").next().unwrap();
    let block = block.replace("\\\n", " ");

    let place = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(repository.join("samples"), place.path().join("samples")).unwrap();
    std::fs::write(place.path().join("passphrase-file"), "correct horse\n").unwrap();
    let path = format!(
        "{}:{}",
        Path::new(SECNET).parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );

    let mut seen = String::new();
    let mut printed: Vec<String> = Vec::new();
    let mut commands = 0;
    for line in block.lines() {
        let Some(command) = line.strip_prefix("$ ") else {
            let said = printed.iter().any(|said| shape(said) == shape(line));
            assert!(said, "the README promises `{line}`, but it said {printed:?}");
            continue;
        };
        let command = fill_in(command, &seen);
        let run = finish(
            Command::new("sh")
                .args(["-c", &command])
                .current_dir(place.path())
                .env("PATH", &path)
                .env_remove("SECNET_DIR")
                .env("SECNET_PASSPHRASE_FILE", "passphrase-file"),
        );
        assert_eq!(run.code, 0, "`{command}`: {run:?}");
        seen = format!("{} {seen}", run.stdout);
        printed = run.stdout.lines().map(str::to_owned).collect();
        commands += 1;
    }
    assert!(commands >= 10, "only {commands} commands");
}

/// Put in ids that were printed before for those that the README shortens.
fn fill_in(command: &str, seen: &str) -> String {
    let words = command.split(' ').map(|word| {
        let Some(prefix) = word.strip_suffix("...") else { return word.to_owned() };
        let known = |c: char| !c.is_ascii_alphanumeric();
        let id = seen.split(known).find(|id| id.starts_with(prefix) && id.len() > prefix.len());
        id.unwrap_or_else(|| panic!("nothing printed an id like `{word}`")).to_owned()
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A line without what differs from run to run: ids, numbers, times.
fn shape(line: &str) -> String {
    line.split(' ')
        .map(|word| if word.contains(|c: char| c.is_ascii_digit()) { "#" } else { word })
        .collect()
}
