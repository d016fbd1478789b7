//! What a node is told: flags over environment over the project's file over the user's file over defaults. All of it is
//! read and checked before anything is opened.

mod file;
mod page;
mod storage;
mod table;

pub(crate) use page::page;
pub(crate) use table::peer;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use secnet_app::DoorUrl;
use secnet_gateway::{ForwardedBy, Limits, Proxies};
use secnet_types::MemberId;

use crate::failure::{Exit, Failure};
use crate::files;
use crate::vault::Where;
pub(crate) use table::block;
use table::{SETTINGS, Setting};

/// Longest configuration file, in bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024;
/// The project's file, in the folder that the program is started in.
const PROJECT: &str = "secnet.toml";
/// Variables of ours that are no settings.
const OTHER_VARIABLES: &[&str] = &[
    "SECNET_CA",
    "SECNET_CONFIG",
    "SECNET_DIR",
    "SECNET_KEYS",
    "SECNET_NO_PROGRESS",
    "SECNET_PASSPHRASE_FILE",
    "SECNET_SIM_FIRST",
    "SECNET_SIM_SEEDS",
    "SECNET_URL",
];
pub(crate) const MEBIBYTE: u64 = 1024 * 1024;
const HOUR: Duration = Duration::from_secs(60 * 60);

/// How settings are given on the command line.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration file, in place of `secnet.toml` here.
    #[arg(long, global = true, env = "SECNET_CONFIG", hide_env_values = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set one setting; docs/reference/configuration.md lists them. Can be given several times.
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Where settings are looked for.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub flags: Vec<(String, String)>,
    pub environment: Vec<(String, String)>,
    /// A file that must be there.
    pub named: Option<PathBuf>,
    pub project: Option<PathBuf>,
    pub user: Option<PathBuf>,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    File(PathBuf, usize),
    Variable(String),
    Flag,
}

impl core::fmt::Display for Origin {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Default => write!(f, "default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "{name}"),
            Self::Flag => write!(f, "flag"),
        }
    }
}

/// Every setting with its values and where they come from.
#[derive(Debug)]
pub(crate) struct Config(BTreeMap<&'static str, (Vec<String>, Origin)>);

/// The same, as the node uses it.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub listen: SocketAddr,
    /// Is HTTP served?
    pub door: bool,
    /// Where others are told that the door is.
    pub door_url: Option<DoorUrl>,
    pub authorities: Vec<String>,
    /// Reverse proxies that are believed where calls come from.
    pub proxies: Proxies,
    /// Certificate and key.
    pub tls: Option<(PathBuf, PathBuf)>,
    pub limits: Limits,
    pub log_json: bool,
    pub log_level: String,
    pub metrics: Option<SocketAddr>,
    pub webhooks: Vec<String>,
    /// Who is told what webhooks are told.
    pub administrators: Vec<MemberId>,
    /// Bytes of the ledger's disk that are kept.
    pub reserve: u64,
    /// Time from one check of the ledger to the next, if there is one.
    pub check_every: Option<Duration>,
    /// Folder, and time from one to the next.
    pub backup: Option<(PathBuf, Duration)>,
    /// How the node takes part in a network, if it does.
    pub network: Option<Network>,
    /// Where segments are.
    pub vault: Where,
}

/// How a node takes part in a network.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    pub listen: SocketAddr,
    /// Where the other validators are.
    pub peers: Vec<(MemberId, SocketAddr)>,
    pub votes: bool,
}

impl ConfigArgs {
    /// Read everything that applies; `flags` are settings that have a flag of their own.
    pub(crate) fn load(&self, flags: &[(&str, String)]) -> Result<Config, Failure> {
        let mut sources = Sources {
            environment: std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .filter(|(name, _)| name.starts_with("SECNET_"))
                .collect(),
            named: self.config.clone(),
            project: Some(PathBuf::from(PROJECT)),
            user: user_file(),
            ..Sources::default()
        };
        for set in &self.set {
            let (key, value) = set.split_once('=').ok_or_else(|| {
                Failure::new("usage", format!("`{set}` is not KEY=VALUE")).exit(Exit::Usage)
            })?;
            sources.flags.push((key.to_owned(), value.to_owned()));
        }
        let flags = flags.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        sources.flags.extend(flags);
        Config::load(&sources)
    }
}

fn user_file() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    let base = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home)?;
    Some(base.join("secnet").join(PROJECT))
}

impl Config {
    /// Read all sources. Whatever is wrong is told at once.
    pub(crate) fn load(sources: &Sources) -> Result<Self, Failure> {
        let default = |setting: &'static Setting| {
            let values = (!setting.default.is_empty()).then(|| setting.default.to_owned());
            (setting.key, (values.into_iter().collect(), Origin::Default))
        };
        let mut config = Self(SETTINGS.iter().map(default).collect());
        let mut wrong = Vec::new();
        let project = sources.named.as_ref().or(sources.project.as_ref());
        for (path, must) in sources
            .user
            .iter()
            .map(|p| (p, false))
            .chain(project.map(|p| (p, sources.named.is_some())))
        {
            if must || path.exists() {
                config.take_file(path, &mut wrong)?;
            }
        }
        for (name, value) in &sources.environment {
            if OTHER_VARIABLES.contains(&name.as_str()) {
                continue;
            }
            match SETTINGS.iter().find(|setting| setting.variable() == *name) {
                Some(setting) => {
                    config.take(setting, value, Origin::Variable(name.clone()), &mut wrong);
                }
                None => wrong.push(format!("{name}: there is no such setting")),
            }
        }
        for (key, value) in &sources.flags {
            match Setting::find(key) {
                Some(setting) => config.take(setting, value, Origin::Flag, &mut wrong),
                None => wrong.push(file::unknown(key)),
            }
        }
        config.check_together(&mut wrong);
        if wrong.is_empty() { Ok(config) } else { Err(failure(wrong)) }
    }

    fn take_file(&mut self, path: &Path, wrong: &mut Vec<String>) -> Result<(), Failure> {
        let text = files::read_text(path, MAX_FILE_BYTES)?;
        match file::read(&text) {
            Ok(said) => {
                for (setting, mut values, line) in said {
                    if setting.form == table::Form::Path {
                        let folder = path.parent().unwrap_or(Path::new(""));
                        values =
                            values.iter().map(|v| folder.join(v).display().to_string()).collect();
                    }
                    self.0.insert(setting.key, (values, Origin::File(path.to_path_buf(), line)));
                }
            }
            Err(problems) => wrong.extend(
                problems
                    .iter()
                    .map(|(line, problem)| format!("{}:{line}: {problem}", path.display())),
            ),
        }
        Ok(())
    }

    fn take(
        &mut self,
        setting: &'static Setting,
        text: &str,
        origin: Origin,
        wrong: &mut Vec<String>,
    ) {
        let values: Vec<String> = if setting.is_list() {
            text.split(',').map(|value| value.trim().to_owned()).filter(|v| !v.is_empty()).collect()
        } else {
            vec![text.to_owned()]
        };
        match values.iter().find_map(|value| setting.form.problem(value)) {
            Some(problem) => wrong.push(format!("{origin}: `{}`: {problem}", setting.key)),
            None => drop(self.0.insert(setting.key, (values, origin))),
        }
    }

    /// What only shows when all is read.
    fn check_together(&self, wrong: &mut Vec<String>) {
        for (one, other) in [("tls.certificate", "tls.key"), ("tls.key", "tls.certificate")] {
            if self.one(one).is_some() && self.one(other).is_none() {
                wrong.push(format!("`{one}` is set and `{other}` is not"));
            }
        }
        if !self.all("network.peers").is_empty() && self.one("network.listen").is_none() {
            wrong.push("`network.peers` is set and `network.listen` is not".into());
        }
        let address = |key| self.one(key).and_then(|text| text.parse::<SocketAddr>().ok());
        let pairs = [
            ("metrics.listen", "listen"),
            ("network.listen", "listen"),
            ("network.listen", "metrics.listen"),
        ];
        for (one, other) in pairs {
            if address(one).zip(address(other)).is_some_and(|(one, other)| is_shared(one, other)) {
                wrong.push(format!("`{one}` and `{other}` are one address: each needs its own"));
            }
        }
        let listen = address("listen");
        let every = listen.is_some_and(|listen| listen.ip().is_unspecified());
        if every && self.all("authorities").is_empty() {
            wrong.push(
                "`listen` takes calls from everywhere: say under which names, as `authorities`"
                    .into(),
            );
        }
        self.check_vault(wrong);
    }

    /// Each setting: key, values, origin.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'static str, &[String], &Origin)> {
        self.0.iter().map(|(key, (values, origin))| (*key, values.as_slice(), origin))
    }

    fn all(&self, key: &str) -> &[String] {
        self.0.get(key).map_or(&[], |(values, _)| values.as_slice())
    }

    fn one(&self, key: &str) -> Option<&str> {
        self.all(key).first().map(String::as_str)
    }

    /// As the node uses them.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let number = |key| self.one(key).and_then(|text| text.parse::<u32>().ok());
        let missing = || failure(vec!["a setting has no value".into()]);
        let listen = self.one("listen").and_then(|text| text.parse().ok()).ok_or_else(missing)?;
        let limits = Limits {
            connections: number("limits.connections").ok_or_else(missing)? as usize,
            calls: number("limits.calls").ok_or_else(missing)? as usize,
            rate_per_second: number("limits.rate").ok_or_else(missing)?,
            burst: number("limits.burst").ok_or_else(missing)?,
        };
        let hours = number("backup.hours").ok_or_else(missing)?;
        let reserve = u64::from(number("disk.reserve").ok_or_else(missing)?) * MEBIBYTE;
        let check = number("check.hours").ok_or_else(missing)?;
        let path = |key| self.one(key).map(PathBuf::from);
        let network = self.one("network.listen").and_then(|text| text.parse().ok());
        let network = network.map(|listen| Network {
            listen,
            peers: self.all("network.peers").iter().filter_map(|text| peer(text)).collect(),
            votes: self.one("network.votes") != Some("no"),
        });
        Ok(Settings {
            listen,
            door: self.one("door") != Some("no"),
            door_url: self.one("door_url").and_then(|text| text.parse().ok()),
            authorities: self.all("authorities").to_vec(),
            proxies: Proxies {
                trusted: self
                    .all("proxies.trusted")
                    .iter()
                    .filter_map(|text| block(text))
                    .collect(),
                header: match self.one("proxies.header") {
                    Some("forwarded") => ForwardedBy::Forwarded,
                    _ => ForwardedBy::XForwardedFor,
                },
            },
            tls: path("tls.certificate").zip(path("tls.key")),
            limits,
            log_json: self.one("log.format") == Some("json"),
            log_level: self.one("log.level").unwrap_or("warn").to_owned(),
            metrics: self.one("metrics.listen").and_then(|text| text.parse().ok()),
            webhooks: self.all("webhooks.urls").to_vec(),
            administrators: self.all("administrators").iter().flat_map(|id| id.parse()).collect(),
            reserve,
            check_every: (check > 0).then(|| HOUR.saturating_mul(check)),
            backup: path("backup.folder").map(|folder| (folder, HOUR.saturating_mul(hours))),
            network,
            vault: self.vault(),
        })
    }
}

fn failure(wrong: Vec<String>) -> Failure {
    let mut failure = Failure::new("config", "the configuration cannot be used")
        .hint("docs/reference/configuration.md lists all settings; `secnet config show` says where each comes from")
        .exit(Exit::Usage);
    failure.causes = wrong;
    failure
}

/// Would two listeners be in each other's way?
fn is_shared(one: SocketAddr, other: SocketAddr) -> bool {
    let everywhere = one.ip().is_unspecified() || other.ip().is_unspecified();
    // Of port 0 each gets one of its own.
    one.port() == other.port() && one.port() != 0 && (one.ip() == other.ip() || everywhere)
}

#[cfg(test)]
mod tests;
