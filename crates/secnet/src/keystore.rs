//! Keys on disk: one passphrase-protected file for each identity, one public card beside it.

use std::path::{Path, PathBuf};

use base64ct::{Base64, Encoding as _};
use secnet_crypto::keyfile::KeyFileError;
use secnet_crypto::keyfile::{self, MAX_KEY_FILE_LEN};
use secnet_crypto::{KeyFileParams, SealKeyPair, SigningKey, Zeroizing};
use secnet_types::{Digest, MemberId, MemberKind};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::files;
use crate::system::rng;

/// Longest name of an identity.
const MAX_NAME_BYTES: usize = 64;
/// Longest card, in bytes.
const MAX_CARD_BYTES: u64 = 16 * 1024;
/// How the file of a rotated key ends until the ledger has taken it.
pub(crate) const STAGED: &str = "key.new";
/// How the file of the key before the last rotation ends.
pub(crate) const FORMER: &str = "key.old";
const RESTORE: &str = "`secnet restore` puts a backup into another folder";

/// The secret half of an identity.
#[derive(Debug)]
pub(crate) struct Identity {
    pub card: Card,
    pub signing: SigningKey,
    pub sealing: SealKeyPair,
    /// Stays when the keys are rotated.
    id: MemberId,
}

/// The public half, as anybody may see it. In a file `NAME.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Card {
    /// What this folder calls it.
    pub name: String,
    /// person, organisation, node or device.
    pub kind: String,
    /// Its id on the ledger.
    pub member: String,
    /// Its Ed25519 key as a DID.
    pub did: String,
    /// Its X-Wing public key, base64.
    pub sealing_key: String,
}

impl Card {
    pub(crate) fn id(&self) -> Result<MemberId, Failure> {
        self.member.parse().map_err(|error: secnet_types::IdError| {
            Failure::new("bad-card", format!("the card of `{}` is damaged", self.name))
                .because(&error)
        })
    }
}

impl Identity {
    /// A new identity with fresh keys.
    pub(crate) fn generate(name: &str, kind: MemberKind) -> Result<Self, Failure> {
        check_name(name)?;
        Ok(Self::from_keys(
            name,
            kind,
            SigningKey::generate(&mut rng()),
            SealKeyPair::generate(&mut rng()),
        ))
    }

    fn from_keys(name: &str, kind: MemberKind, signing: SigningKey, sealing: SealKeyPair) -> Self {
        let key = signing.verifying_key();
        let id = MemberId::from_key(&key);
        let card = Card {
            name: name.to_owned(),
            kind: kind_word(kind).to_owned(),
            member: id.to_string(),
            did: key.to_did_key(),
            sealing_key: Base64::encode_string(&sealing.public.to_bytes()),
        };
        Self { card, signing, sealing, id }
    }

    /// The same identity with a new signing key.
    pub(crate) fn with_new_key(&self) -> Self {
        let signing = SigningKey::generate(&mut rng());
        let card = Card { did: signing.verifying_key().to_did_key(), ..self.card.clone() };
        Self {
            card,
            signing,
            sealing: SealKeyPair::from_seed(*self.sealing.secret.seed()),
            id: self.id,
        }
    }

    /// The same member, signing with another key.
    pub(crate) fn signing_with(self, signing: SigningKey) -> Self {
        Self { signing, ..self }
    }

    pub(crate) fn member(&self) -> MemberId {
        self.id
    }

    pub(crate) fn sealing_digest(&self) -> Digest {
        Digest::of(&self.sealing.public.to_bytes())
    }

    /// A key for this identity's own files, never for anything that must be destroyable by itself. It comes from the seed
    /// that stays when the signing key is rotated, so that a rotation has nothing to seal anew and nothing to lose.
    pub(crate) fn file_key(&self) -> Zeroizing<[u8; 32]> {
        secnet_crypto::derive("secnet/identity-file/v1", &[self.sealing.secret.seed()])
    }
}

/// The folder of keys.
#[derive(Debug, Clone)]
pub(crate) struct Keystore {
    dir: PathBuf,
}

impl AsRef<Self> for Keystore {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl Keystore {
    pub(crate) fn at(dir: &Path) -> Self {
        Self { dir: dir.to_path_buf() }
    }

    /// Write a new identity. An existing name is refused: overwriting a key loses what it can open.
    pub(crate) fn save(
        &self,
        identity: &Identity,
        passphrase: &str,
        cost: KeyFileParams,
    ) -> Result<(), Failure> {
        let name = &identity.card.name;
        let path = self.key_path(name);
        // Of several at once one is the first.
        let free = !path.exists()
            && files::write_private_new(&path, protect(identity, passphrase, cost)?.as_bytes())?;
        if free {
            return self.write_card(&identity.card);
        }
        Err(Failure::new("name-taken", format!("there is already an identity `{name}`"))
            .hint("choose another name"))
    }

    /// Write a rotated key down beside the one in use.
    pub(crate) fn stage(
        &self,
        identity: &Identity,
        passphrase: &str,
        cost: KeyFileParams,
    ) -> Result<(), Failure> {
        let staged = self.staged_path(&identity.card.name);
        files::write_private(&staged, protect(identity, passphrase, cost)?.as_bytes())
    }

    /// A rotated key that was written down, if it was.
    pub(crate) fn staged(&self, name: &str, passphrase: &str) -> Result<Option<Identity>, Failure> {
        if !self.staged_path(name).exists() {
            return Ok(None);
        }
        self.open_beside(name, STAGED, passphrase).map(Some)
    }

    /// A member with a key that is not the one in use.
    pub(crate) fn open_beside(
        &self,
        name: &str,
        suffix: &str,
        passphrase: &str,
    ) -> Result<Identity, Failure> {
        let path = self.beside(name, suffix);
        let card = self.card(name)?;
        let (signing, sealing) = open_seeds(&path, name, passphrase)?;
        let (id, did) = (card.id()?, signing.verifying_key().to_did_key());
        Ok(Identity { card: Card { did, ..card }, signing, sealing, id })
    }

    /// Put a rotated key in place of the one in use, which stays beside it as `NAME.key.old`. The staged file goes last:
    /// as long as it is there this can be done again.
    pub(crate) fn take_over(&self, identity: &Identity) -> Result<(), Failure> {
        let name = &identity.card.name;
        let (path, staged) = (self.key_path(name), self.staged_path(name));
        let rename = |from: &Path, to: &Path| {
            std::fs::rename(from, to).map_err(|error| Failure::io("rename", from, &error))
        };
        self.write_card(&identity.card)?;
        if path.exists() {
            rename(&path, &self.beside(name, FORMER))?;
        }
        rename(&staged, &path)?;
        files::sync_folder(&self.dir)
    }

    /// Forget a rotated key that the ledger does not know.
    pub(crate) fn drop_staged(&self, name: &str) -> Result<(), Failure> {
        files::remove(&self.staged_path(name))
    }

    /// Open an identity with its passphrase.
    pub(crate) fn open(&self, name: &str, passphrase: &str) -> Result<Identity, Failure> {
        let card = self.card(name)?;
        let (signing, sealing) = open_seeds(&self.key_path(name), name, passphrase)?;
        if signing.verifying_key().to_did_key() != card.did {
            return Err(damaged(name).hint("the key does not belong to the card beside it"));
        }
        let id = card.id()?;
        Ok(Identity { card, signing, sealing, id })
    }

    /// The public card of an identity.
    pub(crate) fn card(&self, name: &str) -> Result<Card, Failure> {
        check_name(name)?;
        let path = self.card_path(name);
        if !path.exists() {
            return Err(Failure::new(
                "unknown-identity",
                format!("there is no identity `{name}` here"),
            )
            .hint("`secnet id` lists those there are; `secnet id new NAME` makes one"));
        }
        let text = files::read_text(&path, MAX_CARD_BYTES)?;
        serde_json::from_str(&text).map_err(|error| {
            Failure::new("bad-card", format!("`{}` is damaged", path.display()))
                .because(&error)
                .hint("`secnet restore` puts a backup, with all cards, into another folder")
        })
    }

    fn write_card(&self, card: &Card) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(card).unwrap_or_default();
        files::write_private(&self.card_path(&card.name), text.as_bytes())
    }

    /// All cards, by name.
    pub(crate) fn cards(&self) -> Result<Vec<Card>, Failure> {
        let files = self.files()?;
        files
            .iter()
            .filter_map(|file| file.strip_suffix(".json"))
            .map(|name| self.card(name))
            .collect()
    }

    /// The names of all files in the folder, in order.
    pub(crate) fn files(&self) -> Result<Vec<String>, Failure> {
        let failed = |error: std::io::Error| Failure::io("read", &self.dir, &error);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.dir).map_err(failed)? {
            names.extend(entry.map_err(failed)?.file_name().into_string().ok());
        }
        names.sort();
        Ok(names)
    }

    /// Where an identity's other files go.
    pub(crate) fn beside(&self, name: &str, suffix: &str) -> PathBuf {
        self.dir.join(format!("{name}.{suffix}"))
    }

    fn key_path(&self, name: &str) -> PathBuf {
        self.beside(name, "key")
    }

    fn staged_path(&self, name: &str) -> PathBuf {
        self.beside(name, STAGED)
    }

    fn card_path(&self, name: &str) -> PathBuf {
        self.beside(name, "json")
    }
}

/// Both seeds, protected.
fn protect(identity: &Identity, passphrase: &str, cost: KeyFileParams) -> Result<String, Failure> {
    let mut seeds = Zeroizing::new(Vec::with_capacity(64));
    seeds.extend_from_slice(identity.signing.seed());
    seeds.extend_from_slice(identity.sealing.secret.seed());
    keyfile::encrypt(&seeds, passphrase, cost, &mut rng())
        .map_err(|error| Failure::new("key-file", "cannot protect the key").because(&error))
}

/// Both keys, from their protected file.
fn open_seeds(
    path: &Path,
    name: &str,
    passphrase: &str,
) -> Result<(SigningKey, SealKeyPair), Failure> {
    let seeds = open_key_file(path, &format!("`{name}`"), passphrase)?;
    match seeds.as_chunks::<32>() {
        ([signing, sealing], []) => {
            Ok((SigningKey::from_seed(*signing), SealKeyPair::from_seed(*sealing)))
        }
        _ => Err(damaged(name)),
    }
}

/// The secret in a key file. A wrong passphrase and a damaged secret look the same; anything else is damage.
pub(crate) fn open_key_file(
    path: &Path,
    whose: &str,
    passphrase: &str,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let text = files::read_text(path, MAX_KEY_FILE_LEN as u64)?;
    keyfile::decrypt(&text, passphrase).map_err(|error| match error {
        KeyFileError::Rejected => {
            Failure::new("wrong-passphrase", format!("cannot open the key of {whose}"))
                .because(&error)
                .hint("check the passphrase; there is no way around it")
        }
        error => Failure::new("key-file", format!("cannot open the key of {whose}"))
            .because(&error)
            .hint(RESTORE),
    })
}

fn damaged(name: &str) -> Failure {
    Failure::new("key-file", format!("the key file of `{name}` is damaged")).hint(RESTORE)
}

/// Names become file names, so only plain ones are taken.
pub(crate) fn check_name(name: &str) -> Result<(), Failure> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty()
        || name.len() > MAX_NAME_BYTES
        || !name.chars().all(plain)
        || name.starts_with('-')
    {
        return Err(Failure::new("bad-name", format!("`{name}` is not a name for an identity"))
            .hint("use lower-case letters, digits and hyphens, at most 64")
            .exit(crate::failure::Exit::Usage));
    }
    Ok(())
}

pub(crate) const fn kind_word(kind: MemberKind) -> &'static str {
    match kind {
        MemberKind::Person => "person",
        MemberKind::Organisation => "organisation",
        MemberKind::Node => "node",
        MemberKind::Device => "device",
    }
}
