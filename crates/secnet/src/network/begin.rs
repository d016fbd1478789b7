//! How a network begins: each founder makes its keys and hands on a card; one makes the genesis of all cards; each checks it
//! and begins its folder with it. No secret leaves a folder.
//!
//! ```text
//! DIR/keys/joined    the networks that this folder's validator has joined, as text
//! ```

use std::net::SocketAddr;
use std::path::Path;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use secnet_app::ports::Clock as _;
use secnet_crypto::KeyFileParams;
use secnet_node::store::Store;
use secnet_node::{Chain, store_options};
use secnet_types::{
    Founder, Genesis, IdError, MemberCard, MemberId, MemberKind, NetworkId, NetworkNode,
    Parameters, Signed, ValidatorKey, encode,
};
use serde::{Deserialize, Serialize};

use super::continuing::{self, Past};
use super::part::{VOTES, id};
use crate::failure::{Exit, Failure};
use crate::files;
use crate::format;
use crate::keystore::{Identity, Keystore};
use crate::node::{GOVERNOR, LEDGER, NODE_KEYS, NodeKeys, founder, ledger_failure, store_failure};
use crate::system::{SystemClock, random};

const JOINED: &str = "joined";
/// Longest list of networks, in bytes.
const MAX_JOINED_BYTES: u64 = 64 * 1024;

/// What others need of a founding node: nothing secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Card {
    /// The validator, by its key's id.
    pub validator: String,
    /// Where the other validators reach it.
    pub address: SocketAddr,
    /// The data centre.
    pub data_centre: Party,
    /// Who governs, if that is in this folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub governor: Option<Party>,
    /// The data centre's own card for one network, for whoever joins it after it began: base64url of the signed form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member_card: Option<String>,
}

impl Card {
    /// The node, as the ledger names it.
    pub(crate) fn node(&self) -> Result<NetworkNode, Failure> {
        let validator: MemberId =
            self.validator.parse().map_err(|error: IdError| bad_card(&error))?;
        let address = Some(self.address.into());
        Ok(NetworkNode { key: ValidatorKey(validator.0), address })
    }

    /// The data centre, and its card for this network.
    pub(crate) fn admission(
        &self,
        network: NetworkId,
    ) -> Result<(MemberId, Signed<MemberCard>), Failure> {
        let founder = self.data_centre.founder(MemberKind::Node)?;
        let missing = || {
            Failure::new("bad-card", "the card is not for a network that runs already")
                .hint("have it made with `secnet net card --genesis FILE`")
                .exit(Exit::Usage)
        };
        let bytes = self.member_card.as_ref().ok_or_else(missing)?;
        let bytes = Base64UrlUnpadded::decode_vec(bytes).map_err(|error| bad_card(&error))?;
        let card = Signed::<MemberCard>::parse(&bytes).map_err(|error| bad_card(&error))?;
        card.verify().map_err(|error| bad_card(&error))?;
        let fits = card.envelope.key == founder.member.0
            && card.value.sealing_key == founder.sealing_key
            && card.value.kind == MemberKind::Node;
        if card.value.network != network || !fits {
            return Err(missing());
        }
        Ok((founder.member, card))
    }
}

/// A founding member.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Party {
    pub member: String,
    /// Digest of its sealing key.
    pub sealing_key: String,
}

impl Party {
    fn of(founder: &Founder) -> Self {
        Self { member: founder.member.to_string(), sealing_key: founder.sealing_key.to_string() }
    }

    fn founder(&self, kind: MemberKind) -> Result<Founder, Failure> {
        let member = self.member.parse().map_err(|error: IdError| bad_card(&error))?;
        let sealing_key = self.sealing_key.parse().map_err(|error: IdError| bad_card(&error))?;
        Ok(Founder { member, kind, sealing_key })
    }
}

fn bad_card(error: &dyn std::error::Error) -> Failure {
    Failure::new("bad-card", "the card of a founder does not hold")
        .because(error)
        .hint("have it sent again: `secnet net card` prints it")
}

/// Make the keys of a founding node, and a governor's if it is to be in this folder.
pub(crate) fn new_keys(
    dir: &Path,
    governs: bool,
    passphrase: &str,
    cost: KeyFileParams,
) -> Result<(), Failure> {
    let keys = dir.join("keys");
    files::make_private_dir(&keys)?;
    if governs {
        let governor = Identity::generate(GOVERNOR, MemberKind::Organisation)?;
        Keystore::at(&keys).save(&governor, passphrase, cost)?;
    }
    // Last: what has this file has all of them.
    NodeKeys::generate().save(&keys, passphrase, cost)
}

/// What others need of the founding node in this folder.
pub(crate) fn card(dir: &Path, address: SocketAddr, passphrase: &str) -> Result<Card, Failure> {
    let folder = dir.join("keys");
    if !folder.join(NODE_KEYS).exists() {
        return Err(Failure::new("no-keys", format!("`{}` has no keys of a node", dir.display()))
            .hint("`secnet net card` makes them in a new folder"));
    }
    let keys = NodeKeys::load(&folder, passphrase)?;
    let keystore = Keystore::at(&folder);
    let governs = keystore.beside(GOVERNOR, "key").exists();
    let governor = governs.then(|| keystore.open(GOVERNOR, passphrase)).transpose()?;
    Ok(Card {
        validator: id(validator(&keys)).to_string(),
        address,
        data_centre: Party::of(&keys.founder()),
        governor: governor.map(|governor| Party::of(&founder(&governor))),
        member_card: None,
    })
}

/// Whose data centre has its keys in this folder.
pub(crate) fn data_centre(dir: &Path, passphrase: &str) -> Result<MemberId, Failure> {
    Ok(NodeKeys::load(&dir.join("keys"), passphrase)?.data_centre())
}

/// The same for a network that has begun without this node.
pub(crate) fn later_card(
    dir: &Path,
    address: SocketAddr,
    network: NetworkId,
    passphrase: &str,
) -> Result<Card, Failure> {
    let keys = NodeKeys::load(&dir.join("keys"), passphrase)?;
    let signed = keys.member_card(network).to_bytes();
    let member_card = Some(Base64UrlUnpadded::encode_string(&signed));
    Ok(Card { member_card, governor: None, ..card(dir, address, passphrase)? })
}

/// The genesis of a network of these founders. More than half of those that govern must agree.
pub(crate) fn genesis(name: &str, cards: &[Card]) -> Result<Genesis, Failure> {
    let mut founders = Vec::new();
    let mut validators = Vec::new();
    let mut governors = Vec::new();
    for card in cards {
        let validator: MemberId =
            card.validator.parse().map_err(|error: IdError| bad_card(&error))?;
        validators.push(ValidatorKey(validator.0));
        founders.push(card.data_centre.founder(MemberKind::Node)?);
        if let Some(governor) = &card.governor {
            let governor = governor.founder(MemberKind::Organisation)?;
            governors.push(governor.member);
            founders.push(governor);
        }
    }
    if governors.is_empty() {
        return Err(Failure::new("governors", "none of the cards names a governor, and one must")
            .hint("whoever is to govern makes its card with `secnet net card --governs`")
            .exit(Exit::Usage));
    }
    governors.sort();
    // More than half of them must agree.
    let threshold = u32::try_from(governors.len() / 2).unwrap_or(u32::MAX).saturating_add(1);
    founders.sort_by_key(|founder| founder.member);
    validators.sort();
    let genesis = Genesis {
        version: Genesis::VERSION,
        name: name.to_owned(),
        time: SystemClock.now(),
        salt: random(),
        founders,
        governors,
        threshold,
        sequencer: validators.first().map(|key| key.0).unwrap_or_default(),
        parameters: Parameters::default(),
        predecessor: None,
        validators: Some(validators),
    };
    genesis.check().map_err(|error| {
        Failure::new(error.code(), "these founders make no network")
            .because(&error)
            .hint("give the card of each founder once")
            .exit(Exit::Usage)
    })?;
    Ok(genesis)
}

/// Whose folder begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Joins {
    /// One that the genesis names.
    Founder,
    /// One that governors let in after the network has begun.
    Later,
}

/// Begin a folder whose keys are there. Can be called again if it was interrupted.
pub(crate) fn join(
    dir: &Path,
    (genesis, past): (&Genesis, Past<'_>),
    who: Joins,
    passphrase: &str,
) -> Result<(), Failure> {
    super::require_feature()?;
    if dir.join("genesis.cbor").exists() {
        return Err(Failure::new("exists", format!("`{}` already holds a network", dir.display()))
            .hint("`secnet up` serves it"));
    }
    let keys = NodeKeys::load(&dir.join("keys"), passphrase)?;
    let me = validator(&keys);
    let validators = genesis.validators.as_deref().unwrap_or_default();
    let founded = genesis.founders.contains(&keys.founder());
    if who == Joins::Later && (validators.contains(&me) || founded) {
        return Err(Failure::new(
            "founder",
            format!("this genesis names {}, whose keys this folder has", id(me)),
        )
        .hint("a founder joins without --later; one that lost its votes makes new keys")
        .exit(Exit::Usage));
    }
    if who == Joins::Founder && (!validators.contains(&me) || !founded) {
        return Err(Failure::new(
            "not-a-validator",
            format!("this genesis does not name {}, whose keys this folder has", id(me)),
        )
        .hint("is it the genesis that was made with this folder's card? Whoever comes after a network began joins with --later")
        .exit(Exit::Verification));
    }
    if who == Joins::Founder {
        still_governs(dir, genesis, passphrase)?;
    }
    let before = continuing::bring(dir, genesis, past)?;
    let ledger = dir.join(LEDGER);
    if ledger.exists() {
        // Without a genesis file beside it, it was never opened.
        std::fs::remove_dir_all(&ledger).map_err(|e| Failure::io("remove", &ledger, &e))?;
    }
    let store = Store::open(&ledger, store_options(true)).map_err(|error| store_failure(&error))?;
    match before {
        None => Chain::create_agreed(store, genesis.clone()),
        Some(closed) => Chain::succeed_agreed(store, genesis.clone(), closed),
    }
    .map_err(|error| ledger_failure(&error))?;
    begin_to_vote(dir, genesis.network(), me)?;
    format::write(dir, format::FORMAT)?;
    // Last, because its presence says that the folder is complete.
    files::write_private(&dir.join("genesis.cbor"), &encode(genesis))
}

/// Whoever makes the genesis could name another governor than the founders agreed on: the one who is to govern sees it here.
fn still_governs(dir: &Path, genesis: &Genesis, passphrase: &str) -> Result<(), Failure> {
    let keystore = Keystore::at(&dir.join("keys"));
    if !keystore.beside(GOVERNOR, "key").exists() {
        return Ok(());
    }
    let governor = founder(&keystore.open(GOVERNOR, passphrase)?);
    if genesis.governors.contains(&governor.member) && genesis.founders.contains(&governor) {
        return Ok(());
    }
    let said = "this genesis has another governor than the one whose keys this folder has";
    Err(Failure::new("other-governor", said)
        .hint("ask who made the genesis; do not join before all founders agree on who governs")
        .exit(Exit::Verification))
}

/// Once for these keys and this network: whoever puts the keys into a new folder, after the old one was lost, may have voted
/// before. Backups have the note too.
fn begin_to_vote(dir: &Path, network: NetworkId, me: ValidatorKey) -> Result<(), Failure> {
    let note = dir.join("keys").join(JOINED);
    let before = files::read_if_present(&note, MAX_JOINED_BYTES)?;
    let mut joined = String::from_utf8(before.map(|b| b.to_vec()).unwrap_or_default())
        .map_err(|_| Failure::new("damaged", format!("`{}` is not text", note.display())))?;
    if joined.lines().any(|line| line == network.to_string()) {
        return Ok(());
    }
    let votes = dir.join(VOTES);
    allow_votes(&votes, network, id(me)).map_err(|error| Failure::io("make", &votes, &error))?;
    joined.push_str(&format!("{network}\n"));
    files::write_private(&note, joined.as_bytes())
}

#[cfg(feature = "bft")]
fn allow_votes(votes: &Path, network: NetworkId, validator: MemberId) -> std::io::Result<()> {
    secnet_bft::begin_to_vote(votes, network, validator)
}

/// Never called: what needs the engine has been refused before.
#[cfg(not(feature = "bft"))]
fn allow_votes(_: &Path, _: NetworkId, _: MemberId) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

fn validator(keys: &NodeKeys) -> ValidatorKey {
    ValidatorKey(*keys.sequencer().verifying_key().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSPHRASE: &str = "correct horse";

    fn founders(place: &Path, governors: &[usize]) -> Vec<Card> {
        let card = |index: usize| {
            let dir = place.join(index.to_string());
            new_keys(&dir, governors.contains(&index), PASSPHRASE, KeyFileParams::LEAST).unwrap();
            card(&dir, "127.0.0.1:1".parse().unwrap(), PASSPHRASE).unwrap()
        };
        (0..4).map(card).collect()
    }

    #[test]
    fn some_of_the_founders_govern_by_majority() {
        let place = tempfile::tempdir().unwrap();
        let cards = founders(place.path(), &[1]);
        let genesis = genesis("clinics", &cards).unwrap();
        assert_eq!((genesis.founders.len(), genesis.governors.len()), (5, 1));
        assert_eq!(genesis.validators.map(|validators| validators.len()), Some(4));
        let refused = |cards: &[Card]| super::genesis("clinics", cards).unwrap_err().code;
        assert_eq!(refused(&cards[2..]), "governors");
        let several = founders(&place.path().join("several"), &[0, 1, 3]);
        let genesis = super::genesis("clinics", &several).unwrap();
        assert_eq!((genesis.governors.len(), genesis.threshold), (3, 2));
        let twice = [&cards[..], &cards[..1]].concat();
        assert_eq!(refused(&twice), "bad-genesis");
    }

    #[cfg(feature = "bft")]
    #[test]
    fn whoever_is_to_govern_joins_no_network_that_another_governs() {
        let place = tempfile::tempdir().unwrap();
        let mut cards = founders(place.path(), &[0, 1]);
        let usurped = cards[0].governor.take();
        let genesis = genesis("clinics", &cards).unwrap();
        let join = |index: &str| {
            super::join(
                &place.path().join(index),
                (&genesis, Past::None),
                Joins::Founder,
                PASSPHRASE,
            )
        };
        assert!(usurped.is_some());
        assert_eq!(join("0").unwrap_err().code, "other-governor");
        join("1").unwrap();
        join("2").unwrap();
    }

    #[cfg(feature = "bft")]
    #[test]
    fn keys_begin_to_vote_once_wherever_they_are_put() {
        let place = tempfile::tempdir().unwrap();
        let genesis = genesis("clinics", &founders(place.path(), &[0])).unwrap();
        let dir = place.path().join("0");
        join(&dir, (&genesis, Past::None), Joins::Founder, PASSPHRASE).unwrap();
        let begun = |dir: &Path| dir.join(VOTES).exists();
        assert!(begun(&dir));
        assert_eq!(
            join(&dir, (&genesis, Past::None), Joins::Founder, PASSPHRASE).unwrap_err().code,
            "exists"
        );
        // The disk is lost, and the keys are put back.
        let again = place.path().join("again");
        files::copy_tree(&dir.join("keys"), &again.join("keys"), &[]).unwrap();
        join(&again, (&genesis, Past::None), Joins::Founder, PASSPHRASE).unwrap();
        assert!(!begun(&again));
        // Another network's votes are others.
        let other = super::genesis(
            "other",
            &[card(&dir, "127.0.0.1:1".parse().unwrap(), PASSPHRASE).unwrap()],
        )
        .unwrap();
        std::fs::remove_file(again.join("genesis.cbor")).unwrap();
        join(&again, (&other, Past::None), Joins::Founder, PASSPHRASE).unwrap();
        assert!(begun(&again));
        let stranger = place.path().join("stranger");
        new_keys(&stranger, false, PASSPHRASE, KeyFileParams::LEAST).unwrap();
        assert_eq!(
            join(&stranger, (&genesis, Past::None), Joins::Founder, PASSPHRASE).unwrap_err().code,
            "not-a-validator"
        );
        assert_eq!(
            join(&dir, (&other, Past::None), Joins::Later, PASSPHRASE).unwrap_err().code,
            "exists"
        );
        join(&stranger, (&genesis, Past::None), Joins::Later, PASSPHRASE).unwrap();
        assert!(begun(&stranger), "it has never voted");
    }
}
