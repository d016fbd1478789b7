//! What every backend has to do. Each test crate calls [`all`] with its own subject.

use std::{collections::BTreeSet, path::Path};

use bytes::Bytes;
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use secnet_app::ports::{Vault as _, VaultError};
use secnet_crypto::{Address, SealKeyPair, StreamSuite};
use secnet_lock::*;
use secnet_types::{
    Category, DatasetId, DecisionId, Digest, Labels, MemberId, RecordId, RecordMeta, RequestId,
};
use secnet_vault::{SegmentVault, fsck, open_from_vault, seal_to_vault};

/// What happens to an object behind the vault's back.
pub(crate) enum Damage {
    Flip(usize),
    Cut(usize),
    Remove,
}

/// A backend under test.
pub(crate) struct Subject {
    /// A fresh view of the same storage, with nothing cached.
    pub(crate) open: Box<dyn Fn() -> SegmentVault>,
    /// Damages the object with this name.
    pub(crate) damage: Box<dyn Fn(&str, Damage)>,
}

/// Every test, one after the other, on one storage.
pub(crate) async fn all(subject: &Subject) {
    stores_and_reads_by_range(subject).await;
    streams_with_flat_memory(subject).await;
    refuses_what_is_not_there(subject).await;
    finds_every_kind_of_damage(subject).await;
    survives_a_lost_outboard(subject).await;
    removes(subject).await;
    seals_and_opens_large_records(subject).await;
    checks_everything(subject).await;
}

pub(crate) fn damage_file(root: &Path, name: &str, damage: Damage) {
    let file = root.join(name);
    let mut bytes = std::fs::read(&file).unwrap();
    match damage {
        Damage::Flip(at) => bytes[at] ^= 1,
        Damage::Cut(len) => bytes.truncate(len),
        Damage::Remove => return std::fs::remove_file(file).unwrap(),
    }
    std::fs::write(file, bytes).unwrap();
}

fn content(seed: u64, len: usize) -> Bytes {
    let mut bytes = vec![0; len];
    ChaCha20Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes.into()
}

fn name(folder: &str, address: Address) -> String {
    let hex = address.to_string().replace("b3:", "");
    format!("{folder}/{}/{hex}", &hex[..2])
}

async fn stores_and_reads_by_range(subject: &Subject) {
    let vault = (subject.open)();
    for (seed, len) in [(1, 0), (2, 1), (3, 65_536), (4, 65_537), (5, 300_000)] {
        let bytes = content(seed, len);
        let address = vault.put_segment(bytes.clone()).await.unwrap();
        assert_eq!(address, Address::of(&bytes));
        assert_eq!(vault.put_segment(bytes.clone()).await.unwrap(), address, "twice is once");
        for view in [vault.clone(), (subject.open)()] {
            assert!(view.contains(address).await.unwrap());
            let all = view.get_segment(address, 0..len as u64).await.unwrap();
            assert_eq!(all, bytes);
            for (start, end) in
                [(0, 0), (len / 2, len / 2), (len / 3, len / 2), (len.saturating_sub(1), len)]
            {
                let part = view.get_segment(address, start as u64..end as u64).await.unwrap();
                assert_eq!(part, bytes[start..end], "{start}..{end} of {len}");
            }
            let beyond = view.get_segment(address, 0..len as u64 + 1).await;
            assert_eq!(beyond, Err(VaultError::Range(address)));
        }
    }
}

async fn streams_with_flat_memory(subject: &Subject) {
    // Three multipart parts.
    let bytes = content(6, 17_000_000);
    let vault = (subject.open)();
    let mut writer = vault.write().await.unwrap();
    for piece in bytes.chunks(700_001) {
        writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    let outboard = writer.finish().await.unwrap();
    assert_eq!(outboard.address(), Address::of(&bytes));
    let fresh = (subject.open)();
    let mut reader = fresh.read(outboard.address()).await.unwrap();
    assert_eq!(reader.len(), bytes.len() as u64);
    let mut read = Vec::new();
    while let Some(piece) = reader.next().await.unwrap() {
        read.extend_from_slice(&piece);
    }
    assert!(read == bytes);
    let part = fresh.get_segment(outboard.address(), 9_000_000..9_000_123).await.unwrap();
    assert_eq!(part, bytes[9_000_000..9_000_123]);

    // An empty one, and one that is given up.
    let empty = vault.write().await.unwrap().finish().await.unwrap();
    assert_eq!(vault.get_segment(empty.address(), 0..0).await.unwrap(), Bytes::new());
    let before = vault.list().await.unwrap().len();
    let mut writer = vault.write().await.unwrap();
    writer.write(content(7, 9_000_000)).await.unwrap();
    writer.abort().await.unwrap();
    assert_eq!(vault.list().await.unwrap().len(), before);
}

async fn refuses_what_is_not_there(subject: &Subject) {
    let vault = (subject.open)();
    let address = Address::of(b"never stored");
    assert_eq!(vault.get_segment(address, 0..1).await, Err(VaultError::Missing(address)));
    assert!(matches!(vault.read(address).await, Err(VaultError::Missing(_))));
    assert!(!vault.contains(address).await.unwrap());
}

async fn finds_every_kind_of_damage(subject: &Subject) {
    let neighbour = content(10, 200_000);
    let near = (subject.open)().put_segment(neighbour.clone()).await.unwrap();
    let cases = [
        (11, 500, Damage::Flip(499)),
        (12, 500, Damage::Cut(499)),
        (13, 500_000, Damage::Flip(400_000)),
        (14, 500_000, Damage::Cut(499_999)),
        (15, 500_000, Damage::Cut(100)),
        (16, 500_000, Damage::Cut(0)),
    ];
    for (seed, len, damage) in cases {
        let bytes = content(seed, len);
        let vault = (subject.open)();
        let address = vault.put_segment(bytes.clone()).await.unwrap();
        (subject.damage)(&name("segments", address), damage);
        for view in [vault, (subject.open)()] {
            let found = view.get_segment(address, 390_000.min(len as u64 - 10)..len as u64).await;
            match found {
                Err(VaultError::Quarantined(named)) => assert_eq!(named, address),
                // The second view finds it gone.
                Err(VaultError::Missing(named)) => assert_eq!(named, address),
                other => panic!("{seed}: {other:?}"),
            }
        }
        let vault = (subject.open)();
        assert!(vault.quarantined().await.unwrap().contains(&address));
        assert!(!vault.contains(address).await.unwrap());
        // Restored from elsewhere it serves again; the damaged copy stays for inspection.
        assert_eq!(vault.put_segment(bytes.clone()).await.unwrap(), address);
        assert_eq!(vault.get_segment(address, 0..len as u64).await.unwrap(), bytes);
    }
    let vault = (subject.open)();
    assert_eq!(vault.get_segment(near, 0..200_000).await.unwrap(), neighbour);
}

async fn survives_a_lost_outboard(subject: &Subject) {
    for (seed, damage) in [(21, Damage::Remove), (22, Damage::Flip(40)), (23, Damage::Cut(9))] {
        let bytes = content(seed, 300_000);
        let address = (subject.open)().put_segment(bytes.clone()).await.unwrap();
        (subject.damage)(&name("outboards", address), damage);
        for _ in 0..2 {
            let part = (subject.open)().get_segment(address, 100_000..200_000).await.unwrap();
            assert_eq!(part, bytes[100_000..200_000]);
        }
    }
    // Lost together with an intact segment: the segment does not match, and says so.
    let address = (subject.open)().put_segment(content(24, 300_000)).await.unwrap();
    (subject.damage)(&name("outboards", address), Damage::Remove);
    (subject.damage)(&name("segments", address), Damage::Flip(1));
    let found = (subject.open)().get_segment(address, 200_000..200_001).await;
    assert_eq!(found, Err(VaultError::Quarantined(address)));
}

async fn removes(subject: &Subject) {
    let vault = (subject.open)();
    let address = vault.put_segment(content(30, 100_000)).await.unwrap();
    vault.remove_segment(address).await.unwrap();
    vault.remove_segment(address).await.unwrap();
    assert_eq!(vault.get_segment(address, 0..1).await, Err(VaultError::Missing(address)));
}

async fn seals_and_opens_large_records(subject: &Subject) {
    let mut rng = ChaCha20Rng::seed_from_u64(40);
    let (owner, dataset) = (MemberId([1; 32]), DatasetId([2; 16]));
    let mut keys = CompartmentKeys::new();
    let compartment = keys.ensure(owner, Category::Imaging, Labels::NONE, &mut rng).unwrap();
    let node = ReleaseNode::new(SealKeyPair::generate(&mut rng));
    let directory = keys.directory();
    let nodes = [node.public().clone()];
    let spec = UploadSpec {
        dataset,
        owner,
        compartments: &directory,
        release_nodes: &nodes,
        threshold: 1,
        suite: StreamSuite::preferred(),
    };
    let meta = RecordMeta {
        id: RecordId([3; 16]),
        kind: "ImagingStudy".into(),
        category: Category::Imaging,
        labels: Labels::NONE,
        period: None,
    };
    let text = content(41, 5_000_000);
    let vault = (subject.open)();
    let mut upload = UploadSealer::new(spec, &mut rng).unwrap();
    let parts = upload.begin_parts(&meta, text.len() as u64, &mut rng).unwrap();
    let (source, mut at) = (text.clone(), 0);
    let fill = move |piece: &mut [u8]| {
        piece.copy_from_slice(&source[at..at + piece.len()]);
        at += piece.len();
        Ok(())
    };
    let (entry, address) = seal_to_vault(&vault, parts, fill).await.unwrap();
    upload.end_large(entry, address).unwrap();
    let sealed = upload.finish(&mut rng).unwrap();

    let receiving = SealKeyPair::generate(&mut rng);
    let context =
        ReleaseContext { request: RequestId([4; 16]), decision: DecisionId([5; 16]), dataset };
    let records = [meta.id].into();
    let answer = node
        .release(&sealed.release_packets, &records, context, &receiving.public, &mut rng)
        .unwrap();
    let mut shares = ReceivedShares::new();
    shares.open(&receiving, &context, &answer).unwrap();
    let grantee_pair = SealKeyPair::generate(&mut rng);
    let binding = GrantBinding { dataset, detail: Digest([6; 32]) };
    let wraps =
        wrap_for_grantee(binding, &[compartment], &keys, &grantee_pair.public, &mut rng).unwrap();
    let mut grantee = Grantee::new();
    grantee.accept(&grantee_pair.secret, &binding, &wraps).unwrap();
    grantee.open_packet(&sealed.compartment_packets[0]).unwrap();
    let entry = &sealed.entries[0];

    let (sender, receiver) = std::sync::mpsc::channel();
    let key = grantee.unlock(entry, &shares).unwrap();
    let take = move |piece: &[u8]| {
        sender.send(piece.to_vec()).unwrap();
        Ok(())
    };
    let read = open_from_vault(&(subject.open)(), entry, key, take).await.unwrap();
    assert_eq!(read, text.len() as u64);
    let opened: Vec<u8> = receiver.iter().flatten().collect();
    assert!(opened == text);

    // Content that cannot be read stores nothing.
    let before = vault.list().await.unwrap().len();
    let mut upload = UploadSealer::new(spec, &mut rng).unwrap();
    let parts = upload.begin_parts(&meta, 3_000_000, &mut rng).unwrap();
    let mut left = 2_000_000_usize;
    let fail = move |piece: &mut [u8]| {
        left = left.checked_sub(piece.len()).ok_or(std::io::ErrorKind::UnexpectedEof)?;
        Ok(())
    };
    assert!(seal_to_vault(&vault, parts, fail).await.is_err());
    assert_eq!(vault.list().await.unwrap().len(), before);
}

async fn checks_everything(subject: &Subject) {
    let vault = (subject.open)();
    for address in vault.list().await.unwrap() {
        vault.remove_segment(address).await.unwrap();
    }
    let mut addresses = Vec::new();
    for seed in 50..54 {
        addresses.push(vault.put_segment(content(seed, 100_000)).await.unwrap());
    }
    let gone = Address::of(b"gone");
    let referenced: BTreeSet<_> = [addresses[0], addresses[1], addresses[2], gone].into();
    (subject.damage)(&name("segments", addresses[1]), Damage::Flip(70_000));
    let report = fsck(&vault, &referenced).await.unwrap();
    assert_eq!((report.intact, report.bytes), (2, 200_000));
    assert_eq!(report.missing, [gone]);
    assert_eq!(report.damaged, [addresses[1]]);
    assert_eq!(report.unreferenced, [addresses[3]]);
    assert!(!report.is_healthy());
    let again = fsck(&vault, &[addresses[0], addresses[2]].into()).await.unwrap();
    assert!(again.is_healthy());
    assert!(again.quarantined.contains(&addresses[1]));
    assert_eq!(vault.clear_staging().await.unwrap(), 0);
}
