//! A large object: sealed, addressed and stored; read, verified and opened. In a process of its own, for its memory.

use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use secnet_crypto::{
    CryptoRng, Encryptor, ObjectKey, OutboardBuilder, SealKeyPair, StreamSuite,
    stream::NONCE_PREFIX_LEN,
};
use secnet_lock::{
    CompartmentKeys, GrantBinding, Grantee, ReceivedShares, ReleaseContext, ReleaseNode,
    UploadSealer, UploadSpec, wrap_for_grantee,
};
use secnet_types::{
    Category, DatasetId, DecisionId, Digest, Labels, MemberId, RecordId, RecordMeta, RequestId,
};
use secnet_vault::{SegmentVault, open_from_vault, seal_to_vault};
use serde_json::{Value, json};

use super::row::{Bar, Row, Spread, figure};
use super::{Place, broken, in_child, machine, wrong};
use crate::failure::Failure;
use crate::files;
use crate::system::rng;

const MIB: u64 = 1024 * 1024;
/// A mebibyte, for lengths of buffers.
const PIECE: usize = 1 << 20;
/// Stored, opened and held against the ceilings so often; the first one also pays for memory the machine had not used yet.
const RUNS: usize = 5;
const BAR: f64 = 0.6;
const BAR_MIB: f64 = 64.0;
/// Files here are memory, so that no disk is measured.
const TMPFS: &str = "/dev/shm";

pub(super) fn run(place: &Place) -> Result<Vec<Row>, Failure> {
    let on_tmpfs = Path::new(TMPFS).is_dir();
    let dir = match on_tmpfs {
        true => Path::new(TMPFS).join(format!("secnet-bench-{}", std::process::id())),
        false => place.dir.clone(),
    };
    files::make_private_dir(&dir)?;
    let measured = in_child("vault", &dir, place.quick);
    let quarter = in_child("vault-quarter", &dir, place.quick);
    drop(std::fs::remove_dir_all(&dir));
    let (measured, quarter) = (measured?, quarter?);
    let folder = if on_tmpfs { TMPFS } else { "the disk, because there is no /dev/shm" };
    let mut rows = rates(&measured, folder).to_vec();
    rows.extend([&quarter, &measured].map(resident));
    Ok(rows)
}

fn number(of: &Value, name: &str) -> f64 {
    of.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN)
}

fn rates(measured: &Value, folder: &str) -> [Row; 2] {
    let runs = |name: &str| {
        let all = measured.get(name).and_then(Value::as_array).into_iter().flatten();
        Spread::new(all.filter_map(Value::as_f64).collect())
    };
    let (cipher, hash) = (runs("cipher").median(), runs("hash").median());
    let row = |what: &str, name: &str| {
        let spread = runs(name);
        let ceiling = Some(cipher.min(hash));
        Row::new(what, (spread.median(), "GB/s"), ceiling, Bar::PartAtLeast(BAR))
            .workload(format!(
                "one object of {} MiB in a folder on {folder}, in a process of its own",
                number(measured, "mib")
            ))
            .detail(spread.said("GB/s"))
            .detail(format!(
                "ceiling: the slower of the cipher alone, {} GB/s, and BLAKE3 with its tree alone, {} GB/s, each on one thread, between the runs",
                figure(cipher),
                figure(hash)
            ))
    };
    [row("vault: encrypt, address, store", "store"), row("vault: read, verify, decrypt", "open")]
}

fn resident(measured: &Value) -> Row {
    let what = format!("vault: resident memory, object of {} MiB", number(measured, "mib"));
    Row::new(what, (number(measured, "resident_mib"), "MiB"), None, Bar::AtMost(BAR_MIB))
        .workload("the same process, once it had stored and read the object")
        .detail("VmHWM of the process that did both, before it measured a ceiling")
}

/// What storing and opening take, beside their ceilings, each several times.
pub(super) async fn child(place: &Place) -> Result<Value, Failure> {
    let mib = object_mib(place);
    let (len, suite) = (mib * MIB, StreamSuite::preferred());
    let (mut store, mut open, mut ciphers, mut hashes) = (vec![], vec![], vec![], vec![]);
    let mut resident = f64::NAN;
    for run in 0..RUNS {
        let (stored, opened) = through_the_vault(&place.dir, suite, len).await?;
        store.push(stored);
        open.push(opened);
        if run == 0 {
            // Before the ceilings, which need memory of their own.
            resident = machine::memory().0;
        }
        ciphers.push(cipher(suite, len)?);
        hashes.push(hash(len)?);
    }
    Ok(json!({
        "mib": mib, "cipher": ciphers, "hash": hashes, "store": store, "open": open, "resident_mib": resident,
    }))
}

/// What memory an object of a quarter of the length takes.
pub(super) async fn quarter(place: &Place) -> Result<Value, Failure> {
    let mib = object_mib(place) / 4;
    through_the_vault(&place.dir, StreamSuite::preferred(), mib * MIB).await?;
    Ok(json!({ "mib": mib, "resident_mib": machine::memory().0 }))
}

fn object_mib(place: &Place) -> u64 {
    place.amount(1024, 256) as u64
}

async fn through_the_vault(
    dir: &Path,
    suite: StreamSuite,
    len: u64,
) -> Result<(f64, f64), Failure> {
    let mut rng = rng();
    let (owner, dataset) = (MemberId([1; 32]), DatasetId([2; 16]));
    let mut keys = CompartmentKeys::new();
    let compartment = keys
        .ensure(owner, Category::Imaging, Labels::NONE, &mut rng)
        .map_err(|e| broken("a compartment", &e))?;
    let node = ReleaseNode::new(SealKeyPair::generate(&mut rng));
    let (directory, nodes) = (keys.directory(), [node.public().clone()]);
    let spec = UploadSpec {
        dataset,
        owner,
        compartments: &directory,
        release_nodes: &nodes,
        threshold: 1,
        suite,
    };
    let meta = RecordMeta {
        id: RecordId([3; 16]),
        kind: "ImagingStudy".into(),
        category: Category::Imaging,
        labels: Labels::NONE,
        period: None,
    };
    let dir = dir.join("vault");
    let vault = SegmentVault::local(&dir).map_err(|e| broken("the vault", &e))?;
    let mut upload = UploadSealer::new(spec, &mut rng).map_err(|e| broken("an upload", &e))?;
    let parts =
        upload.begin_parts(&meta, len, &mut rng).map_err(|e| broken("a large record", &e))?;

    let start = Instant::now();
    let fill = |piece: &mut [u8]| {
        piece.fill(0x5a);
        Ok(())
    };
    let (entry, address) =
        seal_to_vault(&vault, parts, fill).await.map_err(|e| broken("sealing", &e))?;
    let store = rate(len, start);
    upload.end_large(entry, address).map_err(|e| broken("a large record", &e))?;
    let sealed = upload.finish(&mut rng).map_err(|e| broken("an upload", &e))?;

    let context =
        ReleaseContext { request: RequestId([4; 16]), decision: DecisionId([5; 16]), dataset };
    let shares = released(&node, &sealed.release_packets, &context, meta.id, &mut rng)?;
    let pair = SealKeyPair::generate(&mut rng);
    let binding = GrantBinding { dataset, detail: Digest([6; 32]) };
    let wraps = wrap_for_grantee(binding, &[compartment], &keys, &pair.public, &mut rng)
        .map_err(|e| broken("a wrap", &e))?;
    let mut grantee = Grantee::new();
    grantee.accept(&pair.secret, &binding, &wraps).map_err(|e| broken("a wrap", &e))?;
    for packet in &sealed.compartment_packets {
        grantee.open_packet(packet).map_err(|e| broken("a packet", &e))?;
    }
    let entry = sealed.entries.first().ok_or_else(|| wrong("the upload holds no entry"))?;
    let key = grantee.unlock(entry, &shares).map_err(|e| broken("unlocking", &e))?;

    let start = Instant::now();
    let expected = vec![0x5a; 64 * 1024];
    let take = move |piece: &[u8]| {
        let same = piece.chunks(expected.len()).all(|chunk| expected.starts_with(chunk));
        same.then_some(()).ok_or_else(|| std::io::Error::other("other content came back"))
    };
    let read =
        open_from_vault(&vault, entry, key, take).await.map_err(|e| broken("opening", &e))?;
    let open = rate(len, start);
    drop(std::fs::remove_dir_all(&dir));
    if read == len { Ok((store, open)) } else { Err(wrong("less content came back")) }
}

fn released(
    node: &ReleaseNode,
    packets: &[secnet_lock::ReleasePacket],
    context: &ReleaseContext,
    record: RecordId,
    rng: &mut impl CryptoRng,
) -> Result<ReceivedShares, Failure> {
    let receiving = SealKeyPair::generate(rng);
    let answer = node
        .release(packets, &[record].into(), *context, &receiving.public, rng)
        .map_err(|e| broken("the release", &e))?;
    let mut shares = ReceivedShares::new();
    shares.open(&receiving, context, &answer).map_err(|e| broken("the release", &e))?;
    Ok(shares)
}

fn cipher(suite: StreamSuite, len: u64) -> Result<f64, Failure> {
    let key = ObjectKey::from_bytes([7; 32]);
    let (_, mut encryptor) = Encryptor::new(&key, suite, [0; NONCE_PREFIX_LEN], b"", len)
        .map_err(|e| broken("the cipher", &e))?;
    let (piece, mut out) = (vec![0x5a; PIECE], Vec::with_capacity(2 * PIECE));
    let start = Instant::now();
    for _ in 0..len / MIB {
        encryptor.push(&piece, &mut out).map_err(|e| broken("the cipher", &e))?;
        out.clear();
    }
    encryptor.finish(&mut out).map_err(|e| broken("the cipher", &e))?;
    Ok(rate(len, start))
}

fn hash(len: u64) -> Result<f64, Failure> {
    let piece = Bytes::from(vec![0x5a; PIECE]);
    let mut builder = OutboardBuilder::new();
    let start = Instant::now();
    for _ in 0..len / MIB {
        builder.update(&piece).map_err(|e| broken("the hash", &e))?;
    }
    std::hint::black_box(builder.finish());
    Ok(rate(len, start))
}

/// GB/s.
fn rate(len: u64, start: Instant) -> f64 {
    len as f64 / start.elapsed().as_secs_f64() / 1e9
}
