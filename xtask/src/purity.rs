//! Pure crates know no clock, environment, files, network, threads or hash maps. The lints deny them by name, and a
//! crate's `clippy.toml` replaces the root's, so each pure crate must have the root's settings and the whole list.

use crate::layers::is_pure;

/// What no pure crate may use, and what must be in its `clippy.toml` for that.
const BANNED: &[&str] = &[
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::collections::hash_map::RandomState::new",
    "std::env::var",
    "std::env::args",
    "std::fs::File",
    "std::fs::read",
    "std::fs::write",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::process::Command",
    "std::thread::scope",
    "std::thread::spawn",
    "std::time::Instant",
    "std::time::SystemTime",
];
/// What the ledger may not use beside that.
const BANNED_IN_LEDGER: &[&str] = &["f32", "f64"];

pub(crate) fn check(files: &[String]) -> Result<Vec<String>, String> {
    let read =
        |file: &str| std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"));
    let root = read("clippy.toml")?;
    let mut problems = Vec::new();
    let mut pure = 0;
    for manifest in files.iter().filter(|file| file.ends_with("/Cargo.toml")) {
        let Some(name) =
            manifest.strip_prefix("crates/").and_then(|path| path.strip_suffix("/Cargo.toml"))
        else {
            continue;
        };
        if !is_pure(name) {
            continue;
        }
        pure += 1;
        let file = format!("crates/{name}/clippy.toml");
        match std::fs::read_to_string(&file) {
            Ok(own) => problems.extend(judge(name, &root, &own)),
            Err(_) => problems.push(format!("{file} is missing: `{name}` is pure")),
        }
    }
    if pure == 0 { Err("no pure crate was found".into()) } else { Ok(problems) }
}

fn judge(name: &str, root: &str, own: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let settings: Vec<&str> = own.lines().collect();
    for line in root.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        if !settings.contains(&line) {
            problems.push(format!("crates/{name}/clippy.toml lacks `{line}` of the root's"));
        }
    }
    let floats = if name == "secnet-ledger" { BANNED_IN_LEDGER } else { &[] };
    for path in BANNED.iter().chain(floats) {
        if !own.contains(&format!("{{ path = \"{path}\", reason = ")) {
            problems.push(format!("crates/{name}/clippy.toml does not ban `{path}`"));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(also: &str) -> String {
        let bans: Vec<String> =
            BANNED.iter().map(|path| format!("{{ path = \"{path}\", reason = \"x\" }}")).collect();
        format!("a = true\n{}\n{also}", bans.join("\n"))
    }

    #[test]
    fn each_ban_and_each_setting_of_the_root_is_missed() {
        assert_eq!(judge("secnet-lock", "# why\na = true\n", &whole("")), [""; 0]);
        assert_eq!(judge("secnet-lock", "a = true\nb = 1\n", &whole("")).len(), 1);
        for path in BANNED {
            let without = whole("").replace(&format!("\"{path}\""), "\"\"");
            assert_eq!(judge("secnet-lock", "a = true\n", &without).len(), 1, "{path}");
        }
    }

    #[test]
    fn the_ledger_has_no_floats() {
        assert_eq!(judge("secnet-ledger", "a = true\n", &whole("")).len(), 2);
        let floats = "{ path = \"f32\", reason = \"x\" }\n{ path = \"f64\", reason = \"x\" }";
        assert_eq!(judge("secnet-ledger", "a = true\n", &whole(floats)), [""; 0]);
    }
}
