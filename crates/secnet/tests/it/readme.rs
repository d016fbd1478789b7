//! The commands of README and guides, as they are written there, and the numbers the README names.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{SECNET, finish};

#[test]
fn the_readme_can_be_followed() {
    let readme = page("README.md");
    let (_, section) = readme.split_once("## Use it").unwrap();
    assert!(follow(&blocks(section)[..1]) >= 10);
}

#[test]
fn sharing_a_dataset_can_be_followed() {
    assert!(follow(&blocks(&page("docs/guides/share-a-dataset.md"))) >= 25);
}

#[test]
fn training_a_model_can_be_followed() {
    // The demo's folder brings its passphrase, which is published.
    assert!(follow_with(&blocks(&page("docs/guides/train-a-model.md")), None) >= 7);
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap()
}

/// What a page says is typed and printed.
fn blocks(page: &str) -> Vec<String> {
    let blocks = page.split("```console\n").skip(1).map(|block| block.split("```").next().unwrap());
    blocks.map(|block| block.replace("\\\n", " ")).collect()
}

/// Type it in an empty folder, with the ids that were printed for those that the page shortens; what the page says is printed
/// must be. How many commands there were.
fn follow(blocks: &[String]) -> usize {
    follow_with(blocks, Some("passphrase-file"))
}

fn follow_with(blocks: &[String], passphrase: Option<&str>) -> usize {
    let place = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(repository().join("samples"), place.path().join("samples")).unwrap();
    std::fs::write(place.path().join("passphrase-file"), "correct horse\n").unwrap();
    // Nothing but what the README itself puts on the PATH is there.
    let bin = place.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(SECNET, bin.join("secnet")).unwrap();
    let path = format!("{}:/usr/bin:/bin", bin.display());

    let mut seen = String::new();
    let mut printed: Vec<String> = Vec::new();
    let mut commands = 0;
    for line in blocks.iter().flat_map(|block| block.lines()) {
        let Some(command) = line.strip_prefix("$ ") else {
            let said = printed.iter().any(|said| shape(said) == shape(line));
            assert!(said, "the page promises `{line}`, but it said {printed:?}");
            continue;
        };
        let command = fill_in(command, &seen);
        if let Some(args) = command.strip_prefix("cargo install ") {
            installs_secnet(args);
            continue;
        }
        let mut shell = Command::new("sh");
        shell.args(["-c", &command]).current_dir(place.path()).env("PATH", &path);
        shell.env_remove("SECNET_DIR").env_remove("SECNET_PASSPHRASE_FILE");
        shell.envs(passphrase.map(|file| ("SECNET_PASSPHRASE_FILE", file)));
        let run = finish(&mut shell);
        assert_eq!(run.code, 0, "`{command}`: {run:?}");
        seen = format!("{} {seen}", run.stdout);
        printed = run.stdout.lines().map(str::to_owned).collect();
        commands += 1;
    }
    commands
}

/// What `cargo install` is told, without the minutes it takes: the crate at `--path` has this binary.
fn installs_secnet(args: &str) {
    let words: Vec<_> = args.split('#').next().unwrap().split_whitespace().collect();
    assert!(words.contains(&"--locked"), "{args}");
    let at = words.iter().position(|word| *word == "--path").unwrap();
    let manifest = page(&format!("{}/Cargo.toml", words[at + 1]));
    assert!(manifest.contains("name = \"secnet\""), "{args}");
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

/// A line without what differs from run to run: ids, times, the height of the block.
fn shape(line: &str) -> String {
    let mut before = "";
    let mut words = Vec::new();
    for word in line.split(' ') {
        let is_time = word.len() == "2026-11-22T18:00:00Z".len() && word.ends_with('Z');
        let is_id = word.starts_with("sn") && word.contains('1');
        words.push(if is_time || is_id || before == "block" { "#" } else { word });
        before = word;
    }
    words.join(" ")
}
