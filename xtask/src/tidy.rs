//! House limits on files.

use crate::files;

const MAX_SOURCE_LINES: usize = 800;
const MAX_LIB_LINES: usize = 150;
const MARKS: &[&str] = &["TODO", "FIXME", "XXX", "todo!(", "unimplemented!("];

pub(crate) fn check() -> Vec<String> {
    let mut problems = Vec::new();
    for file in files() {
        if !file.ends_with(".rs") || file.starts_with("xtask/") {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let lines = text.lines().count();
        let is_test = file.contains("/tests/") || file.ends_with("tests.rs");
        if lines > MAX_SOURCE_LINES && !is_test {
            problems.push(format!("{file} has {lines} lines; the limit is {MAX_SOURCE_LINES}"));
        }
        if file.ends_with("/lib.rs") && lines > MAX_LIB_LINES {
            problems
                .push(format!("{file} has {lines} lines; a lib.rs has at most {MAX_LIB_LINES}"));
        }
        for (number, line) in text.lines().enumerate() {
            if MARKS.iter().any(|mark| line.contains(mark)) {
                problems.push(format!("{file}:{}: an unfinished mark", number + 1));
            }
            if line.ends_with(' ') {
                problems.push(format!("{file}:{}: trailing space", number + 1));
            }
        }
    }
    problems
}
