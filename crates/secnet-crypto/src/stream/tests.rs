#![allow(
    clippy::cast_possible_truncation,
    clippy::string_slice,
    reason = "small numbers and ASCII that the test itself made"
)]

use aead_stream::{EncryptorBE32, Nonce, StreamBE32};
use aes_gcm::{Aes256Gcm, KeyInit};
use proptest::prelude::*;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::{padding::is_bucket, *};

const SUITES: [StreamSuite; 2] = [StreamSuite::Aes256Gcm, StreamSuite::ChaCha20Poly1305];
const AAD: &[u8] = b"record 7";
const SEALED: usize = SEGMENT_LEN + TAG_LEN;

fn key() -> ObjectKey {
    ObjectKey::from_bytes([0x11; 32])
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 253) as u8 + 1).collect()
}

fn seal(suite: StreamSuite, content: &[u8], piece: usize) -> Vec<u8> {
    let (header, mut encryptor) =
        Encryptor::new(&key(), suite, [5; 7], AAD, content.len() as u64).unwrap();
    let sealed_len = encryptor.sealed_len();
    let mut object = header.to_vec();
    content.chunks(piece).for_each(|piece| encryptor.push(piece, &mut object).unwrap());
    encryptor.finish(&mut object).unwrap();
    assert_eq!(object.len() as u64, sealed_len);
    object
}

fn open(object: &[u8], piece: usize) -> Result<Vec<u8>, StreamError> {
    let (header, rest) = object.split_first_chunk().ok_or(StreamError::NotAnObject)?;
    let mut decryptor = Decryptor::new(&key(), AAD, header)?;
    let mut content = Vec::new();
    for piece in rest.chunks(piece) {
        decryptor.push(piece, &mut content)?;
    }
    decryptor.finish()?;
    Ok(content)
}

/// Contents around every border: of the length prefix, the segments and the buckets.
fn lengths() -> Vec<usize> {
    let borders = [0, 248, SEGMENT_LEN - 8, SEGMENT_LEN, 2 * SEGMENT_LEN - 8, 3 * SEGMENT_LEN];
    let mut lengths: Vec<usize> =
        borders.iter().flat_map(|border| border.saturating_sub(2)..border + 3).collect();
    lengths.extend([1000, 100_001, 300_007]);
    lengths
}

#[test]
fn round_trip_at_every_border() {
    for suite in SUITES {
        for len in lengths() {
            let content = content(len);
            let object = seal(suite, &content, 40_009);
            assert_eq!(object, seal(suite, &content, usize::MAX), "{len}");
            assert_eq!(open(&object, usize::MAX).unwrap(), content, "{len}");
            assert_eq!(open(&object, 33_331).unwrap(), content, "{len}");
            assert_eq!(open_object(&key(), AAD, &object).unwrap().as_slice(), content);
        }
    }
}

#[test]
fn one_shot_uses_fresh_nonces() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let key = ObjectKey::generate(&mut rng);
    let first = seal_object(&key, AAD, b"content", &mut rng).unwrap();
    let second = seal_object(&key, AAD, b"content", &mut rng).unwrap();
    assert_ne!(first, second);
    assert_ne!(first[22..54], second[22..54], "commitments of one key cannot be linked");
    assert_eq!(open_object(&key, AAD, &first).unwrap().as_slice(), b"content");
    assert_eq!(open_object(&key, AAD, &second).unwrap().as_slice(), b"content");
}

#[test]
fn every_flipped_byte_is_detected() {
    for suite in SUITES {
        let object = seal(suite, &content(100), usize::MAX);
        for at in 0..object.len() {
            for bit in [1, 0x80] {
                let mut altered = object.clone();
                altered[at] ^= bit;
                assert!(open(&altered, usize::MAX).is_err(), "byte {at}");
            }
        }
    }
}

#[test]
fn a_flipped_byte_is_located_and_what_came_before_is_kept() {
    let object = seal(StreamSuite::Aes256Gcm, &content(5 * SEGMENT_LEN), usize::MAX);
    for segment in 0..6usize {
        let start = HEADER_LEN + segment * SEALED;
        let mut altered = object.clone();
        altered[start + 3] ^= 1;
        let found = open(&altered, usize::MAX);
        assert_eq!(found, Err(StreamError::Damaged { segment: segment as u64 }));
    }
}

#[test]
fn truncation_is_detected_at_every_border() {
    for suite in SUITES {
        let object = seal(suite, &content(3 * SEGMENT_LEN), usize::MAX);
        let borders = (HEADER_LEN..object.len()).step_by(SEALED);
        for (segment, border) in borders.enumerate() {
            for len in [border, border + 1, border + 15, border + 16, border + 17] {
                let cut = open(&object[..len.min(object.len() - 1)], usize::MAX);
                let segment = segment as u64;
                assert_eq!(cut, Err(StreamError::Truncated { segment }), "{len}");
            }
        }
        assert_eq!(open(&object[..HEADER_LEN - 1], 9), Err(StreamError::NotAnObject));
    }
    let small = seal(StreamSuite::Aes256Gcm, b"x", usize::MAX);
    for len in 0..small.len() {
        assert!(open(&small[..len], usize::MAX).is_err(), "{len}");
    }
    let longer = [small.as_slice(), &[0]].concat();
    assert_eq!(open(&longer, usize::MAX), Err(StreamError::TrailingBytes));
}

#[test]
fn segments_cannot_be_reordered_repeated_or_taken_from_elsewhere() {
    let object = seal(StreamSuite::Aes256Gcm, &content(4 * SEGMENT_LEN), usize::MAX);
    let place = |segment: usize| HEADER_LEN + segment * SEALED..HEADER_LEN + (segment + 1) * SEALED;
    for (from, to) in [(1, 2), (2, 1), (0, 1), (3, 0)] {
        let mut altered = object.clone();
        altered.copy_within(place(from), place(to).start);
        let found = open(&altered, usize::MAX);
        assert_eq!(found, Err(StreamError::Damaged { segment: to as u64 }));
    }
    let mut swapped = object.clone();
    swapped[place(1)].copy_from_slice(&object[place(2)]);
    swapped[place(2)].copy_from_slice(&object[place(1)]);
    assert_eq!(open(&swapped, usize::MAX), Err(StreamError::Damaged { segment: 1 }));
    // The same key and nonce prefix, another record.
    let (header, mut other) =
        Encryptor::new(&key(), StreamSuite::Aes256Gcm, [5; 7], b"record 8", 4 * 65536).unwrap();
    let mut foreign = header.to_vec();
    other.push(&content(4 * SEGMENT_LEN), &mut foreign).unwrap();
    other.finish(&mut foreign).unwrap();
    let mut mixed = object.clone();
    mixed[place(1)].copy_from_slice(&foreign[place(1)]);
    assert_eq!(open(&mixed, usize::MAX), Err(StreamError::Damaged { segment: 1 }));
}

#[test]
fn a_wrong_key_is_found_before_any_segment_and_wrong_data_at_the_first() {
    let object = seal(StreamSuite::Aes256Gcm, b"content", usize::MAX);
    let header = object.first_chunk().unwrap();
    let other = ObjectKey::from_bytes([0x12; 32]);
    assert_eq!(Decryptor::new(&other, AAD, header).unwrap_err(), StreamError::WrongKey);
    let refused = open_object(&key(), b"record 8", &object);
    assert_eq!(refused, Err(StreamError::Damaged { segment: 0 }));
}

#[test]
fn unknown_headers_are_named() {
    let object = seal(StreamSuite::Aes256Gcm, b"content", usize::MAX);
    for (at, value, expected) in [
        (0, b'X', StreamError::NotAnObject),
        (4, 2, StreamError::UnknownVersion(2)),
        (5, 0, StreamError::UnknownSuite(0)),
        (5, 3, StreamError::UnknownSuite(3)),
        (6, 17, StreamError::UnknownSegmentSize(17)),
        (14, 1, StreamError::PaddedLength(257)),
        (21, 1, StreamError::PaddedLength(256 | 1 << 56)),
    ] {
        let mut altered = object.clone();
        altered[at] = value;
        assert_eq!(open(&altered, usize::MAX), Err(expected));
    }
}

/// A sealer that breaks the padding rule is refused, though its tags are right.
#[test]
fn padding_and_length_are_checked() {
    let header = Header::new(&key(), StreamSuite::Aes256Gcm, [5; 7], 10).unwrap();
    let cipher = header.cipher(&key(), AAD).unwrap();
    let forge = |len: u64, at: usize| {
        let mut plaintext = [0; 256];
        plaintext[..8].copy_from_slice(&len.to_le_bytes());
        plaintext[at] = 1;
        let tag = cipher.seal(0, true, &mut plaintext).unwrap();
        [header.to_bytes().as_slice(), &plaintext, &tag].concat()
    };
    assert_eq!(open(&forge(10, 17), 99).unwrap(), [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(open(&forge(10, 18), 99), Err(StreamError::Padding));
    assert_eq!(open(&forge(10, 255), 99), Err(StreamError::Padding));
    assert_eq!(open(&forge(249, 20), 99), Err(StreamError::PaddedLength(256)));
    assert_eq!(open(&forge(u64::MAX, 20), 99), Err(StreamError::PaddedLength(256)));
}

#[test]
fn the_announced_length_is_kept() {
    let new = || Encryptor::new(&key(), StreamSuite::Aes256Gcm, [5; 7], AAD, 10).unwrap().1;
    let refused = Err(StreamError::ContentLength { announced: 10 });
    assert_eq!(new().push(&[0; 11], &mut Vec::new()), refused);
    let mut short = new();
    short.push(&[0; 9], &mut Vec::new()).unwrap();
    assert_eq!(short.finish(&mut Vec::new()), refused);
    let long = MAX_CONTENT_LEN + 1;
    let refused = Encryptor::new(&key(), StreamSuite::Aes256Gcm, [5; 7], AAD, long).unwrap_err();
    assert_eq!(refused, StreamError::ContentTooLong(long));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "parts may be sealed by several threads at once")]
fn sealing_in_parts_gives_the_same_object() {
    for len in lengths() {
        let content = content(len);
        let (header, sealer) =
            SegmentSealer::new(&key(), StreamSuite::Aes256Gcm, [5; 7], AAD, len as u64).unwrap();
        let segments = sealer.layout().segments();
        let middle = segments / 2;
        let part = |segments: std::ops::Range<u64>| {
            let range = sealer.content_range(segments.clone());
            let content = &content[range.start as usize..range.end as usize];
            let mut out = Vec::new();
            sealer.seal(segments, content, &mut out).unwrap();
            out
        };
        let (first, second) = std::thread::scope(|scope| {
            let first = scope.spawn(|| part(0..middle));
            let second = part(middle..segments);
            (first.join().unwrap(), second)
        });
        let object = [header.as_slice(), &first, &second].concat();
        assert_eq!(object, seal(StreamSuite::Aes256Gcm, &content, usize::MAX), "{len}");
    }
}

#[test]
fn sealing_in_place_gives_the_same_object_and_leaves_nothing_of_what_failed() {
    for len in lengths() {
        let content = content(len);
        let (header, sealer) =
            SegmentSealer::new(&key(), StreamSuite::Aes256Gcm, [5; 7], AAD, len as u64).unwrap();
        let (mut object, mut at) = (header.to_vec(), 0);
        let fill = |piece: &mut [u8]| {
            assert!(!piece.is_empty() && piece.len() <= SEGMENT_LEN);
            piece.copy_from_slice(&content[at..at + piece.len()]);
            at += piece.len();
            Ok::<_, StreamError>(())
        };
        sealer.seal_in_place(0..sealer.layout().segments(), fill, &mut object).unwrap();
        assert_eq!(at, len);
        assert!(object == seal(StreamSuite::Aes256Gcm, &content, usize::MAX), "{len}");
    }
    let (_, sealer) =
        SegmentSealer::new(&key(), StreamSuite::Aes256Gcm, [5; 7], AAD, 1 << 20).unwrap();
    let (mut out, mut calls) = (Vec::new(), 0);
    let fill = |piece: &mut [u8]| {
        piece.fill(0x5a);
        calls += 1;
        if calls < 3 { Ok(()) } else { Err(StreamError::Cipher) }
    };
    sealer.seal_in_place(0..8, fill, &mut out).unwrap_err();
    assert_eq!(out.len(), 2 * (SEGMENT_LEN + TAG_LEN), "the two before it");
    assert!(!out.windows(64).any(|bytes| bytes == [0x5a; 64]));
}

/// The segments are those of the STREAM of `aead-stream`.
#[test]
fn segments_are_those_of_stream_be32() {
    let content = content(3 * SEGMENT_LEN);
    let object = seal(StreamSuite::Aes256Gcm, &content, usize::MAX);
    let header = &object[..HEADER_LEN];
    let key_material = [key().as_bytes().as_slice(), &[1], &[5; 7]].concat();
    let segment_key = blake3::derive_key("sealed object v1 segment key", &key_material);
    let commitment = blake3::derive_key("sealed object v1 key commitment", &key_material);
    assert_eq!(header[22..], commitment);
    let aad = blake3::derive_key("sealed object v1 associated data", &[header, AAD].concat());
    let mut plaintext = (content.len() as u64).to_le_bytes().to_vec();
    plaintext.extend_from_slice(&content);
    plaintext.resize(bucket(content.len() as u64) as usize, 0);
    let nonce: Nonce<Aes256Gcm, StreamBE32<Aes256Gcm>> = [5; 7].into();
    let mut stream =
        EncryptorBE32::<Aes256Gcm>::from_aead(Aes256Gcm::new(&segment_key.into()), &nonce);
    let mut expected = header.to_vec();
    let segments: Vec<&[u8]> = plaintext.chunks(SEGMENT_LEN).collect();
    let (last, others) = segments.split_last().unwrap();
    for segment in others {
        let mut buffer = segment.to_vec();
        stream.encrypt_next_in_place(&aad, &mut buffer).unwrap();
        expected.append(&mut buffer);
    }
    let mut buffer = last.to_vec();
    stream.encrypt_last_in_place(&aad, &mut buffer).unwrap();
    expected.append(&mut buffer);
    assert_eq!(object, expected);
}

#[test]
fn buckets_cost_at_most_12_percent() {
    assert_eq!(bucket(0), MIN_BUCKET);
    assert_eq!(bucket(248), 256);
    assert_eq!(bucket(249), 272);
    let mut lens: Vec<u64> = (0..70_000).collect();
    lens.extend((8..40).flat_map(|power| [(1 << power) - 9, (1 << power) - 8, (1 << power) - 7]));
    lens.sort_unstable();
    let mut previous = 0;
    for len in lens {
        let padded = bucket(len);
        assert!(padded >= len + 8 && padded >= previous && is_bucket(padded), "{len}");
        if len + 8 > MIN_BUCKET {
            assert!((padded - len - 8) * 100 <= 12 * (len + 8), "{len} became {padded}");
        }
        previous = padded;
    }
    assert!(!is_bucket(0) && !is_bucket(255) && !is_bucket(257));
}

#[test]
fn ranges_outside_and_wrong_bytes_are_refused() {
    let object = seal(StreamSuite::Aes256Gcm, &content(200_000), usize::MAX);
    let reader = RangeReader::new(&key(), AAD, &object[..RangeReader::HEAD_LEN]).unwrap();
    assert_eq!(reader.content_len(), 200_000);
    let out_of_range = |start, end| StreamError::OutOfRange { start, end, len: 200_000 };
    assert_eq!(reader.sealed_range(0..200_001), Err(out_of_range(0, 200_001)));
    #[expect(clippy::reversed_empty_ranges, reason = "such a range is what is tested")]
    let reversed = 5..4;
    assert_eq!(reader.sealed_range(reversed), Err(out_of_range(5, 4)));
    let cut = RangeReader::new(&key(), AAD, &object[..RangeReader::HEAD_LEN - 1]);
    assert_eq!(cut.unwrap_err(), StreamError::Truncated { segment: 0 });
    let range = reader.sealed_range(70_000..140_000).unwrap();
    let mut sealed = object[range.start as usize..range.end as usize].to_vec();
    let mut out = vec![1, 2, 3];
    let cut = reader.read(70_000..140_000, &sealed[..SEALED], &mut out);
    assert_eq!(cut, Err(StreamError::Truncated { segment: 2 }));
    let last = sealed.len() - 1;
    sealed[last] ^= 1;
    let damaged = reader.read(70_000..140_000, &sealed, &mut out);
    assert_eq!(damaged, Err(StreamError::Damaged { segment: 2 }));
    sealed[last] ^= 1;
    sealed.push(0);
    let trailing = reader.read(70_000..140_000, &sealed, &mut out);
    assert_eq!(trailing, Err(StreamError::TrailingBytes));
    assert_eq!(out, [1, 2, 3]);
}

/// Guards the format: fails when any byte of it changes.
#[test]
fn the_format_is_stable() {
    let mut hasher = blake3::Hasher::new();
    for suite in SUITES {
        for len in lengths() {
            hasher.update(&seal(suite, &content(len), usize::MAX));
        }
    }
    let expected = "37d9f953146a719c03ab61c9e674e7f9db50fd75712fd6e46c9233c4f0cf4e07";
    assert_eq!(hasher.finalize().to_hex().as_str(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn round_trip(
        len in 0usize..300_000, pieces in 1usize..100_000, chacha: bool, aad: Vec<u8>, seed: u64,
    ) {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let key = ObjectKey::generate(&mut rng);
        let content = content(len);
        let suite = SUITES[usize::from(chacha)];
        let (header, mut encryptor) =
            Encryptor::new(&key, suite, [seed as u8; 7], &aad, len as u64).unwrap();
        let mut object = header.to_vec();
        for piece in content.chunks(pieces) {
            encryptor.push(piece, &mut object).unwrap();
        }
        encryptor.finish(&mut object).unwrap();
        let opened = open_object(&key, &aad, &object).unwrap();
        prop_assert_eq!(opened.as_slice(), content);
    }

    #[test]
    fn a_range_is_the_slice_of_the_whole(
        len in 0usize..300_000, a: prop::sample::Index, b: prop::sample::Index,
    ) {
        let content = content(len);
        let object = seal(StreamSuite::Aes256Gcm, &content, usize::MAX);
        let (a, b) = (a.index(len + 1), b.index(len + 1));
        let (start, end) = (a.min(b), a.max(b));
        let head = &object[..object.len().min(RangeReader::HEAD_LEN)];
        let reader = RangeReader::new(&key(), AAD, head).unwrap();
        let range = start as u64..end as u64;
        let sealed = reader.sealed_range(range.clone()).unwrap();
        prop_assert!(sealed.end - sealed.start <= (end - start + 2 * SEALED + 200) as u64);
        let sealed = &object[sealed.start as usize..sealed.end as usize];
        let mut out = Vec::new();
        reader.read(range, sealed, &mut out).unwrap();
        prop_assert_eq!(out, &content[start..end]);
    }

    #[test]
    fn any_flipped_bit_is_detected(len in 0usize..150_000, at: prop::sample::Index, bit in 0u8..8) {
        let mut object = seal(StreamSuite::Aes256Gcm, &content(len), usize::MAX);
        let at = at.index(object.len());
        object[at] ^= 1 << bit;
        prop_assert!(open(&object, usize::MAX).is_err());
    }
}
