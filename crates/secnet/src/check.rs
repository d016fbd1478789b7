//! Are a folder's keys whole, and are they the keys of the members that the ledger knows?

use std::path::Path;

use base64ct::{Base64, Encoding as _};
use secnet_ledger::{DatasetStatus, State};
use secnet_types::{Digest, Genesis, MemberId, ValidatorKey};
use secnet_vault::BackupEpochs;

use crate::actions::COMPARTMENTS;
use crate::keystore::{Card, FORMER, Identity, Keystore, STAGED, kind_word};
use crate::node::{BACKUP_EPOCHS, NODE_KEYS, OwnKeys, lacks_epochs};
use crate::{actions, erased, groups, kept, sessions};

/// Something that is wrong: the file, and the problem.
pub(crate) type Wrong = (String, String);

/// Identities that are tried to tell a wrong passphrase from a damaged file: each costs a stretched passphrase.
const MAX_TRIED: usize = 4;

const OTHER_SEALING_KEY: &str = "its sealing key is not that of the card beside it";

/// Does the passphrase open any identity here?
pub(crate) fn passphrase_opens(folder: &Path, passphrase: &str) -> bool {
    let keystore = Keystore::at(folder);
    let files = keystore.files().unwrap_or_default();
    let names = files.iter().filter_map(|file| file.strip_suffix(".key"));
    names.take(MAX_TRIED).any(|name| keystore.open(name, passphrase).is_ok())
}

/// Open every file in the folder of keys, but for the node's own, which are opened already if they can be.
pub(crate) fn keys(
    folder: &Path,
    passphrase: &str,
    own: Option<&OwnKeys>,
    (genesis, state): (&Genesis, &State),
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
        identity(&keystore, name, passphrase, (state, own.map(|own| own.pdc)), &mut wrong);
    }
    for file in &files {
        other_key(&keystore, file, passphrase, &mut wrong);
        let problem = session_or_group(&keystore, file, passphrase, state);
        wrong.extend(problem.map(|problem| (file.clone(), problem)));
    }
    if let Some(own) = own {
        let problem = owns_the_ledger(own, genesis, state);
        wrong.extend(problem.map(|problem| (NODE_KEYS.into(), problem.into())));
        wrong.extend(epochs(&folder.join(BACKUP_EPOCHS), own));
    }
    if folder.parent().is_some_and(lacks_epochs) {
        let problem =
            "it is missing: no backup opens without it, and nothing says what was erased since";
        wrong.push((BACKUP_EPOCHS.into(), problem.into()));
    }
    wrong
}

/// The ledger is written with one of the node's keys, and knows its member by another.
fn owns_the_ledger(own: &OwnKeys, genesis: &Genesis, state: &State) -> Option<&'static str> {
    match &genesis.validators {
        None if own.sequencer != genesis.sequencer => {
            return Some("the sequencer's key is not the one that the genesis names");
        }
        Some(_) => {
            let key = ValidatorKey(own.sequencer);
            if !state.epochs().any(|(_, epoch)| epoch.nodes.all().any(|node| node.key == key)) {
                return Some(
                    "the node's key is none of the network's; governors let it in with `secnet net admit`",
                );
            }
        }
        _ => {}
    }
    match state.member(own.pdc) {
        None => Some("the ledger does not know this data centre"),
        Some(member) if member.key != own.pdc.0 => Some("the ledger knows another signing key"),
        Some(member) if member.sealing_key != own.sealing => {
            Some("the ledger knows another sealing key")
        }
        Some(_) => None,
    }
}

fn epochs(file: &Path, own: &OwnKeys) -> Option<Wrong> {
    let noted = match file.exists().then(|| BackupEpochs::open(file, own.storage.clone()))? {
        Ok(epochs) => erased::noted(&epochs).err().map(|failure| failure.message),
        Err(error) => Some(error.to_string()),
    };
    noted.map(|problem| (BACKUP_EPOCHS.into(), problem))
}

/// The key before the last rotation, or after one that the ledger has not taken yet: the same member's.
fn other_key(keystore: &Keystore, file: &str, passphrase: &str, wrong: &mut Vec<Wrong>) {
    for suffix in [STAGED, FORMER] {
        let name = file.strip_suffix(suffix).and_then(|name| name.strip_suffix('.'));
        let Some(name) = name else { continue };
        match keystore.open_beside(name, suffix, passphrase) {
            Ok(identity) if seals_with_its_card(&identity) => {}
            Ok(_) => wrong.push((file.into(), OTHER_SEALING_KEY.into())),
            Err(failure) => wrong.push((file.into(), sentence(&failure))),
        }
    }
}

fn session_or_group(
    keystore: &Keystore,
    file: &str,
    passphrase: &str,
    state: &State,
) -> Option<String> {
    let (name, suffix) = file.rsplit_once('.')?;
    if suffix == sessions::SUFFIX {
        let opened = sessions::open(keystore, name, passphrase);
        return opened.err().map(|failure| sentence(&failure));
    }
    if suffix != groups::SUFFIX {
        return None;
    }
    match groups::read(keystore, name) {
        None => Some("it holds no group's id".into()),
        Some(group) if state.group(group).is_none() => {
            Some("the ledger does not know this group".into())
        }
        Some(_) => None,
    }
}

fn seals_with_its_card(identity: &Identity) -> bool {
    Base64::encode_string(&identity.sealing.public.to_bytes()) == identity.card.sealing_key
}

/// One identity: its card, its key, and what is sealed under it.
fn identity(
    keystore: &Keystore,
    name: &str,
    passphrase: &str,
    (state, pdc): (&State, Option<MemberId>),
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
    if !seals_with_its_card(&identity) {
        wrong.push((format!("{name}.json"), "its sealing key is not that of the key file".into()));
    }
    sealed(keystore, &identity, wrong);
    let file = format!("{name}.{COMPARTMENTS}");
    if owns_records(state, identity.member(), pdc) && !keystore.beside(name, COMPARTMENTS).exists()
    {
        wrong
            .push((file, "it is missing, and with it what opens the records of this owner".into()));
    }
}

/// Does a member have a dataset here that is more than a name?
fn owns_records(state: &State, owner: MemberId, pdc: Option<MemberId>) -> bool {
    state
        .datasets_of(owner)
        .filter_map(|id| state.dataset(id))
        .any(|dataset| Some(dataset.pdc) == pdc && dataset.status == DatasetStatus::Active)
}

fn sealed(keystore: &Keystore, identity: &Identity, wrong: &mut Vec<Wrong>) {
    let name = &identity.card.name;
    if let Err(failure) = actions::compartments(keystore, identity) {
        wrong.push((format!("{name}.{COMPARTMENTS}"), sentence(&failure)));
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

pub(crate) fn sentence(failure: &crate::failure::Failure) -> String {
    let mut text = failure.message.clone();
    for cause in &failure.causes {
        text.push_str(": ");
        text.push_str(cause);
    }
    text
}
