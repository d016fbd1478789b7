//! A ledger that comes from another node, here of one validator: all of it or nothing, and who sent what is wrong is told.

use std::path::Path;

use secnet_crypto::SigningKey;
use secnet_ledger::{Agreement, Candidate, Verified, VerifyingPool};
use secnet_node::store::{Options, Store};
use secnet_node::{
    Arriving, Chain, ChainError, HandedBlock, NotArrived, Offer, Snapshot, Wrong, check_chain,
    store_options,
};
use secnet_types::{
    Certificate, Digest, Genesis, Header, SIMPLEX_ED25519, ValidatorKey, encode, engine_namespace,
};

use crate::world::{self, START, issue_for, key};

const BLOCKS: u64 = 24;

fn genesis() -> Genesis {
    let validator = ValidatorKey(*key("sequencer").verifying_key().as_bytes());
    Genesis { validators: Some(vec![validator]), ..world::genesis() }
}

fn store(dir: &Path, create: bool) -> Store {
    Store::open(dir, Options { cache_bytes: 16 << 20, ..store_options(create) }).unwrap()
}

fn issue(number: u64) -> Vec<Verified> {
    let rng = &mut secnet_crypto::rand_core::UnwrapErr(getrandom::SysRng);
    let commands = vec![issue_for(&genesis(), number, "ada")];
    VerifyingPool::verify(commands, rng).into_iter().map(Result::unwrap).collect()
}

fn certificate(header: &Header, key: &SigningKey) -> Certificate {
    let proposal = [&[0, 1, 0], header.digest().0.as_slice()].concat();
    let namespace = [engine_namespace(header.network).as_slice(), b"_FINALIZE"].concat();
    let message = [&[namespace.len() as u8], namespace.as_slice(), &proposal].concat();
    let signature = key.sign(&message).0;
    let bytes = [&proposal, 1_u64.to_be_bytes().as_slice(), &[1, 1], &signature].concat();
    Certificate::Quorum { scheme: SIMPLEX_ED25519, bytes }
}

fn append(chain: &Chain, commands: &[Verified], is_certified: bool) {
    let height = chain.executor().height();
    let candidate =
        Candidate { time: START.plus_ms(height), agreement: Agreement::default(), commands };
    let header = chain.trial(height, &[], &candidate).unwrap().block.header.clone();
    let certificate = is_certified.then(|| certificate(&header, &key("sequencer")));
    chain.append(&header, commands, certificate).unwrap();
}

/// A ledger of which every third block has no certificate of its own, and its snapshot after block [`BLOCKS`].
struct Giver {
    chain: Chain,
    offer: Offer,
    snapshot: Snapshot,
    _folder: tempfile::TempDir,
}

fn giver() -> Giver {
    let folder = tempfile::tempdir().unwrap();
    let chain = Chain::create_agreed(store(folder.path(), true), genesis()).unwrap();
    for number in 1..=BLOCKS {
        append(&chain, &issue(number), number % 3 != 0);
    }
    let drawn = chain.draw(&chain.snapshot_path().unwrap()).unwrap();
    assert_eq!(drawn.height(), BLOCKS);
    let drawn = chain.certify(drawn).unwrap().expect_err("nothing is above it yet");
    append(&chain, &issue(100), true);
    append(&chain, &issue(101), true);
    let (offer, snapshot) = chain.certify(drawn).unwrap().unwrap();
    assert_eq!(offer.header.header.height, BLOCKS + 1);
    Giver { chain, offer, snapshot, _folder: folder }
}

fn newcomer(folder: &Path) -> Chain {
    Chain::create_agreed(store(folder, true), genesis()).unwrap()
}

/// What the giver hands out, with something done to it.
struct Way<'a> {
    giver: &'a Giver,
    blocks: &'a dyn Fn(u64, &mut Vec<HandedBlock>),
    events: &'a dyn Fn(&mut Vec<Vec<u8>>),
}

impl Way<'_> {
    /// Until all is there, or so many messages have come.
    fn history(&self, arriving: &mut Arriving, mut messages: usize) -> Result<(), NotArrived> {
        while messages > 0 {
            messages -= 1;
            if let Some((from, end)) = arriving.wants_events() {
                let mut events = self.giver.chain.hand_events(from, end).unwrap();
                (self.events)(&mut events);
                arriving.take_events(events)?;
            } else if let Some((from, below)) = arriving.wants_blocks() {
                // A few at a time.
                let below = below.min(from + 5);
                let mut blocks = self.giver.chain.hand_blocks(from, below).unwrap();
                (self.blocks)(from, &mut blocks);
                arriving.take_blocks(blocks)?;
            } else {
                break;
            }
        }
        Ok(())
    }

    fn chunks(&self, arriving: &Arriving) -> Result<(), NotArrived> {
        for digest in arriving.wants_chunks()? {
            arriving.take_chunk(&digest, &self.giver.snapshot.chunk(&digest).unwrap().unwrap())?;
        }
        Ok(())
    }
}

fn honest(giver: &Giver) -> Way<'_> {
    Way { giver, blocks: &|_, _| {}, events: &|_| {} }
}

fn is_like_the_givers(chain: &Chain, giver: &Giver) {
    let height = chain.executor().height();
    assert_eq!(height, BLOCKS);
    for height in 1..=height {
        assert_eq!(chain.block(height).unwrap(), giver.chain.block(height).unwrap());
    }
    for index in 0..chain.executor().log_size() {
        assert_eq!(chain.event(index).unwrap(), giver.chain.event(index).unwrap());
    }
    let findings = check_chain(chain.store(), &[], &mut |_, _| {}).unwrap();
    // The last block has no certificate of its own: the one above, which is still to come, has.
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].problem.contains("no certificate"), "{findings:?}");
}

/// Goes on from there with the blocks above.
fn goes_on(chain: &Chain, giver: &Giver) {
    let height = chain.executor().height();
    for height in height + 1..=BLOCKS + 2 {
        let (block, certificate) = giver.chain.block(height).unwrap().unwrap();
        let rng = &mut secnet_crypto::rand_core::UnwrapErr(getrandom::SysRng);
        let commands = VerifyingPool::verify(block.commands, rng);
        let commands: Vec<_> = commands.into_iter().map(Result::unwrap).collect();
        chain.append(&block.header, &commands, certificate).unwrap();
    }
    assert_eq!(chain.executor().position(), giver.chain.executor().position());
    assert_eq!(check_chain(chain.store(), &[], &mut |_, _| {}).unwrap(), []);
    for event in 0..chain.executor().log_size() - 1 {
        let receipt = chain.receipt(event).unwrap();
        receipt.verify(&genesis()).unwrap();
    }
}

#[test]
fn it_arrives_whole_and_serves_and_goes_on_like_the_one_it_came_from() {
    let giver = giver();
    let folder = tempfile::tempdir().unwrap();
    let chain = newcomer(folder.path());
    let mut arriving = Arriving::open(&chain, giver.offer.clone()).unwrap();
    honest(&giver).history(&mut arriving, usize::MAX).unwrap();
    honest(&giver).chunks(&arriving).unwrap();
    assert_eq!(chain.executor().height(), 0, "nobody sees a part of it");
    arriving.finish(&chain).unwrap();
    is_like_the_givers(&chain, &giver);
    assert!(!folder.path().join("arriving").exists());
    drop(chain);
    let again = Chain::open_agreed(store(folder.path(), false)).unwrap();
    is_like_the_givers(&again, &giver);
    goes_on(&again, &giver);
    // And hands it out in turn.
    let drawn = again.draw(&again.snapshot_path().unwrap()).unwrap();
    assert_eq!(drawn.height(), BLOCKS + 2);
}

#[test]
fn it_goes_on_with_what_has_come_wherever_it_was_interrupted() {
    let giver = giver();
    let folder = tempfile::tempdir().unwrap();
    let mut chain = newcomer(folder.path());
    let mut asked = 0;
    loop {
        let offer = chain.arriving_offer().unwrap_or_else(|| giver.offer.clone());
        assert_eq!(offer, giver.offer);
        let mut arriving = Arriving::open(&chain, offer).unwrap();
        if arriving.wants_blocks().is_none() && arriving.wants_events().is_none() {
            honest(&giver).chunks(&arriving).unwrap();
            assert!(arriving.wants_chunks().unwrap().is_empty());
            // The process ends here, and once more later.
            drop(arriving);
            drop(chain);
            chain = Chain::open_agreed(store(folder.path(), false)).unwrap();
            let arriving = Arriving::open(&chain, chain.arriving_offer().unwrap()).unwrap();
            assert!(arriving.wants_chunks().unwrap().is_empty(), "they are here");
            arriving.finish(&chain).unwrap();
            break;
        }
        honest(&giver).history(&mut arriving, 2).unwrap();
        // Of every third what is proved is lost: the process ends before it is durable.
        if asked % 3 != 2 {
            arriving.keep().unwrap();
        }
        asked += 1;
        assert!(asked < 40, "it begins anew");
        drop(arriving);
        drop(chain);
        chain = Chain::open_agreed(store(folder.path(), false)).unwrap();
    }
    is_like_the_givers(&chain, &giver);
    goes_on(&chain, &giver);
}

#[test]
fn a_node_that_has_some_of_it_takes_the_rest_over_and_one_that_has_something_else_does_not() {
    let giver = giver();
    let folder = tempfile::tempdir().unwrap();
    let chain = newcomer(folder.path());
    for number in 1..=3 {
        append(&chain, &issue(number), number != 3);
    }
    let mut arriving = Arriving::open(&chain, giver.offer.clone()).unwrap();
    honest(&giver).history(&mut arriving, usize::MAX).unwrap();
    honest(&giver).chunks(&arriving).unwrap();
    arriving.finish(&chain).unwrap();
    is_like_the_givers(&chain, &giver);
    // It is not gone back to what is there already.
    let stale = Arriving::open(&giver.chain, giver.offer.clone());
    assert!(matches!(stale, Err(NotArrived::Wrong(Wrong::Stale(_)))), "{stale:?}");

    let folder = tempfile::tempdir().unwrap();
    let other = newcomer(folder.path());
    append(&other, &issue(77), true);
    let before = other.executor().position();
    let mut arriving = Arriving::open(&other, giver.offer.clone()).unwrap();
    honest(&giver).history(&mut arriving, usize::MAX).unwrap();
    honest(&giver).chunks(&arriving).unwrap();
    let forked = arriving.finish(&other);
    assert!(matches!(forked, Err(NotArrived::Chain(ChainError::Diverged(1)))), "{forked:?}");
    assert_eq!(other.executor().position(), before);
}

#[test]
fn an_offer_that_proves_nothing_is_refused() {
    let giver = giver();
    let folder = tempfile::tempdir().unwrap();
    let chain = newcomer(folder.path());
    let open = |change: &dyn Fn(&mut Offer)| {
        let mut offer = giver.offer.clone();
        change(&mut offer);
        let refused = Arriving::open(&chain, offer);
        match refused {
            Err(NotArrived::Wrong(wrong)) => wrong,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(open(&|offer| offer.header.header.state = Digest::ZERO), Wrong::Uncertified);
    assert_eq!(open(&|offer| offer.header.header.log_size += 1), Wrong::Uncertified);
    let by_mallory = |offer: &mut Offer| {
        offer.header.certificate = certificate(&offer.header.header, &key("mallory"));
    };
    assert_eq!(open(&by_mallory), Wrong::Uncertified);
    assert_eq!(open(&|offer| offer.chunks.clear()), Wrong::Chunks);
    assert_eq!(open(&|offer| offer.chunks.push(offer.chunks[0])), Wrong::Chunks);
    assert!(!folder.path().join("arriving").exists(), "nothing of it was kept");
    let bytes = encode(&giver.offer);
    assert_eq!(Offer::parse(&bytes).unwrap(), giver.offer);
    assert!(Offer::parse(&[bytes.as_slice(), &[0]].concat()).is_err());
}

#[test]
fn whatever_is_altered_is_found_before_anything_of_it_counts() {
    let giver = giver();
    let arrive = |way: &Way<'_>| {
        let folder = tempfile::tempdir().unwrap();
        let chain = newcomer(folder.path());
        let mut arriving = Arriving::open(&chain, giver.offer.clone()).unwrap();
        let wrong = match way.history(&mut arriving, usize::MAX) {
            Err(NotArrived::Wrong(wrong)) => wrong,
            other => panic!("{other:?}"),
        };
        // What had been proved stays; another one can send the rest.
        honest(&giver).history(&mut arriving, usize::MAX).unwrap();
        honest(&giver).chunks(&arriving).unwrap();
        arriving.finish(&chain).unwrap();
        is_like_the_givers(&chain, &giver);
        wrong
    };
    let with_blocks = |blocks: &dyn Fn(&mut HandedBlock)| {
        let at_seven = |from: u64, handed: &mut Vec<HandedBlock>| {
            if let Some(block) = 7_u64.checked_sub(from).and_then(|at| handed.get_mut(at as usize))
            {
                blocks(block);
            }
        };
        match arrive(&Way { giver: &giver, blocks: &at_seven, events: &|_| {} }) {
            Wrong::Block { height: 7, why } => why,
            wrong => panic!("{wrong:?}"),
        }
    };
    for part in 0..3 {
        let length = {
            let block = giver.chain.hand_blocks(7, 8).unwrap().remove(0);
            [block.header.len(), block.certificate.len(), block.body.len()][part]
        };
        for at in (0..length).step_by(7) {
            with_blocks(&|block| {
                let bytes = match part {
                    0 => &mut block.header,
                    1 => &mut block.certificate,
                    _ => &mut block.body,
                };
                bytes[at] ^= 1;
            });
        }
    }
    assert!(with_blocks(&|block| block.body = encode(&Vec::<u8>::new())).contains("commands"));
    let other = giver.chain.hand_blocks(8, 9).unwrap().remove(0);
    assert!(with_blocks(&|block| *block = other.clone()).contains("follow"));
    for change in [
        &(|events: &mut Vec<Vec<u8>>| events[0][3] ^= 1) as &dyn Fn(&mut Vec<Vec<u8>>),
        &|events| events.reverse(),
        &|events| events[0].push(0),
    ] {
        // Of one event nothing changes when it is turned round.
        let turned = |events: &mut Vec<Vec<u8>>| {
            if events.len() > 1 {
                change(events);
            }
        };
        let wrong = arrive(&Way { giver: &giver, blocks: &|_, _| {}, events: &turned });
        assert!(matches!(wrong, Wrong::Events(_)), "{wrong:?}");
    }
}

#[test]
fn a_chunk_with_an_altered_byte_is_not_taken_and_a_list_of_others_leads_nowhere() {
    let giver = giver();
    let folder = tempfile::tempdir().unwrap();
    let chain = newcomer(folder.path());
    let mut arriving = Arriving::open(&chain, giver.offer.clone()).unwrap();
    honest(&giver).history(&mut arriving, usize::MAX).unwrap();
    let digest = giver.offer.chunks[0];
    let sound = giver.snapshot.chunk(&digest).unwrap().unwrap();
    for at in (0..sound.len()).step_by(11) {
        let mut altered = sound.clone();
        altered[at] ^= 1;
        let refused = arriving.take_chunk(&digest, &altered);
        assert!(matches!(refused, Err(NotArrived::Wrong(Wrong::Chunk(of))) if of == digest));
    }
    assert_eq!(arriving.wants_chunks().unwrap(), [digest]);
    assert!(matches!(arriving.finish(&chain), Err(NotArrived::Chain(_))), "it is not there");

    // Chunks that are what was listed, and another state: an entry more, one twice, one less, no entries.
    let entry = [0, 0, 0, 2, 0, 0, 0, 1, 255, 1, 7].as_slice();
    let first = 8 + u32::from_be_bytes(sound[..4].try_into().unwrap()) as usize;
    let first = first + u32::from_be_bytes(sound[4..8].try_into().unwrap()) as usize;
    let twice = [&sound[..first], sound.as_slice()].concat();
    let more = [sound.as_slice(), entry].concat();
    for wrong in [more, twice, sound[first..].to_vec(), sound[..sound.len() - 1].to_vec()] {
        let chunks = vec![Digest::of(&wrong)];
        let offer = Offer { chunks: chunks.clone(), ..giver.offer.clone() };
        let mut arriving = Arriving::open(&chain, offer).unwrap();
        honest(&giver).history(&mut arriving, usize::MAX).unwrap();
        arriving.take_chunk(&chunks[0], &wrong).unwrap();
        let refused = arriving.finish(&chain);
        assert!(matches!(refused, Err(NotArrived::Wrong(Wrong::State(_)))), "{refused:?}");
        assert_eq!(chain.executor().height(), 0);
    }
    // The next one that offers the right one is believed.
    let mut arriving = Arriving::open(&chain, giver.offer.clone()).unwrap();
    honest(&giver).history(&mut arriving, usize::MAX).unwrap();
    honest(&giver).chunks(&arriving).unwrap();
    arriving.finish(&chain).unwrap();
    is_like_the_givers(&chain, &giver);
}
