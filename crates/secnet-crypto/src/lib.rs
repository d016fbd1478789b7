//! Keys, signatures, envelopes, the streaming cipher, secret shares and Merkle proofs; knows nothing of SecNet.
//!
//! Every module wraps a maintained implementation in one narrow interface and writes down one byte
//! format. Nothing here reads a clock, a file or the system's randomness: a random generator comes
//! in as a parameter ([`rand_core::CryptoRng`]).
//!
//! | module | what | source |
//! |---|---|---|
//! | [`sign`] | Ed25519, one acceptance rule for single and batch checks | RFC 8032, ZIP-215 |
//! | [`mod@seal`] | public-key envelopes, post-quantum hybrid | RFC 9180 with X-Wing |
//! | [`stream`] | sealed objects in 64 KiB segments, range reads | STREAM (Hoang et al. 2015) |
//! | [`address`] | content addresses and verified ranges | BLAKE3 |
//! | [`shares`] | t-of-n shares of a 32-byte secret | Shamir 1979, GF(256) |
//! | [`merkle`] | append-only log, proofs, checkpoints, tiles | RFC 9162, C2SP |
//! | [`keyfile`] | secrets under a passphrase | RFC 9106 (Argon2id) |
//! | [`kdf`] | key derivation and salted commitments | RFC 5869 |
//! | [`lthash`] | digest of a set, updated in place | Lewi et al. 2019 |
//!
//! It does not keep keys, decide who may use them, or say what a signed message means: that needs the
//! words of the product.
//!
//! ```
//! use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
//! use secnet_crypto::{
//!     ObjectKey, SealKeyPair, SigningKey, leaf_hash, merkle::Tree, open, open_object, seal,
//!     seal_object, verify_inclusion,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A program takes its generator from the system; a test takes a seed.
//! let mut rng = ChaCha20Rng::seed_from_u64(1);
//!
//! // Seal a record under a key of its own, and the key to somebody.
//! let key = ObjectKey::generate(&mut rng);
//! let object = seal_object(&key, b"record 7", b"blood group 0", &mut rng)?;
//! let reader = SealKeyPair::generate(&mut rng);
//! let envelope = seal(&reader.public, b"record key", b"record 7", key.as_bytes(), &mut rng)?;
//!
//! // The reader opens the envelope, then the record.
//! let key = open(&reader.secret, b"record key", b"record 7", &envelope)?;
//! let key = ObjectKey::from_bytes(key.as_slice().try_into()?);
//! assert_eq!(open_object(&key, b"record 7", &object)?.as_slice(), b"blood group 0");
//!
//! // Sign what happened and prove that it is in the log.
//! let signer = SigningKey::generate(&mut rng);
//! let entry = b"record 7 was read";
//! signer.verifying_key().verify(entry, &signer.sign(entry))?;
//! let mut log = Tree::new();
//! let index = log.append(leaf_hash(entry));
//! let (root, proof) = (log.root(1)?, log.inclusion_proof(index, 1)?);
//! verify_inclusion(&leaf_hash(entry), index, 1, &proof, &root)?;
//! # Ok(())
//! # }
//! ```

pub mod address;
pub mod kdf;
pub mod keyfile;
pub mod lthash;
pub mod merkle;
pub mod seal;
pub mod shares;
pub mod sign;
pub mod stream;
mod text;

pub use address::{
    Address, AddressError, GROUP_LEN, Hasher, Outboard, OutboardBuilder, OutboardError, SliceError,
};
pub use kdf::{commit, derive};
pub use keyfile::{KeyFileError, KeyFileParams};
pub use lthash::{LTHASH_LEN, LtHash};
pub use merkle::{
    Checkpoint, Frontier, Hash, MemoryNodes, MerkleError, NodeSource, ProofError, SignedNote, Tree,
    checkpoint::CheckpointError, leaf_hash, node_hash, note::NoteError, tile::TileId,
    verify_consistency, verify_inclusion,
};
pub use rand_core;
pub use rand_core::CryptoRng;
pub use seal::{
    Agreement, OpenError, OpenSession, SealError, SealKeyPair, SealPublicKey, SealSecretKey,
    SealSession, open, open_agreed, seal,
};
pub use shares::{Share, ShareCommitment, SharesError, verify_share};
pub use sign::{
    BatchItem, KeyError, Signature, SignatureError, SigningKey, VerifyingKey, verify_batch,
    verify_zip215,
};
pub use stream::{
    Decryptor, Encryptor, HEADER_LEN, Header, Layout, ObjectKey, RangeReader, SegmentSealer,
    StreamError, StreamSuite, bucket, open_object, seal_object,
};
pub use zeroize::Zeroizing;
