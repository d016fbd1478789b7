//! Are a folder's keys whole, and are they the keys of the members that the ledger knows?

use std::path::Path;

use base64ct::{Base64, Encoding as _};
use secnet_ledger::State;
use secnet_types::{Digest, MemberId};
use secnet_vault::{BackupEpochs, StorageKey};

use crate::keystore::{Card, Identity, Keystore, kind_word};
use crate::node::BACKUP_EPOCHS;
use crate::{actions, erased, kept};

/// Something that is wrong: the file, and the problem.
pub(crate) type Wrong = (String, String);

/// Open every file in the folder of keys.
pub(crate) fn keys(
    folder: &Path,
    passphrase: &str,
    storage: StorageKey,
    state: &State,
) -> Vec<Wrong> {
    let keystore = Keystore::at(folder);
    let files = match keystore.files() {
        Ok(files) => files,
        Err(failure) => return vec![(folder.display().to_string(), failure.message)],
    };
    let mut wrong = Vec::new();
    let mut names: Vec<&str> = files
        .iter()
        .filter_map(|file| file.strip_suffix(".json").or_else(|| file.strip_suffix(".key")))
        .collect();
    names.dedup();
    for name in names {
        identity(&keystore, name, passphrase, state, &mut wrong);
    }
    let epochs = folder.join(BACKUP_EPOCHS);
    if epochs.exists() {
        match BackupEpochs::open(&epochs, storage) {
            Ok(epochs) => {
                if let Err(failure) = erased::noted(&epochs) {
                    wrong.push((BACKUP_EPOCHS.into(), failure.message));
                }
            }
            Err(error) => wrong.push((BACKUP_EPOCHS.into(), error.to_string())),
        }
    }
    wrong
}

/// One identity: its card, its key, and what is sealed under it.
fn identity(
    keystore: &Keystore,
    name: &str,
    passphrase: &str,
    state: &State,
    wrong: &mut Vec<Wrong>,
) {
    let card = match keystore.card(name) {
        Ok(card) => card,
        Err(failure) => return wrong.push((format!("{name}.json"), failure.message)),
    };
    if let Some(problem) = against_the_ledger(&card, name, state) {
        wrong.push((format!("{name}.json"), problem));
    }
    let identity = match keystore.open(name, passphrase) {
        Ok(identity) => identity,
        Err(failure) => {
            return wrong.push((format!("{name}.key"), sentence(&failure)));
        }
    };
    if Base64::encode_string(&identity.sealing.public.to_bytes()) != identity.card.sealing_key {
        wrong.push((format!("{name}.json"), "its sealing key is not that of the key file".into()));
    }
    sealed(keystore, &identity, wrong);
}

fn sealed(keystore: &Keystore, identity: &Identity, wrong: &mut Vec<Wrong>) {
    let name = &identity.card.name;
    if let Err(failure) = actions::compartments(keystore, identity) {
        wrong.push((format!("{name}.compartments"), sentence(&failure)));
    }
    match kept::damaged(keystore, identity) {
        Ok(files) => wrong.extend(files),
        Err(failure) => wrong.push((name.clone(), failure.message)),
    }
}

/// A card says of a member what the ledger says of it.
fn against_the_ledger(card: &Card, file: &str, state: &State) -> Option<String> {
    if card.name != file {
        return Some(format!("it is the card of `{}`", card.name));
    }
    let id: MemberId = match card.id() {
        Ok(id) => id,
        Err(failure) => return Some(failure.message),
    };
    let Some(member) = state.member(id) else {
        return Some("the ledger does not know this member".into());
    };
    let did = secnet_crypto::VerifyingKey::from_bytes(member.key).map(|key| key.to_did_key());
    let sealing = Base64::decode_vec(&card.sealing_key).map(|key| Digest::of(&key));
    if kind_word(member.kind) != card.kind {
        return Some(format!("the ledger knows it as {}", kind_word(member.kind)));
    }
    if did.ok().as_ref() != Some(&card.did) {
        return Some("the ledger knows another signing key".into());
    }
    if sealing.ok() != Some(member.sealing_key) {
        return Some("the ledger knows another sealing key".into());
    }
    None
}

fn sentence(failure: &crate::failure::Failure) -> String {
    let mut text = failure.message.clone();
    for cause in &failure.causes {
        text.push_str(": ");
        text.push_str(cause);
    }
    text
}
