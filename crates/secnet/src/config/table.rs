//! Every setting of a node: one table, which reads the configuration, checks it and is printed as its reference page.

use std::net::{IpAddr, SocketAddr};

use secnet_app::DoorUrl;
use secnet_types::{AddressBlock, MemberId};

/// Longest beginning of objects' names: S3 has 1,024 bytes for a whole one.
const MAX_PREFIX_BYTES: usize = 512;

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
    /// Address of the node's door.
    Door,
    /// Addresses of HTTP servers; several of them.
    Urls,
    /// Ids of members; several of them.
    Members,
    /// Addresses, or blocks of them; several of them.
    Blocks,
    /// A file or folder.
    Path,
    /// A bucket's name.
    Bucket,
    /// Beginning of objects' names.
    Prefix,
    /// Address of an S3 server.
    Endpoint,
    /// Name of a region.
    Region,
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
        key: "door_url",
        form: Form::Door,
        default: "",
        what: "Where members reach the door: `https://` and a host, or `http://` and a loopback address. The other nodes of a network tell it to whoever asks them for what is here. Default: made of the first of `authorities`, else of the address that is listened on; without TLS of a loopback address only, on a network of one machine; else nothing is told.",
    },
    Setting {
        key: "proxies.trusted",
        form: Form::Blocks,
        default: "",
        what: "Reverse proxies before the node, by their addresses or blocks of them. What such a one says of where a call comes from is believed, and nobody else: rules can ask about that address. Default: none, so that a call comes from the other end of its connection.",
    },
    Setting {
        key: "proxies.header",
        form: Form::Word(&["x-forwarded-for", "forwarded"]),
        default: "x-forwarded-for",
        what: "The header that these proxies write, and overwrite or extend where a caller sent one. The other is not read.",
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
        key: "vault.place",
        form: Form::Word(&["folder", "s3"]),
        default: "folder",
        what: "Where segments, which are ciphertext, are kept: in the data folder, or in a bucket of an S3 server, which needs the feature `s3`. Every verb that opens the folder looks here; a folder whose segments are elsewhere is refused.",
    },
    Setting {
        key: "vault.bucket",
        form: Form::Bucket,
        default: "",
        what: "The bucket. It must be there.",
    },
    Setting {
        key: "vault.prefix",
        form: Form::Prefix,
        default: "secnet",
        what: "What the names of all objects begin with. Each data folder has its own, in which nothing else is.",
    },
    Setting {
        key: "vault.endpoint",
        form: Form::Endpoint,
        default: "",
        what: "The S3 server. Default: that of Amazon in `vault.region`.",
    },
    Setting {
        key: "vault.region",
        form: Form::Region,
        default: "us-east-1",
        what: "The region that calls are signed for.",
    },
    Setting {
        key: "vault.credentials",
        form: Form::Path,
        default: "",
        what: "File with the lines `AWS_ACCESS_KEY_ID = ...` and `AWS_SECRET_ACCESS_KEY = ...`, and of temporary keys `AWS_SESSION_TOKEN = ...`, which only its owner may read (mode 600); it is read again while a node runs. Default: the variables of these names.",
    },
    Setting {
        key: "vault.ca",
        form: Form::Path,
        default: "",
        what: "PEM file of certificates that are trusted for the S3 server besides those that the system trusts.",
    },
    Setting {
        key: "vault.http",
        form: Form::Word(&["yes", "no"]),
        default: "no",
        what: "Whether a server on another machine may be called without TLS. Who listens then learns what the storage learns.",
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
        matches!(
            self.form,
            Form::Authorities | Form::Peers | Form::Urls | Form::Members | Form::Blocks
        )
    }
}

impl Form {
    /// What is wrong with one value, if anything.
    pub(crate) fn problem(self, text: &str) -> Option<String> {
        let fits = match self {
            Self::Address => text.parse::<SocketAddr>().is_ok(),
            Self::Authorities => is_authority(text),
            Self::Peers => peer(text).is_some(),
            Self::Door => text.parse::<DoorUrl>().is_ok(),
            Self::Urls => is_url(text),
            Self::Members => text.parse::<MemberId>().is_ok(),
            // Whoever trusts everybody believes any caller.
            Self::Blocks => block(text).is_some_and(|block| block.prefix() > 0),
            Self::Path => !text.is_empty() && !text.contains('\0'),
            Self::Bucket => is_bucket(text),
            Self::Prefix => is_prefix(text),
            Self::Endpoint => is_endpoint(text),
            Self::Region => !text.is_empty() && text.bytes().all(is_plain),
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
            Self::Door => {
                "the address of a door, such as https://clinic.example:8420, without a path".into()
            }
            Self::Urls => "an address such as https://alerts.example/secnet".into(),
            Self::Members => "a member's id, such as `secnet id show NAME` prints".into(),
            Self::Blocks => "an address, or a block such as 10.0.0.0/8".into(),
            Self::Path => "a path".into(),
            Self::Bucket => {
                "a bucket's name: 3 to 63 lower-case letters, digits, points and hyphens".into()
            }
            Self::Prefix => "a name, or several with `/` between them, such as clinic/data".into(),
            Self::Endpoint => "an address such as https://s3.example.org, without a path".into(),
            Self::Region => "a region, such as eu-central-1".into(),
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

/// One address, or a block such as `203.0.113.0/24`.
pub(crate) fn block(text: &str) -> Option<AddressBlock> {
    let Ok(address) = text.parse::<IpAddr>() else { return text.parse().ok() };
    let address = address.to_canonical();
    AddressBlock::new(address, if address.is_ipv4() { 32 } else { 128 }).ok()
}

/// A validator and its address.
pub(crate) fn peer(text: &str) -> Option<(MemberId, SocketAddr)> {
    let (validator, address) = text.split_once('@')?;
    Some((validator.parse().ok()?, address.parse().ok()?))
}

/// Lower-case letters, digits and hyphens.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')
}

fn is_bucket(text: &str) -> bool {
    let at_ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=63).contains(&text.len())
        && text.bytes().all(|byte| is_plain(byte) || byte == b'.')
        && text.starts_with(at_ends)
        && text.ends_with(at_ends)
}

fn is_prefix(text: &str) -> bool {
    let sign = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let name =
        |part: &str| !part.is_empty() && part.chars().all(sign) && part != "." && part != "..";
    text.len() <= MAX_PREFIX_BYTES && text.split('/').all(name)
}

fn is_endpoint(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| {
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let named = !url.username().is_empty() || url.password().is_some();
        matches!(url.scheme(), "http" | "https") && url.has_host() && bare && !named
    })
}

fn is_url(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.has_host() && url.username().is_empty()
    })
}
