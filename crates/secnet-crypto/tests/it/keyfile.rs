//! The example of docs/spec/keyfile.md, and Argon2id's own known answer.

use argon2::{Algorithm, Argon2, AssociatedData, ParamsBuilder, Version};
use secnet_crypto::keyfile;

use crate::support::hex;

const PAGE: &str = include_str!("../../../../docs/spec/keyfile.md");

/// RFC 9106, section 5.3.
#[test]
fn argon2id_as_rfc_9106() {
    let params = ParamsBuilder::new()
        .m_cost(32)
        .t_cost(3)
        .p_cost(4)
        .data(AssociatedData::new(&[4; 12]).unwrap())
        .build()
        .unwrap();
    let argon2 =
        Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, params).unwrap();
    let mut tag = [0; 32];
    argon2.hash_password_into(&[1; 32], &[2; 16], &mut tag).unwrap();
    let expected = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659";
    assert_eq!(tag.as_slice(), hex(expected));
}

#[test]
fn the_example_of_the_specification_opens() {
    let example: Vec<&str> =
        PAGE.lines().skip_while(|line| !line.starts_with("Example.")).skip(2).collect();
    let file: String = example[..4].iter().map(|line| format!("{}\n", line.trim())).collect();
    assert_eq!(*keyfile::decrypt(&file, "correct horse").unwrap(), [5; 32]);
    assert!(keyfile::decrypt(&file, "correct hors").is_err());

    let cost = keyfile::cost(&file).unwrap();
    assert_eq!(cost, keyfile::KeyFileParams::LEAST);
    let params = argon2::Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).unwrap();
    let salt = <base64ct::Base64 as base64ct::Encoding>::decode_vec(example[2].trim()).unwrap();
    let mut key = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(b"correct horse", &salt, &mut key)
        .unwrap();
    let stretched = example[5].trim().strip_prefix("stretched key").unwrap().trim();
    assert_eq!(key.as_slice(), hex(stretched));
}

/// Costs outside the limits are refused before any work: a gigabyte would be noticed.
#[test]
fn the_cost_is_known_without_a_passphrase() {
    let file = |line: &str| {
        let rest = "mjdEUEVgY57GcLehfUkrJw==\n\
            Pgd7Cpa+9Yundgd55URUbgAO/sh8V0nsY/RVEkKl/x+bdvc7xf8Zv6skj02ZMf1GLP2iqZe+FcWqzhODPPyJrUji7fCeZXCc\n";
        format!("secnet-key-v1\n{line}\n{rest}")
    };
    assert!(keyfile::cost(&file("argon2id m=1048576 t=16 p=4")).is_ok());
    for line in [
        "argon2id m=1048577 t=3 p=1",
        "argon2id m=19455 t=3 p=1",
        "argon2id m=65536 t=17 p=1",
        "argon2id m=65536 t=1 p=1",
        "argon2id m=65536 t=3 p=5",
        "argon2id m=65536 t=3 p=0",
        "argon2id m=065536 t=3 p=1",
    ] {
        let refused = keyfile::cost(&file(line)).unwrap_err();
        assert_eq!(keyfile::decrypt(&file(line), "correct horse").unwrap_err(), refused, "{line}");
    }
}
