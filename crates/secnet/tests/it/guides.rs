//! The commands of the guides, word by word, in an empty folder: what a page says is printed must be.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{Running, SECNET, finish};

/// Where a page's reader is, and what was said until now.
pub(crate) struct Walk {
    place: tempfile::TempDir,
    path: String,
    /// What this reader has instead of what the page names: servers, ports and folders of the whole machine.
    instead: Vec<(String, String)>,
    variables: Vec<(String, String)>,
    seen: String,
    printed: Vec<String>,
    /// A node that the page has started.
    server: Option<Running>,
}

/// A block of a page: of what kind, and its text.
struct Block {
    kind: String,
    text: String,
}

impl Walk {
    /// In an empty folder, with nothing on the PATH but the system's programs and this one.
    pub(crate) fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(repository().join("samples"), place.path().join("samples"))
            .unwrap();
        let passphrase = place.path().join("passphrase-file");
        std::fs::write(&passphrase, "correct horse\n").unwrap();
        std::fs::set_permissions(&passphrase, std::fs::Permissions::from_mode(0o600)).unwrap();
        let bin = place.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(SECNET, bin.join("secnet")).unwrap();
        let path = format!("{}:/usr/bin:/bin", bin.display());
        let variables = vec![("SECNET_PASSPHRASE_FILE".into(), "passphrase-file".into())];
        let (instead, seen, printed) = (Vec::new(), String::new(), Vec::new());
        Self { place, path, instead, variables, seen, printed, server: None }
    }

    /// The folder brings its passphrase, which is published.
    fn without_passphrase(mut self) -> Self {
        self.variables.clear();
        self
    }

    /// This reader has something else than what the page names.
    pub(crate) fn with(mut self, named: &str, instead: &str) -> Self {
        self.instead.push((named.to_owned(), instead.to_owned()));
        self
    }

    /// Type what the page says is typed. How many commands there were. What needs another machine's programs is left out: what
    /// is done as root, and containers.
    pub(crate) fn follow(&mut self, page: &str) -> usize {
        let mut commands = 0;
        for block in blocks(page) {
            let mut text = block.text.replace("\\\n", " ");
            for (named, instead) in &self.instead {
                text = text.replace(named, instead);
            }
            match block.kind.as_str() {
                "toml" => self.configure(&text),
                "console" if !text.starts_with("# ") && !text.contains("podman") => {
                    commands += self.type_in(&text);
                }
                _ => {}
            }
        }
        commands
    }

    /// The page's node is stopped as a service manager does it.
    fn stop(&mut self) {
        assert_eq!(self.server.take().unwrap().stop(), 0);
    }

    fn configure(&self, settings: &str) {
        let file = self.place.path().join("secnet.toml");
        let before = std::fs::read_to_string(&file).unwrap_or_default();
        std::fs::write(&file, format!("{before}{settings}\n")).unwrap();
    }

    fn type_in(&mut self, text: &str) -> usize {
        let mut commands = 0;
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let Some(command) = line.strip_prefix("$ ") else {
                let said = self.printed.iter().any(|said| shape(said) == shape(line));
                assert!(said, "the page promises `{line}`, but it said {:?}", self.printed);
                continue;
            };
            let command = self.fill_in(command);
            commands += 1;
            if let Some(args) = command.strip_prefix("cargo install ") {
                installs_secnet(args);
            } else if let Some(variable) = command.strip_prefix("export ") {
                let (name, value) = variable.split_once('=').unwrap();
                self.variables.push((name.to_owned(), value.to_owned()));
            } else if let Some(file) = command.strip_prefix("cat > ") {
                let mut typed = String::new();
                while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
                    typed.push_str(line);
                    typed.push('\n');
                }
                std::fs::write(self.place.path().join(file), typed).unwrap();
            } else if command.split(' ').any(|word| word == "up") {
                self.serve(&command);
            } else {
                self.run(&command);
            }
        }
        commands
    }

    fn shell(&self, command: &str) -> Command {
        let mut shell = Command::new("bash");
        shell.args(["-c", command]).current_dir(self.place.path()).env("PATH", &self.path);
        for name in [
            "SECNET_DIR",
            "SECNET_PASSPHRASE_FILE",
            "SECNET_CONFIG",
            "SECNET_URL",
            "SECNET_KEYS",
            "SECNET_CA",
        ] {
            shell.env_remove(name);
        }
        shell.envs(self.variables.iter().cloned()).stdin(Stdio::null());
        shell
    }

    fn run(&mut self, command: &str) {
        let run = finish(&mut self.shell(command));
        assert_eq!(run.code, 0, "`{command}`: {run:?}");
        self.seen = format!("{} {}", run.stdout, self.seen);
        self.printed = run.stdout.lines().map(str::to_owned).collect();
    }

    /// What goes on until it is ended: it has started when it says so.
    fn serve(&mut self, command: &str) {
        let mut shell = self.shell(&format!("exec {command}"));
        let mut process = shell.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut said).unwrap();
        self.server = Some(Running(process));
        self.printed = vec![said.trim_end().to_owned()];
    }

    /// Put in ids that were printed before for those that the page shortens.
    fn fill_in(&self, command: &str) -> String {
        let words = command.split(' ').map(|word| {
            let Some(prefix) = word.strip_suffix("...") else { return word.to_owned() };
            let known = |c: char| !c.is_ascii_alphanumeric();
            let mut ids = self.seen.split(known);
            let id = ids.find(|id| id.starts_with(prefix) && id.len() > prefix.len());
            id.unwrap_or_else(|| panic!("nothing printed an id like `{word}`")).to_owned()
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn page(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap()
}

pub(crate) fn guide(name: &str) -> String {
    page(&format!("docs/guides/{name}.md"))
}

/// The blocks of a page between its fences.
fn blocks(page: &str) -> Vec<Block> {
    let mut fences = page.split("```").skip(1);
    let mut all = Vec::new();
    while let Some(block) = fences.next() {
        let (kind, text) = block.split_once('\n').unwrap();
        all.push(Block { kind: kind.to_owned(), text: text.to_owned() });
        fences.next();
    }
    all
}

/// What `cargo install` is told, without the minutes it takes: the crate at `--path` has this binary.
fn installs_secnet(args: &str) {
    let words: Vec<_> = args.split('#').next().unwrap().split_whitespace().collect();
    assert!(words.contains(&"--locked"), "{args}");
    let at = words.iter().position(|word| *word == "--path").unwrap();
    let manifest = page(&format!("{}/Cargo.toml", words[at + 1]));
    assert!(manifest.contains("name = \"secnet\""), "{args}");
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

#[test]
fn sharing_a_dataset_can_be_followed() {
    assert!(Walk::new().follow(&guide("share-a-dataset")) >= 25);
}

#[test]
fn granting_fields_can_be_followed() {
    assert!(Walk::new().follow(&guide("grant-fields")) >= 11);
}

#[test]
fn training_a_model_can_be_followed() {
    assert!(Walk::new().without_passphrase().follow(&guide("train-a-model")) >= 7);
}

/// From nothing to a node that was restored from its first backup; on this machine, without an authority.
#[test]
fn running_a_node_can_be_followed() {
    let page = guide("run-a-node");
    let (serving, backing_up) = page.split_once("\n## 5. Back up").unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mut walk = Walk::new()
        .with("0.0.0.0:8420", &format!("127.0.0.1:{port}"))
        .with("node.example:8420", &format!("localhost:{port}"))
        .with("node.example", "localhost")
        .with("/mnt/backup/clinic", "mnt-backup")
        .with("pass show clinic", "cat passphrase-file");
    assert!(walk.follow(serving) >= 15);
    walk.stop();
    assert!(walk.follow(backing_up) >= 4);
}
