//! Which form a data folder has. A folder of a newer program is left alone; one of an older program is brought up to date,
//! step by step, when it is opened.

use std::path::Path;

use crate::failure::{Exit, Failure};
use crate::files;

/// The file that says it, in data folders and in backups.
pub(crate) const FORMAT_FILE: &str = "format";
/// The form that this program writes.
pub(crate) const FORMAT: u32 = 1;
const TITLE: &str = "secnet-folder";
/// Longest such file, in bytes.
const MAX_FORMAT_BYTES: u64 = 64;

/// From one form to the next. An interrupted step is begun again.
struct Step {
    /// What it does, for people.
    what: &'static str,
    run: fn(&Path) -> Result<(), Failure>,
}

/// The step at place N leads from form N to form N + 1.
const STEPS: [Step; FORMAT as usize] = [
    // The first folders did not say which form they have; nothing else has changed since.
    Step { what: "say which form the folder has", run: |_| Ok(()) },
];

/// The form of a folder, which this program must know.
///
/// # Errors
/// It is of a newer program, or the file is no such file.
pub(crate) fn check(dir: &Path) -> Result<u32, Failure> {
    let file = dir.join(FORMAT_FILE);
    let Some(text) = files::read_if_present(&file, MAX_FORMAT_BYTES)? else { return Ok(0) };
    let text = core::str::from_utf8(&text).unwrap_or_default();
    let said = text.strip_prefix(TITLE).and_then(|rest| rest.strip_prefix(' '));
    let found: Option<u32> = said.and_then(|number| number.strip_suffix('\n')?.parse().ok());
    match found {
        Some(found @ 1..=FORMAT) => Ok(found),
        Some(found @ 1..) => Err(Failure::new(
            "newer-folder",
            format!("`{}` has form {found}, and this program knows up to {FORMAT}", dir.display()),
        )
        .hint("use the newer program that wrote it; nothing was changed")
        .exit(Exit::Usage)),
        _ => Err(Failure::new("damaged", format!("`{}` does not say a form", file.display()))
            .hint("put the file back from a backup")
            .exit(Exit::Verification)),
    }
}

/// Bring a folder up to the form that this program writes. Nobody else has it open. What was done, for people.
pub(crate) fn upgrade(dir: &Path) -> Result<Vec<&'static str>, Failure> {
    by(&STEPS, dir)
}

fn by(steps: &[Step], dir: &Path) -> Result<Vec<&'static str>, Failure> {
    let mut done = Vec::new();
    for (step, form) in steps.iter().zip(1_u32..).skip(check(dir)? as usize) {
        (step.run)(dir)?;
        // Said only when it is so: what is cut off before is done again.
        write(dir, form)?;
        done.push(step.what);
    }
    Ok(done)
}

/// Say which form a new folder has.
pub(crate) fn write(dir: &Path, form: u32) -> Result<(), Failure> {
    files::write_private(&dir.join(FORMAT_FILE), format!("{TITLE} {form}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_before_is_brought_up_to_date_once() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(check(folder.path()).unwrap(), 0);
        assert_eq!(upgrade(folder.path()).unwrap().len(), FORMAT as usize);
        assert_eq!(check(folder.path()).unwrap(), FORMAT);
        assert!(upgrade(folder.path()).unwrap().is_empty());
        let file = std::fs::read_to_string(folder.path().join(FORMAT_FILE)).unwrap();
        assert_eq!(file, "secnet-folder 1\n");
    }

    #[test]
    fn a_newer_folder_and_one_that_says_nothing_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        for (text, code) in [
            ("secnet-folder 2\n", "newer-folder"),
            ("secnet-folder 4000000000\n", "newer-folder"),
            ("secnet-folder 0\n", "damaged"),
            ("secnet-folder 1", "damaged"),
            ("", "damaged"),
        ] {
            let file = folder.path().join(FORMAT_FILE);
            std::fs::write(&file, text).unwrap();
            assert_eq!(check(folder.path()).unwrap_err().code, code, "{text:?}");
            assert_eq!(upgrade(folder.path()).unwrap_err().code, code, "{text:?}");
            assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        }
    }

    #[test]
    fn a_step_that_fails_is_begun_again_and_those_before_it_are_not() {
        fn leave(dir: &Path, name: &str) -> Result<(), Failure> {
            let path = dir.join(name);
            if path.exists() {
                return Err(Failure::new("exists", "this step was done before"));
            }
            files::write_private(&path, b"")
        }
        const BAR: &str = "bar";
        let steps = [
            Step { what: "first", run: |dir| leave(dir, "one") },
            Step {
                what: "second",
                run: |dir| match dir.join(BAR).exists() {
                    true => Err(Failure::new("io", "no")),
                    false => leave(dir, "two"),
                },
            },
        ];
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(BAR), "").unwrap();
        assert_eq!(by(&steps, folder.path()).unwrap_err().code, "io");
        assert_eq!(check(folder.path()).unwrap(), 1);
        std::fs::remove_file(folder.path().join(BAR)).unwrap();
        assert_eq!(by(&steps[..1], folder.path()).unwrap(), Vec::<&str>::new());
        assert_eq!(by(&steps, folder.path()).unwrap(), ["second"]);
    }
}
