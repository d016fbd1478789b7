use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::*;

const PASSPHRASE: &str = "correct horse battery staple";

fn file() -> String {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    encrypt(&[0x42; 64], PASSPHRASE, KeyFileParams::LEAST, &mut rng).unwrap()
}

#[test]
fn round_trip() {
    let file = file();
    assert!(file.starts_with("secnet-key-v1\nargon2id m=19456 t=2 p=1\n"), "{file}");
    assert_eq!(file.lines().count(), 4);
    assert_eq!(decrypt(&file, PASSPHRASE).unwrap().as_slice(), [0x42; 64]);
    assert_eq!(decrypt(&file, "Correct horse battery staple"), Err(KeyFileError::Rejected));
}

#[test]
fn hostile_costs_are_refused_before_any_work() {
    let file = file();
    for (from, to) in [
        ("m=19456", "m=4294967295"),
        ("m=19456", "m=1048577"),
        ("m=19456", "m=8"),
        ("t=2", "t=1"),
        ("t=2", "t=1000000"),
        ("p=1", "p=0"),
        ("p=1", "p=255"),
    ] {
        let refused = decrypt(&file.replace(from, to), PASSPHRASE);
        assert!(matches!(refused, Err(KeyFileError::Params(_))), "{to}: {refused:?}");
    }
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let weak = KeyFileParams { memory_kib: 8, passes: 1, lanes: 1 };
    assert_eq!(encrypt(b"s", PASSPHRASE, weak, &mut rng), Err(KeyFileError::Params(weak)));
}

#[test]
fn everything_in_the_file_is_bound() {
    let file = file();
    let stronger = file.replace("t=2", "t=3");
    assert_eq!(decrypt(&stronger, PASSPHRASE), Err(KeyFileError::Rejected));
    let lines: Vec<&str> = file.lines().collect();
    for line in [2, 3] {
        let mut altered: Vec<String> = lines.iter().map(ToString::to_string).collect();
        let first = if altered[line].starts_with('A') { "B" } else { "A" };
        altered[line].replace_range(..1, first);
        let refused = decrypt(&(altered.join("\n") + "\n"), PASSPHRASE);
        assert_eq!(refused, Err(KeyFileError::Rejected), "line {line}");
    }
}

#[test]
fn other_forms_are_refused() {
    let file = file();
    let long = format!("{file}{}", "A".repeat(MAX_KEY_FILE_LEN));
    for text in [
        "",
        "\n\n\n\n",
        "secnet-key-v1\n",
        file.trim_end(),
        &format!("{file}\n"),
        &format!(" {file}"),
        &file.replace("secnet-key-v1", "secnet-key-v2"),
        &file.replace("argon2id", "argon2i"),
        &file.replace("m=19456", "m=019456"),
        &file.replace("p=1", "p=1 "),
        &file.replace("m=19456 t=2", "t=2 m=19456"),
        &file.replace('\n', "\r\n"),
        &long,
    ] {
        assert_eq!(decrypt(text, PASSPHRASE), Err(KeyFileError::NotAKeyFile), "{text}");
    }
}

#[test]
fn secrets_have_a_length() {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    for len in [0, MAX_SECRET_LEN + 1] {
        let refused = encrypt(&vec![0; len], PASSPHRASE, KeyFileParams::LEAST, &mut rng);
        assert_eq!(refused, Err(KeyFileError::SecretLength(len)));
    }
    let full = vec![1; MAX_SECRET_LEN];
    let file = encrypt(&full, PASSPHRASE, KeyFileParams::LEAST, &mut rng).unwrap();
    assert_eq!(decrypt(&file, PASSPHRASE).unwrap().as_slice(), full);
}
