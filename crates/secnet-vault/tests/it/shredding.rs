//! Backups, restores, and that a shredded record stays shredded, whoever copied which disk when.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use secnet_app::ports::{Archive as _, Change, EntryKind, EntryName, Vault as _};
use secnet_crypto::{SealKeyPair, StreamSuite};
use secnet_lock::*;
use secnet_types::*;
use secnet_vault::{
    BACKUP_KEY_LIFETIME_MS, BackupEpochs, BackupError, PrivateArchive, SegmentVault, StorageKey,
    backup, restore,
};

const DATASET: DatasetId = DatasetId([2; 16]);
const SECRET: &[u8] = b"the diagnosis that is to be forgotten";
const OTHER: &[u8] = b"a diagnosis that stays";
const DAY: u64 = 24 * 60 * 60 * 1000;

/// Everything there is on a PDC's disks, with the keystore's secrets: what the strongest copier has.
struct Pdc {
    folder: tempfile::TempDir,
    storage_key: StorageKey,
    grantee: SealKeyPair,
    node: [u8; 32],
    binding: GrantBinding,
}

fn entry_name(record: u8) -> EntryName {
    EntryName::new(EntryKind::Manifest, DATASET.as_bytes(), &[record; 16])
}

fn release_name() -> EntryName {
    EntryName::new(EntryKind::ReleasePacket, b"upload", b"node")
}

fn packet_name() -> EntryName {
    EntryName::new(EntryKind::CompartmentPacket, b"upload", b"compartment")
}

fn wraps_name() -> EntryName {
    EntryName::new(EntryKind::Wraps, b"", b"wraps")
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_tree(&path, &target);
        } else {
            std::fs::copy(path, target).unwrap();
        }
    }
}

impl Pdc {
    fn at(&self, part: &str) -> PathBuf {
        self.folder.path().join(part)
    }

    fn open(
        folder: &Path,
        storage_key: &StorageKey,
    ) -> (SegmentVault, PrivateArchive, BackupEpochs) {
        (
            SegmentVault::local(&folder.join("vault")).unwrap(),
            PrivateArchive::open(&folder.join("archive"), storage_key.clone()).unwrap(),
            BackupEpochs::open(&folder.join("epochs"), storage_key.clone()).unwrap(),
        )
    }

    /// Two records, stored with all that opens them.
    async fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let owner = MemberId([1; 32]);
        let mut keys = CompartmentKeys::new();
        let compartment = keys.ensure(owner, Category::Conditions, Labels::NONE, &mut rng).unwrap();
        let directory = keys.directory();
        let node = SealKeyPair::generate(&mut rng);
        let nodes = [node.public.clone()];
        let spec = UploadSpec {
            dataset: DATASET,
            owner,
            compartments: &directory,
            release_nodes: &nodes,
            threshold: 1,
            suite: StreamSuite::preferred(),
        };
        let meta = |id| RecordMeta {
            id: RecordId([id; 16]),
            kind: "Condition".into(),
            category: Category::Conditions,
            labels: Labels::NONE,
            period: None,
        };
        let (one, two) = (meta(1), meta(2));
        let sealed = seal_upload(spec, [(&one, SECRET), (&two, OTHER)], &mut rng).unwrap();
        let grantee = SealKeyPair::generate(&mut rng);
        let binding = GrantBinding { dataset: DATASET, detail: Digest([3; 32]) };
        let wraps =
            wrap_for_grantee(binding, &[compartment], &keys, &grantee.public, &mut rng).unwrap();

        let pdc = Self {
            folder: tempfile::tempdir().unwrap(),
            storage_key: StorageKey::generate(&mut rng),
            grantee,
            node: *node.secret.seed(),
            binding,
        };
        let (vault, archive, _) = Self::open(pdc.folder.path(), &pdc.storage_key);
        for segment in sealed.segments {
            vault.put_segment(segment.bytes.into()).await.unwrap();
        }
        let mut changes: Vec<Change> = [1, 2]
            .into_iter()
            .zip(&sealed.entries)
            .map(|(id, entry)| Change { name: entry_name(id), value: Some(entry.to_bytes()) })
            .collect();
        for (name, value) in [
            (release_name(), sealed.release_packets[0].to_bytes()),
            (packet_name(), sealed.compartment_packets[0].to_bytes()),
            (wraps_name(), wraps.to_bytes()),
        ] {
            changes.push(Change { name, value: Some(value) });
        }
        archive.write(changes).await.unwrap();
        pdc
    }

    /// Opens a record from a copy of the disks, with every secret key there is. `None` if something is missing.
    async fn attack(&self, folder: &Path, record: u8) -> Option<Vec<u8>> {
        let (vault, archive, _) = Self::open(folder, &self.storage_key);
        self.attack_parts(&vault, &archive, record).await
    }

    async fn attack_parts(
        &self,
        vault: &SegmentVault,
        archive: &PrivateArchive,
        record: u8,
    ) -> Option<Vec<u8>> {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let entry =
            RecordEntry::from_bytes(&archive.get(&entry_name(record)).await.unwrap()?).unwrap();
        let release = archive.get(&release_name()).await.unwrap()?;
        let release = ReleasePacket::from_bytes(&release).unwrap();
        let packet = archive.get(&packet_name()).await.unwrap()?;
        let packet = CompartmentPacket::from_bytes(&packet).unwrap();
        let wraps = GrantWraps::from_bytes(&archive.get(&wraps_name()).await.unwrap()?).unwrap();
        let context = ReleaseContext {
            request: RequestId([1; 16]),
            decision: DecisionId([1; 16]),
            dataset: DATASET,
        };
        let node = ReleaseNode::new(SealKeyPair::from_seed(self.node));
        let receiving = SealKeyPair::generate(&mut rng);
        let records = [RecordId([record; 16])].into();
        let answer =
            node.release(&[release], &records, context, &receiving.public, &mut rng).ok()?;
        let mut shares = ReceivedShares::new();
        shares.open(&receiving, &context, &answer).unwrap();
        let mut grantee = Grantee::new();
        grantee.accept(&self.grantee.secret, &self.binding, &wraps).unwrap();
        let Location { segment, offset, length } = entry.location();
        let sealed = vault.get_segment(segment, offset..offset + length).await.ok()?;
        let opened = open_record(&mut grantee, &packet, &entry, &shares, &sealed).ok()?;
        Some(opened.to_vec())
    }

    /// Erases record 1; returns what goes on the ledger.
    async fn shred(&self) -> BTreeSet<Digest> {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let (_, archive, _) = Self::open(self.folder.path(), &self.storage_key);
        let entry = |bytes: Vec<u8>| RecordEntry::from_bytes(&bytes).unwrap();
        let erased = entry(archive.get(&entry_name(1)).await.unwrap().unwrap());
        let kept = entry(archive.get(&entry_name(2)).await.unwrap().unwrap());
        let plan = ShredPlan::for_records(DATASET, [&erased], [&kept]);
        let packet = archive.get(&release_name()).await.unwrap().unwrap();
        let packet = ReleasePacket::from_bytes(&packet).unwrap();
        let node = ReleaseNode::new(SealKeyPair::from_seed(self.node));
        let less = node.forget(&packet, &plan.forgotten(&packet), &mut rng).unwrap().unwrap();
        let tag = archive.erasure_tag(&entry_name(1)).await.unwrap().unwrap();
        archive.write(vec![Change { name: entry_name(1), value: None }]).await.unwrap();
        archive
            .write(vec![Change { name: release_name(), value: Some(less.to_bytes()) }])
            .await
            .unwrap();
        archive.rekey().await.unwrap();
        [tag].into()
    }

    async fn back_up(&self, now: Timestamp) {
        let (vault, archive, mut epochs) = Self::open(self.folder.path(), &self.storage_key);
        let report = backup(&vault, &archive, &mut epochs, &self.at("backup"), now).await.unwrap();
        assert_eq!(report.entries, 5);
        assert!(report.damaged.is_empty());
        assert!(report.dies <= now.plus_ms(BACKUP_KEY_LIFETIME_MS));
    }
}

#[tokio::test]
async fn full_copies_after_a_shred_do_not_open_the_record() {
    let pdc = Pdc::new().await;
    let copies = tempfile::tempdir().unwrap();
    let (before, after) = (copies.path().join("before"), copies.path().join("after"));
    copy_tree(pdc.folder.path(), &before);
    assert_eq!(pdc.attack(&before, 1).await.unwrap(), SECRET, "the attack itself works");

    let start = Timestamp(1_000_000);
    pdc.back_up(start).await;
    pdc.shred().await;
    copy_tree(pdc.folder.path(), &after);
    assert_eq!(pdc.attack(&after, 1).await, None);
    assert_eq!(pdc.attack(&after, 2).await.unwrap(), OTHER);

    // Before its date the backup still opens it, with the epochs file.
    let (_, _, epochs) = Pdc::open(&after, &pdc.storage_key);
    let fresh = copies.path().join("fresh");
    let (vault, archive, _) = Pdc::open(&fresh, &pdc.storage_key);
    let nothing = BTreeSet::new();
    restore(&after.join("backup"), &epochs, &vault, &archive, &nothing, &mut |_, _, _, v| Some(v))
        .await
        .unwrap();
    assert_eq!(pdc.attack_parts(&vault, &archive, 1).await.unwrap(), SECRET);

    // After its date it does not, whatever else is copied.
    let (_, _, mut epochs) = Pdc::open(pdc.folder.path(), &pdc.storage_key);
    let date = epochs.last_backup_dies(start);
    assert_eq!(date, start.plus_ms(BACKUP_KEY_LIFETIME_MS));
    assert_eq!(epochs.expire(Timestamp(date.0 - 1)).unwrap(), 0);
    assert_eq!(epochs.expire(date).unwrap(), 1);
    let late = copies.path().join("late");
    copy_tree(pdc.folder.path(), &late);
    let (_, _, epochs) = Pdc::open(&late, &pdc.storage_key);
    let fresh = copies.path().join("fresher");
    let (vault, archive, _) = Pdc::open(&fresh, &pdc.storage_key);
    let refused =
        restore(&late.join("backup"), &epochs, &vault, &archive, &nothing, &mut |_, _, _, v| {
            Some(v)
        })
        .await;
    assert!(matches!(refused, Err(BackupError::NoLiveBackup(_))));
    assert_eq!(pdc.attack(&late, 1).await, None);
}

#[tokio::test]
async fn a_restore_applies_erasures_again() {
    let pdc = Pdc::new().await;
    let now = Timestamp(5_000_000);
    pdc.back_up(now).await;
    let erased = pdc.shred().await;
    let (_, _, epochs) = Pdc::open(pdc.folder.path(), &pdc.storage_key);
    let fresh = tempfile::tempdir().unwrap();
    let (vault, archive, _) = Pdc::open(fresh.path(), &pdc.storage_key);
    let report =
        restore(&pdc.at("backup"), &epochs, &vault, &archive, &erased, &mut |_, _, _, v| Some(v))
            .await
            .unwrap();
    assert_eq!((report.entries, report.erased, report.segments), (4, 1, 1));
    assert_eq!(pdc.attack_parts(&vault, &archive, 1).await, None);
    assert_eq!(pdc.attack_parts(&vault, &archive, 2).await.unwrap(), OTHER);

    // A part of an entry: the hook changes it.
    let other = tempfile::tempdir().unwrap();
    let (vault, archive, _) = Pdc::open(other.path(), &pdc.storage_key);
    let mut rewrite = |kind: u8, _: &[u8], _: &[u8], value: Vec<u8>| {
        (kind != EntryKind::Wraps as u8).then_some(value)
    };
    let report =
        restore(&pdc.at("backup"), &epochs, &vault, &archive, &BTreeSet::new(), &mut rewrite)
            .await
            .unwrap();
    assert_eq!((report.entries, report.erased), (4, 1));
    assert_eq!(pdc.attack_parts(&vault, &archive, 2).await, None);
}

#[tokio::test]
async fn backups_grow_share_a_days_key_and_name_what_is_damaged() {
    let pdc = Pdc::new().await;
    let start = Timestamp(10 * DAY);
    pdc.back_up(start).await;
    pdc.back_up(start.plus_ms(DAY / 2)).await;
    let (vault, archive, mut epochs) = Pdc::open(pdc.folder.path(), &pdc.storage_key);
    assert_eq!(format!("{epochs:?}"), "BackupEpochs(1 alive)");
    let late = start.plus_ms(DAY);
    let extra = vault.put_segment(vec![1; 100].into()).await.unwrap();
    let hex = extra.to_string().replace("b3:", "");
    let file = pdc.at("vault").join("segments").join(&hex[..2]).join(&hex);
    std::fs::write(file, [2; 100]).unwrap();
    let report = backup(&vault, &archive, &mut epochs, &pdc.at("backup"), late).await.unwrap();
    assert_eq!((report.copied, report.present, report.damaged), (0, 1, vec![extra]));
    assert_eq!(format!("{epochs:?}"), "BackupEpochs(2 alive)");
    assert_eq!(epochs.last_backup_dies(late), late.plus_ms(BACKUP_KEY_LIFETIME_MS));

    // Flipped bytes and cut ends of the newest keys file are found.
    let mut files: Vec<_> = std::fs::read_dir(pdc.at("backup").join("keys"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    let newest = files.last().unwrap().clone();
    let good = std::fs::read(&newest).unwrap();
    let step = good.len() / 20;
    for at in (8..good.len()).step_by(step) {
        let mut bad = good.clone();
        bad[at] ^= 4;
        let cut = good[..at].to_vec();
        let longer = [good.as_slice(), b"x"].concat();
        for bytes in [bad, cut, longer] {
            std::fs::write(&newest, bytes).unwrap();
            let fresh = tempfile::tempdir().unwrap();
            let (vault, archive, _) = Pdc::open(fresh.path(), &pdc.storage_key);
            let restored = restore(
                &pdc.at("backup"),
                &epochs,
                &vault,
                &archive,
                &BTreeSet::new(),
                &mut |_, _, _, v| Some(v),
            )
            .await;
            match restored {
                Err(BackupError::Damaged(_)) => {}
                // Its epoch id was hit: the backup before is taken.
                Ok(report) if (8..24).contains(&at) => assert_eq!(report.entries, 5),
                other => panic!("{at}: {other:?}"),
            }
        }
    }
}

#[test]
fn epochs_open_with_their_key_only() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("epochs");
    std::fs::write(&file, b"something else").unwrap();
    let refused = BackupEpochs::open(&file, StorageKey::from_bytes([1; 32]));
    assert!(matches!(refused, Err(BackupError::Epochs)));
}

#[test]
fn the_note_beside_the_keys_is_sealed_with_them_and_survives_their_death() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("epochs");
    let key = StorageKey::from_bytes([7; 32]);
    let mut epochs = BackupEpochs::open(&file, key.clone()).unwrap();
    assert_eq!(epochs.note(), b"");
    epochs.set_note(SECRET.to_vec()).unwrap();
    let sealed = std::fs::read(&file).unwrap();
    assert!(!sealed.windows(SECRET.len()).any(|window| window == SECRET));

    let mut again = BackupEpochs::open(&file, key.clone()).unwrap();
    again.expire(Timestamp(u64::MAX)).unwrap();
    assert_eq!(BackupEpochs::open(&file, key).unwrap().note(), SECRET);
    assert!(BackupEpochs::open(&file, StorageKey::from_bytes([8; 32])).is_err());
}
