//! House limits on files.

const MAX_SOURCE_LINES: usize = 800;
const MAX_LIB_LINES: usize = 150;
const MARKS: &[&str] = &["TODO", "FIXME", "XXX", "todo!(", "unimplemented!("];

pub(crate) fn check(files: &[String]) -> Vec<String> {
    let sources = files.iter().filter(|file| file.ends_with(".rs") && !file.starts_with("xtask/"));
    sources
        .flat_map(|file| match std::fs::read_to_string(file) {
            Ok(text) => judge(file, &text),
            Err(error) => vec![format!("{file} is not readable: {error}")],
        })
        .collect()
}

fn judge(file: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let lines = text.lines().count();
    let is_test = file.contains("/tests/") || file.ends_with("tests.rs");
    if lines > MAX_SOURCE_LINES && !is_test {
        problems.push(format!("{file} has {lines} lines; the limit is {MAX_SOURCE_LINES}"));
    }
    if file.ends_with("/lib.rs") && lines > MAX_LIB_LINES {
        problems.push(format!("{file} has {lines} lines; a lib.rs has at most {MAX_LIB_LINES}"));
    }
    for (number, line) in text.lines().enumerate() {
        if MARKS.iter().any(|mark| line.contains(mark)) {
            problems.push(format!("{file}:{}: an unfinished mark", number + 1));
        }
        if line.ends_with(' ') {
            problems.push(format!("{file}:{}: trailing space", number + 1));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_marks_and_trailing_spaces_are_named_with_their_line() {
        assert_eq!(judge("crates/a/src/lib.rs", "//! Fine.\n"), [""; 0]);
        let marked = judge("crates/a/src/b.rs", "fine\n// TODO\nspace \n");
        assert_eq!(marked.len(), 2);
        assert!(marked[0].starts_with("crates/a/src/b.rs:2:"), "{marked:?}");
        assert!(marked[1].starts_with("crates/a/src/b.rs:3:"), "{marked:?}");
        let lines = |count| "x\n".repeat(count);
        assert_eq!(judge("crates/a/src/lib.rs", &lines(151)).len(), 1);
        assert_eq!(judge("crates/a/src/b.rs", &lines(801)).len(), 1);
        assert_eq!(judge("crates/a/tests/it/b.rs", &lines(801)), [""; 0]);
    }
}
