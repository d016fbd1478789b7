//! Running the binary, and one demo folder for all.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

pub(crate) const SECNET: &str = env!("CARGO_BIN_EXE_secnet");

/// A process that does not outlive the test, also if that fails.
pub(crate) struct Running(pub std::process::Child);

impl Running {
    /// Send a signal, such as `-TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.0.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Stop it as a service manager does; its exit code.
    pub(crate) fn stop(mut self) -> i32 {
        self.signal("-TERM");
        self.0.wait().unwrap().code().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Whoever has ended already cannot be killed, which is as well.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// What a run left.
#[derive(Debug)]
pub(crate) struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// The one JSON object on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let value: Value =
            serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self:?}"));
        assert!(value.is_object(), "not an object: {self:?}");
        assert_eq!(self.stdout.lines().count(), 1, "more than one line: {self:?}");
        value
    }

    /// The error on standard error, under `--json`.
    #[track_caller]
    pub(crate) fn error(&self) -> Value {
        let value: Value =
            serde_json::from_str(&self.stderr).unwrap_or_else(|e| panic!("{e}: {self:?}"));
        assert_eq!(value["error"]["exit"], self.code, "{self:?}");
        assert!(value["error"]["message"].is_string(), "{self:?}");
        value["error"].clone()
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }
}

/// The binary, as a user's shell would start it, but with nothing of the user's environment that it reads.
pub(crate) fn command(cwd: &Path) -> Command {
    let mut command = Command::new(SECNET);
    command.current_dir(cwd).stdin(std::process::Stdio::null());
    for name in [
        "SECNET_CONFIG",
        "SECNET_DIR",
        "SECNET_PASSPHRASE_FILE",
        "SECNET_URL",
        "SECNET_KEYS",
        "SECNET_CA",
    ] {
        command.env_remove(name);
    }
    command
}

pub(crate) fn finish(command: &mut Command) -> Run {
    let output = command.output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A folder of its own with a copy of the demo's data in `d`.
pub(crate) struct Place {
    root: TempDir,
}

impl Place {
    pub(crate) fn demo() -> Self {
        let place = Self { root: tempfile::tempdir().unwrap() };
        demo(&place.path("d"));
        place
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Run in `d`.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        finish(command(self.root()).args(["--dir", "d"]).args(args))
    }

    pub(crate) fn json(&self, args: &[&str]) -> Value {
        self.run(&[args, &["--json"]].concat()).ok().json()
    }

    pub(crate) fn dataset(&self) -> String {
        self.json(&["data", "ls"])["datasets"][0]["dataset"].as_str().unwrap().to_owned()
    }

    /// The records of a dataset of Ada's that no sensitivity label is on.
    pub(crate) fn plain_records(&self, dataset: &str) -> Vec<String> {
        let shown = self.json(&["data", "show", dataset, "--as", "ada"]);
        let records = shown["records"].as_array().unwrap();
        let plain = records.iter().filter(|r| r["labels"].as_array().unwrap().is_empty());
        plain.map(|record| record["record"].as_str().unwrap().to_owned()).collect()
    }

    /// How many events the log has. Blocks come by themselves, where an id is forgotten whose time is over.
    pub(crate) fn events(&self) -> u64 {
        self.json(&["status"])["events"].as_u64().unwrap()
    }

    /// A grant to a demo member, free and for treatment.
    pub(crate) fn grant(&self, dataset: &str, to: &str) -> String {
        let args =
            ["grant", dataset, "--as", "ada", "--to", to, "--purpose", "treatment", "--price", "0"];
        self.json(&args)["grant"].as_str().unwrap().to_owned()
    }
}

/// The demo's folder is made anew when it is older: what tests look at happened a moment ago, and what is let go of a
/// minute later is still there.
const DEMO_MAX_AGE: Duration = Duration::from_secs(30);

/// Copy the demo's folder to here; what the demo printed. One run of it serves many tests, each in a process of its own:
/// it writes and waits for the disk a hundred times.
pub(crate) fn demo(to: &Path) -> Value {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo");
    std::fs::create_dir_all(&kept).unwrap();
    let lock = File::create(kept.join("lock")).unwrap();
    lock.lock().unwrap();
    let (folder, told, made_by) = (kept.join("d"), kept.join("told.json"), kept.join("made-by"));
    let program = std::fs::metadata(SECNET).unwrap();
    let program = format!("{} {:?}", program.len(), program.modified().unwrap());
    let age = std::fs::metadata(&told).and_then(|told| told.modified()).ok();
    let is_fresh = age.and_then(|at| at.elapsed().ok()).is_some_and(|age| age < DEMO_MAX_AGE)
        && std::fs::read_to_string(&made_by).is_ok_and(|by| by == program);
    if !is_fresh {
        // Whoever was cut off here left no `told.json`, which comes last.
        drop(std::fs::remove_file(&told));
        drop(std::fs::remove_dir_all(&folder));
        let run = finish(command(&kept).args(["--dir", "d", "demo", "--json"])).ok();
        std::fs::write(made_by, program).unwrap();
        std::fs::write(&told, run.stdout).unwrap();
    }
    copy_tree(&folder, to);
    serde_json::from_slice(&std::fs::read(told).unwrap()).unwrap()
}

pub(crate) fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            match std::fs::copy(entry.path(), target) {
                // The folder may be one that a node uses meanwhile.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                copied => drop(copied.unwrap()),
            }
        }
    }
}

/// Every file below a folder, with its content.
pub(crate) fn files(folder: &Path) -> std::collections::BTreeMap<PathBuf, Vec<u8>> {
    let mut found = std::collections::BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            found.insert(path, bytes);
        }
    }
    found
}

/// Flip one bit of a file.
pub(crate) fn flip(file: &Path, at: usize) {
    let mut bytes = std::fs::read(file).unwrap();
    bytes[at] ^= 1;
    std::fs::write(file, bytes).unwrap();
}
