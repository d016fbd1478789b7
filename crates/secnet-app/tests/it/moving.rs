//! A dataset moves from one data centre to another: everything is there afterwards, at every point where it may be cut off one of
//! the two has all of it, and what a data centre gives that the ledger does not bear out is not taken.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use secnet_app::ports::{Archive, ArchiveError, Change, EntryKind, EntryName};
use secnet_app::*;
use secnet_types::*;

use crate::hosted::{OTHER, RESULT, call, fields_grant, granted, hosted, projected, texts};
use crate::world::{HOUR, World, released};

/// What is done to an answer: none for silence.
pub(crate) type Fault = Box<dyn Fn(usize, Vec<u8>) -> Option<Vec<u8>> + Send + Sync>;

/// The data centre that a dataset comes from, in this process.
pub(crate) struct Beside {
    pub(crate) pdc: Arc<Pdc>,
    pub(crate) caller: MemberId,
    pub(crate) asked: AtomicUsize,
    pub(crate) fault: Fault,
}

impl Beside {
    pub(crate) fn of(world: &World) -> Self {
        Self::failing(world, Box::new(|_, answer| Some(answer)))
    }

    pub(crate) fn failing(world: &World, fault: Fault) -> Self {
        let (pdc, caller) = (Arc::clone(&world.pdc), world.others[0].id);
        Self { pdc, caller, asked: AtomicUsize::new(0), fault }
    }
}

#[async_trait]
impl Former for Beside {
    async fn ask(&self, call: Vec<u8>) -> Result<Vec<u8>, FormerFailed> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = self.pdc.answer_copy(self.caller, &call).await;
        let answer = answer.map_err(|error| FormerFailed(error.to_string()))?;
        (self.fault)(asked, answer).ok_or_else(|| FormerFailed("silence".into()))
    }
}

pub(crate) fn statement(world: &World) -> MoveStatement {
    let said = world.clock_now();
    MoveStatement {
        network: world.pdc.network(),
        dataset: world.dataset,
        from: world.node.id,
        to: world.others[0].id,
        said,
        until: said.plus_ms(24 * HOUR),
    }
}

pub(crate) fn signed(world: &World) -> SignedMove {
    SignedMove::sign(statement(world), world.ada.key.as_ref())
}

pub(crate) async fn begun(world: &World, new: &Pdc) {
    let standing = new.begin_move(world.ada.id, &signed(world)).await.unwrap();
    assert_eq!(standing.stage, MoveStage::Copying);
}

/// The owner's command with what the new data centre has said.
pub(crate) async fn moved(
    world: &World,
    new: &Pdc,
    standing: &MoveStanding,
) -> Result<ports::Committed, AccessError> {
    let arrival = standing.arrival.clone().unwrap();
    let command = world.sign(&world.ada, Operation::MoveDataset { arrival });
    new.order(&command, Enclosures::default()).await
}

/// Everything that is kept of the dataset, but for what is sealed to one data centre.
pub(crate) async fn kept(pdc: &Pdc, world: &World) -> BTreeSet<(EntryName, Vec<u8>)> {
    let mut all = BTreeSet::new();
    let listed = pdc.archive.list(EntryKind::Manifest, &world.dataset.0).await.unwrap();
    for (name, _) in &listed {
        for kind in [EntryKind::CompartmentPacket, EntryKind::ReleasePacket] {
            all.extend(pdc.archive.list(kind, &name.key).await.unwrap());
        }
    }
    all.extend(listed);
    for kind in [EntryKind::DatasetManifest, EntryKind::Facts, EntryKind::Feedback] {
        all.extend(pdc.archive.list(kind, &world.dataset.0).await.unwrap());
    }
    all.extend(pdc.archive.list(EntryKind::Notice, &world.ada.id.0).await.unwrap());
    all
}

#[tokio::test]
async fn everything_moves_and_what_was_granted_and_decided_goes_on_there() {
    let mut world = World::new(90).await;
    let new = world.pdc_beside().await;
    let (_, detail) = world.granted(None, 1_000_000).await;
    let bo = World::copy(&world.bo);
    // Decided where it was, and collected there once.
    let (asked, receiving) = world.call(&bo, Purpose::Treatment, None);
    let before = released(world.pdc.access(&asked).await.unwrap());
    begun(&world, &new).await;
    let old = Beside::of(&world);
    let standing = new.go_on_moving(world.dataset, &old).await.unwrap();
    assert_eq!((standing.stage, &standing.lacking), (MoveStage::Arrived, &Vec::new()));
    assert!(new.waits_for_owner(world.dataset));
    assert_eq!(kept(&new, &world).await, kept(&world.pdc, &world).await);
    // Nothing has moved yet.
    assert!(matches!(new.access(&asked).await, Err(AccessError::Elsewhere(_))));
    moved(&world, &new, &standing).await.unwrap();
    let at = new.where_is(bo.id, world.dataset).unwrap().member;
    assert_eq!(at, world.others[0].id);
    assert!(matches!(world.pdc.access(&asked).await, Err(AccessError::Elsewhere(_))));
    // The same request, at the new door: the same decision, not charged again.
    let again = released(new.access(&asked).await.unwrap());
    assert_eq!(again.granted.decision(), before.granted.decision());
    let (fresh, key) = world.call(&bo, Purpose::Treatment, None);
    let fresh = released(new.access(&fresh).await.unwrap());
    assert_eq!(fresh.receipt.verify(world.genesis()).unwrap().command.value.author, at);
    world.pdc = Arc::clone(&new);
    let words = ["result 0", "result 1"];
    assert_eq!(world.open(&again, &receiving, &detail).await, words);
    assert_eq!(world.open(&fresh, &key, &detail).await, words);
    assert_eq!(world.balance(&bo), 50_000_000 - 2_000_000);
    let standing = new.go_on_moving(world.dataset, &old).await.unwrap();
    assert_eq!(standing.stage, MoveStage::Settled);
    assert!(new.moves_here().await.unwrap().is_empty());
    // The owner has her history, with what was decided at the other one.
    let history = new.history(world.ada.id).await.unwrap();
    assert!(history.len() == 2 && history.iter().all(|attempt| attempt.facts.is_some()));
}

#[tokio::test]
async fn cut_off_anywhere_it_goes_on_and_nothing_is_asked_for_twice() {
    let mut world = World::new(91).await;
    world.granted(None, 0).await;
    let bo = World::copy(&world.bo);
    let (asked, _) = world.call(&bo, Purpose::Treatment, None);
    world.pdc.access(&asked).await.unwrap();
    let whole = {
        let (new, old) = (world.pdc_beside().await, Beside::of(&world));
        begun(&world, &new).await;
        new.go_on_moving(world.dataset, &old).await.unwrap();
        old.asked.load(Ordering::Relaxed)
    };
    assert!(whole > 8, "{whole}");
    for cut in 0..whole {
        let mut new = world.pdc_beside().await;
        begun(&world, &new).await;
        let silent = Beside::failing(
            &world,
            Box::new(move |asked, answer| (asked != cut).then_some(answer)),
        );
        let standing = new.go_on_moving(world.dataset, &silent).await.unwrap();
        assert_eq!((standing.stage, standing.arrival), (MoveStage::Copying, None), "{cut}");
        assert!(standing.why.is_some());
        // It dies, and starts again.
        new = world.started_again(&new).await;
        let old = Beside::of(&world);
        let standing = new.go_on_moving(world.dataset, &old).await.unwrap();
        assert_eq!(standing.stage, MoveStage::Arrived, "{cut}: {standing:?}");
        assert_eq!(kept(&new, &world).await, kept(&world.pdc, &world).await);
        assert!(old.asked.load(Ordering::Relaxed) <= whole);
    }
}

#[tokio::test]
async fn what_is_altered_or_withheld_is_not_taken_and_is_named() {
    let mut world = World::new(92).await;
    world.granted(None, 0).await;
    let bo = World::copy(&world.bo);
    let (asked, _) = world.call(&bo, Purpose::Treatment, None);
    world.pdc.access(&asked).await.unwrap();
    let whole = kept(&world.pdc, &world).await;
    let questions = {
        let (new, old) = (world.pdc_beside().await, Beside::of(&world));
        begun(&world, &new).await;
        new.go_on_moving(world.dataset, &old).await.unwrap();
        old.asked.load(Ordering::Relaxed)
    };
    // A byte is altered in the middle, or at the end; or something is answered that says that there is nothing.
    type Alter = fn(Vec<u8>) -> Vec<u8>;
    let middle: Alter = |mut answer| {
        let at = answer.len() / 2;
        answer[at] ^= 1;
        answer
    };
    let last: Alter = |mut answer| {
        *answer.last_mut().unwrap() ^= 1;
        answer
    };
    let nothing: Alter = |answer| match answer[1] {
        0 => vec![0x82, 0, 0x82, 0x80, 0xf4],
        kind => vec![0x82, kind, 0x80],
    };
    let mut refused = 0;
    for alter in [middle, last, nothing] {
        for lie in 0..questions {
            let new = world.pdc_beside().await;
            begun(&world, &new).await;
            let liar = Beside::failing(
                &world,
                Box::new(move |asked, answer| {
                    Some(if asked == lie { alter(answer) } else { answer })
                }),
            );
            let standing = new.go_on_moving(world.dataset, &liar).await.unwrap();
            let here = kept(&new, &world).await;
            assert!(here.is_subset(&whole), "{lie}: what is no part of the dataset was taken");
            if standing.stage == MoveStage::Copying {
                assert!(standing.arrival.is_none());
                assert!(standing.why.is_some() || !standing.lacking.is_empty(), "{lie}");
                refused += 1;
            } else {
                // It lied about what need not be there, such as how many feedbacks there are, or what is the same anyway.
                let missing: Vec<_> = whole.difference(&here).collect();
                assert!(missing.is_empty(), "{lie}: {missing:?}");
            }
            // Told the truth, it goes on.
            let standing = new.go_on_moving(world.dataset, &Beside::of(&world)).await.unwrap();
            assert_eq!(standing.stage, MoveStage::Arrived, "{lie}: {standing:?}");
            assert_eq!(kept(&new, &world).await, whole);
        }
    }
    assert!(refused > 2 * questions, "{refused} of {}", 3 * questions);
}

#[tokio::test]
async fn nobody_but_the_named_data_centre_gets_a_copy_and_only_by_the_owners_word_of_now() {
    let world = World::new(93).await;
    let new = world.pdc_beside().await;
    let other = world.others[1].id;
    let said = statement(&world);
    let by = |who: &crate::world::Person, said: &MoveStatement| {
        SignedMove::sign(said.clone(), who.key.as_ref())
    };
    let ada = World::copy(&world.ada);
    // To begin with, what the new one itself refuses.
    let unknown = new.begin_move(world.eve.id, &by(&world.eve, &said)).await.unwrap_err();
    assert_eq!(unknown.code(), "unknown");
    let forged = new.begin_move(ada.id, &by(&world.eve, &said)).await.unwrap_err();
    assert_eq!(forged.code(), "unauthenticated");
    let elsewhere = MoveStatement { to: other, ..said.clone() };
    let elsewhere = new.begin_move(ada.id, &by(&ada, &elsewhere)).await.unwrap_err();
    assert!(matches!(elsewhere, AccessError::Elsewhere(place) if place.member == other));
    let late = [
        MoveStatement { until: said.said, ..said.clone() },
        MoveStatement { said: said.said.plus_ms(HOUR), ..said.clone() },
        MoveStatement { until: said.said.plus_ms(200 * HOUR), ..said.clone() },
        MoveStatement { network: NetworkId([9; 32]), ..said.clone() },
        MoveStatement { from: other, ..said.clone() },
    ];
    for wrong in &late {
        let refused = new.begin_move(ada.id, &by(&ada, wrong)).await.unwrap_err();
        assert_eq!(refused.code(), "malformed", "{wrong:?}");
    }
    // A data centre that asks all the same, as if it had taken that word.
    let mut refused = late.to_vec();
    refused.push(MoveStatement { dataset: DatasetId([9; 16]), ..said.clone() });
    for wrong in &refused {
        assert!(is_refused(&world, world.others[0].id, &by(&ada, wrong)).await, "{wrong:?}");
    }
    assert!(is_refused(&world, world.others[0].id, &by(&world.eve, &said)).await);
    assert!(is_refused(&world, other, &by(&ada, &said)).await, "it is for another one");
    assert!(!is_refused(&world, world.others[0].id, &by(&ada, &said)).await);
    // What was said a day ago counts no more.
    world.clock.advance(25 * HOUR);
    world.tick().await;
    assert!(is_refused(&world, world.others[0].id, &by(&ada, &said)).await);
    // Nor what is no question at all.
    let refused = world.pdc.answer_copy(other, &[0x83, 0, 0, 0]).await.unwrap_err();
    assert_eq!(refused.code(), "malformed");
}

/// Is the question which uploads there are refused?
async fn is_refused(world: &World, caller: MemberId, statement: &SignedMove) -> bool {
    let mut call = vec![0x83];
    call.extend(encode(statement));
    call.extend([0x00, 0x82, 0x00, 0x81, 0x04]);
    let answer = world.pdc.answer_copy(caller, &call).await.unwrap();
    assert!(answer[1] == 0 || answer == [0x82, 6, 0x81, 0], "{answer:?}");
    answer[1] == 6
}

#[tokio::test]
async fn nothing_moves_to_where_it_has_not_arrived() {
    let world = World::new(94).await;
    let new = world.pdc_beside().await;
    let said = world.clock_now();
    let arrival = Arrival {
        network: world.pdc.network(),
        dataset: world.dataset,
        from: world.node.id,
        to: world.others[0].id,
        manifest: world.pdc.manifest_of(world.dataset).await.unwrap().commitment(),
        said,
    };
    let arrival = SignedArrival::sign(arrival, world.others[0].key.as_ref());
    let command = world.sign(&world.ada, Operation::MoveDataset { arrival });
    let none = Enclosures::default();
    let refused = new.order(&command, none.clone()).await.unwrap_err();
    assert_eq!(refused.code(), "malformed", "it does not have it, whatever was signed");
    let sent_on = world.pdc.order(&command, none.clone()).await.unwrap_err();
    assert!(matches!(sent_on, AccessError::Elsewhere(place) if place.member == world.others[0].id));
    // Nor by an update, which moves no records.
    let entry = world.pdc.view(|view| view.state.dataset(world.dataset).cloned()).unwrap().unwrap();
    let (dataset, pdc) = (world.dataset, world.others[0].id);
    let (terms, manifest) = (entry.terms, entry.manifest);
    let update = Operation::UpdateDataset { dataset, pdc, terms, manifest };
    let update = world.sign(&world.ada, update);
    for pdc in [&world.pdc, &new] {
        assert_eq!(pdc.order(&update, none.clone()).await.unwrap_err().code(), "malformed");
    }
    assert_eq!(world.pdc.where_is(world.ada.id, dataset).unwrap().member, world.node.id);
}

#[tokio::test]
async fn a_hosted_dataset_is_opened_by_the_new_data_centre() {
    let mut world = World::new(95).await;
    hosted(&mut world, &[(11, RESULT.as_bytes()), (12, OTHER.as_bytes())]).await;
    granted(&mut world, &["valueQuantity"], 0).await;
    let new = world.pdc_beside().await;
    begun(&world, &new).await;
    let old = Beside::of(&world);
    let standing = new.go_on_moving(world.dataset, &old).await.unwrap();
    assert_eq!(standing.stage, MoveStage::Arrived, "{standing:?}");
    moved(&world, &new, &standing).await.unwrap();
    let bo = World::copy(&world.bo);
    let (asked, receiving) = call(&mut world, &bo, None);
    let parts = projected(new.access(&asked).await.unwrap());
    let texts = texts(&parts, &receiving);
    assert!(texts.len() == 2 && texts[0].contains("6.30") && !texts[0].contains("SECRET-NOTE"));
    // Grants of fields go on there too.
    let (grant, enclosures) = fields_grant(&mut world, &["status"], 0);
    let command = world.sign(&world.ada, Operation::Grant { grant });
    new.order(&command, enclosures).await.unwrap();
}

/// An archive whose disk fails for good after so many writes.
struct Dying {
    inner: Arc<dyn Archive>,
    left: AtomicUsize,
}

#[async_trait]
impl Archive for Dying {
    async fn write(&self, changes: Vec<Change>) -> Result<(), ArchiveError> {
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            return Err(ArchiveError::Storage("it died".into()));
        }
        self.left.store(left - 1, Ordering::Relaxed);
        self.inner.write(changes).await
    }

    async fn get(&self, name: &EntryName) -> Result<Option<Vec<u8>>, ArchiveError> {
        self.inner.get(name).await
    }

    async fn list(
        &self,
        kind: EntryKind,
        group: &[u8],
    ) -> Result<Vec<(EntryName, Vec<u8>)>, ArchiveError> {
        self.inner.list(kind, group).await
    }
}

/// All of a move, as the owner's program and the data centre go through it, from wherever it is.
async fn go_through(world: &World, new: &Pdc) -> Result<MoveStage, AccessError> {
    let old = Beside::of(world);
    new.begin_move(world.ada.id, &signed(world)).await?;
    for _ in 0..4 {
        let standing = new.go_on_moving(world.dataset, &old).await?;
        match standing.stage {
            MoveStage::Settled => return Ok(MoveStage::Settled),
            MoveStage::Arrived => drop(moved(world, new, &standing).await?),
            MoveStage::Copying | MoveStage::Settling => {}
        }
    }
    Ok(new.move_standing(world.ada.id, world.dataset)?.stage)
}

#[tokio::test]
async fn whichever_write_fails_one_of_the_two_has_all_of_it_and_it_goes_on_after_a_start() {
    let mut writes = 0;
    for left in 0.. {
        let mut world = World::new(96).await;
        world.granted(None, 0).await;
        let bo = World::copy(&world.bo);
        let (asked, _) = world.call(&bo, Purpose::Treatment, None);
        world.pdc.access(&asked).await.unwrap();
        let whole = kept(&world.pdc, &world).await;
        let new = world.pdc_beside().await;
        let inner = Arc::clone(&new.archive);
        let dying = Arc::new(Dying { inner, left: AtomicUsize::new(left) });
        let dead = world.beside_on(Arc::clone(&new.vault), dying).await;
        let gone_through = go_through(&world, &dead).await;
        // Until it is told that everything is there, the former one keeps everything.
        assert_eq!(kept(&world.pdc, &world).await, whole);
        if gone_through.is_ok() {
            writes = left;
        }
        let again = world.started_again(&new).await;
        assert_eq!(go_through(&world, &again).await, Ok(MoveStage::Settled), "{left}");
        assert_eq!(kept(&again, &world).await, whole, "{left}");
        released(again.access(&asked).await.unwrap());
        if writes > 0 {
            break;
        }
    }
    assert!(writes > 10, "{writes}");
}
