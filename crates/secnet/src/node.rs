//! A data folder, opened: ledger, vault, archive, keys, and the data centre on top.
//!
//! ```text
//! DIR/format         which form the folder has
//! DIR/genesis.cbor   how the network began
//! DIR/ledger/        the ledger
//! DIR/log/           checkpoint and tiles, plain files for anybody
//! DIR/closed/        the ledgers of the networks before
//! DIR/votes/         what a validator voted for
//! DIR/vault/         encrypted segments
//! DIR/vault.place    where these are, if they are elsewhere
//! DIR/archive/       encrypted details, packets, facts
//! DIR/keys/          passphrase-protected keys, public cards
//! DIR/passphrase     only in demo folders: the published passphrase
//! DIR/backed-up      says that keys/backup.epochs belongs to the folder
//! ```

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use secnet_app::ports::{ArchiveError, Clock as _, SubmitError, VaultError};
use secnet_app::{
    AccessError, Doors, LocalRelease, NodeCard, Parts, Pdc, Release, ReleaseDesk, SignedNodeCard,
};
use secnet_crypto::keyfile;
use secnet_crypto::{KeyFileParams, SealKeyPair, SigningKey, Zeroizing};
use secnet_node::store::{Exporter, Store, StoreError};
use secnet_node::{Chain, QuorumRelease, Reserve, Solo, open_checkpoint, store_options};
use secnet_types::{
    Change, CommandId, Digest, Founder, Genesis, GovernorApproval, MemberCard, MemberId,
    MemberKind, NetworkId, Operation, Parameters, Proposal, Signed, SignedCommand, ValidatorKey,
    encode,
};
use secnet_vault::{BackupEpochs, BackupError, PrivateArchive, SegmentVault, StorageKey};

use crate::config::Network;
use crate::evidence;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::format;
use crate::keystore::{Identity, Keystore, open_key_file};
use crate::ledger::Ledger;
use crate::network::{Part, is_network, take_part};
use crate::system::{SystemClock, SystemEntropy, random, rng};
use crate::vault::{self, Where};

/// The ledger, in a data folder.
pub(crate) const LEDGER: &str = "ledger";
/// The identity that governs a solo network.
pub(crate) const GOVERNOR: &str = "governor";
/// The keys of backups, in the keys folder, and the note of what was erased. Not in the backups themselves, or the keys
/// would never die.
pub(crate) const BACKUP_EPOCHS: &str = "backup.epochs";
/// Says, in the data folder, that there are such keys, so that it is missed if they are gone.
const EPOCHS_EXPECTED: &str = "backed-up";
/// The node's own keys, in the keys folder.
pub(crate) const NODE_KEYS: &str = "node.keys";
const NODE_SEEDS: usize = 5;
/// How long a governance proposal made here may wait, in milliseconds.
const PROPOSAL_LIFETIME_MS: u64 = 60_000;

/// The secret keys of the node itself.
pub(crate) struct NodeKeys {
    sequencer: Arc<SigningKey>,
    pdc: Arc<SigningKey>,
    pdc_sealing: SealKeyPair,
    release: SealKeyPair,
    storage: Zeroizing<[u8; 32]>,
}

/// An open data folder.
pub(crate) struct Node {
    pub dir: PathBuf,
    pub keystore: Keystore,
    pub pdc: Arc<Pdc>,
    pub ledger: Arc<dyn Ledger>,
    /// How it takes part in a network, if it does.
    pub part: Option<Part>,
    pub vault: SegmentVault,
    /// Where the segments are.
    pub place: Where,
    pub archive: PrivateArchive,
    storage: Zeroizing<[u8; 32]>,
    passphrase: Zeroizing<String>,
    /// What stretching the passphrase of a new key costs.
    pub(crate) cost: KeyFileParams,
}

impl Node {
    /// Make a new data folder with a network of its own.
    pub(crate) async fn create(dir: &Path, name: &str, passphrase: &str) -> Result<Self, Failure> {
        Self::create_at_cost(dir, name, passphrase, KeyFileParams::DEFAULT).await
    }

    /// As [`Node::create`], with the segments where the configuration says.
    pub(crate) async fn create_with(
        dir: &Path,
        name: &str,
        passphrase: &str,
        place: &Where,
    ) -> Result<Self, Failure> {
        Self::make(dir, name, passphrase, (KeyFileParams::DEFAULT, place)).await
    }

    /// As [`Node::create`], with another cost of stretching the passphrase.
    pub(crate) async fn create_at_cost(
        dir: &Path,
        name: &str,
        passphrase: &str,
        cost: KeyFileParams,
    ) -> Result<Self, Failure> {
        Self::make(dir, name, passphrase, (cost, &Where::Folder)).await
    }

    async fn make(
        dir: &Path,
        name: &str,
        passphrase: &str,
        (cost, place): (KeyFileParams, &Where),
    ) -> Result<Self, Failure> {
        if dir.join("genesis.cbor").exists() {
            return Err(Failure::new(
                "exists",
                format!("`{}` already holds a network", dir.display()),
            )
            .hint("use it, or give another folder with --dir"));
        }
        crate::output::check_plain("name", name)?;
        files::make_private_dir(dir)?;
        // What may not answer comes first: so far there is nothing that would have to go again.
        let vault = vault::begin(dir, place).await?;
        let keystore = Keystore::at(&dir.join("keys"));
        let governor = Identity::generate(GOVERNOR, MemberKind::Organisation)?;
        keystore.save(&governor, passphrase, cost)?;
        let keys = NodeKeys::generate();
        keys.save(&dir.join("keys"), passphrase, cost)?;

        let mut founders = vec![founder(&governor), keys.founder()];
        founders.sort_by_key(|founder| founder.member);
        let genesis = Genesis {
            version: Genesis::VERSION,
            name: name.to_owned(),
            time: SystemClock.now(),
            salt: random(),
            founders,
            governors: vec![governor.member()],
            threshold: 1,
            sequencer: *keys.sequencer.verifying_key().as_bytes(),
            parameters: Parameters::default(),
            predecessor: None,
            validators: None,
        };
        let store = Store::open(&dir.join(LEDGER), store_options(true))
            .map_err(|error| ledger_failure(&error))?;
        let chain = Chain::create(store, genesis.clone(), Arc::clone(&keys.sequencer))
            .map_err(|error| ledger_failure(&error))?;
        format::write(dir, format::FORMAT)?;
        // Last, because its presence says that the folder is complete.
        files::write_private(&dir.join("genesis.cbor"), &encode(&genesis))?;
        let ledger = (solo(dir, chain)?, None);
        let vault = (vault, place.clone());
        let mut node = Self::assemble(dir, ledger, keys, passphrase, vault).await?;
        node.cost = cost;
        node.pdc.keep_sealing_key(&governor.sealing.public).await.map_err(access_failure)?;
        Ok(node)
    }

    /// Open a data folder that has a sequencer of its own.
    pub(crate) async fn open(dir: &Path, passphrase: &str, place: &Where) -> Result<Self, Failure> {
        Self::open_in(dir, passphrase, place, None).await
    }

    /// Open a data folder; that of a network is opened only to take part in it.
    pub(crate) async fn open_in(
        dir: &Path,
        passphrase: &str,
        place: &Where,
        network: Option<&Network>,
    ) -> Result<Self, Failure> {
        require(dir)?;
        vault::agrees(dir, place)?;
        let keys = NodeKeys::load(&dir.join("keys"), passphrase)?;
        let store = Store::open(&dir.join(LEDGER), store_options(false))
            .map_err(|error| store_failure(&error))?;
        not_behind(dir, &store)?;
        // The ledger's lock is held: nobody else does the same.
        for what in format::upgrade(dir)? {
            tracing::info!(what, "the folder was brought to a newer form");
        }
        // The ledger's lock is held, so nobody else writes here.
        files::remove_unfinished(&dir.join("keys"))?;
        let ledger = if is_network(&store)? {
            let (ledger, part) = take_part(dir, store, &keys, network)?;
            (ledger, Some(part))
        } else {
            let chain = Chain::open(store, Some(Arc::clone(&keys.sequencer)))
                .map_err(|error| ledger_failure(&error))?;
            (solo(dir, chain)?, None)
        };
        let vault = (vault::open(dir, place).await?, place.clone());
        let node = Self::assemble(dir, ledger, keys, passphrase, vault).await?;
        // Whoever takes the disk finds no key that is past its date, even if no backup was made since.
        node.epochs()?.expire(SystemClock.now()).map_err(|error| backup_failure(&error))?;
        crate::rotate::settle(&node)?;
        Ok(node)
    }

    async fn assemble(
        dir: &Path,
        (ledger, part): (Arc<dyn Ledger>, Option<Part>),
        keys: NodeKeys,
        passphrase: &str,
        (vault, place): (SegmentVault, Where),
    ) -> Result<Self, Failure> {
        let clock = Arc::new(SystemClock);
        let entropy = Arc::new(SystemEntropy);
        let archive =
            PrivateArchive::open(&dir.join("archive"), StorageKey::from_bytes(*keys.storage))
                .map_err(|error| {
                    Failure::new("archive", "cannot open the archive").because(&error)
                })?;
        let member = MemberId::from_key(&keys.pdc.verifying_key());
        let alone = keys.release;
        let release: Arc<dyn Release> = match (&part, ledger.link()) {
            (Some(part), Some(link)) => {
                let alone = ReleaseDesk::new(alone, entropy.clone(), clock.clone());
                let (desks, archive) = ((Arc::clone(&part.desk), alone), Arc::new(archive.clone()));
                Arc::new(QuorumRelease::new(desks, ledger.clone(), archive, link))
            }
            _ => {
                let (entropy, clock) = (entropy.clone(), clock.clone());
                Arc::new(LocalRelease::new(alone, entropy, ledger.clone(), clock))
            }
        };
        let pdc = Pdc::new(Parts {
            log: ledger.clone(),
            vault: Arc::new(vault.clone()),
            archive: Arc::new(archive.clone()),
            release,
            clock,
            entropy,
            signer: keys.pdc,
            member,
            doors: part.as_ref().map(|part| Arc::clone(&part.doors)).unwrap_or_default(),
            sealing: Box::new(keys.pdc_sealing),
        })
        .await
        .map_err(|error| access_failure(error.into()))?;
        let keystore = Keystore::at(&dir.join("keys"));
        let passphrase = Zeroizing::new(passphrase.to_owned());
        let storage = keys.storage;
        Ok(Self {
            dir: dir.to_path_buf(),
            keystore,
            pdc: Arc::new(pdc),
            ledger,
            part,
            vault,
            place,
            archive,
            storage,
            passphrase,
            cost: KeyFileParams::DEFAULT,
        })
    }

    /// Open one of the folder's identities.
    pub(crate) fn identity(&self, name: &str) -> Result<Identity, Failure> {
        self.keystore.open(name, &self.passphrase)
    }

    /// What protects the keys of this folder.
    pub(crate) fn passphrase(&self) -> &str {
        &self.passphrase
    }

    /// An identity that signs with its session key.
    pub(crate) fn by_session(&self, name: &str) -> Result<Identity, Failure> {
        let identity = self.identity(name)?;
        let key = crate::sessions::open(&self.keystore, name, &self.passphrase)?;
        Ok(identity.signing_with(key))
    }

    /// Write a new identity's keys.
    pub(crate) fn save_identity(&self, identity: &Identity) -> Result<(), Failure> {
        self.keystore.save(identity, &self.passphrase, self.cost)
    }

    /// Write a rotated key down, beside the one in use.
    pub(crate) fn stage(&self, identity: &Identity) -> Result<(), Failure> {
        self.keystore.stage(identity, &self.passphrase, self.cost)
    }

    /// A rotated key that was written down, if it was.
    pub(crate) fn staged(&self, name: &str) -> Result<Option<Identity>, Failure> {
        self.keystore.staged(name, &self.passphrase)
    }

    /// The keys of the backups that are still alive.
    pub(crate) fn epochs(&self) -> Result<BackupEpochs, Failure> {
        let file = self.dir.join("keys").join(BACKUP_EPOCHS);
        BackupEpochs::open(&file, StorageKey::from_bytes(*self.storage))
            .map_err(|error| backup_failure(&error))
    }

    /// What this folder calls a member: its name, else its id.
    pub(crate) fn name_of(&self, member: MemberId) -> String {
        let id = member.to_string();
        if member == self.pdc.member {
            return "this data centre".into();
        }
        let cards = self.keystore.cards().unwrap_or_default();
        cards.into_iter().find(|card| card.member == id).map_or(id, |card| card.name)
    }

    /// A member by the name this folder gives it, or by its id.
    pub(crate) fn member(&self, name: &str) -> Result<MemberId, Failure> {
        if name.starts_with("snid1") {
            return name.parse().map_err(|error: secnet_types::IdError| {
                Failure::new("bad-id", error.to_string()).exit(Exit::Usage)
            });
        }
        self.keystore.card(name)?.id()
    }

    /// Have the governor approve a change, alone: a solo network has one.
    pub(crate) async fn govern(&self, change: Change) -> Result<(), Failure> {
        let command = self.proposed(change)?;
        self.pdc
            .log
            .submit(command.to_bytes())
            .await
            .map(drop)
            .map_err(|error| access_failure(error.into()))
    }

    /// A change with the governor's approval, ready to be handed in.
    pub(crate) fn proposed(&self, change: Change) -> Result<SignedCommand, Failure> {
        let governor = self.identity(GOVERNOR)?;
        let operation = approved(self.pdc.network(), &governor, change);
        Ok(self.pdc.sign(governor.member(), operation, &governor.signing))
    }

    /// Leave everything as it should be found: what the guard has learnt, the published log.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        self.pdc.save_guard().await.map_err(|error| access_failure(error.into()))?;
        publish(&*self.ledger, &self.dir)
    }
}

/// A governor, as a network begins with it.
pub(crate) fn founder(governor: &Identity) -> Founder {
    Founder {
        member: governor.member(),
        kind: MemberKind::Organisation,
        sealing_key: governor.sealing_digest(),
    }
}

/// A change that this governor alone approves.
pub(crate) fn approved(network: NetworkId, governor: &Identity, change: Change) -> Operation {
    let proposal = Proposal {
        network,
        id: CommandId(random()),
        expires: SystemClock.now().plus_ms(PROPOSAL_LIFETIME_MS),
        change,
    };
    let approvals = vec![GovernorApproval::sign(governor.member(), &proposal, &governor.signing)];
    Operation::Govern { proposal, approvals }
}

/// One sequencer, which signs with this folder's key.
fn solo(dir: &Path, chain: Chain) -> Result<Arc<dyn Ledger>, Failure> {
    // A reserve that a node has left serves verbs as well.
    let room = Box::new(Reserve::there(&dir.join(LEDGER)));
    let solo = Solo::start_in(chain, Arc::new(SystemClock), room)
        .map_err(|error| Failure::new("threads", "cannot start the ledger").because(&error))?;
    Ok(Arc::new(solo))
}

/// Publish checkpoint and tiles, if the log has grown.
pub(crate) fn publish(ledger: &dyn Ledger, dir: &Path) -> Result<(), Failure> {
    // A node that stops may be at it already.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock();
    let chain = ledger.chain();
    let Ok((size, checkpoint)) = ledger.checkpoint() else { return Ok(()) };
    // A validator that lost blocks gets them from the others: meanwhile what it had published stands.
    let published = evidence::published(dir).ok();
    let published = published.and_then(|note| open_checkpoint(chain.genesis(), &note).ok());
    if published.is_none_or(|published| published.size() < size) {
        Exporter::new(chain.store(), &dir.join("log"))
            .export(size, checkpoint.as_bytes())
            .map_err(|error| ledger_failure(&error))?;
    }
    Ok(())
}

/// Say that the folder has keys of backups, or a note of what was erased.
pub(crate) fn expect_epochs(dir: &Path) -> Result<(), Failure> {
    let said = dir.join(EPOCHS_EXPECTED);
    // What no backup can bring back is not noted, and makes no file.
    if said.exists() || !dir.join("keys").join(BACKUP_EPOCHS).exists() {
        return Ok(());
    }
    files::write_private(&said, b"keys/backup.epochs belongs to this folder\n")
}

/// Are the keys of backups missing, though the folder has had some?
pub(crate) fn lacks_epochs(dir: &Path) -> bool {
    dir.join(EPOCHS_EXPECTED).exists() && !dir.join("keys").join(BACKUP_EPOCHS).exists()
}

impl AsRef<Keystore> for Node {
    fn as_ref(&self) -> &Keystore {
        &self.keystore
    }
}

/// What a check of a folder needs of the node's own keys.
#[derive(Debug)]
pub(crate) struct OwnKeys {
    /// What the archive and the backups' epochs are sealed under.
    pub storage: StorageKey,
    /// The data centre's id, which is its first key.
    pub pdc: MemberId,
    pub sealing: Digest,
    pub sequencer: [u8; 32],
}

/// The node's own keys, without opening the rest.
pub(crate) fn own_keys(dir: &Path, passphrase: &str) -> Result<OwnKeys, Failure> {
    let keys = NodeKeys::load(&dir.join("keys"), passphrase)?;
    Ok(OwnKeys {
        storage: StorageKey::from_bytes(*keys.storage),
        pdc: MemberId::from_key(&keys.pdc.verifying_key()),
        sealing: Digest(keys.pdc_sealing.public.digest()),
        sequencer: *keys.sequencer.verifying_key().as_bytes(),
    })
}

/// What went wrong with a backup, for people.
pub(crate) fn backup_failure(error: &BackupError) -> Failure {
    let exit = match error {
        BackupError::Damaged(_) | BackupError::Epochs => Exit::Verification,
        BackupError::File { .. } | BackupError::Vault(_) | BackupError::Open(_) => {
            Exit::Unreachable
        }
        _ => Exit::Failed,
    };
    let failure = Failure::new("backup", "the backup cannot be used").because(error).exit(exit);
    match error {
        BackupError::Vault(_) | BackupError::Open(_) => {
            failure.hint("`secnet doctor` looks whether the vault can be used")
        }
        _ => failure,
    }
}

/// What went wrong when the ledger's folder was opened, for people.
pub(crate) fn store_failure(error: &StoreError) -> Failure {
    match error {
        StoreError::Locked { dir } => {
            Failure::new("in-use", format!("`{}` is in use by another process", dir.display()))
                .hint("wait for that process, or end it; a folder serves one at a time")
                .exit(Exit::Unreachable)
        }
        StoreError::Corrupt { .. } | StoreError::RolledBack { .. } => Failure::new(
            "damaged",
            "the ledger is damaged",
        )
        .because(error)
        .hint("`secnet fsck` names what is wrong; `secnet restore` puts a backup in another folder")
        .exit(Exit::Verification),
        StoreError::NewerFormat { .. } => {
            Failure::new("newer-folder", "the ledger was written by a newer program")
                .because(error)
                .hint("use the newer program that wrote it; nothing was changed")
                .exit(Exit::Usage)
        }
        error => ledger_failure(error),
    }
}

/// A ledger that lacks what its own folder has published was rolled back. Going on from there would sign a second history
/// of the same network, and whoever kept the first one could show it.
fn not_behind(dir: &Path, store: &Store) -> Result<(), Failure> {
    match evidence::holds_published(dir, store) {
        Err(problem) if problem.is_behind() => Err(Failure::new(
            "rolled-back",
            "the ledger lacks what this folder has published",
        )
        .because(&problem)
        .hint("put the newer ledger back; if it is lost, `secnet restore` says what that means")
        .exit(Exit::Verification)),
        _ => Ok(()),
    }
}

/// Is there a network in the folder, in a form that this program knows?
pub(crate) fn require(dir: &Path) -> Result<(), Failure> {
    if dir.join("genesis.cbor").exists() {
        return format::check(dir).map(drop);
    }
    Err(Failure::new("no-network", format!("there is no network in `{}`", dir.display())).hint(
        "make one with `secnet init`, see one with `secnet demo`, or name its folder with --dir",
    ))
}

impl NodeKeys {
    /// New keys for a node that is being made.
    pub(crate) fn generate() -> Self {
        Self::from_seeds(&Zeroizing::new(core::array::from_fn(|_| random())))
    }

    /// The data centre, as a network begins with it.
    pub(crate) fn founder(&self) -> Founder {
        Founder {
            member: MemberId::from_key(&self.pdc.verifying_key()),
            kind: MemberKind::Node,
            sealing_key: Digest(self.pdc_sealing.public.digest()),
        }
    }

    /// The data centre's wish to be admitted to a network by its governors.
    pub(crate) fn member_card(&self, network: NetworkId) -> Signed<MemberCard> {
        let Founder { kind, sealing_key, .. } = self.founder();
        Signed::sign(MemberCard { network, kind, sealing_key, voucher: None }, &*self.pdc)
    }

    fn from_seeds(seeds: &[[u8; 32]; NODE_SEEDS]) -> Self {
        let [sequencer, pdc, pdc_sealing, release, storage] = seeds;
        Self {
            sequencer: Arc::new(SigningKey::from_seed(*sequencer)),
            pdc: Arc::new(SigningKey::from_seed(*pdc)),
            pdc_sealing: SealKeyPair::from_seed(*pdc_sealing),
            release: SealKeyPair::from_seed(*release),
            storage: Zeroizing::new(*storage),
        }
    }

    /// The same node with another sequencer's key.
    pub(crate) fn with_new_sequencer(self) -> Self {
        Self { sequencer: Arc::new(SigningKey::generate(&mut rng())), ..self }
    }

    pub(crate) fn sequencer(&self) -> Arc<SigningKey> {
        Arc::clone(&self.sequencer)
    }

    /// The release node of a network. Its key is the one that the ledger binds to the data centre's member, so that owners
    /// need not believe anybody whose key they seal to.
    pub(crate) fn desk(&self, doors: Arc<Doors>) -> Arc<ReleaseDesk> {
        let pair = SealKeyPair::from_seed(*self.pdc_sealing.secret.seed());
        let desk = ReleaseDesk::new(pair, Arc::new(SystemEntropy), Arc::new(SystemClock));
        Arc::new(desk.telling(doors))
    }

    /// Whose data centre it is.
    pub(crate) fn data_centre(&self) -> MemberId {
        MemberId::from_key(&self.pdc.verifying_key())
    }

    /// The data centre's word that this validator is its node.
    pub(crate) fn node_card(&self, network: NetworkId, validator: ValidatorKey) -> SignedNodeCard {
        let member = MemberId::from_key(&self.pdc.verifying_key());
        NodeCard::sign(network, member, validator, &*self.pdc)
    }

    pub(crate) fn save(
        &self,
        keys: &Path,
        passphrase: &str,
        cost: KeyFileParams,
    ) -> Result<(), Failure> {
        let mut seeds = Zeroizing::new(Vec::with_capacity(NODE_SEEDS * 32));
        seeds.extend_from_slice(self.sequencer.seed());
        seeds.extend_from_slice(self.pdc.seed());
        seeds.extend_from_slice(self.pdc_sealing.secret.seed());
        seeds.extend_from_slice(self.release.secret.seed());
        seeds.extend_from_slice(self.storage.as_slice());
        let text = keyfile::encrypt(&seeds, passphrase, cost, &mut rng()).map_err(|error| {
            Failure::new("key-file", "cannot protect the node's keys").because(&error)
        })?;
        files::write_private(&keys.join(NODE_KEYS), text.as_bytes())
    }

    pub(crate) fn load(keys: &Path, passphrase: &str) -> Result<Self, Failure> {
        let path = keys.join(NODE_KEYS);
        let bytes = open_key_file(&path, "the node", passphrase)?;
        let (seeds, rest) = bytes.as_chunks::<32>();
        let seeds = <&[[u8; 32]; NODE_SEEDS]>::try_from(seeds).ok().filter(|_| rest.is_empty());
        seeds
            .map(Self::from_seeds)
            .ok_or_else(|| Failure::new("key-file", "the node's key file is damaged"))
    }
}

/// What went wrong with the ledger's files, for people.
pub(crate) fn ledger_failure(error: &dyn std::error::Error) -> Failure {
    Failure::new("ledger", "cannot use the ledger").because(error).exit(Exit::Unreachable)
}

/// What went wrong in the flow, for people.
#[expect(clippy::needless_pass_by_value, reason = "so that it reads well in map_err")]
pub(crate) fn access_failure(error: AccessError) -> Failure {
    use secnet_ledger::Rejection;
    let exit = match &error {
        AccessError::Rejected(Rejection::InsufficientFunds { .. }) => Exit::Funds,
        AccessError::Rejected(Rejection::Denied | Rejection::NotEntitled)
        | AccessError::Unauthenticated
        | AccessError::NotReleased(_) => Exit::Denied,
        AccessError::Rejected(_)
        | AccessError::Malformed(_)
        | AccessError::Quota
        | AccessError::Unknown(_)
        | AccessError::Erased(_) => Exit::Failed,
        AccessError::Vault(VaultError::NoRoom | VaultError::Storage(_))
        | AccessError::Archive(ArchiveError::NoRoom | ArchiveError::Storage(_)) => {
            Exit::Unreachable
        }
        AccessError::Damaged(_) | AccessError::Vault(_) | AccessError::Archive(_) => {
            Exit::Verification
        }
        AccessError::Ledger(SubmitError::Invalid(_)) => Exit::Failed,
        AccessError::Ledger(_)
        | AccessError::Log(_)
        | AccessError::StaleLedger { .. }
        | AccessError::TooOften
        | AccessError::Settling(_)
        | AccessError::Elsewhere(_)
        | AccessError::Release(_) => Exit::Unreachable,
    };
    let what = match &error {
        AccessError::Rejected(rejection) => format!("the ledger refuses: {rejection}"),
        other => other.to_string(),
    };
    Failure::new(error.code(), what).hint(error.hint()).exit(exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_a_command_is_not_ordered_has_its_code_and_a_hint() {
        for (error, code, exit) in [
            (SubmitError::Invalid("cut off".into()), "invalid-command", Exit::Failed),
            (SubmitError::Busy, "busy", Exit::Unreachable),
            (SubmitError::NoRoom, "disk-full", Exit::Unreachable),
            (SubmitError::Unavailable("disk full".into()), "unavailable", Exit::Unreachable),
        ] {
            let failure = access_failure(error.into());
            assert_eq!((&*failure.code, failure.exit), (code, exit));
            assert!(failure.hint.is_some());
        }
    }
}
