use super::*;

#[test]
fn parts_are_not_run_together() {
    let together = derive("test", &[b"ab", b"c"]);
    assert_ne!(together, derive("test", &[b"a", b"bc"]));
    assert_ne!(together, derive("test", &[b"abc"]));
    assert_ne!(together, derive("test", &[b"ab", b"c", b""]));
    assert_ne!(together, derive("tesu", &[b"ab", b"c"]));
    assert_eq!(together, derive("test", &[b"ab", b"c"]));
}

#[test]
fn derive_is_hkdf_over_the_documented_bytes() {
    let mut expected = [0; 32];
    let ikm = b"\x02\0\0\0\0\0\0\0ab\x01\0\0\0\0\0\0\0c";
    Hkdf::<Sha256>::new(None, ikm).expand(b"test", &mut expected).unwrap();
    assert_eq!(*derive("test", &[b"ab", b"c"]), expected);
}

#[test]
fn commitments_depend_on_salt_and_data() {
    let commitment = commit(&[1; 32], b"data");
    assert_ne!(commitment, commit(&[2; 32], b"data"));
    assert_ne!(commitment, commit(&[1; 32], b"date"));
    let bytes = [b"salted commitment v1\0".as_slice(), &[1; 32], b"data"].concat();
    assert_eq!(commitment, <[u8; 32]>::from(Sha256::digest(bytes)));
}
