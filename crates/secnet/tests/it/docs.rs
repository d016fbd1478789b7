//! The reference pages say what the program does.

use std::path::Path;

use crate::support::{command, finish};

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
fn the_configuration_reference_is_the_programs_own() {
    let run = finish(command(Path::new(".")).args(["reference", "configuration"])).ok();
    assert!(
        page("configuration.md") == run.stdout,
        "run `cargo run -q -- reference configuration > docs/reference/configuration.md`"
    );
}

#[test]
fn the_configuration_that_is_deployed_is_one() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/secnet.toml");
    let shown = ["config", "show", "--config", file.to_str().unwrap(), "--json"];
    let shown = finish(command(Path::new(".")).args(shown)).ok().json();
    let settings = shown["settings"].as_array().unwrap();
    assert!(
        settings.iter().any(|s| s["key"] == "authorities" && s["value"] == "node.example:8420")
    );
}
