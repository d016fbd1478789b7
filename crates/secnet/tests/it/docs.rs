//! The reference pages say what the program does.

use std::path::Path;

use crate::support::{Place, command, finish};

fn page(name: &str) -> String {
    std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(name),
    )
    .unwrap()
}

#[test]
fn the_command_line_reference_is_the_programs_own() {
    let run = finish(&mut {
        let mut c = command(Path::new("."));
        c.arg("reference");
        c
    })
    .ok();
    assert!(
        page("cli.md") == run.stdout,
        "run `cargo run -q -- reference > docs/reference/cli.md`"
    );
}

#[test]
fn the_json_reference_names_every_field() {
    let place = Place::demo();
    let dataset = place.dataset();
    let page = page("json.md");
    let row = |verb: &str| {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{verb}` |")));
        row.unwrap_or_else(|| panic!("no row for {verb}")).to_owned()
    };
    for (verb, args) in [
        ("status", &["status"][..]),
        ("id", &["id"]),
        ("id show", &["id", "show", "ada"]),
        ("data ls", &["data", "ls"]),
        ("data show", &["data", "show", &dataset, "--as", "ada"]),
        ("inbox", &["inbox", "--as", "ada"]),
        ("log", &["log"]),
        ("log --as", &["log", "--as", "ada"]),
        ("wallet", &["wallet", "--as", "ada"]),
        ("receipt verify", &["receipt", "verify", "d/allowed.receipt"]),
        ("shred --dry-run", &["shred", &dataset, "--as", "ada", "--dry-run"]),
        (
            "grant --dry-run",
            &[
                "grant",
                &dataset,
                "--as",
                "ada",
                "--to",
                "eve",
                "--purpose",
                "treatment",
                "--dry-run",
            ],
        ),
        ("fsck", &["fsck"]),
        ("backup", &["backup", "b"]),
        ("rules ls", &["rules", "ls"]),
    ] {
        let row = row(verb);
        for (field, value) in place.json(args).as_object().unwrap() {
            assert!(
                row.contains(field.as_str()),
                "`{verb}` prints `{field}`, which json.md does not name"
            );
            let first =
                value.as_array().and_then(|items| items.first()).and_then(|item| item.as_object());
            for inner in first.into_iter().flat_map(|item| item.keys()) {
                assert!(
                    row.contains(inner.as_str()),
                    "`{verb}` prints `{field}[].{inner}`, which json.md does not name"
                );
            }
        }
    }
}
