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
