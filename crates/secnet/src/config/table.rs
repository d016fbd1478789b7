//! Every setting of a node: one table, which reads the configuration, checks it and is printed as its reference page.

use std::net::SocketAddr;

use secnet_types::MemberId;

/// One setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// As files and `--set` name it.
    pub key: &'static str,
    pub form: Form,
    /// As it would be written; empty for none.
    pub default: &'static str,
    /// For the reference.
    pub what: &'static str,
}

/// What a value must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// IP address and port.
    Address,
    /// Host, with a port if it is not the scheme's; several of them.
    Authorities,
    /// Validators with their addresses; several of them.
    Peers,
    /// Addresses of HTTP servers; several of them.
    Urls,
    /// Ids of members; several of them.
    Members,
    /// A file or folder.
    Path,
    /// A whole number in this range.
    Number(u32, u32),
    /// One of these words.
    Word(&'static [&'static str]),
}

pub(crate) const SETTINGS: &[Setting] = &[
    Setting {
        key: "listen",
        form: Form::Address,
        default: "127.0.0.1:8420",
        what: "Where the node listens. Port 0 takes a free one.",
    },
    Setting {
        key: "authorities",
        form: Form::Authorities,
        default: "",
        what: "The names that callers use: host, and port unless it is 443 with TLS or 80 without. A call to another name is refused, so that what was signed for another node is of no use. Default: the address that is listened on, and `localhost`.",
    },
    Setting {
        key: "door",
        form: Form::Word(&["yes", "no"]),
        default: "yes",
        what: "Whether the node serves HTTP. A validator that is no data centre does without.",
    },
    Setting {
        key: "tls.certificate",
        form: Form::Path,
        default: "",
        what: "PEM file with the certificate and those that lead to its authority. Read again when it changes, and at SIGHUP.",
    },
    Setting {
        key: "tls.key",
        form: Form::Path,
        default: "",
        what: "PEM file with the certificate's private key.",
    },
    Setting {
        key: "limits.connections",
        form: Form::Number(1, 1_000_000),
        default: "16384",
        what: "Connections at once.",
    },
    Setting {
        key: "limits.calls",
        form: Form::Number(1, 100_000),
        default: "1024",
        what: "Calls that are being answered at once; more are turned away as `busy`.",
    },
    Setting {
        key: "limits.rate",
        form: Form::Number(1, 100_000),
        default: "200",
        what: "Calls a second of one member, over time.",
    },
    Setting {
        key: "limits.burst",
        form: Form::Number(1, 1_000_000),
        default: "400",
        what: "Calls of one member that may come at once.",
    },
    Setting {
        key: "log.format",
        form: Form::Word(&["text", "json"]),
        default: "text",
        what: "How the log on standard error is written.",
    },
    Setting {
        key: "log.level",
        form: Form::Word(&["error", "warn", "info", "debug"]),
        default: "warn",
        what: "What is logged; `info` has a line for each call, with the id that the answer carries.",
    },
    Setting {
        key: "metrics.listen",
        form: Form::Address,
        default: "",
        what: "Where Prometheus reads `/metrics`, and `secnet net status` reads `/standing`, in plain HTTP and without signatures: an address that only they reach. Default: nowhere.",
    },
    Setting {
        key: "administrators",
        form: Form::Members,
        default: "",
        what: "Members who are told, at `/v1/alerts`, what webhooks are told, and who may read the bundles of entries, which have all that is in the log of the ledger. Default: nobody.",
    },
    Setting {
        key: "webhooks.urls",
        form: Form::Urls,
        default: "",
        what: "Who is told of requests that are held, stopped by guard or rule, or fail because something is broken, and of how the node itself is: a full disk, damage, a failed backup, a certificate that ends, irregular dealings on the ledger. A signed POST of JSON, tried until it is answered 2xx.",
    },
    Setting {
        key: "disk.reserve",
        form: Form::Number(0, 1_048_576),
        default: "64",
        what: "MiB of the ledger's disk that are kept while there is room. With less than 16 MiB free besides, no data is released and nothing is taken in any more; the reserve is given back to the disk for what ends rights or destroys data.",
    },
    Setting {
        key: "check.hours",
        form: Form::Number(0, 8760),
        default: "24",
        what: "Hours from one check of the whole ledger to the next, while the node serves; what is wrong is told as an alert. 0 checks only at the start.",
    },
    Setting {
        key: "backup.folder",
        form: Form::Path,
        default: "",
        what: "Where the node backs itself up while it serves; best on another device. Default: nowhere.",
    },
    Setting {
        key: "backup.hours",
        form: Form::Number(1, 720),
        default: "24",
        what: "Hours from one backup to the next.",
    },
    Setting {
        key: "network.listen",
        form: Form::Address,
        default: "",
        what: "Where the other validators of the network reach this one. With it, and the feature `bft`, the node of a network's folder takes part.",
    },
    Setting {
        key: "network.peers",
        form: Form::Peers,
        default: "",
        what: "Where each other validator of the genesis listens. This one may be among them, so that one list does for all.",
    },
    Setting {
        key: "network.votes",
        form: Form::Word(&["yes", "no"]),
        default: "yes",
        what: "Whether this validator votes. One whose folder `votes` is lost, or older than its last vote, must not: it could vote twice. With `no` it follows the others, and serves.",
    },
];

impl Setting {
    pub(crate) fn find(key: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }

    /// The variable that sets it.
    pub(crate) fn variable(&self) -> String {
        format!("SECNET_{}", self.key.to_ascii_uppercase().replace('.', "_"))
    }

    /// May it have several values?
    pub(crate) const fn is_list(&self) -> bool {
        matches!(self.form, Form::Authorities | Form::Peers | Form::Urls | Form::Members)
    }
}

impl Form {
    /// What is wrong with one value, if anything.
    pub(crate) fn problem(self, text: &str) -> Option<String> {
        let fits = match self {
            Self::Address => text.parse::<SocketAddr>().is_ok(),
            Self::Authorities => is_authority(text),
            Self::Peers => peer(text).is_some(),
            Self::Urls => is_url(text),
            Self::Members => text.parse::<MemberId>().is_ok(),
            Self::Path => !text.is_empty() && !text.contains('\0'),
            Self::Number(least, most) => {
                text.parse::<u32>().is_ok_and(|number| (least..=most).contains(&number))
            }
            Self::Word(words) => words.contains(&text),
        };
        (!fits).then(|| format!("`{text}` is not {}", self.wanted()))
    }

    /// What is wanted, for people.
    pub(crate) fn wanted(self) -> String {
        match self {
            Self::Address => "an IP address with a port, such as 127.0.0.1:8420".into(),
            Self::Authorities => "a host, or host:port, such as node.example:8420".into(),
            Self::Peers => "a validator with its address, such as snid1...@10.0.0.2:8430".into(),
            Self::Urls => "an address such as https://alerts.example/secnet".into(),
            Self::Members => "a member's id, such as `secnet id show NAME` prints".into(),
            Self::Path => "a path".into(),
            Self::Number(least, most) => format!("a whole number from {least} to {most}"),
            Self::Word(words) => format!("one of {}", words.join(", ")),
        }
    }
}

fn is_authority(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let sign = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
    !host.is_empty()
        && host.chars().all(sign)
        && (host.starts_with('[') || !host.contains(':'))
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

/// A validator and its address.
pub(crate) fn peer(text: &str) -> Option<(MemberId, SocketAddr)> {
    let (validator, address) = text.split_once('@')?;
    Some((validator.parse().ok()?, address.parse().ok()?))
}

fn is_url(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.has_host() && url.username().is_empty()
    })
}
