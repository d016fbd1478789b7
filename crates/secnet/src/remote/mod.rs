//! A node elsewhere, over HTTP: the keys stay here, and only what is signed with them goes over.

mod answer;
mod change;
mod client;
mod connection;
mod consent;
mod door;
mod get;
mod owned;
mod pages;
mod published;
mod stream;
mod upload;

pub(crate) use answer::Answer;
pub(crate) use change::{Change, How, order};
pub(crate) use client::Client;
pub(crate) use connection::MAX_CA_BYTES;
pub(crate) use consent::{approve, asked, grant, groups_stay, listed, party};
pub(crate) use get::{Got, Released, foresee, get};
pub(crate) use pages::Pages;
pub(crate) use published::{NotRead, Published, Tiles};
pub(crate) use stream::Events;
pub(crate) use upload::{Task, foresee_dataset, hand_in};

use std::path::{Path, PathBuf};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use clap::Args;
use secnet_crypto::{KeyFileParams, Zeroizing};
use secnet_types::{Genesis, MemberId, NetworkId, limits};
use serde_json::Value;

use crate::cli::Globals;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::keystore::{Identity, Keystore};
use crate::output::Output;
use crate::show::Names;

/// Where a running node is.
#[derive(Debug, Clone, Args)]
pub(crate) struct RemoteArgs {
    /// Call the node at this address instead of opening the data folder.
    #[arg(long, global = true, env = "SECNET_URL", hide_env_values = true, value_name = "URL")]
    pub url: Option<String>,
    /// The folder with the keys of whoever calls. Default: `keys` in the data folder.
    #[arg(long, global = true, env = "SECNET_KEYS", hide_env_values = true, value_name = "DIR")]
    pub keys: Option<PathBuf>,
    /// Trust the certificates in this PEM file, and no other, for the node's TLS.
    #[arg(long, global = true, env = "SECNET_CA", hide_env_values = true, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Print the signed call as a curl command, good once and for a minute, instead of making it.
    #[arg(long, global = true, requires = "url")]
    pub print_curl: bool,
}

/// A node, and the keys to call it with.
pub(crate) struct Remote {
    pub client: Client,
    pub keystore: Keystore,
    passphrase: Zeroizing<String>,
    /// How the network begins that the folder here belongs to.
    pinned: PathBuf,
}

impl AsRef<Keystore> for Remote {
    fn as_ref(&self) -> &Keystore {
        &self.keystore
    }
}

impl RemoteArgs {
    /// Is a node elsewhere meant?
    pub(crate) fn is_given(&self) -> bool {
        self.url.is_some()
    }

    /// The node, without any keys.
    pub(crate) fn client(&self, out: Output) -> Result<Client, Failure> {
        let url = self.url.as_deref().unwrap_or_default();
        let ca = self.ca.as_deref().map(|ca| files::read(ca, MAX_CA_BYTES)).transpose()?;
        Client::new(url, ca.as_ref().map(|ca| ca.as_slice()), self.print_curl, out)
    }

    /// For a change: the node, who signs it, and whether it is ordered or only foreseen.
    pub(crate) fn open_as(
        &self,
        name: &str,
        globals: &Globals,
        out: Output,
    ) -> Result<(Remote, Identity, How), Failure> {
        let remote = self.open(globals, out)?;
        let author = remote.identity(name, false)?;
        Ok((remote, author, How::from_dry_run(globals.dry_run)))
    }

    /// The keys alone, for what is signed without asking any node.
    pub(crate) fn keys(&self, globals: &Globals) -> Result<(Keystore, Zeroizing<String>), Failure> {
        let keys = self.keys.clone().unwrap_or_else(|| globals.dir.join("keys"));
        let passphrase = globals.passphrase_of(keys.parent().unwrap_or(Path::new("")))?;
        Ok((Keystore::at(&keys), passphrase))
    }

    /// How the network begins that the keys belong to, if its genesis is beside them.
    pub(crate) fn pinned(&self, globals: &Globals) -> Result<Option<Genesis>, Failure> {
        pinned(&self.genesis_file(globals))
    }

    fn genesis_file(&self, globals: &Globals) -> PathBuf {
        let keys = self.keys.clone().unwrap_or_else(|| globals.dir.join("keys"));
        keys.parent().unwrap_or(Path::new("")).join("genesis.cbor")
    }

    /// The node and the keys.
    pub(crate) fn open(&self, globals: &Globals, out: Output) -> Result<Remote, Failure> {
        let (keystore, passphrase) = self.keys(globals)?;
        let pinned = self.genesis_file(globals);
        Ok(Remote { client: self.client(out)?, keystore, passphrase, pinned })
    }
}

impl Remote {
    /// A node, with the keys that are in a folder.
    pub(crate) fn at(
        url: &str,
        dir: &Path,
        passphrase: &str,
        out: Output,
    ) -> Result<Self, Failure> {
        Ok(Self {
            client: Client::new(url, None, false, out)?,
            keystore: Keystore::at(&dir.join("keys")),
            passphrase: Zeroizing::new(passphrase.to_owned()),
            pinned: dir.join("genesis.cbor"),
        })
    }

    /// What protects the keys.
    pub(crate) fn passphrase(&self) -> &str {
        &self.passphrase
    }

    /// Open the keys of whoever calls.
    pub(crate) fn identity(&self, name: &str, session: bool) -> Result<Identity, Failure> {
        let identity = self.keystore.open(name, &self.passphrase)?;
        if !session {
            return Ok(identity);
        }
        let key = crate::sessions::open(&self.keystore, name, &self.passphrase)?;
        Ok(identity.signing_with(key))
    }

    /// How the node's network began: the same as of the folder that the keys are in, if that is a network's.
    pub(crate) async fn genesis(&self) -> Result<Genesis, Failure> {
        let told = self.client.open("/v1/network").await?;
        let genesis = Genesis::parse(&bytes(&told, "genesis")?).map_err(|error| wrong(&error))?;
        let known = pinned(&self.pinned)?;
        if known.is_some_and(|known| known.network() != genesis.network()) {
            return Err(Failure::new(
                "other-network",
                "the node belongs to another network than the keys",
            )
            .hint("check the address, or name other keys with --keys")
            .exit(Exit::Verification));
        }
        Ok(genesis)
    }

    /// What members and groups are called here.
    pub(crate) fn names(&self) -> Names {
        Names::in_keys(&self.keystore)
    }

    /// Write new keys down: under the passphrase of those that are here.
    pub(crate) fn save_identity(&self, identity: &Identity) -> Result<(), Failure> {
        self.keystore.save(identity, &self.passphrase, KeyFileParams::DEFAULT)
    }

    /// Write a rotated key down, beside the one in use.
    pub(crate) fn stage(&self, identity: &Identity) -> Result<(), Failure> {
        self.keystore.stage(identity, &self.passphrase, KeyFileParams::DEFAULT)
    }

    /// A rotated key that was written down, if it was.
    pub(crate) fn staged(&self, name: &str) -> Result<Option<Identity>, Failure> {
        self.keystore.staged(name, &self.passphrase)
    }

    /// What its card here calls a member, else its id.
    pub(crate) fn name_of(&self, id: &str) -> String {
        let cards = self.keystore.cards().unwrap_or_default();
        cards.into_iter().find(|card| card.member == id).map_or_else(|| id.to_owned(), |c| c.name)
    }

    /// A member by the name that its card here has, or by its id.
    pub(crate) fn member(&self, name: &str) -> Result<MemberId, Failure> {
        if name.starts_with("snid1") {
            return name.parse().map_err(|error: secnet_types::IdError| {
                Failure::new("bad-id", error.to_string()).exit(Exit::Usage)
            });
        }
        self.keystore.card(name)?.id()
    }

    /// The network that commands and requests are signed for.
    pub(crate) async fn network(&self) -> Result<NetworkId, Failure> {
        self.genesis().await.map(|genesis| genesis.network())
    }
}

/// The genesis in this file, if it is there.
fn pinned(path: &Path) -> Result<Option<Genesis>, Failure> {
    let known = files::read_if_present(path, limits::MAX_GENESIS_BYTES as u64)?;
    // A damaged file must not let any network pass for the one that it named.
    known.map(|bytes| Genesis::parse(&bytes)).transpose().map_err(|error| {
        Failure::new("bad-genesis", format!("`{}` is damaged", path.display()))
            .because(&error)
            .hint("put it back from a backup; only who removes it trusts the network that the node names")
            .exit(Exit::Verification)
    })
}

/// What is refused at a node elsewhere, and what to do instead.
pub(crate) fn not_remote(why: &str, hint: &str) -> Failure {
    Failure::new("not-remote", why).hint(hint).exit(Exit::Usage)
}

/// What the node said is not what it should be.
pub(crate) fn wrong(error: &dyn std::error::Error) -> Failure {
    Failure::new("bad-answer", "the node's answer cannot be used")
        .because(error)
        .hint("is there a SecNet node of this version at the address?")
        .exit(Exit::Verification)
}

/// A field of an answer.
pub(crate) fn text<'v>(answer: &'v Value, field: &str) -> Result<&'v str, Failure> {
    answer.get(field).and_then(Value::as_str).ok_or_else(|| missing(field))
}

/// A whole number in a field of an answer.
pub(crate) fn number(answer: &Value, field: &str) -> Result<u32, Failure> {
    let number = answer.get(field).and_then(Value::as_u64);
    number.and_then(|number| u32::try_from(number).ok()).ok_or_else(|| missing(field))
}

fn missing(field: &str) -> Failure {
    Failure::new("bad-answer", format!("the node's answer has no `{field}`"))
        .hint("is there a SecNet node of this version at the address?")
        .exit(Exit::Verification)
}

/// Bytes in a field of an answer.
pub(crate) fn bytes(answer: &Value, field: &str) -> Result<Vec<u8>, Failure> {
    Base64UrlUnpadded::decode_vec(text(answer, field)?).map_err(|error| wrong(&error))
}

/// Bytes for a field of a call.
pub(crate) fn encoded(bytes: &[u8]) -> Value {
    Base64UrlUnpadded::encode_string(bytes).into()
}
