//! Prints what this machine does per second: `cargo run --release -p secnet-crypto --example rates`.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a program for the terminal"
)]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use secnet_crypto::{
    Address, BatchItem, Decryptor, Encryptor, Frontier, LtHash, ObjectKey, OutboardBuilder,
    SealKeyPair, SegmentSealer, SigningKey, StreamSuite, leaf_hash, open, open_object, seal,
    verify_batch,
};

/// How long each figure is measured.
const SPAN: Duration = Duration::from_millis(600);

const MIB: usize = 1 << 20;
const SEGMENT: usize = 1 << 16;
const BATCH: usize = 512;

fn main() {
    symmetric();
    objects();
    signatures();
    rest();
}

/// Runs `work` again and again and returns how often per second.
fn rate(mut work: impl FnMut()) -> f64 {
    work();
    let start = Instant::now();
    let mut times = 0u32;
    while start.elapsed() < SPAN {
        work();
        times += 1;
    }
    f64::from(times) / start.elapsed().as_secs_f64()
}

/// The same on `threads` threads at once: the sum of their rates.
fn rate_on(threads: usize, work: impl Fn() + Sync) -> f64 {
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(|| rate(&work))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

fn throughput(name: &str, bytes: usize, per_second: f64) {
    println!("{name:<44} {:>8.2} GB/s", bytes as f64 * per_second / 1e9);
}

fn operations(name: &str, count: usize, per_second: f64) {
    println!("{name:<44} {:>8.0} /s", count as f64 * per_second);
}

fn symmetric() {
    let key = ObjectKey::from_bytes([1; 32]);
    for (name, suite) in [
        ("AES-256-GCM", StreamSuite::Aes256Gcm),
        ("ChaCha20-Poly1305", StreamSuite::ChaCha20Poly1305),
    ] {
        let header = secnet_crypto::Header::new(&key, suite, [0; 7], 0).unwrap();
        for threads in [1, 2] {
            let per_second = rate_on(threads, || {
                thread_local! {
                    static BUFFER: std::cell::RefCell<Vec<u8>> =
                        std::cell::RefCell::new(vec![0; SEGMENT]);
                }
                let cipher = header.cipher(&key, b"").unwrap();
                BUFFER.with_borrow_mut(|buffer| {
                    for segment in 0..16 {
                        black_box(cipher.seal(segment, false, buffer).unwrap());
                    }
                });
            });
            throughput(
                &format!("{name}, 64 KiB segments, {threads} thread(s)"),
                16 * SEGMENT,
                per_second,
            );
        }
    }
    let bytes = vec![7u8; 16 * MIB];
    for threads in [1, 2] {
        let per_second = rate_on(threads, || {
            black_box(Address::of(&bytes));
        });
        throughput(&format!("BLAKE3 address, {threads} thread(s)"), bytes.len(), per_second);
    }
    let per_second = rate(|| {
        let mut builder = OutboardBuilder::new();
        builder.update(&bytes).unwrap();
        black_box(builder.finish());
    });
    throughput("BLAKE3 address and outboard", bytes.len(), per_second);
}

fn objects() {
    let key = ObjectKey::from_bytes([1; 32]);
    let content = vec![7u8; 64 * MIB];
    let piece = MIB;
    let seal_all = |object: &mut Vec<u8>| {
        object.clear();
        let suite = StreamSuite::preferred();
        let (header, mut encryptor) =
            Encryptor::new(&key, suite, [0; 7], b"", content.len() as u64).unwrap();
        object.extend_from_slice(&header);
        content.chunks(piece).for_each(|piece| encryptor.push(piece, object).unwrap());
        encryptor.finish(object).unwrap();
    };
    let mut object = Vec::new();
    let per_second = rate(|| seal_all(&mut object));
    throughput("stream seal, 64 MiB kept in memory", content.len(), per_second);
    let mut out = Vec::new();
    let per_second = rate(|| {
        let suite = StreamSuite::preferred();
        let (_, mut encryptor) =
            Encryptor::new(&key, suite, [0; 7], b"", content.len() as u64).unwrap();
        for piece in content.chunks(piece) {
            out.clear();
            encryptor.push(piece, &mut out).unwrap();
            black_box(&out);
        }
        encryptor.finish(&mut out).unwrap();
    });
    throughput("stream seal, passing through 1 MiB", content.len(), per_second);
    let (header, segments) = object.split_first_chunk().unwrap();
    let per_second = rate(|| {
        let mut decryptor = Decryptor::new(&key, b"", header).unwrap();
        for piece in segments.chunks(piece) {
            out.clear();
            decryptor.push(piece, &mut out).unwrap();
            black_box(&out);
        }
        decryptor.finish().unwrap();
    });
    throughput("stream open, passing through 1 MiB", content.len(), per_second);
    let per_second = rate(|| two_threads(&key, &content));
    throughput("stream seal, two threads", content.len(), per_second);
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let small = secnet_crypto::seal_object(&key, b"", &content[..2000], &mut rng).unwrap();
    let per_second = rate(|| {
        black_box(secnet_crypto::seal_object(&key, b"", &content[..2000], &mut rng).unwrap());
    });
    operations("seal an object of 2,000 bytes", 1, per_second);
    let per_second = rate(|| {
        black_box(open_object(&key, b"", &small).unwrap());
    });
    operations("open an object of 2,000 bytes", 1, per_second);
}

fn two_threads(key: &ObjectKey, content: &[u8]) {
    let suite = StreamSuite::preferred();
    let (_, sealer) = SegmentSealer::new(key, suite, [0; 7], b"", content.len() as u64).unwrap();
    let segments = sealer.layout().segments();
    std::thread::scope(|scope| {
        for half in [0..segments / 2, segments / 2..segments] {
            let sealer = &sealer;
            scope.spawn(move || {
                let mut out = Vec::with_capacity(17 * SEGMENT);
                for start in half.clone().step_by(16) {
                    let group = start..half.end.min(start + 16);
                    let range = sealer.content_range(group.clone());
                    let range =
                        usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
                    out.clear();
                    sealer.seal(group, &content[range], &mut out).unwrap();
                    black_box(&out);
                }
            });
        }
    });
}

fn signatures() {
    let msgs: Vec<[u8; 300]> = (0..BATCH).map(|i| [i.to_le_bytes()[0]; 300]).collect();
    let many: Vec<SigningKey> = (0..BATCH as u64)
        .map(|i| SigningKey::generate(&mut ChaCha20Rng::seed_from_u64(i)))
        .collect();
    let few: Vec<&SigningKey> = (0..BATCH).map(|i| &many[i % 4]).collect();
    let many: Vec<&SigningKey> = many.iter().collect();
    let items = |keys: &[&SigningKey]| -> Vec<BatchItem<'_>> {
        keys.iter()
            .zip(&msgs)
            .map(|(key, msg)| BatchItem::new(key.verifying_key(), msg, key.sign(msg)))
            .collect()
    };
    let (many_items, few_items) = (items(&many), items(&few));
    let per_second = rate(|| {
        black_box(many[0].sign(&msgs[0]));
    });
    operations("Ed25519 sign", 1, per_second);
    for threads in [1, 2] {
        let per_second = rate_on(threads, || {
            for item in &many_items[..16] {
                assert!(secnet_crypto::verify_zip215(&item.key, item.msg, &item.sig.0));
            }
        });
        operations(&format!("Ed25519 verify singly, {threads} thread(s)"), 16, per_second);
        for (name, items) in [("512 keys", &many_items), ("4 keys", &few_items)] {
            let per_second = rate_on(threads, || {
                verify_batch(items, &mut ChaCha20Rng::seed_from_u64(1)).unwrap();
            });
            operations(
                &format!("Ed25519 verify 512 in batch, {name}, {threads} thread(s)"),
                BATCH,
                per_second,
            );
        }
    }
    let mut bad = many_items.clone();
    bad[100].msg = b"forged";
    let per_second = rate(|| {
        assert_eq!(verify_batch(&bad, &mut ChaCha20Rng::seed_from_u64(1)), Err(vec![100]));
    });
    operations("Ed25519 verify 512 in batch, one bad", BATCH, per_second);
}

fn rest() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let pair = SealKeyPair::generate(&mut rng);
    let per_second = rate(|| {
        black_box(seal(&pair.public, b"", b"", &[0; 32], &mut rng).unwrap());
    });
    operations("HPKE X-Wing seal", 1, per_second);
    let sealed = seal(&pair.public, b"", b"", &[0; 32], &mut rng).unwrap();
    let per_second = rate(|| {
        black_box(open(&pair.secret, b"", b"", &sealed).unwrap());
    });
    operations("HPKE X-Wing open", 1, per_second);
    let mut frontier = Frontier::new();
    let per_second = rate(|| {
        for _ in 0..1000 {
            frontier.append(leaf_hash(&[0; 300]));
        }
        black_box(frontier.root());
    });
    operations("Merkle append with leaf hash of 300 bytes", 1000, per_second);
    let mut set = LtHash::new();
    let per_second = rate(|| set.add(black_box(b"an element")));
    operations("LtHash add", 1, per_second);
    let per_second = rate(|| {
        black_box(secnet_crypto::shares::split(&[1; 32], 3, 5, &mut rng).unwrap());
    });
    operations("Shamir split 3 of 5", 1, per_second);
}
