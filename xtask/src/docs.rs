//! Documents: every relative link leads somewhere, every crate is in ARCHITECTURE.md, every example of bytes in the
//! specification is read by a test.

use std::path::Path;

/// Fewer bytes in a row are a field or a constant, not an example.
const EXAMPLE_BYTES: usize = 12;

pub(crate) fn check(files: &[String]) -> Result<Vec<String>, String> {
    let read =
        |file: &str| std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"));
    let mut problems = Vec::new();
    let mut with_examples = Vec::new();
    for file in files.iter().filter(|file| file.ends_with(".md")) {
        let text = read(file)?;
        problems.extend(dead_links(file, &text, &|target| target.exists()));
        if file.starts_with("docs/spec/") && has_examples(&text) {
            with_examples.push(file.as_str());
        }
    }
    if with_examples.is_empty() {
        return Err("docs/spec has no examples".into());
    }
    let mut read_by_tests = String::new();
    for file in files.iter().filter(|file| file.contains("/tests/") && file.ends_with(".rs")) {
        read_by_tests.push_str(&read(file)?);
    }
    problems.extend(unread(&with_examples, &read_by_tests));
    let architecture = read("ARCHITECTURE.md")?;
    for manifest in
        files.iter().filter(|file| file.starts_with("crates/") && file.ends_with("/Cargo.toml"))
    {
        let name = manifest.split('/').nth(1).unwrap_or_default();
        if !architecture.contains(&format!("`{name}`")) {
            problems.push(format!("ARCHITECTURE.md does not mention `{name}`"));
        }
    }
    Ok(problems)
}

fn dead_links(file: &str, text: &str, exists: &dyn Fn(&Path) -> bool) -> Vec<String> {
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    let leads_nowhere = |link: &String| {
        let target = link.split('#').next().unwrap_or_default();
        let outside = target.is_empty() || target.contains("://") || target.starts_with("mailto:");
        !outside && !exists(&folder.join(target))
    };
    links(text)
        .into_iter()
        .filter(leads_nowhere)
        .map(|link| format!("{file}: the link `{link}` leads nowhere"))
        .collect()
}

/// Does a block of code on this page, fenced or indented, show bytes in hexadecimal?
fn has_examples(text: &str) -> bool {
    let is_bytes = |word: &str| {
        word.len() >= 2 * EXAMPLE_BYTES && word.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    text.lines().filter(|line| line.starts_with("    ")).any(|line| line.split(' ').any(is_bytes))
}

/// The pages that no test reads with `include_str!`.
fn unread(pages: &[&str], tests: &str) -> Vec<String> {
    pages
        .iter()
        .filter(|page| !tests.contains(&format!("../{page}\")")))
        .map(|page| format!("{page} has examples that no test reads"))
        .collect()
}

/// The targets of `[text](target)`, outside of code blocks.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for piece in line.split("](").skip(1) {
            if let Some((target, _)) = piece.split_once(')') {
                found.push(target.split_whitespace().next().unwrap_or_default().to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_nowhere_are_named() {
        let text = "[a](b.md#part) [c](gone.md) [d](https://example.org) [e](#here)\n```\n[f](no.md)\n```\n";
        let exists = |path: &Path| path == Path::new("docs/b.md");
        let dead = dead_links("docs/a.md", text, &exists);
        assert_eq!(dead, ["docs/a.md: the link `gone.md` leads nowhere"]);
    }

    #[test]
    fn a_page_with_bytes_needs_a_test_that_reads_it() {
        assert!(!has_examples("words `047b6b39f76fa00d5e82d6a830c39b6e` in a sentence\n"));
        assert!(!has_examples("    82 00 82 00\n"));
        assert!(has_examples("    key  047b6b39f76fa00d5e82d6a830c39b6e\n"));
        let tests = "include_str!(\"../../../../docs/spec/a.md\")";
        let missing = unread(&["docs/spec/a.md", "docs/spec/b.md"], tests);
        assert_eq!(missing, ["docs/spec/b.md has examples that no test reads"]);
    }
}
